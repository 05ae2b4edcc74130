/**
 * The logs of a data directory as they stand on the disk, whatever was done to them. Read only, without the lock: a server
 * may write meanwhile. So what counts rows (the index) is read first, then the journal, then the files, which are never
 * behind either of them.
 */

import { join } from 'node:path';
import { type Chain, type ChainHead, canonical } from '../domain/chain.ts';
import { evolveAll, type StandingEvent } from '../domain/incident.ts';
import { counted } from '../domain/words.ts';
import { DESK } from '../ports.ts';
import { asideHash, isCutRecord } from './aside.ts';
import { type Disk, reasonOf } from './disk.ts';
import { examineSegment } from './journal.ts';
import { looseIncident, looseList, looseRows } from './looseJson.ts';
import { examineKept } from './lowdb.ts';
import { FOLD, type IndexLine, type SnapshotFile } from './storeFiles.ts';

/** A log as its files and the journal have it. */
export interface FoundLog {
  log: string;
  /** In their order; null for one that is there and cannot be read. */
  rows: unknown[];
  chain: Chain;
  /** How many rows it has by another file, and which one says so. */
  counted: { rows: number; by: string } | null;
  /** A row that two files tell differently, from 1. */
  disputed: { row: number; by: string } | null;
  /** What is wrong with its files beside its rows, in sentences. */
  wrong: string[];
}

/** A head that stands in a postmortem. */
export interface FoundAnchor extends ChainHead {
  log: string;
  by: string;
}

export interface FoundLogs {
  logs: Map<string, FoundLog>;
  anchors: FoundAnchor[];
  /** What is wrong with the directory, in sentences. */
  wrong: string[];
  /** What cannot be known from here, in sentences. */
  unknown: string[];
  /** What is explained, and to be known all the same, in sentences. */
  notes: string[];
}

interface Growing extends FoundLog {
  /** By row, from 0; a hole: the row has none. */
  hashes: (string | undefined)[];
  /** No more rows are taken: some before them are missing. */
  closed: boolean;
}

/** What the index says of an incident. `ordinal`: how many were opened before it. */
interface Indexed {
  rows: number;
  ordinal: number | null;
  by: string;
}

interface Part {
  from: number;
  rows: unknown[];
  /** Of its rows; `from` is the number of rows in the whole log before the first hash. */
  chain: Chain | null;
  by: string;
}

const INCIDENT = /^(INC-\d{8}-\d{3,9}|[A-Za-z0-9][A-Za-z0-9._-]{0,99}?)\.json(\.bak)?$/;
const ANCHOR = /\b(INC-[\w.-]+|DESK)\s+([0-9a-f]{64}):(\d{1,9})\b/g;

export async function readLogs(disk: Disk, dataDir: string): Promise<FoundLogs> {
  const wrong: string[] = [];
  const unknown: string[] = [];
  const logs = new Map<string, Growing>();
  const logOf = (log: string): Growing => {
    const known = logs.get(log);
    if (known !== undefined) return known;
    const chain = { from: 0, hashes: [] };
    const fresh = {
      log,
      rows: [],
      chain,
      counted: null,
      disputed: null,
      wrong: [],
      hashes: [],
      closed: false,
    };
    logs.set(log, fresh);
    return fresh;
  };

  /** The data of a kept file, or of its older generation when it is not there: the server may be replacing it. */
  async function kept(
    path: string,
    into: string[] = wrong,
  ): Promise<{ text: string; sound: boolean } | undefined> {
    try {
      const full = join(dataDir, path);
      const bytes = (await disk.read(full)) ?? (await disk.read(`${full}.bak`));
      if (bytes === undefined) return undefined;
      const found = examineKept(bytes);
      if (!found.sound) into.push(`${path} does not match its checksum: it was changed, cut off or damaged`);
      return found;
    } catch (error) {
      into.push(`${path} cannot be read: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** The lines of the index by incident; `into` is told what is wrong with its files. */
  async function readIndex(into: string[]): Promise<Map<string, Indexed>> {
    const indexed = new Map<string, Indexed>();
    for (const name of await disk.list(join(dataDir, 'index'))) {
      if (!/^\d+\.json$/.test(name)) continue;
      const by = `index/${name}`;
      const found = await kept(by, into);
      for (const { summary, version, ordinal } of (looseList(found?.text ?? '') ??
        []) as Partial<IndexLine>[]) {
        const id = summary?.id;
        if (typeof id === 'string' && typeof version === 'number')
          indexed.set(id, { rows: version, ordinal: ordinal ?? null, by });
      }
    }
    return indexed;
  }

  /** The journal's records in their order, to be added after the files. */
  async function readJournal(): Promise<{
    records: JournalPart[];
    from: number | null;
    next: number | null;
  }> {
    const records: JournalPart[] = [];
    let from: number | null = null;
    let expected: number | null = null;
    const names = (await disk.list(join(dataDir, 'journal'))).filter((name) => name.endsWith('.log'));
    for (const [index, name] of names.entries()) {
      const bytes = await disk.read(join(dataDir, 'journal', name));
      if (bytes === undefined) continue; // a snapshot covered it meanwhile
      const { first, lines, torn } = examineSegment(name, bytes);
      if (first === null) continue;
      from ??= first;
      if (expected !== null && first !== expected)
        wrong.push(`journal/${name}: records ${expected} to ${first - 1} are missing`);
      expected = first;
      for (const line of lines) {
        const seq: number = line.seq ?? expected;
        const record = recordOf(line.json, seq);
        if (!line.sound)
          wrong.push(
            `journal/${name}: record ${seq} does not match its checksum: it was changed or damaged${record === null ? '' : ` (${record.log}, from row ${record.from + 1})`}`,
          );
        else if (seq !== expected)
          wrong.push(`journal/${name}: record ${expected} is missing, or out of its place: ${seq} follows`);
        if (record !== null) records.push(record);
        expected = seq + 1;
      }
      if (!torn) continue;
      if (index < names.length - 1) wrong.push(`journal/${name} was cut off after record ${expected - 1}`);
      else
        unknown.push(
          `journal/${name} ends within record ${expected}: it is being written, a crash cut it before it was acknowledged, or somebody cut it off. Only an anchor tells`,
        );
    }
    return { records, from, next: expected };
  }

  /** `indexed`: what the index counted before anything else was read. */
  async function readIncidents(indexed: ReadonlyMap<string, Indexed>): Promise<void> {
    const ordinals = new Set<unknown>();
    const names = await disk.list(join(dataDir, 'incidents'));
    const ids = new Set(names.flatMap((name) => INCIDENT.exec(name)?.[1] ?? []));
    for (const id of ids) {
      const log = logOf(id);
      const by = `incidents/${id}.json`;
      const found = await kept(by, log.wrong);
      if (found === undefined) continue;
      const file = looseIncident(found.text);
      ordinals.add(file.ordinal);
      add(log, { from: 0, rows: file.rows, chain: file.chain, by });
      // What the journal still has does not mend it.
      if (!found.sound) log.closed = true;
      if (found.sound && file.fold === FOLD && !foldsTo(file.rows, file.incident))
        log.wrong.push(`${by}: what it says of the incident is not what its rows come to`);
    }
    // The file is written before its line of the index, and stays. What the journal still has of it does not bring it back.
    for (const [id, { rows, by, ordinal }] of indexed) {
      ordinals.add(ordinal);
      const log = logOf(id);
      log.counted = { rows, by };
      if (ids.has(id)) continue;
      log.wrong.push(`incidents/${id}.json is gone`);
      log.closed = true;
    }
    const opened = countOf(before?.incidents);
    const gone = Array.from({ length: opened }, (_, ordinal) => ordinal).filter((one) => !ordinals.has(one));
    const [firstGone] = gone;
    if (firstGone !== undefined)
      wrong.push(
        `snapshot.json counts ${counted(opened, 'incident')}, and neither a file nor the index has ${gone.length === 1 ? `the one that was opened as number ${firstGone + 1}` : `${gone.length} of them, the first one opened as number ${firstGone + 1}`}`,
      );
    const again = await readIndex([]);
    const unnamed = [...ids].filter((id) => !indexed.has(id) && !again.has(id) && !justOpened.has(id));
    if (unnamed.length > 0)
      wrong.push(`index: it does not name ${unnamed.slice(0, 5).join(', ')}, which incidents/ has`);
  }

  async function readDesk(): Promise<void> {
    const log = logOf(DESK);
    const found = await kept('snapshot.json');
    const desk = deskOf(snapshotOf(found?.text));
    if (found?.sound === true && desk === undefined) wrong.push('snapshot.json does not have the desk’s log');
    for (const name of await disk.list(join(dataDir, 'desk'))) {
      const from = /^(\d+)\.json$/.exec(name)?.[1];
      if (from === undefined) continue;
      const by = `desk/${name}`;
      const part = await kept(by, log.wrong);
      if (part !== undefined) add(log, { from: Number(from), ...looseRows(part.text), by });
    }
    if (desk === undefined) return;
    const { version, events, chain = null } = desk;
    log.counted = { rows: version, by: 'snapshot.json' };
    // The file of a part is written before the snapshot that names it.
    add(log, { from: version - events.length, rows: events, chain, by: 'snapshot.json' });
  }

  // Before the rows: beside a running server an anchor that is read after them may count one that came in between.
  const anchors = await readAnchors(disk, dataDir);
  const before = await snapshotNow(disk, dataDir);
  const indexed = await readIndex(wrong);
  const { records, from: first, next } = await readJournal();
  // What was opened after the snapshot is not in the index yet.
  const isNew = (seq: number): boolean => seq > (before?.seq ?? 0);
  const justOpened = new Set(
    records.filter(({ from, seq }) => from === 0 && isNew(seq)).map(({ log }) => log),
  );
  const covered = (await snapshotNow(disk, dataDir))?.seq ?? 0;
  if (first !== null && first > covered + 1)
    wrong.push(`journal: records ${covered + 1} to ${first - 1} are missing`);
  if (before !== undefined && (next === null || next <= before.seq))
    wrong.push(`journal: it ends at record ${(next ?? 1) - 1}, and snapshot.json was made at ${before.seq}`);
  await readIncidents(indexed);
  // The first index stands a moment before the first snapshot: the journal is whole then.
  if (before === undefined && indexed.size > 0 && first !== 1)
    wrong.push('snapshot.json is gone, or cannot be read');
  await readDesk();
  for (const { log, seq: _seq, ...part } of records) add(logOf(log), part);
  for (const log of logs.values()) {
    const from = log.hashes.lastIndexOf(undefined) + 1;
    log.chain = {
      from: Math.max(from, log.hashes.length === 0 ? log.rows.length : 0),
      hashes: log.hashes.slice(from) as string[],
    };
  }
  const notes: string[] = [];
  const onRecord = new Set(logs.get(DESK)?.rows.map(asideRow));
  for (const name of await disk.list(join(dataDir, 'aside'))) {
    const bytes = await disk.read(join(dataDir, 'aside', name)).catch(() => undefined);
    if (bytes !== undefined && isCutRecord(name, bytes) && onRecord.has(`${name} ${asideHash(bytes)}`))
      notes.push(
        `aside/${name}: the end of a record that was cut off before it was acknowledged; the bot kept it at its start, and its hash is on the log of the desk`,
      );
    else unknown.push(`aside/${name}: the store could not read it, and goes on without it`);
  }
  if (logs.get(DESK)?.rows.length === 0 && logs.get(DESK)?.counted === null) logs.delete(DESK);
  return { logs, anchors, wrong, unknown, notes };
}

type JournalPart = Part & { log: string; seq: number };

/** What a row of the desk's log says was kept aside; empty: it says nothing of that. */
function asideRow(row: unknown): string {
  const { type, name, sha256 } = (row ?? {}) as { type?: unknown; name?: unknown; sha256?: unknown };
  return type === 'FileSetAside' ? `${String(name)} ${String(sha256)}` : '';
}

/** Rows join a log; those that it has already must be the same. */
function add(log: Growing, { from, rows: found, chain, by }: Part): void {
  const rows = found.map(readable);
  // A chain that begins after all of the rows: those between are gone. They are counted, never walked: it is only a number.
  const isBeyond = chain !== null && chain.from > from + rows.length;
  const hashed = chain === null || isBeyond ? 0 : chain.from - from + chain.hashes.length;
  for (let index = 0; index < Math.max(rows.length, hashed); index += 1) {
    const row = from + index;
    const hash = chain?.hashes[row - chain.from];
    if (row < log.rows.length) {
      // A hash that only one of them has was taken away: what an older version wrote has none anywhere.
      const same =
        index >= rows.length ||
        (canonical(rows[index]) === canonical(log.rows[row]) &&
          (hash === undefined || log.hashes[row] === hash));
      if (!same && (log.disputed === null || row < log.disputed.row - 1)) log.disputed = { row: row + 1, by };
      continue;
    }
    if (log.closed) continue;
    if (row > log.rows.length && log.hashes.length <= log.rows.length) {
      // Somebody has rows that come later: those between are gone.
      log.closed = true;
      log.counted = { rows: row + 1, by };
      continue;
    }
    if (index < rows.length && row === log.rows.length) log.rows.push(rows[index]);
    // A row that was put in has no hash; one from before the chain has none either, and is known by its place.
    const none = chain !== null && row >= chain.from && hash === undefined;
    if (row === log.hashes.length && !none) log.hashes.push(hash);
  }
  if (isBeyond) log.counted = { rows: chain.from + chain.hashes.length, by };
  if (isBeyond || log.rows.length !== log.hashes.length) log.closed = true;
}

/** A row that is nested so deep that nothing can walk it is no row that was written. */
function readable(row: unknown): unknown {
  try {
    canonical(row);
    return row;
  } catch {
    return null;
  }
}

function recordOf(json: string | null, seq: number): JournalPart | null {
  try {
    const record = JSON.parse(json ?? '') as {
      stream?: unknown;
      version?: unknown;
      events?: unknown;
      hashes?: unknown;
    };
    const { stream, version, events = [], hashes } = record;
    if (typeof stream !== 'string' || typeof version !== 'number' || !Array.isArray(events)) return null;
    const chained = Array.isArray(hashes) && hashes.length === events.length;
    const chain = chained ? { from: version, hashes: hashes.map(String) } : null;
    return { log: stream, seq, from: version, rows: events, chain, by: `journal record ${seq}` };
  } catch {
    return null;
  }
}

function foldsTo(rows: unknown[], incident: unknown): boolean {
  try {
    return canonical(evolveAll(undefined, rows as StandingEvent[])) === canonical(incident);
  } catch {
    return false;
  }
}

function snapshotOf(text: string | undefined): SnapshotFile | undefined {
  try {
    return text === undefined ? undefined : ((JSON.parse(text) as SnapshotFile | null) ?? undefined);
  } catch {
    return undefined;
  }
}

/** The snapshot as it stands; undefined where there is none, or nothing that can be read. */
async function snapshotNow(disk: Disk, dataDir: string): Promise<SnapshotFile | undefined> {
  const path = join(dataDir, 'snapshot.json');
  const bytes = (await disk.read(path)) ?? (await disk.read(`${path}.bak`));
  const found = bytes === undefined ? undefined : snapshotOf(examineKept(bytes).text);
  return typeof found?.seq === 'number' ? found : undefined;
}

/** The desk's log of a snapshot, when it has the shape of one. */
function deskOf(snapshot: SnapshotFile | undefined): SnapshotFile['desk'] | undefined {
  const desk: Partial<SnapshotFile['desk']> = snapshot?.desk ?? {};
  const { version, events } = desk;
  return typeof version === 'number' && Array.isArray(events) && version >= events.length
    ? (desk as SnapshotFile['desk'])
    : undefined;
}

/** More incidents than any desk has are a number that somebody wrote. */
const MOST_INCIDENTS = 10_000_000;
const countOf = (said: unknown): number =>
  typeof said === 'number' && said >= 0 && said <= MOST_INCIDENTS ? Math.floor(said) : 0;

async function readAnchors(disk: Disk, dataDir: string): Promise<FoundAnchor[]> {
  const anchors: FoundAnchor[] = [];
  for (const name of await disk.list(join(dataDir, 'postmortems'))) {
    if (!name.endsWith('.md')) continue;
    const text = (await disk.read(join(dataDir, 'postmortems', name)))?.toString('utf8') ?? '';
    for (const [, log = '', head = '', length = ''] of text.matchAll(ANCHOR))
      anchors.push({ log, head, length: Number(length), by: `postmortems/${name}` });
  }
  return anchors;
}
