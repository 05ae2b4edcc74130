/** What a start keeps aside is on the desk's log with its hash, so that `verify-log` knows it. */

import { hash } from 'node:crypto';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DESK } from '../../src/ports.ts';
import { startDesk } from './desk.ts';

it('a record that a crash cut is kept, and on record with its hash', async () => {
  const desk = await startDesk();
  try {
    const journal = join(desk.folder, 'data', 'journal');
    await desk.restart(async () => {
      const names = (await readdir(journal)).filter((name) => name.endsWith('.log')).toSorted();
      await appendFile(join(journal, names.at(-1) ?? ''), '{"cut":');
    });
    const rows = async () =>
      (await desk.bot.store.history(DESK)).filter(({ type }) => type === 'FileSetAside');
    await expect.poll(async () => (await rows()).length, { timeout: 5_000 }).toBe(1);
    const [name = ''] = await readdir(join(desk.folder, 'data', 'aside'));
    const bytes = await readFile(join(desk.folder, 'data', 'aside', name));
    expect(await rows()).toMatchObject([{ name, sha256: hash('sha256', bytes, 'hex') }]);
  } finally {
    await desk.close();
  }
});
