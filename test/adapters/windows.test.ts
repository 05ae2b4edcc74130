/** The measured windows on disk: the same text as in one go, and a file that cannot be read is set aside. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWindowsFile, jsonParts } from '../../src/adapters/windows.ts';
import { createMeasurements } from '../../src/domain/measure/measurements.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-windows-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const warnings: string[] = [];
const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_fields: object, message: string) => void warnings.push(message),
  error: () => undefined,
};
const T0 = Date.parse('2026-11-22T12:00:00Z');

describe('the windows on disk', () => {
  it('are the same text in parts as in one go', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect([...jsonParts(value)].join('')).toBe(JSON.stringify(value));
      }),
    );
    const long = {
      list: Array.from({ length: 10_001 }, (_, n) => n),
      pairs: [[1, 'a']],
      gone: undefined,
      empty: [],
    };
    expect([...jsonParts(long)].join('')).toBe(JSON.stringify(long));
    expect(Math.max(...[...jsonParts(long)].map(({ length }) => length))).toBeLessThan(20_000);
  });

  it('come back as they were written, however full', async () => {
    const measurements = createMeasurements([]);
    for (let n = 0; n < 30_000; n += 1)
      measurements.take(
        {
          type: 'order',
          at: T0 + n * 7,
          venue: 'v',
          symbol: 's',
          orderId: `o${n}`,
          status: n % 9 === 0 ? 'rejected' : 'accepted',
          reason: `lone \ud800 surrogate ${n % 3}`,
        },
        T0 + n * 7,
      );
    const state = {
      measurements: measurements.snapshot(),
      handled: ['rejectRate'],
      unknownSince: [],
      raised: [],
      heartbeats: [],
    };
    const file = createWindowsFile(folder, log);
    await file.save(state);
    expect(await file.load()).toEqual(state);
    const again = createMeasurements([], (await file.load())?.measurements);
    const end = T0 + 210_000;
    expect(again.rejects.look(end, 10, 10)).toEqual(measurements.rejects.look(end, 10, 10));
  });

  it.each([
    ['cut off', '{"measurements":{"version":2,'],
    ['of another version', '{"measurements":{"version":1}}'],
    ['something else', '[]'],
  ])('are set aside when the file is %s', async (_, text) => {
    await writeFile(join(folder, 'windows.json'), text);
    warnings.length = 0;
    expect(await createWindowsFile(folder, log).load()).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('set aside')]);
    expect(await readdir(folder)).toEqual(['windows.json.unreadable']);
    expect(await readFile(join(folder, 'windows.json.unreadable'), 'utf8')).toBe(text);
  });
});
