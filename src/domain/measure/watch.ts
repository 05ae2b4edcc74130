/** What is new since the last judgement: trips, unknowns, conditions. The monitor and the backtest decide by these. Pure. */

import { isWorse } from '../incident.ts';
import type { Condition } from './conditions.ts';
import type { Criterion } from './criteria.ts';

/** Criteria that have tripped and are not in `handled` yet; they are in it then. One that is ok again may trip anew. */
export function newTrips(criteria: Criterion[], handled: Set<string>): Criterion[] {
  return criteria.filter(({ id, state }) => {
    // Unknown is no all-clear: what tripped before it is still the same trip.
    if (state === 'ok') handled.delete(id);
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

/** Conditions that hold now and were not raised, or not as bad as they are now, and raised ones that hold no more, each with since when it was raised. */
export function changedConditions(
  current: Condition[],
  raised: ReadonlyMap<string, [condition: Condition, at: number]>,
): { begun: Condition[]; over: [condition: Condition, at: number][] } {
  const byKey = new Map(current.map((one) => [one.key, one]));
  return {
    begun: [...byKey.values()].filter(({ key, severity }) => {
      const [before] = raised.get(key) ?? [];
      return before === undefined || isWorse(severity, before.severity);
    }),
    over: [...raised.values()].filter(([{ key }]) => !byKey.has(key)),
  };
}
