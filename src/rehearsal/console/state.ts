/** What the rehearsal's page shows, as plain data: made by the console from its counterparts, drawn by pure functions. */

import type { KnownBlock } from '@slack/types';
import type { JsonObject } from '../slack/json.ts';

/** One of the cast, or somebody else of the workspace. */
export interface Person {
  /** Slack's id. */
  id: string;
  name: string;
  /** In a few words: "on call, approver". */
  role: string;
  /** PagerDuty's id, null for somebody who is not there. */
  pagerDuty: string | null;
}

/** Who looks, and what is open: comes from the page, decides nothing but what is shown. */
export interface Looking {
  as: Person;
  channel: string;
  /** `ts` of the message whose thread is open. */
  thread: string | null;
  tab: 'messages' | 'home';
}

export interface ShownFile {
  id: string;
  name: string;
  /** A PNG that the bot uploaded, as base64; null for everything else. */
  pngBase64: string | null;
  /** A text file's words, cut at 200,000 characters; null for everything else. */
  text: string | null;
}

export interface ShownMessage {
  channel: string;
  ts: string;
  /** Epoch ms. */
  at: number;
  author: { id: string; name: string; isApp: boolean };
  /** Slack's wire form: `<@U1>` is a mention. Shown when there are no blocks. */
  text: string;
  blocks: readonly KnownBlock[];
  attachments: readonly JsonObject[];
  files: ShownFile[];
  edited: boolean;
  pinned: boolean;
  /** Only the person who looks sees it. */
  ephemeral: boolean;
  /** Written by the person who looks: can be edited and removed. */
  own: boolean;
  /** It stands in the channel because its author sent it there from a thread too. */
  broadcast: boolean;
  threadTs: string | null;
  replies: { count: number; lastAt: number | null };
  reactions: { name: string; users: string[]; own: boolean }[];
  /** What the person who looks has chosen in its menus: block_id → action_id → Slack's state of the element. */
  choices: JsonObject;
}

export interface ShownView {
  id: string;
  /** The view as the bot sent it, with Slack's ids: type, title, submit, close, blocks, … */
  view: JsonObject;
  /** block_id → action_id → Slack's state of the element. */
  choices: JsonObject;
  /** Words at a block_id, since the last submission. */
  errors: Record<string, string>;
  /** How many views are open, this one on top. 0 for App Home. */
  depth: number;
}

export interface ShownOrder {
  id: string;
  wallet: 'spot' | 'margin' | 'swap';
  symbol: string;
  side: 'buy' | 'sell';
  /** Binance's word, such as `STOP_MARKET`. */
  type: string;
  quantity: number;
  filled: number;
  /** In quote; null at the market. */
  price: number | null;
  triggerPrice: number | null;
  reduceOnly: boolean;
}

export interface ShownPosition {
  symbol: string;
  side: 'long' | 'short';
  /** In base, signed. */
  amount: number;
  entryPrice: number;
  mark: number;
  /** Signed, in USDT, at the mark. */
  notional: number;
  /** In USDT, at the mark. */
  unrealized: number;
}

export interface VenueShown {
  orders: ShownOrder[];
  conditional: ShownOrder[];
  positions: ShownPosition[];
  balances: { wallet: 'spot' | 'swap'; asset: string; total: number; locked: number }[];
  /** Prices by symbol, in USDT. */
  marks: Record<string, number>;
  /** The symbols that an order can be placed on. */
  symbols: string[];
  /** The newest requests that reached it, newest last, at most 12. */
  requests: { at: number; method: string; path: string; status: number | string }[];
}

export type FaultGroup = 'venue' | 'engine' | 'slack' | 'pagerduty' | 'mail' | 'disk' | 'bot';

/** A switch. `crash` (group bot) is pressed, not switched: `kind: 'press'`. */
export interface ShownFault {
  id: string;
  group: FaultGroup;
  kind: 'switch' | 'press';
  label: string;
  /** What it does, in a sentence. */
  does: string;
  /** What should be seen then, in a sentence. */
  expect: string;
  on: boolean;
  /** Why it cannot be switched on here, in a sentence; null: it can. */
  unavailable: string | null;
}

export interface ShownPage {
  id: string;
  number: number;
  title: string;
  severity: string;
  urgency: 'high' | 'low';
  status: 'triggered' | 'acknowledged' | 'resolved';
  dedupKey: string;
  createdAt: number;
  assignees: { id: string; name: string }[];
  level: number;
  /** Oldest first. */
  log: { at: number; text: string }[];
  notes: { at: number; by: string; text: string }[];
}

export interface PagerShown {
  pages: ShownPage[];
  onCall: { name: string; schedule: string | null; level: number }[];
  /** Who can acknowledge or be assigned. */
  people: { id: string; name: string }[];
}

export interface ShownMail {
  at: number;
  from: string;
  to: string[];
  subject: string;
  text: string | null;
  html: string | null;
  /** False: the server took it and never said so. */
  confirmed: boolean;
}

export interface ControlShown {
  file: string;
  /** Whole, cut at 20,000 characters; null when it cannot be read. */
  text: string | null;
  /** The lines of the file that are the bot's keys; `changed`: differs from what the rehearsal began with. */
  lines: { text: string; key: string | null; value: string | null; changed: boolean }[];
  writable: boolean;
  /** What the loopback engine obeys now; null while it is switched off. */
  engine: { on: boolean; hears: boolean; rev: string | null; obeys: Record<string, string> | null };
}

/** One line of `/status`'s criteria. */
export interface ShownCriterion {
  id: string;
  state: 'ok' | 'tripped' | 'unknown';
  value: number | null;
  limit: number | null;
  /** What is left before it trips, in `unit`; null when unknown. */
  headroom: number | null;
  unit: string;
  ageMs: number | null;
  source: string | null;
  detail: string | null;
}

export interface StatusShown {
  bot: {
    /** `mute`: its process runs, and does not answer. */
    state: 'starting' | 'up' | 'mute' | 'down';
    /** Epoch ms. */
    since: number;
    pid: number | null;
    /** Why it is down, in words. */
    detail: string | null;
    /** How often it was started in this rehearsal. */
    starts: number;
  };
  /** What `/status` said last; null before it said anything or while the bot is down. */
  trading: {
    state: 'running' | 'halted' | 'killed';
    signals: 'running' | 'paused';
    holds: { key: string; reason: string; by: string; at: string }[];
    latch: { by: string; at: string; reason: string } | null;
    engine: { id: string; confirmed: boolean; ageMs: number | null }[];
  } | null;
  incidents: {
    id: string;
    severity: string;
    state: string;
    title: string;
    alerts: number;
    openedAt: string;
  }[];
  lastKill: { incident: string; at: string; verdict: 'FLAT' | 'RESIDUAL' | 'UNKNOWN' | null } | null;
  /** Where the bot answers, and its token: of this rehearsal only. */
  url: string;
  token: string;
}

export interface ShownScenario {
  id: string;
  title: string;
  /** What happens, in a sentence or two; says where times are compressed. */
  about: string;
  /** What to watch. */
  watch: string;
  /** What a person does. */
  todo: string;
  state: 'ready' | 'running' | 'done' | 'stopped' | 'failed';
  /** Steps told so far, oldest first. */
  told: { at: number; text: string }[];
  /** 0 to 1. */
  progress: number;
}

/** Names for what Slack writes as ids. */
export interface ShownNames {
  users: Record<string, string>;
  channels: Record<string, string>;
  usergroups: Record<string, string>;
}

/** Each field is what the region of that name shows. */
export interface ConsoleState {
  looking: Looking;
  names: ShownNames;
  people: Person[];
  channels: { id: string; name: string; messages: number }[];
  messages: ShownMessage[];
  /** Parent first; null when no thread is open. */
  thread: ShownMessage[] | null;
  home: ShownView | null;
  /** The one on top. */
  modal: ShownView | null;
  venue: VenueShown;
  faults: ShownFault[];
  pagerduty: PagerShown;
  /** Oldest first. */
  mailbox: ShownMail[];
  control: ControlShown;
  criteria: ShownCriterion[];
  scenarios: ShownScenario[];
  status: StatusShown;
}

/** The regions of the page, in the order in which they are sent. */
export const REGIONS = [
  'status',
  'channels',
  'messages',
  'thread',
  'home',
  'modal',
  'venue',
  'faults',
  'pagerduty',
  'mailbox',
  'control',
  'criteria',
  'scenarios',
] as const;

export type Region = (typeof REGIONS)[number];

/** What draws one region: pure, and HTML-safe by itself. `html.ts` exports `regions: Regions`, and `page(): string`. */
export type Regions = Record<Region, (state: ConsoleState) => string>;
