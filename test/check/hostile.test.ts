/** `check` among files and far sides at their worst: it ends, it says what it could not learn, and it takes nothing for good. */

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRunbookTexts } from '../../src/adapters/runbookTexts.ts';
import { readTextFile } from '../../src/adapters/textFile.ts';
import { type CheckReport, check } from '../../src/check/check.ts';

const FAST_DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
let cwd = '';
let server: Server | null = null;
beforeEach(async () => {
  cwd = await mkdtemp(join(FAST_DISK, 'standdown-hostile-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  await rm(cwd, { recursive: true, force: true });
});

/** A pipe that nobody writes to. */
const makePipe = (at: string) => execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', at]);
const pipe = (name: string): string => {
  makePipe(join(cwd, name));
  return join(cwd, name);
};
const file = (name: string, text: string) => writeFile(join(cwd, name), text);
const ask = (env: Record<string, string> = {}): Promise<CheckReport> =>
  check({
    env: {
      SLACK_BOT_TOKEN: 'xoxb-1',
      // Nobody listens there.
      SLACK_API_URL: 'http://127.0.0.1:1/api/',
      STANDDOWN_TOKEN: 'x'.repeat(32),
      PORT: '1',
      ...env,
    },
    cwd,
  });
const lineOf = ({ lines }: CheckReport, id: string) => lines.find((line) => line.id === id);

/** Nine levels of ten aliases each: a thousand million values, where aliases are followed. */
const BOMB = [
  'a0: &a0 lol',
  ...Array.from(
    { length: 9 },
    (_one, index) => `a${index + 1}: &a${index + 1} [${Array(10).fill(`*a${index}`).join(', ')}]`,
  ),
].join('\n');

describe('files', { timeout: 20_000 }, () => {
  it.each([
    ['a pipe', () => pipe('standdown.yml'), 'not a file'],
    ['a folder', () => mkdir(join(cwd, 'standdown.yml')), 'EISDIR'],
    ['20 MB', () => file('standdown.yml', 'x'.repeat(20_000_000)), 'larger than 16 MiB'],
    ['10 MB', () => file('standdown.yml', 'x'.repeat(10_000_000)), '10000000 characters'],
    ['a bomb', () => file('standdown.yml', BOMB), 'Anchors and aliases'],
  ])('standdown.yml is %s: it is said, and all else is asked', async (_what, make, says) => {
    await make();
    const report = await ask();
    expect(report.ok).toBe(false);
    expect(JSON.stringify(report.lines.filter(({ state }) => state === 'fail'))).toContain(says);
    expect(lineOf(report, 'machine.node')?.state).toBe('ok');
  });

  it.each([
    ['a pipe', makePipe, 'not a file'],
    ['a folder', (at: string) => mkdir(at), 'EISDIR'],
    ['10 MB', (at: string) => writeFile(at, 'x'.repeat(10_000_000)), '10000000 characters'],
    ['a bomb', (at: string) => writeFile(at, BOMB), 'Anchors and aliases'],
  ])('the playbook is %s', async (_what, make, says) => {
    await make(join(cwd, 'playbook.yml'));
    await file('standdown.yml', 'playbook: ./playbook.yml\n');
    expect(lineOf(await ask(), 'policy.playbook')).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining(says),
      mend: expect.stringMatching(/./),
    });
  });

  it.each([
    ['a pipe', () => void pipe('control.env'), 'not a file'],
    ['a folder', () => mkdir(join(cwd, 'control.env')), 'not a file'],
    ['below a file', () => file('control', ''), 'ENOTDIR'],
  ])('the control file is %s', async (what, make, says) => {
    await make();
    const at = what === 'below a file' ? './control/control.env' : './control.env';
    await file('standdown.yml', `control: { file: ${at} }\n`);
    const report = await ask();
    expect(lineOf(report, 'control.file')).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining(says),
    });
    // Nothing waits for the pipe: the process ends as well.
    expect(lineOf(report, 'control.keys')?.evidence).not.toContain('no answer within');
  });

  it('the desk’s runbook is a pipe: nobody can have read it, and the bot does not wait for it', async () => {
    const at = pipe('RUNBOOK_EDGE.md');
    await mkdir(join(cwd, 'runbooks'));
    pipe('runbooks/a.yml');
    const texts = createRunbookTexts({ playbookFile: join(cwd, 'playbook.yml'), runbookFile: at });
    expect(await texts.read()).toEqual([
      { name: 'RUNBOOK_EDGE.md', sha256: null },
      { name: 'runbooks/a.yml', sha256: null },
    ]);
    await file('standdown.yml', 'runbookFile: ./RUNBOOK_EDGE.md\n');
    expect(lineOf(await ask(), 'policy.runbookFile')?.state).toBe('fail');
  });

  it('more runbooks than are looked at: nobody can have read them all', async () => {
    await mkdir(join(cwd, 'runbooks'));
    await Promise.all(
      Array.from({ length: 101 }, (_one, index) => file(`runbooks/${index}.yml`, 'title: x\n')),
    );
    const texts = createRunbookTexts({ playbookFile: join(cwd, 'playbook.yml'), runbookFile: null });
    expect((await texts.read()).filter(({ sha256 }) => sha256 === null)).toEqual([
      { name: 'runbooks/', sha256: null },
    ]);
  });

  it('.env is a pipe: it is said', async () => {
    pipe('.env');
    expect(JSON.stringify((await ask()).lines)).toContain('not a file');
    expect(() => readTextFile('/dev/zero')).toThrow('not a file');
  });
});

describe('far sides', { timeout: 30_000 }, () => {
  const CHUNK = 'x'.repeat(65_536);
  /** Says yes, and goes on for ever. */
  async function endless(begin: string): Promise<string> {
    server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.write(begin);
      const more = (): void => {
        while (!response.destroyed && response.write(CHUNK));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const at = server;
    await new Promise<void>((done) => at.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(at.address() as AddressInfo).port}`;
  }

  it('that answer without an end are unknown, and it comes to one', async () => {
    const url = await endless('{"ok":true,"x":"');
    await file(
      'standdown.yml',
      `slack: { channel: C0INCIDENTS }\naccess: { responders: [U0ADA], approvers: [U0ADA, U0GRACE, U0ALAN], approvals: 2 }\nvenues: [{ id: a, exchange: binanceusdm, apiKey: key-of-a-venue, secret: secret-of-it, baseUrl: "${url}" }]\n`,
    );
    const report = await ask({
      SLACK_API_URL: `${url}/api/`,
      PORT: new URL(url).port,
    });
    const ids = [
      'slack.token',
      'slack.channel',
      'access.quorum',
      'venue.a.key',
      'venue.a.read',
      'venue.a.clock',
      'machine.clock',
    ];
    expect(ids.map((id) => [id, lineOf(report, id)?.state])).toEqual(ids.map((id) => [id, 'unknown']));
    expect(lineOf(report, 'server.running')?.state).toBe('fail');
    for (const line of report.lines) expect(line.evidence.length).toBeLessThanOrEqual(400);
  });

  it('that answer with pages of HTML are unknown, and nothing of the page gets into a control sequence', async () => {
    server = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<html>\u001B[2J\u202E ok:true ${'<b>'.repeat(100_000)}</html>`);
    });
    const at = server;
    await new Promise<void>((done) => at.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(at.address() as AddressInfo).port}`;
    await file(
      'standdown.yml',
      `slack: { channel: C0INCIDENTS }\nvenues: [{ id: a, exchange: binanceusdm, apiKey: key-of-a-venue, secret: secret-of-it, baseUrl: "${url}" }]\n`,
    );
    const report = await ask({
      SLACK_API_URL: `${url}/api/`,
      PORT: new URL(url).port,
    });
    const ids = ['slack.token', 'slack.channel', 'venue.a.key', 'venue.a.read', 'venue.a.clock'];
    expect(ids.map((id) => [id, lineOf(report, id)?.state])).toEqual(ids.map((id) => [id, 'unknown']));
    expect(lineOf(report, 'server.running')).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('not this bot'),
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(report.lines.map(({ evidence }) => evidence).join('')).not.toMatch(/[\u0000-\u001F\u202E]/);
  });
});
