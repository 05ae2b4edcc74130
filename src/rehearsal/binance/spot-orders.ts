import { locked, total } from '../venue/ledger.ts';
import type { VenueOrder } from '../venue/state.ts';
import { tidy } from '../venue/state.ts';
import type { Desk, Params } from './wire.ts';
import { fixed, NO_SUCH_ORDER, need, pick, readOrder, statusWord, UNKNOWN_ORDER, wireId } from './wire.ts';

/** The wallets that trade on the spot markets; their orders look alike. */
export type SpotWallet = 'spot' | 'margin';

/** Spot and margin money of one asset. */
export function held(desk: Desk, wallet: SpotWallet, asset: string): { free: string; locked: string } {
  const used = locked(desk.account.ledger, wallet, asset);
  return { free: fixed(tidy(total(desk.account.state, wallet, asset) - used)), locked: fixed(used) };
}

export function ordersOf(desk: Desk, wallet: SpotWallet): VenueOrder[] {
  return Array.from(desk.account.state.orders.values()).filter((order) => order.wallet === wallet);
}

export function listOpen(desk: Desk, wallet: SpotWallet, params: Params): unknown[] {
  const symbol = params['symbol'];
  if (symbol) desk.account.market(wallet, symbol);
  return desk.account.openOrders(symbol ? { wallet, symbol } : { wallet }).map(orderRow);
}

export function findOrder(desk: Desk, wallet: SpotWallet, params: Params): unknown {
  const symbol = desk.account.market(wallet, need(params, 'symbol')).id;
  const order = pick(ordersOf(desk, wallet), params);
  if (!order || order.symbol !== symbol) throw NO_SUCH_ORDER();
  return orderRow(order);
}

export function postOrder(desk: Desk, wallet: SpotWallet, params: Params): unknown {
  const order = desk.account.place(readOrder(params, wallet, desk));
  const row = reportRow(order);
  const kind = params['newOrderRespType'] ?? (/^(MARKET|LIMIT)$/.test(order.type) ? 'FULL' : 'ACK');
  if (kind !== 'FULL') return { ...row, transactTime: order.updatedAt };
  return {
    ...row,
    transactTime: order.updatedAt,
    fills: desk.account.state.trades
      .filter((trade) => trade.orderId === order.id)
      .map((trade) => ({
        price: fixed(trade.price),
        qty: fixed(trade.quantity),
        commission: fixed(trade.fee),
        commissionAsset: trade.feeAsset,
        tradeId: trade.id,
      })),
  };
}

export function cancelOne(desk: Desk, wallet: SpotWallet, params: Params): unknown {
  const symbol = desk.account.market(wallet, need(params, 'symbol')).id;
  const order = pick(desk.account.openOrders({ wallet, symbol }), params);
  if (!order) throw UNKNOWN_ORDER();
  const gone = desk.account.cancel([order]);
  // Cancelling a leg cancels, and reports, its whole list.
  if (order.listId !== undefined)
    return { ...listRow(gone), orderReports: gone.map((leg) => cancelRow(desk, leg)) };
  return cancelRow(desk, order);
}

export function cancelSymbol(desk: Desk, wallet: SpotWallet, params: Params): unknown[] {
  const symbol = desk.account.market(wallet, need(params, 'symbol')).id;
  const gone = desk.account.cancel(desk.account.openOrders({ wallet, symbol }));
  // Unlike USD-M, spot says no when there is nothing to cancel.
  if (gone.length === 0) throw UNKNOWN_ORDER();
  const rows: unknown[] = [];
  for (const order of gone) {
    const list = order.listId === undefined ? undefined : gone.filter((leg) => leg.listId === order.listId);
    if (!list) rows.push(cancelRow(desk, order));
    else if (list[0] === order)
      rows.push({ ...listRow(list), orderReports: list.map((leg) => cancelRow(desk, leg)) });
  }
  return rows;
}

export function openLists(desk: Desk): VenueOrder[][] {
  const lists = new Map<string, VenueOrder[]>();
  for (const order of desk.account.openOrders({ wallet: 'spot' })) {
    if (order.listId !== undefined) lists.set(order.listId, [...(lists.get(order.listId) ?? []), order]);
  }
  return Array.from(lists.values());
}

export function listById(id: string, orders: readonly VenueOrder[]): VenueOrder[] | undefined {
  const list = orders.filter((order) => order.listId === id);
  return list.length > 0 ? list : undefined;
}

export function listRow(list: readonly VenueOrder[]): Record<string, unknown> {
  const [first] = list;
  const done = !list.some((order) => order.status === 'open' || order.status === 'partial');
  return {
    orderListId: Number(first?.listId ?? '-1'),
    contingencyType: 'OCO',
    listStatusType: done ? 'ALL_DONE' : 'EXEC_STARTED',
    listOrderStatus: done ? 'ALL_DONE' : 'EXECUTING',
    listClientOrderId: `list-${first?.listId ?? ''}`,
    transactionTime: first?.updatedAt ?? 0,
    symbol: first?.symbol ?? '',
    orders: list.map((order) => ({
      symbol: order.symbol,
      orderId: wireId(order.id),
      clientOrderId: order.clientId,
    })),
  };
}

export function orderRow(order: VenueOrder): Record<string, unknown> {
  return {
    ...reportRow(order),
    stopPrice: fixed(order.triggerPrice),
    icebergQty: '0.00000000',
    time: order.createdAt,
    updateTime: order.updatedAt,
    isWorking: order.triggerPrice === 0 || order.triggeredAt > 0,
    workingTime: order.createdAt,
    origQuoteOrderQty: '0.00000000',
    selfTradePreventionMode: 'EXPIRE_MAKER',
  };
}

function reportRow(order: VenueOrder): Record<string, unknown> {
  return {
    symbol: order.symbol,
    orderId: wireId(order.id),
    orderListId: order.listId === undefined ? -1 : Number(order.listId),
    clientOrderId: order.clientId,
    price: fixed(order.price),
    origQty: fixed(order.quantity),
    executedQty: fixed(order.filled),
    cummulativeQuoteQty: fixed(order.filledQuote),
    status: statusWord(order),
    timeInForce: order.timeInForce,
    type: order.type,
    side: order.side.toUpperCase(),
  };
}

export function cancelRow(desk: Desk, order: VenueOrder): Record<string, unknown> {
  return {
    ...reportRow(order),
    origClientOrderId: order.clientId,
    // The request to cancel gets a client id of its own.
    clientOrderId: `cancel-${order.id}`,
    transactTime: desk.now(),
    status: 'CANCELED',
    selfTradePreventionMode: 'EXPIRE_MAKER',
  };
}
