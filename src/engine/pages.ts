/** What is owed to PagerDuty: pages, what follows them, whether anybody has them, and notes. */

import type { FactEvent } from '../domain/decide.ts';
import type { Effect } from '../domain/effects.ts';
import type { Actor, Incident } from '../domain/incident.ts';
import { isAnswered, noteTag } from '../domain/paging.ts';
import type { Chat, Clock, Draw, Log, PagedIncident, Pager, PagerAgent } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { Ledger } from './ledger.ts';
import type { OnCall } from './onCall.ts';
import type { Attempt, Outcome } from './outbox.ts';

export interface PagesDeps {
  ledger: Ledger;
  clock: Clock;
  chat: Chat;
  pager: Pager;
  onCall: OnCall;
  draw: Draw;
  channel: string;
  channelLink: string;
  log: Log;
}

export interface Pages {
  page(attempt: Attempt, incident: Incident, n: number): Promise<Outcome>;
  follow(attempt: Attempt, incident: Incident, n: number, verb: 'acknowledge' | 'resolve'): Promise<Outcome>;
  /** Whether an incident came of it, and whose it is. */
  check(attempt: Attempt, incident: Incident, n: number): Promise<Outcome>;
  threadNote(attempt: Attempt, incident: Incident, n: number, text: string): Promise<Outcome>;
  /** The event at a version of the log, as a note. */
  mirror(attempt: Attempt, incident: Incident, n: number, version: number): Promise<Outcome>;
}

const done = (...facts: FactEvent[]): Outcome => ({ done: true, facts });

/** PagerDuty takes about 120 events a minute for one key (FACTS 10): some room is left for P0, and for pages. */
const EVENTS_A_MINUTE = { page: { pageP0: 115, page: 90 }, follow: 80 };

/** A note that could not be written for this long says nothing new any more. */
const NOTE_MS = 60 * 60 * 1_000;

export function createPages(deps: PagesDeps): Pages {
  const { ledger, clock, chat, pager, onCall, draw, channel, log } = deps;
  const sentAt: number[] = [];

  /** ms to wait until one more event fits into the minute, 0 when it fits now. */
  function budget(limit: number): number {
    const now = clock.monotonic();
    while (sentAt[0] !== undefined && sentAt[0] <= now - 60_000) sentAt.shift();
    if (sentAt.length < limit) {
      sentAt.push(now);
      return 0;
    }
    return (sentAt[sentAt.length - limit] ?? now) + 60_000 - now;
  }
  const pageLimit = (lane: Effect['lane']): number =>
    lane === 'pageP0' ? EVENTS_A_MINUTE.page.pageP0 : EVENTS_A_MINUTE.page.page;

  async function page(attempt: Attempt, incident: Incident, n: number): Promise<Outcome> {
    const dedupKey = `${incident.id}/${n}`;
    const owed = incident.pages.find((one) => one.n === n);
    if (owed?.state !== 'owed' && owed?.state !== 'retrying') return done();
    // PagerDuty would open a new incident for a trigger after its resolve. What is owed after the resolution is another page.
    if (incident.status === 'resolved' && owed.afterwards === undefined)
      return done({ type: 'PageSuperseded', n, why: 'resolved before the page could leave' });
    if (attempt.maybe && pager.canConfirm) {
      const found = await pager.find(dedupKey);
      if (found.state === 'found') return done({ type: 'PageQueued', n, dedupKey });
    }
    const thread = incident.posts['headline']?.permalink ?? null;
    const request = draw.page(incident, n, thread);
    if (request === null) return done({ type: 'PageSuperseded', n, why: 'this severity is not paged' });
    const waitMs = budget(pageLimit(attempt.effect.lane));
    if (waitMs > 0) return { done: false, retryInMs: waitMs, facts: [] };
    const links =
      thread === null ? [{ href: deps.channelLink, text: 'Slack channel' }, ...request.links] : request.links;
    const sent = await pager.trigger({ ...request, links, dedupKey });
    if (sent.state === 'done') return done({ type: 'PageQueued', n, dedupKey });
    if (sent.maybe) attempt.setMaybe();
    const known = incident.pages.find((one) => one.n === n)?.reason === sent.reason;
    if (!sent.retry) {
      log.error(
        { incident: incident.id, n, reason: sent.reason },
        'a page failed for good: call the on-call person',
      );
      return done({ type: 'PageFailed', n, reason: sent.reason, gaveUp: true });
    }
    const facts: FactEvent[] = known ? [] : [{ type: 'PageFailed', n, reason: sent.reason, gaveUp: false }];
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs), facts };
  }

  async function follow(
    attempt: Attempt,
    incident: Incident,
    n: number,
    verb: 'acknowledge' | 'resolve',
  ): Promise<Outcome> {
    const dedupKey = `${incident.id}/${n}`;
    if (verb === 'acknowledge' && incident.status === 'resolved') return done();
    const waitMs = budget(EVENTS_A_MINUTE.follow);
    if (waitMs > 0) return { done: false, retryInMs: waitMs, facts: [] };
    // Reopened in between: this page's step is over all the same, the new one has a number of its own.
    const sent = await (verb === 'acknowledge' ? pager.acknowledge(dedupKey) : pager.resolve(dedupKey));
    if (sent.state === 'done') return verb === 'resolve' ? done({ type: 'PageClosed', n }) : done();
    if (!sent.retry) {
      log.error({ incident: incident.id, n, verb, reason: sent.reason }, 'PagerDuty refused to follow');
      return done();
    }
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs), facts: [] };
  }

  /** 202 means accepted. Only PagerDuty itself tells whether an incident came of it, and whose it is. */
  async function check(attempt: Attempt, incident: Incident, n: number): Promise<Outcome> {
    const known = incident.pages.find((one) => one.n === n);
    if (
      !pager.canConfirm ||
      known === undefined ||
      (incident.status === 'resolved' && known.afterwards === undefined) ||
      known.state === 'acknowledged' ||
      known.state === 'closed'
    )
      return done();
    const found = await pager.find(`${incident.id}/${n}`);
    const newest = found.state === 'found' ? found.incidents.at(-1) : undefined;
    const later = {
      done: false as const,
      retryInMs: known.state === 'assigned' ? 15_000 : backoff(attempt.tries, undefined, 15_000),
    };
    if (newest === undefined) return { ...later, facts: [] };
    if (await heard(incident, n, newest)) return done();
    const to = newest.assignedTo.map((person) => person.name);
    const assigned: FactEvent = { type: 'PageAssigned', n, to, url: newest.htmlUrl, pagerId: newest.id };
    // Nobody there acknowledged it but the bot, for whoever acknowledged here.
    if (
      newest.status === 'acknowledged' &&
      incident.acknowledged !== undefined &&
      isAnswered(incident, known)
    )
      return done({ ...assigned, acknowledgedBy: incident.acknowledged.by.name });
    const same =
      known.state === 'assigned' && known.assignedTo.join() === to.join() && known.pagerId !== undefined;
    return { ...later, facts: same || to.length === 0 ? [] : [assigned] };
  }

  /** What a person did there is taken as a webhook would tell it, for where none comes. True: the page is answered. */
  async function heard(incident: Incident, n: number, there: PagedIncident): Promise<boolean> {
    if (there.status === 'triggered') return false;
    const agent = there.status === 'resolved' ? there.changedBy : there.acknowledgedBy;
    if (there.status === 'acknowledged' && agent?.isPerson !== true) return false;
    await ledger.commit(
      incident.id,
      {
        type: 'HearPager',
        by: await actorOf(agent),
        id: `rest:${there.id}:${there.status}`,
        n,
        what: there.status,
        person: agent?.isPerson === true,
        to: there.assignedTo.map((person) => person.name),
        pagerId: there.id,
      },
      { mustGoOn: true },
    );
    return true;
  }

  async function actorOf(agent: PagerAgent | null): Promise<Actor> {
    if (agent === null) return { via: 'pagerduty', id: 'pagerduty', name: 'PagerDuty' };
    const slack = agent.isPerson ? await onCall.slackOf(agent.id) : null;
    return { via: 'pagerduty', id: agent.id, name: agent.name, ...(slack === null ? {} : { slack }) };
  }

  // ── Notes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  async function threadNote(attempt: Attempt, incident: Incident, n: number, text: string): Promise<Outcome> {
    if (!pager.canConfirm || attempt.tries > 8 || incident.status === 'resolved') return done();
    const headline = incident.posts['headline'];
    const link =
      headline?.permalink ?? (headline === undefined ? null : await chat.permalink(channel, headline.ts));
    if (link === null) return { done: false, retryInMs: backoff(attempt.tries, undefined), facts: [] };
    return write(attempt, incident, n, `${noteTag(incident.id, 'thread')} ${text}: ${link}`);
  }

  async function mirror(attempt: Attempt, incident: Incident, n: number, version: number): Promise<Outcome> {
    if (!pager.canConfirm) return done();
    const event = (await ledger.history(incident.id))[version - 1];
    const text = event === undefined ? null : draw.pagerNote(incident, event, version);
    if (event === undefined || text === null) return done();
    if (clock.now() - event.at > NOTE_MS) {
      log.warn(
        { incident: incident.id, version },
        'a note did not reach PagerDuty within an hour: it is left out',
      );
      return done();
    }
    return write(attempt, incident, n, text);
  }

  async function write(attempt: Attempt, incident: Incident, n: number, text: string): Promise<Outcome> {
    const again = (retryAfterMs?: number): Outcome => ({
      done: false,
      retryInMs: backoff(attempt.tries, retryAfterMs),
      facts: [],
    });
    const known = incident.pages.find((one) => one.n === n)?.pagerId;
    const found = known === undefined ? await pager.find(`${incident.id}/${n}`) : null;
    const target = known ?? (found?.state === 'found' ? found.incidents.at(-1)?.id : undefined);
    if (target === undefined) return again();
    const sent = await pager.note(target, text, attempt.maybe);
    if (sent.state === 'done' || !sent.retry) return done();
    if (sent.maybe) attempt.setMaybe();
    return again(sent.retryAfterMs);
  }

  return { page, follow, check, threadNote, mirror };
}
