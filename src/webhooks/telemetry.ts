/** Bodies of samples that an engine sends: an object, an array, or a line each. What is wrong with one loses no other. */

import type { Sample } from '../domain/measure/samples.ts';
import { HttpRefusal, MAX_ITEMS, type Rejection, readJson, tooDeep } from './body.ts';
import { isRejection, type KnownNames, readSample } from './sample.ts';

export interface ParsedTelemetry {
  samples: Sample[];
  /** The first of them one by one; a last one counts the rest. `index` counts the samples of the body from 0. */
  rejected: Rejection[];
  /** How many were rejected, the ones that are not named included. */
  refused: number;
}

/** Rejections that are named one by one; the rest is counted. */
const MAX_NAMED = 100;

/** `heard` are the engines that sent a heartbeat before. Throws HttpRefusal when nothing in the body can be read. */
export function parseTelemetry(
  body: Buffer,
  known: KnownNames,
  heard: Iterable<string>,
  now: number,
): ParsedTelemetry {
  const engines = new Set(heard);
  const samples: Sample[] = [];
  const rejected: Rejection[] = [];
  let refused = 0;
  for (const [index, item] of itemsOf(body).entries()) {
    const one =
      item === NOT_JSON
        ? { index, path: '', reason: 'the line is not JSON' }
        : readSample(item, index, known, engines, now);
    if (!isRejection(one)) {
      samples.push(one);
      continue;
    }
    refused += 1;
    if (rejected.length < MAX_NAMED) rejected.push(one);
    else if (rejected.length === MAX_NAMED) rejected.push({ ...one, path: '' });
  }
  const rest = rejected[MAX_NAMED];
  if (rest !== undefined) rest.reason = `and ${refused - MAX_NAMED} more from here on`;
  if (samples.length > 0) return { samples, rejected, refused };
  const reasons = rejected.slice(0, 5).map(({ index, path, reason }) => `sample ${index}: ${path} ${reason}`);
  const more = refused > reasons.length ? `; and ${refused - reasons.length} more` : '';
  throw new HttpRefusal(400, 'no_valid_sample', `Not one sample could be read. ${reasons.join('; ')}${more}`);
}

/** A line that is not JSON: refused by itself, in its place. */
const NOT_JSON = Symbol('not JSON');

function itemsOf(body: Buffer): unknown[] {
  // toString keeps a byte order mark, which JSON does not know.
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  // Lines are more than one piece of JSON of which each is whole; pretty-printed JSON is not.
  const first = text.slice(0, Math.max(0, text.indexOf('\n'))).trim();
  if (first.startsWith('{') && first.endsWith('}')) return linesOf(text);
  let value: unknown;
  try {
    value = readJson(text);
  } catch (error) {
    // A broken first line does not make the others unreadable.
    if (error instanceof HttpRefusal && error.code === 'not_json' && holdsLines(text)) return linesOf(text);
    throw error;
  }
  if (Array.isArray(value)) {
    if (value.length > MAX_ITEMS) throw tooMany(value.length);
    if (value.length > 0) return value as unknown[];
  } else if (typeof value === 'object' && value !== null) return [value];
  throw new HttpRefusal(400, 'wrong_shape', 'Send one sample, an array of them, or a line each.');
}

const tooMany = (n: number) =>
  new HttpRefusal(
    413,
    'too_many',
    `The body holds ${n} samples; ${MAX_ITEMS} are read at once. Send the rest in bodies of their own.`,
  );

function linesOf(text: string): unknown[] {
  const items: unknown[] = [];
  let more = 0;
  for (const line of eachLine(text)) {
    const trimmed = line.trim();
    if (trimmed === '') continue;
    if (items.length < MAX_ITEMS) items.push(itemOf(trimmed));
    else more += 1;
  }
  if (more > 0) throw tooMany(MAX_ITEMS + more);
  return items;
}

function itemOf(line: string): unknown {
  if (tooDeep(line)) return NOT_JSON;
  try {
    return JSON.parse(line);
  } catch {
    return NOT_JSON;
  }
}

/** Whether this is a line each, the first of them broken: some other line is a whole object by its looks. */
function holdsLines(text: string): boolean {
  let lines = 0;
  let whole = false;
  for (const line of eachLine(text)) {
    const trimmed = line.trim();
    if (trimmed === '') continue;
    lines += 1;
    whole ||= trimmed.startsWith('{') && trimmed.endsWith('}');
    if (whole && lines > 1) return true;
  }
  return false;
}

/** Without an array of millions of empty ones. */
function* eachLine(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    yield text.slice(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
  }
}
