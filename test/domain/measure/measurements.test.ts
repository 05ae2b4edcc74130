/** All that is measured, together: no order of arrival, no copy and no restart changes what is decided of it. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Condition, conditionsNow } from '../../../src/domain/measure/conditions.ts';
import { type Criterion, judgeCriteria } from '../../../src/domain/measure/criteria.ts';
import { createMeasurements, type Measurements } from '../../../src/domain/measure/measurements.ts';
import type { Sample } from '../../../src/domain/measure/samples.ts';
import {
  type Batch,
  bar,
  cases,
  facts,
  MIN,
  order,
  pnl,
  position,
  rules,
  shuffled,
  stream,
  T0,
} from './stream.ts';

const RULES = rules({
  limits: {
    maxDailyLoss: { unit: 'percent', value: 1 },
    maxNotional: 100,
    currency: 'USDT',
    perVenue: { w: 60 },
  },
  minOrders: 3,
  feeds: [{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT', 'ETH/USDT'] }],
});
const OPEN = () => true;

interface Verdict {
  criteria: Criterion[];
  conditions: Condition[];
}

function take(of: Measurements, { at, samples }: Batch): Verdict {
  for (const one of samples) of.take(one, at);
  of.feeds.tick(at, OPEN);
  const criteria = judgeCriteria(of, at, RULES, facts());
  const conditions = conditionsNow(
    of,
    at,
    RULES,
    { ...facts(), silent: [], mismatches: [] },
    criteria,
    new Map(),
    MIN,
  );
  return { criteria, conditions };
}

/** What people act on. Texts may name another of several that are equally true. */
const decided = ({ criteria, conditions }: Verdict) => ({
  criteria: criteria.map(({ id, state, value, limit, ageMs }) => ({ id, state, value, limit, ageMs })),
  conditions,
});

const restarted = (of: Measurements, at: number): Measurements => {
  const again = createMeasurements(RULES.feeds, JSON.parse(JSON.stringify(of.snapshot())));
  again.watch(at);
  again.feeds.tick(at, OPEN);
  return again;
};

describe('what is measured', () => {
  it('is the same in whatever order a batch comes, and however often it holds the same sample', () => {
    fc.assert(
      fc.property(
        stream.chain((batches) => fc.tuple(fc.constant(batches), shuffled(batches))),
        ([batches, mixed]) => {
          const one = createMeasurements(RULES.feeds);
          const other = createMeasurements(RULES.feeds);
          for (const [index, batch] of batches.entries())
            expect(decided(take(other, mixed[index] as Batch))).toEqual(decided(take(one, batch)));
        },
      ),
      cases(500),
    );
  });

  it('is the same over a restart at any point', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 0, max: 13 }), (batches, cut) => {
        const one = createMeasurements(RULES.feeds);
        let other = createMeasurements(RULES.feeds);
        for (const [index, batch] of batches.entries()) {
          expect(take(other, batch)).toEqual(take(one, batch));
          if (index === cut) other = restarted(other, batch.at);
        }
      }),
      cases(500),
    );
  });

  it('never has a negative age, and no value that is no number', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: -30 * MIN, max: 5 * MIN })), (batches, jumps) => {
        const of = createMeasurements(RULES.feeds);
        for (const [index, batch] of batches.entries()) {
          // The clock goes back, and forward again.
          const { criteria } = take(of, { ...batch, at: batch.at + (jumps[index] ?? 0) });
          for (const { ageMs, value, limit, headroom, state } of criteria) {
            expect(ageMs ?? 0).toBeGreaterThanOrEqual(0);
            for (const number of [value, limit, headroom])
              expect(number === null || Number.isFinite(number)).toBe(true);
            if (state === 'tripped') expect(limit).not.toBeNull();
          }
        }
      }),
      cases(500),
    );
  });

  it.each<[string, (at: number) => Sample[], string]>([
    [
      'daily loss',
      (at) => [pnl(at - 2_000, -50, { equity: 950 }), pnl(at, -50, { equity: 950 })],
      'dailyLoss',
    ],
    ['position size', (at) => [position(at - 2_000, 500), position(at, 500)], 'positionSize'],
    ['reject rate', (at) => [1, 2, 3, 4].map((n) => order(`${at}-${n}`, at - n, 'rejected')), 'rejectRate'],
    [
      'feed gap',
      (at) => ['BTC/USDT', 'ETH/USDT'].map((symbol) => bar(at - 7 * MIN, { at, symbol })),
      'dataFeedGap:f',
    ],
  ])('finds the %s whatever the clock did before: an hour ahead, or an hour behind', (_, samples, id) => {
    const stateAt = (of: Measurements, at: number) =>
      take(of, { at, samples: samples(at) }).criteria.find((one) => one.id === id)?.state;
    const healthy = (at: number): Sample[] => [
      pnl(at, 0, { equity: 1_000 }),
      position(at, 10),
      order(`ok${at}`, at),
      ...['BTC/USDT', 'ETH/USDT'].map((symbol) => bar(Math.floor(at / MIN) * MIN, { at, symbol })),
    ];
    for (const off of [60 * MIN, -60 * MIN, 400 * 86_400_000]) {
      const of = createMeasurements(RULES.feeds);
      take(of, { at: T0, samples: healthy(T0) });
      // Both clocks are off, as on one machine: what comes looks right.
      for (let s = 0; s < 20; s += 1)
        take(of, { at: T0 + off + s * 1_000, samples: healthy(T0 + off + s * 1_000) });
      expect(stateAt(of, T0 + 7 * MIN)).toBe('tripped');
    }
  });

  it('takes a sample for the stops until it is ten minutes old, that moment included', () => {
    const rejected = (at: number) => {
      const of = createMeasurements(RULES.feeds);
      for (const n of [1, 2, 3]) of.take(order(`o${n}`, at, 'rejected'), T0);
      return judgeCriteria(of, T0, RULES, facts()).find(({ id }) => id === 'rejectRate')?.state;
    };
    expect(rejected(T0 - 10 * MIN)).toBe('tripped');
    expect(rejected(T0 - 10 * MIN - 1)).toBe('ok');
  });

  it('says nothing good of orders once the engine has fallen silent', () => {
    const of = createMeasurements(RULES.feeds);
    for (const n of [1, 2, 3, 4]) of.take(order(`o${n}`, T0), T0);
    const state = (engineSilent: boolean) =>
      judgeCriteria(of, T0 + 1_000, RULES, facts({ engineSilent })).find(({ id }) => id === 'rejectRate');
    expect(state(false)).toMatchObject({ state: 'ok', detail: '0 of 4 orders' });
    expect(state(true)).toMatchObject({
      state: 'unknown',
      detail: expect.stringContaining('no heartbeat any more'),
    });
  });

  it('of a clock that was ahead is void, and a trip that it found stands for five minutes of the right one', () => {
    const of = createMeasurements(RULES.feeds);
    const ahead = T0 + 60 * MIN;
    take(of, {
      at: ahead,
      samples: [
        pnl(ahead, 5, { equity: 1_000 }),
        position(ahead, 5),
        ...[1, 2, 3].map((n) => order(`o${n}`, ahead, 'rejected')),
      ],
    });
    const states = (at: number) =>
      Object.fromEntries(
        take(of, { at, samples: [] }).criteria.map(({ id, state, ageMs }) => [id, [state, ageMs]]),
      );
    expect(states(T0)).toMatchObject({
      dailyLoss: ['unknown', null],
      positionSize: ['unknown', null],
      rejectRate: ['tripped', 0],
    });
    expect(states(T0 + 5 * MIN - 1)['rejectRate']).toEqual(['tripped', 0]);
    expect(states(T0 + 5 * MIN)['rejectRate']).toEqual(['ok', null]);
  });

  it('looks at the latency once a bar, over a restart and after a clock that was ahead', () => {
    const slow = (at: number): Sample => ({ type: 'signal', at, latencyMs: 5_000 });
    let of = createMeasurements(RULES.feeds);
    of.take(bar(T0 + 60 * MIN), T0 + 60 * MIN);
    of.slowBars(T0 + 60 * MIN);
    of.take(slow(T0), T0);
    for (const k of [1, 2, 3]) {
      for (const symbol of ['BTC/USDT', 'ETH/USDT']) of.take(bar(T0 + k * MIN, { symbol }), T0 + k * MIN);
      expect(of.slowBars(T0 + k * MIN)).toBe(k);
    }
    of = restarted(of, T0 + 3 * MIN);
    // The same bar again is no look.
    of.take(bar(T0 + 3 * MIN), T0 + 3 * MIN);
    expect(of.slowBars(T0 + 3 * MIN)).toBe(3);
    of.take(bar(T0 + 4 * MIN), T0 + 4 * MIN);
    expect(of.slowBars(T0 + 4 * MIN)).toBe(4);
  });

  it('stays small, whatever names a sender invents', () => {
    const of = createMeasurements(RULES.feeds);
    for (let n = 0; n < 50_000; n += 1) {
      of.take(position(T0, 1, { symbol: `X${n}` }), T0);
      of.take(bar(T0 - n * 7, { at: T0 }), T0);
    }
    const { money, staleness, feeds } = of.snapshot();
    expect(money.positions.length).toBeLessThanOrEqual(1_000);
    expect(feeds['f']?.['BTC/USDT']?.bars.length).toBeLessThan(500);
    expect(staleness[0]?.[2].length).toBeLessThanOrEqual(20_000);
    // Not silently: what is left out might be the large one.
    expect(
      judgeCriteria(of, T0, rules({ limits: { ...RULES.limits, maxNotional: 1e6 } }), facts()),
    ).toContainEqual(
      expect.objectContaining({
        id: 'positionSize',
        state: 'unknown',
        detail: expect.stringContaining('not whole'),
      }),
    );
  });
});
