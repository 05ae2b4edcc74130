/** Postmortems as Markdown files in the data directory, their pictures beside them. */

import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { Drafts } from '../ports.ts';
import { type Disk, nodeDisk, placeFile } from './disk.ts';
import { sha256 } from './sha256.ts';

/** The table of all of them, beside them. */
export const POSTMORTEM_LOG = 'POSTMORTEM_LOG.md';

const SEAL = /\n<!-- Written by Standdown\. SHA-256 of all above: ([0-9a-f]{64}) -->\n$/;

/** The last line says what the lines above it were: what was written and not put on record yet is told from a change by hand. */
const sealed = (markdown: string): string =>
  `${markdown}\n<!-- Written by Standdown. SHA-256 of all above: ${sha256(markdown)} -->\n`;

/** Whether the bytes are as the bot wrote them: as it put on record, or by their own seal. */
export function isAsWritten(bytes: Buffer, known: string | null): boolean {
  const text = bytes.toString('utf8');
  if (known !== null && sha256(text) === known) return true;
  const seal = SEAL.exec(text);
  return seal !== null && sha256(text.slice(0, seal.index)) === seal[1];
}

const PICTURE = /^PM_\d{8}_\d{3,9}\.(png|svg)$/;

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Each file is written whole (temporary file, sync, rename), and read back. */
export function createDrafts(folder: string, disk: Disk = nodeDisk): Drafts {
  async function place(path: string, bytes: Buffer): Promise<void> {
    await placeFile(disk, path, (file) => file.write(bytes));
    if ((await disk.read(path))?.equals(bytes) !== true)
      throw new Error(`${path} does not hold what was written to it`);
  }

  /** The file name comes from our id alone, never from a title. */
  function pathOf(id: string, kind = 'md'): string {
    if (!/^PM_\d{8}_\d{3,9}$/.test(id)) throw new Error(`${id} is not the id of a postmortem`);
    return join(folder, `${id}.${kind}`);
  }

  const copiesOf = async (id: string): Promise<string[]> =>
    (await disk.list(folder)).filter((name) => new RegExp(`^${id}\\.by-hand-\\d{1,6}\\.md$`).test(name));

  /** Keep what somebody made of it, once: a crash in between finds its copy again. */
  async function keep(id: string, bytes: Buffer): Promise<void> {
    const copies = await copiesOf(id);
    for (const name of copies) if ((await disk.read(join(folder, name)))?.equals(bytes) === true) return;
    const numbers = copies.map((name) => Number(/(\d+)\.md$/.exec(name)?.[1]));
    await place(join(folder, `${id}.by-hand-${Math.max(0, ...numbers) + 1}.md`), bytes);
  }

  return {
    async save(id, markdown, known) {
      const path = pathOf(id);
      await disk.makeFolder(folder);
      const before = await disk.read(path);
      if (before !== undefined && !isAsWritten(before, known)) await keep(id, before);
      const text = sealed(markdown);
      await place(path, Buffer.from(text));
      return { path, sha256: sha256(text), copies: await copiesOf(id) };
    },
    async read(id) {
      const path = pathOf(id);
      const bytes = await disk.read(path);
      if (bytes === undefined) throw new Error(`${basename(path)} is not there`);
      return { path, bytes };
    },
    async savePicture(id, { png, svg }) {
      const [pngName, svgName] = [basename(pathOf(id, 'png')), basename(pathOf(id, 'svg'))];
      const text = Buffer.from(svg);
      await disk.makeFolder(folder);
      await place(join(folder, svgName), text);
      await place(join(folder, pngName), png);
      return { png: pngName, svg: svgName, pngSha256: hashOf(png), svgSha256: hashOf(text) };
    },
    async loadPicture(name, sha256OfIt) {
      if (!PICTURE.test(name)) throw new Error(`${name} is not the picture of a postmortem`);
      const bytes = await disk.read(join(folder, name));
      if (bytes === undefined) throw new Error(`${name} is not there`);
      if (hashOf(bytes) !== sha256OfIt) throw new Error(`${name} is not the picture that is on record`);
      return bytes;
    },
    async saveLog(markdown) {
      await disk.makeFolder(folder);
      await place(join(folder, POSTMORTEM_LOG), Buffer.from(markdown));
    },
  };
}
