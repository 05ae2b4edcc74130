/** What was typed after `/incident`, read strictly: what is unclear is null, and then nothing is done. Pure. */

import { SEVERITIES, type Severity } from '../../domain/incident.ts';
import { fromSlack, plain } from '../../render/text.ts';
import { type IncidentVerb, VERB_USAGE } from '../../render/usage.ts';

export interface IncidentCommand {
  verb: IncidentVerb;
  /** As it was named; undefined: none was. */
  incident?: string;
  /** The rest as Slack sends it: mentions are `<@U1|ada>`, a typed `<` is `&lt;`. */
  text: string;
}

/** `verb` null: not even that is known. */
export type Unclear = { unclear: true; verb: IncidentVerb | null };

const isVerb = (word: string): word is IncidentVerb => Object.hasOwn(VERB_USAGE, word);

/** `<verb> [INC-…] [text]`. */
export function readIncidentCommand(wire: string): IncidentCommand | Unclear {
  const [, word = '', named, rest = ''] =
    /^\s*(\S+)?(?:\s+(INC-\d{8}-\d{3,9})(?=\s|$))?\s*([\s\S]*)$/.exec(wire) ?? [];
  if (word === '' || word === '?') return { unclear: true, verb: null };
  if (!isVerb(word)) return { unclear: true, verb: null };
  const text = rest.trim();
  // An id that is mistyped is not part of what is said about another incident.
  if (/^INC-/i.test(text)) return { unclear: true, verb: word };
  return { verb: word, text, ...(named === undefined ? {} : { incident: named }) };
}

/** `P1 title`; no text at all asks in a dialog. Null: unclear. */
export const readDeclared = (wire: string): { severity: Severity; title: string } | null =>
  severityAnd(wire, ({ severity, rest }) => ({ severity, title: plain(rest, 200) }));

/** `P1 reason`. Null: unclear. */
export const readSeverityChange = (wire: string): { to: Severity; why: string } | null =>
  severityAnd(wire, ({ severity, rest }) => ({ to: severity, why: plain(rest, 500) }));

function severityAnd<T>(wire: string, make: (found: { severity: Severity; rest: string }) => T): T | null {
  const [, word, text = ''] = /^(P[0-3])\s+([\s\S]+)$/.exec(wire) ?? [];
  const severity = SEVERITIES.find((one) => one === word);
  const rest = fromSlack(text);
  return severity === undefined || plain(rest) === '' ? null : make({ severity, rest });
}

/** A mention and what follows it. Typed names are no mention: Slack makes one when somebody is picked. Null: unclear. */
export function readPerson(wire: string): { user: string; text: string } | null {
  const [, user, rest = ''] = /^<@([UW][A-Z0-9]{2,20})(?:\|[^<>]*)?>(?:\s+([\s\S]*))?$/.exec(wire) ?? [];
  return user === undefined ? null : { user, text: fromSlack(rest).trim() };
}

export interface Times {
  /** ms since the epoch. */
  from: number;
  to: number;
  slo: string | null;
  /** The reason, or the name of what does not count. */
  text: string;
}

const TIME_KEYS = /(?:^|\s)(from|to|slo)=(\S*)/g;

/** `from=2026-11-22T13:00Z to=2026-11-22T14:00Z [slo=SLO-01] reason`, the keys anywhere, each once. Null: unclear. */
export function readTimes(wire: string): Times | null {
  const found = [...wire.matchAll(TIME_KEYS)].map(([, key = '', value = '']) => [key, value] as const);
  const given = new Map(found);
  const [from, to] = [readInstant(given.get('from')), readInstant(given.get('to'))];
  const slo = given.get('slo') ?? null;
  const text = plain(fromSlack(wire.replace(TIME_KEYS, ' ')), 300);
  if (from === null || to === null || text === '' || given.size !== found.length) return null;
  return slo === null || /^SLO-\d{2}$/.test(slo) ? { from, to, slo, text } : null;
}

/** `exclude from=… to=… name`. Null: it is not that, or unclear. */
export function readExclusion(wire: string): Times | null {
  const [, rest] = /^exclude\s+([\s\S]+)$/.exec(wire) ?? [];
  return rest === undefined ? null : readTimes(rest);
}

/** `2026-10`. Null: it is none. */
export const readMonth = (text: string): string | null =>
  /^\d{4}-(0[1-9]|1[0-2])$/.test(text) ? text : null;

/** An ISO 8601 time that says its zone, of a day that there is. */
function readInstant(text: string | undefined): number | null {
  const [, day = ''] =
    /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/.exec(text ?? '') ?? [];
  const at = Date.parse(text ?? '');
  return isDate(day) && !Number.isNaN(at) ? at : null;
}

export const PRIORITIES = ['high', 'medium', 'low'] as const;

export interface ActionItemText {
  text: string;
  /** A Slack user, or a name as it was typed. */
  owner?: { user: string } | { name: string };
  /** ISO date. */
  due?: string;
  priority?: (typeof PRIORITIES)[number];
}

const KEYS = /(?:^|\s)(owner|due|priority)=(<@[^<>]*>|\S*)/g;

/** `text owner=@ada due=2026-12-01 priority=high`, the keys anywhere, each once. Null: unclear. */
export function readActionItem(wire: string): ActionItemText | null {
  const found = [...wire.matchAll(KEYS)].map(([, key = '', value = '']) => [key, value] as const);
  const given = new Map(found);
  const text = fromSlack(wire.replace(KEYS, ' ')).trim();
  if (plain(text) === '' || given.size !== found.length) return null;
  const owner = readOwner(given.get('owner'));
  const due = given.get('due');
  const priority = PRIORITIES.find((one) => one === given.get('priority'));
  const unread =
    owner === null ||
    (due !== undefined && !isDate(due)) ||
    (priority === undefined && given.has('priority'));
  if (unread) return null;
  return {
    text: plain(text, 1_000),
    ...(owner === undefined ? {} : { owner }),
    ...(due === undefined ? {} : { due }),
    ...(priority === undefined ? {} : { priority }),
  };
}

function readOwner(value: string | undefined): ActionItemText['owner'] | null {
  if (value === undefined) return undefined;
  const person = readPerson(value);
  if (person !== null) return { user: person.user };
  // A broken mention is nobody's name.
  const name = /^[<@]/.test(value) ? '' : plain(fromSlack(value), 60);
  return name === '' ? null : { name };
}

/** A day that there is: not the 30th of February. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
