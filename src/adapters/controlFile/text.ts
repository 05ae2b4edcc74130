/** What the three formats of the control file share: finding our keys in a text, and changing their values alone. Pure. */

import type { ControlKey } from '../../ports.ts';

/** Every key that the bot owns, in the order in which missing ones are appended. */
export const CONTROL_KEYS = [
  'KILL_SWITCH',
  'HALT_NEW_ORDERS',
  'PAUSE_SIGNALS',
  'POSITION_SIZE_FACTOR',
  'ALLOW_NEW_STRATEGIES',
  'ALLOW_PROMOTIONS',
  'DATA_FEED',
  'STANDDOWN_REV',
] as const satisfies readonly ControlKey[];

export type ControlValues = Partial<Record<ControlKey, string>>;

/** The text cannot be understood well enough to change one value of it and nothing else. Quotes no content: it may be secret. */
export class ControlSyntax extends Error {
  readonly code = 'control_syntax';
}

/** One place where a value of ours stands. `start` to `end` are offsets into the text, `end` not included. */
export interface Slot {
  key: ControlKey;
  /** As it reads now, without quotes; a JSON or YAML boolean reads as 1 or 0, null and nothing as ''. */
  value: string;
  start: number;
  end: number;
  /** The bytes that say `value` in the manner of what stood here. */
  render(value: string): string;
}

interface Change {
  start: number;
  end: number;
  text: string;
}

/** A text as one format understands it. */
export interface ParsedText {
  slots: Slot[];
  /** The one insertion that adds these keys. */
  append(missing: [ControlKey, string][]): Change;
}

/** Parse a text; throws ControlSyntax, with the line, when it is not of this format. */
export type ParseText = (text: string) => ParsedText;

export function isControlKey(key: unknown): key is ControlKey {
  return (CONTROL_KEYS as readonly unknown[]).includes(key);
}

/** The line of an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split(/\r\n|\n|\r/).length;
}

/** The line ending of a text: its first one, or LF. */
export function lineEnding(text: string): string {
  return /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
}

/**
 * Our keys and their values. Where a key stands more than once and its values differ, they are joined by `|`, as in
 * `1|0`: programs disagree on which one counts, so no single one of them would be true.
 */
export function valuesOf({ slots }: ParsedText): ControlValues {
  const values: ControlValues = {};
  for (const key of CONTROL_KEYS) {
    const found = new Set(slots.filter((slot) => slot.key === key).map((slot) => slot.value));
    if (found.size > 0) values[key] = [...found].join('|');
  }
  return values;
}

/**
 * The text with these values set, wherever their keys stand, missing keys appended, and no other character changed.
 * Throws ControlSyntax when the text cannot be parsed, or would not read as asked afterwards.
 */
export function editText(parse: ParseText, text: string, values: ControlValues): string {
  const parsed = parse(text);
  const wanted = CONTROL_KEYS.flatMap((key): [ControlKey, string][] => {
    const value = values[key];
    return value === undefined ? [] : [[key, value]];
  });
  const changes = parsed.slots.flatMap((slot): Change[] => {
    const value = values[slot.key];
    return value === undefined ? [] : [{ start: slot.start, end: slot.end, text: slot.render(value) }];
  });
  const missing = wanted.filter(([key]) => !parsed.slots.some((slot) => slot.key === key));
  if (missing.length > 0) changes.push(parsed.append(missing));

  // A stable sort: what is appended where a slot ends comes after that slot.
  changes.sort((a, b) => a.start - b.start);
  let edited = '';
  let at = 0;
  for (const change of changes) {
    edited += text.slice(at, change.start) + change.text;
    at = change.end;
  }
  edited += text.slice(at);

  const now = valuesOf(parse(edited));
  const odd = wanted.find(([key, value]) => now[key] !== value);
  if (odd !== undefined) {
    const slot = parsed.slots.find((slot) => slot.key === odd[0]);
    const where = slot === undefined ? 'it cannot be appended' : `line ${lineAt(text, slot.start)}`;
    throw new ControlSyntax(`${where}: ${odd[0]} stands in a way that cannot be set without touching more`);
  }
  return edited;
}
