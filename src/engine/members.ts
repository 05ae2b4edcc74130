/** The last known members of user groups and schedules, on the desk's log. */

import { STANDDOWN } from '../domain/incident.ts';
import { type Clock, DESK, type Log, type Store } from '../ports.ts';

export interface Members {
  remember(name: string, members: string[]): void;
  recall(name: string): string[] | null;
}

/** Unchanged members are written again once a day, so that they are never older on disk than that. */
const AGAIN_MS = 24 * 60 * 60 * 1_000;

export async function openMembers(store: Store, clock: Clock, log: Log): Promise<Members> {
  const known = new Map<string, { at: number; members: string[] }>();
  for (const event of await store.history(DESK)) {
    if (event.type === 'MembersSeen') known.set(event.name, { at: event.at, members: event.members });
  }
  return {
    remember(name, members) {
      const before = known.get(name);
      const at = clock.now();
      if (before !== undefined && before.members.join() === members.join() && at - before.at < AGAIN_MS)
        return;
      known.set(name, { at, members });
      const append = async () => {
        const event = { type: 'MembersSeen' as const, at, by: STANDDOWN, name, members };
        while ((await store.append(DESK, store.version(DESK), [event], [])) === 'conflict');
      };
      append().catch((error: unknown) =>
        log.warn({ error: String(error) }, 'the members of a role could not be kept'),
      );
    },
    recall: (name) => known.get(name)?.members ?? null,
  };
}
