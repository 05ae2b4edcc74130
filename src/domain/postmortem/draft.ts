/**
 * The postmortem: what the log proves and what people said, in words with the event of each, and null for everything that
 * nobody said or measured. Pure; the template decides how it looks, and shows each null as a visible blank.
 */

import type { ChainHead } from '../chain.ts';
import type { Incident, StandingEvent } from '../incident.ts';
import { type Mark, markedAs } from '../marks.ts';
import type { Playbook } from '../playbook.ts';
import { messageLink, timeline } from '../timelineRows.ts';
import { issueSeen, itemStatus } from '../tracker.ts';
import { newestOf } from '../trail/record.ts';
import { moneyOf } from '../trail/words.ts';
import { span, utc } from '../words.ts';
import { shareWords } from './budget.ts';
import { fact, lastNumberOf, numberOf, saidBy } from './cite.ts';
import { detectionOf } from './detection.ts';
import { alertView, killView, pageView, tradingFacts } from './facts.ts';
import { ownerOf } from './remind.ts';
import type { Cited, Fact, PostmortemView } from './view.ts';

export interface PostmortemOptions {
  /** PM_YYYYMMDD_NNN; the file's name comes from it, never from a title. */
  id: string;
  revision: number;
  /** The head of the log that it is drafted from. */
  chain?: ChainHead | null;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Draft a postmortem from the incident and its whole log. Everything in it is on record; what is not is null or empty. */
export function draftPostmortem(
  incident: Incident,
  history: StandingEvent[],
  playbook: Pick<Playbook, 'severities' | 'slos' | 'checklist'>,
  options: PostmortemOptions,
): PostmortemView {
  const { resolution, statements, postmortem } = incident;
  const { chain = null } = options;
  const resolvedAt = resolution?.at ?? null;
  const kills = Object.values(incident.kills).sort((a, b) => a.at - b.at);
  const alerts = Object.values(incident.alerts).sort((a, b) => a.receivedAt - b.receivedAt);
  const marked = (mark: Mark): Cited[] => citedAs(mark, incident, history);
  const stated = (field: keyof typeof statements): Cited[] => {
    const said = saidBy(statements[field]);
    return said === null ? [] : [said];
  };
  return {
    id: options.id,
    drill: incident.drill,
    title: incident.title,
    owner: ownerOf(incident)?.name ?? 'on-call',
    summary: {
      incident: incident.id,
      date: utc(incident.openedAt).slice(0, 10),
      openedAt: fact(
        utc(incident.openedAt),
        numberOf(history, (event) => event.type === 'IncidentOpened'),
      ),
      resolvedAt:
        resolvedAt === null
          ? null
          : fact(
              utc(resolvedAt),
              lastNumberOf(history, (event) => event.type === 'IncidentResolved'),
            ),
      duration: resolvedAt === null ? null : span(resolvedAt - incident.openedAt),
      severity: severityOf(incident, history, playbook),
      slos: sloFact(incident, playbook),
      budget: budgetFacts(incident, history),
      author: saidBy(statements.author),
      reviewers: reviewersOf(incident, history),
      status: postmortem?.state ?? 'DRAFT',
      revision: options.revision,
      events: history.length,
      open: incident.status !== 'resolved',
      text: saidBy(statements.summary),
      reopened: incident.reopened,
      chain: chain === null ? null : `${incident.id} ${chain.head}:${chain.length}`,
    },
    impact: {
      trading: tradingFacts(kills, history),
      money: [...stated('money'), ...moneyOf(incident, history)],
      user: saidBy(statements.user),
      system: saidBy(statements.system),
      data: saidBy(statements.data),
    },
    ...pictureOf(history),
    // That the file was written is no part of what it tells.
    timeline: timeline(history).filter(({ n }) => !isRevision(history[n - 1])),
    alerts: alerts.map(alertView),
    pages: incident.pages.map(pageView),
    kills: kills.map((kill) => killView(kill, history)),
    rootCause: {
      immediate: saidBy(statements.immediate),
      contributing: saidBy(statements.contributing),
      root: saidBy(statements.rootCause),
      category: saidBy(statements.category),
      marked: marked('cause'),
    },
    wentWell: [...stated('wentWell'), ...marked('wentWell')],
    wentBadly: [...stated('wentBadly'), ...marked('wentBadly')],
    keyMoments: marked('keyMoment'),
    detection: detectionOf(incident, history),
    undelivered: Object.entries(incident.undelivered).map(([what, reason]) =>
      fact(
        `${what} (${reason})`,
        lastNumberOf(
          history,
          (event) => (event.type === 'PostFailed' || event.type === 'MailFailed') && event.what === what,
        ),
      ),
    ),
    recovery: recoveryOf(incident, history),
    actionItems: actionItems(incident, history, marked('actionItem')),
    noActionItem: incident.actionItems.length > 0 ? null : (incident.checklist['action-items']?.text ?? null),
    lessons: saidBy(statements.lessons),
    followUps: followUps(incident, playbook, resolvedAt),
  };
}

const isRevision = (event: StandingEvent | undefined): boolean =>
  event?.type === 'PostmortemRevised' && event.byHand === undefined;

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

function severityOf(
  { severity, severityNote }: Incident,
  history: StandingEvent[],
  { severities }: Pick<Playbook, 'severities'>,
): Fact {
  const note = severityNote === undefined ? '' : ` (${severityNote})`;
  return fact(
    `${severity} / ${severities[severity].class}${note}`,
    lastNumberOf(history, ({ type }) => type === 'SeverityChanged' || type === 'IncidentOpened'),
  );
}

/** The SLO that the runbook is about: runbook ids of SLOs begin with theirs. */
export function sloTitle(
  incident: Pick<Incident, 'runbook'>,
  { slos }: Pick<Playbook, 'slos'>,
): string | null {
  const slo = slos.find((one) => incident.runbook?.toLowerCase().startsWith(one.id.toLowerCase()));
  return slo === undefined ? null : `${slo.id} ${slo.title} (target ${slo.targetPct} %)`;
}

function sloFact(incident: Incident, playbook: Pick<Playbook, 'slos'>): Fact | null {
  const title = sloTitle(incident, playbook);
  return title === null ? null : fact(title, 1);
}

/** As it was measured; what a person stated of the true times stands beside it. */
function budgetFacts({ budget, adjusted }: Incident, history: StandingEvent[]): Fact[] {
  const measured = (budget?.readings ?? []).map((share) => fact(shareWords(share), budget?.n ?? null));
  if (adjusted === undefined) return measured;
  const { slo, consumedSec, was, by } = adjusted;
  const words = `${slo} by the true times that ${by.name} stated: the month stands at ${span(consumedSec * 1_000)} consumed, was ${span(was.consumedSec * 1_000)}`;
  return [
    ...measured,
    fact(
      words,
      lastNumberOf(history, ({ type }) => type === 'IncidentAdjusted'),
    ),
  ];
}

function reviewersOf({ statements, postmortem }: Incident, history: StandingEvent[]): Cited[] {
  const said = saidBy(statements.reviewers);
  const acted = (postmortem?.reviewers ?? []).map((name) => ({
    text: name,
    author: null,
    deleted: false,
    n: lastNumberOf(
      history,
      (event) =>
        (event.type === 'PostmortemReviewed' || event.type === 'PostmortemFinalised') &&
        event.by.name === name,
    ),
    link: null,
  }));
  return [...(said === null ? [] : [said]), ...acted];
}

function recoveryOf({ recovery }: Incident, history: StandingEvent[]): PostmortemView['recovery'] {
  const event = recovery === undefined ? undefined : history[recovery.n - 1];
  if (recovery === undefined) return null;
  const { passed, reason, at, by, n } = recovery;
  return {
    result: fact(`${passed ? 'passed' : 'did NOT pass'} (${reason}), run by ${by.name}, ended ${utc(at)}`, n),
    output: event?.type === 'RecoveryChecked' && event.output.trim() !== '' ? event.output : null,
  };
}

function actionItems(
  incident: Incident,
  history: StandingEvent[],
  marked: Cited[],
): PostmortemView['actionItems'] {
  return [
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
    ...marked.map(({ text, n, link }, index) => {
      const issue = incident.issues[`M${markedAs('actionItem', incident)[index]?.ts}`];
      return {
        action: text,
        owner: null,
        priority: null,
        due: null,
        status: itemStatus(issue),
        issue: issueSeen(issue, utc),
        cite: { n, link },
      };
    }),
  ];
}

/** The playbook's lines, and the reviews that follow. */
function followUps(
  { checklist, postmortem }: Incident,
  playbook: Pick<Playbook, 'checklist'>,
  resolvedAt: number | null,
): PostmortemView['followUps'] {
  const after = (ms: number | null): string | null =>
    ms === null || resolvedAt === null ? null : utc(resolvedAt + ms);
  const { review } = postmortem ?? {};
  return [
    ...playbook.checklist.map(({ id, text, withinHours }) => {
      const mark = checklist[id];
      return {
        text,
        due: after(withinHours === null ? null : withinHours * HOUR_MS),
        done: mark === undefined ? null : `${mark.by.name}, ${utc(mark.at)}`,
      };
    }),
    {
      text: 'This postmortem is reviewed',
      due: null,
      done: review === undefined ? null : `${review.by.name}, ${utc(review.at)}`,
    },
    { text: 'Action items are reviewed after one week', due: after(7 * DAY_MS), done: null },
    { text: 'Action items are reviewed after one month', due: after(30 * DAY_MS), done: null },
  ];
}

/** The newest picture that is on record, whatever was tried after it; and where none is, why. */
function pictureOf(history: StandingEvent[]): Pick<PostmortemView, 'picture' | 'pictureNote'> {
  const drawn = newestOf(history, 'PictureDrawn');
  const failed = newestOf(history, 'PictureFailed');
  if (drawn === null) return { picture: null, pictureNote: failed?.event.reason ?? null };
  const { png, alt } = drawn.event;
  const isOld = failed !== null && failed.n > drawn.n;
  return {
    picture: png,
    pictureNote: isOld ? `${alt}. A newer picture could not be drawn: ${failed.event.reason}` : alt,
  };
}
