/** What an engine, or the venue itself, says of a moment: the samples of CONTRACT 5 once they are checked. Pure. */

/** When it happened, ms since the epoch, by the clock of whoever measured it. */
interface Sampled {
  at: number;
}

export interface OrderSample extends Sampled {
  type: 'order';
  venue: string;
  symbol: string;
  orderId: string;
  status: 'accepted' | 'rejected' | 'filled' | 'canceled';
  latencyMs?: number;
  reason?: string;
  strategy?: string;
  /** Base units. */
  qty?: number;
  filledQty?: number;
  slippageBps?: number;
}

export interface BarSample extends Sampled {
  type: 'bar';
  feed: string;
  symbol: string;
  /** End of the bar, ms since the epoch. */
  closedAt: number;
  availableAt?: number;
}

/** Since 00:00 UTC, realised and unrealised, after fees, without transfers; signed, in `currency`. */
export interface PnlSample extends Sampled {
  type: 'pnl';
  dayPnl: number;
  currency: string;
  /** Of the account now. */
  equity?: number;
}

export interface PositionSample extends Sampled {
  type: 'position';
  venue: string;
  symbol: string;
  /** Signed, in the currency of the limits; 0 when closed. */
  notional: number;
}

export interface SignalSample extends Sampled {
  type: 'signal';
  latencyMs: number;
}

export interface HeartbeatSample extends Sampled {
  type: 'heartbeat';
  engine: string;
  /** The control keys that it obeys, as it read them; undefined when it does not say. */
  control?: Record<string, string>;
  host?: Record<string, number>;
}

export type Sample = OrderSample | BarSample | PnlSample | PositionSample | SignalSample | HeartbeatSample;

/** Samples that are older than this feed the SLIs, and no criterion (CONTRACT 5). At exactly this age they still do. */
export const STALE_FOR_STOPS_MS = 10 * 60_000;

/**
 * What is dated later than this is refused at the door (CONTRACT 5). What is found to be so afterwards was taken while
 * the clock was ahead: it says nothing of now, and must not hide what does.
 */
export const FUTURE_MS = 5_000;

/** What makes an order the same order: venues count from one each, and some of them each symbol. */
export const orderKey = ({ venue, symbol, orderId }: OrderSample): string => `${venue} ${symbol} ${orderId}`;
