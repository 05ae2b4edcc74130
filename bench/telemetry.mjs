/**
 * What telemetry costs: bodies of 500 samples through the real parser, the real windows and all hard stops, beside a
 * floor in the same run (JSON.parse of the same bytes and nothing else); then over HTTP, and as the windows fill.
 *
 *   npm run build && node --expose-gc bench/telemetry.mjs
 *
 * The clock is simulated, so that a quarter of an hour of a busy desk takes a minute; what is measured is real.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWindowsFile } from '../dist/adapters/windows.js';
import { createEngines } from '../dist/engine/engines.js';
import { createMonitor } from '../dist/engine/monitor.js';
import { loadPolicy } from '../dist/policy.js';
import { startEdge } from '../dist/webhooks/edge.js';
import { createMetrics } from '../dist/webhooks/metrics.js';
import { parseTelemetry } from '../dist/webhooks/telemetry.js';

const BATCH = 500;
const AHEAD = 50;
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
  const ledger = {
    open: () => [],
    peek: () => undefined,
    trading: () => ({ holds: [], latch: null }),
  };
  const engines = createEngines({ ledger, clock, log: quiet, expected: [{ id: 'main', everyMs: 5_000 }] });
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
    engines,
    clock,
    log: quiet,
    rules: RULES,
    hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], maintenance: [] },
    mode: 'act',
    windows: { load: async () => null, save: async () => {} },
    unknownGraceMs: 120_000,
  });
  return { clock, monitor, ledger, engines, kills: () => kills };
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

function parseOnly(bytes, line) {
  const text = bytes.toString('utf8');
  for (const one of line ? text.split('\n') : [text]) if (one !== '') JSON.parse(one);
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** Fill the windows with `batches` bodies at `perSecond` samples a second of simulated time. */
async function run({ batches, perSecond, line = false, report = async () => {} }) {
  const next = random(7);
  const { clock, monitor, kills } = await start();
  const stepMs = 1_000 / perSecond;
  const bodies = [];
  const lasts = [];
  /** Processor time of each body, garbage collection on other threads included: what a busy machine does not change. */
  const cpu = [];
  let busy = 0;
  let floor = 0;
  let second = Math.floor(clock.at / 1_000);
  for (let number = 0; number < batches; number += 1) {
    // Written ahead, and swept away: the garbage of the bench itself is not what is measured.
    if (bodies.length === 0) {
      for (let ahead = 0; ahead < AHEAD; ahead += 1)
        bodies.push(body(next, number + ahead, clock.at + ahead * BATCH * stepMs, stepMs, line));
      globalThis.gc?.({ type: 'minor' });
    }
    const bytes = bodies.shift();
    clock.at += BATCH * stepMs;
    const t0 = performance.now();
    parseOnly(bytes, line);
    const t1 = performance.now();
    const used = process.cpuUsage();
    const { samples } = parseTelemetry(bytes, KNOWN, ['main'], clock.at);
    await monitor.take(samples);
    const t2 = performance.now();
    if (samples.length !== BATCH) throw new Error(`${samples.length} samples were taken`);
    floor += t1 - t0;
    busy += t2 - t1;
    lasts.push(t2 - t1);
    const { user, system } = process.cpuUsage(used);
    cpu.push((user + system) / 1_000);
    if (Math.floor(clock.at / 1_000) > second) {
      second = Math.floor(clock.at / 1_000);
      await monitor.tick();
    }
    await report({ number, lasts, cpu, monitor });
  }
  return { busy, floor, lasts, cpu, kills: kills() };
}

const perSample = (ms, n) => `${((ms / n) * 1_000).toFixed(2)} µs`;
const percentiles = (times) => {
  const sorted = times.toSorted((a, b) => a - b);
  return `p50 ${at(sorted, 0.5).toFixed(2)} ms, p99 ${at(sorted, 0.99).toFixed(2)} ms, worst ${sorted.at(-1).toFixed(1)} ms`;
};
const heapMb = () => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20);
};

console.log(`${cpus().length} × ${cpus()[0].model}, Node ${process.version}; bodies of ${BATCH} samples`);
await run({ batches: 300, perSecond: 1_000 }); // warm

console.log('a body from its bytes to the verdict of every hard stop, against JSON.parse of the same bytes');
for (const line of [false, true]) {
  const { busy, floor, lasts, cpu, kills } = await run({ batches: 2_000, perSecond: 50_000, line });
  const n = 2_000 * BATCH;
  if (kills > 0) throw new Error('the bench trips a hard stop');
  console.log(
    `  ${line ? 'lines' : 'array'}: ${Math.round((n / busy) * 1_000)} samples/s on one core, ${perSample(busy, n)} a sample; floor ${perSample(floor, n)}: ${(busy / floor).toFixed(1)} x; ${percentiles(lasts)}; processor ${percentiles(cpu)}`,
  );
}

console.log(
  'the same over HTTP, one body after the other on one kept-alive connection; client and server in one process',
);
{
  const { clock, monitor, ledger, engines } = await start();
  const sent = await overHttp({ clock, monitor, ledger, engines }, 1_000);
  console.log(
    `  ${Math.round((1_000 * BATCH * 1_000) / sent.reduce((sum, one) => sum + one, 0))} samples/s; ${percentiles(sent)}`,
  );
}

console.log('as the windows fill: 2,500 samples a second, 1,000 of them new orders');
{
  const folder = await mkdtemp(join(tmpdir(), 'standdown-bench-'));
  const file = createWindowsFile(folder, quiet);
  let since = 0;
  await run({
    batches: 5_000,
    perSecond: 2_500,
    async report({ number, lasts, cpu, monitor }) {
      if ((number + 1) % 500 !== 0) return;
      const part = lasts.slice(since);
      const used = cpu.slice(since);
      since = lasts.length;
      const busy = used.reduce((sum, one) => sum + one, 0);
      const began = performance.now();
      const state = {
        measurements: monitor.measurements.snapshot(),
        handled: [],
        unknownSince: [],
        raised: [],
      };
      const snapshotMs = performance.now() - began;
      const heap = heapMb();
      const stallMs = await longestStall(() => file.save(state));
      console.log(
        `  ${String((number + 1) * BATCH).padStart(9)} samples: ${perSample(busy, part.length * BATCH)} of processor a sample, ${percentiles(used)}; on the clock ${percentiles(part)}; heap ${heap} MB; snapshot taken in ${snapshotMs.toFixed(1)} ms, written with a longest stall of ${stallMs.toFixed(1)} ms`,
      );
    },
  });
  await rm(folder, { recursive: true });
}

/** The longest time between two turns of the event loop while `work` runs, in ms. */
async function longestStall(work) {
  let longest = 0;
  let last = performance.now();
  let on = true;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (on) setImmediate(look);
  };
  setImmediate(look);
  await work();
  on = false;
  return longest;
}

/** Send bodies through the real edge. Returns how long each took, request to answer, in ms. */
async function overHttp({ clock, monitor, ledger, engines }, batches) {
  const port = 0;
  const edge = await startEdge({
    host: '127.0.0.1',
    port,
    tokens: { full: ['full'], alert: [], telemetry: ['telemetry'], read: [] },
    mode: 'rehearsal',
    // Nothing but telemetry is asked for.
    desk: { takeAlerts: async () => [] },
    ledger: { ...ledger, unrecorded: () => null },
    store: {},
    once: {},
    playbook: policy.playbook,
    clock: { ...clock, now: clock.now, monotonic: clock.monotonic },
    log: quiet,
    metrics: createMetrics(
      { ...ledger, onChanged: () => undefined },
      { waiting: () => [] },
      monitor,
      engines,
      {
        version: '0.0.0',
        mode: 'live',
        hardStops: 'act',
        feeds: [],
        budgets: () => ({ month: '2026-11', status: 'UNKNOWN', readings: [] }),
        marketOpen: () => true,
        now: clock.now,
      },
    ),
    slack: null,
    monitor,
    engines,
    known: KNOWN,
    notReady: () => null,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const next = random(11);
  const times = [];
  for (let number = 0; number < batches; number += 1) {
    const bytes = body(next, number, clock.at, 0.1, false);
    clock.at += BATCH * 0.1;
    const began = performance.now();
    const status = await post(agent, `${edge.url}/telemetry`, bytes);
    times.push(performance.now() - began);
    if (status !== 202) throw new Error(`answered ${status}`);
  }
  agent.destroy();
  await edge.close();
  return times;
}

function post(agent, url, bytes) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: 'Bearer telemetry', 'content-length': bytes.length };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    });
    sent.once('error', reject);
    sent.end(bytes);
  });
}
