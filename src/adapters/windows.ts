/** The measured windows as one file in the data directory: written whole, and set aside when it cannot be read. */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Log, Windows, WindowsState } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';

/** Another shape is another version: what it holds is measured anew. */
const VERSION = 2;
/** Entries of a list that are turned into text in one go: about half a millisecond. */
const AT_ONCE = 2_000;
/** Written in pieces of about this many characters. */
const PIECE = 64 * 1024;

/** `load` never throws: a file that cannot be read is set aside and named, and measuring begins anew. */
export function createWindowsFile(dataDir: string, log: Log): Windows {
  const path = join(dataDir, 'windows.json');
  return {
    async load() {
      try {
        const state = JSON.parse(await readFile(path, 'utf8')) as WindowsState;
        if (state.measurements.version !== VERSION) throw new Error('it is of another version');
        return state;
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOENT') return null;
        log.warn(
          { path, error: String(error) },
          'the measured windows cannot be read: they are set aside, and measured anew',
        );
        await rename(path, `${path}.unreadable`).catch(() => undefined);
        return null;
      }
    },
    async save(state) {
      await placeFile(nodeDisk, path, (file) => writeJson(file, state));
    },
  };
}

/** Write a value as JSON, piece by piece. */
export async function writeJson(
  file: { write(bytes: Buffer): Promise<unknown> },
  value: unknown,
): Promise<void> {
  let text = '';
  for (const part of jsonParts(value)) {
    text += part;
    if (text.length < PIECE) continue;
    await file.write(Buffer.from(text));
    text = '';
    // Requests come first: a full window is megabytes of text.
    await turn();
  }
  await file.write(Buffer.from(text));
}

/** `JSON.stringify(value)` in parts, long lists of plain values in several. */
export function* jsonParts(value: unknown): Generator<string> {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== 'object' || one === null)) {
      yield '[';
      for (let index = 0; index < value.length; index += AT_ONCE)
        yield `${index === 0 ? '' : ','}${JSON.stringify(value.slice(index, index + AT_ONCE)).slice(1, -1)}`;
      yield ']';
      return;
    }
    yield '[';
    for (const [index, one] of value.entries()) {
      if (index > 0) yield ',';
      yield* jsonParts(one);
    }
    yield ']';
  } else if (typeof value === 'object' && value !== null) {
    yield '{';
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    for (const [index, [key, one]] of entries.entries()) {
      yield `${index > 0 ? ',' : ''}${JSON.stringify(key)}:`;
      yield* jsonParts(one);
    }
    yield '}';
  } else yield JSON.stringify(value);
}
