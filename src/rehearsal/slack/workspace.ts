import { randomBytes } from 'node:crypto';
import type { KnownBlock } from '@slack/types';
import type { JsonObject } from './json.ts';
import type {
  ApiCall,
  OtherApp,
  SlackChannel,
  SlackOptions,
  SlackUser,
  SlackUsergroup,
  StoredMessage,
  StoredView,
} from './shapes.ts';
import type { Names } from './text.ts';

/** A channel as it now stands; `isIm` for a direct message between one user and the bot. */
export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly isIm: boolean;
  readonly isPrivate: boolean;
  readonly isArchived: boolean;
  readonly members: Set<string>;
  readonly bookmarks: JsonObject[];
}

/** An answer address: 5 uses in 30 minutes. */
interface ResponseUrl {
  readonly user: string;
  readonly channel: string;
  readonly issuedAt: number;
  /** The message that it replaces or deletes: the one clicked, else the last one it made. */
  target: StoredMessage | undefined;
  uses: number;
}

/** A trigger: one use in 3 seconds. */
interface Trigger {
  readonly user: string;
  readonly issuedAt: number;
  used: boolean;
}

/** A file on its way: address given, bytes received, then shared. */
interface Upload {
  readonly id: string;
  readonly filename: string;
  content: Buffer | undefined;
}

/** What makes a message; everything else starts empty. */
export interface NewMessage {
  readonly channel: string;
  readonly user: string;
  readonly byBot: boolean;
  readonly app?: OtherApp;
  readonly text: string;
  readonly blocks?: readonly KnownBlock[];
  readonly attachments?: readonly JsonObject[];
  readonly metadata?: JsonObject | undefined;
  readonly threadTs?: string | undefined;
  readonly ephemeralTo?: string | undefined;
  readonly broadcast?: boolean;
  readonly files?: readonly JsonObject[];
}

/** Everything that Slack knows, and nothing about how it was asked. */
export interface Workspace {
  readonly options: SlackOptions;
  /** What the bot token was granted. */
  scopes: readonly string[];
  readonly channels: Map<string, Channel>;
  readonly users: Map<string, SlackUser>;
  readonly usergroups: Map<string, SlackUsergroup>;
  /** In the order of posting, deleted and ephemeral ones included. */
  readonly messages: StoredMessage[];
  readonly calls: ApiCall[];
  readonly triggers: Map<string, Trigger>;
  readonly responseUrls: Map<string, ResponseUrl>;
  readonly views: Map<string, StoredView>;
  /** Open modals of each user, the one on top last. */
  readonly stacks: Map<string, StoredView[]>;
  readonly homes: Map<string, StoredView>;
  readonly uploads: Map<string, Upload>;
  readonly names: Names;
  /** Where this counterpart listens, `http://127.0.0.1:PORT`; '' before it does. */
  origin: string;
  /** A message ts that no other message has: seconds, a dot, microseconds. */
  nextTs(): string;
  /** A short id that is never given twice. */
  nextId(prefix?: string): string;
  post(message: NewMessage): StoredMessage;
  /** Remembers the present state of a message in its history and tells everybody who waits. */
  remember(message: StoredMessage): void;
  /** A message that is there and not deleted; an ephemeral one only for its reader. */
  find(channel: string, ts: string, reader?: string): StoredMessage | undefined;
  /** Replies to a thread that are there for everybody, oldest first. */
  repliesTo(channel: string, ts: string): StoredMessage[];
  directMessage(user: string): Channel;
  issueTrigger(user: string): string;
  issueResponseUrl(user: string, channel: string, target: StoredMessage | undefined): string;
  /** Tells everybody who waits that something changed. */
  changed(): void;
  /** Calls `listener` after every change, until the returned function is called. */
  onChange(listener: () => void): () => void;
  /** Sends an event to the bot in the background. Set by the part that can. */
  announce: (event: JsonObject, by: string) => void;
}

function channelFrom(channel: SlackChannel, options: SlackOptions): Channel {
  const members = new Set(channel.members ?? options.users.map((user) => user.id));
  if (channel.botIsMember ?? true) members.add(options.botUserId);
  return {
    id: channel.id,
    name: channel.name,
    isIm: false,
    isPrivate: channel.isPrivate ?? false,
    isArchived: channel.isArchived ?? false,
    members,
    bookmarks: [],
  };
}

/** An empty workspace with these people and channels. */
export function createWorkspace(options: SlackOptions): Workspace {
  const bot: SlackUser = {
    id: options.botUserId,
    name: options.botName ?? 'bot',
    realName: options.botName ?? 'bot',
    email: '',
    isBot: true,
  };
  const users = new Map([...options.users, bot].map((user) => [user.id, user]));
  const channels = new Map(options.channels.map((channel) => [channel.id, channelFrom(channel, options)]));
  const usergroups = new Map((options.usergroups ?? []).map((group) => [group.id, group]));
  const byTs = new Map<string, StoredMessage>();
  const threads = new Map<string, StoredMessage[]>();
  const listeners = new Set<() => void>();
  let lastMicros = 0;
  let ids = 0;

  const workspace: Workspace = {
    options,
    scopes: options.scopes ?? [],
    channels,
    users,
    usergroups,
    messages: [],
    calls: [],
    triggers: new Map(),
    responseUrls: new Map(),
    views: new Map(),
    stacks: new Map(),
    homes: new Map(),
    uploads: new Map(),
    names: {
      user: (id) => users.get(id)?.name ?? id,
      channel: (id) => channels.get(id)?.name ?? id,
      usergroup: (id) => usergroups.get(id)?.handle ?? id,
    },
    origin: '',
    announce: () => {},

    nextTs() {
      // Slack's ts is the identity of a message: two in one millisecond must still differ, and time never goes back.
      lastMicros = Math.max(Math.floor(options.now() * 1000), lastMicros + 1);
      return `${Math.floor(lastMicros / 1e6)}.${String(lastMicros % 1e6).padStart(6, '0')}`;
    },
    nextId(prefix = '') {
      ids += 1;
      return `${prefix}${ids.toString(36).toUpperCase().padStart(5, '0')}`;
    },
    post(message) {
      const stored: StoredMessage = {
        channel: message.channel,
        ts: workspace.nextTs(),
        user: message.user,
        byBot: message.byBot,
        app: message.app,
        threadTs: message.threadTs,
        ephemeralTo: message.ephemeralTo,
        broadcast: message.broadcast ?? false,
        text: message.text,
        blocks: message.blocks ?? [],
        attachments: message.attachments ?? [],
        metadata: message.metadata,
        edited: undefined,
        deleted: false,
        pinned: false,
        files: message.files ?? [],
        history: [],
        reactions: new Map(),
        choices: new Map(),
      };
      workspace.messages.push(stored);
      byTs.set(`${stored.channel}/${stored.ts}`, stored);
      if (stored.threadTs !== undefined && stored.ephemeralTo === undefined) {
        const key = `${stored.channel}/${stored.threadTs}`;
        const thread = threads.get(key);
        if (thread) thread.push(stored);
        else threads.set(key, [stored]);
      }
      workspace.remember(stored);
      return stored;
    },
    remember(message) {
      const { text, blocks, metadata } = message;
      message.history.push({ at: options.now(), text, blocks, metadata });
      workspace.changed();
    },
    find(channel, ts, reader) {
      const message = byTs.get(`${channel}/${ts}`);
      if (!message || message.deleted) return undefined;
      return message.ephemeralTo === undefined || message.ephemeralTo === reader ? message : undefined;
    },
    repliesTo(channel, ts) {
      return (threads.get(`${channel}/${ts}`) ?? []).filter((message) => !message.deleted);
    },
    directMessage(user) {
      const id = `D${user.slice(1)}`;
      const known = channels.get(id);
      if (known) return known;
      const members = new Set([user, options.botUserId]);
      const created = {
        id,
        name: 'directmessage',
        isIm: true,
        isPrivate: true,
        isArchived: false,
        members,
        bookmarks: [],
      };
      channels.set(id, created);
      return created;
    },
    issueTrigger(user) {
      const now = options.now();
      const id = `${Math.floor(now)}.${workspace.nextId().replace(/\D/g, '0')}.${randomBytes(16).toString('hex')}`;
      workspace.triggers.set(id, { user, issuedAt: now, used: false });
      return id;
    },
    issueResponseUrl(user, channel, target) {
      const id = `${workspace.nextId('R')}-${randomBytes(12).toString('hex')}`;
      workspace.responseUrls.set(id, { user, channel, issuedAt: options.now(), target, uses: 0 });
      return `${workspace.origin}/response/${id}`;
    },
    changed() {
      // Over a copy: a listener that is satisfied removes itself.
      for (const listener of Array.from(listeners)) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return workspace;
}
