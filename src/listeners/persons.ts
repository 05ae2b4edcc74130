/** People who are named in a command: real members of this Slack, asked for now. */

import { Refusal } from '../domain/decide.ts';
import type { Actor } from '../domain/incident.ts';
import type { Person } from '../ports.ts';
import { type ListenerContext, slackActor } from './context.ts';

/** How long naming somebody waits for Slack. */
const WAIT_MS = 1_200;

/** A full member. Throws Refusal: what is not known is not assumed. */
async function member(context: ListenerContext, userId: string): Promise<Person> {
  const over = new AbortController();
  const late = context.clock.wait(WAIT_MS, over.signal).then(() => undefined);
  const person = await Promise.race([context.people.now(userId), late]).finally(() => over.abort());
  if (person === undefined)
    throw new Refusal('person_unknown', 'Slack did not say who that is: nothing was done. Try again.');
  if (person === null) throw new Refusal('no_such_person', 'Slack knows nobody like that: nothing was done.');
  if (person.kind === 'member') return person;
  const what = {
    guest: 'is a guest of this Slack',
    bot: 'is a bot',
    outside: 'belongs to another workspace',
    gone: 'is deactivated',
  }[person.kind];
  throw new Refusal('no_member', `${person.name} ${what}, and no member of this desk: nothing was done.`);
}

/** Who can command an incident: a member who may also press its buttons. Throws Refusal. */
export async function commander(context: ListenerContext, userId: string): Promise<Actor> {
  const person = await member(context, userId);
  if (!(await context.access.has(userId, 'responder')))
    throw new Refusal(
      'no_responder',
      `${person.name} is not a responder, and could press nothing: nothing was done.`,
    );
  return slackActor(person.id, person.name);
}

/** The owner of an action item in words: a member's name, or the name that was typed. Throws Refusal. */
export async function ownerName(
  context: ListenerContext,
  owner: { user: string } | { name: string },
): Promise<string> {
  return 'name' in owner ? owner.name : (await member(context, owner.user)).name;
}
