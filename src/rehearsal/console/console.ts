/** The rehearsal's console: a stage, a bot as a process, an engine, switches and stories, and the page on top of them. */

import { access, chmod, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { empty } from '../folder.ts';
import { type Stage, startStage } from '../stage.ts';
import { createBotProcess } from './botProcess.ts';
import { createLoopbackEngine } from './engine.ts';
import { awayOf, createFaultBoard } from './faults.ts';
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
import { createStartOver } from './startOver.ts';
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
const MUTE = 'its process runs, and does not answer: kill it, or start over';
/** With retries: a bot whose console was killed writes for an instant longer. */
const REMOVE = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 };

export async function startRehearsalConsole(options: ConsoleOptions): Promise<RehearsalConsole> {
  const { controlFile, dataDir, token } = options;
  const now = options.now ?? Date.now;
  const secondMs = options.secondMs ?? 1_000;
  const wait = options.wait ?? ((ms, signal) => delay(ms, undefined, { signal }).then(() => undefined));

  let stage = await setStage();
  let deaf: (() => void)[] = [];
  let control: { text: string | null; writable: boolean } = { text: options.control, writable: true };
  let said: ReturnType<typeof statusFields> = null;
  /** Its process runs, and did not answer when it was asked last. */
  let isMute = false;
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
    const folder = dirname(controlFile);
    // As a switch of a rehearsal that was killed may have left it: read-only, or away.
    await chmod(folder, 0o700).catch(() => undefined);
    await rm(awayOf(folder), REMOVE);
    // The counterparts begin anew, so what an earlier rehearsal wrote about them goes too.
    await empty(dataDir);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(controlFile, options.control, { mode: 0o600 });
    return startStage(options.stage);
  }

  /** Asked of the system, not of the user's id: a root without that capability is held up as others are. */
  async function writesAnywhere(): Promise<boolean> {
    const folder = dirname(controlFile);
    await chmod(folder, 0o500);
    const writes = await access(folder, constants.W_OK).then(
      () => true,
      () => false,
    );
    await chmod(folder, 0o700);
    return writes;
  }

  let isSet = true;
  /** Close the outside, once. */
  async function strike(): Promise<void> {
    said = null;
    if (!isSet) return;
    isSet = false;
    await stage.close();
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
    writesAnywhere: await writesAnywhere(),
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
    const { state } = bot.shown();
    // What a bot that is gone said last is not how it is.
    const { criteria = [], ...status } = (state === 'up' ? said : null) ?? {};
    const held = startOver.holds();
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
        bot: {
          ...bot.shown(),
          ...(state === 'up' && isMute ? { state: 'mute' as const, detail: MUTE } : {}),
          ...(held === null ? {} : { detail: held }),
        },
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
    const asked = bot.url();
    const heard = asked === null ? null : statusFields((await ask('GET', '/status')).json);
    // An answer of one that is gone by now tells nothing of the one that came after it.
    const isSame = bot.url() === asked;
    said = isSame ? heard : null;
    isMute = isSame && asked !== null && heard === null;
    changed();
  }

  /** One after the other, a second apart: a slow one delays the next, and never runs beside it. */
  const ended = new AbortController();
  let beating: Promise<unknown> = Promise.resolve();
  async function live(): Promise<void> {
    if (secondMs === Number.POSITIVE_INFINITY) return;
    while (!ended.signal.aborted) {
      if (startOver.holds() === null) {
        // What it tells is in what is looked at, unless the bot keeps it waiting: then that is what there is to see.
        const beat = engine.beat();
        const soon = delay(ASK_MS, undefined, { signal: ended.signal }).catch(() => undefined);
        beating = Promise.all([beat, Promise.race([beat, soon]).then(look)]);
        await beating;
      }
      await delay(secondMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  }

  const startOver = createStartOver(
    {
      // The beat that is under way would tell the new bot of the old desk.
      end: [() => scenarios.stopAll('Start over'), () => faults.clear(), () => bot.stop(), () => beating],
      close: strike,
      async set() {
        stage = await setStage();
        isSet = true;
        errors.clear();
        faults.forget();
        scenarios.forget();
        engine.reset();
        listenToStage();
        if (server !== null) tellStage(server.url);
      },
      async begin() {
        await bot.start();
        await look();
      },
    },
    `Look at ${dataDir}, then press “Start over” again.`,
  );

  const stop = async () => {
    ended.abort();
    await startOver.settled();
    await scenarios.stopAll('the end of the rehearsal');
    await faults.clear().catch(() => undefined);
    await bot.stop();
    await server?.close();
    await strike();
  };

  for (const one of [bot, faults, scenarios, startOver]) one.onChange(changed);
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
        startOver,
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
    reset: () => startOver.run(),
    async stop() {
      await stop();
      await living;
    },
  };
}
