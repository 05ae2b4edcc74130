/** A command that named no incident where several are open: kept until the person who typed it picks one. */

import type { Clock } from '../../ports.ts';
import type { IncidentCommand } from './read.ts';

interface Pending {
  user: string;
  command: IncidentCommand;
  /** The incidents that were offered. */
  offered: string[];
  at: number;
}

export interface Choices {
  /** Keep a command; returns the opaque name that the menu carries. */
  offer(user: string, command: IncidentCommand, offered: string[]): string;
  /** The command that this person may now run on this incident, once; null for anything that was not offered to them. */
  take(name: string, user: string, incident: string): IncidentCommand | null;
}

const KEEP_MS = 10 * 60_000;
const KEPT = 500;

/** In memory alone: after a restart a menu is old, and says so. */
export function createChoices(clock: Clock): Choices {
  const pending = new Map<string, Pending>();
  const begun = clock.now().toString(36);
  let count = 0;
  return {
    offer(user, command, offered) {
      for (const [name, { at }] of pending)
        if (pending.size >= KEPT || clock.monotonic() - at > KEEP_MS) pending.delete(name);
      count += 1;
      const name = `${begun}-${count}`;
      pending.set(name, { user, command, offered, at: clock.monotonic() });
      return name;
    },
    take(name, user, incident) {
      const found = pending.get(name);
      if (found === undefined || found.user !== user || !found.offered.includes(incident)) return null;
      pending.delete(name);
      return clock.monotonic() - found.at > KEEP_MS ? null : { ...found.command, incident };
    },
  };
}
