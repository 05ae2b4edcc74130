/** What a drill measured, from its own log and its own kill. Pure. */

import type { StandingEvent } from '../incident.ts';
import type { KillEvent, KillState } from '../kill.ts';
import {
  DRILL_TIMES,
  type DrillEnding,
  type DrillKill,
  type DrillResult,
  type DrillTime,
  type DrillTimeId,
  type EarlierDrill,
  type GameDay,
  isPerson,
} from './gameDay.ts';

const SEC = 1_000;
const MIN = 60 * SEC;

/** DESIGN 3, kill speed: no new orders, all orders cancelled, a first verdict. */
const KILL_LIMITS = { latch: SEC, lastCancel: 2 * SEC, verdict: 10 * SEC };

/** How long the steps of a runbook may take: as long as the team may wait for the first word (playbook, communication). */
const STEPS_LIMIT_MS = 15 * MIN;

/**
 * What a scenario measures, and the limits, in ms. `headlineMin` and `acknowledgeMin` are the playbook's; null: it has none.
 * `confirms`: PagerDuty can be asked whose the page is.
 */
export function limitsOf(
  scenario: GameDay['scenario'],
  of: { headlineMin: number | null; acknowledgeMin: number | null; paged: boolean; confirms: boolean },
): GameDay['limits'] {
  const inMs = (minutes: number | null) => (minutes === null ? null : minutes * MIN);
  const acknowledge = inMs(of.acknowledgeMin);
  return {
    headline: inMs(of.headlineMin),
    ...(of.paged ? { pageQueued: acknowledge } : {}),
    ...(of.paged && of.confirms ? { pageAssigned: acknowledge } : {}),
    // Without a page, a click in Slack would acknowledge none.
    ...(of.paged ? { pageAcknowledged: acknowledge } : {}),
    firstClick: null,
    ...(scenario === 'kill' ? KILL_LIMITS : {}),
    ...(scenario === 'runbook' || scenario === 'feed-gap' ? { steps: STEPS_LIMIT_MS } : {}),
  };
}

/** When each thing happened, ms since the epoch, as far as the log says. */
function seen(gameDay: GameDay, history: StandingEvent[]): Partial<Record<DrillTimeId, number>> {
  const at: Partial<Record<DrillTimeId, number>> = {};
  const first = (id: DrillTimeId, when: number) => {
    at[id] ??= when;
  };
  const left = new Set(gameDay.steps);
  for (const event of history) {
    if (event.type === 'Posted' && event.what === 'headline') first('headline', event.at);
    if (event.type === 'PageQueued') first('pageQueued', event.at);
    // By asking, or by PagerDuty's own word.
    if ((event.type === 'PageAssigned' || event.type === 'PagerSaid') && event.to.length > 0)
      first('pageAssigned', event.at);
    if (event.type === 'PageAssigned' && event.acknowledgedBy !== undefined)
      first('pageAcknowledged', event.at);
    if (event.type === 'IncidentAcknowledged' && isPerson(event.by)) first('pageAcknowledged', event.at);
    const clicked = ['IncidentAcknowledged', 'StepMarked', 'CommanderAssigned'].includes(event.type);
    if (clicked && event.by.via === 'slack') first('firstClick', event.at);
    if (event.type === 'StepMarked' && left.delete(event.step) && left.size === 0) first('steps', event.at);
  }
  return at;
}

/**
 * Every time that this drill measures. `elapsedMs` is by the monotonic clock. What has not happened is `missed` once its limit
 * is over, and unknown until then.
 */
export function timesOf(
  gameDay: GameDay,
  openedAt: number,
  history: StandingEvent[],
  kill: KillState | undefined,
  elapsedMs: number,
): DrillTime[] {
  const at = seen(gameDay, history);
  const killed: Partial<Record<DrillTimeId, number | null>> = {
    latch: kill?.latch?.ok === true ? kill.latch.ms : null,
    lastCancel: kill?.timings?.lastCancelMs ?? null,
    verdict: kill?.timings?.verdictMs ?? null,
  };
  return DRILL_TIMES.flatMap((id): DrillTime[] => {
    const limitMs = gameDay.limits[id];
    if (limitMs === undefined) return [];
    const when = at[id];
    // By a clock that was set back since, nobody knows how long it took.
    const ms = killed[id] ?? (when === undefined || when < openedAt ? null : when - openedAt);
    return [{ id, ms, limitMs, state: stateOf(ms, limitMs, elapsedMs) }];
  });
}

function stateOf(ms: number | null, limitMs: number | null, elapsedMs: number): DrillTime['state'] {
  if (ms !== null && limitMs === null) return 'measured';
  if (limitMs === null) return 'unknown';
  if (ms !== null) return ms <= limitMs ? 'kept' : 'missed';
  return elapsedMs >= limitMs ? 'missed' : 'unknown';
}

/** Nothing with a limit is left to wait for. */
export const isMeasured = (times: DrillTime[]): boolean =>
  times.every(({ state, limitMs }) => state !== 'unknown' || limitMs === null);

/**
 * Orders that a drill kill found, by venue: the most that one of its rounds listed. The sum of the rounds would count an order
 * that is still there as often as it was cancelled in vain.
 */
export function foundIn(events: readonly { type: string }[]): Record<string, number> {
  const most: Record<string, number> = {};
  for (const event of events as readonly KillEvent[]) {
    if (event.type !== 'VenueCancelled') continue;
    const listed = event.lists.reduce((sum, { found }) => sum + found, 0);
    most[event.venue] = Math.max(most[event.venue] ?? 0, listed);
  }
  return most;
}

/** What the drill's kill came to; null: it has no verdict. `found`: see `foundIn`. */
export function drillKill(kill: KillState | undefined, found: Record<string, number>): DrillKill | null {
  if (kill === undefined || kill.verdict === null) return null;
  const venues = Object.entries(kill.venues).map(([venue, { verdict, lists }]) => ({
    venue,
    verdict: verdict?.verdict ?? ('UNKNOWN' as const),
    orders: verdict?.orders.length ?? 0,
    positions: verdict?.positions.length ?? 0,
    reason: verdict?.reason ?? null,
    found: found[venue] ?? 0,
    answered: Object.values(lists).reduce((sum, list) => sum + (list.found > 0 ? list.answered : 0), 0),
  }));
  return { verdict: kill.verdict, venues, found: venues.reduce((sum, one) => sum + one.found, 0) };
}

/**
 * The result. An UNKNOWN verdict is not passed, and neither is a kill that left an order (positions it never closes), or a
 * drill that ended early or left a limit open.
 */
export function resultOf(
  gameDay: GameDay,
  times: DrillTime[],
  kill: DrillKill | null,
  ending: { ended: DrillEnding; why: string },
  earlier: EarlierDrill[],
): DrillResult {
  const { drill, scenario, venues } = gameDay;
  const inTime = isMeasured(times) && times.every(({ state }) => state !== 'missed');
  const proven =
    scenario !== 'kill' ||
    (kill !== null && kill.verdict !== 'UNKNOWN' && kill.venues.every(({ orders }) => orders === 0));
  const passed = ending.ended === 'done' && inTime && proven;
  return { drill, scenario, venues, times, kill, ...ending, passed, earlier };
}

/** How a time compares with the newest earlier drill that measured it. `byMs` is negative when it is faster. */
export interface Compared {
  drill: string;
  byMs: number;
  word: 'better' | 'worse' | 'the same';
}

/** Null: no earlier drill measured it, or this one did not. */
export function compared(time: DrillTime, earlier: EarlierDrill[]): Compared | null {
  if (time.ms === null) return null;
  for (const { drill, times } of earlier) {
    const before = times.find(({ id }) => id === time.id)?.ms ?? null;
    if (before === null) continue;
    const byMs = time.ms - before;
    return { drill, byMs, word: byMs < 0 ? 'better' : byMs > 0 ? 'worse' : 'the same' };
  }
  return null;
}
