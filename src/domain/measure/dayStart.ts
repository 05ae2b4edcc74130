/**
 * The day's profit or loss of a venue's wallets, from what they are worth: now, less at 00:00 UTC, less what was moved
 * in or out since. Pure; keeps its own state.
 *
 * What the wallets are worth at 00:00 UTC is the reading nearest to it: the last one before, if it is not older than
 * `BEFORE_MS`, or the first one after, if it came within `AFTER_MS`. Profit and loss then count from that reading. A bot
 * that was not there at midnight has none, and says so for the rest of the day.
 *
 * A transfer is in the worth and in the list of transfers at two moments. So a reading counts only where the list is the
 * one of the reading before: then nothing was moved in between, and worth and list are of one state. After a transfer
 * one reading is passed over.
 */

/** A deposit, a withdrawal, or a transfer from or to a wallet that is not measured. */
export interface Transfer {
  id: string;
  /** ms since the epoch, by the venue's clock. */
  at: number;
  /** Signed: positive came in. In the currency of the worth, at the price of the moment of reading. */
  amount: number;
}

/** What a venue's wallets are worth, with unrealised profit, and every transfer since `ledgerFrom`. */
export interface WorthReading {
  at: number;
  equity: number;
  currency: string;
  /** Read after the equity was. */
  transfers: Transfer[];
}

/** `settling`: transfers came in between, so that the next reading tells. */
export type DayPnl =
  | { state: 'said'; dayPnl: number; startEquity: number }
  | { state: 'settling' | 'unknown'; reason: string };

interface Baseline extends WorthReading {
  /** UTC day, in days since the epoch. */
  day: number;
}

/** Plain JSON, by venue. */
export type DayStartsSnapshot = [
  venue: string,
  state: { baseline: Baseline | null; last: WorthReading | null },
][];

export interface DayStarts {
  take(venue: string, reading: WorthReading): DayPnl;
  /** When the equity was read that the venue's day counts from, ms since the epoch; null without one. */
  startOf(venue: string, now: number): number | null;
  snapshot(): DayStartsSnapshot;
}

const DAY_MS = 86_400_000;
export const BEFORE_MS = 60_000;
export const AFTER_MS = 120_000;
/** Transfers are listed from this long before midnight: a reading before midnight may be what the day counts from. */
const BACK_MS = 300_000;

const dayOf = (at: number): number => Math.floor(at / DAY_MS);

/** From when on a venue is asked for transfers, ms since the epoch. */
export const ledgerFrom = (now: number): number => dayOf(now) * DAY_MS - BACK_MS;

/** Without the dust of binary floats. */
const tidy = (value: number): number => Number(value.toPrecision(12));

/** True where both readings list the same transfers, as far as both look back. */
function sameTransfers(last: WorthReading, now: WorthReading): boolean {
  const from = ledgerFrom(now.at);
  const idsOf = ({ transfers }: WorthReading) =>
    new Set(transfers.flatMap(({ id, at }) => (at >= from ? [id] : [])));
  const before = idsOf(last);
  const after = idsOf(now);
  return before.size === after.size && [...after].every((id) => before.has(id));
}

const isWorth = (one: WorthReading | null | undefined): one is WorthReading =>
  one !== null && one !== undefined && Number.isFinite(one.at) && Number.isFinite(one.equity);

/** `before`: what an earlier process wrote down. What is no reading in it is left out. */
export function createDayStarts(before: DayStartsSnapshot = []): DayStarts {
  const baselines = new Map<string, Baseline>();
  const lasts = new Map<string, WorthReading>();
  for (const [venue, { baseline, last }] of before) {
    if (isWorth(baseline)) baselines.set(venue, baseline);
    if (isWorth(last)) lasts.set(venue, last);
  }

  /** The reading that `day` counts from, given the last one and the one that just came. */
  function baselineFor(
    day: number,
    last: WorthReading | undefined,
    reading: WorthReading,
    stable: boolean,
  ): Baseline | null {
    const midnight = day * DAY_MS;
    const candidates = [
      ...(last !== undefined && last.at < midnight && midnight - last.at <= BEFORE_MS ? [last] : []),
      ...(stable && reading.at - midnight <= AFTER_MS ? [reading] : []),
    ].filter(({ currency }) => currency === reading.currency);
    const [nearest] = candidates.toSorted((a, b) => Math.abs(a.at - midnight) - Math.abs(b.at - midnight));
    return nearest === undefined ? null : { ...nearest, day };
  }

  return {
    take(venue, reading) {
      const last = lasts.get(venue);
      if (last !== undefined && reading.at <= last.at)
        return { state: 'settling', reason: 'the clock went back' };
      const stable = last !== undefined && sameTransfers(last, reading);
      const day = dayOf(reading.at);
      if (baselines.get(venue)?.day !== day) {
        const found = baselineFor(day, last, reading, stable);
        if (found === null) baselines.delete(venue);
        else baselines.set(venue, found);
      }
      lasts.set(venue, reading);
      const baseline = baselines.get(venue);
      if (baseline === undefined)
        return {
          state: 'unknown',
          reason:
            reading.at - day * DAY_MS <= AFTER_MS
              ? 'its worth at 00:00 UTC is being read'
              : 'its worth at 00:00 UTC was not read: the bot was not there, or the venue did not answer',
        };
      if (baseline.currency !== reading.currency)
        return {
          state: 'unknown',
          reason: `its worth at 00:00 UTC was read in ${baseline.currency}, and now in ${reading.currency}`,
        };
      if (!stable)
        return { state: 'settling', reason: 'money was moved since the reading before: the next one tells' };
      const known = new Set(baseline.transfers.map(({ id }) => id));
      const moved = reading.transfers
        .filter(({ id, at }) => !known.has(id) && at >= baseline.at - BACK_MS)
        .reduce((sum, { amount }) => sum + amount, 0);
      return {
        state: 'said',
        dayPnl: tidy(reading.equity - baseline.equity - moved),
        startEquity: baseline.equity,
      };
    },
    startOf(venue, now) {
      const baseline = baselines.get(venue);
      return baseline === undefined || baseline.day !== dayOf(now) ? null : baseline.at;
    },
    snapshot: () =>
      [...new Set([...baselines.keys(), ...lasts.keys()])].map((venue) => [
        venue,
        { baseline: baselines.get(venue) ?? null, last: lasts.get(venue) ?? null },
      ]),
  };
}
