/** Where the engine and the venue disagree. The venue is authoritative, and nothing is reconciled here. Pure. */

import type { StopRules } from './criteria.ts';
import type { Measurements } from './measurements.ts';
import { isFresh, VOID_MS } from './money.ts';

/** Two sources that disagree, for long enough that it is no fill on its way. */
export interface Mismatch {
  /** The same for as long as it is the same thing: `<venue> <symbol>`, or `dayPnl`. */
  key: string;
  what: 'position' | 'pnl';
  /** Both figures, with who said them and how long ago. */
  text: string;
}

/**
 * A difference counts from here on: this share of the larger figure, or of the limit, whichever is more. Marks differ by
 * less, and a difference of a hundredth of the limit is none that a stop would miss.
 */
export const MISMATCH_PCT = { ofPosition: 5, ofMaxNotional: 1, ofPnl: 10, ofDailyLoss: 25 } as const;
/** It must stand this long, and both must have spoken again in the meantime. */
export const MISMATCH_STANDS_MS = 15_000;

interface Side {
  value: number;
  at: number;
}

interface Disagreement extends Omit<Mismatch, 'text'> {
  engine: Side | null;
  venue: Side;
  unit: string;
}

/** Plain JSON: since when each disagreement is seen, ms since the epoch. */
export type MismatchSnapshot = [key: string, since: number][];

export interface Mismatches {
  /** Looks at what both say at `now`; answers what has stood long enough. */
  look(of: Measurements, now: number, rules: StopRules): Mismatch[];
  snapshot(): MismatchSnapshot;
}

const shown = (value: number): number => Number(value.toFixed(2));
const seconds = (at: number, now: number): string => `${Math.max(0, Math.round((now - at) / 1_000))} s ago`;

/** Both sides of one symbol in hedge mode: an engine may say what is left of them, or both together. */
function venueFigures(positions: { side: 'long' | 'short'; notional: number }[]): number[] {
  const signed = positions.map(({ side, notional }) => (side === 'long' ? notional : -notional));
  const net = signed.reduce((sum, one) => sum + one, 0);
  const gross = positions.reduce((sum, { notional }) => sum + notional, 0);
  return positions.length > 1 ? [net, gross] : [net];
}

function positionDisagreements(of: Measurements, now: number, rules: StopRules): Disagreement[] {
  // An engine that says nothing of positions disagrees with nobody.
  if (!of.money.saysPositions(now)) return [];
  const { currency, maxNotional } = rules.limits;
  const said = of.money.positions(now);
  return rules.venues.flatMap((id): Disagreement[] => {
    const reading = of.money.venuePositions(id);
    if (reading === null || !isFresh(reading.at, now)) return [];
    const bySymbol = new Map<string, { side: 'long' | 'short'; notional: number }[]>();
    for (const { symbol, side, notional, currency: unit } of reading.positions) {
      // Without a price, or in another currency, there is nothing to compare: the criterion says unknown.
      if (notional === null || unit !== currency) return [];
      bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), { side, notional: Math.abs(notional) }]);
    }
    const engineSymbols = [...said.values()].flatMap(([newest]) =>
      newest?.venue === id ? [newest.symbol] : [],
    );
    return [...new Set([...bySymbol.keys(), ...engineSymbols])].flatMap((symbol): Disagreement[] => {
      const [newest] = said.get(`${id} ${symbol}`) ?? [];
      const fresh = newest !== undefined && newest.at > now - VOID_MS ? newest : undefined;
      // It spoke of this one, and is late: void, which the criterion says.
      if (newest !== undefined && fresh === undefined) return [];
      const figures = venueFigures(bySymbol.get(symbol) ?? []);
      const engine = fresh?.notional ?? 0;
      const isOff = (venue: number) =>
        Math.abs(venue - engine) >
        Math.max(
          (MISMATCH_PCT.ofPosition / 100) * Math.max(Math.abs(venue), Math.abs(engine)),
          (MISMATCH_PCT.ofMaxNotional / 100) * maxNotional,
        );
      const [net = 0] = figures;
      if (!(figures.length === 0 ? [0] : figures).every(isOff)) return [];
      return [
        {
          key: `${id} ${symbol}`,
          what: 'position',
          engine: fresh === undefined ? null : { value: engine, at: fresh.at },
          venue: { value: net, at: reading.at },
          unit: currency,
        },
      ];
    });
  });
}

function pnlDisagreement(of: Measurements, now: number, rules: StopRules): Disagreement[] {
  const { currency, maxDailyLoss } = rules.limits;
  const [engine] = of.money.pnl(now);
  if (engine === undefined || engine.currency !== currency || rules.venues.length === 0) return [];
  let value = 0;
  let start = 0;
  let at = now;
  for (const id of rules.venues) {
    const reading = of.money.venuePnlNow(id, now);
    if (reading === null || reading.currency !== currency) return [];
    value += reading.dayPnl;
    start += reading.startEquity;
    at = Math.min(at, reading.at);
  }
  const limit = maxDailyLoss.unit === 'amount' ? maxDailyLoss.value : (maxDailyLoss.value * start) / 100;
  const tolerance = Math.max(
    (MISMATCH_PCT.ofPnl / 100) * Math.max(Math.abs(value), Math.abs(engine.dayPnl)),
    (MISMATCH_PCT.ofDailyLoss / 100) * limit,
  );
  if (!(Math.abs(value - engine.dayPnl) > tolerance)) return [];
  return [
    {
      key: 'dayPnl',
      what: 'pnl',
      engine: { value: engine.dayPnl, at: engine.at },
      venue: { value, at },
      unit: currency,
    },
  ];
}

function textOf({ key, what, engine, venue, unit }: Disagreement, now: number): string {
  const own =
    engine === null
      ? 'the engine says nothing of it'
      : `the engine says ${shown(engine.value)} ${unit} (${seconds(engine.at, now)})`;
  const theirs = `the venue ${shown(venue.value)} ${unit} (${seconds(venue.at, now)})`;
  return `${what === 'pnl' ? 'profit and loss since 00:00 UTC' : key}: ${own}, ${theirs}`;
}

export function createMismatches(before: MismatchSnapshot = []): Mismatches {
  const since = new Map(before);
  return {
    look(of, now, rules) {
      const found = [...positionDisagreements(of, now, rules), ...pnlDisagreement(of, now, rules)];
      const keys = new Set(found.map(({ key }) => key));
      for (const key of since.keys()) if (!keys.has(key)) since.delete(key);
      for (const { key } of found) if (!since.has(key)) since.set(key, now);
      return found
        .filter(({ key, engine, venue }) => {
          const began = since.get(key) ?? now;
          const both = venue.at > began && (engine === null || engine.at > began);
          return both && now - began >= MISMATCH_STANDS_MS;
        })
        .map((one) => ({ key: one.key, what: one.what, text: textOf(one, now) }));
    },
    snapshot: () => [...since],
  };
}
