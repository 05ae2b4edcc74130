/** What a person or a machine can ask of the bot. Each use case orders the calls and decides nothing. */

import { type Command, newestKill, Refusal } from '../domain/decide.ts';
import type { GameDay } from '../domain/drill/gameDay.ts';
import {
  type Actor,
  type Incident,
  type MessageSource,
  type Severity,
  type StandingEvent,
} from '../domain/incident.ts';
import { isRunning, type KillPace, type KillState, type TripEvidence } from '../domain/kill.ts';
import {
  type CancelResult,
  type CancelScope,
  type Closable,
  outgrown,
  type PositionLine,
} from '../domain/orders.ts';
import { type Playbook, type Runbook, stepRef } from '../domain/playbook.ts';
import type { GateRules } from '../domain/resume.ts';
import { controlValues, type Hold, type HoldKey } from '../domain/trading.ts';
import {
  type Clock,
  type Command as ConfiguredCommand,
  type Control,
  type ControlWritten,
  DESK,
  type Log,
  type Store,
  type Venue,
} from '../ports.ts';
import { createIntake, type Intake } from './intake.ts';
import { createKillExecutor, type KillExecutor } from './kill.ts';
import type { Committed, Ledger } from './ledger.ts';
import {
  cancelEverywhere,
  closablePositions,
  type FlattenPreview,
  flattenAll,
  previewFlatten,
  saidBy,
} from './orders.ts';
import { createResume, type Resume, type ResumeDeps } from './resume.ts';

export interface DeskDeps {
  store: Store;
  ledger: Ledger;
  clock: Clock;
  control: Control;
  venues: Venue[];
  playbook: Playbook;
  runbooks: Runbook[];
  drill: boolean;
  protectiveOrders: 'cancel' | 'keepWhilePosition';
  rules: GateRules;
  criteriaNotOk: ResumeDeps['criteriaNotOk'];
  mayLoosen: ResumeDeps['mayLoosen'];
  recovery: ResumeDeps['recovery'];
  /** What runbook steps may run, by its name in the configuration. */
  commands: Record<string, ConfiguredCommand>;
  log: Log;
  pace?: KillPace;
}

/** A drill as it is asked for: its incident and its name are numbered here. */
export type DrillPlan = Omit<
  Extract<Command, { type: 'StartDrill' }>,
  'type' | 'by' | 'incident' | 'gameDay' | 'title'
> & {
  title: string;
  gameDay: Omit<GameDay, 'drill'>;
};

export interface KillAnswer {
  incident: string;
  kill: string;
  state: 'started' | 'joined' | 'again';
  warnings: string[];
  /** For the second person: who asked first, and when. */
  first?: { by: Actor; at: number };
}

export interface SwitchAnswer {
  written: ControlWritten;
  recorded: boolean;
}

export interface Desk {
  takeAlerts: Intake['take'];
  declare(
    by: Actor,
    title: string,
    severity: Severity,
    message?: { text: string; from: MessageSource },
  ): Promise<Incident>;
  /** Never throws for the store, the control file or a venue. */
  kill(by: Actor, reason: string, incident?: string, evidence?: TripEvidence): Promise<KillAnswer>;
  /** Open the incident of a drill, which a real kill never joins. */
  startDrill(by: Actor, plan: DrillPlan): Promise<Incident>;
  hold(
    by: Actor,
    key: HoldKey,
    reason: string,
    owner: Hold['owner'],
    incident?: string,
  ): Promise<SwitchAnswer>;
  /** Lift every hold on a key that `may` lets this person lift. Throws Refusal when there is none. */
  lift(
    by: Actor,
    key: HoldKey,
    reason: string,
    may: (hold: Hold) => boolean,
    incident?: string,
  ): Promise<SwitchAnswer & { left: Hold[] }>;
  cancel(
    by: Actor,
    scope: CancelScope,
    reason: string,
    incident?: string,
  ): { id: string; asked: Promise<Committed>; done: Promise<CancelResult[]> };
  /** What a flatten would close, and what that is likely to cost. Throws Refusal. */
  previewFlatten(incident: string): Promise<FlattenPreview & { id: string }>;
  /**
   * Close what a preview showed: read again, refused when more is open than was shown, each order sent once. Throws
   * Refusal, StoreUnavailable.
   */
  flatten(by: Actor, incident: string, preview: string): Promise<{ done: Promise<void>; positions: number }>;
  /**
   * Run a command of the configuration once; it is on record before it starts. `done` resolves when its end is on record.
   * Throws Refusal, StoreUnavailable.
   */
  runCommand(by: Actor, incident: string, name: string): Promise<{ done: Promise<void> }>;
  /** A command that one incident decides by itself. */
  command(incident: string, command: Command): Promise<Committed>;
  /** Open an incident from the events of a side journal. Returns its id. Throws StoreUnavailable. */
  adopt(events: StandingEvent[]): Promise<string>;
  /**
   * Pass over today's numbers that an earlier process gave away without a disk to remember it: PagerDuty would fold a
   * new incident's page into that one's.
   */
  skipTaken(isTaken: (incident: string) => Promise<boolean>): Promise<void>;
  /** Take up what a crash interrupted: kills, cancels, flattens, the control file. */
  resume(): Promise<void>;
  executor: KillExecutor;
  latch: Resume;
  rules: GateRules;
  venues: Venue[];
  /** The incident that a message of this thread belongs to. */
  byThread(ts: string): string | undefined;
  /** Whether a step is one of this incident's runbook: what a button carries is only a claim. */
  hasStep(incident: Incident, step: string): boolean;
  stop(): void;
}

/** How long a preview may be submitted: the market that it shows is gone by then. */
const PREVIEW_MS = 5 * 60_000;

const closable = (venue: string, { symbol, side, amount }: PositionLine): Closable => ({
  venue,
  symbol,
  side,
  amount,
});

const grown = ({ venue, symbol, side, amount, approved }: Closable & { approved: number }): string =>
  `${venue} ${symbol} ${side} ${amount}${approved === 0 ? ', which is new' : `, shown as ${approved}`}`;

export function createDesk(deps: DeskDeps): Desk {
  const { store, ledger, clock, control, venues, playbook, runbooks, log } = deps;
  const executor = createKillExecutor({
    ledger,
    clock,
    control,
    venues,
    log,
    protectiveOrders: deps.protectiveOrders,
    ...(deps.pace === undefined ? {} : { pace: deps.pace }),
  });
  // A kill that is being put on record: a second ask waits for it, then joins.
  let asking: Promise<unknown> | null = null;

  // ── Ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  const numbers = new Map<string, number>();
  for (const { id } of store.summaries()) {
    const [, day = '', n = '0'] = /^INC-(\d{8})-(\d+)$/.exec(id) ?? [];
    numbers.set(day, Math.max(numbers.get(day) ?? 0, Number(n)));
  }
  function newIncidentId(): string {
    const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    const n = (numbers.get(day) ?? 0) + 1;
    numbers.set(day, n);
    return `INC-${day}-${String(n).padStart(3, '0')}`;
  }
  let lastId = 0;
  /** Unique on this desk over restarts: time, and a counter within the millisecond. */
  function newId(kind: string): string {
    lastId = Math.max(clock.now(), lastId + 1);
    return `${kind}-${lastId.toString(36)}`;
  }

  const intake = createIntake({
    store,
    ledger,
    clock,
    playbook,
    runbooks,
    drill: deps.drill,
    newIncidentId,
    calm: executor.calm,
  });

  // ── Threads ──────────────────────────────────────────────────────────────────────────────────────────────────────
  const threads = new Map<string, string>();
  for (const { id, thread } of store.summaries()) if (thread !== null) threads.set(thread, id);
  ledger.onChanged((stream, events) => {
    for (const event of events)
      if (event.type === 'Posted' && event.what === 'headline') threads.set(event.ts, stream);
    // A change of the trading state shows on every open headline, not only where it was made.
    if (events.some(changesTrading)) void redrawOthers(stream);
  });

  async function redrawOthers(stream: string): Promise<void> {
    for (const incident of ledger.open()) {
      if (incident.id === stream || incident.posts['headline'] === undefined) continue;
      await ledger.owe(incident.id, [
        {
          id: `${incident.id}/${incident.version}/headline:trading:${clock.now()}`,
          incident: incident.id,
          lane: 'slack',
          target: `${incident.id}/headline`,
          work: { kind: 'headline' },
        },
      ]);
    }
  }

  // ── The switches ─────────────────────────────────────────────────────────────────────────────────────────────────
  async function writeSwitch(key: HoldKey, why: string, by: Actor, stream: string): Promise<ControlWritten> {
    const written = await control.write({ [key]: controlValues(ledger.trading())[key] });
    const event =
      written.state === 'written'
        ? {
            type: 'ControlWritten' as const,
            rev: written.rev,
            values: written.values as Record<string, string>,
            why,
          }
        : { type: 'ControlFailed' as const, reason: written.reason, why };
    if (written.state === 'failed')
      log.error({ key, reason: written.reason }, 'the control file could not be written');
    await ledger.commit(stream, { type: 'Note', by, event }, { mustGoOn: true });
    return written;
  }

  /** What is real is never put on the incident of a drill: it gets one of its own, or stands on the desk's log. */
  const notOfDrill = (incident: string | undefined): string | undefined =>
    incident !== undefined && ledger.peek(incident)?.gameDay !== undefined ? undefined : incident;

  // ── The kill ─────────────────────────────────────────────────────────────────────────────────────────────────────
  async function kill(
    by: Actor,
    reason: string,
    wanted?: string,
    evidence?: TripEvidence,
  ): Promise<KillAnswer> {
    const triggeredAt = clock.monotonic();
    // Everything up to `begin` runs without giving way, so that of two asks at once one begins and the other joins.
    if (asking !== null) await asking;
    const latch = ledger.trading().latch;
    const latched = latch === null ? undefined : ledger.peek(latch.incident);
    const under =
      latched === undefined || latch === null || latch.kill === null ? undefined : latched.kills[latch.kill];
    if (latched !== undefined && under !== undefined && isRunning(under)) {
      const joined = await ledger.commit(
        latched.id,
        {
          type: 'JoinKill',
          by,
          kill: under.id,
          reason,
          ...(evidence === undefined ? {} : { evidence }),
        },
        { mustGoOn: true },
      );
      const warnings = joined.recorded ? [] : [`not on record: ${ledger.unrecorded() ?? 'the store failed'}`];
      return {
        incident: latched.id,
        kill: under.id,
        state: 'joined',
        warnings,
        first: { by: under.by, at: under.at },
      };
    }
    const openLatched = latched !== undefined && latched.status !== 'resolved' ? latched.id : undefined;
    const incident = notOfDrill(wanted) ?? openLatched ?? newIncidentId();
    return begin(
      incident,
      by,
      reason,
      triggeredAt,
      under !== undefined && incident === openLatched,
      evidence,
    );
  }

  async function begin(
    incident: string,
    by: Actor,
    reason: string,
    triggeredAt: number,
    again: boolean,
    evidence: TripEvidence | undefined,
  ): Promise<KillAnswer> {
    const id = newId('K');
    const before = ledger.trading().latch;
    const asked = ledger.commit(
      incident,
      {
        type: 'AskKill',
        by,
        incident,
        kill: id,
        reason,
        venues: venues.map((venue) => venue.id),
        drill: deps.drill,
        ...(evidence === undefined ? {} : { evidence }),
      },
      { mustGoOn: true, fresh: ledger.peek(incident) === undefined && store.version(incident) === 0 },
    );
    asking = asked
      .catch(() => undefined)
      .finally(() => {
        asking = null;
      });
    const { latched, reason: why } = await executor.start({ incident, kill: id, triggeredAt, asked: asking });
    const { recorded } = await asked;
    if (before !== null && before.kill !== null && before.incident !== incident) {
      const taken = { type: 'SupersedeKill' as const, by, kill: before.kill, incident, newer: id };
      background(ledger.commit(before.incident, taken, { mustGoOn: true }));
    }
    return {
      incident,
      kill: id,
      state: again ? 'again' : 'started',
      warnings: [
        ...(latched ? [] : [`KILL_SWITCH=1 is not confirmed: ${why ?? 'unknown'}. Stop the engine by hand.`]),
        ...(recorded ? [] : [`not on record: ${ledger.unrecorded() ?? 'the store failed'}`]),
      ],
    };
  }

  // ── Cancel and flatten ───────────────────────────────────────────────────────────────────────────────────────────
  async function finishCancel(
    stream: string,
    id: string,
    scope: CancelScope,
    by: Actor,
  ): Promise<CancelResult[]> {
    const startedAt = clock.monotonic();
    const results = await cancelEverywhere(scope, venues, clock);
    const ms = Math.round(clock.monotonic() - startedAt);
    await ledger.commit(stream, { type: 'FinishCancel', by, cancel: id, results, ms }, { mustGoOn: true });
    return results;
  }

  type Wanted = Extract<StandingEvent, { type: 'FlattenAsked' }>['positions'];
  async function finishFlatten(
    incident: string,
    id: string,
    positions: Wanted,
    by: Actor,
    send: boolean,
  ): Promise<void> {
    const startedAt = clock.monotonic();
    const { results, verdict } = await flattenAll(id, positions, venues, clock, send);
    const ms = Math.round(clock.monotonic() - startedAt);
    await ledger.commit(
      incident,
      { type: 'FinishFlatten', by, flatten: id, results, verdict, ms },
      { mustGoOn: true },
    );
    executor.readNow();
  }

  /** Throws Refusal where nothing may be closed for this incident now. Returns the kill that it belongs to. */
  function mayFlatten(incident: string): KillState | undefined {
    const current = ledger.peek(incident);
    if (current?.gameDay !== undefined)
      throw new Refusal('is_a_drill', `${incident} is a drill: it closes no position. Nothing was done.`);
    const under = current === undefined ? undefined : newestKill(current);
    if (current?.status === 'resolved')
      throw new Refusal(
        'already_resolved',
        `${incident} is resolved: its receipt no longer closes positions. Nothing was done.`,
      );
    if (under !== undefined && isRunning(under))
      throw new Refusal('kill_running', 'The kill is still running: wait for its verdict.');
    if (current !== undefined && Object.values(current.unfinished).includes('flatten'))
      throw new Refusal('flatten_running', 'A flatten is already running here.');
    return under;
  }

  /** What people were shown, by the id that their dialog carries. Used once; gone after a restart, or when it is old. */
  const previews = new Map<string, { incident: string; at: number; positions: Closable[] }>();
  let flattening = false;
  async function beginFlatten(
    by: Actor,
    incident: string,
    approved: Closable[],
  ): Promise<{ positions: number; done: Promise<void> }> {
    const under = mayFlatten(incident);
    const reading = await closablePositions(venues, clock);
    const now = reading.positions.map(({ venue, line }) => closable(venue, line));
    const more = outgrown(approved, now);
    if (more.length > 0)
      throw new Refusal(
        'position_grew',
        `More is open than you were shown: ${more.map(grown).join('; ')}. Nothing was sent. Press Flatten again.`,
      );
    // What cannot be read now is closed as it was shown: the order is reduce-only, and capped by a reading of its own.
    const unread = new Set(reading.unread.map(({ venue }) => venue));
    const known = new Set(now.map((one) => `${one.venue} ${one.symbol} ${one.side}`));
    const positions = [
      ...now,
      ...approved.filter(
        (one) => unread.has(one.venue) && !known.has(`${one.venue} ${one.symbol} ${one.side}`),
      ),
    ];
    const id = newId('F');
    const kill = under === undefined ? {} : { kill: under.id };
    try {
      await ledger.commit(incident, { type: 'AskFlatten', by, flatten: id, positions, ...kill });
    } catch (error) {
      // Not on record in time, and it may get there yet: it is ended as one of which nothing was sent.
      if (ledger.peek(incident)?.unfinished[id] !== undefined)
        background(finishFlatten(incident, id, positions, by, false));
      throw error;
    }
    return { positions: positions.length, done: finishFlatten(incident, id, positions, by, true) };
  }

  // ── Commands of the configuration ────────────────────────────────────────────────────────────────────────────────
  type Ended = Awaited<ReturnType<ConfiguredCommand['run']>>;
  async function finishCommand(
    incident: string,
    name: string,
    run: string,
    by: Actor,
    ended: Ended,
  ): Promise<void> {
    const { exitCode, output, ms } = ended;
    const event = {
      type: 'CommandFinished' as const,
      command: name,
      run,
      exitCode,
      reason: ended.reason ?? '',
      output: output.slice(-OUTPUT),
      ms,
    };
    await ledger.commit(incident, { type: 'Note', by, event }, { mustGoOn: true });
  }
  /** By name, in any incident: the decision below sees only its own. */
  const commandsRunning = new Set<string>();
  const notStarted = (reason: string): Ended => ({ exitCode: null, output: '', reason, ms: 0 });

  async function runCommand(by: Actor, incident: string, name: string): Promise<{ done: Promise<void> }> {
    const configured = Object.hasOwn(deps.commands, name) ? deps.commands[name] : undefined;
    if (configured === undefined)
      throw new Refusal('no_such_command', `No command ${name} is configured (commands): do it by hand.`);
    if (commandsRunning.has(name))
      throw new Refusal(
        'command_running',
        `${name} is already running, asked for in another incident: nothing was started.`,
      );
    const run = newId('X');
    commandsRunning.add(name);
    try {
      await ledger.commit(incident, { type: 'AskCommand', by, command: name, run });
    } catch (error) {
      commandsRunning.delete(name);
      // Not on record in time, and it may get there yet: it is ended as one that was never started.
      if (ledger.peek(incident)?.unfinished[run] !== undefined)
        background(
          finishCommand(incident, name, run, by, notStarted('not started: it could not be recorded in time')),
        );
      throw error;
    }
    const done = configured.run().then((ended) => {
      commandsRunning.delete(name);
      return finishCommand(incident, name, run, by, ended);
    });
    background(done);
    return { done };
  }

  async function resumeWork(stream: string, history: StandingEvent[]): Promise<void> {
    const finished = new Set(
      history.flatMap((event) =>
        event.type === 'CancelFinished'
          ? [event.cancel]
          : event.type === 'FlattenFinished'
            ? [event.flatten]
            : event.type === 'CommandFinished'
              ? [event.run]
              : [],
      ),
    );
    for (const event of history) {
      if (event.type === 'CancelAsked' && !finished.has(event.cancel)) {
        background(finishCancel(stream, event.cancel, event.scope, event.by));
      }
      if (event.type === 'FlattenAsked' && !finished.has(event.flatten)) {
        background(finishFlatten(stream, event.flatten, event.positions, event.by, false));
      }
      // Whether it ran cannot be read anywhere, and twice may be worse than not at all.
      if (event.type === 'CommandAsked' && !finished.has(event.run)) {
        background(finishCommand(stream, event.command, event.run, event.by, notStarted(COMMAND_LOST)));
      }
    }
  }

  function background(work: Promise<unknown>): void {
    work.catch((error: unknown) => log.error({ error: String(error) }, 'work in the background failed'));
  }

  return {
    executor,
    async skipTaken(isTaken) {
      // Bounded: a desk does not open more than this unrecorded in a day.
      for (let tries = 0; tries < 20; tries += 1) {
        const day = new Date(clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
        const next = (numbers.get(day) ?? 0) + 1;
        if (!(await isTaken(`INC-${day}-${String(next).padStart(3, '0')}`))) return;
        numbers.set(day, Math.max(next, numbers.get(day) ?? 0));
      }
    },
    rules: deps.rules,
    latch: createResume({
      ledger,
      clock,
      control,
      venues,
      executor,
      log,
      rules: deps.rules,
      criteriaNotOk: deps.criteriaNotOk,
      mayLoosen: deps.mayLoosen,
      recovery: deps.recovery,
      newId: () => newId('R'),
    }),
    venues,
    takeAlerts: intake.take,
    async declare(by, title, severity, message) {
      const id = newIncidentId();
      const { incident } = await ledger.commit(id, {
        type: 'DeclareIncident',
        by,
        incident: id,
        title,
        severity,
        runbook: null,
        drill: deps.drill,
        ...(message === undefined ? {} : { message }),
      });
      if (incident === undefined) throw new Error(`${id} was declared but is not there`);
      return incident;
    },
    kill,
    async startDrill(by, { title, runbook, page, gameDay }) {
      const id = newIncidentId();
      const drill = `DRILL_${id.slice('INC-'.length).replace('-', '_')}`;
      const { incident } = await ledger.commit(id, {
        type: 'StartDrill',
        by,
        incident: id,
        title: `${title} (${drill})`,
        runbook,
        page,
        gameDay: { ...gameDay, drill },
      });
      if (incident === undefined) throw new Error(`${id} was begun but is not there`);
      return incident;
    },
    async hold(by, key, reason, owner, wanted) {
      const incident = notOfDrill(wanted) ?? DESK;
      // One hold a person and reason to hold: pressing twice is one hold.
      const id = `${key}/${owner}/${by.id}`;
      const committing = ledger.commit(
        incident,
        { type: 'PlaceHold', by, hold: id, key, reason, owner },
        { mustGoOn: true },
      );
      // The fold is in memory as soon as the commit has begun to be written: the switch does not wait for the disk of the log.
      const { recorded } = await committing;
      return { written: await writeSwitch(key, reason, by, incident), recorded };
    },
    async lift(by, key, reason, may, incident = DESK) {
      const held = ledger.trading().holds.filter((hold) => hold.key === key);
      if (held.length === 0) throw new Refusal('not_held', `Nothing holds ${key}.`);
      // The backup feed is no tighter than the primary one: going back loosens nothing.
      if (key !== 'DATA_FEED') deps.mayLoosen();
      const liftable = held.filter(may);
      if (liftable.length === 0) {
        const names = held
          .map((hold) => `${hold.reason} (${hold.owner}, ${saidBy(hold.by, hold.at)})`)
          .join('; ');
        const strict = held.every(({ owner }) => owner === 'hardStop' || owner === 'budget');
        throw new Refusal(
          'needs_approver',
          `Only ${strict ? 'an approver' : 'a responder'} may lift what holds ${key}: ${names}.`,
        );
      }
      for (const hold of liftable)
        await ledger.commit(incident, { type: 'LiftHold', by, hold: hold.id, key, reason });
      const written = await writeSwitch(key, `lifted: ${reason}`, by, incident);
      return { written, recorded: true, left: ledger.trading().holds.filter((hold) => hold.key === key) };
    },
    cancel(by, scope, reason, wanted) {
      const incident = notOfDrill(wanted) ?? DESK;
      if (scope.venue !== undefined && !venues.some((venue) => venue.id === scope.venue)) {
        throw new Refusal(
          'no_such_venue',
          `There is no venue "${scope.venue}". Configured: ${venues.map((venue) => venue.id).join(', ')}.`,
        );
      }
      const id = newId('C');
      const asked = ledger.commit(
        incident,
        { type: 'AskCancel', by, cancel: id, scope, reason },
        { mustGoOn: true },
      );
      const done = finishCancel(incident, id, scope, by);
      background(done);
      return { id, asked, done };
    },
    async previewFlatten(incident) {
      mayFlatten(incident);
      const preview = await previewFlatten(venues, clock);
      const id = newId('P');
      const now = clock.now();
      for (const [old, { at }] of previews) if (now - at > PREVIEW_MS) previews.delete(old);
      const positions = preview.positions.map(({ venue, line }) => closable(venue, line));
      previews.set(id, { incident, at: now, positions });
      return { id, ...preview };
    },
    async flatten(by, incident, preview) {
      const shown = previews.get(preview);
      if (shown === undefined || shown.incident !== incident || clock.now() - shown.at > PREVIEW_MS)
        throw new Refusal(
          'preview_old',
          'This preview was used already, or is older than five minutes: nothing was sent. Press Flatten again.',
        );
      // From its reading to its verdict there is one on this desk: two that read the same position would close it twice.
      if (flattening) throw new Refusal('flatten_running', 'A flatten is already running: nothing was sent.');
      flattening = true;
      previews.delete(preview);
      try {
        const { positions, done } = await beginFlatten(by, incident, shown.positions);
        background(
          done.finally(() => {
            flattening = false;
          }),
        );
        return { done, positions };
      } catch (error) {
        flattening = false;
        throw error;
      }
    },
    runCommand,
    command: (incident, command) => ledger.commit(incident, command),
    async adopt(events) {
      const id = newIncidentId();
      await ledger.begin(
        id,
        events.map((event) => (event.type === 'IncidentOpened' ? { ...event, id } : event)),
      );
      return id;
    },
    async resume() {
      const trading = ledger.trading();
      const latch = trading.latch;
      if (latch !== null) {
        const incident = await ledger.load(latch.incident);
        const resumed = latch.kill === null ? undefined : incident?.kills[latch.kill];
        if (incident !== undefined && resumed !== undefined) {
          const triggeredAt = clock.monotonic() - Math.max(0, clock.now() - resumed.at);
          const order = {
            incident: incident.id,
            kill: resumed.id,
            triggeredAt,
            asked: Promise.resolve(),
            resumed,
          };
          background(executor.start(order));
        }
      }
      await resumeWork(DESK, await store.history(DESK));
      for (const incident of ledger.open()) {
        if (Object.keys(incident.unfinished).length > 0)
          await resumeWork(incident.id, await ledger.history(incident.id));
      }
    },
    byThread(ts) {
      // A headline that is being put on record is in the fold, and not yet among the threads.
      return threads.get(ts) ?? ledger.open().find((incident) => incident.posts['headline']?.ts === ts)?.id;
    },
    hasStep: (incident, step) =>
      runbooks.some(
        (runbook) =>
          runbook.id === incident.runbook && runbook.steps.some((one) => stepRef(runbook, one) === step),
      ),
    stop: () => executor.stop(),
  };
}

/** The newest characters of a command's output that go on record. */
const OUTPUT = 4_000;
const COMMAND_LOST =
  'the bot was restarted before it ended: whether it ran, or still runs, is UNKNOWN. It is not run again';

const changesTrading = (event: StandingEvent): boolean =>
  event.type === 'KillAsked' ||
  event.type === 'LatchAdopted' ||
  event.type === 'LatchLifted' ||
  event.type === 'HoldPlaced' ||
  event.type === 'HoldLifted' ||
  event.type === 'ControlFailed';
