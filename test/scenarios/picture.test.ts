/** A postmortem's picture and money, through the real bot: what the venue held is what the record says and the picture shows. */

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createDraughtsman } from '../../src/adapters/picture.ts';
import { newestOf } from '../../src/domain/trail/record.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { incidentPicture } from '../../src/render/picture/incidentPicture.ts';
import { type InProcess, spawnDesk, startDesk } from './desk.ts';
import { fire, flatten, receiptOf, shows } from './reading.ts';

let desk: InProcess | null = null;
afterEach(() => desk?.close());

const POLL = { timeout: 15_000 };
/** What stands in the files of the trail. */
async function written({ folder }: { folder: string }): Promise<string> {
  const path = join(folder, 'data', 'trail');
  const names = await readdir(path).catch(() => []);
  return (await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))).join('');
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** `/incident resolve` by Ada. Returns the draft's id and its text. */
async function resolve(at: InProcess, incident: string) {
  const { slack } = at.stage;
  await slack.say(CAST.ada.id, `/incident resolve ${incident}`, { channel: CHANNEL });
  const view = slack.openViews(CAST.ada.id).at(-1);
  if (view === undefined) throw new Error('no dialog opened');
  await slack.submit(CAST.ada.id, view.id, { summary: 'over', rootCause: 'a deploy', category: 'system' });
  await slack.until(() => at.thread(incident).includes('Postmortem draft'), {
    timeoutMs: 20_000,
    what: 'the draft',
  });
  const id = /PM_\d{8}_\d{3}/.exec(at.thread(incident))?.[0] ?? '';
  const folder = join(at.folder, 'data', 'postmortems');
  return { id, folder, markdown: await readFile(join(folder, `${id}.md`), 'utf8') };
}

/** A line of the newest part of the trail that is on the incident's record, from the first thing known, repeats left out. */
async function kept(at: InProcess, incident: string, of: string, name: string) {
  const history = await at.bot.ledger.history(incident);
  const event = newestOf(history, 'TrailKept')?.event;
  const points = event?.lines.find((line) => line.of === of && line.name === name)?.points ?? [];
  const first = points.findIndex(([, value]) => value !== null);
  return points
    .slice(first)
    .flatMap(([, value], index, all) => (value === all[index - 1]?.[1] ? [] : [value]));
}

it('a drill’s postmortem has a picture of what the venue held, and the money that its records tell', async () => {
  desk = await startDesk({ watchPace: { pollMs: 100, moneyPollMs: 400 } });
  const at = desk;
  const { binance, slack } = at.stage;
  const before = {
    usdm: binance.openOrders('swap').length + binance.conditionalOrders().length,
    spot: binance.openOrders('spot').length,
  };
  const incident = await fire(at, {});
  await shows(at, incident, 'Runbook');
  await at.click('ada', 'Kill…', incident);
  await shows(at, incident, 'Accept residual…');
  await flatten(at, CAST.ada.id, receiptOf(at, incident));
  await shows(at, incident, 'VERDICT  FLAT');
  const { id, folder, markdown } = await resolve(at, incident);

  // Of what the venue held, read by the bot before, during and after: 512 USDT, then nothing; the orders, then none.
  expect(await kept(at, incident, 'absolute', 'binance-usdm')).toEqual([512, 0]);
  expect(await kept(at, incident, 'net', 'binance-usdm')).toEqual([512, 0]);
  expect(await kept(at, incident, 'orders', 'binance-usdm')).toEqual([before.usdm, 0]);
  expect(await kept(at, incident, 'orders', 'binance-spot')).toEqual([before.spot, 0]);
  expect((await kept(at, incident, 'trading', '')).at(-1)).toBe(3);

  const history = await at.bot.ledger.history(incident);
  const drawn = newestOf(history, 'PictureDrawn')?.event;
  const png = await readFile(join(folder, `${id}.png`));
  const svg = await readFile(join(folder, `${id}.svg`));
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect(drawn).toMatchObject({ png: `${id}.png`, pngSha256: sha256(png), svgSha256: sha256(svg) });
  for (const words of ['DRILL', 'KILL by ada', 'verdict RESIDUAL', 'flattened: FLAT', 'last cancel answered'])
    expect(svg.toString()).toContain(words);
  expect(markdown).toContain(`](${id}.png)`);
  expect(markdown).toContain('512 USDT at first, 512 at most, 0 at last');

  // From the record alone it is drawn again, and is the same picture.
  const loaded = await at.bot.ledger.load(incident);
  if (loaded === undefined) throw new Error('it is gone');
  const upTo = newestOf(history, 'TrailKept')?.n ?? 0;
  const again = incidentPicture(loaded, history.slice(0, upTo));
  const [picture] = await createDraughtsman().draw([again?.spec ?? {}]);
  expect(sha256(Buffer.from(picture?.svg ?? ''))).toBe(drawn?.svgSha256);

  // Money: the venue's own rows of the incident's time, and what it does not tell.
  const money = newestOf(history, 'MoneyMeasured');
  // What was shown as unrealised before, and 0.05 % of 512 USDT.
  const [realised, fees] = [-3.1, -0.256];
  expect(money?.event.ledgers).toMatchObject([
    { venue: 'binance-usdm', state: 'read', assets: [{ asset: 'USDT', realised, fees, other: 0 }] },
    { venue: 'binance-spot', state: 'silent' },
  ]);
  expect(markdown).toContain(`realised ${realised}, fees ${fees}, funding and other 0 USDT`);
  expect(markdown).toContain('not said by binance-spot');
  expect(markdown).toContain(`(event ${money?.n})`);

  await slack.until(() => at.thread(incident).includes('The incident in one picture'), {
    what: 'the picture',
  });
});

it('a restart in the middle: what was kept before is in the picture, and the hole is shown as a hole', async () => {
  let shift = 0;
  desk = await startDesk({ now: () => Date.now() + shift, watchPace: { pollMs: 100, moneyPollMs: 400 } });
  const at = desk;
  const incident = await fire(at, {});
  await shows(at, incident, 'Runbook');
  await expect.poll(() => written(at), POLL).toContain('"kind":"start"');
  await at.restart(async () => {
    // Less than what makes a signature of Slack's an old one.
    shift += 4 * 60_000;
  });
  const { id, folder } = await resolve(at, incident);
  const trading = newestOf(await at.bot.ledger.history(incident), 'TrailKept')?.event.lines.find(
    ({ of }) => of === 'trading',
  )?.points;
  const hole = trading?.findIndex(([, value]) => value === null) ?? -1;
  expect(trading?.[hole - 1]?.[1]).toBe(0);
  expect((trading?.[hole + 1]?.[0] ?? 0) - (trading?.[hole]?.[0] ?? 0)).toBeGreaterThan(200);
  expect(await readFile(join(folder, `${id}.svg`), 'utf8')).toContain('Grey: nobody watched');
});

it('gets the five minutes after the resolution by itself, over a restart; the thread is not told twice', async () => {
  let shift = 0;
  desk = await startDesk({
    mode: 'socket',
    now: () => Date.now() + shift,
    watchPace: { pollMs: 100, moneyPollMs: 400 },
  });
  const at = desk;
  const incident = await fire(at, {});
  await shows(at, incident, 'Runbook');
  const { id, folder } = await resolve(at, incident);
  const told = () => at.thread(incident).split('The incident in one picture').length - 1;
  await expect.poll(told, POLL).toBe(1);
  const first = newestOf(await at.bot.ledger.history(incident), 'PictureDrawn');
  await at.restart(async () => {
    shift = 6 * 60_000;
  });
  const drawn = async () => newestOf(await at.bot.ledger.history(incident), 'PictureDrawn');
  await expect.poll(async () => (await drawn())?.n ?? 0, POLL).toBeGreaterThan(first?.n ?? 0);
  const resolution =
    at.bot.ledger.peek(incident)?.resolution?.at ?? (await at.bot.ledger.load(incident))?.resolution?.at;
  const history = await at.bot.ledger.history(incident);
  expect(newestOf(history, 'TrailKept')?.event.to).toBe((resolution ?? 0) + 5 * 60_000);
  await expect
    .poll(async () => {
      const one = (await at.bot.ledger.load(incident))?.postmortem;
      return one !== undefined && one.lastMinutes !== undefined && one.changed <= one.shows;
    }, POLL)
    .toBe(true);
  const svg = await readFile(join(folder, `${id}.svg`));
  expect(sha256(svg)).toBe((await drawn())?.event.svgSha256);
  expect(await readFile(join(folder, `${id}.md`), 'utf8')).toContain(
    (await drawn())?.event.pngSha256.slice(0, 12),
  );
  expect(told()).toBe(1);
  await at.restart();
  expect(
    (await at.bot.ledger.history(incident)).filter(({ type }) => type === 'PostmortemLastMinutes'),
  ).toHaveLength(1);
  expect((await drawn())?.n).toBe(newestOf(history, 'PictureDrawn')?.n);
});

it('kill -9 takes what was not written yet, and nothing that was', async () => {
  const own = await spawnDesk();
  try {
    const starts = async () => (await written(own)).split('"kind":"start"').length - 1;
    await expect.poll(starts, POLL).toBe(1);
    await own.crash();
    const before = await written(own);
    await own.start();
    await expect.poll(starts, POLL).toBe(2);
    expect((await written(own)).startsWith(before)).toBe(true);
  } finally {
    await own.close();
  }
});
