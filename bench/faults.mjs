/**
 * The fault table: every fault, on every call that a kill makes, once and for ever, at the five venues of the proven table.
 * The real executor, ledger and ccxt over HTTP against the counterparts; what it says is compared with what is true there.
 *
 *   npm run build && node bench/faults.mjs [--full]
 *
 * A cell is the worst first verdict over all calls, and the slowest; `→` is what it came to once a single fault was over.
 * A lie is FLAT said while an order or a position is there. Most of the time is waiting; it ends by itself.
 */

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createVenue } from '../dist/adapters/ccxt.js';
import { systemClock } from '../dist/adapters/clock.js';
import { createKillExecutor } from '../dist/engine/kill.js';
import { loadPolicy } from '../dist/policy.js';
import { startBinanceCounterpart } from '../dist/rehearsal/binance.js';
import { startBybitCounterpart } from '../dist/rehearsal/bybit.js';
import { startKrakenCounterpart } from '../dist/rehearsal/kraken.js';
import { startOkxCounterpart } from '../dist/rehearsal/okx.js';
import { createSideLedger } from '../dist/sideJournal.js';

const { values: options } = parseArgs({ options: { full: { type: 'boolean', default: false } } });
const KEY = 'k'.repeat(64);
const SECRET = 's'.repeat(64);
/** Kraken wants a secret in base64. */
const KRAKEN_SECRET = Buffer.from(SECRET).toString('base64');
/** Kills under way at once: they wait, more than they work. */
const AT_ONCE = 24;
/** How long a single fault may take to be over and done with: a ban of 120 s is not waited for. */
const LATER_MS = 25_000;
const { policy } = loadPolicy();
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Each venue with an order in more than one list, and what is open there. */
const VENUES = {
  binance: {
    start: () =>
      startBinanceCounterpart({ apiKey: KEY, secret: SECRET, balances: { spot: { USDT: 1e6 }, swap: {} } }),
    near: { symbols: ['BTC/USDT'], quoteAssets: ['USDT'] },
    fill(far) {
      far.placeOrder({ wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50_000 });
      far.placeOrder({ wallet: 'spot', symbol: 'ETHUSDT', side: 'buy', quantity: 0.1, price: 2_000 });
    },
    open: (far) => far.openOrders().length + far.positions().length,
  },
  binanceusdm: {
    start: () =>
      startBinanceCounterpart({ apiKey: KEY, secret: SECRET, balances: { spot: {}, swap: { USDT: 1e6 } } }),
    near: { symbols: ['BTC/USDT:USDT'], quoteAssets: ['USDT'] },
    fill(far) {
      far.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50_000 });
      far.placeOrder({ symbol: 'ETHUSDT', side: 'buy', quantity: 0.1, price: 2_000 });
      far.placeOrder({ symbol: 'BTCUSDT', side: 'sell', quantity: 0.01, triggerPrice: 55_000 });
    },
    open: (far) => far.openOrders().length + far.conditionalOrders().length + far.positions().length,
  },
  bybit: {
    start: () => startBybitCounterpart({ apiKey: KEY, secret: SECRET, balances: { USDT: 1e6 } }),
    near: { symbols: ['BTC/USDT:USDT'], quoteAssets: ['USDT'] },
    fill(far) {
      far.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50_000 });
      far.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 49_000 });
      far.placeOrder({ symbol: 'BTCUSDT', side: 'sell', quantity: 0.01, triggerPrice: 55_000 });
    },
    open: (far) => far.openOrders().length + far.positions().length,
  },
  okx: {
    start: () =>
      startOkxCounterpart({ apiKey: KEY, secret: SECRET, passphrase: 'p', balances: { USDT: 1e6 } }),
    near: { symbols: ['BTC/USDT:USDT'], quoteAssets: ['USDT'], password: 'p' },
    fill(far) {
      far.placeOrder({ instId: 'BTC-USDT-SWAP', side: 'buy', sz: 1, px: 50_000 });
      far.placeOrder({ instId: 'BTC-USDT-SWAP', side: 'buy', sz: 1, px: 49_000 });
      far.placeOrder({ instId: 'BTC-USDT-SWAP', side: 'buy', sz: 1, algo: 'trigger', triggerPx: 65_000 });
    },
    open: (far) => far.openOrders().length + far.algoOrders().length + far.positions().length,
  },
  kraken: {
    start: () =>
      startKrakenCounterpart({
        apiKey: KEY,
        secret: KRAKEN_SECRET,
        balances: { ZUSD: 1e6 },
        rateLimit: { max: 10_000, perSecond: 1 },
      }),
    near: { symbols: ['BTC/USD'], quoteAssets: ['USD'], secret: KRAKEN_SECRET },
    fill(far) {
      far.placeOrder({ pair: 'XBTUSD', side: 'buy', price: 50_000, quantity: 0.01 });
      far.placeOrder({ pair: 'XBTUSD', side: 'buy', price: 49_000, quantity: 0.01 });
      far.placeOrder({ pair: 'XBTUSD', side: 'buy', triggerPrice: 65_000, quantity: 0.005 });
    },
    open: (far) => far.openOrders().length + far.positions().length,
  },
};

/** The words of issue 3, and the counterparts' kinds of fault. */
const FAULTS = [
  ['timeout', { kind: 'timeout' }],
  ['reset', { kind: 'reset' }],
  ['stalled body', { kind: 'stalledBody' }],
  ['429, retry after 2 s', { kind: 'http429', retryAfterSec: 2 }],
  ['ban of 120 s', { kind: 'http418' }],
  ['5xx', { kind: 'http500' }],
  ['maintenance', { kind: 'maintenance' }],
  ['revoked key', { kind: 'revokedKey' }],
  ['clock skew', { kind: 'clockSkew' }],
  ['HTML', { kind: 'html' }],
  ['cut-off JSON', { kind: 'garbage' }],
  ['says done, does nothing', { kind: 'lie' }, 'cancels'],
  ['done, answer lost', { kind: 'appliedThenReset' }, 'cancels'],
  ['done, 503 “unknown”', { kind: 'appliedThen503' }, 'cancels'],
  ['partial cancel', { kind: 'partial' }, 'cancels'],
  ['fills while cancelling', { kind: 'fillDuringCancel' }, 'cancels'],
];
const MARKET_DATA =
  /exchangeInfo|instruments|AssetPairs|public\/Assets|ticker|leverage|account\/config|sapi/i;

async function openDesk(name) {
  const venue = VENUES[name];
  const far = await venue.start();
  const near = await createVenue({
    id: name,
    exchange: name,
    apiKey: KEY,
    secret: SECRET,
    baseUrl: far.url,
    clock: systemClock,
    mask: (text) => text,
    protectiveOrders: 'cancel',
    ...venue.near,
  });
  return { far, near, fill: () => venue.fill(far), left: () => venue.open(far) };
}

/** One kill, from the trigger until `enough` says so; every verdict with when, and what was open at that moment. */
async function kill(desk, enough) {
  const said = [];
  let done = () => undefined;
  const finished = new Promise((resolve) => {
    done = resolve;
  });
  const began = performance.now();
  const ledger = createSideLedger('/dev/null', '/tmp', systemClock, policy.playbook, (event) => {
    if (event.type !== 'KillJudged') return;
    said.push({ verdict: event.verdict, ms: Math.round(performance.now() - began), left: desk.left() });
    if (enough(said)) done();
  });
  const control = {
    read: async () => ({ state: 'read', values: { KILL_SWITCH: '1' }, rev: 1 }),
    write: async (values) => ({ state: 'written', values, rev: 1 }),
  };
  const executor = createKillExecutor({
    ledger,
    clock: systemClock,
    control,
    venues: [desk.near],
    log: silent,
    protectiveOrders: 'cancel',
  });
  const order = { incident: 'INC-20261122-001', kill: 'K-1' };
  const by = { via: 'cli', id: 'bench', name: 'bench' };
  const ask = { type: 'AskKill', by, ...order, reason: 'bench', venues: [desk.near.id], drill: true };
  const asked = ledger.commit(order.incident, ask);
  await executor.start({ ...order, triggeredAt: systemClock.monotonic(), asked });
  const limit = new AbortController();
  await Promise.race([finished, systemClock.wait(LATER_MS + 10_000, limit.signal)]);
  limit.abort();
  executor.stop();
  return said;
}

/** The calls that a healthy kill makes: what there is to be broken. */
async function callsOf(name) {
  const desk = await openDesk(name);
  desk.fill();
  await kill(desk, () => true);
  const calls = new Map();
  for (const { method, path } of desk.far.requests()) calls.set(`${method} ${path}`, { method, path });
  await desk.near.close();
  await desk.far.close();
  return [...calls.values()];
}

const isCancel = ({ method, path }) => method === 'DELETE' || /cancel/i.test(path);

async function row(name, fault, match, times) {
  const desk = await openDesk(name);
  try {
    if (fault.market === true) await desk.near.warm();
    desk.fill();
    const set = fault.options === undefined ? null : desk.far.fault({ ...fault.options, match, times });
    const stop = fault.engine === undefined ? () => undefined : desk.far.engineKeepsTrading(fault.engine);
    const said = await kill(
      desk,
      (all) => times === Number.POSITIVE_INFINITY || all.at(-1).verdict === 'FLAT',
    );
    stop();
    return {
      venue: name,
      fault: fault.name,
      call: match === undefined ? '' : `${match.method} ${match.path}`,
      often: times === 1 ? 'once' : 'for ever',
      hits: set?.hits() ?? 0,
      first: said[0] ?? { verdict: 'none', ms: -1, left: -1 },
      last: said.at(-1) ?? { verdict: 'none', ms: -1, left: -1 },
      lied: said.some(({ verdict, left }) => verdict === 'FLAT' && left > 0),
    };
  } finally {
    await desk.near.close();
    await desk.far.close();
  }
}

const jobs = [];
for (const name of Object.keys(VENUES)) {
  for (const call of await callsOf(name)) {
    for (const [words, kind, only] of FAULTS) {
      if (only === 'cancels' && !isCancel(call)) continue;
      for (const times of [1, Number.POSITIVE_INFINITY])
        jobs.push(() => row(name, { name: words, options: kind }, call, times));
    }
  }
  const engine = { name: 'engine goes on placing', engine: { count: 12 } };
  jobs.push(() => row(name, engine, undefined, 1));
  jobs.push(() => row(name, { ...engine, engine: {} }, undefined, Number.POSITIVE_INFINITY));
  const market = {
    name: 'market data, leverage or another API down',
    options: { kind: 'http500' },
    market: true,
  };
  jobs.push(() => row(name, market, { path: MARKET_DATA }, Number.POSITIVE_INFINITY));
}

const rows = [];
const queue = jobs.entries();
const work = async () => {
  for (const [, job] of queue) rows.push(await job());
};
await Promise.all(Array.from({ length: AT_ONCE }, work));

console.log(
  `${cpus()[0]?.model ?? 'unknown'} × ${cpus().length}, Node ${process.version}; ${rows.length} kills, ${rows.filter((one) => one.lied).length} lies, slowest first verdict ${Math.max(...rows.map((one) => one.first.ms))} ms\n`,
);
const WEIGHT = { FLAT: 0, RESIDUAL: 1, UNKNOWN: 2, none: 3 };
const worst = (verdicts) => verdicts.toSorted((a, b) => WEIGHT[b] - WEIGHT[a])[0];
const names = Object.keys(VENUES);
console.log(`| fault | often | ${names.join(' | ')} |\n|---|---|${names.map(() => '---').join('|')}|`);
for (const fault of new Set(rows.map((one) => one.fault))) {
  for (const often of ['once', 'for ever']) {
    const cells = names.map((name) => {
      const here = rows.filter((one) => one.venue === name && one.fault === fault && one.often === often);
      if (here.length === 0) return '–';
      const first = `${worst(here.map((one) => one.first.verdict))} ${(Math.max(...here.map((one) => one.first.ms)) / 1_000).toFixed(1)} s`;
      const later = often === 'once' ? ` → ${worst(here.map((one) => one.last.verdict))}` : '';
      return `${first}${later}${here.some((one) => one.lied) ? ' **LIE**' : ''} (${here.length})`;
    });
    if (cells.some((cell) => cell !== '–')) console.log(`| ${fault} | ${often} | ${cells.join(' | ')} |`);
  }
}
if (options.full) {
  console.log('\n| venue | fault | call | often | hits | first verdict | open then | last | open then |');
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const one of rows)
    console.log(
      `| ${one.venue} | ${one.fault} | ${one.call} | ${one.often} | ${one.hits} | ${one.first.verdict} ${one.first.ms} ms | ${one.first.left} | ${one.last.verdict} | ${one.last.left} |`,
    );
}
process.exit(rows.some((one) => one.lied) ? 1 : 0);
