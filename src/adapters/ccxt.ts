/**
 * Exchanges through ccxt, the only file that imports it. A dedicated instance for each venue, without ccxt's limiter,
 * with a deadline of our own around every request, and with failures in words that hold no URL and no secret.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync } from 'node:fs';
import type { Clock, Measured, Venue } from '../ports.ts';
import { BOOK_MS, estimateClose } from './venues/book.ts';
import type { Call, VenueFacts } from './venues/facts.ts';
import { createGeneralDriver, type Unified } from './venues/general.ts';
import { PROVEN } from './venues/index.ts';
import { measured, skewOf } from './venues/measure.ts';
import { createProvenDriver, type OnReading } from './venues/proven.ts';
import { readKey, readStatus } from './venues/self.ts';
import {
  type FailureCause,
  type Market,
  ownFailure,
  VenueFailure,
  type Wire,
  wordsOf,
} from './venues/wire.ts';

export interface VenueOptions {
  /** The name used everywhere else. */
  id: string;
  /** Any ccxt id. */
  exchange: string;
  apiKey: string;
  secret: string;
  /** What some venues call a passphrase. */
  password?: string;
  /** ccxt's unified names: a hint for speed, never the limit of what is cancelled or read. */
  symbols: string[];
  /** Balances that are not a position. The first one prices the others. */
  quoteAssets: string[];
  /** Replaces scheme and host of every REST URL: a testnet or a simulator. */
  baseUrl?: string;
  clock: Clock;
  /** Of each request, from before it is signed to the end of its body. Default 4000. */
  callTimeoutMs?: number;
  /** Takes every secret out of a text. */
  mask: (text: string) => string;
  /** `keepWhilePosition`: a kill leaves reduce-only orders on an open position. */
  protectiveOrders: 'cancel' | 'keepWhilePosition';
  /** Told of every whole reading. Must not throw. */
  onReading?: OnReading;
}

/** The configuration names an exchange that ccxt does not have, or a baseUrl that is none. */
export class VenueConfigError extends Error {
  readonly code = 'venue_config';
}

/** Markets are up to 2,000 rows: they may take longer than a call of the kill. */
const MARKETS_MS = 20_000;
/** After a 429 or 418 that says no time. Binance bans for 2 minutes at least (its "limits" page). */
const DEFAULT_WAIT_MS = { 429: 1_000, 418: 120_000 } as const;
/**
 * How long one request keeps the others of its key waiting: a listing that hangs must not hold up the cancel behind it.
 * By then it has long arrived; if not, the venue refuses it for its nonce, and it is sent again.
 */
const LANE_TURN_MS = 500;
/** Added to the nonce before each further try: another program on this key may be ahead. Few, since each one counts. */
const NONCE_JUMPS_MS = [1_000, 10_000];

/** A venue that is asked how it is may be slow; nothing waits for it. */
const STATUS_MS = 8_000;

const OVER = new Error('the request is over');

/** How often a venue of unknown limits is read while it is watched: as seldom as the strictest of the proven table. */
const UNPROVEN_POLL_MS = 20_000;
const UNPROVEN_MONEY_MS = 60_000;

/** A venue, and what only `check` asks of it. */
export interface OpenVenue extends Venue {
  /** The venue's clock less ours, ms, give or take `withinMs`: one public request. */
  clockSkew(): Promise<Measured<{ skewMs: number; withinMs: number }>>;
  /** Configured symbols that are none of its markets. */
  unknownSymbols(): Promise<Measured<{ symbols: string[] }>>;
}

/**
 * Open one exchange account. Imports the one exchange's module (31 MB instead of 82, FACTS 3); sends nothing.
 * Throws VenueConfigError. The venue that it returns never throws.
 */
export async function createVenue(options: VenueOptions): Promise<OpenVenue> {
  const facts = PROVEN.get(options.exchange);
  const exchange = await openExchange(options, facts);
  const wire = createWire(exchange, options, facts);
  const shared = {
    id: options.id,
    symbols: options.symbols,
    quoteAssets: options.quoteAssets,
    protectiveOrders: options.protectiveOrders,
    clock: options.clock,
    ...(options.onReading === undefined ? {} : { onReading: options.onReading }),
  };
  const driver =
    facts === undefined
      ? createGeneralDriver(wire, unified(exchange, wire), shared)
      : createProvenDriver(wire, { ...shared, facts });
  return {
    id: options.id,
    exchange: options.exchange,
    proven: facts !== undefined,
    page: facts?.page ?? exchange.urls.www ?? `the web page of ${options.exchange}`,
    pollMs: facts?.pollMs.is ?? UNPROVEN_POLL_MS,
    moneyPollMs: facts?.money.pollMs.is ?? UNPROVEN_MONEY_MS,
    ...driver,
    estimateClose: (position) =>
      estimateClose(position, {
        wire,
        quoteAssets: options.quoteAssets,
        // Public: no key, no nonce, no lane.
        fetchBook:
          exchange.has['fetchOrderBook'] === true
            ? (symbol, levels) => wire.runPublic(() => exchange.fetchOrderBook(symbol, levels), BOOK_MS)
            : null,
      }),
    status: () =>
      readStatus(
        exchange.has['fetchStatus'] === true
          ? () => wire.runPublic(() => exchange.fetchStatus(), STATUS_MS)
          : null,
        options.clock,
      ),
    keyPermissions: () => readKey(wire, facts?.key, options.exchange),
    clockSkew: () =>
      measured(() => {
        if (facts !== undefined)
          return skewOf(options.clock, () => wire.call(facts.money.time.call), facts.money.time.stepMs);
        if (exchange.has['fetchTime'] !== true) throw ownFailure('ccxt cannot read its clock');
        return skewOf(options.clock, () => wire.runPublic(() => timeOf(exchange), STATUS_MS), 1);
      }),
    unknownSymbols: () =>
      measured(async () => {
        await wire.loadMarkets();
        return { symbols: options.symbols.filter((symbol) => wire.marketBySymbol(symbol) === undefined) };
      }),
    async close() {
      wire.stop();
      await exchange.fetchDispatcher?.destroy();
    },
  };
}

/** ms since the epoch, by the venue's clock. */
async function timeOf(exchange: Exchange): Promise<number> {
  const said = await exchange.fetchTime();
  if (typeof said !== 'number' || !Number.isFinite(said)) throw ownFailure('it says no time');
  return said;
}

// ── ccxt, as far as it is used here ──────────────────────────────────────────────────────────────────────────────────

interface CcxtMarket {
  id: string;
  symbol: string;
  contractSize?: number | undefined;
  limits?: { amount?: { min?: number | undefined }; cost?: { min?: number | undefined } };
}

interface Exchange {
  urls: { api: unknown; www?: string };
  has: Record<string, unknown>;
  markets?: Record<string, CcxtMarket>;
  markets_by_id?: Record<string, (CcxtMarket & Record<string, unknown>)[]>;
  loadMarkets(reload: boolean): Promise<unknown>;
  loadTimeDifference(): Promise<unknown>;
  fetchOrderBook(symbol: string, levels: number): Promise<unknown>;
  fetchStatus(): Promise<unknown>;
  fetchTime(): Promise<unknown>;
  amountToPrecision(symbol: string, amount: number): string | undefined;
  nonce(): number;
  handleErrors(...args: ErrorArguments): unknown;
  handleHttpStatusCode(status: number, reason: string, url: string, method: string, body: string): void;
  undiciRequest(url: string, params: { signal: AbortSignal }): Promise<unknown>;
  fetchDispatcher?: { destroy(): Promise<void> };
}

type ErrorArguments = [
  status: number,
  reason: string,
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string,
  response: unknown,
  ...rest: unknown[],
];

async function openExchange(options: VenueOptions, facts: VenueFacts | undefined): Promise<Exchange> {
  const { exchange: name } = options;
  const file = new URL(`./src/${name}.js`, import.meta.resolve('ccxt'));
  if (!/^[a-z0-9]+$/.test(name) || !existsSync(file))
    throw new VenueConfigError(`ccxt has no exchange "${name}"`);
  const module = (await import(/* @vite-ignore */ file.href)) as {
    default: new (config: object) => Exchange;
  };
  const callTimeoutMs = options.callTimeoutMs ?? 4_000;
  const exchange = new module.default({
    apiKey: options.apiKey,
    secret: options.secret,
    ...(options.password === undefined ? {} : { password: options.password }),
    enableRateLimit: false,
    // Ours ends first, and covers the body too; this one is behind it.
    timeout: callTimeoutMs + 1_000,
    options: {
      maxRetriesOnFailure: 0,
      warnOnFetchOpenOrdersWithoutSymbol: false,
      fetchOpenOrders: { warnWithoutSymbol: false },
      ...facts?.options,
    },
  });
  // Nothing here needs currencies; on some venues loading them needs a right that a trading key lacks.
  if (facts !== undefined) exchange.has = { ...exchange.has, fetchCurrencies: false };
  if (options.baseUrl !== undefined)
    exchange.urls.api = rebased(exchange.urls.api, originOf(options.baseUrl));
  return exchange;
}

function originOf(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new VenueConfigError('baseUrl is not an http or https URL');
  return url.origin;
}

/** Every http(s) URL in ccxt's nested table with another scheme and host; paths stay. */
function rebased(urls: unknown, origin: string): unknown {
  // Host names may be templates such as api.{hostname}, which `new URL` refuses.
  if (typeof urls === 'string') return urls.replace(/^https?:\/\/[^/]+/, origin);
  if (typeof urls !== 'object' || urls === null) return urls;
  return Object.fromEntries(Object.entries(urls).map(([key, value]) => [key, rebased(value, origin)]));
}

// ── One request ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the venue answered, when it answered an error. */
interface Answered {
  status: number;
  code: string | null;
  text: string;
  /** The error came with a result, so that something may have been done. */
  withResult: boolean;
  answer: unknown;
}

/** The signal of the request under way, for the patched transport. */
const inFlight = new AsyncLocalStorage<AbortSignal>();

interface OpenWire extends Wire {
  run<T>(work: () => Promise<T>, deadlineMs?: number): Promise<T>;
  /** The same outside the lane, for what is not signed. */
  runPublic<T>(work: () => Promise<T>, deadlineMs: number): Promise<T>;
  stop(): void;
}

/** Requests of one key, one after the other. `lastNonce` is in ms since the epoch. */
interface Lane {
  turn: Promise<unknown>;
  lastNonce: number;
  users: number;
}

/** By exchange, host and key: a venue counts nonces by key, so that two entries on one key share a lane. */
const lanes = new Map<string, Lane>();

function createWire(exchange: Exchange, options: VenueOptions, facts: VenueFacts | undefined): OpenWire {
  const { clock, callTimeoutMs = 4_000 } = options;
  const laneName = JSON.stringify([options.exchange, options.baseUrl ?? '', options.apiKey]);
  const lane = (facts?.oneLane.is ?? true) ? joinLane(laneName) : null;
  const stopped = new AbortController();
  // Not AbortSignal.any with `stopped`: on Node 20 each would be kept for as long as the venue lives.
  const requests = new Set<AbortController>();
  const answers = new WeakMap<object, Answered>();
  let waitUntil: { at: number; why: string } | null = null;
  let settingClock = false;
  /** By method: when the last requests went out, monotonic ms, for the limits of the table. */
  const sentAt = new Map<string, number[]>();
  /** Our spelling of a symbol → the venue's id of its market. */
  let venueIds = new Map<string, string>();

  if (lane !== null && facts !== undefined) {
    // ccxt takes the millisecond as it is, which two requests may share, and which a clock that is set back repeats.
    exchange.nonce = () => {
      lane.lastNonce = Math.max(lane.lastNonce + 1, Math.floor(clock.now()));
      return lane.lastNonce;
    };
  }

  const say = (text: string): string => {
    const own = [options.apiKey, options.secret, options.password ?? ''].filter((secret) => secret !== '');
    const clean = own.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
    return options.mask(
      clean
        .replace(/https?:\/\/\S+/g, '[url]')
        .replace(/signature=\S+/gi, '[signature]')
        .replace(/\s+/g, ' ')
        .slice(0, 240),
    );
  };
  const fail = (text: string, failure: Partial<FailureCause>): VenueFailure =>
    new VenueFailure(say(text), {
      outcome: 'unknown',
      venueCode: null,
      venueText: '',
      className: null,
      ...failure,
    });

  // A request that passed its deadline is taken back, body and all: ccxt's own timeout, which this one stands in for and
  // which is later, ends with the headers. One signal, and not both joined: that costs a tenth of a request.
  const send = exchange.undiciRequest.bind(exchange);
  exchange.undiciRequest = (url, params) => {
    const signal = inFlight.getStore();
    return send(url, signal === undefined ? params : { ...params, signal });
  };

  // ccxt's errors hold signed URLs and mislead in their class: what the venue itself answered is kept beside them.
  const handle = exchange.handleErrors.bind(exchange);
  exchange.handleErrors = (...args) => {
    const [status, reason, url, method, headers, body, response] = args;
    noteStatus(status, headers, body);
    try {
      const handled = handle(...args);
      if (handled === undefined) exchange.handleHttpStatusCode(status, reason, url, method, body);
      return handled;
    } catch (error) {
      const said = codeOf(response);
      const waitMs = facts?.codes.wait?.[said.code ?? ''];
      if (waitMs !== undefined) noteWait(waitMs, said.code ?? '');
      const ban = facts?.codes.ban;
      if (ban?.answer.test(body) === true) noteWait(ban.ms, `HTTP ${status}`);
      if (typeof error === 'object' && error !== null)
        answers.set(error, { status, ...said, answer: response });
      throw error;
    }
  };

  function noteStatus(status: number, headers: Record<string, string>, body: string): void {
    if (status !== 429 && status !== 418) return;
    const named = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')?.[1];
    noteWait(waitMsOf(named, body, clock.now()) ?? DEFAULT_WAIT_MS[status], `HTTP ${status}`);
  }

  function noteWait(waitMs: number, why: string): void {
    const at = clock.now() + waitMs;
    if (waitUntil === null || at > waitUntil.at) waitUntil = { at, why };
  }

  function translate(error: unknown): VenueFailure {
    if (error instanceof VenueFailure) return error;
    const className = error instanceof Error ? error.constructor.name : null;
    const answered = typeof error === 'object' && error !== null ? answers.get(error) : undefined;
    if (answered !== undefined) return answeredFailure(answered, className ?? 'Error');
    const text = error instanceof Error ? error.message : '';
    // Only what follows these words is free of the URL.
    const detail = /fetch failed: ([^?&=]{1,120})$/.exec(text)?.[1];
    const redirected = /was not followed \(HTTP/.test(text);
    // These are thrown before a request is made.
    const local = ['ArgumentsRequired', 'NotSupported', 'BadSymbol'].includes(className ?? '');
    const words = redirected
      ? 'the venue redirects, which is not followed'
      : className === 'AuthenticationError'
        ? 'the key or secret is missing'
        : (detail ?? systemCodeOf(error));
    return fail(words === null ? (className ?? 'unknown fault') : `${className}: ${words}`, {
      className,
      outcome: local || className === 'AuthenticationError' ? 'notSent' : 'unknown',
    });
  }

  function answeredFailure(
    { status, code, text, withResult, answer }: Answered,
    className: string,
  ): VenueFailure {
    if (code !== null && facts?.codes.clockSkew.includes(code) === true) setClock();
    const words = (code === null ? undefined : facts?.codes.words[code]) ?? className;
    const detail = code === null ? 'no error code in the answer' : `${code} ${text}`.trim();
    const asksToWait = status === 429 || status === 418 || facts?.codes.wait?.[code ?? ''] !== undefined;
    const wait = asksToWait && waitUntil !== null ? `; nothing is sent until ${iso(waitUntil.at)}` : '';
    // Some venues refuse with HTTP 200 and an error inside.
    const said = status < 500 && status !== 408 && code !== null && !withResult;
    const sure = said && facts?.codes.outcomeUnknown.includes(code) !== true;
    const ofOurs = [...(facts?.codes.clockSkew ?? []), ...(facts?.codes.nonce ?? [])].includes(code ?? '');
    return fail(`${words} (HTTP ${status}, ${detail})${wait}`, {
      className,
      venueCode: code,
      venueText: text,
      answer,
      ...(asksToWait || ofOurs ? { passing: true as const } : {}),
      outcome: status === 404 || status === 405 ? 'missing' : sure ? 'refused' : 'unknown',
    });
  }

  /** Learn the difference of the clocks for the requests to come; this one has failed. */
  function setClock(): void {
    if (settingClock) return;
    settingClock = true;
    void run(() => exchange.loadTimeDifference())
      .catch(() => undefined)
      .finally(() => {
        settingClock = false;
      });
  }

  async function run<T>(work: () => Promise<T>, deadlineMs = callTimeoutMs): Promise<T> {
    if (waitUntil !== null && clock.now() < waitUntil.at)
      throw fail(
        `the venue asked us to wait (${waitUntil.why}): nothing is sent until ${iso(waitUntil.at)}`,
        { outcome: 'notSent' },
      );
    if (stopped.signal.aborted) throw fail('this venue was closed', { outcome: 'notSent' });
    const settled = new AbortController();
    const request = new AbortController();
    // The wait also ends when the request did: nobody looks at it then.
    const late = clock.wait(deadlineMs, settled.signal).then(() => {
      if (!settled.signal.aborted) throw fail(`timeout: no whole answer within ${deadlineMs} ms`, {});
      return new Promise<never>(() => undefined);
    });
    try {
      requests.add(request);
      return await Promise.race([inFlight.run(request.signal, work), late]);
    } catch (error) {
      request.abort(OVER); // it may still be under way
      throw translate(error);
    } finally {
      // Without a reason each abort would make an error of its own, with its stack.
      settled.abort(OVER);
      requests.delete(request);
    }
  }

  /** One after the other where the venue's nonce needs it. A turn ends with its request, or after LANE_TURN_MS. */
  function inLane<T>(job: () => Promise<T>): Promise<T> {
    if (lane === null) return job();
    const started = lane.turn.then(() => {
      const work = job();
      const over = new AbortController();
      void work.catch(() => undefined).finally(() => over.abort());
      return { work, ended: clock.wait(LANE_TURN_MS, over.signal) };
    });
    lane.turn = started.then(({ ended }) => ended);
    return started.then(({ work }) => work);
  }

  /** Send it, and again with a higher nonce where that was all that was wrong with it. */
  async function sendOn(
    request: Call<unknown>,
    work: () => Promise<unknown>,
    deadlineMs?: number,
  ): Promise<unknown> {
    for (const jump of NONCE_JUMPS_MS) {
      try {
        return await run(work, deadlineMs);
      } catch (error) {
        const cause = error instanceof VenueFailure ? error.failure : null;
        const stale = facts?.codes.nonce?.includes(cause?.venueCode ?? '') ?? false;
        if (cause === null || lane === null || !stale) throw error;
        // A copy of an order that came before it, from a proxy that sends again, has used its nonce and may be at work.
        if (request.once === true) throw new VenueFailure(wordsOf(error), { ...cause, outcome: 'unknown' });
        lane.lastNonce += jump;
      }
    }
    return run(work, deadlineMs);
  }

  /** Wait until one more request of this kind fits the venue's limit, as far as our own requests fill it. */
  async function inLimit(method: string): Promise<void> {
    const limit = facts?.limits?.[method];
    if (limit === undefined) return;
    const earlier = sentAt.get(method) ?? [];
    const now = clock.monotonic();
    const at = Math.max(now, (earlier.at(-limit.calls) ?? Number.NEGATIVE_INFINITY) + limit.perMs);
    sentAt.set(method, [...earlier, at].slice(-limit.calls));
    if (at > now) await clock.wait(at - now, stopped.signal);
  }

  async function call<T>(request: Call<T>, deadlineMs?: number): Promise<T> {
    const method = (exchange as unknown as Record<string, unknown>)[request.method];
    if (typeof method !== 'function')
      throw fail(`ccxt has no method ${request.method}`, { outcome: 'notSent' });
    // ccxt writes into what it is given.
    const once = () =>
      Promise.resolve(method.call(exchange, structuredClone(request.rows ?? request.params)));
    await inLimit(request.method);
    // ccxt's public methods are not signed: they carry no nonce.
    const sent: Promise<unknown> = request.method.startsWith('public')
      ? run(once, deadlineMs)
      : inLane(() => sendOn(request, once, deadlineMs));
    const answer = await sent.catch((error: unknown) => {
      const said = error instanceof VenueFailure ? error.failure.answer : undefined;
      if (request.itemised === true && request.answer.safeParse(said).success) return said;
      throw error;
    });
    const parsed = request.answer.safeParse(answer);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw fail(
      `the venue’s answer has another shape than expected (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`,
      {},
    );
  }

  const marketOf = (market: CcxtMarket | undefined): Market | undefined =>
    market && {
      id: market.id,
      symbol: market.symbol,
      contractSize: market.contractSize ?? null,
      minAmount: market.limits?.amount?.min ?? null,
      minCost: market.limits?.cost?.min ?? null,
    };

  return {
    call,
    run: (work, deadlineMs) => inLane(() => run(work, deadlineMs)),
    runPublic: run,
    stop() {
      if (!stopped.signal.aborted && lane !== null) leaveLane(laneName, lane);
      stopped.abort();
      for (const request of requests) request.abort();
    },
    async loadMarkets() {
      // `true`: ccxt keeps a failed first load for ever otherwise (FACTS 3).
      await run(() => exchange.loadMarkets(true), MARKETS_MS);
      const ids = facts?.spell === undefined ? [] : Object.keys(exchange.markets_by_id ?? {});
      venueIds = new Map(ids.map((id) => [facts?.spell?.(id) ?? id, id]));
    },
    marketById: (id, kind) =>
      marketOf(
        (exchange.markets_by_id?.[id] ?? exchange.markets_by_id?.[venueIds.get(id) ?? ''])?.find((market) => {
          const flag = kind ?? facts?.market ?? 'any';
          return flag === 'any' || market[flag] === true;
        }),
      ),
    marketBySymbol: (symbol) => marketOf(exchange.markets?.[symbol]),
    cutToStep(symbol, amount) {
      try {
        const cut = exchange.amountToPrecision(symbol, amount);
        return cut === undefined || !(Number(cut) > 0) ? null : cut;
      } catch {
        // ccxt throws where nothing is left after the cut.
        return null;
      }
    },
  };
}

function joinLane(name: string): Lane {
  const lane = lanes.get(name) ?? { turn: Promise.resolve(), lastNonce: 0, users: 0 };
  lane.users += 1;
  lanes.set(name, lane);
  return lane;
}

function leaveLane(name: string, lane: Lane): void {
  lane.users -= 1;
  if (lane.users === 0) lanes.delete(name);
}

const iso = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

/** Node's and undici's code of a failed connection, such as `UND_ERR_SOCKET`; null for any other error. */
function systemCodeOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[A-Z_]{3,60}$/.test(code) ? code : null;
}

/** How long a 429 or 418 asks to wait, ms; null when it does not say. A number of seconds, a date, or Binance's words. */
function waitMsOf(retryAfter: string | undefined, body: string, now: number): number | null {
  if (retryAfter !== undefined && /^\d+(\.\d+)?$/.test(retryAfter.trim())) return Number(retryAfter) * 1000;
  const date = retryAfter === undefined ? Number.NaN : Date.parse(retryAfter);
  if (!Number.isNaN(date)) return Math.max(0, date - now);
  const until = /banned until (\d{13})/.exec(body)?.[1];
  return until === undefined ? null : Math.max(0, Number(until) - now);
}

/** The venue's code and words in an error answer. Venues spell them in a few ways; none: it was not the venue's JSON. */
function codeOf(response: unknown): Omit<Answered, 'status' | 'answer'> {
  const row: unknown = Array.isArray(response) ? response[0] : response;
  if (typeof row !== 'object' || row === null) return { code: null, text: '', withResult: false };
  const fields = row as Record<string, unknown>;
  const first = (names: string[]): string | null => {
    for (const name of names) {
      const value: unknown = Array.isArray(fields[name]) ? fields[name][0] : fields[name];
      if (typeof value === 'string' || typeof value === 'number') return String(value);
    }
    return null;
  };
  const item = onlyItem(fields['data']);
  if (item !== null) return { ...item, withResult: false };
  return {
    code: first(['code', 'retCode', 'ret_code', 'error', 'err-code']),
    text: first(['msg', 'retMsg', 'ret_msg', 'message', 'err-msg']) ?? '',
    withResult: Object.keys(fields['result'] ?? {}).length > 0,
  };
}

/** What is said of the one order of a request that the venue answers for item by item: more than its code for all. */
function onlyItem(data: unknown): { code: string; text: string } | null {
  const items: unknown[] = Array.isArray(data) ? data : [];
  const [item] = items;
  if (items.length !== 1 || typeof item !== 'object' || item === null || !('sCode' in item)) return null;
  const { sCode } = item;
  if (typeof sCode !== 'string' || sCode === '0') return null;
  return { code: sCode, text: 'sMsg' in item && typeof item.sMsg === 'string' ? item.sMsg : '' };
}

/** ccxt's unified methods, for the exchanges outside the table: each under the same deadline and in the same words. */
function unified(exchange: Exchange, wire: OpenWire): Unified {
  const methods = exchange as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  return {
    has: (name) => exchange.has[name] === true,
    call: (name, ...args) =>
      wire.run(async () => {
        const method = methods[name];
        if (method === undefined) throw new Error(`ccxt has no method ${name}`);
        return method.apply(exchange, args);
      }),
  };
}
