import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { createHost } from '../../src/adapters/host.ts';
import { hostFinding } from '../../src/domain/runbook/probes.ts';

it('the machine that this runs on has a load in percent, and a disk; a folder that is not there is not known', async () => {
  const host = createHost(tmpdir());
  await new Promise((resolve) => setImmediate(resolve));
  const load = await host.read();
  for (const value of [load.memPct, load.diskPct]) {
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThanOrEqual(100);
  }
  expect(load.cpuPct).toBeGreaterThanOrEqual(0);
  expect(hostFinding(load).text).toMatch(/memory \d+ %.*disk \d+ %/);
  host.close();
  const nowhere = createHost('/no/such/folder');
  expect((await nowhere.read()).diskPct).toBeNull();
  nowhere.close();
});
