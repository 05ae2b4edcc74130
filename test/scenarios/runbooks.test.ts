/** The playbook's runbooks, worked: what the bot measures, does by itself, and shows; with the real bot over public protocols. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { LiveConfig } from '../../src/config.ts';
import { CAST } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import { incidentView, posted, pressOn, repliesOf, said, settled, statusView, switches } from './reading.ts';

const SYMBOL = 'BTC/USDT:USDT';
const FEED = { id: 'binance-1m', intervalSec: 60, symbols: [SYMBOL], statusUrl: null, backup: null };

const cleanups: (() => unknown)[] = [];
let desk: InProcess;
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A desk whose clock the test moves, and an engine that obeys the control file and says so. */
async function open(change: Partial<LiveConfig>) {
  let moved = 0;
  const now = () => Date.now() + moved;
  // It may be slow under load: what these tests are about is the feed, not a silent engine.
  const engines = [{ id: 'main', heartbeatSec: 600 }];
  // Over a socket: a signed request would be older than the five minutes that it may be, by the clock that is moved.
  desk = await startDesk({ now, mode: 'socket', config: (config) => ({ ...config, engines, ...change }) });
  cleanups.push(() => desk.close());
  const send = async (...samples: object[]) => {
    const { status, json } = await desk.post('/telemetry', samples);
    if (status !== 202) throw new Error(JSON.stringify(json));
  };
  const beat = async () =>
    send({ type: 'heartbeat', at: now(), engine: 'main', control: await switches(desk) });
  const beating = setInterval(() => void beat().catch(() => undefined), 500);
  cleanups.push(() => clearInterval(beating));
  await beat();
  return {
    now,
    send,
    /** In steps so short that the engine is never out of hearing. */
    async pass(seconds: number) {
      for (let left = seconds; left > 0; left -= 10) {
        moved += Math.min(10, left) * 1_000;
        await beat();
      }
    },
    bar: () => send({ type: 'bar', at: now(), feed: FEED.id, symbol: SYMBOL, closedAt: now() }),
  };
}

/** The incident with this title, once it stands in Slack. */
async function incident(title: string): Promise<string> {
  const { slack } = desk.stage;
  await slack.until(() => desk.channel().replaceAll('\u2060', '').includes(title), {
    what: title,
    timeoutMs: 15_000,
  });
  const found = (await statusView(desk)).incidents.find((one) => one.title.includes(title));
  if (found === undefined) throw new Error(`no incident ${title}`);
  await posted(desk, found.id);
  return found.id;
}

/** As a person reads it: the marks that keep foreign words from becoming markup show as nothing. */
const thread = (id: string) => desk.thread(id).replaceAll('\u2060', '');
const reads = (id: string, words: string) =>
  desk.stage.slack.until(() => thread(id).includes(words), {
    what: `“${words}” in the thread`,
    timeoutMs: 15_000,
  });
const texts = async (id: string) => (await incidentView(desk, id)).timeline.map((row) => row.text);
const press = (who: keyof typeof CAST, id: string, label: string) =>
  pressOn(desk, CAST[who].id, repliesOf(desk, id)[0], label);

async function gapped(feed: Partial<typeof FEED> | { statusUrl: string } | { backup: string } = {}) {
  const at = await open({ feeds: [{ ...FEED, ...feed }] });
  await at.bar();
  await at.pass(182);
  const id = await incident('Feed gap: binance-1m');
  await reads(id, 'done by itself at');
  const { gaps } = await settled(desk, id, (one) => one.gaps.length > 0);
  return { at, id, from: gaps[0]?.from ?? 0 };
}

describe('SLO-01: the feed goes silent', () => {
  it('signals are paused by itself, the gap is recorded, and at ten minutes new orders are halted since nobody chose', async () => {
    const page: Server = createServer((_request, response) =>
      response.end(JSON.stringify({ status: { indicator: 'major', description: 'Market data degraded' } })),
    );
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    cleanups.push(
      () => page.closeAllConnections(),
      () => page.close(),
    );
    const statusUrl = `http://127.0.0.1:${(page.address() as AddressInfo).port}/api/v2/status.json`;
    const { at, id, from } = await gapped({ statusUrl });

    // By itself, once, and said so in the step.
    expect(await switches(desk)).toMatchObject({ PAUSE_SIGNALS: '1', KILL_SWITCH: '0' });
    expect(await desk.control()).not.toContain('HALT_NEW_ORDERS=1');
    await reads(id, '▲ not ok · binance-1m: HTTP 200, it says: Market data degraded');
    expect(thread(id)).toMatch(/halts new orders by itself at \d\d:\d\d:\d\d UTC unless somebody chooses/);
    expect(thread(id)).toContain('applies now (gap 2 min');
    expect(thread(id)).toMatch(/Gap of binance-1m \(BTC\/USDT:USDT\) since \d\d:\d\d:\d\d UTC.*still open/);
    expect(thread(id)).toContain('No backup feed is configured');

    // Past five minutes: it does not kill, since the engine says that it obeys the pause.
    await at.pass(Math.floor((from + 590_000 - at.now()) / 1_000));
    await reads(id, 'gap 9 min');
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
    expect(await desk.control()).not.toContain('HALT_NEW_ORDERS=1');
    await at.pass(10);
    await reads(id, 'done by its timer at');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1', KILL_SWITCH: '0' });
    expect(await texts(id)).toContainEqual(
      expect.stringMatching(
        /did haltOrders by its timer: HALT_NEW_ORDERS=1 written and read back \(gap 10 min.*nobody chose within 10 min\)/,
      ),
    );
    expect((await statusView(desk)).trading).toMatchObject({
      state: 'halted',
      signals: 'paused',
      holds: [{ by: 'Standdown' }, { by: 'Standdown' }],
    });

    // The feed comes back: the length is on record, and what was stopped stays so until a person lifts it.
    await at.bar();
    await reads(id, 'The gap of binance-1m is over');
    expect(await texts(id)).toContainEqual(
      expect.stringMatching(/Gap of feed binance-1m .* ended at .* after 10 min/),
    );
    expect(await switches(desk)).toMatchObject({ PAUSE_SIGNALS: '1', HALT_NEW_ORDERS: '1' });
    expect((await texts(id)).filter((text) => text.includes('PAUSE_SIGNALS=1 held'))).toHaveLength(1);
  }, 60_000);

  it('a switch to the backup feed is a choice: nothing is halted, and a person goes back', async () => {
    const { at, id } = await gapped({ backup: 'binance-1m-b' });
    await press('ada', id, 'Switch to backup feed…');
    await reads(id, 'on the backup feed by ada');
    expect(await switches(desk)).toMatchObject({ DATA_FEED: 'backup' });
    expect(desk.channel()).toContain('BACKUP feed by ada');
    await at.pass(500);
    await reads(id, 'nothing was left to do by its timer');
    expect(await desk.control()).not.toContain('HALT_NEW_ORDERS=1');
    await press('mallory', id, 'Back to primary feed…');
    expect(await switches(desk)).toMatchObject({ DATA_FEED: 'backup' });
    await press('ada', id, 'Back to primary feed…');
    await reads(id, 'An order to use the backup feed was lifted');
    expect(await switches(desk)).toMatchObject({ DATA_FEED: 'primary' });
    // A person who is not where the button is goes back by a command; here there is nothing left to go back from.
    expect(said(await desk.stage.slack.say(CAST.ada.id, '/resume feed'))).toContain(
      'Nothing holds DATA_FEED',
    );
  }, 60_000);

  it('after a restart within the gap nothing is done a second time, and the timer goes on', async () => {
    const { at, id } = await gapped();
    await desk.restart();
    await at.pass(500);
    await settled(desk, id, ({ acts }) => acts['slo-01-data-feed:gap-over-10'] !== undefined);
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1', KILL_SWITCH: '0' });
    const log = await texts(id);
    expect(log.filter((text) => text.includes('PAUSE_SIGNALS=1 held'))).toHaveLength(1);
    expect(log.filter((text) => text.startsWith('Gap of feed'))).toHaveLength(1);
  }, 60_000);
});

describe('SLO-03: orders fail', () => {
  const failing = (now: number) =>
    Array.from({ length: 100 }, (_, n) => ({
      type: 'order',
      at: now - 100 + n,
      venue: 'binance-usdm',
      symbol: SYMBOL,
      orderId: `o${n}`,
      status: n % 50 === 0 ? 'rejected' : 'accepted',
    }));
  /** Two of a hundred orders are rejected. */
  async function rejecting(commands: LiveConfig['commands']): Promise<string> {
    const at = await open({ commands });
    await at.send(...failing(at.now()));
    const id = await incident('Order success below');
    await reads(id, 'applies now (reject rate 2 % of the last 100 orders)');
    return id;
  }
  const command = (script: string, timeoutSec = 20): LiveConfig['commands'] => ({
    restartOrderManager: { run: [process.execPath, '-e', script], timeoutSec },
  });
  const starts = async (id: string) =>
    (await texts(id)).filter((text) => text === 'Command restartOrderManager started');

  it('venue and key are looked up; the order manager is restarted once, and how it ended is on record', async () => {
    const id = await rejecting(command('console.log("oms <!channel> restarted")'));
    await reads(id, 'binance-usdm: can read, can trade, cannot withdraw');
    await reads(id, 'binance-usdm: up, by its own word');
    await reads(id, '✓ ok · binance-usdm:');
    expect(thread(id)).toMatch(/order lists? and \d+ wallets? read in/);
    const before = await desk.control();
    await press('ada', id, 'Restart order manager…');
    await reads(id, 'restartOrderManager: exit code 0 after');
    expect(desk.thread(id)).not.toContain('@channel');
    await reads(id, 'order manager restart by ada');
    await press('ada', id, 'Restart order manager…');
    await desk.stage.slack.until(
      () => desk.stage.slack.ephemerals(CAST.ada.id).some((one) => one.text.includes('nothing was started')),
      { what: 'the refusal of a second press' },
    );
    expect(await starts(id)).toHaveLength(1);
    expect(await desk.control()).toBe(before);
  }, 60_000);

  it('a restart of the bot in the middle: whether it ran is unknown, and it is not run again', async () => {
    const id = await rejecting(command('setInterval(() => {}, 1000)', 3));
    await press('ada', id, 'Restart order manager…');
    await reads(id, ': running');
    // As a crash leaves it: the end of what was started never comes on record.
    const { ledger } = desk.bot;
    expect(Object.values(ledger.peek(id)?.unfinished ?? {})).toEqual(['command']);
    await desk.restart();
    await reads(id, 'whether it ran, or still runs, is UNKNOWN');
    expect(await starts(id)).toHaveLength(1);
  }, 60_000);

  it('without a command the button is not there, and the step says so', async () => {
    const id = await rejecting({});
    expect(thread(id)).toContain('No command is configured (commands.restartOrderManager)');
    expect(JSON.stringify(repliesOf(desk, id)[0]?.blocks)).not.toContain('Restart order manager…');
  }, 60_000);
});

describe('SLO-02: signals are slow', () => {
  it('at 2000 ms the stricter branch applies, and under it the other one', async () => {
    const at = await open({});
    const signals = (count: number, latencyMs: number) =>
      at.send(...Array.from({ length: count }, () => ({ type: 'signal', at: at.now(), latencyMs })));
    await signals(10, 2_000);
    const id = await incident('Signal latency');
    await reads(id, 'applies now (latency p99 2000 ms');
    expect(thread(id)).toContain('does not apply (latency p99 2000 ms');
    await reads(id, 'main: its heartbeats say nothing of it');
    await reads(id, 'the bot: CPU ');
    await at.pass(6);
    await signals(2_000, 1_999);
    const turned = await settled(
      desk,
      id,
      ({ branches }) =>
        branches['slo-02-latency:over-2000']?.applies === false &&
        branches['slo-02-latency:under-2000']?.applies === true,
    );
    expect(turned.branches['slo-02-latency:over-2000']?.text).toBe('latency p99 1999 ms over the last hour');
    expect(await desk.control()).not.toContain('HALT_NEW_ORDERS=1');
  }, 60_000);
});
