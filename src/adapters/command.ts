/** Running a configured command: no shell, a time limit, its output kept. */

import { spawn } from 'node:child_process';

export interface CommandResult {
  /** null: it did not end by itself (a signal, the time limit, or it could not be started). */
  exitCode: number | null;
  /** stdout and stderr, the newest 8,000 characters. */
  output: string;
  reason: string | null;
  ms: number;
}

const KEPT = 8_000;
/**
 * How long the output is waited for after the program has ended. What it started and left running may hold its output open
 * for ever: a restarted order manager does.
 */
const OUTPUT_MS = 250;

/** Never rejects: what went wrong is the `reason`. `run` is the program and its arguments, as they stand. */
export function runCommand(run: string[], cwd: string, timeoutMs: number): Promise<CommandResult> {
  const startedAt = performance.now();
  const [file = '', ...args] = run;
  return new Promise((resolve) => {
    let output = '';
    let timedOut = false;
    let lateOutput: NodeJS.Timeout | undefined;
    let limit: NodeJS.Timeout | undefined;
    const settle = (exitCode: number | null, reason: string | null) => {
      clearTimeout(limit);
      clearTimeout(lateOutput);
      resolve({ exitCode, output, reason, ms: Math.round(performance.now() - startedAt) });
    };
    try {
      const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8');
        stream.on('data', (chunk: string) => {
          output = `${output}${chunk}`.slice(-KEPT);
        });
      }
      limit = setTimeout(() => {
        timedOut = true;
        child.kill('SIGKILL');
      }, timeoutMs);
      child.once('error', (error) => settle(null, error.message.split('\n')[0] ?? 'it could not be started'));
      const ended = (code: number | null, signal: NodeJS.Signals | null) => {
        child.stdout.destroy();
        child.stderr.destroy();
        if (timedOut) return settle(null, `it did not end within ${timeoutMs / 1_000} s`);
        if (code === null) return settle(null, `it was ended by ${signal ?? 'a signal'}`);
        return settle(code, code === 0 ? null : `exit code ${code}`);
      };
      child.once('exit', (code, signal) => {
        lateOutput = setTimeout(() => ended(code, signal), OUTPUT_MS);
      });
      child.once('close', ended);
    } catch (error) {
      settle(null, error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it could not be started');
    }
  });
}
