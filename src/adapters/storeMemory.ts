/** What the store holds in memory, and how a record changes it. No disk, and no time but `now`. */

import type { Chain } from '../domain/chain.ts';
import type { Effect } from '../domain/effects.ts';
import { evolveAll, type Incident, type StandingEvent } from '../domain/incident.ts';
import { evolveTrading, RUNNING, type Trading } from '../domain/trading.ts';
import { DESK, type IncidentSummary } from '../ports.ts';
import {
  type DeskChunk,
  type DeskPart,
  FOLD,
  type IncidentFile,
  type IndexLine,
  SHARD,
  type SnapshotFile,
  type Stray,
  summaryOf,
} from './storeFiles.ts';

/** How long a stray resolution is kept (a firing that comes later is a new one). */
const STRAY_MS = 24 * 60 * 60 * 1_000;
/** Closed incidents stay in memory until they are put away; a snapshot is due when one waits longer, or more wait. */
const CLOSED_STAY_MS = 60 * 60 * 1_000;
const CLOSED_STAY_COUNT = 500;
/** The desk's log is put away in parts of this many events. */
const DESK_CHUNK = 1_000;
/** An id names a file, so it must not lead out of its folder. */
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** One line of the journal. */
export interface StoredRecord {
  stream: string;
  /** The version of the stream before it. */
  version: number;
  events: StandingEvent[];
  effects: Effect[];
  settles: string[];
  /** The hash of each event in its log's chain; absent in a record of a version that chained nothing. */
  hashes?: string[];
}

/** An incident in memory: folded, its log, and the log's hashes. */
export interface Live {
  incident: Incident;
  events: StandingEvent[];
  chain: Chain;
}

/** An incident: in memory while it is open or not put away, else in its file. */
export interface Entry {
  id: string;
  ordinal: number;
  version: number;
  /** The version that its file holds; 0 when it has none. */
  saved: number;
  alerts: number;
  summary: IncidentSummary | null;
  live: Live | null;
  /** How many of its events are on the disk; what is in memory may be ahead. */
  durable: number;
  reviving: Promise<void> | null;
  /** Why its file is of no use, in a sentence. Such an incident is listed, and can be neither read nor changed. */
  damaged: string | null;
}

/** The incident of a file, folded again when the fold has changed since. */
export function refold(file: IncidentFile): Live {
  const { fold, events, chain = unchained(events.length) } = file;
  const same = fold === FOLD || events.length === 0;
  return { incident: same ? file.incident : evolveAll(undefined, events), events, chain };
}

/** The chain of a log that has `length` rows and no hash: it begins with the next one. */
const unchained = (length: number): Chain => ({ from: length, hashes: [] });

/** A record's hashes join the chain. Without them nothing vouches for its rows: the chain begins anew after them. */
function joined(chain: Chain, hashes: string[] | undefined, events: number, version: number): Chain {
  if (hashes?.length !== events) return unchained(version);
  for (const hash of hashes) chain.hashes.push(hash);
  return chain;
}

/** One instant of memory, to be written. */
export interface Captured {
  incidents: ({ entry: Entry; version: number } & Live)[];
  shards: Map<number, IndexLine[]>;
  count: number;
  trading: Trading;
  strays: Stray[];
  desk: { kept: SnapshotFile['desk']; parts: DeskPart[] };
}

export interface Memory {
  entries: Map<string, Entry>;
  /** The desk's log: `events` are the newest of `version` and `chain` has their hashes, the older ones are in `chunks`. */
  desk: DeskLog;
  version: (stream: string) => number;
  /** What the next event of a log is chained to. */
  chain: (stream: string) => Chain;
  /** A record is on the disk. */
  sealed: (record: StoredRecord) => void;
  /** Add an incident that the index names. */
  index: (line: IndexLine) => void;
  /** Bring an incident into memory from its file, when starting. */
  place: (entry: Entry, file: IncidentFile) => void;
  /** Bring a put-away incident back into memory. */
  revived: (entry: Entry, found: Live) => void;
  /** Set an incident apart that cannot be read; the others go on. */
  giveUp: (id: string, why: string) => void;
  /** Fold a record in. Throws, and changes nothing, when its events do not make a log. */
  fold: (record: StoredRecord) => void;
  /** Fold a record of the journal in, unless the incident's file holds it already. */
  replay: (record: StoredRecord, note: (sentence: string) => void) => void;
  /** This instant, to be written. */
  capture: () => Captured;
  /** What was captured is on disk: closed incidents leave memory, and so does the older part of the desk's log. */
  putAway: (captured: Captured) => void;
  hasChanges: () => boolean;
  /** True when too many closed incidents wait to be put away, or one waits too long. */
  closedTooLong: () => boolean;
  trading: () => Trading;
  summaries: () => IncidentSummary[];
  open: () => Incident[];
  latestOfGroup: (source: string, groupKey: string) => IncidentSummary | undefined;
  strayResolution: (id: string) => number | undefined;
}

export interface DeskLog {
  version: number;
  /** How many of its events are on the disk. */
  durable: number;
  chunks: DeskChunk[];
  events: StandingEvent[];
  chain: Chain;
}

/** The memory of a store as its snapshot and index left it; the journal's records are folded in after that. */
export function createMemory(now: () => number, snapshot: SnapshotFile | undefined): Memory {
  const entries = new Map<string, Entry>();
  /** By how many were opened before; a hole is an incident that is lost. */
  const ordinals: (Entry | undefined)[] = Array.from({ length: snapshot?.incidents ?? 0 });
  const unreadable = new Set<string>();
  const open = new Map<string, Entry>();
  /** Closed incidents that are still in memory, and since when. */
  const closed = new Map<string, number>();
  const dirty = new Set<Entry>();
  const groups = new Map<string, Entry>();
  const strays = new Map<string, Stray>((snapshot?.strays ?? []).map((stray) => [stray.id, stray]));
  let trading: Trading = { ...RUNNING, ...snapshot?.trading };
  const kept = snapshot?.desk ?? { version: 0, chunks: [], events: [] };
  const desk: DeskLog = { ...kept, chain: kept.chain ?? unchained(kept.version), durable: kept.version };

  const groupOf = (source: string, groupKey: string): string => JSON.stringify([source, groupKey]);
  const version = (stream: string): number =>
    stream === DESK ? desk.version : (entries.get(stream)?.version ?? 0);

  function add(entry: Entry, source: string | null | undefined, groupKey: string | null | undefined): void {
    entries.set(entry.id, entry);
    ordinals[entry.ordinal] = entry;
    if (typeof source === 'string' && typeof groupKey === 'string')
      groups.set(groupOf(source, groupKey), entry);
  }

  function index(line: IndexLine): void {
    const { summary } = line;
    const entry: Entry = {
      id: summary.id,
      ordinal: line.ordinal,
      version: line.version,
      durable: line.version,
      saved: line.version,
      alerts: summary.alerts,
      summary,
      live: null,
      reviving: null,
      damaged: null,
    };
    add(entry, summary.source, summary.groupKey);
  }

  /** File an incident under open or closed. */
  function sort(entry: Entry, incident: Incident): void {
    if (incident.status === 'resolved') {
      open.delete(entry.id);
      if (!closed.has(entry.id)) closed.set(entry.id, now());
    } else {
      closed.delete(entry.id);
      open.set(entry.id, entry);
    }
  }

  /** Bring an incident into memory from its file. */
  function place(entry: Entry, file: IncidentFile): void {
    entry.live = refold(file);
    entry.saved = file.events.length;
    entry.durable = entry.saved;
    if (entry.version !== entry.saved) {
      // Its file is ahead of the index: a crash came between the two.
      entry.version = entry.saved;
      entry.alerts = Object.keys(entry.live.incident.alerts).length;
      entry.summary = null;
      dirty.add(entry);
    }
    sort(entry, entry.live.incident);
  }

  function revived(entry: Entry, { incident, events, chain }: Live): void {
    entry.live ??= {
      incident,
      events: [...events],
      chain: { from: chain.from, hashes: [...chain.hashes] },
    };
    sort(entry, entry.live.incident);
  }

  /** Fold a record in. Throws, and changes nothing, when its events do not make a log. */
  function fold(record: StoredRecord): void {
    const { stream, events } = record;
    if (stream === DESK) {
      for (const event of events) {
        desk.events.push(event);
        if (event.type === 'ResolutionNoted') noteStray(event);
      }
      desk.version += events.length;
      if (events.length > 0) desk.chain = joined(desk.chain, record.hashes, events.length, desk.version);
    } else if (events.length > 0) foldIncident(stream, events, record.hashes);
    foldTrading(record);
  }

  function foldTrading({ stream, events }: StoredRecord): void {
    for (const event of events) trading = evolveTrading(trading, event, stream);
  }

  function foldIncident(id: string, events: StandingEvent[], hashes: string[] | undefined): void {
    const before = entries.get(id);
    for (const event of events)
      if (event.type === 'IncidentOpened' && event.id !== id)
        throw new Error(`the log of ${id} cannot open ${event.id}`);
    const fresh = new Set<string>();
    const known = before?.live?.incident;
    for (const event of events)
      if (event.type === 'AlertFired' && !Object.hasOwn(known?.alerts ?? {}, event.alert.key))
        fresh.add(event.alert.key);
    const alerts = (before?.alerts ?? 0) + fresh.size;
    const incident = evolveAll(known, events);
    let entry = before;
    if (entry === undefined) {
      if (!SAFE_ID.test(id)) throw new Error(`${JSON.stringify(id)} cannot be an incident's id`);
      const live = { incident, events: [], chain: unchained(0) };
      entry = {
        id,
        ordinal: ordinals.length,
        version: 0,
        durable: 0,
        saved: 0,
        alerts,
        summary: null,
        live,
        reviving: null,
        damaged: null,
      };
      add(entry, incident.source, incident.groupKey);
    }
    if (entry.live === null) throw new Error(`${id} is not in memory`);
    entry.live.incident = incident;
    for (const event of events) entry.live.events.push(event);
    entry.version += events.length;
    entry.live.chain = joined(entry.live.chain, hashes, events.length, entry.version);
    entry.alerts = alerts;
    entry.summary = null;
    dirty.add(entry);
    sort(entry, incident);
  }

  /** Fold a record of the journal in, unless the incident's file holds it already. */
  function replay(record: StoredRecord, note: (sentence: string) => void): void {
    const { stream, events } = record;
    const again = (): void => {
      fold(record);
      sealed(record);
    };
    if (stream === DESK || events.length === 0) return again();
    const entry = entries.get(stream);
    const at = entry?.version ?? 0;
    if (!unreadable.has(stream) && record.version === at) return again();
    foldTrading(record);
    if (unreadable.has(stream) || record.version + events.length <= at) return;
    const sentence = `${stream} cannot be shown or changed: the journal goes on at its event ${record.version + 1}, and its file ends at ${at}.`;
    giveUp(stream, sentence);
    note(sentence);
  }

  function sealed({ stream, version: before, events }: StoredRecord): void {
    const log = stream === DESK ? desk : entries.get(stream);
    if (log !== undefined && events.length > 0) log.durable = before + events.length;
  }

  function giveUp(id: string, why: string): void {
    unreadable.add(id);
    const entry = entries.get(id);
    if (entry === undefined) return;
    summary(entry);
    entry.damaged = why;
    entry.live = null;
    open.delete(id);
    closed.delete(id);
    dirty.delete(entry);
  }

  function noteStray(event: StandingEvent & { type: 'ResolutionNoted' }): void {
    const id = `${event.source}|${event.groupKey}|${event.key}|${event.startsAt}`;
    strays.delete(id); // so that the map stays in the order of time
    strays.set(id, { id, endedAt: event.endedAt, notedAt: event.at });
    for (const stray of strays.values()) {
      if (stray.notedAt > now() - STRAY_MS) break;
      strays.delete(stray.id);
    }
  }

  function summary(entry: Entry): IncidentSummary {
    if (entry.summary === null && entry.live !== null)
      entry.summary = summaryOf(entry.live.incident, entry.alerts);
    return entry.summary as IncidentSummary;
  }

  function capture(): Captured {
    const incidents: Captured['incidents'] = [];
    const shards = new Map<number, IndexLine[]>();
    for (const entry of dirty) {
      if (entry.live === null) continue;
      if (entry.saved < entry.version) incidents.push({ entry, ...entry.live, version: entry.version });
      const shard = Math.floor(entry.ordinal / SHARD);
      if (shards.has(shard)) continue;
      const members = ordinals.slice(shard * SHARD, (shard + 1) * SHARD).filter((one) => one !== undefined);
      shards.set(
        shard,
        members.map((one) => ({ ordinal: one.ordinal, version: one.version, summary: summary(one) })),
      );
    }
    return {
      incidents,
      shards,
      count: ordinals.length,
      trading,
      strays: [...strays.values()].filter((stray) => stray.notedAt > now() - STRAY_MS),
      desk: captureDesk(),
    };
  }

  function captureDesk(): Captured['desk'] {
    const chunks = [...desk.chunks];
    const parts: DeskPart[] = [];
    let from = desk.version - desk.events.length;
    let taken = 0;
    while (desk.events.length - taken >= 2 * DESK_CHUNK) {
      const events = desk.events.slice(taken, taken + DESK_CHUNK);
      parts.push({ from, events, chain: deskChain(from, from + DESK_CHUNK) });
      chunks.push({ from, newestAt: events.reduce((newest, event) => Math.max(newest, event.at), 0) });
      from += DESK_CHUNK;
      taken += DESK_CHUNK;
    }
    const { version } = desk;
    return {
      parts,
      kept: { version, chunks, events: desk.events.slice(taken), chain: deskChain(from, version) },
    };
  }

  /** The hashes of the desk's rows after `from` up to `to`. */
  function deskChain(from: number, to: number): Chain {
    const { hashes } = desk.chain;
    const first = desk.version - hashes.length;
    return {
      from: Math.max(from, desk.chain.from),
      hashes: hashes.slice(Math.max(0, from - first), Math.max(0, to - first)),
    };
  }

  /** What was captured is on disk: closed incidents leave memory, and so does the older part of the desk's log. */
  function putAway(captured: Captured): void {
    for (const { entry, version } of captured.incidents) entry.saved = version;
    for (const entry of dirty) if (entry.saved === entry.version) dirty.delete(entry);
    for (const id of closed.keys()) {
      const entry = entries.get(id);
      if (entry === undefined || entry.saved !== entry.version) continue;
      summary(entry);
      entry.live = null;
      closed.delete(id);
    }
    desk.chunks = captured.desk.kept.chunks;
    desk.events.splice(0, captured.desk.parts.length * DESK_CHUNK);
    desk.chain.hashes.splice(0, Math.max(0, desk.chain.hashes.length - desk.events.length));
  }

  return {
    entries,
    desk,
    version,
    chain: (stream) =>
      stream === DESK ? desk.chain : (entries.get(stream)?.live?.chain ?? unchained(version(stream))),
    sealed,
    index,
    place,
    revived,
    giveUp,
    fold,
    replay,
    capture,
    putAway,
    hasChanges: () => dirty.size > 0,
    closedTooLong: () => {
      if (closed.size >= CLOSED_STAY_COUNT) return true;
      for (const since of closed.values()) return since < now() - CLOSED_STAY_MS;
      return false;
    },
    trading: () => trading,
    summaries: () => ordinals.flatMap((entry) => (entry === undefined ? [] : summary(entry))),
    open: () => [...open.values()].flatMap((entry) => entry.live?.incident ?? []),
    latestOfGroup: (source, groupKey) => {
      const entry = groups.get(groupOf(source, groupKey));
      return entry === undefined ? undefined : summary(entry);
    },
    strayResolution: (id) => {
      const stray = strays.get(id);
      return stray === undefined || stray.notedAt <= now() - STRAY_MS ? undefined : stray.endedAt;
    },
  };
}
