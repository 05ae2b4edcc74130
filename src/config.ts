/** What the bot is told at start: the environment, `.env` and standdown.yml. It decides between rehearsal and live. */

import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { readTextFile } from './adapters/textFile.ts';
import type { Problem } from './adapters/yaml.ts';
import { parseYaml } from './adapters/yaml.ts';
import type { FileContext, StanddownFile } from './configFile.ts';
import {
  isLoopback,
  measuredSchema,
  memberKind,
  STANDDOWN_HINTS,
  standdownSchema,
  urlProblem,
} from './configFile.ts';
import type { Scenario } from './domain/drill/gameDay.ts';
import type { Severity } from './domain/incident.ts';
import { SHIPPED_PLAYBOOK } from './policy.ts';

/** pino's levels. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Listening {
  host: string;
  /** 0: any free one. */
  port: number;
  logLevel: LogLevel;
}

/** Rehearsal: nothing in it comes from the desk's own files, and it holds no secret. */
export interface RehearsalConfig extends Listening {
  mode: 'rehearsal';
  /** Absolute; `data/rehearsal` under the working folder. */
  dataDir: string;
  controlFile: string;
  /** The playbook that ships with Standdown. */
  playbookFile: string;
  warnings: string[];
}

export interface VenueConfig {
  id: string;
  /** ccxt's id; whether ccxt knows it is checked by the adapter. */
  exchange: string;
  apiKey: string;
  secret: string;
  password: string | null;
  uid: string | null;
  privateKey: string | null;
  symbols: string[];
  quoteAssets: string[];
  /** In `limits.currency`. */
  maxNotional: number | null;
  baseUrl: string | null;
  /** True: a testnet or simulator that a drill may trade on. */
  drill: boolean;
}

export interface LiveConfig extends Listening {
  mode: 'live';
  /** Absolute path of standdown.yml. */
  file: string;
  dataDir: string;
  slack: {
    botToken: string;
    /** Socket Mode when there is an app token, else HTTP; the app token wins. */
    transport: { kind: 'socket'; appToken: string } | { kind: 'http'; signingSecret: string };
    /** Set in Socket Mode too, where it was given. */
    signingSecret: string | null;
    /** Ends in a slash. */
    apiUrl: string;
    channel: string;
    alertChannels: string[];
  };
  pagerduty: {
    routingKey: string;
    apiToken: string | null;
    from: string | null;
    /** Several while they are rotated; none: the route answers 404. */
    webhookSecrets: string[];
    /** host[:port]; null: PagerDuty's own. */
    eventsServer: string | null;
    apiServer: string | null;
  };
  /** Each a list, for rotation; `full` is never empty. */
  tokens: { full: string[]; alert: string[]; telemetry: string[]; read: string[] };
  access: { responders: string[]; approvers: string[]; approvals: number };
  controlFile: string;
  venues: VenueConfig[];
  limits: {
    maxDailyLoss: { unit: 'percent' | 'amount'; value: number };
    maxNotional: number;
    currency: string;
  };
  kill: StanddownFile['kill'];
  hardStops: StanddownFile['hardStops'];
  engines: StanddownFile['engines'];
  feeds:
    | {
        id: string;
        intervalSec: number;
        symbols: string[];
        statusUrl: string | null;
        backup: string | null;
      }[]
    | 'off';
  /** Maintenance windows in ms since the epoch. */
  hours: StanddownFile['hours'];
  commands: StanddownFile['commands'];
  mail: { smtpUrl: string; from: string; stakeholders: string[] } | 'off';
  /** `apiUrl` has no slash at its end. */
  issues: { github: string; token: string | null; apiUrl: string } | null;
  recoveryCheck: { run: string[]; cwd: string; expect: string; timeoutSec: number } | 'off';
  /** `required`: a line of the go-live list that is not green refuses what loosens. It never refuses what stops. */
  readiness: StanddownFile['readiness'];
  runbookFile: string | null;
  /** Drills by the calendar, in `hours.timezone`, and the severity of the test page; null: no page is sent. */
  drills: { page: Severity | null; schedule: { scenario: Scenario; cron: string; by: string }[] };
  playbookFile: string;
  /** What is off or weaker than it could be, each with what is lost. */
  warnings: string[];
}

export type Config = RehearsalConfig | LiveConfig;

/** Every variable of CONTRACT 2 that is a secret: without a bot token, one of them means that live was meant. */
const LIVE_SECRETS = [
  'SLACK_BOT_TOKEN',
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
] as const;

const OTHERS = [
  'DATABASE_URL',
  'GITHUB_API_URL',
  'SLACK_API_URL',
  'PAGERDUTY_FROM',
  'PAGERDUTY_EVENTS_SERVER',
  'PAGERDUTY_API_SERVER',
  'STANDDOWN_CONFIG',
  'STANDDOWN_DATA_DIR',
  'STANDDOWN_REHEARSAL',
  'HOST',
  'PORT',
  'LOG_LEVEL',
] as const;

type Name = (typeof LIVE_SECRETS)[number] | (typeof OTHERS)[number];
type Environment = Record<string, string>;

const MAX_ENV_CHARS = 256 * 1024;
const SHORT_TOKEN = 16;

/**
 * Read the configuration. With `SLACK_BOT_TOKEN` it is live, without it a rehearsal; `STANDDOWN_REHEARSAL=1` means
 * rehearsal whatever else is set, and then nothing of the desk's own (`.env` included) is read. Returns every problem
 * at once, each with how to mend it; no problem holds a secret's value. Never throws.
 */
export function loadConfig(input: {
  env: Record<string, string | undefined>;
  cwd: string;
}): { ok: true; config: Config } | { ok: false; problems: Problem[] } {
  const { cwd } = input;
  const problems: Problem[] = [];
  const { env, file } = environment(input, problems);

  const rehearsal = env['STANDDOWN_REHEARSAL'];
  if (rehearsal !== undefined && rehearsal !== '1' && rehearsal !== '0')
    problems.push(
      wrong(
        'STANDDOWN_REHEARSAL',
        'It is neither 1 nor 0.',
        'Set it to 1 to rehearse, or take it out to run live.',
      ),
    );
  if (rehearsal !== '1' && env['DATABASE_URL'] !== undefined)
    problems.push(
      wrong(
        'DATABASE_URL',
        'Replicas on Postgres are not built yet: everything is stored in the data directory.',
        'Take DATABASE_URL out.',
      ),
    );
  const listening = readListening(env, problems);
  const live = rehearsal !== '1' && env['SLACK_BOT_TOKEN'] !== undefined;
  const config = live
    ? readLive(env, cwd, listening, problems)
    : readRehearsal({ ...file, ...env }, cwd, rehearsal === '1', listening, problems);
  return config === null || problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

/** Every secret value of a configuration, in each form in which it may be printed, for the log's scrubber. */
export function secretsOf(config: Config): string[] {
  if (config.mode === 'rehearsal') return [];
  const { slack, pagerduty, tokens, venues, mail, issues } = config;
  const values: (string | null)[] = [
    slack.botToken,
    slack.signingSecret,
    slack.transport.kind === 'socket' ? slack.transport.appToken : slack.transport.signingSecret,
    pagerduty.routingKey,
    pagerduty.apiToken,
    ...pagerduty.webhookSecrets,
    ...tokens.full,
    ...tokens.alert,
    ...tokens.telemetry,
    ...tokens.read,
    ...venues.flatMap((venue) => [venue.apiKey, venue.secret, venue.password, venue.uid, venue.privateKey]),
    ...(mail === 'off' ? [] : smtpSecrets(mail.smtpUrl)),
    issues?.token ?? null,
  ];
  return [...new Set(values.flatMap((value) => (value === null || value === '' ? [] : [value])))];
}

function smtpSecrets(smtpUrl: string): string[] {
  const { password } = new URL(smtpUrl);
  return [smtpUrl, password, decoded(password)];
}

/** A password with a stray "%" is no encoding: it stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What hard stops are judged by, and nothing else of the configuration: it holds no secret. */
export interface MeasuredConfig
  extends Pick<LiveConfig, 'limits' | 'hardStops' | 'engines' | 'feeds' | 'hours' | 'playbookFile' | 'file'> {
  venues: Pick<VenueConfig, 'id' | 'maxNotional'>[];
}

/**
 * Read that part of standdown.yml (`STANDDOWN_CONFIG`), for a replay of recorded telemetry. It needs no secret: what else is
 * in the file is not looked at. Returns every problem at once. Never throws.
 */
export function loadMeasured(input: {
  env: Record<string, string | undefined>;
  cwd: string;
}): { ok: true; config: MeasuredConfig } | { ok: false; problems: Problem[] } {
  const problems: Problem[] = [];
  const { env } = environment(input, problems);
  const file = resolve(input.cwd, env['STANDDOWN_CONFIG'] ?? 'standdown.yml');
  const { value } = readStanddown(file, env, problems, measuredSchema);
  if (value === null || problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    config: {
      file,
      venues: value.venues.map(({ id, maxNotional }) => ({ id, maxNotional: maxNotional ?? null })),
      limits: limitsOf(value.limits),
      hardStops: value.hardStops,
      engines: value.engines,
      feeds: feedsOf(value.feeds),
      hours: value.hours,
      playbookFile: value.playbook ?? SHIPPED_PLAYBOOK,
    },
  };
}

/** Where a live bot of this environment keeps its data (`STANDDOWN_DATA_DIR`): for reading it. Never throws. */
export function dataDirOf(input: { env: Record<string, string | undefined>; cwd: string }): string {
  const { env } = environment(input, []);
  return resolve(input.cwd, env['STANDDOWN_DATA_DIR'] ?? 'data');
}

// ── The environment ────────────────────────────────────────────────────────────────────────────────────────────────

const wrong = (name: Name | '', what: string, mend: string, file = 'environment'): Problem => ({
  file,
  line: null,
  column: null,
  path: name,
  what,
  mend,
});

/** What is set, in the environment and in `.env` under it; and what `.env` alone says. */
export function environment(
  input: { env: Record<string, string | undefined>; cwd: string },
  problems: Problem[],
): { env: Environment; file: Environment } {
  const own = present(input.env);
  const file = own['STANDDOWN_REHEARSAL'] === '1' ? {} : readEnvFile(join(input.cwd, '.env'), problems);
  // A variable that is set to nothing masks the file's, but a secret in the file still says that live was meant.
  const env: Environment = { ...file, ...own };
  for (const [name, value] of Object.entries(input.env))
    if (value?.trim() === '' && Object.hasOwn(env, name)) delete env[name];
  return { env, file };
}

/** The variables that have a value, without the blanks around it. */
function present(env: Record<string, string | undefined>): Environment {
  const kept: Environment = {};
  for (const [name, value] of Object.entries(env)) {
    const trimmed = value?.trim() ?? '';
    if (trimmed !== '') kept[name] = trimmed;
  }
  return kept;
}

function readEnvFile(file: string, problems: Problem[]): Environment {
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code !== 'ENOENT')
      problems.push(wrong('', `It cannot be read (${code}).`, 'Let the bot read it, or move it away.', file));
    return {};
  }
  if (text.length > MAX_ENV_CHARS || text.includes('\0')) {
    problems.push(wrong('', 'This is not a file of NAME=value lines.', 'Write one NAME=value a line.', file));
    return {};
  }
  const seen = new Set<string>();
  text.split('\n').forEach((line, index) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1];
    const ours = [...LIVE_SECRETS, ...OTHERS].find((one) => one === name);
    if (ours === undefined) return;
    if (seen.has(ours))
      problems.push({
        ...wrong(ours, 'It is set twice.', 'Keep one: only the last would be read.', file),
        line: index + 1,
        column: 1,
      });
    seen.add(ours);
  });
  const values: Record<string, string | undefined> = parseEnv(text);
  return present(values);
}

function readListening(env: Environment, problems: Problem[]): Listening {
  const host = env['HOST'] ?? '127.0.0.1';
  if (!/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host))
    problems.push(wrong('HOST', 'This is not a host.', 'Write an address such as 127.0.0.1 or 0.0.0.0.'));
  const said = env['PORT'] ?? '3000';
  const port = /^\d{1,5}$/.test(said) ? Number(said) : Number.NaN;
  if (!(port <= 65_535))
    problems.push(wrong('PORT', 'This is not a port.', 'Write a number from 1 to 65535, or 0 for any.'));
  const logLevel = LOG_LEVELS.find((level) => level === (env['LOG_LEVEL'] ?? 'info'));
  if (logLevel === undefined)
    problems.push(wrong('LOG_LEVEL', 'This is not a level.', `Write one of: ${LOG_LEVELS.join(', ')}.`));
  return { host, port: port <= 65_535 ? port : 3000, logLevel: logLevel ?? 'info' };
}

// ── Rehearsal ──────────────────────────────────────────────────────────────────────────────────────────────────────

function readRehearsal(
  env: Environment,
  cwd: string,
  meant: boolean,
  listening: Listening,
  problems: Problem[],
): RehearsalConfig | null {
  const dataDir = join(cwd, 'data', 'rehearsal');
  const config: RehearsalConfig = {
    mode: 'rehearsal',
    ...listening,
    dataDir,
    controlFile: join(dataDir, 'control.env'),
    playbookFile: SHIPPED_PLAYBOOK,
    warnings: [],
  };
  if (!isLoopback(listening.host))
    problems.push(
      wrong(
        'HOST',
        `A rehearsal has no token, and so does not listen on ${listening.host}.`,
        'Take HOST out, or set it to 127.0.0.1.',
      ),
    );
  if (isSymlink(dataDir))
    problems.push(
      wrong(
        '',
        `${dataDir} is a link: a rehearsal could write into what it points at.`,
        'Remove the link; the rehearsal makes a folder of its own.',
        dataDir,
      ),
    );
  if (!meant)
    for (const sign of liveSigns(env, cwd, dataDir))
      problems.push({
        ...sign,
        mend: 'To run live, set SLACK_BOT_TOKEN; to rehearse, set STANDDOWN_REHEARSAL=1: a rehearsal touches none of it.',
      });
  return config;
}

/** What says that this is a live installation whose bot token got lost. */
function liveSigns(env: Environment, cwd: string, rehearsalDir: string): Problem[] {
  const said = 'SLACK_BOT_TOKEN is not set, but';
  const signs: Problem[] = [];
  for (const name of [...LIVE_SECRETS, 'STANDDOWN_CONFIG' as const])
    if (env[name] !== undefined) signs.push(wrong(name, `${said} ${name} is.`, ''));
  const files = [resolve(cwd, 'standdown.yml'), resolve(cwd, env['STANDDOWN_CONFIG'] ?? 'standdown.yml')];
  for (const file of new Set(files))
    if (existsSync(file)) signs.push(wrong('', `${said} ${file} is there.`, '', file));
  const folders = [resolve(cwd, 'data'), resolve(cwd, env['STANDDOWN_DATA_DIR'] ?? 'data')];
  for (const folder of new Set(folders)) {
    if (folder === rehearsalDir || folder.startsWith(rehearsalDir + sep)) continue;
    const found = liveData(folder, rehearsalDir);
    if (found !== null) signs.push(wrong('', `${said} ${folder} holds live data (${found}).`, '', folder));
  }
  return signs;
}

/** The first thing in a data folder that is not the rehearsal's own, or null. A folder that cannot be read may be live. */
function liveData(folder: string, rehearsalDir: string): string | null {
  try {
    const names = readdirSync(folder).filter(
      (name) => !name.startsWith('.') && join(folder, name) !== rehearsalDir,
    );
    return names.sort()[0] ?? null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return code === 'ENOENT' ? null : `it cannot be read: ${code}`;
  }
}

/** False too when it cannot be looked at: who makes the folder then says why it cannot be made. */
function isSymlink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  } catch {
    return false;
  }
}

// ── Live ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function readLive(
  env: Environment,
  cwd: string,
  listening: Listening,
  problems: Problem[],
): LiveConfig | null {
  const need = (name: Name, mend: string): string => {
    const value = env[name];
    if (value === undefined) problems.push(wrong(name, 'It is not set.', mend));
    return value ?? '';
  };
  const optional = (name: Name): string | null => env[name] ?? null;

  const slack = readSlack(env, need, problems);
  const pagerduty = {
    routingKey: need('PAGERDUTY_ROUTING_KEY', "Set the Events API v2 integration's key of your service."),
    apiToken: optional('PAGERDUTY_API_TOKEN'),
    from: optional('PAGERDUTY_FROM'),
    webhookSecrets: listOf(env['PAGERDUTY_WEBHOOK_SECRET']),
    eventsServer: readServer('PAGERDUTY_EVENTS_SERVER', env, problems),
    apiServer: readServer('PAGERDUTY_API_SERVER', env, problems),
  };
  const token = 'Set a long random one (`openssl rand -hex 32`) for the HTTP routes and the CLI';
  need(
    'STANDDOWN_TOKEN',
    isLoopback(listening.host) ? `${token}.` : `${token}; without it nothing listens on ${listening.host}.`,
  );
  const tokens = {
    full: listOf(env['STANDDOWN_TOKEN']),
    alert: listOf(env['STANDDOWN_ALERT_TOKEN']),
    telemetry: listOf(env['STANDDOWN_TELEMETRY_TOKEN']),
    read: listOf(env['STANDDOWN_READ_TOKEN']),
  };
  if (env['STANDDOWN_TOKEN'] !== undefined && tokens.full.length === 0)
    problems.push(wrong('STANDDOWN_TOKEN', 'It has only commas in it.', 'Set a long random token.'));
  const smtpUrl = readSmtp(env, problems);

  const githubUrl = readGitHub(env, problems);

  const dataDir = resolve(cwd, env['STANDDOWN_DATA_DIR'] ?? 'data');
  const rehearsalDir = join(cwd, 'data', 'rehearsal');
  if (dataDir === rehearsalDir || dataDir.startsWith(rehearsalDir + sep))
    problems.push(
      wrong('STANDDOWN_DATA_DIR', "This is the rehearsal's own folder.", 'Name another, or take it out.'),
    );

  const file = resolve(cwd, env['STANDDOWN_CONFIG'] ?? 'standdown.yml');
  const read = readStanddown(file, env, problems, standdownSchema);
  if (isSet(read.raw, 'mail') && smtpUrl === null && env['SMTP_URL'] === undefined)
    problems.push(
      wrong(
        'SMTP_URL',
        `It is not set, and ${file} has mail.`,
        'Set smtp://user:password@host:587 or smtps://…, or write "mail: off".',
      ),
    );
  const said = read.value;
  if (said === null || problems.length > 0) return null;
  const config: LiveConfig = {
    mode: 'live',
    ...listening,
    file,
    dataDir,
    slack: { ...slack, channel: said.slack.channel, alertChannels: said.slack.alertChannels },
    pagerduty,
    tokens,
    access: said.access,
    controlFile: said.control.file,
    venues: said.venues.map((venue) => readVenue(venue, said.limits.currency)),
    limits: limitsOf(said.limits),
    kill: said.kill,
    hardStops: said.hardStops,
    engines: said.engines,
    feeds: feedsOf(said.feeds),
    hours: said.hours,
    commands: said.commands,
    mail: said.mail === 'off' || smtpUrl === null ? 'off' : { smtpUrl, ...said.mail },
    issues:
      said.issues === undefined
        ? null
        : { github: said.issues.github, token: optional('GITHUB_TOKEN'), apiUrl: githubUrl },
    recoveryCheck: said.recoveryCheck,
    readiness: said.readiness,
    runbookFile: said.runbookFile ?? null,
    drills: {
      page: said.drillPage === 'off' ? null : said.drillPage,
      schedule: said.drills.map(({ by = 'standdown.yml', ...drill }) => ({ ...drill, by })),
    },
    playbookFile: said.playbook ?? SHIPPED_PLAYBOOK,
    warnings: [],
  };
  return { ...config, warnings: warningsOf(config, cwd, read.raw) };
}

/** The token goes there: it is HTTPS, or this machine. */
function readGitHub(env: Environment, problems: Problem[]): string {
  const said = env['GITHUB_API_URL'] ?? 'https://api.github.com';
  const unfit = urlProblem(said);
  const isOpen = unfit === null && said.startsWith('http:') && !isLoopback(new URL(said).hostname);
  if (unfit !== null || isOpen)
    problems.push(
      wrong(
        'GITHUB_API_URL',
        unfit ?? 'The token would travel unencrypted.',
        'Write https://HOST/api/v3 for GitHub Enterprise, or take it out for github.com.',
      ),
    );
  return said.replace(/\/+$/, '');
}

function limitsOf(said: StanddownFile['limits']): LiveConfig['limits'] {
  return {
    maxDailyLoss:
      said.maxDailyLoss === undefined
        ? { unit: 'percent', value: said.maxDailyLossPct ?? 0 }
        : { unit: 'amount', value: said.maxDailyLoss },
    maxNotional: said.maxNotional,
    currency: said.currency,
  };
}

function feedsOf(said: StanddownFile['feeds']): LiveConfig['feeds'] {
  if (said === 'off') return 'off';
  return said.map(({ statusUrl, backup, ...feed }) => ({
    ...feed,
    statusUrl: statusUrl ?? null,
    backup: backup ?? null,
  }));
}

export function readVenue(venue: StanddownFile['venues'][number], currency: string): VenueConfig {
  const { id, exchange, apiKey, secret, symbols } = venue;
  return {
    id,
    exchange,
    apiKey,
    secret,
    password: venue.password ?? null,
    uid: venue.uid ?? null,
    privateKey: venue.privateKey ?? null,
    symbols,
    quoteAssets: venue.quoteAssets ?? [currency],
    maxNotional: venue.maxNotional ?? null,
    baseUrl: venue.baseUrl ?? null,
    drill: venue.drill ?? false,
  };
}

type SlackSecrets = Pick<LiveConfig['slack'], 'botToken' | 'transport' | 'signingSecret' | 'apiUrl'>;

function readSlack(
  env: Environment,
  need: (name: Name, mend: string) => string,
  problems: Problem[],
): SlackSecrets {
  const botToken = need('SLACK_BOT_TOKEN', 'Set the bot token (xoxb-…) of your Slack app.');
  if (/^xap|^xoxp-/.test(botToken))
    problems.push(
      wrong(
        'SLACK_BOT_TOKEN',
        'This is another kind of token.',
        'Set the bot token, which starts with xoxb-.',
      ),
    );
  const appToken = env['SLACK_APP_TOKEN'];
  const signingSecret = env['SLACK_SIGNING_SECRET'] ?? null;
  if (appToken?.startsWith('xoxb-') === true)
    problems.push(
      wrong('SLACK_APP_TOKEN', 'This is a bot token.', 'Set the app token, which starts with xapp-.'),
    );
  if (appToken === undefined && signingSecret === null)
    problems.push(
      wrong(
        'SLACK_SIGNING_SECRET',
        'Neither it nor SLACK_APP_TOKEN is set.',
        'Set SLACK_APP_TOKEN (xapp-…) for Socket Mode, or the signing secret for HTTP.',
      ),
    );
  const apiUrl = env['SLACK_API_URL'] ?? 'https://slack.com/api/';
  const notUrl = urlProblem(apiUrl);
  if (notUrl !== null)
    problems.push(wrong('SLACK_API_URL', notUrl, 'Write an address such as https://slack.com/api/.'));
  else if (new URL(apiUrl).protocol === 'http:' && !isLoopback(new URL(apiUrl).hostname))
    problems.push(wrong('SLACK_API_URL', 'The bot token would go over plain http.', 'Write https://….'));
  return {
    botToken,
    transport:
      appToken === undefined
        ? { kind: 'http', signingSecret: signingSecret ?? '' }
        : { kind: 'socket', appToken },
    signingSecret,
    apiUrl: apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/`,
  };
}

function readServer(
  name: 'PAGERDUTY_EVENTS_SERVER' | 'PAGERDUTY_API_SERVER',
  env: Environment,
  problems: Problem[],
): string | null {
  const server = env[name];
  if (server === undefined) return null;
  const port = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?$/.exec(server);
  if (port === null || Number(port[1] ?? 443) > 65_535 || Number(port[1] ?? 443) === 0)
    problems.push(
      wrong(
        name,
        'This is not host or host:port.',
        'Write only that, e.g. events.eu.pagerduty.com; it is always HTTPS.',
      ),
    );
  return server;
}

/** The entries of a comma-separated list. */
export const listOf = (said: string | undefined): string[] =>
  (said ?? '')
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '');

function readSmtp(env: Environment, problems: Problem[]): string | null {
  const said = env['SMTP_URL'];
  if (said === undefined) return null;
  const url = URL.canParse(said) ? new URL(said) : null;
  if (url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== '') return said;
  problems.push(
    wrong(
      'SMTP_URL',
      'This is not the address of a mail server.',
      'Write smtp://user:password@host:587 or smtps://user:password@host:465; encode "@", "/" and "%" in the password.',
    ),
  );
  return null;
}

function readStanddown<T>(
  file: string,
  env: Environment,
  problems: Problem[],
  schemaOf: (context: FileContext) => z.ZodType<T>,
): { value: T | null; raw: unknown } {
  let text = '';
  try {
    text = readTextFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    // What the file must have is listed as well, so that it can be written in one go.
    problems.push(
      wrong(
        '',
        code === 'ENOENT' ? 'It does not exist.' : `It cannot be read (${code}).`,
        'Write it, with at least the keys that are named next.',
        file,
      ),
    );
  }
  const schema = schemaOf({ env, folder: dirname(file) });
  const parsed = parseYaml({ text, file, schema, hints: STANDDOWN_HINTS });
  if (parsed.ok) return { value: parsed.value, raw: parsed.raw };
  problems.push(...parsed.problems);
  return { value: null, raw: parsed.raw };
}

const isSet = (raw: unknown, key: string): boolean => {
  if (typeof raw !== 'object' || raw === null || !Object.hasOwn(raw, key)) return false;
  const value = (raw as Record<string, unknown>)[key];
  return value !== 'off' && value !== undefined && value !== null;
};

/** What is off or weaker than it could be, each with what is lost. */
function warningsOf(config: LiveConfig, cwd: string, raw: unknown): string[] {
  const { pagerduty, access, tokens } = config;
  const warnings: string[] = [];
  const warn = (when: boolean, text: string) => {
    if (when) warnings.push(text);
  };
  warn(
    pagerduty.apiToken === null,
    'No PAGERDUTY_API_TOKEN: pages are queued, never confirmed, but for what webhooks tell; notes and who is on call are lost.',
  );
  warn(
    pagerduty.apiToken !== null && pagerduty.from === null,
    'No PAGERDUTY_FROM: notes cannot be added to PagerDuty incidents.',
  );
  warn(
    pagerduty.webhookSecrets.length === 0,
    'No PAGERDUTY_WEBHOOK_SECRET: /pagerduty/webhook answers 404, so an acknowledgement on PagerDuty shows here only when asked for.',
  );
  const members = [...access.responders, ...access.approvers];
  warn(
    pagerduty.apiToken === null && members.some((one) => memberKind(one) === 'schedule'),
    'No PAGERDUTY_API_TOKEN: nobody who is on call by a PagerDuty schedule can be recognised.',
  );
  warn(
    access.approvals < 2,
    'Only 1 approval is asked for: one person alone can let trading start again after a kill.',
  );
  warn(
    access.approvers.some((one) => memberKind(one) !== 'user'),
    'Approvers include a group or schedule: whether there are enough of them is known only when it is resolved (`standdown check`).',
  );
  warn(config.issues === null, 'No issues.github: action items stay in the postmortem, in no issue tracker.');
  warn(
    config.issues !== null && config.issues.token === null,
    'No GITHUB_TOKEN: action items are not filed on GitHub.',
  );
  warn(
    Object.keys(config.commands).length === 0,
    'No commands: runbook steps such as restarting the order manager are done by hand.',
  );
  warn(
    config.engines.length === 0,
    'No engines: nothing confirms that the engine obeys, and every receipt says so.',
  );
  warn(config.feeds === 'off', 'Feeds are off: a data gap neither raises an incident nor stops trading.');
  warn(config.mail === 'off', 'Mail is off: stakeholders are told nothing by the bot.');
  warn(
    config.recoveryCheck === 'off',
    'The recovery check is off: a restart is approved without a proof that the system recovered.',
  );
  warn(
    config.hardStops.mode === 'observe',
    'Hard stops only observe: they say what they would do, and nothing stops trading by itself.',
  );
  warn(config.runbookFile === null, 'No runbookFile: whether on-call read the runbook is not on record.');
  warn(
    config.runbookFile !== null && !existsSync(config.runbookFile),
    `${config.runbookFile ?? ''} does not exist: whether on-call read the runbook cannot be recorded.`,
  );
  warn(
    config.recoveryCheck !== 'off' && !existsSync(config.recoveryCheck.cwd),
    `The recovery check's folder ${config.recoveryCheck === 'off' ? '' : config.recoveryCheck.cwd} does not exist: it cannot pass, so a kill cannot be lifted.`,
  );
  warn(
    config.controlFile === join(cwd, '.env'),
    "The control file is the bot's own .env, which holds secrets: give the engine a file of its own.",
  );
  for (const [name, list] of Object.entries(tokens)) {
    warn(
      list.some((token) => token.length < SHORT_TOKEN),
      `A ${name} token has fewer than ${SHORT_TOKEN} characters and can be guessed.`,
    );
    warn(
      name !== 'full' && list.some((token) => tokens.full.includes(token)),
      `A ${name} token is also in STANDDOWN_TOKEN: whoever has it can do everything.`,
    );
  }
  for (const venue of config.venues) {
    const plain = venue.baseUrl !== null && new URL(venue.baseUrl);
    warn(
      plain !== false && plain.protocol === 'http:' && !isLoopback(plain.hostname),
      `${venue.id}: requests go over plain http to ${venue.baseUrl ?? ''}; whoever listens can read them.`,
    );
  }
  for (const path of literalSecrets(raw))
    warn(true, `${config.file}: ${path} is written out; put it in the environment and write \${NAME}.`);
  return warnings;
}

/** Where a venue's credential stands in the file itself. */
function literalSecrets(raw: unknown): string[] {
  const venues = (raw as { venues: Record<string, unknown>[] }).venues;
  return venues.flatMap((venue, index) =>
    ['apiKey', 'secret', 'password', 'uid', 'privateKey'].flatMap((key) => {
      const value = venue[key];
      return typeof value === 'string' && !value.includes('${') ? [`venues[${index}].${key}`] : [];
    }),
  );
}
