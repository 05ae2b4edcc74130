/**
 * Drills by the calendar. The next due time of each is on record, so that a restart knows what it missed; a missed one is said,
 * and never made up for at a time that nobody chose.
 */

import { Refusal } from '../../domain/decide.ts';
import type { DrillEvent, FurtherMissed, Scenario } from '../../domain/drill/gameDay.ts';
import { type Actor, STANDDOWN, type StandingEvent } from '../../domain/incident.ts';
import { type Clock, DESK, type Log } from '../../ports.ts';
import type { Ledger } from '../ledger.ts';

export interface PlannedDrill {
  /** Its name on record: the scenario and the pattern. */
  id: string;
  scenario: Scenario;
  by: string;
  /** Whether a minute, ms since the epoch at its first second, is one of its. */
  isDue(at: number): boolean;
}

export interface MissedDrill {
  schedule: string;
  scenario: Scenario;
  dueAt: number;
  why: string;
  /** Later due times of the same downtime. */
  further?: FurtherMissed;
}

export interface Schedule {
  look(): Promise<void>;
  planned(): { scenario: Scenario; dueAt: number }[];
  missed(): MissedDrill[];
}

const MIN = 60_000;
/** Found later than this, it is missed. */
const LATE_MS = 2 * MIN;
/** Of one downtime, so many missed times are named; the others are counted. */
const NAMED = 20;
/** A plan is written again when it is older, so that it never leaves the log of the desk. */
const AGAIN_MS = 24 * 60 * MIN;
/** Minutes that one look tries (7 µs each, measured): a yearly plan is found within minutes, and nothing waits for it. */
const TRIED = 2 * 24 * 60;
/** A pattern with no minute within this is never due. */
const HORIZON_MS = 370 * 24 * 60 * MIN;

export async function createSchedule(deps: {
  plans: PlannedDrill[];
  ledger: Pick<Ledger, 'commit' | 'history'>;
  clock: Clock;
  log: Log;
  start(by: Actor, scenario: Scenario, dueAt: number): Promise<unknown>;
  /** Why a scheduled drill must not run now beside what any drill is refused for; null: it may. */
  badTime(): string | null;
  /** Whether a drill that was due then was begun, by this process or an earlier one. */
  wasBegun(scenario: Scenario, dueAt: number): boolean;
  /** Say it in #incidents. False: it could not be said yet. */
  say(text: string, key: string, sinceMs: number): Promise<boolean>;
  words(missed: MissedDrill): string;
}): Promise<Schedule> {
  const { plans, ledger, clock, log } = deps;
  const due = new Map<string, { dueAt: number; at: number }>();
  const missed: MissedDrill[] = [];
  const taken = new Set<string>();
  const said = new Set<string>();
  const keyOf = ({ schedule, dueAt }: { schedule: string; dueAt: number }) => `${schedule} ${dueAt}`;
  const take = (event: StandingEvent) => {
    if (event.type === 'DrillPlanned') due.set(event.schedule, { dueAt: event.dueAt, at: event.at });
    if (event.type === 'DrillMissed') {
      const { schedule, scenario, dueAt, why, further } = event;
      const told = { schedule, scenario, dueAt, why, ...(further === undefined ? {} : { further }) };
      if (!taken.has(keyOf(event))) missed.push(told);
      taken.add(keyOf(event));
    }
    if (event.type === 'DrillMissedSaid') said.add(keyOf(event));
  };
  for (const event of await ledger.history(DESK)) take(event);
  /** From where the search for the next minute goes on, by plan. */
  const searched = new Map<string, { from: number; until: number }>();

  /** What was missed in a downtime, as far as it was looked through, by plan. */
  const scanned = new Map<string, { from: number; times: number[]; more: number; last: number }>();

  async function note(event: Exclude<DrillEvent, { type: 'DrillFinished' }>): Promise<void> {
    const { events } = await ledger.commit(DESK, { type: 'NoteDrill', by: STANDDOWN, event });
    for (const one of events) take(one);
  }

  /** Put on record when it is due next after `after`, ms since the epoch. */
  async function plan({ id, scenario, isDue }: PlannedDrill, after: number): Promise<void> {
    const now = clock.now();
    const begin = Math.floor(after / MIN) * MIN + MIN;
    const search = searched.get(id) ?? { from: begin, until: now + HORIZON_MS };
    searched.set(id, search);
    for (let tries = 0; tries < TRIED && search.from < search.until; tries += 1, search.from += MIN) {
      if (!isDue(search.from)) continue;
      const dueAt = search.from;
      searched.delete(id);
      return note({ type: 'DrillPlanned', schedule: id, scenario, dueAt });
    }
  }

  async function come(one: PlannedDrill, dueAt: number): Promise<void> {
    const { id: schedule, scenario, by } = one;
    if (clock.now() - dueAt > LATE_MS) return missDowntime(one, dueAt);
    const miss = (why: string) => note({ type: 'DrillMissed', schedule, scenario, dueAt, why });
    if (!isKnown(one, dueAt)) {
      const bad = deps.badTime();
      if (bad !== null) await miss(bad);
      else
        try {
          const actor: Actor = { via: 'standdown', id: 'drill-schedule', name: `the schedule of ${by}` };
          await deps.start(actor, scenario, dueAt);
        } catch (error) {
          await miss(error instanceof Refusal ? error.message : 'it could not be begun');
        }
    }
    due.delete(schedule);
    await plan(one, Math.max(dueAt, clock.now()));
  }

  /** Begun, or said to be missed: alone, or with an earlier one of the same downtime. */
  const isKnown = ({ id, scenario }: PlannedDrill, at: number): boolean =>
    missed.some(
      ({ schedule, dueAt, further }) => schedule === id && at >= dueAt && at <= (further?.until ?? dueAt),
    ) || deps.wasBegun(scenario, at);

  /** Every due time from this one on that is over. Its event is one, so that a crash leaves all of them unsaid or none. */
  async function missDowntime(one: PlannedDrill, dueAt: number): Promise<void> {
    const { id: schedule, scenario, isDue } = one;
    const scan = scanned.get(schedule) ?? { from: dueAt, times: [], more: 0, last: dueAt };
    scanned.set(schedule, scan);
    for (let tries = 0; clock.now() - scan.from > LATE_MS; tries += 1, scan.from += MIN) {
      if (tries >= TRIED) return;
      // The one that was planned counts, whatever the pattern says by now.
      if ((scan.from !== dueAt && !isDue(scan.from)) || isKnown(one, scan.from)) continue;
      if (scan.times.length < NAMED) scan.times.push(scan.from);
      else scan.more += 1;
      scan.last = scan.from;
    }
    const [first, ...times] = scan.times;
    if (first !== undefined)
      await note({
        type: 'DrillMissed',
        schedule,
        scenario,
        dueAt: first,
        why: 'the bot was not running then',
        ...(times.length === 0 ? {} : { further: { times, more: scan.more, until: scan.last } }),
      });
    scanned.delete(schedule);
    due.delete(schedule);
    // What was due within the last two minutes is not late yet.
    await plan(one, scan.from - MIN);
  }

  async function tellMissed(): Promise<void> {
    for (const one of missed) {
      const { schedule, dueAt } = one;
      if (said.has(keyOf(one))) continue;
      if (!(await deps.say(deps.words(one), `drill-missed/${schedule}/${dueAt}`, dueAt))) return;
      await note({ type: 'DrillMissedSaid', schedule, dueAt });
    }
  }

  return {
    planned: () =>
      plans.flatMap(({ id, scenario }) => {
        const next = due.get(id);
        return next === undefined ? [] : [{ scenario, dueAt: next.dueAt }];
      }),
    missed: () => missed,
    async look() {
      for (const one of plans) {
        const next = due.get(one.id);
        try {
          if (next === undefined) await plan(one, clock.now());
          else if (clock.now() >= next.dueAt) await come(one, next.dueAt);
          else if (clock.now() - next.at > AGAIN_MS)
            await note({ type: 'DrillPlanned', schedule: one.id, scenario: one.scenario, dueAt: next.dueAt });
        } catch (error) {
          log.warn(
            { schedule: one.id, error: String(error) },
            'a scheduled drill waits: it cannot be recorded',
          );
        }
      }
      await tellMissed();
    },
  };
}
