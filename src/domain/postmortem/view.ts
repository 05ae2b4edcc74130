/** What a postmortem says, as templates/postmortem.md is given it. Pure. */

import type { TimelineRow } from '../timelineRows.ts';
import type { PostmortemState } from './life.ts';

/** What templates/postmortem.md is rendered from: plain text as it was given, not escaped; null: not known. */
export interface PostmortemView {
  /** PM_YYYYMMDD_NNN. */
  id: string;
  drill: boolean;
  title: string;
  /** Who is asked to fill the blanks. */
  owner: string;
  summary: {
    incident: string;
    /** YYYY-MM-DD, UTC, of the opening. */
    date: string;
    openedAt: Fact;
    resolvedAt: Fact | null;
    duration: string | null;
    /** `P0 / CRITICAL`, with what is to be said of it. */
    severity: Fact;
    slos: Fact | null;
    /** One an SLO of which something was measured. Empty: nothing was. */
    budget: Fact[];
    author: Cited | null;
    /** Who put it into review or made it final, and who was named. Empty: nobody. */
    reviewers: Cited[];
    status: PostmortemState;
    revision: number;
    /** How many events of the log it shows. */
    events: number;
    /** The incident is still open: this is a draft of what is known by now. */
    open: boolean;
    /** What happened and how it ended, by whoever resolved it or edited it. */
    text: Cited | null;
    reopened: number;
    /** `INC-… HEAD:LENGTH`, which `standdown verify-log` compares with the log; null: it has no hash. */
    chain: string | null;
  };
  impact: {
    /** What is on record of trading: kills, cancels, holds. Money is never in it. */
    trading: Fact[];
    /** What was measured of the money, a statement a row, each with where it is on record. Empty: nothing was. */
    money: Cited[];
    user: Cited | null;
    system: Cited | null;
    data: Cited | null;
  };
  /** The picture of the incident, a file beside this one: its relative name; null: none was drawn. */
  picture: string | null;
  /** What it shows in words; or why there is none, null where none was tried. */
  pictureNote: string | null;
  timeline: TimelineRow[];
  alerts: {
    title: string;
    source: string;
    severity: string;
    since: string | null;
    cleared: string | null;
    repeats: number;
  }[];
  pages: { n: number; why: string; owedAt: string; state: string; people: string | null }[];
  kills: KillView[];
  rootCause: {
    immediate: Cited | null;
    contributing: Cited | null;
    root: Cited | null;
    category: Cited | null;
    /** What people marked as a cause in the thread. */
    marked: Cited[];
  };
  wentWell: Cited[];
  wentBadly: Cited[];
  keyMoments: Cited[];
  detection: {
    how: Fact;
    /** The true start (stated, or the first alert's or gap's own) → opened. Null where none is known, or one after the opening. */
    toDetect: Fact | null;
    toAcknowledge: Fact | null;
    /** Opened → what first stopped the harm, and what that was. */
    toMitigate: Fact | null;
    toResolve: Fact | null;
  };
  /** What could not be posted or mailed. */
  undelivered: Fact[];
  /** The newest run of the recovery check; null: none. */
  recovery: { result: Fact; output: string | null } | null;
  actionItems: {
    action: string;
    owner: string | null;
    priority: string | null;
    due: string | null;
    status: string;
    /** In the tracker: where, and how it stands there; null: there is none. */
    issue: { url: string; state: string } | null;
    cite: Cite;
  }[];
  /** Why there is no action item; null: nobody said. */
  noActionItem: string | null;
  lessons: Cited | null;
  /** The playbook's lines and the reviews, with the latest time of each; `done`: by whom, and when. */
  followUps: { text: string; due: string | null; done: string | null }[];
}

export interface KillView {
  id: string;
  by: string;
  at: string;
  reason: string;
  joined: string | null;
  latch: Fact;
  /** From the trigger; null where it never was. */
  lastCancel: string | null;
  toVerdict: string | null;
  /** The latest one; null: none yet. */
  verdict: Fact | null;
  /** A line a venue. */
  cancelled: Fact[];
  venues: Fact[];
  /** Who accepted the residual and why; null: nobody. */
  accepted: Fact | null;
}

/** Where a statement is on record: the event's number, and the Slack message where it is one; null: its address is not known. */
export interface Cite {
  n: number | null;
  link: string | null;
}

/** What the log proves, and the event that proves it. */
export interface Fact extends Cite {
  text: string;
}

/** What somebody said, as it stands now. `author` null: it is not a message that was logged. */
export interface Cited extends Fact {
  author: string | null;
  deleted: boolean;
}
