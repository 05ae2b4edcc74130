import type { OrderList, VenueOrder, VenueState } from '../venue/state.ts';
import { VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import type { OkxMarket } from './markets.ts';

/** Parameters of a request as text: the query of a GET, the fields of a POST's object. */
export type Params = Readonly<Record<string, string>>;

/** What every answer of OKX's looks like. `code` 0: all of it done; 1: none of it; 2: some of it. */
export interface Envelope {
  code: string;
  msg: string;
  data: unknown[];
}

/** One endpoint. */
export interface Route {
  security: 'none' | 'signed';
  /** Requests in 2 seconds, by OKX's pages. */
  limit: number;
  cancels?: true;
  /** `rows` are the objects of a POST whose body is a list. @throws OkxError, VenueRefusal */
  run: (params: Params, rows: Params[]) => Envelope;
}

/** `METHOD /path` → endpoint. */
export type Routes = Record<string, Route>;

/** What OKX shows of an order beside what every venue knows. */
export interface OrderExtras {
  tdMode: 'cash' | 'cross' | 'isolated';
  takeProfit?: number;
  /** Closes the whole position. */
  closeFraction?: '1';
}

/** What the endpoints act on. */
export interface Desk {
  account: VenueAccount;
  now: () => number;
  /** By instrument id, listed or not. */
  book: Map<string, OkxMarket>;
  /** By order id. */
  extras: Map<string, OrderExtras>;
  settings: Settings;
}

/** Everything that is not orders, positions or money of the trading account; all of it can be changed while it runs. */
export interface Settings {
  /** 1 spot, 2 futures, 3 multi-currency margin, 4 portfolio margin. */
  acctLv: '1' | '2' | '3' | '4';
  /** Comma-separated: read_only, trade, withdraw. */
  perm: string;
  /** Isolated margin positions, as OKX prints them. */
  marginPositions: Params[];
  /** Option positions, as OKX prints them. */
  optionPositions: Params[];
  funding: Map<string, number>;
  /** Order id → the code with which its cancel is refused. */
  refused: Map<string, string>;
  /** Algo types that orders-algo-pending does not know. */
  unknownAlgoTypes: Set<string>;
}

/** An answer that is an error as a whole. */
export class OkxError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = 'OkxError';
    this.code = code;
    this.status = status;
  }
}

/** The outcome for one order of a request. */
export interface Item {
  sCode: string;
  sMsg: string;
  [field: string]: string;
}

export const ok = (data: unknown[]): Envelope => ({ code: '0', msg: '', data });

/** @returns the envelope over the outcomes of single orders. */
export function itemised(items: Item[]): Envelope {
  const failed = items.filter((item) => item.sCode !== '0').length;
  if (failed === 0) return ok(items);
  return failed === items.length
    ? { code: '1', msg: 'All operations failed', data: items }
    : { code: '2', msg: 'Bulk operation partially ended', data: items };
}

/** @returns the code and words in which OKX refuses an order. */
export function wordRefusal(error: VenueRefusal): Pick<Item, 'sCode' | 'sMsg'> {
  const words: Record<VenueRefusal['reason'], [code: string, text: string]> = {
    unknownSymbol: ['51001', "Instrument ID doesn't exist."],
    badQuantity: ['51121', 'Order quantity must be a multiple of the lot size.'],
    badPrice: ['51000', 'Parameter px error'],
    minNotional: ['51020', 'Your order should meet or exceed the minimum order amount.'],
    insufficientBalance: ['51008', 'Order failed. Insufficient balance in account.'],
    insufficientMargin: ['51008', 'Order failed. Insufficient margin in account.'],
    reduceOnlyRejected: [
      '51169',
      "Order failed because you don't have any positions in this direction to reduce or close.",
    ],
    reduceOnlyNotAllowed: ['51205', 'Reduce Only is not available.'],
    positionSideMismatch: ['51000', 'Parameter posSide error'],
    wouldTake: ['51006', 'Order price is not within the price limit.'],
    wouldTrigger: ['51280', 'SL trigger price must be less than the last price'],
    duplicateClientId: ['51016', 'Client order ID already exists.'],
  };
  const [sCode, sMsg] = words[error.reason];
  return { sCode, sMsg };
}

/** @throws OkxError 50014 when it is missing or empty */
export function need(params: Params, name: string): string {
  const value = params[name];
  if (value === undefined || value === '')
    throw new OkxError('50014', `Parameter ${name} can not be empty`, 400);
  return value;
}

/** @returns the number, or undefined when it was not sent. @throws OkxError 51000 for anything else */
export function number(params: Params, name: string): number | undefined {
  const value = params[name];
  if (value === undefined || value === '') return undefined;
  const parsed = Number(value);
  if (!Number.isFinite(parsed)) throw parameterError(name);
  return parsed;
}

export const parameterError = (name: string): OkxError =>
  new OkxError('51000', `Parameter ${name} error`, 400);

/** @returns a number in plain decimals, as OKX prints them. */
export function text(value: number): string {
  const fixed = (value + 0).toFixed(12);
  return fixed.replace(/\.?0+$/, '') || '0';
}

/** @returns the market; a refusal when there is none. */
export function marketOf(desk: Desk, instId: string): OkxMarket {
  const market = desk.book.get(instId);
  if (market === undefined) throw new VenueRefusal('unknownSymbol', instId);
  return market;
}

/** Base units of one unit of `sz`: the contract's size, 1 on spot. */
export const unitOf = (market: OkxMarket): number => (market.ctVal === '' ? 1 : Number(market.ctVal));

/** @returns every order of this list that was ever placed, newest id first. */
export function newestFirst(
  state: VenueState,
  list: OrderList,
  keep: (order: VenueOrder) => boolean,
): VenueOrder[] {
  return Array.from(state.orders.values())
    .filter((order) => order.list === list && keep(order))
    .toSorted((a, b) => (BigInt(a.id) < BigInt(b.id) ? 1 : -1));
}

/** @returns one page: the newest `limit` (at most 100) that are older than `after`. @throws OkxError 51000 */
export function page(orders: VenueOrder[], params: Params): VenueOrder[] {
  const limit = number(params, 'limit') ?? 100;
  if (!(limit >= 1 && limit <= 100)) throw parameterError('limit');
  const { after } = params;
  if (after !== undefined && !/^\d+$/.test(after)) throw parameterError('after');
  const older = after === undefined ? orders : orders.filter((order) => BigInt(order.id) < BigInt(after));
  return older.slice(0, limit);
}

/** @returns an endpoint that anybody may ask. */
export const open = (limit: number, run: Route['run']): Route => ({ security: 'none', limit, run });
/** @returns an endpoint that needs a signature. */
export const signed = (limit: number, run: Route['run']): Route => ({ security: 'signed', limit, run });
/** @returns a signed endpoint that cancels orders. */
export const cancelling = (limit: number, run: Route['run']): Route => ({
  security: 'signed',
  limit,
  cancels: true,
  run,
});
