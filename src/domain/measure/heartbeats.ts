/** The newest heartbeat of each engine: who is silent, and who says that it is stopped. Pure; keeps its own state. */

import type { SilentEngine } from './conditions.ts';
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

/** Times are ms since the epoch; `passed` is monotonic ms, and the same clock as `now` where time cannot be set. */
export interface Heartbeats {
  /**
   * Take one, received at `now`. False when it changes nothing: a newer one is known, it is too old to say anything, or
   * there are too many engines that nobody configured.
   */
  take(beat: Heartbeat, now: number, passed?: number): boolean;
  newest(engine: string): Heartbeat | undefined;
  beats(now: number, passed?: number): Beat[];
  /** Whether an engine's newest heartbeat says something of now: it has not missed three. */
  isFresh(engine: string, now: number, passed?: number): boolean;
  /**
   * True when every engine, configured or heard of, says in a heartbeat that counts that it obeys a stop that counts. One
   * that is configured and was never heard confirms nothing.
   */
  obeysStop(counts: (beat: Heartbeat, stop: Stop) => boolean): boolean;
}

/** An engine beats every 5 s where nothing else is configured (DESIGN 4). */
const EVERY_MS = 5_000;
/** Three that are missed are silence (CONTRACT 5). */
const MISSED = 3;
/** Engines that nobody configured: a sender may invent names, and each that falls silent is a P0. */
const MAX_UNNAMED = 20;

const STOPS = ['KILL_SWITCH', 'HALT_NEW_ORDERS', 'PAUSE_SIGNALS'] as const;
export type Stop = (typeof STOPS)[number];

export function createHeartbeats(expected: { id: string; everyMs: number }[]): Heartbeats {
  const last = new Map<string, Heartbeat & { heardAt: number }>();
  const ids = () => [...new Set([...expected.map(({ id }) => id), ...last.keys()])];
  const everyMs = (id: string): number => expected.find((one) => one.id === id)?.everyMs ?? EVERY_MS;
  /** By the engine's own time, and at least what has passed since it was heard: a clock that was ahead hides no silence. */
  const ageOf = (id: string, now: number, passed: number): number | null => {
    const beat = last.get(id);
    return beat === undefined ? null : Math.max(0, now - beat.at, passed - beat.heardAt);
  };
  return {
    take(beat, now, passed = now) {
      const known = last.get(beat.engine);
      if (known === undefined && !ids().includes(beat.engine) && last.size >= MAX_UNNAMED) return false;
      // What a clock that was ahead dated after now is no newer one.
      if (known !== undefined && known.at > beat.at && known.at <= now + FUTURE_MS) return false;
      if (beat.at < now - STALE_FOR_STOPS_MS) return false;
      last.set(beat.engine, { ...beat, heardAt: passed });
      return true;
    },
    newest: (engine) => last.get(engine),
    beats: (now, passed = now) =>
      ids().map((id) => ({ id, ageMs: ageOf(id, now, passed), everyMs: everyMs(id) })),
    isFresh: (engine, now, passed = now) =>
      (ageOf(engine, now, passed) ?? Number.POSITIVE_INFINITY) <= MISSED * everyMs(engine),
    obeysStop: (counts) =>
      ids().length > 0 &&
      ids().every((id) => {
        const beat = last.get(id);
        return beat !== undefined && STOPS.some((stop) => beat.control?.[stop] === '1' && counts(beat, stop));
      }),
  };
}

/**
 * What the criteria need to know of the engines. `watched`: ms since the start, and how long an engine may not be heard from
 * then on: it may be about to start.
 */
export function engineFacts(
  beats: Beat[],
  watched: { ms: number; graceMs: number },
): Pick<Facts, 'engineSilent' | 'heartbeatAgeMs'> & { silent: SilentEngine[] } {
  const silent = beats.flatMap(({ id, ageMs, everyMs }): SilentEngine[] => {
    if (ageMs === null) return watched.ms < watched.graceMs ? [] : [{ id, ageMs: watched.ms, never: true }];
    return ageMs > MISSED * everyMs ? [{ id, ageMs, never: false }] : [];
  });
  const ages = beats.flatMap(({ ageMs }) => (ageMs === null ? [] : [ageMs]));
  return {
    silent,
    // One that was never heard confirms nothing, and its gap kills: it is not among those that fell silent.
    engineSilent: ages.length > 0 && silent.filter(({ never }) => !never).length === ages.length,
    heartbeatAgeMs: ages.length === 0 ? null : Math.min(...ages),
  };
}
