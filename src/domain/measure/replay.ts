/** Recorded telemetry, judged as the monitor would have judged it, on the recording's own time. Pure; keeps its own state. */

import { type Condition, conditionsNow } from './conditions.ts';
import { type Criterion, type CriterionState, judgeCriteria, type StopRules } from './criteria.ts';
import { createHeartbeats, engineFacts } from './heartbeats.ts';
import { marketAt, type TradingHours } from './hours.ts';
import { createMeasurements } from './measurements.ts';
import type { Sample } from './samples.ts';
import { changedConditions, createHovering, newTrips, noteChanged, noteUnknown } from './watch.ts';

/** What would have happened at a moment of the recording, ms since the epoch. */
export type Replayed =
  | { kind: 'trip'; at: number; criterion: Criterion }
  | { kind: 'begun'; at: number; condition: Condition }
  | { kind: 'over'; at: number; condition: Condition; since: number };

export interface Replay {
  /** The time of the recording, ms since the epoch; null before the first sample. */
  now(): number | null;
  /** Let time pass up to the arrival, a second at a time, and take the sample. Arrivals never go back. */
  take(sample: Sample, arrivedAt: number): void;
  /** Judge what has arrived and was not judged yet. */
  end(): void;
  /** How long each criterion was in each state, ms: what was unknown throughout has not passed. */
  spent(): Record<string, Record<CriterionState, number>>;
}

const SECOND_MS = 1_000;
/** In a silence that is this long nothing changes within a minute any more, and after a week nothing within an hour. */
const LONG_MS = 2 * 3_600_000;
const VERY_LONG_MS = 7 * 86_400_000;

/**
 * A pause of the engine counts as confirmed where its recorded heartbeats say that a switch is on: the replay writes no
 * switch of its own. Samples that arrive in the same millisecond are judged together, as a batch would be.
 */
export function createReplay(
  deps: {
    rules: StopRules;
    hours: TradingHours;
    engines: { id: string; everyMs: number }[];
    /** How long a criterion may be unknown before that is an incident, ms. */
    unknownGraceMs: number;
  },
  on: (what: Replayed) => void,
): Replay {
  const { rules, hours, unknownGraceMs } = deps;
  const measurements = createMeasurements(rules.feeds);
  const heartbeats = createHeartbeats(deps.engines);
  const handled = new Set<string>();
  const unknownSince = new Map<string, number>();
  const raised = new Map<string, [condition: Condition, at: number]>();
  const spent: Record<string, Record<CriterionState, number>> = {};
  const hovering = createHovering();
  let startedAt: number | null = null;
  let now: number | null = null;
  let tickedAt = 0;
  let sampledAt = 0;
  let hasNew = false;

  /** `tickMs`: the time that the tick stands for; null between ticks. */
  function judge(at: number, tickMs: number | null): void {
    const facts = {
      market: marketAt(at, hours),
      stopConfirmed: heartbeats.obeysStop(({ engine }) => heartbeats.isFresh(engine, at)),
      ...engineFacts(heartbeats.beats(at), { ms: at - (startedAt ?? at), graceMs: unknownGraceMs }),
      mismatches: [],
    };
    if (tickMs !== null) measurements.feeds.tick(at, (moment) => marketAt(moment, hours).open);
    const criteria = judgeCriteria(measurements, at, rules, facts);
    noteUnknown(criteria, unknownSince, at);
    for (const criterion of newTrips(criteria, handled, false)) on({ kind: 'trip', at, criterion });
    hasNew = false;
    if (tickMs === null) return;
    for (const { id, state } of criteria) (spent[id] ??= { ok: 0, tripped: 0, unknown: 0 })[state] += tickMs;
    const current = conditionsNow(measurements, at, rules, facts, criteria, unknownSince, unknownGraceMs);
    const changed = changedConditions(current, raised, hovering, at, facts);
    for (const condition of changed.begun) on({ kind: 'begun', at, condition });
    for (const [condition, since] of changed.over) on({ kind: 'over', at, condition, since });
    noteChanged(changed, raised, hovering, at);
  }

  function pass(to: number): void {
    if (now === null) {
      now = to;
      startedAt = to;
      tickedAt = to;
      sampledAt = to;
      return;
    }
    if (hasNew && to > now) judge(now, null);
    for (;;) {
      const silence = tickedAt - sampledAt;
      const step = silence < LONG_MS ? SECOND_MS : silence < VERY_LONG_MS ? 60_000 : 3_600_000;
      if (tickedAt + step > to) break;
      tickedAt += step;
      judge(tickedAt, step);
    }
    now = Math.max(now, to);
  }

  return {
    now: () => now,
    take(sample, arrivedAt) {
      pass(arrivedAt);
      const at = now ?? arrivedAt;
      if (sample.type === 'heartbeat') heartbeats.take(sample, at);
      else measurements.take(sample, at);
      hasNew = true;
      sampledAt = at;
    },
    end() {
      if (now !== null) judge(now, now - tickedAt);
    },
    spent: () => spent,
  };
}
