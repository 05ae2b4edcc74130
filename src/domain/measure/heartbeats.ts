/** The newest heartbeat of each engine: who is silent, and who says that it is stopped. Pure; keeps its own state. */

import type { Facts } from './criteria.ts';
import { FUTURE_MS, type HeartbeatSample, STALE_FOR_STOPS_MS } from './samples.ts';

/** A heartbeat as the engine sent it. `at` is the engine's own time, ms since the epoch. */
export type Heartbeat = Pick<HeartbeatSample, 'engine' | 'at' | 'control' | 'host'>;

/** An engine's newest heartbeat, and how often it is meant to come. */
export interface Beat {
  id: string;
  /** null before the first. */
  ageMs: number | null;
  everyMs: number;
}

export interface Heartbeats {
  /** Take one, received at `now`. False when it changes nothing: a newer one is known, or it is too old to say anything. */
  take(beat: Heartbeat, now: number): boolean;
  newest(engine: string): Heartbeat | undefined;
  beats(now: number): Beat[];
  /** True when every engine that was heard of says, in a heartbeat that counts, that a pause, a halt or the kill is in force. */
  obeysStop(counts: (beat: Heartbeat) => boolean): boolean;
}

/** A heartbeat older than this says nothing of now: three of an engine that beats every 5 s (DESIGN 4). */
export const GOOD_MS = 15_000;
/** Three that are missed are silence (CONTRACT 5). */
const MISSED = 3;

const STOPS = ['KILL_SWITCH', 'HALT_NEW_ORDERS', 'PAUSE_SIGNALS'] as const;

export function createHeartbeats(expected: { id: string; everyMs: number }[]): Heartbeats {
  const last = new Map<string, Heartbeat>();
  const ids = () => [...new Set([...expected.map(({ id }) => id), ...last.keys()])];
  return {
    take(beat, now) {
      const known = last.get(beat.engine);
      // What a clock that was ahead dated after now is no newer one.
      if (known !== undefined && known.at > beat.at && known.at <= now + FUTURE_MS) return false;
      if (beat.at < now - STALE_FOR_STOPS_MS) return false;
      last.set(beat.engine, beat);
      return true;
    },
    newest: (engine) => last.get(engine),
    beats: (now) =>
      ids().map((id) => {
        const beat = last.get(id);
        return {
          id,
          ageMs: beat === undefined ? null : Math.max(0, now - beat.at),
          everyMs: expected.find((one) => one.id === id)?.everyMs ?? GOOD_MS / MISSED,
        };
      }),
    obeysStop: (counts) =>
      last.size > 0 &&
      [...last.values()].every((beat) => counts(beat) && STOPS.some((key) => beat.control?.[key] === '1')),
  };
}

/** What the criteria need to know of the engines. */
export function engineFacts(
  beats: Beat[],
): Pick<Facts, 'engineSilent' | 'heartbeatAgeMs'> & { silent: { id: string; ageMs: number }[] } {
  const silent = beats.flatMap(({ id, ageMs, everyMs }) =>
    ageMs !== null && ageMs > MISSED * everyMs ? [{ id, ageMs }] : [],
  );
  const ages = beats.flatMap(({ ageMs }) => (ageMs === null ? [] : [ageMs]));
  return {
    silent,
    engineSilent: ages.length > 0 && silent.length === ages.length,
    heartbeatAgeMs: ages.length === 0 ? null : Math.min(...ages),
  };
}
