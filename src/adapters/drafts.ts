/** Postmortem drafts as Markdown files in the data directory. */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Drafts } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';

/** `save` writes `<folder>/<id>.md` whole (temporary file, sync, rename), reads it back, and throws when it differs. */
export function createDrafts(folder: string): Drafts {
  return {
    async save(id, markdown) {
      // The file name comes from our id alone, never from a title.
      if (!/^PM_\d{8}_\d{3,9}$/.test(id)) throw new Error(`${id} is not the id of a postmortem`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const path = join(folder, `${id}.md`);
      await placeFile(nodeDisk, path, (file) => file.write(Buffer.from(markdown)));
      if ((await readFile(path, 'utf8')) !== markdown)
        throw new Error(`${path} does not hold what was written to it`);
      return path;
    },
  };
}
