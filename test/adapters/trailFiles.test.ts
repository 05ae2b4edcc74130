/** The trail's files: appended, read by time, cut lines and strangers left out, old hours thinned and removed. */

import { appendFile, mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTrailFiles } from '../../src/adapters/trailFiles.ts';
import type { TrailPoint } from '../../src/domain/trail/point.ts';
import { linesOf } from '../../src/domain/trail/series.ts';

const T0 = Date.parse('2026-11-22T14:00:00Z');
const HOUR = 3_600_000;
let dir = '';
let now = T0;
const warned: string[] = [];
const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_: object, message: string) => void warned.push(message),
  error: () => undefined,
};
const files = () => createTrailFiles(dir, () => now, log);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'standdown-trail-'));
  now = T0;
  warned.length = 0;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sample = (at: number, value: number, kind: 'start' | 'sample' = 'sample'): TrailPoint => ({
  kind,
  at,
  venues: { usdm: { at, absolute: value, net: value, by: 'venue' } },
  criteria: [],
  dayPnl: null,
  equity: null,
  engine: null,
  trading: 'running',
});
const reading = (at: number, orders: number): TrailPoint => ({
  kind: 'reading',
  at,
  venues: { usdm: { at, orders, by: 'venue' } },
});

it('what is appended is read again by its time, over the hours, in its order, by the next process too', async () => {
  const points = [-90, -30, 0, 30].map((min) => sample(T0 + min * 60_000, min));
  await files().append(points.slice(0, 2));
  await files().append(points.slice(2));
  expect(await files().read(T0 - 2 * HOUR, T0 + HOUR)).toEqual(points);
  expect(await files().read(T0 - HOUR, T0)).toEqual(points.slice(1, 3));
  expect(await files().read(T0 + 2 * HOUR, T0 + 3 * HOUR)).toEqual([]);
});

it('nothing was kept yet: nothing is read', async () => {
  expect(await files().read(T0, T0 + HOUR)).toEqual([]);
});

it('a line that a crash cut off is left out, and takes none after it along', async () => {
  await files().append([sample(T0, 1), sample(T0 + 10_000, 2)]);
  const path = join(dir, 'trail', '2026-11-22T14.ndjson');
  await truncate(path, JSON.stringify(sample(T0, 1)).length + 60);
  await files().append([sample(T0 + 20_000, 3)]);
  expect((await files().read(T0, T0 + HOUR)).map(({ at }) => at - T0)).toEqual([0, 20_000]);
});

it('leaves out what is none of ours: malformed, hostile and far too large', async () => {
  await files().append([sample(T0, 1)]);
  const path = join(dir, 'trail', '2026-11-22T14.ndjson');
  await appendFile(
    path,
    [
      'null',
      '[]',
      '"x"',
      '{"kind":"sample"}',
      `{"kind":"sample","at":${T0},"venues":[]}`,
      `{"kind":"sample","at":"${T0}","venues":{}}`,
      `{"kind":"sample","at":${T0},"venues":{}}`,
      `{"kind":"other","at":${T0},"venues":{}}`,
      '\u0000\u0001',
      '{'.repeat(10_000),
      '',
    ].join('\n'),
  );
  await writeFile(join(dir, 'trail', 'notes.txt'), 'x');
  await mkdir(join(dir, 'trail', 'folder'));
  expect(await files().read(T0, T0 + HOUR)).toHaveLength(1);
  await truncate(path, 17 * 1024 * 1024);
  expect(await files().read(T0, T0 + HOUR)).toEqual([]);
  expect(warned).toEqual(['a file of the trail is far too large: it is left out']);
});

it('an hour that is a day old is thinned, with its holes and what was found; one that is two weeks old is gone', async () => {
  const points: TrailPoint[] = [];
  // Down from 20 to 40 minutes; orders are cancelled at 50 minutes.
  for (let sec = 0; sec < 3_600; sec += 10) {
    if (sec >= 1_200 && sec < 2_400) continue;
    points.push(sample(T0 + sec * 1_000, 7, sec === 2_400 ? 'start' : 'sample'));
    if (sec % 60 === 0) points.push(reading(T0 + sec * 1_000, sec < 3_000 ? 5 : 0));
  }
  await files().append(points);
  now = T0 + 26 * HOUR;
  await files().append([sample(now, 1)]);
  expect(await readdir(join(dir, 'trail'))).toEqual(['2026-11-22T14.coarse.ndjson', '2026-11-23T16.ndjson']);
  const coarse = await files().read(T0, T0 + HOUR);
  expect(coarse.length).toBeLessThan(points.length / 4);
  const lines = linesOf(coarse, 'USDT');
  const line = (of: string) =>
    lines
      .find((one) => one.of === of)
      ?.points.filter(([, value], index, all) => value !== all[index - 1]?.[1])
      .map(([at, value]) => [Math.round((at - T0) / 1_000), value]);
  expect(line('absolute')).toEqual([
    [0, 7],
    [1_200, null],
    [2_400, 7],
  ]);
  expect(line('orders')).toEqual([
    [0, 5],
    [1_200, null],
    [2_400, 5],
    [3_000, 0],
  ]);
  now = T0 + 16 * 24 * HOUR;
  await files().append([sample(now, 1)]);
  expect(await readdir(join(dir, 'trail'))).toEqual(['2026-12-08T14.ndjson']);
});
