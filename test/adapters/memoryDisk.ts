/**
 * A file system in memory that records every write, sync, rename and removal, and can show what a crash after any of
 * them may leave: whatever was synced, and any subset of what was not, the last write torn anywhere.
 */

import { basename, dirname } from 'node:path';
import type { Disk } from '../../src/adapters/disk.ts';

type Op =
  | { kind: 'write'; file: number; bytes: Buffer }
  | { kind: 'sync'; file: number }
  | { kind: 'name'; path: string; file: number }
  | { kind: 'rename'; from: string; to: string; file: number }
  | { kind: 'remove'; path: string }
  | { kind: 'syncFolder'; folder: string };

/** A generator of numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How one crash treats what was not synced. */
export interface Crash {
  /** Crash after so many operations. */
  after: number;
  /** 0 to 1, for each unsynced write and each unsynced change of a folder: is it there? */
  keep: () => number;
  /** Bytes that are left of the last unsynced write; all of them when it is not given. */
  cut?: number;
  /** A bit of the last unsynced write that is turned over. */
  flip?: number;
  /** The bytes that the cut took, and what was dropped at the end, read as zeros: the length was written, the data was not. */
  zeros?: boolean;
}

export interface MemoryDisk extends Disk {
  /** Operations so far. */
  ops(): number;
  /** The bytes of the last write before an operation, or 0 when the operation before it was none. */
  lastWrite(after: number): number;
  /** A new disk, as a crash leaves this one. */
  crashed(crash: Crash): MemoryDisk;
  /** The files as they are. */
  files(): Map<string, Buffer>;
  /** Change a file behind everybody's back. */
  put(path: string, bytes: Buffer): void;
}

export interface Lies {
  /** Answers a sync without doing it. */
  sync?: boolean;
  syncFolder?: boolean;
}

/** A disk that holds these files, durably. Each call takes up to `turns()` turns of the microtask queue. */
export function memoryDisk(
  start: Map<string, Buffer> = new Map(),
  turns: () => number = () => 0,
  lies: Lies = {},
): MemoryDisk {
  const names = new Map<string, number>();
  const contents: Buffer[][] = [];
  const ops: Op[] = [];
  for (const [path, bytes] of start) names.set(path, contents.push([bytes]) - 1);

  async function turn(): Promise<void> {
    for (let left = turns(); left > 0; left -= 1) await Promise.resolve();
  }
  const contentOf = (path: string): Buffer | undefined => {
    const file = names.get(path);
    return file === undefined ? undefined : Buffer.concat(contents[file] as Buffer[]);
  };
  const missing = (path: string): Error => Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });

  return {
    ops: () => ops.length,
    lastWrite: (after) => {
      const op = ops[after - 1];
      return op?.kind === 'write' ? op.bytes.length : 0;
    },
    files: () => new Map([...names.keys()].map((path) => [path, contentOf(path) as Buffer])),
    put: (path, bytes) => void names.set(path, contents.push([bytes]) - 1),
    crashed: (crash) => memoryDisk(afterCrash(start, ops.slice(0, crash.after), crash)),

    makeFolder: turn,
    async list(folder) {
      await turn();
      return [...names.keys()]
        .filter((path) => dirname(path) === folder)
        .map((path) => basename(path))
        .sort();
    },
    async read(path) {
      await turn();
      return contentOf(path);
    },
    async create(path) {
      await turn();
      const file = contents.push([]) - 1;
      names.set(path, file);
      ops.push({ kind: 'name', path, file });
      return {
        async write(bytes) {
          await turn();
          contents[file]?.push(Buffer.from(bytes));
          ops.push({ kind: 'write', file, bytes: Buffer.from(bytes) });
        },
        async sync() {
          await turn();
          if (lies.sync !== true) ops.push({ kind: 'sync', file });
        },
        close: turn,
      };
    },
    async rename(from, to) {
      await turn();
      const file = names.get(from);
      if (file === undefined) throw missing(from);
      names.delete(from);
      names.set(to, file);
      ops.push({ kind: 'rename', from, to, file });
    },
    async remove(path) {
      await turn();
      if (names.delete(path)) ops.push({ kind: 'remove', path });
    },
    async syncFolder(folder) {
      await turn();
      if (lies.syncFolder !== true) ops.push({ kind: 'syncFolder', folder });
    },
  };
}

function afterCrash(start: Map<string, Buffer>, ops: Op[], crash: Crash): Map<string, Buffer> {
  const { keep } = crash;
  // Files: what was written before the last sync of each, then whichever later writes survived.
  const writes = new Map<number, { bytes: Buffer; synced: boolean }[]>();
  const names = new Map<string, number>();
  const stable = [...start.values()];
  [...start.keys()].forEach((path, file) => names.set(path, file));
  let folderOps: Exclude<Op, { kind: 'write' | 'sync' | 'syncFolder' }>[] = [];
  let lastWrite: { bytes: Buffer; synced: boolean } | undefined;
  for (const op of ops) {
    if (op.kind === 'write') {
      lastWrite = { bytes: op.bytes, synced: false };
      writes.set(op.file, [...(writes.get(op.file) ?? []), lastWrite]);
    } else if (op.kind === 'sync') {
      for (const write of writes.get(op.file) ?? []) write.synced = true;
    } else if (op.kind === 'syncFolder') {
      folderOps = folderOps.filter((change) => {
        const paths = change.kind === 'rename' ? [change.from, change.to] : [change.path];
        const touched = paths.some((path) => dirname(path) === op.folder);
        if (touched) apply(names, change);
        return !touched;
      });
    } else folderOps.push(op);
  }
  for (const change of folderOps) if (keep() < 0.5) apply(names, change);

  const contentOf = (file: number): Buffer => {
    const parts: Buffer[] = [stable[file] ?? Buffer.alloc(0)];
    let dropped = 0;
    for (const write of writes.get(file) ?? []) {
      if (!write.synced && keep() >= 0.5) {
        dropped += write.bytes.length;
        continue;
      }
      // A hole before what survived reads as zeros.
      parts.push(Buffer.alloc(dropped));
      dropped = 0;
      const torn = write === lastWrite && !write.synced;
      const bytes = Buffer.from(
        torn && crash.cut !== undefined ? write.bytes.subarray(0, crash.cut) : write.bytes,
      );
      if (torn && crash.flip !== undefined && bytes.length > 0)
        bytes[Math.floor(crash.flip / 8) % bytes.length]! ^= 1 << (crash.flip % 8);
      parts.push(bytes);
      if (crash.zeros === true) dropped += write.bytes.length - bytes.length;
    }
    if (crash.zeros === true) parts.push(Buffer.alloc(dropped));
    return Buffer.concat(parts);
  };
  return new Map([...names].map(([path, file]) => [path, contentOf(file)]));
}

function apply(names: Map<string, number>, op: Exclude<Op, { kind: 'write' | 'sync' | 'syncFolder' }>): void {
  if (op.kind === 'remove') names.delete(op.path);
  else if (op.kind === 'name') names.set(op.path, op.file);
  else {
    names.delete(op.from);
    names.set(op.to, op.file);
  }
}
