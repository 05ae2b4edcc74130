/** The owner's policy as data (templates/playbook.yml), and the runbooks (templates/runbooks/*.yml). Pure types and look-ups. */

import type { Alert, Severity } from './incident.ts';
import type { Reactions } from './marks.ts';
import type { AUTO_DEEDS, CheckName, StepTimer, When } from './runbook/vocabulary.ts';

export interface SeverityPolicy {
  definition: string;
  example: string;
  /** The playbook's words, e.g. "Immediate (<5 min)". */
  responseTime: string;
  symbol: string;
  /** Minutes to the acknowledgement; null: the end of the next business day. */
  acknowledgeWithinMin: number | null;
  /** Minutes that it may be without an update while it is open; null: nobody is reminded. */
  updateEveryMin: number | null;
  /** PagerDuty's severity; null: not paged. */
  page: 'critical' | 'error' | 'warning' | null;
  /** The postmortem template's own word for it. */
  class: 'CRITICAL' | 'HIGH' | 'MEDIUM' | 'LOW';
  /** Whether a postmortem is owed on resolution. */
  postmortem: boolean;
}

export interface Criterion {
  title: string;
  /** The factor or limit, in the unit named. */
  over: number;
  unit: 'x maxDailyLoss' | 'x maxNotional' | 'percent' | 'minutes';
  /** For a rate: the sliding window in minutes. */
  windowMin?: number;
}

export interface BudgetBand {
  status: 'GREEN' | 'YELLOW' | 'ORANGE' | 'RED' | 'CRITICAL';
  /** The band holds when the remaining share is over this many percent (at it, where `inclusive`); null: at any. */
  abovePct: number | null;
  inclusive: boolean;
  allowed: string;
  /** Of the incident that reaching it opens; null: none. */
  severity: Severity | null;
  /** Its incident stays open until somebody wrote down a review of it. */
  review?: boolean;
  /** PagerDuty's severity when the band is reached; it is that of the incident's severity. Absent: what the severity says. */
  page?: 'critical' | 'error' | 'warning';
  /** Control-file values that the band sets. They only ever tighten; a worse band has all of a better one's. */
  control: Partial<Record<RestrictionKey, string>>;
}

/** The control file's keys that a budget band may tighten, and the value that is the tight one. */
export const RESTRICTIONS = {
  ALLOW_PROMOTIONS: '0',
  ALLOW_NEW_STRATEGIES: '0',
  POSITION_SIZE_FACTOR: '0.5',
  PAUSE_SIGNALS: '1',
  HALT_NEW_ORDERS: '1',
} as const;
export type RestrictionKey = keyof typeof RESTRICTIONS;

/** How fast a budget burns, in two windows of whole minutes: both must be at `over` times the even rate, or above it. */
export interface BurnRate {
  over: number;
  word: 'warn' | 'alert' | 'page';
  slowMin: number;
  fastMin: number;
  severity: Severity;
}

export const COMMUNICATION_IDS = ['on-call', 'team', 'stakeholders', 'post-incident'] as const;

/** One line of the communication protocol. */
export interface CommunicationLine {
  id: (typeof COMMUNICATION_IDS)[number];
  audience: string;
  channel: string;
  severities: Severity[];
  /** The playbook's limit in minutes. */
  withinMin: number | null;
  /** Minutes after the opening at which the bot does it by itself, unless a person did before. */
  afterMin?: Partial<Record<Severity, number>>;
  text: string;
}

export interface Playbook {
  version: string;
  severities: Record<Severity, SeverityPolicy>;
  /** What a source's `severity` label means; what is not here is `unreadable`. */
  alertSeverities: Record<string, Severity>;
  unreadableSeverity: Severity;
  /** Past `storm.groups` new incidents of alerts within `storm.withinMin`, further groups are held in one. */
  grouping: { reopenWithinMin: number; storm: { groups: number; withinMin: number } };
  criteria: { dailyLoss: Criterion; positionSize: Criterion; rejectRate: Criterion; dataFeedGap: Criterion };
  slos: { id: string; title: string; targetPct: number }[];
  budgets: BudgetBand[];
  burnRates: BurnRate[];
  communication: CommunicationLine[];
  /** Mails to the stakeholders after the first one. */
  stakeholderMail: {
    /** Changes of severity and trading state are collected this long, so that three presses make one mail. */
    settleMin: number;
    /** No mail about a change sooner after another mail than this; opening (P0), verdict and resolution do not wait. */
    atMostEveryMin: number;
  };
  paging: {
    /** A kill that is not proven pages again this long after the last page (DESIGN 8: "page again at 14:10"). */
    unprovenKillAgainMin: number;
  };
  postmortem: {
    /** From the resolution until it must be in review. */
    inReviewWithinHours: number;
    /** From the opening until an incident that is still open is reminded of. */
    remindAfterHours: number;
    /** A data gap over this owes a postmortem whatever the severity. */
    dataGapOverMin: number;
  };
  timeline: {
    /** What a reaction of a responder marks a message as. */
    reactions: Reactions;
  };
  checklist: { id: string; text: string; withinHours: number | null }[];
  goLive: { id: string; text: string }[];
  readiness: ReadinessPolicy;
}

/** How long the evidence of a go-live line is good for, and how often #incidents is told of those that are not green. */
export interface ReadinessPolicy {
  /** A line is said to expire soon so many days before. */
  soonDays: number;
  remindEveryDays: number;
  /** How far ahead somebody must be on call. */
  aheadDays: number;
  /** By the id of the line; a line that is not here: 90. */
  validDays: Record<string, number>;
}

/** The playbook as a desk can follow it: without the recovery check or the mails that its configuration turned off. */
export const followedBy = (
  playbook: Playbook,
  desk: { recoveryCheck: boolean; mail: boolean },
): Playbook => ({
  ...playbook,
  checklist: playbook.checklist.filter(({ id }) => desk.recoveryCheck || id !== 'recovery-check'),
  communication: playbook.communication.filter(({ id }) => desk.mail || id !== 'stakeholders'),
});

/** What a runbook step's button does. The names are the domain's; render/ turns them into action ids. */
export const STEP_BUTTONS = [
  'kill',
  'cancel',
  'haltOrders',
  'pauseSignals',
  'switchFeed',
  'restartOrderManager',
  'acknowledge',
  'flatten',
  'done',
  'skip',
] as const;
export type StepButton = (typeof STEP_BUTTONS)[number];

export interface RunbookStep {
  id: string;
  text: string;
  buttons: StepButton[];
  /** What the bot looks up by itself, and writes into the step. */
  checks: CheckName[];
  /** When this is the step to do. Absent: always. */
  when?: When;
  /** What is done by itself once `when` holds. */
  auto?: (typeof AUTO_DEEDS)[number];
  /** What is done by itself when nobody chose in time. */
  timer?: StepTimer;
}

export interface Runbook {
  id: string;
  title: string;
  severity: Severity;
  summary: string;
  /** An alert matches when every label named here matches its pattern (case-insensitive, anywhere in the value). */
  match: { label: string; pattern: string }[][];
  steps: RunbookStep[];
  notes: string[];
}

/** A step's name in the log: which runbook, which step. */
export const stepRef = (runbook: Pick<Runbook, 'id'>, step: Pick<RunbookStep, 'id'>): string =>
  `${runbook.id}:${step.id}`;

const MAX_LABEL = 256;

/**
 * The runbook for an alert: the one that it names (label or field `runbook`), else the first whose match rules fit, else
 * null. Only labels are read, never the title or other prose.
 */
export function runbookFor(
  alert: Pick<Alert, 'runbook' | 'labels'>,
  runbooks: Pick<Runbook, 'id' | 'match'>[],
): string | null {
  const named = alert.runbook ?? alert.labels['runbook'];
  if (named !== undefined) {
    const found = runbooks.find((runbook) => runbook.id === named);
    if (found !== undefined) return found.id;
  }
  const labels = new Map(Object.entries(alert.labels));
  if (named !== undefined) labels.set('runbook', named);
  const fits = (rules: Runbook['match'][number]) =>
    rules.length > 0 &&
    rules.every((rule) => {
      // Cut, so that a pattern's work is bounded whatever a source sends. An absent label matches nothing.
      const value = labels.get(rule.label)?.slice(0, MAX_LABEL);
      return value !== undefined && new RegExp(rule.pattern, 'i').test(value);
    });
  return runbooks.find((runbook) => runbook.match.some(fits))?.id ?? null;
}

/** The severity that a source's words mean: exact names only, everything unreadable is a guess, and said to be one. */
export function readSeverity(
  word: string | undefined,
  playbook: Pick<Playbook, 'alertSeverities' | 'unreadableSeverity'>,
): { severity: Severity; guess?: string } {
  if (word !== undefined && Object.hasOwn(playbook.alertSeverities, word)) {
    const severity = playbook.alertSeverities[word];
    if (severity !== undefined) return { severity };
  }
  const said =
    word === undefined ? 'no severity given' : `severity "${word.slice(0, 40)}" is not one we know`;
  return { severity: playbook.unreadableSeverity, guess: `${said}; taken as ${playbook.unreadableSeverity}` };
}
