/** One line of the trail: what was measured at a moment, or what a venue was found to hold. Pure. */

import type { VenueReading } from '../kill.ts';
import type { Criterion, StopRules } from '../measure/criteria.ts';
import type { Measurements } from '../measure/measurements.ts';
import { isFresh } from '../measure/money.ts';
import type { Trading } from '../trading.ts';

/** ms between two samples. */
export const TRAIL_STEP_MS = 10_000;

/** What is ordered of trading, the strictest of it. */
export const TRADING_STATES = ['running', 'paused', 'halted', 'killed'] as const;
export type TradingState = (typeof TRADING_STATES)[number];

/**
 * What one venue holds. Amounts in the currency of the limits; null: not known then; absent: this point does not speak of it.
 * `at`: when it was read, ms since the epoch.
 */
export interface VenuePoint {
  at: number;
  /** Sum of the absolute notionals, and the sum with shorts below zero. */
  absolute?: number | null;
  net?: number | null;
  /** Open orders, of every list. */
  orders?: number | null;
  /** Who says the exposure. */
  by: 'venue' | 'engine';
}

export interface CriterionPoint {
  id: string;
  value: number | null;
  limit: number | null;
  unit: string;
  state: Criterion['state'];
}

/**
 * `start`: the first sample of a process: what came before it was not watched. `reading`: of one venue alone. `ordered`: what is
 * ordered of trading has changed.
 */
export type TrailPoint =
  | {
      kind: 'start' | 'sample';
      at: number;
      /** How far it is to the next one, ms, where the trail is kept thinned; default TRAIL_STEP_MS. */
      stepMs?: number;
      venues: Record<string, VenuePoint>;
      criteria: CriterionPoint[];
      /** Since 00:00 UTC as the daily loss is measured, and what the desk was worth by the engine's word. */
      dayPnl: number | null;
      equity: number | null;
      /** Every engine obeys what is ordered; null: none is expected, or none was heard. */
      engine: boolean | null;
      trading: TradingState;
    }
  | { kind: 'reading'; at: number; venues: Record<string, VenuePoint> }
  | { kind: 'ordered'; at: number; venues: Record<string, never>; trading: TradingState };

const round = (value: number): number => Number(value.toPrecision(10));

/** Both sums, or null where a part has no size in this currency. */
function sizesOf(
  lines: { side: 'long' | 'short'; notional: number | null; currency: string }[],
  currency: string,
): { absolute: number | null; net: number | null } {
  let absolute = 0;
  let net = 0;
  for (const { side, notional, currency: own } of lines) {
    if (notional === null || own !== currency || !Number.isFinite(notional))
      return { absolute: null, net: null };
    absolute += Math.abs(notional);
    net += side === 'short' ? -Math.abs(notional) : Math.abs(notional);
  }
  return { absolute: round(absolute), net: round(net) };
}

/** What the engine says of a venue; null where it says nothing that is not void. */
function engineSaid(of: Measurements, venue: string, now: number): VenuePoint | null {
  const lines = [...of.money.positions(now).values()].flatMap(([newest]) =>
    newest?.venue === venue ? [newest] : [],
  );
  if (lines.length === 0 || lines.some(({ at }) => !isFresh(at, now))) return null;
  const sum = (size: (notional: number) => number) =>
    round(lines.reduce((total, { notional }) => total + size(notional), 0));
  const [absolute, net] = [sum(Math.abs), sum((notional) => notional)];
  if (!Number.isFinite(absolute)) return null;
  return { at: Math.max(...lines.map(({ at }) => at)), absolute, net, by: 'engine' };
}

function venueMeasured(of: Measurements, venue: string, now: number, currency: string): VenuePoint {
  const reading = of.money.venuePositions(venue);
  if (reading !== null && isFresh(reading.at, now)) {
    const sizes = sizesOf(reading.positions, currency);
    if (sizes.absolute !== null) return { at: reading.at, ...sizes, by: 'venue' };
  }
  return engineSaid(of, venue, now) ?? { at: now, absolute: null, net: null, by: 'venue' };
}

export const tradingStateOf = ({ latch, holds }: Trading): TradingState => {
  if (latch !== null) return 'killed';
  if (holds.some(({ key }) => key === 'HALT_NEW_ORDERS')) return 'halted';
  return holds.some(({ key }) => key === 'PAUSE_SIGNALS') ? 'paused' : 'running';
};

/** Everything that is measured, as the hard stops count it at `now`. What they call void is null. */
export function samplePoint(seen: {
  now: number;
  isStart: boolean;
  measurements: Measurements;
  criteria: Criterion[];
  rules: Pick<StopRules, 'venues' | 'limits'>;
  engines: { confirmed: boolean; ageMs: number | null }[];
  trading: Trading;
}): TrailPoint {
  const { now, measurements, criteria, rules, engines } = seen;
  const { currency } = rules.limits;
  const spoken = [...measurements.money.positions(now).values()].flatMap(([newest]) =>
    newest === undefined ? [] : [newest.venue],
  );
  const venues = [...new Set([...rules.venues, ...spoken])];
  const loss = criteria.find(({ id }) => id === 'dailyLoss')?.value ?? null;
  const equity = measurements.money.pnl(now).find((one) => one.currency === currency)?.equity ?? null;
  return {
    kind: seen.isStart ? 'start' : 'sample',
    at: now,
    venues: Object.fromEntries(
      venues.slice(0, MAX_VENUES).map((venue) => [venue, venueMeasured(measurements, venue, now, currency)]),
    ),
    criteria: criteria.map(({ id, value, limit, unit, state }) => ({
      id,
      value: value === null ? null : round(value),
      limit: limit === null ? null : round(limit),
      unit,
      state,
    })),
    dayPnl: loss === null ? null : round(0 - loss),
    equity: equity === null || !Number.isFinite(equity) ? null : round(equity),
    engine: engines.some(({ ageMs }) => ageMs !== null) ? engines.every(({ confirmed }) => confirmed) : null,
    trading: tradingStateOf(seen.trading),
  };
}

/** A sender may invent venues; no desk has so many. */
const MAX_VENUES = 20;

/**
 * What a reading of a whole venue found: a kill's, a cancel's, or the one that keeps it warm. A part that could not be read,
 * or has no price in the currency of the limits, makes its sum unknown.
 */
export function readingPoint(
  venue: string,
  at: number,
  { lists, positions }: Pick<VenueReading, 'lists' | 'positions'>,
  currency: string,
): TrailPoint {
  const orders =
    lists.length === 0 || lists.some(({ state }) => state === 'failed')
      ? null
      : lists.reduce((sum, list) => sum + (list.state === 'read' ? list.orders.length : 0), 0);
  const isRead = positions.length > 0 && positions.every(({ state }) => state === 'read');
  const lines = positions.flatMap((scope) => (scope.state === 'read' ? scope.positions : []));
  const sizes = isRead ? sizesOf(lines, currency) : { absolute: null, net: null };
  // What has another currency is priced where it is measured: this reading says nothing of it.
  const exposure = isRead && sizes.absolute === null ? {} : sizes;
  return { kind: 'reading', at, venues: { [venue]: { at, ...exposure, orders, by: 'venue' } } };
}
