/** The day's loss and the size of positions, from the engine's samples and from the venues. Pure; keeps its own state. */

import { FUTURE_MS, type PnlSample, type PositionSample } from './samples.ts';

/** A position, or none, is no longer what it was said to be after this long (CONTRACT 5). */
export const VOID_MS = 120_000;
/** Readings of one thing confirm each other when they are this close (DESIGN 3). */
const CONFIRM_MS = 60_000;

/** What a venue itself said of its positions, in one reading. */
export interface VenuePositions {
  at: number;
  venue: string;
  positions: VenuePosition[];
}

export interface VenuePosition {
  symbol: string;
  side: 'long' | 'short';
  /** Absolute; null when it gave no mark. */
  notional: number | null;
  currency: string;
}

/** What a venue itself says of the day: since 00:00 UTC, realised and unrealised, after fees, without transfers. */
export interface VenuePnl {
  at: number;
  venue: string;
  dayPnl: number;
  /** What its wallets were worth at 00:00 UTC. */
  startEquity: number;
  currency: string;
}

/** Which of a venue's figures. */
export type VenueFigure = 'positions' | 'pnl';

export interface Money {
  takePnl(sample: PnlSample, now: number): void;
  takePosition(sample: PositionSample, now: number): void;
  takeVenuePositions(reading: VenuePositions): void;
  takeVenuePnl(reading: VenuePnl): void;
  /** A venue could not say it now, and why. What it said before stands until it is void. */
  venueCannotSay(venue: string, what: VenueFigure, reason: string): void;
  /** Newest first, of the last two minutes and of the same day; by `at`. */
  pnl(now: number): PnlSample[];
  /** Null where it is void, or of another day. */
  venuePnlNow(venue: string, now: number): VenuePnl | null;
  /** Why a venue does not say it; a text also where nobody has asked it yet. */
  whyNot(venue: string, what: VenueFigure): string;
  /** Newest first, by venue and symbol; empty where all are void. */
  positions(now: number): Map<string, PositionSample[]>;
  /** True once any position sample came that is not void. */
  saysPositions(now: number): boolean;
  /** More symbols are spoken of than are kept: what is left out is not in the sum. */
  leavesOut(now: number): boolean;
  venuePositions(venue: string): VenuePositions | null;
  snapshot(): MoneySnapshot;
}

/** Plain JSON. Venue readings are not kept: the venue is asked again. */
export interface MoneySnapshot {
  pnl: PnlSample[];
  positions: PositionSample[];
}

/** More readings of one thing than any configuration asks to confirm it. */
const READINGS = 10;
/** Open positions that are kept. A sender may invent symbols; no desk holds so many. */
const MAX_POSITIONS = 1_000;

/** Neither void nor of a clock that was ahead. */
export const isFresh = (at: number, now: number): boolean => at > now - VOID_MS && at <= now + FUTURE_MS;
const keyOf = ({ venue, symbol }: PositionSample) => `${venue} ${symbol}`;
const dayOf = (at: number) => Math.floor(at / 86_400_000);

/**
 * Newest first. Of two that claim the same moment the worse one stands, whichever came first: they are one reading. What
 * is dated after now was taken while the clock was ahead: it gives way.
 */
function insert<T extends { at: number }>(
  list: T[],
  one: T,
  now: number,
  isWorse: (a: T, b: T) => boolean,
): T[] {
  const same = list.find((known) => known.at === one.at);
  if (same !== undefined && !isWorse(one, same)) return list;
  return [...list.filter((known) => known !== same && known.at <= now + FUTURE_MS), one]
    .toSorted((a, b) => b.at - a.at)
    .slice(0, READINGS);
}

const numberOf = (value: number): number => (Number.isFinite(value) ? value : Number.NaN);
/** A reading that is much older than the known one is no straggler: the known one is of a clock that was ahead. */
const isNewer = (known: { at: number } | undefined, reading: { at: number }): boolean =>
  known === undefined || known.at <= reading.at || known.at > reading.at + CONFIRM_MS;

/** What is no number is worse than any. */
const sizeOf = (value: number): number => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);

const worsePosition = (a: PositionSample, b: PositionSample): boolean =>
  sizeOf(Math.abs(a.notional)) > sizeOf(Math.abs(b.notional));

/** A larger loss; of one loss, the smaller worth, or none at all; of one worth, any order that is always the same. */
function worsePnl(a: PnlSample, b: PnlSample): boolean {
  const lossOf = (one: PnlSample) => sizeOf(-one.dayPnl);
  const worthOf = (one: PnlSample) => -sizeOf(-(one.equity ?? Number.NEGATIVE_INFINITY));
  if (lossOf(a) !== lossOf(b)) return lossOf(a) > lossOf(b);
  return worthOf(a) === worthOf(b) ? a.currency < b.currency : worthOf(a) < worthOf(b);
}

export function createMoney(before: MoneySnapshot = { pnl: [], positions: [] }): Money {
  let pnl: PnlSample[] = [];
  const positions = new Map<string, PositionSample[]>();
  const venuePositions = new Map<string, VenuePositions>();
  const venuePnl = new Map<string, VenuePnl>();
  const reasons = new Map<string, string>();

  /** When a symbol was left out, ms since the epoch. */
  let leftOutAt = Number.NEGATIVE_INFINITY;

  function takePosition(sample: PositionSample, now: number): void {
    const key = keyOf(sample);
    const known = positions.get(key);
    if (known === undefined && positions.size >= MAX_POSITIONS) {
      leftOutAt = now;
      return;
    }
    positions.set(key, insert(known ?? [], sample, now, worsePosition));
  }
  // What is dated after now is told when it is asked for. JSON has no number for what is none, and null would be 0.
  for (const sample of before.pnl)
    pnl = insert(pnl, { ...sample, dayPnl: numberOf(sample.dayPnl) }, Number.POSITIVE_INFINITY, worsePnl);
  for (const sample of before.positions)
    takePosition({ ...sample, notional: numberOf(sample.notional) }, Number.POSITIVE_INFINITY);

  return {
    takePnl(sample, now) {
      pnl = insert(pnl, sample, now, worsePnl);
    },
    takePosition,
    takeVenuePositions(reading) {
      reasons.delete(`${reading.venue} positions`);
      if (isNewer(venuePositions.get(reading.venue), reading)) venuePositions.set(reading.venue, reading);
    },
    takeVenuePnl(reading) {
      reasons.delete(`${reading.venue} pnl`);
      if (isNewer(venuePnl.get(reading.venue), reading)) venuePnl.set(reading.venue, reading);
    },
    venueCannotSay: (venue, what, reason) => void reasons.set(`${venue} ${what}`, reason),
    pnl: (now) => pnl.filter(({ at }) => isFresh(at, now) && dayOf(at) === dayOf(now)),
    venuePnlNow(venue, now) {
      const reading = venuePnl.get(venue);
      const stands = reading !== undefined && isFresh(reading.at, now) && dayOf(reading.at) === dayOf(now);
      return stands ? reading : null;
    },
    whyNot: (venue, what) => reasons.get(`${venue} ${what}`) ?? 'it has not been read yet',
    positions(now) {
      for (const [key, readings] of positions) {
        const [newest] = readings;
        if (newest === undefined || newest.at <= now + FUTURE_MS) continue;
        // The clock was ahead when it came: it is of no moment that is known, so it gives way, and alone it is void.
        const sane = readings.filter(({ at }) => at <= now + FUTURE_MS);
        positions.set(key, sane.length > 0 ? sane : [{ ...newest, at: now - VOID_MS }]);
      }
      for (const [key, [newest]] of positions) {
        // One that was closed and is no longer spoken of is closed; an open one that is not is void, and says so.
        if (newest !== undefined && newest.notional === 0 && newest.at <= now - VOID_MS)
          positions.delete(key);
      }
      return positions;
    },
    saysPositions: (now) => [...positions.values()].some(([newest]) => isFresh(newest?.at ?? 0, now)),
    leavesOut: (now) => now - leftOutAt < VOID_MS,
    venuePositions: (venue) => venuePositions.get(venue) ?? null,
    snapshot: () => ({ pnl, positions: [...positions.values()].flat() }),
  };
}

/**
 * The readings, newest first, that stand together: each within a minute of the one before it. `n` of them confirm. Returns
 * null when there are fewer.
 */
export function confirmed<T extends { at: number }>(readings: T[], n: number): T[] | null {
  const run = readings.slice(0, n);
  const together = run.every((one, index) => index === 0 || (run[index - 1] as T).at - one.at <= CONFIRM_MS);
  return run.length === n && together ? run : null;
}
