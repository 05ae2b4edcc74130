/** The last hundred orders: success, rejects in a row, fills and slippage. Pure; keeps its own state. */

import { FUTURE_MS, type OrderSample, orderKey } from './samples.ts';

export interface OrderRun {
  /** Received at `now`. */
  take(sample: OrderSample, now: number): void;
  /** How many of the newest orders in a row were rejected. */
  rejectedInARow(): number;
  /** Share rejected among the last hundred; null below fifty. */
  rejectShare(): { share: number; orders: number } | null;
  /** How many times in a row, ending with the newest order, the share of successes in the last hundred was under `pct`. */
  underSuccess(pct: number): number;
  /** Share filled among the last hundred that ended; null below fifty. */
  fillShare(): { share: number; orders: number } | null;
  /** Mean distance of the fills from what was expected, basis points, of the last hundred fills; null below ten. */
  meanSlippageBps(): { bps: number; fills: number } | null;
  snapshot(): OrderRunSnapshot;
}

interface Placed {
  id: string;
  at: number;
  rejected: boolean;
}
interface Ended {
  id: string;
  at: number;
  /** 0 to 1. */
  filled: number;
  slippageBps: number | null;
}
export interface OrderRunSnapshot {
  placed: Placed[];
  ended: Ended[];
}

/** DESIGN 3: the rates are of the last hundred orders. */
const LAST = 100;
/** DESIGN 3: at least fifty, so that one reject of three is no rate. */
const LEAST = 50;
const LEAST_FILLS = 10;
/** Kept beyond the hundred, so that the rate after each of the last six can be told, and late ones find their place. */
const KEEP = 256;

/** By time, then by id: the same whatever the order of arrival. */
const before = (a: { at: number; id: string }, b: { at: number; id: string }): boolean =>
  a.at < b.at || (a.at === b.at && a.id < b.id);

/** Entries in order, each found by its id without a search: what is said of an order is mostly said of a new one. */
interface Run<T> {
  list: T[];
  byId: Map<string, T>;
}

const runOf = <T extends { id: string }>(list: T[]): Run<T> => ({
  list,
  byId: new Map(list.map((one) => [one.id, one])),
});

function take<T extends { at: number; id: string }>(
  { list, byId }: Run<T>,
  id: string,
  change: (known: T | undefined) => T,
): void {
  const known = byId.get(id);
  if (known !== undefined) {
    list.splice(list.lastIndexOf(known), 1);
    byId.delete(id);
  }
  const one = change(known);
  const [oldest] = list;
  // Late by more than is kept.
  if (list.length === KEEP && oldest !== undefined && before(one, oldest)) return;
  byId.set(id, one);
  const last = list.at(-1);
  if (last === undefined || before(last, one)) list.push(one);
  else list.splice(placeOf(list, one), 0, one);
  if (list.length <= KEEP) return;
  const gone = list.shift();
  if (gone !== undefined) byId.delete(gone.id);
}

/** Where it belongs in an ordered list. */
function placeOf<T extends { at: number; id: string }>(list: T[], one: T): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(list[middle] as T, one)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What was taken while the clock was ahead would stay the newest: what comes now is newer. */
function dropFuture<T extends { at: number; id: string }>({ list, byId }: Run<T>, now: number): void {
  for (let last = list.at(-1); last !== undefined && last.at > now + FUTURE_MS; last = list.at(-1)) {
    list.pop();
    byId.delete(last.id);
  }
}

/** The further off of two words on one fill, whichever came first. */
const worse = (a: number | null, b: number | null): number | null => {
  if (a === null || b === null) return a ?? b;
  return Math.abs(a) === Math.abs(b) ? Math.max(a, b) : Math.abs(a) > Math.abs(b) ? a : b;
};

export function createOrderRun(start: OrderRunSnapshot = { placed: [], ended: [] }): OrderRun {
  const placedRun = runOf(structuredClone(start.placed));
  const endedRun = runOf(structuredClone(start.ended));
  const placed = placedRun.list;
  const ended = endedRun.list;

  const rejectedAmong = (orders: Placed[]) => orders.filter((one) => one.rejected).length;

  return {
    take(sample, now) {
      const { at, status, qty, filledQty, slippageBps } = sample;
      const id = orderKey(sample);
      dropFuture(placedRun, now);
      dropFuture(endedRun, now);
      if (status === 'accepted' || status === 'rejected') {
        take(placedRun, id, (known) => ({
          id,
          at: Math.min(known?.at ?? at, at),
          rejected: (known?.rejected ?? false) || status === 'rejected',
        }));
        return;
      }
      const share =
        qty !== undefined && qty > 0 && filledQty !== undefined ? Math.min(1, filledQty / qty) : null;
      take(endedRun, id, (known) => ({
        id,
        at: Math.max(known?.at ?? at, at),
        filled: Math.max(known?.filled ?? 0, share ?? (status === 'filled' ? 1 : 0)),
        slippageBps: worse(slippageBps ?? null, known?.slippageBps ?? null),
      }));
    },
    rejectedInARow() {
      const accepted = placed.findLastIndex((one) => !one.rejected);
      return placed.length - 1 - accepted;
    },
    rejectShare() {
      const last = placed.slice(-LAST);
      return last.length < LEAST ? null : { share: rejectedAmong(last) / last.length, orders: last.length };
    },
    underSuccess(pct) {
      let times = 0;
      for (let end = placed.length; end >= LEAST; end -= 1) {
        const last = placed.slice(Math.max(0, end - LAST), end);
        const good = last.length - rejectedAmong(last);
        if (good * 100 >= pct * last.length) break;
        times += 1;
      }
      return times;
    },
    fillShare() {
      const last = ended.slice(-LAST);
      if (last.length < LEAST) return null;
      return { share: last.reduce((sum, one) => sum + one.filled, 0) / last.length, orders: last.length };
    },
    meanSlippageBps() {
      const fills = ended.filter((one) => one.slippageBps !== null).slice(-LAST);
      if (fills.length < LEAST_FILLS) return null;
      const sum = fills.reduce((total, one) => total + Math.abs(one.slippageBps ?? 0), 0);
      return { bps: sum / fills.length, fills: fills.length };
    },
    snapshot: () => structuredClone({ placed, ended }),
  };
}
