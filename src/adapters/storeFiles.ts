/** What the store keeps beside its journal, and where: the snapshot, the index, the desk's older log, the incidents. */

import { join } from 'node:path';
import type { Chain } from '../domain/chain.ts';
import { followedUntil } from '../domain/clocks.ts';
import type { Effect } from '../domain/effects.ts';
import type { Incident, StandingEvent } from '../domain/incident.ts';
import { openItems } from '../domain/tracker.ts';
import type { Trading } from '../domain/trading.ts';
import type { IncidentSummary } from '../ports.ts';
import { type Aside, openAside } from './aside.ts';
import type { Disk } from './disk.ts';
import { inParallel } from './inParallel.ts';
import { type KeptFile, readKept, writeKept } from './lowdb.ts';

/**
 * Raise it when the shape of a folded incident changes (a test watches the shape): incidents on disk that were folded by
 * an older one are folded again from their events.
 */
export const FOLD = 5;

/** Incidents in one index file. Only the files with a changed incident are written, so the rest cost nothing. */
export const SHARD = 256;

/** Files read at once while starting. */
export const READERS = 16;

/** Everything that is not in a file of its own, as it was after record `seq`. */
export interface SnapshotFile {
  seq: number;
  /** How many incidents had been opened; the index holds them by that number. */
  incidents: number;
  trading: Trading;
  strays: Stray[];
  owed: Effect[];
  /** `chain` begins with the first of `events`, or later; absent: a version that chained nothing wrote it. */
  desk: { version: number; chunks: DeskChunk[]; events: StandingEvent[]; chain?: Chain };
}

/** A resolution that came before its firing. */
export interface Stray {
  id: string;
  endedAt: number;
  notedAt: number;
}

/** A part of the desk's log in a file of its own: where it begins, and the time of its newest event. */
export interface DeskChunk {
  from: number;
  newestAt: number;
}

/** What is in such a file. One of a version that chained nothing is the list of events alone. */
export interface DeskPart {
  from: number;
  events: StandingEvent[];
  chain: Chain;
}

/** What the index says of an incident. `ordinal`: how many were opened before it. */
export interface IndexLine {
  ordinal: number;
  version: number;
  summary: IncidentSummary;
}

export interface IncidentFile {
  fold: number;
  ordinal: number;
  /** Written before the events, so that a file that was cut off still says how many they were. */
  chain?: Chain;
  events: StandingEvent[];
  incident: Incident;
}

export interface StoreFiles {
  aside: Aside;
  journalFolder: string;
  readSnapshot(): Promise<SnapshotFile | undefined>;
  writeSnapshot(snapshot: SnapshotFile): Promise<void>;
  /** True when there is something that only a snapshot could have written. */
  hasPutAway(): Promise<boolean>;
  /** The index of the first `count` incidents. A part that cannot be read is made again from the incident files. */
  readIndex(count: number): Promise<IndexLine[]>;
  writeShard(shard: number, lines: IndexLine[]): Promise<void>;
  readIncident(id: string): Promise<IncidentFile | undefined>;
  /** Not durable before `syncIncidents`. */
  writeIncident(file: IncidentFile): Promise<void>;
  syncIncidents(): Promise<void>;
  readDesk(from: number): Promise<StandingEvent[] | undefined>;
  writeDesk(part: DeskPart): Promise<void>;
}

/** The files of a data directory; its folders are made when they are missing. `note` is told what cannot be read. */
export async function openFiles(
  disk: Disk,
  dataDir: string,
  note: (sentence: string) => void,
): Promise<StoreFiles> {
  const folder = {
    index: join(dataDir, 'index'),
    incidents: join(dataDir, 'incidents'),
    desk: join(dataDir, 'desk'),
  };
  for (const path of Object.values(folder)) await disk.makeFolder(path);
  const aside = openAside(disk, join(dataDir, 'aside'));
  let damages = 0;
  const kept = (path: string): KeptFile => ({
    disk,
    path,
    aside,
    onDamage: (sentence) => {
      damages += 1;
      note(sentence);
    },
  });

  const snapshot = kept(join(dataDir, 'snapshot.json'));
  const numbered = (where: string, n: number): KeptFile =>
    kept(join(where, `${String(n).padStart(6, '0')}.json`));
  const incident = (id: string): KeptFile => ({
    ...kept(join(folder.incidents, `${id}.json`)),
    syncFolder: false,
  });

  const incidentIds = async (): Promise<string[]> => {
    const names = await disk.list(folder.incidents);
    return [...new Set(names.flatMap((name) => /^(.+)\.json(?:\.bak)?$/.exec(name)?.[1] ?? []))];
  };

  async function rebuildIndex(known: Map<number, IndexLine>, count: number): Promise<void> {
    const ids = new Set([...known.values()].map((line) => line.summary.id));
    for (const id of await incidentIds()) {
      if (ids.has(id)) continue;
      const file = await readKept<IncidentFile>(incident(id));
      if (file === undefined || file.ordinal >= count) continue;
      known.set(file.ordinal, {
        ordinal: file.ordinal,
        version: file.events.length,
        summary: summaryOf(file.incident, Object.keys(file.incident.alerts).length),
      });
    }
    const missing = count - known.size;
    note(
      `The index of incidents was made again from their files${missing === 0 ? '.' : `; ${missing} of ${count} are missing.`}`,
    );
  }

  return {
    aside,
    journalFolder: join(dataDir, 'journal'),
    readSnapshot: () => readKept<SnapshotFile>(snapshot),
    writeSnapshot: (data) => writeKept(snapshot, data),
    hasPutAway: async () => (await incidentIds()).length > 0,

    async readIndex(count) {
      const lines = new Map<number, IndexLine>();
      const before = damages;
      const shards = Array.from({ length: Math.ceil(count / SHARD) }, (_, shard) => shard);
      await inParallel(READERS, shards, async (shard) => {
        const found = await readKept<IndexLine[]>(numbered(folder.index, shard));
        for (const line of found ?? []) if (line.ordinal < count) lines.set(line.ordinal, line);
      });
      // An older generation of a part that went bad says too little of what it holds: the incidents know better.
      if (damages > before) lines.clear();
      if (lines.size < count) await rebuildIndex(lines, count);
      return [...lines.values()].sort((a, b) => a.ordinal - b.ordinal);
    },
    writeShard: (shard, lines) => writeKept(numbered(folder.index, shard), lines),

    readIncident: (id) => readKept<IncidentFile>(incident(id)),
    writeIncident: (file) => writeKept(incident(file.incident.id), file),
    syncIncidents: () => disk.syncFolder(folder.incidents),

    async readDesk(from) {
      const part = await readKept<DeskPart | StandingEvent[]>(numbered(folder.desk, from));
      return Array.isArray(part) ? part : part?.events;
    },
    writeDesk: ({ from, events, chain }) => writeKept(numbered(folder.desk, from), { from, chain, events }),
  };
}

/** What the lists show of an incident. The number of alerts is counted by the caller, who need not count them all again. */
export function summaryOf(incident: Incident, alerts: number): IncidentSummary {
  return {
    id: incident.id,
    severity: incident.severity,
    status: incident.status,
    title: incident.title,
    alerts,
    openedAt: incident.openedAt,
    resolvedAt: incident.resolution?.at ?? null,
    source: incident.source ?? null,
    groupKey: incident.groupKey ?? null,
    postmortem: incident.postmortem?.id ?? null,
    thread: incident.posts['headline']?.ts ?? null,
    drill: incident.drill,
    dueAt: followedUntil(incident),
    openItems: openItems(incident).length,
  };
}
