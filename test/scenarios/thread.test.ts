import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/ports.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import {
  exchange,
  fire,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  pressOn,
  repliesOf,
  said,
  settled,
  shows,
  statusView,
  submit,
} from './reading.ts';

async function opened(desk: InProcess, name: string, severity = 'P1'): Promise<string> {
  const id = await fire(desk, { name, severity });
  await posted(desk, id);
  return id;
}

async function say(desk: InProcess, who: keyof typeof CAST, text: string): Promise<string> {
  return said(await desk.stage.slack.say(CAST[who].id, text));
}

async function resolve(desk: InProcess, id: string, values: Record<string, string>): Promise<void> {
  await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
  expect(await submit(desk, CAST.ada.id, values)).toMatchObject({ action: 'close' });
  await settled(desk, id, (incident) => incident.postmortem !== undefined);
  await shows(desk, id, 'Postmortem draft');
}

const texts = async (desk: InProcess, id: string): Promise<string[]> =>
  (await incidentView(desk, id)).timeline.map((row) => row.text);

describe('what people write in the thread', () => {
  let desk: InProcess;
  let id: string;
  let ts: string;
  beforeAll(async () => {
    desk = await startDesk();
    id = await opened(desk, 'Thread');
    ts = desk.headlineTs(id);
  });
  afterAll(() => desk.close());

  it('is logged as it comes: messages, edits and deletions, by whom', async () => {
    const { slack } = desk.stage;
    const first = await slack.post(CAST.ada.id, CHANNEL, 'Router is down &amp; I see &lt;nil&gt;', {
      threadTs: ts,
    });
    const second = await slack.post(
      CAST.grace.id,
      CHANNEL,
      'Rolling back, see <https://ci.example/1|build 1>',
      { threadTs: ts },
    );
    const third = await slack.post(CAST.grace.id, CHANNEL, 'password is hunter2', { threadTs: ts });
    expect([first, second, third].every((answer) => answer.ok)).toBe(true);
    await slack.edit(CAST.grace.id, CHANNEL, second.ts, 'Rolled back');
    await slack.remove(CAST.grace.id, CHANNEL, third.ts);
    const { timeline } = await incidentView(desk, id);
    const rows = timeline
      .filter((row) => /^(Said|Edited|Deleted)/.test(row.text))
      .map(({ by, text }) => [by, text]);
    expect(rows).toEqual([
      [CAST.ada.id, 'Said: Router is down & I see <nil>'],
      [CAST.grace.id, 'Said: Rolling back, see build 1 (https://ci.example/1)'],
      [CAST.grace.id, 'Said: password is hunter2'],
      [CAST.grace.id, 'Edited a message to: Rolled back'],
      [CAST.grace.id, 'Deleted: a message of theirs; Slack does not say by whom'],
    ]);
  });

  it('is logged once, however often Slack sends it', async () => {
    const answer = await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'only once', { threadTs: ts });
    for (const num of [1, 2, 3]) await desk.stage.slack.retry(answer, { num });
    expect((await texts(desk, id)).filter((text) => text.includes('only once'))).toHaveLength(1);
  });

  it('outside of the thread, and by the bot itself, is not logged', async () => {
    await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'coffee?');
    const other = await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'another thread');
    await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'reply elsewhere', { threadTs: other.ts });
    await desk.stage.slack.settled();
    const all = (await texts(desk, id)).join('\n');
    for (const words of ['coffee', 'another thread', 'reply elsewhere', 'Said: DRILL'])
      expect(all).not.toContain(words);
  });

  it('is still there after a restart, and new messages join it', async () => {
    const before = await texts(desk, id);
    await desk.restart();
    expect(await texts(desk, id)).toEqual(before);
    await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'after the restart', { threadTs: ts });
    expect(await texts(desk, id)).toEqual([...before, 'Said: after the restart']);
  });

  it('is acknowledged to Slack only after it is stored', async () => {
    const { store } = desk.bot;
    const append = store.append.bind(store);
    let stored: () => void = () => undefined;
    let asked: () => void = () => undefined;
    const disk = new Promise<void>((done) => {
      stored = done;
    });
    const reached = new Promise<void>((done) => {
      asked = done;
    });
    store.append = async (stream, version, events, effects, settles) => {
      if (events.some((event) => event.type === 'MessageLogged')) {
        asked();
        await disk;
      }
      return append(stream, version, events, effects, settles);
    };
    try {
      const answered = desk.stage.slack.answers.length;
      const posting = desk.stage.slack.post(CAST.ada.id, CHANNEL, 'wait for the disk', { threadTs: ts });
      await reached;
      // A round trip over the same server: whatever could have been answered by now has been.
      await statusView(desk);
      expect(desk.stage.slack.answers).toHaveLength(answered);
      stored();
      expect(await posting).toMatchObject({ ok: true });
    } finally {
      store.append = append;
    }
    expect(await texts(desk, id)).toContain('Said: wait for the disk');
  });

  it('is not acknowledged when it cannot be stored, so that Slack sends it again', async () => {
    const { store } = desk.bot;
    const append = store.append.bind(store);
    store.append = async (stream, version, events, effects, settles) => {
      if (events.some((event) => event.type === 'MessageLogged')) throw new StoreUnavailable('no space left');
      return append(stream, version, events, effects, settles);
    };
    const refused = await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'disk is full', { threadTs: ts });
    store.append = append;
    expect(refused.ok).toBe(false);
    expect(refused.status).toBe(500);
    const timestamp = Number(refused.request.headers['x-slack-request-timestamp']) + 1;
    const again = await desk.stage.slack.send({
      body: refused.request.body,
      contentType: refused.request.contentType,
      timestamp,
      headers: { 'x-slack-retry-num': '1', 'x-slack-retry-reason': 'http_error' },
    });
    expect(again.ok).toBe(true);
    expect((await texts(desk, id)).filter((text) => text === 'Said: disk is full')).toHaveLength(1);
  });

  it('after the incident was resolved is logged all the same, also after a restart', async () => {
    await resolve(desk, id, { summary: 'Rolled back.' });
    await desk.stage.slack.post(CAST.grace.id, CHANNEL, 'for the record: it was the deploy', {
      threadTs: ts,
    });
    expect(await texts(desk, id)).toContain('Said: for the record: it was the deploy');
    await desk.restart();
    await desk.stage.slack.post(CAST.grace.id, CHANNEL, 'and one more thing', { threadTs: ts });
    expect(await texts(desk, id)).toContain('Said: and one more thing');
  });
});

describe('/incident', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('says so where there is no incident', async () => {
    expect(await say(desk, 'ada', '/incident list')).toContain('There is no open incident.');
    expect(await say(desk, 'ada', '/incident status')).toContain('There is no open incident.');
  });

  it('declare with severity and title opens one, which pages and posts', async () => {
    expect(await say(desk, 'ada', '/incident declare P1 Books look &lt;odd&gt;')).toMatch(
      /INC-\d{8}-001 is declared as P1\. Its headline follows/,
    );
    id = (await statusView(desk)).incidents[0]?.id ?? '';
    await paged(desk, id);
    await posted(desk, id);
    expect(await incidentView(desk, id)).toMatchObject({
      severity: 'P1',
      title: 'Books look <odd>',
      alerts: [],
    });
    expect(pagesOf(desk, id)).toMatchObject([{ customDetails: { why: 'declared' } }]);
  });

  it('status, timeline and list tell what is on record', async () => {
    expect(await say(desk, 'grace', '/incident status')).toContain(`*${id}* P1 open`);
    expect(await say(desk, 'grace', `/incident timeline ${id}`)).toContain('Opened INC');
    expect(await say(desk, 'grace', '/incident list')).toContain(`*${id}* P1 open`);
  });

  it('note keeps what was said and shows it in the thread', async () => {
    expect(await say(desk, 'grace', '/incident note provider confirms an outage')).toContain(
      `Noted on ${id}`,
    );
    await shows(desk, id, 'Note by grace: provider confirms an outage');
    expect(await texts(desk, id)).toContain('Note: provider confirms an outage');
  });

  it('ack acknowledges here and at PagerDuty; a second one is told who was first', async () => {
    expect(await say(desk, 'ada', '/incident ack')).toContain(`You acknowledged ${id}`);
    await desk.stage.pagerDuty.until(() => pagesOf(desk, id)[0]?.status === 'acknowledged', {
      what: 'the acknowledgement',
    });
    expect(await say(desk, 'grace', `/incident ack ${id}`)).toMatch(/ada already acknowledged/);
  });

  it.each([
    '/incident',
    '/incident help',
    '/incident ?',
    '/incident acknowledge',
    '/incident ack please',
    '/incident note',
    '/incident list all',
    '/incident status INC-1',
    '/incident timeline now',
    '/incident declare INC-20261122-001 P1 x',
    '/incident resolved',
    '/incident kill',
    '/incident INC-20261122-001',
    '/incident note INC-2026112-001 wrong id',
    '/incident resolve INC-20261122-1 wrong id',
    '/incident ack inc-20261122-001',
  ])('%s is unclear: usage is shown, and nothing is done', async (text) => {
    const before = JSON.stringify(desk.bot.store.summaries());
    const log = await texts(desk, id);
    const answer = await say(desk, 'ada', text);
    expect(answer).toMatch(/so nothing was done|`\/incident &lt;verb&gt;/);
    expect(JSON.stringify(desk.bot.store.summaries())).toBe(before);
    expect(await texts(desk, id)).toEqual(log);
    expect(desk.stage.slack.openViews(CAST.ada.id)).toEqual([]);
  });

  it('of an incident that is not there says so', async () => {
    expect(await say(desk, 'ada', '/incident ack INC-20200101-001')).toContain(
      'There is no incident INC-20200101-001',
    );
  });

  it('without an id, where several are open, lists them and does nothing', async () => {
    const other = await opened(desk, 'Second', 'P2');
    const answer = await say(desk, 'ada', '/incident ack');
    expect(answer).toContain('Which one?');
    expect(answer).toContain(id);
    expect(answer).toContain(other);
    expect((await incidentView(desk, other)).acknowledged).toBeNull();
  });

  it('by somebody without the role is refused, reading included', async () => {
    for (const verb of ['list', 'status', 'ack', 'note x', 'declare P0 x', 'resolve'])
      expect(await say(desk, 'mallory', `/incident ${verb}`)).toContain(
        'You are not a responder for this desk',
      );
    expect((await statusView(desk)).incidents).toHaveLength(2);
  });
});

describe('declaring', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('by command without words asks in a dialog; empty words are not taken', async () => {
    await desk.stage.slack.say(CAST.ada.id, '/incident declare');
    expect(desk.stage.slack.modalAsText(CAST.ada.id)).toContain('What is wrong');
    const empty = await submit(desk, CAST.ada.id, { title: '   ', severity: 'P0' });
    expect(empty).toMatchObject({
      action: 'errors',
      errors: { title: expect.stringContaining('Say what is wrong') },
    });
    expect((await statusView(desk)).incidents).toEqual([]);
    expect(await submit(desk, CAST.ada.id, { title: 'Positions drift', severity: 'P0' })).toMatchObject({
      action: 'close',
    });
    const [incident] = (await statusView(desk)).incidents;
    expect(incident).toMatchObject({ severity: 'P0', title: 'Positions drift' });
    expect(await paged(desk, incident?.id ?? '')).toMatchObject({ severity: 'critical' });
  });

  it('from a message takes its words, harmless, as the title', async () => {
    const { slack } = desk.stage;
    const message = await slack.post(CAST.grace.id, CHANNEL, 'fills look wrong <!channel> on &lt;BTC&gt;');
    await slack.shortcut(CAST.grace.id, 'incident.declare', { channel: CHANNEL, ts: message.ts });
    await slack.until(() => slack.openViews(CAST.grace.id).length > 0, { what: 'the dialog' });
    expect(await submit(desk, CAST.grace.id, {})).toMatchObject({ action: 'close' });
    const declared = (await statusView(desk)).incidents.at(-1);
    expect(declared).toMatchObject({ severity: 'P1', title: 'fills look wrong @channel on <BTC>' });
    await posted(desk, declared?.id ?? '');
    const raw = JSON.stringify(headlinesOf(desk, declared?.id ?? ''));
    expect(raw).not.toContain('<!channel>');
  });

  it('from a message by somebody without the role is refused in words', async () => {
    const { slack } = desk.stage;
    const message = await slack.post(CAST.mallory.id, CHANNEL, 'buy now');
    await slack.shortcut(CAST.mallory.id, 'incident.declare', { channel: CHANNEL, ts: message.ts });
    await slack.until(() => slack.ephemerals(CAST.mallory.id).length > 0, { what: 'the refusal' });
    expect(slack.ephemerals(CAST.mallory.id).at(-1)?.text).toContain('You are not a responder');
    expect(slack.openViews(CAST.mallory.id)).toEqual([]);
    expect((await statusView(desk)).incidents).toHaveLength(2);
  });
});

describe('the runbook in the thread', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
    id = await opened(desk, 'ExchangeOrderStuck');
  });
  afterAll(() => desk.close());

  it('is ticked step by step, with who and when', async () => {
    await pressOn(desk, CAST.ada.id, repliesOf(desk, id)[0], 'Done');
    await shows(desk, id, 'done by ada at');
    expect(await texts(desk, id)).toContain('Runbook step slo-03-order-execution:confirm done');
  });

  it('lets a step be skipped, with a reason', async () => {
    await pressOn(desk, CAST.ada.id, repliesOf(desk, id)[0], 'Skip…');
    expect(await submit(desk, CAST.ada.id, { why: 'the venue is not ours' })).toMatchObject({
      action: 'close',
    });
    await shows(desk, id, 'skipped by ada');
    expect(await texts(desk, id)).toContain(
      'Runbook step slo-03-order-execution:venue-status skipped: the venue is not ours',
    );
  });

  it('tells a second person who was first', async () => {
    await pressOn(desk, CAST.grace.id, repliesOf(desk, id)[0], 'Done', { version: 0 });
    await desk.stage.slack.until(() => desk.stage.slack.ephemerals(CAST.grace.id).length > 0);
    expect(desk.stage.slack.ephemerals(CAST.grace.id).at(-1)?.text).toMatch(
      /ada already marked that step done at/,
    );
  });

  it('never moves anything at the exchange by being ticked', () => {
    expect(exchange(desk)).toMatchObject({ positions: [{ amount: 0.008 }] });
    expect(desk.stage.binance.requests({ method: 'DELETE' })).toEqual([]);
    expect(desk.stage.binance.requests({ method: 'POST', path: '/fapi/v1/order' })).toEqual([]);
  });
});

describe('resolving', () => {
  let desk: InProcess;
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('by the dialog closes the incident and its page, and drafts a postmortem in the thread and as a file', async () => {
    const id = await opened(desk, 'ExchangeOrderStuck');
    await paged(desk, id);
    await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'It was the deploy | see =SUM(1) and ```x```', {
      threadTs: desk.headlineTs(id),
    });
    await resolve(desk, id, {
      summary: 'Rolled back the router.',
      rootCause: 'A deploy without a canary.',
      category: 'system',
    });
    await desk.stage.pagerDuty.until(() => pagesOf(desk, id)[0]?.status === 'resolved', {
      what: 'the page resolved',
    });
    await shows(desk, id, 'P1 resolved');
    const view = await incidentView(desk, id);
    expect(view).toMatchObject({
      state: 'resolved',
      resolved: { by: 'ada', how: 'person' },
      postmortem: { id: `PM_${day}_001` },
    });
    const file = await readFile(view.postmortem?.file ?? '', 'utf8');
    expect(view.postmortem?.file).toBe(`${desk.folder}/data/postmortems/PM_${day}_001.md`);
    const sections = [...file.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
    expect(sections).toEqual([
      'Summary',
      'Impact',
      'Timeline',
      'Root cause',
      'What went well',
      'What did not',
      'Detection',
      'Action items',
      'Lessons',
      'Follow-up reviews',
    ]);
    for (const words of [
      `PM_${day}_001`,
      id,
      'P1 / HIGH',
      'Rolled back the router.',
      'A deploy without a canary.',
      'Alert from alertmanager',
      'It was the deploy',
      'TODO (owner: ada)',
    ])
      expect(file).toContain(words);
    // A table cell from a person ends no row and opens no fence.
    const row = file.split('\n').find((line) => line.includes('It was the deploy')) ?? '';
    expect(row.replaceAll('\\|', '').split('|')).toHaveLength(8);
    expect(row).not.toContain('```');
    expect(desk.thread(id)).toContain(`Postmortem draft PM_${day}_001`);
    // The message is short; what is in it lies in the file.
    expect(desk.thread(id)).toContain('[Put into review]');
    expect(desk.thread(id)).toContain('TODO before it is final');
  });

  it('a second one of the day gets the next number', async () => {
    const id = await opened(desk, 'Another', 'P2');
    await resolve(desk, id, { summary: 'Gone.' });
    expect((await incidentView(desk, id)).postmortem?.id).toBe(`PM_${day}_002`);
  });

  it('what is already resolved is said to be, and nothing is drafted twice', async () => {
    const [first] = desk.bot.store.summaries();
    const answer = await say(desk, 'ada', `/incident resolve ${first?.id}`);
    expect(answer).toContain('is already resolved');
    expect(desk.stage.slack.openViews(CAST.ada.id)).toEqual([]);
  });

  it('by two people at once resolves once; the second is told who was first', async () => {
    const id = await opened(desk, 'Race');
    for (const who of ['ada', 'grace'] as const) await say(desk, who, `/incident resolve ${id}`);
    expect(await submit(desk, CAST.ada.id, { summary: 'Mine.' })).toMatchObject({ action: 'close' });
    const second = await submit(desk, CAST.grace.id, { summary: 'Mine too.' });
    expect(second?.errors['summary']).toMatch(/ada already resolved/);
    await shows(desk, id, 'Postmortem draft');
    expect(repliesOf(desk, id).filter((message) => message.text.includes('Postmortem draft'))).toHaveLength(
      1,
    );
  });
});
