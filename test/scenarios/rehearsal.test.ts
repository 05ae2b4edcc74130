/** Rehearsal touches nothing real: it refuses where real things lie around, and no socket leaves this machine. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-rehearsal-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; sockets: string[] }> {
  const sockets = join(folder, 'sockets.log');
  await writeFile(sockets, '');
  const child = spawn(
    process.execPath,
    ['--import', join(ROOT, 'test/fixtures/watch-sockets.mjs'), join(ROOT, 'dist/cli.js'), ...args],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', WATCH_SOCKETS: sockets, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  const lines = (await readFile(sockets, 'utf8')).split('\n').filter((line) => line !== '');
  return { code, out, sockets: [...new Set(lines)] };
}

describe('a rehearsal', () => {
  it('plays one incident from alert to postmortem, every line labelled DRILL, and opens no socket that leaves loopback', async () => {
    const { code, out, sockets } = await run(['drill']);
    expect(out).toContain('DRILL passed');
    expect(code).toBe(0);
    for (const line of out.trim().split('\n')) expect(line).toMatch(/^DRILL/);
    expect(sockets, 'the watcher sees what is connected').toContain('connect 127.0.0.1');
    expect(sockets.filter((line) => !/ (127\.0\.0\.1|::1|localhost)$/.test(line))).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(['data', 'sockets.log']);
    expect(await readdir(join(folder, 'data'))).toEqual(['rehearsal']);
  });

  it.each([
    ['a live secret', { PAGERDUTY_ROUTING_KEY: 'a'.repeat(32) }],
    ['a signing secret', { SLACK_SIGNING_SECRET: 'b'.repeat(32) }],
    ['a mail server', { SMTP_URL: 'smtp://user:pass@mail.example.com' }],
  ])('refuses with %s in the environment, and says so', async (_what, env) => {
    const { code, out, sockets } = await run(['drill'], env);
    expect(code).toBe(1);
    expect(out).toContain(Object.keys(env)[0]);
    expect(out).toContain('STANDDOWN_REHEARSAL');
    for (const value of Object.values(env)) expect(out).not.toContain(value);
    expect(sockets).toEqual([]);
  });

  it('refuses beside a live configuration or live data, unless rehearsal is meant; then it touches neither', async () => {
    const yml = 'slack: { channel: C1 }\n';
    await writeFile(join(folder, 'standdown.yml'), yml);
    await mkdir(join(folder, 'data', 'journal'), { recursive: true });
    await writeFile(join(folder, 'data', 'journal', '000001.log'), 'live');
    const refused = await run(['drill']);
    expect(refused.code).toBe(1);
    expect(refused.out).toContain('standdown.yml');
    expect(refused.out).toContain('data');

    const secrets = {
      STANDDOWN_REHEARSAL: '1',
      PAGERDUTY_ROUTING_KEY: 'a'.repeat(32),
      SLACK_BOT_TOKEN: 'xoxb-live-token-of-the-desk',
    };
    const meant = await run(['drill'], secrets);
    expect(meant.out).toContain('DRILL passed');
    expect(meant.sockets.filter((line) => !/ (127\.0\.0\.1|::1|localhost)$/.test(line))).toEqual([]);
    expect(await readFile(join(folder, 'standdown.yml'), 'utf8')).toBe(yml);
    expect(await readFile(join(folder, 'data', 'journal', '000001.log'), 'utf8')).toBe('live');
    expect(meant.out).not.toContain('xoxb-live');
  });
});

describe('a live start with half a configuration', () => {
  it('stops with every problem at once, each with how to mend it', async () => {
    const { code, out, sockets } = await run(['start'], { SLACK_BOT_TOKEN: 'xoxb-1234567890' });
    expect(code).toBe(1);
    for (const what of ['SLACK_SIGNING_SECRET', 'PAGERDUTY_ROUTING_KEY', 'STANDDOWN_TOKEN', 'standdown.yml'])
      expect(out).toContain(what);
    expect(out.split('\n').filter((line) => line.includes('•')).length).toBeGreaterThanOrEqual(4);
    expect(sockets).toEqual([]);
  });
});
