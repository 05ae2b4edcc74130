/** The order book of one position, read through ccxt and walked: what closing it is likely to cost. */

import { z } from 'zod';
import type { PositionLine } from '../../domain/orders.ts';
import { type CloseEstimate, walkBook } from '../../domain/slippage.ts';
import { type Wire, wordsOf } from './wire.ts';

/** How long a book is waited for: a person is looking at the preview. */
export const BOOK_MS = 2_000;
/** Levels a side. Every venue of the table serves as many at once, for little weight (Binance: 5 of 2,400 a minute). */
const LEVELS = 100;

// ccxt adds fields of its own to a level at some venues.
const levels = z.array(z.tuple([z.number(), z.number()], z.unknown()));
const orderBook = z.looseObject({ bids: levels, asks: levels });

/** Never throws. `fetchBook` is null where ccxt reads no book of this exchange; contracts are counted by their size. */
export async function estimateClose(
  position: Pick<PositionLine, 'symbol' | 'side' | 'amount'>,
  {
    wire,
    quoteAssets,
    fetchBook,
  }: {
    wire: Wire;
    quoteAssets: string[];
    fetchBook: ((symbol: string, levels: number) => Promise<unknown>) | null;
  },
): Promise<CloseEstimate> {
  const unknown = (reason: string): CloseEstimate => ({ state: 'unknown', reason });
  if (fetchBook === null) return unknown('ccxt reads no order book there');
  const market = [position.symbol, ...quoteAssets.map((quote) => `${position.symbol}/${quote}`)]
    .map((symbol) => wire.marketBySymbol(symbol))
    .find((one) => one !== undefined);
  if (market === undefined) return unknown('its market is not known');
  try {
    const answer = orderBook.safeParse(await fetchBook(market.symbol, LEVELS));
    if (!answer.success) return unknown('its order book has another shape than expected');
    const size = market.contractSize ?? 1;
    const inBase = (side: z.infer<typeof levels>) =>
      side.map(([price, amount]): [number, number] => [price, amount * size]);
    const book = { bids: inBase(answer.data.bids), asks: inBase(answer.data.asks) };
    return walkBook(book, position.side, position.amount);
  } catch (error) {
    return unknown(wordsOf(error));
  }
}
