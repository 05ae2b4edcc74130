/** Puts what was refused on record. It never delays the answer to a person, nor a kill: what cannot be recorded is logged. */

import { STANDDOWN } from '../domain/incident.ts';
import { createRefusedBook, type Refused, type RefusedRow } from '../domain/refused.ts';
import { type Clock, DESK, type Log } from '../ports.ts';
import type { KillExecutor } from './kill.ts';
import type { Ledger } from './ledger.ts';

export interface Refusals {
  /** Never throws, and returns at once. */
  note(refused: Refused): void;
  /** Once a second: the counts whose minute is over. */
  tick(): Promise<void>;
  /** Resolves when everything is on record, or was logged. */
  stop(): Promise<void>;
}

export function createRefusals(deps: {
  ledger: Pick<Ledger, 'commit' | 'load'>;
  executor: Pick<KillExecutor, 'latched'>;
  clock: Pick<Clock, 'monotonic'>;
  log: Log;
}): Refusals {
  const { ledger, executor, clock, log } = deps;
  const book = createRefusedBook(STANDDOWN);
  /** One after the other: a flood of them never stands in a queue before a kill. */
  let recording: Promise<void> = Promise.resolve();

  async function record({ by, incident, event }: RefusedRow): Promise<void> {
    try {
      await executor.latched();
      // What a button or a command names is only a claim.
      const known = incident === null ? undefined : await ledger.load(incident);
      await ledger.commit(known?.id ?? DESK, { type: 'Note', by, event });
    } catch (error) {
      log.warn(
        { by: by.id, what: event.what, code: event.code, error: String(error) },
        'a refused command could not be put on record',
      );
    }
  }

  function add(rows: RefusedRow[]): Promise<void> {
    for (const row of rows) recording = recording.then(() => record(row));
    return recording;
  }

  return {
    note: (refused) => void add(book.take(refused, clock.monotonic())),
    tick: () => add(book.due(clock.monotonic())),
    stop: () => add(book.close()),
  };
}
