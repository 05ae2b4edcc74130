import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from '../venue/server.ts';
import { KrakenError } from './wire.ts';

/** The call counter of one key. Source: docs.kraken.com/exchange/guides/rest/ratelimits. */
export interface RateLimit {
  /** Above it, calls are refused: Starter 15, Intermediate and Pro 20. */
  max: number;
  /** How much it falls a second: Starter 0.33, Intermediate 0.5, Pro 1. */
  perSecond: number;
}

export interface Gate {
  /** @throws KrakenError EAPI:Rate limit exceeded */
  charge: (cost: number) => void;
  /** @throws KrakenError EAPI:Invalid key, EAPI:Invalid nonce, EAPI:Invalid signature */
  authenticate: (call: Call) => void;
  setLimit: (limit: RateLimit) => void;
}

/** @returns the counter and the checks of one key, with no nonce used so far and a nonce window of 0. */
export function createGate(deps: {
  now: () => number;
  apiKey: string;
  secret: string;
  limit: RateLimit;
}): Gate {
  const { now, apiKey, secret } = deps;
  let limit = deps.limit;
  let counter = 0;
  let countedAt = now();
  let lastNonce = -1n;
  return {
    charge: (cost) => {
      counter = Math.max(0, counter - ((now() - countedAt) / 1000) * limit.perSecond) + cost;
      countedAt = now();
      if (counter > limit.max) throw new KrakenError('EAPI:Rate limit exceeded');
    },
    authenticate: (call) => {
      if (!same(call.headers['api-key'] ?? '', apiKey)) throw new KrakenError('EAPI:Invalid key');
      const text = call.params['nonce'] ?? '';
      if (!/^\d{1,20}$/.test(text)) throw new KrakenError('EAPI:Invalid nonce');
      const hash = createHash('sha256')
        .update(text + call.body)
        .digest();
      const expected = createHmac('sha512', Buffer.from(secret, 'base64'))
        .update(call.path)
        .update(hash)
        .digest('base64');
      if (!same(call.headers['api-sign'] ?? '', expected)) throw new KrakenError('EAPI:Invalid signature');
      // A stranger must not use up the nonces of a key: the signature comes first.
      if (BigInt(text) <= lastNonce) throw new KrakenError('EAPI:Invalid nonce');
      lastNonce = BigInt(text);
    },
    setLimit: (wanted) => {
      limit = wanted;
    },
  };
}

function same(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
