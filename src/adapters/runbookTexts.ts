/** The texts that on-call reads: the runbooks of the playbook's folder, and the owner's document. */

import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TextVersion } from '../domain/readiness/events.ts';
import type { RunbookTexts } from '../ports.ts';

/** Nobody reads a text that is longer: such a file is named by mistake. */
const MOST_BYTES = 4 * 1024 * 1024;
/** A folder with more of them is not one of runbooks. */
const MOST_TEXTS = 100;

/** The name under which the owner's document stands among the texts. */
export const ownerDocumentName = (runbookFile: string): string => basename(runbookFile);

export function createRunbookTexts(options: {
  /** Beside it lies `runbooks/`. */
  playbookFile: string;
  runbookFile: string | null;
}): RunbookTexts {
  const folder = join(dirname(options.playbookFile), 'runbooks');

  async function version(name: string, path: string): Promise<TextVersion> {
    try {
      const found = await stat(path);
      // A pipe would be waited for for ever.
      if (!found.isFile() || found.size > MOST_BYTES) return { name, sha256: null };
      return {
        name,
        sha256: createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      };
    } catch {
      // Said where it is shown: a text that cannot be read is no text that was read.
      return { name, sha256: null };
    }
  }

  return {
    async read() {
      const names = await readdir(folder).catch(() => null);
      const runbooks = (names ?? []).filter((name) => name.endsWith('.yml')).toSorted();
      const { runbookFile } = options;
      const files: [name: string, path: string][] = runbooks
        .slice(0, MOST_TEXTS)
        .map((name) => [`runbooks/${name}`, join(folder, name)]);
      if (runbookFile !== null) files.unshift([ownerDocumentName(runbookFile), runbookFile]);
      const versions = await Promise.all(files.map(([name, path]) => version(name, path)));
      // Of what lies beyond the limit nobody sees when it changes.
      return names === null || runbooks.length > MOST_TEXTS
        ? [...versions, { name: 'runbooks/', sha256: null }]
        : versions;
    },
  };
}
