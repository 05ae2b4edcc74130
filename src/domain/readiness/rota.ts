/** Whether somebody is always on call. Pure. */

import type { RotaReading, Stretch } from './events.ts';

/** One shift at PagerDuty. `from`/`to` in ms since the epoch; null: without a beginning, or without an end. */
export interface Shift {
  /** PagerDuty's id of the person. */
  person: string;
  name: string;
  email: string | null;
  /** Of the escalation policy, from 1. */
  level: number;
  from: number | null;
  to: number | null;
}

/** Who is on call in the time to come, as the pager tells it. `hasPhone` null: their contact methods could not be read. */
export type RotaAhead =
  | { state: 'known'; shifts: Shift[]; hasPhone: { person: string; hasPhone: boolean | null }[] }
  | { state: 'unavailable'; reason: string };

const FIRST_LEVEL = 1;

/**
 * When nobody is on call at the first level, from `from` to `to`. A second level is who is asked when the first does not
 * answer: it fills no hole of the first, not even where the first has no shift at all (its schedule was deleted).
 */
export function holesOf(shifts: Shift[], { from, to }: Stretch): Stretch[] {
  const covered = shifts
    .filter(({ level }) => level === FIRST_LEVEL)
    .map((one) => ({ from: Math.max(from, one.from ?? from), to: Math.min(to, one.to ?? to) }))
    .filter((one) => one.from < one.to)
    .toSorted((a, b) => a.from - b.from);
  const holes: Stretch[] = [];
  let reached = from;
  for (const one of covered) {
    if (one.from > reached) holes.push({ from: reached, to: one.from });
    reached = Math.max(reached, one.to);
  }
  if (reached < to) holes.push({ from: reached, to });
  return holes;
}

/** What is kept of it: holes, and people without their numbers and addresses. `slack` by their e-mail address. */
export function rotaReading(
  ahead: Extract<RotaAhead, { state: 'known' }>,
  span: Stretch,
  slackOf: (email: string) => string | null | undefined,
): RotaReading {
  const people = new Map<string, RotaReading['people'][number]>();
  for (const { person: id, name, email, from, to } of ahead.shifts) {
    if (people.has(id) || (from ?? span.from) >= span.to || (to ?? span.to) <= span.from) continue;
    const slack = email === null ? null : slackOf(email);
    people.set(id, {
      id,
      name,
      ...(slack === undefined ? {} : { slack }),
      hasPhone: ahead.hasPhone.find((one) => one.person === id)?.hasPhone ?? null,
    });
  }
  return { ...span, holes: holesOf(ahead.shifts, span), people: [...people.values()] };
}
