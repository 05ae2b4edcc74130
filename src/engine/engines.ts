/** What the trading engines say of themselves: heartbeats that echo the switches they obey. */

import { STANDDOWN } from '../domain/incident.ts';
import { type Beat, createHeartbeats, type Heartbeat, type Stop } from '../domain/measure/heartbeats.ts';
import type { HostLoad } from '../domain/runbook/probes.ts';
import { controlValues, SWITCHES } from '../domain/trading.ts';
import type { Clock, Control, ControlKey, ControlWritten, Log } from '../ports.ts';
import type { Ledger } from './ledger.ts';

export interface EngineStatus {
  id: string;
  /** It obeys every switch as it was last written, said by a heartbeat dated after that write. */
  confirmed: boolean;
  /** ms since its last heartbeat; null before the first. */
  ageMs: number | null;
}

export interface Engines {
  heartbeat(beat: Heartbeat): void;
  /** Put on record who obeys the kill that is in force, by the newest heartbeats. What fails is tried at the next call. */
  confirm(): Promise<void>;
  status(): EngineStatus[];
  /** Each engine's newest heartbeat, and how often it is meant to come. */
  beats(): Beat[];
  /** What each engine's newest heartbeat says of its machine; null where it says nothing. */
  hosts(): Map<string, HostLoad | null>;
  /** True when every engine, heard of just now, says that it obeys a pause, a halt or the kill that is in force. */
  obeysStop(): boolean;
  /** The control file, with each write noted: a heartbeat counts only when it is dated after it. */
  watching(control: Control): Control;
  /** The keys whose newest write failed, and why: what was ordered of them stands in no file. Null when there is none. */
  unwritten(): string | null;
}

const looseOf = (key: string): string =>
  key in SWITCHES ? SWITCHES[key as keyof typeof SWITCHES].loose : '0';

export function createEngines(deps: {
  ledger: Ledger;
  clock: Clock;
  log: Log;
  expected: { id: string; everyMs: number }[];
}): Engines {
  const { ledger, clock, log, expected } = deps;
  const heartbeats = createHeartbeats(expected);
  let written: { rev: number; at: number } | null = null;
  /** Keys whose newest write failed, and why. */
  const failed = new Map<string, string>();
  // While a write is under way nobody can have obeyed it.
  let writing = 0;
  /** Confirmations that are being put on record, as kill/engine. */
  const confirming = new Set<string>();

  const isFresh = ({ engine }: Heartbeat) => heartbeats.isFresh(engine, clock.now(), clock.monotonic());

  function obeys(beat: Heartbeat | undefined): boolean {
    if (beat?.control === undefined || writing > 0) return false;
    if (written !== null && (beat.at < written.at || !(Number(beat.control['STANDDOWN_REV']) >= written.rev)))
      return false;
    const wanted = Object.entries(controlValues(ledger.trading()));
    // Dated before the latch it cannot have obeyed it, whatever it echoes; an old one says nothing of now.
    const { latch } = ledger.trading();
    if (latch !== null && beat.at < latch.at) return false;
    if (!isFresh(beat)) return false;
    // A switch that is loose may be missing from the echo; one that is tight may not.
    return wanted.every(([key, value]) => (beat.control?.[key] ?? looseOf(key)) === value);
  }

  /**
   * Since when a stop is in force, ms since the epoch. A heartbeat dated after that says that it is obeyed, whatever else was
   * written meanwhile: a halt on top of a pause that is obeyed takes nothing back.
   */
  function inForceSince(stop: Stop): number {
    const { holds, latch } = ledger.trading();
    return stop === 'KILL_SWITCH'
      ? (latch?.at ?? Number.POSITIVE_INFINITY)
      : Math.min(...holds.filter(({ key }) => key === stop).map(({ at }) => at));
  }

  return {
    heartbeat: (beat) => void heartbeats.take(beat, clock.now(), clock.monotonic()),
    async confirm() {
      const { latch } = ledger.trading();
      if (latch === null || latch.kill === null) return;
      for (const { id } of heartbeats.beats(clock.now())) {
        const beat = heartbeats.newest(id);
        const kill = ledger.peek(latch.incident)?.kills[latch.kill];
        if (kill === undefined || kill.engines[id] !== undefined || beat === undefined || !obeys(beat))
          continue;
        const once = `${kill.id}/${id}`;
        if (confirming.has(once)) continue;
        confirming.add(once);
        const event = {
          type: 'EngineConfirmed' as const,
          kill: kill.id,
          engine: id,
          ms: Math.max(0, beat.at - kill.at),
        };
        const command = { type: 'ReportKill' as const, by: STANDDOWN, event };
        try {
          await ledger.commit(latch.incident, command, { mustGoOn: true });
          log.info({ engine: id }, 'the engine confirms that it obeys the kill');
        } catch (error) {
          log.error({ engine: id, error: String(error) }, 'a confirmation could not be put on record');
        } finally {
          confirming.delete(once);
        }
      }
    },
    beats: () => heartbeats.beats(clock.now(), clock.monotonic()),
    hosts: () =>
      new Map(
        heartbeats
          .beats(clock.now(), clock.monotonic())
          .map(({ id }) => [id, heartbeats.newest(id)?.host ?? null]),
      ),
    obeysStop: () => heartbeats.obeysStop((beat, stop) => isFresh(beat) && beat.at >= inForceSince(stop)),
    status: () =>
      heartbeats
        .beats(clock.now(), clock.monotonic())
        .map(({ id, ageMs }) => ({ id, confirmed: obeys(heartbeats.newest(id)), ageMs })),
    unwritten() {
      const [first] = failed;
      return first === undefined ? null : `${[...failed.keys()].join(', ')}: ${first[1]}`;
    },
    watching: (control) => ({
      async read() {
        const reading = await control.read();
        const wanted: Record<string, string> = controlValues(ledger.trading());
        if (reading.state === 'read')
          for (const key of failed.keys())
            if ((reading.values[key as ControlKey] ?? looseOf(key)) === wanted[key]) failed.delete(key);
        return reading;
      },
      async write(values): Promise<ControlWritten> {
        writing += 1;
        const result = await control.write(values).finally(() => {
          writing -= 1;
        });
        if (result.state === 'written') written = { rev: result.rev, at: clock.now() };
        for (const key of Object.keys(values))
          if (result.state === 'failed') failed.set(key, result.reason);
          else failed.delete(key);
        return result;
      },
    }),
  };
}
