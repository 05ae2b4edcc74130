import { mkdirSync, mkdtempSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { PROVEN } from '../src/adapters/venues/index.ts';
import { sayProblem } from '../src/adapters/yaml.ts';
import type { LiveConfig } from '../src/config.ts';
import { loadConfig, secretsOf } from '../src/config.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(realpathSync(tmpdir()), 'standdown-config-'));
});

const LIVE = {
  SLACK_BOT_TOKEN: 'xoxb-bot-secret',
  SLACK_SIGNING_SECRET: 'signing-secret-value',
  PAGERDUTY_ROUTING_KEY: 'routing-key-value',
  STANDDOWN_TOKEN: 'standdown-token-of-32-characters',
  SMTP_URL: 'smtp://bot:p%40ss-word@mail.example:587',
  BINANCE_KEY: 'binance-key-value',
  BINANCE_SECRET: 'binance-secret-value',
};

const YAML = `
slack:   { channel: C0INCIDENTS, alertChannels: [C0ALERTS] }
access:  { responders: [U1, S1, "pd:PSCHED1"], approvers: [U2, U3, U4], approvals: 2 }
control: { file: ./control.env }
venues:
  - id: binance-usdm
    exchange: binanceusdm
    apiKey: \${BINANCE_KEY}
    secret: \${BINANCE_SECRET}
    symbols: [BTC/USDT:USDT]
    quoteAssets: [USDT]
    maxNotional: 80
    baseUrl: http://127.0.0.1:9101
limits:  { maxDailyLossPct: 1, maxNotional: 100, currency: USDT }
kill:    { protectiveOrders: cancel }
hardStops: { mode: act, minOrders: 10, confirmations: 2, dataFeedGap: { whenPaused: wait }, fromAlerts: [] }
engines: [{ id: main, heartbeatSec: 5 }]
feeds:   [{ id: binance-1m, intervalSec: 60, symbols: [BTC/USDT:USDT], statusUrl: https://status.example, backup: binance-1m-b }]
hours:   { timezone: UTC, days: [mon, tue, wed, thu, fri], maintenance: [{ from: 2026-12-01T06:00:00Z, to: 2026-12-01T07:00:00Z, name: upgrade }] }
commands: { restartOrderManager: { run: [systemctl, restart, oms], timeoutSec: 30 } }
mail:    { from: standdown@example.com, stakeholders: [desk@example.com] }
issues:  { github: owner/repo }
recoveryCheck: { run: [npm, run, "edge:all"], cwd: ., expect: "verdict: ELIGIBLE", timeoutSec: 600 }
runbookFile: ./RUNBOOK_EDGE.md
playbook: ./templates/playbook.yml
`;

const MINIMAL = `
slack: { channel: C0INCIDENTS }
access: { responders: [U1], approvers: [U2, U3] }
control: { file: control.env }
venues: [{ id: a, exchange: binance, apiKey: "\${BINANCE_KEY}", secret: "\${BINANCE_SECRET}" }]
limits: { maxDailyLoss: 10, maxNotional: 100, currency: USDT }
feeds: off
mail: off
recoveryCheck: off
`;

function write(yaml: string = YAML): void {
  writeFileSync(join(cwd, 'standdown.yml'), yaml);
  writeFileSync(join(cwd, 'control.env'), 'KILL_SWITCH=0\n');
}

const load = (env: Record<string, string | undefined>) => loadConfig({ env, cwd });
const problems = (env: Record<string, string | undefined>): string[] => {
  const loaded = load(env);
  return loaded.ok ? [] : loaded.problems.map(sayProblem);
};
function live(env: Record<string, string | undefined> = LIVE): LiveConfig {
  const loaded = load(env);
  if (!loaded.ok) throw new Error(loaded.problems.map(sayProblem).join('\n'));
  if (loaded.config.mode !== 'live') throw new Error('a rehearsal');
  return loaded.config;
}
const without = (name: keyof typeof LIVE): Record<string, string> => {
  const { [name]: _gone, ...rest } = LIVE;
  return rest;
};

describe('with no bot token', () => {
  test('it rehearses, in a folder of its own', () => {
    expect(load({})).toMatchObject({
      ok: true,
      config: {
        mode: 'rehearsal',
        dataDir: join(cwd, 'data', 'rehearsal'),
        controlFile: join(cwd, 'data', 'rehearsal', 'control.env'),
        host: '127.0.0.1',
        port: 3000,
        logLevel: 'info',
      },
    });
  });

  test.each([
    'SLACK_SIGNING_SECRET',
    'SLACK_APP_TOKEN',
    'PAGERDUTY_ROUTING_KEY',
    'PAGERDUTY_API_TOKEN',
    'PAGERDUTY_WEBHOOK_SECRET',
    'SMTP_URL',
    'STANDDOWN_TOKEN',
    'STANDDOWN_ALERT_TOKEN',
    'STANDDOWN_TELEMETRY_TOKEN',
    'STANDDOWN_READ_TOKEN',
    'GITHUB_TOKEN',
    'STANDDOWN_CONFIG',
  ])('it refuses when %s is set, and says so', (name) => {
    const [said] = problems({ [name]: 'a-secret-value' });
    expect(said).toContain(`environment ${name}: SLACK_BOT_TOKEN is not set, but ${name} is.`);
    expect(said).toContain('STANDDOWN_REHEARSAL=1');
    expect(said).not.toContain('a-secret-value');
  });

  test('it refuses when a secret is in .env', () => {
    writeFileSync(join(cwd, '.env'), 'PAGERDUTY_ROUTING_KEY=x\n');
    expect(problems({}).join()).toContain('PAGERDUTY_ROUTING_KEY is.');
  });

  test('a variable set to nothing does not hide the secret in .env', () => {
    writeFileSync(join(cwd, '.env'), 'SLACK_BOT_TOKEN=xoxb-x\n');
    expect(problems({ SLACK_BOT_TOKEN: '' }).join()).toContain('SLACK_BOT_TOKEN is.');
  });

  test('it refuses when a standdown.yml is there, by its usual name or the named one', () => {
    writeFileSync(join(cwd, 'standdown.yml'), '');
    expect(problems({})).toEqual([expect.stringContaining(`${join(cwd, 'standdown.yml')} is there`)]);
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(join(cwd, 'etc', 'desk.yml'), '');
    expect(problems({ STANDDOWN_CONFIG: 'etc/desk.yml' }).join()).toContain('desk.yml is there');
  });

  test.each(['data', 'elsewhere'])('it refuses when %s holds live data', (folder) => {
    mkdirSync(join(cwd, folder));
    const env = folder === 'data' ? {} : { STANDDOWN_DATA_DIR: folder };
    expect(load(env).ok).toBe(true);
    writeFileSync(join(cwd, folder, 'journal.0001'), 'x');
    expect(problems(env)).toEqual([expect.stringContaining('holds live data (journal.0001)')]);
  });

  test('what a rehearsal left behind is not live data', () => {
    mkdirSync(join(cwd, 'data', 'rehearsal'), { recursive: true });
    writeFileSync(join(cwd, 'data', 'rehearsal', 'journal.0001'), 'x');
    expect(load({}).ok).toBe(true);
    expect(load({ STANDDOWN_DATA_DIR: 'data/rehearsal' }).ok).toBe(true);
  });

  test('everything is named at once', () => {
    write();
    mkdirSync(join(cwd, 'data'));
    writeFileSync(join(cwd, 'data', 'snapshot.json'), '{}');
    expect(problems(without('SLACK_BOT_TOKEN'))).toHaveLength(6);
  });

  test('STANDDOWN_REHEARSAL=1 says that it is meant, even with a bot token, and nothing live is in it', () => {
    write('not: [valid');
    writeFileSync(join(cwd, '.env'), 'STANDDOWN_TOKEN=x\nPORT=9\n');
    const loaded = load({
      ...LIVE,
      STANDDOWN_REHEARSAL: '1',
      STANDDOWN_DATA_DIR: 'elsewhere',
      DATABASE_URL: 'x',
    });
    expect(loaded).toMatchObject({ ok: true, config: { mode: 'rehearsal', port: 3000 } });
    const said = JSON.stringify(loaded);
    for (const secret of Object.values(LIVE)) expect(said).not.toContain(secret);
    expect(said).not.toContain('elsewhere');
    expect(loaded.ok && secretsOf(loaded.config)).toEqual([]);
  });

  test('only exactly 1 means it', () => {
    expect(problems({ STANDDOWN_REHEARSAL: 'true' }).join()).toContain('It is neither 1 nor 0.');
    expect(problems({ STANDDOWN_REHEARSAL: 'yes', ...LIVE }).join()).toContain('It is neither 1 nor 0.');
  });

  test('it does not leave loopback, nor write through a link', () => {
    expect(problems({ HOST: '0.0.0.0' }).join()).toContain('does not listen on 0.0.0.0');
    mkdirSync(join(cwd, 'live'));
    mkdirSync(join(cwd, 'data'));
    symlinkSync(join(cwd, 'live'), join(cwd, 'data', 'rehearsal'));
    expect(problems({ STANDDOWN_REHEARSAL: '1' }).join()).toContain('is a link');
  });
});

describe('live', () => {
  test('reads the whole of the contract’s example', () => {
    write();
    const config = live();
    expect(config).toMatchObject({
      mode: 'live',
      dataDir: join(cwd, 'data'),
      slack: {
        botToken: 'xoxb-bot-secret',
        transport: { kind: 'http', signingSecret: 'signing-secret-value' },
        apiUrl: 'https://slack.com/api/',
        channel: 'C0INCIDENTS',
        alertChannels: ['C0ALERTS'],
      },
      tokens: { full: ['standdown-token-of-32-characters'], alert: [] },
      access: { responders: ['U1', 'S1', 'pd:PSCHED1'], approvers: ['U2', 'U3', 'U4'], approvals: 2 },
      controlFile: join(cwd, 'control.env'),
      venues: [
        {
          id: 'binance-usdm',
          apiKey: 'binance-key-value',
          secret: 'binance-secret-value',
          password: null,
          maxNotional: 80,
          baseUrl: 'http://127.0.0.1:9101',
          drill: false,
        },
      ],
      limits: { maxDailyLoss: { unit: 'percent', value: 1 }, maxNotional: 100, currency: 'USDT' },
      hardStops: { mode: 'act', minOrders: 10, confirmations: 2, dataFeedGap: { whenPaused: 'wait' } },
      feeds: [{ id: 'binance-1m', backup: 'binance-1m-b' }],
      hours: { maintenance: [{ from: Date.UTC(2026, 11, 1, 6), to: Date.UTC(2026, 11, 1, 7) }] },
      mail: { smtpUrl: LIVE.SMTP_URL, stakeholders: ['desk@example.com'] },
      recoveryCheck: { cwd, expect: 'verdict: ELIGIBLE' },
      runbookFile: join(cwd, 'RUNBOOK_EDGE.md'),
      playbookFile: join(cwd, 'templates', 'playbook.yml'),
    });
  });

  test('fills in the defaults, and says what is lost', () => {
    write(MINIMAL);
    const config = live(without('SMTP_URL'));
    expect(config).toMatchObject({
      access: { approvals: 2 },
      limits: { maxDailyLoss: { unit: 'amount', value: 10 } },
      kill: { protectiveOrders: 'cancel' },
      hardStops: { mode: 'act', minOrders: 10, confirmations: 2, fromAlerts: [] },
      hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri'], maintenance: [] },
      venues: [{ symbols: [], quoteAssets: ['USDT'], maxNotional: null, baseUrl: null }],
      engines: [],
      feeds: 'off',
      mail: 'off',
      recoveryCheck: 'off',
      issues: null,
    });
    expect(config.playbookFile).toMatch(/templates\/playbook\.yml$/);
    const said = config.warnings.join('\n');
    for (const lost of [
      'pages are queued, never confirmed',
      'answers 404',
      'Feeds are off',
      'Mail is off',
      'recovery check is off',
      'No engines',
      'No commands',
      'No issues.github',
    ])
      expect(said).toContain(lost);
  });

  test('with nothing but a bot token, every missing thing is listed at once with how to mend it', () => {
    const said = problems({ SLACK_BOT_TOKEN: 'xoxb-x', HOST: '0.0.0.0' });
    for (const name of [
      'SLACK_SIGNING_SECRET: Neither it nor SLACK_APP_TOKEN is set.',
      'PAGERDUTY_ROUTING_KEY: It is not set.',
      'STANDDOWN_TOKEN: It is not set.',
      'without it nothing listens on 0.0.0.0',
      'standdown.yml It does not exist.',
      'slack: This is missing.',
      'access: This is missing.',
      'control: This is missing.',
      'venues: This is missing.',
      'limits: This is missing.',
      'feeds: This is missing.',
      'mail: This is missing.',
      'recoveryCheck: This is missing.',
    ])
      expect(said.join('\n')).toContain(name);
    for (const line of said) expect(line).toMatch(/\. \p{Lu}.*[.)"]$/u);
  });

  test('problems of every section are listed at once, each with its line', () => {
    write(`
slack: { channel: "#incidents" }
access: { responders: [ada], approvers: [U2, U2], approvals: 2 }
control: { file: nowhere.env }
venues:
  - { id: a, exchange: Binance, apiKey: "\${NOT_SET}", secret: "\${BINANCE_SECRET}", maxNotional: -1, baseUrl: "ftp://x" }
  - { id: a, exchange: okx, apiKey: k, secret: s, symbol: [X] }
limits: { maxNotional: 0, currency: USDT }
hardStops: { mode: maybe, fromAlerts: [everything] }
feeds: []
mail: { from: nobody, stakeholders: [] }
hours: { timezone: Mars/Olympus, maintenance: [{ from: 2026-12-01T07:00:00Z, to: 2026-12-01T06:00:00Z, name: x }] }
recoveryCheck: { run: [], expect: "(a+)+" }
`);
    const said = problems(LIVE).join('\n');
    for (const one of [
      ":2:19 slack.channel: This is not a channel's id.",
      ':3:24 access.responders[0]: This is not the id of a person or a group.',
      `:4:18 control.file: ${join(cwd, 'nowhere.env')} does not exist.`,
      ":6:24 venues[0].exchange: This is not a ccxt exchange's id.",
      'venues[0].apiKey: The environment variable NOT_SET is not set, or is empty.',
      'venues[0].maxNotional: This must be more than 0.',
      'venues[0].baseUrl: Only http and https addresses are taken.',
      '"symbol" is not a key that is known here. Did you mean symbols?',
      'limits.maxNotional: This must be more than 0.',
      'hardStops.mode: "maybe" is not one of: act, observe.',
      'hardStops.fromAlerts[0]: A criterion is one of:',
      'feeds: ',
      'mail.from: This is not a mail address.',
      'mail.stakeholders: This must have at least 1 entry.',
      'hours.timezone: This time zone is not known.',
      'hours.maintenance[0].to: It ends before it begins.',
      'recoveryCheck.run: ',
      'recoveryCheck.expect: The pattern repeats a group',
    ])
      expect(said).toContain(one);
  });

  test('the app token wins', () => {
    write(MINIMAL);
    expect(live({ ...LIVE, SLACK_APP_TOKEN: 'xapp-1' }).slack.transport).toEqual({
      kind: 'socket',
      appToken: 'xapp-1',
    });
  });

  test('.env is read, and the environment wins', () => {
    write(MINIMAL);
    const lines = Object.entries({ ...LIVE, PORT: '4000' }).map(([name, value]) => `${name}="${value}"`);
    writeFileSync(join(cwd, '.env'), lines.join('\n'));
    expect(live({})).toMatchObject({ port: 4000 });
    expect(live({ PORT: '5000', SLACK_BOT_TOKEN: 'xoxb-other' })).toMatchObject({
      port: 5000,
      slack: { botToken: 'xoxb-other' },
    });
  });

  test('token lists are split for rotation', () => {
    write(MINIMAL);
    const config = live({ ...LIVE, STANDDOWN_TOKEN: ' new-token-0123456789 , old-token-0123456789,' });
    expect(config.tokens.full).toEqual(['new-token-0123456789', 'old-token-0123456789']);
    expect(problems({ ...LIVE, STANDDOWN_TOKEN: ' , ,' }).join()).toContain('It has only commas in it.');
  });

  test('a narrower token that is also a full one, or a short one, is warned of', () => {
    write(MINIMAL);
    const said = live({ ...LIVE, STANDDOWN_ALERT_TOKEN: `${LIVE.STANDDOWN_TOKEN},short` }).warnings.join();
    expect(said).toContain('alert token is also in STANDDOWN_TOKEN');
    expect(said).toContain('alert token has fewer than 16 characters');
  });

  test.each([
    [{ PORT: '70000' }, 'PORT: This is not a port.'],
    [{ PORT: '-1' }, 'PORT: This is not a port.'],
    [{ PORT: '3000x' }, 'PORT: This is not a port.'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: This is not a level.'],
    [{ HOST: 'a b' }, 'HOST: This is not a host.'],
    [{ DATABASE_URL: 'postgres://x' }, 'DATABASE_URL: Replicas on Postgres are not built yet'],
    [
      { PAGERDUTY_EVENTS_SERVER: 'https://events.eu.pagerduty.com' },
      'PAGERDUTY_EVENTS_SERVER: This is not host or host:port.',
    ],
    [{ PAGERDUTY_API_SERVER: 'a@b:1' }, 'PAGERDUTY_API_SERVER: This is not host or host:port.'],
    [{ PAGERDUTY_API_SERVER: 'a:99999' }, 'PAGERDUTY_API_SERVER: This is not host or host:port.'],
    [{ SMTP_URL: 'mail.example' }, 'SMTP_URL: This is not the address of a mail server.'],
    [{ SLACK_API_URL: 'http://slack.example/api' }, 'SLACK_API_URL: The bot token would go over plain http.'],
    [{ SLACK_APP_TOKEN: 'xoxb-1' }, 'SLACK_APP_TOKEN: This is a bot token.'],
    [{ SLACK_BOT_TOKEN: 'xoxp-1' }, 'SLACK_BOT_TOKEN: This is another kind of token.'],
    [{ STANDDOWN_DATA_DIR: 'data/rehearsal' }, "STANDDOWN_DATA_DIR: This is the rehearsal's own folder."],
  ])('%o is refused', (env, said) => {
    write(MINIMAL);
    expect(problems({ ...LIVE, ...env }).join('\n')).toContain(said);
  });

  test('servers on other ports and loopback Slack are taken', () => {
    write(MINIMAL);
    const env = { PAGERDUTY_EVENTS_SERVER: 'localhost:8443', SLACK_API_URL: 'http://127.0.0.1:9/api' };
    expect(live({ ...LIVE, ...env })).toMatchObject({
      pagerduty: { eventsServer: 'localhost:8443', apiServer: null },
      slack: { apiUrl: 'http://127.0.0.1:9/api/' },
    });
  });

  test('GitHub is github.com unless an address says otherwise, which is HTTPS or this machine', () => {
    write(`${MINIMAL}\nissues: { github: o/r }\n`);
    const of = (GITHUB_API_URL?: string) => ({
      ...LIVE,
      GITHUB_TOKEN: 'github-token',
      ...(GITHUB_API_URL === undefined ? {} : { GITHUB_API_URL }),
    });
    expect(live(of()).issues).toEqual({
      github: 'o/r',
      token: 'github-token',
      apiUrl: 'https://api.github.com',
    });
    expect(live(of('https://git.example/api/v3/')).issues?.apiUrl).toBe('https://git.example/api/v3');
    expect(live(of('http://127.0.0.1:8080')).issues?.apiUrl).toBe('http://127.0.0.1:8080');
    expect(problems(of('http://git.example/api/v3'))[0]).toContain('The token would travel unencrypted.');
    expect(problems(of('git.example'))[0]).toContain('GITHUB_API_URL: This is not an address.');
    expect(problems(of('https://u:p@git.example'))[0]).toContain('may not have a user or password');
  });

  test.each([
    ['fewer approvers than approvals', '[U1]', '[U2]', 2, '2 approvals are needed, and there is 1 approver.'],
    ['nobody else to ask', '[U2]', '[U2, U3]', 2, 'Whoever asks for the restart may not approve it'],
    ['the same approver twice', '[U1]', '[U2, U2]', 2, '2 approvals are needed, and there is 1 approver.'],
  ])('%s is refused', (_what, responders, approvers, approvals, said) => {
    write(
      MINIMAL.replace(
        /access: .*/,
        `access: { responders: ${responders}, approvers: ${approvers}, approvals: ${approvals} }`,
      ),
    );
    expect(problems(LIVE).join()).toContain(said);
  });

  test.each([
    ['an approver more', '[U2]', '[U2, U3, U4]', 2],
    ['a responder who asks', '[U1]', '[U2, U3]', 2],
    ['a group that may be enough', '[U2]', '[S1]', 2],
    ['one approval, warned of', '[U1]', '[U2]', 1],
  ])('%s is enough', (_what, responders, approvers, approvals) => {
    write(
      MINIMAL.replace(
        /access: .*/,
        `access: { responders: ${responders}, approvers: ${approvers}, approvals: ${approvals} }`,
      ),
    );
    expect(live().warnings.some((one) => one.startsWith('Only 1 approval'))).toBe(approvals === 1);
  });

  test.each(['feeds', 'mail', 'recoveryCheck'])('%s must be set or literally off', (key) => {
    for (const value of ['false', 'no', '', 'Off', '{}']) {
      write(MINIMAL.replace(`${key}: off`, `${key}: ${value}`));
      expect(problems(LIVE).join()).toContain(key);
    }
  });

  test('mail without SMTP_URL is refused, mail off needs none', () => {
    write();
    expect(problems(without('SMTP_URL')).join()).toContain('SMTP_URL: It is not set, and');
    write(MINIMAL);
    expect(live(without('SMTP_URL')).mail).toBe('off');
  });

  test.each([
    ['both limits', 'maxDailyLoss: 10, maxDailyLossPct: 1, maxNotional: 1', 'not both'],
    ['no loss', 'maxNotional: 1', 'The daily loss is missing'],
    ['no notional', 'maxDailyLoss: 1', 'limits.maxNotional: This is missing.'],
    ['infinity', 'maxDailyLoss: .inf, maxNotional: 1', 'limits.maxDailyLoss: '],
    ['no number', 'maxDailyLoss: .nan, maxNotional: 1', 'limits.maxDailyLoss: '],
    [
      'a text',
      'maxDailyLoss: "10", maxNotional: 1',
      'limits.maxDailyLoss: This is the text "10", and must be a number.',
    ],
    [
      'more than all',
      'maxDailyLossPct: 101, maxNotional: 1',
      'limits.maxDailyLossPct: This must be at most 100.',
    ],
  ])('limits with %s are refused', (_what, limits, said) => {
    write(MINIMAL.replace('maxDailyLoss: 10, maxNotional: 100', limits));
    expect(problems(LIVE).join()).toContain(said);
  });

  test('a number may come from the environment', () => {
    write(MINIMAL.replace('maxNotional: 100', 'maxNotional: "${MAX}"'));
    expect(live({ ...LIVE, MAX: '250.5' }).limits.maxNotional).toBe(250.5);
    for (const MAX of ['ten', '1e999', '0x10', '1 000'])
      expect(problems({ ...LIVE, MAX }).join()).toContain('limits.maxNotional: ${MAX} is not a number.');
    expect(problems({ ...LIVE, MAX: '-1' }).join()).toContain(
      'limits.maxNotional: This must be more than 0.',
    );
  });

  test('the same id twice is refused', () => {
    const venue = '{ id: a, exchange: okx, apiKey: "${BINANCE_KEY}", secret: "${BINANCE_SECRET}" }';
    write(MINIMAL.replace(/venues: .*/, `venues: [${venue}, ${venue}]`));
    expect(problems(LIVE).join()).toContain('venues[1].id: The id a is here twice.');
  });

  test('what comes from the environment is never read as YAML, and never shown', () => {
    write(MINIMAL);
    const BINANCE_KEY = 'a", secret: "x" } # ${PATH}';
    expect(live({ ...LIVE, BINANCE_KEY }).venues[0]?.apiKey).toBe(BINANCE_KEY);
    write(MINIMAL.replace('channel: C0INCIDENTS', 'channel: "${BINANCE_SECRET}"'));
    const said = problems(LIVE).join();
    expect(said).toContain('slack.channel');
    expect(said).not.toContain(LIVE.BINANCE_SECRET);
  });

  test('a name that is no name, or is unset, is a problem that names it', () => {
    write(MINIMAL.replace('"${BINANCE_KEY}"', '"${}${a b}"'));
    expect(problems(LIVE).join()).toContain('${a b} is not the name of an environment variable.');
    write(MINIMAL);
    expect(problems({ ...LIVE, BINANCE_KEY: ' ' }).join()).toContain(
      'The environment variable BINANCE_KEY is not set, or is empty.',
    );
    write(MINIMAL.replace('BINANCE_KEY', 'constructor'));
    expect(problems(LIVE).join()).toContain('The environment variable constructor is not set');
  });

  test('paths are relative to the file that names them', () => {
    write();
    mkdirSync(join(cwd, 'etc'));
    writeFileSync(join(cwd, 'etc', 'control.env'), '');
    writeFileSync(join(cwd, 'etc', 'desk.yml'), MINIMAL);
    expect(live({ ...LIVE, STANDDOWN_CONFIG: 'etc/desk.yml' })).toMatchObject({
      file: join(cwd, 'etc', 'desk.yml'),
      controlFile: join(cwd, 'etc', 'control.env'),
      dataDir: join(cwd, 'data'),
    });
  });

  test('a control file must be a file of a known kind', () => {
    write(MINIMAL.replace('control.env', 'control.txt'));
    expect(problems(LIVE).join()).toContain('A control file is called .env, .json or .yml at its end.');
    mkdirSync(join(cwd, 'folder.env'));
    write(MINIMAL.replace('control.env', 'folder.env'));
    expect(problems(LIVE).join()).toContain('This is not a file.');
    symlinkSync(join(cwd, 'nowhere.env'), join(cwd, 'link.env'));
    write(MINIMAL.replace('control.env', 'link.env'));
    expect(problems(LIVE).join()).toContain('link.env does not exist.');
  });

  test('a control file that cannot be written is refused', () => {
    // Not even root may write this one: a file of mode 0400 would not stop root.
    symlinkSync('/proc/sys/kernel/ostype', join(cwd, 'readonly.env'));
    write(MINIMAL.replace('control.env', 'readonly.env'));
    expect(problems(LIVE).join()).toContain('cannot be written (EACCES)');
  });

  test('a control file that is the bot’s own .env, and a credential written out, are warned of', () => {
    write(MINIMAL.replace('control.env', '.env').replace('"${BINANCE_KEY}"', 'written-out'));
    writeFileSync(join(cwd, '.env'), 'X=1\n');
    const said = live().warnings.join('\n');
    expect(said).toContain("the bot's own .env");
    expect(said).toContain('venues[0].apiKey is written out');
    expect(said).not.toContain('written-out');
  });

  test('every secret is handed to the scrubber, in each of its forms', () => {
    write();
    const env = {
      ...LIVE,
      SLACK_APP_TOKEN: 'xapp-secret',
      PAGERDUTY_API_TOKEN: 'pd-api-token',
      PAGERDUTY_WEBHOOK_SECRET: 'pd-webhook-secret',
      STANDDOWN_ALERT_TOKEN: 'alert-token-a,alert-token-b',
      STANDDOWN_TELEMETRY_TOKEN: 'telemetry-token',
      STANDDOWN_READ_TOKEN: 'read-token',
      GITHUB_TOKEN: 'github-token',
    };
    const secrets = secretsOf(live(env));
    for (const secret of [
      ...Object.values(LIVE),
      'xapp-secret',
      'pd-api-token',
      'pd-webhook-secret',
      'alert-token-a',
      'alert-token-b',
      'telemetry-token',
      'read-token',
      'github-token',
      'p%40ss-word',
      'p@ss-word',
    ])
      expect(secrets).toContain(secret);
    expect(secrets).not.toContain('');
    expect(new Set(secrets).size).toBe(secrets.length);
  });
});

describe('a hostile .env', () => {
  test.each([
    ['that is huge', 'A=b\n'.repeat(100_000), 'This is not a file of NAME=value lines.'],
    ['with a NUL in it', 'A=b\0\n', 'This is not a file of NAME=value lines.'],
    [
      'with a secret twice',
      'STANDDOWN_TOKEN=a\nSTANDDOWN_TOKEN=b\n',
      '.env:2:1 STANDDOWN_TOKEN: It is set twice.',
    ],
  ])('%s is refused', (_what, text, said) => {
    writeFileSync(join(cwd, '.env'), text);
    expect(problems({}).join()).toContain(said);
  });

  test('that is a folder is refused', () => {
    mkdirSync(join(cwd, '.env'));
    expect(problems({}).join()).toContain('It cannot be read (EISDIR).');
  });

  test('never makes it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AB=\'"`\n\\ #$_{}\0'), maxLength: 100 }), (text) => {
        writeFileSync(join(cwd, '.env'), text);
        expect(() => load({})).not.toThrow();
      }),
      { numRuns: 100 },
    );
  });
});

test('a hostile standdown.yml never makes it throw', () => {
  write();
  fc.assert(
    fc.property(fc.nat(YAML.length), fc.string({ maxLength: 20 }), (at, junk) => {
      writeFileSync(join(cwd, 'standdown.yml'), YAML.slice(0, at) + junk + YAML.slice(at));
      expect(() => load(LIVE)).not.toThrow();
    }),
    { numRuns: 100 },
  );
});

test('standdown.example.yml starts, names the proven exchanges, and says that act kills', () => {
  const example = readFileSync(new URL('../standdown.example.yml', import.meta.url), 'utf8');
  writeFileSync(join(cwd, 'standdown.yml'), example);
  writeFileSync(join(cwd, 'control.env'), '');
  const keys = {
    BINANCE_USDM_KEY: 'a-key',
    BINANCE_USDM_SECRET: 'b-key',
    BINANCE_SPOT_KEY: 'c-key',
    BINANCE_SPOT_SECRET: 'd-key',
  };
  const loaded = loadConfig({ cwd, env: { ...LIVE, ...keys } });
  expect(loaded.ok ? [] : loaded.problems.map(sayProblem)).toEqual([]);
  const [, named = ''] = /a ccxt id\. (.*) are proven/.exec(example) ?? [];
  expect(named.split(/, | and /).toSorted()).toEqual([...PROVEN.keys()].toSorted());
  expect(loaded.ok && loaded.config.mode === 'live' && loaded.config.hardStops.mode).toBe('act');
  expect(/^hardStops:.*#(.*)$/m.exec(example)?.[1]).toContain('KILLS');
});
