/** Percentiles of the trailing hour, exact to a millisecond below ten seconds. Pure; keeps its own state. */

import { FUTURE_MS } from './samples.ts';

/** Minute slices: what is asked for covers the last 60 to 61 minutes. */
const SLICE_MS = 60_000;
const SLICES = 61;
/** One bucket a millisecond; what took this long or longer is in the last one. */
export const SLOWEST_MS = 10_000;
const BUCKETS = SLOWEST_MS + 1;

export interface Latencies {
  take(at: number, ms: number): void;
  /** The smallest whole number of ms that at least this share of the samples did not exceed; null without samples. */
  percentile(now: number, share: number): number | null;
  count(now: number): number;
  snapshot(): LatencySnapshot;
}

/** [minute, [bucket, count]…]. */
export type LatencySnapshot = [minute: number, buckets: [number, number][]][];

export function createLatencies(before: LatencySnapshot = []): Latencies {
  const slices = new Map<number, Map<number, number>>();
  const total = new Float64Array(BUCKETS);
  let counted = 0;

  function add(minute: number, bucket: number, n: number): void {
    const slice = slices.get(minute) ?? new Map<number, number>();
    slices.set(minute, slice);
    slice.set(bucket, (slice.get(bucket) ?? 0) + n);
    total[bucket] = (total[bucket] as number) + n;
    counted += n;
  }

  /** What is older than the hour, and what a clock that was ahead dated after now. */
  function forget(now: number): void {
    const first = Math.floor(now / SLICE_MS) - SLICES + 1;
    const last = Math.floor((now + FUTURE_MS) / SLICE_MS);
    for (const [minute, slice] of slices) {
      if (minute >= first && minute <= last) continue;
      slices.delete(minute);
      for (const [bucket, n] of slice) {
        total[bucket] = (total[bucket] as number) - n;
        counted -= n;
      }
    }
  }

  for (const [minute, buckets] of before) for (const [bucket, n] of buckets) add(minute, bucket, n);

  return {
    take(at, ms) {
      // What is no latency at all counts as the worst one.
      add(Math.floor(at / SLICE_MS), ms >= 0 ? Math.min(BUCKETS - 1, Math.ceil(ms)) : BUCKETS - 1, 1);
    },
    percentile(now, share) {
      forget(now);
      if (counted === 0) return null;
      const rank = Math.max(1, Math.ceil(share * counted - 1e-9));
      let seen = 0;
      for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
        seen += total[bucket] as number;
        if (seen >= rank) return bucket;
      }
      return BUCKETS - 1;
    },
    count(now) {
      forget(now);
      return counted;
    },
    snapshot: () => [...slices].map(([minute, slice]) => [minute, [...slice]]),
  };
}
