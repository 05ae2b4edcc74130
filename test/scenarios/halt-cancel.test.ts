import { rename } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAST } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import {
  as,
  buttonOf,
  exchange,
  fire,
  happens,
  headlinesOf,
  posted,
  pressOn,
  type Refused,
  repliesOf,
  said,
  settled,
  shows,
  statusView,
  submit,
  switches,
} from './reading.ts';

/** Responders are Ada, Grace and Mallory here; Mallory does not approve. */
const start = () =>
  startDesk({
    config: (config) => ({
      ...config,
      access: { ...config.access, responders: [CAST.ada.id, CAST.grace.id, CAST.mallory.id] },
    }),
  });

async function say(desk: InProcess, who: keyof typeof CAST, text: string): Promise<string> {
  return said(await desk.stage.slack.say(CAST[who].id, text));
}

const outsider = { via: 'standdown', id: 'criterion', name: 'the reject rate' } as const;

describe('/halt and /resume', () => {
  let desk: InProcess;
  let untouched: object;
  beforeAll(async () => {
    desk = await start();
    untouched = exchange(desk);
  });
  afterAll(() => desk.close());

  it.each(['help', '?'])('/halt %s prints usage and does nothing', async (text) => {
    expect(await say(desk, 'ada', `/halt ${text}`)).toContain('`/halt [orders|signals] [reason]`');
    expect(await switches(desk)).toEqual({ KILL_SWITCH: '0', OTHER: 'kept' });
  });

  it.each(['/resume help', '/resume ?'])('%s prints usage and does nothing', async (text) => {
    expect(await say(desk, 'ada', text)).toContain('`/resume orders|signals [reason]`');
  });

  it('/resume of what nothing holds says so', async () => {
    expect(await say(desk, 'ada', '/resume orders')).toContain('Nothing holds HALT_NEW_ORDERS');
  });

  it('/halt sets HALT_NEW_ORDERS, and touches no order and no other switch', async () => {
    const answer = await say(desk, 'ada', '/halt spread is odd');
    expect(answer).toContain('New orders are halted: HALT_NEW_ORDERS=1 written and read back');
    expect(answer).toContain('Whether the engine obeys, only its heartbeat says');
    expect(await desk.control()).toBe(
      '# the engine reads this\nKILL_SWITCH=0\nOTHER=kept\nHALT_NEW_ORDERS=1\nSTANDDOWN_REV=1\n',
    );
    expect((await statusView(desk)).trading).toMatchObject({
      state: 'halted',
      signals: 'running',
      latch: null,
      holds: [{ key: 'HALT_NEW_ORDERS', by: 'ada', reason: 'spread is odd' }],
    });
    expect(exchange(desk)).toEqual(untouched);
  });

  it('/halt signals sets PAUSE_SIGNALS beside it', async () => {
    expect(await say(desk, 'grace', '/halt signals feed late')).toContain(
      'Signals are paused: PAUSE_SIGNALS=1',
    );
    expect(await switches(desk)).toMatchObject({
      HALT_NEW_ORDERS: '1',
      PAUSE_SIGNALS: '1',
      KILL_SWITCH: '0',
    });
    expect((await statusView(desk)).trading).toMatchObject({ state: 'halted', signals: 'paused' });
  });

  it('what is held stays held over a restart, and is written again where the file lost it', async () => {
    await desk.restart();
    expect((await statusView(desk)).trading.holds.map((hold) => hold.key)).toEqual([
      'HALT_NEW_ORDERS',
      'PAUSE_SIGNALS',
    ]);
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1', PAUSE_SIGNALS: '1' });
  });

  it('/resume signals lifts the one and leaves the other', async () => {
    expect(await say(desk, 'ada', '/resume signals feed is back')).toContain(
      'PAUSE_SIGNALS=0 written and read back',
    );
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1', PAUSE_SIGNALS: '0' });
  });

  it('a value is the OR of its holds: lifting one’s own leaves what only an approver may lift', async () => {
    await desk.bot.desk.hold(outsider, 'HALT_NEW_ORDERS', 'reject rate over 10 %', 'hardStop');
    const answer = await say(desk, 'mallory', '/resume orders');
    expect(answer).toContain('It stays on: still held by the reject rate');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
    const refused = await say(desk, 'mallory', '/resume orders');
    expect(refused).toContain('Only an approver may lift what holds HALT_NEW_ORDERS');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
    expect(await say(desk, 'grace', '/resume orders checked')).toContain(
      'HALT_NEW_ORDERS=0 written and read back',
    );
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '0' });
    expect((await statusView(desk)).trading).toMatchObject({ state: 'running', holds: [] });
  });

  it('by somebody without the role is refused, whichever it is', async () => {
    for (const text of ['/halt', '/halt signals', '/resume orders', '/cancel'])
      expect(await say(desk, 'alan', text)).toContain('You are not a responder for this desk');
    expect(await say(desk, 'mallory', '/resume')).toContain('You are not an approver for this desk');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '0', PAUSE_SIGNALS: '0' });
    expect(desk.stage.slack.openViews(CAST.alan.id)).toEqual([]);
  });

  it('/resume alone never lifts the latch, and neither does lifting a halt', async () => {
    await desk.post('/kill', { reason: 'latched' });
    await say(desk, 'ada', '/halt');
    for (const who of ['ada', 'grace', 'alan'] as const) await say(desk, who, '/resume');
    await say(desk, 'ada', '/resume orders');
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1', HALT_NEW_ORDERS: '0' });
    expect((await statusView(desk)).trading.state).toBe('killed');
  });
});

describe('the buttons', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await start();
    id = await fire(desk, { name: 'FeedStale', severity: 'critical' });
    await posted(desk, id);
  });
  afterAll(() => desk.close());

  it('Halt new orders halts, tells the thread, and turns into Resume on the headline', async () => {
    const before = exchange(desk);
    await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Halt new orders…');
    await shows(desk, id, `New orders halted by ada`);
    await desk.stage.slack.until(() => buttonOf(headlinesOf(desk, id)[0], 'Resume new orders') !== null);
    expect(buttonOf(headlinesOf(desk, id)[0], 'Halt new orders…')).toBeNull();
    expect(desk.thread(id)).toContain('New orders HALTED by ada');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
    expect(exchange(desk)).toEqual(before);
    expect(desk.stage.slack.ephemerals(CAST.ada.id).at(-1)?.text).toContain('HALT_NEW_ORDERS=1');
  });

  it('pressed a second time it stays one hold', async () => {
    await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Halt new orders…', { version: 0 });
    expect((await statusView(desk)).trading.holds).toHaveLength(1);
  });

  it('Resume new orders lifts it again', async () => {
    await pressOn(desk, CAST.grace.id, headlinesOf(desk, id)[0], 'Resume new orders');
    await shows(desk, id, 'A halt of new orders was lifted by grace');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '0' });
  });

  it('Pause signals, in the data-feed runbook, pauses signals and cancels nothing', async () => {
    const before = exchange(desk);
    await pressOn(desk, CAST.ada.id, repliesOf(desk, id)[0], 'Pause signals…');
    await shows(desk, id, 'Signals paused by ada');
    expect(await switches(desk)).toMatchObject({ PAUSE_SIGNALS: '1', HALT_NEW_ORDERS: '0' });
    expect(exchange(desk)).toEqual(before);
  });

  it('Cancel orders cancels everywhere, reads back, says so in the thread, and latches nothing', async () => {
    await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Cancel orders…');
    await shows(desk, id, 'none left at the reading');
    expect(exchange(desk)).toMatchObject({ orders: [], conditional: [], positions: [{ amount: 0.008 }] });
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
    expect((await statusView(desk)).trading.latch).toBeNull();
  });
});

describe('/cancel', () => {
  let desk: InProcess;
  let id: string;
  beforeEach(async () => {
    desk = await start();
    id = await fire(desk, { name: 'Cancel', severity: 'P2' });
    await posted(desk, id);
    return () => desk.close();
  });

  it('asks which orders, where and which symbol, and does nothing before that is submitted', async () => {
    const before = exchange(desk);
    await desk.stage.slack.say(CAST.ada.id, '/cancel late fills');
    const modal = desk.stage.slack.modalAsText(CAST.ada.id);
    for (const words of ['Which orders', 'Where', 'Symbol', 'Reason', 'late fills'])
      expect(modal).toContain(words);
    expect(exchange(desk)).toEqual(before);
  });

  it('entries only keeps every reduce-only order, stops included', async () => {
    const { binance } = desk.stage;
    const reduceOnly = binance.openOrders().filter((order) => order.reduceOnly);
    const stops = binance.conditionalOrders();
    await desk.stage.slack.say(CAST.ada.id, '/cancel');
    expect(await submit(desk, CAST.ada.id, { scope: 'entries' })).toMatchObject({ action: 'close' });
    await shows(desk, id, 'none left at the reading');
    expect(binance.openOrders().map((order) => order.id)).toEqual(reduceOnly.map((order) => order.id));
    expect(binance.conditionalOrders()).toHaveLength(stops.length);
  });

  it('at one venue and one symbol leaves the rest alone', async () => {
    const { binance } = desk.stage;
    await desk.stage.slack.say(CAST.ada.id, '/cancel');
    await submit(desk, CAST.ada.id, { scope: 'all', venue: 'binance-usdm', symbol: 'ETH/USDT:USDT' });
    await shows(desk, id, 'none left at the reading');
    expect(binance.openOrders('swap').map((order) => order.symbol)).toEqual([
      'BTCUSDT',
      'BTCUSDT',
      'BTCUSDT',
    ]);
    expect(binance.openOrders('spot')).toHaveLength(3);
    expect(binance.conditionalOrders()).toHaveLength(2);
    expect(desk.thread(id)).not.toContain('binance-spot:');
  });

  it('at a venue that cannot be read back is UNKNOWN, never done', async () => {
    desk.stage.binance.fault({
      kind: 'http500',
      match: { path: '/fapi/v1/openAlgoOrders' },
      times: Infinity,
    });
    await desk.stage.slack.say(CAST.ada.id, '/cancel');
    await submit(desk, CAST.ada.id, { scope: 'all' });
    await shows(desk, id, 'binance-usdm: UNKNOWN');
    expect(desk.thread(id)).toContain('Check by hand');
    expect(desk.stage.binance.openOrders('spot')).toEqual([]);
  });

  it('at a venue that answers success without cancelling names what is still live', async () => {
    desk.stage.binance.fault({ kind: 'lie', match: { method: 'DELETE', path: /^\/fapi/ }, times: Infinity });
    await desk.stage.slack.say(CAST.ada.id, '/cancel');
    await submit(desk, CAST.ada.id, { scope: 'all' });
    await shows(desk, id, 'still live');
    expect(desk.thread(id)).toContain('7 orders still live');
  });
});

describe('over HTTP', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await start();
  });
  afterAll(() => desk.close());

  it.each([
    ['/halt', {}],
    ['/halt', { what: 'everything' }],
    ['/halt', { what: 'orders', venue: 'binance-spot' }],
    ['/halt', { what: 'orders', reason: 'x'.repeat(501) }],
    ['/halt', undefined],
    ['/cancel', {}],
    ['/cancel', { scope: 'some' }],
    ['/cancel', { scope: 'all', venues: ['binance-spot'] }],
    ['/cancel', 'all'],
  ])('%s with %j is refused, and nothing moves', async (path, body) => {
    const before = exchange(desk);
    const answer = as<Refused>(await desk.post(path, body ?? ''));
    expect(answer.status).toBe(400);
    expect(answer.json.detail).not.toBe('');
    expect(exchange(desk)).toEqual(before);
    expect(await switches(desk)).toEqual({ KILL_SWITCH: '0', OTHER: 'kept' });
  });

  it('/cancel at a venue that is not configured names those that are, and nothing moves', async () => {
    const before = exchange(desk);
    const answer = as<Refused>(await desk.post('/cancel', { scope: 'all', venue: 'kraken' }));
    expect(answer).toMatchObject({ status: 409, json: { error: 'no_such_venue' } });
    expect(answer.json.detail).toContain('binance-usdm, binance-spot');
    expect(exchange(desk)).toEqual(before);
  });

  it('/halt is 202 after its switch was read back, and one hold whoever repeats it', async () => {
    const body = { what: 'orders', reason: 'drift', actor: 'risk' };
    for (let times = 0; times < 2; times += 1) {
      expect(await desk.post('/halt', body)).toMatchObject({
        status: 202,
        json: { HALT_NEW_ORDERS: '1', warnings: [] },
      });
    }
    expect((await statusView(desk)).trading.holds).toMatchObject([{ by: 'risk', reason: 'drift' }]);
    expect(await desk.post('/halt', { what: 'signals', actor: 'risk' })).toMatchObject({
      status: 202,
      json: { PAUSE_SIGNALS: '1' },
    });
    expect(await switches(desk)).toMatchObject({
      HALT_NEW_ORDERS: '1',
      PAUSE_SIGNALS: '1',
      KILL_SWITCH: '0',
    });
  });

  it('/cancel is 202 at once; entries keep reduce-only orders', async () => {
    const { binance } = desk.stage;
    const kept = binance.openOrders().filter((order) => order.reduceOnly);
    const finished = happens(desk, 'CancelFinished');
    const answer = await desk.post('/cancel', { scope: 'entries', reason: 'rebalance', actor: 'risk' });
    expect(answer).toMatchObject({ status: 202, json: { state: 'started', warnings: [] } });
    expect(await finished).toMatchObject({
      results: [
        { venue: 'binance-usdm', verdict: 'cancelled', left: 0 },
        { venue: 'binance-spot', verdict: 'cancelled', left: 0 },
      ],
    });
    expect(binance.openOrders().map((order) => order.id)).toEqual(kept.map((order) => order.id));
    expect(binance.conditionalOrders()).toHaveLength(2);
  });

  it('/cancel with a key that was used cancels once', async () => {
    const headers = { 'idempotency-key': 'cancel-1' };
    const first = await desk.post('/cancel', { scope: 'all' }, { headers });
    const second = await desk.post('/cancel', { scope: 'all' }, { headers });
    expect(second).toEqual(first);
  });

  it('/halt whose switch could not be written is 503, and the same key may be tried again', async () => {
    const headers = { 'idempotency-key': 'halt-1' };
    const body = { what: 'orders', actor: 'other', reason: 'again' };
    await rename(desk.controlFile, `${desk.controlFile}.gone`);
    const failed = as<Refused>(await desk.post('/halt', body, { headers }));
    expect(failed).toMatchObject({ status: 503, json: { error: 'not_written' } });
    expect(failed.json.detail).toContain('Tell the engine by hand');
    await rename(`${desk.controlFile}.gone`, desk.controlFile);
    expect(await desk.post('/halt', body, { headers })).toMatchObject({ status: 202 });
  });

  it('a refused request does not use up its key', async () => {
    const headers = { 'idempotency-key': 'cancel-2' };
    const wrong = await desk.post('/cancel', { scope: 'all', venue: 'kraken' }, { headers });
    expect(wrong.status).toBe(409);
    const right = await desk.post('/cancel', { scope: 'all', venue: 'binance-spot' }, { headers });
    expect(right.status).toBe(202);
  });
});

describe('a cancel that a restart interrupted', () => {
  it('is finished after it, and says what was read back', async () => {
    const desk = await start();
    try {
      const id = await fire(desk, { name: 'Interrupted', severity: 'P2' });
      await posted(desk, id);
      desk.stage.binance.fault({ kind: 'timeout', match: { path: '/fapi/v1/openOrders' }, times: Infinity });
      await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Cancel orders…');
      await settled(desk, id, (incident) => Object.keys(incident.unfinished).length === 1);
      const stopping = desk.restart();
      desk.stage.binance.clearFaults();
      await stopping;
      await shows(desk, id, 'none left at the reading');
      expect(exchange(desk)).toMatchObject({ orders: [], conditional: [] });
    } finally {
      await desk.close();
    }
  });
});
