/** One sample of CONTRACT 5: its shape, the names that the configuration knows, and a clock that can be believed. */

import { z } from 'zod';
import { FUTURE_MS, type Sample } from '../domain/measure/samples.ts';
import { type Rejection, rejection } from './body.ts';
import { quickSample } from './quickSample.ts';

/** What the configuration knows: any other name is refused, since it would be measured by nobody. */
export interface KnownNames {
  venues: string[];
  /** Symbols by feed. */
  feeds: Record<string, string[]>;
  /** Empty: any engine is taken, up to a number of them. */
  engines: string[];
}

/** Older than this is a clock that is off, or a recording: neither belongs into what is measured now. */
const PAST_MS = 24 * 3_600_000;
/** Engines that nobody configured: each is watched, and pages when it falls silent. */
const MAX_ENGINES = 20;
const MAX_KEYS = 50;

const NO_TIME =
  'is neither ISO 8601 with a zone (2026-11-22T14:03:12.500Z) nor whole milliseconds since 1970';
/** The calendar form of ISO 8601, as RFC 3339 and the usual libraries write it. */
const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/;

/** ms since the epoch, or null. A leap second is the second after it; what is finer than a ms is cut off. */
export function instantOf(text: string): number | null {
  const [, ...parts] = INSTANT.exec(text) ?? [];
  if (parts.length === 0) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = parts.slice(0, 5).map(Number);
  const second = Number(parts[5] ?? 0);
  const ms = Number((parts[6] ?? '').slice(0, 3).padEnd(3, '0'));
  const offset = (parts[7] === '-' ? -1 : 1) * (Number(parts[8] ?? 0) * 60 + Number(parts[9] ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A month of 13 and a 30th of February roll over: they are no dates.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  if (hour > 23 || minute > 59 || second > 60 || Number(parts[8] ?? 0) > 23 || Number(parts[9] ?? 0) > 59)
    return null;
  return date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1_000 + ms;
}

const time = z.unknown().transform((value, issues): number => {
  const at =
    typeof value === 'string'
      ? instantOf(value)
      : typeof value === 'number' && Number.isSafeInteger(value) && value > 0
        ? value
        : null;
  if (at !== null) return at;
  issues.addIssue(NO_TIME);
  return z.NEVER;
});
const name = z.string().min(1).max(200);
/** Finite and of a size that sums and products of a thousand of them still are. */
const number = z.number().min(-1e15).max(1e15);
const size = number.nonnegative();
const latency = z.number().nonnegative().max(3_600_000);
const few = (record: object) => Object.keys(record).length <= MAX_KEYS;

const shapes = {
  order: z.object({
    type: z.literal('order'),
    at: time,
    venue: name,
    symbol: name,
    orderId: name,
    status: z.enum(['accepted', 'rejected', 'filled', 'canceled']),
    latencyMs: latency.exactOptional(),
    // A venue may answer with a page of HTML: an order that was rejected counts, however long the reason is.
    reason: z
      .string()
      .transform((text) => text.slice(0, 1_000))
      .exactOptional(),
    strategy: name.exactOptional(),
    qty: size.exactOptional(),
    filledQty: size.exactOptional(),
    slippageBps: number.exactOptional(),
  }),
  bar: z.object({
    type: z.literal('bar'),
    at: time,
    feed: name,
    symbol: name,
    closedAt: time,
    availableAt: time.exactOptional(),
  }),
  pnl: z.object({
    type: z.literal('pnl'),
    at: time,
    dayPnl: number,
    currency: name,
    equity: number.exactOptional(),
  }),
  position: z.object({ type: z.literal('position'), at: time, venue: name, symbol: name, notional: number }),
  signal: z.object({ type: z.literal('signal'), at: time, latencyMs: latency }),
  heartbeat: z.object({
    type: z.literal('heartbeat'),
    at: time,
    engine: z.string().min(1).max(100),
    control: z
      .record(z.string().max(100), z.union([z.string().max(100), z.number().transform(String)]))
      .refine(few, `has more than ${MAX_KEYS} keys`)
      .exactOptional(),
    host: z
      .record(z.string().max(100), z.number())
      .refine(few, `has more than ${MAX_KEYS} keys`)
      .exactOptional(),
  }),
} as const;
const TYPES = Object.keys(shapes);

/** What the schema of its type says of an item; null where there is no such type. */
export function shapedSample(item: object): z.ZodSafeParseResult<Sample> | null {
  const { type } = item as { type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return null;
  return shapes[type as keyof typeof shapes].safeParse(item);
}

/** The sample, or what is wrong with it. `heard` are the engines that beat before; a new one is added to it. */
export function readSample(
  item: unknown,
  index: number,
  known: KnownNames,
  heard: Set<string>,
  now: number,
): Sample | Rejection {
  const refuse = (path: string, reason: string): Rejection => ({ index, path, reason });
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return refuse('', 'is not an object');
  const quick = quickSample(item as Record<string, unknown>);
  const shaped = quick === null ? shapedSample(item) : { success: true as const, data: quick };
  if (shaped === null) return refuse('type', `is none of ${TYPES.join(', ')}`);
  if (!shaped.success) return rejection(index, shaped.error);
  const sample: Sample = shaped.data;
  const offBy = clockProblem(sample.at, now);
  if (offBy !== null) return refuse('at', offBy);
  return unknownName(sample, known, heard, now, refuse) ?? sample;
}

export const isRejection = (one: Sample | Rejection): one is Rejection => 'index' in one;

function clockProblem(at: number, now: number): string | null {
  // 2001 in ms is 9,500 years after 1970 in microseconds, and eleven days after it in seconds.
  if (at < 1e11) return 'is before 1973: it looks like seconds, and milliseconds are read';
  if (at > 1e14)
    return 'is after the year 5000: it looks like micro- or nanoseconds, and milliseconds are read';
  if (at > now + FUTURE_MS) return 'it is dated in the future: compare the clocks';
  if (at < now - PAST_MS) return 'it is more than a day old: compare the clocks';
  return null;
}

function unknownName(
  sample: Sample,
  known: KnownNames,
  heard: Set<string>,
  now: number,
  refuse: (path: string, reason: string) => Rejection,
): Rejection | null {
  const shown = (word: string) => JSON.stringify(word.slice(0, 60));
  switch (sample.type) {
    case 'order':
    case 'position':
      return known.venues.includes(sample.venue)
        ? null
        : refuse('venue', `${shown(sample.venue)} is not configured: ${known.venues.join(', ')} are`);
    case 'bar': {
      const symbols = Object.hasOwn(known.feeds, sample.feed) ? known.feeds[sample.feed] : undefined;
      if (symbols === undefined) return refuse('feed', `${shown(sample.feed)} is not configured`);
      if (!symbols.includes(sample.symbol))
        return refuse('symbol', `${shown(sample.symbol)} is not one of the feed's: ${symbols.join(', ')}`);
      const offBy = clockProblem(sample.closedAt, now);
      if (offBy !== null) return refuse('closedAt', offBy);
      if ((sample.availableAt ?? 0) > now + FUTURE_MS)
        return refuse('availableAt', 'it is dated in the future: compare the clocks');
      return null;
    }
    case 'heartbeat': {
      const { engine } = sample;
      if (known.engines.length > 0)
        return known.engines.includes(engine)
          ? null
          : refuse('engine', `${shown(engine)} is not configured: ${known.engines.join(', ')} are`);
      if (!heard.has(engine) && heard.size >= MAX_ENGINES)
        return refuse('engine', `is one more than ${MAX_ENGINES}: name yours under engines`);
      heard.add(engine);
      return null;
    }
    case 'pnl':
    case 'signal':
      return null;
    default: {
      const unknown: never = sample;
      throw new Error(`unknown sample ${JSON.stringify(unknown)}`);
    }
  }
}
