/**
 * The append-only journal: the source of truth. A record is a line, a segment is a file named after the number of its
 * first record, and a record is durable when the sync after its line has succeeded.
 *
 *     standdown-journal 1 000000000001
 *     <crc32 of the rest, 8 hex> <number> <durable> <JSON>
 *
 * `durable` is the number of the last record that was durable when this one was written. It tells a torn tail (records
 * that nobody was promised) from damage to records that had been acknowledged.
 *
 * Recovery keeps the longest valid prefix, whatever follows. Later records are never folded in over a hole: a prefix is
 * a state that the desk was really in, and what a hole may have held (a kill, an approval) cannot be guessed. They are
 * set aside whole, and counted in a note.
 */

import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Log } from '../ports.ts';
import { StoreUnavailable } from '../ports.ts';
import type { Aside } from './aside.ts';
import { type Disk, type DiskFile, reasonOf, StoreRefused } from './disk.ts';

const FORMAT = 1;
const NAME = /^(\d{12})\.log$/;
const HEADER = /^standdown-journal (\d+) (\d{12})$/;
const LINE = /^([0-9a-f]{8}) (\d+) (\d+) (.*)$/s;
const NEWLINE = 10;

/** Characters in one write. Bounds how long making a batch can hold the event loop: a few ms. */
const BATCH_CHARS = 1024 * 1024;

const nameOf = (first: number): string => `${String(first).padStart(12, '0')}.log`;
const headerOf = (first: number): string =>
  `standdown-journal ${FORMAT} ${String(first).padStart(12, '0')}\n`;

export interface JournalOptions {
  disk: Disk;
  folder: string;
  aside: Aside;
  /** The last record that a snapshot covers; 0 without one. Recovery starts after it. */
  after: number;
  /** A new segment is begun after this many bytes. */
  segmentBytes: number;
  failpoint: (name: string) => void;
  /** Told, in sentences, what recovery found wrong. */
  note: (sentence: string) => void;
  log?: Log | undefined;
}

export interface Journal {
  /** The number of the last record, durable or queued. */
  last(): number;
  /**
   * Queue a record. `onDurable` is called in journal order, before the promise resolves. All that is queued while a
   * write is under way goes out in the next one, with one sync. Rejects with StoreUnavailable.
   */
  append(json: string, onDurable: () => void): Promise<void>;
  /** Begin a new segment after what is queued now; `onDurable` is called when all of that is durable. */
  rotate(onDurable: () => void): Promise<void>;
  /** Remove the segments whose records are all numbered `seq` or lower. */
  removeThrough(seq: number): Promise<void>;
  /** Why nothing can be appended any more, or null. Failing is for good: after a failed sync nobody knows what is on disk. */
  failure(): string | null;
  /** Fail for good, for a reason from outside: nothing is written after this. */
  stop(why: string): void;
  /** Wait for what is queued, and close the file. */
  close(): Promise<void>;
}

interface Queued {
  /** Undefined for a rotation. */
  json?: string;
  onDurable: () => void;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Recover the journal, handing every record after `after` to `onRecord` in order, and open it for appending.
 * Throws StoreRefused when it was written by a newer version, or does not reach back to `after`.
 */
export async function openJournal(
  options: JournalOptions,
  onRecord: (seq: number, record: unknown) => void,
): Promise<Journal> {
  const { disk, folder, failpoint, log } = options;
  await disk.makeFolder(folder);
  for (const name of await disk.list(folder)) {
    if (name.endsWith('.tmp')) await disk.remove(join(folder, name));
  }
  const recovered = await recover(options, onRecord);
  /** First record numbers of the segments on disk, oldest first; the last one is being written. */
  const segments = recovered.segments;
  let next = Math.max(recovered.next, options.after + 1);
  let durable = next - 1;
  let failure: string | null = null;
  let closed = false;
  const queue: Queued[] = [];
  let pumping: Promise<void> | null = null;

  // The tail is written anew even when it is whole: after a failed sync, or a crash of this process alone, a record can
  // be readable from the page cache and yet not be on the disk.
  if (segments.at(-1) !== recovered.first) segments.push(recovered.first);
  let current = await prepare(recovered.first, recovered.prefix);
  try {
    await place(current);
    if (recovered.next < next) await begin(next); // the snapshot is ahead of what the journal still has
  } catch (error) {
    await current.file.close();
    throw error;
  }

  interface Segment {
    first: number;
    file: DiskFile;
    bytes: number;
  }

  /** Write the beginning of a segment to a temporary file. When this fails, nothing has changed. */
  async function prepare(first: number, beginning: Uint8Array): Promise<Segment> {
    const file = await disk.create(join(folder, `${nameOf(first)}.tmp`));
    try {
      await file.write(beginning);
      await file.sync();
    } catch (error) {
      await file.close();
      throw error;
    }
    return { first, file, bytes: beginning.length };
  }

  async function place(segment: Segment): Promise<void> {
    const path = join(folder, nameOf(segment.first));
    await disk.rename(`${path}.tmp`, path);
    await disk.syncFolder(folder);
  }

  /** Go on in a new segment whose first record is `first`. */
  async function begin(first: number): Promise<void> {
    if (current.first === first) return; // it is empty
    const segment = await prepare(first, Buffer.from(headerOf(first)));
    try {
      await place(segment);
    } catch (error) {
      await segment.file.close();
      fail(error); // the new segment may or may not be there: records in the old one would be read as a gap
      throw error;
    }
    const before = current;
    current = segment;
    segments.push(first);
    await before.file.close();
    failpoint('journal.rotated');
  }

  function fail(error: unknown): void {
    stop(`the journal could not be written: ${reasonOf(error)}`);
  }

  function stop(why: string): void {
    failure ??= why;
    const refused = new StoreUnavailable(failure);
    for (const one of queue.splice(0)) one.reject(refused);
  }

  function enqueue(json: string | undefined, onDurable: () => void): Promise<void> {
    if (failure !== null) return Promise.reject(new StoreUnavailable(failure));
    if (closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    return new Promise((resolve, reject) => {
      queue.push({ ...(json === undefined ? {} : { json }), onDurable, resolve, reject });
      if (json !== undefined) next += 1;
      pumping ??= pump();
    });
  }

  async function pump(): Promise<void> {
    await Promise.resolve(); // whatever is appended in the same turn shares the write
    while (queue.length > 0) {
      const batch = takeBatch();
      if (batch.length > 0) await write(batch);
      else await rotateNow(queue.shift() as Queued);
    }
    pumping = null;
  }

  /** What is queued, up to the next rotation or a full write. */
  function takeBatch(): (Queued & { json: string })[] {
    let count = 0;
    let chars = 0;
    for (const { json } of queue) {
      if (json === undefined || (count > 0 && chars + json.length > BATCH_CHARS)) break;
      chars += json.length;
      count += 1;
    }
    return queue.splice(0, count) as (Queued & { json: string })[];
  }

  async function write(batch: (Queued & { json: string })[]): Promise<void> {
    const first = durable + 1;
    const bytes = Buffer.from(
      batch.map(({ json }, index) => lineOf(first + index, durable, json)).join(''),
      'utf8',
    );
    try {
      await current.file.write(bytes);
      failpoint('journal.written');
      await current.file.sync();
      failpoint('journal.synced');
      if (failure !== null) throw new Error(failure); // told to stop meanwhile
    } catch (error) {
      fail(error);
      for (const one of batch) one.reject(new StoreUnavailable(failure ?? reasonOf(error)));
      return;
    }
    current.bytes += bytes.length;
    durable += batch.length;
    for (const one of batch) {
      one.onDurable();
      one.resolve();
    }
    if (current.bytes < options.segmentBytes) return;
    try {
      await begin(durable + 1);
    } catch (error) {
      if (failure === null)
        log?.warn(
          { error: reasonOf(error) },
          'no new journal segment could be begun; going on in the present one',
        );
    }
  }

  async function rotateNow(rotation: Queued): Promise<void> {
    try {
      rotation.onDurable();
      await begin(durable + 1);
      rotation.resolve();
    } catch (error) {
      rotation.reject(new StoreUnavailable(`no new journal segment could be begun: ${reasonOf(error)}`));
    }
  }

  return {
    last: () => next - 1,
    append: enqueue,
    rotate: (onDurable) => enqueue(undefined, onDurable),
    async removeThrough(seq) {
      let removed = false;
      while (segments[1] !== undefined && segments[1] - 1 <= seq) {
        await disk.remove(join(folder, nameOf(segments[0] as number)));
        segments.shift();
        removed = true;
        failpoint('segment.deleted');
      }
      if (removed) await disk.syncFolder(folder);
    },
    failure: () => failure,
    stop,
    async close() {
      closed = true;
      await pumping;
      await current.file.close();
    },
  };
}

function lineOf(seq: number, durable: number, json: string): string {
  const rest = `${seq} ${durable} ${json}`;
  return `${crc32(rest).toString(16).padStart(8, '0')} ${rest}\n`;
}

interface Line {
  seq: number;
  durable: number;
  json: string;
}

/** A line without its newline, or null when it is not what was written. */
function parseLine(bytes: Buffer): Line | null {
  const [, crc, seq, durable, json] = LINE.exec(bytes.toString('utf8')) ?? [];
  if (crc === undefined || seq === undefined || durable === undefined || json === undefined) return null;
  // The checksum is of the bytes: bytes that are not UTF-8 would decode to something else.
  if (crc32(bytes.subarray(9)).toString(16).padStart(8, '0') !== crc) return null;
  return { seq: Number(seq), durable: Number(durable), json };
}

interface Recovered {
  /** The segment to go on in, and what it holds. */
  first: number;
  prefix: Buffer;
  /** The number of the next record. */
  next: number;
  segments: number[];
}

async function recover(
  options: JournalOptions,
  onRecord: (seq: number, record: unknown) => void,
): Promise<Recovered> {
  const { disk, folder, after } = options;
  const segments: number[] = [];
  for (const name of await disk.list(folder)) {
    const first = NAME.exec(name)?.[1];
    if (first !== undefined) segments.push(Number(first));
  }
  const fresh = (first: number): Buffer => Buffer.from(headerOf(first));
  if (segments.length === 0)
    return { first: after + 1, prefix: fresh(after + 1), next: after + 1, segments: [] };

  let start = segments.length - 1;
  while (start > 0 && (segments[start] as number) > after + 1) start -= 1;
  let expected = segments[start] as number;
  if (expected > after + 1)
    throw new StoreRefused(
      `The journal in ${folder} begins at record ${expected}, but the snapshot ends at record ${after}: the records between them are missing. Restore snapshot.json (or snapshot.json.bak) and the journal from one backup, or move the data directory away to start with an empty one.`,
    );

  let prefix: Buffer = Buffer.alloc(0);
  for (let index = start; index < segments.length; index += 1) {
    const first = segments[index] as number;
    const path = join(folder, nameOf(first));
    const bytes = (await disk.read(path)) ?? Buffer.alloc(0);
    const headerEnd = checkHeader(bytes, path, first);
    let offset = first === expected ? headerEnd : 0;
    while (offset > 0 && offset < bytes.length) {
      const end = bytes.indexOf(NEWLINE, offset);
      const line = end === -1 ? null : parseLine(bytes.subarray(offset, end));
      if (line === null || line.seq !== expected) break;
      if (line.seq > after) onRecord(line.seq, JSON.parse(line.json));
      expected += 1;
      offset = end + 1;
    }
    if (offset > 0 && offset === bytes.length) {
      prefix = bytes;
      continue;
    }
    // What follows is not the next record.
    const kept = segments.slice(0, offset > 0 ? index + 1 : index);
    options.note(await putAside(options, segments.slice(index), bytes, offset, expected));
    if (offset > 0) return { first, prefix: bytes.subarray(0, offset), next: expected, segments: kept };
    return { first: expected, prefix: fresh(expected), next: expected, segments: kept };
  }
  return { first: segments.at(-1) as number, prefix, next: expected, segments };
}

/** The length of a good header, 0 for a bad one. */
function checkHeader(bytes: Buffer, path: string, first: number): number {
  const end = bytes.indexOf(NEWLINE);
  const [, format, named] = HEADER.exec(bytes.subarray(0, Math.max(0, end)).toString('latin1')) ?? [];
  if (format !== undefined && Number(format) > FORMAT)
    throw new StoreRefused(
      `${path} was written by a newer version of Standdown (journal format ${format}; this one reads up to ${FORMAT}). Install that version, or restore a backup from before it.`,
    );
  return Number(format) === FORMAT && Number(named) === first ? end + 1 : 0;
}

/** Keep what recovery cannot use: the tail of the segment that went bad, or all of it and those after it. */
async function putAside(
  options: JournalOptions,
  segments: number[],
  bytes: Buffer,
  offset: number,
  expected: number,
): Promise<string> {
  const { disk, folder, aside } = options;
  const [first, ...later] = segments as [number, ...number[]];
  const path = join(folder, nameOf(first));
  const found: Line[] = validLines(bytes.subarray(offset));
  for (const one of later)
    found.push(...validLines((await disk.read(join(folder, nameOf(one)))) ?? Buffer.alloc(0)));
  const beyond = found.filter((line) => line.seq > expected);
  // A segment is begun, and a later `durable` written, only after everything before was durable.
  const acknowledged = offset === 0 || later.length > 0 || beyond.some((line) => line.durable >= expected);

  if (!acknowledged) {
    const kept = await aside.keep(`${basename(path)}.tail`, bytes.subarray(offset));
    return `The last ${bytes.length - offset} bytes of ${path} are not a whole record: a write that was cut off before it was acknowledged. Everything before them is there; they are kept as ${kept}.`;
  }
  const kept = offset > 0 ? [await aside.keep(basename(path), bytes)] : [];
  const moved: string[] = [];
  for (const one of offset > 0 ? later : segments) {
    const from = join(folder, nameOf(one));
    moved.push(await aside.move(from));
  }
  await disk.syncFolder(folder);
  const last = beyond.reduce((most, line) => Math.max(most, line.seq), 0);
  const lost =
    beyond.length === 0
      ? 'No readable record follows it.'
      : `${beyond.length} readable records follow, up to ${last}; they were acknowledged and are NOT in use.`;
  return `DAMAGE: ${path} cannot be read at record ${expected}, which had been acknowledged. The store goes on from record ${expected - 1}. ${lost} Kept as ${[...kept, ...moved].join(', ')}. Compare the control file, PagerDuty and the venues with what is shown here before you trust it.`;
}

/** A line of a segment as it is found: `json` null where nothing of it can be read, `sound` when its checksum is right. */
export interface FoundLine {
  seq: number | null;
  json: string | null;
  sound: boolean;
}

/**
 * Every line of a segment, whatever was done to it; `torn` when it ends within one. For looking at it alone: nothing is moved.
 * `first` is the number of its first record, by its name; null: that is no segment's name.
 */
export function examineSegment(
  name: string,
  bytes: Buffer,
): { first: number | null; lines: FoundLine[]; torn: boolean } {
  const first = NAME.exec(name)?.[1];
  const lines: FoundLine[] = [];
  let offset = bytes.indexOf(NEWLINE) + 1;
  const headed = offset > 0;
  while (headed && offset < bytes.length) {
    const end = bytes.indexOf(NEWLINE, offset);
    if (end === -1) break;
    const line = bytes.subarray(offset, end);
    const [, , seq, , json] = LINE.exec(line.toString('utf8')) ?? [];
    lines.push({
      seq: seq === undefined ? null : Number(seq),
      json: json ?? null,
      sound: parseLine(line) !== null,
    });
    offset = end + 1;
  }
  return {
    first: first === undefined ? null : Number(first),
    lines,
    torn: !headed || offset < bytes.length,
  };
}

function validLines(bytes: Buffer): Line[] {
  const lines: Line[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = bytes.indexOf(NEWLINE, offset);
    if (end === -1) break;
    const line = parseLine(bytes.subarray(offset, end));
    if (line !== null) lines.push(line);
    offset = end + 1;
  }
  return lines;
}
