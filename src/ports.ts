/** What the engine needs of the outside, in plain nouns. Adapters implement these, one vendor a file. */

import type { BudgetsSnapshot } from './domain/budget/budgets.ts';
import type { ChainHead } from './domain/chain.ts';
import type { Effect } from './domain/effects.ts';
import type { Incident, MailWhat, StandingEvent } from './domain/incident.ts';
import type { VenueReading } from './domain/kill.ts';
import type { Condition } from './domain/measure/conditions.ts';
import type { Transfer } from './domain/measure/dayStart.ts';
import type { MeasurementsSnapshot } from './domain/measure/measurements.ts';
import type { VenuePosition } from './domain/measure/money.ts';
import type { OnCallNow } from './domain/onCall.ts';
import type { CancelledList, CancelScope, PositionLine } from './domain/orders.ts';
import type { PostmortemRow } from './domain/postmortem/log.ts';
import type { TextVersion } from './domain/readiness/events.ts';
import type { RotaAhead } from './domain/readiness/rota.ts';
import type { HostLoad, KeyReading, PageReading, VenueState } from './domain/runbook/probes.ts';
import type { CloseEstimate } from './domain/slippage.ts';
import type { IssueState } from './domain/tracker.ts';
import type { Trading } from './domain/trading.ts';
import type { TrailPoint } from './domain/trail/point.ts';
import type { LedgerResults } from './domain/trail/record.ts';

// ── Time ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Clock {
  /** Wall clock, ms since the epoch. For records. */
  now(): number;
  /** Monotonic ms from an arbitrary start. For durations. */
  monotonic(): number;
  /** Resolve after `ms`, or at once when the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

// ── Store ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A desk-wide log beside those of the incidents: halts and cancels that belong to no incident. */
export const DESK = 'DESK';

/** What `/incidents` and grouping need of an incident, kept for open and closed ones alike. */
export interface IncidentSummary {
  id: string;
  severity: Incident['severity'];
  status: Incident['status'];
  title: string;
  alerts: number;
  openedAt: number;
  resolvedAt: number | null;
  source: string | null;
  groupKey: string | null;
  postmortem: string | null;
  /** Slack's time stamp of the headline: messages in its thread belong to it, also long after. */
  thread: string | null;
  drill: boolean;
  /** For a resolved one: when its clocks are to be looked at next, ms since the epoch (clocks.ts); null: never again. */
  dueAt: number | null;
  /** Action items that nobody is known to have done; absent in what an older version wrote. */
  openItems?: number;
}

export interface StoredEffect {
  effect: Effect;
  /** True when it was owed before this process started: a try may already have reached the far side. */
  recovered: boolean;
}

/** What starting found: what was dropped or set aside, in sentences for the log and the operator. */
export interface StoreReport {
  events: number;
  notes: string[];
  /** What could not be read and was set aside by this very start: names in the folder, and hashes. */
  aside: { name: string; sha256: string }[];
}

export class StoreUnavailable extends Error {
  readonly code = 'store_unavailable';
  /** True when it may be stored all the same: the disk has not answered yet. */
  readonly maybe: boolean;
  constructor(message: string, options: ErrorOptions & { maybe?: boolean } = {}) {
    super(message, options);
    this.maybe = options.maybe ?? false;
  }
}

/**
 * The log of everything. `append` is one atomic, durable write: when it resolves 'appended', the events and effects
 * survive kill -9 and power loss. Reads answer from memory, which includes what is being written; nothing outside may
 * be told of it before `append` resolves.
 */
export interface Store {
  /**
   * Append events to one log and owe effects, if the log is at `expectedVersion` (0: it does not exist yet).
   * `settles` are ids of effects that these events settle; it may stand alone, with no event, and asks for no version then.
   * Throws StoreUnavailable when it cannot be stored; after a failed sync it stays so.
   */
  append(
    stream: string,
    expectedVersion: number,
    events: StandingEvent[],
    effects: Effect[],
    settles?: string[],
  ): Promise<'appended' | 'conflict'>;
  /** The folded incident, or undefined. A closed one may have to be read from its file. */
  load(incident: string): Promise<Incident | undefined>;
  /** An incident in memory: open ones, and closed ones that were not put away yet. */
  peek(incident: string): Incident | undefined;
  version(stream: string): number;
  /** The whole log of an incident, in order; of the desk, the last seven days at least. */
  history(stream: string): Promise<StandingEvent[]>;
  /**
   * How many events of a log are on the disk, and the hash of the last of them; null: it has none, or was written before
   * logs were chained. Throws StoreUnavailable.
   */
  chain(stream: string): Promise<ChainHead | null>;
  summaries(): IncidentSummary[];
  /** Every incident that is not resolved, folded, by id. */
  open(): Incident[];
  /** The newest incident of a source's group, open or closed. */
  latestOfGroup(source: string, groupKey: string): IncidentSummary | undefined;
  trading(): Trading;
  /** Resolutions that came before their firing, by `source|groupKey|key|startsAt`. */
  strayResolution(id: string): number | undefined;
  /** Effects that are owed and durable, oldest first. */
  owed(): StoredEffect[];
  /** Called after each durable append, in journal order. */
  onAppended(listener: (stream: string, events: StandingEvent[], effects: Effect[]) => void): void;
  /** Why nothing can be stored, or null. */
  failure(): string | null;
  /** What starting found. */
  report(): StoreReport;
  close(): Promise<void>;
}

// ── Measured windows ───────────────────────────────────────────────────────────────────────────────────────────────

/** What of the measured windows outlives the process. Plain JSON. */
export interface WindowsState {
  measurements: MeasurementsSnapshot;
  /** Criteria that tripped and were acted on: a restart acts on them no second time. */
  handled: string[];
  unknownSince: [id: string, at: number][];
  /** Conditions that were raised, with since when, ms since the epoch. */
  raised: [condition: Condition, at: number][];
  /** How old the newest heartbeat of each engine was. */
  heartbeats: [engine: string, ageMs: number][];
}

/** Where it is kept. `load` null: nothing was kept, or what was kept cannot be read (said by the adapter). */
export interface Windows {
  load(): Promise<WindowsState | null>;
  save(state: WindowsState): Promise<void>;
}

/** Where the error budgets are kept. `load` null: nothing was kept, or what was kept cannot be read (said by the adapter). */
export interface BudgetsFile {
  load(): Promise<BudgetsSnapshot | null>;
  save(state: BudgetsSnapshot): Promise<void>;
}

/**
 * Where the trail is kept: what was measured, for a day as it was and for two weeks thinned. Throws when it cannot. What is
 * appended may be lost with the machine: nothing decides by it.
 */
export interface TrailFiles {
  append(points: TrailPoint[]): Promise<void>;
  /** The points of this time, ms since the epoch, in the order in which they were appended. */
  read(from: number, to: number): Promise<TrailPoint[]>;
}

/** A drawn picture. */
export interface Picture {
  svg: string;
  png: Buffer;
}

/** Draws specifications, in their order. Rejects when one cannot be drawn. */
export interface Draughtsman {
  draw(specs: Record<string, unknown>[]): Promise<Picture[]>;
}

// ── Control file ───────────────────────────────────────────────────────────────────────────────────────────────────

export type ControlKey =
  | 'KILL_SWITCH'
  | 'HALT_NEW_ORDERS'
  | 'PAUSE_SIGNALS'
  | 'POSITION_SIZE_FACTOR'
  | 'ALLOW_NEW_STRATEGIES'
  | 'ALLOW_PROMOTIONS'
  | 'DATA_FEED'
  | 'STANDDOWN_REV';

export type ControlReading =
  | { state: 'read'; values: Partial<Record<ControlKey, string>>; rev: number }
  | { state: 'missing' | 'unreadable'; reason: string };

/** `written` only after the file was read back from disk with these values in it. */
export type ControlWritten =
  | { state: 'written'; values: Partial<Record<ControlKey, string>>; rev: number }
  | { state: 'failed'; reason: string };

export interface Control {
  read(): Promise<ControlReading>;
  /** Set these keys and no other byte; STANDDOWN_REV grows by one. Writes queue behind each other. Never throws. */
  write(values: Partial<Record<Exclude<ControlKey, 'STANDDOWN_REV'>, string>>): Promise<ControlWritten>;
}

// ── Venue ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One part of a measurement. A failed part says nothing: it is never zero, and never empty. */
export type Measured<T> = ({ state: 'read' } & T) | { state: 'failed'; reason: string };

/** What a venue says of itself between kills, each part by itself. */
export interface VenueMeasurement {
  /** Notionals in the wanted currency where a price could be had, else in the venue's. */
  positions: Measured<{ positions: VenuePosition[] }>;
  /** Null where only positions were asked for. */
  money: {
    /** What the covered wallets are worth now, with unrealised profit and less debts, in the wanted currency. */
    equity: Measured<{ amount: number }>;
    /** Every transfer since `sinceMs`, to the last page, read after the equity; what the venue lists nowhere is in `notSeen`. */
    transfers: Measured<{ rows: Transfer[]; notSeen: string[] }>;
    /** The venue's clock less ours, ms, give or take `withinMs`. */
    clock: Measured<{ skewMs: number; withinMs: number }>;
    /** What the venue says of its own state. */
    status: Measured<{ ok: boolean; text: string }>;
  } | null;
}

/** What to measure. `currency` is what the limits are in. */
export interface MeasureRequest {
  /** Transfers from here on, ms since the epoch. */
  sinceMs: number;
  currency: string;
  money: boolean;
  /** Asked before each request: false ends the measurement, since a kill needs the venue. */
  mayAsk(): boolean;
}

/** One exchange account. No call throws: what failed is in what it returns. Each has a deadline of its own. */
export interface Venue {
  id: string;
  /** ccxt's id. */
  exchange: string;
  proven: boolean;
  /** Where a person looks when the bot cannot: the venue's own page. */
  page: string;
  /** ms between two readings that the venue's limits bear, with room for an engine on the same address. */
  pollMs: number;
  /** The same for a measurement with money in it, which costs more. */
  moneyPollMs: number;
  /** Load and cache what the first cancel needs. Says what is missing; cancelling works without it. */
  warm(): Promise<{ ok: true } | { ok: false; reason: string }>;
  /** Cancel every order in scope, in every list, once. What it returns is what the venue answered, not what is true. */
  cancel(scope: Omit<CancelScope, 'venue'>): Promise<CancelledList[]>;
  /** Read every list to its last page and every position. `startedAt`/`endedAt` are left to the caller's clock. */
  read(): Promise<Omit<VenueReading, 'startedAt' | 'endedAt'>>;
  /** What the hard stops are measured by: one request after the other, so that it takes no room from a kill. */
  measure(request: MeasureRequest): Promise<VenueMeasurement>;
  /**
   * Profit and fees between two moments, ms since the epoch, by the venue's own records. For what is written afterwards,
   * never for a decision of the bot.
   */
  results(span: { fromMs: number; untilMs: number; mayAsk(): boolean }): Promise<LedgerResults>;
  /** Close one position by a reduce-only market order, sent once and never repeated. */
  closePosition(
    position: Pick<PositionLine, 'symbol' | 'side' | 'amount'>,
    orderKey: string,
  ): Promise<
    | { state: 'sent'; orderId: string }
    | { state: 'refused'; reason: string }
    | { state: 'unknown'; reason: string }
  >;
  /**
   * What closing this much at market is likely to cost, from the order book as it is now. Never throws: what it cannot
   * say is `unknown`, with the reason. For a person to look at, never for a decision of the bot.
   */
  estimateClose(position: Pick<PositionLine, 'symbol' | 'side' | 'amount'>): Promise<CloseEstimate>;
  /** What the venue says of its own state: one public request. */
  status(): Promise<VenueState>;
  /** What our key may do there, and when it expires: one signed request. Unknown where the venue cannot tell. */
  keyPermissions(): Promise<KeyReading>;
  close(): Promise<void>;
}

// ── What a runbook looks up, and runs ──────────────────────────────────────────────────────────────────────────────

/** The machine that the bot runs on. Never throws: what cannot be measured is null. */
export interface Host {
  read(): Promise<HostLoad>;
}

/** Ask a status page of the configuration. Never throws; has a deadline and a size limit of its own. */
export type StatusPage = (url: string) => Promise<PageReading>;

/** A command of the configuration, without a shell and with a time limit. */
export interface Command {
  /** The program and its arguments, for people. */
  words: string;
  timeoutSec: number;
  /** Never rejects. `exitCode` null: it did not end by itself, and `reason` says why. `output` is cut. */
  run(): Promise<{ exitCode: number | null; output: string; reason: string | null; ms: number }>;
}

// ── Chat ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ChatMessage {
  /** What a notification and a screen reader say. */
  text: string;
  /** Block Kit blocks, as render/ made them. */
  blocks: unknown[];
}

/**
 * What became of a request: `retry` says that trying again may help, `maybe` that it may have been applied, `limited` that
 * the far side asked for fewer requests of any kind.
 */
export type Sent<T> =
  | ({ state: 'done' } & T)
  | {
      state: 'failed';
      retry: boolean;
      maybe: boolean;
      reason: string;
      retryAfterMs?: number;
      limited?: true;
    };

/** Somebody at Slack. `guest`: of some channels only; `outside`: of another workspace; `gone`: deactivated. */
export interface Person {
  id: string;
  name: string;
  kind: 'member' | 'guest' | 'bot' | 'outside' | 'gone';
}

export interface Chat {
  /**
   * Post a message that carries `key` in its metadata, so that it can be found again, and the head of the incident's log,
   * so that it stands outside of what it is the head of.
   */
  post(
    channel: string,
    threadTs: string | null,
    message: ChatMessage,
    key: string,
    /** In a thread: shown in the channel as well. */
    broadcast?: boolean,
    chain?: ChainHead | null,
  ): Promise<Sent<{ ts: string }>>;
  /** `mark` replaces what the message carried. */
  update(
    channel: string,
    ts: string,
    message: ChatMessage,
    mark?: { key: string; chain: ChainHead | null },
  ): Promise<Sent<object>>;
  /** Look for a message of ours with that key, or with a file of that name, in the channel since `sinceMs` or in the thread. */
  find(
    channel: string,
    threadTs: string | null,
    key: string,
    sinceMs: number,
  ): Promise<Sent<{ ts: string | null }>>;
  permalink(channel: string, ts: string): Promise<string | null>;
  /** The members of a user group; null when Slack cannot be asked. */
  groupMembers(group: string): Promise<string[] | null>;
}

// ── Pager ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface PageRequest {
  dedupKey: string;
  severity: 'critical' | 'error' | 'warning';
  summary: string;
  source: string;
  links: { href: string; text: string }[];
  customDetails: Record<string, unknown>;
  timestampIso: string;
}

/** An incident at the pager, as its REST API shows it. */
export interface PagedIncident {
  id: string;
  htmlUrl: string;
  status: 'triggered' | 'acknowledged' | 'resolved';
  urgency: string;
  assignedTo: { id: string; name: string }[];
  acknowledgedBy: PagerAgent | null;
  /** Who brought it into its present status; null where it is not said. */
  changedBy: PagerAgent | null;
  createdAt: string;
}

/** Somebody or something that acted at the pager. `isPerson` false: a service, an integration, a time-out. */
export interface PagerAgent {
  id: string;
  name: string;
  isPerson: boolean;
}

export type PagedLookup =
  | { state: 'found'; incidents: PagedIncident[] }
  | { state: 'none' }
  | { state: 'unavailable'; reason: string };

export interface Pager {
  trigger(page: PageRequest): Promise<Sent<object>>;
  acknowledge(dedupKey: string): Promise<Sent<object>>;
  resolve(dedupKey: string): Promise<Sent<object>>;
  /** True when there is a REST token: only then can a page be confirmed. */
  canConfirm: boolean;
  find(dedupKey: string): Promise<PagedLookup>;
  /** `maybe`: an earlier try may have arrived, so look for this note first. */
  note(incidentId: string, text: string, maybe?: boolean): Promise<Sent<object>>;
  /** Who is on call on these schedules, by e-mail; null when it cannot be asked. */
  onCall(scheduleIds: string[]): Promise<{ name: string; email: string }[] | null>;
  /**
   * Who is on call now for our service, by level, with contact methods. `scheduleIds` are asked instead where it cannot
   * be told which escalation policy is ours. `now` is ms since the epoch.
   */
  onCallNow(now: number, scheduleIds: string[]): Promise<OnCallNow>;
  /** Who is on call from `from` to `to`, ms since the epoch, and whether each of them has a telephone number. */
  rotaAhead(from: number, to: number, scheduleIds: string[]): Promise<RotaAhead>;
  /** The key of one of its incidents by its own id; null: it has none; undefined: it cannot be asked. */
  keyOf(incidentId: string): Promise<string | null | undefined>;
  /** The e-mail address of one of its users; null: no such user; undefined: it cannot be asked. */
  emailOf(userId: string): Promise<string | null | undefined>;
}

// ── Mail ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Mail {
  to: string[];
  subject: string;
  text: string;
  html: string;
  /** Without angle brackets; the same mail sent again has the same one. */
  messageId: string;
}

export interface Mailer {
  /** `done` only after the server's 250, with who was refused and why. */
  send(mail: Mail): Promise<Sent<{ accepted: string[]; refused: { address: string; reason: string }[] }>>;
}

// ── Tracker ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What is filed. `mark` is an HTML comment in the body, which nobody sees and nobody else's text can hold. */
export interface IssueDraft {
  mark: string;
  title: string;
  /** Markdown, with the mark in it. */
  body: string;
  labels: string[];
}

/** How an issue stands. `changedAt` (ms since the epoch) and `who` are of the closing; null: it does not say. */
export interface IssueSeen {
  state: IssueState;
  changedAt: number | null;
  who: string | null;
}

/** An issue tracker. No call throws; each has a deadline of its own, and nothing is tried twice in it. */
export interface Tracker {
  /**
   * File it. `since` (ms since the epoch): an earlier try after that may have arrived, so an issue with its mark is looked
   * for first, and is the answer where there is one.
   */
  findOrFile(draft: IssueDraft, since: number | null): Promise<Sent<{ number: number; url: string }>>;
  see(number: number): Promise<Sent<{ seen: IssueSeen }>>;
  /** Write below it. `maybe`: an earlier try may have arrived, so a comment with its mark is looked for first. */
  comment(number: number, comment: Pick<IssueDraft, 'mark' | 'body'>, maybe: boolean): Promise<Sent<object>>;
}

// ── Drawing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What people see, made from what happened. Implemented by render/; the engine only asks for it. */
export interface Draw {
  headline(incident: Incident, trading: Trading): ChatMessage;
  runbook(incident: Incident): ChatMessage | null;
  receipt(incident: Incident, kill: string, trading: Trading): ChatMessage;
  /** One line in the thread about an event; null when it has nothing to say. */
  notice(incident: Incident, event: StandingEvent, history: StandingEvent[]): ChatMessage | null;
  page(incident: Incident, n: number, thread: string | null): Omit<PageRequest, 'dedupKey'> | null;
  /** An event as a note at the pager; null when it is none. */
  pagerNote(incident: Incident, event: StandingEvent, version: number): string | null;
  /**
   * The message that asks for somebody because the pager reached nobody. The ids are Slack's, and are mentioned. `others`
   * wait for the same.
   */
  summon(
    incident: Incident,
    n: number,
    who: { users: string[]; groups: string[] },
    others: Incident[],
  ): ChatMessage;
  summonMail(incident: Incident, n: number, others: Incident[]): Pick<Mail, 'subject' | 'text' | 'html'>;
  mail(what: MailWhat, incident: Incident, trading: Trading): Pick<Mail, 'subject' | 'text' | 'html'>;
  /** What the playbook asks for after an incident, with who supplied what; null where it asks for nothing. */
  checklist(incident: Incident): ChatMessage | null;
  /** An action item as an issue; null: there is no such item (any more). */
  issue(incident: Incident, item: string): IssueDraft | null;
  /** What the issue of an item is told of the postmortem. */
  issueComment(incident: Incident, item: string, postmortem: string): Pick<IssueDraft, 'mark' | 'body'>;
  /** The incident's picture from what is on its record, and what it shows in words; null: nothing was kept of the trail. */
  picture(
    incident: Incident,
    history: StandingEvent[],
  ): { spec: Record<string, unknown>; alt: string } | null;
  /** The postmortem's Markdown. */
  postmortem(
    incident: Incident,
    history: StandingEvent[],
    made: { id: string; revision: number; chain: ChainHead | null },
  ): Promise<string>;
  /** The postmortem's message in the thread: its state, what is missing, its buttons; null where there is none. */
  postmortemCard(incident: Incident): ChatMessage | null;
  /** All postmortems as a table, the newest first, as Markdown. */
  postmortemLog(rows: Iterable<PostmortemRow>): Promise<string>;
}

/** Names of the two files, without their folder, and their SHA-256 in hexadecimal. */
export interface SavedPicture {
  png: string;
  svg: string;
  pngSha256: string;
  svgSha256: string;
}

/** Where postmortems are kept, as Markdown files. */
export interface Drafts {
  /**
   * Write one and read it back. What stands there and is not what was written last (`known`, its SHA-256) was changed by
   * hand: it is kept beside it first. `copies`: the names of all that is kept so. Throws when it cannot.
   */
  save(
    id: string,
    markdown: string,
    known: string | null,
  ): Promise<{ path: string; sha256: string; copies: string[] }>;
  /** The file as it stands, and its path. Throws when it cannot be read. */
  read(id: string): Promise<{ path: string; bytes: Buffer }>;
  /** Write the picture of a draft beside it as PNG and SVG, and read them back. Throws when it cannot. */
  savePicture(id: string, picture: Picture): Promise<SavedPicture>;
  /** A file of a picture by its name; throws when it is not there, or is not what was written (`sha256`). */
  loadPicture(name: string, sha256: string): Promise<Buffer>;
  /** Write the table of all of them. Throws when it cannot. */
  saveLog(markdown: string): Promise<void>;
}

/** Where the reports of drills are kept, beside the log. Throws when it cannot. */
export interface DrillFiles {
  save(drill: string, markdown: string, json: object): Promise<void>;
}

// ── What on-call reads ─────────────────────────────────────────────────────────────────────────────────────────────

/** The runbooks and the owner's document as they stand on the disk. Never throws: what cannot be read has no hash. */
export interface RunbookTexts {
  read(): Promise<TextVersion[]>;
}

// ── Log ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Levels as Unleash means them: an error is something that a person must mend now. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
