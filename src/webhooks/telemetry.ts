/** Samples that an engine sends: an object, an array, or a line each. What is wrong with one loses no other. */

import { z } from 'zod';
import type { Sample } from '../domain/measure/samples.ts';
import { HttpRefusal, parseJson, type Rejection, rejection } from './body.ts';

export interface ParsedTelemetry {
  samples: Sample[];
  rejected: Rejection[];
}

/** What the configuration knows: any other name is refused, since it would be measured by nobody. */
export interface KnownNames {
  venues: string[];
  /** Symbols by feed. */
  feeds: Record<string, string[]>;
  /** Empty: any engine is taken. */
  engines: string[];
}

/** A clock ahead of ours by more than this is refused (CONTRACT 5). */
const FUTURE_MS = 5_000;
/** Older than this is a clock that is off, or a recording: neither belongs into what is measured now. */
const PAST_MS = 24 * 3_600_000;
/** A body may hold this many samples; 4 MiB of short ones are fewer. */
export const MAX_SAMPLES = 50_000;
/** Rejections that are named one by one; the rest is counted. */
const MAX_NAMED = 100;

const time = z.union([
  z.number().int().positive(),
  z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
]);
const name = z.string().min(1).max(200);
/** Finite and of a size that sums and products of a thousand of them still are. */
const number = z.number().min(-1e15).max(1e15);
const size = number.nonnegative();
const latency = z.number().nonnegative().max(3_600_000);

const shapes = {
  order: z.object({
    type: z.literal('order'),
    at: time,
    venue: name,
    symbol: name,
    orderId: name,
    status: z.enum(['accepted', 'rejected', 'filled', 'canceled']),
    latencyMs: latency.exactOptional(),
    reason: z.string().max(1_000).exactOptional(),
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
      .exactOptional(),
    host: z.record(z.string().max(100), z.number()).exactOptional(),
  }),
} as const;
const TYPES = Object.keys(shapes);

/** Throws HttpRefusal when nothing in it can be read. */
export function parseTelemetry(body: Buffer, known: KnownNames, now: number): ParsedTelemetry {
  const items = itemsOf(body);
  if (items.length > MAX_SAMPLES)
    throw new HttpRefusal(
      413,
      'too_many',
      `The body holds ${items.length} samples; ${MAX_SAMPLES} are read at once.`,
    );
  const samples: Sample[] = [];
  const rejected: Rejection[] = [];
  for (const [index, item] of items.entries()) {
    const one = readSample(item, index, known, now);
    if ('reason' in one && 'index' in one) rejected.push(one);
    else samples.push(one);
  }
  if (samples.length === 0) {
    const reasons = rejected
      .slice(0, 5)
      .map(({ index, path, reason }) => `sample ${index}: ${path} ${reason}`);
    throw new HttpRefusal(400, 'no_valid_sample', `Not one sample could be read. ${reasons.join('; ')}`);
  }
  const more = rejected.length - MAX_NAMED;
  return {
    samples,
    rejected:
      more <= 0
        ? rejected
        : [
            ...rejected.slice(0, MAX_NAMED),
            { index: rejected[MAX_NAMED]?.index ?? 0, path: '', reason: `and ${more} more` },
          ],
  };
}

function itemsOf(body: Buffer): unknown[] {
  const text = body.toString('utf8');
  // NDJSON is more than one line of which each is whole; pretty-printed JSON is not.
  const first = text.slice(0, Math.max(0, text.indexOf('\n'))).trim();
  if (first.startsWith('{') && first.endsWith('}')) {
    return text.split('\n').flatMap((line): unknown[] => {
      if (line.trim() === '') return [];
      try {
        return [JSON.parse(line)];
      } catch {
        return [undefined]; // refused by itself, in its place
      }
    });
  }
  const value = parseJson(body);
  if (Array.isArray(value) && value.length > 0) return value as unknown[];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [value];
  throw new HttpRefusal(400, 'wrong_shape', 'Send one sample, an array of them, or a line each.');
}

function readSample(item: unknown, index: number, known: KnownNames, now: number): Sample | Rejection {
  const refuse = (path: string, reason: string): Rejection => ({ index, path, reason });
  const type = (item as { type?: unknown } | null | undefined)?.type;
  const shape =
    typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type as keyof typeof shapes] : null;
  if (item === undefined) return refuse('', 'the line is not JSON');
  if (shape === null) return refuse('type', `is none of ${TYPES.join(', ')}`);
  const parsed = shape.safeParse(item);
  if (!parsed.success) return rejection(index, parsed.error);
  const sample: Sample = parsed.data;
  if (sample.at > now + FUTURE_MS) return refuse('at', 'it is dated in the future: compare the clocks');
  if (sample.at < now - PAST_MS) return refuse('at', 'it is more than a day old: compare the clocks');
  return unknownName(sample, known, now, refuse) ?? sample;
}

function unknownName(
  sample: Sample,
  known: KnownNames,
  now: number,
  refuse: (path: string, reason: string) => Rejection,
): Rejection | null {
  switch (sample.type) {
    case 'order':
    case 'position':
      return known.venues.includes(sample.venue)
        ? null
        : refuse('venue', `"${sample.venue}" is not configured: ${known.venues.join(', ')} are`);
    case 'bar': {
      const symbols = known.feeds[sample.feed];
      if (symbols === undefined) return refuse('feed', `"${sample.feed}" is not configured`);
      if (!symbols.includes(sample.symbol))
        return refuse('symbol', `"${sample.symbol}" is not one of the feed's: ${symbols.join(', ')}`);
      if (sample.closedAt > now + FUTURE_MS) return refuse('closedAt', 'the bar closes in the future');
      return null;
    }
    case 'heartbeat':
      return known.engines.length === 0 || known.engines.includes(sample.engine)
        ? null
        : refuse('engine', `"${sample.engine}" is not configured`);
    case 'pnl':
    case 'signal':
      return null;
    default: {
      const unknown: never = sample;
      throw new Error(`unknown sample ${JSON.stringify(unknown)}`);
    }
  }
}
