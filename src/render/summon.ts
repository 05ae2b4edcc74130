/** The next ways to on-call, as people get them: a message that pings, and a mail. Pure. */

import type { KnownBlock } from '@slack/types';
import type { Incident, Page } from '../domain/incident.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, message, section, sections } from './blocks.ts';
import { clockTime, dateTime, inert, plain } from './text.ts';

/** What is known of the page, in a sentence. `escape` is for where it is shown. */
function whatHappened(page: Page | undefined, escape: (text: string, max: number) => string): string {
  const reason = page?.reason === undefined ? '' : ` (${escape(page.reason, 200)})`;
  switch (page?.state) {
    case 'failed':
      return `PagerDuty refused the page for good${reason}: nobody was paged.`;
    case 'retrying':
    case 'owed':
      return `PagerDuty does not take the page${reason}: nobody was paged yet.`;
    default:
      return `PagerDuty took the page at ${clockTime(page?.queuedAt ?? page?.owedAt ?? 0)} UTC and does not say that anybody has it.`;
  }
}

const pageOf = (incident: Incident, n: number): Page | undefined => incident.pages.find((one) => one.n === n);

/** Slack's ids, which come from the configuration or from Slack itself; anything else is left out. */
function mentions({ users, groups }: { users: string[]; groups: string[] }): string {
  return [
    ...users.filter((id) => /^[UW][A-Z0-9]+$/.test(id)).map((id) => `<@${id}>`),
    ...groups.filter((id) => /^S[A-Z0-9]+$/.test(id)).map((id) => `<!subteam^${id}>`),
  ].join(' ');
}

export function summonMessage(
  incident: Incident,
  n: number,
  who: { users: string[]; groups: string[] },
  others: Incident[],
): { text: string; blocks: KnownBlock[] } {
  const drill = incident.drill ? 'DRILL · ' : '';
  const lead = `${drill}🚨 ${mentions(who)} *somebody is needed*: ${incident.severity} ${inert(incident.title, 150)} (${incident.id})`;
  return message(lead.replaceAll('*', ''), [
    section(`${lead}\n${whatHappened(pageOf(incident, n), inert)} Whoever takes it presses Acknowledge.`),
    ...sections(othersLines(others, inert)),
    actions({
      action: ACTION.acknowledge,
      label: 'Acknowledge',
      value: buttonValue({ incident: incident.id }),
      style: 'primary',
    }),
  ]);
}

const html = (text: string): string =>
  text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`).replaceAll('\n', '<br>\n');

/** At most this many others are named; the rest is counted. */
const OTHERS = 10;

function othersLines(others: Incident[], escape: (text: string, max: number) => string): string[] {
  if (others.length === 0) return [];
  const named = others
    .slice(0, OTHERS)
    .map((one) => `• ${one.severity} ${escape(one.title, 100)} (${one.id})`);
  const more = others.length - OTHERS;
  return ['Nobody is known to have these either:', ...named, ...(more > 0 ? [`and ${more} more`] : [])];
}

export function summonMail(
  incident: Incident,
  n: number,
  others: Incident[],
): { subject: string; text: string; html: string } {
  const drill = incident.drill ? 'DRILL · ' : '';
  const link = incident.posts['headline']?.permalink;
  const text = [
    `${drill}You are asked because PagerDuty reached nobody.`,
    '',
    `${incident.severity} ${plain(incident.title, 200)}`,
    `${incident.id}, opened ${dateTime(incident.openedAt)}`,
    whatHappened(pageOf(incident, n), plain),
    ...othersLines(others, plain),
    '',
    link === undefined
      ? 'Acknowledge it in Slack, in the channel of the incidents.'
      : `Acknowledge it in Slack: ${link}`,
    'When you cannot, call somebody who can.',
  ].join('\n');
  return {
    subject: `${drill}${incident.severity} ${plain(incident.title, 120)}: somebody is needed (${incident.id})`,
    text,
    html: `<p>${html(text)}</p>`,
  };
}
