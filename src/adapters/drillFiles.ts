/** What drills keep outside of the log: their reports, and the control file that they write instead of the desk's. */

import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Control, DrillFiles } from '../ports.ts';
import { openControlFile } from './controlFile.ts';
import { errorCode, nodeDisk, placeFile } from './disk.ts';

/** Beside the desk's own, so that the same disk and the same folder are measured; the name keeps its ending. */
export const drillControlPath = (controlFile: string): string =>
  join(dirname(controlFile), `drill-${basename(controlFile)}`);

const FRESH = {
  env: '# Drills of Standdown write here. No engine may read it.\nKILL_SWITCH=0\n',
  json: '{\n  "KILL_SWITCH": "0"\n}\n',
  yaml: '# Drills of Standdown write here. No engine may read it.\nKILL_SWITCH: 0\n',
};

function freshText(path: string): string {
  if (/\.json$/i.test(path)) return FRESH.json;
  return /\.ya?ml$/i.test(path) ? FRESH.yaml : FRESH.env;
}

/**
 * Make the drill's control file anew, open. Throws with a sentence when it cannot, and when it would be the desk's own by
 * whatever name: a link is refused, and so is any path that ends at the same file.
 */
export async function openDrillControl(controlFile: string, now: () => number): Promise<Control> {
  const path = drillControlPath(controlFile);
  const there = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (there !== null && (!there.isFile() || there.nlink > 1))
    throw new Error(
      `${path} is not a plain file of its own: a drill could write what it leads to. Remove it.`,
    );
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(freshText(path));
    await file.sync();
  } finally {
    await file.close();
  }
  if ((await realpath(path)) === (await realpath(controlFile)))
    throw new Error(`${path} is the control file of the desk itself.`);
  return openControlFile({ path, now });
}

/** Reports as `DRILL_….md` and `DRILL_….json`, each masked and written whole. */
export function createDrillFiles(folder: string, mask: (text: string) => string): DrillFiles {
  return {
    async save(drill, markdown, json) {
      // The file names come from our id alone.
      if (!/^DRILL_\d{8}_\d{3,9}$/.test(drill)) throw new Error(`${drill} is not the id of a drill`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const [kind, text] of [
        ['md', markdown],
        ['json', `${JSON.stringify(json, null, 2)}\n`],
      ] as const)
        await placeFile(nodeDisk, join(folder, `${drill}.${kind}`), (file) =>
          file.write(Buffer.from(mask(text))),
        );
    },
  };
}
