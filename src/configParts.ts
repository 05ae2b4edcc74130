/** What can be read of a live configuration that is broken: each part by itself, so that `check` can ask about the rest. */

import { dirname, resolve } from 'node:path';
import { readTextFile } from './adapters/textFile.ts';
import type { Problem } from './adapters/yaml.ts';
import { parseYaml } from './adapters/yaml.ts';
import {
  type Config,
  environment,
  type LiveConfig,
  listOf,
  loadConfig,
  readVenue,
  secretsOf,
} from './config.ts';
import {
  isLoopback,
  STANDDOWN_HINTS,
  type StanddownFile,
  standdownSchema,
  urlProblem,
} from './configFile.ts';
import { SHIPPED_PLAYBOOK } from './policy.ts';

/** Every part of a live configuration that can be used; null: it is missing or wrong. */
export interface LiveParts {
  host: string;
  port: number;
  dataDir: string;
  file: string;
  slack: {
    botToken: string | null;
    appToken: string | null;
    signingSecret: string | null;
    apiUrl: string;
    channel: string | null;
    alertChannels: string[];
  };
  pagerduty: Omit<LiveConfig['pagerduty'], 'routingKey'> & { routingKey: string | null };
  tokens: string[];
  access: LiveConfig['access'] | null;
  controlFile: string | null;
  venues: LiveConfig['venues'];
  engines: LiveConfig['engines'];
  hardStops: LiveConfig['hardStops'] | null;
  hours: LiveConfig['hours'] | null;
  commands: LiveConfig['commands'];
  mail: { smtpUrl: string } | 'off' | null;
  issues: LiveConfig['issues'];
  recoveryCheck: LiveConfig['recoveryCheck'] | null;
  runbookFile: string | null;
  playbookFile: string;
}

export interface LoadedParts {
  /** What `start` would make of it. */
  mode: 'live' | 'rehearsal';
  problems: Problem[];
  warnings: string[];
  /** Null for a rehearsal that nothing live is set for. */
  parts: LiveParts | null;
  config: Config | null;
  /** Every secret value that is known, for the mask. */
  secrets: string[];
}

const LIVE =
  /^(?:SLACK_(?:BOT|APP)_TOKEN|SLACK_SIGNING_SECRET|PAGERDUTY_.*(?:KEY|TOKEN|SECRET)|SMTP_URL|STANDDOWN_(?:\w+_)?TOKEN)$/;

type Env = Record<string, string | undefined>;

/** Read what there is. Never throws. */
export function loadParts(input: { env: Env; cwd: string }): LoadedParts {
  const loaded = loadConfig(input);
  const { env } = environment(input, []);
  const file = resolve(input.cwd, env['STANDDOWN_CONFIG'] ?? 'standdown.yml');
  const text = env['STANDDOWN_REHEARSAL'] === '1' ? '' : textOf(file);
  // As for start: one live secret, or a file of the desk's, means that live was meant.
  const isLive = text !== '' || Object.keys(env).some((name) => LIVE.test(name));
  if (env['STANDDOWN_REHEARSAL'] === '1' || !isLive)
    return {
      mode: 'rehearsal',
      problems: loaded.ok ? [] : loaded.problems,
      warnings: [],
      parts: null,
      config: loaded.ok ? loaded.config : null,
      secrets: secretValues(env, ''),
    };
  const parts = partsOf(env, input.cwd, file, text);
  return {
    mode: 'live',
    problems: loaded.ok ? [] : loaded.problems,
    warnings: loaded.ok ? loaded.config.warnings : [],
    parts,
    config: loaded.ok ? loaded.config : null,
    secrets: [
      ...(loaded.ok ? secretsOf(loaded.config) : []),
      ...secretValues(env, text),
      ...parts.venues.flatMap((venue) =>
        [venue.apiKey, venue.secret, venue.password, venue.uid, venue.privateKey].filter(
          (one) => one !== null,
        ),
      ),
    ],
  };
}

function textOf(file: string): string {
  try {
    return readTextFile(file);
  } catch {
    return ''; // loadConfig has said it
  }
}

/** Values of the environment whose name says secret, or that the file reads by `${NAME}`. */
function secretValues(env: Record<string, string>, text: string): string[] {
  const read = new Set([...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, name]) => name));
  return Object.entries(env)
    .filter(([name]) => read.has(name) || /TOKEN|SECRET|PASSWORD|ROUTING_KEY|SMTP_URL|API_KEY/.test(name))
    .flatMap(([, value]) => [value, ...listOf(value)])
    .flatMap((value) => [value, ...passwordIn(value)]);
}

function passwordIn(value: string): string[] {
  if (!URL.canParse(value)) return [];
  const { password } = new URL(value);
  try {
    return password === '' ? [] : [password, decodeURIComponent(password)];
  } catch {
    return [password]; // a stray "%" is no encoding
  }
}

function partsOf(env: Record<string, string>, cwd: string, file: string, text: string): LiveParts {
  const schema = standdownSchema({ env, folder: dirname(file) });
  const { raw } = parseYaml({ text, file, schema, hints: STANDDOWN_HINTS });
  const said = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, unknown>;
  const { shape } = schema;
  const part = <K extends keyof typeof shape>(key: K): StanddownFile[K] | null => {
    const read = shape[key].safeParse(said[key]);
    return read.success ? (read.data as StanddownFile[K]) : null;
  };
  const own = (name: string): string | null => env[name] ?? null;
  const slack = part('slack');
  const limits = part('limits');
  const venues = Array.isArray(said['venues']) ? (said['venues'] as unknown[]) : [];
  const element = shape.venues.element;
  const control = part('control') ?? controlNamed(said, dirname(file));
  const mail = part('mail');
  const issues = part('issues') ?? null;
  const smtpUrl = own('SMTP_URL');
  const recoveryCheck = part('recoveryCheck');
  const apiUrl = env['SLACK_API_URL'] ?? 'https://slack.com/api/';
  const githubUrl = (env['GITHUB_API_URL'] ?? 'https://api.github.com').replace(/\/+$/, '');
  // A secret is sent nowhere in the open: what start refuses is not asked either.
  const mayAskSlack = isSafe(apiUrl);
  const port = Number(env['PORT'] ?? 3000);
  return {
    host: env['HOST'] ?? '127.0.0.1',
    port: Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : 3000,
    dataDir: resolve(cwd, env['STANDDOWN_DATA_DIR'] ?? 'data'),
    file,
    slack: {
      botToken: mayAskSlack ? own('SLACK_BOT_TOKEN') : null,
      appToken: mayAskSlack ? own('SLACK_APP_TOKEN') : null,
      signingSecret: own('SLACK_SIGNING_SECRET'),
      apiUrl: mayAskSlack ? apiUrl.replace(/\/*$/, '/') : 'https://slack.com/api/',
      channel: slack?.channel ?? null,
      alertChannels: slack?.alertChannels ?? [],
    },
    pagerduty: {
      routingKey: own('PAGERDUTY_ROUTING_KEY'),
      apiToken: own('PAGERDUTY_API_TOKEN'),
      from: own('PAGERDUTY_FROM'),
      webhookSecrets: listOf(env['PAGERDUTY_WEBHOOK_SECRET']),
      eventsServer: serverNamed(own('PAGERDUTY_EVENTS_SERVER')),
      apiServer: serverNamed(own('PAGERDUTY_API_SERVER')),
    },
    tokens: listOf(env['STANDDOWN_TOKEN']),
    access: part('access'),
    controlFile: control?.file ?? null,
    venues: venues.flatMap((one) => {
      const read = element.safeParse(one);
      return read.success ? [readVenue(read.data, limits?.currency ?? 'USDT')] : [];
    }),
    engines: part('engines') ?? [],
    hardStops: part('hardStops'),
    hours: part('hours'),
    commands: part('commands') ?? {},
    mail:
      mail === 'off'
        ? 'off'
        : smtpUrl !== null && /^smtps?:\/\//.test(smtpUrl) && URL.canParse(smtpUrl)
          ? { smtpUrl }
          : null,
    issues:
      issues === null
        ? null
        : {
            github: issues.github,
            token: isSafe(githubUrl) ? own('GITHUB_TOKEN') : null,
            apiUrl: githubUrl,
          },
    recoveryCheck,
    runbookFile: part('runbookFile') ?? null,
    playbookFile: part('playbook') ?? SHIPPED_PLAYBOOK,
  };
}

const isSafe = (url: string): boolean =>
  urlProblem(url) === null && (url.startsWith('https:') || isLoopback(new URL(url).hostname));

const serverNamed = (said: string | null): string | null =>
  said !== null && /^[A-Za-z0-9.:[\]-]{1,260}$/.test(said) ? said : null;

/** A control file that cannot be used is still the one to look at. */
function controlNamed(said: Record<string, unknown>, folder: string): { file: string } | null {
  const control = said['control'];
  if (typeof control !== 'object' || control === null || !('file' in control)) return null;
  return typeof control.file === 'string' ? { file: resolve(folder, control.file) } : null;
}
