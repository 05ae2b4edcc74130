/** Everything that was measured, in one place: takes samples, and can be written down and taken up again. Pure. */

import { createDayStarts, type DayStarts, type DayStartsSnapshot } from './dayStart.ts';
import { createFeeds, type FeedRule, type Feeds, type FeedsSnapshot } from './feeds.ts';
import { createLatencies, type Latencies, type LatencySnapshot } from './latency.ts';
import { createMismatches, type Mismatches, type MismatchSnapshot } from './mismatch.ts';
import { createMoney, type Money, type MoneySnapshot } from './money.ts';
import { createOrderRun, type OrderRun, type OrderRunSnapshot } from './orders.ts';
import { createRejectWindow, type RejectSnapshot, type RejectTrip, type RejectWindow } from './rejects.ts';
import { FUTURE_MS, type Sample, STALE_FOR_STOPS_MS } from './samples.ts';
import { createStaleness, type Staleness, type StalenessSnapshot } from './staleness.ts';

export interface Measurements {
  rejects: RejectWindow;
  /** The last window over the limit, and when it was found. */
  rejectTrip: { trip: RejectTrip; foundAt: number } | null;
  newestOrderAt: number | null;
  run: OrderRun;
  feeds: Feeds;
  staleness: Staleness;
  money: Money;
  /** What each venue's day counts from. */
  days: DayStarts;
  mismatches: Mismatches;
  /** Signal to order, ms. */
  signals: Latencies;
  /** Take one sample, received at `now`. Heartbeats are not kept here. */
  take(sample: Sample, now: number): void;
  /** Said at each judgement: somebody watches at `now`. */
  watch(now: number): void;
  /** From when to when nobody watched, because of a restart, ms; null when this process is the first. */
  away: { from: number; to: number } | null;
  /** Whether a bar of this symbol came to this process itself. */
  heard(feed: string, symbol: string): boolean;
  /**
   * At how many bars in a row the p99 of the signals was over the limit, the most of any feed. Looks at the bars that came
   * since the last look: once for each feed whose newest close has advanced, whatever came in one batch, in any order.
   */
  slowBars(now: number): number;
  snapshot(): MeasurementsSnapshot;
}

/** Plain JSON. */
export interface MeasurementsSnapshot {
  version: 2;
  rejects: RejectSnapshot;
  rejectTrip: Measurements['rejectTrip'];
  newestOrderAt: number | null;
  run: OrderRunSnapshot;
  feeds: FeedsSnapshot;
  staleness: StalenessSnapshot;
  money: MoneySnapshot;
  /** Absent in what was written before venues were measured. */
  days?: DayStartsSnapshot;
  mismatches?: MismatchSnapshot;
  signals: LatencySnapshot;
  looks: [feed: string, look: BarLook][];
  watchedTo: number | null;
}

/** The newest close of a feed, the one up to which was looked, and how many looks in a row found the signals slow. */
interface BarLook {
  newest: number;
  lookedTo: number;
  slow: number;
}

/** DESIGN 3: latency is looked at bar by bar; this is the playbook's limit for p99, ms. */
export const SLOW_SIGNAL_MS = 1_000;

export function createMeasurements(feeds: FeedRule[], before?: MeasurementsSnapshot): Measurements {
  const looks = new Map<string, BarLook>(structuredClone(before?.looks ?? []));
  const heard = new Set<string>();
  const earlier = before?.watchedTo ?? null;
  let watchedTo = earlier;
  let hasWatched = false;
  const self: Measurements = {
    rejects: createRejectWindow(before?.rejects),
    rejectTrip: before?.rejectTrip ?? null,
    newestOrderAt: before?.newestOrderAt ?? null,
    run: createOrderRun(before?.run),
    feeds: createFeeds(feeds, before?.feeds, earlier),
    staleness: createStaleness(before?.staleness),
    money: createMoney(before?.money),
    days: createDayStarts(before?.days),
    mismatches: createMismatches(before?.mismatches),
    signals: createLatencies(before?.signals),
    away: null,
    heard: (feed, symbol) => heard.has(`${feed} ${symbol}`),
    watch(now) {
      if (!hasWatched && earlier !== null) self.away = { from: Math.min(earlier, now), to: now };
      hasWatched = true;
      watchedTo = now;
    },
    slowBars(now) {
      const p99 = self.signals.percentile(now, 0.99);
      for (const look of looks.values()) {
        if (look.newest <= look.lookedTo) continue;
        look.lookedTo = look.newest;
        look.slow = p99 !== null && p99 > SLOW_SIGNAL_MS ? look.slow + 1 : 0;
      }
      return Math.max(0, ...[...looks.values()].map(({ slow }) => slow));
    },
    take(sample, now) {
      const forStops = sample.at >= now - STALE_FOR_STOPS_MS;
      self.watch(now);
      switch (sample.type) {
        case 'order':
          if (forStops) self.rejects.take(sample);
          self.newestOrderAt =
            self.newestOrderAt === null || self.newestOrderAt > now + FUTURE_MS
              ? sample.at
              : Math.max(self.newestOrderAt, sample.at);
          self.run.take(sample, now);
          return;
        case 'bar': {
          self.feeds.take(sample);
          self.staleness.take(sample, now);
          heard.add(`${sample.feed} ${sample.symbol}`);
          // One bar of any symbol is one look at the latency. What a clock that was ahead dated is no newest.
          const look = looks.get(sample.feed) ?? { newest: 0, lookedTo: 0, slow: 0 };
          looks.set(sample.feed, look);
          if (look.newest > now + FUTURE_MS) look.newest = look.lookedTo = 0;
          look.newest = Math.max(look.newest, sample.closedAt);
          return;
        }
        case 'pnl':
          if (forStops) self.money.takePnl(sample, now);
          return;
        case 'position':
          if (forStops) self.money.takePosition(sample, now);
          return;
        case 'signal':
          self.signals.take(sample.at, sample.latencyMs);
          return;
        case 'heartbeat':
          return;
        default: {
          const unknown: never = sample;
          throw new Error(`unknown sample ${JSON.stringify(unknown)}`);
        }
      }
    },
    snapshot: () => ({
      version: 2,
      rejects: self.rejects.snapshot(),
      rejectTrip: self.rejectTrip,
      newestOrderAt: self.newestOrderAt,
      run: self.run.snapshot(),
      feeds: self.feeds.snapshot(),
      staleness: self.staleness.snapshot(),
      money: self.money.snapshot(),
      days: self.days.snapshot(),
      mismatches: self.mismatches.snapshot(),
      signals: self.signals.snapshot(),
      looks: structuredClone([...looks]),
      watchedTo,
    }),
  };
  return self;
}
