import type { VenueOrder } from '../venue/state.ts';
import { isOpen, VenueRefusal } from '../venue/state.ts';
import type { AlgoType, Engine, OkxOrder } from './engine.ts';
import { ALGO_TYPES, sideOf } from './engine.ts';
import { algoRow, instTypeOf, orderRow } from './rows.ts';
import type { Desk, Item, Params, Routes } from './wire.ts';
import {
  cancelling,
  itemised,
  marketOf,
  need,
  newestFirst,
  number,
  OkxError,
  ok,
  page,
  parameterError,
  signed,
  wordRefusal,
} from './wire.ts';

const GONE = 'Cancellation failed as the order has been filled, canceled or does not exist.';
const REFUSED = 'Cancellation failed.';

/** @returns /api/v5/trade: regular and algo orders. */
export function tradeRoutes(desk: Desk, engine: Engine): Routes {
  const { account, settings } = desk;

  const fitting = (params: Params) => (order: VenueOrder) =>
    isOpen(order) &&
    (params['instId'] === undefined || params['instId'] === order.symbol) &&
    (params['instType'] === undefined ||
      params['instType'] === instTypeOf(marketOf(desk, order.symbol), order.wallet));

  /** Cancels one order of a request, as far as it can be. */
  const cancelOne = (wanted: Params, list: VenueOrder['list']): Item => {
    const name = list === 'regular' ? 'ordId' : 'algoId';
    const id = wanted[name] ?? '';
    const item = (sCode: string, sMsg: string): Item => ({
      [name]: id,
      clOrdId: '',
      sCode,
      sMsg,
      ...(list === 'regular' ? { ts: String(desk.now()) } : { algoClOrdId: '', tag: '' }),
    });
    if (id === '') return item('51003', 'Either client order ID or order ID is required');
    const refused = settings.refused.get(id);
    if (refused !== undefined) return item(refused, REFUSED);
    const order = account.state.orders.get(id);
    if (order === undefined || !isOpen(order) || order.list !== list) return item('51400', GONE);
    if (order.symbol !== wanted['instId']) return item('51001', "Instrument ID doesn't exist.");
    account.cancel([order]);
    return item('0', '');
  };

  const cancelMany = (rows: Params[], list: VenueOrder['list'], most: number) => {
    if (rows.length === 0) throw new OkxError('50000', 'Body for POST request cannot be empty.', 400);
    if (rows.length > most)
      throw new OkxError('51111', `Maximum ${most} orders can be canceled in bulk.`, 200);
    return itemised(rows.map((row) => cancelOne(row, list)));
  };

  /** @returns the outcome of placing one order: OKX answers 200 also where it refuses. */
  const placed = (act: () => VenueOrder, clOrdId: string): Item => {
    try {
      const order = act();
      const id = order.list === 'regular' ? { ordId: order.id } : { algoId: order.id };
      return { ...id, clOrdId, tag: '', ts: String(desk.now()), sCode: '0', sMsg: 'Order placed' };
    } catch (error) {
      if (!(error instanceof VenueRefusal)) throw error;
      return { ordId: '', clOrdId, tag: '', ts: String(desk.now()), ...wordRefusal(error) };
    }
  };

  return {
    'GET /api/v5/trade/orders-pending': signed(60, (params) =>
      ok(
        page(newestFirst(account.state, 'regular', fitting(params)), params).map((order) =>
          orderRow(desk, order),
        ),
      ),
    ),
    'GET /api/v5/trade/orders-algo-pending': signed(20, (params) => {
      const types = need(params, 'ordType').split(',');
      const known: readonly string[] = ALGO_TYPES;
      const together = types.every((type) => type === 'conditional' || type === 'oco');
      const strange = types.some((type) => !known.includes(type) || settings.unknownAlgoTypes.has(type));
      if (strange || (types.length > 1 && !together)) throw parameterError('ordType');
      const fits = fitting(params);
      const orders = newestFirst(
        account.state,
        'conditional',
        (order) => types.includes(order.type) && fits(order),
      );
      return ok(page(orders, params).map((order) => algoRow(desk, order)));
    }),
    'GET /api/v5/trade/order': signed(60, (params) => {
      const instId = need(params, 'instId');
      const order = account.state.orders.get(need(params, 'ordId'));
      if (order === undefined || order.list !== 'regular' || order.symbol !== instId)
        throw new OkxError('51603', 'Order does not exist', 200);
      return ok([orderRow(desk, order)]);
    }),

    'POST /api/v5/trade/order': signed(60, (params) =>
      itemised([placed(() => engine.place(readOrder(desk, params)), params['clOrdId'] ?? '')]),
    ),
    // ccxt sends even a single order here.
    'POST /api/v5/trade/batch-orders': signed(60, (_, rows) => {
      if (rows.length > 20) throw new OkxError('51111', 'Maximum 20 orders can be placed in bulk.', 200);
      return itemised(
        rows.map((row) => placed(() => engine.place(readOrder(desk, row)), row['clOrdId'] ?? '')),
      );
    }),
    'POST /api/v5/trade/order-algo': signed(20, (params) =>
      itemised([placed(() => engine.place(readAlgo(desk, params)), params['algoClOrdId'] ?? '')]),
    ),
    'POST /api/v5/trade/cancel-order': cancelling(60, (params) => {
      need(params, 'instId');
      return itemised([cancelOne(params, 'regular')]);
    }),
    'POST /api/v5/trade/cancel-batch-orders': cancelling(60, (_, rows) => cancelMany(rows, 'regular', 20)),
    'POST /api/v5/trade/cancel-algos': cancelling(20, (_, rows) => cancelMany(rows, 'conditional', 10)),
    // Only for market-maker-protected orders on options, of which there are none here.
    'POST /api/v5/trade/mass-cancel': cancelling(5, (params) => {
      if (need(params, 'instType') !== 'OPTION') throw parameterError('instType');
      need(params, 'instFamily');
      return ok([{ result: true }]);
    }),
    'POST /api/v5/trade/close-position': signed(20, (params) => {
      const instId = need(params, 'instId');
      need(params, 'mgnMode');
      marketOf(desk, instId);
      const side = account.state.hedgeMode ? sideOf(need(params, 'posSide')) : 'BOTH';
      const position = Array.from(account.state.positions.values()).find(
        (one) => one.symbol === instId && one.side === side && one.amount !== 0,
      );
      if (position === undefined) throw new OkxError('51023', 'Position does not exist', 200);
      const pending = account.openOrders({ wallet: 'swap', symbol: instId });
      const reducing = pending.filter((order) => order.reduceOnly || order.closePosition);
      if (reducing.length > 0 && params['autoCxl'] !== 'true')
        throw new OkxError('51115', 'Cancel all pending close-orders before liquidation', 200);
      account.cancel(reducing);
      account.place({
        wallet: 'swap',
        list: 'regular',
        symbol: instId,
        side: position.amount > 0 ? 'sell' : 'buy',
        type: 'market',
        quantity: Math.abs(position.amount),
        positionSide: position.side,
        reduceOnly: position.side === 'BOTH',
      });
      return ok([{ instId, posSide: params['posSide'] ?? 'net', clOrdId: '', tag: '' }]);
    }),
  };
}

function common(desk: Desk, params: Params): OkxOrder {
  const instId = need(params, 'instId');
  const market = marketOf(desk, instId);
  const side = need(params, 'side');
  if (side !== 'buy' && side !== 'sell') throw parameterError('side');
  const tdMode = need(params, 'tdMode');
  if (tdMode !== 'cash' && tdMode !== 'cross' && tdMode !== 'isolated') throw parameterError('tdMode');
  // Spot is traded for cash, but in the modes where it is margin too; contracts never for cash.
  const cashMode = desk.settings.acctLv === '1' || desk.settings.acctLv === '2';
  if (market.kind === 'swap' ? tdMode === 'cash' : tdMode === 'cash' && !cashMode)
    throw parameterError('tdMode');
  const { posSide, clOrdId } = params;
  const hedged = market.kind === 'swap' && desk.account.state.hedgeMode;
  if (hedged ? sideOf(posSide) === undefined : posSide !== undefined && posSide !== 'net')
    throw parameterError('posSide');
  if (clOrdId !== undefined && !/^[A-Za-z0-9]{1,32}$/.test(clOrdId)) throw parameterError('clOrdId');
  return {
    instId,
    side,
    tdMode,
    sz: number(params, 'sz') ?? 0,
    margin: market.kind === 'spot' && tdMode !== 'cash' && cashMode,
    reduceOnly: params['reduceOnly'] === 'true',
    ...(posSide === 'long' || posSide === 'short' ? { posSide } : {}),
    ...(clOrdId === undefined ? {} : { clOrdId }),
  };
}

function readOrder(desk: Desk, params: Params): OkxOrder {
  const order = common(desk, params);
  const ordType = need(params, 'ordType');
  need(params, 'sz');
  if (ordType !== 'market') return { ...order, ordType, px: Number(need(params, 'px')) };
  const market = marketOf(desk, order.instId);
  // A spot purchase at the market is sized in quote unless it says otherwise.
  const inQuote = market.kind === 'spot' && order.side === 'buy' && params['tgtCcy'] !== 'base_ccy';
  const lot = Number(market.lotSz);
  const bought = Math.floor(order.sz / desk.account.mark(order.instId) / lot) * lot;
  return { ...order, ordType, sz: inQuote ? bought : order.sz };
}

function readAlgo(desk: Desk, params: Params): OkxOrder {
  const order = common(desk, params);
  const type = need(params, 'ordType');
  const algo = ALGO_TYPES.find((known): known is AlgoType => known === type);
  if (algo === undefined) throw parameterError('ordType');
  const triggerPx =
    number(params, 'slTriggerPx') ?? number(params, 'triggerPx') ?? number(params, 'tpTriggerPx');
  const callbackRatio = number(params, 'callbackRatio');
  const tpTriggerPx = number(params, 'tpTriggerPx');
  const px = Math.max(
    0,
    number(params, 'slOrdPx') ?? number(params, 'orderPx') ?? number(params, 'pxLimit') ?? 0,
  );
  return {
    ...order,
    algo,
    px,
    ...(triggerPx === undefined ? {} : { triggerPx }),
    ...(tpTriggerPx === undefined ? {} : { tpTriggerPx }),
    ...(callbackRatio === undefined ? {} : { callbackRatio }),
    ...(params['closeFraction'] === '1' ? { closeFraction: '1' } : {}),
  };
}
