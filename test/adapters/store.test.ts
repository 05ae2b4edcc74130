import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/adapters/store.ts';
import { storeContract } from '../contracts/store.ts';
import { fakeStore } from '../fakes/store.ts';
import { seeded } from './memoryDisk.ts';
import { judge, runWorkload } from './store.crash.ts';

let root = '';
let folders = 0;
const fresh = () => join(root, `data${(folders += 1)}`);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'standdown-store-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

storeContract('the embedded store', (clock) => openStore({ dataDir: fresh(), now: () => clock.now }));
storeContract('the embedded store, putting away after every record', (clock) =>
  openStore({ dataDir: fresh(), now: () => clock.now, snapshotEvery: 1 }),
);
storeContract('the fake store', (clock) => Promise.resolve(fakeStore(() => clock.now)));

describe('a crash', () => {
  it('x', async () => {
    let states = 0;
    for (let seed = 1; seed < 4; seed++) {
      const run = await runWorkload(seed, 40);
      const random = seeded(seed);
      console.log(run.disk.ops(), run.records.length, run.states.size, run.snapshotEvery);
      const t = Date.now();
      const bad = new Map<string, number>();
      for (let after = 0; after <= run.disk.ops(); after++) {
        for (const keep of [() => 0, () => 1, random, random]) {
          const wrong = await judge(run, { after, keep });
          states++;
          if (wrong) bad.set(wrong, after);
        }
      }
      console.log(bad, states, Date.now() - t);
    }
  }, 100_000);
});
