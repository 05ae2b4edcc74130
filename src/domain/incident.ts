/** What an incident is, and how its log of events folds into it. Pure. */

import type { KillEvent, KillState } from './kill.ts';
import { evolveKill } from './kill.ts';
import type { FlattenEvent, OrdersEvent } from './orders.ts';
import type { ResumeEvent, ResumeState } from './resume.ts';
import { evolveResume } from './resume.ts';
import type { Deed } from './runbook/vocabulary.ts';
import type { HoldEvent } from './trading.ts';

export const SEVERITIES = ['P0', 'P1', 'P2', 'P3'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** True when `a` is more urgent than `b`. */
export const isWorse = (a: Severity, b: Severity): boolean => SEVERITIES.indexOf(a) < SEVERITIES.indexOf(b);

/** Who did something, and from where. `id` is the far side's own id (a Slack user, a token's actor name, a source). */
export interface Actor {
  via: 'slack' | 'http' | 'cli' | 'alert' | 'pagerduty' | 'standdown';
  id: string;
  name: string;
}

export const STANDDOWN: Actor = { via: 'standdown', id: 'standdown', name: 'Standdown' };

/** One signal. Its identity while it is open is `key`, the source's own fingerprint; prose never identifies it. */
export interface Alert {
  source: string;
  groupKey: string;
  key: string;
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
}

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

/** One of the playbook's clocks, once it is over: `at` is when it was met, or when it was found to be missed. */
export interface ClockRecord {
  clock: string;
  state: 'met' | 'missed';
  dueAt: number;
  at: number;
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

export type IncidentStatus = 'open' | 'acknowledged' | 'resolved';

export interface Resolution {
  by: Actor;
  at: number;
  how: 'person' | 'alertsCleared';
  summary?: string;
  rootCause?: string;
  category?: RootCauseCategory;
}

export const ROOT_CAUSE_CATEGORIES = ['system', 'data', 'strategy', 'operator'] as const;
export type RootCauseCategory = (typeof ROOT_CAUSE_CATEGORIES)[number];

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
  openedAt: number;
  openedBy: Actor;
  status: IncidentStatus;
  acknowledged?: { by: Actor; at: number };
  resolution?: Resolution;
  reopened: number;
  alerts: Record<string, AlertState>;
  pages: Page[];
  /** Slack's time stamps of what was posted, by what it is: 'headline', 'runbook', 'receipt:<kill>', 'postmortem:<n>'. */
  posts: Record<string, { channel: string; ts: string; permalink?: string }>;
  /** What could not be posted or mailed, and why, by what it is. */
  undelivered: Record<string, string>;
  kills: Record<string, KillState>;
  /** Slack messages of people in the thread, by their time stamp. */
  messages: Record<string, { user: string; text: string; edited: boolean; deleted: boolean }>;
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
  /** When an update was last given by a person or reminded of, ms since the epoch. */
  updateAt?: number;
  /** Cancels and flattens that were asked for and have no result yet: a restart settles them. */
  unfinished: Record<string, 'cancel' | 'flatten' | 'command'>;
  postmortem?: { id: string; file: string; at: number; reviewedBy?: Actor };
  /** The newest run of the recovery check. */
  recovery?: { passed: boolean; reason: string; at: number; by: Actor };
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
      }
    | { type: 'AlertFired'; alert: Alert }
    | { type: 'AlertRepeated'; key: string }
    | { type: 'AlertCleared'; key: string; endedAt: number }
    | { type: 'SeverityChanged'; from: Severity; to: Severity; why: string }
    | { type: 'IncidentReopened'; why: string }
    | { type: 'IncidentAcknowledged' }
    | ({ type: 'IncidentResolved' } & Omit<Resolution, 'by' | 'at'>)
    | { type: 'PageOwed'; n: number; severity: Severity; why: string }
    | { type: 'PageQueued'; n: number; dedupKey: string }
    | { type: 'PageAssigned'; n: number; to: string[]; url: string; acknowledgedBy?: string }
    | { type: 'PageFailed'; n: number; reason: string; gaveUp: boolean }
    | { type: 'PageSuperseded'; n: number; why: string }
    | { type: 'PageClosed'; n: number }
    | { type: 'Posted'; what: string; channel: string; ts: string; permalink?: string }
    | { type: 'PostFailed'; what: string; reason: string; gaveUp: boolean }
    | { type: 'MailSent'; what: string; to: string[]; refused: { address: string; reason: string }[] }
    | { type: 'MailFailed'; what: string; reason: string; gaveUp: boolean }
    | { type: 'StepMarked'; step: string; mark: StepMark['mark']; why?: string }
    | { type: 'MessageLogged'; ts: string; user: string; text: string }
    | { type: 'MessageEdited'; ts: string; text: string }
    | { type: 'MessageDeleted'; ts: string }
    | { type: 'NoteAdded'; text: string }
    | { type: 'PostmortemDrafted'; id: string; file: string }
    | ({ type: 'StepChecked'; step: string } & Omit<StepCheck, 'at'>)
    | ({ type: 'StepBranched'; step: string } & Omit<StepBranch, 'at' | 'since'>)
    | ({ type: 'StepActed'; step: string } & Omit<StepAct, 'at'>)
    | { type: 'FeedGapBegan'; feed: string; symbol: string; from: number }
    | { type: 'FeedGapEnded'; feed: string; symbol: string; from: number; to: number }
    | { type: 'ClockMet'; clock: string; dueAt: number }
    | { type: 'ClockMissed'; clock: string; dueAt: number }
    /** Nobody said anything for as long as the playbook lets an incident be silent. */
    | { type: 'UpdateReminded'; sinceMs: number }
    /** `handover`: what the one before told the next one. */
    | { type: 'CommanderAssigned'; who: Actor; handover?: string }
    | { type: 'IncidentMitigated'; text: string }
    | ({ type: 'ActionItemAdded' } & Omit<ActionItem, 'by' | 'at'>)
    /** `to`: whose page it is now, where PagerDuty says. `text`: what was written there. */
    | { type: 'PagerSaid'; n: number; what: PagerWord; to: string[]; text?: string }
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
  /** The members of a user group or schedule, as last read: for when Slack or PagerDuty cannot be asked. */
  | { type: 'MembersSeen'; name: string; members: string[] };

/** Everything that can stand in a log. */
export type StandingEvent =
  | IncidentEvent
  | (Said & (DeskEvent | ResumeEvent | KillEvent | HoldEvent | OrdersEvent | FlattenEvent));

/**
 * Fold one event into an incident. Total: an event that does not fit the state (a page step that is not there) changes
 * nothing but the version, so that a log written by an older version still loads.
 */
export function evolve(incident: Incident | undefined, event: StandingEvent): Incident {
  if (event.type === 'IncidentOpened') {
    return {
      id: event.id,
      version: (incident?.version ?? 0) + 1,
      title: event.title,
      severity: event.severity,
      ...(event.severityNote === undefined ? {} : { severityNote: event.severityNote }),
      origin: event.origin,
      ...(event.source === undefined ? {} : { source: event.source }),
      ...(event.groupKey === undefined ? {} : { groupKey: event.groupKey }),
      runbook: event.runbook,
      drill: event.drill,
      openedAt: event.at,
      openedBy: event.by,
      status: 'open',
      reopened: 0,
      alerts: {},
      pages: [],
      posts: {},
      undelivered: {},
      kills: {},
      messages: {},
      steps: {},
      checks: {},
      branches: {},
      acts: {},
      gaps: [],
      commands: {},
      clocks: {},
      actionItems: [],
      unfinished: {},
    };
  }
  if (incident === undefined)
    throw new Error(`an incident's log starts with ${event.type}, not IncidentOpened`);
  const next = { ...incident, version: incident.version + 1 };
  fold(next, event);
  return next;
}

function fold(next: Incident, event: Exclude<StandingEvent, { type: 'IncidentOpened' }>): void {
  switch (event.type) {
    case 'AlertFired':
      next.alerts = {
        ...next.alerts,
        [event.alert.key]: { ...event.alert, state: 'firing', receivedAt: event.at, repeats: 0 },
      };
      return;
    case 'AlertRepeated':
      return patchAlert(next, event.key, (alert) => ({ ...alert, repeats: alert.repeats + 1 }));
    case 'AlertCleared':
      return patchAlert(next, event.key, (alert) => ({
        ...alert,
        state: 'resolved',
        resolvedAt: event.endedAt,
      }));
    case 'SeverityChanged':
      next.severity = event.to;
      delete next.severityNote;
      return;
    case 'IncidentReopened':
      next.status = 'open';
      next.reopened += 1;
      delete next.resolution;
      delete next.acknowledged;
      delete next.mitigated;
      // Its clocks run anew, and its runbook is gone through again.
      next.clocks = {};
      next.steps = {};
      next.branches = {};
      return;
    case 'IncidentAcknowledged':
      next.status = 'acknowledged';
      next.acknowledged = { by: event.by, at: event.at };
      return;
    case 'IncidentResolved': {
      const { type: _type, ...resolution } = event;
      next.status = 'resolved';
      next.resolution = resolution;
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
        },
      ];
      return;
    case 'PageQueued':
      return patchPage(next, event.n, { state: 'queued', queuedAt: event.at });
    case 'PageAssigned':
      return patchPage(next, event.n, {
        state: event.acknowledgedBy === undefined ? 'assigned' : 'acknowledged',
        assignedTo: event.to,
        url: event.url,
        ...(event.acknowledgedBy === undefined ? {} : { acknowledgedBy: event.acknowledgedBy }),
      });
    case 'PageFailed':
      return patchPage(next, event.n, { state: event.gaveUp ? 'failed' : 'retrying', reason: event.reason });
    case 'PageSuperseded':
      return patchPage(next, event.n, { state: 'superseded', reason: event.why });
    case 'PageClosed':
      return patchPage(next, event.n, { state: 'closed' });
    case 'Posted': {
      const { channel, ts, permalink, what } = event;
      next.posts = {
        ...next.posts,
        [what]: { channel, ts, ...(permalink === undefined ? {} : { permalink }) },
      };
      next.undelivered = without(next.undelivered, what);
      return;
    }
    case 'PostFailed':
    case 'MailFailed':
      next.undelivered = { ...next.undelivered, [event.what]: event.reason };
      return;
    case 'MailSent':
      next.undelivered = without(next.undelivered, event.what);
      return;
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
      next.updateAt = event.at;
      next.messages = {
        ...next.messages,
        [event.ts]: { user: event.user, text: event.text, edited: false, deleted: false },
      };
      return;
    case 'MessageEdited':
    case 'MessageDeleted': {
      const message = next.messages[event.ts];
      if (message === undefined) return;
      const change = event.type === 'MessageEdited' ? { text: event.text, edited: true } : { deleted: true };
      next.messages = { ...next.messages, [event.ts]: { ...message, ...change } };
      return;
    }
    case 'PostmortemDrafted':
      next.postmortem = { id: event.id, file: event.file, at: event.at };
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
      const { clock, dueAt, at } = event;
      const state = event.type === 'ClockMet' ? 'met' : 'missed';
      next.clocks = { ...next.clocks, [clock]: { clock, state, dueAt, at } };
      return;
    }
    case 'UpdateReminded':
      next.updateAt = event.at;
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
      return;
    }
    case 'PagerSaid':
      if (event.to.length > 0) patchPage(next, event.n, { assignedTo: event.to });
      return;
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
    case 'ResolutionNoted':
    case 'RequestTaken':
    case 'MembersSeen':
      return; // stand in the desk's log only
    case 'PostmortemReviewed':
      if (next.postmortem?.id === event.id) next.postmortem = { ...next.postmortem, reviewedBy: event.by };
      return;
    case 'RecoveryChecked':
      next.recovery = { passed: event.passed, reason: event.reason, at: event.at, by: event.by };
      return;
    case 'ResumeAsked':
    case 'ResumeApproved':
    case 'ResumeRefused': {
      const resume = evolveResume(next.resume, event);
      if (resume !== undefined) next.resume = resume;
      return;
    }
    case 'NoteAdded':
      next.updateAt = event.at;
      return;
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
      return;
    }
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}

/** The alert with this key, which a source chose: `toString` is a key like any other. */
export const alertOf = (incident: Incident, key: string): AlertState | undefined =>
  Object.hasOwn(incident.alerts, key) ? incident.alerts[key] : undefined;

function patchAlert(incident: Incident, key: string, change: (alert: AlertState) => AlertState): void {
  const alert = alertOf(incident, key);
  if (alert !== undefined) incident.alerts = { ...incident.alerts, [key]: change(alert) };
}

function patchPage(incident: Incident, n: number, change: Partial<Page>): void {
  incident.pages = incident.pages.map((page) => (page.n === n ? { ...page, ...change } : page));
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _gone, ...rest } = record;
  return rest;
}
