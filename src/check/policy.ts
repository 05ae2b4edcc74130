/** What the desk wrote itself: playbook, runbooks, templates, and the programs that the bot may run. */

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { reasonOf } from '../adapters/disk.ts';
import { sayProblem } from '../adapters/yaml.ts';
import type { LiveParts } from '../configParts.ts';
import { loadPolicy } from '../policy.ts';
import { count, fail, ok, type Probe, probe, type Said, warn } from './line.ts';

export function judgePolicy(loaded: ReturnType<typeof loadPolicy>): Said {
  if (loaded.ok) {
    const { runbooks } = loaded.policy;
    return ok(
      `the playbook and ${count(runbooks.length, 'runbook')} load, mails and postmortem render from samples`,
    );
  }
  const [first] = loaded.problems;
  const more = loaded.problems.length - 1;
  return fail(
    `${first === undefined ? 'it does not load' : sayProblem({ ...first, mend: '' }).trim()}${more > 0 ? `; and ${more} more` : ''}`,
    first?.mend ?? 'Compare it with the one that ships.',
  );
}

/** Where a program without a shell is found, or why it is not. It is never run. */
export function whyNotRunnable(program: string, cwd: string, path: string): string | null {
  const candidates = program.includes('/')
    ? [isAbsolute(program) ? program : resolve(cwd, program)]
    : path
        .split(delimiter)
        .filter(Boolean)
        .map((folder) => join(folder, program));
  let found = false;
  for (const file of candidates) {
    try {
      if (!statSync(file).isFile()) continue;
      found = true;
      accessSync(file, constants.X_OK);
      return null;
    } catch {
      // the next one may do
    }
  }
  return found ? `${program} is not executable` : `there is no ${program}`;
}

function judgeProgram(run: string[], cwd: string): Said {
  const mend = 'Write the program’s whole path, and look that the bot’s user may run it.';
  if (!isFolder(cwd)) return fail(`its folder ${cwd} does not exist`, 'Correct cwd in standdown.yml.');
  const why = whyNotRunnable(run[0] ?? '', cwd, process.env['PATH'] ?? '');
  return why === null ? ok(`${run[0] ?? ''} can be run; it was not`) : fail(why, mend);
}

/** Whether people could read it, and the bot see when it changes. */
function judgeDocument(file: string): Said {
  try {
    const found = statSync(file);
    if (!found.isFile()) return fail(`${file} is no file`, 'Correct runbookFile in standdown.yml.');
    accessSync(file, constants.R_OK);
    return found.size > 0 ? ok(file) : fail(`${file} is empty`, 'Write it, or correct runbookFile.');
  } catch (error) {
    return fail(
      `${file}: ${reasonOf(error)}`,
      'Correct runbookFile in standdown.yml, and let the bot’s user read it.',
    );
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function policyProbes(parts: LiveParts): Probe[] {
  const { recoveryCheck, commands, runbookFile, hardStops } = parts;
  return [
    probe('policy.playbook', 'Playbook', async () => judgePolicy(loadPolicy(parts.playbookFile))),
    ...(runbookFile === null
      ? []
      : [probe('policy.runbookFile', 'The desk’s runbook', async () => judgeDocument(runbookFile))]),
    ...(recoveryCheck === null || recoveryCheck === 'off'
      ? []
      : [
          probe('policy.recoveryCheck', 'Recovery check', async () =>
            judgeProgram(recoveryCheck.run, recoveryCheck.cwd),
          ),
        ]),
    ...Object.entries(commands).map(([name, { run }]) =>
      probe(`command.${name}`, `Command ${name}`, async () => judgeProgram(run, dirname(parts.file))),
    ),
    ...(hardStops === null
      ? []
      : [
          probe('hardStops.mode', 'Hard stops', async () => {
            const from = hardStops.fromAlerts;
            const alerts = from.length === 0 ? 'by no alert' : `by alerts too: ${from.join(', ')}`;
            return hardStops.mode === 'act'
              ? ok(`act: they stop trading by themselves, ${alerts}`)
              : warn('observe: nothing stops trading by itself', 'Set hardStops.mode to act.');
          }),
        ]),
  ];
}
