import { bookAround } from '../venue/book.ts';
import { instrumentRow } from './markets.ts';
import type { Desk, Routes } from './wire.ts';
import { marketOf, need, OkxError, ok, open, parameterError, text } from './wire.ts';

const TYPES = ['SPOT', 'MARGIN', 'SWAP', 'FUTURES', 'OPTION'];

/** @returns what OKX tells everybody: its clock, its instruments, its prices. */
export function publicRoutes(desk: Desk): Routes {
  const { account, book, now } = desk;
  const ticker = (instId: string) => {
    const price = text(account.mark(instId));
    return {
      instType: marketOf(desk, instId).instType,
      instId,
      last: price,
      lastSz: '1',
      askPx: price,
      askSz: '10',
      bidPx: price,
      bidSz: '10',
      open24h: price,
      high24h: price,
      low24h: price,
      volCcy24h: '1000',
      vol24h: '1000',
      sodUtc0: price,
      sodUtc8: price,
      ts: String(now()),
    };
  };
  const ofType = (type: string) => {
    if (!TYPES.includes(type)) throw parameterError('instType');
    return Array.from(book.values()).filter(
      (market) => market.instType === type || (type === 'MARGIN' && market.instType === 'SPOT'),
    );
  };
  return {
    'GET /api/v5/public/time': open(10, () => ok([{ ts: String(now()) }])),
    'GET /api/v5/system/status': open(10, () => ok([])),
    'GET /api/v5/public/instruments': open(20, (params) => {
      const type = need(params, 'instType');
      const { instId } = params;
      // A new listing is known when it is asked for by name, and in no list that was loaded before.
      if (instId === undefined)
        return ok(
          ofType(type)
            .filter((market) => market.listed)
            .map(instrumentRow),
        );
      const market = ofType(type).find((one) => one.id === instId);
      if (market === undefined) throw new OkxError('51001', "Instrument ID doesn't exist.", 200);
      return ok([instrumentRow(market)]);
    }),
    'GET /api/v5/market/tickers': open(20, (params) =>
      ok(
        ofType(need(params, 'instType'))
          .filter((market) => market.listed)
          .map((market) => ticker(market.id)),
      ),
    ),
    'GET /api/v5/market/books': open(40, (params) => {
      const { bids, asks } = bookAround(account.mark(marketOf(desk, need(params, 'instId')).id));
      // The third field is deprecated, the fourth is the number of orders.
      const rows = (levels: [number, number][]) =>
        levels.map(([price, amount]) => [text(price), text(amount), '0', '1']);
      return ok([{ bids: rows(bids), asks: rows(asks), ts: String(now()), seqId: 1 }]);
    }),
    'GET /api/v5/market/ticker': open(20, (params) =>
      ok([ticker(marketOf(desk, need(params, 'instId')).id)]),
    ),
  };
}
