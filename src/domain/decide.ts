/** Commands, and what each of them makes happen. Pure: `decide` returns events or throws a Refusal. */

import { haltedBand } from './budget/raise.ts';
import { owedAfter } from './clocks.ts';
import { type DrillCommand, decideDrill, refusedInDrill } from './drill/gameDay.ts';
import {
  type Actor,
  type Adjustment,
  type Alert,
  alertOf,
  BUDGET_GROUP,
  evolve,
  groupOf,
  type Incident,
  type IncidentEvent,
  isWorse,
  KILL_GROUP,
  type MailWhat,
  type MessageSource,
  OWN_SOURCE,
  type PagerSaid,
  type RootCauseCategory,
  type Severity,
  type SharedFile,
  type StandingEvent,
  startFold,
} from './incident.ts';
import {
  isRunning,
  type KillEvent,
  type KillState,
  type KillTimings,
  outgrewAcceptance,
  type TripEvidence,
  type Verdict,
} from './kill.ts';
import { decideMark, type MarkCommand } from './marks.ts';
import type { CancelResult, CancelScope, CloseResult } from './orders.ts';
import { asksForSomebody, hearPager, summon } from './paging.ts';
import type { Playbook } from './playbook.ts';
import { decidePostmortem, type PostmortemCommand } from './postmortem/life.ts';
import { lacksOf, lackWords } from './postmortem/missing.ts';
import type { ReadinessEvent } from './readiness/events.ts';
import { approval, type GateRules, missingToAsk } from './resume.ts';
import { decideTracker, type TrackerCommand } from './tracker.ts';
import type { Hold, HoldKey, Latch } from './trading.ts';
import type { TrailEvent } from './trail/record.ts';

/** "No, and why": in words for the person who asked, with a stable code for programs. */
export class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type MessageBefore = Pick<Extract<NewEvent, { type: 'MessageLogged' }>, 'text' | 'files' | 'fromBot'>;

export type Command = { by: Actor } & (
  | {
      type: 'TakeFiring';
      /** The id to open under when there is no incident yet. */
      incident: string;
      alert: Alert;
      runbook: string | null;
      /** Set when the resolution of this very firing arrived before it. */
      clearedAt?: number;
      drill: boolean;
      /** Set when it is held with alerts of other groups: what that incident is called, and its own group. */
      storm?: { source: string; groupKey: string; title: string };
    }
  | { type: 'TakeClearing'; alert: Alert; endedAt: number }
  | {
      type: 'DeclareIncident';
      incident: string;
      title: string;
      severity: Severity;
      runbook: string | null;
      drill: boolean;
      /** The message that it was declared from. */
      message?: { text: string; from: MessageSource };
    }
  | {
      type: 'AskKill';
      incident: string;
      kill: string;
      reason: string;
      venues: string[];
      drill: boolean;
      /** A hard stop asks: what it tripped on. */
      evidence?: TripEvidence;
    }
  | { type: 'JoinKill'; kill: string; reason: string; evidence?: TripEvidence }
  | {
      type: 'ReportKill';
      event: Exclude<KillEvent, { type: 'KillAsked' | 'KillJoined' | 'KillJudged' | 'ResidualAccepted' }>;
    }
  | { type: 'JudgeKill'; kill: string; verdict: Verdict; timings: KillTimings }
  | { type: 'AcceptResidual'; kill: string; reason: string }
  | { type: 'SupersedeKill'; kill: string; incident: string; newer: string }
  | { type: 'AdoptLatch'; reason: string }
  /** Page once more; `n` is the step that was due, so that two ticks make one page. */
  | { type: 'PageAgain'; n: number; why: string }
  | { type: 'PlaceHold'; hold: string; key: HoldKey; reason: string; owner: Hold['owner'] }
  | { type: 'LiftHold'; hold: string; key: HoldKey; reason: string }
  | { type: 'AskCancel'; cancel: string; scope: CancelScope; reason: string }
  | { type: 'FinishCancel'; cancel: string; results: CancelResult[]; ms: number }
  | {
      type: 'AskFlatten';
      flatten: string;
      kill?: string;
      positions: { venue: string; symbol: string; side: 'long' | 'short'; amount: number }[];
    }
  | { type: 'FinishFlatten'; flatten: string; results: CloseResult[]; verdict: Verdict; ms: number }
  | PostmortemCommand
  | {
      type: 'RecordRecovery';
      passed: boolean;
      exitCode: number | null;
      reason: string;
      output: string;
      ms: number;
    }
  | {
      type: 'AskResume';
      resume: string;
      latch: Latch | null;
      reason: string;
      criteria: string[];
      startingValue: string;
      rules: GateRules;
    }
  | { type: 'ApproveResume'; resume: string; latch: Latch | null; rules: GateRules }
  | { type: 'RefuseResume'; resume: string; reason: string }
  | { type: 'LiftLatch'; kill: string | null; how: 'approved' | 'breakGlass'; reason: string }
  | { type: 'AcknowledgeIncident' }
  | { type: 'ChangeSeverity'; to: Severity; why: string }
  /** `ifNobody`: taking command is refused when somebody has it; handing over is not. */
  | { type: 'AssignCommander'; who: Actor; handover?: string; ifNobody?: true }
  | { type: 'MitigateIncident'; text: string }
  | { type: 'ReviewIncident'; text: string }
  | ({ type: 'AdjustIncident' } & Adjustment)
  | { type: 'ExcludeTime'; exclusion: string; from: number; to: number; name: string; slo: string | null }
  | { type: 'ReopenIncident'; why: string }
  | {
      type: 'AddActionItem';
      text: string;
      owner?: string;
      priority?: string;
      due?: string;
    }
  /**
   * Clocks are over. Those that were missed and are not done page the next step, once for all of them, with the severity
   * `page` (null: nobody is paged). A clock is recorded once a due time.
   */
  | { type: 'RecordClocks'; clocks: OverClock[]; page: Severity | null; why: string }
  /** No update came since `last`, ms since the epoch: a reminder of it is given once. */
  | { type: 'RemindUpdate'; last: number }
  /** Mail the stakeholders: the clock says so, or (`update`) a person. */
  | { type: 'OweMail'; what: MailWhat; why: string }
  | { type: 'MarkChecklist'; item: string; text?: string }
  | { type: 'NameRootCause'; category: RootCauseCategory; text?: string }
  /** PagerDuty said what became of page `n`; `by` is who did it there. */
  | ({ type: 'HearPager' } & Omit<PagerSaid, 'type'>)
  /** The time in which PagerDuty should have said who has page `n` is over: the next ways are tried. */
  | { type: 'Summon'; n: number; why: string }
  /** Somebody, with a role or without, pressed "Page on-call". */
  | { type: 'AskPage' }
  | { type: 'AskCommand'; command: string; run: string }
  | { type: 'ResolveIncident'; summary: string; rootCause?: string; category?: RootCauseCategory }
  | { type: 'MarkStep'; step: string; mark: 'done' | 'skipped'; why?: string }
  | {
      type: 'LogMessage';
      ts: string;
      user: string;
      text: string;
      fromBot?: true;
      files?: SharedFile[];
    }
  /** `was`: the message before, where Slack says so; `by` is who wrote it. */
  | { type: 'EditMessage'; ts: string; text: string; was?: MessageBefore }
  | { type: 'DeleteMessage'; ts: string; was?: MessageBefore }
  | MarkCommand
  | DrillCommand
  | TrackerCommand
  | { type: 'AddNote'; text: string }
  /** What an executor or the outbox found out. No rule of ours can refuse a fact. */
  | { type: 'Note'; event: FactEvent }
);

/** Facts from outside: they are recorded as they are. */
export type FactEvent =
  Extract<
    IncidentEvent | StandingEvent,
    {
      type:
        | 'PageQueued'
        | 'PageAssigned'
        | 'PageFailed'
        | 'PageSuperseded'
        | 'PageClosed'
        | 'Posted'
        | 'PostFailed'
        | 'MailSent'
        | 'MailFailed'
        | 'PostmortemDrafted'
        | 'PostmortemRevised'
        | 'PostmortemShared'
        | 'BudgetNoted'
        | 'ControlWritten'
        | 'ControlFailed'
        | 'StepChecked'
        | 'StepBranched'
        | 'StepActed'
        | 'FeedGapBegan'
        | 'FeedGapEnded'
        | 'ImpactNoted'
        | 'CommandFinished'
        | 'SummonSent'
        | 'SummonFailed'
        | 'IssueFiled'
        | 'IssueFailed'
        | 'IssueCommented'
        | 'CommandRefused'
        | 'MaintenanceSeen'
        | 'FileSetAside'
        | ReadinessEvent['type']
        | TrailEvent['type'];
    }
  > extends infer E
    ? E extends { at: number; by: Actor }
      ? Omit<E, 'at' | 'by'>
      : never
    : never;

/** A clock that is over, with when it was done where it was. ms since the epoch. */
export interface OverClock {
  clock: string;
  state: 'met' | 'missed';
  dueAt: number;
  doneAt?: number;
}

type Unsigned<E> = E extends { at: number; by: Actor } ? Omit<E, 'at' | 'by'> : never;
type NewEvent = Unsigned<StandingEvent>;

/**
 * What a command makes happen to an incident (undefined: there is none yet). `now` is ms since the epoch.
 * Throws Refusal; an empty array means that there is nothing new to record.
 */
export function decide(
  command: Command,
  incident: Incident | undefined,
  now: number,
  playbook: Playbook,
): StandingEvent[] {
  return decided(command, incident, now, playbook).map((event) => ({ ...event, at: now, by: command.by }));
}

/** Several commands in turn, each on what the ones before it made. Throws the first Refusal: then none of them counts. */
export function decideAll(
  commands: Command[],
  incident: Incident | undefined,
  now: number,
  playbook: Playbook,
): StandingEvent[] {
  const fold = startFold(incident);
  const events: StandingEvent[] = [];
  for (const [index, command] of commands.entries()) {
    const made = decide(command, fold.now(), now, playbook);
    events.push(...made);
    if (index < commands.length - 1) for (const event of made) fold.add(event);
  }
  return events;
}

function decided(
  command: Command,
  incident: Incident | undefined,
  now: number,
  playbook: Playbook,
): NewEvent[] {
  const no = refusedInDrill(command, incident);
  if (no !== null) throw new Refusal('is_a_drill', no);
  switch (command.type) {
    case 'StartDrill':
    case 'FinishDrill':
    case 'NoteDrill':
      return decideDrill(command, incident);
    case 'TakeFiring':
      return takeFiring(command, incident, now, playbook);
    case 'DeclareIncident':
      return [
        {
          type: 'IncidentOpened',
          id: command.incident,
          title: command.title,
          severity: command.severity,
          origin: 'person',
          runbook: command.runbook,
          drill: command.drill,
        },
        ...(command.message === undefined ? [] : [{ type: 'NoteAdded' as const, ...command.message }]),
        ...firstPage(command.severity, 'declared', playbook),
      ];
    case 'AskKill':
      return askKill(command, incident, playbook);
    // On the desk's own log there is no incident: holds and cancels stand there alone.
    case 'PlaceHold':
      return [
        {
          type: 'HoldPlaced',
          hold: command.hold,
          key: command.key,
          reason: command.reason,
          owner: command.owner,
        },
      ];
    case 'LiftHold':
      return [{ type: 'HoldLifted', hold: command.hold, key: command.key, reason: command.reason }];
    case 'AskCancel':
      return [{ type: 'CancelAsked', cancel: command.cancel, scope: command.scope, reason: command.reason }];
    case 'FinishCancel':
      return [{ type: 'CancelFinished', cancel: command.cancel, results: command.results, ms: command.ms }];
    case 'ExcludeTime': {
      const { exclusion, from, to, name, slo } = command;
      mustHavePassed(from, to, now);
      return [{ type: 'TimeExcluded', exclusion, from, to, name, slo }];
    }
    case 'Note':
      return [command.event];
    default:
      return onIncident(command, mustBe(incident), now, playbook);
  }
}

type OnIncident = Exclude<
  Command,
  {
    type:
      | 'TakeFiring'
      | 'DeclareIncident'
      | 'AskKill'
      | 'PlaceHold'
      | 'LiftHold'
      | 'AskCancel'
      | 'FinishCancel'
      | 'ExcludeTime'
      | DrillCommand['type']
      | 'Note';
  }
>;

function onIncident(command: OnIncident, incident: Incident, now: number, playbook: Playbook): NewEvent[] {
  switch (command.type) {
    case 'TakeClearing':
      return takeClearing(command, incident, now, playbook);
    case 'JoinKill':
      mustHaveKill(incident, command.kill);
      return [
        {
          type: 'KillJoined',
          kill: command.kill,
          reason: command.reason,
          ...(command.evidence === undefined ? {} : { evidence: command.evidence }),
        },
      ];
    case 'ReportKill':
      return [command.event];
    case 'JudgeKill':
      return judgeKill(command, incident);
    case 'SupersedeKill':
      return incident.kills[command.kill]?.over === null
        ? [{ type: 'KillSuperseded', kill: command.kill, incident: command.incident, newer: command.newer }]
        : [];
    case 'AdoptLatch':
      return [{ type: 'LatchAdopted', reason: command.reason }];
    case 'AcceptResidual':
      return acceptResidual(command, incident);
    case 'PageAgain':
      return command.n === nextPage(incident)
        ? [{ type: 'PageOwed', n: command.n, severity: incident.severity, why: command.why }]
        : [];
    case 'Summon':
      return summon(command, incident);
    case 'AskPage':
      return askPage(incident, command.by, now, playbook);
    case 'AskFlatten':
      // An old receipt must not close what was opened since.
      if (incident.status === 'resolved')
        throw new Refusal(
          'already_resolved',
          `${incident.id} is resolved: its receipt no longer closes positions. Nothing was done.`,
        );
      if (Object.values(incident.unfinished).includes('flatten'))
        throw new Refusal('flatten_running', 'A flatten is already running here: nothing was sent.');
      if (command.positions.length === 0)
        throw new Refusal('nothing_to_flatten', 'There is no position to flatten at the last reading.');
      return [
        {
          type: 'FlattenAsked',
          flatten: command.flatten,
          ...(command.kill === undefined ? {} : { kill: command.kill }),
          positions: command.positions,
        },
      ];
    case 'FinishFlatten':
      return [
        {
          type: 'FlattenFinished',
          flatten: command.flatten,
          results: command.results,
          verdict: command.verdict,
          ms: command.ms,
        },
      ];
    case 'AskPostmortem':
    case 'EditPostmortem':
    case 'ReviewPostmortem':
    case 'ReturnPostmortem':
    case 'FinalisePostmortem':
    case 'RemindPostmortem':
    case 'AskLastMinutes':
      return decidePostmortem(
        command,
        incident,
        () => lacksOf(incident, playbook).map(lackWords),
        (code, words) => new Refusal(code, words),
      );
    case 'RecordRecovery': {
      const { passed, exitCode, reason, output, ms } = command;
      return [{ type: 'RecoveryChecked', passed, exitCode, reason, output, ms }];
    }
    case 'AskResume':
      return askResume(command, incident);
    case 'ApproveResume': {
      const counted = approval(
        incident.resume,
        command.latch,
        command.resume,
        command.by,
        now,
        command.rules,
      );
      if (counted.state === 'refused') throw new Refusal(counted.code, counted.why);
      return [{ type: 'ResumeApproved', resume: command.resume }];
    }
    case 'RefuseResume':
      return [{ type: 'ResumeRefused', resume: command.resume, reason: command.reason }];
    case 'LiftLatch':
      return [{ type: 'LatchLifted', kill: command.kill, how: command.how, reason: command.reason }];
    case 'AcknowledgeIncident':
      if (incident.status === 'resolved')
        throw new Refusal('already_resolved', `${incident.id} is already resolved.`);
      if (incident.acknowledged !== undefined && !asksForSomebody(incident)) {
        const { by, at } = incident.acknowledged;
        throw new Refusal(
          'already_acknowledged',
          `${by.name} already acknowledged ${incident.id} at ${utcTime(at)}.`,
        );
      }
      return [{ type: 'IncidentAcknowledged' }];
    case 'ChangeSeverity':
      return changeSeverity(command, incident, playbook);
    case 'AssignCommander': {
      mustNotBeResolved(incident);
      const { who, handover } = command;
      if (incident.commander?.who.id === who.id)
        throw new Refusal('already_commander', `${who.name} commands ${incident.id} already.`);
      if (command.ifNobody === true && incident.commander !== undefined) {
        const { who: commander, at } = incident.commander;
        throw new Refusal(
          'commander_there',
          `${commander.name} commands ${incident.id} since ${utcTime(at)}: ask for it by \`/incident handover\`.`,
        );
      }
      return [{ type: 'CommanderAssigned', who, ...(handover === undefined ? {} : { handover }) }];
    }
    case 'MitigateIncident': {
      mustNotBeResolved(incident);
      if (incident.mitigated !== undefined) {
        const { by, at } = incident.mitigated;
        throw new Refusal(
          'already_mitigated',
          `${by.name} already mitigated ${incident.id} at ${utcTime(at)}.`,
        );
      }
      return [{ type: 'IncidentMitigated', text: command.text }];
    }
    case 'ReviewIncident':
      return [{ type: 'IncidentReviewed', text: command.text }];
    case 'AdjustIncident': {
      const { type: _type, by: _by, ...adjustment } = command;
      mustHavePassed(adjustment.from, adjustment.to, now);
      return [{ type: 'IncidentAdjusted', ...adjustment }];
    }
    case 'ReopenIncident':
      if (incident.status !== 'resolved')
        throw new Refusal('not_resolved', `${incident.id} is open: there is nothing to reopen.`);
      return [
        { type: 'IncidentReopened', why: command.why },
        ...raise(incident, incident.severity, 'reopened', playbook, true),
      ];
    case 'AddActionItem': {
      const { type: _type, by: _by, ...item } = command;
      // Numbered here, so that two people at once get two numbers.
      return [{ type: 'ActionItemAdded', id: `A${incident.actionItems.length + 1}`, ...item }];
    }
    case 'RecordClocks':
      return recordClocks(command, incident);
    case 'RemindUpdate':
      return incident.status === 'resolved' || incident.silentFrom !== command.last
        ? []
        : [{ type: 'UpdateReminded', sinceMs: now - (incident.updateAt ?? incident.openSince) }];
    case 'OweMail':
      return oweMail(command, incident);
    case 'MarkChecklist':
    case 'NameRootCause':
      return supply(command, incident, playbook);
    case 'HearPager':
      return hearPager(command, incident);
    case 'AskCommand':
      mustNotBeResolved(incident);
      if (Object.values(incident.unfinished).includes('command'))
        throw new Refusal('command_running', 'A command is already running here: nothing was started.');
      return askCommand(command, incident, now);
    case 'ResolveIncident':
      return resolveIncident(command, incident, now, playbook);
    case 'MarkStep': {
      const mark = incident.steps[command.step];
      if (mark !== undefined) {
        throw new Refusal(
          'step_already_marked',
          `${mark.by.name} already marked that step ${mark.mark} at ${utcTime(mark.at)}.`,
        );
      }
      return [
        {
          type: 'StepMarked',
          step: command.step,
          mark: command.mark,
          ...(command.why === undefined ? {} : { why: command.why }),
        },
      ];
    }
    case 'LogMessage':
      // Slack delivers at least once: the message's own time stamp is its identity.
      return incident.messages[command.ts] === undefined
        ? [
            {
              type: 'MessageLogged',
              ts: command.ts,
              user: command.user,
              text: command.text,
              ...(command.fromBot === undefined ? {} : { fromBot: command.fromBot }),
              ...(command.files === undefined ? {} : { files: command.files }),
            },
          ]
        : [];
    case 'EditMessage':
    case 'DeleteMessage':
      return fateOfMessage(command, incident.messages[command.ts]);
    case 'MarkMessage':
    case 'UnmarkMessage':
    case 'PinMessage':
    case 'UnpinMessage':
      return decideMark(command, incident, command.by);
    case 'FileIssueAgain':
    case 'SeeIssueState':
    case 'RemindActionItem':
      return decideTracker(command, incident, now);
    case 'AddNote':
      return [{ type: 'NoteAdded', text: command.text }];
    default: {
      const unknown: never = command;
      throw new Error(`unknown command ${JSON.stringify(unknown)} at ${now} ${playbook.version}`);
    }
  }
}

/**
 * An edit or a deletion. A message that is heard of first by it is logged as it was: Slack delivers in any order, and what came
 * while nobody listened not at all. When it comes after all, it is known.
 */
function fateOfMessage(
  command: Extract<Command, { type: 'EditMessage' | 'DeleteMessage' }>,
  message: Incident['messages'][string] | undefined,
): NewEvent[] {
  const { ts, was } = command;
  const before = message ?? was;
  if (before === undefined || message?.deleted === true) return [];
  const missed: NewEvent[] =
    message === undefined && was !== undefined
      ? [{ type: 'MessageLogged', ts, user: command.by.id, ...was }]
      : [];
  if (command.type === 'DeleteMessage') return [...missed, { type: 'MessageDeleted', ts }];
  return before.text === command.text
    ? missed
    : [...missed, { type: 'MessageEdited', ts, text: command.text }];
}

function takeFiring(
  command: Extract<Command, { type: 'TakeFiring' }>,
  incident: Incident | undefined,
  now: number,
  playbook: Playbook,
): NewEvent[] {
  const { alert } = command;
  const fired: NewEvent = { type: 'AlertFired', alert };
  const cleared: NewEvent[] =
    command.clearedAt === undefined
      ? []
      : [{ type: 'AlertCleared', key: alert.key, endedAt: command.clearedAt }];
  if (incident === undefined) {
    const opened = {
      type: 'IncidentOpened' as const,
      id: command.incident,
      severity: alert.severity,
      ...(alert.severityGuess === undefined ? {} : { severityNote: alert.severityGuess }),
      origin: command.storm === undefined ? ('alert' as const) : ('storm' as const),
      title: alert.title,
      ...(command.storm ?? groupOf(alert)),
      runbook: command.runbook,
      drill: command.drill,
    };
    const begun = evolve(undefined, { ...opened, at: now, by: command.by });
    return [
      opened,
      fired,
      ...firstPage(alert.severity, 'opened', playbook),
      ...cleared,
      ...(cleared.length > 0 && resolvesItself(alert.severity)
        ? [resolvedByAlerts(begun, now, playbook)]
        : []),
    ];
  }
  const known = alertOf(incident, alert.key);
  if (known?.state === 'firing') {
    if (!isWorse(alert.severity, known.severity)) return [{ type: 'AlertRepeated', key: alert.key }];
    // The same signal, and worse than it was.
    return [fired, ...raise(incident, alert.severity, `${alert.title} is worse`, playbook, false)];
  }
  // A late or duplicate copy of a firing that already ended is not a new one.
  if (known !== undefined && alert.startsAtGiven && alert.startsAt <= known.startsAt)
    return [{ type: 'AlertRepeated', key: alert.key }];
  if (incident.status === 'resolved') {
    return [
      { type: 'IncidentReopened', why: 'an alert of its group fires again' },
      fired,
      ...raise(incident, alert.severity, `${alert.title} fires`, playbook, true),
      ...cleared,
    ];
  }
  const raised = raise(incident, alert.severity, `${alert.title} fires`, playbook, false);
  return [fired, ...raised, ...pageOfBand(alert, incident, raised, playbook), ...cleared];
}

/** A band that halted trading pages when it is reached, also where something else made its incident as severe before. */
function pageOfBand(alert: Alert, incident: Incident, raised: NewEvent[], playbook: Playbook): NewEvent[] {
  const band = haltedBand(alert, playbook);
  const pages = playbook.severities[incident.severity].page !== null;
  if (band === null || !pages || raised.some(({ type }) => type === 'PageOwed')) return [];
  const why = `the error budget of it is ${band} now`;
  return [{ type: 'PageOwed', n: nextPage(incident), severity: incident.severity, why }];
}

/** Raise the severity when this one is worse; page when it was raised to one that pages, or when the incident reopens. */
function raise(
  incident: Incident,
  severity: Severity,
  why: string,
  playbook: Playbook,
  reopens: boolean,
): NewEvent[] {
  const worse = isWorse(severity, incident.severity);
  const now = worse ? severity : incident.severity;
  const events: NewEvent[] = worse
    ? [{ type: 'SeverityChanged', from: incident.severity, to: severity, why }]
    : [];
  if ((worse || reopens) && playbook.severities[now].page !== null) {
    events.push({
      type: 'PageOwed',
      n: nextPage(incident),
      severity: now,
      why: worse ? `raised from ${incident.severity} to ${severity}` : 'reopened',
    });
  }
  return events;
}

const resolvedByAlerts = (incident: Incident, now: number, playbook: Playbook): NewEvent => ({
  type: 'IncidentResolved',
  how: 'alertsCleared',
  owes: owedAfter(incident, now, playbook),
});

/** P2 and P3 resolve by themselves when all their alerts do; P0 and P1 only by a person. */
const resolvesItself = (severity: Severity): boolean => severity === 'P2' || severity === 'P3';

function takeClearing(
  command: Extract<Command, { type: 'TakeClearing' }>,
  incident: Incident,
  now: number,
  playbook: Playbook,
): NewEvent[] {
  const known = alertOf(incident, command.alert.key);
  if (known === undefined || known.state === 'resolved') return [];
  // The end of an older firing does not end the one that is burning now.
  if (command.alert.startsAtGiven && known.startsAtGiven && command.alert.startsAt < known.startsAt)
    return [];
  const allClear = incident.firing === 1;
  const events: NewEvent[] = [{ type: 'AlertCleared', key: known.key, endedAt: command.endedAt }];
  // A review that is owed is written down whatever somebody made of the severity, and whether or not the band still holds.
  const mayResolve = resolvesItself(incident.severity) && reviewOwed(incident, playbook) === null;
  if (allClear && mayResolve && incident.status !== 'resolved')
    events.push(resolvedByAlerts(incident, now, playbook));
  return events;
}

function askKill(
  command: Extract<Command, { type: 'AskKill' }>,
  incident: Incident | undefined,
  playbook: Playbook,
): NewEvent[] {
  const asked: NewEvent = {
    type: 'KillAsked',
    kill: command.kill,
    reason: command.reason,
    venues: command.venues,
    ...(command.evidence === undefined ? {} : { evidence: command.evidence }),
  };
  if (incident === undefined) {
    return [
      {
        type: 'IncidentOpened',
        id: command.incident,
        title: `${command.evidence === undefined ? `Kill by ${command.by.name}` : 'Hard stop'}: ${command.reason}`,
        severity: 'P0',
        origin: 'kill',
        source: OWN_SOURCE,
        groupKey: KILL_GROUP,
        runbook: 'kill-switch',
        drill: command.drill,
      },
      asked,
      ...firstPage('P0', 'kill', playbook),
    ];
  }
  const reopened: NewEvent[] =
    incident.status === 'resolved' ? [{ type: 'IncidentReopened', why: 'a kill was asked for in it' }] : [];
  return [...reopened, asked, ...raise(incident, 'P0', 'kill', playbook, reopened.length > 0)];
}

function changeSeverity(
  { to, why }: Extract<Command, { type: 'ChangeSeverity' }>,
  incident: Incident,
  playbook: Playbook,
): NewEvent[] {
  mustNotBeResolved(incident);
  if (to === incident.severity) throw new Refusal('same_severity', `${incident.id} is ${to} already.`);
  if (isWorse(to, incident.severity))
    return raise(incident, to, why, playbook, false).map((event) =>
      event.type === 'PageOwed'
        ? { ...event, why: `raised from ${incident.severity} to ${to}: ${why}` }
        : event,
    );
  const kill = newestKill(incident);
  if (kill !== undefined && kill.over === null && kill.verdict !== 'FLAT' && kill.accepted === null)
    throw new Refusal(
      'kill_not_flat',
      `The kill here is ${kill.verdict ?? 'still running'}: ${incident.id} stays ${incident.severity} until it is FLAT or accepted.`,
    );
  return [{ type: 'SeverityChanged', from: incident.severity, to, why }];
}

function recordClocks(
  { clocks, page, why }: Extract<Command, { type: 'RecordClocks' }>,
  incident: Incident,
): NewEvent[] {
  const fresh = clocks.filter(({ clock, dueAt }) => {
    const known = incident.clocks[clock];
    return known === undefined || (known.state === 'missed' && known.dueAt < dueAt);
  });
  const late = fresh.flatMap(({ clock, state, doneAt }) =>
    state === 'missed' && doneAt === undefined && clock !== 'still-open' ? [clock] : [],
  );
  return [
    ...fresh.map(({ state, ...clock }): NewEvent => {
      const type = state === 'met' ? ('ClockMet' as const) : ('ClockMissed' as const);
      return { type, ...clock };
    }),
    ...(page === null || late.length === 0
      ? []
      : [{ type: 'PageOwed' as const, n: nextPage(incident), severity: page, why, clocks: late }]),
  ];
}

/** One page a person in this time: "Page on-call" can be pressed by anybody in the channel. */
const ASK_PAGE_MIN = 15;

function askPage(incident: Incident, by: Actor, now: number, playbook: Playbook): NewEvent[] {
  mustNotBeResolved(incident);
  if (playbook.severities[incident.severity].page === null)
    throw new Refusal('not_paged', `${incident.id} is ${incident.severity}, which pages nobody.`);
  const last = incident.pages.findLast((page) => page.askedBy === by.id);
  if (last !== undefined && now - last.owedAt < ASK_PAGE_MIN * 60_000)
    throw new Refusal(
      'asked_already',
      `You paged on-call for ${incident.id} at ${utcTime(last.owedAt)}. Again from ${utcTime(last.owedAt + ASK_PAGE_MIN * 60_000)}.`,
    );
  return [
    {
      type: 'PageOwed',
      n: nextPage(incident),
      severity: incident.severity,
      why: `asked for by ${by.name}`,
      asked: true,
    },
  ];
}

function oweMail({ what, why }: Extract<Command, { type: 'OweMail' }>, incident: Incident): NewEvent[] {
  // Two looks at the clock owe one first mail.
  if ((what === 'opened' || what === 'reopened') && incident.mailOwedAt !== undefined) return [];
  if (what === 'update' && incident.severity !== 'P0' && incident.severity !== 'P1')
    throw new Refusal(
      'not_mailed',
      `${incident.id} is ${incident.severity}: stakeholders are mailed for P0 and P1. Nothing was sent.`,
    );
  return [{ type: 'MailOwed', what, why }];
}

/** What a person supplies of the checklist after the incident. */
function supply(
  command: Extract<Command, { type: 'MarkChecklist' | 'NameRootCause' }>,
  incident: Incident,
  playbook: Playbook,
): NewEvent[] {
  if (incident.status !== 'resolved')
    throw new Refusal('not_resolved', `${incident.id} is open: its checklist comes with the resolution.`);
  if (command.type === 'NameRootCause') {
    const { category, text } = command;
    return [{ type: 'RootCauseNamed', category, ...(text === undefined ? {} : { text }) }];
  }
  const { item, text } = command;
  if (!markedByPeople(item) || !playbook.checklist.some(({ id }) => id === item))
    throw new Refusal('no_such_item', 'That item is not supplied by a word: its own button does it.');
  const known = incident.checklist[item];
  if (known !== undefined)
    throw new Refusal('already_marked', `${known.by.name} already did that at ${utcTime(known.at)}.`);
  if (item === 'action-items' && (text ?? '').trim() === '')
    throw new Refusal('reason_missing', 'Say why there is no action item.');
  return [{ type: 'ChecklistMarked', item, ...(text === undefined ? {} : { text }) }];
}

/** Items that the log cannot tell by itself; of the action items, only that there are none. */
const markedByPeople = (item: string): boolean =>
  item !== 'postmortem' && item !== 'root-cause' && item !== 'recovery-check';

/** A second press so soon is a double click, or somebody who did not see the first. */
const COMMAND_AGAIN_MS = 10_000;

function askCommand(
  { command, run }: Extract<Command, { type: 'AskCommand' }>,
  incident: Incident,
  now: number,
): NewEvent[] {
  const last = Object.hasOwn(incident.commands, command) ? incident.commands[command] : undefined;
  if (last !== undefined && now - last.at < COMMAND_AGAIN_MS)
    throw new Refusal(
      'command_just_ran',
      `${last.by.name} ran ${command} at ${utcTime(last.at)}: nothing was started. Wait ten seconds if you mean it again.`,
    );
  return [{ type: 'CommandAsked', command, run }];
}

function mustNotBeResolved(incident: Incident): void {
  if (incident.resolution === undefined) return;
  const { by, at } = incident.resolution;
  throw new Refusal(
    'already_resolved',
    `${by.name} already resolved ${incident.id} at ${utcTime(at)}: reopen it first.`,
  );
}

function askResume(command: Extract<Command, { type: 'AskResume' }>, incident: Incident): NewEvent[] {
  const { latch, resume, reason, criteria, startingValue, rules } = command;
  if (latch === null) throw new Refusal('not_latched', 'Nothing is latched: trading is not killed.');
  const missing = missingToAsk(incident, latch, rules);
  const unclear = criteria.length > 0 && startingValue.trim() === '';
  if (missing.length > 0) {
    const lines = [
      ...missing.map(({ what, who }) => `✗ ${what} (${who})`),
      ...(unclear
        ? [
            `✗ not known to be fine: ${criteria.join(', ')} (you: /resume start=… reason, which the approvers accept)`,
          ]
        : []),
      `✗ ${rules.approvals} approvals, none of them yours`,
      '✗ every venue read again (the bot, after the last approval)',
    ];
    throw new Refusal('gate_closed', `Trading stays stopped. Missing:\n${lines.join('\n')}`);
  }
  if (unclear) {
    throw new Refusal(
      'criteria_unknown',
      `Not known to be fine: ${criteria.join(', ')}. State the new starting value that the approvers shall accept: /resume start=… reason`,
    );
  }
  return [{ type: 'ResumeAsked', resume, kill: latch.kill, reason, criteria, startingValue }];
}

function judgeKill(command: Extract<Command, { type: 'JudgeKill' }>, incident: Incident): NewEvent[] {
  const kill = mustHaveKill(incident, command.kill);
  const outgrown = kill.verdict === command.verdict && outgrewAcceptance(kill);
  if (kill.verdict === command.verdict && !outgrown) return [];
  const judged: NewEvent = {
    type: 'KillJudged',
    kill: command.kill,
    verdict: command.verdict,
    timings: command.timings,
    ...(outgrown ? { voidsAcceptance: true } : {}),
  };
  const worse =
    command.verdict === 'UNKNOWN' || (command.verdict === 'RESIDUAL' && kill.verdict !== 'UNKNOWN');
  if (!worse) return [judged];
  // Nobody is paged for a closed incident: what was closed as stopped is not.
  const reopened: NewEvent[] =
    incident.status === 'resolved'
      ? [{ type: 'IncidentReopened', why: `the verdict of its kill is ${command.verdict}` }]
      : [];
  const why = `kill verdict ${command.verdict}`;
  // It was lowered when it was FLAT: its clocks, its mails and its place on the list are those of a P0 again.
  const raised: NewEvent[] = isWorse('P0', incident.severity)
    ? [{ type: 'SeverityChanged', from: incident.severity, to: 'P0', why }]
    : [];
  return [...reopened, ...raised, judged, { type: 'PageOwed', n: nextPage(incident), severity: 'P0', why }];
}

function acceptResidual(
  command: Extract<Command, { type: 'AcceptResidual' }>,
  incident: Incident,
): NewEvent[] {
  const kill = mustHaveKill(incident, command.kill);
  if (kill.verdict !== 'RESIDUAL') {
    throw new Refusal(
      'nothing_to_accept',
      `The verdict is ${kill.verdict ?? 'not in yet'}: only a RESIDUAL can be accepted.`,
    );
  }
  if (kill.accepted !== null) {
    throw new Refusal(
      'already_accepted',
      `${kill.accepted.by.name} already accepted it at ${utcTime(kill.accepted.at)}.`,
    );
  }
  if (command.reason.trim() === '')
    throw new Refusal('reason_missing', 'Say why the residual exposure is acceptable.');
  return [{ type: 'ResidualAccepted', kill: command.kill, reason: command.reason }];
}

function resolveIncident(
  command: Extract<Command, { type: 'ResolveIncident' }>,
  incident: Incident,
  now: number,
  playbook: Playbook,
): NewEvent[] {
  if (incident.resolution !== undefined) {
    const { by, at } = incident.resolution;
    throw new Refusal('already_resolved', `${by.name} already resolved ${incident.id} at ${utcTime(at)}.`);
  }
  const newest = newestKill(incident);
  // What a newer kill took over is judged there.
  const kill = newest?.over === null ? newest : undefined;
  if (kill !== undefined && isRunning(kill)) {
    throw new Refusal('kill_running', 'A kill is still running here: wait for its verdict.');
  }
  if (kill?.verdict === 'UNKNOWN') {
    throw new Refusal(
      'kill_unknown',
      'The kill is UNKNOWN: orders or positions may be live. Read the venue by hand, or wait for the verdict.',
    );
  }
  if (kill?.verdict === 'RESIDUAL' && kill.accepted === null) {
    throw new Refusal(
      'residual_not_accepted',
      'Exposure is left and nobody has accepted it: flatten it, or press "Accept residual" with a reason.',
    );
  }
  const owed = reviewOwed(incident, playbook);
  if (owed !== null)
    throw new Refusal(
      'review_missing',
      `The playbook asks for an incident review at ${owed}: write it down first, by \`/incident review ${incident.id} text\`.`,
    );
  return [
    {
      type: 'IncidentResolved',
      how: 'person',
      summary: command.summary,
      ...(command.rootCause === undefined ? {} : { rootCause: command.rootCause }),
      ...(command.category === undefined ? {} : { category: command.category }),
      owes: owedAfter(incident, now, playbook),
    },
  ];
}

/** The band of an error budget that asks for a review of this incident that nobody wrote down since it was reached; or null. */
export function reviewOwed(incident: Incident, playbook: Playbook): string | null {
  if (incident.source !== OWN_SOURCE || incident.groupKey?.startsWith(BUDGET_GROUP) !== true) return null;
  const owing = Object.values(incident.alerts).findLast(
    ({ source, labels, receivedAt }) =>
      source === OWN_SOURCE &&
      playbook.budgets.some(({ status, review }) => status === labels['band'] && review === true) &&
      receivedAt > (incident.review?.at ?? Number.NEGATIVE_INFINITY),
  );
  return owing?.labels['band'] ?? null;
}

/** What a person states of the past: times that are in order, and over. */
function mustHavePassed(from: number, to: number, now: number): void {
  if (!(from < to))
    throw new Refusal('times_in_disorder', 'It must begin before it ends. Nothing was changed.');
  if (to > now)
    throw new Refusal('not_over', 'It must be over: the end is in the future. Nothing was changed.');
}

function firstPage(severity: Severity, why: string, playbook: Playbook): NewEvent[] {
  return playbook.severities[severity].page === null ? [] : [{ type: 'PageOwed', n: 1, severity, why }];
}

/** The next page step; steps only grow, so that a key is never used twice. */
export const nextPage = (incident: Incident): number =>
  Math.max(0, ...incident.pages.map((page) => page.n)) + 1;

/** The kill that was asked for last in this incident. */
export function newestKill(incident: Incident): KillState | undefined {
  return Object.values(incident.kills).at(-1);
}

function mustBe(incident: Incident | undefined): Incident {
  if (incident === undefined) throw new Refusal('no_such_incident', 'There is no such incident.');
  return incident;
}

function mustHaveKill(incident: Incident, kill: string): KillState {
  const found = incident.kills[kill];
  if (found === undefined) throw new Refusal('no_such_kill', `There is no kill ${kill} in ${incident.id}.`);
  return found;
}

const utcTime = (at: number): string => `${new Date(at).toISOString().slice(11, 19)} UTC`;
