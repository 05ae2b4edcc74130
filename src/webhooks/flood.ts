/** A source that sends alerts faster than they can be stored is told to wait; the others, and any P0, go on. */

import type { TakenAlert } from '../engine/intake.ts';
import type { AlertFormat } from './alerts.ts';
import { HttpRefusal } from './body.ts';

export interface Flood {
  /**
   * Take a batch of one source, unless too much of that source waits to be stored already: then HttpRefusal 429 with
   * Retry-After. A batch with a P0 in it is always taken.
   */
  through<T>(format: AlertFormat, taken: TakenAlert[], take: () => Promise<T>): Promise<T>;
}

/** Alerts of one source that may wait for the disk at once: two of the largest batches (RELIABILITY: 10,000). */
const WAITING = 20_000;
const RETRY_AFTER_SEC = 2;

/** `said` is called once while a source floods, so that what was refused does not go unseen. */
export function createFlood(said: (format: AlertFormat) => Promise<void>): Flood {
  const waiting = new Map<AlertFormat, number>();
  const flooding = new Set<AlertFormat>();
  return {
    async through(format, taken, take) {
      const before = waiting.get(format) ?? 0;
      const urgent = taken.some(({ alert }) => alert.severity === 'P0');
      if (before > 0 && before + taken.length > WAITING && !urgent) {
        if (!flooding.has(format)) {
          flooding.add(format);
          await said(format);
        }
        throw new HttpRefusal(
          429,
          'too_fast',
          `${before} alerts of ${format} wait to be stored. Nothing of this batch was taken: send it again.`,
          { 'Retry-After': String(RETRY_AFTER_SEC) },
        );
      }
      waiting.set(format, before + taken.length);
      try {
        return await take();
      } finally {
        const left = (waiting.get(format) ?? 0) - taken.length;
        waiting.set(format, left);
        if (left === 0) flooding.delete(format);
      }
    },
  };
}
