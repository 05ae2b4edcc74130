/** The last hundred orders, against a count of all of them. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOrderRun, type OrderRun } from '../../../src/domain/measure/orders.ts';
import type { OrderSample } from '../../../src/domain/measure/samples.ts';
import { cases, order, T0 } from './stream.ts';

const NOW = T0 + 3_600_000;
const said = fc
  .record({
    id: fc.integer({ min: 0, max: 45 }),
    venue: fc.constantFrom('v', 'w'),
    at: fc.integer({ min: 0, max: 400 }),
    status: fc.constantFrom(
      'accepted' as const,
      'accepted' as const,
      'accepted' as const,
      'rejected' as const,
      'filled' as const,
      'filled' as const,
      'canceled' as const,
    ),
    sizes: fc.constantFrom(
      {},
      {},
      { qty: 2, filledQty: 1 },
      { qty: 0, filledQty: 0 },
      { qty: 1, filledQty: 3 },
    ),
    slip: fc.constantFrom({}, { slippageBps: 4 }, { slippageBps: -6 }, { slippageBps: 5 }),
  })
  .map(({ id, venue, at, status, sizes, slip }) =>
    order(`${id}`, T0 + at, status, { venue, ...sizes, ...slip }),
  );
/** Fewer orders than are kept: what is older than those counts nowhere. */
const run = fc.array(said, { maxLength: 240, size: 'max' });

const keyed = (one: OrderSample) => `${one.venue} BTC/USDT ${one.orderId}`;
const grouped = (all: OrderSample[]): OrderSample[][] =>
  [...new Set(all.map(keyed))].map((key) => all.filter((one) => keyed(one) === key));

function slowly(all: OrderSample[]) {
  const placed = grouped(all.filter(({ status }) => status === 'accepted' || status === 'rejected'))
    .map((words) => ({
      key: keyed(words[0] as OrderSample),
      at: Math.min(...words.map(({ at }) => at)),
      bad: words.some(({ status }) => status === 'rejected'),
    }))
    .toSorted((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
  const ended = grouped(all.filter(({ status }) => status === 'filled' || status === 'canceled'))
    .map((words) => ({
      key: keyed(words[0] as OrderSample),
      at: Math.max(...words.map(({ at }) => at)),
      filled: Math.max(
        ...words.map(({ status, qty, filledQty }) =>
          qty !== undefined && qty > 0 && filledQty !== undefined
            ? Math.min(1, filledQty / qty)
            : status === 'filled'
              ? 1
              : 0,
        ),
      ),
      off: words.flatMap(({ slippageBps }) => (slippageBps === undefined ? [] : [Math.abs(slippageBps)])),
    }))
    .toSorted((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
  const badIn = (orders: typeof placed) => orders.filter(({ bad }) => bad).length;
  let inARow = 0;
  while (placed.at(-1 - inARow)?.bad === true) inARow += 1;
  let under = 0;
  for (let end = placed.length; end >= 50; end -= 1) {
    const hundred = placed.slice(0, end).slice(-100);
    if ((hundred.length - badIn(hundred)) / hundred.length >= 0.995) break;
    under += 1;
  }
  const last = placed.slice(-100);
  const fills = ended.slice(-100);
  const off = ended.flatMap((one) => (one.off.length === 0 ? [] : [Math.max(...one.off)])).slice(-100);
  const sum = (values: number[]) => values.reduce((total, one) => total + one, 0);
  return {
    inARow,
    under,
    rejects: last.length < 50 ? null : { share: badIn(last) / last.length, orders: last.length },
    fills:
      fills.length < 50
        ? null
        : { share: sum(fills.map(({ filled }) => filled)) / fills.length, orders: fills.length },
    slippage: off.length < 10 ? null : { bps: sum(off) / off.length, fills: off.length },
  };
}

const seen = (of: OrderRun) => ({
  inARow: of.rejectedInARow(),
  under: of.underSuccess(99.5),
  rejects: of.rejectShare(),
  fills: of.fillShare(),
  slippage: of.meanSlippageBps(),
});

describe('the last hundred orders', () => {
  it('are what a count of all of them finds, in any order of arrival, with copies, over a restart', () => {
    fc.assert(
      fc.property(
        run.chain((all) =>
          fc.tuple(
            fc.constant(all),
            fc
              .subarray(all)
              .chain((again) =>
                fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
              ),
          ),
        ),
        fc.integer({ min: 0, max: 240 }),
        ([all, mixed], cut) => {
          let of = createOrderRun();
          for (const [index, one] of mixed.entries()) {
            of.take(one, NOW);
            if (index === cut) of = createOrderRun(JSON.parse(JSON.stringify(of.snapshot())));
          }
          expect(seen(of)).toEqual(slowly(all));
        },
      ),
      cases(300),
    );
  });

  it('stay a few hundred, whatever comes', () => {
    const of = createOrderRun();
    for (let n = 0; n < 20_000; n += 1)
      of.take(order(`${n}`, T0 + n, n % 3 === 0 ? 'filled' : 'accepted'), NOW);
    expect(JSON.stringify(of.snapshot()).length).toBeLessThan(60_000);
  });

  it('of a clock that was ahead give way to what comes now', () => {
    const of = createOrderRun();
    of.take(order('ahead', T0 + 3_600_000), T0 + 3_600_000);
    for (const id of ['a', 'b', 'c']) of.take(order(id, T0, 'rejected'), T0);
    expect(of.rejectedInARow()).toBe(3);
  });
});
