/** How many orders were rejected in any sliding five minutes. Pure; keeps its own state, so that a sample costs little. */

import { type OrderSample, orderKey } from './samples.ts';
import { type Count, createSeconds, type SecondsSnapshot } from './seconds.ts';

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

export type RejectCount = Count;

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

/** Plain JSON. Columns, since they are many: the newest orders (for telling duplicates) and the newest rejected ones. */
export interface RejectSnapshot {
  cells: SecondsSnapshot;
  orders: { ids: string[]; at: number[]; rejected: (0 | 1)[] };
  evidence: { ids: string[]; at: number[]; reasons: string[] };
  seenTo: number;
}

/** The playbook's window. */
export const REJECT_WINDOW_MS = 5 * 60_000;
/** A sample may be ten minutes late, and lands in windows that are five long. */
const KEEP_MS = 15 * 60_000;
/** Orders whose id is written to a snapshot: a duplicate of an older one, from before a restart, counts twice. */
const SNAPSHOT_ORDERS = 20_000;
/**
 * Orders that are told from their duplicates: at least this many of the newest, at most twice as many. Fifteen minutes of
 * 277 orders a second; above that a duplicate of one that is older counts again, and memory stays bounded.
 */
const KNOWN_ORDERS = 250_000;
/** Rejected orders that a trip can name and count reasons of: the newest. */
const EVIDENCE_ORDERS = 10_000;
const MAX_REASON = 200;

/**
 * Orders are counted by millisecond (seconds.ts), exactly, however many there are. Ids are kept apart from that: in two
 * generations, of which the older one goes as a whole.
 */
export function createRejectWindow(before?: RejectSnapshot): RejectWindow {
  const counts = createSeconds(before?.cells);
  /** By id: twice the earliest time that it was heard of, and one more when it was rejected. */
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  /** The newest ids, in a ring. */
  const recent: string[] = [];
  let written = 0;
  const rejected = new Map<string, { at: number; reason: string }>();
  /** Windows that end before this were looked at, and hold nothing new. */
  let dirtyFrom = Number.POSITIVE_INFINITY;
  /** What is older was forgotten. */
  let floor = Number.NEGATIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  /** When the younger generation began; null: after the last look. */
  let youngSince: number | null = null;

  function put(at: number, dOrders: number, dRejected: number): void {
    counts.add(at, dOrders, dRejected);
    dirtyFrom = Math.min(dirtyFrom, at);
  }

  function know(id: string, at: number, bad: boolean, isNew: boolean): void {
    if (young.size >= KNOWN_ORDERS) {
      old = young;
      young = new Map();
      youngSince = null;
    }
    young.set(id, 2 * at + (bad ? 1 : 0));
    if (!isNew) return;
    recent[written % SNAPSHOT_ORDERS] = id;
    written += 1;
  }

  /** Keep what a trip shows of a rejected order: when it counts, and the first reason that was given. */
  function keepEvidence(id: string, at: number, reason: string): void {
    const known = rejected.get(id);
    rejected.set(id, { at, reason: known?.reason ?? reason.slice(0, MAX_REASON) });
    if (rejected.size <= EVIDENCE_ORDERS) return;
    for (const oldest of rejected.keys()) {
      rejected.delete(oldest);
      break;
    }
  }

  function forgetAll(): void {
    young = new Map();
    old = new Map();
    youngSince = null;
    floor = Number.NEGATIVE_INFINITY;
  }

  function evict(now: number): void {
    // By the newest order too: a clock that jumps ahead evicts nothing, and what comes when it is right again is taken.
    floor = Math.min(now, newest) - KEEP_MS;
    counts.forget(floor);
    youngSince ??= now;
    if (now - youngSince < KEEP_MS) return;
    youngSince = now;
    old = young;
    young = new Map();
  }

  function evidence(from: number, to: number): Pick<RejectTrip, 'ids' | 'reasons'> {
    const inside = [...rejected].filter(([, { at }]) => at > from && at <= to);
    const reasons = new Map<string, number>();
    for (const [, { reason }] of inside) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return {
      ids: inside.slice(-10).map(([id]) => id),
      reasons: [...reasons].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5),
    };
  }

  if (before !== undefined) {
    const { orders, evidence: shown } = before;
    for (const [index, id] of orders.ids.entries())
      know(id, orders.at[index] as number, orders.rejected[index] === 1, true);
    for (const [index, id] of shown.ids.entries())
      keepEvidence(id, shown.at[index] as number, shown.reasons[index] as string);
    newest = counts.newest();
    dirtyFrom = before.seenTo;
  }

  return {
    take(sample) {
      const { at, status, reason = '' } = sample;
      if (status !== 'accepted' && status !== 'rejected') return;
      // Whoever calls has refused what is older than ten minutes, so the clock has gone back: what is known is of another time.
      if (at <= floor) forgetAll();
      const bad = status === 'rejected';
      const id = orderKey(sample);
      newest = Math.max(newest, at);
      const said = young.get(id) ?? old.get(id);
      const knownAt = said === undefined ? Number.NEGATIVE_INFINITY : Math.floor(said / 2);
      // What was evicted is counted no more, so it counts anew.
      if (said === undefined || knownAt <= floor) {
        know(id, at, bad, true);
        put(at, 1, bad ? 1 : 0);
        if (bad) keepEvidence(id, at, reason);
        return;
      }
      const wasBad = said !== 2 * knownAt;
      const nextAt = Math.min(knownAt, at);
      const isBad = wasBad || bad;
      if (nextAt === knownAt && isBad === wasBad) return;
      put(knownAt, -1, wasBad ? -1 : 0);
      put(nextAt, 1, isBad ? 1 : 0);
      know(id, nextAt, isBad, false);
      if (isBad) keepEvidence(id, nextAt, reason);
    },
    look(now, overPct, minOrders) {
      let worst: (RejectCount & { to: number }) | null = null;
      if (dirtyFrom <= now)
        counts.slide(dirtyFrom, now, REJECT_WINDOW_MS, (to, { orders, rejected: bad }) => {
          if (orders < minOrders || bad * 100 <= overPct * orders) return;
          if (worst === null || bad * worst.orders > worst.rejected * orders)
            worst = { orders, rejected: bad, to };
        });
      // A clock that went back and comes again looks at no window twice: it would find an old trip anew.
      dirtyFrom = Math.max(dirtyFrom, now + 1);
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
    at: (now) => counts.within(now - REJECT_WINDOW_MS, now),
    snapshot() {
      const orders: RejectSnapshot['orders'] = { ids: [], at: [], rejected: [] };
      const count = Math.min(written, SNAPSHOT_ORDERS);
      for (let index = written - count; index < written; index += 1) {
        const id = recent[index % SNAPSHOT_ORDERS] as string;
        const said = young.get(id) ?? old.get(id);
        if (said === undefined) continue;
        const at = Math.floor(said / 2);
        // What was forgotten counts anew, also after a restart.
        if (at <= floor) continue;
        orders.ids.push(id);
        orders.at.push(at);
        orders.rejected.push(said === 2 * at ? 0 : 1);
      }
      const shown: RejectSnapshot['evidence'] = { ids: [], at: [], reasons: [] };
      for (const [id, { at, reason }] of rejected) {
        shown.ids.push(id);
        shown.at.push(at);
        shown.reasons.push(reason);
      }
      const seenTo = Math.min(dirtyFrom, Number.MAX_SAFE_INTEGER);
      return { cells: counts.snapshot(), orders, evidence: shown, seenTo };
    },
  };
}
