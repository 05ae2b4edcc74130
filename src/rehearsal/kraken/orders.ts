import type { Side, VenueOrder } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import type { KrakenEngine, KrakenOrder, OrderType } from './engine.ts';
import type { KrakenMarket } from './markets.ts';
import { idOf, KrakenError, need, number, type Params, txidOf, UNKNOWN_ORDER } from './wire.ts';

const TYPES = new Set<string>([
  'market',
  'limit',
  'stop-loss',
  'stop-loss-limit',
  'take-profit',
  'take-profit-limit',
  'trailing-stop',
] satisfies OrderType[]);
/** Source: docs.kraken.com/exchange/guides/general/clordid: a UUID, with or without hyphens, or up to 18 characters. */
const CLIENT_ID = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[\x20-\x7e]{1,18})$/i;

const isType = (text: string): text is OrderType => TYPES.has(text);
const isSide = (text: string): text is Side => text === 'buy' || text === 'sell';
const invalid = (what: string) => new KrakenError(`EGeneral:Invalid arguments:${what}`);

export interface Desk {
  account: VenueAccount;
  engine: KrakenEngine;
  now: () => number;
}

/** POST AddOrder. @throws KrakenError, VenueRefusal */
export function addOrder({ engine }: Desk, params: Params): unknown {
  const market = engine.find(need(params, 'pair'));
  if (market === undefined) throw new KrakenError('EQuery:Unknown asset pair');
  const side = need(params, 'type');
  const type = need(params, 'ordertype');
  if (!isSide(side)) throw invalid('type');
  if (!isType(type)) throw invalid('ordertype');
  const clientId = params['cl_ord_id'];
  if (clientId !== undefined && !CLIENT_ID.test(clientId)) throw invalid('cl_ord_id');
  const leverage = params['leverage'] === 'none' ? 1 : (number(params, 'leverage') ?? 1);
  const reduceOnly = params['reduce_only']?.toLowerCase() === 'true';
  // Only a position on margin can be reduced.
  if (reduceOnly && leverage <= 1) throw invalid('reduce_only');
  const closeType = params['close[ordertype]'];
  if (closeType !== undefined && !isType(closeType)) throw invalid('close');
  const order: KrakenOrder = {
    pair: market.id,
    side,
    type,
    quantity: number(params, 'volume') ?? 0,
    leverage,
    reduceOnly,
    ...prices(type, params),
    ...(clientId === undefined ? {} : { clientId }),
    ...(closeType === undefined
      ? {}
      : { close: { type: closeType, price: number(params, 'close[price]') ?? 0 } }),
  };
  if (params['validate'] === 'true') return { descr: { order: 'validated' } };
  const placed = engine.submit(order, market, params['oflags']?.includes('post') ?? false);
  return { descr: { order: describe(placed, market) }, txid: [txidOf(placed.id)] };
}

/** A stop's `price` is its trigger, and `price2` its limit; a trailing stop's is how far it trails. */
function prices(type: OrderType, params: Params): Partial<KrakenOrder> {
  if (type === 'market') return {};
  if (type === 'limit') return { price: number(params, 'price') ?? 0 };
  if (type === 'trailing-stop') {
    const percent = /^\+(\d+(\.\d+)?)%$/.exec(params['price'] ?? '')?.[1];
    if (percent === undefined) throw invalid('price');
    return { trailingPercent: Number(percent) };
  }
  const limit = type.endsWith('-limit') ? { price: number(params, 'price2') ?? 0 } : {};
  return { triggerPrice: number(params, 'price') ?? 0, ...limit };
}

/** POST OpenOrders: one list of everything that is open, on spot and on margin, keyed by txid. */
export function openOrders({ account, engine }: Desk): unknown {
  const rows = account.openOrders().map((order) => {
    const market = engine.find(order.symbol);
    if (market === undefined) throw new Error(`no market ${order.symbol}`);
    const { leverage, close, refid } = engine.extrasOf(order.id);
    const [price, price2] = shownPrices(order);
    const row = {
      refid: refid === undefined ? null : txidOf(refid),
      userref: null,
      cl_ord_id: order.clientId,
      status: 'open',
      opentm: order.createdAt / 1000,
      starttm: 0,
      expiretm: 0,
      descr: {
        pair: market.altname,
        type: order.side,
        ordertype: order.type,
        price,
        price2,
        leverage: leverage > 1 ? `${leverage}:1` : 'none',
        order: describe(order, market),
        close: close === undefined ? '' : `close position @ ${close.type} ${close.price}`,
      },
      vol: order.quantity.toFixed(8),
      vol_exec: order.filled.toFixed(8),
      cost: order.filledQuote.toFixed(5),
      fee: '0.00000',
      price: '0.00000',
      stopprice: order.triggerPrice.toFixed(5),
      limitprice: '0.00000',
      misc: '',
      oflags: 'fciq',
      ...(order.reduceOnly ? { reduce_only: true } : {}),
    };
    return [txidOf(order.id), row];
  });
  return { open: Object.fromEntries(rows) };
}

function shownPrices(order: VenueOrder): [string, string] {
  if (order.callbackRate !== undefined) return [`+${order.callbackRate.toFixed(4)}%`, '0'];
  if (order.triggerPrice > 0) return [String(order.triggerPrice), String(order.price)];
  return [String(order.price), '0'];
}

function describe(order: VenueOrder, market: KrakenMarket): string {
  const at =
    order.type === 'market' ? 'market' : `${order.type.replaceAll('-', ' ')} ${shownPrices(order)[0]}`;
  return `${order.side} ${order.quantity.toFixed(8)} ${market.altname} @ ${at}`;
}

const open = ({ account }: Desk, txid: string): VenueOrder | undefined =>
  account.openOrders().find((order) => order.id === idOf(txid) || order.clientId === txid);

/** POST CancelOrder, by txid or client id. @throws KrakenError EOrder:Unknown order */
export function cancelOrder(desk: Desk, params: Params): unknown {
  const order = open(desk, params['txid'] ?? need(params, 'cl_ord_id'));
  if (order === undefined) throw new KrakenError(UNKNOWN_ORDER);
  return { count: desk.account.cancel([order]).length };
}

/** POST CancelOrderBatch, a JSON body: skips what is not open; says no only when nothing is. @throws KrakenError */
export function cancelBatch(desk: Desk, params: Params): unknown {
  const asked: unknown = JSON.parse(need(params, 'orders'));
  if (!Array.isArray(asked) || asked.length === 0 || asked.length > 50) throw invalid('orders');
  const orders = asked.flatMap((txid) => open(desk, String(txid)) ?? []);
  if (orders.length === 0) throw new KrakenError(UNKNOWN_ORDER);
  return { count: desk.account.cancel(orders).length };
}

/** POST CancelAll: every order of the account. It takes no pair, and ignores one. */
export const cancelAll = ({ account }: Desk): unknown => ({
  count: account.cancel(account.openOrders()).length,
});
