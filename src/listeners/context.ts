/** What every listener has at hand, and how it answers a person. */

import type { KnownBlock } from '@slack/types';
import type { ClockRules } from '../domain/clocks.ts';
import { type FactEvent, Refusal } from '../domain/decide.ts';
import type { Actor, Incident } from '../domain/incident.ts';
import type { Criterion } from '../domain/measure/criteria.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { TextVersion } from '../domain/readiness/events.ts';
import type { Access, Role, Standing } from '../engine/access.ts';
import type { BudgetKeeper } from '../engine/budgetKeeper.ts';
import type { Desk } from '../engine/desk.ts';
import type { Drills } from '../engine/drill/drills.ts';
import type { Schedule } from '../engine/drill/schedule.ts';
import type { EngineStatus } from '../engine/engines.ts';
import type { HomeBoard } from '../engine/homeBoard.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { OnCall } from '../engine/onCall.ts';
import type { Once } from '../engine/once.ts';
import type { People } from '../engine/people.ts';
import type { Readiness } from '../engine/readiness.ts';
import type { Refusals } from '../engine/refusals.ts';
import { type Clock, type Draughtsman, type Log, type Sent, type Store, StoreUnavailable } from '../ports.ts';
import type { DeskNames } from '../render/buttons.ts';
import { masked } from '../render/masked.ts';
import { pageOffer } from '../render/pageOffer.ts';
import { cutMarkup, unlinked } from '../render/text.ts';
import type { Choices } from './incident/choices.ts';

export interface ListenerContext {
  desk: Desk;
  ledger: Ledger;
  store: Store;
  access: Access;
  people: People;
  once: Once;
  choices: Choices;
  refusals: Pick<Refusals, 'note'>;
  home: HomeBoard;
  playbook: Playbook;
  clock: Clock;
  log: Log;
  clocks: ClockRules;
  /** The mails to the stakeholders. `to` null: mail is off. */
  letters: {
    to: string[] | null;
    money(): Extract<FactEvent, { type: 'ImpactNoted' }>;
    draw(incident: Incident): { subject: string; text: string };
  };
  /** The #incidents channel. */
  channel: string;
  /** Where alerts that other bots post are read. */
  alertChannels: string[];
  drill: boolean;
  /** What the buttons' confirms name. */
  names: DeskNames;
  criteria(): Criterion[];
  budgets: Omit<BudgetKeeper, 'tick' | 'stop'>;
  drilling: { drills: Pick<Drills, 'start' | 'stop' | 'finished'>; schedule: Omit<Schedule, 'look'> };
  readiness: Omit<Readiness, 'tick' | 'sawBar' | 'hearTestPage'>;
  /** The hash of what on-call is to read, short enough for a button. */
  textsVersion(texts: TextVersion[]): string;
  pictures: Draughtsman;
  /** Post files in a channel or a thread. */
  upload(
    channel: string,
    threadTs: string | null,
    comment: string,
    files: { name: string; title: string; bytes: Buffer }[],
  ): Promise<Sent<object>>;
  engines(): EngineStatus[];
  onCall: Pick<OnCall, 'now'>;
  permalink(channel: string, ts: string): Promise<string | null>;
  /** Applied to what leaves by another way than the outbox: what somebody wrote may hold a secret of ours. */
  mask(text: string): string;
  /** Who we are at Slack, once known: requests of other teams and apps are refused. */
  identity(): { teamId: string; appId: string | null; botId: string; botUserId: string } | null;
}

/** What a person is answered, they alone; null: nothing, since they see it anyway. */
export type Reply = string | { text: string; blocks: KnownBlock[] } | null;

export const slackActor = (id: string, name: string | undefined): Actor => ({
  via: 'slack',
  id,
  name: name === undefined || name === '' ? id : name,
});

/** How every refusal of somebody without the role begins. */
export const NOT_A_RESPONDER = '⛔ You are not a responder for this desk';

const A_ROLE: Record<Role, string> = { responder: 'a responder', approver: 'an approver' };
type Lacking = Exclude<Standing, 'has'>;

/** How the refusal of somebody without the role begins, by what stands in the way. */
const LACKING: Record<Lacking, (role: Role) => string> = {
  notNamed: (role) => (role === 'responder' ? NOT_A_RESPONDER : '⛔ You are not an approver for this desk'),
  guest: (role) => `⛔ You are a guest of this Slack, and a guest is not ${A_ROLE[role]}`,
  outside: (role) => `⛔ You belong to another workspace, and so you are not ${A_ROLE[role]}`,
  bot: (role) => `⛔ A bot is not ${A_ROLE[role]}`,
  gone: (role) => `⛔ Slack knows no such member, and so they are not ${A_ROLE[role]}`,
  unknown: (role) => `⛔ Slack knows no such member, and so they are not ${A_ROLE[role]}`,
};

/** Refuses, in words that name who can, when this person does not have the role. Null when they have it. */
export async function refusalFor(
  context: ListenerContext,
  userId: string,
  role: Role,
): Promise<string | null> {
  const standing = userId === '' ? 'unknown' : await context.access.standing(userId, role);
  if (standing === 'has') return null;
  const who = context.access.whoCan(role);
  const can = `${who} can${role === 'responder' ? '; if nobody answers, call the on-call person' : ''}.`;
  return `${LACKING[standing](role)}: nothing was done. ${can}`;
}

/** The code of such a refusal, as it stands on the log; null: it is another one. */
export function roleCode(words: string): string | null {
  for (const role of Object.keys(A_ROLE) as Role[])
    for (const [standing, begins] of Object.entries(LACKING))
      if (words.startsWith(`${begins(role)}:`)) return `no_${role}:${standing}`;
  return null;
}

/** What a halt or a cancel that names no incident belongs to. */
export const onlyOpen = ({ ledger }: ListenerContext): string | undefined => {
  const open = ledger.open().filter(({ gameDay }) => gameDay === undefined);
  return open.length === 1 ? open[0]?.id : undefined;
};

/** What to tell a person when a command did not go through, in plain text. */
export function inWords(error: unknown, context: ListenerContext): string {
  if (error instanceof Refusal) return `⛔ ${error.message}`;
  if (error instanceof StoreUnavailable && error.maybe) {
    return `❓ It is not known whether that was recorded (${error.message}): look at the timeline before you ask again. Kill, halt and cancel work all the same.`;
  }
  if (error instanceof StoreUnavailable) {
    return `❗ Nothing was done: it cannot be recorded (${error.message}). Kill, halt and cancel work all the same.`;
  }
  context.log.error({ error: String(error) }, 'a request failed in a way that is ours to mend');
  return '❗ That failed inside Standdown and was logged. Kill, halt and cancel are also on its command line.';
}

/** The same where Slack reads markup: a refusal quotes what people and sources wrote. */
export const inMarkup = (error: unknown, context: ListenerContext): string =>
  unlinked(inWords(error, context));

/** A person reads no more than this, and Slack cuts at some point that it does not name. */
const ANSWER = 3_900;

/**
 * The reply as Slack's ephemeral answer, masked, and labelled in a drill. The refusal of somebody without the role offers
 * what anybody may do: page on-call, for `incident` where they pressed on one.
 */
export function ephemeral(
  reply: Exclude<Reply, null>,
  { drill, mask }: ListenerContext,
  incident: string | null = null,
) {
  if (typeof reply === 'string' && reply.startsWith(NOT_A_RESPONDER)) {
    const text = `${drill ? 'DRILL · ' : ''}${reply}`.replace(
      'call the on-call person',
      'press *Page on-call*',
    );
    return { response_type: 'ephemeral' as const, ...masked(pageOffer(text, incident), mask) };
  }
  const { text, blocks } = typeof reply === 'string' ? { text: reply, blocks: undefined } : reply;
  const label = drill ? 'DRILL · ' : '';
  const said = { text: cutMarkup(`${label}${text}`, ANSWER), ...(blocks === undefined ? {} : { blocks }) };
  return { response_type: 'ephemeral' as const, ...masked(said, mask) };
}

/** Slack waits 3 s for an acknowledgement. What takes longer than this is acknowledged, goes on, and is answered later. */
const ACK_MS = 2_000;

/** Whether the work is over in time for the acknowledgement; it goes on either way. Rejects when the work does in time. */
export async function inTime<T>(
  work: Promise<T>,
  clock: Clock,
): Promise<{ late: false; value: T } | { late: true }> {
  const over = new AbortController();
  const soon = clock.wait(ACK_MS, over.signal).then(() => ({ late: true }) as const);
  return Promise.race([work.then((value) => ({ late: false, value }) as const), soon]).finally(() =>
    over.abort(),
  );
}

/**
 * Acknowledge a click in time and answer it: when the work is over, or later when Slack cannot wait for it. `work` answers in
 * words whatever happens, and never rejects.
 */
export async function answered<R extends Reply>(
  context: ListenerContext,
  ack: () => Promise<void>,
  work: Promise<R>,
  say: (reply: R) => void,
): Promise<void> {
  const first = await inTime(work, context.clock);
  // Recorded first, acknowledged then. The answer is a separate request: it may fail without harm.
  await ack();
  say(first.late ? await work : first.value);
}
