import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from '../venue/server.ts';
import type { Route } from './wire.ts';
import { BinanceError } from './wire.ts';

/** The host that a path belongs to: limits and bans are counted per host. */
export type Family = 'api' | 'sapi' | 'fapi' | 'dapi';

/** Binance's published limits, request weight a minute. */
const DEFAULT_LIMITS: Readonly<Record<Family, number>> = {
  api: 6000,
  sapi: 12000,
  fapi: 2400,
  dapi: 2400,
};

/** How many requests after the first 429 turn it into a ban. Binance names no number; "failing to back off" is ours. */
const PATIENCE = 3;
/** Bans "scale in duration for repeat offenders, from 2 minutes to 3 days" (Binance, limits). */
const FIRST_BAN_MS = 120_000;

/** @returns which host a path is served from. */
export function familyOf(path: string): Family {
  const [, first] = path.split('/');
  return first === 'fapi' || first === 'sapi' || first === 'dapi' ? first : 'api';
}

/** 429 and 418, with the Retry-After of their answer. */
export class LimitError extends BinanceError {
  readonly retryAfterSec: number;
  constructor(status: 429 | 418, message: string, retryAfterSec: number) {
    super(-1003, message, status);
    this.retryAfterSec = retryAfterSec;
  }
}

/** @returns the words of a ban until this instant (epoch ms). */
export function banned(now: number, untilMs: number): LimitError {
  const message = `Way too much request weight used; IP banned until ${untilMs}. Please use WebSocket Streams for live updates to avoid bans.`;
  return new LimitError(418, message, Math.max(1, Math.ceil((untilMs - now) / 1000)));
}

/** @returns the words of a used-up weight. */
export function tooMuch(limit: number, retryAfterSec: number): LimitError {
  const message = `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`;
  return new LimitError(429, message, retryAfterSec);
}

export interface WeightGate {
  /** @throws LimitError */
  charge: (family: Family, weight: number) => void;
  /** Weight used in the current minute. */
  used: (family: Family) => number;
  setLimit: (family: Family, limit: number) => void;
  limit: (family: Family) => number;
  /** Ends every ban and empties the counters. */
  reset: () => void;
}

/** @returns a counter over fixed minutes of the given clock, as Binance's. */
export function createWeightGate(
  now: () => number,
  limits: Partial<Record<Family, number>> = {},
): WeightGate {
  interface Window {
    minute: number;
    used: number;
    refused: number;
    bannedUntil: number;
  }
  const windows = new Map<Family, Window>();
  const allowed = new Map<Family, number>(
    Object.entries({ ...DEFAULT_LIMITS, ...limits }).map(([family, limit]) => [family as Family, limit]),
  );
  const limit = (family: Family) => allowed.get(family) ?? DEFAULT_LIMITS[family];
  const windowOf = (family: Family): Window => {
    const minute = Math.floor(now() / 60_000);
    const known = windows.get(family);
    if (known && (known.minute === minute || known.bannedUntil > now())) return known;
    const fresh = { minute, used: 0, refused: 0, bannedUntil: 0 };
    windows.set(family, fresh);
    return fresh;
  };
  return {
    charge: (family, weight) => {
      const window = windowOf(family);
      if (window.bannedUntil > now()) throw banned(now(), window.bannedUntil);
      window.used += weight;
      if (window.used <= limit(family)) return;
      window.refused += 1;
      if (window.refused > PATIENCE) {
        window.bannedUntil = now() + FIRST_BAN_MS;
        throw banned(now(), window.bannedUntil);
      }
      throw tooMuch(limit(family), Math.max(1, Math.ceil(((window.minute + 1) * 60_000 - now()) / 1000)));
    },
    used: (family) => windowOf(family).used,
    setLimit: (family, value) => void allowed.set(family, value),
    limit,
    reset: () => windows.clear(),
  };
}

export interface Credentials {
  apiKey: string;
  secret: string;
}

/**
 * Checks the key, the time and the signature of a request, in the exact bytes that were sent.
 *
 * @throws BinanceError -2014, -2015 (HTTP 401), -1102, -1131, -1021, -1022 (HTTP 400)
 */
export function authenticate(call: Call, route: Route, credentials: Credentials, now: number): void {
  if (route.security === 'none') return;
  const key = call.headers['x-mbx-apikey'];
  if (key === undefined || !/^[\w-]+$/.test(key))
    throw new BinanceError(-2014, 'API-key format invalid.', 401);
  if (!same(key, credentials.apiKey)) throw revokedKey();
  if (route.security === 'key') return;
  const timestamp = Number(call.params['timestamp'] ?? Number.NaN);
  if (!Number.isFinite(timestamp)) {
    throw new BinanceError(
      -1102,
      "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    );
  }
  const recvWindow = Number(call.params['recvWindow'] ?? 5000);
  if (recvWindow > 60_000) throw new BinanceError(-1131, 'recvWindow must be less than 60000.');
  if (timestamp >= now + 1000) {
    throw new BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.");
  }
  if (now - timestamp > recvWindow) throw clockSkew();
  const sent = [call.query, call.body].map(splitSignature);
  const payload = sent.map((part) => part.rest).join('');
  const signature = sent.map((part) => part.signature).join('');
  if (signature === '') {
    throw new BinanceError(
      -1102,
      "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
    );
  }
  const expected = createHmac('sha256', credentials.secret).update(payload).digest('hex');
  if (!same(signature, expected)) throw new BinanceError(-1022, 'Signature for this request is not valid.');
}

/** @returns what a key that is wrong, deleted or without the permission gets. */
export function revokedKey(): BinanceError {
  return new BinanceError(-2015, 'Invalid API-key, IP, or permissions for action.', 401);
}

/** @returns what a request from a clock that is behind gets. */
export function clockSkew(): BinanceError {
  return new BinanceError(-1021, 'Timestamp for this request is outside of the recvWindow.');
}

function splitSignature(text: string): { rest: string; signature: string } {
  const match = /(^|&)signature=([^&]*)/.exec(text);
  if (!match) return { rest: text, signature: '' };
  return {
    rest: text.slice(0, match.index) + text.slice(match.index + match[0].length),
    signature: match[2] ?? '',
  };
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
