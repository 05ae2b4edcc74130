/** The error budget of a real bot: a feed that is silent for hours takes it through every band; people lift, mark and adjust. */

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LiveConfig } from '../../src/config.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import { incidentView, posted, said, statusView, switches } from './reading.ts';

const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null, backup: null };
const HOURS: LiveConfig['hours'] = {
  timezone: 'UTC',
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  maintenance: [],
};
const BY = 'Error budget of SLO-01';
const START = Date.parse('2026-11-10T12:00:00Z');
const iso = (at: number): string => new Date(at).toISOString();

let desk: InProcess;
let now = START;
afterEach(() => desk.close());

interface BudgetView {
  month: string;
  status: string;
  slos: {
    id: string;
    status: string;
    consumedSec: number;
    remainingPct: number;
    measuredPct: number | null;
  }[];
}

async function open(mode: 'act' | 'observe' = 'act', feeds = [FEED]): Promise<void> {
  now = START;
  desk = await startDesk({
    now: () => now,
    // Over a socket: a signed request would be older than the five minutes that it may be, by the clock that is moved.
    mode: 'socket',
    config: (config) => ({
      ...config,
      feeds,
      // Ada is a responder, and no approver.
      access: { ...config.access, approvers: [CAST.grace.id, CAST.alan.id] },
      hours: HOURS,
      hardStops: { ...config.hardStops, mode },
    }),
  });
  for (const { id } of feeds) await bar(id);
  // What is before the first look nobody watched.
  await expect.poll(() => existsSync(budgetsFile()), { timeout: 10_000 }).toBe(true);
}
const budgetsFile = () => join(desk.folder, 'data', 'budgets.json');

const bar = (feed = FEED.id) =>
  desk.post('/telemetry', { type: 'bar', at: now, feed, symbol: 'BTC/USDT:USDT', closedAt: now });

const slo = async (id = 'SLO-01') => {
  const { json } = await desk.get('/status');
  const found = (json as unknown as { budgets: BudgetView }).budgets.slos.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};

/** The first bar closes at the start: from a minute later on there is a gap. Go to where it is so long, and wait for a look. */
async function gapOf(seconds: number): Promise<void> {
  now = START + 60_000 + seconds * 1_000;
  await expect.poll(async () => (await slo()).consumedSec, { timeout: 10_000 }).toBe(seconds);
}

const held = async () =>
  (await statusView(desk)).trading.holds.filter(({ by }) => by === BY).map(({ key }) => key);
const written = (values: Record<string, string>) =>
  expect.poll(() => switches(desk), { timeout: 10_000 }).toMatchObject(values);
const say = async (who: keyof typeof CAST, text: string): Promise<string> =>
  said(await desk.stage.slack.say(CAST[who].id, text));
/** The incident of the budget, once its headline stands. */
async function budgetIncident(title: string): Promise<string> {
  const find = async () => (await statusView(desk)).incidents.find((one) => one.title.includes(title));
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  const id = (await find())?.id ?? '';
  await posted(desk, id);
  return id;
}
const thread = (id: string) => desk.thread(id).replaceAll('\u2060', '');

describe('an error budget', () => {
  it('is taken through every band by a gap, tightens by itself, and is loosened by an approver alone', async () => {
    await open();
    await gapOf(3_600);
    expect(await slo()).toMatchObject({ remainingPct: 72.2222222222, status: 'UNKNOWN' });
    expect(await held()).toEqual([]);

    await gapOf(6_480);
    await expect.poll(held, { timeout: 10_000 }).toEqual(['ALLOW_PROMOTIONS']);
    await written({ ALLOW_PROMOTIONS: '0' });
    expect(await desk.control()).not.toContain('POSITION_SIZE_FACTOR=0.5');
    const id = await budgetIncident('SLO-01 Data feed');
    await expect.poll(() => thread(id), { timeout: 10_000 }).toContain('Promotions stopped');
    expect(thread(id)).toContain(BY);
    expect(thread(id)).toContain('error budget YELLOW');

    // A responder who is no approver may not; an approver may, and it is not set again in this band.
    expect(await say('ada', '/resume promotions')).toContain(
      'Only an approver may lift what holds ALLOW_PROMOTIONS',
    );
    expect(await held()).toEqual(['ALLOW_PROMOTIONS']);
    const sent = await say('grace', '/resume promotions the promotion is over');
    expect(sent).toContain('ALLOW_PROMOTIONS=1 written and read back');
    await gapOf(7_200);
    expect(await held()).toEqual([]);
    expect(await switches(desk)).toMatchObject({ ALLOW_PROMOTIONS: '1' });

    await gapOf(9_720);
    const orange = ['ALLOW_NEW_STRATEGIES', 'ALLOW_PROMOTIONS', 'POSITION_SIZE_FACTOR'];
    await expect.poll(async () => (await held()).toSorted(), { timeout: 10_000 }).toEqual(orange);
    await written({ ALLOW_PROMOTIONS: '0', POSITION_SIZE_FACTOR: '0.5', ALLOW_NEW_STRATEGIES: '0' });
    await gapOf(11_664);
    expect((await held()).toSorted()).toEqual(orange);

    await gapOf(11_700);
    await expect.poll(held, { timeout: 10_000 }).toContain('HALT_NEW_ORDERS');
    await written({ HALT_NEW_ORDERS: '1' });
    expect(await incidentView(desk, id)).toMatchObject({ severity: 'P1' });

    await gapOf(12_960);
    await expect.poll(async () => (await incidentView(desk, id)).severity, { timeout: 10_000 }).toBe('P0');
    await expect
      .poll(async () => (await incidentView(desk, id)).pages.some(({ why }) => why.includes('to P0')), {
        timeout: 10_000,
      })
      .toBe(true);
    expect(await slo()).toMatchObject({ status: 'CRITICAL', remainingPct: 0 });

    // What it holds stays over a restart, and nothing is counted or held twice.
    await desk.restart();
    await expect.poll(async () => (await slo()).status, { timeout: 10_000 }).toBe('CRITICAL');
    expect((await slo()).consumedSec).toBeGreaterThanOrEqual(12_960);
    expect((await slo()).consumedSec).toBeLessThanOrEqual(12_961);
    expect(await held()).toHaveLength(4);

    // The review is demanded, recorded, and then it can be closed.
    const early = await desk.bot.desk
      .command(id, { type: 'ResolveIncident', by: { via: 'cli', id: 'x', name: 'x' }, summary: 's' })
      .catch((error: Error) => error.message);
    expect(early).toContain('The playbook asks for an incident review at CRITICAL');
    expect(await say('grace', `/incident review ${id} the feed is too thin`)).toContain('is on record');
    await desk.bot.desk.command(id, {
      type: 'ResolveIncident',
      by: { via: 'cli', id: 'x', name: 'x' },
      summary: 's',
    });
    expect(await say('grace', '/resume sizes')).toContain('POSITION_SIZE_FACTOR=1 written and read back');
    expect(await say('grace', '/resume strategies')).toContain(
      'ALLOW_NEW_STRATEGIES=1 written and read back',
    );
    expect(await say('mallory', '/resume promotions')).toContain('You are not a responder');
    expect(await held()).toEqual(expect.arrayContaining(['ALLOW_PROMOTIONS', 'HALT_NEW_ORDERS']));
  }, 120_000);

  it('shows its table, takes time that does not count by name, and the true times of an incident', async () => {
    await open();
    await gapOf(6_480);
    const id = await budgetIncident('Feed gap: binance-1m');
    const table = await say('ada', '/incident budget');
    expect(table).toContain('Error budgets 2026-11: YELLOW');
    const { slack } = desk.stage;
    const pictures = () => slack.messages(CHANNEL).flatMap(({ files }) => files ?? []);
    await slack.until(() => pictures().length >= 6, { what: 'the pictures', timeoutMs: 20_000 });
    expect(pictures().map(({ name }) => name)).toEqual(
      ['01', '02', '03', '04', '05', '06'].map((n) => `burn-down-SLO-${n}-2026-11.png`),
    );
    expect(await say('ada', '/incident budget')).toContain('Error budgets 2026-11');
    const from = iso(START);
    expect(await say('ada', `/incident adjust exclude from=${from} to=${iso(START + 60_000)} x`)).toContain(
      'You are not an approver for this desk',
    );
    const excluded = await say(
      'grace',
      `/incident adjust exclude from=${from} to=${iso(START + 61 * 60_000)} Binance outage`,
    );
    expect(excluded).toContain('does not count, by your word');
    await expect.poll(async () => (await slo()).consumedSec, { timeout: 10_000 }).toBe(6_480 - 3_600);
    // The desk stays as tight as it is: a person loosens.
    expect(await held()).toEqual(['ALLOW_PROMOTIONS']);
    const adjusted = await say(
      'grace',
      `/incident adjust ${id} from=${iso(START + 61 * 60_000)} to=${iso(START + 71 * 60_000)} the bars were there, the telemetry was not`,
    );
    expect(adjusted).toContain('SLO-01 of 2026-11: 10 min consumed, was 48 min');
    await expect.poll(async () => (await slo()).consumedSec, { timeout: 10_000 }).toBe(600);
    expect((await incidentView(desk, id)).timeline.map(({ text }) => text)).toContainEqual(
      expect.stringContaining(
        'True times 2026-11-10 13:01:00 UTC to 2026-11-10 13:11:00 UTC (was 2026-11-10 12:01:00 UTC',
      ),
    );
    expect((await desk.stage.slack.say(CAST.ada.id, '/incident budget')).body).toContain('Binance outage');

    await desk.restart();
    expect((await slo()).consumedSec).toBe(600);
    for (const wrong of [
      '/incident adjust exclude from=2026-11-10T12:00 to=2026-11-10T13:00 no zone',
      '/incident adjust exclude from=2026-02-30T12:00Z to=2026-11-10T13:00Z no such day',
      `/incident adjust exclude from=${from} to=${iso(START + 60_000)}`,
      `/incident adjust exclude from=${from} from=${from} to=${iso(START + 60_000)} twice`,
      '/incident adjust exclude',
    ])
      expect(await say('grace', wrong)).toContain('That is unclear, so nothing was done.');
    for (const [wrong, why] of [
      [`from=${iso(now + 60_000)} to=${iso(now + 120_000)} x`, 'in the future'],
      [`from=${iso(START + 60_000)} to=${from} x`, 'begin before it ends'],
      [`from=${iso(START + 10_000)} to=${iso(START + 69_000)} x`, 'no whole minute'],
      [`from=2026-01-01T00:00Z to=${from} x`, 'Minutes are kept from 2026-10-01 on'],
      [`from=${from} to=${iso(START + 60_000)} slo=SLO-09 x`, 'There is no SLO-09'],
    ])
      expect(await say('grace', `/incident adjust exclude ${wrong}`)).toContain(why);
    expect((await slo()).consumedSec).toBe(600);
  }, 60_000);

  it('keeps the gap of another feed when the true times of one are stated', async () => {
    await open('act', [FEED, { ...FEED, id: 'bybit-1m' }]);
    await gapOf(300);
    const id = await budgetIncident('Feed gap: binance-1m');
    const texts = async () => (await incidentView(desk, id)).timeline.map(({ text }) => text).join('\n');
    // The gap is on record before it is over.
    await expect.poll(texts, { timeout: 10_000 }).toMatch(/Gap of feed .* began/);
    await bar();
    await expect.poll(texts, { timeout: 10_000 }).toMatch(/gap .*(ended|over)/i);
    for (let minute = 0; minute < 5; minute += 1) {
      now += 60_000;
      await bar();
    }
    // The other feed is silent still.
    await expect.poll(async () => (await slo()).consumedSec, { timeout: 10_000 }).toBe(600);
    const times = `from=${iso(START + 60_000)} to=${iso(START + 120_000)}`;
    expect(await say('grace', `/incident adjust ${id} ${times} one minute`)).toContain('SLO-01 of 2026-11');
    await expect.poll(async () => (await slo()).consumedSec, { timeout: 10_000 }).toBe(60 + 300);
  }, 60_000);

  it('of a month that is over are read by its name, with table and pictures; older ones by their sums', async () => {
    await open();
    await gapOf(300);
    await bar();
    await desk.restart(async () => {
      const file = JSON.parse(await readFile(budgetsFile(), 'utf8')) as { past: object[] };
      const sums = {
        budgetSec: 12_960,
        consumedSec: 3_600,
        remainingPct: 72.2,
        status: 'GREEN',
        measuredPct: 100,
      };
      file.past.push({ slo: 'SLO-01', month: '2026-06', ...sums });
      await writeFile(budgetsFile(), JSON.stringify(file));
      now = Date.parse('2026-12-03T10:00:00Z');
    });
    const { slack } = desk.stage;
    const told = async (text: string) => (await slack.say(CAST.ada.id, text)).body;
    await expect
      .poll(() => told('/incident budget 2026-11'), { timeout: 10_000 })
      .toContain('Error budgets 2026-11');
    expect(await told('/incident budget 2026-11')).toMatch(/SLO-01 Data feed.*5 min/);
    const pictures = () => slack.messages(CHANNEL).flatMap(({ files }) => files ?? []);
    await slack.until(() => pictures().length >= 6, { what: 'the pictures', timeoutMs: 20_000 });
    expect(pictures()[0]?.name).toBe('burn-down-SLO-01-2026-11.png');
    const older = await told('/incident budget 2026-06');
    expect(older).toContain('only sums are kept');
    expect(older).toContain('1 h');
    expect(await told('/incident budget 2025-01')).toContain(
      'Nothing is known of the error budgets of 2025-01',
    );
    expect(await told('/incident budget 2026-13')).toContain('unclear');
    expect((await desk.get('/status')).json).toMatchObject({ budgets: { month: '2026-12' } });
  }, 60_000);

  it('in observe mode says what it would do, and holds nothing', async () => {
    await open('observe');
    await gapOf(6_480);
    await budgetIncident('OBSERVE: Error budget YELLOW');
    expect(await held()).toEqual([]);
    expect(await desk.control()).not.toContain('ALLOW_PROMOTIONS=0');
  }, 60_000);

  it('whose file cannot be read begins anew as not measured, and the file is set aside', async () => {
    await open();
    await gapOf(6_480);
    const file = budgetsFile();
    await desk.restart(() =>
      writeFile(file, '{"version":1,"accounts":[["SLO-01",{"takenTo":1,"badTo":1,"runs":[0,1e12,1,1,1]}]]}'),
    );
    expect(await readFile(`${file}.unreadable`, 'utf8')).toContain('1e12');
    expect((await slo('SLO-05')).status).toBe('UNKNOWN');
    expect((await slo('SLO-01')).status).not.toBe('GREEN');
  }, 60_000);
});
