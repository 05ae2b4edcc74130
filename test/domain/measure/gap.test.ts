/** The data feed gap as a stop: when it kills, and when it only looks as if it should. */

import { describe, expect, it } from 'vitest';
import { conditionsNow } from '../../../src/domain/measure/conditions.ts';
import { type Criterion, type Facts, judgeCriteria } from '../../../src/domain/measure/criteria.ts';
import { marketAt, type TradingHours } from '../../../src/domain/measure/hours.ts';
import { createMeasurements, type Measurements } from '../../../src/domain/measure/measurements.ts';
import { bar, facts, MIN, rules, T0 } from './stream.ts';

const ONE = rules();
const TWO = rules({ feeds: [{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT', 'ETH/USDT'] }] });

function gapAt(of: Measurements, now: number, by = ONE, said: Partial<Facts> = {}): Criterion {
  const found = judgeCriteria(of, now, by, facts(said)).find(({ id }) => id === 'dataFeedGap:f');
  if (found === undefined) throw new Error('no such feed');
  return found;
}
const keysAt = (of: Measurements, now: number, by = ONE, said: Partial<Facts> = {}): string[] =>
  conditionsNow(of, now, by, { ...facts(said), silent: [], mismatches: [] }, [], new Map(), MIN).map(
    ({ key }) => key,
  );
const fed = (...closes: number[]): Measurements => {
  const of = createMeasurements(ONE.feeds);
  for (const closedAt of closes) of.take(bar(closedAt), closedAt);
  return of;
};
const restarted = (of: Measurements): Measurements =>
  createMeasurements(ONE.feeds, JSON.parse(JSON.stringify(of.snapshot())));

describe('the data feed gap', () => {
  it('is unknown before the first bar ever, heartbeats or not', () => {
    const of = createMeasurements(ONE.feeds);
    expect(gapAt(of, T0 + 60 * MIN)).toMatchObject({
      state: 'unknown',
      value: null,
      detail: 'no bar yet of one of its symbols',
    });
  });

  it('of one symbol kills, though another one never had a bar', () => {
    const of = createMeasurements(TWO.feeds);
    of.take(bar(T0), T0);
    expect(gapAt(of, T0 + 2 * MIN, TWO)).toMatchObject({
      state: 'unknown',
      detail: 'no bar yet of ETH/USDT',
    });
    expect(gapAt(of, T0 + 6 * MIN + 1, TWO)).toMatchObject({ state: 'tripped', detail: 'BTC/USDT' });
    expect(keysAt(of, T0 + 4 * MIN, TWO)).toContain('feedStale:f');
  });

  it('does not begin while the market is closed: not on Monday at midnight, not after a maintenance', () => {
    const weekdays: TradingHours = {
      timezone: 'UTC',
      days: ['mon', 'tue', 'wed', 'thu', 'fri'],
      maintenance: [],
    };
    const friday = Date.parse('2026-11-27T23:59:00Z');
    const monday = Date.parse('2026-11-30T00:00:00Z');
    const of = fed(friday);
    const at = (now: number) => ({ market: marketAt(now, weekdays) });
    expect(gapAt(of, monday - 1, ONE, at(monday - 1))).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('outside the trading days'),
    });
    for (const now of [monday, monday + MIN, monday + 6 * MIN])
      expect(gapAt(of, now, ONE, at(now)).state).toBe('ok');
    expect(keysAt(of, monday + MIN, ONE, at(monday + MIN))).toEqual([]);
    // The first bar of Monday is due a minute after it opened; five more without it are too many.
    expect(gapAt(of, monday + 6 * MIN + 1, ONE, at(monday + 6 * MIN + 1))).toMatchObject({
      state: 'tripped',
      value: 300.001,
    });
  });

  it('is not what a bot did not hear while it was down: it waits for the bar that is due, and no longer', () => {
    const of = fed(T0 - MIN, T0);
    gapAt(of, T0 + 30_000);
    const again = restarted(of);
    const up = T0 + 20 * MIN;
    expect(gapAt(again, up)).toMatchObject({
      state: 'unknown',
      detail: expect.stringContaining('nothing watched from 2026-11-25T12:00:30'),
    });
    expect(keysAt(again, up)).toEqual([]);
    expect(gapAt(again, up + MIN - 1).state).toBe('unknown');
    // It was due, and did not come.
    expect(gapAt(again, up + MIN).state).toBe('tripped');
    const fine = restarted(of);
    gapAt(fine, up);
    fine.take(bar(up), up + 1_000);
    expect(gapAt(fine, up + 2_000).state).toBe('ok');
  });

  it('is not forgotten over a restart: what was watched goes on counting', () => {
    const of = fed(T0);
    expect(gapAt(of, T0 + 6 * MIN - 2_000).state).toBe('ok');
    const again = restarted(of);
    expect(gapAt(again, T0 + 6 * MIN).state).toBe('ok');
    expect(gapAt(again, T0 + 6 * MIN + 1_000).state).toBe('unknown');
    // Two seconds were not watched, and they are all that is given.
    expect(gapAt(again, T0 + 6 * MIN + 2_001).state).toBe('tripped');
  });

  it('of a bar that came after the start is sure at once, however old it is', () => {
    const again = restarted(fed(T0));
    gapAt(again, T0 + 30 * MIN);
    again.take(bar(T0 + 20 * MIN, { at: T0 + 30 * MIN }), T0 + 30 * MIN);
    expect(gapAt(again, T0 + 30 * MIN).state).toBe('tripped');
  });

  it('is not hidden by a bar that closes in the future', () => {
    const of = fed(T0);
    // Taken while the clock was an hour ahead.
    of.take(bar(T0 + 60 * MIN), T0 + 60 * MIN);
    expect(gapAt(of, T0 + 6 * MIN + 1)).toMatchObject({ state: 'tripped', value: 300.001 });
  });

  it('waits while the engine confirms that it is stopped, kills when it stops saying so, and is unknown without heartbeats', () => {
    const of = fed(T0);
    const now = T0 + 8 * MIN;
    expect(gapAt(of, now, ONE, { stopConfirmed: true })).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('confirms'),
    });
    expect(gapAt(of, now, rules({ whenPaused: 'kill' }), { stopConfirmed: true }).state).toBe('tripped');
    expect(gapAt(of, now).state).toBe('tripped');
    expect(gapAt(of, now, ONE, { engineSilent: true })).toMatchObject({ state: 'unknown', value: 420 });
  });
});

describe('the staleness of bars', () => {
  const late = (closedAt: number, lateMs: number, of: Measurements) =>
    of.take(bar(closedAt, { at: closedAt + lateMs, availableAt: closedAt + lateMs }), closedAt + lateMs);

  it('is a P1 for an hour when the p99 was over two minutes', () => {
    const of = fed(T0);
    for (let k = 1; k <= 5; k += 1) late(T0 + k * MIN, k === 2 ? 120_001 : 500, of);
    const now = T0 + 6 * MIN;
    expect(keysAt(of, now)).toContain('feedStaleness:f');
    expect(of.staleness.p99('f', now, null)).toEqual({ ms: 120_001, bars: 5 });
    // An hour after that bar came.
    expect(of.staleness.p99('f', T0 + 2 * MIN + 120_001 + 60 * MIN, null)?.ms).toBe(500);
  });

  it('is not the history that an engine tells when it starts, nor what closed before the market opened', () => {
    const of = createMeasurements(ONE.feeds);
    for (let k = 100; k >= 0; k -= 1) of.take(bar(T0 - k * MIN, { at: T0 }), T0);
    expect(of.staleness.p99('f', T0 + 1_000, null)).toBeNull();
    late(T0 + MIN, 20 * MIN, of);
    late(T0 + 30 * MIN, 100, of);
    expect(of.staleness.p99('f', T0 + 31 * MIN, T0 + 25 * MIN)).toEqual({ ms: 100, bars: 1 });
  });

  it('takes the earlier of two words on one bar', () => {
    const of = fed(T0);
    late(T0 + MIN, 50 * MIN, of);
    late(T0 + MIN, 100, of);
    late(T0 + MIN, 30 * MIN, of);
    expect(of.staleness.p99('f', T0 + 52 * MIN, null)).toEqual({ ms: 100, bars: 1 });
  });
});
