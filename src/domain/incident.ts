/** What an incident is, and how its log of events folds into it. Pure. */

import type { DrillEvent, DrillResult, GameDay } from './drill/gameDay.ts';
import type { KillEvent, KillState } from './kill.ts';
import { evolveKill } from './kill.ts';
import { evolveMark, type MarkEvent, type MessageMark } from './marks.ts';
import type { FlattenEvent, OrdersEvent } from './orders.ts';
import { evolveSummons, hear, type SummonEvent, type Summons, type SummonWay } from './paging.ts';
import type { BudgetEvent, BudgetNote } from './postmortem/budget.ts';
import {
  asDraft,
  evolvePostmortem,
  followLog,
  type Postmortem,
  type PostmortemEvent,
  type Statements,
  stated,
} from './postmortem/life.ts';
import type { ReadinessEvent } from './readiness/events.ts';
import type { RefusedEvent } from './refused.ts';
import type { ResumeEvent, ResumeState } from './resume.ts';
import { evolveResume } from './resume.ts';
import type { Deed } from './runbook/vocabulary.ts';
import { evolveTracker, type TrackedIssue, type TrackerEvent } from './tracker.ts';
import type { HoldEvent } from './trading.ts';
import type { TrailEvent } from './trail/record.ts';

export const SEVERITIES = ['P0', 'P1', 'P2', 'P3'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** True when `a` is more urgent than `b`. */
export const isWorse = (a: Severity, b: Severity): boolean => SEVERITIES.indexOf(a) < SEVERITIES.indexOf(b);

/** Who did something, and from where. `id` is the far side's own id (a Slack user, a token's actor name, a source). */
export interface Actor {
  via: 'slack' | 'http' | 'cli' | 'alert' | 'pagerduty' | 'standdown';
  id: string;
  name: string;
  /** For somebody at PagerDuty: the Slack user with the same verified e-mail address, where there is one. */
  slack?: string;
}

export const STANDDOWN: Actor = { via: 'standdown', id: 'standdown', name: 'Standdown' };

/** One signal. Its identity while it is open is `key`, the source's own fingerprint; prose never identifies it. */
export interface Alert {
  source: string;
  groupKey: string;
  key: string;
  /** The source's own fingerprint, where `key` had to be made longer: in a storm's incident are many groups. */
  fingerprint?: string;
  title: string;
  severity: Severity;
  /** Set when the severity was absent or unreadable: what the source wrote, and that P1 is our guess. */
  severityGuess?: string;
  /** ms since the epoch, as the source says; the time of receipt where it says nothing. */
  startsAt: number;
  /** True when the source gave `startsAt`, so that a late duplicate can be told from a new firing. */
  startsAtGiven: boolean;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runbook?: string;
  link?: string;
  value?: string;
  /** A group of the bot's own alerts that this one, from elsewhere, says to be about (docs/adr/0009). */
  ownGroup?: string;
}

/** The source of what the bot raises by itself. */
export const OWN_SOURCE = 'standdown';
/** The group of what is about the newest kill. */
export const KILL_GROUP = 'kill';

/** Begins the group of what is about an error budget; the SLO and the month follow. */
export const BUDGET_GROUP = 'budget:';

/** Alerts of one group are one incident: the source's group, or the group of the bot's own that the alert names. */
export const groupOf = ({
  source,
  groupKey,
  ownGroup,
}: Pick<Alert, 'source' | 'groupKey' | 'ownGroup'>): { source: string; groupKey: string } =>
  ownGroup === undefined ? { source, groupKey } : { source: OWN_SOURCE, groupKey: ownGroup };

export interface AlertState extends Alert {
  state: 'firing' | 'resolved';
  /** When the bot took it, ms since the epoch. */
  receivedAt: number;
  resolvedAt?: number;
  /** How many times the source sent the same firing again. */
  repeats: number;
}

export type PageState =
  | 'owed'
  | 'queued'
  | 'assigned'
  | 'acknowledged'
  | 'retrying'
  | 'failed'
  | 'superseded'
  | 'closed';

/** One page. `n` is the step; its key at PagerDuty is `<incident>/<n>`. 202 is `queued`, never more. */
export interface Page {
  n: number;
  severity: Severity;
  why: string;
  owedAt: number;
  state: PageState;
  queuedAt?: number;
  assignedTo: string[];
  url?: string;
  reason?: string;
  acknowledgedBy?: string;
  /** PagerDuty's own id of the incident that came of it, where it told. */
  pagerId?: string;
  /** Who resolved it at PagerDuty while the incident stayed open here. */
  resolvedThereBy?: string;
  /** Since when it could not be sent, ms since the epoch. */
  failingSince?: number;
  /** The ids of PagerDuty's events that were heard about it: each once, for ever, for they carry no time stamp. */
  heard?: string[];
  /** The Slack id of the person who asked for it with "Page on-call". */
  askedBy?: string;
  /** The next ways to on-call that were taken, because PagerDuty did not say that anybody has it. */
  summons?: Partial<Record<SummonWay, Summons>>;
  /** The clocks whose miss owed it. */
  clocks?: string[];
  /** It was owed after somebody had acknowledged the incident: it asks for somebody again. */
  anew?: true;
  /** It was owed after the resolution: a resolved incident's other pages must not leave any more. */
  afterwards?: true;
}

/** A file that was shared in the thread: what Slack calls it, and where it stands there. It is not kept here. */
export interface SharedFile {
  id: string;
  name: string;
  link?: string;
}

/** Where a Slack message that was made part of an incident stands. `author` is who wrote it, as Slack names them. */
export interface MessageSource {
  author: string;
  permalink?: string;
}

export interface StepMark {
  step: string;
  mark: 'done' | 'skipped';
  by: Actor;
  at: number;
  why?: string;
}

/** What an automatic check of a runbook step found, the newest time that it changed. `unknown` is never fine. */
export interface StepCheck {
  check: string;
  state: 'ok' | 'bad' | 'unknown';
  /** The finding in words, with its numbers and units. */
  text: string;
  at: number;
}

/** Whether a step's `when` holds: null while what it asks for is not known. */
export interface StepBranch {
  applies: boolean | null;
  text: string;
  at: number;
  /** Since when it applies, ms since the epoch. Kept while it is not known: only what does not apply ends it. */
  since: number | null;
}

/** What a step did by itself, the newest time. `ok` only after it was read back. `nothing`: somebody had chosen, or it was so. */
export interface StepAct {
  did: Deed | 'nothing';
  how: 'auto' | 'timer';
  ok: boolean;
  text: string;
  at: number;
}

/** The newest run of a configured command. No `ended`: it runs. `exitCode` null: what became of it is the `reason`. */
export interface CommandRun {
  run: string;
  by: Actor;
  at: number;
  ended?: { at: number; exitCode: number | null; reason: string; ms: number };
}

/** A gap in a data feed, recorded without anybody typing. ms since the epoch; `to` null while it lasts. */
export interface FeedGap {
  feed: string;
  symbol: string;
  from: number;
  to: number | null;
}

/** One of the playbook's clocks, once it is over: `at` is when that was put on record. ms since the epoch. */
export interface ClockRecord {
  clock: string;
  state: 'met' | 'missed';
  dueAt: number;
  at: number;
  /** When what it asks for was done; absent where it was not by then. */
  doneAt?: number;
}

/** What is still owed after a resolution. `dueAt` null: it is asked for, without a clock. */
export interface OwedClock {
  clock: string;
  dueAt: number | null;
}

/** Who supplied an item of the checklist after an incident, and what they said. */
export interface ChecklistMark {
  by: Actor;
  at: number;
  text?: string;
}

/** What a mail to the stakeholders is sent for. `update`: a person sends it. */
export const MAIL_WHATS = ['opened', 'reopened', 'changed', 'verdict', 'resolved', 'update'] as const;
export type MailWhat = (typeof MAIL_WHATS)[number];

/** What became of the newest mail to the stakeholders. `accepted` only after the server's 250. */
export interface MailOutcome {
  state: 'accepted' | 'retrying' | 'failed';
  at: number;
  to: string[];
  refused: { address: string; reason: string }[];
  reason?: string;
}

/** The desk's profit and loss since 00:00 UTC as it was measured at `at`; null: unknown, and `why`. */
export interface ImpactReading {
  dayPnl: number | null;
  currency: string;
  source: string | null;
  why: string;
  /** The positions as the position size is measured; absent in what was noted before it was. */
  open?: OpenReading;
  at: number;
}

/** Sum of the absolute notionals in the currency of the limits, `ageMs` old when it was noted; null: unknown. `why`: what it leaves out. */
export interface OpenReading {
  notional: number | null;
  source: string | null;
  ageMs: number | null;
  why: string;
}

/**
 * The true times of an incident, as a person states them, and what that does to the budget of its SLO. ms since the epoch,
 * and seconds consumed in the month of `from`. `was`: what was measured, or stated before.
 */
export interface Adjustment {
  slo: string;
  from: number;
  to: number;
  reason: string;
  was: { from: number; to: number; consumedSec: number };
  consumedSec: number;
}

export interface ActionItem {
  id: string;
  text: string;
  by: Actor;
  at: number;
  owner?: string;
  priority?: string;
  /** ISO date. */
  due?: string;
}

/** What PagerDuty said of a page by webhook. `resolved` is noted, not obeyed. */
export const PAGER_WORDS = [
  'triggered',
  'acknowledged',
  'unacknowledged',
  'escalated',
  'reassigned',
  'delegated',
  'resolved',
  'reopened',
  'annotated',
] as const;
export type PagerWord = (typeof PAGER_WORDS)[number];

/**
 * PagerDuty told of page `n`. `id` is its own id of the event; `person`: a user there did it, not a service or a time-out.
 * `to`: whose page it is now, where it says. `text`: what was written there.
 */
export interface PagerSaid {
  type: 'PagerSaid';
  id: string;
  n: number;
  what: PagerWord;
  person: boolean;
  to: string[];
  pagerId?: string;
  text?: string;
}

export type IncidentStatus = 'open' | 'acknowledged' | 'resolved';

export interface Resolution {
  by: Actor;
  at: number;
  how: 'person' | 'alertsCleared' | 'drillOver';
  summary?: string;
  rootCause?: string;
  category?: RootCauseCategory;
  /** What stays owed after it, with its due times; absent in a log of an older version. */
  owes?: OwedClock[];
}

export const ROOT_CAUSE_CATEGORIES = ['system', 'data', 'strategy', 'operator'] as const;
export type RootCauseCategory = (typeof ROOT_CAUSE_CATEGORIES)[number];
const isCategory = (text: string): text is RootCauseCategory =>
  ROOT_CAUSE_CATEGORIES.some((one) => one === text);

export interface Incident {
  id: string;
  /** Number of events folded in; the version that `append` expects. */
  version: number;
  title: string;
  severity: Severity;
  severityNote?: string;
  /** `storm`: it holds the alerts of many groups, because there were too many for an incident each. */
  origin: 'alert' | 'kill' | 'person' | 'storm';
  source?: string;
  groupKey?: string;
  runbook: string | null;
  drill: boolean;
  /** Set for a drill on a live installation (drill/gameDay.ts): it owes nothing but what is named there. */
  gameDay?: GameDay;
  /** What that drill came to, and when, ms since the epoch. */
  drillResult?: { result: DrillResult; at: number };
  openedAt: number;
  openedBy: Actor;
  status: IncidentStatus;
  acknowledged?: { by: Actor; at: number };
  resolution?: Resolution;
  reopened: number;
  alerts: Record<string, AlertState>;
  /** How many of its alerts are firing. */
  firing: number;
  pages: Page[];
  /** Slack's time stamps of what was posted, by what it is: 'headline', 'runbook', 'receipt:<kill>', 'postmortem:<n>'. */
  posts: Record<string, { channel: string; ts: string; at: number; permalink?: string }>;
  /** What could not be posted or mailed, and why, by what it is. */
  undelivered: Record<string, string>;
  kills: Record<string, KillState>;
  /** Slack messages of people in the thread, by their time stamp. */
  messages: Record<string, { user: string; text: string; edited: boolean; deleted: boolean }>;
  /** Reactions that mark a message of the thread, in their order. */
  marks: MessageMark[];
  /** The time stamps of what is pinned of the thread. */
  pins: string[];
  steps: Record<string, StepMark>;
  /** By step, then by check. */
  checks: Record<string, Record<string, StepCheck>>;
  branches: Record<string, StepBranch>;
  acts: Record<string, StepAct>;
  gaps: FeedGap[];
  /** By the command's name in the configuration. */
  commands: Record<string, CommandRun>;
  /** By clock. */
  clocks: Record<string, ClockRecord>;
  commander?: { who: Actor; by: Actor; at: number };
  mitigated?: { by: Actor; at: number; text: string };
  actionItems: ActionItem[];
  /** What became of the action items in the issue tracker, by item. */
  issues: Record<string, TrackedIssue>;
  /** The due date that people were reminded of, by item. */
  itemsReminded: Record<string, string>;
  /** The newest review of it that was written down. */
  review?: { by: Actor; at: number; text: string };
  /** The newest statement of its true times. */
  adjusted?: Adjustment & { by: Actor; at: number };
  /** Its worst severity that was not a guess: what comes after the resolution is owed for that. */
  worst: Severity;
  /** Since when it is open: its opening, or its newest reopening. ms since the epoch, as all that follow. */
  openSince: number;
  /** From when its clocks run: as `openSince`, and anew from each raise of the severity. */
  clocksFrom: number;
  /** When a person last gave an update (a message, a note, a summary). */
  updateAt?: number;
  /** From when the next update is counted: the newest one, a reminder, or the start of the clocks, in the log's order. */
  silentFrom: number;
  /** What is supplied of the checklist after it, by item. A reopening empties it. */
  checklist: Record<string, ChecklistMark>;
  mail?: MailOutcome;
  /** When a mail was last owed since the clocks run; absent: none yet. */
  mailOwedAt?: number;
  /** When a mail was first accepted since the clocks run. */
  mailedAt?: number;
  /** What the stakeholders were last told: severity and trading state (stakeholderMail.ts). */
  told?: string;
  /** The first and the newest measurement of the money since it is open. */
  impact?: { first: ImpactReading; last: ImpactReading };
  /** Cancels and flattens that were asked for and have no result yet: a restart settles them. */
  unfinished: Record<string, 'cancel' | 'flatten' | 'command'>;
  postmortem?: Postmortem;
  /** What people said for the postmortem, by field, before it is drafted, too. A reopening keeps it. */
  statements: Statements;
  /** The newest reminder of the postmortem that is owed. */
  reminded?: { dueAt: number; day: number };
  /** What it took of each error budget, as it was last measured. */
  budget?: BudgetNote;
  /** The newest run of the recovery check. */
  recovery?: { passed: boolean; reason: string; at: number; by: Actor; n: number };
  /** The newest request to lift the latch. */
  resume?: ResumeState;
}

interface Said {
  /** ms since the epoch, UTC. */
  at: number;
  by: Actor;
}

export type IncidentEvent = Said &
  (
    | {
        type: 'IncidentOpened';
        id: string;
        title: string;
        severity: Severity;
        severityNote?: string;
        origin: Incident['origin'];
        source?: string;
        groupKey?: string;
        runbook: string | null;
        drill: boolean;
        gameDay?: GameDay;
      }
    | DrillEvent
    | { type: 'AlertFired'; alert: Alert }
    | { type: 'AlertRepeated'; key: string }
    | { type: 'AlertCleared'; key: string; endedAt: number }
    | { type: 'SeverityChanged'; from: Severity; to: Severity; why: string }
    | { type: 'IncidentReopened'; why: string }
    | { type: 'IncidentAcknowledged' }
    | ({ type: 'IncidentResolved' } & Omit<Resolution, 'by' | 'at'>)
    /** `asked`: a person pressed "Page on-call". `clocks`: those whose miss owes it. */
    | { type: 'PageOwed'; n: number; severity: Severity; why: string; asked?: true; clocks?: string[] }
    | { type: 'PageQueued'; n: number; dedupKey: string }
    | {
        type: 'PageAssigned';
        n: number;
        to: string[];
        url: string;
        acknowledgedBy?: string;
        pagerId?: string;
      }
    | { type: 'PageFailed'; n: number; reason: string; gaveUp: boolean }
    | { type: 'PageSuperseded'; n: number; why: string }
    | { type: 'PageClosed'; n: number }
    | { type: 'Posted'; what: string; channel: string; ts: string; permalink?: string }
    | { type: 'PostFailed'; what: string; reason: string; gaveUp: boolean }
    /** A mail to the stakeholders that no other event owes: by the clock, or by a person. */
    | { type: 'MailOwed'; what: MailWhat; why: string }
    /** The server's 250. `told`: what it said of severity and trading state. */
    | {
        type: 'MailSent';
        what: string;
        to: string[];
        refused: { address: string; reason: string }[];
        told?: string;
      }
    | { type: 'MailFailed'; what: string; reason: string; gaveUp: boolean }
    | { type: 'StepMarked'; step: string; mark: StepMark['mark']; why?: string }
    /** `files`: what was shared with it. */
    | {
        type: 'MessageLogged';
        ts: string;
        user: string;
        text: string;
        fromBot?: true;
        files?: SharedFile[];
      }
    | { type: 'MessageEdited'; ts: string; text: string }
    | { type: 'MessageDeleted'; ts: string }
    | MarkEvent
    | TrackerEvent
    | RefusedEvent
    /** `from`: it is a Slack message that somebody else wrote, by whom and where it stands. */
    | { type: 'NoteAdded'; text: string; from?: MessageSource }
    | PostmortemEvent
    | BudgetEvent
    | ({ type: 'StepChecked'; step: string } & Omit<StepCheck, 'at'>)
    | ({ type: 'StepBranched'; step: string } & Omit<StepBranch, 'at' | 'since'>)
    | ({ type: 'StepActed'; step: string } & Omit<StepAct, 'at'>)
    | { type: 'FeedGapBegan'; feed: string; symbol: string; from: number }
    | { type: 'FeedGapEnded'; feed: string; symbol: string; from: number; to: number }
    | { type: 'ClockMet'; clock: string; dueAt: number; doneAt?: number }
    /** `doneAt`: it was done, and too late. */
    | { type: 'ClockMissed'; clock: string; dueAt: number; doneAt?: number }
    /** A person says that an item of the checklist is done, or why it needs nothing. */
    | { type: 'ChecklistMarked'; item: string; text?: string }
    | { type: 'RootCauseNamed'; category: RootCauseCategory; text?: string }
    /** What the measurements said of the money: what is told of it is on record. */
    | ({ type: 'ImpactNoted' } & Omit<ImpactReading, 'at'>)
    /** Nobody said anything for as long as the playbook lets an incident be silent. */
    | { type: 'UpdateReminded'; sinceMs: number }
    /** `handover`: what the one before told the next one. */
    | { type: 'CommanderAssigned'; who: Actor; handover?: string }
    | { type: 'IncidentMitigated'; text: string }
    | { type: 'IncidentReviewed'; text: string }
    | ({ type: 'IncidentAdjusted' } & Adjustment)
    | ({ type: 'ActionItemAdded' } & Omit<ActionItem, 'by' | 'at'>)
    | PagerSaid
    | SummonEvent
    | TrailEvent
    /** A configured command that a runbook step asked for ran: `output` is cut. */
    | { type: 'CommandAsked'; command: string; run: string }
    | {
        type: 'CommandFinished';
        command: string;
        run: string;
        exitCode: number | null;
        reason: string;
        output: string;
        ms: number;
      }
  );

/** Events of the desk's own log, which belong to no incident. */
export type DeskEvent =
  /** A resolution that came before its firing: kept until the firing comes. */
  | {
      type: 'ResolutionNoted';
      source: string;
      groupKey: string;
      key: string;
      startsAt: number;
      endedAt: number;
    }
  /** A request that must run once was taken; `answer` is what was said to it. `released`: it was refused, nothing was done. */
  | { type: 'RequestTaken'; name: string; answer?: unknown; released?: true }
  /** Time that no budget counts (`slo` null: none of them), by whom and why. ms since the epoch. */
  | { type: 'TimeExcluded'; exclusion: string; from: number; to: number; name: string; slo: string | null }
  /** Maintenance stood in the configuration for the first time, `at` then. ms since the epoch. */
  | { type: 'MaintenanceSeen'; window: string; from: number; to: number; name: string }
  /** A file could not be read at the start and was kept aside, under this name and with this hash. */
  | { type: 'FileSetAside'; name: string; sha256: string }
  /** The members of a user group or schedule, as last read: for when Slack or PagerDuty cannot be asked. */
  | { type: 'MembersSeen'; name: string; members: string[] }
  | ReadinessEvent;

/** Everything that can stand in a log. */
export type StandingEvent =
  | IncidentEvent
  | (Said & (DeskEvent | ResumeEvent | KillEvent | HoldEvent | OrdersEvent | FlattenEvent));

/**
 * Fold one event into an incident. Total: an event that does not fit the state (a page step that is not there) changes
 * nothing but the version, so that a log written by an older version still loads.
 */
export const evolve = (incident: Incident | undefined, event: StandingEvent): Incident =>
  startFold(incident).add(event);

/**
 * Fold several events: what `evolve` for each would come to, at the cost of one copy of what they change, so that ten
 * thousand alerts of one incident do not copy each other. `seen` is called after each event with the incident as it is
 * then; the next event changes it.
 */
export function evolveAll(
  incident: Incident | undefined,
  events: StandingEvent[],
  seen?: (event: StandingEvent, incident: Incident) => void,
): Incident {
  const fold = startFold(incident);
  for (const event of events) {
    const now = fold.add(event);
    seen?.(event, now);
  }
  const folded = fold.now();
  if (folded === undefined) throw new Error('no event was given');
  return folded;
}

/** A fold that goes on: what it gives is changed by the next `add`. The incident that it began with is left as it was. */
export interface Fold {
  add(event: StandingEvent): Incident;
  now(): Incident | undefined;
}

export function startFold(incident: Incident | undefined): Fold {
  let next = incident;
  let copied = false;
  /** The maps that this fold made, and so may change in place. */
  const owned = new Set<object>();
  return {
    add(event) {
      if (event.type === 'IncidentOpened') {
        next = opened(event, next);
        copied = true;
        return next;
      }
      if (next === undefined)
        throw new Error(`an incident's log starts with ${event.type}, not IncidentOpened`);
      if (!copied) next = { ...next };
      copied = true;
      next.version += 1;
      fold(next, event, owned);
      if (next.postmortem !== undefined) next.postmortem = followLog(next.postmortem, event, next);
      return next;
    },
    now: () => next,
  };
}

function opened(
  event: Extract<StandingEvent, { type: 'IncidentOpened' }>,
  before: Incident | undefined,
): Incident {
  return {
    id: event.id,
    version: (before?.version ?? 0) + 1,
    title: event.title,
    severity: event.severity,
    ...(event.severityNote === undefined ? {} : { severityNote: event.severityNote }),
    origin: event.origin,
    ...(event.source === undefined ? {} : { source: event.source }),
    ...(event.groupKey === undefined ? {} : { groupKey: event.groupKey }),
    runbook: event.runbook,
    drill: event.drill,
    ...(event.gameDay === undefined ? {} : { gameDay: event.gameDay }),
    openedAt: event.at,
    openedBy: event.by,
    status: 'open',
    reopened: 0,
    alerts: {},
    firing: 0,
    pages: [],
    posts: {},
    undelivered: {},
    kills: {},
    messages: {},
    marks: [],
    pins: [],
    steps: {},
    checks: {},
    branches: {},
    acts: {},
    gaps: [],
    commands: {},
    clocks: {},
    actionItems: [],
    issues: {},
    itemsReminded: {},
    unfinished: {},
    worst: event.severityNote === undefined ? event.severity : 'P3',
    openSince: event.at,
    clocksFrom: event.at,
    silentFrom: event.at,
    checklist: {},
    statements: {},
    ...(mailsAtOnce(event.severity) ? { mailOwedAt: event.at } : {}),
  };
}

/** `record` as a map that may be changed in place: a copy, the first time. */
function own<T extends object>(record: T, owned: Set<object>): T {
  if (owned.has(record)) return record;
  const copy = { ...record };
  owned.add(copy);
  return copy;
}

function fold(
  next: Incident,
  event: Exclude<StandingEvent, { type: 'IncidentOpened' }>,
  owned: Set<object>,
): void {
  switch (event.type) {
    case 'AlertFired':
      if (alertOf(next, event.alert.key)?.state !== 'firing') next.firing += 1;
      setAlert(
        next,
        event.alert.key,
        { ...event.alert, state: 'firing', receivedAt: event.at, repeats: 0 },
        owned,
      );
      return;
    case 'AlertRepeated': {
      const alert = alertOf(next, event.key);
      if (alert !== undefined) setAlert(next, event.key, { ...alert, repeats: alert.repeats + 1 }, owned);
      return;
    }
    case 'AlertCleared': {
      const alert = alertOf(next, event.key);
      if (alert === undefined) return;
      if (alert.state === 'firing') next.firing -= 1;
      setAlert(next, event.key, { ...alert, state: 'resolved', resolvedAt: event.endedAt }, owned);
      return;
    }
    case 'SeverityChanged':
      next.severity = event.to;
      if (isWorse(event.to, next.worst)) next.worst = event.to;
      delete next.severityNote;
      if (isWorse(event.to, event.from)) raised(next, event.at);
      return;
    case 'IncidentReopened':
      next.status = 'open';
      next.reopened += 1;
      for (const gone of ['resolution', 'acknowledged', 'mitigated', 'updateAt'] as const) delete next[gone];
      for (const gone of ['mailOwedAt', 'mailedAt', 'told', 'impact'] as const) delete next[gone];
      // What was reviewed is not what happened any more; a final one stays as it is until an approver returns it.
      if (next.postmortem?.state === 'REVIEW') next.postmortem = asDraft(next.postmortem);
      // Its clocks and its checklist begin anew.
      next.clocks = {};
      next.checklist = {};
      next.pages = next.pages.map(({ afterwards: _gone, ...page }) => page);
      next.openSince = event.at;
      next.clocksFrom = event.at;
      next.silentFrom = event.at;
      if (mailsAtOnce(next.severity)) next.mailOwedAt = event.at;
      // Its runbook is gone through again.
      next.steps = {};
      next.branches = {};
      return;
    case 'IncidentAcknowledged':
      next.status = 'acknowledged';
      next.acknowledged = { by: event.by, at: event.at };
      next.pages = next.pages.map(({ anew: _answered, ...page }) => page);
      return;
    case 'IncidentResolved': {
      const { type: _type, ...resolution } = event;
      next.status = 'resolved';
      next.resolution = resolution;
      next.mailOwedAt = event.at;
      next.statements = stated(next.statements, { by: event.by, at: event.at, n: next.version }, event);
      if (event.category !== undefined) mark(next, 'root-cause', event, event.category);
      else carryCategory(next);
      // A page that did not leave by now must not leave later either, not even when the incident reopens: that one has its own.
      next.pages = next.pages.map((page) =>
        page.state === 'owed' || page.state === 'retrying'
          ? { ...page, state: 'superseded', reason: 'resolved before the page could leave' }
          : page,
      );
      return;
    }
    case 'PageOwed':
      next.pages = [
        ...next.pages,
        {
          n: event.n,
          severity: event.severity,
          why: event.why,
          owedAt: event.at,
          state: 'owed',
          assignedTo: [],
          ...(event.asked === true ? { askedBy: event.by.id } : {}),
          ...(event.clocks === undefined ? {} : { clocks: event.clocks }),
          ...(next.acknowledged === undefined ? {} : { anew: true }),
          ...(next.status === 'resolved' ? { afterwards: true } : {}),
        },
      ];
      return;
    case 'PageQueued':
      // PagerDuty may have said by webhook whose it is before its answer was read.
      return changePage(next, event.n, (page) => ({
        ...page,
        queuedAt: event.at,
        ...(page.state === 'owed' || page.state === 'retrying' ? { state: 'queued' } : {}),
      }));
    case 'PageAssigned':
      return patchPage(next, event.n, {
        state: event.acknowledgedBy === undefined ? 'assigned' : 'acknowledged',
        assignedTo: event.to,
        url: event.url,
        ...(event.acknowledgedBy === undefined ? {} : { acknowledgedBy: event.acknowledgedBy }),
        ...(event.pagerId === undefined ? {} : { pagerId: event.pagerId }),
      });
    case 'PageFailed':
      // An answer that was lost is no failure any more once PagerDuty has told of the page by itself.
      return changePage(next, event.n, (page) =>
        page.state === 'owed' || page.state === 'retrying'
          ? {
              ...page,
              state: event.gaveUp ? 'failed' : 'retrying',
              reason: event.reason,
              failingSince: page.failingSince ?? event.at,
            }
          : page,
      );
    case 'PageSuperseded':
      return patchPage(next, event.n, { state: 'superseded', reason: event.why });
    case 'PageClosed':
      return patchPage(next, event.n, { state: 'closed' });
    case 'Posted': {
      const { channel, ts, permalink, what } = event;
      next.posts = {
        ...next.posts,
        [what]: { channel, ts, at: event.at, ...(permalink === undefined ? {} : { permalink }) },
      };
      next.undelivered = without(next.undelivered, what);
      return;
    }
    case 'PostFailed':
      next.undelivered = { ...next.undelivered, [event.what]: event.reason };
      return;
    case 'MailFailed': {
      const { what, reason, at } = event;
      next.undelivered = { ...next.undelivered, [what]: reason };
      next.mail = { state: event.gaveUp ? 'failed' : 'retrying', at, to: [], refused: [], reason };
      return;
    }
    case 'MailSent': {
      // One mail stands for all that were owed before it.
      const others = Object.entries(next.undelivered).filter(([what]) => !what.startsWith('mail:'));
      next.undelivered = without(Object.fromEntries(others), event.what);
      next.mail = { state: 'accepted', at: event.at, to: event.to, refused: event.refused };
      if (event.to.length > 0) next.mailedAt ??= event.at;
      if (event.told !== undefined) next.told = event.told;
      return;
    }
    case 'MailOwed':
      next.mailOwedAt = event.at;
      return event.what === 'update' ? updated(next, event.at) : undefined;
    case 'StepMarked':
      next.steps = {
        ...next.steps,
        [event.step]: {
          step: event.step,
          mark: event.mark,
          by: event.by,
          at: event.at,
          ...(event.why === undefined ? {} : { why: event.why }),
        },
      };
      return;
    case 'MessageLogged':
      if (event.fromBot === undefined) updated(next, event.at);
      next.messages = own(next.messages, owned);
      next.messages[event.ts] = { user: event.user, text: event.text, edited: false, deleted: false };
      return;
    case 'MessageEdited':
    case 'MessageDeleted': {
      const message = next.messages[event.ts];
      if (message === undefined) return;
      const change = event.type === 'MessageEdited' ? { text: event.text, edited: true } : { deleted: true };
      next.messages = { ...next.messages, [event.ts]: { ...message, ...change } };
      return;
    }
    case 'MessageMarked':
    case 'MessageUnmarked':
    case 'MessagePinned':
    case 'MessageUnpinned':
      Object.assign(next, evolveMark(next, event));
      return;
    case 'IssueFiled':
    case 'IssueFailed':
    case 'IssueTriedAgain':
    case 'IssueStateSeen':
    case 'IssueCommented':
    case 'ActionItemReminded':
      Object.assign(next, evolveTracker(next, event));
      return;
    case 'PostmortemDrafted':
    case 'PostmortemReturned':
      Object.assign(next, evolvePostmortem(next, event, next.version));
      if (next.postmortem?.state === 'DRAFT') next.checklist = without(next.checklist, 'postmortem');
      return;
    case 'PostmortemEdited':
      Object.assign(next, evolvePostmortem(next, event, next.version));
      if (event.field === 'category') return carryCategory(next);
      if (event.field === 'rootCause' && next.resolution !== undefined)
        next.resolution = { ...next.resolution, rootCause: event.text };
      return;
    case 'PostmortemReviewed':
    case 'PostmortemFinalised':
      Object.assign(next, evolvePostmortem(next, event, next.version));
      return settleReview(next, event);
    case 'PostmortemAsked':
    case 'PostmortemRevised':
    case 'PostmortemShared':
    case 'PostmortemReminded':
    case 'PostmortemLastMinutes':
      Object.assign(next, evolvePostmortem(next, event, next.version));
      return;
    case 'BudgetNoted':
      next.budget = { n: next.version, at: event.at, readings: event.readings };
      return;
    case 'StepChecked': {
      const { step, check, state, text, at } = event;
      next.checks = {
        ...next.checks,
        [step]: { ...next.checks[step], [check]: { check, state, text, at } },
      };
      return;
    }
    case 'StepBranched': {
      const { step, applies, text, at } = event;
      const before = next.branches[step]?.since ?? null;
      const since = applies === false ? null : applies === null ? before : (before ?? at);
      next.branches = { ...next.branches, [step]: { applies, text, at, since } };
      return;
    }
    case 'StepActed': {
      const { step, did, how, ok, text, at } = event;
      next.acts = { ...next.acts, [step]: { did, how, ok, text, at } };
      return;
    }
    case 'FeedGapBegan': {
      const { feed, symbol, from } = event;
      // Another gap asks for its own decisions: what was ticked for the last one answers nothing now.
      if (next.gaps.length > 0) next.steps = {};
      next.gaps = [...next.gaps, { feed, symbol, from, to: null }];
      return;
    }
    case 'FeedGapEnded':
      next.gaps = next.gaps.map((gap) =>
        gap.feed === event.feed && gap.symbol === event.symbol && gap.from === event.from
          ? { ...gap, to: event.to }
          : gap,
      );
      return;
    case 'ClockMet':
    case 'ClockMissed': {
      const { clock, dueAt, at, doneAt } = event;
      const state = event.type === 'ClockMet' ? 'met' : 'missed';
      const record = { clock, state, dueAt, at, ...(doneAt === undefined ? {} : { doneAt }) } as const;
      next.clocks = { ...next.clocks, [clock]: record };
      return;
    }
    case 'ChecklistMarked':
      return mark(next, event.item, event, event.text);
    case 'RootCauseNamed': {
      const { category, text } = event;
      const given = { category, ...(text === undefined ? {} : { rootCause: text }) };
      next.statements = stated(next.statements, { by: event.by, at: event.at, n: next.version }, given);
      mark(next, 'root-cause', event, category);
      if (next.resolution !== undefined)
        next.resolution = {
          ...next.resolution,
          category,
          ...(text === undefined ? {} : { rootCause: text }),
        };
      return settleReview(next, event);
    }
    case 'ImpactNoted': {
      const { dayPnl, currency, source, why, open, at } = event;
      const reading = { dayPnl, currency, source, why, ...(open === undefined ? {} : { open }), at };
      next.impact = { first: next.impact?.first ?? reading, last: reading };
      return;
    }
    case 'TrailKept':
    case 'TrailMissing':
    case 'MoneyMeasured':
    case 'PictureDrawn':
    case 'PictureFailed':
    case 'PictureUploaded':
    case 'PictureUploadFailed':
      return;
    case 'UpdateReminded':
      next.silentFrom = event.at;
      return;
    case 'CommanderAssigned':
      next.commander = { who: event.who, by: event.by, at: event.at };
      return;
    case 'IncidentMitigated':
      next.mitigated = { by: event.by, at: event.at, text: event.text };
      return;
    case 'ActionItemAdded': {
      const { type: _type, ...item } = event;
      next.actionItems = [...next.actionItems, item];
      return mark(next, 'action-items', event, event.id);
    }
    case 'PagerSaid':
      return changePage(next, event.n, (page) => hear(page, event));
    case 'SummonOwed':
    case 'SummonSent':
    case 'SummonFailed':
      return changePage(next, event.n, (page) => evolveSummons(page, event));
    case 'CommandAsked':
      next.unfinished = { ...next.unfinished, [event.run]: 'command' };
      next.commands = { ...next.commands, [event.command]: { run: event.run, by: event.by, at: event.at } };
      return;
    case 'CommandFinished': {
      next.unfinished = without(next.unfinished, event.run);
      const { command, run, exitCode, reason, ms, at } = event;
      const known = next.commands[command];
      if (known?.run === run)
        next.commands = { ...next.commands, [command]: { ...known, ended: { at, exitCode, reason, ms } } };
      return;
    }
    case 'IncidentReviewed':
      next.review = { by: event.by, at: event.at, text: event.text };
      return updated(next, event.at);
    case 'IncidentAdjusted': {
      const { type: _type, ...adjusted } = event;
      next.adjusted = adjusted;
      return;
    }
    case 'DrillFinished': {
      const { type: _type, at, by: _by, ...result } = event;
      next.drillResult = { result, at };
      return;
    }
    case 'DrillNoted':
    case 'DrillPlanned':
    case 'DrillMissed':
    case 'DrillMissedSaid':
    case 'ResolutionNoted':
    case 'RequestTaken':
    case 'TimeExcluded':
    case 'MembersSeen':
    case 'MaintenanceSeen':
    case 'FileSetAside':
    case 'ReadinessProved':
    case 'RotaRead':
    case 'RotaUnread':
    case 'TestPageAsked':
    case 'TestPageQueued':
    case 'TestPageFailed':
    case 'TestPageAcknowledged':
    case 'TestPageClosed':
    case 'RunbooksSeen':
    case 'RunbooksRead':
    case 'ReadinessReminderSet':
    case 'ReadinessReminded':
    case 'ReadinessRestated':
      return; // stand in the desk's log only
    case 'CommandRefused':
      return; // nothing was done: the log keeps it
    case 'RecoveryChecked':
      next.recovery = {
        passed: event.passed,
        reason: event.reason,
        at: event.at,
        by: event.by,
        n: next.version,
      };
      next.checklist = without(next.checklist, 'recovery-check');
      // One that began before the resolution proves nothing of it.
      if (event.passed && event.at - event.ms >= (next.resolution?.at ?? Number.POSITIVE_INFINITY))
        mark(next, 'recovery-check', event, event.reason);
      return;
    case 'ResumeAsked':
    case 'ResumeApproved':
    case 'ResumeRefused': {
      const resume = evolveResume(next.resume, event);
      if (resume !== undefined) next.resume = resume;
      return;
    }
    case 'NoteAdded':
      return updated(next, event.at);
    case 'HoldPlaced':
    case 'HoldLifted':
    case 'ControlWritten':
    case 'ControlFailed':
    case 'LatchAdopted':
      return; // the log keeps them; trading.ts folds the holds
    case 'LatchLifted': {
      const kill = event.kill === null ? undefined : next.kills[event.kill];
      if (kill !== undefined)
        next.kills = { ...next.kills, [kill.id]: { ...kill, over: 'the latch was lifted' } };
      return;
    }
    case 'CancelAsked':
      next.unfinished = { ...next.unfinished, [event.cancel]: 'cancel' };
      return;
    case 'FlattenAsked':
      next.unfinished = { ...next.unfinished, [event.flatten]: 'flatten' };
      return;
    case 'CancelFinished':
      next.unfinished = without(next.unfinished, event.cancel);
      return;
    case 'FlattenFinished':
      next.unfinished = without(next.unfinished, event.flatten);
      return;
    case 'KillAsked':
    case 'KillJoined':
    case 'KillLatched':
    case 'EngineConfirmed':
    case 'VenueCancelled':
    case 'VenueJudged':
    case 'KillJudged':
    case 'KillSuperseded':
    case 'ResidualAccepted': {
      const kill = evolveKill(next.kills[event.kill], event);
      if (kill !== undefined) next.kills = { ...next.kills, [event.kill]: kill };
      if (event.type === 'KillJudged') next.mailOwedAt = event.at;
      return;
    }
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}

/** A P0 tells the stakeholders at once (the playbook's check holds it to that); the others by their clock. */
export const mailsAtOnce = (severity: Severity): boolean => severity === 'P0';

/** From a raise on the clocks of the new severity run; what was missed before it stays in the log. */
function raised(incident: Incident, at: number): void {
  incident.clocksFrom = at;
  incident.silentFrom = at;
  incident.clocks = without(incident.clocks, 'stakeholder-mail');
  // Whoever acknowledged it works on it, whatever it is called by now.
  if (incident.clocks['acknowledge']?.state === 'missed')
    incident.clocks = without(incident.clocks, 'acknowledge');
  delete incident.mailedAt;
  delete incident.mailOwedAt;
  if (mailsAtOnce(incident.severity)) incident.mailOwedAt = at;
}

function updated(incident: Incident, at: number): void {
  incident.updateAt = at;
  incident.silentFrom = at;
}

function mark(incident: Incident, item: string, said: Said, text: string | undefined): void {
  const given = { by: said.by, at: said.at, ...(text === undefined ? {} : { text }) };
  incident.checklist = { ...incident.checklist, [item]: given };
}

/** A category that was edited in since it is open is the resolution's own; taken back, the root cause has none. */
function carryCategory(incident: Incident): void {
  const { category: given } = incident.statements;
  if (incident.resolution === undefined || given === undefined || given.at < incident.openSince) return;
  const { category: _before, ...resolution } = incident.resolution;
  if (!isCategory(given.text)) {
    incident.resolution = resolution;
    incident.checklist = without(without(incident.checklist, 'root-cause'), 'postmortem');
    return;
  }
  incident.resolution = { ...resolution, category: given.text };
  mark(incident, 'root-cause', given, given.text);
  settleReview(incident, given);
}

/** In review since the resolution, and with a root-cause category: only that is what the playbook asks for. */
function settleReview(incident: Incident, { at }: Pick<Said, 'at'>): void {
  const { postmortem, resolution, checklist } = incident;
  const put = postmortem?.review ?? postmortem?.final;
  if (postmortem === undefined || put === undefined || checklist['postmortem'] !== undefined) return;
  if (resolution?.category === undefined || put.at < resolution.at) return;
  mark(incident, 'postmortem', { by: put.by, at }, postmortem.id);
}

/** The alert with this key, which a source chose: `toString` is a key like any other. */
export const alertOf = (incident: Incident, key: string): AlertState | undefined =>
  Object.hasOwn(incident.alerts, key) ? incident.alerts[key] : undefined;

function setAlert(incident: Incident, key: string, alert: AlertState, owned: Set<object>): void {
  incident.alerts = own(incident.alerts, owned);
  // A source chose the key: as a plain assignment `__proto__` would set no key at all.
  Object.defineProperty(incident.alerts, key, {
    value: alert,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

const patchPage = (incident: Incident, n: number, change: Partial<Page>): void =>
  changePage(incident, n, (page) => ({ ...page, ...change }));

function changePage(incident: Incident, n: number, change: (page: Page) => Page): void {
  incident.pages = incident.pages.map((page) => (page.n === n ? change(page) : page));
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _gone, ...rest } = record;
  return rest;
}
