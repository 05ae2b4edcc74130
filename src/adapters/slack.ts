/** Slack: the Bolt app over HTTP or Socket Mode, and the posts through the Web API. The only file that runs Slack's packages. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  App,
  HTTPReceiver,
  type Logger,
  LogLevel,
  type Receiver,
  type ReceiverEvent,
  SocketModeReceiver,
} from '@slack/bolt';
import type { HomeView, KnownBlock } from '@slack/types';
import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
  WebClient,
} from '@slack/web-api';
import type { ChainHead } from '../domain/chain.ts';
import type { Chat, Clock, Log, Person, Sent } from '../ports.ts';
import { cappedFetch } from './askJson.ts';
import { createSlackSetup, type SlackSetup } from './slack/setup.ts';

export interface SlackOptions {
  botToken: string;
  signingSecret: string | null;
  /** Set: Socket Mode. */
  appToken: string | null;
  /** Ends in `/api/`; null: Slack's own. */
  apiUrl: string | null;
  clock: Clock;
  log: Log;
  mask: (text: string) => string;
  /** ms for one request; Slack's own client would wait 301 s (FACTS 1). */
  timeoutMs?: number;
}

/** Who we are at Slack; null until Slack has answered once. */
export interface Identity {
  teamId: string;
  appId: string | null;
  botId: string;
  botUserId: string;
}

export interface Slack {
  app: App;
  chat: Chat;
  client: WebClient;
  mode: 'http' | 'socket';
  identity(): Identity | null;
  /** Ask Slack who we are; goes on trying until it answers or `stop` is called. */
  identify(): Promise<void>;
  /** Hand over a request whose body was read and whose signature was checked. HTTP mode only. */
  handle(request: IncomingMessage & { rawBody: Buffer }, response: ServerResponse): void;
  /** Of a real member, by an address that they have confirmed. null: Slack knows no such person; undefined: it could not be asked. */
  userByEmail(email: string): Promise<string | null | undefined>;
  /** The confirmed address of a real member. null: none; undefined: Slack could not be asked. */
  emailOfUser(user: string): Promise<string | null | undefined>;
  /** null: Slack knows nobody of this id; undefined: it could not be asked. */
  person(id: string): Promise<Person | null | undefined>;
  /** Show somebody their App Home, over a client of its own: nothing else waits behind it. `hash` names what they then see. */
  publishHome(userId: string, view: HomeView): Promise<Sent<{ hash: string }>>;
  /** Post files in a channel or a thread, in one message. Needs the scope files:write. */
  upload(
    channel: string,
    threadTs: string | null,
    comment: string,
    files: { name: string; title: string; bytes: Buffer; alt?: string }[],
  ): Promise<Sent<object>>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Events being handled right now. */
  inFlight(): number;
}

/** Errors that a new token, an invitation or an un-archived channel mends: what is owed stays owed. */
const MENDABLE = new Set([
  'invalid_auth',
  'not_authed',
  'token_revoked',
  'token_expired',
  'account_inactive',
  'channel_not_found',
  'not_in_channel',
  'is_archived',
  'missing_scope',
  'restricted_action',
  'ratelimited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);

/** Between two tries that only a person can make succeed. */
const MENDABLE_RETRY_MS = 20_000;

export function createSlack(options: SlackOptions): Slack {
  const { clock, log, mask } = options;
  const clientOptions = {
    ...(options.apiUrl === null ? {} : { slackApiUrl: options.apiUrl }),
    timeout: options.timeoutMs ?? 5_000,
    // The outbox retries, and knows what may have been posted: the client must not (FACTS 1: posts twice).
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
  };
  const client = new WebClient(options.botToken, { ...clientOptions, logger: quiet(log, mask) });
  const forHomes = new WebClient(options.botToken, { ...clientOptions, logger: quiet(log, mask) });
  let identity: Identity | null = null;
  let stopped = false;
  let flying = 0;

  const http =
    options.appToken === null
      ? new HTTPReceiver({
          signingSecret: options.signingSecret ?? '',
          // The HTTP edge checked it already, with a clock of its own and against replays.
          signatureVerification: false,
          logger: quiet(log, mask),
        })
      : null;
  const socket =
    options.appToken === null
      ? null
      : new SocketModeReceiver({
          appToken: options.appToken,
          logger: quiet(log, mask),
          // Its own options: a shared object is changed by the client (FACTS 1), and a short retry never reconnects.
          installerOptions: {
            clientOptions: {
              ...(options.apiUrl === null ? {} : { slackApiUrl: options.apiUrl }),
              timeout: 5_000,
              retryConfig: { forever: true, minTimeout: 200, maxTimeout: 2_000, factor: 1.5 },
            },
          },
          // A routine refresh leaves a gap of this length (FACTS 1: 5.0 s by default).
          clientPingTimeout: 1_500,
        });
  const inner: Receiver = http ?? (socket as SocketModeReceiver);

  /** Bolt acknowledges an event before its listeners run; ours is acknowledged after they have stored it. */
  async function process(app: App, event: ReceiverEvent): Promise<void> {
    flying += 1;
    try {
      if (event.body['type'] !== 'event_callback') return await app.processEvent(event);
      await app.processEvent({ ...event, ack: async () => undefined });
      await event.ack();
    } finally {
      flying -= 1;
    }
  }

  const receiver: Receiver = {
    init: (app) =>
      inner.init({ processEvent: (event: ReceiverEvent) => process(app, event) } as unknown as App),
    start: (...args) => inner.start(...args),
    stop: (...args) => inner.stop(...args),
  };
  const app = new App({
    receiver,
    convoStore: false,
    logger: quiet(log, mask),
    clientOptions,
    authorize: async () => ({
      botToken: options.botToken,
      ...(identity === null ? {} : { botId: identity.botId, botUserId: identity.botUserId }),
    }),
  });
  app.error(async (error) => {
    log.warn({ error: mask(String(error)) }, 'a Slack request could not be handled');
    throw error; // before the acknowledgement it becomes a 500, and Slack sends the event again
  });

  // ── The Chat port ────────────────────────────────────────────────────────────────────────────────────────────────

  async function sent<T extends object>(call: () => Promise<T>): Promise<Sent<T>> {
    try {
      return { state: 'done', ...(await call()) };
    } catch (error) {
      return failure(error);
    }
  }

  function failure(error: unknown): Extract<Sent<object>, { state: 'failed' }> {
    if (error instanceof WebAPIRateLimitedError) {
      return {
        state: 'failed',
        retry: true,
        maybe: false,
        reason: 'Slack asks us to slow down',
        retryAfterMs: error.retryAfter * 1_000,
        limited: true,
      };
    }
    if (error instanceof WebAPIPlatformError) {
      const code = mask(error.data.error).slice(0, 80);
      if (!/^[a-z_]+$/.test(code)) {
        // A page of HTML with status 200: a proxy answered, and nobody knows what Slack did.
        return {
          state: 'failed',
          retry: true,
          maybe: true,
          reason: 'Slack answered something that is not its API',
        };
      }
      const mendable = MENDABLE.has(code);
      return {
        state: 'failed',
        retry: mendable,
        maybe: false,
        reason: `Slack says ${code}`,
        ...(mendable ? { retryAfterMs: MENDABLE_RETRY_MS } : {}),
      };
    }
    if (error instanceof WebAPIHTTPError) {
      const limited = error.statusCode === 429;
      return {
        state: 'failed',
        retry: true,
        maybe: !limited,
        reason: `Slack answered ${error.statusCode}`,
        ...(limited ? { retryAfterMs: 5_000, limited: true as const } : {}),
      };
    }
    const why = error instanceof WebAPIRequestError ? error.original.message : String(error);
    return {
      state: 'failed',
      retry: true,
      maybe: true,
      reason: `Slack could not be reached: ${mask(why).slice(0, 200)}`,
    };
  }

  const asBlocks = (blocks: unknown[]) => blocks as KnownBlock[];
  const quietly = { unfurl_links: false, unfurl_media: false, link_names: false } as const;
  const METADATA = 'standdown_message';
  const metadata = (key: string, chain: ChainHead | null | undefined) => ({
    event_type: METADATA,
    event_payload: { key, ...chain },
  });

  const chat: Chat = {
    post: (channel, threadTs, message, key, broadcast = false, chain = null) =>
      sent(async () => {
        const answer = await client.chat.postMessage({
          channel,
          text: message.text,
          blocks: asBlocks(message.blocks),
          metadata: metadata(key, chain),
          ...quietly,
          ...inThread(threadTs, broadcast),
        });
        if (answer.ts === undefined) throw new Error('Slack answered without a time stamp');
        return { ts: answer.ts };
      }),
    update: (channel, ts, message, mark) =>
      sent(async () => {
        await client.chat.update({
          channel,
          ts,
          text: message.text,
          blocks: asBlocks(message.blocks),
          link_names: false,
          // It replaces what was there: without the key a lost post would not be found again.
          ...(mark === undefined ? {} : { metadata: metadata(mark.key, mark.chain) }),
        });
        return {};
      }),
    find: (channel, threadTs, key, sinceMs) =>
      sent(async () => {
        let cursor: string | undefined;
        // Bounded: a channel has at most a few hundred messages since the incident opened.
        for (let page = 0; page < 10; page += 1) {
          const paging = {
            limit: 200,
            include_all_metadata: true,
            ...(cursor === undefined ? {} : { cursor }),
          };
          const answer =
            threadTs === null
              ? await client.conversations.history({
                  channel,
                  oldest: String(Math.floor(sinceMs / 1_000) - 60),
                  ...paging,
                })
              : await client.conversations.replies({ channel, ts: threadTs, ...paging });
          for (const message of answer.messages ?? []) {
            const { metadata, ts, files } = message as {
              metadata?: { event_payload?: { key?: unknown } };
              ts?: string;
              files?: { name?: unknown }[];
            };
            // An upload has no metadata: its file's name is its key.
            const isIt =
              metadata?.event_payload?.key === key || files?.some(({ name }) => name === key) === true;
            if (isIt && ts !== undefined) return { ts };
          }
          cursor = answer.response_metadata?.next_cursor;
          if (cursor === undefined || cursor === '') break;
        }
        return { ts: null };
      }),
    async permalink(channel, ts) {
      try {
        return (await client.chat.getPermalink({ channel, message_ts: ts })).permalink ?? null;
      } catch (error) {
        log.debug({ error: mask(String(error)) }, 'no permalink');
        return null;
      }
    },
    async groupMembers(group) {
      try {
        return (await client.usergroups.users.list({ usergroup: group })).users ?? null;
      } catch (error) {
        log.warn({ group, error: mask(String(error)) }, 'the members of a user group could not be read');
        return null;
      }
    },
  };

  async function identify(): Promise<void> {
    for (let waitMs = 500; !stopped; waitMs = Math.min(waitMs * 2, 30_000)) {
      try {
        const me = await client.auth.test();
        if (me.team_id === undefined || me.user_id === undefined)
          throw new Error('auth.test names no team or user');
        identity = {
          teamId: me.team_id,
          appId: me['app_id'] ?? null,
          botId: me.bot_id ?? '',
          botUserId: me.user_id,
        };
        await learnAppId(identity);
        return;
      } catch (error) {
        log.warn({ error: mask(String(error)) }, 'Slack did not say who we are: trying again');
        await clock.wait(waitMs);
      }
    }
  }

  /** Slack's auth.test does not name the app. Without it, requests of another app are not told apart by their app id. */
  async function learnAppId(me: Identity): Promise<void> {
    if (me.appId !== null || me.botId === '') return;
    try {
      const { bot } = await client.bots.info({ bot: me.botId });
      me.appId = bot?.app_id ?? null;
    } catch (error) {
      log.warn({ error: mask(String(error)) }, 'Slack did not say which app we are');
    }
  }

  return {
    app,
    chat,
    client,
    mode: http === null ? 'socket' : 'http',
    identity: () => identity,
    identify,
    handle(request, response) {
      http?.requestListener(request, response);
    },
    async userByEmail(email) {
      try {
        const { user } = await client.users.lookupByEmail({ email });
        // Looked at here too: somebody else's address would make them somebody else.
        return user?.id !== undefined && confirmedEmail(user)?.toLowerCase() === email.toLowerCase()
          ? user.id
          : null;
      } catch (error) {
        if (error instanceof WebAPIPlatformError && error.data.error === 'users_not_found') return null;
        log.warn({ error: mask(String(error)) }, 'a person could not be looked up at Slack');
        return undefined;
      }
    },
    async emailOfUser(id) {
      try {
        const { user } = await client.users.info({ user: id });
        return user === undefined ? null : confirmedEmail(user);
      } catch (error) {
        if (error instanceof WebAPIPlatformError && error.data.error === 'user_not_found') return null;
        log.warn({ error: mask(String(error)) }, "a person's address could not be read at Slack");
        return undefined;
      }
    },
    async person(id) {
      try {
        const { user } = await client.users.info({ user: id });
        if (user?.id === undefined) return null;
        return { id: user.id, name: user.name ?? user.id, kind: kindOf(user) };
      } catch (error) {
        if (error instanceof WebAPIPlatformError && UNKNOWN_USER.has(error.data.error)) return null;
        log.warn({ error: mask(String(error)) }, 'Slack did not say who somebody is');
        return undefined;
      }
    },
    upload: (channel, threadTs, comment, files) =>
      sent(async () => {
        await client.filesUploadV2({
          channel_id: channel,
          initial_comment: comment,
          file_uploads: files.map(({ name, title, bytes, alt }) => ({
            file: bytes,
            filename: name,
            title,
            alt_text: alt ?? title,
          })),
          ...(threadTs === null ? {} : { thread_ts: threadTs }),
        });
        return {};
      }),
    publishHome: (userId, view) => sent(() => publish(forHomes, userId, view)),
    async start() {
      if (socket !== null) await socket.start();
    },
    async stop() {
      stopped = true;
      if (socket !== null) await socket.stop();
    },
    inFlight: () => flying,
  };
}

/** How Slack is set up, for `check`: reading alone. Nothing here throws, and every request has its deadline. */
export function openSlackSetup(options: {
  botToken: string;
  appToken: string | null;
  apiUrl: string;
  timeoutMs: number;
  mask: (text: string) => string;
  now: () => number;
}): SlackSetup {
  const { mask, now } = options;
  let dated: { theirs: number; ours: number } | null = null;
  const silent: Logger = quiet({ debug() {}, info() {}, warn() {}, error() {} }, mask);
  const open = (token: string) =>
    new WebClient(token, {
      slackApiUrl: options.apiUrl,
      timeout: options.timeoutMs,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      logger: silent,
      async fetch(...request: Parameters<typeof fetch>) {
        const answer = await cappedFetch(...request);
        const theirs = Date.parse(answer.headers.get('date') ?? '');
        if (!Number.isNaN(theirs)) dated = { theirs, ours: now() };
        return answer;
      },
    });
  return createSlackSetup({
    client: open(options.botToken),
    appClient: options.appToken === null ? null : open(options.appToken),
    kindOf,
    clock: () => dated,
    judge(error) {
      const code: unknown = error instanceof WebAPIPlatformError ? error.data.error : null;
      if (typeof code === 'string' && /^[a-z_]{1,80}$/.test(code)) return { state: 'refused', code };
      if (error instanceof WebAPIRateLimitedError)
        return { state: 'silent', reason: 'it asks us to slow down' };
      if (error instanceof WebAPIHTTPError)
        return { state: 'silent', reason: `it answered ${error.statusCode}` };
      if (error instanceof WebAPIPlatformError)
        return { state: 'silent', reason: 'what answered is not its API' };
      const why = error instanceof WebAPIRequestError ? error.original.message : String(error);
      return { state: 'silent', reason: mask(why).replace(/\s+/g, ' ').slice(0, 160) };
    },
  });
}

/** Where a post goes: Slack's types know a reply that is shown in the channel only as a shape of its own. */
function inThread(threadTs: string | null, broadcast: boolean): { thread_ts: string } | object {
  if (threadTs === null) return {};
  return broadcast ? { thread_ts: threadTs, reply_broadcast: true } : { thread_ts: threadTs };
}

/** The address of a real member who has confirmed it; null for everybody else. */
function confirmedEmail(
  user: Parameters<typeof kindOf>[0] & { is_email_confirmed?: boolean; profile?: { email?: string } },
): string | null {
  const confirmed = user.is_email_confirmed !== false && kindOf(user) === 'member';
  return confirmed ? (user.profile?.email ?? null) : null;
}

async function publish(client: WebClient, userId: string, view: HomeView): Promise<{ hash: string }> {
  const answer = await client.views.publish({ user_id: userId, view });
  return { hash: answer.view?.hash ?? '' };
}

const UNKNOWN_USER = new Set(['user_not_found', 'user_not_visible']);

/** What users.info says of somebody; a flag that is missing is false. */
function kindOf(user: {
  deleted?: boolean;
  is_bot?: boolean;
  is_restricted?: boolean;
  is_ultra_restricted?: boolean;
  is_stranger?: boolean;
}): Person['kind'] {
  if (user.deleted === true) return 'gone';
  if (user.is_bot === true) return 'bot';
  if (user.is_stranger === true) return 'outside';
  return user.is_restricted === true || user.is_ultra_restricted === true ? 'guest' : 'member';
}

/** Bolt's logger, through ours and its mask; its level of noise is not ours. */
function quiet(log: Log, mask: (text: string) => string): Logger {
  const words = (parts: unknown[]) => mask(parts.map(String).join(' ')).slice(0, 1_000);
  return {
    debug: () => undefined,
    info: (...parts: unknown[]) => log.debug({ from: 'slack' }, words(parts)),
    warn: (...parts: unknown[]) => log.warn({ from: 'slack' }, words(parts)),
    error: (...parts: unknown[]) => log.warn({ from: 'slack' }, words(parts)),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}
