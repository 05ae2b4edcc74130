/**
 * What a venue knows about one account, in neutral words: no vendor's spelling, no HTTP. The Binance, Bybit, OKX
 * and Kraken counterparts translate this to and from their own protocol.
 */

/** Where money and orders live. `margin` is cross margin on spot markets; `swap` is linear perpetuals. */
export type Wallet = 'spot' | 'margin' | 'swap';
export type Side = 'buy' | 'sell';
/** `BOTH` is one-way mode; `LONG` and `SHORT` are the two sides of hedge mode. */
export type PositionSide = 'BOTH' | 'LONG' | 'SHORT';
/** Venues keep conditional orders in a list of their own, which a cancel of the regular list does not touch. */
export type OrderList = 'regular' | 'conditional';
type OrderStatus = 'open' | 'partial' | 'filled' | 'canceled' | 'expired' | 'rejected' | 'triggered';

export interface VenueMarket {
  /** The venue's own id, such as `BTCUSDT`. */
  readonly id: string;
  readonly kind: 'spot' | 'swap';
  readonly base: string;
  /** What it is priced and, for a swap, settled in. */
  readonly quote: string;
  /** Decimal strings, as venues print them: the number of digits is part of the value. */
  readonly tickSize: string;
  readonly stepSize: string;
  readonly minQty: string;
  /** In quote. */
  readonly minNotional: string;
  /** False: it trades, but the venue's list of markets does not name it (a new listing, a stale cache). */
  readonly listed: boolean;
}

export interface VenueOrder {
  /** Decimal digits; a venue may print it as a number beyond 2^53. */
  readonly id: string;
  readonly clientId: string;
  readonly wallet: Wallet;
  list: OrderList;
  readonly symbol: string;
  readonly side: Side;
  /** The venue's own word, such as `STOP_MARKET`. */
  readonly type: string;
  /** 0 for a market order. */
  readonly price: number;
  /** 0 when it has no trigger. */
  readonly triggerPrice: number;
  /** The mark must reach the trigger from below (`above`) or from above (`below`). */
  readonly triggerWhen?: 'above' | 'below';
  quantity: number;
  filled: number;
  /** Filled quantity times its prices, in quote. */
  filledQuote: number;
  readonly reduceOnly: boolean;
  /** Closes whatever the position is when it triggers; has no quantity of its own. */
  readonly closePosition: boolean;
  readonly positionSide: PositionSide;
  readonly timeInForce: string;
  /** Set for the legs of a one-cancels-the-other list. */
  readonly listId?: string;
  readonly callbackRate?: number;
  status: OrderStatus;
  /** Epoch ms. */
  readonly createdAt: number;
  updatedAt: number;
  triggeredAt: number;
  /** The order that a triggered conditional order became. */
  becameId?: string;
}

export interface VenuePosition {
  readonly symbol: string;
  readonly side: PositionSide;
  /** Signed, in base: below 0 is short, also for the `SHORT` side of hedge mode. */
  amount: number;
  entryPrice: number;
  leverage: number;
  isolated: boolean;
  updatedAt: number;
}

export interface MarginAsset {
  /** Free plus locked, in the asset. */
  total: number;
  borrowed: number;
  interest: number;
}

interface VenueTrade {
  readonly id: number;
  readonly orderId: string;
  readonly wallet: Wallet;
  readonly symbol: string;
  readonly side: Side;
  readonly positionSide: PositionSide;
  readonly price: number;
  readonly quantity: number;
  readonly fee: number;
  readonly feeAsset: string;
  readonly realized: number;
  readonly maker: boolean;
  readonly at: number;
}

interface VenueIncome {
  /** Binance's words: REALIZED_PNL, COMMISSION, FUNDING_FEE, TRANSFER, … */
  readonly type: string;
  readonly symbol: string;
  readonly asset: string;
  /** Signed: a fee is below 0. */
  readonly amount: number;
  readonly at: number;
  readonly id: number;
}

export interface VenueState {
  /** Every order ever, open or not, in the order of placing. */
  orders: Map<string, VenueOrder>;
  /** Keyed by `positionKey`. */
  positions: Map<string, VenuePosition>;
  /** Free plus locked. */
  spot: Map<string, number>;
  margin: Map<string, MarginAsset>;
  /** Wallet balance, without unrealised profit. */
  swap: Map<string, number>;
  /** Price by symbol, shared by the spot market and the swap of that id. */
  marks: Map<string, number>;
  trades: VenueTrade[];
  income: VenueIncome[];
  /** Symbol → epoch ms at which all its regular swap orders are cancelled (a dead man's switch). */
  deadlines: Map<string, number>;
  hedgeMode: boolean;
}

/** @returns a state with nothing in it, in one-way mode. */
export function emptyState(): VenueState {
  return {
    orders: new Map(),
    positions: new Map(),
    spot: new Map(),
    margin: new Map(),
    swap: new Map(),
    marks: new Map(),
    trades: [],
    income: [],
    deadlines: new Map(),
    hedgeMode: false,
  };
}

/** @returns the key of a position in `VenueState.positions`. */
export function positionKey(symbol: string, side: PositionSide): string {
  return `${symbol}/${side}`;
}

/** @returns true while the order can still fill, trigger or be cancelled. */
export function isOpen(order: VenueOrder): boolean {
  return order.status === 'open' || order.status === 'partial';
}

/** Rounds to 8 decimals, the finest step of these venues, so that sums of binary floats stay equal to what is printed. */
export function tidy(value: number): number {
  // `+ 0` turns -0, which would print as "-0", into 0.
  return Math.round(value * 1e8) / 1e8 + 0;
}

/** Why the venue said no. Each protocol has its own code for each. */
export type RefusalReason =
  | 'unknownSymbol'
  | 'badQuantity'
  | 'badPrice'
  | 'minNotional'
  | 'insufficientBalance'
  | 'insufficientMargin'
  | 'reduceOnlyRejected'
  | 'reduceOnlyNotAllowed'
  | 'positionSideMismatch'
  | 'wouldTake'
  | 'wouldTrigger'
  | 'duplicateClientId';

/** An order that the venue refuses; nothing has changed. */
export class VenueRefusal extends Error {
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason, detail: string) {
    super(`${reason}: ${detail}`);
    this.name = 'VenueRefusal';
    this.reason = reason;
  }
}
