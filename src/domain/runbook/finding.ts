/** What a check found, and whether it is worth a line in the log. Pure. */

import type { StepCheck } from '../incident.ts';

export type FindingState = StepCheck['state'];

/**
 * `gist` is the finding without what changes all the time: while it stays the same, the log has it already. What is not
 * known is `unknown`, never `ok`.
 */
export interface Finding {
  state: FindingState;
  text: string;
  gist: string;
}

export const finding = (state: FindingState, text: string, gist = text): Finding => ({ state, text, gist });

/** The same state for every number within about a tenth: `gap 10 min` and `gap 10 min 20 s` are one gist. */
export const roughly = (value: number): string =>
  value <= 0 ? '0' : String(Math.round(Math.log(value) / Math.log(1.1)));

const WORST: FindingState[] = ['bad', 'unknown', 'ok'];

/** Several findings as one: the worst state, each text with whom it is about. Null while one of them is not in yet. */
export function together(parts: { about: string; found: Finding | null }[], none: string): Finding | null {
  if (parts.length === 0) return finding('unknown', none);
  const found = parts.flatMap(({ about, found: one }) => (one === null ? [] : [{ about, one }]));
  if (found.length < parts.length) return null;
  const state = WORST.find((word) => found.some(({ one }) => one.state === word)) ?? 'unknown';
  const shown = found
    .toSorted((a, b) => WORST.indexOf(a.one.state) - WORST.indexOf(b.one.state))
    .slice(0, SHOWN)
    .map(({ about, one }) => `${about}: ${one.text}`);
  const more = found.length - shown.length;
  return {
    state,
    text: `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    gist: found.map(({ about, one }) => `${about} ${one.state} ${one.gist}`).join('|'),
  };
}

/** Of what is found out about many venues or engines, so many are written out, the worst first. */
const SHOWN = 6;

/** A changed state is on record after this long at the latest, and a changed number after that long. */
const STATE_MS = 5_000;
const TEXT_MS = 30_000;

/**
 * Whether a finding goes on record: the first one at once; another state at most every 5 s; the same state with another
 * gist at most every 30 s. `gist` is that of the last one on record, undefined after a restart.
 */
export function isNews(
  before: { state: string; text: string; at: number } | undefined,
  gist: string | undefined,
  found: Finding,
  now: number,
): boolean {
  if (before === undefined) return true;
  const age = now - before.at;
  if (before.state !== found.state) return age >= STATE_MS;
  return age >= TEXT_MS && (gist === undefined ? before.text !== found.text : gist !== found.gist);
}
