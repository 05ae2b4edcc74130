/** The next ways to on-call, when PagerDuty does not say that anybody has a page: a mention in #incidents, and mail. */

import type { FactEvent } from '../domain/decide.ts';
import type { Incident } from '../domain/incident.ts';
import { type SummonWay, wantsSummons } from '../domain/paging.ts';
import type { Chat, Draw, Log, Mailer, Sent } from '../ports.ts';
import { backoff } from './backoff.ts';
import type { OnCall } from './onCall.ts';
import type { Attempt, Outcome } from './outbox.ts';

export interface SummonsDeps {
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

export function createSummons(deps: SummonsDeps): SummonsWork {
  const { chat, mailer, onCall, draw, channel, log } = deps;

  /** False once somebody has the page, or the way was taken: nobody is summoned for what is over. */
  function isOwed(incident: Incident, n: number, way: SummonWay): boolean {
    const page = incident.pages.find((one) => one.n === n);
    const state = page?.summons?.[way]?.state;
    return page !== undefined && (state === 'owed' || state === 'retrying') && wantsSummons(incident, page);
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
    async mention(attempt, incident, n) {
      if (!isOwed(incident, n, 'mention')) return done();
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
      const sent = await chat.post(channel, thread, draw.summon(incident, n, who), key, true);
      return sent.state === 'done' ? said(sent.ts) : failed(attempt, incident, n, 'mention', sent);
    },

    async mail(attempt, incident, n) {
      if (!isOwed(incident, n, 'mail')) return done();
      if (mailer === null) return nobody(incident, n, 'mail', 'mail is off');
      const to = await onCall.addresses();
      if (to.length === 0) return nobody(incident, n, 'mail', 'the mail address of nobody on call is known');
      // The same mail sent again after a lost answer carries the same id.
      const messageId = `${incident.id}.summon.${n}@${deps.mailDomain}`;
      const sent = await mailer.send({ ...draw.summonMail(incident, n), to, messageId });
      return sent.state === 'done'
        ? done({ type: 'SummonSent', n, way: 'mail', to: sent.accepted })
        : failed(attempt, incident, n, 'mail', sent);
    },
  };
}
