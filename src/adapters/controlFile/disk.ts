/** What the control file needs of a disk, and its errors in words. */

import type { Buffer } from 'node:buffer';
import * as node from 'node:fs/promises';
import { dirname } from 'node:path';
import { ControlSyntax } from './text.ts';

export interface ControlHandle {
  stat(): Promise<{ uid: number; gid: number }>;
  writeFile(data: Buffer): Promise<void>;
  chown(uid: number, gid: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface ControlStat {
  isFile(): boolean;
  isSymbolicLink(): boolean;
  mode: number;
  uid: number;
  gid: number;
  dev: number;
  mtimeMs: number;
}

/** The part of `node:fs/promises` that is used, so that a test can make any step of it fail. */
export interface ControlFs {
  readFile(path: string): Promise<Buffer>;
  stat(path: string): Promise<ControlStat>;
  lstat(path: string): Promise<ControlStat>;
  realpath(path: string): Promise<string>;
  readdir(path: string): Promise<string[]>;
  access(path: string, mode: number): Promise<void>;
  /** Free space, in blocks that an ordinary user may take, and inodes. */
  statfs(path: string): Promise<{ bavail: number; files: number; ffree: number }>;
  open(path: string, flags: string, mode?: number): Promise<ControlHandle>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

export const nodeFs: ControlFs = node;

const WORDS: Partial<Record<string, string>> = {
  ENOENT: 'it is missing',
  ENOTDIR: 'it is missing: a part of its path is not a folder',
  ELOOP: 'its symlink leads in a circle',
  EACCES: 'no permission',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the disk has an I/O error',
  EBUSY: 'it is a mount point of its own: mount its folder, not the file',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

/** An errno such as `ENOSPC`, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Why, in words that name no content of the file. */
export function reasonOf(error: unknown): string {
  if (error instanceof ControlSyntax) return error.message;
  const code = errnoOf(error);
  if (code !== undefined) return `${WORDS[code] ?? 'the system refused'} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Why a new control file could not be put in place now, or null: the folder's permission, a read-only file system, a
 * full disk. It asks, it does not try: only a write proves that writing works.
 */
export async function whyUnwritable(path: string, fs: ControlFs): Promise<string | null> {
  try {
    const target = await fs.realpath(path).catch(() => path);
    const folder = dirname(target);
    await fs.access(folder, node.constants.W_OK | node.constants.X_OK);
    const free = await fs.statfs(folder);
    // Some file systems count no inodes, and say 0 of 0.
    if (free.bavail === 0 || (free.files > 0 && free.ffree === 0)) return 'the disk is full (ENOSPC)';
    return null;
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? 'its folder is missing (ENOENT)' : reasonOf(error);
  }
}
