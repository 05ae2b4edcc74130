/** How many orders were rejected in any sliding five minutes. Pure; keeps its own state, so that a sample costs little. */

import type { OrderSample } from './samples.ts';

/** A window over the limit: half-open, `from` excluded and `to` included, ms since the epoch. */
export interface RejectTrip {
  from: number;
  to: number;
  orders: number;
  rejected: number;
  /** Up to ten of the rejected orders. */
  ids: string[];
  /** How often each reason was given, the most frequent first; five at most. */
  reasons: [reason: string, count: number][];
}

export interface RejectCount {
  orders: number;
  rejected: number;
}

export interface RejectWindow {
  /**
   * Take what is said of one order. An order counts once, at the earliest time that it was accepted or rejected, and as
   * rejected as soon as anything says so. What is filled or cancelled was counted before: alone it counts nothing.
   */
  take(sample: OrderSample): void;
  /**
   * Look at every window that ended by `now` and that holds something new since the last look. Returns the worst of those
   * over the limit, null when there is none. `overPct` is exclusive; fewer than `minOrders` orders decide nothing.
   */
  look(now: number, overPct: number, minOrders: number): RejectTrip | null;
  /** What the window that ends at `now` holds. */
  at(now: number): RejectCount;
  snapshot(): RejectSnapshot;
}

/** Plain JSON. `cells` are [ms, orders, rejected]; `orders` the newest of them by id, for telling duplicates. */
export interface RejectSnapshot {
  cells: [number, number, number][];
  orders: [id: string, at: number, rejected: 0 | 1, reason: string][];
  seenTo: number;
}

/** The playbook's window. */
export const REJECT_WINDOW_MS = 5 * 60_000;
/** A sample may be ten minutes late, and lands in windows that are five long. */
const KEEP_MS = 15 * 60_000;
/** Orders whose id is written to a snapshot: a duplicate of an older one, from before a restart, counts twice. */
const SNAPSHOT_ORDERS = 20_000;

interface Placed {
  at: number;
  rejected: boolean;
  reason: string;
}

/**
 * Times are whole milliseconds, so orders of one millisecond share a cell: exact, and at most 900,000 cells however many
 * orders there are. Running sums make each window two look-ups.
 */
export function createRejectWindow(before?: RejectSnapshot): RejectWindow {
  const placed = new Map<string, Placed>();
  let times: number[] = [];
  let orders: number[] = [];
  let rejected: number[] = [];
  /** Running sums of all cells up to and with this one; right for the first `summed` cells. */
  let orderSums: number[] = [];
  let rejectedSums: number[] = [];
  let summed = 0;
  let lostOrders = 0;
  let lostRejected = 0;
  /** Windows that end before this were looked at, and hold nothing new. */
  let dirtyFrom = Number.POSITIVE_INFINITY;
  /** Evicted up to here: nothing older is taken any more. */
  let floor = Number.NEGATIVE_INFINITY;

  /** The first cell after `at`. */
  function after(at: number): number {
    let low = 0;
    let high = times.length;
    if (high > 0 && (times[high - 1] as number) <= at) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((times[middle] as number) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function put(at: number, dOrders: number, dRejected: number): void {
    const index = after(at);
    const same = index - 1;
    if (same >= 0 && times[same] === at) {
      orders[same] = (orders[same] as number) + dOrders;
      rejected[same] = (rejected[same] as number) + dRejected;
      summed = Math.min(summed, same);
    } else if (index === times.length) {
      times.push(at);
      orders.push(dOrders);
      rejected.push(dRejected);
    } else {
      times.splice(index, 0, at);
      orders.splice(index, 0, dOrders);
      rejected.splice(index, 0, dRejected);
      summed = Math.min(summed, index);
    }
    dirtyFrom = Math.min(dirtyFrom, at);
  }

  function sum(): void {
    for (let index = summed; index < times.length; index += 1) {
      orderSums[index] =
        (index === 0 ? lostOrders : (orderSums[index - 1] as number)) + (orders[index] as number);
      rejectedSums[index] =
        (index === 0 ? lostRejected : (rejectedSums[index - 1] as number)) + (rejected[index] as number);
    }
    summed = times.length;
  }

  /** What lies in (from, to]. Sums must be right. */
  function within(from: number, to: number): RejectCount {
    const last = after(to) - 1;
    const first = after(from) - 1;
    const upTo = (sums: number[], index: number, lost: number) =>
      index < 0 ? lost : (sums[index] as number);
    return {
      orders: upTo(orderSums, last, lostOrders) - upTo(orderSums, first, lostOrders),
      rejected: upTo(rejectedSums, last, lostRejected) - upTo(rejectedSums, first, lostRejected),
    };
  }

  function evict(now: number): void {
    floor = Math.max(floor, now - KEEP_MS);
    for (const [id, order] of placed) {
      if (order.at > floor) break;
      placed.delete(id);
    }
    const gone = after(floor);
    // In large pieces: cutting an array costs its length.
    if (gone < 4_096 && gone * 2 < times.length) return;
    if (gone === 0) return;
    sum();
    lostOrders = orderSums[gone - 1] as number;
    lostRejected = rejectedSums[gone - 1] as number;
    times = times.slice(gone);
    orders = orders.slice(gone);
    rejected = rejected.slice(gone);
    orderSums = orderSums.slice(gone);
    rejectedSums = rejectedSums.slice(gone);
    summed = times.length;
  }

  function evidence(from: number, to: number): Pick<RejectTrip, 'ids' | 'reasons'> {
    const inside = [...placed].filter(([, one]) => one.rejected && one.at > from && one.at <= to);
    const reasons = new Map<string, number>();
    for (const [, { reason }] of inside) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return {
      ids: inside.slice(-10).map(([id]) => id),
      reasons: [...reasons].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5),
    };
  }

  if (before !== undefined) {
    for (const [at, n, bad] of before.cells) put(at, n, bad);
    for (const [id, at, bad, reason] of before.orders) placed.set(id, { at, rejected: bad === 1, reason });
    dirtyFrom = before.seenTo;
  }

  return {
    take({ orderId, at, status, reason = '' }) {
      if (status !== 'accepted' && status !== 'rejected') return;
      if (at <= floor) return;
      const bad = status === 'rejected';
      const known = placed.get(orderId);
      if (known === undefined) {
        placed.set(orderId, { at, rejected: bad, reason: bad ? reason : '' });
        put(at, 1, bad ? 1 : 0);
        return;
      }
      const next = {
        at: Math.min(known.at, at),
        rejected: known.rejected || bad,
        reason: known.rejected ? known.reason : bad ? reason : '',
      };
      if (next.at === known.at && next.rejected === known.rejected) return;
      put(known.at, -1, known.rejected ? -1 : 0);
      put(next.at, 1, next.rejected ? 1 : 0);
      placed.set(orderId, next);
    },
    look(now, overPct, minOrders) {
      sum();
      let worst: (RejectCount & { to: number }) | null = null;
      const weigh = (to: number) => {
        const count = within(to - REJECT_WINDOW_MS, to);
        if (count.orders < minOrders || count.rejected * 100 <= overPct * count.orders) return;
        if (worst === null || count.rejected * worst.orders > worst.rejected * count.orders)
          worst = { ...count, to };
      };
      // What a window holds changes where an order comes in, and where one has just left.
      for (let index = after(dirtyFrom - 1); index < times.length; index += 1) {
        const to = times[index] as number;
        if (to > now) break;
        weigh(to);
      }
      for (let index = after(dirtyFrom - REJECT_WINDOW_MS - 1); index < times.length; index += 1) {
        const to = (times[index] as number) + REJECT_WINDOW_MS;
        if (to > now) break;
        weigh(to);
      }
      dirtyFrom = now + 1;
      const found = worst as (RejectCount & { to: number }) | null;
      const trip =
        found === null
          ? null
          : {
              from: found.to - REJECT_WINDOW_MS,
              ...found,
              ...evidence(found.to - REJECT_WINDOW_MS, found.to),
            };
      evict(now);
      return trip;
    },
    at(now) {
      sum();
      return within(now - REJECT_WINDOW_MS, now);
    },
    snapshot: () => ({
      cells: times.map((at, index) => [at, orders[index] as number, rejected[index] as number]),
      orders: [...placed]
        .slice(-SNAPSHOT_ORDERS)
        .map(([id, one]) => [id, one.at, one.rejected ? 1 : 0, one.reason]),
      seenTo: Math.min(dirtyFrom, Number.MAX_SAFE_INTEGER),
    }),
  };
}
