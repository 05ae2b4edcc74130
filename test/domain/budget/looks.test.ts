/** What each SLO is at a moment, from what is measured: good, bad and since when, of no account, unknown. */

import { describe, expect, it } from 'vitest';
import { type LookFacts, looksNow } from '../../../src/domain/budget/looks.ts';
import type { KillState, VenueVerdict } from '../../../src/domain/kill.ts';
import type { Criterion } from '../../../src/domain/measure/criteria.ts';
import { createMeasurements } from '../../../src/domain/measure/measurements.ts';

const T0 = Date.parse('2026-11-10T12:00:00Z');
const FEED = { id: 'f', intervalSec: 60, symbols: ['BTC'] };

const criterion = (id: string, state: Criterion['state'], value: number | null = 1): Criterion => ({
  id,
  title: id,
  state,
  value,
  limit: 1,
  headroom: 0,
  unit: 'x',
  ageMs: 0,
  source: null,
  detail: `${id} detail`,
  evidence: { formula: '', samples: [] },
});

function at(change: Partial<LookFacts> = {}, facts: Partial<LookFacts['facts']> = {}, barAt = T0 - 60_000) {
  const measurements = createMeasurements([FEED]);
  measurements.take({ type: 'bar', at: barAt, feed: 'f', symbol: 'BTC', closedAt: barAt }, T0);
  measurements.take({ type: 'signal', at: T0 - 1_000, latencyMs: 5 }, T0);
  return looksNow({
    now: T0,
    measurements,
    rules: { feeds: [FEED] },
    facts: {
      market: { open: true, since: null },
      stopConfirmed: false,
      engineSilent: false,
      heartbeatAgeMs: 1_000,
      silent: [],
      mismatches: [],
      ...facts,
    },
    criteria: [
      criterion('dailyLoss', 'ok'),
      criterion('positionSize', 'ok'),
      criterion('rejectRate', 'ok', null),
    ],
    unknownSince: new Map(),
    graceMs: 120_000,
    wereKnown: new Set(),
    kill: null,
    earlier: [],
    ...change,
  });
}

const kill = (change: Partial<KillState>): KillState => ({
  id: 'K',
  by: { via: 'slack', id: 'U', name: 'u' },
  at: T0 - 30_000,
  reason: '',
  joined: [],
  latch: { ok: true, rev: 1, ms: 5 },
  engines: {},
  venues: {},
  verdict: 'FLAT',
  timings: { latchMs: 5, lastCancelMs: 900, verdictMs: 2_500 },
  judgedAt: T0 - 27_500,
  accepted: null,
  over: null,
  ...change,
});

describe('with everything measured', () => {
  it('all is good', () => {
    expect(Object.values(at()).map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'good'));
  });
  it('a closed market is of no account for what needs one, and for nothing else', () => {
    const closed = at({}, { market: { open: false, why: 'weekend' } });
    expect(Object.values(closed).map(({ state }) => state)).toEqual([
      'off',
      'off',
      'off',
      'good',
      'good',
      'good',
    ]);
  });
});

describe('SLO-01', () => {
  it.each([
    [120_000, 'good'],
    [120_001, 'bad'],
  ])('at a gap of %i ms is %s', (gap, state) => {
    const look = at({}, {}, T0 - 60_000 - gap)['SLO-01'];
    expect(look.state).toBe(state);
    if (state === 'bad') expect(look.since).toBe(T0 - gap);
  });
  it.each<[string, ReturnType<typeof at>]>([
    ['no engine is heard', at({}, { engineSilent: true }, T0 - 900_000)],
    ['no feed is configured', at({ rules: { feeds: [] } })],
    ['a symbol never had a bar', at({ rules: { feeds: [{ ...FEED, id: 'other' }] } })],
  ])('is unknown where %s', (_why, looks) => {
    expect(looks['SLO-01'].state).toBe('unknown');
  });
});

describe('SLO-02 and SLO-03', () => {
  it('are unknown without signals, and where nobody would send orders', () => {
    expect(at({ measurements: createMeasurements([FEED]) })['SLO-02'].state).toBe('unknown');
    expect(at({}, { engineSilent: true })['SLO-02'].state).toBe('unknown');
    expect(at({ criteria: [criterion('rejectRate', 'unknown', null)] })['SLO-03'].state).toBe('unknown');
    expect(at({ criteria: [] })['SLO-03'].state).toBe('unknown');
  });
});

describe('SLO-04', () => {
  const lost = (since: number, known: string[], value: number | null = null) =>
    at({
      criteria: [criterion('dailyLoss', 'unknown', value), criterion('positionSize', 'ok')],
      unknownSince: new Map([['dailyLoss', since]]),
      wereKnown: new Set(known),
    })['SLO-04'];
  it('is bad from the beginning once what was known is lost for longer than the grace time', () => {
    expect(lost(T0 - 119_999, ['dailyLoss']).state).toBe('unknown');
    expect(lost(T0 - 120_000, ['dailyLoss'])).toMatchObject({ state: 'bad', since: T0 - 120_000 });
  });
  it('is unmeasured where it was never known, and known where it is only not confirmed', () => {
    expect(lost(T0 - 900_000, []).state).toBe('unknown');
    expect(lost(T0 - 900_000, ['dailyLoss'], 5).state).toBe('good');
  });
  it('is bad while engine and venue disagree', () => {
    const mismatches = [{ key: 'k', what: 'position' as const, text: 'they differ' }];
    expect(at({}, { mismatches })['SLO-04']).toMatchObject({ state: 'bad', why: 'they differ' });
  });
});

describe('SLO-05', () => {
  const left = { verdict: 'RESIDUAL', orders: [{}] } as unknown as VenueVerdict;
  const venue = {
    rounds: 1,
    cancelledMs: 1,
    lists: {},
    first: {},
    newest: {},
    failures: [],
    verdict: left,
    judgedAt: T0,
  };
  it.each<[string, Partial<KillState>, string]>([
    ['in time', {}, 'good'],
    ['not judged after 10 s', { verdict: null, timings: null, judgedAt: null }, 'bad'],
    ['not judged before', { at: T0 - 10_000, verdict: null, timings: null, judgedAt: null }, 'good'],
    ['not latched after 1 s', { at: T0 - 1_001, latch: null, verdict: null, timings: null }, 'bad'],
    ['whose latch failed', { latch: { ok: false, rev: null, ms: 9 } }, 'bad'],
    ['that is UNKNOWN', { verdict: 'UNKNOWN' }, 'bad'],
    ['that left orders', { verdict: 'RESIDUAL', venues: { v: venue } }, 'bad'],
    ['that left positions alone', { verdict: 'RESIDUAL' }, 'good'],
    ['that is over', { verdict: 'UNKNOWN', over: 'lifted' }, 'good'],
    [
      'whose rest was accepted',
      {
        verdict: 'RESIDUAL',
        venues: { v: venue },
        accepted: { by: kill({}).by, at: T0, reason: '', exposure: {} },
      },
      'good',
    ],
  ])('a kill %s', (_what, change, state) => {
    expect(at({ kill: kill(change) })['SLO-05'].state).toBe(state);
  });
  it.each([
    [{ latchMs: 1_000, lastCancelMs: 2_000, verdictMs: 10_000 }, []],
    [{ latchMs: 1_001, lastCancelMs: 1, verdictMs: 1_500 }, [-1]],
    [{ latchMs: 5, lastCancelMs: 2_001, verdictMs: 3_000 }, [-1]],
    [{ latchMs: null, lastCancelMs: null, verdictMs: 500 }, []],
    [{ latchMs: 5, lastCancelMs: 31_000, verdictMs: 40_000 }, [-1, 0]],
  ])('that took %j has bad minutes %j', (timings, minutes) => {
    const now = T0 / 60_000;
    expect(at({ kill: kill({ timings }) })['SLO-05'].badMinutes ?? []).toEqual(
      minutes.map((one) => now + one),
    );
  });
});

describe('SLO-06', () => {
  it('is bad since the last heartbeat of who is silent longest, and unknown where none was ever heard', () => {
    const silent = [
      { id: 'a', ageMs: 20_000, never: false },
      { id: 'b', ageMs: 50_000, never: false },
      { id: 'c', ageMs: 90_000, never: true },
    ];
    expect(at({}, { silent })['SLO-06']).toMatchObject({ state: 'bad', since: T0 - 50_000 });
    expect(at({}, { silent: silent.slice(2) })['SLO-06'].state).toBe('unknown');
    expect(at({}, { heartbeatAgeMs: null })['SLO-06'].state).toBe('unknown');
  });
});

describe('a kill that a newer one followed', () => {
  const at0 = T0 - 10 * 60_000;
  const first = (change: Partial<KillState>) => kill({ id: 'K0', at: at0, ...change });
  const minute = Math.floor(at0 / 60_000);
  const of = (earlier: KillState, until = at0 + 5_000) =>
    at({ kill: kill({}), earlier: [{ kill: earlier, until }] })['SLO-05'].badMinutes ?? [];

  it('stays late: latched too late, cancelled too late, or never judged in time', () => {
    const unjudged = { verdict: null, timings: null, judgedAt: null };
    expect(of(first({ ...unjudged, latch: { ok: true, rev: 1, ms: 900 } }))).toEqual([]);
    expect(of(first({ ...unjudged, latch: { ok: true, rev: 1, ms: 1_100 } }))).toEqual([minute]);
    expect(of(first({ ...unjudged, latch: null }))).toEqual([minute]);
    const venue = {
      rounds: 1,
      lists: {},
      first: {},
      newest: {},
      failures: [],
      verdict: null,
      judgedAt: null,
    };
    expect(of(first({ ...unjudged, venues: { v: { ...venue, cancelledMs: 2_500 } } }))).toEqual([minute]);
    expect(of(first(unjudged), at0 + 9_000)).toEqual([]);
    expect(of(first(unjudged), at0 + 70_000)).toEqual([minute, minute + 1]);
  });

  it('stays late when it was judged between two looks', () => {
    const timings = { latchMs: 3_000, lastCancelMs: 900, verdictMs: 4_000 };
    expect(of(first({ timings }))).toEqual([minute]);
    expect(of(first({}))).toEqual([]);
  });
});
