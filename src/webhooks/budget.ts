/** What one sender of telemetry may send: a bucket each, so that one that floods costs the others nothing. */

import { MAX_BODY_BYTES, MAX_ITEMS } from './body.ts';

/**
 * Samples a second that a sender may go on sending: a tenth, rounded down, of the 106,000 to 141,000 that
 * bench/telemetry.mjs takes through HTTP on one core of a busy machine. A sender at its limit costs a tenth of a core.
 */
export const SENDER_PER_SECOND = 10_000;
/** And what it may send at once after a rest: ten of the largest bodies, which a sender that was cut off has to make up. */
export const SENDER_BURST = 10 * MAX_ITEMS;
/** A request costs as much as this many samples, however few are in it. */
const REQUEST = 10;
/** Bytes that count as one sample, where that is more: what is no sample at all is read as well. */
const BYTES = 400;
/** Addresses of one token that are told apart; what more there are share a bucket. */
const MAX_ADDRESSES = 32;
/** Quiet for this long, a flood is over. */
const OVER_MS = 60_000;

export type Admission =
  | { admitted: true; floodOver: boolean }
  /** `first`: nobody was told of this flood yet. */
  | { admitted: false; retryAfterSec: number; first: boolean };

interface Bucket {
  left: number;
  at: number;
  flood: { refusedAt: number } | null;
}

export interface Budget {
  /**
   * Ask before a body is read, with what it will cost as far as that is known: a sender that owes nothing may send. It may
   * get into debt by it, which is paid off before its next request.
   */
  admit(sender: string, cost: number): Admission;
  /** What a request turned out to cost beside what it was admitted for. */
  charge(sender: string, cost: number): void;
  /** The name under which a token's address is counted. */
  senderOf(token: number, address: string): string;
}

/** What a body costs, in samples. */
export const costOf = (bytes: number, samples: number): number =>
  REQUEST + Math.max(samples, Math.ceil(Math.min(bytes, MAX_BODY_BYTES) / BYTES));

/** `monotonic` in ms. Keeps at most 33 buckets a token. */
export function createBudget(monotonic: () => number): Budget {
  const buckets = new Map<string, Bucket>();
  const addresses = new Map<number, Set<string>>();

  function bucketOf(sender: string): Bucket {
    const now = monotonic();
    const bucket = buckets.get(sender) ?? { left: SENDER_BURST, at: now, flood: null };
    buckets.set(sender, bucket);
    bucket.left = Math.min(SENDER_BURST, bucket.left + ((now - bucket.at) / 1_000) * SENDER_PER_SECOND);
    bucket.at = now;
    return bucket;
  }

  return {
    senderOf(token, address) {
      const known = addresses.get(token) ?? new Set();
      addresses.set(token, known);
      if (known.size < MAX_ADDRESSES) known.add(address);
      return `token ${token + 1} from ${known.has(address) ? address : 'other addresses'}`;
    },
    admit(sender, cost) {
      const bucket = bucketOf(sender);
      const { flood } = bucket;
      if (bucket.left > 0) {
        const floodOver = flood !== null && bucket.at - flood.refusedAt >= OVER_MS;
        if (floodOver) bucket.flood = null;
        bucket.left -= cost;
        return { admitted: true, floodOver };
      }
      bucket.flood = { refusedAt: bucket.at };
      return {
        admitted: false,
        retryAfterSec: Math.ceil((1 - bucket.left) / SENDER_PER_SECOND),
        first: flood === null,
      };
    },
    charge(sender, cost) {
      bucketOf(sender).left -= cost;
    },
  };
}
