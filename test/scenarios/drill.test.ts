/** Game days on a live installation: a drill venue beside a real one, and nothing real that a drill touches. */

import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import type { Actor } from '../../src/domain/incident.ts';
import type { ReadinessLine } from '../../src/domain/readiness/judge.ts';
import { type BinanceCounterpart, startBinanceCounterpart } from '../../src/rehearsal/binance.ts';
import { CAST } from '../../src/rehearsal/stage.ts';
import { faultyDisk } from '../adapters/faultyDisk.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import { askDrill, beginDrill } from './drilled.ts';
import {
  as,
  exchange,
  fire,
  happens,
  paged,
  posted,
  said,
  settled,
  shows,
  statusView,
  threadOf,
} from './reading.ts';

const KEY = { apiKey: 'd'.repeat(64), secret: 'e'.repeat(64) };

let testnet: BinanceCounterpart;
let desk: InProcess;
/** A second drill venue, with no order, where a test has one. */
let empty: BinanceCounterpart | null = null;
/** The bot looks once a second, on a machine that may be busy. */
const PATIENT = { timeout: 15_000 };

beforeEach(async () => {
  testnet = await startBinanceCounterpart({
    ...KEY,
    marks: { BTCUSDT: 64_000 },
    orders: [
      { symbol: 'BTCUSDT', side: 'buy', quantity: 0.004, price: 50_000 },
      { symbol: 'BTCUSDT', side: 'buy', quantity: 0.004, price: 49_000 },
    ],
  });
});
afterEach(async () => {
  await desk?.close();
  await Promise.all([testnet.close(), empty?.close()]);
  empty = null;
});

/** Two real venues and one for drills, as `standdown.yml` would say it. */
async function live(options: DeskOptions & { marked?: boolean; shared?: boolean } = {}): Promise<void> {
  const { marked = true, shared = false, ...rest } = options;
  desk = await startDesk({
    live: true,
    ...rest,
    config(config, stage) {
      const [usdm] = config.venues;
      if (usdm === undefined) throw new Error('the stage has no venue');
      const key = shared ? {} : KEY;
      const drill = { ...usdm, ...key, id: 'testnet', baseUrl: testnet.url, drill: marked };
      const changed = {
        ...config,
        venues: [...config.venues.map((venue) => ({ ...venue, drill: false })), drill],
      };
      return rest.config === undefined ? changed : rest.config(changed, stage);
    },
  });
}

const ask = (text: string, who: keyof typeof CAST = 'ada') => askDrill(desk, text, who);
const begin = (scenario: string) => beginDrill(desk, scenario);
async function acknowledge(id: string): Promise<void> {
  await posted(desk, id);
  const page = await paged(desk, id);
  expect(page.title).toMatch(/DRILL.*TEST.*nothing is wrong/);
  desk.stage.pagerDuty.acknowledge(page.id, CAST.ada.pagerDuty);
}
/** The state of each venue of the readiness line about cancelling. */
async function cancelsProved(): Promise<Record<string, string>> {
  const { readiness } = as<{ readiness: ReadinessLine[] }>(await desk.get('/status')).json;
  const parts = readiness.find(({ id }) => id === 'emergency-cancel')?.parts ?? [];
  return Object.fromEntries(parts.map(({ name, state }) => [name, state]));
}
/** Wait until something of the bot's memory is there: what is held on its way to the disk is shown nowhere yet. */
async function soon<T>(find: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`it did not come: ${find.toString()}`);
}
/** Until the bot has looked at what an earlier process left, which it does within a second: no drill begins before. */
async function lookedOnce(): Promise<void> {
  const id = await begin('paging');
  await ask('stop');
  await settled(desk, id, (one) => one.drillResult !== undefined);
}
const DAILY_LOSS = {
  id: 'loss',
  status: 'firing',
  title: 'Loss of the day',
  severity: 'P0',
  hardStop: 'dailyLoss',
};
/** Somebody writes the control file by hand. */
const byHand = (line: string) => writeFile(desk.controlFile, `${line}\nOTHER=kept\n`);
const isHeld = (key: string) => () => desk.bot.ledger.trading().holds.some((hold) => hold.key === key);
const cancels = (venue: BinanceCounterpart) => venue.requests().filter((one) => one.cancels);
const writes = (venue: BinanceCounterpart) => venue.requests().filter(({ method }) => method !== 'GET');

describe('a drill of the kill', () => {
  it('stops the drill venue alone, measures it, and leaves everything real as it was', async () => {
    await live();
    const before = { exchange: exchange(desk), control: await desk.control() };
    const id = await begin('kill');
    const noted = happens(desk, 'DrillNoted', 'DESK');
    await acknowledge(id);
    const { drillResult, gameDay } = await settled(desk, id, (one) => one.drillResult !== undefined);
    expect(drillResult?.result).toMatchObject({
      scenario: 'kill',
      venues: ['testnet'],
      passed: true,
      ended: 'done',
    });
    expect(drillResult?.result.kill).toMatchObject({ verdict: 'FLAT', found: 2 });
    expect(drillResult?.result.times.map((time) => [time.id, time.state])).toEqual([
      ['headline', 'kept'],
      ['pageQueued', 'kept'],
      ['pageAssigned', 'kept'],
      ['pageAcknowledged', 'kept'],
      ['firstClick', 'unknown'],
      ['latch', 'kept'],
      ['lastCancel', 'kept'],
      ['verdict', 'kept'],
    ]);
    expect(testnet.openOrders()).toEqual([]);
    expect(cancels(testnet).length).toBeGreaterThan(0);
    // What is real: not one write, the same orders, the same control file, no latch, no mail.
    expect(writes(desk.stage.binance)).toEqual([]);
    expect(exchange(desk)).toEqual(before.exchange);
    expect(await desk.control()).toBe(before.control);
    expect((await statusView(desk)).trading.state).toBe('running');
    expect(desk.bot.ledger.trading()).toMatchObject({ latch: null, holds: [], lastKill: null });
    expect(desk.stage.mail.messages()).toEqual([]);
    expect(await readFile(join(desk.folder, 'drill-control.env'), 'utf8')).toContain('KILL_SWITCH=1');
    // Said in the thread, kept as a file, and on the desk's log.
    await shows(desk, id, 'PASSED');
    const name = gameDay?.drill ?? '';
    expect(await noted).toMatchObject({ incident: id, drill: name, passed: true, venues: ['testnet'] });
    const file = join(desk.folder, 'data', 'drills', name);
    expect(await readFile(`${file}.md`, 'utf8')).toContain(`# ${name}: kill`);
    expect(JSON.parse(await readFile(`${file}.json`, 'utf8'))).toMatchObject({ drill: name, passed: true });
    // Every text of it says what it is.
    for (const message of threadOf(desk, id)) expect(message.text).toMatch(/^DRILL/);
  });

  it('compares with the one before it', async () => {
    await live();
    for (const earlier of [0, 1]) {
      const id = await begin('kill');
      await acknowledge(id);
      const { drillResult } = await settled(desk, id, (one) => one.drillResult !== undefined);
      expect(drillResult?.result.earlier).toHaveLength(earlier);
      await shows(desk, id, earlier === 0 ? 'nothing to compare with' : 'than in DRILL_');
    }
    expect(await ask('list')).toMatch(/kill:.*last .*PASSED/);
  });

  it('at two venues proves the one where it found orders, and not the other', async () => {
    empty = await startBinanceCounterpart({ ...KEY, marks: { BTCUSDT: 64_000 } });
    const { url: baseUrl } = empty;
    await live({
      config(config) {
        const marked = config.venues.find(({ id }) => id === 'testnet');
        if (marked === undefined) throw new Error('there is no drill venue');
        return { ...config, venues: [...config.venues, { ...marked, id: 'empty', baseUrl }] };
      },
    });
    const id = await begin('kill');
    await acknowledge(id);
    const { drillResult } = await settled(desk, id, (one) => one.drillResult !== undefined);
    const found = drillResult?.result.kill?.venues.map((venue) => [venue.venue, venue.verdict, venue.found]);
    expect(found).toEqual([
      ['testnet', 'FLAT', 2],
      ['empty', 'FLAT', 0],
    ]);
    await shows(desk, id, 'FLAT, NO order found to cancel');
    await expect.poll(cancelsProved, PATIENT).toMatchObject({ testnet: 'green', empty: 'missing' });
  });

  it('is refused in words where no venue is for drills', async () => {
    await live({ marked: false });
    await expect(begin('kill')).rejects.toThrow('No venue is marked `drill: true`');
    expect(writes(testnet)).toEqual([]);
  });

  it('is refused where the drill venue has the key of a real one', async () => {
    await live({ shared: true });
    await expect(begin('kill')).rejects.toThrow('testnet shares its key, its name or the place');
    expect(writes(testnet)).toEqual([]);
  });

  it('is refused where its control file leads to the one of the desk', async () => {
    await live();
    await symlink(desk.controlFile, join(desk.folder, 'drill-control.env'));
    const before = await desk.control();
    await expect(begin('kill')).rejects.toThrow('not a plain file of its own');
    expect(await desk.control()).toBe(before);
    expect(desk.bot.ledger.open()).toEqual([]);
  });
});

describe('what is real', () => {
  it('comes first: a kill in the middle runs at once, in an incident of its own, and ends the drill', async () => {
    await live();
    const id = await begin('kill');
    await posted(desk, id);
    const killed = await desk.bot.desk.kill({ via: 'slack', id: CAST.ada.id, name: 'ada' }, 'for real', id);
    expect(killed).toMatchObject({ state: 'started', warnings: [] });
    expect(killed.incident).not.toBe(id);
    expect(desk.bot.ledger.peek(killed.incident)).toMatchObject({ drill: false, severity: 'P0' });
    expect(await desk.control()).toContain('KILL_SWITCH=1');
    const { drillResult } = await settled(desk, id, (one) => one.drillResult !== undefined);
    expect(drillResult?.result).toMatchObject({ ended: 'realKill', why: killed.incident, passed: false });
    await expect(begin('kill')).rejects.toThrow('no drill is begun beside a real kill');
  });

  it('keeps a drill from beginning, and ends one by a P1', async () => {
    await live();
    const real = await fire(desk, { name: 'Real', severity: 'P2' });
    await expect(begin('paging')).rejects.toThrow(`${real} is open, and is real`);
    await desk.alert({ name: 'Real', severity: 'P2', status: 'resolved' });
    const id = await begin('paging');
    await fire(desk, { name: 'Worse', severity: 'P1', fingerprint: 'worse' });
    const { drillResult } = await settled(desk, id, (one) => one.drillResult !== undefined);
    expect(drillResult?.result).toMatchObject({ ended: 'realIncident', passed: false });
  });

  const someone: Actor = { via: 'slack', id: CAST.grace.id, name: 'grace' };
  const trading = () => desk.bot.ledger.trading();
  const isReal = () =>
    desk.bot.ledger.open().some(({ severity, gameDay }) => /P[01]/.test(severity) && !gameDay);
  type Came = [what: string, ended: string, come: () => unknown, isThere: () => boolean];
  it.each<Came>([
    ['a kill', 'realKill', () => desk.bot.desk.kill(someone, 'for real'), () => trading().latch !== null],
    ['a P1', 'realIncident', () => fire(desk, { name: 'Real', severity: 'P1' }), isReal],
    [
      '/halt',
      'realHalt',
      () => desk.stage.slack.say(CAST.grace.id, '/halt orders'),
      isHeld('HALT_NEW_ORDERS'),
    ],
    // Of these two the incident is opened first.
    ['a hard stop', 'realIncident', () => desk.post('/alerts/generic', DAILY_LOSS), isReal],
    ['a latch in the control file', 'realIncident', () => byHand('KILL_SWITCH=1'), isReal],
    ['a halt in the control file', 'realHalt', () => byHand('HALT_NEW_ORDERS=1'), isHeld('HALT_NEW_ORDERS')],
  ])('%s that comes while the drill is put on record ends it', async (_what, ended, come, isThere) => {
    let release = (): void => undefined;
    let held: Promise<void> | undefined;
    const letGo = () => {
      held = undefined;
      release();
    };
    const storeFs = faultyDisk(nodeDisk, (call) =>
      call === 'sync' && held !== undefined ? { until: held } : undefined,
    );
    await live({
      storeFs,
      config: (config) => ({ ...config, hardStops: { ...config.hardStops, fromAlerts: ['dailyLoss'] } }),
    });
    await lookedOnce();
    held = new Promise((resolve) => {
      release = resolve;
    });
    try {
      const asked = ask('kill');
      const drill = await soon(() => desk.bot.ledger.open().find(({ gameDay }) => gameDay !== undefined));
      const came = come();
      await soon(isThere);
      expect(desk.bot.ledger.peek(drill.id)?.drillResult).toBeUndefined();
      letGo();
      await Promise.all([asked, came]);
      const { drillResult } = await settled(desk, drill.id, (one) => one.drillResult !== undefined);
      expect(drillResult?.result).toMatchObject({ ended, passed: false, kill: null });
      // Its own kill was not begun: the switch of its control file was never thrown.
      expect(await readFile(join(desk.folder, 'drill-control.env'), 'utf8')).not.toContain('KILL_SWITCH=1');
    } finally {
      letGo();
    }
  });

  it('ends it in the middle too: a pause for real', async () => {
    await live();
    const id = await begin('paging');
    await desk.stage.slack.say(CAST.grace.id, '/halt signals');
    const { drillResult } = await settled(desk, id, (one) => one.drillResult !== undefined);
    expect(drillResult?.result).toMatchObject({ ended: 'realHalt', why: 'PAUSE_SIGNALS by grace' });
    await shows(desk, id, 'was ended by a real halt or pause');
  });

  it('is not changed through the incident of a drill', async () => {
    await live();
    const id = await begin('runbook');
    await posted(desk, id);
    await shows(desk, id, 'Runbook');
    const control = await desk.control();
    for (const label of ['Kill…', 'Cancel orders…', 'Halt new orders…', 'Resolve…'])
      expect(desk.thread(id)).not.toContain(`[${label}]`);
    for (const type of ['ResolveIncident', 'ChangeSeverity', 'OweMail', 'PlaceHold', 'AskCancel'] as const) {
      const command = { type, by: { via: 'slack', id: 'U', name: 'u' }, summary: '' } as never;
      await expect(desk.bot.desk.command(id, command)).rejects.toThrow('nothing was done');
    }
    // So is one that is typed while only a drill is open.
    expect(said(await desk.stage.slack.say(CAST.ada.id, '/halt signals for real'))).toContain(
      'PAUSE_SIGNALS=1',
    );
    expect(await desk.control()).toContain('PAUSE_SIGNALS=1');
    // A halt that names it stands on the desk's log, and is real.
    await desk.bot.desk.hold({ via: 'slack', id: 'U', name: 'u' }, 'HALT_NEW_ORDERS', 'r', 'operator', id);
    expect(await desk.control()).not.toBe(control);
    expect(desk.bot.ledger.trading().holds).toHaveLength(2);
    expect(JSON.stringify(await desk.bot.store.history(id))).not.toContain('HoldPlaced');
  });
});

describe('a test page', () => {
  it('that nobody acknowledges escalates nothing; what missed its limit is an action item in the tracker', async () => {
    let aheadMs = 0;
    await live({ now: () => Date.now() + aheadMs });
    const id = await begin('paging');
    await posted(desk, id);
    await paged(desk, id);
    await settled(desk, id, ({ pages }) => pages[0]?.state === 'assigned');
    aheadMs = 16 * 60_000;
    const incident = await settled(desk, id, (one) => one.status === 'resolved');
    expect(incident.pages).toHaveLength(1);
    expect(incident.drillResult?.result).toMatchObject({ ended: 'done', passed: false });
    expect(incident.drillResult?.result.times).toContainEqual({
      id: 'pageAcknowledged',
      ms: null,
      limitMs: 900_000,
      state: 'missed',
    });
    const { issues, actionItems } = await settled(desk, id, (one) => one.issues['A1']?.url !== undefined);
    expect(actionItems.map(({ text }) => text)).toEqual([
      expect.stringContaining('did not happen, limit 900 s'),
    ]);
    expect(Object.keys(issues)).toEqual(['A1']);
    expect(JSON.stringify(desk.stage.github.issues())).toContain('DRILL');
    expect(desk.stage.mail.messages()).toEqual([]);
    expect(incident.postmortem).toBeUndefined();
  });
});

describe('a restart in the middle', () => {
  it('ends the drill and says so; it is not resumed', async () => {
    await live();
    const id = await begin('kill');
    await posted(desk, id);
    await desk.restart();
    const { drillResult } = await settled(desk, id, (one) => one.drillResult !== undefined);
    expect(drillResult?.result).toMatchObject({ ended: 'restart', passed: false });
    await shows(desk, id, 'a drill is not resumed');
    expect(await desk.control()).toContain('KILL_SWITCH=0');
  });
});
