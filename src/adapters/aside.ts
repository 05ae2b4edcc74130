/** Where what cannot be read is kept: nothing is thrown away, and each file's new name is said. */

import { hash } from 'node:crypto';
import { basename, join } from 'node:path';
import { type Disk, placeFile } from './disk.ts';

export interface Aside {
  /** Move a file there. Returns its new path. */
  move(path: string): Promise<string>;
  /** Keep bytes there under a name. Returns the path. */
  keep(name: string, bytes: Uint8Array): Promise<string>;
  /** What this process kept there: it is told apart by its hash from what somebody else puts there. */
  kept(): Promise<KeptAside[]>;
}

/** `name` is that in the folder; `sha256` in hex, of its bytes. */
export interface KeptAside {
  name: string;
  sha256: string;
}

/**
 * Whether it is one record that a crash cut in the middle: it was never acknowledged. A record that ends was, so that what is
 * wrong with it is never explained by a crash.
 */
export const isCutRecord = (name: string, bytes: Uint8Array): boolean =>
  /\.tail(\.\d+)?$/.test(name) && !bytes.includes(0x0a);

export const asideHash = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** The folder for what was set aside; made when it is first needed. */
export function openAside(disk: Disk, folder: string): Aside {
  const paths: string[] = [];
  async function free(name: string): Promise<string> {
    await disk.makeFolder(folder);
    const taken = new Set(await disk.list(folder));
    let candidate = name;
    for (let n = 2; taken.has(candidate); n += 1) candidate = `${name}.${n}`;
    return join(folder, candidate);
  }
  return {
    async move(path) {
      const to = await free(basename(path));
      await disk.rename(path, to);
      await disk.syncFolder(folder);
      paths.push(to);
      return to;
    },
    async keep(name, bytes) {
      const to = await free(name);
      await placeFile(disk, to, (file) => file.write(bytes));
      paths.push(to);
      return to;
    },
    async kept() {
      const found: KeptAside[] = [];
      for (const path of paths) {
        const bytes = await disk.read(path).catch(() => undefined);
        if (bytes !== undefined) found.push({ name: basename(path), sha256: asideHash(bytes) });
      }
      return found;
    },
  };
}
