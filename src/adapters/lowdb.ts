/**
 * lowdb, with an adapter of its own. lowdb's has no fsync anywhere, answers the first of many writes only when the last
 * one is done, and keeps no older generation (FACTS 5).
 */

import { basename, dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Adapter, Low } from 'lowdb';
import type { Aside } from './aside.ts';
import { type Disk, errorCode, reasonOf, StoreRefused } from './disk.ts';

/** Raised when the shape of a file changes; a file with a higher number is refused. */
const FORMAT = 1;
const OPENING = `{"format":${FORMAT},"data":`;
const closing = (crc: number): string => `,"crc32":"${crc.toString(16).padStart(8, '0')}"}\n`;
const CLOSING_LENGTH = closing(0).length;

/** Characters made into JSON between two turns of the event loop: about 0.3 ms of work. */
const SLICE_CHARS = 64 * 1024;

export interface KeptFile {
  disk: Disk;
  path: string;
  aside: Aside;
  /** Told, in a sentence, when a file could not be read and was set aside. */
  onDamage: (sentence: string) => void;
  /** False when the caller syncs the folder itself, once for many files. */
  syncFolder?: boolean;
}

/**
 * Read a kept file; its older generation when it is missing or unreadable. An unreadable one is moved aside and said.
 * Undefined when neither can be read. Throws StoreRefused for a newer format, a link, or another owner's file.
 */
export async function readKept<T>(file: KeptFile): Promise<T | undefined> {
  const low = new Low<Kept>(adapter(file), { data: null });
  await low.read();
  return (low.data.data ?? undefined) as T | undefined;
}

/**
 * Write a kept file: temporary file, sync, the present one becomes `.bak`, rename, sync of the folder. JSON is made in
 * slices, so `data` and what it holds must not change before this resolves. Durable when it resolves.
 */
export async function writeKept(file: KeptFile, data: unknown): Promise<void> {
  const low = new Low<Kept>(adapter(file), { data });
  await low.write();
}

/** What lowdb is given: a box, since lowdb does not write what is falsy. */
interface Kept {
  data: unknown;
}

function adapter(file: KeptFile): Adapter<Kept> {
  const { disk, path } = file;
  return {
    async read() {
      for (const candidate of [path, `${path}.bak`]) {
        const bytes = await disk.read(candidate);
        if (bytes === undefined) continue;
        try {
          return { data: decode(bytes, candidate) };
        } catch (error) {
          if (error instanceof StoreRefused) throw error;
          const kept = await file.aside.move(candidate);
          await disk.syncFolder(dirname(path));
          file.onDamage(`${candidate} ${reasonOf(error)}. It is kept as ${kept}.`);
        }
      }
      return null;
    },

    async write({ data }) {
      const temporary = `${path}.tmp`;
      const out = await disk.create(temporary);
      try {
        let text = OPENING;
        let crc = 0;
        for (const piece of jsonPieces(data, 3)) {
          text += piece;
          if (text.length >= SLICE_CHARS) await flush();
        }
        await flush();
        await out.write(Buffer.from(closing(crc)));
        await out.sync();

        async function flush(): Promise<void> {
          const bytes = Buffer.from(text);
          text = '';
          crc = crc32(bytes, crc);
          await out.write(bytes);
        }
      } finally {
        await out.close();
      }
      try {
        await disk.rename(path, `${path}.bak`);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error; // the first write has nothing to keep
      }
      await disk.rename(temporary, path);
      if (file.syncFolder !== false) await disk.syncFolder(dirname(path));
    },
  };
}

/**
 * What a kept file says, whatever was done to it: its data as text, as far as it reaches, and whether its checksum is right.
 * For looking at it alone: nothing is moved aside.
 */
export function examineKept(bytes: Buffer): { text: string; sound: boolean } {
  const text = bytes.toString('utf8');
  const body = text.startsWith(OPENING) ? text.slice(OPENING.length) : text;
  const end = body.length - CLOSING_LENGTH;
  const closed = /^,"crc32":"[0-9a-f]{8}"\}\n$/.test(body.slice(Math.max(0, end)));
  return { text: closed ? body.slice(0, end) : body, sound: isSound(bytes) };
}

function isSound(bytes: Buffer): boolean {
  const end = Math.max(0, bytes.length - CLOSING_LENGTH);
  return (
    bytes.subarray(0, OPENING.length).toString('latin1') === OPENING &&
    bytes.subarray(end).toString('latin1') === closing(crc32(bytes.subarray(0, end)))
  );
}

function decode(bytes: Buffer, path: string): unknown {
  const format = /^\s*\{\s*"format"\s*:\s*(\d+)/.exec(bytes.subarray(0, 64).toString('latin1'))?.[1];
  if (format !== undefined && Number(format) > FORMAT)
    throw new StoreRefused(
      `${path} was written by a newer version of Standdown (format ${format}; this one reads up to ${FORMAT}). Install that version, or restore a copy of ${basename(path)} from before it.`,
    );
  if (!isSound(bytes)) throw new Error('does not match its checksum (cut off, damaged or edited by hand)');
  const end = bytes.length - CLOSING_LENGTH;
  return JSON.parse(bytes.subarray(OPENING.length, end).toString('utf8'));
}

/** JSON in pieces small enough to stop between them. Objects are taken apart `depth` deep, arrays item by item. */
function* jsonPieces(value: unknown, depth: number): Generator<string> {
  if (depth === 0 || typeof value !== 'object' || value === null) {
    yield JSON.stringify(value) ?? 'null';
  } else if (Array.isArray(value)) {
    let before = '[';
    for (const item of value as unknown[]) {
      yield before + (JSON.stringify(item) ?? 'null');
      before = ',';
    }
    yield before === '[' ? '[]' : ']';
  } else {
    let before = '{';
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      yield `${before}${JSON.stringify(key)}:`;
      yield* jsonPieces(item, depth - 1);
      before = ',';
    }
    yield before === '{' ? '{}' : '}';
  }
}
