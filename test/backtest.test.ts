/** `standdown backtest-stops`: recordings in, what would have happened out; and what cannot be read costs nothing else. */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backtest } from '../src/backtest.ts';
import { SHIPPED_PLAYBOOK } from '../src/policy.ts';

const T0 = Date.parse('2026-11-23T09:00:00Z'); // a Monday
const CONFIG = `
slack: { channel: C0INCIDENTS }
control: { file: ./nowhere.env }
venues:
  - { id: binance-usdm, exchange: binanceusdm, apiKey: "\${NOT_SET}", secret: "\${NOT_SET}", maxNotional: 80 }
limits: { maxDailyLossPct: 1, maxNotional: 100, currency: USDT }
engines: [{ id: main, heartbeatSec: 5 }]
feeds: [{ id: f1, intervalSec: 60, symbols: [BTC/USDT:USDT] }]
`;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-backtest-'));
  await writeFile(join(folder, 'standdown.yml'), CONFIG);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Line = object | string;
const beat = (at: number, control: object = { KILL_SWITCH: '0' }) => ({
  type: 'heartbeat',
  at,
  engine: 'main',
  control,
});
const bar = (at: number, closedAt = at) => ({
  type: 'bar',
  at,
  feed: 'f1',
  symbol: 'BTC/USDT:USDT',
  closedAt,
});
const pnl = (at: number, dayPnl: number) => ({ type: 'pnl', at, dayPnl, currency: 'USDT', equity: 10_000 });
const position = (at: number, notional: number) => ({
  type: 'position',
  at,
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  notional,
});
const order = (at: number, id: string, status: string) => ({
  type: 'order',
  at,
  venue: 'binance-usdm',
  symbol: 'BTC/USDT:USDT',
  orderId: id,
  status,
});
/** An engine that is fine, from `from` to `to`: heartbeats, bars, money. */
function* fine(from: number, to: number): Generator<Line> {
  for (let at = from; at <= to; at += 5_000) {
    yield beat(at);
    if ((at - T0) % 60_000 === 0) yield bar(at);
    if ((at - T0) % 15_000 === 0) {
      yield pnl(at, -3);
      yield position(at, 40);
    }
  }
}

async function run(
  lines: Iterable<Line> | Buffer[],
  options: { json?: boolean; playbook?: string; env?: Record<string, string>; file?: string } = {},
): Promise<{ code: number; out: string[]; err: string[] }> {
  const out: string[] = [];
  const err: string[] = [];
  async function* stdin(): AsyncGenerator<Buffer> {
    for (const line of lines)
      yield Buffer.isBuffer(line)
        ? line
        : Buffer.from(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  }
  const code = await backtest({
    file: options.file ?? '-',
    json: options.json ?? false,
    ...(options.playbook === undefined ? {} : { playbook: options.playbook }),
    env: options.env ?? {},
    cwd: folder,
    say: async (line) => void out.push(line),
    complain: (line) => void err.push(line),
    stdin: stdin(),
  });
  return { code, out, err };
}
const objects = (out: string[]) => out.map((line) => JSON.parse(line) as Record<string, never>);
/** [criterion, seconds after T0] of each trip. */
async function trips(
  lines: Iterable<Line>,
  options: Parameters<typeof run>[1] = {},
): Promise<[string, number][]> {
  const { out } = await run(lines, { ...options, json: true });
  return objects(out).flatMap((one): [string, number][] => {
    const { kind, at, criterion } = one as unknown as { kind: string; at: number; criterion: { id: string } };
    return kind === 'trip' ? [[criterion.id, (at - T0) / 1_000]] : [];
  });
}

describe('a recording', () => {
  it('in which all is well trips nothing, needs no secret, and exits 0', async () => {
    const { code, out, err } = await run(fine(T0, T0 + 600_000));
    expect(err).toEqual([]);
    expect(code).toBe(0);
    const text = out.join('\n');
    for (const id of ['dailyLoss', 'positionSize', 'rejectRate', 'dataFeedGap:f1'])
      expect(text).toContain(`${id}: would not have tripped`);
    expect(text).not.toContain('KILL');
    expect(text).toContain('2026-11-23 09:00:00 UTC to 2026-11-23 09:10:00 UTC (10 min)');
  });

  it('never says that a criterion passed which nobody measured', async () => {
    const { out } = await run([beat(T0), bar(T0), beat(T0 + 5_000), beat(T0 + 10_000)]);
    expect(out.join('\n')).toContain('dailyLoss: would not have tripped; unknown for 100 % of the time');
  });

  it('with a loss shows when it trips, and on what', async () => {
    const lines = [
      ...fine(T0, T0 + 60_000),
      pnl(T0 + 61_000, -230),
      beat(T0 + 61_500),
      pnl(T0 + 62_000, -231),
    ];
    const { code, out } = await run(lines);
    expect(code).toBe(0);
    const at = out.findIndex((line) => line.includes('KILL'));
    expect(out[at]).toBe('2026-11-23 09:01:02.000 UTC  KILL  dailyLoss 231 USDT, limit 204.62 USDT');
    expect(out[at + 1]).toContain(
      'loss since 00:00 UTC > 2 × 1 % of the equity at 00:00 UTC · said by the engine',
    );
    expect(out[at + 2]).toContain('2026-11-23T09:01:02.000Z engine: -231 USDT today, equity 10000');
    expect(out.at(-1)).toContain('what was recorded without one');
  });

  it('that falls silent trips the gap five minutes on, between its samples, unless a pause was confirmed', async () => {
    const gap = function* (control: object): Generator<Line> {
      yield* fine(T0, T0 + 60_000);
      for (let at = T0 + 65_000; at <= T0 + 900_000; at += 5_000) yield beat(at, control);
    };
    // The last bar closed at 60 s: due at 120, over five minutes late after 420.
    expect(await trips(gap({ KILL_SWITCH: '0' }))).toEqual([['dataFeedGap:f1', 421]]);
    expect(await trips(gap({ PAUSE_SIGNALS: '1' }))).toEqual([]);
    // Heard of every minute only, time passes all the same.
    const sparse = [...fine(T0, T0 + 60_000)];
    for (let at = T0 + 120_000; at <= T0 + 900_000; at += 60_000) sparse.push(beat(at));
    expect((await trips(sparse)).map(([id]) => id)).toEqual(['dataFeedGap:f1']);
  });

  it('says what is raised and paused beside the kills, and when it is over', async () => {
    const lines = [...fine(T0, T0 + 60_000)];
    for (let at = T0 + 65_000; at <= T0 + 300_000; at += 5_000) lines.push(beat(at));
    lines.push(bar(T0 + 301_000, T0 + 300_000), ...fine(T0 + 305_000, T0 + 310_000));
    const text = (await run(lines)).out.join('\n');
    expect(text).toMatch(/09:04:01.000 UTC {2}P1 {4}Feed gap: f1 · gap 2 min 1 s, BTC\/USDT:USDT/);
    expect(text).toContain('over  Feed gap: f1, after 1 min');
  });

  it('whose engine falls silent is a P0, and the gap is unknown', async () => {
    const { out } = await run([...fine(T0, T0 + 60_000), { type: 'signal', at: T0 + 700_000, latencyMs: 1 }]);
    expect(out.join('\n')).toContain('09:01:16.000 UTC  P0    Engine main is silent');
    expect(out.join('\n')).not.toContain('KILL');
  });

  it('with late samples puts them into the windows that they belong to; over ten minutes late they trip nothing', async () => {
    const orders = Array.from({ length: 10 }, (_, n) =>
      order(T0 + 60_000 + n, `o${n}`, n < 2 ? 'rejected' : 'accepted'),
    );
    const late = [...fine(T0, T0 + 300_000), ...orders];
    expect(await trips(late)).toEqual([['rejectRate', 300]]);
    const tooLate = [...fine(T0, T0 + 900_000), ...orders];
    expect(await trips(tooLate)).toEqual([]);
    expect((await run(tooLate)).out.join('\n')).toContain('10 samples came over ten minutes late');
  });

  it('tells by receivedAt when a sample arrived', async () => {
    const arrived = (lines: Line[], by: number) =>
      lines.map((line) => ({ ...(line as { at: number }), receivedAt: (line as { at: number }).at + by }));
    const losses = [pnl(T0 + 61_000, -230), pnl(T0 + 62_000, -231)];
    expect(await trips(arrived([...fine(T0, T0 + 60_000), ...losses], 3_000))).toEqual([['dailyLoss', 65]]);
    const { err } = await run(arrived([...fine(T0, T0 + 60_000)], -6_000));
    expect(err[0]).toContain('dated in the future');
  });

  it('with one clock far ahead loses that sample and nothing else', async () => {
    const lines = [...fine(T0, T0 + 60_000), beat(T0 + 3 * 86_400_000), ...fine(T0 + 65_000, T0 + 200_000)];
    const { err, out } = await run(lines);
    expect(err).toEqual([
      expect.stringMatching(/^line \d+: at it is over ten minutes ahead of all that follow/),
    ]);
    expect(out.join('\n')).not.toContain('KILL');
  });

  it('of years apart is played in a moment', async () => {
    const year = 365 * 86_400_000;
    const { out } = await run([beat(T0 - 5 * year), ...fine(T0, T0 + 10_000)]);
    expect(out.join('\n')).toContain('P0    Engine main is silent');
  });

  it('by another policy trips by that one', async () => {
    const stricter = join(folder, 'stricter.yml');
    await writeFile(
      stricter,
      readFileSync(SHIPPED_PLAYBOOK, 'utf8').replace(/(dailyLoss:[\s\S]*?over:) 2/, '$1 0.01'),
    );
    expect(await trips(fine(T0, T0 + 60_000))).toEqual([]);
    expect(await trips(fine(T0, T0 + 60_000), { playbook: stricter })).toEqual([['dailyLoss', 15]]);
  });

  it('in JSON is one object a line, the summary last', async () => {
    const { out } = await run(['bad', ...fine(T0, T0 + 60_000)], { json: true });
    const all = objects(out);
    expect(all[0]).toEqual({ kind: 'badLine', line: 1, path: '', reason: 'the line is not JSON' });
    expect(all.at(-1)).toMatchObject({ kind: 'summary', badLines: 1, trips: {}, from: T0, to: T0 + 60_000 });
  });
});

describe('a recording that is not as it should be', () => {
  it('has its bad lines named by their number; good ones are kept', async () => {
    const lines: Line[] = [
      '',
      'garbage',
      { ...pnl(T0, -1), at: 'yesterday' },
      { ...position(T0, 1), venue: 'elsewhere' },
      '[1,2]',
      `{"x":"${'y'.repeat(70_000)}"}`,
      `{"type":"signal","at":${T0},"latencyMs":1}\r`,
      '\u0000',
    ];
    const { code, err, out } = await run(lines);
    expect(code).toBe(0);
    expect(err).toEqual([
      'line 2: the line is not JSON',
      'line 6: the line is over 64 KiB',
      'line 8: the line is not JSON',
      expect.stringMatching(/^line 3: at is neither ISO 8601/),
      expect.stringMatching(/^line 4: venue "elsewhere" is not configured/),
      'line 5: is not an object',
    ]);
    expect(out.join('\n')).toContain('1 sample in 8 lines');
    expect(out.join('\n')).toContain('6 lines could not be read.');
  });

  it('names a hundred of them, and counts the rest', async () => {
    const { err, code } = await run([...Array.from({ length: 5_000 }, () => 'x'), beat(T0)]);
    expect(code).toBe(0);
    expect(err).toHaveLength(101);
    expect(err.at(-1)).toBe('and 4900 more lines');
  });

  it('without one sample exits 1', async () => {
    expect(await run([])).toMatchObject({ code: 1, err: ['Not one sample could be read from -.'] });
    expect((await run(['x'])).code).toBe(1);
  });

  it('that is cut anywhere, in pieces of any size, is read to its end', async () => {
    const text = [...fine(T0, T0 + 60_000), { ...pnl(T0 + 61_000, -1), note: 'ünïcode ☃ 😀' }]
      .map((one) => JSON.stringify(one))
      .join('\n');
    const bytes = Buffer.from(text);
    for (const size of [1, 7, 64, 1_000]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.subarray(n * size, (n + 1) * size),
      );
      const { out, err } = await run(pieces, { json: true });
      expect(err).toEqual([]);
      expect(objects(out).at(-1)).toMatchObject({ badLines: 0, lines: text.split('\n').length });
    }
  });

  it('that is not there, or is a folder, exits 1 and says why', async () => {
    expect(await run([], { file: join(folder, 'none.ndjson') })).toMatchObject({
      code: 1,
      err: [expect.stringContaining('cannot be read (ENOENT)')],
    });
    expect(await run([], { file: folder })).toMatchObject({
      code: 1,
      err: [expect.stringContaining('EISDIR')],
    });
  });
});

describe('the configuration of a replay', () => {
  it('is refused with every problem of its part, and with nothing of the rest', async () => {
    await writeFile(
      join(folder, 'standdown.yml'),
      'venues: []\nlimits: { maxNotional: -1 }\nmail: nonsense\n',
    );
    const { code, err } = await run([beat(T0)]);
    expect(code).toBe(1);
    const text = err.join('\n');
    for (const path of ['venues', 'limits.maxNotional', 'limits.currency', 'feeds'])
      expect(text).toContain(path);
    expect(text).not.toContain('mail');
  });

  it('is named by STANDDOWN_CONFIG, and reads the environment where it says so', async () => {
    const other = join(folder, 'other.yml');
    await writeFile(other, CONFIG.replace('maxNotional: 100', 'maxNotional: "${MAX_NOTIONAL}"'));
    const env = { STANDDOWN_CONFIG: other, MAX_NOTIONAL: '20' };
    const lines = [position(T0, 50), position(T0 + 1_000, 50)];
    expect(await trips(lines)).toEqual([]);
    expect(await trips(lines, { env })).toEqual([['positionSize', 1]]);
  });

  it('that is missing, and a playbook that is missing or wrong, exit 1', async () => {
    expect((await run([beat(T0)], { playbook: join(folder, 'none.yml') })).err.join()).toContain('ENOENT');
    await writeFile(join(folder, 'wrong.yml'), 'version: 1\n');
    expect(await run([beat(T0)], { playbook: join(folder, 'wrong.yml') })).toMatchObject({ code: 1 });
    await rm(join(folder, 'standdown.yml'));
    const { code, err } = await run([beat(T0)]);
    expect(code).toBe(1);
    expect(err.join('\n')).toContain('standdown.yml');
  });
});
