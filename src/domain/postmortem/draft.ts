/**
 * The postmortem draft: what the log proves, in words, and null for everything that nobody said or measured. Pure; the
 * template decides how it looks, and shows each null as a visible blank.
 */

import type { ChainHead } from '../chain.ts';
import type { AlertState, Incident, Page, StandingEvent } from '../incident.ts';
import type { KillState } from '../kill.ts';
import { type Mark, markedAs } from '../marks.ts';
import type { Playbook } from '../playbook.ts';
import { verdictWords } from '../timeline.ts';
import { messageLink, timeline } from '../timelineRows.ts';
import { issueSeen, itemStatus, type TrackedIssue } from '../tracker.ts';
import { newestOf } from '../trail/record.ts';
import { moneyOf } from '../trail/words.ts';
import { counted, listed, span, utc } from '../words.ts';
import type { Cited, PostmortemView } from './view.ts';

export interface PostmortemOptions {
  /** PM_YYYYMMDD_NNN; the file's name comes from it, never from a title. */
  id: string;
  author?: string;
  reviewers?: string[];
  /** The head of the log that it is drafted from. */
  chain?: ChainHead | null;
}

/**
 * Draft a postmortem from the incident and its whole log. Everything in it is on record; budget, money, impact on users,
 * causes that nobody wrote, lessons and action items are null or empty.
 */
export function draftPostmortem(
  incident: Incident,
  history: StandingEvent[],
  playbook: Pick<Playbook, 'severities' | 'slos' | 'checklist'>,
  options: PostmortemOptions,
): PostmortemView {
  const { resolution } = incident;
  const { chain = null } = options;
  const resolvedAt = resolution?.at ?? null;
  const kills = Object.values(incident.kills).sort((a, b) => a.at - b.at);
  const firstAck = history.find((event) => event.type === 'IncidentAcknowledged');
  const alerts = Object.values(incident.alerts).sort((a, b) => a.receivedAt - b.receivedAt);
  const marked = (mark: Mark): Cited[] => citedAs(mark, incident, history);
  const between = (from: number, to: number | null | undefined) =>
    to === null || to === undefined ? null : span(to - from);
  return {
    id: options.id,
    drill: incident.drill,
    title: incident.title,
    owner: ownerOf(incident),
    summary: {
      incident: incident.id,
      date: utc(incident.openedAt).slice(0, 10),
      openedAt: utc(incident.openedAt),
      resolvedAt: resolvedAt === null ? null : utc(resolvedAt),
      duration: between(incident.openedAt, resolvedAt),
      severity: incident.severity,
      severityNote: incident.severityNote ?? null,
      class: playbook.severities[incident.severity].class,
      slos: sloOf(incident, playbook),
      budgetConsumed: null,
      author: options.author ?? null,
      reviewers: options.reviewers === undefined ? null : listed(options.reviewers, '') || null,
      status: 'DRAFT',
      text: resolution?.summary ?? null,
      reopened: incident.reopened,
      chain: chain === null ? null : `${incident.id} ${chain.head}:${chain.length}`,
    },
    impact: {
      trading: tradingFacts(kills, history),
      money: moneyOf(incident, history),
      user: null,
      system: null,
      data: null,
    },
    ...pictureOf(history),
    timeline: timeline(history),
    alerts: alerts.map(alertView),
    pages: incident.pages.map(pageView),
    kills: kills.map(killView),
    rootCause: {
      immediate: null,
      contributing: null,
      root: resolution?.rootCause ?? null,
      category: resolution?.category ?? null,
      marked: marked('cause'),
    },
    wentWell: marked('wentWell'),
    wentBadly: marked('wentBadly'),
    keyMoments: marked('keyMoment'),
    detection: {
      how: detectedHow(incident, alerts),
      toDetect: between(firstStart(alerts) ?? Number.NaN, incident.openedAt),
      toAcknowledge: between(incident.openedAt, firstAck?.at),
      acknowledgedBy: firstAck?.by.name ?? null,
      toResolve: between(incident.openedAt, resolvedAt),
    },
    undelivered: Object.entries(incident.undelivered).map(([what, reason]) => ({ what, reason })),
    actionItems: [
      ...incident.actionItems.map(({ id, text, owner, priority, due }) => ({
        action: text,
        owner: owner ?? null,
        priority: priority ?? null,
        due: due ?? null,
        status: itemStatus(incident.issues[id]),
        issue: issueSeen(incident.issues[id], utc),
        cite: {
          n: numberOf(history, (event) => event.type === 'ActionItemAdded' && event.id === id),
          link: null,
        },
      })),
      // A message is nobody's promise: who does it by when is for people to say.
      ...marked('actionItem').map(({ text, n, link }, index) => ({
        action: text,
        owner: null,
        priority: null,
        due: null,
        status: itemStatus(issueOfMarked(incident, index)),
        issue: issueSeen(issueOfMarked(incident, index), utc),
        cite: { n, link },
      })),
    ],
    lessons: null,
    followUps: playbook.checklist.map(({ text, withinHours }) => ({
      text,
      due: withinHours === null || resolvedAt === null ? null : utc(resolvedAt + withinHours * 3_600_000),
    })),
  };
}

/** What became of a marked message in the tracker, by its place among them. */
const issueOfMarked = (incident: Incident, index: number): TrackedIssue | undefined =>
  incident.issues[`M${markedAs('actionItem', incident)[index]?.ts}`];

/** The number of the first event that is meant, from 1; null: it is not in this log. */
function numberOf(history: StandingEvent[], meant: (event: StandingEvent) => boolean): number | null {
  const index = history.findIndex(meant);
  return index < 0 ? null : index + 1;
}

function citedAs(mark: Mark, incident: Incident, history: StandingEvent[]): Cited[] {
  return markedAs(mark, incident).map(({ ts, text, author, deleted }) => ({
    text,
    author,
    deleted,
    // What was not logged is on record by its mark.
    n:
      numberOf(history, (event) => event.type === 'MessageLogged' && event.ts === ts) ??
      numberOf(history, (event) => event.type === 'MessageMarked' && event.ts === ts),
    link: messageLink(incident.posts['headline'], ts),
  }));
}

/** The person who resolved it, else who acknowledged it; a machine owns nothing. */
function ownerOf(incident: Incident): string {
  const people = [incident.resolution?.by, incident.acknowledged?.by].filter(
    (by) => by !== undefined && by.via !== 'standdown' && by.via !== 'alert',
  );
  return people[0]?.name ?? 'on-call';
}

/** The SLO that the runbook is about: runbook ids of SLOs begin with theirs. */
function sloOf(incident: Incident, playbook: Pick<Playbook, 'slos'>): string | null {
  const slo = playbook.slos.find((one) => incident.runbook?.toLowerCase().startsWith(one.id.toLowerCase()));
  return slo === undefined ? null : `${slo.id} ${slo.title} (target ${slo.targetPct} %)`;
}

function firstStart(alerts: AlertState[]): number | null {
  const starts = alerts.filter((alert) => alert.startsAtGiven).map((alert) => alert.startsAt);
  return starts.length === 0 ? null : Math.min(...starts);
}

function detectedHow(incident: Incident, alerts: AlertState[]): string {
  const first = alerts[0];
  switch (incident.origin) {
    case 'alert':
      return first === undefined
        ? `An alert from ${incident.source ?? 'an unknown source'}`
        : `An alert from ${first.source}: ${first.title}`;
    case 'kill':
      return `The kill by ${incident.openedBy.name}; no alert opened it`;
    case 'person':
      return `${incident.openedBy.name} declared it; no alert opened it`;
    case 'storm':
      return 'A storm of alerts: more groups at once than an incident each';
    default: {
      const unknown: never = incident.origin;
      return String(unknown);
    }
  }
}

function alertView(alert: AlertState): PostmortemView['alerts'][number] {
  return {
    title: alert.title,
    source: alert.source,
    severity:
      alert.severityGuess === undefined ? alert.severity : `${alert.severity} (${alert.severityGuess})`,
    since: alert.startsAtGiven ? utc(alert.startsAt) : null,
    cleared: alert.resolvedAt === undefined ? null : utc(alert.resolvedAt),
    repeats: alert.repeats,
  };
}

const PAGE_WORDS: Record<Page['state'], string> = {
  owed: 'not sent yet',
  queued: 'queued at PagerDuty, nobody confirmed',
  assigned: 'assigned, not acknowledged',
  acknowledged: 'acknowledged',
  retrying: 'failed, will retry',
  failed: 'failed, gave up',
  superseded: 'not needed any more',
  closed: 'closed',
};

function pageView(page: Page): PostmortemView['pages'][number] {
  const reason = page.reason === undefined ? '' : `: ${page.reason}`;
  const by = page.acknowledgedBy === undefined ? '' : `, acknowledged by ${page.acknowledgedBy}`;
  return {
    n: page.n,
    why: page.why,
    owedAt: utc(page.owedAt),
    state: `${PAGE_WORDS[page.state]}${reason}`,
    people: page.assignedTo.length === 0 ? null : `${listed(page.assignedTo, '')}${by}`,
  };
}

function killView(kill: KillState): PostmortemView['kills'][number] {
  const { latch, timings } = kill;
  const latched =
    latch === null
      ? 'not tried, or not recorded'
      : latch.ok
        ? `KILL_SWITCH=1 written and read back after ${span(latch.ms) ?? 'an unknown time'}`
        : `KILL_SWITCH=1 could NOT be written: ${latch.reason ?? 'reason unknown'}`;
  const venues = Object.entries(kill.venues);
  return {
    id: kill.id,
    by: kill.by.name,
    at: utc(kill.at),
    reason: kill.reason,
    joined:
      listed(
        kill.joined.map(({ by }) => by.name),
        '',
      ) || null,
    latch: latched,
    lastCancel: span(timings?.lastCancelMs),
    toVerdict: span(timings?.verdictMs),
    verdict: kill.verdict,
    cancelled: venues.map(([id, venue]) => {
      const lists = Object.entries(venue.lists).map(
        ([list, { found, answered, protective }]) =>
          `${answered} of ${found} in ${list}${protective > 0 ? ` (${protective} protective)` : ''}`,
      );
      return `${id}: ${listed(lists, 'no cancel is on record')}, in ${counted(venue.rounds, 'round')}`;
    }),
    venues: venues.map(([id, venue]) =>
      venue.verdict === null ? `${id}: no verdict is on record` : verdictWords(venue.verdict),
    ),
    accepted:
      kill.accepted === null
        ? null
        : `${kill.accepted.by.name} at ${utc(kill.accepted.at)}: ${kill.accepted.reason}`,
  };
}

/** What was done to trading, from the log alone. */
function tradingFacts(kills: KillState[], history: StandingEvent[]): string[] {
  const facts: string[] = [];
  for (const kill of kills) {
    const lists = Object.values(kill.venues).flatMap((venue) => Object.values(venue.lists));
    const answered = lists.reduce((sum, list) => sum + list.answered, 0);
    facts.push(
      `Trading was killed at ${utc(kill.at)}; ${counted(answered, 'cancel')} answered with success; verdict ${kill.verdict ?? 'not on record'}.`,
    );
  }
  for (const event of history) {
    if (event.type === 'HoldPlaced')
      facts.push(
        `${event.key === 'PAUSE_SIGNALS' ? 'Signals were paused' : 'New orders were halted'} at ${utc(event.at)}.`,
      );
    if (event.type === 'HoldLifted')
      facts.push(
        `${event.key === 'PAUSE_SIGNALS' ? 'A pause of signals' : 'A halt of new orders'} was lifted at ${utc(event.at)}.`,
      );
    if (event.type === 'FlattenFinished')
      facts.push(
        `Positions were flattened at ${utc(event.at)}: ${counted(event.results.filter(({ state }) => state === 'closed').length, 'position')} closed of ${event.results.length}; verdict ${event.verdict}.`,
      );
  }
  return facts;
}

/** The newest picture that is on record, whatever was tried after it; and where none is, why. */
function pictureOf(history: StandingEvent[]): Pick<PostmortemView, 'picture' | 'pictureNote'> {
  const drawn = newestOf(history, 'PictureDrawn')?.event;
  const failed = newestOf(history, 'PictureFailed')?.event;
  return drawn === undefined
    ? { picture: null, pictureNote: failed?.reason ?? null }
    : { picture: drawn.png, pictureNote: drawn.alt };
}
