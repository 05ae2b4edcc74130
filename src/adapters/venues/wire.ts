/** How the venue drivers talk to an exchange: one request at a time under a deadline, and failures in plain words. */

import type { Call, MarketKind } from './facts.ts';

/** What went wrong with one request. `message` is masked and holds no URL: it may be shown to anybody. */
export class VenueFailure extends Error {
  readonly code = 'venue_failure';
  readonly failure: FailureCause;
  constructor(message: string, failure: FailureCause) {
    super(message);
    this.name = 'VenueFailure';
    this.failure = failure;
  }
}

/**
 * `notSent`: nothing left this process. `refused`: the venue said no, and did nothing. `missing`: it has no such path.
 * `unknown`: anything else; the venue may have carried the request out.
 */
export interface FailureCause {
  outcome: 'notSent' | 'refused' | 'missing' | 'unknown';
  /** The venue's own code, such as `-2011`; null when it gave none. */
  venueCode: string | null;
  /** What the venue said beside the code. Not masked: for comparing, not for showing. */
  venueText: string;
  /** What the venue answered, where it answers for each order of a request. Not masked. */
  answer?: unknown;
  /** It says nothing of what was asked for: our clock, our nonce or our rate was refused. */
  passing?: true;
  /** ccxt's class, such as `ArgumentsRequired`; null when it is a failure of ours. */
  className: string | null;
}

/** What a driver needs of a market. Sizes in base units (contracts for a contract), cost in quote. */
export interface Market {
  id: string;
  symbol: string;
  contractSize: number | null;
  minAmount: number | null;
  minCost: number | null;
}

export interface Wire {
  /** One request; throws VenueFailure, also for an answer of another shape. `deadlineMs` defaults to the call timeout. */
  call<T>(call: Call<T>, deadlineMs?: number): Promise<T>;
  /** Load the markets again, whatever became of it before. Throws VenueFailure. */
  loadMarkets(): Promise<void>;
  /** Undefined while the markets are not loaded, or do not know it. */
  marketById(id: string, kind?: MarketKind): Market | undefined;
  marketBySymbol(symbol: string): Market | undefined;
  /** Cut to the market's step, as plain decimals; null when nothing is left, or the market is not known. */
  cutToStep(symbol: string, amount: number): string | null;
}

/** A failure that is not of the venue's making, or not in its words. */
export const ownFailure = (message: string, outcome: FailureCause['outcome'] = 'unknown'): VenueFailure =>
  new VenueFailure(message, { outcome, venueCode: null, venueText: '', className: null });

/** The words of whatever was thrown. Nothing but a VenueFailure is shown as it is: it may hold a signed URL. */
export const wordsOf = (error: unknown): string =>
  error instanceof VenueFailure ? error.message : 'a fault of our own in the venue adapter';

/** Run the jobs, at most `limit` at a time, in order. Never rejects by itself: jobs answer in values. */
export async function pool<T>(limit: number, jobs: (() => Promise<T>)[]): Promise<T[]> {
  const results = new Map<number, T>();
  const queue = jobs.entries();
  async function worker(): Promise<void> {
    // All workers draw from the one iterator.
    for (const [index, job] of queue) results.set(index, await job());
  }
  await Promise.all(Array.from({ length: Math.min(limit, jobs.length) }, worker));
  return jobs.map((_, index) => results.get(index) as T);
}

/** The same reason once, with what it hit: `BTCUSDT, ETHUSDT and 3 more: timeout`. */
export function tally(failures: { what: string; reason: string }[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { what, reason } of failures) byReason.set(reason, [...(byReason.get(reason) ?? []), what]);
  return [...byReason].map(([reason, whats]) => {
    const more = whats.length > 3 ? ` and ${whats.length - 3} more` : '';
    return `${whats.slice(0, 3).join(', ')}${more}: ${reason}`;
  });
}

/** Plain decimals, the shortest that mean this number, never an exponent: venues refuse 1e-8. */
export function plain(amount: number): string {
  const text = String(amount);
  return text.includes('e') ? amount.toFixed(12).replace(/\.?0+$/, '') : text;
}
