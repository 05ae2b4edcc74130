/** Debian's prometheus and prometheus-alertmanager, found on the PATH. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = {
  promtool: ['promtool'],
  prometheus: ['prometheus'],
  amtool: ['amtool'],
  // Debian renames it.
  alertmanager: ['prometheus-alertmanager', 'alertmanager'],
} as const;

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a tool. Throws a sentence for whoever runs the tests when it is not there: nothing is skipped. */
export function toolPath(tool: keyof typeof NAMES): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = NAMES[tool]
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => executable(path));
  if (found === undefined)
    throw new Error(
      `${tool} is not on the PATH. These tests need Debian's packages prometheus and prometheus-alertmanager: "bash .ci/run" fetches them, or install them yourself.`,
    );
  return found;
}

/** Run a tool to its end. `out` is its standard output alone. */
export function runTool(
  tool: 'promtool' | 'amtool',
  ...args: string[]
): { ok: boolean; out: string; text: string } {
  const { status, stdout, stderr } = spawnSync(toolPath(tool), args, { encoding: 'utf8' });
  return { ok: status === 0, out: stdout, text: `${stdout}${stderr}` };
}
