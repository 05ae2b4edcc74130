/** The sliding window, against one that counts every window anew at every millisecond where anything could change. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRejectWindow, REJECT_WINDOW_MS } from '../../../src/domain/measure/rejects.ts';
import type { OrderSample } from '../../../src/domain/measure/samples.ts';
import { cases, order, T0 } from './stream.ts';

/** Slow and obvious: every order at its earliest word, every window by counting. */
function slowly(samples: OrderSample[], now: number, overPct: number, minOrders: number): number | null {
  const orders = new Map<string, { at: number; rejected: boolean }>();
  for (const { orderId, at, status } of samples) {
    if (status !== 'accepted' && status !== 'rejected') continue;
    const known = orders.get(orderId);
    orders.set(orderId, {
      at: Math.min(known?.at ?? at, at),
      rejected: (known?.rejected ?? false) || status === 'rejected',
    });
  }
  const all = [...orders.values()];
  const ends = all.flatMap(({ at }) => [at, at + REJECT_WINDOW_MS]).filter((end) => end <= now);
  const rates = ends.flatMap((end) => {
    const inside = all.filter(({ at }) => at > end - REJECT_WINDOW_MS && at <= end);
    const bad = inside.filter(({ rejected }) => rejected).length;
    return inside.length >= minOrders && bad * 100 > overPct * inside.length ? [bad / inside.length] : [];
  });
  return rates.length === 0 ? null : Math.max(...rates);
}

const rateOf = (trip: { orders: number; rejected: number } | null): number | null =>
  trip === null ? null : trip.rejected / trip.orders;

/** Times on and around the edges of the windows: boundary, late, together. */
const time = fc.oneof(
  fc.integer({ min: 0, max: 14 * 60_000 }),
  fc.constantFrom(0, 1, REJECT_WINDOW_MS - 1, REJECT_WINDOW_MS, REJECT_WINDOW_MS + 1, 2 * REJECT_WINDOW_MS),
);
const sample = fc
  .record({
    id: fc.integer({ min: 0, max: 30 }),
    at: time,
    status: fc.constantFrom('accepted' as const, 'accepted' as const, 'rejected' as const, 'filled' as const),
  })
  .map(({ id, at, status }) => order(`o${id}`, T0 + at, status));
const samples = fc.array(sample, { maxLength: 60, size: 'max' });
const END = T0 + 14 * 60_000;

describe('the sliding window of rejected orders', () => {
  it('finds the worst window that a count of all of them finds', () => {
    fc.assert(
      fc.property(
        samples,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 8 }),
        (all, pct, min) => {
          const window = createRejectWindow();
          for (const one of all) window.take(one);
          expect(rateOf(window.look(END, pct, min))).toBe(slowly(all, END, pct, min));
        },
      ),
      cases(2_000),
    );
  });

  it('says the same whatever the order of arrival, and however often it looked in between', () => {
    fc.assert(
      fc.property(
        samples.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 5, size: 'max' }),
        ([all, shuffled], looks) => {
          const window = createRejectWindow();
          const found: (number | null)[] = [];
          for (const [index, one] of shuffled.entries()) {
            window.take(one);
            if (looks.includes(index)) found.push(rateOf(window.look(END, 10, 3)));
          }
          window.look(END, 10, 3);
          // Looked at once more from the beginning, by a fresh one that was given all at once.
          const fresh = createRejectWindow();
          for (const one of all) fresh.take(one);
          const truth = rateOf(fresh.look(END, 10, 3));
          if (truth !== null) {
            // In between an order may have looked accepted that was rejected: never more than found at the end or before.
            const seen = createRejectWindow();
            for (const one of shuffled) seen.take(one);
            expect(rateOf(seen.look(END, 10, 3))).toBe(truth);
          }
          expect(window.at(END)).toEqual(fresh.at(END));
        },
      ),
      cases(500),
    );
  });

  it('goes on over a restart as if there had been none', () => {
    fc.assert(
      fc.property(samples, samples, fc.boolean(), (before, later, looked) => {
        const one = createRejectWindow();
        for (const each of before) one.take(each);
        if (looked) one.look(T0 + REJECT_WINDOW_MS, 10, 3);
        const two = createRejectWindow(JSON.parse(JSON.stringify(one.snapshot())));
        for (const each of later) {
          one.take(each);
          two.take(each);
        }
        expect(two.look(END, 10, 3)).toEqual(one.look(END, 10, 3));
        expect(two.at(END)).toEqual(one.at(END));
      }),
      cases(500),
    );
  });

  it.each([
    ['just under', 9, 100, null],
    ['at', 10, 100, null],
    ['over', 11, 100, 0.11],
    ['over, with the fewest orders that count', 2, 10, 0.2],
    ['over, with one order too few', 5, 9, null],
  ])('10 %%: %s', (_, bad, orders, expected) => {
    const window = createRejectWindow();
    for (let n = 0; n < orders; n += 1) window.take(order(`o${n}`, T0, n < bad ? 'rejected' : 'accepted'));
    expect(rateOf(window.look(T0 + 60_000, 10, 10))).toBe(expected);
  });

  it('is no bucket: ten minutes in which each half is fine, and the five in the middle are not', () => {
    const window = createRejectWindow();
    const put = (from: number, n: number, status: OrderSample['status']) => {
      for (let k = 0; k < n; k += 1) window.take(order(`${from}-${status}-${k}`, T0 + from + k, status));
    };
    put(0, 90, 'accepted');
    put(4 * 60_000, 8, 'rejected');
    put(6 * 60_000, 8, 'rejected');
    put(6 * 60_000 + 100, 10, 'accepted');
    put(9 * 60_000, 80, 'accepted');
    const trip = window.look(T0 + 10 * 60_000, 10, 20);
    // No half of these ten minutes has more than 8 rejected among 98.
    expect(trip).toMatchObject({ rejected: 16, orders: 20 });
  });

  it('is seen when an accepted order leaves the window, with nothing new coming in', () => {
    const window = createRejectWindow();
    for (let n = 0; n < 10; n += 1) window.take(order(`good${n}`, T0 + n));
    for (let n = 0; n < 9; n += 1) window.take(order(`late${n}`, T0 + 60_000 + n));
    window.take(order('bad', T0 + 61_000, 'rejected'));
    expect(window.look(T0 + 120_000, 6, 10)).toBeNull(); // 1 of 20
    expect(window.look(T0 + REJECT_WINDOW_MS + 4, 6, 10)).toMatchObject({ rejected: 1, orders: 15 });
  });

  it('shows what it saw: ids and reasons', () => {
    const window = createRejectWindow();
    for (let n = 0; n < 10; n += 1)
      window.take(
        order(`o${n}`, T0 + n, 'rejected', { reason: n < 7 ? 'insufficient margin' : 'price filter' }),
      );
    expect(window.look(T0 + 100, 10, 10)).toMatchObject({
      ids: expect.arrayContaining(['v BTC/USDT o0', 'v BTC/USDT o9']),
      reasons: [
        ['insufficient margin', 7],
        ['price filter', 3],
      ],
    });
  });

  it('an order of another venue, or of another symbol, is another order, whatever its number', () => {
    const window = createRejectWindow();
    for (const venue of ['v', 'w'])
      for (const symbol of ['BTC/USDT', 'ETH/USDT'])
        window.take(order('7', T0, 'accepted', { venue, symbol }));
    window.take(order('7', T0, 'rejected', { venue: 'w' }));
    expect(window.at(T0)).toEqual({ orders: 4, rejected: 1 });
  });

  it.each([
    ['an hour', 3_600_000],
    ['a year', 366 * 86_400_000],
  ])('a clock that was ahead by %s costs no trip when it is right again', (_, ahead) => {
    const window = createRejectWindow();
    for (let n = 0; n < 10; n += 1) window.take(order(`early${n}`, T0 + n));
    window.look(T0 + 100, 10, 10);
    // Both clocks are ahead for a while, as on one machine.
    window.take(order('ahead', T0 + ahead, 'rejected'));
    window.look(T0 + ahead, 10, 10);
    for (let n = 0; n < 10; n += 1) window.take(order(`late${n}`, T0 + 60_000 + n));
    for (const id of ['bad1', 'bad2']) window.take(order(id, T0 + 60_100, 'rejected'));
    expect(window.look(T0 + 60_100, 10, 12)).toMatchObject({ rejected: 2, orders: 12 });
  });

  it('a bot whose clock alone jumps ahead, and back, has forgotten nothing, and finds nothing twice', () => {
    const window = createRejectWindow();
    for (let n = 0; n < 20; n += 1) window.take(order(`o${n}`, T0 + n, n < 18 ? 'accepted' : 'rejected'));
    expect(window.look(T0 + 100, 10, 10)).toBeNull();
    window.look(T0 + 3_600_000, 10, 30);
    window.take(order('o20', T0 + 100, 'rejected'));
    expect(window.look(T0 + 200, 10, 10)).toMatchObject({ rejected: 3, orders: 21 });
    window.look(T0 - 600_000, 10, 10);
    expect(window.look(T0 + 300, 10, 10)).toBeNull();
  });

  it('an order that was forgotten counts anew when it is heard of again, over a restart or not', () => {
    const window = createRejectWindow();
    window.take(order('old', T0));
    window.take(order('new', T0 + 16 * 60_000));
    window.look(T0 + 16 * 60_000, 10, 10);
    const restarted = createRejectWindow(JSON.parse(JSON.stringify(window.snapshot())));
    for (const one of [window, restarted]) {
      one.take(order('old', T0 + 17 * 60_000));
      expect(one.at(T0 + 17 * 60_000)).toEqual({ orders: 2, rejected: 0 });
    }
  });

  it('keeps no more than it needs', () => {
    const window = createRejectWindow();
    for (let n = 0; n < 200_000; n += 1) {
      window.take(order(`o${n}`, T0 + n * 20, n % 50 === 0 ? 'rejected' : 'accepted'));
      if (n % 500 === 0) window.look(T0 + n * 20, 10, 10);
    }
    expect(window.snapshot().cells.length).toBeLessThan(100_000);
  });
});
