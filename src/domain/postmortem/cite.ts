/** Finding the event that a statement rests on. Pure. */

import type { StandingEvent } from '../incident.ts';
import type { Statement } from './life.ts';
import type { Cited, Fact } from './view.ts';

/** The number of the first event that is meant, from 1; null: it is not in this log. */
export function numberOf(history: StandingEvent[], meant: (event: StandingEvent) => boolean): number | null {
  const index = history.findIndex(meant);
  return index < 0 ? null : index + 1;
}

/** The same for the last one. */
export function lastNumberOf(
  history: StandingEvent[],
  meant: (event: StandingEvent) => boolean,
): number | null {
  const index = history.findLastIndex(meant);
  return index < 0 ? null : index + 1;
}

export const fact = (text: string, n: number | null): Fact => ({ text, n, link: null });

/** A statement with who made it; null: nobody did, or it was taken back. */
export const saidBy = (statement: Statement | undefined): Cited | null =>
  statement === undefined || statement.text.trim() === ''
    ? null
    : { text: statement.text, author: statement.by.name, deleted: false, n: statement.n, link: null };
