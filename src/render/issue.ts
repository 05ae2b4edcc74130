/** An action item as an issue on GitHub: what people wrote stands in code there, where GitHub makes nothing of it. Pure. */

import type { Incident } from '../domain/incident.ts';
import { messageLink } from '../domain/timelineRows.ts';
import { todoItems } from '../domain/tracker.ts';
import { cut, dateTime, plain, printable, safeLink } from './text.ts';

/** GitHub holds titles of 256 characters and bodies of 65,536. */
const TITLE = 250;
const TEXT = 8_000;

/**
 * The issue of an item; null: the incident has no such item, or its message was deleted. No mention, reference, link,
 * picture, HTML or closing word comes of somebody else's text: in the body it stands in code, in the title what begins one
 * is broken by a word joiner.
 */
export function issueDraft(
  incident: Incident,
  item: string,
): { mark: string; title: string; body: string; labels: string[] } | null {
  const todo = todoItems(incident).find(({ id }) => id === item);
  if (todo === undefined) return null;
  const mark = `<!-- standdown:${incident.id}/${item} -->`;
  const headline = incident.posts['headline'];
  const said = todo.ts === undefined ? null : messageLink(headline, todo.ts);
  const lines = [
    ...(incident.drill ? ['**DRILL**: nothing of this happened.', ''] : []),
    fenced(todo.text),
    '',
    `- Owner: ${span(todo.owner ?? 'nobody yet')}`,
    `- Priority: ${span(todo.priority ?? 'not said')}`,
    `- Due: ${span(todo.due ?? 'not said')}`,
    `- Incident: ${span(`${incident.id} ${incident.severity} ${incident.title}`)}`,
    `- Postmortem: ${span(incident.postmortem?.id ?? 'not drafted yet')}`,
    `- Slack thread: ${address(headline?.permalink)}`,
    ...(said === null ? [] : [`- Said in: ${address(said)}`]),
    '',
    `Filed by Standdown, noted by ${span(todo.by.name)} at ${dateTime(todo.at)}. Close this issue when it is done: the postmortem shows it.`,
    '',
    mark,
    '',
  ];
  return {
    mark,
    title: issueTitle(incident, todo.text),
    body: lines.join('\n'),
    labels: ['standdown', ...(incident.drill ? ['DRILL'] : [])],
  };
}

/** What its issue is told when the postmortem is there to be read. */
export function issueComment(
  incident: Incident,
  item: string,
  postmortem: string,
): { mark: string; body: string } {
  const mark = `<!-- standdown:${incident.id}/${item} ${plain(postmortem, 40)} -->`;
  const thread = address(incident.posts['headline']?.permalink);
  const drill = incident.drill ? '**DRILL**: nothing of this happened.\n\n' : '';
  return {
    mark,
    body: `${drill}This is an action item of postmortem ${span(postmortem)} (incident ${span(incident.id)}), which is ready to be read. Slack thread: ${thread}\n\n${mark}\n`,
  };
}

function issueTitle({ id, drill }: Incident, text: string): string {
  const words = plain(text, 180)
    .replace(/[@#<>[\]()!`]/g, '$&\u2060')
    // `GH-1` is a reference as `#1` is, and so is an address.
    .replace(/\bGH-/gi, '$&\u2060')
    .replaceAll('://', ':\u2060//');
  return cut(`${drill ? 'DRILL · ' : ''}${cut(words, TITLE - 40)} (${id})`, TITLE);
}

/** One line in a code span. It stands in no table, where a bar would end its cell and the span with it. */
const span = (text: string): string => `\`${plain(text, 300).replaceAll('`', "'") || '—'}\``;

/** Lines in a block of code, whose fence is longer than any in it. */
function fenced(text: string): string {
  const lines = cut(printable(text.replace(/\r\n?/g, '\n')), TEXT);
  const longest = Math.max(2, ...[...lines.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${lines}\n${fence}`;
}

/** An address that Slack gave. */
function address(href: string | undefined): string {
  const link = safeLink(href);
  return link === null ? 'its address is not known' : `<${link}>`;
}
