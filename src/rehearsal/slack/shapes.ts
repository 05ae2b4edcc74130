import type { KnownBlock } from '@slack/types';
import type { Json, JsonObject } from './json.ts';

/** A person in the rehearsed workspace. `teamId` differs from the workspace's own for an external (Slack Connect) user. */
export interface SlackUser {
  readonly id: string;
  readonly name: string;
  readonly realName: string;
  readonly email: string;
  readonly isBot?: boolean;
  readonly isRestricted?: boolean;
  readonly isDeleted?: boolean;
  readonly teamId?: string;
}

/**
 * Another app of the workspace. With `botUserId` it posts with a bot token; without, through an incoming webhook, which
 * Slack shows as a `bot_message` of nobody. An old integration has no `appId`.
 */
export interface OtherApp {
  readonly botId: string;
  readonly name: string;
  readonly appId?: string;
  readonly botUserId?: string;
}

/** A channel. Without `members`, everybody is in it; `botIsMember` is true unless said otherwise. */
export interface SlackChannel {
  readonly id: string;
  readonly name: string;
  readonly members?: readonly string[];
  readonly botIsMember?: boolean;
  readonly isPrivate?: boolean;
  readonly isArchived?: boolean;
}

/** A user group; `handle` without the `@`. */
export interface SlackUsergroup {
  readonly id: string;
  readonly handle: string;
  readonly members: readonly string[];
}

/** How a person's acts reach the bot: Slack has one setting an app, not a choice by request. */
export type SlackMode = 'http' | 'socket';

/** What a Slack counterpart is made of. All ids are made up by the caller. */
export interface SlackOptions {
  readonly botToken: string;
  readonly appToken: string;
  readonly signingSecret: string;
  readonly teamId: string;
  readonly appId: string;
  readonly botUserId: string;
  readonly botId: string;
  /** The name the bot shows; default `bot`. */
  readonly botName?: string;
  readonly channels: readonly SlackChannel[];
  readonly users: readonly SlackUser[];
  readonly usergroups?: readonly SlackUsergroup[];
  /** The bot's `/slack/events`, loopback only; may be set later by `setRequestUrl`. */
  readonly requestUrl?: string;
  /** What the bot token was granted, as `x-oauth-scopes` says it with every answer; may be set later. Default none said. */
  readonly scopes?: readonly string[];
  /** Epoch milliseconds; decides message ts, trigger and response_url expiry, and signatures. */
  readonly now: () => number;
  /** Epoch milliseconds for signatures alone: Bolt checks them against the real clock. Default `now`. */
  readonly signingNow?: () => number;
  /** Default `http`. */
  readonly mode?: SlackMode;
  /** Whether the bot's own messages come back to it as events, as Slack does. Default true. */
  readonly echoBotMessages?: boolean;
  /** How long a person waits for the bot's acknowledgement, in real milliseconds. Default 3000, Slack's. */
  readonly ackTimeoutMs?: number;
  /** Default 0: any free port. Always on 127.0.0.1. */
  readonly port?: number;
}

/** One state of a message; the first is as posted, the last is as it now stands. */
interface MessageVersion {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
  readonly blocks: readonly KnownBlock[];
  readonly metadata: JsonObject | undefined;
}

/** A message, or an ephemeral one when `ephemeralTo` names its only reader. */
export interface StoredMessage {
  readonly channel: string;
  readonly ts: string;
  readonly user: string;
  /** By the app under test. */
  readonly byBot: boolean;
  /** By another app. */
  readonly app: OtherApp | undefined;
  readonly threadTs: string | undefined;
  readonly ephemeralTo: string | undefined;
  readonly broadcast: boolean;
  text: string;
  blocks: readonly KnownBlock[];
  attachments: readonly JsonObject[];
  metadata: JsonObject | undefined;
  edited: { readonly user: string; readonly ts: string } | undefined;
  deleted: boolean;
  pinned: boolean;
  readonly files: readonly JsonObject[];
  readonly history: MessageVersion[];
  /** Emoji name to the users who reacted. */
  readonly reactions: Map<string, string[]>;
  /** What each user has chosen in the message's menus: user → block_id → action_id → state. */
  readonly choices: Map<string, JsonObject>;
}

/** An open modal or a published home view, as the bot last set it. */
export interface StoredView {
  readonly id: string;
  readonly user: string;
  readonly rootId: string;
  readonly previousId: string | undefined;
  hash: string;
  /** The view as sent, with the ids that Slack adds. */
  view: JsonObject;
  /** What the user has chosen: block_id → action_id → state. */
  choices: JsonObject;
}

/** One request to the Web API, in order of arrival. `result` is absent until it was answered. */
export interface ApiCall {
  readonly method: string;
  /** Decoded arguments, without the token. */
  readonly args: JsonObject;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Whether the token was right for the method. */
  readonly authorised: boolean;
  /** The fault that it met, when it met one. */
  fault?: Fault['kind'];
  result?: JsonObject;
}

interface FaultScope {
  /** How many requests meet it; default all until `clearFaults`. */
  readonly times?: number;
  /** Only requests whose arguments it accepts. */
  readonly when?: (args: JsonObject) => boolean;
}

/** What may go wrong with a Web API method. `reset`, `hang` and `http500` leave nothing done. */
export type Fault = FaultScope &
  (
    | { readonly kind: 'http500'; readonly status?: number }
    | { readonly kind: 'rateLimited'; readonly retryAfterSec?: number }
    | { readonly kind: 'reset' }
    | { readonly kind: 'resetAfterAccept' }
    | { readonly kind: 'hang' }
    | { readonly kind: 'html' }
    | { readonly kind: 'error'; readonly error: string }
    | { readonly kind: 'slow'; readonly ms: number }
  );

/** The three kinds of thing that Slack sends to an app. */
export type DeliveryKind = 'slash_commands' | 'interactive' | 'events_api';

/** What was sent to the bot, byte for byte; `payload` is absent for a raw `send`. */
export interface SentRequest {
  readonly kind: DeliveryKind | undefined;
  readonly payload: JsonObject | undefined;
  readonly body: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What became of a modal after its submission. */
export interface ViewOutcome {
  readonly action: 'close' | 'errors' | 'update' | 'push' | 'clear';
  readonly errors: Readonly<Record<string, string>>;
}

/** What the bot answered to one request. */
export interface Answer {
  /** True for a 2xx (or a socket acknowledgement) in time. */
  readonly ok: boolean;
  /** HTTP status; 200 for a socket acknowledgement; 0 when there was no answer. */
  readonly status: number;
  /** '' when the acknowledgement was empty. */
  readonly body: string;
  readonly json: Json | undefined;
  /** Real milliseconds from sending to the answer. */
  readonly tookMs: number;
  readonly via: SlackMode;
  /** Why there was no answer, or why Slack would refuse it. */
  readonly error:
    | 'timeout'
    | 'connection_failed'
    | 'no_socket'
    | 'socket_closed'
    | 'closed'
    | 'bad_status'
    | 'invalid_response'
    | undefined;
  /** Set for a submission that was acknowledged. */
  readonly view: ViewOutcome | undefined;
  readonly triggerId: string | undefined;
  readonly responseUrl: string | undefined;
  readonly request: SentRequest;
}

/** A request written by hand. Left out: content type of a form, the time of now, the right signature. */
export interface RawRequest {
  readonly body: string;
  readonly contentType?: string;
  /** Epoch seconds, or any text; null sends none. */
  readonly timestamp?: number | string | null;
  /** null sends none. */
  readonly signature?: string | null;
  /** Signs with another secret. */
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a person puts into an input: text, an option's value or label, a user or channel id, or several of them. */
export type InputValue = string | number | readonly string[] | null;

/** Which control a person presses. Name it by its action id, or by the label that the person reads. */
export interface ClickTarget {
  /** Of a message; with `ts`. */
  readonly channel?: string;
  readonly ts?: string;
  /** Of an open modal. */
  readonly viewId?: string;
  /** Of the user's App Home. */
  readonly home?: boolean;
  readonly actionId?: string;
  readonly label?: string;
  readonly blockId?: string;
  /** What is chosen in a menu or picker. */
  readonly value?: InputValue;
  /** The message as it stood then (an index of `history`): a client that has not redrawn yet. */
  readonly version?: number;
  /** Fields that replace those of the action: a tampered or old request, rightly signed. */
  readonly tamper?: JsonObject;
}
