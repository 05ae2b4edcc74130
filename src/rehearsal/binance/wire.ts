import type { NewOrder } from '../venue/intake.ts';
import type { VenueOrder } from '../venue/state.ts';
import { VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';

/** Parameters of a request, query and body together. */
export type Params = Readonly<Record<string, string>>;

/** One endpoint. */
export interface Route {
  /** What it costs, by Binance's tables. */
  weight: number | ((params: Params) => number);
  /** `none` is public, `key` needs the API key, `signed` the key, a timestamp and a signature. */
  security: 'none' | 'key' | 'signed';
  cancels?: boolean;
  /** @returns the JSON of a 200. @throws BinanceError, VenueRefusal */
  run: (params: Params) => unknown;
}

/** `METHOD /path` → endpoint. */
export type Routes = Record<string, Route>;

/** What the endpoints act on. */
export interface Desk {
  account: VenueAccount;
  now: () => number;
}

/** An error answer: `{code, msg}` with its HTTP status. */
export class BinanceError extends Error {
  readonly status: number;
  readonly code: number;
  constructor(code: number, message: string, status = 400) {
    super(message);
    this.name = 'BinanceError';
    this.code = code;
    this.status = status;
  }
}

export const UNKNOWN_ORDER = () => new BinanceError(-2011, 'Unknown order sent.');
export const NO_SUCH_ORDER = () => new BinanceError(-2013, 'Order does not exist.');

/** @returns the code and words in which Binance refuses an order; spot and futures differ. */
export function wordRefusal(refusal: VenueRefusal, family: 'spot' | 'futures'): BinanceError {
  const futures = family === 'futures';
  switch (refusal.reason) {
    case 'unknownSymbol':
      return new BinanceError(-1121, 'Invalid symbol.');
    case 'badQuantity':
      return futures
        ? new BinanceError(-1111, 'Precision is over the maximum defined for this asset.')
        : new BinanceError(-1013, 'Filter failure: LOT_SIZE');
    case 'badPrice':
      return futures
        ? new BinanceError(-4014, 'Price not increased by tick size.')
        : new BinanceError(-1013, 'Filter failure: PRICE_FILTER');
    case 'minNotional':
      return futures
        ? new BinanceError(
            -4164,
            "Order's notional must be no smaller than the minimum (unless you choose reduce only).",
          )
        : new BinanceError(-1013, 'Filter failure: NOTIONAL');
    case 'insufficientBalance':
      return new BinanceError(-2010, 'Account has insufficient balance for requested action.');
    case 'insufficientMargin':
      return new BinanceError(-2019, 'Margin is insufficient.');
    case 'reduceOnlyRejected':
      return new BinanceError(-2022, 'ReduceOnly Order is rejected.');
    case 'reduceOnlyNotAllowed':
      return new BinanceError(-1106, "Parameter 'reduceonly' sent when not required.");
    case 'positionSideMismatch':
      return new BinanceError(-4061, "Order's position side does not match user's setting.");
    case 'wouldTake':
      return futures
        ? new BinanceError(
            -5022,
            'Due to the order could not be executed as maker, the Post Only order will be rejected.',
          )
        : new BinanceError(-2010, 'Order would immediately match and take.');
    case 'wouldTrigger':
      return futures
        ? new BinanceError(-2021, 'Order would immediately trigger.')
        : new BinanceError(-2010, 'Stop price would trigger immediately.');
    case 'duplicateClientId':
      return futures
        ? new BinanceError(-4116, 'ClientOrderId is duplicated.')
        : new BinanceError(-2010, 'Duplicate order sent.');
    default:
      return refusal.reason satisfies never;
  }
}

const RAW_ID = '@id:';

/** @returns a marker that `encode` prints as a bare number: futures order ids are beyond 2^53. */
export function wireId(id: string): string {
  return RAW_ID + id;
}

/** @returns the JSON text, with ids as bare numbers of any length. */
export function encode(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"@id:(\d+)"/g, '$1');
}

/** @returns the number with exactly this many decimals, as Binance prints them. */
export function fixed(value: number, digits = 8): string {
  return (value + 0).toFixed(digits);
}

/** @throws BinanceError -1102 when it is missing or empty */
export function need(params: Params, name: string): string {
  const value = params[name];
  if (value === undefined || value === '') {
    throw new BinanceError(
      -1102,
      `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`,
    );
  }
  return value;
}

/** @returns the number, or undefined when it was not sent. @throws BinanceError -1100 for anything else */
export function number(params: Params, name: string): number | undefined {
  const value = params[name];
  if (value === undefined || value === '') return undefined;
  const parsed = Number(value);
  if (!Number.isFinite(parsed)) {
    throw new BinanceError(-1100, `Illegal characters found in parameter '${name.toLowerCase()}'.`);
  }
  return parsed;
}

/** @returns true for `true`, in any case. */
export function flag(params: Params, name: string): boolean {
  return params[name]?.toLowerCase() === 'true';
}

/** A window on a history: the newest `limit` of it, or, from an id or a time on, the oldest. */
export function page<T extends { id: string | number }>(
  rows: readonly T[],
  params: Params,
  options: { fromId?: string; time: (row: T) => number; defaultLimit?: number; maxLimit?: number },
): T[] {
  const limit = Math.min(number(params, 'limit') ?? options.defaultLimit ?? 500, options.maxLimit ?? 1000);
  const startTime = number(params, 'startTime');
  const endTime = number(params, 'endTime');
  const from = options.fromId === undefined ? undefined : params[options.fromId];
  const kept = rows.filter(
    (row) =>
      (from === undefined || BigInt(row.id) >= BigInt(from)) &&
      (startTime === undefined || options.time(row) >= startTime) &&
      (endTime === undefined || options.time(row) <= endTime),
  );
  return from === undefined && startTime === undefined ? kept.slice(-limit) : kept.slice(0, limit);
}

/** @returns the order with this `orderId` or `origClientOrderId` among those given. @throws BinanceError -1102 for neither */
export function pick(
  orders: readonly VenueOrder[],
  params: Params,
  names = { id: 'orderId', client: 'origClientOrderId' },
) {
  const id = params[names.id];
  const client = params[names.client];
  if (!id && !client) {
    throw new BinanceError(
      -1102,
      `Param '${names.client}' or '${names.id}' must be sent, but both were empty/null!`,
    );
  }
  return orders.findLast((order) => (id ? order.id === id : order.clientId === client));
}

/** @returns Binance's word for the state of an order. */
export function statusWord(order: VenueOrder): string {
  const words = {
    open: 'NEW',
    partial: 'PARTIALLY_FILLED',
    filled: 'FILLED',
    canceled: 'CANCELED',
    expired: 'EXPIRED',
    rejected: 'REJECTED',
    triggered: 'TRIGGERED',
  } as const;
  return words[order.status];
}

/** @returns on which side of its trigger the mark must come: stops away from the market's favour, take-profits with it. */
export function triggerWhen(type: string, side: 'buy' | 'sell'): 'above' | 'below' {
  return type.startsWith('TAKE_PROFIT') === (side === 'sell') ? 'above' : 'below';
}

/** @returns the order that a POST asks for. Conditional swap orders go to their own list. */
export function readOrder(params: Params, wallet: NewOrder['wallet'], desk: Desk): NewOrder {
  const symbol = need(params, 'symbol');
  const type = need(params, 'type');
  const side = need(params, 'side').toLowerCase();
  if (side !== 'buy' && side !== 'sell') throw new BinanceError(-1117, 'Invalid side.');
  const triggerPrice = number(params, 'triggerPrice') ?? number(params, 'stopPrice');
  const price = number(params, 'price');
  const closePosition = flag(params, 'closePosition');
  const quoteQuantity = number(params, 'quoteOrderQty');
  let quantity = number(params, 'quantity');
  if (quantity === undefined && quoteQuantity !== undefined) {
    const step = Number(desk.account.market(wallet, symbol).stepSize);
    quantity = Number((Math.floor(quoteQuantity / desk.account.mark(symbol) / step) * step).toFixed(8));
  }
  if (quantity === undefined && !closePosition) need(params, 'quantity');
  if (/LIMIT|^STOP$|^TAKE_PROFIT$/.test(type) && !(wallet !== 'swap' && type === 'TAKE_PROFIT'))
    need(params, 'price');
  const positionSide = params['positionSide'] ?? 'BOTH';
  if (positionSide !== 'BOTH' && positionSide !== 'LONG' && positionSide !== 'SHORT') {
    throw new BinanceError(-1116, 'Invalid positionSide.');
  }
  const clientId = params['newClientOrderId'] ?? params['clientAlgoId'];
  const callbackRate = number(params, 'callbackRate');
  return {
    wallet,
    list:
      wallet === 'swap' && (triggerPrice !== undefined || callbackRate !== undefined)
        ? 'conditional'
        : 'regular',
    symbol,
    side,
    type,
    quantity: quantity ?? 0,
    price: type.endsWith('MARKET') ? 0 : (price ?? 0),
    ...(triggerPrice === undefined ? {} : { triggerPrice, triggerWhen: triggerWhen(type, side) }),
    ...(callbackRate === undefined ? {} : { callbackRate }),
    ...(clientId === undefined ? {} : { clientId }),
    reduceOnly: flag(params, 'reduceOnly'),
    closePosition,
    positionSide,
    timeInForce: params['timeInForce'] ?? 'GTC',
    postOnly: type === 'LIMIT_MAKER' || params['timeInForce'] === 'GTX',
  };
}

/** @returns a public endpoint. */
export function open(weight: Route['weight'], run: Route['run']): Route {
  return { weight, security: 'none', run };
}

/** @returns an endpoint that needs a signature. */
export function signed(weight: Route['weight'], run: Route['run']): Route {
  return { weight, security: 'signed', run };
}

/** @returns a signed endpoint that cancels orders. */
export function cancelling(weight: Route['weight'], run: Route['run']): Route {
  return { weight, security: 'signed', cancels: true, run };
}

/** @returns a number in short decimals, as most futures fields have them: `0`, `12.5`. */
export function decimal(value: number): string {
  const text = (value + 0).toFixed(8);
  return text.replace(/\.?0+$/, '') || '0';
}
