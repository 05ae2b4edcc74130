/** How long a feed has been silent while somebody could have heard it: the market open, and a process watching. Pure. */

import type { MarketState } from './hours.ts';
import type { Measurements } from './measurements.ts';

export interface JudgedGap {
  /** now − (newest close, or the market's opening, whichever is later + interval), never negative. */
  ms: number;
  symbol: string;
  closedAt: number;
  /** Symbols that never had a bar: unknown. */
  never: string[];
  /**
   * What of it was watched, when a part was not and it is too early to say that the feed is silent now; null when all of
   * it counts.
   */
  watched: { ms: number; from: number; to: number } | null;
}

/**
 * The worst gap over the symbols of a feed; null while none of them has had a bar. After a restart, what a bar from before
 * it says is sure only once another one was due: until then the time in which nothing watched does not count.
 */
export function gapOf(
  of: Measurements,
  feed: { id: string; intervalSec: number },
  now: number,
  market: MarketState,
): JudgedGap | null {
  const gap = of.feeds.gap(feed.id, now);
  if (gap === null) return null;
  const interval = feed.intervalSec * 1_000;
  const openedMs = market.open && market.since !== null ? now - market.since - interval : gap.ms;
  const ms = Math.max(0, Math.min(gap.ms, openedMs));
  const { away } = of;
  const isSure = away === null || now - away.to >= interval || of.heard(feed.id, gap.symbol);
  return {
    ...gap,
    ms,
    watched: isSure ? null : { ...away, ms: Math.max(0, ms - (away.to - away.from)) },
  };
}
