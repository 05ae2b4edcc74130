/** The last hundred orders, kept in order: against sorting everything anew. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOrderRun } from '../../../src/domain/measure/orders.ts';
import type { OrderSample } from '../../../src/domain/measure/samples.ts';

const T0 = Date.parse('2026-11-22T12:00:00Z');
const sample = fc
  .record({
    n: fc.integer({ min: 0, max: 400 }),
    at: fc.integer({ min: 0, max: 500 }),
    bad: fc.boolean(),
  })
  .map(
    ({ n, at, bad }): OrderSample => ({
      type: 'order',
      at: T0 + at,
      venue: 'v',
      symbol: 's',
      orderId: `o${n}`,
      status: bad ? 'rejected' : 'accepted',
    }),
  );

/** Fewer orders than are kept, so that nothing is lost on the way. */
function slowly(samples: OrderSample[]): { share: number; inARow: number } {
  const orders = new Map<string, { at: number; id: string; rejected: boolean }>();
  for (const { orderId, at, status } of samples) {
    const known = orders.get(orderId);
    orders.set(orderId, {
      id: `v s ${orderId}`,
      at: Math.min(known?.at ?? at, at),
      rejected: (known?.rejected ?? false) || status === 'rejected',
    });
  }
  const all = [...orders.values()].toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const last = all.slice(-100);
  return {
    share: last.filter(({ rejected }) => rejected).length / last.length,
    inARow: all.length - 1 - all.findLastIndex(({ rejected }) => !rejected),
  };
}

describe('the last hundred orders', () => {
  it('are those of all that came, in any order, each once', () => {
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 240, size: 'max' }), (samples) => {
        const run = createOrderRun();
        for (const one of samples) run.take(one, T0 + 1_000);
        const { share, inARow } = slowly(samples);
        expect(run.rejectedInARow()).toBe(inARow);
        const said = run.rejectShare();
        if (said !== null) expect(said.share).toBe(share);
        expect(createOrderRun(run.snapshot()).rejectedInARow()).toBe(inARow);
      }),
      { numRuns: 500 },
    );
  });

  it('stay the newest when more than are kept come late', () => {
    const run = createOrderRun();
    const one = (n: number, at: number, bad: boolean): OrderSample => ({
      type: 'order',
      at: T0 + at,
      venue: 'v',
      symbol: 's',
      orderId: `o${n}`,
      status: bad ? 'rejected' : 'accepted',
    });
    for (let n = 0; n < 300; n += 1) run.take(one(n, 10_000 + n, false), T0 + 20_000);
    for (let n = 300; n < 900; n += 1) run.take(one(n, n, true), T0 + 20_000);
    expect(run.rejectShare()).toEqual({ share: 0, orders: 100 });
    run.take(one(299, 5, true), T0 + 20_000);
    expect(run.rejectShare()).toEqual({ share: 0, orders: 100 });
  });
});
