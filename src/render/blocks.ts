/** Block Kit within Slack's limits, whatever is put in. Pure. */

import type { Button, ConfirmationDialog, HomeView, KnownBlock } from '@slack/types';
import type { ActionId } from './actions.ts';
import { cut, cutMarkup } from './text.ts';

// Slack's limits (FACTS 10): section 3,000, header 150, button 75, context 10 elements, actions 25, 50 blocks a message.
const SECTION = 3_000;
const HEADER = 150;
const BUTTON = 75;
const BLOCKS = 50;

export const header = (text: string): KnownBlock => ({
  type: 'header',
  text: { type: 'plain_text', text: cut(text, HEADER), emoji: false },
});

/** mrkdwn that render/ composed: foreign words in it went through `inert`. `verbatim` keeps Slack from linking by itself. */
export const section = (mrkdwn: string, max = SECTION): KnownBlock => ({
  type: 'section',
  text: { type: 'mrkdwn', text: cutMarkup(mrkdwn === '' ? ' ' : mrkdwn, max), verbatim: true },
});

export const context = (...mrkdwn: string[]): KnownBlock => ({
  type: 'context',
  elements: mrkdwn
    .slice(0, 10)
    .map((text) => ({ type: 'mrkdwn', text: cutMarkup(text === '' ? ' ' : text, SECTION), verbatim: true })),
});

export const divider: KnownBlock = { type: 'divider' };

export interface ButtonSpec {
  action: ActionId;
  label: string;
  /** Where several of one label are on one screen: what a screen reader says after the label. */
  belongs?: string;
  value: string;
  style?: 'primary' | 'danger';
  confirm?: ConfirmationDialog;
}

export const button = ({ action, label, belongs, value, style, confirm }: ButtonSpec): Button => ({
  type: 'button',
  action_id: action,
  text: { type: 'plain_text', text: cut(label, BUTTON), emoji: false },
  value,
  ...(belongs === undefined ? {} : { accessibility_label: cut(`${label}, ${belongs}`, BUTTON) }),
  ...(style === undefined ? {} : { style }),
  ...(confirm === undefined ? {} : { confirm }),
});

export const actions = (...buttons: ButtonSpec[]): KnownBlock => ({
  type: 'actions',
  elements: buttons.slice(0, 25).map(button),
});

/** Slack's native confirm. Title 100, text 300, buttons 30. */
export const confirm = (title: string, text: string, yes: string, no: string): ConfirmationDialog => ({
  title: { type: 'plain_text', text: cut(title, 100), emoji: false },
  text: { type: 'plain_text', text: cut(text, 300), emoji: false },
  confirm: { type: 'plain_text', text: cut(yes, 30), emoji: false },
  deny: { type: 'plain_text', text: cut(no, 30), emoji: false },
  style: 'danger',
});

/** Slack refuses messages of about 13,200 characters over all blocks (bolt-js #2509): well below it. */
const MESSAGE = 11_000;
/** `chat.update` refuses text over 4,000 bytes; a character has at most four. */
const FALLBACK = 900;

/** A message within the limits: what is too much ends with how many blocks are not shown. */
export function message(text: string, blocks: KnownBlock[]): { text: string; blocks: KnownBlock[] } {
  const shown: KnownBlock[] = [];
  let length = 0;
  for (const block of blocks) {
    length += JSON.stringify(block).length;
    if (shown.length >= BLOCKS - 1 || length > MESSAGE) break;
    shown.push(block);
  }
  const hidden = blocks.length - shown.length;
  return {
    text: cutMarkup(text, FALLBACK),
    blocks: hidden === 0 ? shown : [...shown, context(`${hidden} more blocks are not shown here`)],
  };
}

/** Slack takes 100 blocks on a Home. */
const HOME_BLOCKS = 100;

/** A Home within the limits. */
export function home(blocks: KnownBlock[]): HomeView {
  const hidden = blocks.length - HOME_BLOCKS;
  return {
    type: 'home',
    blocks:
      hidden <= 0
        ? blocks
        : [
            ...blocks.slice(0, HOME_BLOCKS - 1),
            context(`${hidden + 1} more blocks are not shown here: \`/incident list\``),
          ],
  };
}

/**
 * A message of a head, parts and a tail within the limits. Head and tail always stand; of the parts as many as fit, in
 * their order, and then how many do not.
 */
export function fitted(
  text: string,
  head: KnownBlock[],
  parts: KnownBlock[][],
  tail: KnownBlock[],
  hidden: (count: number) => string,
): { text: string; blocks: KnownBlock[] } {
  const cost = (blocks: KnownBlock[]) => blocks.reduce((sum, block) => sum + JSON.stringify(block).length, 0);
  const more = (count: number) => context(hidden(count));
  let room = MESSAGE - cost([...head, ...tail, more(parts.length)]);
  let slots = BLOCKS - head.length - tail.length - 1;
  const shown: KnownBlock[] = [];
  let count = 0;
  for (const part of parts) {
    room -= cost(part);
    slots -= part.length;
    if (room < 0 || slots < 0) break;
    shown.push(...part);
    count += 1;
  }
  const left = parts.length - count;
  return message(text, [...head, ...shown, ...(left === 0 ? [] : [more(left)]), ...tail]);
}

/** Lines in as few sections as hold them, each line whole. */
export function sections(lines: string[]): KnownBlock[] {
  const blocks: KnownBlock[] = [];
  let current = '';
  for (const line of lines.map((one) => cutMarkup(one, SECTION))) {
    if (current !== '' && current.length + line.length + 1 > SECTION) {
      blocks.push(section(current));
      current = '';
    }
    current = current === '' ? line : `${current}\n${line}`;
  }
  if (current !== '') blocks.push(section(current));
  return blocks;
}
