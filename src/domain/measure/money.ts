/** The day's loss and the size of positions, from the engine's samples and from the venues. Pure; keeps its own state. */

import type { PnlSample, PositionSample } from './samples.ts';

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
  takePnl(sample: PnlSample): void;
  takePosition(sample: PositionSample): void;
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

const keyOf = ({ venue, symbol }: PositionSample) => `${venue} ${symbol}`;
const dayOf = (at: number) => Math.floor(at / 86_400_000);

/** Newest first; another reading of the same moment replaces none: it is the same reading. */
function insert<T extends { at: number }>(list: T[], one: T): T[] {
  if (list.some((known) => known.at === one.at)) return list;
  return [...list, one].toSorted((a, b) => b.at - a.at).slice(0, READINGS);
}

export function createMoney(before: MoneySnapshot = { pnl: [], positions: [] }): Money {
  let pnl: PnlSample[] = [];
  const positions = new Map<string, PositionSample[]>();
  const venuePositions = new Map<string, VenuePositions>();
  const venuePnl = new Map<string, VenuePnl>();
  const reasons = new Map<string, string>();

  function takePosition(sample: PositionSample): void {
    positions.set(keyOf(sample), insert(positions.get(keyOf(sample)) ?? [], sample));
  }
  for (const sample of before.pnl) pnl = insert(pnl, sample);
  for (const sample of before.positions) takePosition(sample);

  return {
    takePnl(sample) {
      pnl = insert(pnl, sample);
    },
    takePosition,
    takeVenuePositions(reading) {
      reasons.delete(`${reading.venue} positions`);
      if ((venuePositions.get(reading.venue)?.at ?? 0) <= reading.at)
        venuePositions.set(reading.venue, reading);
    },
    takeVenuePnl(reading) {
      reasons.delete(`${reading.venue} pnl`);
      if ((venuePnl.get(reading.venue)?.at ?? 0) <= reading.at) venuePnl.set(reading.venue, reading);
    },
    venueCannotSay: (venue, what, reason) => void reasons.set(`${venue} ${what}`, reason),
    pnl: (now) => pnl.filter(({ at }) => at > now - VOID_MS && dayOf(at) === dayOf(now)),
    venuePnlNow(venue, now) {
      const reading = venuePnl.get(venue);
      const stands = reading !== undefined && reading.at > now - VOID_MS && dayOf(reading.at) === dayOf(now);
      return stands ? reading : null;
    },
    whyNot: (venue, what) => reasons.get(`${venue} ${what}`) ?? 'it has not been read yet',
    positions(now) {
      for (const [key, [newest]] of positions) {
        // One that was closed and is no longer spoken of is closed; an open one that is not is void, and says so.
        if (newest !== undefined && newest.notional === 0 && newest.at <= now - VOID_MS)
          positions.delete(key);
      }
      return positions;
    },
    saysPositions: (now) => [...positions.values()].some(([newest]) => (newest?.at ?? 0) > now - VOID_MS),
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
