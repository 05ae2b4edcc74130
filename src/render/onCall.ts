/** Who is on call and how to reach them, for one responder's eyes. Pure. */

import type { ContactMethod, OnCallNow, OnCallPerson } from '../domain/onCall.ts';
import { code, count, dateTime, duration, inert, linesWithin, listed } from './text.ts';

/** Older than this, what is shown is said to be of then. */
const FRESH_MS = 60_000;

/** What `/incident oncall` answers. It has telephone numbers in it: for responders alone, and never in a channel. */
export function onCallText(now: OnCallNow & { ageMs: number }): string {
  if (now.state === 'unavailable')
    return `❓ Who is on call is *unknown*: ${inert(now.reason, 300)}. Look at PagerDuty itself.`;
  if (now.people.length === 0) return '❗ *Nobody is on call* at PagerDuty now: a page reaches nobody.';
  const age =
    now.ageMs <= FRESH_MS ? '' : `\n❓ PagerDuty does not answer: this was read ${duration(now.ageMs)} ago.`;
  return `*On call now*, by level of the escalation policy${age}\n${linesWithin(now.people.map(personLines), 3_000, (left) => `… ${count(left, 'more person', 'more people')}`).join('\n')}`;
}

function personLines(person: OnCallPerson): string {
  const shift = person.schedule === null ? '' : ` · ${inert(person.schedule, 80)}`;
  const until = person.until === null ? ' · always' : ` · until ${dateTime(person.until)}`;
  const next = person.next === null ? '' : `, then ${inert(person.next, 60)}`;
  const contacts =
    person.contacts === null
      ? '❓ contact methods could not be read'
      : person.contacts.length === 0
        ? '❗ no contact method: PagerDuty cannot reach them'
        : contactsWords(person.contacts);
  return `${person.level}. *${inert(person.name, 60)}*${shift}${until}${next}\n    ${contacts}`;
}

/** Nobody tries a seventh way. */
const CONTACTS = 6;

function contactsWords(contacts: ContactMethod[]): string {
  const more = contacts.length - CONTACTS;
  const words = contacts.slice(0, CONTACTS).map(contactWords).join(' · ');
  return more <= 0 ? words : `${words} · ${more} more`;
}

const contactWords = ({ kind, label, address }: ContactMethod): string =>
  address === null ? `${kind} (${inert(label, 40)})` : `${kind} \`${code(address, 80)}\``;

/** Who is on call in a line, without how to reach them: what everybody who opens the App Home may see. */
export function onCallLine(now: OnCallNow & { ageMs: number }, responders: string): string {
  const age = now.ageMs <= FRESH_MS ? '' : `, read ${duration(now.ageMs)} ago`;
  const who =
    now.state === 'unavailable'
      ? `❓ On call: unknown, ${inert(now.reason, 200)}`
      : now.people.length === 0
        ? '❗ On call: nobody, says PagerDuty'
        : `On call: ${listed(
            now.people.map(({ name }) => inert(name, 60)),
            8,
          )}, says PagerDuty${age}`;
  return `${who}.\nResponders: ${responders}.`;
}
