import type { KnownBlock } from '@slack/types';
import type { ConsoleState, ShownMessage } from '../../src/rehearsal/console/state.ts';

const AT = Date.UTC(2026, 10, 28, 2, 14, 7);

const person = (id: string, name: string, role: string) => ({ id, name, role, pagerDuty: `P${name}` });

/** A desk on which nothing has happened yet. A new one for each test: it is there to be changed. */
export function calmState(): ConsoleState {
  const ada = person('U0ADA', 'Ada', 'on call');
  return {
    looking: { as: ada, channel: 'C0INCIDENTS', thread: null, tab: 'messages' },
    names: { users: { U0ADA: 'Ada' }, channels: { C0INCIDENTS: 'incidents' }, usergroups: {} },
    people: [
      ada,
      person('U0GRACE', 'Grace', 'approver'),
      person('U0ALAN', 'Alan', 'approver'),
      person('U0MALLORY', 'Mallory', 'no role'),
    ],
    channels: [
      { id: 'C0INCIDENTS', name: 'incidents', messages: 0 },
      { id: 'C0ALERTS', name: 'alerts', messages: 0 },
    ],
    messages: [],
    thread: null,
    home: null,
    modal: null,
    venue: {
      orders: [
        {
          id: '1',
          wallet: 'swap',
          symbol: 'BTCUSDT',
          side: 'buy',
          type: 'LIMIT',
          quantity: 0.002,
          filled: 0,
          price: 61_000,
          triggerPrice: null,
          reduceOnly: false,
        },
      ],
      conditional: [
        {
          id: '2',
          wallet: 'swap',
          symbol: 'BTCUSDT',
          side: 'sell',
          type: 'STOP_MARKET',
          quantity: 0.008,
          filled: 0,
          price: null,
          triggerPrice: 62_000,
          reduceOnly: true,
        },
      ],
      positions: [
        {
          symbol: 'BTCUSDT',
          side: 'long',
          amount: 0.008,
          entryPrice: 64_387.5,
          mark: 64_000,
          notional: 512,
          unrealized: -3.1,
        },
      ],
      balances: [],
      marks: { BTCUSDT: 64_000 },
      symbols: ['BTCUSDT'],
      requests: [{ at: AT, method: 'GET', path: '/fapi/v1/openOrders', status: 200 }],
    },
    faults: [
      {
        id: 'venue.lies',
        group: 'venue',
        kind: 'switch',
        label: 'Cancel lies',
        does: 'Says done and does nothing.',
        expect: 'The kill reads back and says RESIDUAL.',
        on: false,
        unavailable: null,
      },
      {
        id: 'bot.crash',
        group: 'bot',
        kind: 'press',
        label: 'kill -9',
        does: 'Ends the process without a word.',
        expect: 'It starts and takes up what it owed.',
        on: false,
        unavailable: null,
      },
    ],
    pagerduty: {
      pages: [
        {
          id: 'Q1',
          number: 1,
          title: 'DRILL · Feed gap',
          severity: 'error',
          urgency: 'high',
          status: 'triggered',
          dedupKey: 'INC-1/1',
          createdAt: AT,
          assignees: [{ id: 'PAda', name: 'Ada' }],
          level: 1,
          log: [{ at: AT, text: 'triggered' }],
          notes: [],
        },
      ],
      onCall: [{ name: 'Ada', schedule: 'Desk', level: 1 }],
      people: [{ id: 'PAda', name: 'Ada' }],
    },
    mailbox: [
      {
        at: AT,
        from: 'standdown@desk.example',
        to: ['risk@desk.example'],
        subject: 'DRILL · P1 opened',
        text: 'Feed gap.',
        html: null,
        confirmed: true,
      },
    ],
    control: {
      file: '/tmp/control.env',
      text: 'KILL_SWITCH=1\n',
      lines: [{ text: 'KILL_SWITCH=1', key: 'KILL_SWITCH', value: '1', changed: true }],
      writable: true,
      engine: { on: true, hears: true, rev: '1', obeys: { KILL_SWITCH: '1' } },
    },
    criteria: [
      {
        id: 'dailyLoss',
        state: 'ok',
        value: 6.4,
        limit: 40,
        headroom: 33.6,
        unit: 'USDT',
        ageMs: 100,
        source: 'telemetry',
        detail: null,
      },
      {
        id: 'rejectRate',
        state: 'unknown',
        value: null,
        limit: 10,
        headroom: null,
        unit: '%',
        ageMs: null,
        source: null,
        detail: '3 of 10 orders',
      },
    ],
    scenarios: [
      {
        id: 'feed-gap',
        title: 'Feed gap',
        about: 'The feed stops.',
        watch: 'The pause.',
        todo: 'Acknowledge.',
        state: 'ready',
        told: [],
        progress: 0,
      },
    ],
    status: {
      bot: { state: 'up', since: AT, pid: 1, detail: null, starts: 1 },
      trading: { state: 'running', signals: 'running', holds: [], latch: null, engine: [] },
      incidents: [],
      lastKill: null,
      url: 'http://127.0.0.1',
      token: 'x',
    },
  };
}

/** A message of the bot, with these blocks. */
export function fromBot(blocks: readonly KnownBlock[], ts = '1764295000.000100'): ShownMessage {
  return {
    channel: 'C0INCIDENTS',
    ts,
    at: AT,
    author: { id: 'U0STANDDOWN', name: 'Standdown', isApp: true },
    text: 'DRILL',
    blocks,
    attachments: [],
    files: [],
    edited: false,
    pinned: false,
    ephemeral: false,
    own: false,
    broadcast: false,
    threadTs: null,
    replies: { count: 0, lastAt: null },
    reactions: [],
    choices: {},
  };
}
