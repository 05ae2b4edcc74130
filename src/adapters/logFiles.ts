/**
 * The logs of a data directory as they stand on the disk, whatever was done to them. Read only, without the lock: a server
 * may write meanwhile. So what counts rows (the index) is read first, then the journal, then the files, which are never
 * behind either of them.
 */

import { join } from 'node:path';
import { type Chain, type ChainHead, canonical } from '../domain/chain.ts';
import { evolveAll, type StandingEvent } from '../domain/incident.ts';
import { DESK } from '../ports.ts';
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
}

interface Growing extends FoundLog {
  /** By row, from 0; a hole: the row has none. */
  hashes: (string | undefined)[];
  /** No more rows are taken: some before them are missing. */
  closed: boolean;
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

  async function readIndex(): Promise<void> {
    for (const name of await disk.list(join(dataDir, 'index'))) {
      if (!/^\d+\.json$/.test(name)) continue;
      const found = await kept(`index/${name}`);
      for (const line of (looseList(found?.text ?? '') ?? []) as Partial<IndexLine>[]) {
        const id = line.summary?.id;
        if (typeof id === 'string' && typeof line.version === 'number')
          logOf(id).counted = { rows: line.version, by: `index/${name}` };
      }
    }
  }

  /** The journal's records in their order, to be added after the files. */
  async function readJournal(after: number | null): Promise<JournalPart[]> {
    const records: JournalPart[] = [];
    let expected: number | null = null;
    const names = (await disk.list(join(dataDir, 'journal'))).filter((name) => name.endsWith('.log'));
    for (const [index, name] of names.entries()) {
      const bytes = await disk.read(join(dataDir, 'journal', name));
      if (bytes === undefined) continue; // a snapshot covered it meanwhile
      const { first, lines, torn } = examineSegment(name, bytes);
      if (first === null) continue;
      if (expected === null && after !== null && first > after + 1)
        wrong.push(`journal: records ${after + 1} to ${first - 1} are missing`);
      if (expected !== null && first !== expected)
        wrong.push(`journal/${name}: records ${expected} to ${first - 1} are missing`);
      expected = first;
      for (const line of lines) {
        const seq: number = line.seq ?? expected;
        const record = recordOf(line.json, `journal record ${seq}`);
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
    if (after !== null && (expected === null || expected <= after))
      wrong.push(`journal: it ends at record ${(expected ?? 1) - 1}, and snapshot.json was made at ${after}`);
    return records;
  }

  async function readIncidents(): Promise<void> {
    const names = await disk.list(join(dataDir, 'incidents'));
    const ids = new Set(names.flatMap((name) => INCIDENT.exec(name)?.[1] ?? []));
    for (const id of ids) {
      const log = logOf(id);
      const by = `incidents/${id}.json`;
      const found = await kept(by, log.wrong);
      if (found === undefined) continue;
      const file = looseIncident(found.text);
      add(log, { from: 0, rows: file.rows, chain: file.chain, by });
      // What the journal still has does not mend it.
      if (!found.sound) log.closed = true;
      if (found.sound && file.fold === FOLD && !foldsTo(file.rows, file.incident))
        log.wrong.push(`${by}: what it says of the incident is not what its rows come to`);
    }
  }

  async function readDesk(): Promise<void> {
    const log = logOf(DESK);
    const found = await kept('snapshot.json');
    const desk = snapshotOf(found?.text)?.desk;
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

  await readIndex();
  const records = await readJournal((await seqOf(disk, dataDir)) ?? null);
  await readIncidents();
  await readDesk();
  for (const { log, ...part } of records) add(logOf(log), part);
  for (const log of logs.values()) {
    const from = log.hashes.lastIndexOf(undefined) + 1;
    log.chain = {
      from: Math.max(from, log.hashes.length === 0 ? log.rows.length : 0),
      hashes: log.hashes.slice(from) as string[],
    };
  }
  for (const name of await disk.list(join(dataDir, 'aside')))
    unknown.push(`aside/${name}: the store could not read it, and goes on without it`);
  if (logs.get(DESK)?.rows.length === 0 && logs.get(DESK)?.counted === null) logs.delete(DESK);
  return { logs, anchors: await readAnchors(disk, dataDir), wrong, unknown };
}

type JournalPart = Part & { log: string };

/** Rows join a log; those that it has already must be the same. */
function add(log: Growing, { from, rows, chain, by }: Part): void {
  const hashed = chain === null ? 0 : chain.from - from + chain.hashes.length;
  for (let index = 0; index < Math.max(rows.length, hashed); index += 1) {
    const row = from + index;
    const hash = chain?.hashes[row - chain.from];
    if (row < log.rows.length) {
      const same =
        index >= rows.length ||
        (canonical(rows[index]) === canonical(log.rows[row]) &&
          (hash === undefined || log.hashes[row] === undefined || log.hashes[row] === hash));
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
  if (log.rows.length !== log.hashes.length) log.closed = true;
}

function recordOf(json: string | null, by: string): JournalPart | null {
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
    return { log: stream, from: version, rows: events, chain, by };
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
    return text === undefined ? undefined : (JSON.parse(text) as SnapshotFile);
  } catch {
    return undefined;
  }
}

async function seqOf(disk: Disk, dataDir: string): Promise<number | undefined> {
  const bytes = await disk.read(join(dataDir, 'snapshot.json'));
  return bytes === undefined ? undefined : snapshotOf(examineKept(bytes).text)?.seq;
}

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
