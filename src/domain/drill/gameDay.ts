/**
 * Game days: drills on a live installation. What they are, what may be done to their incidents, and what they measured.
 * Everything else that an incident owes (escalation, mails, clocks, budgets, postmortem) is not owed by one. Pure.
 */

import type { Effect } from '../effects.ts';
import type { Actor, Incident, Severity } from '../incident.ts';
import type { Verdict } from '../kill.ts';

export const SCENARIOS = ['kill', 'feed-gap', 'paging', 'runbook'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What is measured, in the order of the report. */
export const DRILL_TIMES = [
  'headline',
  'pageQueued',
  'pageAssigned',
  'pageAcknowledged',
  'firstClick',
  'latch',
  'lastCancel',
  'verdict',
  'steps',
] as const;
export type DrillTimeId = (typeof DRILL_TIMES)[number];

/** What a drill was begun with: it stands in the event that opens its incident, so that there is no moment without it. */
export interface GameDay {
  /** `DRILL_YYYYMMDD_NNN`, with the number of its incident. */
  drill: string;
  scenario: Scenario;
  /** Only venues that the configuration marks `drill: true`; empty where the scenario needs none. */
  venues: string[];
  /** What is measured, with the limit of each, ms; null: there is none. */
  limits: Partial<Record<DrillTimeId, number | null>>;
  /** The steps of its runbook that people are to tick, as `runbook:step`. */
  steps: string[];
  /** Set when a schedule began it: the time that it was due, ms since the epoch. */
  dueAt?: number;
}

/** `kept`, `missed`: of a limit. `measured`: there is no limit. `unknown`: it could not be measured. */
export interface DrillTime {
  id: DrillTimeId;
  /** From the trigger; null: it did not happen, or nobody knows when. */
  ms: number | null;
  limitMs: number | null;
  state: 'kept' | 'missed' | 'measured' | 'unknown';
}

/** `stopped`: by a person. */
export type DrillEnding =
  | 'done'
  | 'stopped'
  | 'realKill'
  | 'realHalt'
  | 'realIncident'
  | 'clockSetBack'
  | 'restart'
  | 'failed';

/** One venue of a drill kill. `orders` and `positions` are what was left. */
export interface DrillKillVenue {
  venue: string;
  verdict: Verdict;
  orders: number;
  positions: number;
  reason: string | null;
  /** Orders that it found there to cancel. Absent on record from before they were counted by venue. */
  found?: number;
  /** Cancels that the venue answered with success, over all rounds. Absent on record from before they were counted. */
  answered?: number;
}

/** What a drill kill came to, at its own venues. */
export interface DrillKill {
  verdict: Verdict;
  venues: DrillKillVenue[];
  /** Orders that it found at all of them to cancel: a kill of nothing proves less. */
  found: number;
}

/** Orders that a drill kill found at a venue of it; null: it was not counted by venue then, and there were several. */
export function foundAt(
  kill: { found: number; venues: readonly unknown[] },
  { found }: { found?: number },
): number | null {
  // An older record has the sum alone, which is the count of the venue where there was only one.
  return found ?? (kill.venues.length === 1 ? kill.found : null);
}

/** The result of an earlier drill of the same scenario, to compare with. */
export interface EarlierDrill {
  drill: string;
  at: number;
  passed: boolean;
  times: DrillTime[];
}

export interface DrillResult {
  drill: string;
  scenario: Scenario;
  venues: string[];
  times: DrillTime[];
  kill: DrillKill | null;
  ended: DrillEnding;
  /** Why it ended early; empty where it did not. */
  why: string;
  /** It ran to its end, missed no limit, and left nothing unknown. */
  passed: boolean;
  /** The newest first. */
  earlier: EarlierDrill[];
}

/** Later due times that were missed with the first, in one downtime: on record together, so that none is told twice. */
export interface FurtherMissed {
  /** ms since the epoch, in their order; the first of them only. */
  times: number[];
  /** How many more there were. */
  more: number;
  /** The last of all. */
  until: number;
}

export type DrillEvent =
  | ({ type: 'DrillFinished' } & DrillResult)
  /** On the desk's log: what readiness reads as evidence. `incident` has the whole result. */
  | ({
      type: 'DrillNoted';
      incident: string;
      /** ms since the epoch; absent on record from before it was noted. A crash may lie between it and this note. */
      endedAt?: number;
    } & Omit<DrillResult, 'earlier'>)
  /** On the desk's log: the schedule's next due time, kept so that a restart knows what it missed. */
  | { type: 'DrillPlanned'; schedule: string; scenario: Scenario; dueAt: number }
  /** On the desk's log: a scheduled drill did not run, and is not made up for. */
  | {
      type: 'DrillMissed';
      schedule: string;
      scenario: Scenario;
      dueAt: number;
      why: string;
      /** Absent: that time alone. */
      further?: FurtherMissed;
    }
  /** On the desk's log: people were told of it in #incidents. */
  | { type: 'DrillMissedSaid'; schedule: string; dueAt: number };

export type DrillCommand =
  | {
      type: 'StartDrill';
      incident: string;
      title: string;
      runbook: string | null;
      gameDay: GameDay;
      /** The severity of the test page; null: none is sent. */
      page: Severity | null;
    }
  | { type: 'FinishDrill'; result: DrillResult }
  | { type: 'NoteDrill'; event: Exclude<DrillEvent, { type: 'DrillFinished' }> };

/** Low on purpose: whatever asks by severity mails nobody, escalates nothing and owes no postmortem. */
const SEVERITY: Severity = 'P3';

export const TEST_PAGE = 'test page of a drill: nothing is wrong';

/** What a drill command makes happen. `incident` undefined: there is none yet, or it is the desk's own log. */
export function decideDrill(
  command: DrillCommand,
  incident: Pick<Incident, 'gameDay' | 'status' | 'actionItems'> | undefined,
) {
  switch (command.type) {
    case 'StartDrill': {
      const { incident: id, title, runbook, gameDay, page } = command;
      if (incident !== undefined) return [];
      const opened = {
        type: 'IncidentOpened' as const,
        id,
        title,
        severity: SEVERITY,
        origin: 'person' as const,
        runbook,
        drill: true,
        gameDay,
      };
      const owed = { type: 'PageOwed' as const, n: 1, severity: page ?? SEVERITY, why: TEST_PAGE };
      return page === null ? [opened] : [opened, owed];
    }
    case 'FinishDrill': {
      if (incident?.gameDay === undefined || incident.status === 'resolved') return [];
      const items = command.result.times
        .filter(({ state }) => state === 'missed')
        .map((time, index) => ({
          type: 'ActionItemAdded' as const,
          id: `A${incident.actionItems.length + index + 1}`,
          text: missedWords(time, command.result),
          priority: 'high',
        }));
      const summary = `${command.result.drill} ${ENDED[command.result.ended]}`;
      return [
        { type: 'DrillFinished' as const, ...command.result },
        ...items,
        { type: 'IncidentResolved' as const, how: 'drillOver' as const, summary, owes: [] },
      ];
    }
    case 'NoteDrill':
      return [command.event];
    default: {
      const unknown: never = command;
      throw new Error(`unknown command ${JSON.stringify(unknown)}`);
    }
  }
}

export const ENDED: Record<DrillEnding, string> = {
  done: 'ran to its end',
  stopped: 'was stopped by a person',
  realKill: 'was ended by a real kill',
  realHalt: 'was ended by a real halt or pause',
  realIncident: 'was ended by a real incident',
  clockSetBack: 'was ended since the clock of the machine was set back: its times are not known',
  restart: 'was ended by a restart of the bot: a drill is not resumed',
  failed: 'failed inside Standdown',
};

export const TIME_WORDS: Record<DrillTimeId, string> = {
  headline: 'headline posted',
  pageQueued: 'test page queued',
  pageAssigned: 'test page assigned',
  pageAcknowledged: 'test page acknowledged',
  firstClick: 'first click of a person',
  latch: 'latch written and read back',
  lastCancel: 'last cancel answered',
  verdict: 'verdict',
  steps: 'every runbook step ticked',
};

function missedWords({ id, ms, limitMs }: DrillTime, { drill, scenario }: DrillResult): string {
  const took = ms === null ? 'did not happen' : `took ${inSeconds(ms)}`;
  return `Drill ${drill} (${scenario}): ${TIME_WORDS[id]} ${took}, limit ${inSeconds(limitMs ?? 0)}`;
}

/** ms as seconds, in words. */
export const inSeconds = (ms: number): string =>
  ms < 10_000 ? `${(ms / 1_000).toFixed(2)} s` : `${(ms / 1_000).toFixed(0)} s`;

/** What may be done to the incident of a drill. Everything that stops, starts, mails or escalates is not in it. */
const ALLOWED: ReadonlySet<string> = new Set([
  'FinishDrill',
  'AcknowledgeIncident',
  'AssignCommander',
  'MarkStep',
  'LogMessage',
  'EditMessage',
  'DeleteMessage',
  'MarkMessage',
  'UnmarkMessage',
  'PinMessage',
  'UnpinMessage',
  'FileIssueAgain',
  'SeeIssueState',
  'RemindActionItem',
  'AddActionItem',
  'AddNote',
  'HearPager',
  // Facts from outside: they are recorded as they are.
  'Note',
]);

/** Why a command is refused on the incident of a drill; null: it is not. */
export function refusedInDrill(command: { type: string }, incident: Incident | undefined): string | null {
  if (incident?.gameDay === undefined || ALLOWED.has(command.type)) return null;
  return `${incident.id} is the drill ${incident.gameDay.drill}: nothing was done. A drill ends by itself, or by \`/incident drill stop\`. \`/kill\`, \`/halt\` and \`/cancel\` act for real at any time.`;
}

/** What a drill may owe the outside: posts in its thread, its test page, its action items. Never a mail, never a summons. */
const MAY_OWE: ReadonlySet<Effect['work']['kind']> = new Set([
  'headline',
  'runbook',
  'notice',
  'page',
  'pageCheck',
  'pageAcknowledge',
  'pageResolve',
  'pageNote',
  'issue',
]);

/** The effects of an incident; of a drill, only those that a drill may have. */
export const owedBy = (incident: Pick<Incident, 'gameDay'>, effects: Effect[]): Effect[] =>
  incident.gameDay === undefined ? effects : effects.filter(({ work }) => MAY_OWE.has(work.kind));

/** A person acted, or a machine on nobody's behalf. */
export const isPerson = ({ via }: Actor): boolean => via === 'slack' || via === 'pagerduty';
