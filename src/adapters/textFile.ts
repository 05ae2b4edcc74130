/** A small file that a person wrote, read whole; never a pipe or a device, which would keep the reader for ever. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { sha256 } from './sha256.ts';

/** Far more than any file of the configuration; what is larger was named by mistake. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Its text. Throws an Error with a `code`: the system's, or `not a file`, or `larger than 16 MiB`. */
export function readTextFile(path: string): string {
  // Without O_NONBLOCK a pipe that nobody writes to is waited for in the open already.
  const handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(handle);
    if (found.isDirectory()) throw refused('EISDIR');
    if (!found.isFile()) throw refused('not a file');
    if (found.size > MAX_BYTES) throw refused('larger than 16 MiB');
    return readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}

/** SHA-256 of its text in hex; null where it cannot be read. */
export function hashOfFile(path: string): string | null {
  try {
    return sha256(readTextFile(path));
  } catch {
    return null;
  }
}

const refused = (code: string): Error => Object.assign(new Error(code), { code });
