/** Incidents that never were: a template of the desk's own is rendered from them at start, so that a mistake in it shows then. */

import type { Actor, Alert, Incident, StandingEvent } from './domain/incident.ts';
import { evolve } from './domain/incident.ts';
import type { Playbook } from './domain/playbook.ts';
import { draftPostmortem } from './domain/postmortem/draft.ts';
import type { PostmortemView } from './domain/postmortem/view.ts';
import type { MailView } from './domain/stakeholderMail.ts';
import { mailView } from './domain/stakeholderMail.ts';
import { RUNNING } from './domain/trading.ts';

const by: Actor = { via: 'slack', id: 'U0SAMPLE', name: 'Sample' };
const at = Date.UTC(2026, 0, 1);
const alert: Alert = {
  source: 'sample',
  groupKey: 'sample',
  key: 'sample',
  title: 'Sample alert',
  severity: 'P1',
  severityGuess: 'no severity given; taken as P1',
  startsAt: at - 60_000,
  startsAtGiven: true,
  labels: {},
  annotations: {},
};

const OPENED: StandingEvent = {
  type: 'IncidentOpened',
  at,
  by,
  id: 'INC-20260101-001',
  title: 'Sample',
  severity: 'P1',
  origin: 'alert',
  runbook: null,
  drill: true,
};

const FULL: StandingEvent[] = [
  { ...OPENED, severity: 'P0', severityNote: 'sample', source: 'sample', runbook: 'slo-01-data-feed' },
  { type: 'AlertFired', at, by, alert },
  { type: 'AlertCleared', at, by, key: alert.key, endedAt: at },
  { type: 'PageOwed', at, by, n: 1, severity: 'P0', why: 'sample' },
  {
    type: 'PageAssigned',
    at,
    by,
    n: 1,
    to: ['Sample'],
    url: 'https://example.com',
    acknowledgedBy: 'Sample',
  },
  { type: 'Posted', at, by, what: 'headline', channel: 'C0', ts: '1', permalink: 'https://example.com/p1' },
  { type: 'MailFailed', at, by, what: 'mail', reason: 'sample', gaveUp: true },
  { type: 'IncidentAcknowledged', at, by },
  { type: 'KillAsked', at, by, kill: 'K1', reason: 'sample', venues: ['sample'] },
  { type: 'KillJoined', at, by, kill: 'K1', reason: 'sample' },
  { type: 'KillLatched', at, by, kill: 'K1', ok: true, rev: 1, ms: 1 },
  {
    type: 'KillJudged',
    at,
    by,
    kill: 'K1',
    verdict: 'RESIDUAL',
    timings: { latchMs: 1, lastCancelMs: 1, verdictMs: 1 },
  },
  { type: 'ResidualAccepted', at, by, kill: 'K1', reason: 'sample' },
  {
    type: 'IncidentResolved',
    at,
    by,
    how: 'person',
    summary: 'sample',
    rootCause: 'sample',
    category: 'data',
  },
];

function fold(events: StandingEvent[]): Incident {
  return events.reduce<Incident | undefined>(evolve, undefined) ?? evolve(undefined, OPENED);
}

/** Postmortem views: one with everything in it, one with every blank. */
export function samplePostmortems(playbook: Playbook): PostmortemView[] {
  const chain = { head: '0'.repeat(64), length: 1 };
  const options = { id: 'PM_20260101_001', revision: 1, chain };
  const full = draftPostmortem(fold(FULL), FULL, playbook, options);
  const cite = { n: 1, link: 'https://example.com/p1' };
  const row = {
    action: 'sample',
    owner: null,
    priority: null,
    due: null,
    status: 'open',
    issue: { url: 'https://example.com/1', state: 'open' },
    cite,
  };
  const someone = { text: 'sample', author: 'Sample', deleted: true, ...cite };
  const said = [someone];
  return [
    {
      ...full,
      impact: { ...full.impact, money: said },
      summary: {
        ...full.summary,
        author: someone,
        reviewers: [someone],
        budget: [{ text: 'sample', ...cite }],
      },
      recovery: { result: { text: 'sample', ...cite }, output: 'sample' },
      noActionItem: 'sample',
      lessons: someone,
      picture: 'PM_20260101_001.png',
      rootCause: { ...full.rootCause, marked: said },
      wentWell: said,
      wentBadly: said,
      keyMoments: said,
      actionItems: [row],
    },
    draftPostmortem(fold([OPENED]), [], playbook, { id: options.id, revision: 1 }),
  ];
}

/** Mail views: one with everything in it, one of an incident that has just opened. */
export function sampleMails(): MailView[] {
  const clock = { id: 'acknowledge', title: 'acknowledge', dueAt: at, doneAt: null, recorded: true };
  return [
    mailView('resolved', fold(FULL), RUNNING, [{ ...clock, state: 'missed' }]),
    mailView('opened', fold([OPENED]), RUNNING, [{ ...clock, state: 'running' }]),
  ];
}
