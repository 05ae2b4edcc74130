import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAside } from '../../src/adapters/aside.ts';
import type { Disk } from '../../src/adapters/disk.ts';
import { type Journal, openJournal } from '../../src/adapters/journal.ts';
import { type Fault, faultyDisk } from './faultyDisk.ts';
import { type MemoryDisk, memoryDisk } from './memoryDisk.ts';

const FOLDER = '/d/journal';
const FIRST = `${FOLDER}/000000000001.log`;

interface Opened {
  journal: Journal;
  records: unknown[];
  notes: string[];
}

async function open(disk: Disk, options: { after?: number; segmentBytes?: number } = {}): Promise<Opened> {
  const records: unknown[] = [];
  const notes: string[] = [];
  const journal = await openJournal(
    {
      disk,
      folder: FOLDER,
      aside: openAside(disk, '/d/aside'),
      after: options.after ?? 0,
      segmentBytes: options.segmentBytes ?? 1_000_000,
      failpoint: () => undefined,
      note: (sentence) => notes.push(sentence),
    },
    (_seq, record) => records.push(record),
  );
  return { journal, records, notes };
}

const append = (journal: Journal, value: unknown) => journal.append(JSON.stringify(value), () => undefined);

/** A disk with a journal of these records; one a write, so that each was acknowledged before the next. */
async function written(records: unknown[], segmentBytes?: number): Promise<MemoryDisk> {
  const disk = memoryDisk();
  const { journal } = await open(disk, segmentBytes === undefined ? {} : { segmentBytes });
  for (const record of records) await append(journal, record);
  await journal.close();
  return memoryDisk(disk.files());
}

const file = (disk: MemoryDisk, path = FIRST): Buffer => disk.files().get(path) as Buffer;
const asideNames = (disk: MemoryDisk): string[] =>
  [...disk.files().keys()].filter((path) => path.startsWith('/d/aside/'));

/** Where each line of a segment begins, the header first, and where the last one ends. */
function lineStarts(bytes: Buffer): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}

describe('the journal', () => {
  it('gives back what was appended, in order, over restarts', async () => {
    const disk = memoryDisk();
    let { journal } = await open(disk);
    await append(journal, 'a');
    await append(journal, { b: [1] });
    await journal.close();
    const second = await open(disk);
    expect(second.records).toEqual(['a', { b: [1] }]);
    journal = second.journal;
    expect(journal.last()).toBe(2);
    await append(journal, 'c');
    await journal.close();
    const third = await open(disk);
    expect(third.records).toEqual(['a', { b: [1] }, 'c']);
    expect(third.notes).toEqual([]);
  });

  it('gives back any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.string({ unit: 'binary' }),
        async (values, text) => {
          const all = [...values, text, '\u0000\n\r\u2028\ud800', JSON.parse('{"__proto__":1}')];
          const { records } = await open(await written(all));
          expect(records).toEqual(all.map((value): unknown => JSON.parse(JSON.stringify(value))));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('writes and syncs once for all that is appended in one turn', async () => {
    const disk = faultyDisk(memoryDisk());
    const { journal } = await open(disk);
    disk.calls.length = 0;
    const order: number[] = [];
    await Promise.all(Array.from({ length: 100 }, (_, n) => journal.append(String(n), () => order.push(n))));
    expect(disk.calls.map(({ call }) => call)).toEqual(['write', 'sync']);
    expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('writes what comes during a write together in the next one', async () => {
    const disk = faultyDisk(memoryDisk());
    const { journal } = await open(disk);
    disk.calls.length = 0;
    const first = journal.append('0', () => undefined);
    const during: Promise<void>[] = [];
    const second = journal.append('1', () => {
      for (let n = 2; n < 50; n += 1) during.push(append(journal, n));
    });
    await Promise.all([first, second]);
    await Promise.all(during);
    expect(disk.calls.map(({ call }) => call)).toEqual(['write', 'sync', 'write', 'sync']);
  });

  it('splits what is too long for one write', async () => {
    const disk = faultyDisk(memoryDisk());
    const { journal } = await open(disk, { segmentBytes: 10_000_000 });
    disk.calls.length = 0;
    const text = 'x'.repeat(600_000);
    await Promise.all([1, 2, 3].map(() => append(journal, text)));
    expect(disk.calls.filter(({ call }) => call === 'sync')).toHaveLength(3);
  });

  it('begins a new segment when the present one is long enough, and reads over all of them', async () => {
    const disk = await written([1, 2, 3, 4, 5, 6], 60);
    expect([...disk.files().keys()].length).toBeGreaterThan(2);
    const { records, notes } = await open(disk);
    expect(records).toEqual([1, 2, 3, 4, 5, 6]);
    expect(notes).toEqual([]);
  });

  it('starts after the record that a snapshot covers, and removes only segments that are covered', async () => {
    const disk = memoryDisk();
    const { journal } = await open(disk);
    await append(journal, 1);
    await append(journal, 2);
    await journal.rotate(() => undefined);
    await append(journal, 3);
    await journal.removeThrough(1);
    expect((await open(memoryDisk(disk.files()))).records).toEqual([1, 2, 3]);
    await journal.removeThrough(2);
    expect((await open(memoryDisk(disk.files()), { after: 2 })).records).toEqual([3]);
    await journal.removeThrough(3);
    expect((await open(memoryDisk(disk.files()), { after: 2 })).records).toEqual([3]);
    await expect(open(memoryDisk(disk.files()))).rejects.toThrow(
      'begins at record 3, but the snapshot ends at record 0',
    );
  });

  it('numbers its records after a snapshot that is ahead of it', async () => {
    const disk = await written([1]);
    const { journal, records } = await open(disk, { after: 10 });
    expect(records).toEqual([]);
    await append(journal, 'eleven');
    expect(journal.last()).toBe(11);
    expect((await open(memoryDisk(disk.files()), { after: 10 })).records).toEqual(['eleven']);
  });

  it('refuses a newer format', async () => {
    const disk = await written([1]);
    disk.put(FIRST, Buffer.from(file(disk).toString().replace('standdown-journal 1', 'standdown-journal 2')));
    await expect(open(disk)).rejects.toThrow(/newer version of Standdown \(journal format 2/);
  });
});

describe('a journal that a crash cut off', () => {
  it('keeps what is whole at every cut of its last record, and what was cut off is kept aside', async () => {
    const whole = await written(['one', 'two', 'three']);
    const bytes = file(whole);
    const last = lineStarts(bytes)[3] as number;
    for (let cut = last + 1; cut < bytes.length; cut += 1) {
      const disk = memoryDisk(new Map([[FIRST, bytes.subarray(0, cut)]]));
      const { records, notes, journal } = await open(disk);
      expect(records).toEqual(['one', 'two']);
      expect(notes).toHaveLength(1);
      expect(notes[0]).toContain('not a whole record');
      expect(notes[0]).toContain(asideNames(disk)[0]);
      expect(disk.files().get(asideNames(disk)[0] as string)).toEqual(bytes.subarray(last, cut));
      await append(journal, 'again');
      const next = await open(memoryDisk(disk.files()));
      expect(next.records).toEqual(['one', 'two', 'again']);
      expect(next.notes).toEqual([]);
    }
  });

  it('drops zeros at its end', async () => {
    const whole = await written(['one']);
    for (const zeros of [1, 511, 4_096, 100_000]) {
      const disk = memoryDisk(new Map([[FIRST, Buffer.concat([file(whole), Buffer.alloc(zeros)])]]));
      const { records, notes } = await open(disk);
      expect(records).toEqual(['one']);
      expect(notes[0]).toContain(`The last ${zeros} bytes`);
    }
  });

  it('takes a batch of which only a later record survived for a torn tail', async () => {
    const disk = memoryDisk();
    const { journal } = await open(disk);
    await append(journal, 'one');
    await Promise.all([append(journal, 'two'), append(journal, 'three')]);
    const bytes = Buffer.from(file(disk));
    bytes.fill(0, lineStarts(bytes)[2], (lineStarts(bytes)[3] as number) - 1);
    const { records, notes } = await open(memoryDisk(new Map([[FIRST, bytes]])));
    expect(records).toEqual(['one']);
    expect(notes[0]).toContain('before it was acknowledged');
  });
});

describe('a damaged journal', () => {
  it('never gives a wrong record, whichever bit is turned over', async () => {
    const all = ['one', { two: 2 }, 'three', [4], 'five'];
    const bytes = file(await written(all));
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const disk = memoryDisk(new Map([[FIRST, damaged]]));
      let opened: Opened;
      try {
        opened = await open(disk);
      } catch (error) {
        expect(String(error)).toContain('newer version'); // the bit made it format 3, 5 or 9
        continue;
      }
      expect(opened.records).toEqual(all.slice(0, opened.records.length));
      expect(opened.notes).toHaveLength(1);
      expect(asideNames(disk).length).toBeGreaterThan(0);
    }
  });

  it('goes on from the records before the damage, keeps the rest, and says how much it is', async () => {
    const disk = await written(['one', 'two', 'three', 'four']);
    const bytes = file(disk);
    bytes[(lineStarts(bytes)[2] as number) + 12]! ^= 1;
    disk.put(FIRST, bytes);
    const { records, notes, journal } = await open(disk);
    expect(records).toEqual(['one']);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('DAMAGE');
    expect(notes[0]).toContain('record 2, which had been acknowledged');
    expect(notes[0]).toContain('2 readable records follow, up to 4');
    expect(disk.files().get('/d/aside/000000000001.log')).toEqual(bytes);
    await append(journal, 'again');
    const next = await open(memoryDisk(disk.files()));
    expect(next.records).toEqual(['one', 'again']);
    expect(next.notes).toEqual([]);
  });

  it('takes a record that was cut out for damage, though every line that is left is whole', async () => {
    const disk = await written(['one', 'two', 'three', 'four']);
    const bytes = file(disk);
    const [, , second, third] = lineStarts(bytes);
    disk.put(FIRST, Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]));
    const { records, notes } = await open(disk);
    expect(records).toEqual(['one']);
    expect(notes[0]).toContain('2 readable records follow, up to 4');
  });

  it('keeps later segments aside too', async () => {
    const disk = await written([1, 2, 3, 4, 5, 6], 60);
    const names = [...disk.files().keys()].sort();
    const bytes = file(disk, names[1]);
    bytes[bytes.length - 3]! ^= 1;
    disk.put(names[1] as string, bytes);
    const { records, notes, journal } = await open(disk);
    expect(records.length).toBeGreaterThan(0);
    expect(records).toEqual([1, 2, 3, 4, 5, 6].slice(0, records.length));
    expect(notes[0]).toContain('DAMAGE');
    expect(asideNames(disk)).toHaveLength(names.length - 1);
    await append(journal, 'again');
    expect((await open(memoryDisk(disk.files()))).records).toEqual([...records, 'again']);
  });

  it('stops before a segment that is missing or empty', async () => {
    for (const change of ['missing', 'empty'] as const) {
      const disk = await written([1, 2, 3, 4, 5, 6], 60);
      const names = [...disk.files().keys()].sort();
      if (change === 'empty') disk.put(names[1] as string, Buffer.alloc(0));
      else await disk.remove(names[1] as string);
      const { records, notes, journal } = await open(disk);
      expect(records).toEqual([1, 2, 3, 4, 5, 6].slice(0, records.length));
      expect(notes[0]).toContain('DAMAGE');
      await append(journal, 'again');
      const next = await open(memoryDisk(disk.files()));
      expect(next.records).toEqual([...records, 'again']);
      expect(next.notes).toEqual([]);
    }
  });
});

describe('a journal whose disk fails', () => {
  async function failing(plan: (call: string) => Fault) {
    const inner = memoryDisk();
    let broken = false;
    const disk = faultyDisk(inner, (call) => (broken ? plan(call) : undefined));
    const { journal } = await open(disk, { segmentBytes: 200 });
    await append(journal, 'good');
    return { inner, disk, journal, break: (state: boolean) => (broken = state) };
  }

  it.each([
    ['ENOSPC', 'write'],
    ['EIO', 'write'],
    ['EIO', 'sync'],
  ])('acknowledges nothing any more after %s on %s, even when the disk is well again', async (code, on) => {
    const {
      inner,
      disk,
      journal,
      break: set,
    } = await failing((call) => (call === on ? { code, half: true } : undefined));
    set(true);
    const durable: string[] = [];
    const lost = [1, 2].map((n) => journal.append(String(n), () => durable.push(String(n))));
    for (const one of lost) await expect(one).rejects.toMatchObject({ code: 'store_unavailable' });
    set(false);
    const calls = disk.calls.length;
    await expect(append(journal, 'later')).rejects.toThrow(`the journal could not be written: ${code}`);
    await expect(journal.rotate(() => undefined)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(journal.failure()).toContain(code);
    expect(durable).toEqual([]);
    expect(disk.calls).toHaveLength(calls);
    await journal.close();
    const { records } = await open(memoryDisk(inner.files()));
    expect(['good', 1, 2].slice(0, records.length)).toEqual(records);
    expect(records.length).toBeGreaterThan(0);
  });

  it('rejects what was queued behind a write that fails', async () => {
    const { journal, break: set } = await failing((call) => (call === 'sync' ? { code: 'EIO' } : undefined));
    set(true);
    const first = append(journal, 'first');
    await Promise.resolve();
    await Promise.resolve();
    const behind = append(journal, 'behind');
    await expect(first).rejects.toThrow('EIO');
    await expect(behind).rejects.toThrow('EIO');
  });

  it('goes on in its segment when a new one cannot be created', async () => {
    const {
      inner,
      journal,
      break: set,
    } = await failing((call) => (call === 'create' ? { code: 'EMFILE' } : undefined));
    set(true);
    await append(journal, 'x'.repeat(300));
    await append(journal, 'still');
    await expect(journal.rotate(() => undefined)).rejects.toThrow('EMFILE');
    expect(journal.failure()).toBeNull();
    set(false);
    await append(journal, 'more');
    await append(journal, 'and more');
    expect((await open(memoryDisk(inner.files()))).records).toHaveLength(5);
  });

  it('fails for good when a new segment may or may not be there', async () => {
    const {
      inner,
      journal,
      break: set,
    } = await failing((call) => (call === 'syncFolder' ? { code: 'EIO' } : undefined));
    set(true);
    await append(journal, 'x'.repeat(300)); // durable in the old segment
    await expect(append(journal, 'later')).rejects.toThrow('EIO');
    expect((await open(memoryDisk(inner.files()))).records).toHaveLength(2);
  });

  it('answers nothing while a write hangs, and stops when it is told to', async () => {
    let release = () => undefined as void;
    const until = new Promise<void>((resolve) => (release = resolve));
    const { journal, break: set } = await failing((call) => (call === 'write' ? { until } : undefined));
    set(true);
    const hanging = append(journal, 'hangs');
    for (let n = 0; n < 5; n += 1) await Promise.resolve();
    const behind = append(journal, 'behind');
    journal.stop('the lock is gone');
    await expect(behind).rejects.toThrow('the lock is gone');
    expect(journal.failure()).toBe('the lock is gone');
    release();
    await expect(hanging).rejects.toThrow('the lock is gone');
  });
});
