/**
 * What each SLO of the playbook is at a moment, from what is measured (docs/adr/0017). What nobody measures is unknown, which
 * is not good. Pure.
 */

import type { KillState } from '../kill.ts';
import { type SilentEngine, SLI } from '../measure/conditions.ts';
import type { Criterion, Facts, StopRules } from '../measure/criteria.ts';
import { gapOf } from '../measure/gap.ts';
import type { Measurements } from '../measure/measurements.ts';
import type { Mismatch } from '../measure/mismatch.ts';
import type { SecondState } from './account.ts';
import { minuteOf } from './month.ts';

export const SLO_IDS = ['SLO-01', 'SLO-02', 'SLO-03', 'SLO-04', 'SLO-05', 'SLO-06'] as const;
export type SloId = (typeof SLO_IDS)[number];

export interface Look {
  state: SecondState;
  /** Since when it is bad, ms since the epoch, where that is before this look. */
  since?: number;
  /** Whole minutes that were bad, as is known by now. */
  badMinutes?: number[];
  /** The number, or why it is unknown. */
  why: string;
}

export interface LookFacts {
  now: number;
  measurements: Measurements;
  rules: Pick<StopRules, 'feeds'>;
  facts: Facts & { silent: SilentEngine[]; mismatches: Mismatch[] };
  criteria: readonly Criterion[];
  /** Since when each criterion is unknown, ms; `graceMs`: how long it may be. */
  unknownSince: ReadonlyMap<string, number>;
  graceMs: number;
  /** Criteria that were known once: what was never measured is not lost. */
  wereKnown: ReadonlySet<string>;
  /** The newest kill. */
  kill: KillState | null;
  /** Kills before it, each with when the next one was asked for, ms: what they were late is not made good by a newer one. */
  earlier: readonly { kill: KillState; until: number }[];
}

/** DESIGN 3, kill speed: no new orders within 1 s, all orders cancelled within 2 s, a first verdict within 10 s. */
const LIMITS_MS = { latch: 1_000, lastCancel: 2_000, verdict: 10_000 } as const;

/** The hard stops that are the desk's knowledge of its positions and its profit and loss. */
const POSITIONS = ['dailyLoss', 'positionSize'];

const good: Look = { state: 'good', why: '' };
const unknown = (why: string): Look => ({ state: 'unknown', why });
const seconds = (ms: number): string => `${Math.floor(ms / 1_000)} s`;

export const looksNow = (seen: LookFacts): Record<SloId, Look> => ({
  'SLO-01': feeds(seen),
  'SLO-02': latency(seen),
  'SLO-03': orders(seen),
  'SLO-04': positions(seen),
  'SLO-05': riskResponse(seen),
  'SLO-06': availability(seen),
});

/** Whether a criterion is known: a value that is not confirmed yet is one. */
export const isKnown = ({ state, value }: Pick<Criterion, 'state' | 'value'>): boolean =>
  state !== 'unknown' || value !== null;

function feeds({ now, measurements, rules, facts }: LookFacts): Look {
  if (!facts.market.open) return { state: 'off', why: facts.market.why };
  if (rules.feeds.length === 0) return unknown('no feed is configured');
  if (facts.engineSilent) return unknown('no engine sends heartbeats: whether bars come is not known');
  let bad: { since: number; why: string } | null = null;
  let missing = '';
  for (const feed of rules.feeds) {
    const gap = gapOf(measurements, feed, now, facts.market);
    if (gap === null) missing ||= `${feed.id} never had a bar`;
    else if ((gap.watched ?? gap).ms > SLI.staleSec * 1_000) {
      const since = now - gap.ms;
      if (bad === null || since < bad.since)
        bad = { since, why: `${feed.id}: gap ${seconds(gap.ms)}, limit ${SLI.staleSec} s` };
    } else if (gap.never.length > 0) missing ||= `${feed.id}: ${gap.never.join(', ')} never had a bar`;
  }
  if (bad !== null) return { state: 'bad', ...bad };
  return missing === '' ? good : unknown(missing);
}

/** Between the minutes that the tally judges: measured while signals come at least once an hour. */
function latency({ now, measurements, facts }: LookFacts): Look {
  if (!facts.market.open) return { state: 'off', why: facts.market.why };
  if (facts.engineSilent) return unknown('no engine sends heartbeats');
  return measurements.signals.count(now) > 0 ? good : unknown('no signal was measured in the last hour');
}

/** Between the minutes that the tally judges: without orders nothing fails, while somebody who would send one is there. */
function orders({ criteria, facts }: LookFacts): Look {
  if (!facts.market.open) return { state: 'off', why: facts.market.why };
  const rejects = criteria.find(({ id }) => id === 'rejectRate');
  return rejects === undefined || rejects.state === 'unknown'
    ? unknown(rejects?.detail ?? 'the reject rate is not measured')
    : good;
}

function positions({ now, facts, criteria, unknownSince, graceMs, wereKnown }: LookFacts): Look {
  const lost = criteria.filter((one) => POSITIONS.includes(one.id) && !isKnown(one));
  const over = lost.filter(({ id }) => wereKnown.has(id) && now - (unknownSince.get(id) ?? now) >= graceMs);
  if (over.length > 0)
    return {
      state: 'bad',
      since: Math.min(...over.map(({ id }) => unknownSince.get(id) ?? now)),
      why: over.map(({ id, detail }) => `${id} is unknown: ${detail}`).join('; '),
    };
  const [mismatch] = facts.mismatches;
  if (mismatch !== undefined) return { state: 'bad', why: mismatch.text };
  const [first] = lost;
  return first === undefined ? good : unknown(`${first.id}: ${first.detail}`);
}

function riskResponse({ now, kill, earlier }: LookFacts): Look {
  if (kill === null) return good;
  const age = now - kill.at;
  const before = earlier.flatMap((one) => lateMinutes(one.kill, one.until));
  const badMinutes = [...new Set([...before, ...lateMinutes(kill)])];
  const base = badMinutes.length === 0 ? good : { ...good, badMinutes };
  if (kill.over !== null || kill.accepted !== null || age < 0) return base;
  const left = Object.values(kill.venues).some(({ verdict }) => (verdict?.orders.length ?? 0) > 0);
  const late =
    kill.latch?.ok !== true && age > LIMITS_MS.latch
      ? { after: LIMITS_MS.latch, why: 'a kill is not latched' }
      : kill.verdict === null && age > LIMITS_MS.verdict
        ? { after: LIMITS_MS.verdict, why: 'a kill has no verdict' }
        : kill.verdict === 'UNKNOWN' && age > LIMITS_MS.verdict
          ? { after: LIMITS_MS.verdict, why: 'a kill is UNKNOWN: orders may be live' }
          : kill.verdict === 'RESIDUAL' && left && age > LIMITS_MS.verdict
            ? { after: LIMITS_MS.verdict, why: 'a kill left orders' }
            : null;
  if (late === null) return base;
  // Only since it is over its limit; what was fine at first and is not any more is bad from now on.
  const isFirst = kill.judgedAt === null || kill.verdict === null;
  return { ...base, state: 'bad', why: late.why, ...(isFirst ? { since: kill.at + late.after } : {}) };
}

/** The minutes in which a kill was over a limit that is judged by now, or was left for a newer one at `until`, ms. */
function lateMinutes(kill: KillState, until?: number): number[] {
  const { at, timings } = kill;
  const took = timings ?? (until === undefined ? null : unjudged(kill, until - at));
  if (took === null) return [];
  const spans = [
    [LIMITS_MS.latch, took.latchMs ?? took.verdictMs],
    [LIMITS_MS.lastCancel, took.lastCancelMs ?? 0],
    [LIMITS_MS.verdict, took.verdictMs],
  ] as const;
  const minutes = new Set<number>();
  for (const [limit, ms] of spans)
    if (ms > limit)
      for (let minute = minuteOf(at + limit); minute <= minuteOf(at + ms); minute += 1) minutes.add(minute);
  return [...minutes];
}

/** How long a kill took that a newer one followed after `ms` without a verdict. */
function unjudged({ latch, venues }: KillState, ms: number) {
  const cancelled = Object.values(venues).flatMap(({ cancelledMs }) => cancelledMs ?? []);
  return {
    latchMs: latch?.ok === true ? latch.ms : null,
    lastCancelMs: cancelled.length === 0 ? null : Math.max(...cancelled),
    verdictMs: ms,
  };
}

function availability({ now, facts }: LookFacts): Look {
  const gone = facts.silent.filter(({ never }) => !never);
  if (gone.length > 0) {
    const ageMs = Math.max(...gone.map((one) => one.ageMs));
    const names = gone.map(({ id, ageMs: age }) => `${id} is silent for ${seconds(age)}`).join(', ');
    return { state: 'bad', since: now - ageMs, why: names };
  }
  const [never] = facts.silent;
  if (never !== undefined) return unknown(`engine ${never.id} was never heard`);
  return facts.heartbeatAgeMs === null ? unknown('no engine sends heartbeats') : good;
}
