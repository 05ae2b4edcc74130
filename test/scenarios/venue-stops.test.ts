/** Hard stops by what the venue itself says: no engine sends anything here, unless a test says so. */

import { afterEach, describe, expect, it } from 'vitest';
import type { BinanceOptions } from '../../src/rehearsal/binance.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const MIDNIGHT = Date.parse('2026-11-22T00:00:00Z');
const OFTEN = { pollMs: 20, moneyPollMs: 20 };
const USDM = '/fapi/v1/income';
const SPOT = '/sapi/v1/capital/deposit/hisrec';

/** A desk of one long position of 0.008 BTC and no orders, whose clock the test moves. 1 % of 2,000 USDT may be lost. */
async function quietDesk(options: DeskOptions & { at?: number; holds?: Partial<BinanceOptions> } = {}) {
  let offset = (options.at ?? MIDNIGHT + 3_600_000) - Date.now();
  const now = () => Date.now() + offset;
  const started = await startDesk({
    now,
    watchPace: OFTEN,
    ...options,
    binance: { orders: [], conditionalOrders: [], now, ...options.holds },
  });
  desk = started;
  const { binance } = started.stage;
  const asked = (path: string) => binance.requests({ path }).filter((one) => one.status === 200).length;
  return {
    desk: started,
    binance,
    now,
    advance(ms: number) {
      offset += ms;
    },
    /** Until each venue was measured this many times more. The last requests of two may be the first of theirs. */
    async measured(times = 3) {
      const [usdm, spot] = [asked(USDM) + times, asked(SPOT) + times];
      await binance.until(() => asked(USDM) >= usdm && asked(SPOT) >= spot, { what: 'measurements' });
    },
    async criterion(id: string) {
      const { criteria } = (await started.get('/status')).json as unknown as {
        criteria: { id: string; state: string; value: number | null; source: string | null }[];
      };
      return criteria.find((one) => one.id === id);
    },
    killed: () =>
      started.stage.slack.until(() => started.thread().includes('written and read back'), {
        what: 'the latch of a kill',
      }),
  };
}

/** The same over midnight: what the day counts from was read. */
async function overMidnight(options: Parameters<typeof quietDesk>[0] = {}) {
  const at = await quietDesk({ at: MIDNIGHT - 20_000, ...options });
  await at.measured();
  at.advance(25_000);
  await at.measured();
  return at;
}

describe('the daily loss', () => {
  it('over twice the limit kills by what the venue says, with the figures in the evidence', async () => {
    const at = await overMidnight();
    expect(await at.criterion('dailyLoss')).toMatchObject({ state: 'ok', value: 0, source: 'venue' });
    // 0.008 × 4,000 = 32 of 40.
    at.binance.setMark('BTCUSDT', 60_000);
    await at.measured();
    expect(await at.criterion('dailyLoss')).toMatchObject({ state: 'ok', value: 32, source: 'venue' });
    expect(await at.desk.control()).toContain('KILL_SWITCH=0');
    at.binance.setMark('BTCUSDT', 58_900);
    await at.killed();
    expect(await at.desk.control()).toContain('KILL_SWITCH=1');
    expect(at.desk.thread()).toContain('dailyLoss 40.8 USDT');
  });

  it('is not what was withdrawn, deposited, or moved between wallets', async () => {
    const at = await overMidnight();
    at.binance.withdraw('USDT', 500);
    at.binance.transfer('UMFUTURE_MAIN', 'USDT', 300);
    at.binance.transfer('UMFUTURE_FUNDING', 'USDT', 200);
    at.binance.deposit('USDT', 50);
    await at.measured(4);
    expect(await at.criterion('dailyLoss')).toMatchObject({ state: 'ok', value: 0, source: 'venue' });
    expect(await at.desk.control()).toContain('KILL_SWITCH=0');
    at.binance.setMark('BTCUSDT', 63_000);
    await at.measured();
    expect(await at.criterion('dailyLoss')).toMatchObject({ state: 'ok', value: 8 });
  });

  it('is unknown for a bot that was not there at midnight, and is known again after a restart that was', async () => {
    const late = await quietDesk();
    await late.measured();
    expect(await late.criterion('dailyLoss')).toMatchObject({ state: 'unknown' });
    await late.desk.close();

    const at = await overMidnight();
    at.binance.setMark('BTCUSDT', 63_000);
    await at.desk.restart();
    at.advance(3_600_000);
    await at.measured();
    expect(await at.criterion('dailyLoss')).toMatchObject({ state: 'ok', value: 8, source: 'venue' });
  });
});

describe('the position size', () => {
  it('over one and a half times the limit kills by what the venue says', async () => {
    const at = await quietDesk();
    await at.measured();
    expect(await at.criterion('positionSize')).toMatchObject({ state: 'ok', value: 512, source: 'venue' });
    at.binance.setPosition({ symbol: 'BTCUSDT', amount: -0.0235, entryPrice: 64_000 });
    await at.killed();
    expect(at.desk.thread()).toContain('positionSize 1504 USDT');
    expect(await at.desk.control()).toContain('KILL_SWITCH=1');
  });

  it('is unknown, not fine, once the venue has said nothing for two minutes', async () => {
    const at = await quietDesk();
    await at.measured();
    at.binance.fault({ kind: 'http500', times: Number.POSITIVE_INFINITY });
    expect((await at.criterion('positionSize'))?.state).toBe('ok');
    at.advance(121_000);
    expect(await at.criterion('positionSize')).toMatchObject({ state: 'unknown', value: null });
    // The engine may still trip it.
    const say = (notional: number, agoMs: number) =>
      ['binance-usdm', 'binance-spot'].map((venue) => ({
        type: 'position',
        at: at.now() - agoMs,
        venue,
        symbol: venue === 'binance-usdm' ? 'BTC/USDT:USDT' : 'BTC/USDT',
        notional,
      }));
    await at.desk.post('/telemetry', [...say(800, 2_000), ...say(800, 0)]);
    await at.killed();
  });
});

describe('a mismatch of positions', () => {
  it('opens a P1 with both figures, and is over when they agree', async () => {
    const at = await quietDesk();
    const say = (notional: number) =>
      at.desk.post('/telemetry', {
        type: 'position',
        at: at.now(),
        venue: 'binance-usdm',
        symbol: 'BTC/USDT:USDT',
        notional,
      });
    await at.measured();
    await say(0);
    await at.measured();
    at.advance(16_000);
    await say(0);
    await at.desk.stage.slack.until(() => at.desk.channel().includes('Position mismatch'), {
      what: 'the mismatch',
    });
    const { incidents } = (await at.desk.get('/incidents')).json as unknown as {
      incidents: { id: string; severity: string }[];
    };
    expect(incidents).toMatchObject([{ severity: 'P1' }]);
    const detail = JSON.stringify((await at.desk.get(`/incidents/${incidents[0]?.id}`)).json);
    expect(detail).toMatch(/the engine says 0 USDT \(\d+ s ago\), the venue 512 USDT \(\d+ s ago\)/);
    expect(await at.desk.control()).toContain('KILL_SWITCH=0');
    await say(512);
    await at.desk.stage.slack.until(() => at.desk.channel().includes('1 cleared'), {
      what: 'the end of it',
    });
  });
});

describe('a kill', () => {
  it('has the venues to itself until its verdict; then they are measured on', async () => {
    const at = await quietDesk({ pace: { ...FAST } });
    await at.measured();
    const held = at.binance.fault({ kind: 'slow', match: { path: '/fapi/v1/openOrders' } });
    await at.desk.post('/kill', { reason: 'test', actor: 'ada' });
    const since = at.binance.requests().length;
    const kindOf = (path: RegExp) =>
      at.binance
        .requests()
        .slice(since)
        .filter((one) => path.test(one.path));
    const readings = /^\/api\/v3\/openOrders$/;
    await at.binance.until(() => kindOf(readings).length >= 20, { what: 'the kill reading the other venue' });
    // One request of a measurement may have been under way.
    const measuring = /income|hisrec|withdraw|asset\/transfer|fapi\/v3\/account|system\/status|\/time$/;
    expect(kindOf(measuring).length).toBeLessThanOrEqual(2);
    held.release();
    await at.measured(2);
  });
});

const FAST = {
  firstVerdictMs: 9_000,
  resumedVerdictMs: 3_000,
  retryMs: 20,
  maxRetryMs: 100,
  watchMs: 20,
};
