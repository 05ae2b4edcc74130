/** Rehearsal: the real bot against counterparts on this machine, with nothing to lose. */

import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { dirname } from 'node:path';
import { type Bot, startBot } from './bot.ts';
import type { LiveConfig, RehearsalConfig } from './config.ts';
import type { Policy } from './policy.ts';
import { ALERT_CHANNEL, CAST, CHANNEL, REPOSITORY, type Stage, startStage } from './rehearsal/stage.ts';

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

/** What the bot is configured with: only addresses of the stage, which are all on loopback. */
export function configFor(config: RehearsalConfig, stage: Stage, token: string): LiveConfig {
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
    engines: [],
    feeds: 'off',
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
  };
}

/**
 * Set the stage in rehearsal's own folder, which is emptied first, and start the bot on it. `onStage` replaces what the
 * exchange holds.
 */
export async function startRehearsal(
  config: RehearsalConfig,
  policy: Policy,
  onStage: Parameters<typeof startStage>[0] = {},
): Promise<Rehearsal> {
  // The counterparts begin anew each time: what an earlier rehearsal posted to them is gone, so its log goes too.
  await rm(config.dataDir, { recursive: true, force: true });
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  await mkdir(dirname(config.controlFile), { recursive: true });
  await writeFile(config.controlFile, CONTROL, { mode: 0o600 });
  const stage = await startStage(onStage);
  const token = randomBytes(12).toString('hex');
  try {
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
      },
    };
  } catch (error) {
    await stage.close();
    throw error;
  }
}
