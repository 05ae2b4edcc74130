/** PagerDuty's v3 webhooks: signature, shape, and which page of which incident it is about. Never by a title. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { type Actor, PAGER_WORDS, type PagerSaid, type PagerWord } from '../domain/incident.ts';
import type { Desk } from '../engine/desk.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { OnCall } from '../engine/onCall.ts';
import type { Readiness } from '../engine/readiness.ts';
import { testPageOf } from '../engine/testPage.ts';
import type { Clock, Log, Pager } from '../ports.ts';
import { plain } from '../render/text.ts';
import { HttpRefusal, parseJson, shaped } from './body.ts';

export interface PagerHookDeps {
  /** Several while they are rotated: each of them is good. Never empty. */
  secrets: string[];
  desk: Pick<Desk, 'command'>;
  ledger: Pick<Ledger, 'load' | 'open'>;
  pager: Pick<Pager, 'keyOf' | 'canConfirm'>;
  onCall: Pick<OnCall, 'slackOf'>;
  readiness: Pick<Readiness, 'hearTestPage'>;
  clock: Clock;
  log: Log;
}

/** What is answered with 202: which incident heard it, or why it means nothing here. */
export type PagerHookAnswer = { incident: string } | { testPage: number } | { ignored: string };

/** Resolves when what was heard is on disk. Throws HttpRefusal 401, 400; StoreUnavailable, and PagerDuty sends it again. */
export type PagerHook = (headers: IncomingHttpHeaders, body: Buffer) => Promise<PagerHookAnswer>;

/** PagerDuty signs with each secret of a subscription that is being rotated: two. */
const MAX_SIGNATURES = 10;
/** It waits 5 s for an answer; the log may take 3 of them. */
const LOOKUP_MS = 1_200;

/** Throws HttpRefusal 401 unless one of the signatures is that of one of the secrets over these very bytes. */
export function checkSignature(secrets: string[], header: string | string[] | undefined, body: Buffer): void {
  const given = (Array.isArray(header) ? header.join(',') : (header ?? ''))
    .split(',', MAX_SIGNATURES)
    .map((one) => /^v1=([0-9a-f]{64})$/i.exec(one.trim())?.[1])
    .filter((one) => one !== undefined)
    .map((hex) => Buffer.from(hex, 'hex'));
  let found = false;
  // Every pair is compared, so that the time says nothing about which one fits.
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret).update(body).digest();
    for (const signature of given) if (timingSafeEqual(expected, signature)) found = true;
  }
  if (given.length === 0)
    throw new HttpRefusal(401, 'not_signed', 'The request carries no signature of PagerDuty (v1).');
  if (!found) throw new HttpRefusal(401, 'wrong_signature', 'No signature fits the body.');
}

const id = z.string().min(1).max(200);
const name = z.string().max(10_000).nullish();
const reference = z.object({ id, type: z.string().max(200).nullish(), summary: name });

const envelope = z.object({
  event: z.object({
    id,
    event_type: z.string().min(1).max(200),
    agent: reference.nullish(),
    data: z.unknown(),
  }),
});
const incidentData = z.object({
  id,
  incident_key: z.string().max(1_000).nullish(),
  assignees: z
    .array(z.object({ summary: name, id }))
    .max(1_000)
    .nullish(),
});
const noteData = z.object({ incident: z.object({ id }), content: z.string().max(200_000) });

/** One event of PagerDuty's, as far as it is of use here. `key` null: a note names its incident by PagerDuty's id alone. */
export interface PagerEvent {
  id: string;
  what: PagerWord;
  by: { id: string; name: string; isPerson: boolean };
  pagerId: string;
  key: string | null;
  to: string[];
  text?: string;
}

const isWord = (word: string): word is PagerWord => PAGER_WORDS.some((one) => one === word);

/** Throws HttpRefusal 400. A type of event that means nothing here is `ignored`, whatever is in it. */
export function parsePagerEvent(body: unknown): PagerEvent | { ignored: string } {
  const { event } = shaped(envelope, body);
  const [, word = ''] = /^incident\.(\w+)$/.exec(event.event_type) ?? [];
  if (!isWord(word)) return { ignored: `events of type ${plain(event.event_type, 80)} mean nothing here` };
  const { agent } = event;
  const by = {
    id: agent?.id ?? 'pagerduty',
    name: plain(agent?.summary ?? '', 100) || (agent?.id ?? 'PagerDuty'),
    isPerson: agent?.type === 'user_reference' || agent?.type === 'user',
  };
  if (word === 'annotated') {
    const note = shaped(noteData, event.data);
    return {
      id: event.id,
      what: word,
      by,
      pagerId: note.incident.id,
      key: null,
      to: [],
      text: plain(note.content, 2_000),
    };
  }
  const incident = shaped(incidentData, event.data);
  const to = (incident.assignees ?? []).slice(0, 20).map((one) => plain(one.summary ?? '', 100) || one.id);
  return { id: event.id, what: word, by, pagerId: incident.id, key: incident.incident_key ?? '', to };
}

export function createPagerHook(deps: PagerHookDeps): PagerHook {
  const { secrets, desk, ledger, pager, onCall, clock, log } = deps;

  /** The key of a note's incident: known from what was said of it before, else asked for. Null: none of ours. */
  async function keyOf(pagerId: string): Promise<string | null> {
    for (const incident of ledger.open()) {
      const page = incident.pages.find((one) => one.pagerId === pagerId);
      if (page !== undefined) return `${incident.id}/${page.n}`;
    }
    if (!pager.canConfirm) return null;
    const limit = new AbortController();
    const late = clock.wait(LOOKUP_MS, limit.signal).then(() => undefined);
    const key = await Promise.race([pager.keyOf(pagerId), late]).finally(() => limit.abort());
    // Answered all the same: PagerDuty holds back everything behind a request that fails, an acknowledgement too.
    if (key === undefined)
      log.warn({ pagerId }, 'a note at PagerDuty could not be told to its incident: it is left out');
    return key ?? null;
  }

  async function actorOf({ id: agent, name: called, isPerson }: PagerEvent['by']): Promise<Actor> {
    const slack = isPerson ? await onCall.slackOf(agent) : null;
    return { via: 'pagerduty', id: agent, name: called, ...(slack === null ? {} : { slack }) };
  }

  return async (headers, body) => {
    checkSignature(secrets, headers['x-pagerduty-signature'], body);
    const event = parsePagerEvent(parseJson(body));
    if ('ignored' in event) {
      log.debug({ why: event.ignored }, "an event of PagerDuty's is ignored");
      return event;
    }
    const key = event.key ?? (await keyOf(event.pagerId)) ?? '';
    const testPage = testPageOf(key);
    if (testPage !== null) {
      await deps.readiness.hearTestPage(testPage, event.what, event.by);
      return { testPage };
    }
    const [, incident = '', n = ''] = /^(INC-\d{8}-\d{3,9})\/(\d{1,6})$/.exec(key) ?? [];
    const known = incident === '' ? undefined : await ledger.load(incident);
    if (known === undefined || !known.pages.some((page) => page.n === Number(n))) {
      log.debug({ pagerId: event.pagerId }, "an event of PagerDuty's is about none of our pages");
      return { ignored: 'it is about none of our pages' };
    }
    const said: Omit<PagerSaid, 'type'> = {
      id: event.id,
      n: Number(n),
      what: event.what,
      person: event.by.isPerson,
      to: event.to,
      pagerId: event.pagerId,
      ...(event.text === undefined ? {} : { text: event.text }),
    };
    await desk.command(incident, { type: 'HearPager', by: await actorOf(event.by), ...said });
    return { incident };
  };
}
