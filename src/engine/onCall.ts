/** Who is on call, how they can be reached, and who they are in Slack. What was learned last is kept for when nobody can be asked. */

import type { OnCallNow } from '../domain/onCall.ts';
import type { Clock, Log, Pager } from '../ports.ts';
import type { Members } from './members.ts';

export interface OnCallDeps {
  pager: Pick<Pager, 'onCallNow' | 'emailOf'>;
  /** `access.responders` of the configuration: users (U…, W…), groups (S…) and PagerDuty schedules (`pd:P…`). */
  responders: string[];
  members: Members;
  groupMembers(group: string): Promise<string[] | null>;
  /** A Slack user by a verified e-mail address, and the other way round. null: there is none; undefined: cannot be asked. */
  userByEmail(email: string): Promise<string | null | undefined>;
  emailOfUser(user: string): Promise<string | null | undefined>;
  clock: Clock;
  log: Log;
}

export interface OnCall {
  /** Who is on call now; what was read last where PagerDuty does not answer in time, with its age in ms. */
  now(): Promise<OnCallNow & { ageMs: number }>;
  /** Slack ids to mention, those on call first. Only ids of the configuration, or of people whose e-mail address is on call. */
  mentions(): Promise<{ users: string[]; groups: string[] }>;
  /** Mail addresses of those on call; of the responders where nobody on call is known. */
  addresses(): Promise<string[]>;
  /** The Slack user of a PagerDuty user, by e-mail alone; null: unknown, and it stays so. */
  slackOf(pagerUser: string): Promise<string | null>;
  /** Read it all anew, for later. */
  refresh(): Promise<void>;
}

/** How long somebody who waits for an answer waits for the far side; what was read last serves then. */
const LOOKUP_MS = 1_200;

const MAILS = 'mail:onCall';
const SLACK = 'slack:onCall';
const RESPONDER_MAILS = 'mail:responders';

const isUser = (entry: string) => /^[UW][A-Z0-9]+$/.test(entry);
const isGroup = (entry: string) => /^S[A-Z0-9]+$/.test(entry);

/** A message that names more people than this helps none of them. */
const MAX_MENTIONS = 20;

export function createOnCall(deps: OnCallDeps): OnCall {
  const { pager, responders, members, clock, log } = deps;
  const schedules = responders.flatMap((entry) => (entry.startsWith('pd:') ? [entry.slice(3)] : []));
  let latest: { at: number; now: Extract<OnCallNow, { state: 'known' }> } | null = null;

  /** The answer when it comes in time; null when it does not. */
  async function inTime<T>(asked: Promise<T>): Promise<T | null> {
    const limit = new AbortController();
    const late = clock.wait(LOOKUP_MS, limit.signal).then(() => null);
    return Promise.race([asked, late])
      .catch(() => null)
      .finally(() => limit.abort());
  }

  async function ask(): Promise<OnCallNow> {
    const now = await pager.onCallNow(clock.now(), schedules);
    if (now.state === 'unavailable') return now;
    latest = { at: clock.monotonic(), now };
    const mails = now.people.flatMap(({ email }) => (email === null ? [] : [email]));
    members.remember(MAILS, [...new Set(mails)]);
    return now;
  }

  /** The Slack users of those on call, in the order of the levels; null when one of them could not be looked up. */
  async function slackUsers(mails: string[]): Promise<string[] | null> {
    const users = await Promise.all(mails.map((email) => deps.userByEmail(email)));
    if (users.includes(undefined)) return null;
    const found = users.filter((user) => typeof user === 'string');
    members.remember(SLACK, found);
    return found;
  }

  async function responderMails(): Promise<string[] | null> {
    const groups = await Promise.all(responders.filter(isGroup).map(deps.groupMembers));
    const users = [...responders.filter(isUser), ...groups.flatMap((group) => group ?? [])];
    const mails = await Promise.all([...new Set(users)].map((user) => deps.emailOfUser(user)));
    const found = mails.filter((mail) => typeof mail === 'string');
    if (groups.includes(null) || mails.includes(undefined)) return found.length > 0 ? found : null;
    members.remember(RESPONDER_MAILS, found);
    return found;
  }

  /** The addresses on call as far as they are known: of now where PagerDuty answers, else of the last time. */
  async function onCallMails(): Promise<{ mails: string[]; fresh: boolean }> {
    const now = await inTime(ask());
    const fresh = now?.state === 'known';
    return { mails: members.recall(MAILS) ?? [], fresh };
  }

  return {
    async now() {
      const asked = ask();
      const now = await inTime(asked);
      if (now?.state === 'known') return { ...now, ageMs: 0 };
      if (latest !== null) return { ...latest.now, ageMs: clock.monotonic() - latest.at };
      return now === null
        ? { state: 'unavailable', reason: 'PagerDuty did not answer in time', ageMs: 0 }
        : { ...now, ageMs: 0 };
    },

    async mentions() {
      const { mails } = await onCallMails();
      const onCall = (await inTime(slackUsers(mails))) ?? members.recall(SLACK) ?? [];
      // The members of a schedule that a role names, as they were resolved last.
      const bySchedule = schedules.flatMap((schedule) => members.recall(`pd:${schedule}`) ?? []);
      const users = [...new Set([...onCall, ...bySchedule, ...responders])].filter(isUser);
      return {
        users: users.slice(0, MAX_MENTIONS),
        groups: responders.filter(isGroup).slice(0, MAX_MENTIONS),
      };
    },

    async addresses() {
      const { mails, fresh } = await onCallMails();
      if (fresh && mails.length > 0) return mails;
      // Who was on call last may not be any more: the responders are asked as well.
      const others = (await inTime(responderMails())) ?? members.recall(RESPONDER_MAILS) ?? [];
      return [...new Set([...mails, ...others])];
    },

    async slackOf(pagerUser) {
      const look = async () => {
        const email = await pager.emailOf(pagerUser);
        return { user: typeof email === 'string' ? await deps.userByEmail(email) : email };
      };
      const name = `pdUser:${pagerUser}`;
      const user = (await inTime(look()))?.user;
      if (user === undefined) return members.recall(name)?.[0] ?? null;
      members.remember(name, user === null ? [] : [user]);
      return user;
    },

    async refresh() {
      const { mails } = await onCallMails();
      await slackUsers(mails);
      await responderMails();
      log.debug({ onCall: mails.length }, 'who is on call was read');
    },
  };
}
