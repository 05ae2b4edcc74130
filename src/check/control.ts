/** The control file: whether a latch could be written so that the engine sees it. */

import { existsSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ControlDescription, describeControlFile } from '../adapters/controlFile/describe.ts';
import { CONTROL_KEYS } from '../adapters/controlFile/text.ts';
import { fail, ok, once, type Probe, probe, type Said, unknown, warn } from './line.ts';

export function judgeFile(found: ControlDescription): Said {
  if (!found.exists)
    return fail(
      found.problems.join('; ') || 'it is missing',
      'Create it (an empty control.env will do), and point the engine at it.',
    );
  if (found.isMountPoint)
    return fail(
      'the file itself is a mount point: it cannot be replaced, so no latch is written',
      'Mount the folder, not the file (docker: -v /desk/control:/control).',
    );
  if (found.problems.length > 0)
    return fail(
      found.problems.join('; '),
      'Let the user that the bot runs as own the file and write its folder.',
    );
  const link = found.symlinkTo === undefined ? '' : `, through a link to ${found.symlinkTo}`;
  return ok(`can be read and replaced${link}`);
}

export function judgeKeys(found: ControlDescription, others: number): Said {
  if (!found.exists) return unknown('the file cannot be read', 'Mend the file first.');
  const missing = found.missingKeys;
  if (others > 0)
    return warn(
      `${others} settings that are not the bot’s are in it: what others write between the bot’s read and its rename is lost`,
      'Give the switches a file of their own.',
    );
  return missing.length === 0
    ? ok('all of the bot’s keys are in it')
    : ok(
        `${CONTROL_KEYS.length - missing.length} of ${CONTROL_KEYS.length} keys are in it; a write appends the others`,
      );
}

/** The mount that a folder lies on, by Linux's mountinfo; null: not told. */
export function mountOf(folder: string, mountinfo: string): string | null {
  const points = mountinfo.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
  const above = points.filter(
    (point) => folder === point || folder.startsWith(point === '/' ? '/' : `${point}/`),
  );
  return above.toSorted((a, b) => b.length - a.length)[0] ?? null;
}

/** Where `check` runs. `mountinfo`: Linux's list of mounts; null: it cannot be read. */
export interface Place {
  inContainer: boolean;
  mountinfo: () => Promise<string | null>;
}

export const thisPlace = (): Place => ({
  inContainer:
    existsSync('/.dockerenv') ||
    existsSync('/run/.containerenv') ||
    process.env['KUBERNETES_SERVICE_HOST'] !== undefined,
  mountinfo: () => readFile('/proc/self/mountinfo', 'utf8').catch(() => null),
});

/**
 * In a container, a folder of the image's own is one that no engine outside sees, unless the engines say that they read it.
 */
export function judgeMount(
  folder: string,
  mountinfo: string | null,
  inContainer: boolean,
  isConfirmed: boolean,
): Said {
  if (!inContainer) return ok('no container: the engine sees the same folder');
  const mend =
    'Mount the folder of the control file into both containers, and look that the engine reads the same file.';
  if (mountinfo === null) return unknown('the mounts of this container cannot be read', mend);
  const mount = mountOf(folder, mountinfo);
  if (mount !== null && mount !== '/') return ok(`${folder} is mounted (${mount})`);
  return isConfirmed
    ? warn(`${folder} is this container’s own: the engine reads it, and it is gone with the container`, mend)
    : fail(`${folder} is this container’s own: an engine outside of it does not see the file`, mend);
}

/** Lines that set something that is not ours, in a file of NAME=value lines. */
function otherSettings(text: string): number {
  const names = [...text.matchAll(/^\s*(?:export\s+)?([\w.-]+)\s*=/gm)].map(([, name]) => name ?? '');
  return names.filter((name) => !CONTROL_KEYS.some((key) => key === name)).length;
}

/** More than any control file; one that is larger is read no further. */
const MAX_BYTES = 1024 * 1024;

/** What stands in the control file, '' where it is no file that can be read: a pipe would keep a reader for ever. */
export async function controlText(file: string | null): Promise<string> {
  if (file === null) return '';
  try {
    const found = await stat(file);
    return found.isFile() && found.size <= MAX_BYTES ? await readFile(file, 'latin1') : '';
  } catch {
    return ''; // control.file says it
  }
}

/** `isConfirmed`: every engine says by heartbeat that it reads the file. */
export function controlProbes(
  file: string | null,
  isConfirmed: () => Promise<boolean>,
  place: Place,
): Probe[] {
  if (file === null)
    return [
      probe('control.file', 'Control file', async () =>
        fail('none is named', 'Add "control: { file: ./control.env }" to standdown.yml.'),
      ),
    ];
  const described = once(() => describeControlFile(file));
  return [
    probe('control.file', 'Control file', async () => judgeFile(await described())),
    probe('control.keys', 'Control keys', async () => {
      const found = await described();
      return judgeKeys(found, found.format === 'env' ? otherSettings(await controlText(file)) : 0);
    }),
    probe('control.mount', 'Control folder', async () => {
      const folder = dirname(await realpath(file).catch(() => file));
      // Only where it matters: the server may hang.
      const confirmed = place.inContainer && (await isConfirmed());
      return judgeMount(folder, await place.mountinfo(), place.inContainer, confirmed);
    }),
  ];
}
