/** The few things that the store asks of a file system, so that tests can give it one that fails, hangs or crashes. */

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The store will not start on what it found; the message says what was found and how to mend it. */
export class StoreRefused extends Error {
  readonly code = 'store_refused';
}

/** A file that is being written: it was created by us, and only grows. */
export interface DiskFile {
  /** Write all of it at the end of the file. */
  write(bytes: Uint8Array): Promise<void>;
  /** Durable when it resolves: fdatasync, which includes the length. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A file system. Files are only created, read, renamed and removed: none is ever opened again for writing. */
export interface Disk {
  /** Create a folder and its parents, readable by us alone; durable when it resolves. */
  makeFolder(path: string): Promise<void>;
  /** The names in a folder, sorted; none when it is not there. */
  list(folder: string): Promise<string[]>;
  /** The whole file, or undefined when there is none. Throws StoreRefused for a link or another owner's file. */
  read(path: string): Promise<Buffer | undefined>;
  /** A new, empty file, readable by us alone; one that is there already (a leftover) is removed first. */
  create(path: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Remove a file; nothing happens when there is none. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the folder durable. */
  syncFolder(folder: string): Promise<void>;
}

/** The `code` of a Node error (ENOENT, EIO, …), or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What went wrong, for a sentence. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function refuseStranger(path: string, { uid }: { uid: number }): void {
  const me = process.getuid?.();
  if (me !== undefined && uid !== me)
    throw new StoreRefused(
      `${path} belongs to user ${uid}, and this process runs as user ${me}. Run it as that user, or change its owner.`,
    );
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The real file system. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    const topmost = await mkdir(path, { recursive: true, mode: 0o700 });
    refuseStranger(path, await stat(path));
    if (topmost === undefined) return;
    // A new folder is durable when its parent is; a lost one would take all that is in it along.
    for (let made = resolve(path); made.length >= resolve(topmost).length; made = dirname(made))
      await syncFolder(dirname(made));
  },

  async list(folder) {
    try {
      return (await readdir(folder)).sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  },

  async read(path) {
    let handle: FileHandle;
    try {
      // NONBLOCK: a pipe in the place of a file must not hang the start.
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      if (errorCode(error) === 'ELOOP' || errorCode(error) === 'EMLINK')
        throw new StoreRefused(
          `${path} is a symbolic link. The store reads only plain files: put the file itself there.`,
        );
      throw error;
    }
    try {
      const found = await handle.stat();
      if (!found.isFile())
        throw new StoreRefused(
          `${path} is not a plain file. Move it away, or choose another data directory.`,
        );
      refuseStranger(path, found);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  },

  async create(path) {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
    const handle = await open(path, flags, 0o600).catch(async (error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
      await rm(path, { force: true });
      return open(path, flags, 0o600);
    });
    return {
      async write(bytes) {
        let offset = 0;
        while (offset < bytes.length) {
          const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset, null);
          if (bytesWritten === 0) throw new Error(`${path}: the disk took no more bytes`);
          offset += bytesWritten;
        }
      },
      sync: () => handle.datasync(),
      close: () => handle.close(),
    };
  },

  rename,

  async remove(path) {
    await rm(path, { force: true });
  },

  syncFolder,
};

/**
 * Write a whole file so that a crash leaves either none or all of it: temporary file, sync, rename, sync of the folder.
 * `write` is handed the open file.
 */
export async function placeFile(
  disk: Disk,
  path: string,
  write: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const file = await disk.create(`${path}.tmp`);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(`${path}.tmp`, path);
  await disk.syncFolder(dirname(path));
}
