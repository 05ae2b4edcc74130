/**
 * What the clock makes due: clocks to be put on record, pages, reminders, mails. It follows from the log, so that a restart
 * misses none and repeats none: each command is refused by `decide` once it is on record. Pure.
 */

import { type ClockRules, clocksOf, type IncidentClock, lineOf } from './clocks.ts';
import { type Command, newestKill, nextPage } from './decide.ts';
import { type Incident, type Severity, STANDDOWN } from './incident.ts';
import type { KillState } from './kill.ts';
import { dueSummons } from './paging.ts';
import type { Playbook } from './playbook.ts';
import { lastMinutesAt } from './postmortem/life.ts';
import { dueReminder } from './postmortem/remind.ts';
import { toldOf } from './stakeholderMail.ts';
import { lateBy } from './timeline.ts';
import type { Trading } from './trading.ts';

const MIN = 60_000;

/** Whether a due time is over. The engine's own counts by the monotonic clock as well (engine/tick.ts). */
export type IsOver = (clock: string, dueAt: number) => boolean;

/**
 * What an incident owes at `now`, at most one page of it. Open ones and resolved ones alike; the mails are in `dueMail`.
 */
export function dueNow(
  incident: Incident,
  rules: ClockRules,
  now: number,
  isOver: IsOver = (_clock, dueAt) => now >= dueAt,
): Command[] {
  // A drill measures its clocks, and nothing comes of a missed one but its report.
  if (incident.gameDay !== undefined) return [];
  const clocks = clocksOf(incident, rules, null);
  const over = clocks.filter(
    ({ id, dueAt, doneAt, recorded }) =>
      id !== 'update' && !recorded && (doneAt !== null || isOver(id, dueAt)),
  );
  const missed = over.filter(({ doneAt }) => doneAt === null);
  const commands: Command[] = [];
  const page = missed.some(({ id }) => id !== 'still-open') ? pageFor(incident, rules.playbook) : null;
  if (over.length > 0)
    commands.push({
      type: 'RecordClocks',
      by: STANDDOWN,
      clocks: over.map(({ id, dueAt, doneAt }) => ({
        clock: id,
        state: doneAt !== null && doneAt < dueAt ? 'met' : 'missed',
        dueAt,
        ...(doneAt === null ? {} : { doneAt }),
      })),
      page,
      why: `missed: ${missed.map(({ title }) => title).join(', ')}`,
    });
  // The page that a missed clock owes is the next one: another in the same look would be the same news twice.
  const again = page === null ? nextDuePage(incident, clocks, rules.playbook) : null;
  if (again !== null && isOver(`page ${again.n}`, again.at))
    commands.push({ type: 'PageAgain', by: STANDDOWN, n: again.n, why: again.why });
  const reminder = dueReminder(incident, now, (dueAt) => isOver('postmortem reminder', dueAt));
  if (reminder !== null) commands.push({ type: 'RemindPostmortem', by: STANDDOWN, ...reminder });
  const until = lastMinutesAt(incident);
  if (until !== null && isOver('last minutes', until))
    commands.push({ type: 'AskLastMinutes', by: STANDDOWN, until });
  const summons = incident.status === 'resolved' ? null : dueSummons(incident);
  if (summons !== null && isOver(`summon ${summons.n}`, summons.at))
    commands.push({ type: 'Summon', by: STANDDOWN, n: summons.n, why: summons.why });
  const update = clocks.find(({ id }) => id === 'update');
  if (update !== undefined && isOver(update.id, update.dueAt))
    commands.push({ type: 'RemindUpdate', by: STANDDOWN, last: incident.silentFrom });
  return commands;
}

/**
 * The severity that a missed clock pages with; null: nobody is paged for it. After the resolution it is a warning: it is
 * late, and wakes nobody who has set low urgencies aside.
 */
function pageFor(incident: Incident, playbook: Playbook): Severity | null {
  const severity: Severity = incident.status === 'resolved' ? 'P2' : incident.severity;
  return playbook.severities[severity].page === null ? null : severity;
}

/** The next page of an incident. `at` is ms since the epoch; `n` is its step. */
export interface DuePage {
  at: number;
  n: number;
  why: string;
}

/**
 * The page that is due beside the clocks: still nobody acknowledged since the page of the missed clock, or a kill still is
 * not proven. Null when nothing is owed.
 */
export function nextDuePage(
  incident: Incident,
  clocks: IncidentClock[],
  playbook: Pick<Playbook, 'severities' | 'paging'>,
): DuePage | null {
  const last = incident.pages.at(-1);
  if (incident.status === 'resolved' || last === undefined) return null;
  const n = nextPage(incident);
  const due: DuePage[] = [];
  const within = playbook.severities[incident.severity].acknowledgeWithinMin;
  const acknowledge = clocks.find(({ id }) => id === 'acknowledge');
  // The first page after the limit comes with the clock's miss; the ones after it as long after the page before.
  if (acknowledge?.state === 'missed' && acknowledge.doneAt === null && within !== null)
    due.push({ at: last.owedAt + within * MIN, n, why: `not acknowledged within ${within} min` });
  const kill = newestKill(incident);
  if (kill !== undefined && unproven(kill)) {
    const at = last.owedAt + playbook.paging.unprovenKillAgainMin * MIN;
    due.push({ at, n, why: `kill still ${kill.verdict}` });
  }
  return due.sort((a, b) => a.at - b.at)[0] ?? null;
}

/** UNKNOWN, or orders that are still live: the venue is not stopped as far as anybody knows. */
function unproven(kill: KillState): boolean {
  if (kill.over !== null) return false;
  if (kill.verdict === 'UNKNOWN') return true;
  if (kill.accepted !== null) return false;
  return Object.values(kill.venues).some((venue) => (venue.verdict?.orders.length ?? 0) > 0);
}

/**
 * The mail that is due to the stakeholders: the first one of a severity that waits for it, or one about a change. Null
 * where none is, or where the playbook has no line for them (mail is off). `changedAt`: since when severity and trading
 * state are as they are now, as far as this process saw.
 */
export function dueMail(
  incident: Incident,
  trading: Trading,
  playbook: Playbook,
  now: number,
  changedAt: number,
  isOver: IsOver = (_clock, dueAt) => now >= dueAt,
): Command | null {
  const line = lineOf(playbook, 'stakeholders');
  if (line === undefined || incident.status === 'resolved' || incident.gameDay !== undefined) return null;
  const { severity, mailedAt, mailOwedAt, told, clocksFrom } = incident;
  const first = line.severities.includes(severity) ? line.afterMin?.[severity] : undefined;
  if (first !== undefined && mailedAt === undefined && mailOwedAt === undefined) {
    const dueAt = clocksFrom + first * MIN;
    if (!isOver('first mail', dueAt)) return null;
    const late = lateBy({ at: now, dueAt });
    const what = incident.reopened > 0 ? 'reopened' : 'opened';
    const why = `${first} min after it began, and nobody had mailed them`;
    return { type: 'OweMail', by: STANDDOWN, what, why: late === null ? why : `${why}; ${late} late` };
  }
  const tell = toldOf(severity, trading);
  if (told === undefined || told === tell) return null;
  // Who was told of a P1 is told that it is one no longer; of what comes after that they need not hear.
  const concerns = line.severities.some((one) => one === severity || told.startsWith(one));
  if (!concerns || incident.mail?.state === 'retrying') return null;
  const { settleMin, atMostEveryMin } = playbook.stakeholderMail;
  const lastAt = Math.max(mailOwedAt ?? 0, incident.mail?.at ?? 0);
  const dueAt = Math.max(changedAt + settleMin * MIN, lastAt + atMostEveryMin * MIN);
  return isOver('changed mail', dueAt)
    ? { type: 'OweMail', by: STANDDOWN, what: 'changed', why: 'severity or trading state changed' }
    : null;
}
