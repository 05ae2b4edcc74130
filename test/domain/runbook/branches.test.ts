import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Incident } from '../../../src/domain/incident.ts';
import type { RunbookStep } from '../../../src/domain/playbook.ts';
import { deedsDue, timerOf } from '../../../src/domain/runbook/branches.ts';
import { gapChange, lookAt } from '../../../src/domain/runbook/evaluate.ts';
import { OPERATORS } from '../../../src/domain/runbook/vocabulary.ts';
import { type HoldKey, RUNNING, type Trading } from '../../../src/domain/trading.ts';
import { ADA, bookOf, FEED, incidentWith, NOON, seen, withGap, withLatency, withOrders } from './seen.ts';

const MIN = 60_000;
const branch = (step: RunbookStep['when'], change: Parameters<typeof seen>[0], incident = incidentWith()) =>
  lookAt(
    incident,
    bookOf({ id: 's', ...(step === undefined ? {} : { when: step }) }),
    seen(change),
  ).branches.get('book:s');

describe('a branch', () => {
  const under = { sli: 'feedGapSec', op: '<', value: 600 } as const;
  const over = { sli: 'feedGapSec', op: '>=', value: 600 } as const;

  it.each([
    [599.999, true, false, 'gap 9 min 59 s'],
    [600, false, true, 'gap 10 min'],
    [600.001, false, true, 'gap 10 min'],
    [160, true, false, 'gap 2 min 40 s'],
    [0, true, false, 'gap 0 s'],
    [7_260, false, true, 'gap 2 h 1 min'],
  ])('at a gap of %d s: wait %s, switch or halt %s', (gap, waits, decides, text) => {
    expect(branch(under, { measurements: withGap(gap) })).toMatchObject({ applies: waits, text });
    expect(branch(over, { measurements: withGap(gap) })).toMatchObject({ applies: decides, text });
  });

  it.each([
    [1_999, true, false],
    [2_000, false, true],
    [2_001, false, true],
  ])('at a p99 of %d ms: go on %s, pause new orders %s', (ms, goesOn, pauses) => {
    const measurements = withLatency([ms]);
    expect(branch({ sli: 'latencyP99Ms', op: '<', value: 2_000 }, { measurements })?.applies).toBe(goesOn);
    expect(branch({ sli: 'latencyP99Ms', op: '>=', value: 2_000 }, { measurements })?.applies).toBe(pauses);
  });

  it.each([
    [99, 1, false, 'reject rate 1 % of the last 100 orders'],
    [98, 2, true, 'reject rate 2 % of the last 100 orders'],
    [50, 0, false, 'reject rate 0 % of the last 50 orders'],
    [49, 0, null, 'reject rate: fewer than 50 orders: no rate yet'],
  ])('with %d orders accepted and %d rejected, over 1 %% is %s', (accepted, rejected, applies, text) => {
    expect(
      branch({ sli: 'rejectSharePct', op: '>', value: 1 }, { measurements: withOrders(accepted, rejected) }),
    ).toMatchObject({ applies, text });
  });

  it.each([
    ['no bar ever came', {}, 'gap: it never had a bar'],
    [
      'no engine is heard',
      { measurements: withGap(700), engineSilent: true },
      'gap: no engine sends heartbeats',
    ],
    [
      'the market is closed',
      { measurements: withGap(700), market: { open: false as const, why: 'sun' } },
      'gap: the market is closed',
    ],
    ['there is no feed', { feeds: [] }, 'gap: no feed is configured'],
  ])('is unknown where %s', (_what, change, text) => {
    expect(branch(over, change)).toMatchObject({ applies: null, text: expect.stringContaining(text) });
    expect(branch(under, change)?.applies).toBeNull();
  });

  it('by elapsed time counts whole and broken minutes since the incident opened', () => {
    const late = { elapsed: true, op: '>=', value: 30 } as const;
    const at = (ms: number) => branch(late, { now: NOON + ms });
    expect(at(30 * MIN - 1)).toMatchObject({ applies: false, text: 'open for 29 min 59 s' });
    expect(at(30 * MIN)).toMatchObject({ applies: true, text: 'open for 30 min' });
  });

  it('compares as it is written, for any number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_999 }), fc.integer({ min: 0, max: 9_999 }), (ms, value) => {
        const said = OPERATORS.map(
          (op) => branch({ sli: 'latencyP99Ms', op, value }, { measurements: withLatency([ms]) })?.applies,
        );
        expect(said).toEqual([ms < value, ms <= value, ms > value, ms >= value]);
      }),
    );
  });
});

// ── What is done by itself ─────────────────────────────────────────────────────────────────────────────────────────

const began = {
  type: 'FeedGapBegan',
  at: NOON,
  feed: FEED.id,
  symbol: 'BTC/USDT:USDT',
  from: NOON - 130_000,
} as const;
const ended = {
  type: 'FeedGapEnded',
  at: NOON,
  feed: FEED.id,
  symbol: 'BTC/USDT:USDT',
  from: NOON - 130_000,
  to: NOON,
} as const;
const acted = (at: number, step = 'book:pause') =>
  ({ type: 'StepActed', at, step, did: 'pauseSignals', how: 'auto', ok: true, text: '' }) as const;

const pause = bookOf({
  id: 'pause',
  when: { sli: 'feedGapSec', op: '>', value: 120 },
  auto: 'pauseSignals',
  buttons: ['pauseSignals', 'done'],
});
const decide = bookOf({
  id: 'decide',
  when: { sli: 'feedGapSec', op: '>=', value: 600 },
  timer: { afterMin: 10, do: 'haltOrders', unless: ['switchFeed', 'haltOrders', 'done', 'skip'] },
  buttons: ['switchFeed', 'haltOrders', 'done', 'skip'],
});

const held = (
  key: HoldKey,
  at: number,
  by: typeof ADA | { via: 'standdown'; id: string; name: string } = ADA,
): Trading => ({
  ...RUNNING,
  holds: [{ id: key, key, reason: 'x', by, owner: 'operator', at }],
});
const killed: Trading = { ...RUNNING, latch: { kill: 'K', incident: 'I', by: ADA, reason: 'x', at: NOON } };

function due(incident: Incident, book: typeof pause, gapSec: number, trading = RUNNING, now = NOON) {
  const looked = lookAt(incident, book, seen({ measurements: withGap(gapSec, now), now, trading }));
  return deedsDue(incident, book, trading, looked.branches, now);
}

describe('what is done by itself', () => {
  it('is done once the gap is on record and over its limit: not at it, and not before', () => {
    const incident = incidentWith([began]);
    expect(due(incident, pause, 120)).toEqual([]);
    expect(due(incident, pause, 120.001)).toMatchObject([
      { deed: 'pauseSignals', how: 'auto', why: 'gap 2 min', already: null },
    ]);
  });

  it('is not done in an incident that no measurement of ours opened, whatever its alert says', () => {
    const foreign = incidentWith([], { source: 'alertmanager', groupKey: 'FeedStale' });
    expect(due(foreign, pause, 700)).toEqual([]);
    expect(due(foreign, decide, 700, RUNNING, NOON + 60 * MIN)).toEqual([]);
  });

  it('is done once a gap: not again after somebody lifted it, and again in the next one', () => {
    const after = [began, acted(NOON)];
    expect(due(incidentWith(after), pause, 300)).toEqual([]);
    const next = { ...began, at: NOON + 20 * MIN, from: NOON + 18 * MIN };
    expect(due(incidentWith([...after, ended, next]), pause, 300, RUNNING, NOON + 20 * MIN)).toHaveLength(1);
  });

  it('is only put on record where it was so already', () => {
    expect(due(incidentWith([began]), pause, 300, held('PAUSE_SIGNALS', NOON - 60 * MIN))).toMatchObject([
      { already: 'it was so already, by Ada' },
    ]);
  });

  it('is not done while it cannot be measured', () => {
    const incident = incidentWith([began]);
    const looked = lookAt(incident, pause, seen({ measurements: withGap(300), engineSilent: true }));
    expect(deedsDue(incident, pause, RUNNING, looked.branches, NOON)).toEqual([]);
  });
});

describe('a timer', () => {
  const from = began.from;
  const dueAt = from + 10 * MIN;
  const incident = incidentWith([began]);
  const at = (now: number, trading = RUNNING, of = incident) =>
    due(of, decide, (now - from) / 1_000, trading, now);
  const state = (trading = RUNNING, of = incident) =>
    timerOf(of, decide, decide.steps[0] as RunbookStep, trading);

  it('counts from the first missing bar, and says when it is over', () => {
    expect(state()).toEqual({ state: 'running', dueAt, do: 'haltOrders' });
    expect(at(dueAt - 1)).toEqual([]);
    expect(at(dueAt)).toMatchObject([{ deed: 'haltOrders', how: 'timer', already: null }]);
    expect(at(dueAt)[0]?.why).toBe('gap 10 min: nobody chose within 10 min');
  });

  it.each([
    ['the feed was switched', held('DATA_FEED', NOON), 'feed switched by Ada'],
    ['new orders were halted', held('HALT_NEW_ORDERS', NOON), 'new orders halted by Ada'],
    ['they were halted long before', held('HALT_NEW_ORDERS', from - 60 * MIN), 'new orders halted by Ada'],
    ['everything was killed', killed, 'trading is killed by Ada'],
  ])('does nothing when %s', (_what, trading, what) => {
    expect(state(trading)).toMatchObject({ state: 'chosen', what });
    expect(at(dueAt - 1, trading)).toEqual([]);
    expect(at(dueAt, trading)).toMatchObject([{ already: what }]);
  });

  it.each(['done', 'skipped'] as const)('does nothing when the step was %s', (mark) => {
    const marked = incidentWith([
      began,
      { type: 'StepMarked', at: NOON, by: ADA, step: 'book:decide', mark, why: 'soon back' },
    ]);
    expect(state(RUNNING, marked)).toMatchObject({ state: 'chosen', what: `step ${mark} by Ada` });
    expect(at(dueAt, RUNNING, marked)).toMatchObject([{ already: `step ${mark} by Ada` }]);
  });

  it.each([
    ['an older switch of the feed', held('DATA_FEED', from - 1)],
    ['a pause', held('PAUSE_SIGNALS', NOON)],
    [
      'what the bot itself switched',
      held('DATA_FEED', NOON, { via: 'standdown', id: 'standdown', name: 'Standdown' }),
    ],
  ])('takes %s for no choice', (_what, trading) => {
    expect(state(trading)).toMatchObject({ state: 'running' });
    expect(at(dueAt, trading)).toMatchObject([{ deed: 'haltOrders', already: null }]);
  });

  it('halts when a choice was taken back before the time, and not after it was put on record', () => {
    expect(at(dueAt, RUNNING)).toHaveLength(1);
    const over = incidentWith([
      began,
      {
        type: 'StepActed',
        at: dueAt,
        step: 'book:decide',
        did: 'nothing',
        how: 'timer',
        ok: true,
        text: 'x',
      },
    ]);
    expect(state(RUNNING, over)).toEqual({ state: 'off' });
    expect(at(dueAt + MIN, RUNNING, over)).toEqual([]);
  });

  it('goes on while the gap cannot be measured, and ends with the gap', () => {
    const silent = seen({
      measurements: withGap(650, dueAt + 50_000),
      now: dueAt + 50_000,
      engineSilent: true,
    });
    const looked = lookAt(incident, decide, silent);
    expect(deedsDue(incident, decide, RUNNING, looked.branches, silent.now)).toHaveLength(1);
    expect(state(RUNNING, incidentWith([began, ended]))).toEqual({ state: 'off' });
  });

  it('of anything else counts since it applies, also over what was unknown for a while', () => {
    const slow = bookOf({
      id: 'slow',
      when: { sli: 'latencyP99Ms', op: '>=', value: 2_000 },
      timer: { afterMin: 5, do: 'haltOrders', unless: [] },
    });
    const branched = (minutes: number, applies: boolean | null) =>
      ({ type: 'StepBranched', at: NOON + minutes * MIN, step: 'book:slow', applies, text: '' }) as const;
    const timer = (...events: ReturnType<typeof branched>[]) =>
      timerOf(incidentWith(events), slow, slow.steps[0] as RunbookStep, RUNNING);
    expect(timer()).toEqual({ state: 'off' });
    expect(timer(branched(0, true), branched(1, null), branched(2, true))).toMatchObject({
      dueAt: NOON + 5 * MIN,
    });
    expect(timer(branched(0, true), branched(1, false), branched(2, true))).toMatchObject({
      dueAt: NOON + 7 * MIN,
    });
    expect(timer(branched(0, true), branched(1, false))).toEqual({ state: 'off' });
  });
});

describe('a gap', () => {
  it('begins with its first missing bar, when it is over 120 s', () => {
    expect(gapChange(incidentWith(), seen({ measurements: withGap(120) }))).toBeNull();
    expect(gapChange(incidentWith(), seen({ measurements: withGap(121) }))).toEqual({
      type: 'FeedGapBegan',
      feed: FEED.id,
      symbol: 'BTC/USDT:USDT',
      from: NOON - 121_000,
    });
  });

  it('ends when bars come again or the market closes, and not because nothing can be measured', () => {
    const open = incidentWith([began]);
    const over = { type: 'FeedGapEnded', from: began.from, to: NOON };
    expect(gapChange(open, seen({ measurements: withGap(30) }))).toMatchObject(over);
    expect(
      gapChange(open, seen({ measurements: withGap(900), market: { open: false, why: 'x' } })),
    ).toMatchObject(over);
    expect(gapChange(open, seen({ measurements: withGap(900) }))).toBeNull();
    expect(gapChange(open, seen({ engineSilent: true }))).toBeNull();
    expect(gapChange(open, seen())).toBeNull();
  });

  it('is recorded in the incident of the bot’s own watch alone', () => {
    const measurements = withGap(300);
    for (const opened of [
      { source: 'alertmanager' },
      { groupKey: 'orders' },
      { groupKey: `missedBar:${FEED.id}` },
      { groupKey: 'feed:another' },
    ])
      expect(gapChange(incidentWith([], opened), seen({ measurements }))).toBeNull();
  });

  it('asks for its own decisions: what was ticked for the one before is open again', () => {
    const ticked = { type: 'StepMarked', at: NOON, by: ADA, step: 'book:decide', mark: 'done' } as const;
    expect(incidentWith([began, ticked]).steps).toHaveProperty('book:decide');
    expect(incidentWith([began, ticked, ended, { ...began, from: NOON + MIN }]).steps).toEqual({});
  });
});
