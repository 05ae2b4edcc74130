/** Orders and positions as a venue shows them, and the events of cancelling and flattening. Pure. */

import type { Verdict } from './kill.ts';

/** One open order, as the venue lists it. `symbol` is ccxt's unified name where the markets know it, else the venue's own. */
export interface OrderLine {
  id: string;
  list: string;
  symbol: string;
  side: 'buy' | 'sell' | 'unknown';
  /** In base units; null when the venue gives none (a close-position stop). */
  amount: number | null;
  price: number | null;
  /** A reduce-only or close-position order: what stands between a position and ruin. */
  protective: boolean;
}

/** One open position or, on spot, a balance that is not a quote asset. */
export interface PositionLine {
  symbol: string;
  side: 'long' | 'short';
  /** In base units (contracts × contract size), always positive. */
  amount: number;
  /** Absolute, in the venue's quote currency at mark; null when the venue gave no mark. */
  notional: number | null;
  currency: string;
  unrealisedPnl: number | null;
  /** A balance below the venue's minimum size: it cannot be sold by an order. Still a residual. */
  dust: boolean;
}

/** What cancelling one list at one venue did, as far as the venue's own answers say; a reading proves it. */
export interface CancelledList {
  list: string;
  found: number;
  /** Cancels that the venue answered with success. Not proof. */
  answered: number;
  protective: number;
  failures: string[];
}

export interface CancelScope {
  /** `entries` leaves reduce-only orders alone. */
  scope: 'all' | 'entries';
  venue?: string;
  symbol?: string;
}

/** What a cancel ended with at one venue, from a reading that began after its last write ended. */
export interface CancelResult {
  venue: string;
  verdict: 'cancelled' | 'left' | 'unknown';
  lists: CancelledList[];
  /** Orders in scope that the reading still found; null when it could not be read. */
  left: number | null;
  reason?: string;
}

export type OrdersEvent =
  | { type: 'CancelAsked'; cancel: string; scope: CancelScope; reason: string }
  | { type: 'CancelFinished'; cancel: string; results: CancelResult[]; ms: number };

/** What closing one position ended with. `sent` false: nothing went to the venue. */
export interface CloseResult {
  venue: string;
  symbol: string;
  side: 'long' | 'short';
  asked: number;
  state: 'closed' | 'partly' | 'refused' | 'unknown';
  /** Base units still there at the reading after the order; null when it could not be read. */
  left: number | null;
  reason?: string;
}

export type FlattenEvent =
  | {
      type: 'FlattenAsked';
      flatten: string;
      kill?: string;
      positions: Closable[];
    }
  | { type: 'FlattenFinished'; flatten: string; results: CloseResult[]; verdict: Verdict; ms: number };

/** What a flatten is asked to close: one position at one venue, `amount` in base units. */
export interface Closable {
  venue: string;
  symbol: string;
  side: 'long' | 'short';
  amount: number;
}

/** Two readings of one size may differ in the last digit of a float; more than this much more is growth. */
const GROWTH = 1 + 1e-9;

/**
 * What is there now and was not in what a person approved: a new position, or more of one. Less, or nothing, needs nobody's
 * word. Returns the positions as they are now, each with what was approved of it (0: it is new).
 */
export function outgrown(approved: Closable[], now: Closable[]): (Closable & { approved: number })[] {
  return now.flatMap((line) => {
    const before = approved.find(
      (one) => one.venue === line.venue && one.symbol === line.symbol && one.side === line.side,
    );
    const limit = before?.amount ?? 0;
    return line.amount > limit * GROWTH ? [{ ...line, approved: limit }] : [];
  });
}
