/** What is new since the last judgement: trips, unknowns, conditions. The monitor and the backtest decide by these. Pure. */

import { isWorse } from '../incident.ts';
import { type Condition, HOVERS_MS, isOver } from './conditions.ts';
import type { Criterion, Facts } from './criteria.ts';

/**
 * Criteria that have tripped and are not in `handled` yet; they are in it then. One that is ok again may trip anew, unless
 * the desk is `latched`: then what hovers at its limit would be a kill, a receipt and a page each time, and stop nothing more.
 */
export function newTrips(criteria: Criterion[], handled: Set<string>, latched: boolean): Criterion[] {
  return criteria.filter(({ id, state }) => {
    // Unknown is no all-clear: what tripped before it is still the same trip.
    if (state === 'ok' && !latched) handled.delete(id);
    if (state !== 'tripped' || handled.has(id)) return false;
    handled.add(id);
    return true;
  });
}

/** Note since when each criterion is unknown, ms since the epoch. */
export function noteUnknown(criteria: Criterion[], unknownSince: Map<string, number>, now: number): void {
  for (const { id, state } of criteria) {
    if (state !== 'unknown') unknownSince.delete(id);
    else if (!unknownSince.has(id)) unknownSince.set(id, now);
  }
}

type RaisedConditions = Map<string, [condition: Condition, at: number]>;

/** What hovers at its limit is told from what is over: when each condition was seen last, and when it ended, ms. */
export interface Hovering {
  present: Set<string>;
  seen: Map<string, number>;
  ended: Map<string, number>;
}

/** What was raised before counts as seen: it is not new when it is seen again. */
export const createHovering = (raised: ReadonlyMap<string, unknown> = new Map()): Hovering => ({
  present: new Set(raised.keys()),
  seen: new Map(),
  ended: new Map(),
});

/**
 * What has changed, each raised one with since when it was raised. `begun`: holds now and was not raised, or not as bad as
 * it is now. `back`: is raised, was gone, and holds again before it was over. `over`: is raised, and has been gone long
 * enough. Whoever acts on it calls `noteChanged`.
 */
export function changedConditions(
  current: Condition[],
  raised: Readonly<RaisedConditions>,
  hovering: Hovering,
  now: number,
  facts: Pick<Facts, 'engineSilent'>,
): { begun: Condition[]; back: Condition[]; over: [condition: Condition, at: number][] } {
  const { seen, ended } = hovering;
  const byKey = new Map(current.map((one) => [one.key, one]));
  const before = hovering.present;
  hovering.present = new Set(byKey.keys());
  for (const key of byKey.keys()) seen.set(key, now);
  // Of what is raised again it is asked how soon after its end that was: while it is raised, that is kept.
  for (const [key, at] of ended) if (Math.abs(now - at) >= HOVERS_MS && !raised.has(key)) ended.delete(key);
  const isNew = ({ key, severity }: Condition) => {
    const [known] = raised.get(key) ?? [];
    return known === undefined || isWorse(severity, known.severity);
  };
  return {
    begun: [...byKey.values()].filter(isNew),
    back: [...byKey.values()].filter((one) => !isNew(one) && !before.has(one.key)),
    over: [...raised.values()].filter(([one]) => {
      // Not seen since the start, or seen by a clock that was ahead: from now on.
      const at = Math.min(seen.get(one.key) ?? now, now);
      seen.set(one.key, at);
      return !byKey.has(one.key) && isOver(one, at, now, ended.has(one.key), facts);
    }),
  };
}

/** What has begun is raised, and what is over is not. */
export function noteChanged(
  { begun, over }: Pick<ReturnType<typeof changedConditions>, 'begun' | 'over'>,
  raised: RaisedConditions,
  hovering: Hovering,
  now: number,
): void {
  for (const one of begun) raised.set(one.key, [one, now]);
  for (const [{ key }] of over) {
    raised.delete(key);
    hovering.seen.delete(key);
    hovering.ended.set(key, now);
  }
}
