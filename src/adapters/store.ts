/**
 * The embedded store: an append-only journal, and a snapshot folded from it.
 *
 *     <dataDir>/lock                    who has it
 *     <dataDir>/journal/NNNNNN.log      the truth since the snapshot before the last
 *     <dataDir>/snapshot.json           trading state, owed effects, stray resolutions, the desk's log, record number
 *     <dataDir>/index/NNNNNN.json       summaries and versions of 256 incidents each
 *     <dataDir>/incidents/<id>.json     an incident, its events and their hashes
 *     <dataDir>/desk/NNNNNN.json        the desk's older log
 *     <dataDir>/aside/                  what could not be read
 *
 * An append folds into memory at once, so that two commands can never both build on one version, and resolves when its
 * record is durable. A snapshot is what memory was at one record, written after that record is durable: incidents first,
 * then the index, then snapshot.json. Files may so be ahead of snapshot.json after a crash, and replaying the journal
 * skips what an incident's file already holds. Journal segments stay until two snapshots cover them, so that the older
 * generation of snapshot.json is of use too. Each event is chained to the one before it in its log (domain/chain.ts).
 */

import { headAt, linksOf } from '../domain/chain.ts';
import type { Effect } from '../domain/effects.ts';
import type { StandingEvent } from '../domain/incident.ts';
import { DESK, type Log, type Store, type StoredEffect, StoreUnavailable } from '../ports.ts';
import { type Disk, nodeDisk, reasonOf, StoreRefused } from './disk.ts';
import { inParallel } from './inParallel.ts';
import { openJournal } from './journal.ts';
import { acquireLock, type LockOptions } from './lock.ts';
import { sha256 } from './sha256.ts';
import { FOLD, type IncidentFile, openFiles, READERS } from './storeFiles.ts';
import { createMemory, type Entry, type Live, refold, type StoredRecord } from './storeMemory.ts';

export interface StoreOptions {
  dataDir: string;
  /** Wall clock, ms since the epoch. Stray resolutions and put-away incidents age by it. */
  now: () => number;
  log?: Log;
  /** The file system; tests give one that fails, hangs or crashes. */
  fs?: Disk;
  /** Takes the data directory's lock and returns its release; tests of a file system in memory need none. */
  lock?: (dataDir: string, options: LockOptions) => Promise<() => Promise<void>>;
  /** Records between two snapshots. Default 5,000: replaying them takes about 20 ms. */
  snapshotEvery?: number;
  /** Bytes after which a journal segment ends, default 16 MiB. */
  segmentBytes?: number;
  /** Called at each named step, so that a test can kill the process there. */
  failpoint?: (name: Failpoint) => void;
}

export type Failpoint =
  | 'journal.written'
  | 'journal.synced'
  | 'journal.rotated'
  | 'snapshot.incident'
  | 'snapshot.shard'
  | 'snapshot.index'
  | 'segment.deleted';

/** How far back `history` reads the desk's log. */
const DESK_HISTORY_MS = 7 * 24 * 60 * 60 * 1_000;
/** Incident files written at once: they share the file system's commits, and leave a thread (of 4) to the journal. */
const WRITERS = 3;

/**
 * Open the store of a data directory, and recover what is there.
 * Throws StoreRefused (another process has it, a newer version wrote it, a file is a link or somebody else's, records
 * are missing) or StoreUnavailable (the disk cannot be used); the message says which, and how to mend it.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { dataDir, fs: disk = nodeDisk } = options;
  try {
    await disk.makeFolder(dataDir);
    const holding: Holding = { release: () => Promise.resolve(), onLost: () => undefined };
    holding.release = await (options.lock ?? acquireLock)(dataDir, { onLost: (why) => holding.onLost(why) });
    try {
      return await recoverStore(options, disk, holding);
    } catch (error) {
      await holding.release();
      throw error;
    }
  } catch (error) {
    if (error instanceof StoreRefused || error instanceof StoreUnavailable) throw error;
    throw new StoreUnavailable(`The data directory ${dataDir} cannot be used: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Our holding of the data directory's lock. */
interface Holding {
  release: () => Promise<void>;
  /** Called when another process took it. */
  onLost: (why: string) => void;
}

async function recoverStore(options: StoreOptions, disk: Disk, holding: Holding): Promise<Store> {
  const { dataDir, now, log, snapshotEvery = 5_000, segmentBytes = 16 * 1024 * 1024 } = options;
  const failpoint = (options.failpoint ?? (() => undefined)) as (name: string) => void;
  const notes: string[] = [];
  const note = (sentence: string): void => {
    notes.push(sentence);
    log?.error({ dataDir }, sentence);
  };
  const files = await openFiles(disk, dataDir, note);
  const snapshot = await files.readSnapshot();
  const memory = createMemory(now, snapshot);
  const { entries } = memory;
  for (const line of await files.readIndex(snapshot?.incidents ?? 0)) memory.index(line);

  const tail: StoredRecord[] = [];
  const journal = await openJournal(
    {
      disk,
      folder: files.journalFolder,
      aside: files.aside,
      after: snapshot?.seq ?? 0,
      segmentBytes,
      failpoint,
      note,
      log,
    },
    (_seq, record) => tail.push(readRecord(record as Partial<StoredRecord>)),
  );
  holding.onLost = journal.stop;
  const owed = new Map<string, StoredEffect>();
  for (const effect of snapshot?.owed ?? []) owed.set(effect.id, { effect, recovered: true });
  try {
    if (snapshot === undefined && journal.last() === 0 && (await files.hasPutAway()))
      throw new StoreRefused(
        `${dataDir} holds incidents, but neither a snapshot nor a journal. Restore snapshot.json and journal/ from a backup, or move the directory away to start with an empty one.`,
      );
    await replay();
  } catch (error) {
    await journal.close();
    throw error;
  }

  const listeners: ((stream: string, events: StandingEvent[], effects: Effect[]) => void)[] = [];
  const report = {
    events: memory.desk.version + [...entries.values()].reduce((sum, entry) => sum + entry.version, 0),
    notes,
    aside: await files.aside.kept(),
  };

  let sinceSnapshot = tail.length;
  let snapshotFailed = false;
  let snapshotting: Promise<void> | null = null;
  /** The record that the older generation of snapshot.json covers, as far as this process knows. */
  let coveredBefore = 0;
  let coveredNow = snapshot?.seq ?? 0;
  let closing: Promise<void> | null = null;

  // ── Starting ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async function replay(): Promise<void> {
    const needed = new Set(
      [...entries.values()].filter((entry) => entry.summary?.status !== 'resolved').map((entry) => entry.id),
    );
    for (const { stream, events } of tail) if (events.length > 0 && entries.has(stream)) needed.add(stream);
    await inParallel(READERS, [...needed], async (id) => {
      const entry = entries.get(id) as Entry;
      const file = await files.readIncident(id);
      if (file === undefined || file.events.length < entry.version) {
        memory.giveUp(id, unreadable(id));
        note(unreadable(id));
      } else memory.place(entry, file);
    });
    for (const record of tail) {
      memory.replay(record, note);
      settle(record, true);
    }
  }

  function settle(record: StoredRecord, recovered: boolean): void {
    for (const id of record.settles) owed.delete(id);
    for (const effect of record.effects) owed.set(effect.id, { effect, recovered });
  }

  // ── Appending ──────────────────────────────────────────────────────────────────────────────────────────────────────

  function refuseWhenDown(): void {
    const failure = journal.failure();
    if (failure !== null) throw new StoreUnavailable(failure);
    if (closing !== null) throw new StoreUnavailable('the store is closed');
  }

  async function append(
    stream: string,
    expectedVersion: number,
    events: StandingEvent[],
    effects: Effect[],
    settles: string[] = [],
  ): Promise<'appended' | 'conflict'> {
    refuseWhenDown();
    if (events.length === 0 && effects.length === 0 && settles.length === 0) return 'appended';
    // Settling alone changes no log, so that no version is asked for.
    const changes = events.length > 0 || effects.length > 0;
    if (changes && memory.version(stream) !== expectedVersion) return 'conflict';
    if (events.length > 0 && putAway(stream) !== undefined) {
      for (let entry = putAway(stream); entry !== undefined; entry = putAway(stream)) await revive(entry);
      refuseWhenDown();
      if (memory.version(stream) !== expectedVersion) return 'conflict';
    }
    // Memory folds what a reader of the journal will read, so that a restart shows the same, and nothing is shared with
    // the caller.
    const json = JSON.stringify({
      stream,
      version: expectedVersion,
      ...(events.length === 0 ? {} : { events }),
      ...(effects.length === 0 ? {} : { effects }),
      ...(settles.length === 0 ? {} : { settles }),
    });
    const record = readRecord(JSON.parse(json) as Partial<StoredRecord>);
    if (record.events.length === 0) {
      memory.fold(record);
      await journal.append(json, () => becameDurable(record));
      return 'appended';
    }
    const hashes = linksOf(stream, memory.chain(stream), record.events, sha256);
    memory.fold({ ...record, hashes });
    const chained = `${json.slice(0, -1)},"hashes":${JSON.stringify(hashes)}}`;
    await journal.append(chained, () => becameDurable(record));
    return 'appended';
  }

  /** The incident, when it is not in memory. */
  function putAway(id: string): Entry | undefined {
    const entry = entries.get(id);
    return entry?.live === null ? entry : undefined;
  }

  function becameDurable(record: StoredRecord): void {
    settle(record, false);
    memory.sealed(record);
    for (const listener of listeners) {
      try {
        listener(record.stream, record.events, record.effects);
      } catch (error) {
        log?.error({ stream: record.stream, error: reasonOf(error) }, 'a listener to the store threw');
      }
    }
    sinceSnapshot += 1;
    if (snapshotting === null && closing === null && isSnapshotDue()) void takeSnapshot();
  }

  function isSnapshotDue(): boolean {
    if (sinceSnapshot >= snapshotEvery) return true;
    return !snapshotFailed && memory.closedTooLong();
  }

  // ── Snapshot ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Never throws: without a snapshot the journal grows, and nothing is lost. */
  async function takeSnapshot(): Promise<void> {
    snapshotting = writeSnapshot().then(
      () => {
        snapshotFailed = false;
      },
      (error: unknown) => {
        snapshotFailed = true;
        log?.warn({ error: reasonOf(error) }, 'no snapshot could be written; the journal goes on without');
      },
    );
    await snapshotting;
    snapshotting = null;
  }

  async function writeSnapshot(): Promise<void> {
    // Everything up to the first await is one instant: memory at record `seq`. Incidents and summaries are never changed
    // in place, and logs only grow, so pointers and lengths are enough.
    const seq = journal.last();
    const captured = memory.capture();
    sinceSnapshot = 0;
    let owedThen: Effect[] = [];
    await journal.rotate(() => {
      owedThen = [...owed.values()].map(({ effect }) => effect);
    });
    // All of it is durable now.
    await inParallel(WRITERS, captured.incidents, async ({ entry, incident, events, chain, version }) => {
      await files.writeIncident({
        fold: FOLD,
        ordinal: entry.ordinal,
        chain: { from: chain.from, hashes: chain.hashes.slice(0, version - chain.from) },
        events: events.slice(0, version),
        incident,
      });
      failpoint('snapshot.incident');
    });
    if (captured.incidents.length > 0) await files.syncIncidents();
    for (const part of captured.desk.parts) await files.writeDesk(part);
    for (const [shard, lines] of captured.shards) {
      await files.writeShard(shard, lines);
      failpoint('snapshot.shard');
    }
    await files.writeSnapshot({
      seq,
      incidents: captured.count,
      trading: captured.trading,
      strays: captured.strays,
      owed: owedThen,
      desk: captured.desk.kept,
    });
    failpoint('snapshot.index');
    coveredBefore = coveredNow;
    coveredNow = seq;
    memory.putAway(captured);
    await journal.removeThrough(coveredBefore);
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An incident and its log, from memory or its file. */
  async function read(entry: Entry): Promise<Live> {
    // Again when it changed while its file was read.
    for (let tries = 0; tries < 3; tries += 1) {
      if (entry.live !== null) return entry.live;
      if (entry.damaged !== null) throw new StoreUnavailable(entry.damaged);
      const { version } = entry;
      const file = await fromFile(entry);
      if (entry.live === null && file?.events.length === version && entry.version === version)
        return refold(file);
    }
    throw new StoreUnavailable(unreadable(entry.id));
  }

  async function fromFile({ id }: Entry): Promise<IncidentFile | undefined> {
    try {
      return await files.readIncident(id);
    } catch (error) {
      throw new StoreUnavailable(`incidents/${id}.json cannot be read: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Bring a put-away incident back into memory, once for all who ask. */
  function revive(entry: Entry): Promise<void> {
    entry.reviving ??= read(entry)
      .then((found) => memory.revived(entry, found))
      .finally(() => {
        entry.reviving = null;
      });
    return entry.reviving;
  }

  async function deskHistory(): Promise<StandingEvent[]> {
    const events: StandingEvent[] = [];
    const { chunks, events: recent } = memory.desk;
    const inMemory = [...recent];
    for (const chunk of chunks) {
      if (chunk.newestAt < now() - DESK_HISTORY_MS) continue;
      const part = await files.readDesk(chunk.from);
      if (part === undefined)
        note(`The desk's log from its event ${chunk.from + 1} on cannot be read: a part is missing.`);
      events.push(...(part ?? []));
    }
    return [...events, ...inMemory];
  }

  return {
    append,
    async load(id) {
      const entry = entries.get(id);
      return entry === undefined ? undefined : (await read(entry)).incident;
    },
    peek: (id) => entries.get(id)?.live?.incident,
    version: memory.version,
    async history(stream) {
      if (stream === DESK) return deskHistory();
      const entry = entries.get(stream);
      return entry === undefined ? [] : [...(await read(entry)).events];
    },
    async chain(stream) {
      if (stream === DESK) {
        const { version, durable, chain } = memory.desk;
        return headAt({ from: version - chain.hashes.length, hashes: chain.hashes }, durable);
      }
      const entry = entries.get(stream);
      return entry === undefined ? null : headAt((await read(entry)).chain, entry.durable);
    },
    summaries: memory.summaries,
    open: memory.open,
    latestOfGroup: memory.latestOfGroup,
    trading: memory.trading,
    strayResolution: memory.strayResolution,
    owed: () => [...owed.values()],
    onAppended: (listener) => void listeners.push(listener),
    failure: () => journal.failure(),
    report: () => report,
    close() {
      closing ??= shut();
      return closing;
    },
  };

  async function shut(): Promise<void> {
    try {
      await snapshotting;
      if (sinceSnapshot > 0 || memory.hasChanges()) await takeSnapshot();
    } finally {
      try {
        await journal.close();
      } finally {
        await holding.release();
      }
    }
  }
}

const unreadable = (id: string): string =>
  `${id} cannot be shown or changed: its file incidents/${id}.json is missing, damaged or older than the index.`;

function readRecord(record: Partial<StoredRecord>): StoredRecord {
  const { stream, version, events = [], effects = [], settles = [], hashes } = record;
  if (typeof stream !== 'string' || typeof version !== 'number')
    throw new StoreRefused('a journal record names no log: it was not written by Standdown');
  return { stream, version, events, effects, settles, ...(hashes === undefined ? {} : { hashes }) };
}
