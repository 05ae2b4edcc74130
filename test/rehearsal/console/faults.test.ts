/** Each switch of the page reaches its counterpart, and takes nothing but itself back. */

import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLoopbackEngine, type LoopbackEngine } from '../../../src/rehearsal/console/engine.ts';
import { createFaultBoard, type FaultBoard } from '../../../src/rehearsal/console/faults.ts';
import { type Stage, startStage } from '../../../src/rehearsal/stage.ts';

let stage: Stage;
let engine: LoopbackEngine;
let board: FaultBoard;
let folder: string;
let controlFile: string;
let kills: number;
let sent: Record<string, unknown>[];
let taken: boolean;
let time: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-faults-'));
  controlFile = join(folder, 'control.env');
  await writeFile(controlFile, 'KILL_SWITCH=0\nSTANDDOWN_REV=3\nTHEIRS=kept\n');
  stage = await startStage();
  kills = 0;
  sent = [];
  taken = true;
  time = 1_764_000_001_000;
  engine = createLoopbackEngine({
    stage: () => stage,
    controlFile,
    now: () => time,
    async send(samples) {
      if (taken) sent.push(...(samples as Record<string, unknown>[]));
      return taken;
    },
  });
  board = createFaultBoard({
    stage: () => stage,
    engine,
    controlFile,
    writesAnywhere: false,
    bot: {
      async kill9() {
        kills += 1;
      },
    },
  });
});
afterEach(async () => {
  await board.clear();
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

const second = async () => {
  time += 1_000;
  await engine.beat();
};
const of = (type: string) => sent.filter((one) => one['type'] === type);

/** A request to the exchange: its HTTP status, or why there was none. */
async function venue(method: string, path: string): Promise<number | string> {
  try {
    const headers = { 'X-MBX-APIKEY': stage.keys.apiKey };
    const response = await fetch(`${stage.binance.url}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(300),
    });
    await response.text();
    return response.status;
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}
const lastFault = () => stage.binance.requests().at(-1)?.fault;
const DELETE = ['DELETE', '/fapi/v1/allOpenOrders?symbol=BTCUSDT'] as const;
const GET = ['GET', '/fapi/v1/openOrders'] as const;

describe('the exchange', () => {
  it.each([
    ['venue.lies', DELETE, 'lie'],
    ['venue.partial', DELETE, 'partial'],
    ['venue.fills', DELETE, 'fillDuringCancel'],
    ['venue.lost', DELETE, 'appliedThenReset'],
    ['venue.hangs', GET, 'timeout'],
    ['venue.limits', GET, 'http429'],
    ['venue.bans', GET, 'http418'],
    ['venue.html', GET, 'html'],
    ['venue.maintenance', GET, 'maintenance'],
    ['venue.key', GET, 'revokedKey'],
    ['venue.clock', GET, 'clockSkew'],
  ] as const)('%s is met by each request until it is switched off', async (id, [method, path], kind) => {
    expect(await board.set(id, true)).toBe(true);
    for (let n = 0; n < 2; n += 1) {
      await venue(method, path);
      expect(lastFault()).toBe(kind);
    }
    if (method === 'DELETE') {
      await venue(...GET);
      expect(lastFault(), 'reading is not touched').toBeUndefined();
    }
    await board.set(id, false);
    await venue(method, path);
    expect(lastFault()).toBeUndefined();
  });
});

describe('Slack, PagerDuty and the mail server', () => {
  const slackCall = async () => {
    const headers = { authorization: `Bearer ${stage.keys.botToken}` };
    return fetch(`${stage.slack.apiUrl}auth.test`, { method: 'POST', headers });
  };

  it('Slack down, limited; each switch takes only itself back', async () => {
    await board.set('slack.down', true);
    expect((await slackCall()).status).toBe(500);
    await board.set('slack.limits', true);
    await board.set('slack.down', false);
    const limited = await slackCall();
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '5']);
    await board.set('slack.limits', false);
    expect((await slackCall()).status).toBe(200);
  });

  it('Slack slow', async () => {
    await board.set('slack.slow', true);
    await slackCall();
    expect(stage.slack.calls.at(-1)?.fault).toBe('slow');
  });

  /** One event to PagerDuty: what it answered, or that it did not. */
  const page = async (): Promise<number | 'nothing'> => {
    const { server, tls, keys } = { ...stage, server: stage.pagerDuty.server };
    const body = JSON.stringify({
      routing_key: keys.routingKey,
      event_action: 'trigger',
      dedup_key: 'INC-1/1',
      payload: { summary: 'DRILL', source: 'desk', severity: 'error' },
    });
    const sent = request(`https://${server}/v2/enqueue`, {
      method: 'POST',
      ca: tls.cert,
      agent: false,
      signal: AbortSignal.timeout(400),
      headers: { 'content-type': 'application/json' },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response').catch(() => [null])) as [IncomingMessage | null];
    response?.resume();
    return response?.statusCode ?? 'nothing';
  };

  it.each([
    ['pager.down', 500],
    ['pager.hangs', 'nothing'],
    ['pager.limits', 429],
    ['pager.forgets', 202],
  ] as const)('%s is met until it is switched off: %s, and no incident', async (id, answer) => {
    await board.set(id, true);
    for (let n = 0; n < 2; n += 1) expect(await page()).toBe(answer);
    expect(stage.pagerDuty.events().map(({ applied }) => applied)).toEqual([false, false]);
    expect(stage.pagerDuty.incidents()).toEqual([]);
    await board.set(id, false);
    expect(await page()).toBe(202);
    expect(stage.pagerDuty.incidents()).toHaveLength(1);
  });

  /** One mail: the code that its recipient was answered with, or that nothing was said. */
  const mail = async (): Promise<string> => {
    const { port, hostname } = new URL(stage.mail.smtpUrl);
    const socket = connect(Number(port), hostname);
    const lines = createInterface({ input: socket });
    const limit = setTimeout(() => lines.close(), 400);
    try {
      let code = 'nothing';
      const say = ['HELO desk.example', 'MAIL FROM:<a@desk.example>', 'RCPT TO:<b@desk.example>', 'QUIT'];
      socket.on('error', () => undefined);
      for await (const line of lines) {
        const next = say.shift();
        if (next === 'QUIT') code = line.slice(0, 3);
        if (next === undefined) break;
        socket.write(`${next}\r\n`);
      }
      return code;
    } finally {
      clearTimeout(limit);
      socket.destroy();
    }
  };

  it.each([
    ['mail.down', 'nothing'],
    ['mail.refuses', '550'],
    ['mail.greylists', '450'],
    ['mail.hangs', 'nothing'],
  ] as const)('%s is met until it is switched off: %s', async (id, code) => {
    await board.set(id, true);
    for (let n = 0; n < 2; n += 1) expect(await mail()).toBe(code);
    await board.set(id, false);
    expect(await mail()).toBe('250');
  });

  it('what a person had armed elsewhere stays: PagerDuty’s and the mail server’s faults are lifted one by one', async () => {
    const own = stage.mail.fault({ kind: 'refuseAll', times: 5 });
    await board.set('mail.down', true);
    await board.set('pager.down', true);
    await board.set('pager.slow', true);
    await board.set('pager.down', false);
    await board.set('mail.down', false);
    expect(
      board
        .shown()
        .filter(({ on }) => on)
        .map(({ id }) => id),
    ).toEqual(['pager.slow']);
    own();
  });
});

describe('the engine', () => {
  it('reads its file, trades a little, and tells all of it', async () => {
    for (let n = 0; n < 10; n += 1) await second();
    expect(of('heartbeat')).toHaveLength(10);
    expect(of('heartbeat').at(-1)).toMatchObject({
      engine: 'main',
      control: { KILL_SWITCH: '0', STANDDOWN_REV: '3' },
    });
    expect(of('bar').map((one) => one['closedAt'])).toEqual(
      [0, 0, 5_000, 5_000, 10_000, 10_000].map((ms) => 1_764_000_000_000 + ms),
    );
    expect(of('order')).toMatchObject([{ status: 'accepted' }, { status: 'accepted' }]);
    expect(of('position').at(-2)).toMatchObject({ symbol: 'BTC/USDT:USDT', notional: 512 });
    expect(of('pnl').at(-1)).toMatchObject({ dayPnl: 0, currency: 'USDT' });
    expect(stage.binance.openOrders(), 'what it tries does not rest').toHaveLength(8);
  });

  it('counts the profit of the day from 00:00 UTC, and not over it', async () => {
    const midnight = 1_764_028_800_000;
    time = midnight - 3_000;
    await second();
    stage.binance.setMark('BTCUSDT', 65_000);
    await second();
    expect(of('pnl').at(-1)).toMatchObject({ at: midnight - 1_000, dayPnl: expect.closeTo(8, 6) });
    await second();
    expect(of('pnl').at(-1)).toMatchObject({ at: midnight, dayPnl: expect.closeTo(0, 6) });
    stage.binance.setMark('BTCUSDT', 64_000);
    await second();
    expect(of('pnl').at(-1)).toMatchObject({ dayPnl: expect.closeTo(-8, 6) });
  });

  it('stops when its file says so; deaf, it keeps to what it read', async () => {
    await second();
    await board.set('engine.deaf', true);
    await writeFile(controlFile, 'KILL_SWITCH=1\nSTANDDOWN_REV=4\n');
    for (let n = 0; n < 5; n += 1) await second();
    expect(of('heartbeat').at(-1)).toMatchObject({ control: { KILL_SWITCH: '0', STANDDOWN_REV: '3' } });
    expect(of('order')).toHaveLength(1);
    await board.set('engine.deaf', false);
    for (let n = 0; n < 10; n += 1) await second();
    expect(of('heartbeat').at(-1)).toMatchObject({ control: { KILL_SWITCH: '1', STANDDOWN_REV: '4' } });
    expect(of('order')).toHaveLength(1);
  });

  it('goes on trading whatever the file says: an order a second that rests', async () => {
    await writeFile(controlFile, 'KILL_SWITCH=1\n');
    await board.set('engine.trades', true);
    for (let n = 0; n < 3; n += 1) await second();
    expect(stage.binance.openOrders()).toHaveLength(11);
    await board.set('engine.trades', false);
    await second();
    expect(stage.binance.openOrders()).toHaveLength(11);
  });

  it('freezes its feed, falls silent, and comes back', async () => {
    await second();
    await board.set('engine.frozen', true);
    for (let n = 0; n < 10; n += 1) await second();
    expect(of('bar')).toHaveLength(2);
    expect(of('heartbeat')).toHaveLength(11);
    await board.set('engine.silent', true);
    await second();
    expect(of('heartbeat')).toHaveLength(11);
    await board.clear();
    for (let n = 0; n < 5; n += 1) await second();
    expect(of('bar').length).toBeGreaterThan(2);
  });

  it('sends bars and orders again that a bot that was down did not take, and no old heartbeat', async () => {
    taken = false;
    for (let n = 0; n < 6; n += 1) await second();
    taken = true;
    await second();
    expect(of('bar')).toHaveLength(4);
    expect(of('order')).toHaveLength(1);
    expect(of('heartbeat')).toHaveLength(1);
  });

  it.each([
    '',
    '\0\0\0',
    'KILL_SWITCH',
    '='.repeat(100_000),
    `${'A'.repeat(1_000)}=1`,
    'KILL_SWITCH="1" # by hand',
  ])('a control file of %j is read without harm', async (text) => {
    await writeFile(controlFile, text);
    await second();
    expect(of('heartbeat')).toHaveLength(1);
  });
});

describe('the rest', () => {
  it('the control file’s disk goes away, and comes back as it was', async () => {
    await board.set('disk.gone', true);
    await expect(readFile(controlFile)).rejects.toThrow('ENOENT');
    await board.set('disk.gone', true);
    await board.clear();
    expect(await readFile(controlFile, 'utf8')).toContain('THEIRS=kept');
  });

  it('a switch that cannot be lifted still shows as on, keeps no other on, and goes with its desk', async () => {
    await board.set('disk.gone', true);
    await board.set('engine.silent', true);
    await rm(`${folder}.away`, { recursive: true });
    await expect(board.clear()).rejects.toThrow('ENOENT');
    expect([board.isOn('disk.gone'), board.isOn('engine.silent')]).toEqual([true, false]);
    board.forget();
    expect(board.shown().some(({ on }) => on)).toBe(false);
  });

  it('the folder is read-only while it is on', async () => {
    await board.set('disk.readonly', true);
    expect((await stat(dirname(controlFile))).mode & 0o777).toBe(0o500);
    await board.set('disk.readonly', false);
    expect((await stat(dirname(controlFile))).mode & 0o777).toBe(0o700);
  });

  it('whom a read-only folder does not hold up cannot switch it on, and reads why', async () => {
    const bot = { kill9: async () => undefined };
    const roots = createFaultBoard({ stage: () => stage, engine, bot, controlFile, writesAnywhere: true });
    const shown = roots.shown().find(({ id }) => id === 'disk.readonly');
    expect(shown?.unavailable).toMatch(/runs as root/);
    await expect(roots.set('disk.readonly', true)).rejects.toThrow(shown?.unavailable ?? '?');
    expect(roots.isOn('disk.readonly')).toBe(false);
    expect((await stat(dirname(controlFile))).mode & 0o777).toBe(0o700);
    await roots.clear();
    expect(board.shown().filter(({ unavailable }) => unavailable !== null)).toEqual([]);
  });

  it('kill -9 is pressed, not switched', async () => {
    await board.set('bot.kill9', true);
    await board.set('bot.kill9', true);
    expect(kills).toBe(2);
    expect(board.shown().find(({ id }) => id === 'bot.kill9')).toMatchObject({ kind: 'press', on: false });
  });

  it('every switch says what it does and what to expect; an unknown one is none', async () => {
    for (const one of board.shown()) {
      expect(one.does).toMatch(/\.$/);
      expect(one.expect).toMatch(/[.]$/);
    }
    expect(await board.set('__proto__', true)).toBe(false);
  });
});
