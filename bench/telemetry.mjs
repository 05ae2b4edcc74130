/**
 * What telemetry costs: bodies of 500 samples through the real parser, the real windows and all hard stops, beside a
 * floor in the same run (JSON.parse of the same bytes and nothing else).
 *
 *   npm run build && node --expose-gc bench/telemetry.mjs
 */

import { createEngines } from '../dist/engine/engines.js';
import { createMonitor } from '../dist/engine/monitor.js';
import { loadPolicy } from '../dist/policy.js';
import { parseTelemetry } from '../dist/webhooks/telemetry.js';

const BATCH = 500;
const T0 = Date.parse('2026-11-23T09:00:00Z');
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const { policy } = loadPolicy();
const FEEDS = [{ id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT', 'ETH/USDT:USDT'] }];
const KNOWN = {
  venues: ['binance-usdm', 'binance-spot'],
  feeds: Object.fromEntries(FEEDS.map(({ id, symbols }) => [id, symbols])),
  engines: ['main'],
};
const RULES = {
  criteria: policy.playbook.criteria,
  limits: {
    maxDailyLoss: { unit: 'percent', value: 1 },
    maxNotional: 1_000,
    currency: 'USDT',
    perVenue: { 'binance-usdm': 800 },
  },
  minOrders: 10,
  confirmations: 2,
  whenPaused: 'wait',
  feeds: FEEDS,
  venues: [],
};

function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The monitor on a clock that the bench moves. What it would do to the desk is counted. */
async function start() {
  const clock = {
    at: T0,
    now: () => clock.at,
    monotonic: () => clock.at,
    wait: () => new Promise(() => {}),
  };
  let kills = 0;
  let saved = null;
  const ledger = {
    open: () => [],
    peek: () => undefined,
    trading: () => ({ holds: [], latch: null }),
  };
  const monitor = await createMonitor({
    desk: {
      kill: async () => {
        kills += 1;
        return { warnings: [] };
      },
      hold: async () => ({ written: { state: 'written' } }),
      takeAlerts: async (alerts) => alerts.map(() => null),
    },
    ledger,
    engines: createEngines({ ledger, clock, log: quiet, expected: [{ id: 'main', everyMs: 5_000 }] }),
    clock,
    log: quiet,
    rules: RULES,
    hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], maintenance: [] },
    mode: 'act',
    windows: { load: async () => null, save: async (state) => void (saved = state) },
    unknownGraceMs: 120_000,
  });
  return { clock, monitor, kills: () => kills, saved: () => saved };
}

/** What an engine sends: 8 of 10 are orders, each said twice (accepted, then filled); late by up to 250 ms. */
function body(next, number, from, stepMs, line) {
  const samples = Array.from({ length: BATCH }, (_, index) => {
    const at = Math.floor(from + index * stepMs - next() * 250);
    const kind = next();
    const symbol = next() < 0.5 ? 'BTC/USDT:USDT' : 'ETH/USDT:USDT';
    if (kind < 0.8) {
      const id = number * BATCH + index;
      const filled = id % 2 === 1;
      return {
        type: 'order',
        at,
        venue: 'binance-usdm',
        symbol,
        orderId: `x-standdown-${filled ? id - 1 : id}`,
        status: filled ? 'filled' : next() < 0.02 ? 'rejected' : 'accepted',
        latencyMs: Math.round(next() * 40),
        qty: 0.5,
        ...(filled ? { filledQty: 0.5, slippageBps: 1.25 } : {}),
        strategy: 'trend-7',
      };
    }
    if (kind < 0.9) return { type: 'signal', at, latencyMs: Math.round(next() * 200) };
    if (kind < 0.94)
      return { type: 'position', at, venue: 'binance-usdm', symbol, notional: Math.round(next() * 300) };
    if (kind < 0.97) return { type: 'pnl', at, dayPnl: -3.2, currency: 'USDT', equity: 10_000 };
    if (kind < 0.99)
      return {
        type: 'bar',
        at,
        feed: 'binance-1m',
        symbol,
        closedAt: Math.floor(at / 60_000) * 60_000,
      };
    return { type: 'heartbeat', at, engine: 'main', control: { KILL_SWITCH: '0', STANDDOWN_REV: '7' } };
  });
  return Buffer.from(
    line ? samples.map((one) => `${JSON.stringify(one)}\n`).join('') : JSON.stringify(samples),
  );
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** Fill the windows with `batches` bodies at `perSecond` samples a second of simulated time. */
async function run({ batches, perSecond, line = false, report = () => {} }) {
  const next = random(7);
  const { clock, monitor, kills } = await start();
  const stepMs = 1_000 / perSecond;
  const lasts = [];
  let busy = 0;
  let floor = 0;
  let second = Math.floor(clock.at / 1_000);
  for (let number = 0; number < batches; number += 1) {
    const bytes = body(next, number, clock.at, stepMs, line);
    clock.at += BATCH * stepMs;
    const t0 = performance.now();
    if (line) for (const text of bytes.toString('utf8').split('\n')) text === '' || JSON.parse(text);
    else JSON.parse(bytes.toString('utf8'));
    const t1 = performance.now();
    const { samples } = parseTelemetry(bytes, KNOWN, clock.at);
    await monitor.take(samples);
    const t2 = performance.now();
    if (samples.length !== BATCH) throw new Error(`${samples.length} samples were taken`);
    floor += t1 - t0;
    busy += t2 - t1;
    lasts.push(t2 - t1);
    if (Math.floor(clock.at / 1_000) > second) {
      second = Math.floor(clock.at / 1_000);
      await monitor.tick();
    }
    report({ number, lasts, monitor, clock });
  }
  return { busy, floor, lasts, kills: kills(), monitor, clock };
}

await run({ batches: 300, perSecond: 1_000 }); // warm
for (const line of [false, true]) {
  const { busy, floor, lasts, kills } = await run({ batches: 1_000, perSecond: 50_000, line });
  const sorted = lasts.toSorted((a, b) => a - b);
  const n = 1_000 * BATCH;
  console.log(
    `${line ? 'NDJSON' : 'array '}: ${Math.round((n / busy) * 1_000)} samples/s, ${((busy / n) * 1_000).toFixed(2)} µs each; floor ${((floor / n) * 1_000).toFixed(2)} µs: ${(busy / floor).toFixed(1)} x; p50 ${at(sorted, 0.5).toFixed(2)} ms, p99 ${at(sorted, 0.99).toFixed(2)} ms, max ${sorted.at(-1).toFixed(1)} ms; kills ${kills}`,
  );
}
const mb = () => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20);
};
console.log('as the windows fill, 2,500 samples a second (1,000 orders)');
let since = 0;
await run({
  batches: 5_000,
  perSecond: 2_500,
  report({ number, lasts, monitor }) {
    if ((number + 1) % 500 !== 0) return;
    const part = lasts.slice(since);
    since = lasts.length;
    const sorted = part.toSorted((a, b) => a - b);
    const cost = (part.reduce((sum, one) => sum + one, 0) / part.length / BATCH) * 1_000;
    const t = performance.now();
    const snap = monitor.measurements.snapshot();
    const t1 = performance.now();
    const bytes = JSON.stringify(snap).length;
    const t2 = performance.now();
    console.log(
      `  ${String((number + 1) * BATCH).padStart(8)} samples: ${cost.toFixed(2)} µs each, p99 ${at(sorted, 0.99).toFixed(2)} ms, max ${sorted.at(-1).toFixed(1)}; heap ${mb()} MB; snapshot ${(t1 - t).toFixed(1)} + ${(t2 - t1).toFixed(1)} ms, ${(bytes / 2 ** 20).toFixed(1)} MB`,
    );
  },
});
