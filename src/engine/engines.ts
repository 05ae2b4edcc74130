/** What the trading engines say of themselves: heartbeats that echo the switches they obey. */

import { STANDDOWN } from '../domain/incident.ts';
import type { HostLoad } from '../domain/runbook/probes.ts';
import { controlValues, SWITCHES } from '../domain/trading.ts';
import type { Clock, Control, ControlWritten, Log } from '../ports.ts';
import type { Ledger } from './ledger.ts';

/** A heartbeat as the engine sent it. `at` is the engine's own time, ms since the epoch. */
export interface Heartbeat {
  engine: string;
  at: number;
  /** The control keys that it obeys, as it read them; undefined when it does not say. */
  control?: Record<string, string>;
  /** The load of its machine, as it says. */
  host?: HostLoad;
}

export interface EngineStatus {
  id: string;
  /** It obeys every switch as it was last written, said by a heartbeat dated after that write. */
  confirmed: boolean;
  /** ms since its last heartbeat; null before the first. */
  ageMs: number | null;
}

export interface Engines {
  heartbeat(beat: Heartbeat): Promise<void>;
  status(): EngineStatus[];
  /** Each engine's newest heartbeat, and how often it is meant to come. */
  beats(): { id: string; ageMs: number | null; everyMs: number }[];
  /** What each engine's newest heartbeat says of its machine; null where it says nothing. */
  hosts(): Map<string, HostLoad | null>;
  /** True when an engine that was heard of just now says that a pause, a halt or the kill is in force. */
  obeysStop(): boolean;
  /** The control file, with each write noted: a heartbeat counts only when it is dated after it. */
  watching(control: Control): Control;
}

/** A heartbeat older than this says nothing of now: three of an engine that beats every 5 s (DESIGN 4). */
const GOOD_MS = 15_000;

export function createEngines(deps: {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  expected: { id: string; everyMs: number }[];
}): Engines {
  const { ledger, clock, log, expected } = deps;
  const last = new Map<string, Heartbeat>();
  let written: { rev: number; at: number } | null = null;
  // While a write is under way nobody can have obeyed it.
  let writing = 0;

  function obeys(beat: Heartbeat | undefined): boolean {
    if (beat?.control === undefined || writing > 0) return false;
    if (written !== null && (beat.at < written.at || !(Number(beat.control['STANDDOWN_REV']) >= written.rev)))
      return false;
    const wanted = Object.entries(controlValues(ledger.trading()));
    // Dated before the latch it cannot have obeyed it, whatever it echoes; an old one says nothing of now.
    const { latch } = ledger.trading();
    if (latch !== null && beat.at < latch.at) return false;
    if (clock.now() - beat.at > GOOD_MS) return false;
    // A switch that is loose may be missing from the echo; one that is tight may not.
    const loose = (key: string) => (key in SWITCHES ? SWITCHES[key as keyof typeof SWITCHES].loose : '0');
    return wanted.every(([key, value]) => (beat.control?.[key] ?? loose(key)) === value);
  }

  /**
   * It said just now that it obeys a stop which is in force since before it said so. What else was written meanwhile does not
   * matter: a halt on top of a pause that is obeyed takes nothing back, and must not look like an engine that trades.
   */
  function saysStopped(beat: Heartbeat): boolean {
    if (clock.now() - beat.at > GOOD_MS) return false;
    const { holds, latch } = ledger.trading();
    const since = (key: 'HALT_NEW_ORDERS' | 'PAUSE_SIGNALS') =>
      Math.min(...holds.filter((hold) => hold.key === key).map((hold) => hold.at));
    const inForce = {
      KILL_SWITCH: latch?.at ?? Number.POSITIVE_INFINITY,
      HALT_NEW_ORDERS: since('HALT_NEW_ORDERS'),
      PAUSE_SIGNALS: since('PAUSE_SIGNALS'),
    };
    return Object.entries(inForce).some(([key, at]) => beat.at >= at && beat.control?.[key] === '1');
  }

  const ids = () => [...new Set([...expected.map(({ id }) => id), ...last.keys()])];

  return {
    async heartbeat(beat) {
      const before = last.get(beat.engine);
      if (before !== undefined && before.at > beat.at) return; // late: a newer one is known
      last.set(beat.engine, beat);
      const { latch } = ledger.trading();
      if (latch === null || latch.kill === null || !obeys(beat)) return;
      const kill = ledger.peek(latch.incident)?.kills[latch.kill];
      if (kill === undefined || kill.engines[beat.engine] !== undefined) return;
      const event = {
        type: 'EngineConfirmed' as const,
        kill: kill.id,
        engine: beat.engine,
        ms: Math.max(0, beat.at - kill.at),
      };
      await ledger.commit(latch.incident, { type: 'ReportKill', by: STANDDOWN, event }, { mustGoOn: true });
      log.info({ engine: beat.engine }, 'the engine confirms that it obeys the kill');
    },
    beats: () =>
      ids().map((id) => {
        const beat = last.get(id);
        return {
          id,
          ageMs: beat === undefined ? null : Math.max(0, clock.now() - beat.at),
          everyMs: expected.find((one) => one.id === id)?.everyMs ?? GOOD_MS / 3,
        };
      }),
    hosts: () => new Map(ids().map((id) => [id, last.get(id)?.host ?? null])),
    obeysStop: () => last.size > 0 && [...last.values()].every(saysStopped),
    status: () =>
      ids().map((id) => {
        const beat = last.get(id);
        return {
          id,
          confirmed: obeys(beat),
          ageMs: beat === undefined ? null : Math.max(0, clock.now() - beat.at),
        };
      }),
    watching: (control) => ({
      read: () => control.read(),
      async write(values): Promise<ControlWritten> {
        writing += 1;
        const result = await control.write(values).finally(() => {
          writing -= 1;
        });
        if (result.state === 'written') written = { rev: result.rev, at: clock.now() };
        return result;
      },
    }),
  };
}
