/** The words of a Slack message, also where they stand in attachments or blocks alone, as bots post them. */

import type { SharedFile } from '../domain/incident.ts';
import { fromSlack, plain, safeLink } from '../render/text.ts';

/** Slack cuts messages at 40,000 characters; a timeline needs less. */
const TEXT = 8_000;
/** Slack takes at most ten files with a message. */
const FILES = 20;

interface Worded {
  text?: unknown;
  attachments?: unknown;
  files?: unknown;
}

const words = (value: unknown): string => (typeof value === 'string' ? value : '');
const records = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value)
    ? value.slice(0, 100).filter((one) => typeof one === 'object' && one !== null && !Array.isArray(one))
    : [];

/** The files that were shared with a message: their names as they are given, and their addresses at Slack. Never throws. */
export function filesOf(message: Worded): SharedFile[] {
  return records(message.files)
    .slice(0, FILES)
    .map((file) => {
      const link = safeLink(words(file['permalink']));
      return {
        id: words(file['id']).slice(0, 100),
        name: plain(words(file['name']), 200) || 'without a name',
        ...(link === null ? {} : { link }),
      };
    });
}

/** One text of all of it, references reduced to what they name. Never throws. */
export function messageText(message: Worded): string {
  const attached = records(message.attachments).flatMap((one) => {
    const said = [words(one['title']), words(one['text'])].filter((part) => part !== '');
    return said.length > 0 ? said : [words(one['fallback'])];
  });
  const files = records(message.files).map((file) => `[file ${words(file['name']) || 'without a name'}]`);
  return [words(message.text), ...attached, ...files]
    .filter((part) => part !== '')
    .map((part) => fromSlack(part.slice(0, TEXT)))
    .join(' ')
    .slice(0, TEXT);
}
