/**
 * Keeps the trail: a sample of all that is measured every ten seconds, and what each whole reading of a venue found. It
 * decides nothing, and nothing waits for it: points are gathered in memory and written behind everybody's back.
 */

import type { StopRules } from '../domain/measure/criteria.ts';
import {
  readingPoint,
  samplePoint,
  TRAIL_STEP_MS,
  type TradingState,
  type TrailPoint,
  tradingStateOf,
} from '../domain/trail/point.ts';
import type { Clock, Log, TrailFiles, Venue } from '../ports.ts';
import type { Engines } from './engines.ts';
import type { Ledger } from './ledger.ts';
import type { Monitor } from './monitor.ts';

export interface Trail {
  /** Once a second: take a sample when it is time, and write what was gathered. */
  tick(): Promise<void>;
  /** A whole reading of a venue that began at `at`, ms since the epoch. Never throws. */
  note(venue: string, at: number, reading: Awaited<ReturnType<Venue['read']>>): void;
  /** The points of this time, ms since the epoch, those not written yet included. Throws when they cannot be read. */
  points(from: number, to: number): Promise<TrailPoint[]>;
  /** Take a last sample of this process, and write everything. */
  stop(): Promise<void>;
}

/** A disk that hangs gathers no more than this: what is older is a hole in the trail. */
const MAX_WAITING = 1_000;
/** A reading that says the same so soon after another says nothing new. */
const READINGS_MS = 500;

export function createTrail(deps: {
  ledger: Ledger;
  engines: Engines;
  monitor: Pick<Monitor, 'measurements' | 'seen'>;
  clock: Clock;
  log: Log;
  rules: Pick<StopRules, 'venues' | 'limits'>;
  files: TrailFiles;
}): Trail {
  const { ledger, engines, monitor, clock, log, rules, files } = deps;
  let waiting: TrailPoint[] = [];
  let writing: Promise<void> | null = null;
  let sampledAt = Number.NEGATIVE_INFINITY;
  let complained = false;
  let ordered: TradingState | null = null;

  function add(point: TrailPoint): void {
    const last = waiting.at(-1);
    if (point.kind === 'reading' && last?.kind === 'reading' && point.at - last.at < READINGS_MS) {
      const found = (one: TrailPoint) =>
        JSON.stringify(one.venues, (key, value) => (key === 'at' ? 0 : value));
      if (found(last) === found(point)) return;
    }
    waiting.push(point);
    if (waiting.length > MAX_WAITING) waiting.shift();
  }

  const sampleOf = (isStart: boolean): TrailPoint =>
    samplePoint({
      now: clock.now(),
      isStart,
      measurements: monitor.measurements,
      // Nothing was judged yet at a start, and this is not what judges first.
      criteria: isStart ? [] : monitor.seen().criteria,
      rules,
      engines: engines.status(),
      trading: ledger.trading(),
    });

  function sample(): void {
    sampledAt = clock.monotonic();
    add(sampleOf(false));
    ordered = tradingStateOf(ledger.trading());
  }

  /** One write at a time; what comes meanwhile goes with the next. */
  function flush(): Promise<void> {
    if (writing !== null) return writing;
    if (waiting.length === 0) return Promise.resolve();
    const batch = waiting;
    waiting = [];
    writing = files
      .append(batch)
      .then(() => {
        complained = false;
      })
      .catch((error: unknown) => {
        if (!complained)
          log.warn(
            { error: String(error) },
            'the trail cannot be written: the next picture will have a hole',
          );
        complained = true;
      })
      .finally(() => {
        writing = null;
      });
    return writing;
  }

  // Before any reading of this process: what lies before it is a hole.
  add(sampleOf(true));
  ledger.onChanged(() => {
    // Beside a kill's first steps: it compares two words, and keeps one.
    const trading = tradingStateOf(ledger.trading());
    if (ordered !== null && trading !== ordered)
      add({ kind: 'ordered', at: clock.now(), venues: {}, trading });
    ordered = trading;
  });

  return {
    async tick() {
      if (clock.monotonic() - sampledAt >= TRAIL_STEP_MS) sample();
      void flush();
    },
    note(venue, at, reading) {
      try {
        add(readingPoint(venue, at, reading, rules.limits.currency));
      } catch (error) {
        log.warn({ venue, error: String(error) }, 'a reading could not be put on the trail');
      }
    },
    async points(from, to) {
      // How it is now belongs to it, and not how it was up to ten seconds ago.
      sample();
      await flush();
      await flush();
      return files.read(from, to);
    },
    async stop() {
      await flush();
      await flush();
    },
  };
}
