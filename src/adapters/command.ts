/** Running a configured command: no shell, a time limit, its output kept. */

import { execFile } from 'node:child_process';

export interface CommandResult {
  /** null: it did not end by itself (a signal, the time limit, or it could not be started). */
  exitCode: number | null;
  /** stdout and stderr, the newest 8,000 characters. */
  output: string;
  reason: string | null;
  ms: number;
}

const KEPT = 8_000;

/** Never rejects: what went wrong is the `reason`. `run` is the program and its arguments, as they stand. */
export function runCommand(run: string[], cwd: string, timeoutMs: number): Promise<CommandResult> {
  const startedAt = performance.now();
  const [file = '', ...args] = run;
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      { cwd, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr === '' ? '' : `\n${stderr}`}`.slice(-KEPT);
        const ms = Math.round(performance.now() - startedAt);
        if (error === null) return resolve({ exitCode: 0, output, reason: null, ms });
        const exitCode = typeof error.code === 'number' ? error.code : null;
        const reason =
          error.killed === true
            ? `it did not end within ${timeoutMs / 1_000} s`
            : exitCode === null
              ? (error.message.split('\n')[0] ?? 'it could not be started')
              : `exit code ${exitCode}`;
        return resolve({ exitCode, output, reason, ms });
      },
    );
  });
}
