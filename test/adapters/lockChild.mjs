// Takes and releases a lock again and again, and proves each time that nobody else has it:
//   node lockChild.mjs <folder> <times>
// In a third of the cases it dies with the lock in its hands, by SIGKILL; the parent starts another one.
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock } from '../../dist/adapters/lock.js';

const [folder, times] = process.argv.slice(2);
for (let taken = 0; taken < Number(times); ) {
  let release;
  try {
    release = await acquireLock(folder);
  } catch (error) {
    if (error.code !== 'store_refused') throw error;
    continue;
  }
  // Whoever is inside makes this file; it can only be there already when two are inside.
  const inside = join(folder, 'inside');
  closeSync(openSync(inside, 'wx'));
  await new Promise((resolve) => setImmediate(resolve));
  unlinkSync(inside);
  taken += 1;
  writeSync(1, '.');
  if (Math.random() < 1 / 3) process.kill(process.pid, 'SIGKILL');
  await release();
}
