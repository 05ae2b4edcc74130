/** A disk that does what a test says: fails with a code, takes half of a write, or does not answer. */

import type { Disk, DiskFile } from '../../src/adapters/disk.ts';

export type DiskCall =
  | 'makeFolder'
  | 'list'
  | 'read'
  | 'create'
  | 'write'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'syncFolder';

/** What to do instead of the call: fail with a code, fail after half of the bytes, or wait. Undefined: do it. */
export type Fault = { code: string } | { code: string; half: true } | { until: Promise<void> } | undefined;

export function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Wrap a disk; `plan` is asked at each call, and `calls` holds every one that was made. */
export function faultyDisk(
  disk: Disk,
  plan: (call: DiskCall, path: string) => Fault = () => undefined,
): Disk & { calls: { call: DiskCall; path: string }[] } {
  const calls: { call: DiskCall; path: string }[] = [];
  async function run<T>(
    call: DiskCall,
    path: string,
    really: () => Promise<T>,
    half?: () => Promise<T>,
  ): Promise<T> {
    calls.push({ call, path });
    const fault = plan(call, path);
    if (fault === undefined) return really();
    if ('until' in fault) return fault.until.then(really);
    if ('half' in fault) await half?.();
    throw failure(fault.code);
  }
  return {
    calls,
    makeFolder: (path) => run('makeFolder', path, () => disk.makeFolder(path)),
    list: (path) => run('list', path, () => disk.list(path)),
    read: (path) => run('read', path, () => disk.read(path)),
    create: (path) =>
      run('create', path, async (): Promise<DiskFile> => {
        const file = await disk.create(path);
        return {
          write: (bytes) =>
            run(
              'write',
              path,
              () => file.write(bytes),
              () => file.write(bytes.subarray(0, bytes.length / 2)),
            ),
          sync: () => run('sync', path, () => file.sync()),
          close: () => file.close(),
        };
      }),
    rename: (from, to) => run('rename', to, () => disk.rename(from, to)),
    remove: (path) => run('remove', path, () => disk.remove(path)),
    syncFolder: (path) => run('syncFolder', path, () => disk.syncFolder(path)),
  };
}
