import { describe, expect, it } from 'vitest';
import { runCommand } from '../../src/adapters/command.ts';

const node = (script: string, ...args: string[]) => [process.execPath, '-e', script, ...args];
const run = (command: string[], timeoutMs = 20_000) => runCommand(command, process.cwd(), timeoutMs);

describe('a configured command', () => {
  it('is run as it stands, without a shell', async () => {
    const nasty = '$(touch /tmp/x); `id` | rm -rf "*" && \n';
    const { exitCode, output, reason } = await run(node('process.stdout.write(process.argv[1])', nasty));
    expect({ exitCode, output, reason }).toEqual({ exitCode: 0, output: nasty, reason: null });
  });

  it('that fails says with which exit code, and keeps what it said', async () => {
    expect(await run(node('console.error("no"); process.exit(3)'))).toMatchObject({
      exitCode: 3,
      output: 'no\n',
      reason: 'exit code 3',
    });
  });

  it('that does not end is ended, and has no exit code', async () => {
    const ended = await run(node('console.log("began"); setInterval(() => {}, 1000)'), 700);
    expect(ended).toMatchObject({ exitCode: null, reason: 'it did not end within 0.7 s' });
  });

  it('that leaves something running with its output open has ended all the same', async () => {
    const script = `
      const { spawn } = require('node:child_process');
      spawn(process.execPath, ['-e', 'setTimeout(() => {}, 8000)'], { detached: true, stdio: 'inherit' }).unref();
      console.log('started');
    `;
    const { exitCode, output, ms } = await run(node(script));
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: 'started\n' });
    expect(ms).toBeLessThan(8_000);
  });

  it('that says more than fits keeps the newest', async () => {
    const { output } = await run(node('process.stdout.write("a".repeat(3e6) + "the end")'));
    expect(output).toHaveLength(8_000);
    expect(output.endsWith('the end')).toBe(true);
  });

  it.each([[['/no/such/program']], [['']], [[]], [['a\0b']]])(
    '%j cannot be started, and says so',
    async (command) => {
      const { exitCode, reason } = await run(command);
      expect(exitCode).toBeNull();
      expect(reason).toMatch(/./);
    },
  );

  it('that kills itself has no exit code', async () => {
    expect(
      await run(node('process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)')),
    ).toMatchObject({
      exitCode: null,
      reason: 'it was ended by SIGTERM',
    });
  });
});
