/** The rehearsal's console: a stage, a bot as a process, an engine, switches and stories, and the page on top of them. */

import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Stage, startStage } from '../stage.ts';
import { createBotProcess } from './botProcess.ts';
import { createLoopbackEngine } from './engine.ts';
import { createFaultBoard } from './faults.ts';
import { createScenarioBoard } from './scenarios.ts';
import { type ConsoleServer, type Front, startConsoleServer } from './server.ts';
import {
  controlShown,
  mailShown,
  NAMES,
  PEOPLE,
  pagerShown,
  slackShown,
  statusFields,
  type ViewErrors,
  venueShown,
} from './shown.ts';
import type { ConsoleState, Looking } from './state.ts';

export interface ConsoleOptions {
  host: string;
  port: number;
  /** Emptied at the start, and at each reset. */
  dataDir: string;
  controlFile: string;
  /** What the control file says at the start. */
  control: string;
  token: string;
  front: Front;
  /** The module of the bot's process, and what it is told on this stage. */
  botModule: string;
  botOrder(stage: Stage): object;
  botEnv: NodeJS.ProcessEnv;
  /** ms since the epoch. */
  now?: () => number;
  /** How long a second of the engine and of the status is; a test that wants no beats gives Infinity. */
  secondMs?: number;
  /** How a story waits. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  stage?: Parameters<typeof startStage>[0];
}

export interface RehearsalConsole {
  url: string;
  stage(): Stage;
  bot: ReturnType<typeof createBotProcess>;
  engine: ReturnType<typeof createLoopbackEngine>;
  faults: ReturnType<typeof createFaultBoard>;
  scenarios: ReturnType<typeof createScenarioBoard>;
  stateFor(looking: Looking): ConsoleState;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const ASK_MS = 2_000;

export async function startRehearsalConsole(options: ConsoleOptions): Promise<RehearsalConsole> {
  const { controlFile, dataDir, token } = options;
  const now = options.now ?? Date.now;
  const wait = options.wait ?? ((ms, signal) => delay(ms, undefined, { signal }).then(() => undefined));

  let stage = await setStage();
  let deaf: (() => void)[] = [];
  let control: { text: string | null; writable: boolean } = { text: options.control, writable: true };
  let said: ReturnType<typeof statusFields> = null;
  const errors = new Map<string, Readonly<Record<string, string>>>();
  let server: ConsoleServer | null = null;
  const changed = () => server?.changed();

  const bot = createBotProcess({
    module: options.botModule,
    message: () => options.botOrder(stage),
    env: options.botEnv,
    now,
  });

  async function setStage(): Promise<Stage> {
    // The counterparts begin anew, so what an earlier rehearsal wrote about them goes too.
    await rm(dataDir, { recursive: true, force: true });
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await mkdir(dirname(controlFile), { recursive: true, mode: 0o700 });
    await writeFile(controlFile, options.control, { mode: 0o600 });
    return startStage(options.stage);
  }

  /** Send it to the bot itself: the console's own port is for others. */
  async function ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; json: unknown }> {
    const url = bot.url();
    if (url === null) return { status: 0, json: null };
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(method === 'GET' ? ASK_MS : 5 * ASK_MS),
      });
      return { status: response.status, json: await response.json() };
    } catch {
      return { status: 0, json: null };
    }
  }
  const post = (path: string, body: unknown) => ask('POST', path, body);

  const engine = createLoopbackEngine({
    stage: () => stage,
    controlFile,
    now,
    send: async (samples) => (await post('/telemetry', samples)).status === 202,
  });
  const faults = createFaultBoard({
    stage: () => stage,
    engine,
    bot,
    controlFile,
    isRoot: process.getuid?.() === 0,
  });
  const scenarios = createScenarioBoard({
    stage: () => stage,
    bot,
    engine,
    faults,
    now,
    wait,
    post,
    status: async () => statusFields((await ask('GET', '/status')).json),
  });

  function listenToStage(): void {
    for (const end of deaf) end();
    deaf = [stage.slack, stage.pagerDuty, stage.binance, stage.mail].map((one) => one.onChange(changed));
  }
  function tellStage(url: string): void {
    stage.slack.setRequestUrl(`${url}/slack/events`);
    stage.pagerDuty.sendWebhooksTo({ url: `${url}/pagerduty/webhook`, secret: stage.keys.webhookSecret });
  }

  function stateFor(looking: Looking): ConsoleState {
    const { criteria = [], ...status } = said ?? {};
    return {
      looking,
      names: NAMES,
      people: [...PEOPLE],
      ...slackShown(stage.slack, looking, errors satisfies ViewErrors),
      venue: venueShown(stage),
      faults: faults.shown(),
      pagerduty: pagerShown(stage),
      mailbox: mailShown(stage),
      control: controlShown(controlFile, control.text, options.control, control.writable, engine),
      criteria,
      scenarios: scenarios.shown(),
      status: {
        trading: null,
        incidents: [],
        lastKill: null,
        ...status,
        bot: bot.shown(),
        url: server?.url ?? '',
        token,
      },
    };
  }

  async function look(): Promise<void> {
    const text = await readFile(controlFile, 'utf8').catch(() => null);
    const writable = await access(dirname(controlFile), constants.W_OK).then(
      () => true,
      () => false,
    );
    control = { text, writable };
    said = bot.url() === null ? null : statusFields((await ask('GET', '/status')).json);
    changed();
  }

  /** One after the other, a second apart: a slow one delays the next, and never runs beside it. */
  const ended = new AbortController();
  async function live(): Promise<void> {
    const secondMs = options.secondMs ?? 1_000;
    if (secondMs === Number.POSITIVE_INFINITY) return;
    while (!ended.signal.aborted) {
      await Promise.allSettled([engine.beat(), look()]);
      await delay(secondMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  }

  let resetting: Promise<void> | null = null;
  async function startOver(): Promise<void> {
    await scenarios.stopAll();
    await faults.clear();
    await bot.stop();
    for (const end of deaf) end();
    await stage.close();
    errors.clear();
    engine.reset();
    said = null;
    stage = await setStage();
    listenToStage();
    if (server !== null) tellStage(server.url);
    await bot.start();
    await look();
  }
  function reset(): Promise<void> {
    resetting ??= startOver().finally(() => {
      resetting = null;
    });
    return resetting;
  }

  const stop = async () => {
    ended.abort();
    await scenarios.stopAll();
    await faults.clear().catch(() => undefined);
    await bot.stop();
    await server?.close();
    await stage.close();
  };

  for (const one of [bot, faults, scenarios]) one.onChange(changed);
  listenToStage();
  try {
    server = await startConsoleServer({
      host: options.host,
      port: options.port,
      front: options.front,
      stateFor,
      botUrl: () => bot.url(),
      acts: {
        stage: () => stage,
        bot,
        faults,
        scenarios,
        reset,
        setErrors(viewId, found) {
          if (Object.keys(found).length === 0) errors.delete(viewId);
          else errors.set(viewId, found);
        },
      },
    });
    tellStage(server.url);
    await bot.start();
    await look();
  } catch (error) {
    await stop();
    throw error;
  }
  const living = live();
  return {
    url: server.url,
    stage: () => stage,
    bot,
    engine,
    faults,
    scenarios,
    stateFor,
    reset,
    async stop() {
      await stop();
      await living;
    },
  };
}
