/** How large the positions are, as the venues say, and as the engine says where a venue does not. Pure. */

import type { StopRules } from './criteria.ts';
import type { Measurements } from './measurements.ts';
import { confirmed, isFresh, VOID_MS } from './money.ts';
import type { PositionSample } from './samples.ts';

const iso = (at: number): string => new Date(at).toISOString();

/** What the venues say is open, and why some do not say. */
interface VenueSizes {
  at: number;
  byVenue: Map<string, number>;
  silent: [venue: string, why: string][];
  texts: string[];
}

export function venueSizes(of: Measurements, now: number, { venues, limits }: StopRules): VenueSizes {
  const found: VenueSizes = { at: now, byVenue: new Map(), silent: [], texts: [] };
  for (const id of venues) {
    const reading = of.money.venuePositions(id);
    if (reading === null || !isFresh(reading.at, now)) {
      found.silent.push([id, of.money.whyNot(id, 'positions')]);
      continue;
    }
    let size = 0;
    const unclear: string[] = [];
    for (const { symbol, notional, currency } of reading.positions) {
      found.texts.push(
        `${iso(reading.at)} venue: ${id} ${symbol} ${notional === null ? 'of unknown size' : Number(notional.toPrecision(12))}`,
      );
      if (notional === null) unclear.push(`no price for ${symbol}`);
      else if (currency !== limits.currency)
        unclear.push(`${symbol} is in ${currency}, the limit in ${limits.currency}`);
      else size += Math.abs(notional);
    }
    // The part that is clear counts all the same: it may be over the limit by itself.
    if (unclear.length === 0 || size > 0) found.byVenue.set(id, size);
    if (unclear.length > 0) found.silent.push([id, unclear.join(', ')]);
    found.at = Math.min(found.at, reading.at);
  }
  return found;
}

/**
 * What the engine says of these venues (null: of all). `sure`: what readings in a row agree to be there at least. `gap`:
 * why that is not everything.
 */
type EngineSizes =
  | {
      sure: Map<string, number>;
      latest: Map<string, number>;
      at: number;
      texts: string[];
      gap: string | null;
    }
  | { gap: string };

export function engineSizes(
  of: Measurements,
  now: number,
  confirmations: number,
  only: [venue: string, why: string][] | null,
): EngineSizes {
  const nothing = { gap: `no position reading of the engine's in the last ${VOID_MS / 1_000} s` };
  if (!of.money.saysPositions(now)) return nothing;
  const wanted = only === null ? null : new Set(only.map(([id]) => id));
  const positions = [...of.money.positions(now).values()].flatMap((readings) => {
    const [newest] = readings;
    return newest === undefined || wanted?.has(newest.venue) === false ? [] : [{ newest, readings }];
  });
  if (positions.length === 0) return nothing;
  const spoken = new Set(positions.map(({ newest }) => newest.venue));
  const unspoken = [...(wanted ?? [])].filter((id) => !spoken.has(id));
  const dead = positions.find(({ newest }) => newest.at <= now - VOID_MS)?.newest;
  const add = (size: (readings: PositionSample[]) => number) => {
    const byVenue = new Map<string, number>();
    for (const { newest, readings } of positions)
      byVenue.set(newest.venue, (byVenue.get(newest.venue) ?? 0) + size(readings));
    return byVenue;
  };
  return {
    latest: add(([newest]) => Math.abs(newest?.notional ?? 0)),
    sure: add((readings) => {
      const run = confirmed(readings, confirmations);
      const stands = run !== null && (run[0]?.at ?? 0) > now - VOID_MS;
      return stands ? Math.min(...run.map(({ notional }) => Math.abs(notional))) : 0;
    }),
    at: Math.max(...positions.map(({ newest }) => newest.at)),
    texts: positions.map(
      ({ newest }) => `${iso(newest.at)} engine: ${newest.venue} ${newest.symbol} ${newest.notional}`,
    ),
    gap:
      dead !== undefined
        ? `${dead.venue} ${dead.symbol} was last spoken of at ${iso(dead.at)}`
        : of.money.leavesOut(now)
          ? 'more symbols are spoken of than are kept: the sum is not whole'
          : unspoken.length > 0
            ? `the engine says nothing of ${unspoken.join(', ')}`
            : null,
  };
}
