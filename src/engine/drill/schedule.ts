/**
 * Drills by the calendar. The next due time of each is on record, so that a restart knows what it missed; a missed one is said,
 * and never made up for at a time that nobody chose.
 */

import { Refusal } from '../../domain/decide.ts';
import type { DrillEvent, Scenario } from '../../domain/drill/gameDay.ts';
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
}

export interface Schedule {
  look(): Promise<void>;
  planned(): { scenario: Scenario; dueAt: number }[];
  missed(): MissedDrill[];
}

const MIN = 60_000;
/** Found later than this, it is missed. */
const LATE_MS = 2 * MIN;
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
  const said = new Set<string>();
  const keyOf = ({ schedule, dueAt }: { schedule: string; dueAt: number }) => `${schedule} ${dueAt}`;
  const take = (event: StandingEvent) => {
    if (event.type === 'DrillPlanned') due.set(event.schedule, { dueAt: event.dueAt, at: event.at });
    if (event.type === 'DrillMissed') {
      const { schedule, scenario, dueAt, why } = event;
      if (!missed.some((one) => keyOf(one) === keyOf(event))) missed.push({ schedule, scenario, dueAt, why });
    }
    if (event.type === 'DrillMissedSaid') said.add(keyOf(event));
  };
  for (const event of await ledger.history(DESK)) take(event);
  /** From where the search for the next minute goes on, by plan. */
  const searched = new Map<string, { from: number; until: number }>();

  async function note(event: Exclude<DrillEvent, { type: 'DrillFinished' }>): Promise<void> {
    const { events } = await ledger.commit(DESK, { type: 'NoteDrill', by: STANDDOWN, event });
    for (const one of events) take(one);
  }

  async function plan({ id, scenario, isDue }: PlannedDrill): Promise<void> {
    const now = clock.now();
    const begin = Math.floor(now / MIN) * MIN + MIN;
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
    const miss = (why: string) => note({ type: 'DrillMissed', schedule, scenario, dueAt, why });
    const known = missed.some((other) => keyOf(other) === keyOf({ schedule, dueAt }));
    if (!known && !deps.wasBegun(scenario, dueAt)) {
      const bad = clock.now() - dueAt > LATE_MS ? 'the bot was not running then' : deps.badTime();
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
    await plan(one);
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
          if (next === undefined) await plan(one);
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
