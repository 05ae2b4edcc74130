/** A postmortem's picture and money, through the real bot: what the venue held is what the record says and the picture shows. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { newestOf } from '../../src/domain/trail/record.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';

let desk: InProcess | null = null;
afterEach(() => desk?.close());

/** An alert, a kill, a flatten and a resolution, as Ada does them. Returns the incident and its draft. */
async function incidentOf(at: InProcess, during: () => Promise<void> = async () => undefined) {
  const { slack, binance } = at.stage;
  const taken = await at.alert();
  const incident = taken.json['incidents']?.[0] as unknown as string;
  await slack.until(() => at.thread().includes('Runbook'), { what: 'the runbook' });
  await during();
  await at.click('ada', 'Kill…');
  await slack.until(() => at.thread().includes('Accept residual…'), {
    timeoutMs: 15_000,
    what: 'the verdict',
  });
  await at.click('ada', 'Flatten…');
  const preview = await slack.until(
    () => slack.openViews(CAST.ada.id).find((view) => view.view['submit'] !== undefined),
    { what: 'the preview' },
  );
  await slack.submit(CAST.ada.id, preview.id);
  await binance.until(() => binance.positions().length === 0, { what: 'the position closed' });
  await slack.until(() => at.channel().includes('verdict FLAT'), { timeoutMs: 20_000, what: 'FLAT' });
  await slack.say(CAST.ada.id, `/incident resolve ${incident}`, { channel: CHANNEL });
  const view = slack.openViews(CAST.ada.id).at(-1);
  if (view === undefined) throw new Error('no dialog opened');
  await slack.submit(CAST.ada.id, view.id, { summary: 'over', rootCause: 'a deploy', category: 'system' });
  await slack.until(() => at.thread().includes('Postmortem draft'), { timeoutMs: 20_000, what: 'the draft' });
  const id = /PM_\d{8}_\d{3}/.exec(at.thread())?.[0] ?? '';
  const folder = join(at.folder, 'data', 'postmortems');
  return { incident, id, folder, markdown: await readFile(join(folder, `${id}.md`), 'utf8') };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

it('a drill’s postmortem has a picture of what the venue held, and the money that its records tell', async () => {
  desk = await startDesk({ watchPace: { pollMs: 200, moneyPollMs: 400 } });
  const { binance, slack } = desk.stage;
  const orders = binance.openOrders().length + binance.conditionalOrders().length;
  const { incident, id, folder, markdown } = await incidentOf(desk);

  const history = await desk.bot.ledger.history(incident);
  const kept = newestOf(history, 'TrailKept');
  const pointsOf = (of: string, name: string) =>
    kept?.event.lines.find((line) => line.of === of && line.name === name)?.points ?? [];
  console.log(JSON.stringify(kept), JSON.stringify(newestOf(history, 'MoneyMeasured')), orders);
  console.log(markdown.slice(0, 5000));
  const drawn = newestOf(history, 'PictureDrawn')?.event;
  const png = await readFile(join(folder, `${id}.png`));
  const svg = await readFile(join(folder, `${id}.svg`));
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect(drawn).toMatchObject({ png: `${id}.png`, pngSha256: sha256(png), svgSha256: sha256(svg) });
  console.log(drawn?.alt);
  const { writeFileSync } = await import('node:fs');
  writeFileSync('/tmp/wt-trail-sample.png', png);
  expect(pointsOf('orders', 'binance')).toBeDefined();
  await slack.until(() => JSON.stringify(slack.messages(CHANNEL)).includes(`${id}.png`), {
    what: 'the picture',
  });
});
