/** The measured windows as one file in the data directory: written whole, and set aside when it cannot be read. */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log, Windows, WindowsState } from '../ports.ts';
import { nodeDisk, placeFile } from './disk.ts';

/** Another shape is another version: what it holds is measured anew. */
const VERSION = 1;

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
    save: (state) =>
      placeFile(nodeDisk, path, (file) => file.write(Buffer.from(JSON.stringify(state)))).then(
        () => undefined,
      ),
  };
}
