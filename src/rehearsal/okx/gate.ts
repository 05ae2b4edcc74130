import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from '../venue/server.ts';
import { OkxError } from './wire.ts';

/** OKX refuses a request whose timestamp is this far from its clock. */
const VALID_MS = 30_000;
/** Limits are counted over this window. */
const WINDOW_MS = 2_000;

export interface Credentials {
  apiKey: string;
  secret: string;
  passphrase: string;
}

/**
 * Checks key, passphrase, time and signature of a request in the exact bytes that were sent: Base64 of HMAC-SHA256 over
 * timestamp, method, path with query, body.
 *
 * @throws OkxError 50103 to 50107, 50111, 50112, 50102, 50113, 50105, all HTTP 401
 */
export function authenticate(call: Call, credentials: Credentials, now: number): void {
  const header = (name: string, code: string): string => {
    const value = call.headers[name.toLowerCase()];
    if (value === undefined || value === '')
      throw new OkxError(code, `Request header "${name}" cannot be empty.`, 401);
    return value;
  };
  const key = header('OK-ACCESS-KEY', '50103');
  const passphrase = header('OK-ACCESS-PASSPHRASE', '50104');
  const signature = header('OK-ACCESS-SIGN', '50106');
  const timestamp = header('OK-ACCESS-TIMESTAMP', '50107');
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(timestamp) ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(at)) throw new OkxError('50112', 'Invalid OK-ACCESS-TIMESTAMP.', 401);
  if (!same(key, credentials.apiKey)) throw revokedKey();
  if (Math.abs(now - at) > VALID_MS) throw clockSkew();
  const path = call.query === '' ? call.path : `${call.path}?${call.query}`;
  const expected = createHmac('sha256', credentials.secret)
    .update(timestamp + call.method + path + call.body)
    .digest('base64');
  if (!same(signature, expected)) throw new OkxError('50113', 'Invalid signature.', 401);
  if (!same(passphrase, credentials.passphrase))
    throw new OkxError('50105', 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', 401);
}

/** @returns what a key that is wrong or deleted gets. */
export const revokedKey = (): OkxError => new OkxError('50111', 'Invalid OK-ACCESS-KEY.', 401);

/** @returns what a request from a clock that is off gets. */
export const clockSkew = (): OkxError => new OkxError('50102', 'Timestamp request expired.', 401);

/** @returns what comes of too many requests. OKX names no time to wait. */
export const tooMany = (): OkxError =>
  new OkxError(
    '50011',
    'Rate limit reached. Please refer to API docs and throttle requests accordingly.',
    429,
  );

/** Counts requests by path over the last 2 seconds of the given clock. */
export function createRateGate(now: () => number): { charge: (path: string, limit: number) => void } {
  const seen = new Map<string, number[]>();
  return {
    charge: (path, limit) => {
      const recent = (seen.get(path) ?? []).filter((at) => now() - at < WINDOW_MS);
      if (recent.length >= limit) throw tooMany();
      seen.set(path, [...recent, now()]);
    },
  };
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
