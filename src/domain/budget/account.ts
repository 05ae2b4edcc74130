/**
 * What became of each minute of one SLO, in seconds: good, bad, or of no account since the market was closed. What is none
 * of them was not measured. Pure; keeps its own state.
 */

import { type MonthId, monthBefore, monthIdOf, monthSpan } from './month.ts';

export type SecondState = 'good' | 'bad' | 'off' | 'unknown';

/** Seconds of some minutes. `unmeasured` is only of minutes that are over. */
export interface Spent {
  bad: number;
  good: number;
  off: number;
  unmeasured: number;
}

/** A stretch of whole minutes [from, to), minutes since the epoch, in which something else holds than what was measured. */
export interface Overlay {
  from: number;
  to: number;
  /** `excluded` does not count at all; `bad` and `good` are the true times of an incident. */
  as: 'excluded' | 'bad' | 'good';
}

export interface Account {
  /** The seconds [from, to) since the epoch were so. Each is taken once: what was taken before is not taken again. */
  take(from: number, to: number, state: SecondState): void;
  /**
   * What was taken as something else was bad from `from` on, up to what is taken so far: a gap counts from its beginning once it is
   * over its limit. Seconds that are known to be bad are not counted again. Before `watchedFrom` only what was measured
   * turns: what nobody watched stays unmeasured.
   */
  badSince(from: number, watchedFrom: number): void;
  /** How this whole minute was, as came out later. One that is too old, or not over, stays as it is. */
  settle(minute: number, state: 'good' | 'bad'): void;
  /** Up to which second since the epoch it is taken; null before the first. */
  takenTo(): number | null;
  /**
   * The clock was put back: go on from this second. What was taken stands, so that nothing gets better by it, and a minute
   * has 60 seconds.
   */
  putBack(second: number): void;
  /** Let go of what is older than the month before the one of `second`. */
  forget(second: number): void;
  /** The seconds of the minutes [from, to), as the overlays leave them; later ones stand over earlier ones. */
  spent(from: number, to: number, overlays?: readonly Overlay[], until?: number): Spent;
  /** The bad seconds of each minute [from, to), for a picture. */
  badByMinute(from: number, to: number, overlays?: readonly Overlay[]): Uint8Array;
  snapshot(): AccountSnapshot;
}

/**
 * Runs of equal minutes, five numbers each, in one list: first minute, how many, good, bad, off. Plain JSON; a list of lists
 * would cost ten times as much where each minute is another.
 */
export interface AccountSnapshot {
  takenTo: number | null;
  badTo: number;
  runs: number[];
}

/** The month that runs and the one before it are kept by the minute: burn rates look back over a month's end. */
interface Month {
  from: number;
  good: Uint8Array;
  bad: Uint8Array;
  off: Uint8Array;
}

export function createAccount(before?: AccountSnapshot): Account {
  const months = new Map<MonthId, Month>();
  let takenTo = before?.takenTo ?? null;
  /** Seconds before this one that were bad are counted. */
  let badTo = before?.badTo ?? 0;

  function monthAt(minute: number): Month {
    const id = monthIdOf(minute);
    const known = months.get(id);
    if (known !== undefined) return known;
    const { from, to } = monthSpan(id);
    const made = {
      from,
      good: new Uint8Array(to - from),
      bad: new Uint8Array(to - from),
      off: new Uint8Array(to - from),
    };
    months.set(id, made);
    return made;
  }

  /** Each minute of the seconds [from, to), with how many of them are in it. */
  function eachMinute(from: number, to: number, each: (minute: number, seconds: number) => void): void {
    for (let second = from; second < to; ) {
      const minute = Math.floor(second / 60);
      const end = Math.min(to, (minute + 1) * 60);
      each(minute, end - second);
      second = end;
    }
  }

  /** So many seconds of a minute that were taken as something else are bad: what was good gives way first. */
  function turnBad(minute: number, seconds: number): void {
    const { from, good, bad, off } = monthAt(minute);
    const index = minute - from;
    const turned = Math.min(seconds, 60 - (bad[index] as number));
    const wasGood = Math.min(turned, good[index] as number);
    bad[index] = (bad[index] as number) + turned;
    good[index] = (good[index] as number) - wasGood;
    off[index] = (off[index] as number) - Math.min(turned - wasGood, off[index] as number);
  }

  const runs = before?.runs ?? [];
  for (let run = 0; run + 4 < runs.length; run += 5) {
    const [first = 0, count = 0, good = 0, bad = 0, off = 0] = runs.slice(run, run + 5);
    for (let minute = first; minute < first + count; minute += 1) {
      const month = monthAt(minute);
      month.good[minute - month.from] = good;
      month.bad[minute - month.from] = bad;
      month.off[minute - month.from] = off;
    }
  }

  /** [from, to) in pieces of one month each, in which one overlay or none stands. */
  function eachPiece(
    from: number,
    to: number,
    overlays: readonly Overlay[],
    each: (piece: { from: number; to: number; month: Month | undefined; as: Overlay['as'] | null }) => void,
  ): void {
    const cuts = new Set([from, to]);
    for (const one of overlays)
      for (const cut of [one.from, one.to]) if (cut > from && cut < to) cuts.add(cut);
    for (let id = monthIdOf(from); monthSpan(id).to < to; id = monthIdOf(monthSpan(id).to))
      cuts.add(monthSpan(id).to);
    const sorted = [...cuts].toSorted((a, b) => a - b);
    sorted.slice(0, -1).forEach((start, index) => {
      const over = overlays.findLast((one) => start >= one.from && start < one.to);
      const end = sorted[index + 1] as number;
      each({ from: start, to: end, month: months.get(monthIdOf(start)), as: over?.as ?? null });
    });
  }

  return {
    take(from, to, state) {
      const start = Math.max(from, takenTo ?? from);
      if (to <= start) return;
      takenTo = to;
      if (state === 'bad') badTo = Math.max(badTo, to);
      if (state === 'unknown') return;
      eachMinute(start, to, (minute, seconds) => {
        const month = monthAt(minute);
        const index = minute - month.from;
        const left =
          60 - (month.bad[index] as number) - (month.good[index] as number) - (month.off[index] as number);
        month[state][index] = (month[state][index] as number) + Math.min(left, seconds);
      });
    },
    badSince(from, watchedFrom) {
      if (takenTo === null) return;
      const kept = monthSpan(monthBefore(monthIdOf(Math.floor(takenTo / 60)))).from * 60;
      const start = Math.max(from, badTo, kept);
      if (start >= takenTo) return;
      eachMinute(start, Math.max(start, Math.min(takenTo, watchedFrom)), (minute, seconds) => {
        const { good, from: first } = monthAt(minute);
        turnBad(minute, Math.min(seconds, good[minute - first] as number));
      });
      eachMinute(Math.max(start, watchedFrom), takenTo, turnBad);
      badTo = takenTo;
    },
    settle(minute, state) {
      if (takenTo === null || (minute + 1) * 60 > takenTo || !months.has(monthIdOf(minute))) return;
      if (state === 'bad') return turnBad(minute, 60);
      const { from, good, bad, off } = monthAt(minute);
      const index = minute - from;
      good[index] = 60 - (bad[index] as number) - (off[index] as number);
    },
    takenTo: () => takenTo,
    putBack(second) {
      if (takenTo !== null) takenTo = Math.min(takenTo, second);
      badTo = Math.min(badTo, second);
    },
    forget(second) {
      const oldest = monthBefore(monthIdOf(Math.floor(second / 60)));
      for (const id of months.keys()) if (id < oldest) months.delete(id);
    },
    spent(from, to, overlays = [], until = Number.POSITIVE_INFINITY) {
      const sum = { good: 0, bad: 0, off: 0, unmeasured: 0 };
      eachPiece(from, to, overlays, (piece) => {
        // Of a minute that is not over, only what has passed can be missing.
        const passed = Math.max(0, Math.min(piece.to * 60, until) - piece.from * 60);
        if (piece.as === 'excluded') sum.off += passed;
        if (piece.as === 'bad') sum.bad += passed;
        if (piece.as === 'excluded' || piece.as === 'bad') return;
        const { good, bad, off } = totals(piece);
        sum.good += piece.as === 'good' ? good + bad : good;
        sum.bad += piece.as === 'good' ? 0 : bad;
        sum.off += off;
        sum.unmeasured += Math.max(0, passed - good - bad - off);
      });
      return sum;
    },
    badByMinute(from, to, overlays = []) {
      const found = new Uint8Array(to - from);
      eachPiece(from, to, overlays, (piece) => {
        const [start, end] = [piece.from - from, piece.to - from];
        if (piece.as === 'bad') found.fill(60, start, end);
        if (piece.as !== null || piece.month === undefined) return;
        found.set(
          piece.month.bad.subarray(piece.from - piece.month.from, piece.to - piece.month.from),
          start,
        );
      });
      return found;
    },
    snapshot() {
      const runs: number[] = [];
      for (const [, month] of [...months].toSorted(([a], [b]) => (a < b ? -1 : 1))) addRuns(runs, month);
      return { takenTo, badTo, runs };
    },
  };
}

function addRuns(runs: number[], { from, good, bad, off }: Month): void {
  let first = 0;
  for (let index = 1; index <= good.length; index += 1) {
    const isSame =
      index < good.length &&
      good[index] === good[first] &&
      bad[index] === bad[first] &&
      off[index] === off[first];
    if (isSame) continue;
    const [g = 0, b = 0, o = 0] = [good[first], bad[first], off[first]];
    if (g + b + o > 0) runs.push(from + first, index - first, g, b, o);
    first = index;
  }
}

function totals({ from, to, month }: { from: number; to: number; month: Month | undefined }) {
  const sum = { good: 0, bad: 0, off: 0 };
  if (month === undefined) return sum;
  for (let index = from - month.from; index < to - month.from; index += 1) {
    sum.good += month.good[index] as number;
    sum.bad += month.bad[index] as number;
    sum.off += month.off[index] as number;
  }
  return sum;
}
