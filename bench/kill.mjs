/**
 * How fast a kill is, side by side with a floor in the same run: a raw kept-alive HTTP client that sends the requests that
 * a kill cannot do without (list and cancel by symbol at once, then two readings), at 80 ms a round trip.
 *
 *   npm run build && node bench/kill.mjs
 *
 * It prints trigger → verdict of the real bot (control file, journal, ccxt and all), the floor, and their ratio.
 */

import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createVenue } from '../dist/adapters/ccxt.js';
import { systemClock } from '../dist/adapters/clock.js';
import { openControlFile } from '../dist/adapters/controlFile.js';
import { openStore } from '../dist/adapters/store.js';
import { createKillExecutor } from '../dist/engine/kill.js';
import { createLedger } from '../dist/engine/ledger.js';
import { loadPolicy } from '../dist/policy.js';

const LATENCY_MS = 80;
const ROUNDS = 5;
const KEY = 'k'.repeat(64);
const SECRET = 's'.repeat(64);
const NAMES = Array.from(
  { length: 50 },
  (_, n) => `SYM${String.fromCharCode(65 + Math.floor(n / 10))}${n % 10}`,
);
const log = {
  debug() {},
  info() {},
  warn() {},
  error(fields, message) {
    console.error(message, fields);
  },
};
const { policy } = loadPolicy();

/** The venue's counterpart in a thread of its own: neither side of the comparison pays for the venue. */
async function startVenue(options) {
  const worker = new Worker(new URL('./venueWorker.mjs', import.meta.url), { workerData: options });
  const asked = new Map();
  let next = 0;
  const url = await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', (message) => {
      if (message.url !== undefined) return resolve(message.url);
      asked.get(message.id)();
      asked.delete(message.id);
    });
  });
  return {
    url,
    call: (method, ...args) =>
      new Promise((resolve) => {
        asked.set((next += 1), resolve);
        worker.postMessage({ id: next, method, args });
      }),
    close: () => worker.terminate(),
  };
}

/** Orders of `n` symbols at both markets, one conditional order each. */
async function fill(binance, n) {
  const orders = NAMES.slice(0, n).flatMap((name) => {
    const symbol = `${name}USDT`;
    return [
      { wallet: 'spot', symbol, side: 'buy', quantity: 1, price: 10 },
      { symbol, side: 'buy', quantity: 1, price: 10 },
      { symbol, side: 'buy', quantity: 1, type: 'STOP_MARKET', triggerPrice: 1_000 },
    ];
  });
  await Promise.all(orders.map((order) => binance.call('placeOrder', order)));
}

function rawClient(url) {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  const { hostname, port } = new URL(url);
  return (method, path, params = {}) => {
    const query = new URLSearchParams({
      ...params,
      timestamp: String(Date.now()),
      recvWindow: '10000',
    }).toString();
    const signature = createHmac('sha256', SECRET).update(query).digest('hex');
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          hostname,
          port,
          method,
          path: `${path}?${query}&signature=${signature}`,
          headers: { 'X-MBX-APIKEY': KEY },
        },
        (response) => {
          response.resume();
          response.on('end', resolve);
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  };
}

async function floor(send, n) {
  const symbols = NAMES.slice(0, n).map((name) => `${name}USDT`);
  const startedAt = performance.now();
  const reads = () => [
    send('GET', '/api/v3/openOrders'),
    send('GET', '/api/v3/account'),
    send('GET', '/fapi/v1/openOrders'),
    send('GET', '/fapi/v1/openAlgoOrders'),
    send('GET', '/fapi/v3/positionRisk'),
  ];
  await Promise.all([
    ...reads().slice(0, 4),
    ...symbols.flatMap((symbol) => [
      send('DELETE', '/api/v3/openOrders', { symbol }),
      send('DELETE', '/fapi/v1/allOpenOrders', { symbol }),
      send('DELETE', '/fapi/v1/algoOpenOrders', { symbol }),
    ]),
  ]);
  await Promise.all(reads());
  await Promise.all(reads());
  return performance.now() - startedAt;
}

/** One kill by the real executor: control file on disk, journal on disk, ccxt over HTTP. */
async function kill(desk, n) {
  const { ledger, executor, control } = desk;
  const incident = `INC-20261122-${String((desk.count += 1)).padStart(3, '0')}`;
  const id = `K-${desk.count}`;
  const triggeredAt = systemClock.monotonic();
  const by = { via: 'cli', id: 'bench', name: 'bench' };
  const asked = ledger.commit(
    incident,
    { type: 'AskKill', by, incident, kill: id, reason: `${n}`, venues: ['spot', 'usdm'], drill: true },
    { mustGoOn: true, fresh: true },
  );
  await executor.start({ incident, kill: id, triggeredAt, asked });
  const state = () => ledger.peek(incident)?.kills[id];
  while (state()?.verdict === null || state()?.verdict === undefined) await systemClock.wait(1);
  const { verdict, timings } = state();
  executor.stop();
  await control.write({ KILL_SWITCH: '0' });
  if (verdict !== 'FLAT')
    throw new Error(
      `the verdict is ${verdict}: ${JSON.stringify(Object.values(state().venues).map((venue) => venue.verdict?.reason))}`,
    );
  return timings;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const folder = await mkdtemp(join(tmpdir(), 'standdown-bench-'));
const controlFile = join(folder, 'control.env');
await writeFile(controlFile, 'KILL_SWITCH=0\n');
console.log(
  `${cpus()[0]?.model ?? 'unknown'} × ${cpus().length}, Node ${process.version}, ${LATENCY_MS} ms a round trip, median of ${ROUNDS}`,
);
console.log(
  'symbols  case                 KILL_SWITCH=1 on disk   last cancel   verified      floor   ratio',
);

for (const n of [1, 10, 50]) {
  for (const name of ['healthy', 'exchange info down', 'after a heavy list']) {
    const binance = await startVenue({
      apiKey: KEY,
      secret: SECRET,
      latencyMs: LATENCY_MS,
      balances: { spot: { USDT: 1e6 }, swap: { USDT: 1e6 } },
    });
    const venue = (id, exchange, symbols) =>
      createVenue({
        id,
        exchange,
        apiKey: KEY,
        secret: SECRET,
        symbols,
        quoteAssets: ['USDT'],
        baseUrl: binance.url,
        clock: systemClock,
        mask: (text) => text,
        protectiveOrders: 'cancel',
      });
    const venues = [
      await venue(
        'spot',
        'binance',
        NAMES.slice(0, n).map((one) => `${one}/USDT`),
      ),
      await venue(
        'usdm',
        'binanceusdm',
        NAMES.slice(0, n).map((one) => `${one}/USDT:USDT`),
      ),
    ];
    const store = await openStore({
      dataDir: join(folder, `data-${n}-${name.replaceAll(' ', '-')}`),
      now: Date.now,
      log,
    });
    const control = await openControlFile({ path: controlFile, now: Date.now });
    const ledger = createLedger({ store, clock: systemClock, playbook: policy.playbook, log });
    const executor = createKillExecutor({
      ledger,
      clock: systemClock,
      control,
      venues,
      log,
      protectiveOrders: 'cancel',
    });
    const desk = { ledger, executor, control, count: 0 };
    if (name !== 'exchange info down') for (const one of venues) await one.warm();
    else
      await binance.call('fault', {
        kind: 'http500',
        match: { path: /exchangeInfo$/ },
        times: Number.POSITIVE_INFINITY,
      });
    const send = rawClient(binance.url);
    const ours = [];
    const raw = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      await fill(binance, n);
      if (name === 'after a heavy list') for (const one of venues) await one.read();
      const timings = await kill(desk, n);
      await fill(binance, n);
      const floorMs = await floor(send, n);
      if (round === 0) continue; // the first opens the connections of both
      ours.push(timings);
      raw.push(floorMs);
      await binance.call('resetWeights');
    }
    const verified = median(ours.map((one) => one.verdictMs));
    const cells = [
      String(n).padStart(7),
      name.padEnd(20),
      `${median(ours.map((one) => one.latchMs ?? -1))} ms`.padStart(21),
      `${median(ours.map((one) => one.lastCancelMs ?? -1))} ms`.padStart(13),
      `${verified} ms`.padStart(10),
      `${Math.round(median(raw))} ms`.padStart(10),
      `${(verified / median(raw)).toFixed(2)} ×`.padStart(7),
    ];
    console.log(cells.join('  '));
    await store.close();
    await Promise.all(venues.map((one) => one.close()));
    await binance.close();
  }
}
await rm(folder, { recursive: true, force: true });
process.exit(0);
