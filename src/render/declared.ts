/** The message that an incident is declared from, on its way through the dialog. Pure. */

import { cut } from './text.ts';

/** `author` is a Slack user id, or the name of a bot. */
export interface DeclaredFrom {
  channel: string;
  ts: string;
  author: string;
  text: string;
}

/** Slack keeps 3,000 characters of a dialog's metadata. */
const METADATA = 3_000;

export function declaredFrom(message: DeclaredFrom): string {
  for (let max = 2_400; max > 0; max -= 400) {
    const json = JSON.stringify({ ...message, text: cut(message.text, max) });
    if (json.length <= METADATA) return json;
  }
  return '';
}

/** Undefined for anything that `declaredFrom` cannot have written: the dialog then declares without it. */
export function readDeclaredFrom(metadata: string): DeclaredFrom | undefined {
  try {
    const { channel, ts, author, text } = JSON.parse(metadata) as Record<string, unknown>;
    const shaped =
      typeof channel === 'string' &&
      /^[CGD][A-Z0-9]{2,20}$/.test(channel) &&
      typeof ts === 'string' &&
      /^\d{1,12}\.\d{1,6}$/.test(ts) &&
      typeof author === 'string' &&
      typeof text === 'string';
    return shaped ? { channel, ts, author, text } : undefined;
  } catch {
    return undefined;
  }
}
