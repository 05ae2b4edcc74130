/**
 * Issue 7 says what `check` tells. Each of its words is a row here: what is broken, and the one line that then says so, with
 * how to mend it, and the exit status. All else stays as it is on a desk where everything is well.
 */

import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { sha256 } from '../../src/adapters/sha256.ts';
import { type CheckOptions, type CheckReport, check } from '../../src/check/check.ts';
import { SHIPPED_PLAYBOOK } from '../../src/policy.ts';
import { ALERT_CHANNEL, CAST, CHANNEL, SCOPES, type Stage, startStage } from '../../src/rehearsal/stage.ts';
import { liveYaml } from '../scenarios/desk.ts';

const FAST_DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const DAY = 86_400_000;
const LINES = [
  'kill-switch',
  'emergency-cancel',
  'on-call-rotation',
  'alerting',
  'backup-feed',
  'runbook-read',
];

interface ReadinessShown {
  id: string;
  state: string;
  expiresAt: string | null;
  mend: string;
  parts: { name: string; state: string; evidence: string }[];
}

interface Well {
  stage: Stage;
  folder: string;
  env: Record<string, string>;
  yaml: string;
  /** What the bot's server answers to `/status`; null: it does not run. */
  status: {
    trading: { state: string; engine: object[]; unwritten?: string };
    readiness: ReadinessShown[];
  } | null;
  options: Partial<CheckOptions>;
  /** The standdown.yml that the server started with; default the one that is there. */
  runsWith?: string;
}

/** A desk where all is well, before `break` breaks one thing of it. */
let stage: Stage | null = null;
let server: Server | null = null;
let folder = '';
afterEach(async () => {
  server?.closeAllConnections();
  await Promise.all([
    stage?.close(),
    new Promise((done) => (server === null ? done(0) : server.close(done))),
  ]);
  await rm(folder, { recursive: true, force: true });
  [stage, server] = [null, null];
});

async function wellDesk(): Promise<Well> {
  folder = await mkdtemp(join(FAST_DISK, 'standdown-words-'));
  stage = await startStage();
  await writeFile(join(folder, 'control.env'), 'KILL_SWITCH=0\n');
  await writeFile(join(folder, 'RUNBOOK_EDGE.md'), '# Runbook\n');
  await mkdir(join(folder, 'data'));
  await cp(dirname(SHIPPED_PLAYBOOK), join(folder, 'templates'), { recursive: true });
  const { keys } = stage;
  return {
    stage,
    folder,
    yaml: `${liveYaml(stage)}engines: [{ id: main, heartbeatSec: 5 }]\nrunbookFile: ./RUNBOOK_EDGE.md\nplaybook: ./templates/playbook.yml\n`,
    env: {
      SLACK_BOT_TOKEN: keys.botToken,
      SLACK_SIGNING_SECRET: keys.signingSecret,
      SLACK_API_URL: stage.slack.apiUrl,
      PAGERDUTY_ROUTING_KEY: keys.routingKey,
      PAGERDUTY_API_TOKEN: keys.pagerToken,
      PAGERDUTY_FROM: CAST.ada.email,
      PAGERDUTY_EVENTS_SERVER: stage.pagerDuty.server,
      PAGERDUTY_API_SERVER: stage.pagerDuty.server,
      SMTP_URL: stage.mail.smtpUrl,
      STANDDOWN_TOKEN: 'a-token-of-the-desk-that-is-long-enough',
      BINANCE_KEY: keys.apiKey,
      BINANCE_SECRET: keys.apiSecret,
    },
    status: {
      trading: { state: 'running', engine: [{ id: 'main', confirmed: true, ageMs: 900 }] },
      readiness: LINES.map((id) => ({
        id,
        state: 'green',
        expiresAt: null,
        mend: 'Do it again.',
        parts: [{ name: '', state: 'green', evidence: 'proved' }],
      })),
    },
    options: {},
  };
}

/** The bot's server, as far as `check` asks it. */
async function serve(well: Well): Promise<string> {
  server = createServer((_request, response) => {
    const { status } = well;
    response.setHeader('content-type', 'application/json');
    const configuration = sha256(well.runsWith ?? well.yaml);
    response.end(
      JSON.stringify({
        mode: 'live',
        configuration,
        ...status,
        trading: { latch: null, ...status?.trading },
      }),
    );
  });
  const at = server;
  await new Promise<void>((done) => at.listen(0, '127.0.0.1', done));
  const port = String((at.address() as AddressInfo).port);
  if (well.status === null) await new Promise((done) => at.close(done));
  return port;
}

async function reportOf(well: Well): Promise<CheckReport> {
  await writeFile(join(well.folder, 'standdown.yml'), well.yaml);
  return check({
    env: { PORT: await serve(well), ...well.env },
    cwd: well.folder,
    pagerAgent: new Agent({ ca: well.stage.tls.cert }),
    ...well.options,
  });
}

type Bad = Record<string, 'fail' | 'unknown'>;

/** What is not well, by its id. */
const badOf = ({ lines }: CheckReport): Bad =>
  Object.fromEntries(
    lines.flatMap(({ id, state }) => (state === 'fail' || state === 'unknown' ? [[id, state]] : [])),
  );

const line = (well: Well, id: string): ReadinessShown => {
  const found = well.status?.readiness.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no line ${id}`);
  return found;
};
const replace = (well: Well, from: string, to: string) => {
  if (!well.yaml.includes(from)) throw new Error(`standdown.yml has no “${from}”`);
  well.yaml = well.yaml.replace(from, to);
};
const readinessOf = (state: 'fail' | 'unknown'): Bad =>
  Object.fromEntries(LINES.map((id) => [`readiness.${id}`, state]));
const bothKeys = (state: 'fail' | 'unknown'): Bad => ({
  'venue.binance-usdm.key': state,
  'venue.binance-spot.key': state,
});

/** The words of the issue, what is broken, how, and what then is not well. */
const ROWS: [word: string, broken: string, how: (well: Well) => unknown, bad: Bad][] = [
  [
    'tokens',
    'Slack revoked the bot token',
    ({ stage: { slack } }) => slack.fault('auth.test', { kind: 'error', error: 'token_revoked' }),
    { 'slack.token': 'fail', 'slack.scopes': 'unknown' },
  ],
  [
    'tokens',
    'the app token of Socket Mode is none',
    ({ env }) => Object.assign(env, { SLACK_APP_TOKEN: 'xapp-of-nobody' }),
    { 'slack.requests': 'fail' },
  ],
  [
    'tokens',
    'PagerDuty refuses the REST token',
    ({ env }) => Object.assign(env, { PAGERDUTY_API_TOKEN: 'token-of-nobody' }),
    {
      'pagerduty.token': 'fail',
      'pagerduty.key': 'unknown',
      'pagerduty.from': 'unknown',
      'pagerduty.urgency': 'unknown',
      'pagerduty.onCall': 'unknown',
      'pagerduty.rota': 'unknown',
      'access.addresses': 'unknown',
    },
  ],
  [
    'tokens',
    'there is no REST token: what only it tells is not known',
    ({ env }) => {
      delete env['PAGERDUTY_API_TOKEN'];
      delete env['PAGERDUTY_FROM'];
    },
    {
      'pagerduty.key': 'unknown',
      'pagerduty.urgency': 'unknown',
      'pagerduty.onCall': 'unknown',
      'pagerduty.rota': 'unknown',
    },
  ],
  [
    'tokens',
    'STANDDOWN_TOKEN can be guessed, and HOST is every address',
    ({ env }) => Object.assign(env, { STANDDOWN_TOKEN: 'short', HOST: '0.0.0.0' }),
    { 'server.tokens': 'fail' },
  ],
  [
    'scopes against the manifest',
    'one is missing',
    ({ stage: { slack } }) => slack.setScopes(SCOPES.filter((scope) => scope !== 'pins:read')),
    { 'slack.scopes': 'fail' },
  ],
  [
    'scopes against the manifest',
    'those by which Slack says that a channel is archived',
    ({ stage: { slack } }) => {
      slack.setScopes(SCOPES.filter((scope) => !/^(?:channels|groups):read$/.test(scope)));
      slack.fault('conversations.info', { kind: 'error', error: 'missing_scope' });
    },
    { 'slack.scopes': 'fail', 'slack.channel': 'unknown' },
  ],
  [
    'channel membership',
    'the bot is not in #incidents',
    ({ stage: { slack } }) => slack.setChannel(CHANNEL, { botIsMember: false }),
    { 'slack.channel': 'fail' },
  ],
  [
    'channel membership',
    'the bot is not in a channel of alerts',
    (well) => {
      replace(well, `channel: ${CHANNEL} }`, `channel: ${CHANNEL}, alertChannels: [${ALERT_CHANNEL}] }`);
      well.stage.slack.setChannel(ALERT_CHANNEL, { botIsMember: false });
    },
    { [`slack.alertChannel.${ALERT_CHANNEL}`]: 'fail' },
  ],
  [
    'channel membership',
    '#incidents is archived',
    ({ stage: { slack } }) => slack.setChannel(CHANNEL, { isArchived: true }),
    { 'slack.channel': 'fail' },
  ],
  [
    'the server',
    'standdown.yml was changed since it started',
    (well) => {
      well.runsWith = `${well.yaml}# before\n`;
    },
    { 'server.configuration': 'fail' },
  ],
  [
    'signing',
    'the secret is not one of Slack’s',
    ({ env }) => Object.assign(env, { SLACK_SIGNING_SECRET: 'the-verification-token' }),
    { 'slack.requests': 'fail' },
  ],
  [
    'PagerDuty key',
    'no service has it',
    ({ env }) => Object.assign(env, { PAGERDUTY_ROUTING_KEY: 'f'.repeat(32) }),
    {
      'pagerduty.key': 'unknown',
      'pagerduty.urgency': 'unknown',
      'pagerduty.onCall': 'unknown',
      'pagerduty.rota': 'unknown',
    },
  ],
  [
    'PagerDuty key',
    'it was copied in part',
    ({ env }) => Object.assign(env, { PAGERDUTY_ROUTING_KEY: 'f'.repeat(20) }),
    {
      'pagerduty.key': 'fail',
      'pagerduty.urgency': 'unknown',
      'pagerduty.onCall': 'unknown',
      'pagerduty.rota': 'unknown',
    },
  ],
  [
    'PagerDuty key',
    'its service is switched off',
    ({ stage: { pagerDuty } }) => pagerDuty.showService({ status: 'disabled' }),
    { 'pagerduty.key': 'fail' },
  ],
  [
    'service urgency',
    'it is low',
    ({ stage: { pagerDuty } }) => pagerDuty.showService({ urgency: 'low' }),
    { 'pagerduty.urgency': 'fail' },
  ],
  [
    'next on-call',
    'whoever is on call is reached by mail alone',
    ({ stage: { pagerDuty } }) => pagerDuty.putOnCall('PDESK01', CAST.alan.pagerDuty),
    { 'pagerduty.onCall': 'fail' },
  ],
  [
    'venue key permissions: can cancel',
    'it may not trade',
    ({ stage: { binance } }) =>
      binance.setRestrictions({ enableFutures: false, enableSpotAndMarginTrading: false }),
    bothKeys('fail'),
  ],
  [
    'venue key permissions: can read',
    'it may not read',
    ({ stage: { binance } }) => binance.setRestrictions({ enableReading: false }),
    bothKeys('fail'),
  ],
  [
    'venue key permissions: can read',
    'one list cannot be read',
    ({ stage: { binance } }) =>
      binance.fault({ kind: 'http500', match: { path: '/fapi/v1/openAlgoOrders' }, times: Infinity }),
    { 'venue.binance-usdm.read': 'fail' },
  ],
  [
    'venue key permissions: cannot withdraw',
    'it can',
    ({ stage: { binance } }) => binance.setRestrictions({ enableWithdrawals: true }),
    bothKeys('fail'),
  ],
  [
    'venue key: shared with nobody',
    'the engine reads it in the control file',
    ({ folder: at, env }) =>
      appendFile(join(at, 'control.env'), `BINANCE_KEY="${env['BINANCE_KEY'] ?? ''}"\n`),
    { 'venue.binance-usdm.shared': 'fail', 'venue.binance-spot.shared': 'fail' },
  ],
  [
    'clock skew to each venue',
    'this clock is a minute ahead',
    ({ options }) => Object.assign(options, { clock: { ...systemClock, now: () => Date.now() + 60_000 } }),
    { 'machine.clock': 'fail', 'venue.binance-usdm.clock': 'fail', 'venue.binance-spot.clock': 'fail' },
  ],
  [
    'control file writable',
    'it is missing',
    ({ folder: at }) => rm(join(at, 'control.env')),
    { 'config.problem.1': 'fail', 'control.file': 'fail', 'control.keys': 'unknown' },
  ],
  [
    'its folder mounted',
    'it is the container’s own, and no engine sees it',
    (well) => {
      well.options.place = { inContainer: true, mountinfo: async () => '1 0 0:1 / / rw - overlay o rw' };
      well.status?.trading.engine.splice(0, 1, { id: 'main', confirmed: false, ageMs: 900 });
    },
    { 'control.mount': 'fail', 'engine.main': 'fail' },
  ],
  [
    'read and confirmed by the engine',
    'it obeys something else',
    ({ status }) => status?.trading.engine.splice(0, 1, { id: 'main', confirmed: false, ageMs: 900 }),
    { 'engine.main': 'fail' },
  ],
  [
    'read and confirmed by the engine',
    'it went silent',
    ({ status }) => status?.trading.engine.splice(0, 1, { id: 'main', confirmed: true, ageMs: 20_000 }),
    { 'engine.main': 'fail' },
  ],
  [
    'read and confirmed by the engine',
    'none is configured: nobody knows',
    (well) => replace(well, 'engines: [{ id: main, heartbeatSec: 5 }]\n', ''),
    { 'engine.none': 'unknown' },
  ],
  [
    'mail server',
    'it turns everybody away',
    ({ stage: { mail } }) => mail.fault({ kind: 'greeting421', times: Infinity }),
    { 'mail.server': 'fail' },
  ],
  [
    'disk',
    'the data directory is a file',
    async ({ folder: at }) => {
      await rm(join(at, 'data'), { recursive: true });
      await writeFile(join(at, 'data'), '');
    },
    { 'machine.data': 'fail' },
  ],
  [
    'time zone',
    'there is no such zone',
    (well) => {
      well.yaml += 'hours: { timezone: Mars/Olympus, days: [mon] }\n';
    },
    { 'config.problem.1': 'fail', 'machine.zone': 'unknown' },
  ],
  [
    'enough approvers',
    'one of them left, so that nobody can ask',
    (well) => {
      replace(well, `responders: [${CAST.ada.id}, S0ONCALL]`, `responders: [${CAST.ada.id}]`);
      replace(
        well,
        `approvers: [${CAST.ada.id}, ${CAST.grace.id}, ${CAST.alan.id}]`,
        `approvers: [${CAST.ada.id}, ${CAST.grace.id}, U0NOBODY]`,
      );
    },
    { 'access.approvers': 'fail', 'access.quorum': 'fail' },
  ],
  [
    'playbook',
    'it cannot be read',
    ({ folder: at }) => writeFile(join(at, 'templates', 'playbook.yml'), 'goLive: 7\n'),
    { 'policy.playbook': 'fail' },
  ],
  [
    'runbooks',
    'one of them has a mistake',
    ({ folder: at }) =>
      writeFile(join(at, 'templates', 'runbooks', 'feed-gap.yml'), 'id: feed-gap\nsteps: 7\n'),
    { 'policy.playbook': 'fail' },
  ],
  [
    'runbooks',
    'the desk’s own is empty',
    ({ folder: at }) => writeFile(join(at, 'RUNBOOK_EDGE.md'), ''),
    { 'policy.runbookFile': 'fail' },
  ],
  [
    'runbooks',
    'the desk’s own is gone',
    ({ folder: at }) => rm(join(at, 'RUNBOOK_EDGE.md')),
    { 'policy.runbookFile': 'fail' },
  ],
  [
    'the bot itself',
    'it does not run: what only it knows is not known',
    (well) => {
      well.status = null;
    },
    {
      'server.running': 'fail',
      'server.configuration': 'unknown',
      'engine.main': 'unknown',
      ...readinessOf('unknown'),
    },
  ],
  [
    'the bot itself',
    'what it ordered is in no file',
    ({ status }) => Object.assign(status?.trading ?? {}, { unwritten: 'KILL_SWITCH: no space left' }),
    { 'server.running': 'fail' },
  ],
  [
    'the go-live list',
    'nobody knows who is on call',
    (well) =>
      Object.assign(line(well, 'on-call-rotation'), {
        state: 'unknown',
        parts: [{ name: 'rotation', state: 'unknown', evidence: 'PagerDuty was not asked yet' }],
      }),
    { 'readiness.on-call-rotation': 'unknown' },
  ],
  [
    'the go-live list',
    'a line expired, and readiness is required',
    (well) => {
      well.yaml += 'readiness: required\n';
      Object.assign(line(well, 'alerting'), {
        state: 'expired',
        parts: [{ name: 'test page', state: 'expired', evidence: 'expired after 30 days' }],
      });
    },
    { 'readiness.alerting': 'fail' },
  ],
];

// Each asks a whole outside world on loopback: a second where the machine is busy.
describe('what the issue says that check tells', { timeout: 30_000 }, () => {
  it('a desk where all is well exits 0', async () => {
    const report = await reportOf(await wellDesk());
    expect(badOf(report)).toEqual({});
    expect(report.ok).toBe(true);
    for (const { state, mend } of report.lines) if (state !== 'ok') expect(mend).not.toBe('');
  });

  it('without a configuration but for a token: each thing is named, and no word of ours is masked', async () => {
    const well = await wellDesk();
    well.env = { STANDDOWN_TOKEN: 'a-token-of-the-desk-that-is-long-enough' };
    well.yaml = '';
    const report = await reportOf(well);
    expect(Object.keys(badOf(report))).toEqual(
      expect.arrayContaining(['config.problem.1', 'slack.token', 'pagerduty.key', 'access.quorum']),
    );
    expect(JSON.stringify(report.lines)).not.toMatch(/\[masked\]|\[…\]/);
  });

  it.each(ROWS)('%s: %s', async (_word, _broken, how, bad) => {
    const well = await wellDesk();
    await how(well);
    const report = await reportOf(well);
    expect(badOf(report)).toEqual(bad);
    expect(report.ok).toBe(false);
    const silent = report.lines.filter(({ state, mend }) => state !== 'ok' && mend === '');
    expect(silent).toEqual([]);
    // No secret is in what it says, and so nothing is masked.
    expect(JSON.stringify(report.lines)).not.toMatch(/\[masked\]|\[…\]/);
  });

  it('next on-call: a hole at the first level is noted where the second is filled', async () => {
    const well = await wellDesk();
    well.stage.pagerDuty.fillRotaUntil(Date.now() + 7 * DAY);
    // The second level is a person for ever, who fills the hole late.
    const report = await reportOf(well);
    expect(badOf(report)).toEqual({});
    expect(report.lines.find(({ id }) => id === 'pagerduty.rota')).toMatchObject({
      state: 'warn',
      evidence: expect.stringContaining('level 1 has nobody from'),
    });
  });

  it('account types not covered are noted, venue by venue', async () => {
    const { lines } = await reportOf(await wellDesk());
    for (const venue of ['binance-usdm', 'binance-spot'])
      expect(lines.find(({ id }) => id === `venue.${venue}.notCovered`)).toMatchObject({
        state: 'warn',
        evidence: expect.stringContaining('no kill reaches'),
        mend: expect.stringMatching(/./),
      });
  });
});
