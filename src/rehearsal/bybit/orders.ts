import { z } from 'zod';
import type { NewOrder } from '../venue/intake.ts';
import { reducible } from '../venue/ledger.ts';
import { isOpen, tidy, type VenueOrder, VenueRefusal } from '../venue/state.ts';
import { marketCategory, settleCoin } from './markets.ts';
import type { Category, Desk, Params, Routes } from './wire.ts';
import {
  BybitError,
  cancelling,
  categoryOf,
  decimal,
  given,
  kindOf,
  need,
  number,
  pageOf,
  signed,
  statusWord,
} from './wire.ts';

/** What spot takes as `orderFilter`, and what its rows call such an order. */
const SPOT_FILTERS: Readonly<Record<string, string>> = {
  Order: 'Order',
  StopOrder: 'Stop',
  tpslOrder: 'tpslOrder',
  OcoOrder: 'OcoOrder',
  BidirectionalTpslOrder: 'BidirectionalTpslOrder',
};
/** Of those, what POST /v5/order/cancel takes. */
const CANCEL_FILTERS = ['Order', 'StopOrder', 'tpslOrder'];
const POSITION_IDX = { BOTH: 0, LONG: 1, SHORT: 2 } as const;
/** A cancel-all of contracts takes no more at once. */
const MOST_AT_ONCE = 500;

/** @returns /v5/order. */
export function orderRoutes(desk: Desk): Routes {
  const { account } = desk;
  const categoryOfOrder = (order: VenueOrder): Category =>
    marketCategory(account.market(order.wallet, order.symbol));
  const settleOf = (order: VenueOrder) => settleCoin(account.market(order.wallet, order.symbol));
  const baseOf = (order: VenueOrder) => account.market(order.wallet, order.symbol).base;

  /** @throws BybitError 170202 for a filter that this category does not know */
  const filterOf = (category: Category, filter: string | undefined): ((order: VenueOrder) => boolean) => {
    if (filter === undefined) return () => true;
    if (category === 'spot') {
      const kind = SPOT_FILTERS[filter];
      if (kind === undefined) throw new BybitError(170202, 'Invalid orderFilter parameter.');
      return (order) => kindOf(order) === kind;
    }
    if (filter === 'Order') return (order) => kindOf(order) === 'Order';
    if (filter === 'StopOrder') return (order) => kindOf(order) !== 'Order';
    throw new BybitError(10001, 'orderFilter invalid');
  };

  /** Orders of the category that symbol, baseCoin or settleCoin name, in that order of priority. */
  const scoped = (params: Params, category: Category, orders: VenueOrder[]): VenueOrder[] => {
    const [symbol, base, settle] = ['symbol', 'baseCoin', 'settleCoin'].map((name) => given(params, name));
    return orders.filter(
      (order) =>
        categoryOfOrder(order) === category &&
        (symbol === undefined
          ? base === undefined
            ? settle === undefined || category === 'spot' || settleOf(order) === settle
            : baseOf(order) === base
          : order.symbol === symbol),
    );
  };
  const narrowed = (params: Params): boolean =>
    ['symbol', 'baseCoin', 'settleCoin'].some((name) => given(params, name) !== undefined);

  const realtime = (params: Params) => {
    const category = categoryOf(params);
    if (category === 'linear' && !narrowed(params))
      throw new BybitError(10001, 'params error: symbol, settleCoin or baseCoin is required');
    const wanted = filterOf(category, given(params, 'orderFilter'));
    const closed = (number(params, 'openOnly') ?? 0) !== 0;
    const all = Array.from(account.state.orders.values());
    const places = new Map(all.map((order, index) => [order.id, index]));
    const rows = scoped(params, category, all)
      .filter((order) => isOpen(order) !== closed && wanted(order))
      .map((order) => ({ at: places.get(order.id) ?? 0, row: row(order) }))
      // Newest first.
      .reverse();
    return { category, ...pageOf(rows, params, { most: 50, usual: 20 }) };
  };

  const named = (order: VenueOrder) => ({ orderId: order.id, orderLinkId: order.clientId });

  const cancelAll = (params: Params) => {
    const category = categoryOf(params);
    const contracts = category === 'linear' || category === 'inverse';
    if (contracts && !narrowed(params))
      throw new BybitError(10001, 'params error: symbol, settleCoin or baseCoin is required');
    const filter = given(params, 'orderFilter') ?? (category === 'spot' ? 'Order' : undefined);
    const wanted = filterOf(category, filter);
    const found = scoped(params, category, account.openOrders()).filter(wanted);
    const gone = account.cancel(contracts ? found.slice(0, MOST_AT_ONCE) : found);
    return { list: gone.map(named), success: '1' };
  };

  /** The order that a cancel means. @throws BybitError when it is not open, or of another kind than asked for */
  const toCancel = (category: Category, one: Params, filter: string): VenueOrder => {
    const id = given(one, 'orderId');
    const link = given(one, 'orderLinkId');
    if (id === undefined && link === undefined)
      throw new BybitError(10001, 'orderId or orderLinkId is required');
    const order = account
      .openOrders()
      .find((each) => categoryOfOrder(each) === category && (id ? each.id === id : each.clientId === link));
    const fits =
      order !== undefined &&
      order.symbol === need(one, 'symbol') &&
      (category !== 'spot' || kindOf(order) === SPOT_FILTERS[filter]);
    if (fits) return order;
    throw category === 'spot'
      ? new BybitError(170213, 'Order does not exist.')
      : new BybitError(110001, 'order not exists or too late to cancel');
  };

  const cancel = (params: Params) => {
    const category = categoryOf(params);
    const filter = given(params, 'orderFilter') ?? 'Order';
    if (category === 'spot' && !CANCEL_FILTERS.includes(filter))
      throw new BybitError(170202, 'Invalid orderFilter parameter.');
    const order = toCancel(category, params, filter);
    account.cancel([order]);
    return named(order);
  };

  const cancelBatch = (params: Params) => {
    const category = categoryOf(params);
    const asked = requests(params);
    if (asked.length > (category === 'spot' ? 10 : 20))
      throw new BybitError(10001, 'The number of orders in a batch request is over the limit');
    const said = asked.map((one) => {
      try {
        const order = toCancel(category, one, 'Order');
        account.cancel([order]);
        return { row: { category, symbol: order.symbol, ...named(order) }, code: 0, msg: 'OK' };
      } catch (error) {
        if (!(error instanceof BybitError)) throw error;
        const row = { category, symbol: one['symbol'] ?? '', orderId: one['orderId'] ?? '', orderLinkId: '' };
        return { row, code: error.retCode, msg: error.message };
      }
    });
    return {
      result: { list: said.map((one) => one.row) },
      retExtInfo: { list: said.map(({ code, msg }) => ({ code, msg })) },
    };
  };

  return {
    'GET /v5/order/realtime': signed(realtime),
    'POST /v5/order/cancel-all': cancelling(cancelAll),
    'POST /v5/order/cancel': cancelling(cancel),
    'POST /v5/order/cancel-batch': { signed: true, cancels: true, run: cancelBatch },
    'POST /v5/order/create': signed((params) => named(account.place(readOrder(desk, params)))),
  };

  function row(order: VenueOrder): Record<string, unknown> {
    const kind = kindOf(order);
    const spot = order.wallet === 'spot';
    return {
      ...named(order),
      blockTradeId: '',
      symbol: order.symbol,
      price: decimal(order.price),
      qty: decimal(order.closePosition ? 0 : order.quantity),
      side: order.side === 'buy' ? 'Buy' : 'Sell',
      isLeverage: spot ? '0' : '',
      ...(spot ? {} : { positionIdx: POSITION_IDX[order.positionSide] }),
      orderStatus: statusWord(order),
      cancelType: order.status === 'canceled' ? 'CancelByUser' : 'UNKNOWN',
      rejectReason: 'EC_NoError',
      avgPrice: order.filled === 0 ? '' : decimal(order.filledQuote / order.filled),
      leavesQty: decimal(isOpen(order) ? tidy(order.quantity - order.filled) : 0),
      cumExecQty: decimal(order.filled),
      cumExecValue: decimal(order.filledQuote),
      cumExecFee: '0',
      timeInForce: order.timeInForce,
      orderType: order.price > 0 ? 'Limit' : 'Market',
      stopOrderType: kind === 'Order' ? '' : kind,
      orderIv: '',
      triggerPrice: order.triggerPrice === 0 ? '' : decimal(order.triggerPrice),
      takeProfit: '',
      stopLoss: '',
      triggerDirection: order.triggerWhen === undefined ? 0 : order.triggerWhen === 'above' ? 1 : 2,
      triggerBy: order.triggerPrice === 0 ? '' : 'LastPrice',
      reduceOnly: order.reduceOnly || order.closePosition,
      closeOnTrigger: order.closePosition,
      createdTime: String(order.createdAt),
      updatedTime: String(order.updatedAt),
      smpType: 'None',
    };
  }
}

/** The orders of a batch request. @throws BybitError 10001 */
function requests(params: Params): Params[] {
  const schema = z.array(z.record(z.string(), z.string())).min(1);
  let parsed: ReturnType<typeof schema.safeParse>;
  try {
    parsed = schema.safeParse(JSON.parse(need(params, 'request')));
  } catch {
    throw new BybitError(10001, 'request is not JSON');
  }
  if (!parsed.success) throw new BybitError(10001, 'request invalid');
  return parsed.data;
}

/** The order that POST /v5/order/create asks for. @throws BybitError, VenueRefusal */
function readOrder({ account }: Desk, params: Params): NewOrder {
  const category = categoryOf(params);
  if (category === 'option') throw new BybitError(10001, 'no options here');
  const spot = category === 'spot';
  const wallet = spot ? 'spot' : 'swap';
  const symbol = need(params, 'symbol');
  if (!account.knows(wallet, symbol) || marketCategory(account.market(wallet, symbol)) !== category)
    throw new VenueRefusal('unknownSymbol', symbol);
  const side = need(params, 'side').toLowerCase();
  if (side !== 'buy' && side !== 'sell') throw new BybitError(10001, 'Side invalid');
  const limit = need(params, 'orderType') === 'Limit';
  const triggerPrice = number(params, 'triggerPrice');
  const reduceOnly = params['reduceOnly'] === 'true';
  const positionSide = (['BOTH', 'LONG', 'SHORT'] as const)[number(params, 'positionIdx') ?? 0] ?? 'BOTH';
  let quantity = Number(need(params, 'qty'));
  if (spot && !limit && side === 'buy' && params['marketUnit'] !== 'baseCoin') {
    const step = Number(account.market(wallet, symbol).stepSize);
    quantity = tidy(Math.floor(quantity / account.mark(symbol) / step) * step);
  }
  const hedged = account.state.hedgeMode && !spot;
  if (reduceOnly && hedged && triggerPrice === undefined) {
    // Cut to the position, as in one-way mode; the generic account knows that for one-way mode alone.
    const room = reducible(account.state, { symbol, side, positionSide });
    if (room === 0) throw new VenueRefusal('reduceOnlyRejected', symbol);
    quantity = Math.min(quantity, room);
  }
  const clientId = given(params, 'orderLinkId');
  return {
    wallet,
    list: !spot && triggerPrice !== undefined ? 'conditional' : 'regular',
    symbol,
    side,
    type:
      triggerPrice === undefined
        ? 'Order'
        : spot
          ? (SPOT_FILTERS[params['orderFilter'] ?? ''] ?? 'Stop')
          : 'Stop',
    quantity,
    price: limit ? Number(need(params, 'price')) : 0,
    ...(triggerPrice === undefined
      ? {}
      : { triggerPrice, triggerWhen: triggerPrice > account.mark(symbol) ? 'above' : 'below' }),
    ...(clientId === undefined ? {} : { clientId }),
    reduceOnly: reduceOnly && !hedged,
    positionSide,
    timeInForce: limit ? (params['timeInForce'] ?? 'GTC') : 'IOC',
    postOnly: params['timeInForce'] === 'PostOnly',
  };
}
