/** `standdown backtest-stops` as an operator runs it: no secret in the environment, and the exit codes of CONTRACT 1. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const T0 = Date.parse('2026-11-23T09:00:00Z');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-backtest-'));
  await writeFile(
    join(folder, 'standdown.yml'),
    `venues: [{ id: binance-usdm, exchange: binanceusdm, apiKey: "\${NOT_SET}" }]
limits: { maxDailyLoss: 10, maxNotional: 100, currency: USDT }
feeds: off
`,
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function cli(args: string[], input = ''): Promise<{ code: number | null; out: string; err: string }> {
  const run = spawn(process.execPath, [CLI, 'backtest-stops', ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  run.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  run.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  run.stdin.on('error', () => undefined); // it ends without reading when its arguments are wrong
  run.stdin.end(input);
  const [code] = (await once(run, 'close')) as [number | null];
  return { code, out, err };
}

const position = (at: number, notional: number) =>
  `${JSON.stringify({ type: 'position', at, venue: 'binance-usdm', symbol: 'BTC/USDT:USDT', notional })}\n`;

describe('standdown backtest-stops', () => {
  it('plays a file and standard input, and exits 0 whether something trips or not', async () => {
    const file = join(folder, 'telemetry.ndjson');
    await writeFile(file, `nonsense\n${position(T0, 151)}${position(T0 + 1_000, 151)}`);
    const { code, out, err } = await cli([file]);
    expect(err).toBe('line 1: the line is not JSON\n');
    expect(out).toContain('2026-11-23 09:00:01.000 UTC  KILL  positionSize 151 USDT, limit 150 USDT');
    expect(out).toContain('positionSize: WOULD HAVE KILLED 1 time');
    expect(code).toBe(0);
    const fine = await cli(['-', '--json'], position(T0, 150) + position(T0 + 1_000, 150));
    expect(fine.code).toBe(0);
    expect(JSON.parse(fine.out)).toMatchObject({ kind: 'summary', samples: 2, trips: {} });
  });

  it('exits 1 for what cannot be played, 2 for usage', async () => {
    expect(await cli(['none.ndjson'])).toMatchObject({ code: 1, err: expect.stringContaining('ENOENT') });
    expect(await cli(['-'], 'nonsense\n')).toMatchObject({ code: 1 });
    expect(await cli([])).toMatchObject({ code: 2 });
    expect(await cli(['-', '--what'])).toMatchObject({ code: 2 });
  });
});
