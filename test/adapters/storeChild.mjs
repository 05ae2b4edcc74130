// Appends to a store until it is killed, and says each acknowledged append on stdout. Run on the compiled store:
//   node storeChild.mjs <dataDir> [failpoint] [how many times it may pass]
// With a failpoint it kills itself there, as `kill -9` would.
import { writeSync } from 'node:fs';
import { openStore } from '../../dist/adapters/store.js';

const [dataDir, failpoint, passes = '0'] = process.argv.slice(2);
let left = Number(passes);
const store = await openStore({
  dataDir,
  now: () => Date.now(),
  snapshotEvery: 25,
  failpoint: (name) => {
    if (name !== failpoint) return;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
  },
});
const by = { via: 'cli', id: 'child', name: 'child' };
// Ids that no earlier life of this directory has used.
const life = store.summaries().length;
writeSync(1, 'ready\n');

async function appender(lane) {
  for (let n = 0; ; n += 1) {
    const id = `INC-${life}-${lane}-${n}`;
    const opened = {
      type: 'IncidentOpened',
      at: n,
      by,
      id,
      title: id,
      severity: 'P2',
      origin: 'alert',
      source: 'am',
      groupKey: id,
      runbook: null,
      drill: false,
    };
    const effect = {
      id: `${id}/1/headline`,
      incident: id,
      lane: 'slack',
      target: id,
      work: { kind: 'headline' },
    };
    await store.append(id, 0, [opened], [effect]);
    // A pipe's write is done when it returns: what was said is with the parent, whatever happens next.
    writeSync(1, `${id} 1\n`);
    for (let version = 1; version < 9; version += 1) {
      await store.append(id, version, [{ type: 'NoteAdded', at: n, by, text: `note ${version}` }], []);
      writeSync(1, `${id} ${version + 1}\n`);
    }
    await store.append(id, 9, [{ type: 'IncidentResolved', at: n, by, how: 'person' }], [], [effect.id]);
    writeSync(1, `${id} 10\n`);
  }
}
await Promise.all([0, 1, 2, 3, 4].map(appender));
