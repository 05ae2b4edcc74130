/** The machine that the bot runs on: Node, the disk, the clock. */

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf } from '../adapters/disk.ts';
import { fail, ok, type Probe, probe, type Said, unknown, warn } from './line.ts';

/** package.json, engines; the newest ones that the suite runs on. */
export function judgeNode(version: string): Said {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const mend = 'Install Node 20.19 or later: 20, 22 or 24.';
  if (major < 20 || (major === 20 && minor < 19)) return fail(`${version} is too old`, mend);
  return [20, 22, 24].includes(major) ? ok(version) : warn(`${version} is none that is tested`, mend);
}

const MIB = 1024 * 1024;
/** An incident's log is kilobytes, the journal is rotated: what is below this fills with the first storm. */
const LEAST_BYTES = 200 * MIB;
const FEW_BYTES = 1024 * MIB;
const LEAST_INODES = 1_000;

const size = (bytes: number): string =>
  bytes >= 1024 * MIB ? `${(bytes / 1024 / MIB).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;

export function judgeSpace(free: { bytes: number; inodes: number; countsInodes: boolean }): Said {
  const mend =
    'Make room, or put STANDDOWN_DATA_DIR on another disk: nothing is accepted that cannot be stored.';
  const inodes = free.countsInodes ? `, ${free.inodes} inodes` : '';
  const words = `${size(free.bytes)} free${inodes}`;
  if (free.bytes < LEAST_BYTES || (free.countsInodes && free.inodes < LEAST_INODES)) return fail(words, mend);
  return free.bytes < FEW_BYTES ? warn(words, mend) : ok(words);
}

/** DESIGN 5: the latch waits for the disk for at most 250 ms. */
const SYNC_LIMIT_MS = 250;
const SYNC_SLOW_MS = 50;

/** By the middle of the tries, ms: one that is slow alone is the load of a moment, and a note. */
export function judgeSync(tries: number[], why: string): Said {
  const mend = 'Use a local disk for STANDDOWN_DATA_DIR, not a network share.';
  const sorted = tries.toSorted((a, b) => a - b);
  const slowest = sorted.at(-1);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (slowest === undefined || middle === undefined)
    return warn(`not measured: ${why}`, 'Look at the disk’s latency (e.g. fio) where the data is.');
  const words = `${middle.toFixed(1)} ms for a synced write, ${slowest.toFixed(1)} ms the slowest of ${tries.length}`;
  if (middle > SYNC_LIMIT_MS)
    return fail(`${words}: a kill goes on without its record after ${SYNC_LIMIT_MS} ms`, mend);
  return middle > SYNC_SLOW_MS || slowest > SYNC_LIMIT_MS ? warn(words, mend) : ok(words);
}

const SYNC_TRIES = 5;

/**
 * How long a synced write takes on the disk of the data directory: in a file of our own beside it, since a running server
 * has the directory to itself.
 */
async function syncMs(dataDir: string): Promise<{ tries: number[]; why: string }> {
  const beside = dirname(dataDir);
  const there = await stat(dataDir).catch(() => null);
  if (there !== null && there.dev !== (await stat(beside)).dev)
    return { tries: [], why: 'the data directory is a mount of its own, and belongs to the server alone' };
  const file = join(beside, `.standdown-check-${randomBytes(6).toString('hex')}`);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      const tries: number[] = [];
      for (let turn = 0; turn < SYNC_TRIES; turn += 1) {
        const startedAt = performance.now();
        await handle.write('x'.repeat(400));
        await handle.datasync();
        tries.push(performance.now() - startedAt);
      }
      return { tries, why: '' };
    } finally {
      await handle.close();
      await rm(file, { force: true });
    }
  } catch (error) {
    return { tries: [], why: reasonOf(error) };
  }
}

async function writable(dataDir: string): Promise<Said> {
  const mend = 'Let the user that the bot runs as own it (chown), mode 700.';
  const found = await stat(dataDir).catch((error: unknown) => reasonOf(error));
  const target = typeof found === 'string' ? dirname(dataDir) : dataDir;
  try {
    if (typeof found !== 'string' && !found.isDirectory()) return fail(`${dataDir} is no folder`, mend);
    await access(target, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok(
      typeof found === 'string' ? `${dataDir} will be made at the first start` : `${dataDir} can be written`,
    );
  } catch (error) {
    return fail(`${target}: ${reasonOf(error)}`, mend);
  }
}

export function machineProbes(dataDir: string): Probe[] {
  return [
    probe('machine.node', 'Node', async () => judgeNode(process.version)),
    probe('machine.data', 'Data directory', () => writable(dataDir)),
    probe('machine.space', 'Disk space', async () => {
      const at = await stat(dataDir).then(
        () => dataDir,
        () => dirname(dataDir),
      );
      const free = await statfs(at);
      return judgeSpace({
        bytes: free.bavail * free.bsize,
        inodes: free.ffree,
        // Some file systems count none, and say 0 of 0.
        countsInodes: free.files > 0,
      });
    }),
    probe('machine.sync', 'Disk speed', async () => {
      const { tries, why } = await syncMs(dataDir);
      return judgeSync(tries, why);
    }),
  ];
}

/** What keeps the machine's time, as far as it leaves a trace; the comparison with Slack and the venues is what counts. */
export function zoneProbe(timezone: string | null, now: () => number): Probe {
  return probe('machine.zone', 'Time zone', async () => {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (timezone === null) return unknown('hours in standdown.yml cannot be read', 'Mend "hours" first.');
    const there = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      dateStyle: 'short',
      timeStyle: 'short',
    }).format(now());
    return ok(
      `the desk’s hours are in ${timezone}, where it is ${there}; the machine’s is ${own}; all clocks are UTC`,
    );
  });
}
