/**
 * The playbook's clocks of an incident, from its log alone: what is due when, and what was met or missed. Pure: a restart,
 * or a look at another time, gives the same due times.
 *
 * A clock is met when what it asks for was done **before** its due time ("<5 min"); at that very millisecond it is missed.
 * Once it is on record as met or missed it stays so, whatever the wall clock says later.
 *
 * From where they run: from the opening; anew from a raise of the severity (a raise to P0 at minute 10 gives 5 minutes from
 * the raise); anew, all of them, from a reopening. A lowered severity keeps the start and has the longer limit.
 */

import { type BusinessHours, endOfNextBusinessDay } from './businessDay.ts';
import { type Incident, isWorse, type OwedClock, type Severity } from './incident.ts';
import type { CommunicationLine, Playbook } from './playbook.ts';
import { lastMinutesAt } from './postmortem/life.ts';
import { nextReminder } from './postmortem/remind.ts';

export interface ClockRules {
  playbook: Playbook;
  hours: BusinessHours;
}

export interface IncidentClock {
  /** `acknowledge`, `incidents-channel`, `stakeholder-mail`, `still-open`, `update`, or an item of the checklist. */
  id: string;
  /** What is to be done, for "… by 14:18:10". */
  title: string;
  /** ms since the epoch, as the others. */
  dueAt: number;
  state: 'running' | 'met' | 'missed';
  /** When it was done; null: not yet. */
  doneAt: number | null;
  /** It is on record, and nothing more comes of it. */
  recorded: boolean;
}

const MIN = 60_000;
const HOUR = 60 * MIN;

/** The line of the playbook's communication protocol with this id. */
export const lineOf = (
  playbook: Pick<Playbook, 'communication'>,
  id: CommunicationLine['id'],
): CommunicationLine | undefined => playbook.communication.find((line) => line.id === id);

/** Every clock of an incident. `now` null: as far as the record and what was done say, for texts that must not change with time. */
export function clocksOf(incident: Incident, rules: ClockRules, now: number | null): IncidentClock[] {
  // A drill measures its own, with limits of its own (drill/measure.ts).
  if (incident.gameDay !== undefined) return [];
  const clocks = incident.status === 'resolved' ? afterwards(incident, rules) : whileOpen(incident, rules);
  return clocks.map(({ id, dueAt, doneAt: doneNow }) => {
    const record = incident.clocks[id];
    // Who acknowledges a later page moves nothing that is on record as done.
    const doneAt = record?.state === 'met' ? (record.doneAt ?? doneNow) : doneNow;
    const recorded = record !== undefined && (record.state === 'met' || record.dueAt >= dueAt);
    const judged = (): IncidentClock['state'] => {
      if (recorded && record.state === 'missed') return 'missed';
      if (doneAt !== null) return doneAt < dueAt || recorded ? 'met' : 'missed';
      return now !== null && now >= dueAt ? 'missed' : 'running';
    };
    return { id, title: titleOf(id, rules.playbook), dueAt, doneAt, state: judged(), recorded };
  });
}

type Clock = Pick<IncidentClock, 'id' | 'dueAt' | 'doneAt'>;

function acknowledgeClock(incident: Incident, { playbook, hours }: ClockRules): Clock {
  const within = playbook.severities[incident.severity].acknowledgeWithinMin;
  const { clocksFrom, acknowledged, resolution } = incident;
  return {
    id: 'acknowledge',
    dueAt: within === null ? endOfNextBusinessDay(clocksFrom, hours) : clocksFrom + within * MIN,
    doneAt: acknowledged?.at ?? resolution?.at ?? null,
  };
}

function whileOpen(incident: Incident, rules: ClockRules): Clock[] {
  const { playbook } = rules;
  const { severity, openSince } = incident;
  const clocks: Clock[] = [acknowledgeClock(incident, rules), ...told(incident, playbook)];
  const every = playbook.severities[severity].updateEveryMin;
  if (every !== null) {
    clocks.push({
      id: 'update',
      dueAt: incident.silentFrom + every * MIN,
      doneAt: null,
    });
  }
  clocks.push({
    id: 'still-open',
    dueAt: openSince + playbook.postmortem.remindAfterHours * HOUR,
    doneAt: null,
  });
  return clocks;
}

/** The team in #incidents and the stakeholders by mail. */
function told(incident: Incident, playbook: Playbook): Clock[] {
  const { severity, clocksFrom, posts, mailedAt } = incident;
  const clocks: Clock[] = [];
  const asks = (line: CommunicationLine | undefined): line is CommunicationLine & { withinMin: number } =>
    line !== undefined && line.withinMin !== null && line.severities.includes(severity);
  const team = lineOf(playbook, 'team');
  const headline = posts['headline'];
  // A headline of before a raise or a reopening stands already.
  if (asks(team) && (headline === undefined || headline.at >= clocksFrom))
    clocks.push({
      id: 'incidents-channel',
      dueAt: clocksFrom + team.withinMin * MIN,
      doneAt: headline?.at ?? null,
    });
  const stakeholders = lineOf(playbook, 'stakeholders');
  if (asks(stakeholders))
    clocks.push({
      id: 'stakeholder-mail',
      dueAt: clocksFrom + stakeholders.withinMin * MIN,
      doneAt: mailedAt ?? null,
    });
  return clocks;
}

/** After the resolution: what it left owed, with the due times that were put on record with it. */
function afterwards(incident: Incident, rules: ClockRules): Clock[] {
  return [
    acknowledgeClock(incident, rules),
    ...(incident.resolution?.owes ?? []).flatMap(({ clock, dueAt }) =>
      dueAt === null ? [] : [{ id: clock, dueAt, doneAt: suppliedAt(incident, clock) }],
    ),
  ];
}

/** When what a clock after the resolution asks for was there, ms since the epoch; null: it is not. */
export function suppliedAt(incident: Incident, clock: string): number | null {
  if (clock === 'incidents-channel') return incident.posts['headline']?.at ?? null;
  if (clock === 'stakeholder-mail') return incident.mailedAt ?? null;
  return incident.checklist[clock]?.at ?? null;
}

const TITLES: Record<string, string> = {
  acknowledge: 'acknowledge',
  'incidents-channel': 'post in #incidents',
  'stakeholder-mail': 'mail the stakeholders',
  update: 'next update',
  'still-open': 'resolve it or be reminded',
  postmortem: 'postmortem in review',
  'root-cause': 'root cause category',
  'action-items': 'action items or a reason for none',
  'sli-data': 'SLI data updated',
  'recovery-check': 'recovery check passed',
};

/** What a clock asks for, in a few words. */
export const titleOf = (clock: string, playbook: Pick<Playbook, 'checklist'>): string =>
  (Object.hasOwn(TITLES, clock) ? TITLES[clock] : undefined) ??
  playbook.checklist.find(({ id }) => id === clock)?.text ??
  clock;

// ── What a resolution leaves owed ────────────────────────────────────────────────────────────────────────────────────

/** The severity that the time after the incident is owed for: its worst one that was not a guess. */
export const severityOwedFor = ({ severity, worst }: Pick<Incident, 'severity' | 'worst'>): Severity =>
  isWorse(worst, severity) ? worst : severity;

/** The longest gap of its feeds, ms; one that lasts is counted up to `now`. */
const longestGap = (incident: Incident, now: number): number =>
  Math.max(0, ...incident.gaps.map(({ from, to }) => (to ?? now) - from));

/**
 * What an incident that is resolved at `now` still owes: mail and headline that did not leave yet, the whole checklist for
 * a P0 or P1 (whatever it was lowered to), and the postmortem alone for a long gap of a feed. Put on record with the
 * resolution, so that no later playbook and no restart moves it.
 */
export function owedAfter(incident: Incident, now: number, playbook: Playbook): OwedClock[] {
  const notYet = told(incident, playbook)
    .filter(({ id, doneAt }) => doneAt === null && incident.clocks[id] === undefined)
    .map(({ id, dueAt }) => ({ clock: id, dueAt }));
  const dueIn = (hours: number | null) => (hours === null ? null : now + hours * HOUR);
  const { inReviewWithinHours, dataGapOverMin } = playbook.postmortem;
  if (playbook.severities[severityOwedFor(incident)].postmortem)
    return [
      ...notYet,
      ...playbook.checklist.map(({ id, withinHours }) => ({ clock: id, dueAt: dueIn(withinHours) })),
    ];
  return longestGap(incident, now) > dataGapOverMin * MIN
    ? [...notYet, { clock: 'postmortem', dueAt: dueIn(inReviewWithinHours) }]
    : notYet;
}

/** Whether a postmortem is owed for a resolved incident. */
export const owesPostmortem = ({ resolution }: Incident): boolean =>
  resolution?.owes?.some(({ clock }) => clock === 'postmortem') === true;

/** The items of the checklist that a resolved incident owes, in the playbook's order. Empty: it owes none. */
export function checklistOf(
  incident: Incident,
  playbook: Pick<Playbook, 'checklist'>,
): { id: string; text: string; dueAt: number | null }[] {
  const owes = incident.resolution?.owes ?? [];
  return playbook.checklist.flatMap(({ id, text }) => {
    const owed = owes.find(({ clock }) => clock === id);
    return owed === undefined ? [] : [{ id, text, dueAt: owed.dueAt }];
  });
}

/**
 * When the clocks of a resolved incident are to be looked at next, ms since the epoch; null: never again. It follows from
 * the incident alone, so that a store can keep it for a hundred thousand closed ones (docs/adr/0012).
 */
export function followedUntil(incident: Incident): number | null {
  const { resolution, clocks } = incident;
  // The log of an older version says nothing of what is owed: it is not followed.
  if (resolution?.owes === undefined || incident.gameDay !== undefined) return null;
  if (clocks['acknowledge'] === undefined) return resolution.at;
  const due = resolution.owes.flatMap(({ clock, dueAt }) =>
    dueAt === null || clocks[clock] !== undefined ? [] : [dueAt],
  );
  const reminder = nextReminder(incident);
  if (reminder !== null) due.push(reminder.at);
  const lastMinutes = lastMinutesAt(incident);
  if (lastMinutes !== null) due.push(lastMinutes);
  return due.length === 0 ? null : Math.min(...due);
}
