/** Daily loss and position size: what confirms, what is void, what is unknown; against rules written out once more. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Criterion, judgeCriteria, type StopRules } from '../../../src/domain/measure/criteria.ts';
import { createMeasurements } from '../../../src/domain/measure/measurements.ts';
import type { PnlSample, PositionSample, Sample } from '../../../src/domain/measure/samples.ts';
import { cases, facts, MIN, oddNumber, pnl, position, rules, T0 } from './stream.ts';

const PERCENT = rules({
  limits: { maxDailyLoss: { unit: 'percent', value: 1 }, maxNotional: 100, currency: 'USDT', perVenue: {} },
});
const VENUES = rules({
  limits: {
    maxDailyLoss: { unit: 'amount', value: 10 },
    maxNotional: 100,
    currency: 'USDT',
    perVenue: { w: 40 },
  },
});

/** What is told at once at `now` is judged then. */
function judged(id: string, samples: Sample[], now: number, by: StopRules): Criterion {
  const of = createMeasurements(by.feeds);
  for (const one of samples) of.take(one, now);
  const found = judgeCriteria(of, now, by, facts()).find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

const MIDNIGHT = Date.parse('2026-11-26T00:00:00Z');
const moment = fc.oneof(
  fc.integer({ min: -150_000, max: 5_000 }),
  fc.constantFrom(-120_000, -119_999, -60_001, -60_000, -59_999, -1, 0, 1),
);
const size = fc.oneof(
  fc.integer({ min: -30, max: 30 }),
  fc.constantFrom(-20, -20.000001, -19.999999, 150, 150.000001, 149.999999, 60, 60.1),
  oddNumber,
);
const dayOf = (at: number): number => Math.floor(at / 86_400_000);
const tidy = (value: number): number => Number(value.toPrecision(12));
/** Newest first, each within a minute of the one before. */
const standTogether = (readings: { at: number }[]): boolean =>
  readings.length === 2 && (readings[0]?.at ?? 0) - (readings[1]?.at ?? 0) <= MIN;

describe('the daily loss', () => {
  const reading = fc.record({
    at: moment,
    dayPnl: size,
    equity: fc.constantFrom(undefined, 0, -50, 980, 1_000, 1e308, Number.NaN),
    currency: fc.constantFrom('USDT', 'USDT', 'USDT', 'EUR'),
  });

  function slowly(all: PnlSample[], now: number, by: StopRules): string {
    const fresh = all
      .filter(({ at }) => at > now - 120_000 && dayOf(at) === dayOf(now))
      .toSorted((a, b) => b.at - a.at);
    const ours = fresh.filter(({ currency }) => currency === 'USDT');
    const limitOf = ({ equity, dayPnl }: PnlSample): number | null => {
      if (by.limits.maxDailyLoss.unit === 'amount') return 20;
      const start = (equity ?? Number.NaN) - dayPnl;
      return Number.isFinite(start) && start > 0 ? tidy((2 * start) / 100) : null;
    };
    const isOver = (one: PnlSample) => {
      const limit = limitOf(one);
      return limit !== null && tidy(-one.dayPnl) > limit;
    };
    const [newest] = ours;
    if (standTogether(ours.slice(0, 2)) && ours.slice(0, 2).every(isOver)) return 'tripped';
    if (newest === undefined || ours.length < fresh.length) return 'unknown';
    const limit = limitOf(newest);
    if (limit === null || !Number.isFinite(newest.dayPnl) || !Number.isFinite(limit)) return 'unknown';
    return isOver(newest) ? 'unknown' : 'ok';
  }

  it.each([
    ['an amount', rules()],
    ['a percentage', PERCENT],
  ])('is what the rules say, in %s, whatever the readings', (_, by) => {
    fc.assert(
      fc.property(
        fc.uniqueArray(reading, { selector: ({ at }) => at, maxLength: 8, size: 'max' }),
        fc.constantFrom(T0, MIDNIGHT, MIDNIGHT + 30_000),
        (readings, now) => {
          const samples = readings.map(({ at, dayPnl, equity, currency }) =>
            pnl(now + at, dayPnl, { currency, ...(equity === undefined ? {} : { equity }) }),
          );
          expect(judged('dailyLoss', samples, now, by).state).toBe(slowly(samples, now, by));
        },
      ),
      cases(2_000),
    );
  });

  it('one absurd reading does not kill, and is seen; two do', () => {
    const absurd = (at: number) => pnl(at, -400, { equity: 0 });
    const normal = pnl(T0 - 4_000, -1, { equity: 999 });
    expect(judged('dailyLoss', [normal, absurd(T0)], T0, PERCENT)).toMatchObject({
      state: 'unknown',
      value: 400,
      limit: 8,
      detail: 'over the limit in 1 of 2 readings: not confirmed',
      evidence: { samples: [expect.stringContaining('-400 USDT today, equity 0'), expect.any(String)] },
    });
    expect(judged('dailyLoss', [normal, absurd(T0 - 2_000), absurd(T0)], T0, PERCENT).state).toBe('tripped');
    // The same reading twice is one reading.
    expect(judged('dailyLoss', [normal, absurd(T0), absurd(T0)], T0, PERCENT).state).toBe('unknown');
  });

  it('equity 0 without a loss says nothing that a limit in percent could be told from', () => {
    const [one, two] = [T0 - 1_000, T0].map((at) => pnl(at, 0, { equity: 0 })) as [PnlSample, PnlSample];
    expect(judged('dailyLoss', [one, two], T0, PERCENT)).toMatchObject({
      state: 'unknown',
      limit: null,
      detail: 'no usable equity: the limit is in percent of it',
    });
  });

  it('all that there was is lost: nothing is left, and the limit is that of the morning', () => {
    const lost = [T0 - 1_000, T0].map((at) => pnl(at, -1_000, { equity: 0 }));
    expect(judged('dailyLoss', lost, T0, PERCENT)).toMatchObject({
      state: 'tripped',
      value: 1_000,
      limit: 20,
    });
  });

  it('of two that claim one moment the worse one stands, whichever came first', () => {
    const pair = [pnl(T0, -1), pnl(T0, -50)];
    const before = pnl(T0 - 1_000, -50);
    for (const samples of [pair, pair.toReversed()])
      expect(judged('dailyLoss', [before, ...samples], T0, rules()).state).toBe('tripped');
  });

  it('a reading in another currency hides no loss that two others agree on', () => {
    const samples = [pnl(T0 - 2_000, -50), pnl(T0 - 1_000, -50), pnl(T0, -1, { currency: 'EUR' })];
    expect(judged('dailyLoss', samples, T0, rules()).state).toBe('tripped');
    expect(judged('dailyLoss', [pnl(T0, -1, { currency: 'EUR' })], T0, rules())).toMatchObject({
      state: 'unknown',
      detail: 'the engine counts in EUR, the limit in USDT',
    });
  });
});

describe('the position size', () => {
  const reading = fc.record({
    at: moment,
    notional: size,
    venue: fc.constantFrom('v', 'w'),
    symbol: fc.constantFrom('BTC/USDT', 'ETH/USDT'),
  });

  function slowly(all: PositionSample[], now: number): string {
    const keys = [...new Set(all.map(({ venue, symbol }) => `${venue} ${symbol}`))];
    const lists = keys.map((key) =>
      all.filter((one) => `${one.venue} ${one.symbol}` === key).toSorted((a, b) => b.at - a.at),
    );
    const isDead = ([newest]: PositionSample[]) => (newest?.at ?? 0) <= now - 120_000;
    /** Closed, and not spoken of since: closed. */
    const spoken = lists.filter((list) => !isDead(list) || list[0]?.notional !== 0);
    const fresh = spoken.filter((list) => !isDead(list));
    if (fresh.length === 0) return 'unknown';
    const isOver = (sizeOf: (list: PositionSample[]) => number) => {
      const at = (venue: string | null) =>
        tidy(
          fresh
            .filter(([one]) => venue === null || one?.venue === venue)
            .reduce((sum, list) => sum + sizeOf(list), 0),
        );
      return at(null) > 150 || at('w') > 60;
    };
    const last = ([one]: PositionSample[]) => Math.abs(one?.notional ?? 0);
    const sure = (list: PositionSample[]) =>
      standTogether(list.slice(0, 2))
        ? Math.min(...list.slice(0, 2).map(({ notional }) => Math.abs(notional)))
        : 0;
    if (isOver(sure)) return 'tripped';
    if (fresh.length < spoken.length || isOver(last)) return 'unknown';
    return Number.isFinite(fresh.reduce((sum, list) => sum + last(list), 0)) ? 'ok' : 'unknown';
  }

  it('is what the rules say, whatever the readings', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(reading, {
          selector: ({ at, venue, symbol }) => `${at} ${venue} ${symbol}`,
          maxLength: 12,
          size: 'max',
        }),
        (readings) => {
          const samples = readings.map(({ at, notional, ...more }) => position(T0 + at, notional, more));
          expect(judged('positionSize', samples, T0, VENUES).state).toBe(slowly(samples, T0));
        },
      ),
      cases(2_000),
    );
  });

  it('one reading a thousand times too large does not kill, and is seen; two do', () => {
    const readings = [position(T0 - 4_000, 80), position(T0 - 2_000, 80), position(T0, 80_000)];
    expect(judged('positionSize', readings, T0, rules())).toMatchObject({
      state: 'unknown',
      value: 80_000,
      limit: 150,
      detail: '80000 in all in one reading: not confirmed',
    });
    expect(
      judged('positionSize', [...readings, position(T0 + 1_000, -80_000)], T0 + 1_000, rules()).state,
    ).toBe('tripped');
  });

  it('one symbol that nobody speaks of any more hides none that is too large', () => {
    const large = [position(T0 - 1_000, 200), position(T0, 200)];
    const dead = position(T0 - 3 * MIN, 5, { symbol: 'OLD/USDT' });
    expect(judged('positionSize', [dead, ...large], T0, rules()).state).toBe('tripped');
    expect(judged('positionSize', [dead, position(T0, 5)], T0, rules())).toMatchObject({
      state: 'unknown',
      detail: expect.stringContaining('OLD/USDT was last spoken of at'),
    });
  });

  it('parts that are exactly the limit are not over it by the dust of binary numbers', () => {
    const parts = [0.1, 0.2].map((notional, n) => position(T0, notional, { symbol: `S${n}/USDT` }));
    const again = parts.map((one) => ({ ...one, at: T0 - 1_000 }));
    const by = rules({ limits: { ...rules().limits, maxNotional: 0.2 } });
    expect(judged('positionSize', [...parts, ...again], T0, by)).toMatchObject({
      state: 'ok',
      value: 0.3,
      limit: 0.3,
    });
  });

  it('a sum that overflows is no number, and never fine', () => {
    const parts = ['A', 'B'].map((symbol) => position(T0, 1e308, { symbol }));
    const by = rules({ limits: { ...rules().limits, maxNotional: 1e308 } });
    expect(judged('positionSize', parts, T0, by)).toMatchObject({ state: 'unknown', value: null });
  });
});

describe('what a venue said while our clock was an hour ahead', () => {
  it('is void when the clock is right again, and hides nothing that the venue says then', () => {
    const by = rules({ venues: ['v'] });
    const of = createMeasurements(by.feeds);
    const say = (at: number, dayPnl: number, notional: number) => {
      of.money.takeVenuePnl({ venue: 'v', at, dayPnl, startEquity: 1_000, currency: 'USDT' });
      of.money.takeVenuePositions({
        venue: 'v',
        at,
        positions: [{ symbol: 'BTC/USDT', side: 'long', notional, currency: 'USDT' }],
      });
    };
    const states = () =>
      Object.fromEntries(judgeCriteria(of, T0, by, facts()).map(({ id, state }) => [id, state]));
    say(T0 + 60 * MIN, 5, 5);
    expect(states()).toMatchObject({ dailyLoss: 'unknown', positionSize: 'unknown' });
    say(T0, -50, 500);
    expect(states()).toMatchObject({ dailyLoss: 'tripped', positionSize: 'tripped' });
  });
});
