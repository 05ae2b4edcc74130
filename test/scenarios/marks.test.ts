/** Reactions, pins and files in an incident's thread; the anchors of its log; and the log verified with what became of it. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAST, CHANNEL, OTHERS } from '../../src/rehearsal/stage.ts';
import { verifyLog } from '../../src/verifyLog.ts';
import { type InProcess, startDesk, TOKEN } from './desk.ts';
import { fire, incidentView, posted, said, settled, shows, submit, threadOf } from './reading.ts';

let desk: InProcess;
let id: string;
let ts: string;

beforeAll(async () => {
  desk = await startDesk();
  id = await fire(desk, { name: 'Marks', severity: 'P1' });
  await posted(desk, id);
  ts = desk.headlineTs(id);
});
afterAll(() => desk.close());

const slack = () => desk.stage.slack;
const say = async (who: keyof typeof CAST, text: string, files: string[] = []): Promise<string> =>
  (await slack().post(CAST[who].id, CHANNEL, text, { threadTs: ts, files })).ts;
const rows = async () => (await incidentView(desk, id)).timeline.map(({ text }) => text);
const anchorOf = (message: { metadata: unknown } | undefined) =>
  (message?.metadata as { event_payload?: Record<string, unknown> } | undefined)?.event_payload;
async function verify(): Promise<{ exit: number; text: string }> {
  const lines: string[] = [];
  const take = (line: string): void => void lines.push(line);
  const exit = await verifyLog({
    log: id,
    anchors: [],
    dataDir: join(desk.folder, 'data'),
    json: false,
    say: take,
    complain: take,
  });
  return { exit, text: lines.join('\n') };
}

describe('a reaction', () => {
  it('of a responder marks the message; taken away, it marks it no longer', async () => {
    const cause = await say('grace', 'the deploy at 13:55 broke the router');
    const well = await say('ada', 'the pause came at once');
    expect((await slack().react(CAST.ada.id, CHANNEL, cause, 'mag')).ok).toBe(true);
    await slack().react(CAST.ada.id, CHANNEL, well, 'heavy_plus_sign');
    await slack().react(CAST.ada.id, CHANNEL, well, 'heavy_minus_sign');
    await slack().unreact(CAST.ada.id, CHANNEL, well, 'heavy_minus_sign');
    expect((await rows()).filter((text) => /^(Marked|Took)/.test(text))).toEqual([
      'Marked a message as cause: the deploy at 13:55 broke the router',
      'Marked a message as went well: the pause came at once',
      'Marked a message as did not go well: the pause came at once',
      'Took the mark did not go well from a message',
    ]);
    const incident = await settled(desk, id, () => true);
    expect(incident.marks.map(({ ts: of, mark }) => [of, mark])).toEqual([
      [cause, 'cause'],
      [well, 'wentWell'],
    ]);
  });

  it('counts once, however often Slack sends it', async () => {
    const message = await say('ada', 'venue recovered');
    const answer = await slack().react(CAST.ada.id, CHANNEL, message, 'star');
    for (const num of [1, 2]) await slack().retry(answer, { num });
    expect((await rows()).filter((text) => text.includes('key moment: venue recovered'))).toHaveLength(1);
  });

  it('of somebody without the role, with another emoji, or elsewhere marks nothing', async () => {
    const before = (await rows()).length;
    const message = await say('ada', 'nothing to see');
    const elsewhere = await slack().post(CAST.ada.id, CHANNEL, 'not in a thread');
    for (const answer of [
      await slack().react(CAST.mallory.id, CHANNEL, message, 'mag'),
      await slack().react(OTHERS.guest.id, CHANNEL, message, 'mag'),
      await slack().react(CAST.ada.id, CHANNEL, message, 'thumbsup'),
      await slack().react(CAST.ada.id, CHANNEL, elsewhere.ts, 'mag'),
    ])
      expect(answer.ok).toBe(true);
    expect(await rows()).toHaveLength(before + 1);
  });

  it('on a message of the bot in the thread marks it too', async () => {
    const [, runbook] = threadOf(desk, id);
    await slack().react(CAST.ada.id, CHANNEL, runbook?.ts ?? '', 'star');
    const incident = await settled(desk, id, () => true);
    expect(incident.marks.some((mark) => mark.ts === runbook?.ts && mark.mark === 'keyMoment')).toBe(true);
  });

  it('that cannot be placed now is not acknowledged, and comes again', async () => {
    const [, runbook] = threadOf(desk, id);
    slack().fault('conversations.replies', { kind: 'http500' });
    const refused = await slack().react(CAST.ada.id, CHANNEL, runbook?.ts ?? '', 'mag');
    expect(refused.ok).toBe(false);
    slack().clearFaults();
    const again = await slack().send({
      body: refused.request.body,
      contentType: refused.request.contentType,
      timestamp: Number(refused.request.headers['x-slack-request-timestamp']) + 1,
    });
    expect(again.ok).toBe(true);
    expect((await rows()).at(-1)).toMatch(/^Marked a message as cause: ./);
    await slack().unreact(CAST.ada.id, CHANNEL, runbook?.ts ?? '', 'mag');
  });
});

describe('a pin and a file', () => {
  it('are on the timeline, with who', async () => {
    const message = await say('grace', 'trace attached', ['router.log', 'graph.png']);
    await slack().pin(CAST.grace.id, CHANNEL, message);
    await slack().unpin(CAST.ada.id, CHANNEL, message);
    await slack().pin(CAST.ada.id, CHANNEL, message);
    const timeline = (await incidentView(desk, id)).timeline.slice(-4);
    expect(timeline).toMatchObject([
      {
        by: CAST.grace.id,
        text: 'Said: trace attached [file router.log] [file graph.png]',
        files: [{ name: 'router.log', link: expect.stringContaining('https://') }, { name: 'graph.png' }],
      },
      { by: CAST.grace.id, text: expect.stringContaining('Pinned a message: trace attached') },
      { by: CAST.ada.id, text: 'Unpinned a message' },
      { by: CAST.ada.id, text: expect.stringContaining('Pinned a message') },
    ]);
    const elsewhere = await slack().post(CAST.ada.id, CHANNEL, 'lunch menu');
    await slack().pin(CAST.ada.id, CHANNEL, elsewhere.ts);
    expect((await rows()).join()).not.toContain('lunch menu');
  });
});

describe('/incident timeline', () => {
  it('shows the newest rows, and its buttons go through all of them', async () => {
    for (let n = 0; n < 12; n += 1) await say('ada', `${n} ${'long '.repeat(60)}`);
    expect(said(await slack().say(CAST.ada.id, '/incident timeline'))).toContain('timeline, UTC');
    const seen = new Set<number>();
    const answer = () => slack().ephemerals(CAST.ada.id).at(-1);
    for (let page = 0; page < 20; page += 1) {
      const message = answer();
      const text = JSON.stringify(message?.blocks);
      for (const [, n] of text.matchAll(/#(\d+)[> ]/g)) seen.add(Number(n));
      if (!text.includes('Earlier rows')) break;
      const button = /Earlier rows \(\d+\)/.exec(text)?.[0] ?? '';
      await slack().click(CAST.ada.id, { channel: CHANNEL, ts: message?.ts ?? '', label: button });
      await slack().until(() => JSON.stringify(answer()?.blocks) !== text, { what: 'the page before' });
    }
    const { timeline } = await incidentView(desk, id);
    expect([...seen].toSorted((a, b) => a - b)).toEqual(timeline.map((_row, index) => index + 1));
    expect(JSON.stringify(answer()?.blocks)).toContain('verify-log');
  });

  it('is a Markdown file over HTTP: who, from where, what, and the message or the event', async () => {
    await say('ada', '[x](http://evil.example) | <!channel> `code`');
    const fetched = await fetch(`${desk.url}/incidents/${id}/timeline.md`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(fetched.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    const text = await fetched.text();
    expect(text).toMatch(/\| 1 \| \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \| .* \| alert source \| Opened INC/);
    expect(text).toMatch(
      /\| Slack \| Said: the deploy at 13:55 broke the router \(marked: cause\) \| <https:\/\//,
    );
    expect(text).toMatch(/thread_ts=\d+\.\d+&cid=/);
    expect(text).toMatch(/router\.log.*files.*router\.log.*\(pinned\)|\(pinned\).*router\.log/);
    expect(text).not.toMatch(/[^\\]\]\(http/);
    const cells = text.split('\n').filter((line) => /^\| \d+ \|/.test(line));
    expect(cells).toHaveLength((await incidentView(desk, id)).timeline.length);
    expect((await fetch(`${desk.url}/incidents/${id}/timeline.md`)).status).toBe(401);
    expect((await desk.get('/incidents/INC-20200101-001/timeline.md')).status).toBe(404);
  });
});

describe('the log', () => {
  it('is anchored in the metadata of the headline, whose key still finds it', async () => {
    await slack().say(CAST.ada.id, `/incident ack ${id}`);
    await shows(desk, id, 'cknowledged');
    const payload = anchorOf(threadOf(desk, id)[0]);
    expect(payload).toMatchObject({
      key: `${id}/headline`,
      head: expect.stringMatching(/^[0-9a-f]{64}$/),
      length: expect.any(Number),
    });
    // What was anchored then is what the log still begins with.
    const exit = await verifyLog({
      log: id,
      anchors: [`${String(payload?.['head'])}:${String(payload?.['length'])}`],
      dataDir: join(desk.folder, 'data'),
      json: true,
      say: () => undefined,
      complain: () => undefined,
    });
    expect(exit).toBe(0);
  });

  it('feeds the postmortem with what was marked, each with its message; and is anchored in it', async () => {
    const todo = await say('ada', 'write a canary for the router');
    await slack().react(CAST.ada.id, CHANNEL, todo, 'memo');
    await slack().say(CAST.ada.id, `/incident resolve ${id}`);
    expect(await submit(desk, CAST.ada.id, { summary: 'Rolled back.' })).toMatchObject({ action: 'close' });
    const { postmortem } = await settled(desk, id, (one) => one.postmortem !== undefined);
    const text = await readFile(postmortem?.file ?? '', 'utf8');
    const part = (title: string) => text.split(`## ${title}`)[1]?.split('\n## ')[0] ?? '';
    const link = /\(by \w+, \[event \d+\]\(https:\/\/\S+\)\)/;
    expect(part('Root cause')).toMatch(
      new RegExp(`- the deploy at 13:55 broke the router \\(by ${CAST.grace.id}, \\[event \\d+\\]`),
    );
    expect(part('What went well')).toMatch(new RegExp(`the pause came at once ${link.source}`));
    expect(part('What did not')).not.toContain('the pause came at once');
    expect(part('Action items')).toMatch(/\| write a canary for the router \| TODO.*<https:\/\/\S+> \|/);
    expect(part('Timeline')).toMatch(new RegExp(`venue recovered ${link.source}`));
    expect(await verify()).toMatchObject({
      exit: 0,
      text: expect.stringMatching(/anchor of postmortems.*holds/),
    });
  });

  it('is still chained after a restart, and a row that somebody changed is named', async () => {
    await desk.restart();
    await say('grace', 'for the record');
    expect((await verify()).exit).toBe(0);
    await desk.bot.stop();
    const file = join(desk.folder, 'data', 'incidents', `${id}.json`);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"Rolled back."', '"Rolled BACK."'));
    const { exit, text: words } = await verify();
    expect(exit).toBe(1);
    expect(words).toMatch(
      /row (\d+) is not what was written[\s\S]*row \1 reads now: .*Resolved: Rolled BACK\./,
    );
  });
});
