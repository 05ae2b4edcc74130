/** What PagerDuty says of a page, and the next ways to on-call when it does not say that anybody has it. Pure. */

import type { Actor, Incident, Page, PagerSaid, PageState, Severity } from './incident.ts';

// ── The next ways ────────────────────────────────────────────────────────────────────────────────────────────────────

/** States of a page that nobody is known to have. */
const NOBODYS: PageState[] = ['owed', 'retrying', 'queued', 'failed'];

/** A mention in #incidents, and mail to on-call. Each is tried once for a page, beside the other. */
export const SUMMON_WAYS = ['mention', 'mail'] as const;
export type SummonWay = (typeof SUMMON_WAYS)[number];

/** One way to on-call for one page. `to`: Slack ids or mail addresses. `sent` means accepted by Slack or the mail server. */
export interface Summons {
  state: 'owed' | 'retrying' | 'sent' | 'failed';
  at: number;
  to: string[];
  reason?: string;
}

export type SummonEvent =
  | { type: 'SummonOwed'; n: number; way: SummonWay; why: string }
  | { type: 'SummonSent'; n: number; way: SummonWay; to: string[] }
  | { type: 'SummonFailed'; n: number; way: SummonWay; reason: string; gaveUp: boolean };

/** How long PagerDuty has to say whose page it is, ms: a fifth of the time to acknowledge, which must still be enough. */
export const CONFIRM_WITHIN_MS: Record<Severity, number> = {
  P0: 60_000,
  P1: 180_000,
  P2: 600_000,
  P3: 600_000,
};

/** A page that could not be sent for this long, ms: some four tries. A single lost answer summons nobody. */
export const DOWN_AFTER_MS = 10_000;

/** A due look at the newest page. `at` is ms since the epoch, and follows from the log alone. */
export interface DueSummons {
  at: number;
  n: number;
  why: string;
}

/**
 * When the next ways are due for the newest page: at once when it failed for good, after DOWN_AFTER_MS when PagerDuty
 * does not take it, after CONFIRM_WITHIN_MS when it took it and names nobody. Null: somebody has it, or they were taken.
 */
export function dueSummons(incident: Incident): DueSummons | null {
  const page = incident.pages.at(-1);
  if (page === undefined || !wantsSummons(incident, page)) return null;
  if (SUMMON_WAYS.every((way) => page.summons?.[way] !== undefined)) return null;
  const { n } = page;
  if (page.state === 'failed')
    return { at: page.failingSince ?? page.owedAt, n, why: 'PagerDuty refused the page' };
  const unconfirmed = {
    at: page.owedAt + CONFIRM_WITHIN_MS[page.severity],
    n,
    why:
      page.state === 'queued'
        ? 'PagerDuty took the page, and names nobody who has it'
        : 'the page has not left yet',
  };
  if (page.state !== 'retrying') return unconfirmed;
  const at = (page.failingSince ?? page.owedAt) + DOWN_AFTER_MS;
  return at < unconfirmed.at ? { at, n, why: 'PagerDuty does not take the page' } : unconfirmed;
}

/** Whether somebody acknowledged the incident since this page was owed. What is owed later asks for somebody again. */
export const isAnswered = (incident: Incident, page: Page): boolean =>
  incident.acknowledged !== undefined && page.anew !== true;

/** Whether an acknowledgement is asked for: nobody gave one yet, or a page was owed since and nobody there has taken it. */
export const asksForSomebody = ({ status, acknowledged, pages }: Incident): boolean =>
  status !== 'resolved' &&
  (acknowledged === undefined ||
    pages.some(
      ({ anew, state }) =>
        anew === true && state !== 'acknowledged' && state !== 'closed' && state !== 'superseded',
    ));

/** True while nobody is known to have this page, and somebody is still needed. */
export function wantsSummons(incident: Incident, page: Page): boolean {
  if (incident.status === 'resolved' || isAnswered(incident, page)) return false;
  return NOBODYS.includes(page.state);
}

/** The ways that are not taken yet for page `n`. */
export function summon(
  { n, why }: { n: number; why: string },
  incident: Incident,
): Extract<SummonEvent, { type: 'SummonOwed' }>[] {
  const page = incident.pages.find((one) => one.n === n);
  if (page === undefined || !wantsSummons(incident, page)) return [];
  return SUMMON_WAYS.flatMap((way) =>
    page.summons?.[way] === undefined ? [{ type: 'SummonOwed' as const, n, way, why }] : [],
  );
}

export function evolveSummons(page: Page, event: SummonEvent & { at: number }): Page {
  const before = page.summons?.[event.way];
  const put = (summons: Summons): Page => ({ ...page, summons: { ...page.summons, [event.way]: summons } });
  switch (event.type) {
    case 'SummonOwed':
      return before === undefined ? put({ state: 'owed', at: event.at, to: [] }) : page;
    case 'SummonSent':
      return put({ state: 'sent', at: event.at, to: event.to });
    case 'SummonFailed':
      return put({
        state: event.gaveUp ? 'failed' : 'retrying',
        at: event.at,
        to: [],
        reason: event.reason,
      });
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}

// ── What PagerDuty says ──────────────────────────────────────────────────────────────────────────────────────────────

/** Begins every note of ours at PagerDuty, so that it is found there before it is written again, and known when it comes back. */
export const noteTag = (incident: string, what: string | number): string => `[${incident} #${what}]`;

export const isNoteOfOurs = (text: string): boolean => /^\[INC-\d{8}-\d{3,9} #\w+\]/.test(text);

type Heard = PagerSaid | { type: 'IncidentAcknowledged' };

/**
 * What an event of PagerDuty means here. One that was heard before, that fits no page, or that is only the echo of what
 * the bot itself did there means nothing. A person's acknowledgement acknowledges here; a resolution is noted, not obeyed.
 */
export function hearPager(command: { by: Actor } & Omit<PagerSaid, 'type'>, incident: Incident): Heard[] {
  const { id, n, what, person, to, pagerId, text, by } = command;
  const page = incident.pages.find((one) => one.n === n);
  if (page === undefined || page.heard?.includes(id) === true) return [];
  if (isEcho(command, page, incident, by)) return [];
  const said: PagerSaid = {
    type: 'PagerSaid',
    id,
    n,
    what,
    person,
    to,
    ...(pagerId === undefined ? {} : { pagerId }),
    ...(text === undefined ? {} : { text }),
  };
  const acknowledges =
    what === 'acknowledged' && person && !isAnswered(incident, page) && incident.status !== 'resolved';
  return acknowledges ? [said, { type: 'IncidentAcknowledged' }] : [said];
}

function isEcho(
  { what, person, to, text }: Pick<PagerSaid, 'what' | 'person' | 'to' | 'text'>,
  page: Page,
  incident: Incident,
  by: Actor,
): boolean {
  switch (what) {
    case 'acknowledged':
      // Told twice, by webhook and by REST; or what we told PagerDuty comes back.
      return person ? page.acknowledgedBy === by.name : incident.acknowledged !== undefined;
    case 'resolved':
      return page.state === 'closed' || (!person && incident.status === 'resolved');
    case 'triggered':
      // Of use as the word whose it is, and only while nothing newer is known.
      return to.length === 0 || !NOBODYS.includes(page.state);
    case 'annotated':
      return text !== undefined && isNoteOfOurs(text);
    default:
      return false;
  }
}

/** The page after PagerDuty said something of it. A page that is over here stays so, unless it is opened again there. */
export function hear(page: Page, event: PagerSaid & { by: Actor }): Page {
  const { acknowledgedBy: _answered, ...unanswered } = page;
  const known = {
    heard: [...(page.heard ?? []), event.id],
    ...(event.pagerId === undefined ? {} : { pagerId: event.pagerId }),
  };
  const assignedTo = event.to.length > 0 ? event.to : page.assignedTo;
  const over = page.state === 'closed' || page.state === 'superseded';
  switch (event.what) {
    case 'annotated':
      return { ...page, ...known };
    case 'acknowledged':
      return over || !event.person
        ? { ...page, ...known }
        : { ...page, ...known, assignedTo, state: 'acknowledged', acknowledgedBy: event.by.name };
    case 'resolved':
      return { ...page, ...known, state: 'closed', resolvedThereBy: event.by.name };
    case 'triggered':
    case 'unacknowledged':
    case 'escalated':
    case 'reassigned':
    case 'delegated':
    case 'reopened': {
      if (over && event.what !== 'reopened') return { ...page, ...known };
      const { resolvedThereBy: _resolved, ...again } = unanswered;
      return { ...again, ...known, assignedTo, state: assignedTo.length > 0 ? 'assigned' : 'queued' };
    }
    default: {
      const unknown: never = event.what;
      throw new Error(`unknown word ${String(unknown)}`);
    }
  }
}
