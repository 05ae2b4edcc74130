/** What a postmortem says, as templates/postmortem.md is given it. Pure. */

import type { TimelineRow } from '../timelineRows.ts';

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
    openedAt: string;
    resolvedAt: string | null;
    duration: string | null;
    severity: string;
    severityNote: string | null;
    /** CRITICAL, HIGH, MEDIUM or LOW. */
    class: string;
    slos: string | null;
    budgetConsumed: string | null;
    author: string | null;
    reviewers: string | null;
    status: 'DRAFT';
    /** What the person who resolved it wrote. */
    text: string | null;
    reopened: number;
    /** `INC-… HEAD:LENGTH`, which `standdown verify-log` compares with the log; null: it has no hash. */
    chain: string | null;
  };
  impact: {
    /** What is on record of trading: kills, cancels, holds. Money is never in it. */
    trading: string[];
    /** What was measured of the money, a statement a row, each with where it is on record. Empty: nothing was. */
    money: Cited[];
    user: string | null;
    system: string | null;
    data: string | null;
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
  kills: {
    id: string;
    by: string;
    at: string;
    reason: string;
    joined: string | null;
    latch: string;
    /** From the trigger; null where it never was. */
    lastCancel: string | null;
    toVerdict: string | null;
    /** The latest one; null: none yet. */
    verdict: string | null;
    /** A line a venue. */
    cancelled: string[];
    venues: string[];
    /** Who accepted the residual and why; null: nobody. */
    accepted: string | null;
  }[];
  rootCause: {
    immediate: string | null;
    contributing: string | null;
    root: string | null;
    category: string | null;
    /** What people marked as a cause in the thread. */
    marked: Cited[];
  };
  wentWell: Cited[];
  wentBadly: Cited[];
  keyMoments: Cited[];
  detection: {
    how: string;
    /** First alert's own start → opened. Null where the source gave no time, or one after the opening. */
    toDetect: string | null;
    toAcknowledge: string | null;
    acknowledgedBy: string | null;
    toResolve: string | null;
  };
  /** What could not be posted or mailed. */
  undelivered: { what: string; reason: string }[];
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
  lessons: string | null;
  /** The playbook's lines, with the latest time of each; null: it has no clock, or the incident is not resolved. */
  followUps: { text: string; due: string | null }[];
}

/** Where a statement is on record: the event's number, and the Slack message where it is one; null: its address is not known. */
export interface Cite {
  n: number | null;
  link: string | null;
}

/** What somebody said in the thread, as it stands now. `author` null: it is not a message that was logged. */
export interface Cited extends Cite {
  text: string;
  author: string | null;
  deleted: boolean;
}
