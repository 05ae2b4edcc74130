/** JSON that somebody changed or cut off: as many whole rows as can be read. Pure. */

import type { Chain } from '../domain/chain.ts';

interface Rows {
  /** null: a row that is there and cannot be read. Nothing is read after it. */
  rows: unknown[];
  chain: Chain | null;
}

/** The rows of a file with `chain` and `events` in it, or of a plain list of events. */
export function looseRows(text: string): Rows {
  const whole = parsed(text);
  if (Array.isArray(whole)) return { rows: whole, chain: null };
  if (isRecord(whole) && Array.isArray(whole['events']))
    return { rows: whole['events'], chain: chainOf(whole['chain']) };
  const key = '"events":[';
  const at = text.indexOf(key);
  const rows = at >= 0 ? rowsFrom(text, at + key.length) : text.startsWith('[') ? rowsFrom(text, 1) : [];
  return { rows, chain: looseChain(at >= 0 ? text.slice(0, at) : text) };
}

/** The same of an incident's file, with what else it says; `fold` null when the file is no whole JSON. */
export function looseIncident(text: string): Rows & { fold: unknown; ordinal: unknown; incident: unknown } {
  const whole = parsed(text);
  const said = isRecord(whole) ? whole : {};
  const { fold = null, ordinal, incident } = said;
  return { ...looseRows(text), fold, ordinal, incident };
}

/** A list, or null when it is none. */
export function looseList(text: string): unknown[] | null {
  const whole = parsed(text);
  return Array.isArray(whole) ? whole.filter((one) => isRecord(one)) : null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function chainOf(value: unknown): Chain | null {
  if (!isRecord(value) || !Array.isArray(value['hashes'])) return null;
  const { from, hashes } = value;
  return typeof from === 'number' && Number.isInteger(from) && from >= 0
    ? { from, hashes: (hashes as unknown[]).map(String) }
    : null;
}

function looseChain(text: string): Chain | null {
  const found = /"chain":\{"from":(\d{1,9}),"hashes":\[([^\]]*)/.exec(text);
  if (found === null) return null;
  const [, from = '', list = ''] = found;
  const hashes = list === '' ? [] : list.split(',').map((hash) => hash.replace(/^"|"$/g, ''));
  return { from: Number(from), hashes };
}

/** Rows from where the first one begins, up to the end of the list, the end of the text, or one that cannot be read. */
function rowsFrom(text: string, start: number): unknown[] {
  const rows: unknown[] = [];
  for (let at = start; at < text.length && text[at] !== ']'; ) {
    const end = text[at] === '{' ? endOfObject(text, at) : at;
    if (end === null) return rows; // cut off within it
    const row = parsed(text.slice(at, end));
    if (row === undefined) return [...rows, null];
    rows.push(row);
    if (end < text.length && text[end] !== ',' && text[end] !== ']') return [...rows, null];
    at = text[end] === ',' ? end + 1 : end;
  }
  return rows;
}

/** Where the object that begins at `at` is over; null when the text ends before. */
function endOfObject(text: string, at: number): number | null {
  let depth = 0;
  let inString = false;
  for (let index = at; index < text.length; index += 1) {
    const char = text[index];
    if (inString) {
      if (char === '\\') index += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return null;
}
