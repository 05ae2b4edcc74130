/** What to wait for, and for how long. */
export interface UntilOptions {
  /** Real milliseconds; default 5,000. */
  readonly timeoutMs?: number;
  /** Completes the sentence "waited 5000 ms for …" when it does not come. */
  readonly what: string;
}

/** Waiting for a counterpart to get into a state, without polling and without sleeping. */
export interface Changes {
  /** To be called after every change of what a predicate can see. */
  changed(): void;
  /** Resolves as soon as the predicate holds: at once, or after a change. Rejects when the time is over, or at the end. */
  until(predicate: () => boolean, options: UntilOptions): Promise<void>;
  /** Called after every change; the returned function ends it. */
  onChange(listener: () => void): () => void;
  /** Rejects everything that still waits. */
  end(): void;
}

interface Waiter {
  check(): void;
  fail(why: string): void;
}

/**
 * @param describe the state now, for the message of a wait that timed out.
 */
export function createChanges(describe: () => string): Changes {
  const waiters = new Set<Waiter>();
  const listeners = new Set<() => void>();
  return {
    changed() {
      for (const waiter of waiters) waiter.check();
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    until(predicate, { timeoutMs = 5_000, what }) {
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void): void => {
          clearTimeout(timer);
          waiters.delete(waiter);
          finish();
        };
        const waiter: Waiter = {
          check() {
            try {
              if (predicate()) settle(resolve);
            } catch (error) {
              // A predicate that throws is a fault of the caller's, and belongs to the caller, not to who made the change.
              settle(() => reject(error instanceof Error ? error : new Error(String(error))));
            }
          },
          fail(why) {
            settle(() => reject(new Error(`${why} ${what}. Now: ${describe()}`)));
          },
        };
        const timer = setTimeout(() => waiter.fail(`waited ${timeoutMs} ms for`), timeoutMs);
        waiters.add(waiter);
        waiter.check();
      });
    },
    end() {
      for (const waiter of waiters) waiter.fail('closed while waiting for');
    },
  };
}
