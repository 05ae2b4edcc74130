/** Drills on a live installation: begun, watched, ended, reported. One at a time, and never beside what is real. */

import { Refusal } from '../../domain/decide.ts';
import {
  type DrillEnding,
  type DrillResult,
  type EarlierDrill,
  ENDED,
  type GameDay,
  inSeconds,
  type Scenario,
} from '../../domain/drill/gameDay.ts';
import { drillKill, isMeasured, limitsOf, resultOf, timesOf } from '../../domain/drill/measure.ts';
import {
  type Actor,
  type Incident,
  type Severity,
  STANDDOWN,
  type StandingEvent,
} from '../../domain/incident.ts';
import { KILL_PACE, type KillPace } from '../../domain/kill.ts';
import { type Playbook, type Runbook, stepRef } from '../../domain/playbook.ts';
import type { HoldKey } from '../../domain/trading.ts';
import {
  type Clock,
  type Control,
  DESK,
  type DrillFiles,
  type Log,
  type Store,
  StoreUnavailable,
} from '../../ports.ts';
import type { Desk } from '../desk.ts';
import type { Ledger } from '../ledger.ts';
import { type DrillKillRun, startDrillKill } from './kill.ts';
import type { DrillVenue } from './venues.ts';

export interface FinishedDrill {
  incident: string;
  at: number;
  result: DrillResult;
}

export interface Drills {
  /** Begin one. Throws Refusal, in words, where it must not run. */
  start(by: Actor, scenario: Scenario, dueAt?: number): Promise<Incident>;
  /** End the one that runs. Throws Refusal when there is none. Returns its incident. */
  stop(by: Actor): Promise<string>;
  /** Those that are over, the newest first. */
  finished(): FinishedDrill[];
  wasBegun(scenario: Scenario, dueAt: number): boolean;
  /** Whether what an earlier process left was looked through: nothing is begun before. */
  isReady(): boolean;
  /** The first look ends what an earlier process left: a drill is not resumed. */
  tick(): Promise<void>;
  /** Nothing further is begun. */
  close(): void;
}

export interface DrillsDeps {
  ledger: Ledger;
  desk: Pick<Desk, 'startDrill' | 'executor'>;
  store: Pick<Store, 'summaries'>;
  clock: Clock;
  log: Log;
  playbook: Playbook;
  runbooks: Runbook[];
  /** The only venues that any drill touches (venues.ts), and why there is none where there is none. */
  venues: readonly DrillVenue[];
  noVenue: string;
  /** A control file of its own, made anew. Throws with a sentence. */
  openControl(): Promise<Control>;
  protectiveOrders: 'cancel' | 'keepWhilePosition';
  /** The severity of the test page; null: none. */
  page: Severity | null;
  confirms: boolean;
  files: DrillFiles;
  report(result: DrillResult, incident: string, at: number): string;
  pace?: KillPace;
}

/** How severe the real thing would be: whose limits count, and which runbook people walk. */
const REAL: Record<Scenario, { severity: Severity; runbook: string | null; title: string }> = {
  kill: { severity: 'P0', runbook: null, title: 'TEST of the kill, nothing is wrong' },
  'feed-gap': { severity: 'P1', runbook: 'slo-01-data-feed', title: 'TEST of a feed gap, nothing is wrong' },
  paging: { severity: 'P1', runbook: null, title: 'TEST page, nothing is wrong' },
  runbook: { severity: 'P1', runbook: 'kill-switch', title: 'TEST of a runbook, nothing is wrong' },
};

/** What stops trading; the other switches narrow it. */
const STOPS: ReadonlySet<HoldKey> = new Set(['HALT_NEW_ORDERS', 'PAUSE_SIGNALS']);

/** Drills that are read back at the start, the newest. */
const KEPT = 100;
const EARLIER = 5;
/** Clocks are within a second (DESIGN 4). What sets one right little by little does not set it back. */
const SET_BACK_MS = 1_000;

interface Run {
  incident: string;
  openedMs: number;
  gameDay: GameDay;
  kill: DrillKillRun | null;
  /** Why it must end at the next look. */
  ending: { ended: DrillEnding; why: string } | null;
}

export function createDrills(deps: DrillsDeps): Drills {
  const { ledger, desk, store, clock, log, playbook, runbooks, venues } = deps;
  let run: Run | null = null;
  let starting = false;
  /** What became real while a drill was put on record: there was no run yet that it could end. */
  let cameFirst: Run['ending'] = null;
  let closed = false;
  let ready = false;
  let finished: FinishedDrill[] = [];
  const begun = new Set<string>();
  const nameOf = (scenario: Scenario, dueAt: number) => `${scenario} ${dueAt}`;

  /** What is real comes first: the drill's own kill begins no further step from this very moment. */
  function end(ended: DrillEnding, why: string): void {
    if (run === null) {
      if (starting) cameFirst ??= { ended, why };
      return;
    }
    run.kill?.stop();
    run.ending ??= { ended, why };
  }

  ledger.onChanged((stream, events) => {
    const real = events.flatMap((event) => endedBy(event, stream) ?? []);
    // A kill opens an incident of its own: it is said to be what it is.
    const first = real.find(({ ended }) => ended === 'realKill') ?? real[0];
    if (first !== undefined) end(first.ended, first.why);
  });

  function endedBy(event: StandingEvent, stream: string): Run['ending'] {
    if (ledger.peek(stream)?.gameDay !== undefined) return null;
    if (event.type === 'KillAsked' || event.type === 'LatchAdopted')
      return { ended: 'realKill', why: stream };
    if (event.type === 'HoldPlaced' && STOPS.has(event.key))
      return { ended: 'realHalt', why: `${event.key} by ${event.by.name}` };
    const opened = event.type === 'IncidentOpened' ? event.severity : null;
    const raised = event.type === 'SeverityChanged' ? event.to : null;
    // What is as severe as it was says so nowhere when it opens again.
    const again = event.type === 'IncidentReopened' ? ledger.peek(stream)?.severity : null;
    const severity = opened ?? raised ?? again;
    return severity === 'P0' || severity === 'P1' ? { ended: 'realIncident', why: stream } : null;
  }

  function mustBeAlone(): void {
    if (run !== null || starting)
      throw new Refusal(
        'drill_running',
        `A drill is running${run === null ? '' : ` (${run.incident})`}: nothing was begun.`,
      );
  }

  function mustBeFree(scenario: Scenario): void {
    if (closed || !ready)
      throw new Refusal(
        'not_ready',
        'The bot is starting or stopping: no drill was begun. Try again in a moment.',
      );
    if (ledger.trading().latch !== null || desk.executor.current() !== null)
      throw new Refusal('latched', 'The desk is killed: no drill is begun beside a real kill.');
    const real = ledger.open().filter(({ gameDay }) => gameDay === undefined);
    if (real.length > 0)
      throw new Refusal(
        'real_incident',
        `${real
          .slice(0, 3)
          .map(({ id }) => id)
          .join(', ')} is open, and is real: no drill is begun beside it.`,
      );
    const unrecorded = ledger.unrecorded();
    if (unrecorded !== null)
      throw new Refusal('unrecorded', `Nothing can be recorded (${unrecorded}): no drill was begun.`);
    if (scenario === 'kill' && venues.length === 0) throw new Refusal('no_drill_venue', deps.noVenue);
    if (scenario === 'paging' && deps.page === null)
      throw new Refusal(
        'no_drill_page',
        'A drill of paging needs its test page, and `drillPage` is off in standdown.yml: no drill was begun.',
      );
  }

  async function start(by: Actor, scenario: Scenario, dueAt?: number): Promise<Incident> {
    mustBeFree(scenario);
    mustBeAlone();
    starting = true;
    cameFirst = null;
    try {
      const control = scenario === 'kill' ? await ownControl() : null;
      // It may have become real while the file was made.
      mustBeFree(scenario);
      becameReal();
      const { title, runbook } = REAL[scenario];
      const walked = runbook === null ? undefined : runbooks.find(({ id }) => id === runbook);
      if (runbook !== null && walked === undefined)
        throw new Refusal(
          'no_runbook',
          `There is no runbook ${runbook} to walk through: no drill was begun.`,
        );
      const incident = await desk.startDrill(by, {
        title,
        runbook: walked?.id ?? null,
        page: deps.page,
        gameDay: planOf(scenario, walked, dueAt),
      });
      const { gameDay } = incident;
      if (gameDay === undefined) throw new Error(`${incident.id} was begun as a drill and is none`);
      if (dueAt !== undefined) begun.add(nameOf(scenario, dueAt));
      run = { incident: incident.id, openedMs: clock.monotonic(), gameDay, kill: null, ending: cameFirst };
      if (control !== null)
        await beginKill(run, by, control).catch((error: unknown) => {
          log.error(
            { incident: incident.id, error: String(error) },
            'the kill of a drill could not be begun',
          );
          end('failed', inWords(error));
        });
      return incident;
    } finally {
      starting = false;
    }
  }

  /** Throws Refusal where something real came since the drill was asked for, and stands nowhere any more. */
  function becameReal(): void {
    if (cameFirst === null) return;
    const what = `${ENDED[cameFirst.ended]} (${cameFirst.why})`;
    throw new Refusal('became_real', `The drill ${what} before it began: nothing was done.`);
  }

  async function ownControl(): Promise<Control> {
    try {
      return await deps.openControl();
    } catch (error) {
      throw new Refusal(
        'no_drill_control',
        `The drill's own control file cannot be used: ${inWords(error)} Nothing was done.`,
      );
    }
  }

  function planOf(scenario: Scenario, runbook: Runbook | undefined, dueAt: number | undefined) {
    const team = playbook.communication.find(({ id }) => id === 'team');
    const acknowledgeMin = playbook.severities[REAL[scenario].severity].acknowledgeWithinMin;
    return {
      scenario,
      venues: scenario === 'kill' ? venues.map(({ id }) => id) : [],
      limits: limitsOf(scenario, {
        headlineMin: team?.withinMin ?? null,
        acknowledgeMin,
        paged: deps.page !== null,
        confirms: deps.confirms,
      }),
      steps: (runbook?.steps ?? []).map((step) => (runbook === undefined ? '' : stepRef(runbook, step))),
      ...(dueAt === undefined ? {} : { dueAt }),
    };
  }

  async function beginKill(own: Run, by: Actor, control: Control): Promise<void> {
    const { pace = KILL_PACE, protectiveOrders } = deps;
    if (own.ending !== null) return;
    const kill = await startDrillKill(
      { clock, log, playbook, control, venues, protectiveOrders, pace },
      by,
      own.gameDay.drill,
    );
    own.kill = kill;
    // Something real came while it was begun.
    if (own.ending !== null) kill.stop();
    await kill.latchTried;
  }

  const earlierOf = (scenario: Scenario): EarlierDrill[] =>
    finished
      .filter(({ result }) => result.scenario === scenario)
      .slice(0, EARLIER)
      .map(({ at, result: { drill, passed, times } }) => ({ drill, at, passed, times }));

  const measuredOf = async (
    own: Run | null,
    id: string,
    gameDay: GameDay,
    openedAt: number,
    elapsedMs: number,
  ) => timesOf(gameDay, openedAt, await ledger.history(id), own?.kill?.state(), elapsedMs);

  /** On record, then noted on the desk's log, then in its file. Throws when the first cannot be. */
  async function finish(
    id: string,
    by: Actor,
    gameDay: GameDay,
    elapsedMs: number,
    own: Run | null,
    ending: NonNullable<Run['ending']>,
  ): Promise<void> {
    const incident = await ledger.load(id);
    if (incident === undefined) throw new Error(`${id} is not there`);
    const kill = own?.kill?.state();
    const times =
      ending.ended === 'failed'
        ? await measuredOf(own, id, gameDay, incident.openedAt, elapsedMs).catch((error: unknown) => {
            if (error instanceof StoreUnavailable) throw error;
            log.error({ incident: id, error: String(error) }, 'the times of a failed drill are not known');
            return [];
          })
        : await measuredOf(own, id, gameDay, incident.openedAt, elapsedMs);
    const came = drillKill(kill, own?.kill?.found() ?? {});
    const result = resultOf(gameDay, times, came, ending, earlierOf(gameDay.scenario));
    const { incident: after } = await ledger.commit(id, { type: 'FinishDrill', by, result });
    // A disk that took it after all, when it was refused before, holds the first one.
    const done = { incident: id, ...(after?.drillResult ?? { at: clock.now(), result }) };
    finished = [done, ...finished];
    // It is over from here on: the next one does not wait for its file.
    if (run === own) run = null;
    await evidence(done);
  }

  /** Its file, then the desk's log: a crash in between does both again. */
  async function evidence({ incident, at, result }: FinishedDrill): Promise<void> {
    const { earlier: _earlier, ...noted } = result;
    const json = { incident, endedAt: new Date(at).toISOString(), ...result };
    await deps.files
      .save(result.drill, deps.report(result, incident, at), json)
      .catch((error: unknown) =>
        log.warn({ incident, error: String(error) }, 'the report of a drill is no file: its thread has it'),
      );
    await ledger
      .commit(DESK, {
        type: 'NoteDrill',
        by: STANDDOWN,
        event: { type: 'DrillNoted', incident, endedAt: at, ...noted },
      })
      .catch((error: unknown) =>
        log.warn(
          { incident, error: String(error) },
          'a drill is not on the log of the desk until the next start',
        ),
      );
  }

  async function look(own: Run): Promise<void> {
    // A disk that hangs tells nobody of a kill: what stands in memory does.
    const { latch } = ledger.trading();
    if (latch !== null) end('realKill', latch.incident);
    try {
      await measure(own);
    } catch (error) {
      // Nothing can be recorded: it is tried again, and a restart would end it in words too.
      if (error instanceof StoreUnavailable) throw error;
      log.error({ incident: own.incident, error: String(error) }, 'a drill could not be watched: it ends');
      own.kill?.stop();
      // Also where it was ending: its story must not depend on what cannot be read.
      own.ending = { ended: 'failed', why: inWords(error) };
    }
  }

  async function measure(own: Run): Promise<void> {
    const incident = ledger.peek(own.incident);
    if (incident === undefined) return;
    // By either clock, whichever is first, as every due time of ours.
    const ranMs = clock.monotonic() - own.openedMs;
    const wallMs = clock.now() - incident.openedAt;
    const elapsedMs = Math.max(ranMs, wallMs);
    // Its events are stamped by the wall clock: what is late would look as if it had kept its limit.
    if (ranMs - wallMs > SET_BACK_MS) end('clockSetBack', `by ${inSeconds(ranMs - wallMs)}`);
    const state = own.kill?.state();
    // Its verdict is what was asked for: it is not watched on as a real latch is.
    if (state !== undefined && state.verdict !== null) own.kill?.stop();
    if (
      own.ending === null &&
      !isMeasured(await measuredOf(own, own.incident, own.gameDay, incident.openedAt, elapsedMs))
    )
      return;
    own.kill?.stop();
    const ending = own.ending ?? { ended: 'done' as const, why: '' };
    await finish(own.incident, STANDDOWN, own.gameDay, elapsedMs, own, ending);
  }

  return {
    start,
    async stop(by) {
      if (run === null) throw new Refusal('no_drill', 'No drill is running.');
      const { incident } = run;
      end('stopped', `by ${by.name}`);
      return incident;
    },
    finished: () => finished,
    wasBegun: (scenario, dueAt) => begun.has(nameOf(scenario, dueAt)),
    isReady: () => ready,
    async tick() {
      if (!ready) await takeUp();
      else if (starting) return;
      else if (run !== null) await look(run);
      else await endStrays();
    },
    close() {
      closed = true;
      run?.kill?.stop();
    },
  };

  /** Begun, refused since its disk did not answer in time, and on record all the same: nobody watches it. */
  async function endStrays(): Promise<void> {
    if (ledger.unrecorded() !== null) return;
    for (const { id, gameDay, drillResult, openedAt } of ledger.open()) {
      if (gameDay === undefined || drillResult !== undefined) continue;
      if (gameDay.dueAt !== undefined) begun.add(nameOf(gameDay.scenario, gameDay.dueAt));
      await finish(id, STANDDOWN, gameDay, Math.max(0, clock.now() - openedAt), null, {
        ended: 'failed',
        why: 'the disk took it after it was refused: nothing of it was run',
      });
    }
  }

  /** Not part of the start: a disk that hangs must not keep a kill from being taken up. */
  async function takeUp(): Promise<void> {
    finished = [];
    const drills = store
      .summaries()
      .filter(({ drill }) => drill)
      .toSorted((a, b) => b.openedAt - a.openedAt)
      .slice(0, KEPT);
    const noted = new Set<string>();
    for (const event of await ledger.history(DESK)) if (event.type === 'DrillNoted') noted.add(event.drill);
    for (const { id } of drills.toReversed()) {
      const incident = await ledger.load(id);
      const gameDay = incident?.gameDay;
      if (incident === undefined || gameDay === undefined) continue;
      if (gameDay.dueAt !== undefined) begun.add(nameOf(gameDay.scenario, gameDay.dueAt));
      if (incident.drillResult === undefined) {
        const why =
          gameDay.scenario === 'kill' ? `orders at ${gameDay.venues.join(', ')} may still be live` : '';
        await finish(id, STANDDOWN, gameDay, Math.max(0, clock.now() - incident.openedAt), null, {
          ended: 'restart',
          why,
        });
        continue;
      }
      const done = { incident: id, ...incident.drillResult };
      finished = [done, ...finished];
      // A crash came between the two logs; what is older than a week has left the desk's.
      if (!noted.has(gameDay.drill) && clock.now() - done.at < WEEK_MS) await evidence(done);
    }
    ready = true;
  }
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const WEEK_MS = 7 * 24 * 60 * 60_000;
