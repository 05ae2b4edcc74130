import { leverageOf, positionOf } from '../venue/ledger.ts';
import type { VenueOrder } from '../venue/state.ts';
import { algoRow, orderRow } from './futures-orders.ts';
import { accountBody, balanceRows, positionsShown, riskRow, sidesOf } from './positions.ts';
import type { Desk, Params, Routes } from './wire.ts';
import {
  BinanceError,
  cancelling,
  fixed,
  NO_SUCH_ORDER,
  need,
  number,
  page,
  pick,
  readOrder,
  signed,
  UNKNOWN_ORDER,
  wireId,
} from './wire.ts';

const ALL_CANCELLED = { code: 200, msg: 'The operation of cancel all open order is done.' };
const ALGO_NAMES = { id: 'algoId', client: 'clientAlgoId' };
const CONDITIONAL_TYPE = /^(STOP|STOP_MARKET|TAKE_PROFIT|TAKE_PROFIT_MARKET|TRAILING_STOP_MARKET)$/;

/** @returns /fapi: USD-M perpetuals. Weights are Binance's, by IP. */
export function futuresRoutes(desk: Desk): Routes {
  const { account, now } = desk;
  const listed = () => account.markets.filter((market) => market.kind === 'swap' && market.listed);
  const perSymbol = (params: Params, row: (symbol: string) => unknown) => {
    if (params['symbol']) return row(account.market('swap', params['symbol']).id);
    return listed().map((market) => row(market.id));
  };
  const known = (params: Params) => account.market('swap', need(params, 'symbol')).id;
  const regular = () => swapOrders(desk, 'regular');
  const conditional = () => swapOrders(desk, 'conditional');
  const openIn = (list: 'regular' | 'conditional', params: Params) => {
    const symbol = params['symbol'];
    if (symbol) account.market('swap', symbol);
    return account.openOrders(symbol ? { wallet: 'swap', list, symbol } : { wallet: 'swap', list });
  };
  const cancelPicked = (params: Params, symbol: string) => {
    const order = pick(account.openOrders({ wallet: 'swap', list: 'regular', symbol }), params);
    if (!order) throw UNKNOWN_ORDER();
    account.cancel([order]);
    return orderRow(desk, order);
  };
  return {
    'GET /fapi/v2/account': signed(5, () => accountBody(desk, 'v2')),
    'GET /fapi/v3/account': signed(5, () => accountBody(desk, 'v3')),
    'GET /fapi/v2/balance': signed(5, () => balanceRows(desk)),
    'GET /fapi/v3/balance': signed(5, () => balanceRows(desk)),
    'GET /fapi/v2/positionRisk': signed(5, (params) =>
      positionsShown(desk, 'v2', params).map((position) => riskRow(desk, 'v2', position)),
    ),
    'GET /fapi/v3/positionRisk': signed(5, (params) =>
      positionsShown(desk, 'v3', params).map((position) => riskRow(desk, 'v3', position)),
    ),
    'GET /fapi/v1/accountConfig': signed(5, () => ({
      feeTier: 0,
      canTrade: true,
      canDeposit: true,
      canWithdraw: false,
      dualSidePosition: account.state.hedgeMode,
      updateTime: 0,
      multiAssetsMargin: false,
      tradeGroupId: -1,
    })),
    'GET /fapi/v1/symbolConfig': signed(5, (params) =>
      perRow(perSymbol(params, (symbol) => symbol)).map((symbol) => ({
        symbol,
        marginType: 'CROSSED',
        isAutoAddMargin: false,
        leverage: leverageOf(account.state, { symbol, positionSide: 'BOTH' }),
        maxNotionalValue: '80000000',
      })),
    ),
    'GET /fapi/v1/leverageBracket': signed(1, (params) => {
      const row = (symbol: string) => ({ symbol, notionalCoef: 1, brackets: BRACKETS });
      return params['symbol'] ? [row(known(params))] : listed().map((market) => row(market.id));
    }),
    'POST /fapi/v1/leverage': signed(1, (params) => {
      const symbol = known(params);
      const leverage = number(params, 'leverage') ?? 20;
      for (const side of sidesOf(desk)) positionOf(account.state, symbol, side).leverage = leverage;
      return { symbol, leverage, maxNotionalValue: '80000000' };
    }),
    'GET /fapi/v1/positionSide/dual': signed(30, () => ({ dualSidePosition: account.state.hedgeMode })),
    'POST /fapi/v1/positionSide/dual': signed(1, (params) => {
      const wanted = need(params, 'dualSidePosition').toLowerCase() === 'true';
      if (wanted === account.state.hedgeMode)
        throw new BinanceError(-4059, 'No need to change position side.');
      if (Array.from(account.state.positions.values()).some((position) => position.amount !== 0)) {
        throw new BinanceError(-4068, 'Position side cannot be changed if there exists position.');
      }
      if (account.openOrders({ wallet: 'swap' }).length > 0) {
        throw new BinanceError(-4067, 'Position side cannot be changed if there exists open orders.');
      }
      account.state.hedgeMode = wanted;
      return { code: 200, msg: 'success' };
    }),
    'GET /fapi/v1/multiAssetsMargin': signed(30, () => ({ multiAssetsMargin: false })),
    'GET /fapi/v1/commissionRate': signed(20, (params) => ({
      symbol: known(params),
      makerCommissionRate: '0.000200',
      takerCommissionRate: '0.000500',
    })),
    'GET /fapi/v1/income': signed(30, (params) => {
      const rows = account.state.income.filter(
        (row) =>
          (!params['symbol'] || row.symbol === params['symbol']) &&
          (!params['incomeType'] || row.type === params['incomeType']),
      );
      const limit = Math.min(number(params, 'limit') ?? 100, 1_000);
      const from = ((number(params, 'page') ?? 1) - 1) * limit;
      const all = page(rows, { ...params, limit: '1000000' }, { time: (row) => row.at, maxLimit: 1_000_000 });
      return all.slice(from, from + limit).map((row) => ({
        symbol: row.symbol,
        incomeType: row.type,
        income: fixed(row.amount),
        asset: row.asset,
        info: row.type,
        time: row.at,
        tranId: row.id,
        tradeId: '',
      }));
    }),
    'GET /fapi/v1/userTrades': signed(5, (params) => {
      const symbol = known(params);
      const orderId = params['orderId'];
      const rows = account.state.trades.filter(
        (trade) =>
          trade.wallet === 'swap' &&
          trade.symbol === symbol &&
          (orderId === undefined || trade.orderId === orderId),
      );
      return page(rows, params, { fromId: 'fromId', time: (trade) => trade.at }).map((trade) => ({
        symbol,
        id: trade.id,
        orderId: wireId(trade.orderId),
        side: trade.side.toUpperCase(),
        price: fixed(trade.price, 2),
        qty: fixed(trade.quantity, 3),
        realizedPnl: fixed(trade.realized),
        quoteQty: fixed(trade.price * trade.quantity),
        commission: fixed(trade.fee),
        commissionAsset: trade.feeAsset,
        time: trade.at,
        positionSide: trade.positionSide,
        buyer: trade.side === 'buy',
        maker: trade.maker,
      }));
    }),

    'GET /fapi/v1/openOrders': signed(
      (params) => (params['symbol'] ? 1 : 40),
      (params) => openIn('regular', params).map((order) => orderRow(desk, order)),
    ),
    'GET /fapi/v1/openOrder': signed(1, (params) => {
      const order = pick(
        account.openOrders({ wallet: 'swap', list: 'regular', symbol: known(params) }),
        params,
      );
      if (!order) throw NO_SUCH_ORDER();
      return orderRow(desk, order);
    }),
    'GET /fapi/v1/order': signed(1, (params) => {
      const symbol = known(params);
      const order = pick(regular(), params);
      if (!order || order.symbol !== symbol) throw NO_SUCH_ORDER();
      return orderRow(desk, order);
    }),
    'GET /fapi/v1/allOrders': signed(5, (params) => {
      const symbol = known(params);
      const rows = regular().filter((order) => order.symbol === symbol);
      return page(rows, params, { fromId: 'orderId', time: (order) => order.createdAt }).map((order) =>
        orderRow(desk, order),
      );
    }),
    // Orders count against an order limit, not against the request weight.
    'POST /fapi/v1/order': signed(0, (params) => {
      if (CONDITIONAL_TYPE.test(need(params, 'type'))) {
        throw new BinanceError(
          -4120,
          'Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.',
        );
      }
      return orderRow(desk, account.place(readOrder(params, 'swap', desk)));
    }),
    'POST /fapi/v1/order/test': signed(0, () => ({})),
    'DELETE /fapi/v1/order': cancelling(1, (params) => cancelPicked(params, known(params))),
    'DELETE /fapi/v1/allOpenOrders': cancelling(1, (params) => {
      const symbol = known(params);
      account.cancel(account.openOrders({ wallet: 'swap', list: 'regular', symbol }));
      return ALL_CANCELLED;
    }),
    'DELETE /fapi/v1/batchOrders': cancelling(1, (params) => {
      const symbol = known(params);
      const byId = listOf(params, 'orderidlist').map((id): Params => ({ orderId: id }));
      const clients = [
        ...listOf(params, 'origclientorderidlist'),
        ...listOf(params, 'origClientOrderIdList'),
      ];
      const wanted = [...byId, ...clients.map((id): Params => ({ origClientOrderId: id }))];
      if (wanted.length === 0) need({}, 'orderidlist');
      if (wanted.length > 10) throw new BinanceError(-4082, 'Invalid number of batch place orders.');
      return wanted.map((each) => {
        try {
          return cancelPicked(each, symbol);
        } catch (error) {
          if (!(error instanceof BinanceError)) throw error;
          return { code: error.code, msg: error.message };
        }
      });
    }),
    'POST /fapi/v1/countdownCancelAll': signed(10, (params) => {
      const symbol = known(params);
      const countdownTime = number(params, 'countdownTime') ?? 0;
      if (countdownTime === 0) account.state.deadlines.delete(symbol);
      else account.state.deadlines.set(symbol, now() + countdownTime);
      return { symbol, countdownTime: String(countdownTime) };
    }),

    'GET /fapi/v1/openAlgoOrders': signed(
      (params) => (params['symbol'] ? 1 : 40),
      (params) => {
        const id = params['algoId'];
        const rows = openIn('conditional', params);
        return rows
          .filter((order) => id === undefined || order.id === id)
          .map((order) => algoRow(desk, order));
      },
    ),
    'GET /fapi/v1/algoOrder': signed(1, (params) => {
      const order = pick(conditional(), params, ALGO_NAMES);
      if (!order) throw NO_SUCH_ORDER();
      return algoRow(desk, order);
    }),
    'GET /fapi/v1/allAlgoOrders': signed(5, (params) => {
      const symbol = known(params);
      const limit = Math.min(number(params, 'limit') ?? 500, 1000);
      const pageNumber = number(params, 'page') ?? 0;
      const rows = conditional().filter((order) => order.symbol === symbol);
      const window = page(
        rows,
        { ...params, limit: '1000' },
        { fromId: 'algoId', time: (order) => order.createdAt },
      );
      return window.slice(pageNumber * limit, (pageNumber + 1) * limit).map((order) => algoRow(desk, order));
    }),
    'POST /fapi/v1/algoOrder': signed(0, (params) => {
      if (need(params, 'algoType') !== 'CONDITIONAL') throw new BinanceError(-4500, 'Invalid algoType.');
      if (!CONDITIONAL_TYPE.test(need(params, 'type'))) throw new BinanceError(-1116, 'Invalid orderType.');
      if (params['type'] !== 'TRAILING_STOP_MARKET') need(params, 'triggerPrice');
      return algoRow(desk, account.place(readOrder(params, 'swap', desk)));
    }),
    // ccxt sends the symbol, Binance does not ask for it.
    'DELETE /fapi/v1/algoOrder': cancelling(1, (params) => {
      const order = pick(account.openOrders({ wallet: 'swap', list: 'conditional' }), params, ALGO_NAMES);
      if (!order) throw UNKNOWN_ORDER();
      account.cancel([order]);
      return { algoId: wireId(order.id), clientAlgoId: order.clientId, code: '200', msg: 'success' };
    }),
    'DELETE /fapi/v1/algoOpenOrders': cancelling(1, (params) => {
      const symbol = known(params);
      account.cancel(account.openOrders({ wallet: 'swap', list: 'conditional', symbol }));
      return ALL_CANCELLED;
    }),
  };
}

/** Notional tiers of BTCUSDT, shortened; one table for all symbols. */
const BRACKETS = [
  {
    bracket: 1,
    initialLeverage: 125,
    notionalCap: 300000,
    notionalFloor: 0,
    maintMarginRatio: 0.004,
    cum: 0,
  },
  {
    bracket: 2,
    initialLeverage: 100,
    notionalCap: 800000,
    notionalFloor: 300000,
    maintMarginRatio: 0.005,
    cum: 300,
  },
  {
    bracket: 3,
    initialLeverage: 75,
    notionalCap: 3000000,
    notionalFloor: 800000,
    maintMarginRatio: 0.0065,
    cum: 1500,
  },
];

function perRow(rows: unknown): string[] {
  return (Array.isArray(rows) ? rows : [rows]).map(String);
}

/** Reads `[1,2]` or `["a","b"]` without passing ids of 19 digits through a number. */
function listOf(params: Params, name: string): string[] {
  const text = params[name];
  if (!text) return [];
  return text
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map((item) => item.trim().replace(/^"|"$/g, ''))
    .filter((item) => item !== '');
}

function swapOrders(desk: Desk, list: VenueOrder['list']): VenueOrder[] {
  return Array.from(desk.account.state.orders.values()).filter(
    (order) => order.wallet === 'swap' && order.list === list,
  );
}
