/** What of the trail goes on an incident's record, so that its picture can be drawn again from the record alone. Pure. */

import type { TrailPoint } from './point.ts';
import { gatherLines, type Mark, type TrailLine, thinned, within, withoutRepeats } from './series.ts';

/** A line on record: `points` are seconds since the part's `from` (to the tenth), and the value. */
export interface KeptLine extends Omit<TrailLine, 'points'> {
  points: Mark[];
}

/** The part of the trail that an incident is about. ms since the epoch; `currency` is what amounts are in. */
export interface KeptTrail {
  from: number;
  to: number;
  currency: string;
  /** What of the exposure kills, in `currency`: of the desk, and by venue where one is set. */
  limits: { total: number; perVenue: Record<string, number> };
  lines: KeptLine[];
  /** How many lines there was no room for. */
  leftOut: number;
}

/** What a venue's own records say of one asset between two moments; below zero: lost, or paid. */
export interface AssetMoney {
  asset: string;
  realised: number;
  fees: number;
  /** Funding and what else is neither. */
  other: number;
}

/** `failed`: it was asked, and did not say; `silent`: its records do not tell profit and fees. `leftOut`: rows in no sum. */
export type LedgerResults =
  | { state: 'read'; ledger: string; rows: number; leftOut: number; assets: AssetMoney[] }
  | { state: 'failed' | 'silent'; reason: string };

/** `at`: when it was asked, ms since the epoch. */
export type VenueMoney = { venue: string; at: number } & LedgerResults;

/** Unrealised profit of what is open, by currency, as the venue shows it; null: it shows none for some of it. */
export type VenueUnrealised = { venue: string; at: number } & (
  | { state: 'read'; sums: { currency: string; amount: number | null }[] }
  | { state: 'failed'; reason: string }
);

export type TrailEvent =
  | ({ type: 'TrailKept' } & KeptTrail)
  /** Why there is none. */
  | { type: 'TrailMissing'; reason: string }
  | { type: 'MoneyMeasured'; from: number; to: number; ledgers: VenueMoney[]; unrealised: VenueUnrealised[] }
  /** Files beside the postmortem; the hashes are SHA-256 in hexadecimal. `alt` says in words what it shows. */
  | { type: 'PictureDrawn'; png: string; svg: string; pngSha256: string; svgSha256: string; alt: string }
  | { type: 'PictureFailed'; reason: string }
  | { type: 'PictureUploaded'; png: string }
  | { type: 'PictureUploadFailed'; png: string; reason: string; gaveUp: boolean };

/** Before the opening, and after the resolution. */
export const LEAD_IN_MS = 15 * 60_000;
export const LEAD_OUT_MS = 5 * 60_000;
/** Of all lines together: some 20 kB, and 30 where every value has ten digits. */
const MAX_POINTS = 1_200;
const MAX_LINES = 40;
/** Stretches of time that a line is thinned to. */
const BUCKETS = [300, 200, 140, 100, 70, 50, 35, 24, 16, 10, 5];

/** From when to when, ms since the epoch. */
export function spanOf(
  incident: { openedAt: number; resolution?: { at: number } },
  now: number,
): { from: number; to: number } {
  const end = incident.resolution === undefined ? now : incident.resolution.at + LEAD_OUT_MS;
  return { from: incident.openedAt - LEAD_IN_MS, to: Math.max(incident.openedAt, Math.min(now, end)) };
}

type About = Pick<KeptTrail, 'from' | 'to' | 'currency' | 'limits'>;

/** Nothing is added to what was measured: fewer points, and tenths of a second. */
export function keptTrail(points: readonly TrailPoint[], about: About): KeptTrail {
  const steps = keeping(points, about);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Points that are taken in one step: about a millisecond where ten venues are watched. */
const AT_ONCE = 20;

/** The same in steps of about a millisecond each, so that whoever needs the thread in between has it. */
export function* keeping(
  points: readonly TrailPoint[],
  { from, to, currency, limits }: About,
): Generator<undefined, KeptTrail> {
  const gathered = gatherLines(currency);
  for (const [index, point] of points.entries()) {
    gathered.take(point);
    if (index % AT_ONCE === AT_ONCE - 1) yield;
  }
  const lines: TrailLine[] = [];
  let leftOut = 0;
  for (const line of gathered.lines()) {
    const shown = withoutRepeats(within(line.points, from, to));
    // What was never known has nothing to show, apart from whether a criterion was.
    if (line.of !== 'state' && shown.every(([, value]) => value === null)) continue;
    if (lines.length === MAX_LINES) leftOut += 1;
    else lines.push({ ...line, points: thinned(shown, BUCKETS[0] ?? 1) });
    yield;
  }
  let kept = lines;
  // The finest that there is room for: the coarsest has 30 points a line at most, and fits.
  for (const buckets of BUCKETS) {
    // What is thinned again still has the extremes, and the gaps.
    const thinner: TrailLine[] = [];
    for (const line of kept) {
      thinner.push({ ...line, points: thinned(line.points, buckets) });
      yield;
    }
    kept = thinner;
    if (kept.reduce((sum, line) => sum + line.points.length, 0) <= MAX_POINTS) break;
  }
  return {
    from,
    to,
    currency,
    limits,
    leftOut,
    lines: kept.map((line) => ({
      ...line,
      points: line.points.map(([at, value]): Mark => [Math.round((at - from) / 100) / 10, value]),
    })),
  };
}

/** Of the newest event of this kind, with its number in the log, from 1. */
export function newestOf<E extends { type: string }, T extends TrailEvent['type']>(
  history: readonly E[],
  type: T,
): { n: number; event: Extract<E, { type: T }> } | null {
  const index = history.findLastIndex((event) => event.type === type);
  const event = history[index];
  return event === undefined ? null : { n: index + 1, event: event as Extract<E, { type: T }> };
}
