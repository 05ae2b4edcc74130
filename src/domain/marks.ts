/** Messages that people marked with a reaction, or pinned: they stand out in the timeline and feed the postmortem. Pure. */

import type { Actor, Incident } from './incident.ts';

export const MARKS = ['keyMoment', 'cause', 'wentWell', 'wentBadly', 'actionItem'] as const;
export type Mark = (typeof MARKS)[number];

/** What a mark is called where people read it. */
export const MARK_WORDS: Record<Mark, string> = {
  keyMoment: 'key moment',
  cause: 'cause',
  wentWell: 'went well',
  wentBadly: 'did not go well',
  actionItem: 'action item',
};

/** The emoji behind each mark, as Slack names them, without colons. */
export type Reactions = Record<Mark, string[]>;

/** Slack's time stamp names the message. `text` is what it said then, so that a message that was not logged has words. */
export type MarkEvent =
  | { type: 'MessageMarked'; ts: string; mark: Mark; emoji: string; text: string }
  | { type: 'MessageUnmarked'; ts: string; mark: Mark; emoji: string }
  | { type: 'MessagePinned'; ts: string; text: string }
  | { type: 'MessageUnpinned'; ts: string };

export type MarkCommand =
  | { type: 'MarkMessage'; ts: string; mark: Mark; emoji: string; text: string }
  | { type: 'UnmarkMessage'; ts: string; emoji: string }
  | { type: 'PinMessage'; ts: string; text: string }
  | { type: 'UnpinMessage'; ts: string };

/** One person's reaction. A message has a mark as long as somebody's reaction says so. */
export interface MessageMark {
  ts: string;
  mark: Mark;
  emoji: string;
  by: Actor;
  at: number;
  text: string;
}

/** The mark that an emoji makes, its skin tone aside; null: none. */
export function markOf(emoji: string, reactions: Reactions): Mark | null {
  const name = emoji.split('::')[0] ?? '';
  return MARKS.find((mark) => reactions[mark].includes(name)) ?? null;
}

type Marked = Pick<Incident, 'marks' | 'pins' | 'messages'>;

const isSame = (one: MessageMark, ts: string, emoji: string, by: Actor): boolean =>
  one.ts === ts && one.emoji === emoji && one.by.id === by.id;

/** Slack delivers at least once, and in any order: what stands already is nothing new. */
export function decideMark(command: MarkCommand, incident: Marked, by: Actor): MarkEvent[] {
  const { ts } = command;
  switch (command.type) {
    case 'MarkMessage': {
      const { mark, emoji, text } = command;
      return incident.marks.some((one) => isSame(one, ts, emoji, by))
        ? []
        : [{ type: 'MessageMarked', ts, mark, emoji, text }];
    }
    case 'UnmarkMessage': {
      const found = incident.marks.find((one) => isSame(one, ts, command.emoji, by));
      return found === undefined
        ? []
        : [{ type: 'MessageUnmarked', ts, mark: found.mark, emoji: found.emoji }];
    }
    case 'PinMessage':
      return incident.pins.includes(ts) ? [] : [{ type: 'MessagePinned', ts, text: command.text }];
    case 'UnpinMessage':
      return incident.pins.includes(ts) ? [{ type: 'MessageUnpinned', ts }] : [];
    default: {
      const unknown: never = command;
      throw new Error(`unknown command ${JSON.stringify(unknown)}`);
    }
  }
}

/** What of the incident a mark or a pin changes. */
export function evolveMark(
  incident: Marked,
  event: MarkEvent & { at: number; by: Actor },
): Pick<Incident, 'marks' | 'pins'> {
  const { marks, pins } = incident;
  const { ts, by, at } = event;
  switch (event.type) {
    case 'MessageMarked': {
      const { mark, emoji, text } = event;
      return { pins, marks: [...marks, { ts, mark, emoji, by, at, text }] };
    }
    case 'MessageUnmarked':
      return { pins, marks: marks.filter((one) => !isSame(one, ts, event.emoji, by)) };
    case 'MessagePinned':
      return { marks, pins: [...pins, ts] };
    case 'MessageUnpinned':
      return { marks, pins: pins.filter((one) => one !== ts) };
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}

/** A marked message as it stands now. */
export interface MarkedMessage {
  ts: string;
  text: string;
  /** Who wrote it, as Slack names them; null: it is not a message that was logged. */
  author: string | null;
  deleted: boolean;
}

/** The messages with this mark, in their order; each once, however many people marked it. */
export function markedAs(mark: Mark, incident: Marked): MarkedMessage[] {
  const first = new Map<string, MessageMark>();
  for (const one of incident.marks) if (one.mark === mark && !first.has(one.ts)) first.set(one.ts, one);
  return [...first.values()]
    .sort((a, b) => Number(a.ts) - Number(b.ts))
    .map(({ ts, text }) => {
      const message = incident.messages[ts];
      return message === undefined
        ? { ts, text, author: null, deleted: false }
        : { ts, text: message.text, author: message.user, deleted: message.deleted };
    });
}
