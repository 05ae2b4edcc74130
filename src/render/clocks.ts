/**
 * The playbook's clocks on the headline. A message is edited and not live, and a viewer's client shows Slack's own date
 * tokens in a zone that it does not name: so each due time stands in UTC, beside it what was left when it was drawn, and
 * when that was (docs/adr/0012). Pure.
 */

import type { IncidentClock } from '../domain/clocks.ts';
import { clockTime, dateTime, duration } from './text.ts';

/** A time on the day of `now` without its date. */
export const dueTime = (at: number, now: number): string =>
  dateTime(at).slice(0, 10) === dateTime(now).slice(0, 10) ? `${clockTime(at)} UTC` : dateTime(at);

/** `in 3 min`: whole minutes as long as there is one, rounded down: nobody has more time than it says. */
function left(ms: number): string {
  if (ms <= 0) return 'now';
  return `in ${duration(ms < 60_000 ? Math.floor(ms / 1_000) * 1_000 : Math.floor(ms / 60_000) * 60_000)}`;
}

/** Two days ahead it tells nobody anything: the limit of an open incident is shown in its last hours. */
const STILL_OPEN_SHOWN_MS = 6 * 3_600_000;

/** Lines for the headline: what runs, with what is left of it as of `now`; then what was missed. */
export function clockLines(clocks: IncidentClock[], now: number): string[] {
  const shown = clocks.filter(({ id, state, dueAt }) => {
    if (state === 'missed') return true;
    // Whoever reads the headline sees that it stands.
    if (id === 'incidents-channel') return false;
    return id !== 'still-open' || dueAt - now <= STILL_OPEN_SHOWN_MS;
  });
  const running = new Map<number, string[]>();
  for (const { title, dueAt, state } of shown)
    if (state === 'running') running.set(dueAt, [...(running.get(dueAt) ?? []), title]);
  const counts = [...running]
    .toSorted(([a], [b]) => a - b)
    .map(([dueAt, titles]) => `${titles.join(', ')} by ${dueTime(dueAt, now)} (${left(dueAt - now)})`);
  const missed = shown
    .filter(({ state }) => state === 'missed')
    .map(
      ({ title, dueAt, doneAt }) =>
        `❗ *Missed: ${title}*, due ${dueTime(dueAt, now)}, ${doneAt === null ? 'not done' : `done ${dueTime(doneAt, now)}`}`,
    );
  return [...(counts.length === 0 ? [] : [`⏱ ${counts.join(' · ')} · as of ${clockTime(now)}`]), ...missed];
}

/** What was met, for the small print: not what is seen anyway, and not the checklist, which stands in the thread. */
export function metWords(clocks: IncidentClock[], now: number): string | null {
  const met = clocks.flatMap(({ id, title, state, doneAt }) =>
    state === 'met' && doneAt !== null && (id === 'acknowledge' || id === 'stakeholder-mail')
      ? [`${title} ${dueTime(doneAt, now)}`]
      : [],
  );
  return met.length === 0 ? null : `✓ in time: ${met.join(' · ')}`;
}
