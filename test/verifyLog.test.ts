/** `standdown verify-log` on real data directories: what is done to their files is found, and the row is named. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineKept } from '../src/adapters/lowdb.ts';
import { sha256 } from '../src/adapters/sha256.ts';
import { openStore } from '../src/adapters/store.ts';
import { type ChainHead, canonical, linksOf } from '../src/domain/chain.ts';
import { evolveAll, type StandingEvent } from '../src/domain/incident.ts';
import { DESK, type Store } from '../src/ports.ts';
import { verifyLog } from '../src/verifyLog.ts';
import { said } from './contracts/store.ts';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const ID = 'INC-20261127-001';
const OTHER = 'INC-20261127-002';
/** Of both incidents, in their order: all rows differ. */
const ROWS: StandingEvent[] = [
  said.opened(ID, 1_000),
  said.fired('a', 2_000),
  said.note('router down, “odd” \\ "quoted"', 3_000),
  said.note('rolled back {[', 4_000),
  said.fired('b', 5_000),
  said.note('\u0001 control', 6_000),
  said.note('nearly done', 7_000),
  said.resolved(8_000),
];

let root = '';
let whole = '';
let anchor: ChainHead | null = null;
let folders = 0;

const open = (dataDir: string, snapshotEvery = 1_000): Promise<Store> =>
  openStore({ dataDir, now: () => 10_000, snapshotEvery });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'standdown-verify-'));
  whole = join(root, 'whole');
  const store = await open(whole);
  for (const [index, row] of ROWS.entries()) await store.append(ID, index, [row], []);
  await store.append(OTHER, 0, [said.opened(OTHER), said.fired('c')], []);
  await store.append(DESK, 0, [said.note('desk 1'), said.note('desk 2')], []);
  anchor = await store.chain(ID);
  await store.close();
  await mkdir(join(whole, 'postmortems'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A copy of the whole directory, for something to be done to. */
async function copy(from = whole): Promise<string> {
  const dataDir = join(root, `copy${(folders += 1)}`);
  await cp(from, dataDir, { recursive: true });
  return dataDir;
}

/** Go on until two snapshots cover the journal's first records: they are not in it any more. */
async function putAway(dataDir: string): Promise<void> {
  const store = await open(dataDir, 1);
  for (let n = 0; (await readdir(join(dataDir, 'journal'))).includes('000000000001.log'); n += 1)
    await store.append(DESK, 2 + n, [said.note(`desk ${3 + n}`)], []);
  await store.close();
}

interface Said {
  state: string;
  wrong: string[];
  unknown: string[];
  logs: {
    log: string;
    state: string;
    row: number | null;
    findings: string[];
    notChainedBefore: { row: number } | null;
    anchors: { holds: boolean }[];
  }[];
}

async function verify(
  dataDir: string,
  log?: string,
  anchors: string[] = [],
): Promise<Said & { exit: number }> {
  const lines: string[] = [];
  const exit = await verifyLog({
    dataDir,
    json: true,
    anchors,
    ...(log === undefined ? {} : { log }),
    say: (line) => void lines.push(line),
    complain: (line) => void lines.push(line),
  });
  return { ...(JSON.parse(lines.join('')) as Said), exit };
}

const found = (answer: Said, log = ID) => answer.logs.find((one) => one.log === log);

async function cli(...args: string[]): Promise<{ code: number | null; text: string }> {
  const run = spawn(process.execPath, [CLI, 'verify-log', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [run.stdout, run.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const [code] = (await once(run, 'close')) as [number | null];
  return { code, text };
}

const incidentFile = (dataDir: string): string => join(dataDir, 'incidents', `${ID}.json`);

/** Change a kept file's data and make its checksum right again: what somebody does who knows it. */
async function rewrite(
  path: string,
  change: (data: {
    chain: { from: number; hashes: string[] };
    events: StandingEvent[];
    incident: object;
  }) => void,
): Promise<void> {
  await rewriteAll(path, (text) => {
    const data = JSON.parse(text);
    change(data);
    return JSON.stringify(data);
  });
}

async function rewriteAll(path: string, change: (data: string) => string): Promise<void> {
  const body = `{"format":1,"data":${change(examineKept(await readFile(path)).text)}`;
  await writeFile(path, `${body},"crc32":"${crc32(body).toString(16).padStart(8, '0')}"}\n`);
}

describe('standdown verify-log', () => {
  it('says that a whole directory is whole, and changes nothing in it', async () => {
    const dataDir = await copy();
    const before = await readdir(dataDir, { recursive: true });
    const { code, text } = await cli('--data-dir', dataDir);
    expect(text).toContain(`✓ ${ID}  8 rows, head ${anchor?.head}`);
    expect(text).toContain('✓ DESK  2 rows');
    expect(text).toContain('every row is as it was written');
    expect(code).toBe(0);
    expect(await readdir(dataDir, { recursive: true })).toEqual(before);
  });

  it('names the row of a byte that was changed, and what it reads now', async () => {
    const dataDir = await copy();
    const text = await readFile(incidentFile(dataDir), 'utf8');
    await writeFile(incidentFile(dataDir), text.replace('rolled back', 'rolled bacK'));
    const answer = await cli('--data-dir', dataDir);
    expect(answer.text).toContain(`✗ ${ID}  8 rows, NOT as it was written`);
    expect(answer.text).toContain('row 4 is not what was written');
    expect(answer.text).toContain('row 4 reads now: 1970-01-01 00:00:04 UTC ada: Note: rolled bacK {[');
    expect(answer.text).toContain('does not match its checksum');
    expect(answer.text).toContain(`✓ ${OTHER}`);
    expect(answer.code).toBe(1);
  });

  it('names a row that was removed, also when the checksum was made right', async () => {
    const dataDir = await copy();
    await rewrite(incidentFile(dataDir), (data) => void data.events.splice(4, 1));
    const answer = await cli(ID, '--data-dir', dataDir);
    expect(answer.text).toContain('row 5 was removed');
    expect(answer.code).toBe(1);
  });

  it('names the first row that is missing from a file that was cut off', async () => {
    const dataDir = await copy();
    const text = await readFile(incidentFile(dataDir), 'utf8');
    await writeFile(incidentFile(dataDir), text.slice(0, text.indexOf('nearly done')));
    const answer = await cli(ID, '--data-dir', dataDir);
    expect(answer.text).toContain('the log was cut off: row 7 is the first that is missing, 2 rows in all');
    expect(answer.code).toBe(1);
  });

  it('names the first of two rows that were exchanged', async () => {
    const dataDir = await copy();
    await rewrite(incidentFile(dataDir), ({ events }) => {
      [events[2], events[5]] = [events[5] as StandingEvent, events[2] as StandingEvent];
    });
    expect(found(await verify(dataDir))).toMatchObject({
      row: 3,
      findings: expect.arrayContaining([expect.stringContaining('out of its place')]),
    });
  });

  it('finds by an anchor what was made anew from end to end, and by a postmortem in the directory', async () => {
    const dataDir = await copy();
    const forge = async (change: (events: StandingEvent[]) => void) =>
      rewrite(incidentFile(dataDir), (data) => {
        change(data.events);
        data.chain.hashes = linksOf(ID, { from: 0, hashes: [] }, data.events, sha256);
        data.incident = evolveAll(undefined, data.events);
      });
    await putAway(dataDir);
    await forge((events) => {
      events[3] = said.note('nothing was rolled back', 4_000);
    });
    expect((await verify(dataDir, ID)).exit).toBe(0); // nothing inside of it can tell
    const answer = await verify(dataDir, ID, [`${anchor?.head}:8`]);
    expect(answer.exit).toBe(1);
    expect(found(answer)).toMatchObject({ row: 1, anchors: [{ holds: false }] });
    const early = linksOf(ID, { from: 0, hashes: [] }, ROWS.slice(0, 3), sha256).at(-1);
    expect(found(await verify(dataDir, ID, [`${anchor?.head}:8`, `${early}:3`]))).toMatchObject({
      row: 4,
      anchors: [{ holds: true }, { holds: false }],
    });
    await writeFile(
      join(dataDir, 'postmortems', 'PM_20261127_001.md'),
      `| Log | ${ID} ${anchor?.head}:8 |\n`,
    );
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', anchors: [{ holds: false }] });
    await forge((events) => {
      events[3] = ROWS[3] as StandingEvent;
    });
    expect(found(await verify(dataDir))).toMatchObject({ state: 'whole', anchors: [{ holds: true }] });
    await forge((events) => void events.splice(6));
    expect(found(await verify(dataDir))).toMatchObject({
      row: 7,
      findings: expect.arrayContaining([expect.stringContaining('cut off: row 7')]),
    });
    await rm(incidentFile(dataDir));
    await rm(`${incidentFile(dataDir)}.bak`, { force: true });
    await rm(join(dataDir, 'index'), { recursive: true });
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', row: 1 });
  });

  it('knows from the index that a log was cut off together with its hashes, or is gone as a whole', async () => {
    const dataDir = await copy();
    await rewrite(incidentFile(dataDir), (data) => {
      data.events.splice(5);
      data.chain.hashes.splice(5);
      data.incident = evolveAll(undefined, data.events);
    });
    await rm(join(dataDir, 'journal'), { recursive: true });
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', row: 6 });
    await rm(incidentFile(dataDir));
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', row: 1 });
  });

  it('misses a file that is gone while the journal still has its rows: the store would not take them from there', async () => {
    const dataDir = await copy();
    await rm(incidentFile(dataDir));
    expect(found(await verify(dataDir))).toMatchObject({
      state: 'broken',
      row: 1,
      findings: expect.arrayContaining([`incidents/${ID}.json is gone`]),
    });
  });

  it('counts the incidents: one that is gone with its line of the index is missed, and so is a line', async () => {
    const dataDir = await copy();
    await putAway(dataDir);
    const index = await readFile(join(dataDir, 'index', '000000.json'));
    await rm(join(dataDir, 'index'), { recursive: true });
    const unnamed = await verify(dataDir);
    expect(unnamed.exit).toBe(1);
    expect(unnamed.wrong).toEqual([`index: it does not name ${ID}, ${OTHER}, which incidents/ has`]);
    await rm(incidentFile(dataDir));
    expect((await verify(dataDir)).wrong).toContain(
      'snapshot.json counts 2 incidents, and neither a file nor the index has the one that was opened as number 1',
    );
    await mkdir(join(dataDir, 'index'));
    await writeFile(join(dataDir, 'index', '000000.json'), index);
    expect(found(await verify(dataDir))).toMatchObject({ row: 1 });
  });

  it.each([
    ['null', () => null],
    ['no desk', () => ({ seq: 7, incidents: 2 })],
    ['a desk that is none', () => ({ seq: 7, incidents: 2, desk: {} })],
    ['more rows than versions', () => ({ seq: 7, incidents: 2, desk: { version: 1, events: [1, 2] } })],
  ])('does not take a snapshot for one that says %s', async (_what, change) => {
    const dataDir = await copy();
    await rewriteAll(join(dataDir, 'snapshot.json'), () => JSON.stringify(change()));
    const answer = await verify(dataDir);
    expect(answer.exit).toBe(1);
    expect(answer.wrong).toContain('snapshot.json does not have the desk’s log');
  });

  it('misses the snapshot and what only it and the journal had', async () => {
    const dataDir = await copy();
    await putAway(dataDir);
    await rm(join(dataDir, 'snapshot.json'));
    await rm(join(dataDir, 'snapshot.json.bak'));
    await rm(join(dataDir, 'journal'), { recursive: true });
    const answer = await verify(dataDir);
    expect(answer.exit).toBe(1);
    expect(answer.wrong).toEqual(['snapshot.json is gone, or cannot be read']);
  });

  it('names the row, whatever a hostile file says', async () => {
    const dataDir = await copy();
    const sane = await readFile(incidentFile(dataDir));
    // A chain of more rows than memory has.
    await rewrite(incidentFile(dataDir), ({ chain }) => void Object.assign(chain, { from: 1e9, hashes: [] }));
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', row: 1 });
    // A row that no stack can walk.
    await writeFile(incidentFile(dataDir), sane);
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    await rewriteAll(incidentFile(dataDir), (text) => text.replace('"nearly done"', deep));
    await putAway(dataDir).catch(() => undefined);
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', row: 7 });
  });

  it('knows that hashes were taken away as long as the journal has them', async () => {
    const dataDir = await copy();
    await rewrite(incidentFile(dataDir), (data) => void Object.assign(data, { chain: undefined }));
    expect(found(await verify(dataDir))).toMatchObject({ state: 'broken', row: 1 });
  });

  it('finds that what a file says of the incident is not what its rows come to', async () => {
    const dataDir = await copy();
    await rewrite(incidentFile(dataDir), (data) => {
      data.incident = { ...data.incident, severity: 'P3' };
    });
    expect(found(await verify(dataDir))).toMatchObject({
      state: 'broken',
      row: null,
      findings: [expect.stringContaining('not what its rows come to')],
    });
  });

  it('finds any byte that was flipped in an incident file, and names its row', async () => {
    const dataDir = await copy();
    const bytes = await readFile(incidentFile(dataDir));
    const text = bytes.toString('latin1');
    const places = ROWS.map((row) => {
      const json = Buffer.from(JSON.stringify(row)).toString('latin1');
      return { start: text.indexOf(json), end: text.indexOf(json) + json.length };
    });
    const hashesAt = text.indexOf('"hashes":[') + '"hashes":['.length;
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ flip;
          await writeFile(incidentFile(dataDir), changed);
          const answer = await verify(dataDir, ID);
          expect(answer.exit).toBe(1);
          const row = places.findIndex(({ start, end }) => at >= start && at < end);
          const hash = Math.floor((at - hashesAt) / 67);
          const inHash = at >= hashesAt && hash < ROWS.length && (at - hashesAt) % 67 !== 66;
          // A digit in another case is the same text to JSON: only the checksum sees it.
          const same = row >= 0 && sameRow(changed, places[row], ROWS[row]);
          if (row >= 0 && !same) expect(found(answer)?.row).toBe(row + 1);
          if (inHash && hash < ROWS.length && row < 0 && /[0-9a-f]/.test(text[at] ?? ''))
            expect(found(answer)?.row).toBe(hash + 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('finds any cut of an incident file, and names the first row that is missing', async () => {
    const dataDir = await copy();
    const bytes = await readFile(incidentFile(dataDir));
    const ends = ROWS.map((row) => {
      const json = Buffer.from(JSON.stringify(row));
      return bytes.indexOf(json) + json.length;
    });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), async (length) => {
        await writeFile(incidentFile(dataDir), bytes.subarray(0, length));
        const answer = await verify(dataDir, ID);
        expect(answer.exit).toBe(1);
        const left = ends.filter((end) => end <= length).length;
        const row = found(answer)?.row;
        if (left < ROWS.length) expect(row).toBe(left + 1);
      }),
      { numRuns: 200 },
    );
  });

  it('finds what was done to the journal before a snapshot covered it', async () => {
    const dataDir = join(root, 'crashed');
    const store = await open(dataDir);
    for (const [index, row] of ROWS.entries()) await store.append(ID, index, [row], []);
    const live = await copy(dataDir); // as after kill -9
    // A server that holds the lock is no hindrance.
    expect((await verify(dataDir)).exit).toBe(0);
    await store.close();
    const [name = ''] = await readdir(join(live, 'journal'));
    const path = join(live, 'journal', name);
    const lines = (await readFile(path, 'utf8')).split('\n');
    const write = (changed: string[]) => writeFile(path, changed.join('\n'));
    expect((await verify(live)).exit).toBe(0);
    await write(lines.with(3, lines[3]?.replace('router', 'Router') ?? ''));
    expect(await verify(live)).toMatchObject({
      exit: 1,
      wrong: [
        expect.stringContaining(
          `record 3 does not match its checksum: it was changed or damaged (${ID}, from row 3)`,
        ),
      ],
    });
    expect(found(await verify(live))).toMatchObject({ row: 3 });
    await write(lines.toSpliced(4, 1));
    expect(found(await verify(live))).toMatchObject({ row: 4, state: 'broken' });
    await write([...lines.slice(0, 6), (lines[6] ?? '').slice(0, 30)]);
    expect(await verify(live)).toMatchObject({
      exit: 4,
      unknown: [expect.stringContaining('ends within record 6')],
    });
    const cut = await verify(live, ID, [`${anchor?.head}:8`]);
    expect(cut.exit).toBe(1);
    expect(found(cut)?.row).toBe(6);
  });

  describe('after a crash cut the last record, and a restart', () => {
    /** A directory whose last record was made `last`, as a store found it at its start. */
    async function restarted(last: (line: string) => string): Promise<{ dataDir: string; store: Store }> {
      const dataDir = join(root, `cut${(folders += 1)}`);
      const before = await open(dataDir);
      await before.append(ID, 0, [said.opened(ID)], []);
      await before.append(ID, 1, [said.note('never acknowledged')], []);
      const journal = join(dataDir, 'journal', '000000000001.log');
      const lines = (await readFile(journal, 'utf8')).split('\n');
      const whole = lines.findLastIndex((line) => line !== '');
      await before.close();
      await rm(dataDir, { recursive: true, force: true });
      await mkdir(join(dataDir, 'journal'), { recursive: true });
      await writeFile(journal, `${lines.slice(0, whole).join('\n')}\n${last(lines[whole] ?? '')}`);
      return { dataDir, store: await open(dataDir) };
    }
    const record = (store: Store, aside = store.report().aside) =>
      store.append(
        DESK,
        store.version(DESK),
        aside.map((one) => ({ ...said.note(''), type: 'FileSetAside' as const, ...one })),
        [],
      );

    it('knows the piece that the bot kept aside, by its hash on the desk’s log', async () => {
      const { dataDir, store } = await restarted((line) => line.slice(0, 30));
      expect(store.report().aside).toMatchObject([{ name: '000000000001.log.tail' }]);
      expect(await verify(dataDir)).toMatchObject({ exit: 4 });
      await record(store);
      await store.close();
      const answer = await verify(dataDir);
      expect(answer).toMatchObject({ exit: 0, state: 'whole', unknown: [] });
      expect(answer).toMatchObject({ notes: [expect.stringContaining('000000000001.log.tail')] });
      // What somebody else puts there, or changes, is not known by it.
      await writeFile(join(dataDir, 'aside', '000000000001.log.tail'), 'other');
      expect(await verify(dataDir)).toMatchObject({ exit: 4, notes: [] });
    });

    it('does not know a record that had ended and was changed, whatever is on record', async () => {
      const { dataDir, store } = await restarted((line) => `${line.replace('never', 'Never')}\n`);
      await record(store);
      await store.close();
      expect(await verify(dataDir)).toMatchObject({ exit: 4, notes: [] });
    });

    it('does not know what was forged into the folder', async () => {
      const dataDir = await copy();
      await mkdir(join(dataDir, 'aside'), { recursive: true });
      await writeFile(join(dataDir, 'aside', '000000000001.log.tail'), 'x');
      expect(await verify(dataDir)).toMatchObject({ exit: 4 });
    });
  });

  it('finds a changed and a missing part of the desk’s log', async () => {
    const dataDir = join(root, 'desk');
    const store = await open(dataDir, 10);
    for (let n = 0; n < 40; n += 1)
      await store.append(
        DESK,
        n * 100,
        Array.from({ length: 100 }, (_, i) => said.note(`${n * 100 + i}`)),
        [],
      );
    await store.close();
    expect((await verify(dataDir)).exit).toBe(0);
    const parts = (await readdir(join(dataDir, 'desk'))).filter((name) => name.endsWith('.json'));
    expect(parts.length).toBeGreaterThan(1);
    const changed = await copy(dataDir);
    await rewrite(join(changed, 'desk', parts[1] ?? ''), ({ events }) => {
      events[7] = said.note('other');
    });
    expect(found(await verify(changed), DESK)).toMatchObject({ row: 1_008 });
    await rm(join(changed, 'desk', parts[0] ?? ''));
    await rm(join(changed, 'desk', `${parts[0]}.bak`), { force: true });
    expect(found(await verify(changed), DESK)).toMatchObject({ state: 'broken', row: 1 });
  });

  it('says of an old log from when on it is chained, and never that it is fine', async () => {
    const dataDir = await copy();
    await putAway(dataDir);
    await rewrite(incidentFile(dataDir), (data) => void Object.assign(data, { chain: undefined }));
    const answer = await cli(ID, '--data-dir', dataDir);
    expect(answer.text).toContain(`? ${ID}  8 rows`);
    expect(answer.text).toContain('not chained before its next row');
    expect(answer.code).toBe(4);
    // Whoever takes the hashes away does not get past an anchor.
    expect((await verify(dataDir, ID, [`${anchor?.head}:8`])).exit).toBe(4);
    await rewrite(incidentFile(dataDir), ({ events }) => {
      events[1] = said.fired('z', 2_000);
    });
    expect((await verify(dataDir, ID, [`${anchor?.head}:8`])).exit).toBe(1);
  });

  it.each([
    [['INC-1; rm'], 2, 'is no log'],
    [['--anchor', 'abc:1'], 2, 'name it before --anchor'],
    [[ID, '--anchor', 'abc:1'], 2, 'is no anchor'],
    [[ID, '--anchor', `${'0'.repeat(64)}:0`], 2, 'is no anchor'],
    [['--wrong'], 2, 'unknown option'],
    [['INC-20200101-001'], 1, 'has no log INC-20200101-001'],
    [['--data-dir', '/nowhere/at/all'], 1, 'has no log'],
  ])('answers %j with %i', async (args, code, words) => {
    const given = args.includes('--data-dir') ? args : [...args, '--data-dir', whole];
    const answer = await cli(...given);
    expect(answer.text).toContain(words);
    expect(answer.code).toBe(code);
  });

  it('prints nothing that steers a terminal', async () => {
    const dataDir = join(root, 'hostile');
    const store = await open(dataDir);
    await store.append(ID, 0, [said.opened(ID), said.note('\u001b[2J\u202e gone'), said.note('x')], []);
    await store.close();
    await rewrite(incidentFile(dataDir), ({ events }) => void events.splice(2, 1));
    const { text } = await cli('--data-dir', dataDir);
    expect(text).toContain('row 2, before it');
    expect(text).not.toMatch(/[\u001b\u202e]/);
  });
});

function sameRow(bytes: Buffer, place: { start: number; end: number } | undefined, row: unknown): boolean {
  try {
    const now: unknown = JSON.parse(bytes.subarray(place?.start, place?.end).toString('utf8'));
    return canonical(now) === canonical(row);
  } catch {
    return false;
  }
}
