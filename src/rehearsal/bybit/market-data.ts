import { bookAround } from '../venue/book.ts';
import { instrument, marketCategory } from './markets.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { BybitError, categoryOf, decimal, given, open, pageOf } from './wire.ts';

/** @returns /v5/market, all public. Its list of options is empty. */
export function marketRoutes({ account, now }: Desk): Routes {
  const listed = (params: Params) => {
    const category = categoryOf(params);
    const symbol = given(params, 'symbol');
    return account.markets.filter(
      (market) =>
        market.listed &&
        marketCategory(market) === category &&
        (symbol === undefined || market.id === symbol),
    );
  };
  return {
    'GET /v5/market/time': open(() => ({
      timeSecond: String(Math.floor(now() / 1000)),
      timeNano: `${now()}000000`,
    })),
    'GET /v5/system/status': open(() => ({ list: [] })),
    'GET /v5/market/instruments-info': open((params) => {
      const category = categoryOf(params);
      const status = given(params, 'status') ?? 'Trading';
      const markets = status === 'Trading' ? listed(params) : [];
      const rows = markets.map((market, index) => ({ at: index, row: instrument(market) })).reverse();
      // Spot is not paged.
      if (category === 'spot') return { category, list: rows.map(({ row }) => row) };
      return { category, ...pageOf(rows, params, { most: 1000, usual: 500 }) };
    }),
    'GET /v5/market/orderbook': open((params) => {
      const market = given(params, 'symbol') === undefined ? undefined : listed(params)[0];
      if (market === undefined) throw new BybitError(10001, 'Not supported symbols');
      const { bids, asks } = bookAround(account.mark(market.id));
      const rows = (levels: [number, number][]) =>
        levels.map(([price, amount]) => [decimal(price), decimal(amount)]);
      return { s: market.id, b: rows(bids), a: rows(asks), ts: now(), u: 1, seq: 1, cts: now() };
    }),
    'GET /v5/market/tickers': open((params) => {
      const category = categoryOf(params);
      const markets = listed(params);
      if (given(params, 'symbol') !== undefined && markets.length === 0)
        throw new BybitError(10001, 'Not supported symbols');
      const list = markets.flatMap((market) => {
        const price = account.state.marks.get(market.id);
        if (price === undefined) return [];
        const text = decimal(price);
        return [
          {
            symbol: market.id,
            lastPrice: text,
            bid1Price: text,
            ask1Price: text,
            ...(category === 'spot' ? {} : { markPrice: text, indexPrice: text }),
          },
        ];
      });
      return { category, list };
    }),
  };
}
