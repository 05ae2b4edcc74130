/** The control file as `.env`. Pure. */

import type { ControlKey } from '../../ports.ts';
import { ControlSyntax, isControlKey, lineAt, lineEnding, type ParsedText, type Slot } from './text.ts';

// Each is run from a set lastIndex. As in dotenv, a quoted value may span lines, and counts as quoted only if nothing
// but a comment follows it.
const START = /[ \t]*(export[ \t]+)?([\w.-]+)[ \t]*=/y;
const QUOTED = /([ \t]*)(?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`)(?=[ \t]*(?:#|\r|\n|$))/y;
// To dotenv the sign may stand on a later line; to a shell, and to a person, that sets nothing.
const SPLIT = /[ \t]*(?:export\s+)?([\w.-]+)[ \t]*[\r\n]\s*=/y;
const REST = /[^\r\n]*/y;
const LINE_END = /\r\n|\n|\r|$/g;

/**
 * Find our keys in the text of a `.env` file. A line inside another key's quoted value is that key's. A line that sets
 * one of ours and something else, one that sets it on the next line after ours, or a value of ours that spans lines, is a ControlSyntax: setting it would take other
 * bytes with it. Every other line may say what it likes.
 */
export function parseEnv(text: string): ParsedText {
  const slots: Slot[] = [];
  const splits = new Map<ControlKey, number>();
  let assignments = 0;
  let exported = 0;
  let at = 0;
  while (at < text.length) {
    START.lastIndex = SPLIT.lastIndex = at;
    const split = SPLIT.exec(text);
    if (split !== null && isControlKey(split[1])) splits.set(split[1], at);
    const start = START.exec(text);
    if (start !== null) {
      assignments += 1;
      if (start[1] !== undefined) exported += 1;
      at = QUOTED.lastIndex = START.lastIndex;
      const quoted = QUOTED.exec(text);
      if (quoted !== null) at = QUOTED.lastIndex;
      if (isControlKey(start[2])) slots.push(slotAt(text, start[2], START.lastIndex, quoted));
    }
    LINE_END.lastIndex = at;
    const end = LINE_END.exec(text);
    at = end === null || end[0] === '' ? text.length : LINE_END.lastIndex;
  }

  // The last one counts: a split one after ours would take the place of what is written here.
  for (const [key, from] of splits) {
    if ((slots.findLast((slot) => slot.key === key)?.start ?? text.length) < from)
      throw new ControlSyntax(`line ${lineAt(text, from)}: ${key} and its = are on different lines`);
  }
  const prefix = assignments > 0 && exported === assignments ? 'export ' : '';
  return {
    slots,
    append(missing) {
      const eol = lineEnding(text);
      const lines = missing.map(([key, value]) => `${prefix}${key}=${value}`).join(eol);
      // A file without a final newline stays without one.
      const open = text !== '' && !/[\r\n]$/.test(text);
      return { start: text.length, end: text.length, text: open ? eol + lines : lines + eol };
    },
  };
}

function slotAt(text: string, key: ControlKey, from: number, quoted: RegExpExecArray | null): Slot {
  if (quoted !== null) {
    const start = from + (quoted[1]?.length ?? 0);
    const end = from + quoted[0].length;
    const value = text.slice(start + 1, end - 1);
    if (/[\r\n]/.test(value)) {
      throw new ControlSyntax(`line ${lineAt(text, from)}: the value of ${key} goes on over several lines`);
    }
    const quote = text.charAt(start);
    const gap = gapBefore(text.charAt(end));
    return { key, value, start, end, render: (value) => quote + value + quote + gap };
  }

  REST.lastIndex = from;
  const rest = REST.exec(text)?.[0] ?? '';
  const said = rest.replace(/(?:^|[ \t]+)#.*$/, '').trim();
  if (/(?:^|[\s;&|])[A-Za-z_]\w*\+?=/.test(said)) {
    throw new ControlSyntax(`line ${lineAt(text, from)}: it sets ${key} and something else`);
  }
  const bare = /^([ \t]*)([^#]*?)[ \t]*(?=#|$)/.exec(rest);
  const value = bare?.[2] ?? '';
  if (value === '')
    return { key, value: said, start: from, end: from, render: (v) => v + gapBefore(rest[0]) };
  const start = from + (bare?.[1]?.length ?? 0);
  const end = start + value.length;
  return { key, value: said, start, end, render: (value) => value + gapBefore(text.charAt(end)) };
}

/** `0#note` is 0 to dotenv and `0#note` to a shell; a space makes it one thing to both. */
function gapBefore(next: string | undefined): string {
  return next === '#' ? ' ' : '';
}
