/** The control file: the switches that the trading engine obeys, in a file that belongs to somebody else. */

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { Control, ControlKey, ControlReading, ControlWritten } from '../ports.ts';
import { type ControlFs, type ControlStat, errnoOf, nodeFs, reasonOf } from './controlFile/disk.ts';
import { parseEnv } from './controlFile/env.ts';
import { parseJson } from './controlFile/json.ts';
import {
  ControlSyntax,
  type ControlValues,
  editText,
  isControlKey,
  type ParseText,
  valuesOf,
} from './controlFile/text.ts';
import { parseYaml } from './controlFile/yaml.ts';

export type ControlFormat = 'env' | 'json' | 'yaml';

/** A reading, with what tells it from others. Our writes are numbered from 1, in the order in which they land. */
export interface ControlLook {
  reading: ControlReading;
  /** The bytes that were read, one character a byte; null when there are none. */
  text: string | null;
  /** Our last write that was in place before the look began; 0 before the first. */
  floor: number;
  /** The write of ours that it shows, if it shows one not before `floor`; else `floor`. */
  write: number;
}

/** The port, and what a watcher needs to tell our own writes from those of others. */
export interface ControlFile extends Control {
  path: string;
  /** As `read`, with the bytes. It does not count as handed out. */
  look(): Promise<ControlLook>;
  /** The last good `read` or `write`, or null before the first. */
  handedOut(): ControlLook | null;
  /** True when our own writes, or nothing, explain how the file came from one look to a later one. */
  onlyOurs(last: ControlLook, look: ControlLook): boolean;
}

const BOM = '\xEF\xBB\xBF';
const PARSERS: Record<ControlFormat, ParseText> = { env: parseEnv, json: parseJson, yaml: parseYaml };
const TRIES = 5;
const REMEMBERED_WRITES = 32;
const LEFTOVER_MS = 60_000;
/** Folders that cannot be synced (some network and FUSE mounts) answer with one of these; there is nothing to mend. */
const UNSYNCABLE = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS']);

/** The format that a file's name says: `.env` (and `.env.live`), `.json`, `.yml`, `.yaml`; else null. */
export function controlFormat(path: string): ControlFormat | null {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.json')) return 'json';
  if (name.endsWith('.yml') || name.endsWith('.yaml')) return 'yaml';
  return /\.env(\.[^.]+)?$/.test(name) ? 'env' : null;
}

/** Our keys in the bytes of a control file, given one character a byte. Throws ControlSyntax. */
export function readControlText(format: ControlFormat | null, text: string): ControlValues {
  return valuesOf(parserOf(format)(split(text).body));
}

/**
 * Open the control file at `path`. It never throws and creates nothing; it removes temporary files that a crash of
 * ours left beside it. Nothing here throws later either: every failure is a state with a reason in words.
 *
 * A write replaces the file: new bytes to a temporary file in the folder of the target (a symlink is followed), with
 * its mode, and its owner and group where the system lets us; sync, rename, sync the folder, read back. If the file
 * changed between the read and the rename, it starts again. `written` means that the bytes read back from the path
 * hold the asked values; a failed sync of the folder is `failed`, although the values may stand.
 *
 * **A kill on a file that cannot be parsed** (JSON, YAML, or a `.env` line that sets a key of ours and something else)
 * fails: `failed`, with the line, and nothing is written, since a guess could destroy the owner's settings, and an
 * engine that cannot parse its file would not see a latch in it. The receipt must then say that the latch is not
 * written. The same is `unreadable` to `read`, so a start and the watcher say it long before a kill needs it. The same
 * goes for a file that is missing: it is not created, since nobody knows for whom.
 *
 * STANDDOWN_REV is one more than the larger of the number in the file and the last one seen. Values must be made of
 * letters, digits, `.`, `_` and `-`. Writes queue: one that hangs on a dead disk holds up those behind it, and whoever
 * waits needs a time limit of his own; reads do not queue.
 */
export async function openControlFile({
  path,
  fs = nodeFs,
  now = Date.now,
}: {
  path: string;
  fs?: ControlFs;
  /** Wall clock, ms since the epoch. */
  now?: () => number;
}): Promise<ControlFile> {
  const format = controlFormat(path);
  let knownRev = 0;
  let handed: ControlLook | null = null;
  // What an earlier process left is cleared before the first write, and not waited for: a disk that hangs delays no kill.
  let queue: Promise<unknown> = removeLeftovers(path, fs, now());
  // What each write of ours makes of what it found; the last one may not be in place yet.
  const writes: { number: number; from: string; to: string }[] = [];
  let begun = 0;
  let landed = 0;

  async function look(): Promise<ControlLook> {
    const floor = landed;
    let text: string;
    try {
      mustBeFile(await fs.stat(path));
      text = (await fs.readFile(path)).toString('latin1');
    } catch (error) {
      const gone = ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
      const reason = `${path}: ${reasonOf(error)}`;
      return { reading: { state: gone ? 'missing' : 'unreadable', reason }, text: null, floor, write: floor };
    }
    const shown = writes.findLast((write) => write.number >= floor && write.to === text);
    return { reading: interpret(text), text, floor, write: shown?.number ?? floor };
  }

  function interpret(text: string): ControlReading {
    try {
      const values = readControlText(format, text);
      const rev = revOf(values);
      knownRev = Math.max(knownRev, rev);
      return { state: 'read', values, rev };
    } catch (error) {
      return { state: 'unreadable', reason: `${path}: ${reasonOf(error)}` };
    }
  }

  async function attempt(values: ControlValues): Promise<ControlWritten | 'overtaken'> {
    let doing = 'reading it';
    let temporary: string | null = null;
    try {
      const target = await fs.realpath(path);
      const stat = await fs.stat(target);
      mustBeFile(stat);
      const before = (await fs.readFile(target)).toString('latin1');
      const { bom, body } = split(before);
      const parse = parserOf(format);
      const rev = Math.max(knownRev, revOf(valuesOf(parse(body)))) + 1;
      const wanted: ControlValues = { ...values, STANDDOWN_REV: String(rev) };
      const after = bom + editText(parse, body, wanted);

      doing = 'writing the new one beside it';
      temporary = temporaryName(target);
      await writeTemporary(fs, temporary, after, stat);

      // A moment before the rename: what somebody else wrote since the read, a kill from the command line above all,
      // must not be undone.
      doing = 'reading it again';
      if ((await fs.readFile(target)).toString('latin1') !== before) return 'overtaken';

      doing = 'putting the new one in its place';
      await putInPlace(temporary, target, before, after);
      temporary = null;
      knownRev = rev;

      doing = 'syncing its folder (the values may stand, and may not outlast a power loss)';
      await syncFolder(fs, dirname(target));

      doing = 'reading it back';
      const back = await look();
      if (back.reading.state !== 'read')
        return { state: 'failed', reason: `${doing}: ${back.reading.reason}` };
      const found = back.reading.values;
      const odd = (Object.keys(wanted) as ControlKey[]).find((key) => found[key] !== wanted[key]);
      if (odd !== undefined) {
        const reason = `${path}: ${odd}=${wanted[odd]} was written, ${odd}=${found[odd]} was read back: somebody else writes it`;
        return { state: 'failed', reason };
      }
      handed = back;
      return { state: 'written', values: found, rev };
    } catch (error) {
      return { state: 'failed', reason: `${path}: ${doing}: ${reasonOf(error)}` };
    } finally {
      // Best effort: the next start removes what stays.
      if (temporary !== null) await fs.unlink(temporary).catch(() => undefined);
    }
  }

  async function putInPlace(temporary: string, target: string, from: string, to: string): Promise<void> {
    begun += 1;
    writes.push({ number: begun, from, to });
    if (writes.length > REMEMBERED_WRITES) writes.shift();
    try {
      await fs.rename(temporary, target);
    } catch (error) {
      writes.pop();
      begun -= 1;
      throw error;
    }
    landed = begun;
  }

  async function write(values: ControlValues): Promise<ControlWritten> {
    const odd = Object.entries(values).find(([key, value]) => !isControlKey(key) || !/^[\w.-]+$/.test(value));
    if (odd !== undefined) return { state: 'failed', reason: `${odd[0]} cannot be set to that value` };
    for (let tries = 0; tries < TRIES; tries += 1) {
      const outcome = await attempt(values);
      if (outcome !== 'overtaken') return outcome;
    }
    return {
      state: 'failed',
      reason: `${path}: somebody else keeps writing it; gave up after ${TRIES} tries`,
    };
  }

  return {
    path,
    look,
    async read() {
      const looked = await look();
      if (looked.reading.state === 'read') handed = looked;
      return looked.reading;
    },
    write(values) {
      // A copy: the caller's object may change while this one waits.
      const asked = { ...values };
      const written = queue.then(() => write(asked));
      queue = written;
      return written;
    },
    handedOut: () => handed,
    onlyOurs(last, look) {
      let text = last.text;
      for (let number = last.write + 1; number <= look.write; number += 1) {
        const write = writes.find((write) => write.number === number);
        if (write === undefined || write.from !== text) return false;
        text = write.to;
      }
      return text === look.text;
    },
  };
}

function parserOf(format: ControlFormat | null): ParseText {
  if (format === null) throw new ControlSyntax('its name must end in .env, .json, .yml or .yaml');
  return PARSERS[format];
}

function mustBeFile(stat: ControlStat): void {
  if (!stat.isFile()) throw new ControlSyntax('it is not a file');
}

/** One character a byte, so that no byte can be lost in decoding; keys and values of ours are ASCII. */
function split(text: string): { bom: string; body: string } {
  if (text.startsWith('\xFF\xFE') || text.startsWith('\xFE\xFF'))
    throw new ControlSyntax('it is UTF-16, not UTF-8');
  const bom = text.startsWith(BOM) ? BOM : '';
  return { bom, body: text.slice(bom.length) };
}

/** The largest number that STANDDOWN_REV says in any of its places; 0 when it says none. */
function revOf(values: ControlValues): number {
  const numbers = (values.STANDDOWN_REV ?? '').split('|').filter((text) => /^\d{1,15}$/.test(text));
  return Math.max(0, ...numbers.map(Number));
}

function leftoverPrefix(target: string): string {
  return `.${basename(target)}.standdown-`;
}

function temporaryName(target: string): string {
  const name = `${leftoverPrefix(target)}${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  return join(dirname(target), name);
}

async function writeTemporary(fs: ControlFs, path: string, text: string, like: ControlStat): Promise<void> {
  const mode = like.mode & 0o7777;
  const handle = await fs.open(path, 'wx', mode & 0o700);
  try {
    await handle.writeFile(Buffer.from(text, 'latin1'));
    const made = await handle.stat();
    if (made.uid !== like.uid || made.gid !== like.gid) {
      // Without the right to give a file away, the group alone may still be kept; and a latch in a file of ours is
      // better than none. `describeControlFile` says beforehand that the owner will not be kept.
      await handle
        .chown(like.uid, like.gid)
        .catch(() => handle.chown(made.uid, like.gid))
        .catch(() => undefined);
    }
    // After chown, which clears the set-id bits, and past the umask.
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(fs: ControlFs, folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!UNSYNCABLE.has(errnoOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/** Remove temporary files of processes that are gone, or a minute old: a younger one may be a kill in another process. */
async function removeLeftovers(path: string, fs: ControlFs, nowMs: number): Promise<void> {
  try {
    const target = await fs.realpath(path);
    const prefix = leftoverPrefix(target);
    for (const name of await fs.readdir(dirname(target))) {
      const pid = name.startsWith(prefix)
        ? /^(\d+)-[\da-f]+\.tmp$/.exec(name.slice(prefix.length))?.[1]
        : undefined;
      if (pid === undefined) continue;
      const leftover = join(dirname(target), name);
      const old = nowMs - (await fs.stat(leftover)).mtimeMs > LEFTOVER_MS;
      if (old || !isRunning(Number(pid))) await fs.unlink(leftover);
    }
  } catch {
    // A leftover harms nobody; what is wrong with the folder will be said by the first read or write.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
