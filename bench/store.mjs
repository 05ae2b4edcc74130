// What the embedded store costs, on this machine's disk. Run: npm run build && node bench/store.mjs [folder]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../dist/adapters/store.js';

const by = { via: 'alert', id: 'am', name: 'am' };
const now = () => Date.now();

/** An incident's life in ten events of about 330 bytes each, and what it owes. `closed`: it ends resolved. */
function* life(id, closed) {
  const alert = (key) => ({
    source: 'am',
    groupKey: id,
    key,
    title: 'Feed gap on binance-1m',
    severity: 'P1',
    startsAt: 1,
    startsAtGiven: true,
    labels: { feed: 'binance-1m', symbol: 'BTC/USDT:USDT', severity: 'P1' },
    annotations: { summary: 'no bar for 150 s' },
  });
  const effect = (n) => ({
    id: `${id}/${n}/headline`,
    incident: id,
    lane: 'slack',
    target: `${id}/headline`,
    work: { kind: 'headline' },
  });
  yield [
    {
      type: 'IncidentOpened',
      at: 1,
      by,
      id,
      title: 'Feed gap',
      severity: 'P1',
      origin: 'alert',
      source: 'am',
      groupKey: id,
      runbook: 'feed-gap',
      drill: false,
    },
    effect(1),
  ];
  for (const key of ['a', 'b', 'c', 'd'])
    yield [{ type: 'AlertFired', at: 2, by, alert: alert(key) }, undefined];
  yield [{ type: 'IncidentAcknowledged', at: 3, by }, effect(2), `${id}/1/headline`];
  for (const key of ['a', 'b', 'c']) yield [{ type: 'AlertCleared', at: 4, by, key, endedAt: 4 }, undefined];
  if (closed) yield [{ type: 'IncidentResolved', at: 5, by, how: 'person' }, undefined, `${id}/2/headline`];
  else yield [{ type: 'NoteAdded', at: 5, by, text: 'looking at it' }, undefined];
}

let serial = 0;
/** Append `count` events, ten an incident, by so many appenders. One incident in a hundred stays open. */
async function load(store, count, appenders) {
  let left = count;
  const appender = async () => {
    while (left > 0) {
      const id = `INC-${(serial += 1)}-${process.pid}`;
      let version = 0;
      left -= 10;
      for (const [event, effect, settles] of life(id, serial % 100 !== 0)) {
        const word = await store.append(
          id,
          version,
          [event],
          effect ? [effect] : [],
          settles ? [settles] : [],
        );
        if (word !== 'appended') throw new Error(word);
        version += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: appenders }, appender));
}

/** The longest time between two turns of the event loop while `work` runs, in ms. */
async function longestStall(work) {
  let longest = 0;
  let last = performance.now();
  let on = true;
  const tick = () => {
    const at = performance.now();
    longest = Math.max(longest, at - last);
    last = at;
    if (on) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  on = false;
  return longest;
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

if (process.argv[2] === '--start') {
  const began = performance.now();
  const store = await openStore({ dataDir: process.argv[3], now });
  process.stdout.write(
    JSON.stringify({
      openMs: performance.now() - began,
      upMs: process.uptime() * 1_000,
      events: store.report().events,
    }),
  );
  await store.close();
  process.exit(0);
}

const root = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'standdown-bench-'));
try {
  console.log('events a second');
  for (const appenders of [1, 10, 100]) {
    const store = await openStore({ dataDir: join(root, `rate${appenders}`), now });
    await load(store, 1_000, appenders);
    const count = appenders === 1 ? 5_000 : 30_000;
    const began = performance.now();
    await load(store, count, appenders);
    console.log(
      `  ${String(appenders).padStart(3)} appenders: ${Math.round((count / (performance.now() - began)) * 1_000)}`,
    );
    await store.close();
  }

  const small = join(root, 'small');
  const large = join(root, 'large');
  const fill = async (dataDir, events) => {
    const store = await openStore({ dataDir, now });
    await load(store, events, 50);
    await store.close();
  };
  await fill(small, 100);
  await fill(large, 100_000);

  const starts = { small: [], large: [] };
  const processes = { small: [], large: [] };
  for (let round = 0; round < 7; round += 1) {
    for (const [name, dataDir] of [
      ['small', small],
      ['large', large],
    ]) {
      const said = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--start', dataDir], {
        encoding: 'utf8',
      }).stdout;
      const { openMs, upMs } = JSON.parse(said);
      starts[name].push(openMs);
      processes[name].push(upMs);
    }
  }
  const ratio = (pair) =>
    `${median(pair.small).toFixed(1)} ms, ${median(pair.large).toFixed(1)} ms: ${(median(pair.large) / median(pair.small)).toFixed(2)} x`;
  console.log('start with 100 events, with 100,000');
  console.log(`  openStore:            ${ratio(starts)}`);
  console.log(`  process to ready:     ${ratio(processes)}`);

  // Side by side, in turns, each turn long enough for a snapshot.
  const stores = {
    small: await openStore({ dataDir: small, now }),
    large: await openStore({ dataDir: large, now }),
  };
  const cost = { small: [], large: [] };
  const cpu = { small: [], large: [] };
  const stall = { small: [], large: [] };
  for (let round = 0; round < 9; round += 1) {
    for (const name of round % 2 === 0 ? ['small', 'large'] : ['large', 'small']) {
      globalThis.gc?.();
      const used = process.cpuUsage();
      const began = performance.now();
      stall[name].push(await longestStall(() => load(stores[name], 6_000, 10)));
      cost[name].push(((performance.now() - began) / 6_000) * 1_000);
      const { user, system } = process.cpuUsage(used);
      cpu[name].push((user + system) / 6_000);
    }
    if (round === 0) for (const list of [cost.small, cost.large, cpu.small, cpu.large]) list.length = 0; // warming up
  }
  const micros = (pair) =>
    `${median(pair.small).toFixed(1)} µs, ${median(pair.large).toFixed(1)} µs: ${(median(pair.large) / median(pair.small)).toFixed(2)} x`;
  console.log('an event with 100 stored, with 100,000 (10 appenders, snapshots included)');
  console.log(`  time:                 ${micros(cost)}`);
  console.log(`  processor:            ${micros(cpu)}`);
  console.log(
    `  longest loop stall:   ${Math.max(...stall.small).toFixed(1)} ms, ${Math.max(...stall.large).toFixed(1)} ms`,
  );
  await stores.small.close();
  await stores.large.close();
} finally {
  rmSync(root, { recursive: true, force: true });
}
