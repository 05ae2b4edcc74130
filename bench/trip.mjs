/**
 * From the sample that decides a hard stop to the first cancel on the wire: the whole bot over HTTP on loopback, a new one
 * each time, since a desk is killed once. Beside it, in the same run, the floor: one synced write to the same disk.
 *
 *   npm run build && node bench/trip.mjs [--times 30]
 */

import { mkdtemp, open, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadPolicy } from '../dist/policy.js';
import { startRehearsal } from '../dist/rehearse.js';

const { values: options } = parseArgs({ options: { times: { type: 'string', default: '30' } } });
const TIMES = Number(options.times);
const { policy } = loadPolicy();
const quantile = (values, share) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)];
const row = (name, values) =>
  console.log(
    `${name.padEnd(44)} p50 ${quantile(values, 0.5).toFixed(1).padStart(6)} ms   p99 ${quantile(values, 0.99).toFixed(1).padStart(6)} ms   of ${values.length}`,
  );

const folder = await mkdtemp(join(tmpdir(), 'standdown-trip-'));

async function oneSync() {
  const file = await open(join(folder, 'sync'), 'a');
  const began = performance.now();
  await file.write(Buffer.alloc(400, 'x'));
  await file.datasync();
  const took = performance.now() - began;
  await file.close();
  return took;
}

async function oneTrip(n) {
  const dataDir = join(folder, `data-${n}`);
  const rehearsal = await startRehearsal(
    {
      mode: 'rehearsal',
      host: '127.0.0.1',
      port: 0,
      logLevel: 'silent',
      dataDir,
      controlFile: join(dataDir, 'control.env'),
      playbookFile: '',
      warnings: [],
    },
    policy,
  );
  const { bot, stage, token } = rehearsal;
  const post = async (at) => {
    const sample = { type: 'position', at, venue: 'binance-usdm', symbol: 'BTC/USDT:USDT', notional: 5_000 };
    const answer = await fetch(`${bot.url}/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(sample),
    });
    if (answer.status !== 202) throw new Error(`the sample was answered with ${answer.status}`);
    await answer.arrayBuffer();
  };
  const cancels = () => stage.binance.requests({ method: 'DELETE' }).length;
  try {
    const now = Date.now();
    await post(now - 1_000);
    const seen = stage.binance.until(() => cancels() > 0, { timeoutMs: 10_000, what: 'a cancel' });
    const began = performance.now();
    const answered = post(now);
    await seen;
    const took = performance.now() - began;
    await answered;
    return took;
  } finally {
    await rehearsal.stop();
  }
}

console.log(`${cpus()[0]?.model} × ${cpus().length}, Node ${process.version}`);
const syncs = [];
const trips = [];
for (let n = 0; n < TIMES; n += 1) {
  syncs.push(await oneSync());
  trips.push(await oneTrip(n));
}
row('one synced write', syncs);
row('deciding sample → first cancel on the wire', trips);
console.log(`aim: p99 ≤ 10 ms + one sync = ${(10 + quantile(syncs, 0.99)).toFixed(1)} ms`);
await rm(folder, { recursive: true, force: true });
process.exit(0);
