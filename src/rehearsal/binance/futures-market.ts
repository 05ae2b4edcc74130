import { swapSymbol } from './markets.ts';
import { bookTicker, dayTicker, depth } from './tickers.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { fixed, need, open, signed } from './wire.ts';

/** @returns the public half of /fapi. */
export function futuresMarketRoutes(desk: Desk): Routes {
  const { account, now } = desk;
  const listed = () => account.markets.filter((market) => market.kind === 'swap' && market.listed);
  const perSymbol = (params: Params, row: (symbol: string) => unknown) => {
    if (params['symbol']) return row(account.market('swap', params['symbol']).id);
    return listed().map((market) => row(market.id));
  };
  return {
    'GET /fapi/v1/ping': open(1, () => ({})),
    'GET /fapi/v1/time': open(1, () => ({ serverTime: now() })),
    'GET /fapi/v1/exchangeInfo': open(1, () => ({
      timezone: 'UTC',
      serverTime: now(),
      futuresType: 'U_MARGINED',
      rateLimits: [
        { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 2400 },
        { rateLimitType: 'ORDERS', interval: 'MINUTE', intervalNum: 1, limit: 1200 },
        { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 300 },
      ],
      exchangeFilters: [],
      assets: [{ asset: 'USDT', marginAvailable: true, autoAssetExchange: '-10000' }],
      symbols: listed().map(swapSymbol),
    })),
    'GET /fapi/v1/premiumIndex': open(
      (params) => (params['symbol'] ? 1 : 10),
      (params) =>
        perSymbol(params, (symbol) => ({
          symbol,
          markPrice: fixed(account.mark(symbol)),
          indexPrice: fixed(account.mark(symbol)),
          estimatedSettlePrice: fixed(account.mark(symbol)),
          lastFundingRate: '0.00010000',
          interestRate: '0.00010000',
          nextFundingTime: (Math.floor(now() / 28_800_000) + 1) * 28_800_000,
          time: now(),
        })),
    ),
    'GET /fapi/v1/ticker/price': open(
      (params) => (params['symbol'] ? 1 : 2),
      (params) =>
        perSymbol(params, (symbol) => ({ symbol, price: fixed(account.mark(symbol), 2), time: now() })),
    ),
    'GET /fapi/v2/ticker/price': open(
      (params) => (params['symbol'] ? 1 : 2),
      (params) =>
        perSymbol(params, (symbol) => ({ symbol, price: fixed(account.mark(symbol), 2), time: now() })),
    ),
    'GET /fapi/v1/ticker/bookTicker': open(
      (params) => (params['symbol'] ? 2 : 5),
      (params) => perSymbol(params, (symbol) => ({ ...bookTicker(desk, symbol), time: now() })),
    ),
    'GET /fapi/v1/ticker/24hr': open(
      (params) => (params['symbol'] ? 1 : 40),
      (params) => perSymbol(params, (symbol) => dayTicker(desk, symbol)),
    ),
    'GET /fapi/v1/depth': open(10, (params) =>
      depth(desk, account.market('swap', need(params, 'symbol')).id),
    ),
  };
}

/** @returns /dapi and /eapi as an account without COIN-M futures or options sees them: valid and empty. */
export function emptyRoutes(desk: Desk): Routes {
  const { now } = desk;
  const info = () => ({
    timezone: 'UTC',
    serverTime: now(),
    rateLimits: [],
    exchangeFilters: [],
    symbols: [],
  });
  const none = () => [];
  return {
    'GET /dapi/v1/ping': open(1, () => ({})),
    'GET /dapi/v1/time': open(1, () => ({ serverTime: now() })),
    'GET /dapi/v1/exchangeInfo': open(1, info),
    'GET /dapi/v1/openOrders': signed((params) => (params['symbol'] ? 1 : 40), none),
    'GET /dapi/v1/openAlgoOrders': signed((params) => (params['symbol'] ? 1 : 40), none),
    'GET /dapi/v1/positionRisk': signed(1, none),
    'GET /dapi/v1/balance': signed(1, none),
    'GET /dapi/v1/account': signed(5, () => ({ assets: [], positions: [], canTrade: true, updateTime: 0 })),
    'GET /dapi/v2/leverageBracket': signed(1, none),
    'GET /dapi/v1/positionSide/dual': signed(30, () => ({ dualSidePosition: desk.account.state.hedgeMode })),
    'GET /eapi/v1/exchangeInfo': open(1, () => ({
      timezone: 'UTC',
      serverTime: now(),
      optionContracts: [],
      optionAssets: [],
      optionSymbols: [],
      rateLimits: [],
    })),
    'GET /sapi/v1/equity/market/exchangeInfo': {
      weight: 1,
      security: 'key',
      run: () => ({ timezone: 'UTC', symbols: [] }),
    },
  };
}
