/** The monitor and a replay of the same telemetry decide the same, at the same second; and a kill that failed is tried again. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReplay } from '../../src/domain/measure/replay.ts';
import type { Sample } from '../../src/domain/measure/samples.ts';
import { createEngines } from '../../src/engine/engines.ts';
import type { Ledger } from '../../src/engine/ledger.ts';
import { createMonitor, type Monitor } from '../../src/engine/monitor.ts';
import { loadPolicy } from '../../src/policy.ts';
import type { Log, WindowsState } from '../../src/ports.ts';

const T0 = Date.parse('2026-11-23T09:00:00Z');
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the templates cannot be read');
const { criteria } = loaded.policy.playbook;
const FEEDS = [{ id: 'f1', intervalSec: 60, symbols: ['BTC'] }];
const RULES = {
  criteria,
  limits: {
    maxDailyLoss: { unit: 'amount' as const, value: 10 },
    maxNotional: 100,
    currency: 'USDT',
    perVenue: {},
  },
  minOrders: 5,
  confirmations: 2,
  whenPaused: 'wait' as const,
  feeds: FEEDS,
  venues: [],
};
const HOURS = { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri'], maintenance: [] };
const GRACE_MS = 120_000;
const EXPECTED = [{ id: 'main', everyMs: 5_000 }];

type Told = [what: string, id: string, at: number];

interface Watched {
  monitor: Monitor;
  clock: { at: number };
  told: Told[];
  /** How often a kill fails before it works. */
  fail: { times: number };
}

async function watch(options: { save?: (state: WindowsState) => Promise<void> } = {}): Promise<Watched> {
  const clock = { at: T0 };
  const told: Told[] = [];
  const fail = { times: 0 };
  const ports = {
    now: () => clock.at,
    monotonic: () => clock.at,
    wait: () => new Promise<void>(() => undefined),
  };
  const ledger = {
    open: () => [],
    peek: () => undefined,
    trading: () => ({ holds: [], latch: null }),
  } as unknown as Ledger;
  const monitor = await createMonitor({
    desk: {
      async kill(_by, _reason, _incident, evidence) {
        fail.times -= 1;
        if (fail.times >= 0) throw new Error('nothing was stopped');
        told.push(['trip', evidence?.criterion ?? '', clock.at]);
        return { incident: 'INC-1', kill: 'K1', state: 'started', warnings: [] };
      },
      async takeAlerts(alerts) {
        for (const { alert, status } of alerts)
          told.push([status === 'firing' ? 'begun' : 'over', alert.key, clock.at]);
        return alerts.map(() => null);
      },
    },
    ledger,
    engines: createEngines({ ledger, clock: ports, log: quiet, expected: EXPECTED }),
    clock: ports,
    log: quiet,
    rules: RULES,
    hours: HOURS,
    mode: 'act',
    windows: { load: async () => null, save: options.save ?? (async () => undefined) },
    unknownGraceMs: GRACE_MS,
  });
  return { monitor, clock, told, fail };
}

const order = (n: number, at: number, bad: boolean): Sample => ({
  type: 'order',
  at,
  venue: 'v',
  symbol: 'BTC',
  orderId: `o${n}`,
  status: bad ? 'rejected' : 'accepted',
});

/** A sample, and how long after the one before it arrives. */
const arrival = fc.record({
  waitMs: fc.oneof(
    fc.integer({ min: 1, max: 3_000 }),
    fc.integer({ min: 1, max: 90_000 }),
    fc.constantFrom(1_000, 60_000, 300_000),
  ),
  lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30_000 }), fc.constant(700_000)),
  make: fc.oneof(
    fc.tuple(fc.integer({ min: 0, max: 40 }), fc.boolean()).map(
      ([n, bad]) =>
        (at: number): Sample =>
          order(n, at, bad),
    ),
    fc.constantFrom(-30, -21, -20, 5).map(
      (dayPnl) =>
        (at: number): Sample => ({ type: 'pnl', at, dayPnl, currency: 'USDT', equity: 1_000 }),
    ),
    fc.constantFrom(0, 50, 150, 151, -200).map(
      (notional) =>
        (at: number): Sample => ({ type: 'position', at, venue: 'v', symbol: 'BTC', notional }),
    ),
    fc.constant(
      (at: number): Sample => ({
        type: 'bar',
        at,
        feed: 'f1',
        symbol: 'BTC',
        closedAt: Math.floor(at / 60_000) * 60_000,
      }),
    ),
    fc.constantFrom(10, 1_500).map(
      (latencyMs) =>
        (at: number): Sample => ({ type: 'signal', at, latencyMs }),
    ),
    fc.constant(
      (at: number): Sample => ({ type: 'heartbeat', at, engine: 'main', control: { KILL_SWITCH: '0' } }),
    ),
  ),
});

describe('the monitor and a replay', () => {
  it('decide the same at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 40 }), async (arrivals) => {
        const { monitor, clock, told } = await watch();
        const replayed: Told[] = [];
        const replay = createReplay(
          { rules: RULES, hours: HOURS, engines: EXPECTED, unknownGraceMs: GRACE_MS },
          (what) =>
            void replayed.push([
              what.kind,
              what.kind === 'trip' ? what.criterion.id : what.condition.key,
              what.at,
            ]),
        );
        let ticked: number | null = null;
        let now = T0;
        for (const [index, { waitMs, lateMs, make }] of arrivals.entries()) {
          // A recording begins with its first sample, and so does this watch.
          if (index > 0) now += waitMs;
          const sample = make(now - lateMs);
          while (ticked !== null && ticked + 1_000 <= now) {
            ticked += 1_000;
            clock.at = ticked;
            await monitor.tick();
            await monitor.raise();
          }
          ticked ??= now;
          clock.at = now;
          await monitor.take([sample]);
          replay.take(sample, now);
        }
        await monitor.tick();
        await monitor.raise();
        replay.end();
        expect(replayed).toEqual(told);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a kill that failed', () => {
  it('is tried again at the next judgement, and the sender is not told that all is well', async () => {
    const { monitor, clock, told, fail } = await watch();
    fail.times = 2;
    const rejects = Array.from({ length: 5 }, (_, n) => order(n, T0, true));
    await expect(monitor.take(rejects)).rejects.toThrow('nothing was stopped');
    await expect(monitor.tick()).rejects.toThrow('nothing was stopped');
    clock.at += 1_000;
    await monitor.tick();
    await monitor.tick();
    expect(told.filter(([what]) => what === 'trip')).toEqual([['trip', 'rejectRate', T0 + 1_000]]);
  });
});

describe('the windows on a disk that hangs', () => {
  it('wait in one copy only, the newest', async () => {
    let release = (): void => undefined;
    const states: WindowsState[] = [];
    const { monitor, clock } = await watch({
      save: (state) => {
        states.push(state);
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    for (let n = 0; n < 20; n += 1) {
      clock.at += 5_000;
      await monitor.take([order(n, clock.at, false)]);
      await monitor.tick();
      await monitor.raise();
    }
    expect(states).toHaveLength(1);
    release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(states).toHaveLength(2);
    expect(states[1]?.measurements.newestOrderAt).toBe(clock.at);
  });
});
