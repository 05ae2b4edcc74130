/** The door to Bolt over HTTP: signature, time, single use, shape. Bolt sees only what passed (FACTS 1 says what it lets through). */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { HttpRefusal } from './body.ts';

/** Slack's own limit for an old request. */
const STALE_S = 5 * 60;
/** A clock ahead of ours by more than this is not Slack's. */
const FUTURE_S = 60;

export interface SlackDoor {
  /** Throws HttpRefusal 401 or 400. Returns the content type that Bolt knows. */
  admit(headers: IncomingHttpHeaders, body: Buffer): string;
}

/** `taken` marks a signature as used, durably, and says whether it was used before. */
export function createSlackDoor(
  signingSecret: string,
  now: () => number,
  taken: (signature: string) => boolean,
): SlackDoor {
  const one = (value: string | string[] | undefined): string =>
    Array.isArray(value) ? (value[0] ?? '') : (value ?? '');
  return {
    admit(headers, body) {
      const timestamp = one(headers['x-slack-request-timestamp']);
      const signature = one(headers['x-slack-signature']);
      if (!/^\d{1,12}$/.test(timestamp) || !/^v0=[0-9a-f]{64}$/.test(signature)) {
        throw new HttpRefusal(401, 'not_signed', 'The request carries no signature of Slack.');
      }
      const hmac = createHmac('sha256', signingSecret).update(`v0:${timestamp}:`).update(body);
      const expected = Buffer.from(`v0=${hmac.digest('hex')}`);
      if (!timingSafeEqual(expected, Buffer.from(signature))) {
        throw new HttpRefusal(401, 'wrong_signature', 'The signature does not fit the body.');
      }
      const age = now() / 1_000 - Number(timestamp);
      if (age > STALE_S) throw new HttpRefusal(401, 'stale', 'The request is older than 5 minutes.');
      if (age < -FUTURE_S) throw new HttpRefusal(401, 'future', 'The request is dated in the future.');
      const type = contentType(one(headers['content-type']), body);
      if (taken(signature)) throw new HttpRefusal(401, 'replayed', 'This very request was taken before.');
      return type;
    },
  };
}

/** Bolt knows two content types to the letter; a body that it would choke on stays outside. */
function contentType(given: string, body: Buffer): string {
  const type = given.split(';')[0]?.trim().toLowerCase() ?? '';
  const text = body.toString('utf8');
  if (type === 'application/x-www-form-urlencoded') {
    const payload = new URLSearchParams(text).getAll('payload');
    if (payload.length > 1) throw new HttpRefusal(400, 'wrong_shape', 'More than one payload.');
    if (payload[0] !== undefined) mustBeObject(payload[0]);
    return type;
  }
  if (type === 'application/json') {
    mustBeObject(text);
    return type;
  }
  throw new HttpRefusal(
    400,
    'wrong_type',
    `Content type "${type.slice(0, 80)}" is not one that Slack sends.`,
  );
}

function mustBeObject(json: string): void {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new HttpRefusal(400, 'not_json', 'The payload is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HttpRefusal(400, 'wrong_shape', 'The payload is not an object.');
  }
}
