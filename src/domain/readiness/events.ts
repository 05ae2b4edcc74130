/** What is put on the desk's log about readiness: proofs, readings, test pages and reminders. Pure. */

import type { DrillEvent, Scenario } from '../drill/gameDay.ts';
import type { Actor } from '../incident.ts';

/** Evidence from later than this ahead of the clock is not believed: the clock was put back, or was wrong then. */
export const AHEAD_MS = 5 * 60_000;

/** One person of the rota. Telephone numbers are never kept: only whether there is one. */
export interface RotaPerson {
  /** PagerDuty's own id. */
  id: string;
  name: string;
  /** The Slack user with the same e-mail address; null: there is none; undefined: it could not be asked. */
  slack?: string | null;
  /** null: the contact methods could not be read. */
  hasPhone: boolean | null;
}

/** A stretch of time, ms since the epoch. */
export interface Stretch {
  from: number;
  to: number;
}

/** Who is on call from `from` to `to`, as PagerDuty said. `holes`: nobody is on call at the first level then. */
export interface RotaReading extends Stretch {
  holes: Stretch[];
  people: RotaPerson[];
}

/** A text that on-call reads, by its name and the SHA-256 of its content; null: it cannot be read. */
export interface TextVersion {
  name: string;
  sha256: string | null;
}

/** What proves one part of a line: a venue of `emergency-cancel`, a feed of `backup-feed`, '' for the whole line. */
export interface Proof {
  line: string;
  part: string;
  /** In words, with its numbers. */
  evidence: string;
  /** When it was proved, ms since the epoch: its age counts from there, not from when it was put on record. */
  provedAt: number;
  /** It comes from a rehearsal, where nothing is real: it never counts on a live desk. */
  rehearsal: boolean;
  /**
   * What it was proved of: the exchange behind the venue's id, the backup of the feed, the engines that confirmed. Where that
   * is another thing now, under the same name, it proves nothing of it.
   */
  of?: string[];
}

export type ReadinessEvent =
  | ({ type: 'ReadinessProved' } & Proof)
  | ({ type: 'RotaRead' } & RotaReading)
  | { type: 'RotaUnread'; reason: string }
  /** A page that says that it is a test; its key is `DESK/test-<page>`. */
  | { type: 'TestPageAsked'; page: number; rehearsal: boolean }
  | { type: 'TestPageQueued'; page: number }
  | { type: 'TestPageFailed'; page: number; reason: string; gaveUp: boolean }
  /** `person` false: something acknowledged it by itself, which proves nothing. */
  | { type: 'TestPageAcknowledged'; page: number; who: string; person: boolean }
  | { type: 'TestPageClosed'; page: number }
  | { type: 'RunbooksSeen'; texts: TextVersion[] }
  /** `texts`: what was in force when this person said so. */
  | { type: 'RunbooksRead'; texts: TextVersion[] }
  /** Lines are not green: #incidents is reminded at `dueAt`, ms since the epoch; null: all are green again. */
  | { type: 'ReadinessReminderSet'; dueAt: number | null }
  | { type: 'ReadinessReminded'; lines: string[]; dueAt: number }
  /** All of it as it stands: the desk's log is read back a week only, and evidence is older than that. */
  | { type: 'ReadinessRestated'; state: ReadinessState };

/** What the log of the desk says of drills: the schedule's that did not run, and those that did. */
export type DrillWord = Extract<DrillEvent, { type: 'DrillMissed' | 'DrillNoted' }>;

/** The newest drills of a scenario that were due and did not run. */
export interface MissedDrills {
  scenario: Scenario;
  /** The first and the last of them, ms since the epoch. */
  dueAt: number;
  until: number;
  count: number;
  why: string;
}

export interface TestPage {
  page: number;
  by: Actor;
  at: number;
  rehearsal: boolean;
  state: 'owed' | 'queued' | 'acknowledged' | 'failed' | 'closed';
  queuedAt: number | null;
  acknowledged: { who: string; at: number; person: boolean } | null;
  reason: string | null;
}

export interface ReadinessState {
  proofs: (Proof & { by: string; at: number })[];
  rota: (RotaReading & { at: number }) | null;
  /** PagerDuty could not be asked since then. */
  unread: { since: number; reason: string } | null;
  test: TestPage | null;
  texts: { texts: TextVersion[]; at: number } | null;
  /** The newest reading of each person. */
  reads: { who: string; name: string; texts: TextVersion[]; at: number }[];
  reminder: { dueAt: number | null; last: number | null };
  restatedAt: number | null;
  /** By scenario, until one of it ran to its end. Absent on record from before. */
  missed?: MissedDrills[];
}
