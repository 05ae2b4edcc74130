/** How each kind of effect is performed: one request through a port, and what its answer proves. */

import type { FactEvent } from '../domain/decide.ts';
import type { Effect, Work } from '../domain/effects.ts';
import type { Incident } from '../domain/incident.ts';
import type { Chat, ChatMessage, Clock, Drafts, Draw, Log, Mailer, Pager, Sent, Store } from '../ports.ts';
import type { Ledger } from './ledger.ts';
import type { Attempt, Outcome, Perform } from './outbox.ts';

export interface PerformDeps {
  store: Store;
  ledger: Ledger;
  clock: Clock;
  chat: Chat;
  pager: Pager;
  /** null: mail is off. */
  mailer: Mailer | null;
  stakeholders: string[];
  drafts: Drafts;
  draw: Draw;
  /** The #incidents channel. */
  channel: string;
  /** A link that works before the thread exists. */
  channelLink: string;
  mailDomain: string;
  log: Log;
}

/** The post is known from here on: its buttons work. Its address is worth this much waiting, and no more. */
const PERMALINK_MS = 300;

const done = (...facts: FactEvent[]): Outcome => ({ done: true, facts });

/** PagerDuty takes about 120 events a minute for one key (FACTS 10); some room is left for P0. */
const PAGES_A_MINUTE = { pageP0: 115, page: 90 };

/** First retry within 2 s (RELIABILITY fault 4), then doubling up to `maxMs`. */
function backoff(tries: number, retryAfterMs: number | undefined, maxMs = 30_000): number {
  return Math.max(retryAfterMs ?? 0, Math.min(maxMs, 1_000 * 2 ** tries));
}

export function createPerform(deps: PerformDeps): Perform {
  const { store, ledger, clock, chat, pager, mailer, draw, channel, log } = deps;
  const sentAt: number[] = [];

  /** ms to wait until one more event fits into the minute, 0 when it fits now. */
  function pagerBudget(lane: Effect['lane']): number {
    const now = clock.monotonic();
    while (sentAt[0] !== undefined && sentAt[0] <= now - 60_000) sentAt.shift();
    const limit = lane === 'pageP0' ? PAGES_A_MINUTE.pageP0 : PAGES_A_MINUTE.page;
    if (sentAt.length < limit) {
      sentAt.push(now);
      return 0;
    }
    return (sentAt[0] ?? now) + 60_000 - now;
  }

  // ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Post something once, or edit it in place if it stands already. `what` is its name in `incident.posts`. */
  async function show(
    attempt: Attempt,
    incident: Incident,
    what: string,
    message: ChatMessage,
  ): Promise<Outcome> {
    const headline = incident.posts['headline'];
    const thread = what === 'headline' ? null : (headline?.ts ?? null);
    if (what !== 'headline' && thread === null) return { done: false, retryInMs: 2_000, facts: [] };
    const posted = incident.posts[what];
    if (posted !== undefined)
      return edit(attempt, incident, what, await chat.update(posted.channel, posted.ts, message));
    const key = attempt.effect.target;
    if (attempt.maybe) {
      // An earlier try may have reached Slack: look for it before posting again.
      const found = await chat.find(channel, thread, key, incident.openedAt);
      if (found.state === 'failed') return notSent(attempt, incident, what, found);
      if (found.ts !== null) {
        // It stands as it was drawn then, and what has happened since is owed by this very effect.
        const fact = await postedFact(what, found.ts);
        const edited = edit(attempt, incident, what, await chat.update(channel, found.ts, message));
        return { ...edited, facts: [fact, ...edited.facts] };
      }
    }
    const sent = await chat.post(channel, thread, message, key);
    if (sent.state === 'done') return done(await postedFact(what, sent.ts));
    if (sent.maybe) attempt.setMaybe();
    return notSent(attempt, incident, what, sent);
  }

  async function postedFact(what: string, ts: string): Promise<FactEvent> {
    const permalink =
      what === 'headline'
        ? await Promise.race([chat.permalink(channel, ts), clock.wait(PERMALINK_MS).then(() => null)])
        : null;
    return { type: 'Posted', what, channel, ts, ...(permalink === null ? {} : { permalink }) };
  }

  function edit(attempt: Attempt, incident: Incident, what: string, sent: Sent<object>): Outcome {
    return sent.state === 'done' ? done() : notSent(attempt, incident, what, sent);
  }

  function notSent(
    attempt: Attempt,
    incident: Incident,
    what: string,
    sent: Extract<Sent<object>, { state: 'failed' }>,
  ): Outcome {
    const news = incident.undelivered[what] !== sent.reason;
    const facts: FactEvent[] = news
      ? [{ type: 'PostFailed', what, reason: sent.reason, gaveUp: !sent.retry }]
      : [];
    if (!sent.retry) {
      log.error({ incident: incident.id, what, reason: sent.reason }, 'Slack refused a message for good');
      return done(...facts);
    }
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs), facts };
  }

  // ── PagerDuty ────────────────────────────────────────────────────────────────────────────────────────────────────

  async function page(attempt: Attempt, incident: Incident, n: number): Promise<Outcome> {
    const dedupKey = `${incident.id}/${n}`;
    const state = incident.pages.find((one) => one.n === n)?.state;
    if (state !== 'owed' && state !== 'retrying') return done();
    // PagerDuty would open a new incident for a trigger after its resolve.
    if (incident.status === 'resolved')
      return done({ type: 'PageSuperseded', n, why: 'resolved before the page could leave' });
    if (attempt.maybe && pager.canConfirm) {
      const found = await pager.find(dedupKey);
      if (found.state === 'found') return done({ type: 'PageQueued', n, dedupKey });
    }
    const thread = incident.posts['headline']?.permalink ?? null;
    const request = draw.page(incident, n, thread);
    if (request === null) return done({ type: 'PageSuperseded', n, why: 'this severity is not paged' });
    const waitMs = pagerBudget(attempt.effect.lane);
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
    // Reopened in between: this page's step is over all the same, the new one has a number of its own.
    const sent = await (verb === 'acknowledge' ? pager.acknowledge(dedupKey) : pager.resolve(dedupKey));
    if (sent.state === 'done') return verb === 'resolve' ? done({ type: 'PageClosed', n }) : done();
    if (!sent.retry) {
      log.error({ incident: incident.id, n, verb, reason: sent.reason }, 'PagerDuty refused to follow');
      return done();
    }
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs), facts: [] };
  }

  /** 202 means accepted. Only the REST API tells whether an incident came of it, and whose it is. */
  async function pageCheck(attempt: Attempt, incident: Incident, n: number): Promise<Outcome> {
    const known = incident.pages.find((one) => one.n === n);
    if (
      !pager.canConfirm ||
      known === undefined ||
      incident.status === 'resolved' ||
      known.state === 'acknowledged'
    )
      return done();
    const found = await pager.find(`${incident.id}/${n}`);
    const newest = found.state === 'found' ? found.incidents.at(-1) : undefined;
    const later = {
      done: false as const,
      retryInMs: known.state === 'assigned' ? 15_000 : backoff(attempt.tries, undefined, 15_000),
    };
    if (newest === undefined || newest.assignedTo.length === 0) return { ...later, facts: [] };
    const to = newest.assignedTo.map((person) => person.name);
    const acknowledgedBy = newest.acknowledgedBy ?? undefined;
    const same =
      known.state === 'assigned' && acknowledgedBy === undefined && known.assignedTo.join() === to.join();
    if (same) return { ...later, facts: [] };
    const fact: FactEvent = {
      type: 'PageAssigned',
      n,
      to,
      url: newest.htmlUrl,
      ...(acknowledgedBy === undefined ? {} : { acknowledgedBy }),
    };
    return acknowledgedBy === undefined ? { ...later, facts: [fact] } : done(fact);
  }

  async function pageNote(attempt: Attempt, incident: Incident, n: number, text: string): Promise<Outcome> {
    if (!pager.canConfirm || attempt.tries > 8 || incident.status === 'resolved') return done();
    const found = await pager.find(`${incident.id}/${n}`);
    const target = found.state === 'found' ? found.incidents.at(-1) : undefined;
    if (target === undefined) return { done: false, retryInMs: backoff(attempt.tries, undefined), facts: [] };
    const headline = incident.posts['headline'];
    const link =
      headline?.permalink ?? (headline === undefined ? null : await chat.permalink(channel, headline.ts));
    if (link === null) return { done: false, retryInMs: backoff(attempt.tries, undefined), facts: [] };
    const sent = await pager.note(target.id, `${text}: ${link}`, attempt.maybe);
    if (sent.state === 'done' || !sent.retry) return done();
    if (sent.maybe) attempt.setMaybe();
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs), facts: [] };
  }

  // ── Mail and the postmortem ──────────────────────────────────────────────────────────────────────────────────────

  async function mail(
    attempt: Attempt,
    incident: Incident,
    work: Extract<Work, { kind: 'mail' }>,
  ): Promise<Outcome> {
    if (mailer === null || deps.stakeholders.length === 0) return done();
    const letter = draw.mail(work.what, incident, ledger.trading());
    // The same mail sent again after a lost answer carries the same id.
    const messageId = `${incident.id}.${work.key.replace(':', '.')}@${deps.mailDomain}`;
    const sent = await mailer.send({ ...letter, to: deps.stakeholders, messageId });
    const what = `mail:${work.key}`;
    if (sent.state === 'done')
      return done({ type: 'MailSent', what, to: sent.accepted, refused: sent.refused });
    const known = incident.undelivered[what] === sent.reason;
    const facts: FactEvent[] = known
      ? []
      : [{ type: 'MailFailed', what, reason: sent.reason, gaveUp: !sent.retry }];
    if (!sent.retry) return done(...facts);
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs, 300_000), facts };
  }

  /** `PM_YYYYMMDD_NNN`: the day of the resolution, and the next number of that day. */
  function postmortemId(incident: Incident): string {
    if (incident.postmortem !== undefined) return incident.postmortem.id;
    const day = new Date(incident.resolution?.at ?? clock.now())
      .toISOString()
      .slice(0, 10)
      .replaceAll('-', '');
    const taken = store
      .summaries()
      .flatMap((one) =>
        one.postmortem?.startsWith(`PM_${day}_`) === true ? [Number(one.postmortem.slice(-3))] : [],
      );
    return `PM_${day}_${String(Math.max(0, ...taken) + 1).padStart(3, '0')}`;
  }
  // Two drafts of one day must not take the same number: they are written one after the other.
  let drafting: Promise<unknown> = Promise.resolve();

  async function postmortem(attempt: Attempt, incident: Incident): Promise<Outcome> {
    const { postmortem: drafted, resolution } = incident;
    // On record, and not settled: a crash came between.
    if (drafted !== undefined && drafted.at >= (resolution?.at ?? 0)) return done();
    const turn = drafting.then(async () => {
      const id = postmortemId(incident);
      const file = await deps.drafts.save(
        id,
        draw.postmortem(id, incident, await ledger.history(incident.id)),
      );
      await ledger.commit(
        incident.id,
        {
          type: 'Note',
          by: { via: 'standdown', id: 'standdown', name: 'Standdown' },
          event: { type: 'PostmortemDrafted', id, file },
        },
        { mustGoOn: true },
      );
    });
    drafting = turn.catch(() => undefined);
    try {
      await turn;
      return done();
    } catch (error) {
      log.error({ incident: incident.id, error: String(error) }, 'the postmortem draft could not be written');
      return { done: false, retryInMs: backoff(attempt.tries, undefined), facts: [] };
    }
  }

  async function notice(attempt: Attempt, incident: Incident, version: number): Promise<Outcome> {
    const history = await ledger.history(incident.id);
    const event = history[version - 1];
    const message = event === undefined ? null : draw.notice(incident, event, history.slice(0, version));
    const what = `notice:${version}`;
    return message === null || incident.posts[what] !== undefined
      ? done()
      : show(attempt, incident, what, message);
  }

  return async (attempt) => {
    const { work } = attempt.effect;
    const incident = await ledger.load(attempt.effect.incident);
    if (incident === undefined) return done();
    switch (work.kind) {
      case 'headline':
        return show(attempt, incident, 'headline', draw.headline(incident, ledger.trading()));
      case 'runbook': {
        const message = draw.runbook(incident);
        return message === null ? done() : show(attempt, incident, 'runbook', message);
      }
      case 'receipt':
        return show(
          attempt,
          incident,
          `receipt:${work.kill}`,
          draw.receipt(incident, work.kill, ledger.trading()),
        );
      case 'notice':
        return notice(attempt, incident, work.version);
      case 'page':
        return page(attempt, incident, work.n);
      case 'pageAcknowledge':
        return follow(attempt, incident, work.n, 'acknowledge');
      case 'pageResolve':
        return follow(attempt, incident, work.n, 'resolve');
      case 'pageCheck':
        return pageCheck(attempt, incident, work.n);
      case 'pageNote':
        return pageNote(attempt, incident, work.n, work.text);
      case 'mail':
        return mail(attempt, incident, work);
      case 'postmortem':
        return postmortem(attempt, incident);
      default: {
        const unknown: never = work;
        throw new Error(`unknown work ${JSON.stringify(unknown)}`);
      }
    }
  };
}
