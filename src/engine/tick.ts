/**
 * What the clock makes due, looked at every second. The due times follow from the log (domain/clocks.ts), so that a restart
 * misses none and repeats none; what came due while nothing ran is done at once, and says that it is late.
 */

import { type ClockRules, clocksOf, followedUntil } from '../domain/clocks.ts';
import type { Command, FactEvent } from '../domain/decide.ts';
import { dueMail, dueNow, type IsOver } from '../domain/due.ts';
import { type Incident, STANDDOWN } from '../domain/incident.ts';
import { toldOf } from '../domain/stakeholderMail.ts';
import type { Clock, Log, Store } from '../ports.ts';
import type { Ledger } from './ledger.ts';

export interface Ticker {
  /** One look. Never throws: what could not be recorded is due at the next look as well. */
  look(): Promise<void>;
}

/** A headline is drawn again when a clock has this long left: it is a countdown of few edits. */
const REDRAW_MIN = [30, 15, 10, 5, 2, 1];

/** Incidents looked at between two turns of the event loop. */
const BATCH = 100;
/** Resolved incidents read back in one look: after a long absence many are due at once. */
const READ_BACK = 20;
/** One that cannot be read back is tried again after this long. */
const AGAIN_MS = 10 * 60_000;

export function createTicker(deps: {
  ledger: Ledger;
  store: Pick<Store, 'summaries'>;
  clock: Clock;
  rules: ClockRules;
  /** What the measurements say of the money now. */
  money(): Extract<FactEvent, { type: 'ImpactNoted' }>;
  log: Log;
}): Ticker {
  const { ledger, store, clock, rules, log } = deps;
  const deadlines = createDeadlines(clock);
  // Resolved incidents whose clocks still run, with when the next is due. Open ones are all in memory; of a hundred thousand
  // closed ones only these few numbers are looked at (docs/adr/0012).
  const followed = new Map<string, number>();
  // Written by an older version: there is no such field.
  for (const { id, dueAt } of store.summaries()) if (typeof dueAt === 'number') followed.set(id, dueAt);
  ledger.onChanged((stream) => {
    const incident = ledger.peek(stream);
    if (incident === undefined) return;
    const dueAt = incident.status === 'resolved' ? followedUntil(incident) : null;
    if (dueAt === null) followed.delete(stream);
    // What was supplied just now goes on record at the next look.
    else followed.set(stream, clocksOf(incident, rules, null).some(isDone) ? clock.now() : dueAt);
  });

  /** Severity and trading state as they were last seen, and since when. */
  const seen = new Map<string, { tell: string; at: number }>();
  const drawn = new Map<string, string>();

  async function commit(incident: string, command: Command): Promise<void> {
    try {
      await ledger.commit(incident, command, { mustGoOn: true });
    } catch (error) {
      log.error(
        { incident, command: command.type, error: String(error) },
        'what is due could not be recorded: it is tried again',
      );
    }
  }

  async function lookAt(incident: Incident): Promise<void> {
    const now = clock.now();
    const isOver: IsOver = (name, dueAt) => deadlines.isOver(`${incident.id} ${name}`, dueAt);
    for (const command of dueNow(incident, rules, now, isOver)) await commit(incident.id, command);
    if (incident.status === 'resolved') return;
    const trading = ledger.trading();
    const mail = dueMail(incident, trading, rules.playbook, now, changedAt(incident, now), isOver);
    if (mail !== null) await commit(incident.id, mail);
    // What the money was at the beginning, as far as it is measured.
    if (incident.impact === undefined && rules.playbook.severities[incident.severity].postmortem)
      await commit(incident.id, { type: 'Note', by: STANDDOWN, event: deps.money() });
    await countDown(incident, now);
  }

  function changedAt(incident: Incident, now: number): number {
    const tell = toldOf(incident.severity, ledger.trading());
    const before = seen.get(incident.id);
    if (before?.tell === tell) return before.at;
    seen.set(incident.id, { tell, at: now });
    return now;
  }

  async function countDown(incident: Incident, now: number): Promise<void> {
    const headline = incident.posts['headline'];
    if (headline === undefined) return;
    const before = drawn.get(incident.id) ?? left(incident, headline.at);
    const shown = left(incident, now);
    drawn.set(incident.id, shown);
    if (before === shown) return;
    await ledger.owe(incident.id, [
      {
        id: `${incident.id}/${incident.version}/headline:clock:${now}`,
        incident: incident.id,
        lane: 'slack',
        target: `${incident.id}/headline`,
        work: { kind: 'headline' },
      },
    ]);
  }

  /** How far the clocks that run have come, in the steps of the countdown. */
  const left = (incident: Incident, now: number): string =>
    clocksOf(incident, rules, now)
      .filter(({ state }) => state === 'running')
      .map(({ id, dueAt }) => `${id} ${REDRAW_MIN.filter((min) => dueAt - now <= min * 60_000).length}`)
      .join();

  async function lookAtResolved(id: string): Promise<void> {
    try {
      const incident = await ledger.load(id);
      if (incident?.status !== 'resolved') {
        followed.delete(id);
        return;
      }
      await lookAt(incident);
      const dueAt = followedUntil(ledger.peek(id) ?? incident);
      if (dueAt === null) followed.delete(id);
      else followed.set(id, dueAt);
    } catch (error) {
      followed.set(id, clock.now() + AGAIN_MS);
      log.error(
        { incident: id, error: String(error) },
        'a resolved incident cannot be read: its clocks wait',
      );
    }
  }

  return {
    async look() {
      const open = ledger.open();
      const ids = new Set(open.map(({ id }) => id));
      for (const [index, incident] of open.entries()) {
        await lookAt(incident);
        if (index % BATCH === BATCH - 1) await clock.wait(0);
      }
      const due = [...followed].filter(([id, dueAt]) => deadlines.isOver(id, dueAt));
      for (const [id] of due.slice(0, READ_BACK)) await lookAtResolved(id);
      for (const map of [seen, drawn]) for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
      deadlines.sweep();
    },
  };
}

const isDone = ({ doneAt, recorded }: { doneAt: number | null; recorded: boolean }): boolean =>
  doneAt !== null && !recorded;

/**
 * Whether due times are over: by the wall clock, or by the monotonic one since they were first seen, whichever is first. So
 * a wall clock that is put back delays nothing, and one that is put forward (or a machine that slept) finds at once what is
 * late.
 */
function createDeadlines(clock: Clock): { isOver: IsOver; sweep(): void } {
  const until = new Map<string, number>();
  const asked = new Set<string>();
  return {
    isOver(name, dueAt) {
      const key = `${name} ${dueAt}`;
      const now = clock.monotonic();
      const known = until.get(key) ?? now + Math.max(0, dueAt - clock.now());
      until.set(key, known);
      asked.add(key);
      return clock.now() >= dueAt || now >= known;
    },
    /** Forget what was not asked about since the last call. */
    sweep() {
      for (const key of until.keys()) if (!asked.has(key)) until.delete(key);
      asked.clear();
    },
  };
}
