import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from '../venue/server.ts';
import { BybitError } from './wire.ts';

export interface Credentials {
  apiKey: string;
  secret: string;
}

/** @returns what a key that is wrong or deleted gets. */
export const revokedKey = (): BybitError => new BybitError(10003, 'API key is invalid.');

/** @returns what a request from another time gets. */
export function clockSkew(timestamp: number, serverTime: number, recvWindow: number): BybitError {
  return new BybitError(
    10002,
    `invalid request, please check your server timestamp or recv_window param. req_timestamp[${timestamp}],server_timestamp[${serverTime}],recv_window[${recvWindow}]`,
  );
}

/**
 * Checks the key, the time and the signature of a request, in the exact bytes that were sent: HMAC-SHA256 in hex of
 * time, key, window and query or body.
 *
 * @throws BybitError 10001, 10002, 10003, 10004
 */
export function authenticate(call: Call, credentials: Credentials, now: number): void {
  const key = call.headers['x-bapi-api-key'];
  const time = call.headers['x-bapi-timestamp'];
  const sign = call.headers['x-bapi-sign'];
  const window = call.headers['x-bapi-recv-window'] ?? '';
  if (key === undefined || time === undefined || sign === undefined)
    throw new BybitError(
      10001,
      'empty value: apiTimestamp[] apiKey[] apiSignature[]: openapi sign params error!',
    );
  if (!same(key, credentials.apiKey)) throw revokedKey();
  const timestamp = Number(time);
  const recvWindow = window === '' ? 5000 : Number(window);
  // The rule of its page on authentication: server − window ≤ timestamp < server + 1 s.
  if (!(timestamp >= now - recvWindow && timestamp < now + 1000)) throw clockSkew(timestamp, now, recvWindow);
  const signedText = `${time}${key}${window}${call.method === 'POST' ? call.body : call.query}`;
  const expected = createHmac('sha256', credentials.secret).update(signedText).digest('hex');
  if (!same(sign, expected))
    throw new BybitError(10004, 'error sign! please check your signature generation algorithm.');
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
