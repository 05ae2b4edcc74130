/** A recording of telemetry: which sample arrived when, by the recording's own time. */

import type { Sample } from './domain/measure/samples.ts';
import { STALE_FOR_STOPS_MS } from './domain/measure/samples.ts';
import { instantOf, isRejection, type KnownNames, readSample } from './webhooks/sample.ts';

export type Recorded =
  | { line: number; sample: Sample; arrivedAt: number }
  | { line: number; path: string; reason: string };

/** Lines that are looked at before one of them is believed to have moved the clock. */
const AHEAD = 64;
/** This many must disagree. */
const LEAST = 3;

interface Waiting {
  line: number;
  item: unknown;
  /** When it says that it was measured, ms; null where it does not. */
  at: number | null;
  receivedAt: number | null;
}

export interface Recording {
  /** Take the next line; says what is known by then of lines before it. */
  take(line: number, text: string | null): Recorded[];
  /** What is left when there are no more lines. */
  end(): Recorded[];
}

/**
 * A line arrives when its `receivedAt` says, else when it was measured, and never before a line above it: so a late sample
 * is late here too. One that is over ten minutes ahead of all that follow it has a clock that is off, and would make all
 * the others late: it is refused, as the bot refuses what is dated in the future.
 */
export function createRecording(known: KnownNames): Recording {
  const heard = new Set<string>();
  const waiting: Waiting[] = [];
  let clock = Number.NEGATIVE_INFINITY;

  function next(): Recorded {
    const { line, item, at, receivedAt } = waiting.shift() as Waiting;
    const said = receivedAt ?? at;
    if (said !== null && receivedAt === null && said > clock + STALE_FOR_STOPS_MS) {
      const after = waiting.flatMap((one) => one.receivedAt ?? one.at ?? []);
      if (after.length >= LEAST && Math.max(...after) < said - STALE_FOR_STOPS_MS)
        return {
          line,
          path: 'at',
          reason: 'it is over ten minutes ahead of all that follow: compare the clocks',
        };
    }
    const arrivedAt = said === null ? clock : Math.max(clock, said);
    const read = readSample(item, line, known, heard, arrivedAt);
    if (isRejection(read)) return { line, path: read.path, reason: read.reason };
    clock = arrivedAt;
    return { line, sample: read, arrivedAt };
  }

  return {
    take(line, text) {
      const trimmed = text?.trim() ?? null;
      if (trimmed === '') return [];
      let item: unknown;
      try {
        if (trimmed === null) throw new Error('too long');
        item = JSON.parse(trimmed);
      } catch {
        return [
          { line, path: '', reason: trimmed === null ? 'the line is over 64 KiB' : 'the line is not JSON' },
        ];
      }
      const { at, receivedAt } = (typeof item === 'object' && item !== null ? item : {}) as Record<
        string,
        unknown
      >;
      waiting.push({ line, item, at: timeOf(at), receivedAt: timeOf(receivedAt) });
      return waiting.length > AHEAD ? [next()] : [];
    },
    end() {
      const rest: Recorded[] = [];
      while (waiting.length > 0) rest.push(next());
      return rest;
    },
  };
}

const timeOf = (value: unknown): number | null =>
  typeof value === 'string'
    ? instantOf(value)
    : typeof value === 'number' && Number.isSafeInteger(value) && value > 1e11 && value < 1e14
      ? value
      : null;
