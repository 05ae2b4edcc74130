import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError, type Method } from './slack/api-error.ts';
import { type Apps, createApps } from './slack/apps.ts';
import { chatMethods } from './slack/chat.ts';
import { conversationMethods, directoryMethods, markMethods } from './slack/conversations.ts';
import { createDelivery } from './slack/delivery.ts';
import { createFaults } from './slack/faults.ts';
import { fileMethods } from './slack/files.ts';
import { str } from './slack/json.ts';
import { eventCallback } from './slack/payloads.ts';
import { createPeople, type People } from './slack/people.ts';
import type {
  Answer,
  ApiCall,
  Fault,
  RawRequest,
  SlackMode,
  SlackOptions,
  StoredMessage,
  StoredView,
} from './slack/shapes.ts';
import { createSocketMode } from './slack/socket.ts';
import { asText, homeText, modalText, type TextOptions, threadText, wholeStory } from './slack/story.ts';
import { viewMethods } from './slack/views.ts';
import { waitUntil } from './slack/wait.ts';
import { createWebHandler } from './slack/web.ts';
import { createWorkspace } from './slack/workspace.ts';

export type { SlackOptions } from './slack/shapes.ts';

/** A Slack of one's own on this machine: the Web API, Socket Mode, the people, and what may go wrong. */
export interface SlackCounterpart extends People, Apps {
  /** For `slackApiUrl` of a WebClient: `http://127.0.0.1:PORT/api/`. */
  readonly apiUrl: string;
  /** Requests to the Web API, in order of arrival. */
  readonly calls: readonly ApiCall[];
  /** Answers to everything that was sent to the bot, in order of answering; background events included. */
  readonly answers: readonly Answer[];
  /** Posted to a channel and still there, oldest first; thread replies included, ephemeral ones not. */
  messages(channel: string): StoredMessage[];
  /** The parent and its replies, oldest first. */
  thread(channel: string, ts: string): StoredMessage[];
  /** What only this user can see, oldest first. */
  ephemerals(userId: string): StoredMessage[];
  /** Open modals of a user, the one on top last. */
  openViews(userId: string): StoredView[];
  /** The home view that the bot published for a user. */
  home(userId: string): StoredView | undefined;
  /** The bytes that were uploaded as a file, undefined before they came. */
  fileContent(fileId: string): Buffer | undefined;
  /** How many Socket Mode connections are open. */
  sockets(): number;

  /** A channel as plain text: author, time (UTC), words, `[buttons]`. With `as`, what only that user sees is in it. */
  asText(channel: string, options?: TextOptions): string;
  /** A thread as plain text, parent first. */
  threadAsText(channel: string, ts: string, options?: TextOptions): string;
  /** The modal on top, or ''. */
  modalAsText(userId: string): string;
  /** The App Home, or ''. */
  homeAsText(userId: string): string;
  /**
   * Waits until the predicate gives something true, and gives it back; asked again after every change in here.
   * A predicate that throws has not come true yet.
   * @throws after `timeoutMs` real milliseconds (default 10,000), with everything that the channels show
   */
  until<T>(predicate: () => T, options?: { timeoutMs?: number; what?: string }): Promise<NonNullable<T>>;
  /** Called after every change in here; the returned function ends it. */
  onChange(listener: () => void): () => void;
  /** Resolves when no event is on its way to the bot any more. */
  settled(): Promise<void>;

  /** Where the bot listens. @throws for anything but http on loopback */
  setRequestUrl(url: string): void;
  setMode(mode: SlackMode): void;
  /** Grants the bot token these scopes from now on. */
  setScopes(scopes: readonly string[]): void;
  /** Archives a channel, or takes the bot out of it. @throws for an unknown one */
  setChannel(id: string, state: { isArchived?: boolean; botIsMember?: boolean }): void;
  /** Whether the bot's own messages come back to it as events. */
  setEcho(isOn: boolean): void;
  /** Sends a request by hand, forged, stale or otherwise, over HTTP. */
  send(raw: RawRequest): Promise<Answer>;
  /** Slack's retry: the same body, a new time and signature; `num` from 1. */
  retry(previous: Answer, retry?: { num?: number; reason?: string }): Promise<Answer>;
  /** Makes a Web API method fail; `*` for all, `response_url` and `upload` for those. The returned function lifts it. */
  fault(method: string, fault: Fault): () => void;
  clearFaults(): void;
  /** Asks the app to reconnect every socket, and closes the old ones. */
  refreshSockets(): Promise<void>;
  /** Cuts every socket without a word. */
  dropSockets(): void;
  /** Ends everything, requests that hang included. */
  close(): Promise<void>;
}

/** Starts a Slack counterpart on 127.0.0.1. @throws for a requestUrl that is not loopback, or a port in use */
export async function startSlackCounterpart(options: SlackOptions): Promise<SlackCounterpart> {
  const workspace = createWorkspace(options);
  const faults = createFaults();
  const closing = new AbortController();
  const server = createServer();
  const sockets = createSocketMode(server, workspace);
  const delivery = createDelivery(workspace, sockets, closing.signal);
  const answers: Answer[] = [];
  const background = new Set<Promise<unknown>>();
  let isEchoing = options.echoBotMessages ?? true;

  const noted = async (sent: Promise<Answer>): Promise<Answer> => {
    const answer = await sent;
    answers.push(answer);
    workspace.changed();
    return answer;
  };
  const toBot = {
    ...delivery,
    deliver: (...args: Parameters<typeof delivery.deliver>) => noted(delivery.deliver(...args)),
  };
  const people = createPeople(workspace, toBot);
  const apps = createApps(workspace, toBot);
  workspace.announce = (event, by) => {
    if (!isEchoing || !delivery.isReachable()) return;
    const channel = workspace.channels.get(str(event['channel']));
    if (!channel?.members.has(options.botUserId)) return;
    const sent = noted(delivery.deliver('events_api', eventCallback(workspace, event, by)))
      .catch(() => undefined)
      .finally(() => background.delete(sent));
    background.add(sent);
  };

  const methods: Record<string, Method> = {
    'api.test': (args) => ({ args }),
    'auth.test': () => ({
      url: `https://${options.teamId.toLowerCase()}.slack.com/`,
      team: options.teamId,
      team_id: options.teamId,
      user: options.botName ?? 'bot',
      user_id: options.botUserId,
      bot_id: options.botId,
      is_enterprise_install: false,
    }),
    'bots.info': (args) => {
      if (args['bot'] !== options.botId) throw new ApiError('bot_not_found');
      return {
        bot: {
          id: options.botId,
          deleted: false,
          name: options.botName ?? 'bot',
          updated: 0,
          app_id: options.appId,
          user_id: options.botUserId,
        },
      };
    },
    'apps.connections.open': () => ({ url: sockets.issueUrl() }),
    ...chatMethods(workspace),
    ...conversationMethods(workspace),
    ...directoryMethods(workspace),
    ...markMethods(workspace),
    ...viewMethods(workspace),
    ...fileMethods(workspace),
  };
  server.on('request', createWebHandler({ workspace, methods, faults, closing: closing.signal }));
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  workspace.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    ...people,
    ...apps,
    apiUrl: `${workspace.origin}/api/`,
    calls: workspace.calls,
    answers,
    messages: (channel) =>
      workspace.messages.filter((message) => message.channel === channel && isPublic(message)),
    thread(channel, ts) {
      const parent = workspace.find(channel, ts);
      return [...(parent ? [parent] : []), ...workspace.repliesTo(channel, ts)];
    },
    ephemerals: (userId) =>
      workspace.messages.filter((message) => message.ephemeralTo === userId && !message.deleted),
    openViews: (userId) => [...(workspace.stacks.get(userId) ?? [])],
    home: (userId) => workspace.homes.get(userId),
    fileContent: (fileId) => workspace.uploads.get(fileId)?.content,
    sockets: () => sockets.connected(),
    asText: (channel, how) => asText(workspace, channel, how),
    threadAsText: (channel, ts, how) => threadText(workspace, channel, ts, how),
    modalAsText: (userId) => modalText(workspace, userId),
    homeAsText: (userId) => homeText(workspace, userId),
    until: (predicate, how = {}) =>
      waitUntil(workspace, closing.signal, predicate, {
        timeoutMs: how.timeoutMs ?? 10_000,
        what: how.what ?? predicate.toString(),
        show: () => wholeStory(workspace),
      }),
    onChange: (listener) => workspace.onChange(listener),
    async settled() {
      while (background.size > 0) await Promise.all(background);
    },
    setRequestUrl: (url) => delivery.setRequestUrl(url),
    setMode: (mode) => delivery.setMode(mode),
    setScopes(scopes) {
      workspace.scopes = scopes;
    },
    setChannel(id, { isArchived, botIsMember }) {
      const channel = workspace.channels.get(id);
      if (channel === undefined) throw new Error(`there is no channel ${id}`);
      if (botIsMember === false) channel.members.delete(options.botUserId);
      if (botIsMember === true) channel.members.add(options.botUserId);
      workspace.channels.set(id, { ...channel, isArchived: isArchived ?? channel.isArchived });
      workspace.changed();
    },
    setEcho(isOn) {
      isEchoing = isOn;
    },
    send: (raw) => noted(delivery.send(raw)),
    retry: (previous, { num = 1, reason = 'http_timeout' } = {}) =>
      noted(delivery.retry(previous, { num, reason })),
    fault: (method, fault) => faults.add(method, fault),
    clearFaults: () => faults.clear(),
    refreshSockets: () => sockets.refresh(),
    dropSockets: () => sockets.drop(),
    async close() {
      if (closing.signal.aborted) return;
      closing.abort(new Error('the Slack counterpart was closed'));
      sockets.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await Promise.all(background);
    },
  };
}

function isPublic(message: StoredMessage): boolean {
  return message.ephemeralTo === undefined && !message.deleted;
}
