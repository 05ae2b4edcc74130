/** What `check` asks Slack: how the app, its scopes, its channels and its people are set up. Posts nothing. */

import type { WebClient } from '@slack/web-api';
import type { Person } from '../../ports.ts';

/** `code`: Slack's word for a refusal; null: there was no answer of its API. */
export type SlackSaid<T> =
  | ({ state: 'said' } & T)
  | { state: 'refused'; code: string }
  | { state: 'silent'; reason: string };

export interface SlackApp {
  team: string;
  teamId: string;
  user: string;
  url: string;
  /** Null where bots.info does not tell. */
  appId: string | null;
  scopes: string[] | null;
}

export interface SlackChannelState {
  name: string;
  isMember: boolean;
  /** Null: not told, since the scope for it is missing, or otherwise. */
  isArchived: boolean | null;
}

export interface SlackMember extends Person {
  email: string | null;
}

export interface SlackSetup {
  app(): Promise<SlackSaid<SlackApp>>;
  channel(id: string): Promise<SlackSaid<SlackChannelState>>;
  group(id: string): Promise<SlackSaid<{ users: string[] }>>;
  member(id: string): Promise<SlackSaid<{ member: SlackMember }>>;
  byEmail(email: string): Promise<SlackSaid<{ member: SlackMember }>>;
  /** Ask for a Socket Mode address, and do not use it. */
  socket(): Promise<SlackSaid<object>>;
  /** ms since the epoch by Slack's clock, to the second, with ours at that moment; null before its first answer. */
  clock(): { theirs: number; ours: number } | null;
}

interface User {
  id?: string;
  name?: string;
  profile?: { email?: string };
}

export interface SetupParts {
  client: WebClient;
  /** With the app token; null without one. */
  appClient: WebClient | null;
  kindOf: (user: object) => Person['kind'];
  /** What a thrown error says: Slack's word, or why there was none. */
  judge: (error: unknown) => { state: 'refused'; code: string } | { state: 'silent'; reason: string };
  clock: SlackSetup['clock'];
}

/** No call throws. */
export function createSlackSetup({ client, appClient, kindOf, judge, clock }: SetupParts): SlackSetup {
  async function said<T extends object>(ask: () => Promise<T>): Promise<SlackSaid<T>> {
    try {
      return { state: 'said', ...(await ask()) };
    } catch (error) {
      return judge(error);
    }
  }

  function memberOf(user: User | undefined): { member: SlackMember } {
    if (user?.id === undefined) throw new Error('the answer names nobody');
    return {
      member: {
        id: user.id,
        name: user.name ?? user.id,
        kind: kindOf(user),
        email: user.profile?.email ?? null,
      },
    };
  }

  return {
    clock,
    app: () =>
      said(async () => {
        const who = await client.auth.test();
        // `{"ok":true}` alone is anybody's.
        if (typeof who.team_id !== 'string' || typeof who.user_id !== 'string')
          throw new Error('the answer names no team');
        const bot = await client.bots.info({ bot: who.bot_id ?? '' }).catch(() => null);
        return {
          team: who.team ?? who.team_id,
          teamId: who.team_id,
          user: who.user ?? 'unknown',
          url: who.url ?? '',
          appId: bot?.bot?.app_id ?? null,
          scopes: who.response_metadata?.scopes ?? null,
        };
      }),
    async channel(id) {
      const told = await said(async () => {
        const { channel } = await client.conversations.info({ channel: id });
        if (channel?.id !== id) throw new Error('the answer names another channel, or none');
        return {
          name: channel.name ?? id,
          isMember: channel.is_member === true,
          isArchived: typeof channel.is_archived === 'boolean' ? channel.is_archived : null,
        };
      });
      if (told.state !== 'refused' || told.code !== 'missing_scope') return told;
      // Without the scopes of that call: whether its messages can be read tells the rest.
      return said(async () => {
        const { messages } = await client.conversations.history({ channel: id, limit: 1 });
        if (!Array.isArray(messages)) throw new Error('the answer has no messages');
        return { name: id, isMember: true, isArchived: null };
      });
    },
    group: (id) =>
      said(async () => ({ users: (await client.usergroups.users.list({ usergroup: id })).users ?? [] })),
    member: (id) => said(async () => memberOf((await client.users.info({ user: id })).user)),
    byEmail: (email) => said(async () => memberOf((await client.users.lookupByEmail({ email })).user)),
    socket: () =>
      said(async () => {
        if (appClient === null) throw new Error('there is no app token');
        const { url } = await appClient.apps.connections.open({});
        if (typeof url !== 'string' || !/^wss?:\/\/./.test(url)) throw new Error('the answer has no address');
        return {};
      }),
  };
}
