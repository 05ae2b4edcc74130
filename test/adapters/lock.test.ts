import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquireLock, type LockOptions } from '../../src/adapters/lock.ts';

let root = '';
let folders = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'standdown-lock-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function fresh(): Promise<string> {
  const folder = join(root, String((folders += 1)));
  await mkdir(folder);
  return folder;
}

type Holder = Record<string, unknown>;

/** A folder whose lock is ours but for some fields, as if another process held it. */
async function lockedBy(change: Holder): Promise<string> {
  const folder = await fresh();
  const release = await acquireLock(folder);
  const mine = JSON.parse(await readFile(join(folder, 'lock'), 'utf8')) as Holder;
  await release();
  await writeFile(join(folder, 'lock'), JSON.stringify({ ...mine, nonce: 'someone-else', ...change }));
  return folder;
}

/** The id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.on('close', resolve));
  return child.pid ?? 0;
}

const isFree = (folder: string, options?: LockOptions) =>
  acquireLock(folder, options).then(
    async (release) => {
      await release();
      return true;
    },
    (error: unknown) => String(error),
  );

describe('the lock of a data directory', () => {
  it('is held by one, named to the others, and free again after its release', async () => {
    const folder = await fresh();
    const release = await acquireLock(folder);
    expect(await isFree(folder)).toContain(`in use by process ${process.pid}`);
    await release();
    expect(await isFree(folder)).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over from a process that is gone', async () => {
    expect(await isFree(await lockedBy({ pid: await deadPid() }))).toBe(true);
  });

  it('is taken over when the pid is another process by now', async () => {
    expect(await isFree(await lockedBy({ startTicks: '1' }))).toBe(true);
  });

  it('is taken over after a reboot', async () => {
    expect(await isFree(await lockedBy({ bootId: 'before' }))).toBe(true);
  });

  it('is not taken from another process that runs', async () => {
    const folder = await lockedBy({ pid: process.ppid, startTicks: null });
    expect(await isFree(folder)).toContain(`process ${process.ppid}`);
  });

  it('works without /proc, by the pid alone', async () => {
    const proc = '/nowhere';
    const folder = await fresh();
    const release = await acquireLock(folder, { proc });
    expect(await isFree(folder, { proc })).toContain(`process ${process.pid}`);
    await release();
    const stale = await lockedBy({ pid: await deadPid(), startTicks: null, bootId: null, pidSpace: null });
    expect(await isFree(stale, { proc })).toBe(true);
  });

  it('of another container is looked at by its heartbeat', async () => {
    const folder = await lockedBy({ pidSpace: 'pid:[1]', host: 'other' });
    const beating = isFree(folder, {
      wait: () => utimes(join(folder, 'lock'), new Date(), new Date(Date.now() + 5_000)),
    });
    expect(await beating).toContain('on other');
    expect(await isFree(folder, { wait: () => Promise.resolve() })).toBe(true);
  });

  it('that nobody can read is left alone, in a sentence', async () => {
    const folder = await fresh();
    for (const text of ['', '{"pid":"1"}', 'null']) {
      await writeFile(join(folder, 'lock'), text);
      expect(await isFree(folder)).toContain('does not say which process holds it');
    }
  });

  it.each([['free'], ['stale']])('has one winner among 1,000 who take a %s one at once', async (state) => {
    const folder = state === 'free' ? await fresh() : await lockedBy({ pid: await deadPid() });
    const all = await Promise.allSettled(Array.from({ length: 1_000 }, () => acquireLock(folder)));
    const won = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(won).toHaveLength(1);
    for (const one of all)
      if (one.status === 'rejected') expect(String(one.reason)).toContain(`in use by process ${process.pid}`);
    await won[0]?.();
    expect((await readdir(folder)).filter((name) => name === 'lock')).toEqual([]);
  });

  it('is never held by two processes, though many are killed with it', async () => {
    const folder = await fresh();
    const script = fileURLToPath(new URL('lockChild.mjs', import.meta.url));
    let taken = 0;
    let failed = '';
    const run = async () => {
      while (taken < 150 && failed === '') {
        const child = spawn(process.execPath, [script, folder, '20']);
        child.stdout.on('data', (dots: Buffer) => (taken += dots.length));
        child.stderr.on('data', (text: Buffer) => (failed += text.toString()));
        await new Promise((resolve) => child.on('close', resolve));
      }
    };
    await Promise.all(Array.from({ length: 4 }, run));
    expect(failed).toBe('');
    expect(taken).toBeGreaterThanOrEqual(150);
  }, 60_000);
});
