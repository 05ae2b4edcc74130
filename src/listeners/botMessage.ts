/**
 * What another bot's message says of an alert. Only structured fields are read: an attachment's title, a header block, a field
 * with a title. Prose is never an alert, and never a severity (docs/adr/0014). Pure, and total over any input.
 */

import type { Severity } from '../domain/incident.ts';
import { isWorse } from '../domain/incident.ts';
import { type Playbook, readSeverity } from '../domain/playbook.ts';
import { cut, fromSlack, plain } from '../render/text.ts';

export interface BotAlert {
  status: 'firing' | 'resolved';
  /** The group that the title names: with the bot and the channel it is the alert's identity. */
  group: string;
  title: string;
  severity: Severity;
  severityGuess?: string;
  labels: Record<string, string>;
  link?: string;
}

export type BotReading =
  | { kind: 'alerts'; alerts: BotAlert[] }
  /** It looks like an alert: a person must say whether it is one. */
  | { kind: 'unreadable'; why: string }
  | { kind: 'chatter' };

type Json = Record<string, unknown>;
/** A part of the message that belongs together: the message's own blocks, or one attachment. */
interface Part {
  titles: string[];
  fields: { name: string; value: string }[];
  link: string | undefined;
}

const ITEMS = 100;
/** An identity is not cut short; what is shown is. */
const NAME = 2_000;
const TITLE_SHOWN = 300;

const records = (value: unknown): Json[] =>
  Array.isArray(value)
    ? value
        .slice(0, ITEMS)
        .filter((one): one is Json => typeof one === 'object' && one !== null && !Array.isArray(one))
    : [];
const words = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 3_000) : '');
const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null ? words((value as Json)['text']) : '';
const line = (wire: string, max = NAME): string => plain(fromSlack(wire), max);

/** `[FIRING:2] name (other labels)`, as Alertmanager's and Grafana's default titles begin (their templates, 2026). */
const TITLE = /^\[(FIRING|RESOLVED)(?::\d{1,6})?(?:, ?RESOLVED:\d{1,6})?\] +(\S.*)$/;
/** What only looks like one. */
const LIKE_TITLE = /^\s*\[?\s*(?:firing|resolved)\b/i;

export function readBotMessage(message: unknown, playbook: Playbook): BotReading {
  const json = typeof message === 'object' && message !== null ? (message as Json) : {};
  const parts = [
    partOf({}, json['blocks']),
    ...records(json['attachments']).map((one) => partOf(one, one['blocks'])),
  ];
  const known = parts.flatMap((part) => {
    const title = part.titles.find((one) => TITLE.test(one));
    return title === undefined ? [] : [{ part, title }];
  });
  if (known.length > 0) {
    // One title speaks for the whole message; of several, each for its own part.
    const all = parts.flatMap(({ fields }) => fields);
    return {
      kind: 'alerts',
      alerts: known.map(({ part, title }) =>
        titled(title, known.length === 1 ? all : part.fields, part.link, playbook),
      ),
    };
  }
  return generic(parts, json, playbook);
}

function titled(
  title: string,
  fields: Part['fields'],
  link: string | undefined,
  playbook: Playbook,
): BotAlert {
  const [, word, name = ''] = TITLE.exec(title) ?? [];
  const group = withoutCommonLabels(name);
  return {
    status: word === 'RESOLVED' ? 'resolved' : 'firing',
    group,
    title: cut(name, TITLE_SHOWN),
    ...worst(severitiesOf(fields), playbook),
    labels: labelsOf(fields, group),
    ...(link === undefined ? {} : { link }),
  };
}

/** A field titled `severity` makes it an alert, when it is a severity that we know. */
function generic(parts: Part[], json: Json, playbook: Playbook): BotReading {
  const fields = parts.flatMap((part) => part.fields);
  const [word, ...others] = severitiesOf(fields);
  const titles = parts.flatMap((part) => part.titles);
  if (word === undefined) {
    const like = [...titles, line(words(json['text']))].some((one) => LIKE_TITLE.test(one));
    return like
      ? { kind: 'unreadable', why: 'its title is not in a form that is known, and no field says a severity' }
      : { kind: 'chatter' };
  }
  const { severity, guess } = readSeverity(word, playbook);
  if (guess !== undefined) return { kind: 'unreadable', why: guess.replace(/; taken as .*$/, '') };
  if (others.some((other) => other !== word))
    return { kind: 'unreadable', why: 'its fields name more than one severity' };
  const status = fields.find(({ name }) => name === 'status')?.value.toLowerCase() ?? 'firing';
  if (status !== 'firing' && status !== 'resolved')
    return { kind: 'unreadable', why: `its status "${status.slice(0, 40)}" is neither firing nor resolved` };
  const [title] = titles;
  if (title === undefined) return { kind: 'unreadable', why: 'it has no title' };
  const link = parts.find((part) => part.link !== undefined)?.link;
  return {
    kind: 'alerts',
    alerts: [
      {
        status,
        group: title,
        title: cut(title, TITLE_SHOWN),
        severity,
        labels: labelsOf(fields, title),
        ...(link === undefined ? {} : { link }),
      },
    ],
  };
}

function partOf(attachment: Json, blocks: unknown): Part {
  const inBlocks = records(blocks);
  const headers = inBlocks
    .filter((block) => block['type'] === 'header')
    .map((block) => line(textOf(block['text'])));
  const own = line(words(attachment['title'])) || line(words(attachment['fallback']));
  const link = words(attachment['title_link']);
  return {
    titles: [own, ...headers].filter((title) => title !== ''),
    fields: [
      ...records(attachment['fields']).map((field) => fieldOf(words(field['title']), words(field['value']))),
      ...inBlocks
        .filter((block) => block['type'] === 'section')
        .flatMap((block) => records(block['fields']))
        .flatMap((field) => blockField(textOf(field))),
    ],
    link: link === '' ? undefined : link,
  };
}

const fieldOf = (name: string, value: string): Part['fields'][number] => ({
  name: line(name, 100).replace(/:$/, '').trim().toLowerCase(),
  value: line(value, 500),
});

/** A block's field has its title in bold: `*Severity:*\ncritical`. */
function blockField(text: string): Part['fields'] {
  const [, name, value] = /^\s*\*([^*\n]{1,100})\*:?\s*([^\n]{0,500})\s*$/.exec(text) ?? [];
  return name === undefined || value === undefined ? [] : [fieldOf(name, value)];
}

const severitiesOf = (fields: Part['fields']): string[] =>
  fields.filter(({ name }) => name === 'severity').map(({ value }) => value);

/** Of several, the worst. None, or one that cannot be read, is our guess, and said to be one. */
function worst(said: string[], playbook: Playbook): { severity: Severity; severityGuess?: string } {
  const read = (said.length === 0 ? [undefined] : said).map((word) => readSeverity(word, playbook));
  const first = read.reduce((a, b) => (isWorse(b.severity, a.severity) ? b : a));
  return {
    severity: first.severity,
    ...(first.guess === undefined ? {} : { severityGuess: first.guess }),
  };
}

function labelsOf(fields: Part['fields'], alertname: string): Record<string, string> {
  const named = fields.slice(0, 50).filter(({ name }) => name !== '' && name !== 'alertname');
  return Object.fromEntries([...named.map(({ name, value }) => [name, value]), ['alertname', alertname]]);
}

/**
 * The values of the labels that a group is made of: the title without its last pair of brackets, where the labels stand that
 * the alerts of this moment have in common. Those change as alerts come and go; the group does not.
 */
function withoutCommonLabels(name: string): string {
  const text = name.trim();
  if (!text.endsWith(')')) return text;
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (text[at] === ')') depth += 1;
    else if (text[at] === '(') depth -= 1;
    if (depth === 0) return text.slice(0, at).trim() || text;
  }
  return text;
}
