/**
 * Slack as it is: it waits three seconds whatever our disk does, sends again what it believes lost, loses answers, closes
 * sockets, and its people edit and delete what they wrote (RELIABILITY faults 5 and 14).
 */

import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import type { Answer } from '../../src/rehearsal/slack/shapes.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type Fault, faultyDisk } from '../adapters/faultyDisk.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  fire,
  headlinesOf,
  incidentView,
  posted,
  pressOn,
  repliesOf,
  said,
  settled,
  statusView,
  switches,
} from './reading.ts';

const { ada, grace } = CAST;
/** Ten waits of two seconds, on a machine that has other things to do. */
const TIMEOUT_MS = 90_000;

async function withDesk(story: (desk: InProcess) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const desk = await startDesk(options);
  try {
    await story(desk);
  } finally {
    await desk.close();
  }
}

async function opened(desk: InProcess, name: string, severity = 'P1'): Promise<string> {
  const id = await fire(desk, { name, severity, fingerprint: name });
  await posted(desk, id);
  return id;
}

const rows = async (desk: InProcess, id: string): Promise<string[]> =>
  (await incidentView(desk, id)).timeline.map(({ text }) => text);
const howOften = async (desk: InProcess, id: string, text: string): Promise<number> =>
  (await rows(desk, id)).filter((row) => row.includes(text)).length;

// ── Acknowledged in time ─────────────────────────────────────────────────────────────────────────────────────────────

/** What the disk does once the desk is up. */
const DISKS: Record<string, (over: Promise<void>) => Fault> = {
  hangs: (over) => ({ until: over }),
  'is slow': () => ({ until: new Promise((resolve) => setTimeout(resolve, 2_500)) }),
  'is full': () => ({ code: 'ENOSPC' }),
};

/** Every kind of thing that a person does in Slack and that Slack waits for. */
const KINDS: Record<string, (desk: InProcess, id: string) => Promise<Answer>> = {
  'a command': ({ stage }) => stage.slack.say(grace.id, '/incident note is anybody there'),
  '/kill': ({ stage }) => stage.slack.say(ada.id, '/kill the disk'),
  '/halt': ({ stage }) => stage.slack.say(ada.id, '/halt orders the disk'),
  'a button': (desk, id) => pressOn(desk, ada.id, headlinesOf(desk, id)[0], 'Acknowledge'),
  'the Kill button': (desk, id) => pressOn(desk, ada.id, headlinesOf(desk, id)[0], 'Kill…'),
  'a dialog': ({ stage }) => {
    const view = stage.slack.openViews(ada.id).find((one) => JSON.stringify(one.view).includes('Mitigated'));
    return stage.slack.submit(ada.id, view?.id ?? '', { text: 'rolled back' });
  },
  'the mail to stakeholders': ({ stage }) => {
    const view = stage.slack.openViews(grace.id).at(-1);
    return stage.slack.submit(grace.id, view?.id ?? '');
  },
  'a shortcut': async ({ stage }) => {
    const [message] = stage.slack.messages(CHANNEL).filter((one) => !one.byBot);
    return stage.slack.shortcut(ada.id, 'incident.declare', { channel: CHANNEL, ts: message?.ts ?? '' });
  },
  // Opens a dialog over the other one: it comes after that.
  'a command with a dialog': ({ stage }) => stage.slack.say(ada.id, '/cancel'),
  'the App Home': ({ stage }) => stage.slack.openHome(ada.id),
};

describe.concurrent('within 3 s Slack has its answer', () => {
  it.each(Object.keys(DISKS))(
    'to everything that a person does, when the disk %s',
    (state) => {
      let fault: Fault;
      let end = () => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      const disk = faultyDisk(nodeDisk, (call) => (call === 'write' || call === 'sync' ? fault : undefined));
      return withDesk(
        async (desk) => {
          const { slack } = desk.stage;
          const id = await opened(desk, 'Acknowledged');
          await slack.post(grace.id, CHANNEL, 'prices look odd');
          await slack.say(ada.id, '/incident mitigate');
          await pressOn(desk, grace.id, headlinesOf(desk, id)[0], 'Mail stakeholders…');
          await slack.until(() => slack.openViews(grace.id).length > 0, { what: 'the preview of the mail' });
          fault = DISKS[state]?.(over);
          try {
            for (const [kind, act] of Object.entries(KINDS)) {
              const { ok, error } = await act(desk, id);
              expect({ kind, ok, error }).toEqual({ kind, ok: true, error: undefined });
            }
            expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1', HALT_NEW_ORDERS: '1' });
            // What it does not hold, it does not acknowledge: Slack sends a message again.
            const message = await slack.post(grace.id, CHANNEL, 'kept?', { threadTs: desk.headlineTs(id) });
            if (message.ok) expect(await howOften(desk, id, 'Said: kept?')).toBe(1);
          } finally {
            fault = undefined;
            end();
          }
        },
        { storeFs: disk },
      );
    },
    TIMEOUT_MS,
  );
});

// ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

describe.concurrent.each(['http', 'socket'] as const)('sent again by Slack (%s)', (mode) => {
  /** What is done, and the words that its one row of the timeline has. */
  const once: [string, string, (desk: InProcess, id: string) => Promise<Answer>][] = [
    ['a command', 'Note: once', ({ stage }) => stage.slack.say(ada.id, '/incident note once')],
    [
      'a button',
      'Acknowledged',
      (desk, id) => pressOn(desk, ada.id, headlinesOf(desk, id)[0], 'Acknowledge'),
    ],
    [
      'a dialog',
      'rolled back',
      async ({ stage }) => {
        await stage.slack.say(ada.id, '/incident mitigate');
        const view = stage.slack.openViews(ada.id).at(-1);
        return stage.slack.submit(ada.id, view?.id ?? '', { text: 'rolled back' });
      },
    ],
    [
      'a message',
      'Said: looking',
      (desk) => desk.stage.slack.post(ada.id, CHANNEL, 'looking', { threadTs: desk.headlineTs() }),
    ],
  ];
  it.each(once)('%s is done once, also after a restart', (kind, words, act) =>
    withDesk(
      async (desk) => {
        const { slack } = desk.stage;
        const id = await opened(desk, 'Once');
        const first = await act(desk, id);
        expect(first.ok).toBe(true);
        for (const num of [1, 2]) await slack.retry(first, { num });
        expect(await howOften(desk, id, words)).toBe(1);
        await desk.restart();
        await slack.retry(first, { num: 3 });
        expect(await howOften(desk, id, words), kind).toBe(1);
      },
      { mode },
    ),
  );

  it('/kill is one kill', () =>
    withDesk(
      async (desk) => {
        const first = await desk.stage.slack.say(ada.id, '/kill once');
        const [again, third] = await Promise.all([
          desk.stage.slack.retry(first, { num: 1 }),
          desk.stage.slack.retry(first, { num: 2 }),
        ]);
        // Over HTTP two copies of one second have one signature: then the door has turned the second away.
        for (const one of [again, third])
          expect(one.ok ? said(one) : 'Already done').toContain('Already done');
        const { lastKill } = await statusView(desk);
        expect((await incidentView(desk, lastKill?.incident ?? '')).kills).toHaveLength(1);
      },
      { mode },
    ));
});

// ── Posted once ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function resolve({ slack }: InProcess['stage']): Promise<void> {
  await slack.say(ada.id, '/incident resolve');
  await slack.submit(ada.id, slack.openViews(ada.id).at(-1)?.id ?? '', { summary: 'over' });
}

describe.concurrent('a post whose answer was lost is found again, and stands once:', () => {
  const kinds: [string, RegExp, (desk: InProcess, id: string) => Promise<unknown>][] = [
    ['the headline', /\/headline"/, async () => undefined],
    ['the runbook', /\/runbook"/, async () => undefined],
    ['a notice', /\/notice:\d+"/, ({ stage }) => stage.slack.say(ada.id, '/halt orders why')],
    ['a receipt', /\/receipt:/, (desk, id) => pressOn(desk, ada.id, headlinesOf(desk, id)[0], 'Kill…')],
    ['the checklist', /\/checklist"/, ({ stage }) => resolve(stage)],
    ['the postmortem', /\/postmortemCard"/, ({ stage }) => resolve(stage)],
    ['the mention of on-call', /\/summon/, async () => undefined],
  ];
  it.each(kinds)(
    '%s',
    (kind, key, act) =>
      withDesk(async (desk) => {
        const { slack, pagerDuty } = desk.stage;
        const isKind = (one: unknown) => key.test(JSON.stringify(one).replaceAll('\\"', '"'));
        slack.fault('chat.postMessage', { kind: 'resetAfterAccept', times: 1, when: isKind });
        if (kind === 'the mention of on-call')
          pagerDuty.fault('events', { kind: 'http500', times: Number.POSITIVE_INFINITY });
        const id = await fire(desk, { name: 'Lost', severity: 'P1' });
        if (kind !== 'the headline')
          await slack.until(() => headlinesOf(desk, id).length === 1, { what: 'a headline' });
        await posted(desk, id);
        await act(desk, id);
        // The lost one, and the one that looked for it.
        await slack.until(
          () =>
            slack.calls.some(
              ({ method, fault }) => method === 'chat.postMessage' && fault === 'resetAfterAccept',
            ) && slack.calls.some(({ method }) => /^conversations\.(history|replies)$/.test(method)),
          { what: `${kind} to be looked for`, timeoutMs: 60_000 },
        );
        await settled(desk, id, (incident) => Object.keys(incident.undelivered).length === 0);
        const keys = slack
          .messages(CHANNEL)
          // An upload has no metadata: Slack makes a message of it itself.
          .filter((one) => one.byBot && one.metadata !== undefined)
          .map(({ metadata }) => JSON.stringify(metadata));
        expect(keys.filter(isKind).length).toBeGreaterThan(0);
        expect(new Set(keys).size).toBe(keys.length);
        expect(repliesOf(desk, id).length).toBeGreaterThan(0);
      }),
    TIMEOUT_MS,
  );
});

// ── What people wrote ────────────────────────────────────────────────────────────────────────────────────────────────

describe('a message that somebody edits or deletes', () => {
  it('stays in the timeline as it was, and as what became of it', () =>
    withDesk(async (desk) => {
      const { slack } = desk.stage;
      const id = await opened(desk, 'Edited');
      const threadTs = desk.headlineTs(id);
      const first = await slack.post(ada.id, CHANNEL, 'it is the feed', { threadTs });
      const second = await slack.post(ada.id, CHANNEL, 'it is Grace', { threadTs });
      await slack.edit(ada.id, CHANNEL, first.ts, 'it is the venue');
      await slack.remove(ada.id, CHANNEL, second.ts);
      const told = (await rows(desk, id)).filter((row) => /it is|[Dd]eleted|[Ee]dited/.test(row));
      expect(told).toContain('Said: it is the feed');
      expect(told).toContain('Said: it is Grace');
      expect(told.some((row) => /[Ee]dited.*it is the venue/.test(row))).toBe(true);
      expect(told.some((row) => /[Dd]eleted/.test(row))).toBe(true);
    }));
});

// ── Socket Mode ──────────────────────────────────────────────────────────────────────────────────────────────────────

describe('an outage of Socket Mode', () => {
  it('loses no command that Slack delivers: it connects again by itself, and each runs once', () =>
    withDesk(
      async (desk) => {
        const { slack } = desk.stage;
        const id = await opened(desk, 'Outage');
        const before = await slack.say(ada.id, `/incident note ${id} before`);
        slack.fault('apps.connections.open', { kind: 'http500' });
        slack.dropSockets();
        const failed = () =>
          slack.calls.filter(
            ({ method, fault }) => method === 'apps.connections.open' && fault !== undefined,
          );
        await slack.until(() => failed().length >= 3, { what: 'three tries to connect', timeoutMs: 30_000 });
        // What is typed now Slack itself refuses (dispatch_failed): it never reaches us.
        const gap = await slack.say(ada.id, `/incident note ${id} in the gap`);
        expect(gap).toMatchObject({ ok: false, error: 'no_socket' });
        // An alert is taken and paged all the same.
        const other = await fire(desk, { name: 'Meanwhile', severity: 'P1', fingerprint: 'm' });
        await posted(desk, other);
        slack.clearFaults();
        await slack.until(() => slack.sockets() > 0, { what: 'a socket again', timeoutMs: 30_000 });
        expect(await slack.say(ada.id, `/incident note ${id} after`)).toMatchObject({ ok: true });
        // Delivered before the outage, and once more on the new socket because its acknowledgement was lost.
        expect(said(await slack.retry(before))).toContain('Already done');
        expect(await slack.retry(gap)).toMatchObject({ ok: true });
        expect(await slack.retry(gap)).toMatchObject({ ok: true });
        for (const words of ['Note: before', 'Note: in the gap', 'Note: after'])
          expect(await howOften(desk, id, words)).toBe(1);
        expect(headlinesOf(desk, id)).toHaveLength(1);
      },
      { mode: 'socket' },
    ));
});
