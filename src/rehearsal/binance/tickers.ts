import { bookAround } from '../venue/book.ts';
import type { Desk } from './wire.ts';
import { fixed } from './wire.ts';

/** @returns the best bid and ask: a tick either side of the mark would do, the mark itself is simpler to reason about. */
export function bookTicker(desk: Desk, symbol: string): Record<string, unknown> {
  const price = fixed(desk.account.mark(symbol));
  return { symbol, bidPrice: price, bidQty: '10.00000000', askPrice: price, askQty: '10.00000000' };
}

/** @returns a day in which nothing moved. */
export function dayTicker(desk: Desk, symbol: string): Record<string, unknown> {
  const price = fixed(desk.account.mark(symbol));
  const at = desk.now();
  return {
    symbol,
    priceChange: '0.00000000',
    priceChangePercent: '0.000',
    weightedAvgPrice: price,
    lastPrice: price,
    lastQty: '0.10000000',
    openPrice: price,
    highPrice: price,
    lowPrice: price,
    volume: '1000.00000000',
    quoteVolume: fixed(desk.account.mark(symbol) * 1000),
    openTime: at - 86_400_000,
    closeTime: at,
    firstId: 1,
    lastId: 1000,
    count: 1000,
  };
}

/** @returns a few levels either side of the mark. */
export function depth(desk: Desk, symbol: string): Record<string, unknown> {
  const { bids, asks } = bookAround(desk.account.mark(symbol));
  const rows = (levels: [number, number][]) => levels.map(([price, amount]) => [fixed(price), fixed(amount)]);
  return { lastUpdateId: 1, E: desk.now(), T: desk.now(), bids: rows(bids), asks: rows(asks) };
}
