/** Where what cannot be read is kept: nothing is thrown away, and each file's new name is said. */

import { basename, join } from 'node:path';
import { type Disk, placeFile } from './disk.ts';

export interface Aside {
  /** Move a file there. Returns its new path. */
  move(path: string): Promise<string>;
  /** Keep bytes there under a name. Returns the path. */
  keep(name: string, bytes: Uint8Array): Promise<string>;
}

/** The folder for what was set aside; made when it is first needed. */
export function openAside(disk: Disk, folder: string): Aside {
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
      return to;
    },
    async keep(name, bytes) {
      const to = await free(name);
      await placeFile(disk, to, (file) => file.write(bytes));
      return to;
    },
  };
}
