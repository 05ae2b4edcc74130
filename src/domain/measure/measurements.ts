/** Everything that was measured, in one place: takes samples, and can be written down and taken up again. Pure. */

import { createDayStarts, type DayStarts, type DayStartsSnapshot } from './dayStart.ts';
import { createFeeds, type FeedRule, type Feeds, type FeedsSnapshot } from './feeds.ts';
import { createLatencies, type Latencies, type LatencySnapshot } from './latency.ts';
import { createMismatches, type Mismatches, type MismatchSnapshot } from './mismatch.ts';
import { createMoney, type Money, type MoneySnapshot } from './money.ts';
import { createOrderRun, type OrderRun, type OrderRunSnapshot } from './orders.ts';
import { createRejectWindow, type RejectSnapshot, type RejectTrip, type RejectWindow } from './rejects.ts';
import { type Sample, STALE_FOR_STOPS_MS } from './samples.ts';

export interface Measurements {
  rejects: RejectWindow;
  /** The last window over the limit, and when it was found. */
  rejectTrip: { trip: RejectTrip; foundAt: number } | null;
  newestOrderAt: number | null;
  run: OrderRun;
  feeds: Feeds;
  money: Money;
  /** What each venue's day counts from. */
  days: DayStarts;
  mismatches: Mismatches;
  /** Signal to order, ms. */
  signals: Latencies;
  /** How many times in a row the p99 of the signals was over the limit at a bar. */
  slowBars: number;
  /** Take one sample, received at `now`. Heartbeats are not kept here. */
  take(sample: Sample, now: number): void;
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
  money: MoneySnapshot;
  /** Absent in what was written before venues were measured. */
  days?: DayStartsSnapshot;
  mismatches?: MismatchSnapshot;
  signals: LatencySnapshot;
  slowBars: number;
}

/** DESIGN 3: latency is looked at bar by bar; this is the playbook's limit for p99, ms. */
export const SLOW_SIGNAL_MS = 1_000;

export function createMeasurements(feeds: FeedRule[], before?: MeasurementsSnapshot): Measurements {
  const bars = new Map<string, number>();
  const self: Measurements = {
    rejects: createRejectWindow(before?.rejects),
    rejectTrip: before?.rejectTrip ?? null,
    newestOrderAt: before?.newestOrderAt ?? null,
    run: createOrderRun(before?.run),
    feeds: createFeeds(feeds, before?.feeds),
    money: createMoney(before?.money),
    days: createDayStarts(before?.days),
    mismatches: createMismatches(before?.mismatches),
    signals: createLatencies(before?.signals),
    slowBars: before?.slowBars ?? 0,
    take(sample, now) {
      const forStops = sample.at > now - STALE_FOR_STOPS_MS;
      switch (sample.type) {
        case 'order':
          if (forStops) self.rejects.take(sample);
          self.newestOrderAt = Math.max(self.newestOrderAt ?? 0, sample.at);
          self.run.take(sample, now);
          return;
        case 'bar': {
          self.feeds.take(sample);
          // One bar of any symbol is one look at the latency.
          if (sample.closedAt > (bars.get(sample.feed) ?? 0)) {
            bars.set(sample.feed, sample.closedAt);
            const p99 = self.signals.percentile(now, 0.99);
            self.slowBars = p99 !== null && p99 > SLOW_SIGNAL_MS ? self.slowBars + 1 : 0;
          }
          return;
        }
        case 'pnl':
          if (forStops) self.money.takePnl(sample);
          return;
        case 'position':
          if (forStops) self.money.takePosition(sample);
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
      money: self.money.snapshot(),
      days: self.days.snapshot(),
      mismatches: self.mismatches.snapshot(),
      signals: self.signals.snapshot(),
      slowBars: self.slowBars,
    }),
  };
  return self;
}
