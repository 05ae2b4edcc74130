/** Start over, on the real bot: nothing of the old rehearsal is left, on the page or in the process. Needs `npm run build`. */

import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Rehearsed, shows, withRehearsal } from './rehearsed.ts';

const LIMIT = 120_000;
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-over-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A browser that looks: what each region shows now. */
async function browser(desk: Rehearsed) {
  const ended = new AbortController();
  const response = await fetch(`${desk.console.url}/console/events?as=U0ADA`, { signal: ended.signal });
  const shown: Record<string, string> = {};
  const read = async () => {
    let buffer = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      buffer += chunk;
      const events = buffer.split('\n\n');
      buffer = events.pop() ?? '';
      for (const event of events) {
        const data = /^event: regions\ndata: (.*)$/s.exec(event)?.[1];
        if (data !== undefined) Object.assign(shown, JSON.parse(data));
      }
    }
  };
  const reading = read().catch(() => undefined);
  return {
    shown,
    async close() {
      ended.abort();
      await reading;
    },
  };
}

/** Processes that somebody has not waited for are gone, too. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) Z /.test(stat);
}

/** The pid of each process that the bot was. */
function pidsOf(desk: Rehearsed): Set<number> {
  const pids = new Set<number>();
  const note = () => {
    const { pid } = desk.console.bot.shown();
    if (pid !== null) pids.add(pid);
  };
  note();
  desk.console.bot.onChange(note);
  return pids;
}

async function onlyOneRuns(desk: Rehearsed, pids: Set<number>): Promise<void> {
  const alive = await Promise.all([...pids].map(async (pid) => ((await isAlive(pid)) ? [pid] : [])));
  expect(alive.flat()).toEqual([desk.console.bot.shown().pid]);
}

describe.runIf(process.platform === 'linux')('Start over', () => {
  it(
    'with a story, faults and an incident running and two browsers open: all of it is gone, and both see it',
    async () => {
      await withRehearsal(folder, async (desk) => {
        const pids = pidsOf(desk);
        const browsers = [await browser(desk), await browser(desk)];
        expect(await desk.act({ act: 'say', as: 'U0ADA', text: '/incident declare P1 drift' })).toEqual({
          ok: true,
        });
        await shows(desk, 'INC-');
        expect(await desk.act({ act: 'scenario', id: 'feedGap', do: 'start' })).toEqual({ ok: true });
        for (const id of [
          'slack.slow',
          'venue.hangs',
          'pager.down',
          'mail.down',
          'engine.trades',
          'disk.gone',
        ])
          expect(await desk.act({ act: 'fault', id, on: true })).toEqual({ ok: true });
        for (const { shown } of browsers) {
          await expect.poll(() => shown['messages'], { timeout: 10_000 }).toContain('INC-');
          await expect.poll(() => shown['faults'], { timeout: 10_000 }).toContain('data-count="7"');
        }

        const over = desk.act({ act: 'reset' });
        await expect.poll(() => desk.state().status.bot.detail).toContain('Start over is running');
        expect(await desk.act({ act: 'fault', id: 'slack.down', on: true })).toMatchObject({ ok: false });
        expect(await desk.act({ act: 'bot.start' })).toMatchObject({ ok: false });
        expect(await over).toEqual({ ok: true });

        const now = desk.state();
        expect(now).toMatchObject({
          messages: [],
          home: null,
          modal: null,
          mailbox: [],
          pagerduty: { pages: [] },
          venue: { orders: { length: 8 }, conditional: { length: 2 }, positions: { length: 1 } },
          control: { writable: true },
          status: {
            incidents: [],
            lastKill: null,
            trading: { state: 'running' },
            bot: { state: 'up', starts: 2 },
          },
        });
        expect(now.faults.filter(({ on }) => on)).toEqual([]);
        expect(now.scenarios.filter(({ state, told }) => state !== 'ready' || told.length > 0)).toEqual([]);
        const engineFolder = dirname(desk.controlFile);
        await access(engineFolder);
        await expect(access(`${engineFolder}.away`)).rejects.toThrow('ENOENT');
        expect(await readdir(join(folder, 'data', 'rehearsal', 'postmortems')).catch(() => [])).toEqual([]);
        for (const { shown } of browsers) {
          await expect.poll(() => shown['messages'], { timeout: 10_000 }).not.toContain('INC-');
          await expect.poll(() => shown['faults']).toContain('data-count="0"');
          await expect.poll(() => shown['status']).toContain('bot up');
        }
        await onlyOneRuns(desk, pids);
        for (const one of browsers) await one.close();
        // The engine talks to the new bot.
        await expect
          .poll(async () => (await desk.get('/status')).json['trading'], { timeout: 10_000 })
          .toMatchObject({ engine: [{ id: 'main', confirmed: true }] });
      });
    },
    LIMIT,
  );

  it(
    'ten times in a row: no process, no port, no timer, and nothing of an old desk in memory',
    async () => {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      await withRehearsal(folder, async (desk) => {
        const pids = pidsOf(desk);
        const old: WeakRef<object>[] = [];
        const count = (kind: string) =>
          process.getActiveResourcesInfo().filter((name) => name === kind).length;
        const again = async () => {
          old.push(new WeakRef(desk.console.stage()));
          expect(await desk.act({ act: 'reset' })).toEqual({ ok: true });
        };
        await again();
        const before = { ports: count('TCPServerWrap'), timers: count('Timeout') };
        for (let n = 0; n < 10; n += 1) await again();
        await onlyOneRuns(desk, pids);
        expect(pids.size).toBe(12);
        expect(count('TCPServerWrap')).toBe(before.ports);
        await expect.poll(() => count('Timeout'), { timeout: 10_000 }).toBeLessThanOrEqual(before.timers + 2);
        await expect
          .poll(
            () => {
              collect();
              return old.filter((one) => one.deref() !== undefined).length;
            },
            { timeout: 10_000, message: 'old desks in memory' },
          )
          .toBe(0);
      });
    },
    LIMIT,
  );
});
