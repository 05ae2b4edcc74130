/** What every listener has at hand, and how it answers a person. */

import type { ClockRules } from '../domain/clocks.ts';
import { type FactEvent, Refusal } from '../domain/decide.ts';
import type { Actor, Incident } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { Access, Role } from '../engine/access.ts';
import type { Desk } from '../engine/desk.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { Once } from '../engine/once.ts';
import { type Clock, type Log, type Store, StoreUnavailable } from '../ports.ts';

export interface ListenerContext {
  desk: Desk;
  ledger: Ledger;
  store: Store;
  access: Access;
  once: Once;
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
  drill: boolean;
  /** Who we are at Slack, once known: requests of other teams and apps are refused. */
  identity(): { teamId: string; appId: string | null; botId: string; botUserId: string } | null;
}

export const slackActor = (id: string, name: string | undefined): Actor => ({
  via: 'slack',
  id,
  name: name === undefined || name === '' ? id : name,
});

/** Refuses, in words that name who can, when this person does not have the role. Null when they have it. */
export async function refusalFor(
  context: ListenerContext,
  userId: string,
  role: Role,
): Promise<string | null> {
  if (userId !== '' && (await context.access.has(userId, role))) return null;
  const who = context.access.whoCan(role);
  return role === 'responder'
    ? `⛔ You are not a responder for this desk: nothing was done. ${who} can; if nobody answers, call the on-call person.`
    : `⛔ You are not an approver for this desk: nothing was done. ${who} can.`;
}

/** What to tell a person when a command did not go through. */
export function inWords(error: unknown, context: ListenerContext): string {
  if (error instanceof Refusal) return `⛔ ${error.message}`;
  if (error instanceof StoreUnavailable) {
    return `❗ Nothing was done: it cannot be recorded (${error.message}). Kill, halt and cancel work all the same.`;
  }
  context.log.error({ error: String(error) }, 'a request failed in a way that is ours to mend');
  return '❗ That failed inside Standdown and was logged. Kill, halt and cancel are also on its command line.';
}

/** Open incidents first; used when a command names none. */
export function chooseIncident(
  context: ListenerContext,
  named: string | undefined,
): { id: string } | { say: string } {
  if (named !== undefined) {
    const known = context.store.summaries().some((one) => one.id === named);
    return known ? { id: named } : { say: `There is no incident ${named}.` };
  }
  const open = context.ledger.open();
  const [only] = open;
  if (open.length === 1 && only !== undefined) return { id: only.id };
  if (open.length === 0) return { say: 'There is no open incident.' };
  const list = open.slice(0, 20).map((one) => `• ${one.id} ${one.severity}`);
  return {
    say: `Which one? Name it:\n${list.join('\n')}${open.length > 20 ? `\n${open.length - 20} more` : ''}`,
  };
}
