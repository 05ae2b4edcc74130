/** What `check` says of the control file. */

import { dirname } from 'node:path';
import type { ControlKey } from '../../ports.ts';
import { type ControlFormat, controlFormat, readControlText } from '../controlFile.ts';
import { type ControlFs, errnoOf, nodeFs, reasonOf, whyUnwritable } from './disk.ts';
import { CONTROL_KEYS } from './text.ts';

export interface ControlDescription {
  exists: boolean;
  /** A new file could be put in its place, as far as one can ask without trying. */
  writable: boolean;
  /** A file mounted by itself cannot be replaced (EBUSY): its folder must be mounted. */
  isMountPoint: boolean;
  /** The end of the chain, when the path is a symlink: this is what a write replaces. */
  symlinkTo?: string;
  /** Null for a name that says none. */
  format: ControlFormat | null;
  /** Keys that a write of them would append. Empty when the file cannot be read. */
  missingKeys: ControlKey[];
  /** False when a write would change the file's owner or group, since this process may not give files away. */
  keepsOwner: boolean;
  /** What is wrong, in sentences without the path; empty when all is well. */
  problems: string[];
}

/**
 * Describe the control file at `path` without changing anything. Never throws.
 * `who` is this process: its user, its groups; the default asks the system.
 */
export async function describeControlFile(
  path: string,
  { fs = nodeFs, who = thisProcess() }: { fs?: ControlFs; who?: { uid: number; gids: number[] } } = {},
): Promise<ControlDescription> {
  const format = controlFormat(path);
  const problems: string[] = [];
  const described: ControlDescription = {
    exists: false,
    writable: false,
    isMountPoint: false,
    format,
    missingKeys: [],
    keepsOwner: true,
    problems,
  };
  try {
    const target = await fs.realpath(path);
    const stat = await fs.stat(target);
    described.exists = true;
    if ((await fs.lstat(path)).isSymbolicLink()) described.symlinkTo = target;
    described.isMountPoint = await isMountPoint(target, fs);
    if (described.isMountPoint)
      problems.push('it is a mount point of its own: mount its folder, not the file');
    described.keepsOwner = who.uid === 0 || (who.uid === stat.uid && who.gids.includes(stat.gid));
    if (!described.keepsOwner)
      problems.push('a write would change its owner or group: run as the user that owns it');
    const unwritable = await whyUnwritable(path, fs);
    if (unwritable !== null) problems.push(`it cannot be replaced: ${unwritable}`);
    described.writable = unwritable === null && !described.isMountPoint && stat.isFile();
    if (!stat.isFile()) {
      problems.push('it is not a file');
      return described;
    }
    const values = readControlText(format, (await fs.readFile(target)).toString('latin1'));
    described.missingKeys = CONTROL_KEYS.filter((key) => values[key] === undefined);
  } catch (error) {
    problems.push(
      errnoOf(error) === 'ENOENT' ? 'it is missing (ENOENT)' : `it cannot be read: ${reasonOf(error)}`,
    );
  }
  return described;
}

function thisProcess(): { uid: number; gids: number[] } {
  return {
    uid: process.geteuid?.() ?? 0,
    gids: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])],
  };
}

/** Linux lists its mounts; elsewhere a file on another device than its folder is one. */
async function isMountPoint(target: string, fs: ControlFs): Promise<boolean> {
  try {
    const mounts = (await fs.readFile('/proc/self/mountinfo')).toString('utf8').split('\n');
    // The fifth field, with space, tab, newline and backslash as octal escapes.
    return mounts.some((line) => unescapeOctal(line.split(' ')[4] ?? '') === target);
  } catch {
    return (await fs.stat(target)).dev !== (await fs.stat(dirname(target))).dev;
  }
}

function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
