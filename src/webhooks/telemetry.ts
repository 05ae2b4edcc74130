/** Samples that an engine sends. This version reads heartbeats; what it does not measure it says, and does not keep. */

import { z } from 'zod';
import type { Heartbeat } from '../engine/engines.ts';
import { HttpRefusal, MAX_ITEMS, parseJson, type Rejection, rejection } from './body.ts';

export interface ParsedTelemetry {
  heartbeats: Heartbeat[];
  rejected: Rejection[];
}

/** A clock ahead of ours by more than this is refused (CONTRACT 5). */
const FUTURE_MS = 5_000;

const time = z.union([
  z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
  z.number().int().positive(),
]);
const heartbeat = z.object({
  type: z.literal('heartbeat'),
  at: time,
  engine: z.string().min(1).max(100),
  control: z
    .record(z.string().max(100), z.union([z.string().max(100), z.number().transform(String)]))
    .optional(),
  host: z.record(z.string().max(100), z.number()).optional(),
});

const UNMEASURED = new Set(['order', 'bar', 'pnl', 'position', 'signal']);

/** An object, an array, or NDJSON. Throws HttpRefusal when nothing in it can be read. `engines` empty: any is taken. */
export function parseTelemetry(body: Buffer, engines: string[], now: number): ParsedTelemetry {
  const items = itemsOf(body);
  if (items.length > MAX_ITEMS)
    throw new HttpRefusal(
      413,
      'too_many',
      `The body holds ${items.length} samples; ${MAX_ITEMS} are read at once.`,
    );
  const parsed: ParsedTelemetry = { heartbeats: [], rejected: [] };
  for (const [index, item] of items.entries()) {
    const one = readSample(item, index, engines, now);
    if ('reason' in one) parsed.rejected.push(one);
    else parsed.heartbeats.push(one);
  }
  if (parsed.heartbeats.length === 0) {
    const reasons = parsed.rejected
      .slice(0, 5)
      .map(({ index, path, reason }) => `sample ${index}: ${path} ${reason}`);
    throw new HttpRefusal(400, 'no_valid_sample', `Not one sample could be read. ${reasons.join('; ')}`);
  }
  return parsed;
}

function itemsOf(body: Buffer): unknown[] {
  const lines = body
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  // NDJSON is more than one line of which each is whole; pretty-printed JSON is not.
  if (lines.length > 1 && lines.every((line) => line.startsWith('{') && line.trimEnd().endsWith('}'))) {
    return lines.map((line) => parseJson(Buffer.from(line)));
  }
  const value = parseJson(body);
  if (Array.isArray(value) && value.length > 0) return value as unknown[];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [value];
  throw new HttpRefusal(400, 'wrong_shape', 'Send one sample, an array of them, or a line each.');
}

function readSample(item: unknown, index: number, engines: string[], now: number): Heartbeat | Rejection {
  const type = (item as { type?: unknown } | null)?.type;
  if (typeof type === 'string' && UNMEASURED.has(type))
    return { index, path: 'type', reason: `"${type}" is not measured by this version: it was not kept` };
  const parsed = heartbeat.safeParse(item);
  if (!parsed.success) return rejection(index, parsed.error);
  const { engine, at, control } = parsed.data;
  if (at > now + FUTURE_MS)
    return { index, path: 'at', reason: 'it is dated in the future: compare the clocks' };
  if (engines.length > 0 && !engines.includes(engine))
    return { index, path: 'engine', reason: `"${engine}" is not configured` };
  return { engine, at, ...(control === undefined ? {} : { control }) };
}
