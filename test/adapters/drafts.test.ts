import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDrafts, isAsWritten, POSTMORTEM_LOG } from '../../src/adapters/drafts.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drafts-'));
});
afterEach(() => rm(folder, { recursive: true }));

const ID = 'PM_20261122_001';

describe('the file of a postmortem', () => {
  it('is written whole and read back, with the hash of what stands there', async () => {
    const drafts = createDrafts(folder);
    const { path, sha256, copies } = await drafts.save(ID, '# one\n', null);
    expect(path).toBe(join(folder, `${ID}.md`));
    expect(copies).toEqual([]);
    const { bytes } = await drafts.read(ID);
    expect(bytes.toString()).toMatch(
      /^# one\n\n<!-- Written by Standdown\. SHA-256 of all above: [0-9a-f]{64} -->\n$/,
    );
    expect(isAsWritten(bytes, sha256)).toBe(true);
    expect(await readdir(folder)).toEqual([`${ID}.md`]);
  });

  it('that somebody changed is kept beside it before it is written anew, once', async () => {
    const drafts = createDrafts(folder);
    const { path, sha256 } = await drafts.save(ID, 'one', null);
    await writeFile(path, 'mine');
    expect((await drafts.save(ID, 'two', sha256)).copies).toEqual([`${ID}.by-hand-1.md`]);
    expect(await readFile(join(folder, `${ID}.by-hand-1.md`), 'utf8')).toBe('mine');
    // A crash after the copy finds the same file again.
    await writeFile(path, 'mine');
    expect((await drafts.save(ID, 'three', 'whatever')).copies).toEqual([`${ID}.by-hand-1.md`]);
    const { bytes } = await drafts.read(ID);
    await writeFile(path, bytes.toString().replace('three', 'thr33'));
    expect((await drafts.save(ID, 'four', 'whatever')).copies).toEqual([
      `${ID}.by-hand-1.md`,
      `${ID}.by-hand-2.md`,
    ]);
  });

  it('that the bot wrote and could not put on record is its own: no copy is made of it', async () => {
    const drafts = createDrafts(folder);
    const { sha256 } = await drafts.save(ID, 'one', null);
    // Killed before the event of this one.
    await drafts.save(ID, 'two', sha256);
    expect((await drafts.save(ID, 'three', sha256)).copies).toEqual([]);
  });

  it('has a name that comes from its id alone', async () => {
    const drafts = createDrafts(folder);
    for (const id of ['../x', 'PM_1', 'PM_20261122_001/../../x', 'PM_20261122_001\n', ''])
      await expect(drafts.save(id, 'x', null)).rejects.toThrow('is not the id of a postmortem');
    await drafts.saveLog('table');
    expect(await readdir(folder)).toEqual([POSTMORTEM_LOG]);
  });
});
