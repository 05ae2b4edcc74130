/** Rehearsal: the real bot against counterparts on this machine, with nothing to lose. */

import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoreRefused } from './adapters/disk.ts';
import { acquireLock } from './adapters/lock.ts';
import { type Bot, startBot } from './bot.ts';
import { canListen } from './check/server.ts';
import type { LiveConfig, RehearsalConfig } from './config.ts';
import type { Policy } from './policy.ts';
import { ASSETS } from './rehearsal/console/assets.ts';
import { type RehearsalConsole, startRehearsalConsole } from './rehearsal/console/console.ts';
import { ENGINE, FEED } from './rehearsal/console/engine.ts';
import { page, regions } from './rehearsal/console/html.ts';
import { empty, LOCK_FOLDER } from './rehearsal/folder.ts';
import { ALERT_CHANNEL, CAST, CHANNEL, REPOSITORY, type Stage, startStage } from './rehearsal/stage.ts';
import type { BotOrder } from './rehearsalBot.ts';

export interface Rehearsal {
  stage: Stage;
  bot: Bot;
  /** The bearer token of this rehearsal, for its own HTTP routes. */
  token: string;
  controlFile: string;
  stop(): Promise<void>;
}

const CONTROL = `# The engine's switches. In rehearsal nobody reads them but you.
KILL_SWITCH=0
HALT_NEW_ORDERS=0
PAUSE_SIGNALS=0
STANDDOWN_REV=0
`;

const ENGINE_CONTROL = CONTROL.replace(
  'In rehearsal nobody reads them but you.',
  'In rehearsal a small engine reads them once a second.',
);

/**
 * What the bot is configured with: only addresses of the stage, which are all on loopback. `measured`: an engine tells it
 * what it trades and sees, as the console's does; else it knows only what it reads at the venues.
 */
export function configFor(
  config: RehearsalConfig,
  stage: Stage,
  token: string,
  measured = false,
): LiveConfig {
  const { keys } = stage;
  const venue = (id: string, exchange: string, symbols: string[]) => ({
    id,
    exchange,
    apiKey: keys.apiKey,
    secret: keys.apiSecret,
    password: null,
    uid: null,
    privateKey: null,
    symbols,
    quoteAssets: ['USDT'],
    maxNotional: null,
    baseUrl: stage.binance.url,
    drill: true,
  });
  return {
    ...config,
    mode: 'live',
    file: 'rehearsal',
    slack: {
      botToken: keys.botToken,
      transport: { kind: 'http', signingSecret: keys.signingSecret },
      signingSecret: keys.signingSecret,
      apiUrl: stage.slack.apiUrl,
      channel: CHANNEL,
      alertChannels: [ALERT_CHANNEL],
    },
    pagerduty: {
      routingKey: keys.routingKey,
      apiToken: keys.pagerToken,
      from: CAST.ada.email,
      webhookSecrets: [keys.webhookSecret],
      eventsServer: stage.pagerDuty.server,
      apiServer: stage.pagerDuty.server,
    },
    tokens: { full: [token], alert: [], telemetry: [], read: [] },
    access: {
      responders: [CAST.ada.id, CAST.grace.id],
      approvers: [CAST.ada.id, CAST.grace.id, CAST.alan.id],
      approvals: 2,
    },
    venues: [
      venue('binance-usdm', 'binanceusdm', ['BTC/USDT:USDT', 'ETH/USDT:USDT']),
      venue('binance-spot', 'binance', ['BTC/USDT', 'ETH/USDT']),
    ],
    limits: { maxDailyLoss: { unit: 'percent', value: 1 }, maxNotional: 1_000, currency: 'USDT' },
    kill: { protectiveOrders: 'cancel' },
    hardStops: {
      mode: 'act',
      minOrders: 10,
      confirmations: 2,
      dataFeedGap: { whenPaused: 'wait' },
      fromAlerts: [],
    },
    engines: measured ? [{ ...ENGINE }] : [],
    feeds: measured ? [{ ...FEED, symbols: [...FEED.symbols], statusUrl: null, backup: null }] : 'off',
    hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], maintenance: [] },
    commands: {},
    mail: {
      smtpUrl: stage.mail.smtpUrl,
      from: 'standdown@desk.example',
      stakeholders: ['desk@desk.example'],
    },
    issues: { github: REPOSITORY, token: keys.githubToken, apiUrl: stage.github.url },
    recoveryCheck: 'off',
    readiness: 'off',
    runbookFile: null,
    drills: { page: 'P2', schedule: [] },
  };
}

/**
 * One rehearsal a folder, whatever its port: a second one would empty it under the first. A killed holder's lock is taken
 * over. Returns how to release it.
 * @throws before anything is touched, when another rehearsal runs there
 */
async function holdFolder(dataDir: string): Promise<() => Promise<void>> {
  const lock = join(dataDir, LOCK_FOLDER);
  await mkdir(lock, { recursive: true, mode: 0o700 });
  try {
    return await acquireLock(lock);
  } catch (error) {
    if (!(error instanceof StoreRefused)) throw error;
    const by = /process \d+/.exec(error.message)?.[0];
    throw new Error(
      by === undefined
        ? error.message
        : `a rehearsal runs in ${dataDir} already (${by}), and its data was left alone. End it first, or start this one in another folder; another PORT is not enough.`,
      { cause: error },
    );
  }
}

/**
 * Set the stage in rehearsal's own folder, which is emptied first, and start the bot on it. `onStage` replaces what the
 * exchange holds. @throws when another rehearsal runs in that folder
 */
export async function startRehearsal(
  config: RehearsalConfig,
  policy: Policy,
  onStage: Parameters<typeof startStage>[0] = {},
): Promise<Rehearsal> {
  const release = await holdFolder(config.dataDir);
  let stage: Stage | null = null;
  try {
    // The counterparts begin anew each time: what an earlier rehearsal posted to them is gone, so its log goes too.
    await empty(config.dataDir);
    await mkdir(dirname(config.controlFile), { recursive: true });
    await writeFile(config.controlFile, CONTROL, { mode: 0o600 });
    stage = await startStage(onStage);
    return await playOn(stage, config, policy, release);
  } catch (error) {
    await stage?.close();
    await release();
    throw error;
  }
}

async function playOn(
  stage: Stage,
  config: RehearsalConfig,
  policy: Policy,
  release: () => Promise<void>,
): Promise<Rehearsal> {
  const token = randomBytes(12).toString('hex');
  const bot = await startBot({
    config: configFor(config, stage, token),
    policy,
    drill: true,
    pagerAgent: new Agent({ ca: stage.tls.cert, keepAlive: true }),
  });
  stage.slack.setRequestUrl(`${bot.url}/slack/events`);
  stage.pagerDuty.sendWebhooksTo({
    url: `${bot.url}/pagerduty/webhook`,
    secret: stage.keys.webhookSecret,
  });
  return {
    stage,
    bot,
    token,
    controlFile: config.controlFile,
    async stop() {
      await bot.stop();
      await stage.close();
      await release();
    },
  };
}

/** What the bot's process may know of its surroundings: no live secret that lies around in them. */
const KEPT = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR', 'NODE_OPTIONS', 'WATCH_SOCKETS'];

/**
 * The same with a page to run it from: the bot is a process of its own, behind the console's address.
 * @throws before anything is touched, when another rehearsal runs in that folder or the port is taken
 */
export async function startConsole(
  config: RehearsalConfig,
  options: Partial<Parameters<typeof startRehearsalConsole>[0]> = {},
): Promise<{ console: RehearsalConsole; token: string; controlFile: string }> {
  const release = await holdFolder(config.dataDir).catch((error: unknown) => {
    throw ofFolder(error, config.dataDir);
  });
  // [::1] is how it stands in an address, and no name to listen on.
  const host = config.host.replace(/^\[|\]$/g, '');
  try {
    if (config.port !== 0 && !(await canListen(host, config.port)))
      throw new Error(
        `port ${config.port} is taken; the data of an earlier rehearsal was left alone. Set PORT to another one.`,
      );
    const started = await open({ ...config, host }, options);
    const { console } = started;
    return {
      ...started,
      console: {
        ...console,
        async stop() {
          await console.stop();
          await release();
        },
      },
    };
  } catch (error) {
    await release();
    throw ofFolder(error, config.dataDir);
  }
}

/** What Linux calls a folder that cannot be made, written or filled. */
const NO_FOLDER = /^(EACCES|EPERM|EROFS|ENOSPC|EDQUOT|ENOTDIR|ENOENT|EEXIST)$/;

/** The same error, with what to do where the folder is the reason. */
function ofFolder(error: unknown, dataDir: string): unknown {
  if (!(error instanceof Error && 'code' in error && NO_FOLDER.test(String(error.code)))) return error;
  return new Error(
    `the rehearsal cannot keep its data in ${dataDir} (${error.message}). Start it in a folder that you may write to, on a disk with room.`,
    { cause: error },
  );
}

async function open(
  config: RehearsalConfig,
  options: Partial<Parameters<typeof startRehearsalConsole>[0]>,
): ReturnType<typeof startConsole> {
  const token = randomBytes(12).toString('hex');
  // A folder of its own: the console can take its disk away.
  const controlFile = join(config.dataDir, 'engine', 'control.env');
  const inner: RehearsalConfig = { ...config, controlFile, host: '127.0.0.1', port: 0 };
  const console = await startRehearsalConsole({
    host: config.host,
    port: config.port,
    dataDir: config.dataDir,
    controlFile,
    control: ENGINE_CONTROL,
    token,
    front: { page, regions, assets: ASSETS },
    botModule: fileURLToPath(new URL('./rehearsalBot.js', import.meta.url)),
    botOrder: (stage): BotOrder => ({
      config: configFor(inner, stage, token, true),
      pagerCa: stage.tls.cert,
    }),
    botEnv: Object.fromEntries(
      KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
    ...options,
  });
  return { console, token, controlFile };
}
