/** A whole outside world on loopback: Slack, PagerDuty, an exchange, a mail server and GitHub, with a cast. It knows no bot. */

import { randomBytes } from 'node:crypto';
import { type BinanceCounterpart, type BinanceOptions, startBinanceCounterpart } from './binance.ts';
import { type GitHubCounterpart, startGitHubCounterpart } from './github.ts';
import { type MailCounterpart, startMailCounterpart } from './mail.ts';
import { type PagerDutyCounterpart, startPagerDutyCounterpart } from './pagerduty.ts';
import { type SlackCounterpart, startSlackCounterpart } from './slack.ts';
import { createLoopbackTls, type LoopbackTls } from './tls.ts';

/** Who is in it. Ada is on call; Grace and Alan approve; Mallory has no role. */
export const CAST = {
  ada: {
    id: 'U0ADA',
    name: 'ada',
    realName: 'Ada',
    email: 'ada@desk.example',
    pagerDuty: 'PADA001',
    // Numbers of 555-01xx belong to nobody.
    phone: '2025550142',
  },
  grace: {
    id: 'U0GRACE',
    name: 'grace',
    realName: 'Grace',
    email: 'grace@desk.example',
    pagerDuty: 'PGRACE1',
    phone: '2025550143',
  },
  alan: { id: 'U0ALAN', name: 'alan', realName: 'Alan', email: 'alan@desk.example', pagerDuty: 'PALAN01' },
  mallory: {
    id: 'U0MALLORY',
    name: 'mallory',
    realName: 'Mallory',
    email: 'mallory@desk.example',
    pagerDuty: 'PMALLO1',
  },
} as const;

/** At Slack only: a guest of one channel, and somebody of another company in a shared one. */
export const OTHERS = {
  guest: { id: 'U0GUEST', name: 'guest', realName: 'Guest', email: 'guest@elsewhere.example' },
  external: { id: 'U0EXTERNAL', name: 'external', realName: 'External', email: 'ext@other.example' },
} as const;

export const CHANNEL = 'C0INCIDENTS';
/** Where other bots post their alerts. */
export const ALERT_CHANNEL = 'C0ALERTS';
export const SCHEDULE = 'PDESK01';
/** Where its action items are filed. */
export const REPOSITORY = 'desk/standdown-rehearsal';
/** A user group whose one member is Ada. */
export const ON_CALL_GROUP = 'S0ONCALL';

/** What the app was granted at its installation. */
export const SCOPES = [
  'chat:write',
  'commands',
  'channels:history',
  'channels:read',
  'groups:history',
  'groups:read',
  'pins:read',
  'reactions:read',
  'usergroups:read',
  'users:read',
  'files:write',
  'users:read.email',
];

/** What the counterparts want to be shown, made anew for each stage: nothing of it is a secret, none of it is kept. */
export interface StageKeys {
  botToken: string;
  appToken: string;
  signingSecret: string;
  routingKey: string;
  pagerToken: string;
  /** Signs PagerDuty's webhooks. */
  webhookSecret: string;
  githubToken: string;
  apiKey: string;
  apiSecret: string;
}

export interface Stage {
  slack: SlackCounterpart;
  pagerDuty: PagerDutyCounterpart;
  binance: BinanceCounterpart;
  mail: MailCounterpart;
  github: GitHubCounterpart;
  tls: LoopbackTls;
  keys: StageKeys;
  close(): Promise<void>;
}

/** A desk with something to lose: 3 spot orders, 5 futures orders, 2 stops in the conditional list, one position. */
const DESK: Pick<BinanceOptions, 'balances' | 'orders' | 'conditionalOrders' | 'positions' | 'marks'> = {
  balances: { spot: { USDT: 1_000 }, swap: { USDT: 1_000 } },
  marks: { BTCUSDT: 64_000, ETHUSDT: 3_200 },
  positions: [{ symbol: 'BTCUSDT', amount: 0.008, entryPrice: 64_387.5 }],
  orders: [
    { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.001, price: 60_000 },
    { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.001, price: 59_500 },
    { wallet: 'spot', symbol: 'ETHUSDT', side: 'buy', quantity: 0.02, price: 3_000 },
    { symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 61_000 },
    { symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 60_500 },
    { symbol: 'BTCUSDT', side: 'sell', quantity: 0.004, price: 66_000, reduceOnly: true },
    { symbol: 'ETHUSDT', side: 'buy', quantity: 0.05, price: 3_050 },
    { symbol: 'ETHUSDT', side: 'sell', quantity: 0.05, price: 3_400 },
  ],
  conditionalOrders: [
    {
      symbol: 'BTCUSDT',
      side: 'sell',
      quantity: 0.008,
      type: 'STOP_MARKET',
      triggerPrice: 62_000,
      reduceOnly: true,
    },
    {
      symbol: 'BTCUSDT',
      side: 'sell',
      quantity: 0.008,
      type: 'TAKE_PROFIT_MARKET',
      triggerPrice: 68_000,
      reduceOnly: true,
    },
  ],
};

const random = (bytes: number): string => randomBytes(bytes).toString('hex');

/** Start all of it. `now` is the wall clock in ms; `binance` adds to or replaces what the exchange holds. */
export async function startStage(
  options: { now?: () => number; binance?: Partial<BinanceOptions> } = {},
): Promise<Stage> {
  const now = options.now ?? Date.now;
  const keys: StageKeys = {
    botToken: `xoxb-rehearsal-${random(8)}`,
    appToken: `xapp-rehearsal-${random(8)}`,
    signingSecret: random(16),
    routingKey: random(16),
    pagerToken: random(10),
    webhookSecret: random(16),
    githubToken: `rehearsal-${random(16)}`,
    apiKey: random(32),
    apiSecret: random(32),
  };
  const people = Object.values(CAST);
  const tls = await createLoopbackTls();
  const [slack, pagerDuty, binance, mail, github] = await Promise.all([
    startSlackCounterpart({
      botToken: keys.botToken,
      appToken: keys.appToken,
      signingSecret: keys.signingSecret,
      teamId: 'T0REHEARSAL',
      appId: 'A0STANDDOWN',
      botUserId: 'U0STANDDOWN',
      botId: 'B0STANDDOWN',
      botName: 'Standdown',
      channels: [
        { id: CHANNEL, name: 'incidents' },
        { id: ALERT_CHANNEL, name: 'alerts' },
      ],
      users: [
        ...people.map(({ id, name, realName, email }) => ({ id, name, realName, email })),
        { ...OTHERS.guest, isRestricted: true },
        { ...OTHERS.external, teamId: 'T0ELSEWHERE' },
      ],
      scopes: SCOPES,
      usergroups: [{ id: ON_CALL_GROUP, handle: 'desk-oncall', members: [CAST.ada.id] }],
      now,
      // Signatures are checked against the real clock.
      signingNow: Date.now,
    }),
    startPagerDutyCounterpart({
      routingKey: keys.routingKey,
      apiToken: keys.pagerToken,
      users: people.map((person) => ({
        id: person.pagerDuty,
        name: person.realName,
        email: person.email,
        ...('phone' in person ? { phone: person.phone } : {}),
      })),
      schedules: [
        { id: SCHEDULE, name: 'Desk on-call', userIds: [CAST.ada.pagerDuty, CAST.grace.pagerDuty] },
      ],
      escalationPolicy: {
        id: 'PPOLICY',
        name: 'Desk',
        rules: [
          { delayMinutes: 5, targets: [{ type: 'schedule', id: SCHEDULE }] },
          { delayMinutes: 5, targets: [{ type: 'user', id: CAST.grace.pagerDuty }] },
        ],
      },
      serviceUrgency: 'severity_based',
      tls,
      now,
    }),
    startBinanceCounterpart({ apiKey: keys.apiKey, secret: keys.apiSecret, ...DESK, ...options.binance }),
    startMailCounterpart({ now }),
    startGitHubCounterpart({ repository: REPOSITORY, token: keys.githubToken, login: 'standdown-bot', now }),
  ]);
  return {
    slack,
    pagerDuty,
    binance,
    mail,
    github,
    tls,
    keys,
    async close() {
      await Promise.all([slack.close(), pagerDuty.close(), binance.close(), mail.close(), github.stop()]);
    },
  };
}
