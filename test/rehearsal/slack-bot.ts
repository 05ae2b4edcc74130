import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { App, HTTPReceiver, SocketModeReceiver } from '@slack/bolt';
import { LogLevel, WebClient, type WebClientOptions } from '@slack/web-api';
import {
  type SlackCounterpart,
  type SlackOptions,
  startSlackCounterpart,
} from '../../src/rehearsal/slack.ts';

// Refusals are the point of these tests; Bolt would print each of them as an error.
const silent = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => LogLevel.ERROR,
  setName() {},
};

/** Cleanups, last one first; each is registered the moment its resource exists. */
export class Cleanups {
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step();
  }
}

/** A clock that only moves when told to; starts at the real time, since Bolt compares signatures with that. */
export class Clock {
  ms = Date.now();
  now = (): number => this.ms;
  advance(ms: number): void {
    this.ms += ms;
  }
}

/** A workspace with Ada, Bob, a guest and an outsider, two channels and one that the bot is not in. */
export async function workspace(
  cleanups: Cleanups,
  options: Partial<SlackOptions> = {},
): Promise<{ slack: SlackCounterpart; clock: Clock }> {
  const clock = new Clock();
  const slack = await startSlackCounterpart({
    botToken: 'xoxb-test',
    appToken: 'xapp-test',
    signingSecret: 'shh',
    teamId: 'T1',
    appId: 'A1',
    botUserId: 'UBOT',
    botId: 'B1',
    botName: 'standdown',
    channels: [
      { id: 'C1', name: 'incidents' },
      { id: 'C2', name: 'alerts' },
      { id: 'C3', name: 'elsewhere', botIsMember: false },
      { id: 'C4', name: 'old', isArchived: true },
    ],
    users: [
      { id: 'U1', name: 'ada', realName: 'Ada Lovelace', email: 'ada@example.com' },
      { id: 'U2', name: 'bob', realName: 'Bob Dylan', email: 'bob@example.com' },
      { id: 'U3', name: 'guest', realName: 'A Guest', email: 'guest@example.com', isRestricted: true },
      { id: 'U4', name: 'eve', realName: 'Eve Outside', email: 'eve@elsewhere.example', teamId: 'T2' },
    ],
    usergroups: [{ id: 'S1', handle: 'desk-leads', members: ['U1', 'U2'] }],
    now: clock.now,
    ...options,
  });
  cleanups.add(() => slack.close());
  return { slack, clock };
}

/** A real WebClient that gives up at once, so that every fault is seen as it is. */
export function client(
  slack: SlackCounterpart,
  options: WebClientOptions = {},
  token = 'xoxb-test',
): WebClient {
  return new WebClient(token, {
    slackApiUrl: slack.apiUrl,
    logger: silent,
    retryConfig: { retries: 0 },
    timeout: 5_000,
    rejectRateLimitedCalls: true,
    ...options,
  });
}

function app(slack: SlackCounterpart, receiver: ConstructorParameters<typeof App>[0]): App {
  return new App({
    token: 'xoxb-test',
    botId: 'B1',
    botUserId: 'UBOT',
    convoStore: false,
    // Bolt would drop the bot's own messages before any listener.
    ignoreSelf: false,
    logger: silent,
    clientOptions: { slackApiUrl: slack.apiUrl, timeout: 5_000, retryConfig: { retries: 0 } },
    ...receiver,
  });
}

/** A real Bolt app behind a server of its own, with the counterpart pointed at it. */
export async function httpBot(cleanups: Cleanups, slack: SlackCounterpart): Promise<App> {
  const receiver = new HTTPReceiver({ signingSecret: 'shh', logger: silent });
  const bot = app(slack, { receiver });
  const server = createServer(receiver.requestListener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.add(() => {
    server.close();
    server.closeAllConnections();
  });
  slack.setRequestUrl(`http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`);
  return bot;
}

/** A real Bolt app over Socket Mode, `count` receivers, all connected when this resolves. */
export async function socketBot(cleanups: Cleanups, slack: SlackCounterpart, count = 1): Promise<App> {
  const receivers = Array.from(
    { length: count },
    () =>
      new SocketModeReceiver({
        appToken: 'xapp-test',
        logger: silent,
        // Bolt waits this long before it connects again; 5 s by default.
        clientPingTimeout: 300,
        installerOptions: { clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } } },
      }),
  );
  const [first, ...others] = receivers;
  const bot = app(slack, first ? { receiver: first } : {});
  slack.setMode('socket');
  for (const receiver of others) receiver.init(bot);
  for (const receiver of receivers) {
    await receiver.start();
    cleanups.add(() => receiver.stop());
  }
  return bot;
}
