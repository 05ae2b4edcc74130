import type { VenueOrder } from '../venue/state.ts';
import { VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';

/** Parameters of a request, query or body; what is no text in a body is JSON. */
export type Params = Readonly<Record<string, string>>;

export type Category = 'spot' | 'linear' | 'inverse' | 'option';

/** One endpoint. */
export interface Route {
  signed: boolean;
  cancels?: boolean;
  /** @returns the `result` of a success, with `retExtInfo` beside it where there is one. @throws BybitError, VenueRefusal */
  run: (params: Params) => { result: unknown; retExtInfo?: unknown };
}

/** `METHOD /path` → endpoint. */
export type Routes = Record<string, Route>;

/** What the endpoints act on. */
export interface Desk {
  account: VenueAccount;
  now: () => number;
}

/** An error answer: a `retCode` that is not 0, with HTTP 200 as nearly all of Bybit's. */
export class BybitError extends Error {
  readonly retCode: number;
  readonly status: number;
  constructor(retCode: number, message: string, status = 200) {
    super(message);
    this.name = 'BybitError';
    this.retCode = retCode;
    this.status = status;
  }
}

/** @returns a public endpoint. */
export const open = (run: (params: Params) => unknown): Route => ({
  signed: false,
  run: (params) => ({ result: run(params) }),
});

/** @returns an endpoint that needs a signature. */
export const signed = (run: (params: Params) => unknown): Route => ({
  signed: true,
  run: (params) => ({ result: run(params) }),
});

/** @returns a signed endpoint that cancels orders. */
export const cancelling = (run: (params: Params) => unknown): Route => ({ ...signed(run), cancels: true });

/** @returns the category of a request. @throws BybitError 10001 */
export function categoryOf(params: Params): Category {
  const category = params['category'];
  if (category === 'spot' || category === 'linear' || category === 'inverse' || category === 'option')
    return category;
  throw new BybitError(10001, 'Illegal category');
}

/** @throws BybitError 10001 when it is missing or empty */
export function need(params: Params, name: string): string {
  const value = params[name];
  if (value === undefined || value === '' || value === 'null')
    throw new BybitError(10001, `params error: ${name} is required`);
  return value;
}

/** @returns the text, or undefined for what was not sent, was empty or null. */
export function given(params: Params, name: string): string | undefined {
  const value = params[name];
  return value === '' || value === 'null' ? undefined : value;
}

/** @returns the number, or undefined when it was not sent. @throws BybitError 10001 for anything else */
export function number(params: Params, name: string): number | undefined {
  const value = given(params, name);
  if (value === undefined) return undefined;
  if (!Number.isFinite(Number(value))) throw new BybitError(10001, `params error: ${name} invalid`);
  return Number(value);
}

/** @returns one page, and the cursor of the next: encoded once by the venue, as Bybit's are. */
export function pageOf<T>(
  rows: readonly { at: number; row: T }[],
  params: Params,
  limits: { most: number; usual: number },
): { list: T[]; nextPageCursor: string } {
  const limit = Math.min(number(params, 'limit') ?? limits.usual, limits.most);
  const cursor = given(params, 'cursor');
  const before =
    cursor === undefined ? Infinity : Number(/^page_args=(\d+)&$/.exec(cursor)?.[1] ?? Number.NaN);
  if (Number.isNaN(before)) throw new BybitError(10001, 'cursor invalid');
  const page = rows.filter(({ at }) => at < before).slice(0, limit);
  const last = page.at(-1);
  // A full page has a cursor, also when nothing follows.
  const next = page.length === limit && last ? encodeURIComponent(`page_args=${last.at}&`) : '';
  return { list: page.map(({ row }) => row), nextPageCursor: next };
}

/** @returns the code and words in which Bybit refuses an order; spot and contracts differ. */
export function wordRefusal({ reason }: VenueRefusal, category: Category): BybitError {
  const spot = category === 'spot';
  switch (reason) {
    case 'unknownSymbol':
      return spot ? new BybitError(170121, 'Invalid symbol.') : new BybitError(10001, 'symbol invalid');
    case 'badQuantity':
      return spot
        ? new BybitError(170137, 'Order volume decimal too long.')
        : new BybitError(10001, 'Qty invalid');
    case 'badPrice':
      return spot
        ? new BybitError(170134, 'Order price decimal too long.')
        : new BybitError(10001, 'The price is invalid');
    case 'minNotional':
      return spot
        ? new BybitError(170140, 'Order value exceeded lower limit.')
        : new BybitError(110094, 'Order does not meet minimum order value');
    case 'insufficientBalance':
    case 'insufficientMargin':
      return spot
        ? new BybitError(170131, 'Insufficient balance.')
        : new BybitError(110007, 'ab not enough for new order');
    case 'reduceOnlyRejected':
    case 'reduceOnlyNotAllowed':
      return new BybitError(110017, 'current position is zero, cannot fix reduce-only order qty');
    case 'positionSideMismatch':
      return new BybitError(10001, 'position idx not match position mode');
    case 'wouldTake':
      return new BybitError(170218, 'The LIMIT-MAKER order is rejected due to invalid price.');
    case 'wouldTrigger':
      return new BybitError(110093, 'expect Falling, but trigger_price >= current');
    case 'duplicateClientId':
      return spot
        ? new BybitError(170141, 'Duplicate clientOrderId.')
        : new BybitError(110072, 'OrderLinkedID is duplicate');
    default:
      return reason satisfies never;
  }
}

/** @returns a number in short decimals, as Bybit prints them: `0`, `12.5`. */
export function decimal(value: number): string {
  const text = (value + 0).toFixed(8);
  return text.replace(/\.?0+$/, '') || '0';
}

/**
 * The kind of an order, which is its `type` here: `Order`, or Bybit's word for what it waits as. Once triggered it is an
 * order like any other.
 */
export const kindOf = (order: VenueOrder): string =>
  // The generic account calls what a conditional order became LIMIT or MARKET.
  order.triggeredAt > 0 || order.type === 'LIMIT' || order.type === 'MARKET' ? 'Order' : order.type;

/** @returns Bybit's word for the state of an order. */
export function statusWord(order: VenueOrder): string {
  const words = {
    open: kindOf(order) === 'Order' ? 'New' : 'Untriggered',
    partial: 'PartiallyFilled',
    filled: 'Filled',
    canceled: 'Cancelled',
    expired: 'Deactivated',
    rejected: 'Rejected',
    triggered: 'Triggered',
  } as const;
  return words[order.status];
}
