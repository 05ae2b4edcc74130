/** The one folder of a rehearsal: emptied for each new one, but for the lock that keeps a second one from emptying it. */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** In the folder, the folder of its lock. */
export const LOCK_FOLDER = '.lock';

/** Make `dataDir`, or empty it. What a process that was just killed still writes is waited for. @throws what the disk says */
export async function empty(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  for (const name of await readdir(dataDir))
    if (name !== LOCK_FOLDER)
      await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
