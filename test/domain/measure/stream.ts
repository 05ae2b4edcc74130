/** Samples, rules and facts for the tests of what is measured, and random streams of them. */

import fc from 'fast-check';
import type { Facts, StopRules } from '../../../src/domain/measure/criteria.ts';
import type {
  BarSample,
  OrderSample,
  PnlSample,
  PositionSample,
  Sample,
} from '../../../src/domain/measure/samples.ts';
import { policy } from '../../scenarios/desk.ts';

/** A Sunday would be closed at many desks; this is a Wednesday. */
export const T0 = Date.parse('2026-11-25T12:00:00Z');
export const MIN = 60_000;

/**
 * How many random cases: `STANDDOWN_CASES=100000` by hand, fewer each time. A failure prints its seed and is not shrunk: with
 * streams of this size that takes minutes. (Arrays need `size: 'max'`, else fast-check makes them ten long at most.)
 */
export const cases = (few: number): { numRuns: number; endOnFailure: true } => ({
  numRuns: Number(process.env['STANDDOWN_CASES'] ?? few),
  endOnFailure: true,
});

const { criteria } = policy().playbook;

export const rules = (change: Partial<StopRules> = {}): StopRules => ({
  criteria,
  limits: {
    maxDailyLoss: { unit: 'amount', value: 10 },
    maxNotional: 100,
    currency: 'USDT',
    perVenue: {},
  },
  minOrders: 10,
  confirmations: 2,
  whenPaused: 'wait',
  feeds: [{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT'] }],
  venues: [],
  ...change,
});

export const facts = (change: Partial<Facts> = {}): Facts => ({
  market: { open: true, since: null },
  stopConfirmed: false,
  engineSilent: false,
  heartbeatAgeMs: 1_000,
  ...change,
});

export const order = (
  orderId: string,
  at: number,
  status: OrderSample['status'] = 'accepted',
  more: Partial<OrderSample> = {},
): OrderSample => ({ type: 'order', at, venue: 'v', symbol: 'BTC/USDT', orderId, status, ...more });

export const bar = (closedAt: number, more: Partial<BarSample> = {}): BarSample => ({
  type: 'bar',
  at: closedAt,
  feed: 'f',
  symbol: 'BTC/USDT',
  closedAt,
  ...more,
});

export const pnl = (at: number, dayPnl: number, more: Partial<PnlSample> = {}): PnlSample => ({
  type: 'pnl',
  at,
  dayPnl,
  currency: 'USDT',
  ...more,
});

export const position = (
  at: number,
  notional: number,
  more: Partial<PositionSample> = {},
): PositionSample => ({ type: 'position', at, venue: 'v', symbol: 'BTC/USDT', notional, ...more });

/** A batch of samples that came together. */
export interface Batch {
  at: number;
  samples: Sample[];
}

/** Numbers that break sums and comparisons. */
export const oddNumber = fc.constantFrom(0, -0, 1e308, -1e308, Number.NaN, 5e-324, 1e15, -1e15);

const delay = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(10 * MIN - 1, 10 * MIN, 10 * MIN + 1, -5_000) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 12 * MIN }) },
);

const any = fc.oneof(
  fc
    .record({
      id: fc.integer({ min: 0, max: 40 }),
      status: fc.constantFrom(
        'accepted' as const,
        'accepted' as const,
        'accepted' as const,
        'rejected' as const,
        'filled' as const,
        'canceled' as const,
      ),
      venue: fc.constantFrom('v', 'w'),
      qty: fc.constantFrom(undefined, 0, 1, 2),
      slip: fc.constantFrom(undefined, -9, 0, 4, 9),
    })
    .map(
      ({ id, status, venue, qty, slip }) =>
        (at: number): Sample =>
          order(`o${id}`, at, status, {
            venue,
            ...(qty === undefined ? {} : { qty, filledQty: 1 }),
            ...(slip === undefined ? {} : { slippageBps: slip }),
          }),
    ),
  fc
    .record({ back: fc.constantFrom(0, 0, 0, MIN, 2 * MIN), symbol: fc.constantFrom('BTC/USDT', 'ETH/USDT') })
    .map(
      ({ back, symbol }) =>
        (at: number): Sample =>
          bar(Math.floor(at / MIN) * MIN - back, { at, symbol }),
    ),
  fc
    .record({
      dayPnl: fc.oneof(fc.integer({ min: -40, max: 10 }), oddNumber),
      equity: fc.constantFrom(undefined, 0, 1_000, 990, -5),
      currency: fc.constantFrom('USDT', 'USDT', 'USDT', 'USDT', 'EUR'),
    })
    .map(
      ({ dayPnl, equity, currency }) =>
        (at: number): Sample =>
          pnl(at, dayPnl, { currency, ...(equity === undefined ? {} : { equity }) }),
    ),
  fc
    .record({
      notional: fc.oneof(fc.integer({ min: -200, max: 200 }), oddNumber),
      venue: fc.constantFrom('v', 'w'),
      symbol: fc.constantFrom('BTC/USDT', 'ETH/USDT'),
    })
    .map(
      ({ notional, venue, symbol }) =>
        (at: number): Sample =>
          position(at, notional, { venue, symbol }),
    ),
  fc
    .oneof(
      fc.constantFrom(0, 999.5, 1_000, 1_000.01, 1_999.5, 2_000, 20_000),
      fc.integer({ min: 0, max: 3_000 }),
    )
    .map(
      (latencyMs) =>
        (at: number): Sample => ({ type: 'signal', at, latencyMs }),
    ),
);

/** Twenty minutes over a UTC midnight or not, in batches, each with what came late, twice or ahead of its time. */
export const stream: fc.Arbitrary<Batch[]> = fc
  .record({
    start: fc.constantFrom(T0, Date.parse('2026-11-25T23:50:00Z')),
    all: fc.array(fc.record({ make: any, at: fc.integer({ min: 0, max: 20 * MIN }), delay }), {
      minLength: 1,
      maxLength: 80,
      size: 'max',
    }),
    /** Batches end at these: 1 s to 4 min apart. */
    steps: fc.array(fc.integer({ min: 1_000, max: 4 * MIN }), { minLength: 6, maxLength: 14, size: 'max' }),
  })
  .map(({ start, all, steps }) => {
    const ends: number[] = [];
    for (const step of steps) ends.push((ends.at(-1) ?? start) + step);
    const batches = ends.map((at): Batch => ({ at, samples: [] }));
    for (const one of all) {
      const at = start + one.at;
      const batch = batches.find((each) => each.at >= at + one.delay && at <= each.at + 5_000);
      batch?.samples.push(one.make(at));
    }
    return batches;
  });

/** A signal has no name: told twice, it is two. */
const isTold = ({ type }: Sample): boolean => type !== 'signal';

/** The same batches: each in another order, and with some of its samples twice. */
export const shuffled = (batches: Batch[]): fc.Arbitrary<Batch[]> =>
  fc.tuple(
    ...batches.map(({ at, samples }) =>
      fc
        .tuple(fc.subarray(samples.filter(isTold)), fc.constant(samples))
        .chain(([again, once]) =>
          fc.shuffledSubarray([...once, ...again], { minLength: once.length + again.length }),
        )
        .map((mixed): Batch => ({ at, samples: mixed })),
    ),
  );
