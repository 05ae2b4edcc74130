/** The next ways to on-call, when PagerDuty does not say that anybody has a page: a mention in #incidents, and mail. */

import type { FactEvent } from '../domain/decide.ts';
import { type Incident, STANDDOWN } from '../domain/incident.ts';
import { type SummonWay, wantsSummons } from '../domain/paging.ts';
import type { Chat, Clock, Draw, Log, Mailer, Sent } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { Ledger } from './ledger.ts';
import type { OnCall } from './onCall.ts';
import type { Attempt, Outcome } from './outbox.ts';

export interface SummonsDeps {
  ledger: Ledger;
  clock: Clock;
  chat: Chat;
  /** null: mail is off. */
  mailer: Mailer | null;
  onCall: OnCall;
  draw: Draw;
  channel: string;
  mailDomain: string;
  log: Log;
}

export interface SummonsWork {
  mention(attempt: Attempt, incident: Incident, n: number): Promise<Outcome>;
  mail(attempt: Attempt, incident: Incident, n: number): Promise<Outcome>;
}

const done = (...facts: FactEvent[]): Outcome => ({ done: true, facts });

/** What is owed within this time of each other leaves as one message. */
const COLLECT_MS = 1_000;

export function createSummons(deps: SummonsDeps): SummonsWork {
  const { ledger, clock, chat, mailer, onCall, draw, channel, log } = deps;

  /** False once somebody has the page, or the way was taken: nobody is summoned for what is over. */
  function isOwed(incident: Incident, n: number, way: SummonWay): boolean {
    const page = incident.pages.find((one) => one.n === n);
    const state = page?.summons?.[way]?.state;
    return page !== undefined && (state === 'owed' || state === 'retrying') && wantsSummons(incident, page);
  }

  const turns: Record<SummonWay, Promise<unknown>> = { mention: Promise.resolve(), mail: Promise.resolve() };
  /** One after the other, and a moment after it was owed: by then another's message may have said it for this one. */
  async function inTurn(
    incident: Incident,
    n: number,
    way: SummonWay,
    send: (now: Incident) => Promise<Outcome>,
  ): Promise<Outcome> {
    const summons = incident.pages.find((one) => one.n === n)?.summons?.[way];
    const age = clock.now() - (summons?.at ?? 0);
    if (summons?.state === 'owed' && age >= 0 && age < COLLECT_MS)
      return { done: false, retryInMs: COLLECT_MS - age, facts: [] };
    const turn = turns[way].then(async () => {
      const now = ledger.peek(incident.id) ?? incident;
      return isOwed(now, n, way) ? send(now) : done();
    });
    turns[way] = turn.catch(() => undefined);
    return turn;
  }

  /** The other incidents that wait for the same: they are named beside this one, so that a storm is no storm of pings. */
  const waiting = (incident: Incident, way: SummonWay): { one: Incident; n: number }[] =>
    ledger.open().flatMap((one) => {
      if (one.gameDay !== undefined) return [];
      const n = one.pages.at(-1)?.n;
      return n !== undefined && one.id !== incident.id && isOwed(one, n, way) ? [{ one, n }] : [];
    });

  /** On record for the others too; where that fails, theirs is sent by itself. */
  async function saidFor(others: ReturnType<typeof waiting>, way: SummonWay, to: string[]): Promise<void> {
    const by = STANDDOWN;
    for (const { one, n } of others) {
      const event: FactEvent = { type: 'SummonSent', n, way, to };
      await ledger
        .commit(one.id, { type: 'Note', by, event }, { mustGoOn: true })
        .catch((error: unknown) =>
          log.warn({ incident: one.id, error: String(error) }, 'it is not on record that on-call was asked'),
        );
    }
  }

  function failed(
    attempt: Attempt,
    incident: Incident,
    n: number,
    way: SummonWay,
    sent: Extract<Sent<object>, { state: 'failed' }>,
  ): Outcome {
    const { reason, retry } = sent;
    if (sent.maybe) attempt.setMaybe();
    if (!retry) return nobody(incident, n, way, reason);
    const known = incident.pages.find((one) => one.n === n)?.summons?.[way]?.reason === reason;
    const facts: FactEvent[] = known ? [] : [{ type: 'SummonFailed', n, way, reason, gaveUp: false }];
    return { done: false, retryInMs: backoff(attempt.tries, sent.retryAfterMs), facts };
  }

  function nobody(incident: Incident, n: number, way: SummonWay, reason: string): Outcome {
    log.error({ incident: incident.id, n, way, reason }, 'on-call could not be asked by this way either');
    return done({ type: 'SummonFailed', n, way, reason, gaveUp: true });
  }

  return {
    mention: (attempt, owed, n) =>
      inTurn(owed, n, 'mention', async (incident) => {
        const who = await onCall.mentions();
        const to = [...who.users, ...who.groups];
        if (to.length === 0) return nobody(incident, n, 'mention', 'nobody to mention is known');
        const key = attempt.effect.target;
        const said = (ts: string): Outcome =>
          done(
            { type: 'Posted', what: `summon:${n}`, channel, ts },
            { type: 'SummonSent', n, way: 'mention', to },
          );
        if (attempt.maybe) {
          // An earlier try may have pinged everybody: look for it, in the channel, where a broadcast reply stands as well.
          const found = await chat.find(channel, null, key, incident.openedAt);
          if (found.state === 'failed') return failed(attempt, incident, n, 'mention', found);
          if (found.ts !== null) return said(found.ts);
        }
        const thread = incident.posts['headline']?.ts ?? null;
        const others = waiting(incident, 'mention');
        const message = draw.summon(
          incident,
          n,
          who,
          others.map(({ one }) => one),
        );
        const sent = await chat.post(channel, thread, message, key, true);
        if (sent.state === 'failed') return failed(attempt, incident, n, 'mention', sent);
        await saidFor(others, 'mention', to);
        return said(sent.ts);
      }),

    mail: (attempt, owed, n) =>
      inTurn(owed, n, 'mail', async (incident) => {
        if (mailer === null) return nobody(incident, n, 'mail', 'mail is off');
        const to = await onCall.addresses();
        if (to.length === 0)
          return nobody(incident, n, 'mail', 'the mail address of nobody on call is known');
        // The same mail sent again after a lost answer carries the same id.
        const messageId = `${incident.id}.summon.${n}@${deps.mailDomain}`;
        const others = waiting(incident, 'mail');
        const letter = draw.summonMail(
          incident,
          n,
          others.map(({ one }) => one),
        );
        const sent = await mailer.send({ ...letter, to, messageId });
        if (sent.state === 'failed') return failed(attempt, incident, n, 'mail', sent);
        if (sent.refused.length > 0)
          log.warn(
            { incident: incident.id, refused: sent.refused.length },
            'on-call was mailed, but for some',
          );
        await saidFor(others, 'mail', sent.accepted);
        return done({ type: 'SummonSent', n, way: 'mail', to: sent.accepted });
      }),
  };
}
