/** A desk under test: the real bot against the counterparts, in this process or as a process of its own that can be killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/adapters/clock.ts';
import type { Disk } from '../../src/adapters/disk.ts';
import { type Bot, startBot } from '../../src/bot.ts';
import type { LiveConfig, RehearsalConfig } from '../../src/config.ts';
import type { KillPace } from '../../src/domain/kill.ts';
import type { Pace } from '../../src/engine/outbox.ts';
import type { WatchPace } from '../../src/engine/venueWatch.ts';
import { loadPolicy, type Policy } from '../../src/policy.ts';
import type { BinanceOptions } from '../../src/rehearsal/binance.ts';
import { CAST, CHANNEL, ON_CALL_GROUP, type Stage, startStage } from '../../src/rehearsal/stage.ts';
import { configFor } from '../../src/rehearse.ts';

export const TOKEN = 'token-of-the-test-desk';
/** In memory where there is such a place: a disk that other tests keep busy is not what these are about. */
const FAST_DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export function policy(): Policy {
  const loaded = loadPolicy();
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.policy;
}

/** What a test does to the desk and sees of it, over public protocols. */
export interface DeskUnderTest {
  stage: Stage;
  url: string;
  folder: string;
  controlFile: string;
  post(
    path: string,
    body: unknown,
    options?: { token?: string | null; headers?: Record<string, string> },
  ): Promise<{ status: number; json: Json }>;
  get(path: string, token?: string | null): Promise<{ status: number; json: Json }>;
  alert(options?: AlertOptions): Promise<{ status: number; json: Json }>;
  /** The headline of an incident (default: the newest) and its thread as a person reads them. */
  headlineTs(incident?: string): string;
  channel(): string;
  thread(incident?: string): string;
  click(who: keyof typeof CAST, label: string, incident?: string): Promise<{ ok: boolean; status: number }>;
  control(): Promise<string>;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read freely in tests
export type Json = Record<string, never> & { [key: string]: Json } & Json[] & string & number;

export interface AlertOptions {
  name?: string;
  severity?: string;
  status?: 'firing' | 'resolved';
  fingerprint?: string;
  groupKey?: string;
  startsAt?: string;
  endsAt?: string;
  labels?: Record<string, string>;
  summary?: string;
}

export function alertmanagerBody(options: AlertOptions = {}): object {
  const {
    name = 'ExchangeOrderStuck',
    severity = 'critical',
    status = 'firing',
    fingerprint = '7af24487a712e7bb',
  } = options;
  const labels = { alertname: name, severity, ...options.labels };
  return {
    receiver: 'bot',
    status,
    version: '4',
    groupKey: options.groupKey ?? `{}:{alertname="${name}"}`,
    alerts: [
      {
        status,
        labels,
        annotations: { summary: options.summary ?? 'Open orders stuck' },
        startsAt: options.startsAt ?? '2026-11-22T20:30:07.42Z',
        endsAt: options.endsAt ?? '0001-01-01T00:00:00Z',
        generatorURL: 'http://vm:9499/graph',
        fingerprint,
      },
    ],
  };
}

function handle(stage: Stage, url: () => string, folder: string, controlFile: string): DeskUnderTest {
  const call = async (
    method: string,
    path: string,
    body: string | undefined,
    token: string | null,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`${url()}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    return { status: response.status, json: (text === '' ? {} : JSON.parse(text)) as Json };
  };
  const headline = (incident?: string) => {
    const parents = stage.slack
      .messages(CHANNEL)
      .filter((message) => message.threadTs === undefined && message.byBot);
    const found =
      incident === undefined ? parents.at(-1) : parents.find((message) => message.text.includes(incident));
    if (found === undefined) throw new Error(`no headline${incident === undefined ? '' : ` of ${incident}`}`);
    return found;
  };
  const desk: DeskUnderTest = {
    stage,
    get url() {
      return url();
    },
    folder,
    controlFile,
    post: (path, body, options = {}) =>
      call(
        'POST',
        path,
        typeof body === 'string' ? body : JSON.stringify(body),
        options.token === undefined ? TOKEN : options.token,
        options.headers,
      ),
    get: (path, token = TOKEN) => call('GET', path, undefined, token),
    alert: (options) => desk.post('/alerts/alertmanager', alertmanagerBody(options)),
    headlineTs: (incident) => headline(incident).ts,
    channel: () => stage.slack.asText(CHANNEL),
    thread: (incident) => stage.slack.threadAsText(CHANNEL, headline(incident).ts),
    async click(who, label, incident) {
      const parent = headline(incident);
      const holder = stage.slack
        .thread(CHANNEL, parent.ts)
        .findLast((message) => JSON.stringify(message.blocks).includes(JSON.stringify(label)));
      if (holder === undefined) throw new Error(`nothing in the thread has the button ${label}`);
      // A runbook has the same button at several steps: any of them does the same.
      const block = holder.blocks.find((one) => JSON.stringify(one).includes(JSON.stringify(label)));
      const where = block?.block_id === undefined ? {} : { blockId: block.block_id };
      return stage.slack.click(CAST[who].id, { channel: CHANNEL, ts: holder.ts, label, ...where });
    },
    control: () => readFile(controlFile, 'utf8'),
  };
  return desk;
}

const hearPagerDuty = (stage: Stage, url: string): void =>
  stage.pagerDuty.sendWebhooksTo({ url: `${url}/pagerduty/webhook`, secret: stage.keys.webhookSecret });

export interface InProcess extends DeskUnderTest {
  bot: Bot;
  /** Stop the bot and start another one on the same data directory. */
  restart(between?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface DeskOptions {
  binance?: Partial<BinanceOptions>;
  config?: (config: LiveConfig, stage: Stage) => LiveConfig;
  mode?: 'http' | 'socket';
  /** Wall clock of the bot and of the outside, ms since the epoch. Slack's signatures stay on the real one. */
  now?: () => number;
  pace?: KillPace;
  /** As on a live installation: nothing is labelled DRILL but a drill. */
  live?: boolean;
  /** What the control file says before the bot starts. */
  control?: string;
  /** The file system of the bot's store. */
  storeFs?: Disk;
  /** The policy, changed for this desk. */
  policy?: (policy: Policy) => Policy;
  /** How fast messages may go out; default as fast as they can. */
  outboxPace?: Pace;
  /** How often the venues are measured. */
  watchPace?: WatchPace;
  /** How often action items are looked at, ms. */
  itemsEveryMs?: number;
}

export async function startDesk(options: DeskOptions = {}): Promise<InProcess> {
  const folder = await mkdtemp(join(FAST_DISK, 'standdown-desk-'));
  const controlFile = join(folder, 'control.env');
  await writeFile(controlFile, options.control ?? '# the engine reads this\nKILL_SWITCH=0\nOTHER=kept\n');
  const stage = await startStage({
    ...(options.binance === undefined ? {} : { binance: options.binance }),
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  const base: RehearsalConfig = {
    mode: 'rehearsal',
    dataDir: join(folder, 'data'),
    controlFile,
    playbookFile: '',
    warnings: [],
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
  };
  const make = () => {
    const config = configFor(base, stage, TOKEN);
    if (options.mode === 'socket') {
      config.slack.transport = { kind: 'socket', appToken: stage.keys.appToken };
    }
    return options.config === undefined ? config : options.config(config, stage);
  };
  const start = async () => {
    const bot = await startBot({
      config: make(),
      policy: options.policy === undefined ? policy() : options.policy(policy()),
      drill: options.live !== true,
      pagerAgent: new Agent({ ca: stage.tls.cert }),
      outboxPace: options.outboxPace ?? {},
      ...(options.now === undefined ? {} : { clock: { ...systemClock, now: options.now } }),
      ...(options.pace === undefined ? {} : { pace: options.pace }),
      ...(options.storeFs === undefined ? {} : { storeFs: options.storeFs }),
      ...(options.watchPace === undefined ? {} : { watchPace: options.watchPace }),
      ...(options.itemsEveryMs === undefined ? {} : { itemsEveryMs: options.itemsEveryMs }),
    });
    if (options.mode === 'socket') {
      stage.slack.setMode('socket');
      await stage.slack.until(() => stage.slack.sockets() > 0, { what: 'a socket' });
    } else stage.slack.setRequestUrl(`${bot.url}/slack/events`);
    hearPagerDuty(stage, bot.url);
    return bot;
  };
  let bot = await start();
  const desk = Object.assign(
    handle(stage, () => bot.url, folder, controlFile),
    {
      bot,
      async restart(between?: () => Promise<void>) {
        await bot.stop();
        await between?.();
        bot = await start();
        desk.bot = bot;
      },
      async close() {
        // Together: what the bot still waits for ends with the counterparts.
        await Promise.all([bot.stop(), stage.close()]);
        await rm(folder, { recursive: true, force: true });
      },
    },
  );
  return desk;
}

export interface OwnProcess extends DeskUnderTest {
  /** `kill -9`, and wait until it is gone. */
  crash(): Promise<void>;
  /** `kill -9` at this very instant; `gone` tells when it is done. */
  strike(): void;
  /** SIGTERM, and wait until it is gone. */
  terminate(): Promise<void>;
  /** Resolves when the present process has ended, however it did. */
  gone(): Promise<void>;
  isUp(): boolean;
  /** SIGSTOP: alive, and answering nothing. */
  hang(): void;
  /** `standdown …` beside it, with the same configuration and the server's port. */
  cli(...args: string[]): Promise<{ code: number | null; text: string }>;
  /** `life`: an environment for this one process. */
  start(life?: Record<string, string>): Promise<void>;
  output(): string;
  close(): Promise<void>;
}

/** The bot as an operator runs it: `standdown start`, an environment, a standdown.yml. It needs `npm run build` first. */
export async function spawnDesk(
  options: {
    binance?: Partial<BinanceOptions>;
    env?: Record<string, string>;
    /** For the first process alone. */
    life?: Record<string, string>;
    /** Where its folder is made; default the system's. */
    tmp?: string;
    /** More venues of its standdown.yml, as lines of the list. */
    venues?: string;
    /** What its standdown.yml says besides. */
    yaml?: string;
    /** More of its environment, where that needs the stage. */
    envOf?: (stage: Stage) => Record<string, string>;
  } = {},
): Promise<OwnProcess> {
  const folder = await mkdtemp(join(options.tmp ?? tmpdir(), 'standdown-own-'));
  const controlFile = join(folder, 'control.env');
  await writeFile(controlFile, 'KILL_SWITCH=0\n');
  const stage = await startStage(options.binance === undefined ? {} : { binance: options.binance });
  const { keys } = stage;
  await writeFile(join(folder, 'ca.pem'), stage.tls.cert);
  await writeFile(
    join(folder, 'standdown.yml'),
    `${liveYaml(stage).replace('limits:', `${options.venues ?? ''}limits:`)}${options.yaml ?? ''}`,
  );
  const env = {
    PATH: process.env['PATH'] ?? '',
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    SLACK_BOT_TOKEN: keys.botToken,
    SLACK_SIGNING_SECRET: keys.signingSecret,
    SLACK_API_URL: stage.slack.apiUrl,
    PAGERDUTY_ROUTING_KEY: keys.routingKey,
    PAGERDUTY_API_TOKEN: keys.pagerToken,
    PAGERDUTY_FROM: CAST.ada.email,
    PAGERDUTY_WEBHOOK_SECRET: keys.webhookSecret,
    PAGERDUTY_EVENTS_SERVER: stage.pagerDuty.server,
    PAGERDUTY_API_SERVER: stage.pagerDuty.server,
    SMTP_URL: stage.mail.smtpUrl,
    STANDDOWN_TOKEN: TOKEN,
    BINANCE_KEY: keys.apiKey,
    BINANCE_SECRET: keys.apiSecret,
    PORT: '0',
    ...options.env,
    ...options.envOf?.(stage),
  };
  let child: ChildProcess | null = null;
  let over: Promise<unknown> = Promise.resolve();
  let url = '';
  let output = '';

  async function start(life: Record<string, string> = {}): Promise<void> {
    const started = spawn(process.execPath, [join(ROOT, 'dist', 'cli.js'), 'start'], {
      cwd: folder,
      env: { ...env, ...life },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    over = once(started, 'exit');
    started.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const lines = createInterface({ input: started.stdout });
    url = await new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        output += `${line}\n`;
        const found = /Standdown is up: (\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
      started.once('exit', (code, signal) =>
        reject(new Error(`the bot ended with ${code ?? signal}:\n${output}`)),
      );
    });
    stage.slack.setRequestUrl(`${url}/slack/events`);
    hearPagerDuty(stage, url);
  }

  const isUp = () => child !== null && child.exitCode === null && child.signalCode === null;
  const gone = async () => void (await over);
  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (isUp()) child?.kill(signal);
    await over;
  }
  const crash = () => end('SIGKILL');

  await start(options.life);
  return Object.assign(
    handle(stage, () => url, folder, controlFile),
    {
      crash,
      strike: () => void child?.kill('SIGKILL'),
      terminate: () => end('SIGTERM'),
      gone,
      isUp,
      hang: () => void child?.kill('SIGSTOP'),
      async cli(...args: string[]) {
        const PORT = url === '' ? '9' : new URL(url).port;
        const run = spawn(process.execPath, [join(ROOT, 'dist', 'cli.js'), ...args], {
          cwd: folder,
          env: { ...env, PORT },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let text = '';
        for (const stream of [run.stdout, run.stderr]) {
          stream.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
        }
        const [code] = (await once(run, 'exit')) as [number | null];
        return { code, text };
      },
      start,
      output: () => output,
      async close() {
        await crash();
        await stage.close();
        await rm(folder, { recursive: true, force: true });
      },
    },
  );
}

export function liveYaml(stage: Stage): string {
  return `
slack: { channel: ${CHANNEL} }
access: { responders: [${CAST.ada.id}, ${ON_CALL_GROUP}], approvers: [${CAST.ada.id}, ${CAST.grace.id}, ${CAST.alan.id}], approvals: 2 }
control: { file: ./control.env }
venues:
  - { id: binance-usdm, exchange: binanceusdm, apiKey: "\${BINANCE_KEY}", secret: "\${BINANCE_SECRET}", symbols: [BTC/USDT:USDT], quoteAssets: [USDT], baseUrl: "${stage.binance.url}" }
  - { id: binance-spot, exchange: binance, apiKey: "\${BINANCE_KEY}", secret: "\${BINANCE_SECRET}", symbols: [BTC/USDT], quoteAssets: [USDT], baseUrl: "${stage.binance.url}" }
limits: { maxDailyLossPct: 1, maxNotional: 1000, currency: USDT }
feeds: off
mail: { from: standdown@example.com, stakeholders: [desk@example.com] }
recoveryCheck: off
`;
}

/** A desk of its own for one story, with a wall clock that the story moves. */
export async function withDesk(
  story: (desk: InProcess, advance: (ms: number) => void) => Promise<void>,
  options: DeskOptions = {},
): Promise<void> {
  let ahead = 0;
  const desk = await startDesk({ now: () => Date.now() + ahead, ...options });
  try {
    await story(desk, (ms) => {
      ahead += ms;
    });
  } finally {
    await desk.close();
  }
}
