import { spotSymbol } from './markets.ts';
import {
  cancelOne,
  cancelRow,
  cancelSymbol,
  findOrder,
  held,
  listById,
  listOpen,
  listRow,
  openLists,
  orderRow,
  ordersOf,
  postOrder,
} from './spot-orders.ts';
import { bookTicker, dayTicker, depth } from './tickers.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { BinanceError, cancelling, fixed, need, open, page, signed, UNKNOWN_ORDER, wireId } from './wire.ts';

/** @returns /api/v3: the spot account. */
export function spotRoutes(desk: Desk): Routes {
  const { account, now } = desk;
  const symbols = () => account.markets.filter((market) => market.kind === 'spot' && market.listed);
  const perSymbol = (params: Params, row: (symbol: string) => unknown) => {
    if (params['symbol']) return row(account.market('spot', params['symbol']).id);
    return symbols().map((market) => row(market.id));
  };
  return {
    'GET /api/v3/ping': open(1, () => ({})),
    'GET /api/v3/time': open(1, () => ({ serverTime: now() })),
    'GET /api/v3/exchangeInfo': open(20, () => ({
      timezone: 'UTC',
      serverTime: now(),
      rateLimits: [
        { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 6000 },
        { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 100 },
        { rateLimitType: 'ORDERS', interval: 'DAY', intervalNum: 1, limit: 200000 },
        { rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 61000 },
      ],
      exchangeFilters: [],
      symbols: symbols().map(spotSymbol),
    })),
    'GET /api/v3/ticker/price': open(
      (params) => (params['symbol'] ? 2 : 4),
      (params) => perSymbol(params, (symbol) => ({ symbol, price: fixed(account.mark(symbol)) })),
    ),
    'GET /api/v3/ticker/bookTicker': open(
      (params) => (params['symbol'] ? 2 : 4),
      (params) => perSymbol(params, (symbol) => bookTicker(desk, symbol)),
    ),
    'GET /api/v3/ticker/24hr': open(
      (params) => (params['symbol'] ? 2 : 80),
      (params) => perSymbol(params, (symbol) => dayTicker(desk, symbol)),
    ),
    'GET /api/v3/depth': open(5, (params) => depth(desk, account.market('spot', need(params, 'symbol')).id)),

    'GET /api/v3/account': signed(20, () => ({
      makerCommission: 10,
      takerCommission: 10,
      buyerCommission: 0,
      sellerCommission: 0,
      commissionRates: {
        maker: '0.00100000',
        taker: '0.00100000',
        buyer: '0.00000000',
        seller: '0.00000000',
      },
      canTrade: true,
      canWithdraw: false,
      canDeposit: true,
      brokered: false,
      requireSelfTradePrevention: false,
      preventSor: false,
      updateTime: now(),
      accountType: 'SPOT',
      balances: Array.from(account.state.spot.keys()).map((asset) => ({
        asset,
        ...held(desk, 'spot', asset),
      })),
      permissions: ['SPOT'],
      uid: 354937868,
    })),
    'GET /api/v3/myTrades': signed(20, (params) => {
      const symbol = account.market('spot', need(params, 'symbol')).id;
      const orderId = params['orderId'];
      const rows = account.state.trades.filter(
        (trade) =>
          trade.wallet === 'spot' &&
          trade.symbol === symbol &&
          (orderId === undefined || trade.orderId === orderId),
      );
      return page(rows, params, { fromId: 'fromId', time: (trade) => trade.at }).map((trade) => ({
        symbol,
        id: trade.id,
        orderId: wireId(trade.orderId),
        orderListId: -1,
        price: fixed(trade.price),
        qty: fixed(trade.quantity),
        quoteQty: fixed(trade.price * trade.quantity),
        commission: fixed(trade.fee),
        commissionAsset: trade.feeAsset,
        time: trade.at,
        isBuyer: trade.side === 'buy',
        isMaker: trade.maker,
        isBestMatch: true,
      }));
    }),
    'GET /api/v3/openOrders': signed(
      (params) => (params['symbol'] ? 6 : 80),
      (params) => listOpen(desk, 'spot', params),
    ),
    'GET /api/v3/allOrders': signed(20, (params) => {
      const symbol = account.market('spot', need(params, 'symbol')).id;
      const rows = ordersOf(desk, 'spot').filter((order) => order.symbol === symbol);
      return page(rows, params, { fromId: 'orderId', time: (order) => order.createdAt }).map(orderRow);
    }),
    'GET /api/v3/order': signed(4, (params) => findOrder(desk, 'spot', params)),
    'POST /api/v3/order': signed(1, (params) => postOrder(desk, 'spot', params)),
    'POST /api/v3/order/test': signed(1, () => ({})),
    'DELETE /api/v3/order': cancelling(1, (params) => cancelOne(desk, 'spot', params)),
    'DELETE /api/v3/openOrders': cancelling(1, (params) => cancelSymbol(desk, 'spot', params)),

    'GET /api/v3/openOrderList': signed(6, () => openLists(desk).map((list) => listRow(list))),
    'GET /api/v3/orderList': signed(4, (params) => {
      const list = listById(need(params, 'orderListId'), ordersOf(desk, 'spot'));
      if (!list) throw new BinanceError(-2018, 'Order list does not exist.');
      return listRow(list);
    }),
    'DELETE /api/v3/orderList': cancelling(1, (params) => {
      need(params, 'symbol');
      const id = params['orderListId'] || (params['listClientOrderId'] ?? '').replace('list-', '');
      const list = listById(id, account.openOrders({ wallet: 'spot' }));
      if (!list) throw UNKNOWN_ORDER();
      account.cancel(list);
      return { ...listRow(list), orderReports: list.map((order) => cancelRow(desk, order)) };
    }),
  };
}
