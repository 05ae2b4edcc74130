/** p99 of each feed's gap over the trailing hour, from one look a second. Pure; keeps its own state. */

import { createLatencies, type Latencies } from '../measure/latency.ts';

export interface Staleness {
  /** One look at the gap of a feed, in seconds, at `now`, ms since the epoch. */
  take(feed: string, seconds: number, now: number): void;
  /** The smallest whole number of seconds that 99 % of the looks did not exceed; null before the first look. */
  p99(feed: string, now: number): { sec: number; minutes: number } | null;
}

/** DESIGN 3: over the trailing hour. A restart begins anew, and `minutes` says how much is covered. */
export function createStaleness(): Staleness {
  // The histogram counts whole units up to ten thousand: here each is a second.
  const seen = new Map<string, { looks: Latencies; since: number }>();
  return {
    take(feed, seconds, now) {
      const one = seen.get(feed) ?? { looks: createLatencies(), since: now };
      seen.set(feed, one);
      one.looks.take(now, seconds);
    },
    p99(feed, now) {
      const one = seen.get(feed);
      const sec = one?.looks.percentile(now, 0.99) ?? null;
      if (one === undefined || sec === null) return null;
      return { sec, minutes: Math.min(60, Math.max(1, Math.round((now - one.since) / 60_000))) };
    },
  };
}
