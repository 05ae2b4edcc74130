/** Who may do what, resolved at the moment of acting. */

import type { Clock, Log, Person } from '../ports.ts';

export type Role = 'responder' | 'approver';

/** Whether somebody has a role, and if not, what stands in the way: not being named, or not being a full member here. */
export type Standing = 'has' | 'notNamed' | Exclude<Person['kind'], 'member'> | 'unknown';

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
  /** Who somebody is at Slack; null: nobody; undefined: cannot be asked now, and then being named is enough. */
  person(userId: string): Promise<Person | null | undefined>;
  remember(name: string, members: string[]): void;
  recall(name: string): string[] | null;
}

export interface Access {
  standing(userId: string, role: Role): Promise<Standing>;
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

  async function isNamed(userId: string, role: Role): Promise<boolean> {
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
  }

  async function standing(userId: string, role: Role): Promise<Standing> {
    // A group may hold guests, and a list may hold a bot's id: being named is not enough.
    const [named, person] = await Promise.all([isNamed(userId, role), deps.person(userId)]);
    if (person === null) return 'unknown';
    if (person !== undefined && person.kind !== 'member') return person.kind;
    return named ? 'has' : 'notNamed';
  }

  return {
    standing,
    has: async (userId, role) => (await standing(userId, role)) === 'has',
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
