/** Postmortem drafts as Markdown files in the data directory, their pictures beside them. */

import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Drafts } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';

// The file name comes from our id alone, never from a title.
const ID = /^PM_\d{8}_\d{3,9}$/;
const PICTURE = /^PM_\d{8}_\d{3,9}\.(png|svg)$/;

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** `save` writes `<folder>/<id>.md` whole (temporary file, sync, rename), reads it back, and throws when it differs. */
export function createDrafts(folder: string): Drafts {
  /** Returns its path. */
  async function place(id: string, name: string, bytes: Buffer): Promise<string> {
    if (!ID.test(id)) throw new Error(`${id} is not the id of a postmortem`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, name);
    await placeFile(nodeDisk, path, (file) => file.write(bytes));
    if (!(await readFile(path)).equals(bytes))
      throw new Error(`${path} does not hold what was written to it`);
    return path;
  }

  return {
    save: (id, markdown) => place(id, `${id}.md`, Buffer.from(markdown)),
    async savePicture(id, { png, svg }) {
      const text = Buffer.from(svg);
      await place(id, `${id}.svg`, text);
      await place(id, `${id}.png`, png);
      return { png: `${id}.png`, svg: `${id}.svg`, pngSha256: hashOf(png), svgSha256: hashOf(text) };
    },
    async loadPicture(name, sha256) {
      if (!PICTURE.test(name)) throw new Error(`${name} is not the picture of a postmortem`);
      const bytes = await readFile(join(folder, name));
      if (hashOf(bytes) !== sha256) throw new Error(`${name} is not the picture that is on record`);
      return bytes;
    },
  };
}
