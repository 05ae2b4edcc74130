/**
 * Signals and orders by the minute in which they happened: was its latency over the limit, was its success under the target?
 * Pure; keeps its own state. A restart takes along the minutes that are not judged yet.
 */

import { SLOW_SIGNAL_MS } from '../measure/measurements.ts';
import { FUTURE_MS, orderKey, type Sample } from '../measure/samples.ts';
import { minuteOf } from './month.ts';

export type Tallied = 'latency' | 'orders';

export interface Tally {
  /** Received at `now`, ms since the epoch. What is older than an hour, or from before `from`, is judged already. */
  take(sample: Sample, now: number): void;
  /** The minutes that had samples and are to be judged now, or anew since late ones came. */
  judged(now: number): { what: Tallied; minute: number; state: 'good' | 'bad' }[];
  /** The minutes that are to be judged still. */
  snapshot(): PendingMinute[];
}

/** What a minute had when it was written down. Plain JSON. */
export interface PendingMinute {
  what: Tallied;
  minute: number;
  all: number;
  failed: number;
}

interface Minute {
  all: number;
  failed: number;
  /** Orders that were counted, with whether as failed. */
  orders: Map<string, boolean>;
  due: boolean;
  /** An earlier process counted a part of it: it may have been worse than that, and is not known to be good. */
  restored: boolean;
}

const KEEP_MIN = 60;
/** A minute is judged when the next one is over as well: an engine may send what it measured once a minute. */
const SETTLE_MIN = 1;
/** Orders of one minute that are told apart. Beyond it only failures count on, which is the stricter side. */
const MAX_ORDERS = 20_000;

/**
 * `from`: the minute in which this process began; `targetPct`: the share of orders that must succeed; `pending`: what an earlier
 * process did not judge.
 */
export function createTally(from: number, targetPct: number, pending: readonly PendingMinute[] = []): Tally {
  const minutes: Record<Tallied, Map<number, Minute>> = { latency: new Map(), orders: new Map() };
  for (const { what, minute, all, failed } of pending)
    minutes[what].set(minute, { all, failed, orders: new Map(), due: true, restored: true });

  function minuteFor(what: Tallied, at: number, now: number): Minute | null {
    const minute = minuteOf(at);
    if (minute < minuteOf(now) - KEEP_MIN || at > now + FUTURE_MS) return null;
    if (minute <= from && !minutes[what].has(minute)) return null;
    const known = minutes[what].get(minute) ?? {
      all: 0,
      failed: 0,
      orders: new Map<string, boolean>(),
      due: true,
      restored: false,
    };
    minutes[what].set(minute, known);
    known.due = true;
    return known;
  }

  const isBad: Record<Tallied, (minute: Minute) => boolean> = {
    // More than one in a hundred is slow: the p99 of the minute is over the limit.
    latency: ({ all, failed }) => failed * 100 > all,
    orders: ({ all, failed }) => (all - failed) * 100 < targetPct * all,
  };

  return {
    take(sample, now) {
      if (sample.type === 'signal') {
        const minute = minuteFor('latency', sample.at, now);
        if (minute === null) return;
        minute.all += 1;
        // What is no latency at all counts as slow.
        if (!(sample.latencyMs >= 0 && sample.latencyMs <= SLOW_SIGNAL_MS)) minute.failed += 1;
        return;
      }
      if (sample.type !== 'order' || (sample.status !== 'accepted' && sample.status !== 'rejected')) return;
      const minute = minuteFor('orders', sample.at, now);
      if (minute === null) return;
      const key = orderKey(sample);
      const known = minute.orders.get(key);
      const failed = sample.status === 'rejected';
      if (known === undefined) {
        if (minute.orders.size >= MAX_ORDERS && !failed) return;
        if (minute.orders.size < MAX_ORDERS) minute.orders.set(key, failed);
        minute.all += 1;
        minute.failed += failed ? 1 : 0;
      } else if (failed && !known) {
        minute.orders.set(key, true);
        minute.failed += 1;
      }
    },
    judged(now) {
      const current = minuteOf(now);
      const found: ReturnType<Tally['judged']> = [];
      for (const what of ['latency', 'orders'] as const)
        for (const [minute, tally] of minutes[what]) {
          if (minute < current - KEEP_MIN || minute > current + 1) minutes[what].delete(minute);
          else if (tally.due && minute + SETTLE_MIN < current) {
            tally.due = false;
            const state = isBad[what](tally) ? 'bad' : 'good';
            if (state === 'bad' || !tally.restored) found.push({ what, minute, state });
          }
        }
      return found;
    },
    snapshot: () =>
      (['latency', 'orders'] as const).flatMap((what) =>
        [...minutes[what]]
          .filter(([, { due }]) => due)
          .map(([minute, { all, failed }]) => ({ what, minute, all, failed })),
      ),
  };
}
