/**
 * The executor of a kill: makes the calls that domain/kill.ts decides on, venue by venue, none waiting for another, and
 * writes down each step. It goes on for as long as the latch holds.
 */

import { STANDDOWN } from '../domain/incident.ts';
import {
  afterCancel,
  afterRead,
  KILL_PACE,
  type KillPace,
  type KillState,
  overdueVerdict,
  startVenue,
  type VenueReading,
  type VenueVerdict,
  worstVerdict,
} from '../domain/kill.ts';
import type { Clock, Control, Log, Venue } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/** The latch is tried for at most this long before cancelling begins (RELIABILITY I5). */
export const LATCH_FIRST_MS = 250;

/**
 * How long everything that can wait is asked to wait for a kill's first steps, ms: by then the playbook has every order
 * cancelled (DESIGN 3, kill speed).
 */
const CALM_MS = 2_000;

export interface KillOrder {
  incident: string;
  kill: string;
  /** Monotonic ms of the trigger: the click, the command, the request. */
  triggeredAt: number;
  /** Settles when the kill is on record, or could not be put there: the executor's reports come after it. */
  asked: Promise<unknown>;
  /** Set when this kill was already under way when the process started. */
  resumed?: KillState;
}

export interface KillExecutor {
  /** Latch, then stop every venue, and watch. Resolves once the latch was tried; the rest goes on by itself. */
  start(order: KillOrder): Promise<{ latched: boolean; reason: string | null }>;
  /** The kill that is being executed or watched. */
  current(): { incident: string; kill: string } | null;
  /** Resolves when no kill is between its trigger and its first answer of each venue; after CALM_MS at the latest. */
  calm(): Promise<void>;
  /** Resolves when no kill is at its latch: it was written, or LATCH_FIRST_MS were over. */
  latched(): Promise<void>;
  /** Read every venue again now (after a flatten). */
  readNow(): void;
  stop(): void;
}

/** One reading of a venue, stamped by our monotonic clock before its first request and after its last answer. */
export async function readVenue(venue: Venue, clock: Clock): Promise<VenueReading> {
  const startedAt = clock.monotonic();
  const reading = await venue.read();
  return { ...reading, startedAt, endedAt: clock.monotonic() };
}

/** True when a kill's verdict is the one that the verdicts of its venues come to. */
function isWhole(kill: KillState | undefined): boolean {
  const verdicts = Object.values(kill?.venues ?? {}).flatMap(({ verdict }) =>
    verdict === null ? [] : [verdict.verdict],
  );
  return kill !== undefined && kill.verdict === worstVerdict(verdicts);
}

export function createKillExecutor(deps: {
  ledger: Pick<Ledger, 'commit' | 'peek'>;
  clock: Clock;
  control: Control;
  venues: Venue[];
  log: Log;
  pace?: KillPace;
  protectiveOrders: 'cancel' | 'keepWhilePosition';
}): KillExecutor {
  const { ledger, clock, control, venues, log } = deps;
  const pace = deps.pace ?? KILL_PACE;
  interface Run {
    order: KillOrder;
    stop: AbortController;
    wake: AbortController;
    /** Aborted when its first steps are over. */
    begun: AbortController;
    calm: Promise<void>;
    /** Its first try, or the end of the time for it. */
    latched: Promise<void>;
  }
  let running: Run | null = null;

  /** Write the latch, and while it cannot be written, go on trying. Resolves with the first try. */
  async function latch(run: Run): Promise<{ latched: boolean; reason: string | null }> {
    // Latched before a restart, and still: written again, the receipt would say that latching took until now.
    if (run.order.resumed?.latch?.ok === true && (await isLatched())) return { latched: true, reason: null };
    const first = await latchOnce(run.order);
    if (!first.latched) void latchUntilWritten(run);
    return first;
  }

  async function latchUntilWritten(run: Run): Promise<void> {
    for (
      let waitMs = pace.retryMs;
      !run.stop.signal.aborted;
      waitMs = Math.min(waitMs * 2, pace.maxRetryMs)
    ) {
      await clock.wait(waitMs, run.stop.signal);
      if (run.stop.signal.aborted) return;
      // Also where somebody else wrote it meanwhile: what the receipt says is what was written and read back here.
      if ((await latchOnce(run.order)).latched) return;
    }
  }

  async function isLatched(): Promise<boolean> {
    const reading = await control.read();
    return reading.state === 'read' && reading.values.KILL_SWITCH === '1';
  }

  async function latchOnce(order: KillOrder): Promise<{ latched: boolean; reason: string | null }> {
    const written = await control.write({ KILL_SWITCH: '1' });
    const ms = Math.round(clock.monotonic() - order.triggeredAt);
    const ok = written.state === 'written';
    const reason = ok ? null : written.reason;
    if (!ok) log.error({ reason }, 'KILL_SWITCH=1 could not be written: stop the engine by hand');
    // A failed latch is said once; only a success after it is news.
    const said = ledger.peek(order.incident)?.kills[order.kill]?.latch;
    if (!ok && said?.ok === false) return { latched: false, reason };
    // Said beside it: whether the log's disk answers is not what the latch waits for.
    background(
      report(order, {
        type: 'KillLatched',
        kill: order.kill,
        ok,
        rev: ok ? written.rev : null,
        ms,
        ...(reason === null ? {} : { reason }),
      }),
    );
    return { latched: ok, reason };
  }

  function background(work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      log.error({ error: String(error) }, 'a step of the kill could not be put on record'),
    );
  }

  type Report = Extract<Parameters<Ledger['commit']>[1], { type: 'ReportKill' }>['event'];

  async function report(order: KillOrder, event: Report): Promise<void> {
    await order.asked;
    await ledger.commit(order.incident, { type: 'ReportKill', by: STANDDOWN, event }, { mustGoOn: true });
  }

  function end(run: Run): void {
    run.stop.abort();
    run.wake.abort();
    run.begun.abort();
  }

  function start(order: KillOrder): Promise<{ latched: boolean; reason: string | null }> {
    if (running !== null) end(running);
    const begun = new AbortController();
    const calm = order.resumed === undefined ? clock.wait(CALM_MS, begun.signal) : Promise.resolve();
    const run: Run = {
      order,
      stop: new AbortController(),
      wake: new AbortController(),
      begun,
      calm,
      latched: Promise.resolve(),
    };
    running = run;
    const latching = latch(run).catch((error: unknown) => ({ latched: false, reason: String(error) }));
    const tried = Promise.race([
      latching,
      clock.wait(LATCH_FIRST_MS, run.stop.signal).then(() => ({
        latched: false,
        reason: `the control file did not answer within ${LATCH_FIRST_MS} ms; still trying`,
      })),
    ]);
    const stopping = tried.then(() => stopAll(run));
    // Behind it, so that the first cancels are on their way before anything else is.
    run.latched = tried.then(() => undefined);
    stopping.catch((error: unknown) =>
      log.error({ error: String(error) }, 'the kill executor failed: cancel by hand'),
    );
    return tried;
  }

  async function stopAll(run: Run): Promise<void> {
    const { order } = run;
    // A kill that died young keeps its deadline; one that died old gets time for a reading before it says UNKNOWN.
    const overdueAt = Math.max(
      order.triggeredAt + pace.firstVerdictMs,
      order.resumed === undefined ? 0 : clock.monotonic() + pace.resumedVerdictMs,
    );
    let lastCancelMs: number | null = null;
    // The verdicts of the venues and the kill's own are two records: after a crash between them all is said again.
    const whole = isWhole(order.resumed);
    const all = venues.map((venue) => {
      const progress = startVenue(venue.id, order.resumed !== undefined);
      const before = order.resumed?.venues[venue.id];
      const said = whole ? (before?.verdict ?? null) : null;
      return { venue, progress: { ...progress, said, rounds: before?.rounds ?? 0 } };
    });

    /** An UNKNOWN that comes from a reading that failed says since when; one that nothing came back for, since the kill. */
    function dated(verdict: VenueVerdict, unreadableSince: number | null): VenueVerdict {
      const since = verdict.listsRead.length === 0 ? order.triggeredAt : null;
      const began = unreadableSince ?? since;
      if (verdict.verdict !== 'UNKNOWN' || began === null) return verdict;
      return { ...verdict, since: clock.now() - Math.round(clock.monotonic() - began) };
    }

    async function say(said: VenueVerdict, unreadableSince: number | null): Promise<void> {
      const ms = Math.round(clock.monotonic() - order.triggeredAt);
      const verdict = dated(said, unreadableSince);
      await report(order, { type: 'VenueJudged', kill: order.kill, venue: verdict.venue, ms, verdict });
      await judge(ms);
    }

    async function judge(ms: number): Promise<void> {
      const said = all.map((one) => one.progress.said);
      if (said.some((one) => one === null)) return;
      const latchMs = ledger.peek(order.incident)?.kills[order.kill]?.latch;
      await ledger.commit(
        order.incident,
        {
          type: 'JudgeKill',
          by: STANDDOWN,
          kill: order.kill,
          verdict: worstVerdict(said.flatMap((one) => (one === null ? [] : [one.verdict]))),
          timings: { latchMs: latchMs?.ok === true ? latchMs.ms : null, lastCancelMs, verdictMs: ms },
        },
        { mustGoOn: true },
      );
    }

    async function pause(ms: number, wake: AbortSignal): Promise<void> {
      if (ms > 0) await clock.wait(ms, wake);
    }

    async function work(slot: (typeof all)[number]): Promise<void> {
      while (!run.stop.signal.aborted) {
        await pause(slot.progress.waitMs, run.wake.signal);
        if (run.stop.signal.aborted) return;
        try {
          await step(slot);
        } catch (error) {
          // Ports answer in values: a throw is a fault of ours. The venue is not left alone because of it.
          log.error(
            { venue: slot.venue.id, error: String(error) },
            'a step of the kill threw: it is tried again',
          );
          slot.progress = { ...slot.progress, step: 'cancel', waitMs: pace.retryMs * 10 };
        }
      }
    }

    async function step(slot: (typeof all)[number]): Promise<void> {
      const { venue } = slot;
      if (slot.progress.step === 'cancel') {
        const lists = await venue.cancel({ scope: 'all' });
        const endedAt = clock.monotonic();
        const ms = Math.round(endedAt - order.triggeredAt);
        slot.progress = afterCancel(slot.progress, endedAt);
        if (all.every(({ progress }) => progress.rounds > 0)) run.begun.abort();
        const worthSaying = slot.progress.rounds === 1 || lists.some((list) => list.found > 0);
        if (worthSaying) {
          lastCancelMs = Math.max(lastCancelMs ?? 0, ms);
          await report(order, {
            type: 'VenueCancelled',
            kill: order.kill,
            venue: venue.id,
            round: slot.progress.rounds,
            ms,
            lists,
          });
        }
      } else {
        const reading = await readVenue(venue, clock);
        const { progress, say: verdict } = afterRead(
          slot.progress,
          reading,
          clock.monotonic() >= overdueAt,
          { ...pace, watchMs: deps.pace?.watchMs ?? Math.max(KILL_PACE.watchMs, venue.pollMs) },
          deps.protectiveOrders,
        );
        slot.progress = progress;
        if (verdict !== null) await say(verdict, progress.unreadableSince);
      }
    }

    /** By the deadline every venue has a verdict, and be it UNKNOWN. */
    async function deadline(): Promise<void> {
      await clock.wait(Math.max(0, overdueAt - clock.monotonic()), run.stop.signal);
      if (run.stop.signal.aborted) return;
      for (const slot of all) {
        if (slot.progress.said !== null) continue;
        const verdict = overdueVerdict(slot.progress);
        slot.progress = { ...slot.progress, said: verdict };
        await say(verdict, slot.progress.unreadableSince);
      }
    }

    if (all.length === 0) run.begun.abort();
    await Promise.all([deadline(), ...all.map((slot) => work(slot))]);
  }

  return {
    start,
    current: () => (running === null ? null : { incident: running.order.incident, kill: running.order.kill }),
    calm: () => running?.calm ?? Promise.resolve(),
    latched: () => running?.latched ?? Promise.resolve(),
    readNow() {
      if (running === null) return;
      running.wake.abort();
      running.wake = new AbortController();
    },
    stop() {
      if (running !== null) end(running);
      running = null;
    },
  };
}
