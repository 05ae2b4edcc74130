/** `standdown check`, as an operator runs it beside the server, and when the server is down. */

import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { CheckReport } from '../../src/check/check.ts';
import { CHANNEL, SCOPES } from '../../src/rehearsal/stage.ts';
import { type OwnProcess, spawnDesk } from './desk.ts';

const ENGINE = 'engines: [{ id: main, heartbeatSec: 60 }]\n';

/** As the engine's own heartbeat: it read the control file, and obeys what stands in it. */
async function confirm(own: OwnProcess): Promise<void> {
  const control = Object.fromEntries(
    [...(await own.control()).matchAll(/^([A-Z_]+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
  );
  await own.post('/telemetry', { type: 'heartbeat', at: Date.now(), engine: 'main', control });
}

/** The bot reads the rota and the runbooks after it is up: until then it says that it does not know. */
const knows = (own: OwnProcess) =>
  expect
    .poll(async () => JSON.stringify((await own.get('/status')).json['readiness']), { timeout: 10_000 })
    .not.toContain('"unknown"');

/** In memory where there is such a place: how busy the disk is here is no matter of these. */
const FAST_DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let desk: OwnProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

async function report(own: OwnProcess): Promise<CheckReport & { code: number | null }> {
  const { code, text } = await own.cli('check', '--json');
  return { ...(JSON.parse(text) as CheckReport), code };
}

const stateOf = ({ lines }: CheckReport, id: string) => lines.find((line) => line.id === id)?.state;
const bad = ({ lines }: CheckReport) =>
  lines.filter(({ state }) => state === 'fail' || state === 'unknown').map(({ id, state }) => [id, state]);

// Each runs the command line once or more beside the server: seconds on a machine that is busy.
describe('standdown check', { timeout: 90_000 }, () => {
  it('beside a running server: all is well, and nothing is written, posted, paged, mailed or traded', async () => {
    desk = await spawnDesk({ tmp: FAST_DISK, yaml: ENGINE });
    const { stage, folder } = desk;
    await confirm(desk);
    await knows(desk);
    const trace = async () => ({
      control: await desk?.control(),
      posts: stage.slack.messages(CHANNEL).length,
      events: stage.pagerDuty.events().length,
      mails: stage.mail.messages().length,
      orders: stage.binance.openOrders().length,
      files: await readdir(folder),
      lock: (await stat(join(folder, 'data', 'lock'))).ino,
    });
    const before = await trace();
    const seen = stage.binance.requests().length;
    const all = await report(desk);
    expect(bad(all)).toEqual([]);
    expect(all).toMatchObject({ ok: true, code: 0, at: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(await trace()).toEqual(before);
    expect(
      stage.binance
        .requests()
        .slice(seen)
        .filter(({ method }) => method !== 'GET'),
    ).toEqual([]);
    const well = [
      'server.running',
      'slack.scopes',
      'slack.channel',
      'access.quorum',
      'pagerduty.key',
      'pagerduty.rota',
    ];
    expect(well.map((id) => stateOf(all, id))).toEqual(well.map(() => 'ok'));
  });

  it('standdown.yml changed under a server that runs: what is new in it is not in force', async () => {
    desk = await spawnDesk({ tmp: FAST_DISK, yaml: ENGINE });
    await confirm(desk);
    await knows(desk);
    const yaml = join(desk.folder, 'standdown.yml');
    const text = await readFile(yaml, 'utf8');
    await writeFile(yaml, text.replace('maxNotional: 1000', 'maxNotional: 500'));
    const changed = await report(desk);
    expect(bad(changed)).toEqual([['server.configuration', 'fail']]);
    expect(changed).toMatchObject({ ok: false, code: 1 });
    await writeFile(yaml, text);
    expect(bad(await report(desk))).toEqual([]);
  });

  it('four things broken: each is named with how to mend it, and no secret is said', async () => {
    desk = await spawnDesk({ tmp: FAST_DISK, yaml: ENGINE });
    const { stage } = desk;
    await confirm(desk);
    await knows(desk);
    stage.slack.setScopes(SCOPES.filter((scope) => scope !== 'pins:read'));
    stage.slack.setChannel(CHANNEL, { isArchived: true });
    stage.binance.setRestrictions({ enableWithdrawals: true });
    stage.pagerDuty.showService({ urgency: 'low' });
    const all = await report(desk);
    expect(bad(all)).toEqual([
      ['slack.scopes', 'fail'],
      ['slack.channel', 'fail'],
      ['pagerduty.urgency', 'fail'],
      ['venue.binance-usdm.key', 'fail'],
      ['venue.binance-spot.key', 'fail'],
    ]);
    expect(all).toMatchObject({ ok: false, code: 1 });
    for (const line of all.lines.filter(({ state }) => state === 'fail')) expect(line.mend).not.toBe('');

    const { text, code } = await desk.cli('check');
    expect(code).toBe(1);
    expect(text).toContain('✗ WILL FAIL  Slack scopes: missing: pins:read');
    expect(text).toMatch(/CAN\s+WITHDRAW/);
    expect(text).toContain('NOT READY: 5 will fail, 0 not known');
    // Into a pipe: no colour, and no line that wraps at 80 columns.
    expect(text).not.toContain('\u001B');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const secrets = Object.values(stage.keys);
    expect(secrets.filter((secret) => text.includes(secret) || JSON.stringify(all).includes(secret))).toEqual(
      [],
    );
  });

  it('with the server down and the file broken, it lists that too and asks the rest', async () => {
    desk = await spawnDesk({ tmp: FAST_DISK });
    await desk.crash();
    const yaml = join(desk.folder, 'standdown.yml');
    const data = await readdir(join(desk.folder, 'data'), { recursive: true });
    await writeFile(yaml, `slack: { channel: ${CHANNEL} }\nvenues: 7\nlimit: {}\n`);
    const all = await report(desk);
    expect(all).toMatchObject({ ok: false, code: 1 });
    expect(all.lines.filter(({ id }) => id.startsWith('config.problem.')).length).toBeGreaterThan(3);
    expect(['slack.token', 'slack.channel', 'pagerduty.key'].map((id) => stateOf(all, id))).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(stateOf(all, 'server.running')).toBe('fail');
    expect(await readdir(join(desk.folder, 'data'), { recursive: true })).toEqual(data);
  });

  it('far sides that hang or answer pages of HTML are unknown, and it ends in time', async () => {
    desk = await spawnDesk({ tmp: FAST_DISK });
    const { stage } = desk;
    stage.slack.fault('*', { kind: 'html' });
    stage.pagerDuty.fault('rest', { kind: 'hang', times: Number.POSITIVE_INFINITY });
    stage.binance.fault({ kind: 'timeout', times: Number.POSITIVE_INFINITY });
    stage.mail.fault({ kind: 'hang', times: 9 });
    desk.hang();
    const all = await report(desk);
    expect(
      ['slack.token', 'slack.channel', 'access.responders', 'pagerduty.key', 'venue.binance-usdm.key'].map(
        (id) => stateOf(all, id),
      ),
    ).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'unknown']);
    expect(['server.running', 'mail.server'].map((id) => stateOf(all, id))).toEqual(['fail', 'fail']);
    expect(
      all.lines.filter(({ state, id }) => state === 'ok' && /^(?:slack.token|pagerduty|venue.*key)/.test(id)),
    ).toEqual([]);
  });

  it('a control file that cannot be replaced, programs that are not there, a token that is refused', async () => {
    desk = await spawnDesk({
      tmp: FAST_DISK,
      yaml: 'commands: { restartOrderManager: { run: [/nowhere/restart], timeoutSec: 5 } }\nengines: [{ id: main, heartbeatSec: 5 }]\n',
    });
    desk.stage.slack.fault('auth.test', { kind: 'error', error: 'token_revoked' });
    await rm(desk.controlFile);
    const all = await report(desk);
    expect(
      ['control.file', 'command.restartOrderManager', 'slack.token', 'engine.main'].map((id) =>
        stateOf(all, id),
      ),
    ).toEqual(['fail', 'fail', 'fail', 'fail']);
  });

  it('a key that can withdraw is refused at start; while the latch holds the kill goes on, and the log says it', async () => {
    desk = await spawnDesk({ tmp: FAST_DISK });
    const { stage } = desk;
    await desk.crash();
    stage.binance.setRestrictions({ enableWithdrawals: true });
    await expect(desk.start()).rejects.toThrow(/the key of binance-usdm, binance-spot can withdraw/);
    stage.binance.setRestrictions({ enableWithdrawals: false });
    await desk.start();
    await desk.cli('kill', 'to have a latch');
    await desk.crash();
    stage.binance.setRestrictions({ enableWithdrawals: true });
    await desk.start();
    expect((await desk.get('/status')).json).toMatchObject({ trading: { state: 'killed' } });
    await expect
      .poll(() => desk?.output(), { timeout: 10_000 })
      .toContain('not refused while the latch holds');
  });
});
