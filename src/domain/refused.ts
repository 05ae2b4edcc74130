/** Commands and clicks that were refused: they stand on the log beside what was done. Pure; a book keeps its own state. */

import type { Actor } from './incident.ts';

/** `what`: the command or the button, as it was given; `where`: the channel, Home or dialog that it came from. Both are cut. */
export interface RefusedEvent {
  type: 'CommandRefused';
  what: string;
  where: string;
  code: string;
  words: string;
  /** So many more like it after its first row, which are not told one by one. */
  more?: number;
}

export interface Refused {
  by: Actor;
  /** What it is about; null: the desk. */
  incident: string | null;
  /** The command without its text: what repeats is known by it. */
  command: string;
  /** It would have killed: its first row is never left out for others. */
  kills: boolean;
  event: RefusedEvent;
}

/** A row for the log of `incident` (null: the desk's). */
export type RefusedRow = Pick<Refused, 'by' | 'incident' | 'event'>;

export interface RefusedBook {
  /** What goes on the log now: nothing for a repetition, which is counted. `at`: a monotonic time, ms. */
  take(refused: Refused, at: number): RefusedRow[];
  /** The counts whose minute is over. */
  due(at: number): RefusedRow[];
  /** All counts, at the stop. */
  close(): RefusedRow[];
}

/** Repetitions within this time after the first are one row with a count, ms. */
const WINDOW_MS = 60_000;
/** Rows of one person in that time; what is more is one row with a count. Kills have theirs beside it. */
const ROWS_A_PERSON = 10;
/** People in that time: those who come after them are counted together. Far more than press buttons in one minute. */
const PEOPLE = 200;
const KILL_PEOPLE = 2_000;

interface Window {
  since: number;
  by: Actor;
  rows: number;
  /** By command, code and incident: the first one, and how many more. */
  told: Map<string, { first: Refused; more: number }>;
  untold: number;
}

export function createRefusedBook(standdown: Actor): RefusedBook {
  const windows = new Map<string, Window>();
  let beyond = { since: 0, count: 0 };

  function over({ by, told, untold }: Window): RefusedRow[] {
    const repeated = [...told.values()]
      .filter(({ more }) => more > 0)
      .map(
        ({ first, more }): RefusedRow => ({
          by,
          incident: first.incident,
          event: { ...first.event, more },
        }),
      );
    return untold === 0 ? repeated : [...repeated, countRow(by, untold)];
  }

  function beyondOver(): RefusedRow[] {
    const { count } = beyond;
    beyond = { since: 0, count: 0 };
    return count === 0 ? [] : [countRow(standdown, count)];
  }

  return {
    take(refused, at) {
      const { by, incident, command, kills, event } = refused;
      const known = windows.get(by.id);
      const ended = known !== undefined && at - known.since >= WINDOW_MS ? known : undefined;
      if (ended !== undefined) windows.delete(by.id);
      const rows = ended === undefined ? [] : over(ended);
      const window = windows.get(by.id) ?? { since: at, by, rows: 0, told: new Map(), untold: 0 };
      if (!windows.has(by.id)) {
        if (windows.size >= (kills ? KILL_PEOPLE : PEOPLE)) {
          beyond = { since: beyond.count === 0 ? at : beyond.since, count: beyond.count + 1 };
          return rows;
        }
        windows.set(by.id, window);
      }
      // Kills are not told apart by what they are about: a made-up incident makes no row of its own.
      const key = kills ? 'kill' : [command, event.code, incident].join('|');
      const told = window.told.get(key);
      if (told !== undefined) told.more += 1;
      else if (!kills && window.rows >= ROWS_A_PERSON) window.untold += 1;
      else {
        if (!kills) window.rows += 1;
        window.told.set(key, { first: refused, more: 0 });
        rows.push({ by, incident, event });
      }
      return rows;
    },
    due(at) {
      const rows: RefusedRow[] = [];
      for (const [id, window] of windows) {
        if (at - window.since < WINDOW_MS) continue;
        rows.push(...over(window));
        windows.delete(id);
      }
      return beyond.count > 0 && at - beyond.since >= WINDOW_MS ? [...rows, ...beyondOver()] : rows;
    },
    close() {
      const rows = [...[...windows.values()].flatMap(over), ...beyondOver()];
      windows.clear();
      return rows;
    },
  };
}

const countRow = (by: Actor, count: number): RefusedRow => ({
  by,
  incident: null,
  event: {
    type: 'CommandRefused',
    what: 'several commands',
    where: 'several places',
    code: 'too_many',
    words: 'too many refused commands in one minute: they are counted, and not told one by one',
    more: count,
  },
});

export function describeRefused({ what, where, code, words, more }: RefusedEvent): string {
  const times = more === undefined ? '' : `, ${more} more within a minute`;
  return `REFUSED: ${what} (from ${where})${times}: ${words} [${code}]`;
}
