/** Single use: a request that Slack sends again, a captured one, a repeated Idempotency-Key. */

import { STANDDOWN } from '../domain/incident.ts';
import { type Clock, DESK, type Log, type Store } from '../ports.ts';

/** What was answered to a request that was already taken; undefined while its answer is not known. */
export interface Taken {
  at: number;
  answer?: unknown;
  /** It was taken by an earlier process, which ended before it answered. Said once: whoever hears it takes the name over. */
  lost?: true;
}

export interface Once {
  /** Take a name. Returns null the first time, and what is known about the first use after that. */
  take(name: string): Taken | null;
  /** Remember what was answered, so that a repetition gets the same. */
  answered(name: string, answer: unknown): void;
  /** It was refused and nothing was done: the name may be taken again. */
  release(name: string): void;
}

/** Slack's signatures are good for 5 min, and it sends events again for up to an hour; keys of callers live a day. */
const KEEP_MS = 24 * 60 * 60 * 1_000;

/**
 * The names taken so far: in memory, and on the desk's log so that a restart forgets none. The record is not waited for:
 * it is in the same group commit as what the request makes happen.
 */
export async function openOnce(store: Store, clock: Clock, log: Log): Promise<Once> {
  const taken = new Map<string, Taken>();
  for (const event of await store.history(DESK)) {
    if (event.type !== 'RequestTaken' || event.at <= clock.now() - KEEP_MS) continue;
    if (event.released === true) taken.delete(event.name);
    else
      taken.set(event.name, {
        at: event.at,
        ...(event.answer === undefined ? { lost: true as const } : { answer: event.answer }),
      });
  }

  function record(name: string, said: { answer?: unknown; released?: true } = {}): void {
    const event = {
      type: 'RequestTaken' as const,
      at: clock.now(),
      by: STANDDOWN,
      name,
      ...said,
    };
    const tryAppend = async () => {
      while ((await store.append(DESK, store.version(DESK), [event], [])) === 'conflict');
    };
    tryAppend().catch((error: unknown) =>
      log.warn({ error: String(error) }, 'a request could not be marked as taken on disk'),
    );
  }

  return {
    take(name) {
      const before = taken.get(name);
      if (before !== undefined && before.at > clock.now() - KEEP_MS) {
        if (before.lost === true) taken.set(name, { at: before.at });
        return before;
      }
      for (const [old, { at }] of taken) {
        if (at > clock.now() - KEEP_MS) break; // insertion order is time order
        taken.delete(old);
      }
      taken.set(name, { at: clock.now() });
      record(name);
      return null;
    },
    answered(name, answer) {
      taken.set(name, { at: clock.now(), answer });
      record(name, { answer });
    },
    release(name) {
      taken.delete(name);
      record(name, { released: true });
    },
  };
}
