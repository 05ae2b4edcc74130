/** Who somebody is at Slack, remembered for a while: a role is refused to guests, bots and outsiders, and a kill waits for nobody. */

import type { Clock, Log, Person } from '../ports.ts';

export interface People {
  /**
   * What is known of somebody, at once if it was asked before; null: Slack knows nobody of that id; undefined: it cannot
   * say now.
   */
  of(id: string): Promise<Person | null | undefined>;
  /** The same, asked now. */
  now(id: string): Promise<Person | null | undefined>;
  /** Ask about these ahead of time, one after the other. */
  warm(ids: string[]): Promise<void>;
}

/** What was asked is used at once for this long, then used and asked again. */
const FRESH_MS = 10 * 60_000;
/** How long acting waits for somebody who was never asked about. */
const WAIT_MS = 600;
/** Far more than a desk has; the oldest go first. */
const KEPT = 2_000;

export function createPeople(deps: {
  ask(id: string): Promise<Person | null | undefined>;
  clock: Clock;
  log: Log;
}): People {
  const { ask, clock, log } = deps;
  const known = new Map<string, { at: number; person: Person | null }>();
  const asking = new Map<string, Promise<Person | null | undefined>>();

  function now(id: string): Promise<Person | null | undefined> {
    const already = asking.get(id);
    if (already !== undefined) return already;
    const asked = ask(id)
      .then((person) => {
        if (person === undefined) return undefined;
        known.delete(id);
        known.set(id, { at: clock.monotonic(), person });
        const [oldest] = known.keys();
        if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
        return person;
      })
      .catch((error: unknown) => {
        log.warn({ error: String(error) }, 'Slack did not say who somebody is');
        return undefined;
      })
      .finally(() => asking.delete(id));
    asking.set(id, asked);
    return asked;
  }

  return {
    now,
    async of(id) {
      const before = known.get(id);
      if (before !== undefined && clock.monotonic() - before.at < FRESH_MS) return before.person;
      const asked = now(id);
      if (before !== undefined) return before.person;
      const limit = new AbortController();
      const late = clock.wait(WAIT_MS, limit.signal).then(() => undefined);
      return Promise.race([asked, late]).finally(() => limit.abort());
    },
    async warm(ids) {
      for (const id of ids) await now(id);
    },
  };
}
