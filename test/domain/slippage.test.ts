/** The walk through an order book, against one that takes the book apart unit by unit. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Closable, outgrown } from '../../src/domain/orders.ts';
import { walkBook } from '../../src/domain/slippage.ts';

/** Ticks from the middle, and whole units on each: small enough to be counted one by one. */
const side = fc.uniqueArray(
  fc.record({ ticks: fc.integer({ min: 1, max: 50 }), units: fc.integer({ min: 0, max: 9 }) }),
  { selector: ({ ticks }) => ticks, minLength: 1, maxLength: 12 },
);
const sorted = (levels: { ticks: number; units: number }[]) => levels.toSorted((a, b) => a.ticks - b.ticks);
const bookOf = (bids: { ticks: number; units: number }[], asks: { ticks: number; units: number }[]) => ({
  bids: sorted(bids).map(({ ticks, units }): [number, number] => [1_000 - ticks, units]),
  asks: sorted(asks).map(({ ticks, units }): [number, number] => [1_000 + ticks, units]),
});

describe('walking a book', () => {
  it('costs what taking it unit by unit costs, and is unknown where the units run out', () => {
    fc.assert(
      fc.property(
        side,
        side,
        fc.constantFrom('long' as const, 'short' as const),
        fc.integer({ min: 1, max: 60 }),
        (bids, asks, of, amount) => {
          const book = bookOf(bids, asks);
          const units = (of === 'long' ? book.bids : book.asks).flatMap(([price, n]) =>
            Array.from({ length: n }, () => price),
          );
          const result = walkBook(book, of, amount);
          if (units.length < amount) {
            expect(result).toEqual({
              state: 'unknown',
              reason: `the book shows only ${units.length} on that side`,
            });
            return;
          }
          const average = units.slice(0, amount).reduce((sum, price) => sum + price, 0) / amount;
          const mid = ((book.bids[0]?.[0] ?? 0) + (book.asks[0]?.[0] ?? 0)) / 2;
          expect(result).toEqual({
            state: 'estimated',
            averagePrice: expect.closeTo(average, 9),
            bps: expect.closeTo((Math.abs(average - mid) / mid) * 10_000, 6),
          });
        },
      ),
    );
  });

  it.each([
    ['a side of the book is empty', { bids: [], asks: [[1, 1]] }, 1],
    ['the book is crossed', { bids: [[2, 1]], asks: [[1, 1]] }, 1],
    ['the book holds a number that is none', { bids: [[Number.NaN, 1]], asks: [[1, 1]] }, 1],
    ['the book holds a number that is none', { bids: [[1, Number.POSITIVE_INFINITY]], asks: [[2, 1]] }, 1],
    ['the book holds a number that is none', { bids: [[1, -1]], asks: [[2, 1]] }, 1],
    ['the size is unknown', { bids: [[1, 1]], asks: [[2, 1]] }, Number.NaN],
    ['the size is unknown', { bids: [[1, 1]], asks: [[2, 1]] }, 0],
  ] as const)('says that %s instead of a figure', (reason, book, amount) => {
    expect(walkBook({ bids: [...book.bids], asks: [...book.asks] }, 'long', amount)).toEqual({
      state: 'unknown',
      reason,
    });
  });
});

describe('what grew since it was shown', () => {
  const line = fc.record({
    venue: fc.constantFrom('a', 'b'),
    symbol: fc.constantFrom('BTC', 'ETH'),
    side: fc.constantFrom('long' as const, 'short' as const),
    amount: fc.integer({ min: 1, max: 5 }),
  });
  const lines = fc.uniqueArray(line, { selector: (one) => `${one.venue} ${one.symbol} ${one.side}` });

  it('is every line with more than was approved of that venue, symbol and side, and no other', () => {
    fc.assert(
      fc.property(lines, lines, (approved, now) => {
        const of = (all: Closable[], one: Closable) =>
          all.find((x) => x.venue === one.venue && x.symbol === one.symbol && x.side === one.side)?.amount ??
          0;
        const grown = now.filter((one) => one.amount > of(approved, one));
        expect(outgrown(approved, now)).toEqual(
          grown.map((one) => ({ ...one, approved: of(approved, one) })),
        );
      }),
    );
  });

  it('is not the last digit of a float', () => {
    const one = { venue: 'a', symbol: 'BTC', side: 'long' as const };
    expect(outgrown([{ ...one, amount: 0.3 }], [{ ...one, amount: 0.1 + 0.2 }])).toEqual([]);
  });
});
