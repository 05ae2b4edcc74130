/** Who may do what, resolved at the moment of acting. */

import type { Clock, Log } from '../ports.ts';

export type Role = 'responder' | 'approver';

export interface AccessDeps {
  /** User ids (U…, W…), user groups (S…) and PagerDuty schedules (`pd:P…`). */
  responders: string[];
  approvers: string[];
  clock: Clock;
  log: Log;
  /** The members of a user group; null: cannot be asked now. */
  groupMembers(group: string): Promise<string[] | null>;
  /** The Slack users who are on call on a schedule; null: cannot be asked now. */
  scheduleMembers(schedule: string): Promise<string[] | null>;
  /** The last known members, kept for when Slack or PagerDuty is down. */
  remember(name: string, members: string[]): void;
  recall(name: string): string[] | null;
}

export interface Access {
  has(userId: string, role: Role): Promise<boolean>;
  /** The entries of a role as Slack mentions, for a refusal that says who can. */
  whoCan(role: Role): string;
}

/** How long acting waits for a membership before the last known one is used. */
const LOOKUP_MS = 1_200;

export function createAccess(deps: AccessDeps): Access {
  const entries = (role: Role) => (role === 'responder' ? deps.responders : deps.approvers);

  async function members(entry: string): Promise<string[]> {
    const asked = entry.startsWith('pd:') ? deps.scheduleMembers(entry.slice(3)) : deps.groupMembers(entry);
    const limit = new AbortController();
    const now = await Promise.race([asked, deps.clock.wait(LOOKUP_MS, limit.signal).then(() => null)]).catch(
      () => null,
    );
    limit.abort();
    if (now !== null) {
      deps.remember(entry, now);
      return now;
    }
    const known = deps.recall(entry);
    deps.log.warn(
      { entry, known: known?.length ?? 0 },
      'a membership could not be asked for: the last known one is used',
    );
    return known ?? [];
  }

  const isUser = (entry: string) => /^[UW][A-Z0-9]+$/.test(entry);

  return {
    async has(userId, role) {
      const all = entries(role);
      if (all.includes(userId)) return true;
      const groups = all.filter((entry) => !isUser(entry)).map(members);
      // The first that names the person decides: a schedule that hangs delays nobody of another group.
      const found = groups.map(async (group) => {
        if (!(await group).includes(userId)) throw new Error('not in this one');
      });
      return Promise.any(found).then(
        () => true,
        () => false,
      );
    },
    whoCan(role) {
      const names = entries(role).map((entry) =>
        isUser(entry)
          ? `<@${entry}>`
          : entry.startsWith('pd:')
            ? 'whoever is on call'
            : `<!subteam^${entry}>`,
      );
      return names.length <= 6
        ? names.join(', ')
        : `${names.slice(0, 6).join(', ')} and ${names.length - 6} more`;
    },
  };
}
