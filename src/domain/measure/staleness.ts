/** How late the bars of the trailing hour were: from their close to when the engine had them. Pure; keeps its own state. */

import { type BarSample, FUTURE_MS } from './samples.ts';

export interface Staleness {
  /** Received at `now`. Of two words on one bar the earlier one stands. */
  take(sample: BarSample, now: number): void;
  /**
   * The p99 over the bars that came within the hour before `now`, and closed after `from`, ms; null without one. What
   * closed before the first bar was heard is history that the engine told, and not late.
   */
  p99(feed: string, now: number, from: number | null): { ms: number; bars: number } | null;
  snapshot(): StalenessSnapshot;
}

/** By feed: when its first bar was received, and [symbol, closedAt, availableAt]; ms since the epoch. Plain JSON. */
export type StalenessSnapshot = [
  feed: string,
  since: number,
  bars: [symbol: string, closedAt: number, availableAt: number][],
][];

const HOUR_MS = 3_600_000;
/** Bars of one feed that are kept: an hour of five symbols, a bar a second. A sender may invent closes. */
const MAX_BARS = 20_000;

interface FeedState {
  since: number;
  bars: Map<string, [symbol: string, closedAt: number, availableAt: number]>;
}

const keyOf = (symbol: string, closedAt: number): string => `${symbol} ${closedAt}`;

export function createStaleness(before: StalenessSnapshot = []): Staleness {
  const feeds = new Map<string, FeedState>(
    before.map(([feed, since, bars]) => [
      feed,
      { since, bars: new Map(bars.map((one) => [keyOf(one[0], one[1]), one])) },
    ]),
  );

  return {
    take({ feed, symbol, closedAt, at, availableAt = at }, now) {
      const state = feeds.get(feed) ?? { since: now, bars: new Map() };
      feeds.set(feed, state);
      const key = keyOf(symbol, closedAt);
      const known = state.bars.get(key)?.[2] ?? Number.POSITIVE_INFINITY;
      state.bars.set(key, [symbol, closedAt, Math.min(known, availableAt)]);
      if (state.bars.size <= MAX_BARS) return;
      for (const oldest of state.bars.keys()) {
        state.bars.delete(oldest);
        break;
      }
    },
    p99(feed, now, from) {
      const state = feeds.get(feed);
      if (state === undefined) return null;
      const late: number[] = [];
      for (const [key, [, closedAt, availableAt]] of state.bars) {
        if (availableAt <= now - HOUR_MS || availableAt > now + FUTURE_MS) state.bars.delete(key);
        else if (closedAt > Math.max(state.since, from ?? state.since))
          late.push(Math.max(0, availableAt - closedAt));
      }
      if (late.length === 0) return null;
      const sorted = Float64Array.from(late).toSorted();
      const rank = Math.max(1, Math.ceil(0.99 * late.length - 1e-9));
      return { ms: sorted[rank - 1] as number, bars: late.length };
    },
    snapshot: () => [...feeds].map(([feed, { since, bars }]) => [feed, since, [...bars.values()]]),
  };
}
