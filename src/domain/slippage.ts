/** What closing a position at market is likely to cost, walked through an order book. Pure. */

/** Price and amount of each level, best first. Amounts in the units of the position (base units). */
export interface OrderBook {
  bids: (readonly [price: number, amount: number])[];
  asks: (readonly [price: number, amount: number])[];
}

/** `bps`: how far the average price is from the middle of the book, in basis points of it, never negative. */
export type CloseEstimate =
  | { state: 'estimated'; bps: number; averagePrice: number }
  | { state: 'unknown'; reason: string };

const unknown = (reason: string): CloseEstimate => ({ state: 'unknown', reason });

/**
 * Close `amount` (base units, positive) against the book: a long is sold into the bids, a short bought from the asks.
 * Unknown where the book cannot say: a side is missing, a number is none, it is crossed, or it is too thin for the amount.
 */
export function walkBook(book: OrderBook, side: 'long' | 'short', amount: number): CloseEstimate {
  const levels = side === 'long' ? book.bids : book.asks;
  const bid = book.bids[0]?.[0];
  const ask = book.asks[0]?.[0];
  if (bid === undefined || ask === undefined) return unknown('a side of the book is empty');
  const sound = (value: number) => Number.isFinite(value) && value > 0;
  if (
    ![...book.bids, ...book.asks].every(([price, size]) => sound(price) && Number.isFinite(size) && size >= 0)
  )
    return unknown('the book holds a number that is none');
  if (bid > ask) return unknown('the book is crossed');
  if (!sound(amount)) return unknown('the size is unknown');
  let left = amount;
  let cost = 0;
  for (const [price, size] of levels) {
    const taken = Math.min(left, size);
    cost += taken * price;
    left -= taken;
    if (left <= 0) break;
  }
  if (left > 0)
    return unknown(`the book shows only ${levels.reduce((sum, [, size]) => sum + size, 0)} on that side`);
  const averagePrice = cost / amount;
  const mid = (bid + ask) / 2;
  return { state: 'estimated', bps: (Math.abs(averagePrice - mid) / mid) * 10_000, averagePrice };
}
