/**
 * One process a data directory. The lock is a file that names its holder. Node has no flock, so a lock outlives a crash
 * and has to be taken over: the only process that may replace a stale lock is the one that holds a second lock, named
 * after that very stale one. Two that saw the same stale lock can so never both replace it.
 */

import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorCode, nodeDisk, StoreRefused } from './disk.ts';

/** How often a holder touches its lock, and how long one of another container is watched for that. */
const BEAT_MS = 1_000;
const WATCH_MS = 3_500;

interface Holder {
  pid: number;
  /** Clock ticks since boot when the process began (proc(5), field 22): tells a reused pid. Null without /proc. */
  startTicks: string | null;
  bootId: string | null;
  /** The machine or container, and its space of process ids: in another one, our pids mean nothing. */
  host: string;
  pidSpace: string | null;
  /** Unique to this holding. */
  nonce: string;
}

export interface LockOptions {
  /** Where the proc file system is; tests point it nowhere. */
  proc?: string;
  /** Waits so many ms; tests do not. */
  wait?: (ms: number) => Promise<unknown>;
  /** Called when somebody else took the lock while we held it (this process was stopped for too long). */
  onLost?: (why: string) => void;
}

interface Judge {
  me: Holder;
  proc: string;
  wait: (ms: number) => Promise<unknown>;
}

/**
 * Take the lock of a data directory. Returns how to release it.
 * Throws StoreRefused, naming the holder's pid, while another process (or this one) holds it.
 */
export async function acquireLock(folder: string, options: LockOptions = {}): Promise<() => Promise<void>> {
  const proc = options.proc ?? '/proc';
  const me: Holder = {
    pid: process.pid,
    startTicks: (await processStat(proc, process.pid))?.startTicks ?? null,
    bootId: await contents(join(proc, 'sys/kernel/random/boot_id')),
    host: hostname(),
    pidSpace: await readlink(join(proc, 'self/ns/pid')).catch(() => null),
    nonce: randomUUID(),
  };
  const rival = await take(folder, 'lock', { me, proc, wait: options.wait ?? wait });
  if (rival !== null)
    throw new StoreRefused(
      `${folder} is in use by process ${rival.pid}${rival.host === me.host ? '' : ` on ${rival.host}`}. Stop that process first, or give this one another data directory; two would act twice.`,
    );
  // Guards of take-overs that crashed. They are of locks that are gone, so that holding one gives nothing.
  for (const name of await readdir(folder)) {
    if (/^lock\.[0-9a-f-]{36}$/.test(name)) await rm(join(folder, name), { force: true });
  }
  const path = join(folder, 'lock');
  const isMine = async () => (await readHolder(path).catch(() => undefined))?.nonce === me.nonce;
  const beat = async () => {
    if (await isMine()) return utimes(path, new Date(), new Date());
    clearInterval(timer);
    options.onLost?.(`${path} is no longer ours: another process took it`);
  };
  // Reading fails when the disk does; the journal notices that by itself.
  const timer = setInterval(() => void beat().catch(() => undefined), BEAT_MS).unref();
  return async () => {
    clearInterval(timer);
    if (await isMine()) await rm(path, { force: true });
  };
}

/** Take a lock file; null when taken, else who has it. */
async function take(folder: string, name: string, judge: Judge): Promise<Holder | null> {
  const { me } = judge;
  const path = join(folder, name);
  for (;;) {
    if (await createWhole(path, me)) return null;
    const holder = await readHolder(path);
    if (holder === undefined) continue; // released in between
    if (await isAlive(path, holder, judge)) return holder;

    const guard = `lock.${holder.nonce}`;
    const rival = await take(folder, guard, { ...judge, me: { ...me, nonce: randomUUID() } });
    if (rival !== null) return rival; // somebody alive is taking it over
    try {
      // Looked at again under the guard: the stale lock may have been replaced since, and its guard released.
      if ((await readHolder(path))?.nonce !== holder.nonce) continue;
      const mine = `${path}.${me.nonce}.tmp`;
      await writeFile(mine, JSON.stringify(me), { mode: 0o600 });
      await rename(mine, path);
      return null;
    } finally {
      await rm(join(folder, guard), { force: true });
    }
  }
}

/** Create a lock file with its content in one step; false when there is one. A reader never sees half of it. */
async function createWhole(path: string, me: Holder): Promise<boolean> {
  const mine = `${path}.${me.nonce}.tmp`;
  await writeFile(mine, JSON.stringify(me), { flag: 'wx', mode: 0o600 });
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(mine, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  const bytes = await nodeDisk.read(path); // which refuses links
  if (bytes === undefined) return undefined;
  try {
    const holder = JSON.parse(bytes.toString('utf8')) as Holder;
    if (Number.isInteger(holder.pid) && typeof holder.nonce === 'string') return holder;
  } catch {
    // said below: whatever is in it, it is not ours
  }
  throw new StoreRefused(
    `${path} does not say which process holds it. If no Standdown runs on this data directory, remove that file.`,
  );
}

async function isAlive(path: string, holder: Holder, { me, proc, wait }: Judge): Promise<boolean> {
  // Another container on the same volume: its process ids are not ours, so that only its heartbeat can be looked at.
  if (holder.host !== me.host || holder.pidSpace !== me.pidSpace) {
    const before = await touchedAt(path);
    await wait(WATCH_MS);
    const after = await touchedAt(path);
    return after !== null && after !== before;
  }
  if (holder.bootId !== null && me.bootId !== null && holder.bootId !== me.bootId) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM'; // it is there, and another user's
  }
  const found = await processStat(proc, holder.pid);
  if (found === undefined || holder.startTicks === null) return true;
  return found.state !== 'Z' && found.startTicks === holder.startTicks; // Z: dead, and not yet waited for
}

const touchedAt = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );

/** A process's state letter, and when it began, as /proc says; undefined when it does not say. */
async function processStat(
  proc: string,
  pid: number,
): Promise<{ state: string | undefined; startTicks: string | undefined } | undefined> {
  const text = await contents(join(proc, String(pid), 'stat'));
  if (text === null) return undefined;
  // The name in brackets may hold spaces and brackets: count from the last one, which ends field 2.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], startTicks: fields[19] };
}

const contents = (path: string): Promise<string | null> =>
  readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
