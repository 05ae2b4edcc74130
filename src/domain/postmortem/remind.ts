/** Reminders of a postmortem that is owed: a day before its time is over, and each day after; at it the missed clock says so. Pure. */

import type { Actor, Incident } from '../incident.ts';

const DAY_MS = 24 * 3_600_000;

/** When it must be in review, ms since the epoch; null: none is owed, or it is there. */
export function owedBy({ status, resolution, checklist, clocks }: Incident): number | null {
  if (status !== 'resolved' || checklist['postmortem'] !== undefined) return null;
  // It was there in time, and was taken back since: no clock runs for that.
  if (clocks['postmortem']?.state === 'met') return null;
  return resolution?.owes?.find(({ clock }) => clock === 'postmortem')?.dueAt ?? null;
}

/** The next reminder, by how many days after the due time it is given (-1: the day before, never 0); null: none is owed. */
export function nextReminder(incident: Incident): { dueAt: number; day: number; at: number } | null {
  const dueAt = owedBy(incident);
  if (dueAt === null || incident.resolution === undefined) return null;
  // A limit of a day or less has no day before: its resolution is the reminder.
  const first = dueAt - DAY_MS > incident.resolution.at ? -1 : 1;
  const { reminded } = incident;
  const day = reminded?.dueAt === dueAt ? Math.max(1, reminded.day + 1) : first;
  return { dueAt, day, at: dueAt + day * DAY_MS };
}

/** The reminder that is due at `now`: of several days that nobody looked, the newest. Null: none. */
export function dueReminder(
  incident: Incident,
  now: number,
  isOver: (dueAt: number) => boolean,
): { dueAt: number; day: number } | null {
  const next = nextReminder(incident);
  if (next === null || !isOver(next.at)) return null;
  const { dueAt, day } = next;
  return { dueAt, day: Math.max(day, Math.floor((now - dueAt) / DAY_MS)) };
}

/** The person who owes it: who resolved it, commands it or acknowledged it. A machine owns nothing: null. */
export function ownerOf({ resolution, commander, acknowledged }: Incident): Actor | null {
  const people = [resolution?.by, commander?.who, acknowledged?.by];
  return people.find((by) => by !== undefined && by.via !== 'standdown' && by.via !== 'alert') ?? null;
}
