/** How each kind of effect is performed: one request through a port, and what its answer proves. */

import type { ChainHead } from '../domain/chain.ts';
import type { FactEvent } from '../domain/decide.ts';
import type { Work } from '../domain/effects.ts';
import { type Incident, STANDDOWN } from '../domain/incident.ts';
import { isNoted } from '../domain/measure/impact.ts';
import { toldOf } from '../domain/stakeholderMail.ts';
import type { Chat, ChatMessage, Clock, Draw, Log, Mailer, Pager, Sent, Store, Tracker } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { Figures } from './figures.ts';
import { createIssues } from './issues.ts';
import type { Ledger } from './ledger.ts';
import type { OnCall } from './onCall.ts';
import type { Attempt, Outcome, Perform } from './outbox.ts';
import { createPages } from './pages.ts';
import type { Postmortems } from './postmortems.ts';
import { createSummons } from './summon.ts';

export interface PerformDeps {
  store: Store;
  ledger: Ledger;
  clock: Clock;
  chat: Chat;
  pager: Pager;
  /** null: mail is off. */
  mailer: Mailer | null;
  stakeholders: string[];
  /** null: action items are filed nowhere. */
  tracker: Tracker | null;
  /** True when the tracker is a rehearsal's: what a drill finds is filed nowhere else. */
  drillsFiled: boolean;
  onCall: OnCall;
  /** What the measurements say of the money now. */
  money(): Extract<FactEvent, { type: 'ImpactNoted' }>;
  postmortems: Postmortems;
  /** Measured numbers and the picture of an incident. */
  figures: Pick<Figures, 'upload'>;
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

export function createPerform(deps: PerformDeps): Perform {
  const { store, ledger, clock, chat, mailer, draw, channel, log } = deps;
  const pages = createPages(deps);
  const summons = createSummons(deps);
  const issues = createIssues(deps);

  /** The head of an incident's log, to be put outside of it. It is worth no failure: null where it cannot be had. */
  const chainOf = (incident: string): Promise<ChainHead | null> =>
    store.chain(incident).catch((error: unknown) => {
      log.warn({ incident, error: String(error) }, 'the head of a log could not be read');
      return null;
    });

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
    const key = attempt.effect.target;
    const chain = await chainOf(incident.id);
    if (posted !== undefined) {
      const { channel: where, ts } = posted;
      return edit(attempt, incident, what, await chat.update(where, ts, message, { key, chain }));
    }
    if (attempt.maybe) {
      // An earlier try may have reached Slack: look for it before posting again.
      const found = await chat.find(channel, thread, key, incident.openedAt);
      if (found.state === 'failed') return notSent(attempt, incident, what, found);
      if (found.ts !== null) {
        // It stands as it was drawn then, and what has happened since is owed by this very effect.
        const fact = await postedFact(what, found.ts);
        const edited = edit(
          attempt,
          incident,
          what,
          await chat.update(channel, found.ts, message, { key, chain }),
        );
        return { ...edited, facts: [fact, ...edited.facts] };
      }
    }
    const sent = await chat.post(channel, thread, message, key, false, chain);
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
    const retryInMs = backoff(attempt.tries, sent.retryAfterMs);
    // A 429 is about the channel, not about this message.
    return sent.limited === true
      ? { done: false, retryInMs, facts, laneRestsMs: sent.retryAfterMs ?? retryInMs }
      : { done: false, retryInMs, facts };
  }

  // ── Mail ──────────────────────────────────────────────────────────────────────────────────────

  async function mail(
    attempt: Attempt,
    incident: Incident,
    work: Extract<Work, { kind: 'mail' }>,
  ): Promise<Outcome> {
    if (mailer === null || deps.stakeholders.length === 0) return done();
    // A person was shown what is sent: nothing is measured anew for that.
    const told = work.what === 'update' ? incident : await measured(incident);
    const trading = ledger.trading();
    const letter = draw.mail(work.what, told, trading);
    // The same mail sent again after a lost answer carries the same id.
    const messageId = `${incident.id}.${work.key.replace(':', '.')}@${deps.mailDomain}`;
    const sent = await mailer.send({ ...letter, to: deps.stakeholders, messageId });
    const what = `mail:${work.key}`;
    if (sent.state === 'done')
      return done({
        type: 'MailSent',
        what,
        to: sent.accepted,
        refused: sent.refused,
        told: toldOf(told.severity, trading),
      });
    const known = incident.mail?.state === 'retrying' && incident.mail.reason === sent.reason;
    const facts: FactEvent[] = known
      ? []
      : [{ type: 'MailFailed', what, reason: sent.reason, gaveUp: !sent.retry }];
    if (!sent.retry) return done(...facts);
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs, 300_000), facts };
  }

  /** The incident with the money as it is measured now on its log, so that what a mail says of it can be drawn again. */
  async function measured(incident: Incident): Promise<Incident> {
    const now = deps.money();
    if (isNoted(incident.impact?.last, now)) return incident;
    const noted = { type: 'Note' as const, by: STANDDOWN, event: now };
    return (await ledger.commit(incident.id, noted, { mustGoOn: true })).incident ?? incident;
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
      case 'checklist': {
        const message = draw.checklist(incident);
        return message === null ? done() : show(attempt, incident, 'checklist', message);
      }
      case 'notice':
        return notice(attempt, incident, work.version);
      case 'page':
        return pages.page(attempt, incident, work.n);
      case 'pageAcknowledge':
        return pages.follow(attempt, incident, work.n, 'acknowledge');
      case 'pageResolve':
        return pages.follow(attempt, incident, work.n, 'resolve');
      case 'pageCheck':
        return pages.check(attempt, incident, work.n);
      case 'pageNote':
        return pages.threadNote(attempt, incident, work.n, work.text);
      case 'pageMirror':
        return pages.mirror(attempt, incident, work.n, work.version);
      case 'summon':
        return summons.mention(attempt, incident, work.n);
      case 'summonMail':
        return summons.mail(attempt, incident, work.n);
      case 'issue':
        return issues.file(attempt, incident, work.item);
      case 'issueComment':
        return issues.tell(attempt, incident, work.item, work.postmortem);
      case 'mail':
        return mail(attempt, incident, work);
      case 'postmortem':
        return deps.postmortems.write(attempt, incident);
      case 'picture':
        return deps.figures.upload(attempt, incident);
      case 'postmortemCard': {
        const message = draw.postmortemCard(incident);
        return message === null ? done() : show(attempt, incident, 'postmortem', message);
      }
      case 'postmortemFile':
        return deps.postmortems.share(attempt, incident, work.of);
      default: {
        const unknown: never = work;
        throw new Error(`unknown work ${JSON.stringify(unknown)}`);
      }
    }
  };
}
