/** `npm start`'s rehearsal as it is run: the page's server in front, the real bot as a process behind it. Needs `npm run build`. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { Looking } from '../../src/rehearsal/console/state.ts';
import { CHANNEL } from '../../src/rehearsal/stage.ts';
import { openRehearsal, type Rehearsed, ROOT, shows, withRehearsal } from './rehearsed.ts';

const LIMIT = 60_000;
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-console-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (port?: number) => openRehearsal(folder, port);
const withConsole = (story: (desk: Rehearsed) => Promise<void>) => withRehearsal(folder, story);

it('does not begin where one runs already, whatever the port, and leaves its data alone', async () => {
  const first = await open();
  try {
    const kept = await readFile(first.controlFile, 'utf8');
    await first.act({ act: 'say', as: 'U0ADA', text: '/halt orders a rehearsal' });
    await expect.poll(() => readFile(first.controlFile, 'utf8'), { timeout: 10_000 }).not.toBe(kept);
    const halted = await readFile(first.controlFile, 'utf8');
    for (const port of [0, Number(new URL(first.console.url).port)]) {
      await expect(open(port)).rejects.toThrow(
        /a rehearsal runs in .* already \(process \d+\), and its data was left alone/,
      );
    }
    expect(await readFile(first.controlFile, 'utf8')).toBe(halted);
  } finally {
    await first.console.stop();
  }
});

it('does not begin on a port that somebody has; the folder is free again then', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(open(port)).rejects.toThrow(`port ${port} is taken`);
  other.close();
  await (await open()).console.stop();
});

it('in a folder that cannot be had it says so, and what to do', async () => {
  // A file in the way stops root too.
  await writeFile(join(folder, 'data'), '');
  expect(loadConfig({ env: { STANDDOWN_REHEARSAL: '1' }, cwd: folder })).toMatchObject({ ok: true });
  await expect(open()).rejects.toThrow(
    /cannot keep its data in .*rehearsal \((EEXIST|ENOTDIR).*\)\. Start it in a folder that you may write to/,
  );
});

describe('the console in front of the bot', () => {
  it(
    'a calm desk; then people act as in Slack, and the bot answers each',
    async () => {
      await withConsole(async (desk) => {
        expect(desk.state()).toMatchObject({
          messages: [],
          venue: { orders: { length: 8 }, conditional: { length: 2 }, positions: [{ notional: 512 }] },
          status: { bot: { state: 'up', starts: 1 }, trading: { state: 'running' }, incidents: [] },
          control: { writable: true },
        });
        const as = 'U0ADA';
        expect(
          await desk.act({ act: 'say', as, text: '/incident declare P1 orders <hang> & drift' }),
        ).toEqual({ ok: true });
        await shows(desk, 'INC-');
        // The answer that only she sees is a message in the channel too, and no thread.
        const headline = desk.state().messages.find(({ ephemeral }) => !ephemeral);
        const thread = headline?.ts ?? '';
        expect(headline).toMatchObject({ author: { isApp: true } });
        expect(
          await desk.act({ act: 'reply', as, threadTs: thread, text: 'deploy of @grace' }),
        ).toMatchObject({
          ok: true,
        });
        expect(desk.state({ thread }).thread?.some(({ text }) => text === 'deploy of <@U0GRACE>')).toBe(true);
        expect(await desk.act({ act: 'reply', as, threadTs: thread, text: '/kill' })).toMatchObject({
          ok: false,
        });
        expect(await desk.act({ act: 'openHome', as })).toEqual({ ok: true });
        await desk.console.stage().slack.until(() => desk.state().home, { what: 'App Home' });

        expect(await desk.act({ act: 'say', as: 'U0MALLORY', text: '/kill now' })).toEqual({ ok: true });
        const mallory = { id: 'U0MALLORY', name: 'Mallory', role: '', pagerDuty: null };
        const answers = (who: Partial<Looking>) =>
          desk.state(who).messages.filter(({ ephemeral }) => ephemeral);
        const refusal = answers({ as: mallory }).at(-1)?.ts;
        expect(refusal).toBeDefined();
        expect(
          answers({}).map(({ ts }) => ts),
          'only its reader sees it',
        ).not.toContain(refusal);
        expect(desk.console.stage().binance.openOrders().length).toBe(8);

        expect(await desk.act({ act: 'click', as, ts: thread, actionId: 'no.such' })).toMatchObject({
          ok: false,
          error: expect.stringContaining('no.such'),
        });
        const page = desk.console.stage().pagerDuty.incidents()[0];
        expect(await desk.act({ act: 'pager.acknowledge', page: page?.id, who: 'PADA001' })).toEqual({
          ok: true,
        });
        expect(desk.state().pagerduty.pages[0]).toMatchObject({ status: 'acknowledged' });
        expect(await desk.act({ act: 'venue.price', symbol: 'BTCUSDT', price: 65_000 })).toEqual({
          ok: true,
        });
        expect(desk.state().venue.positions[0]).toMatchObject({ notional: 520 });
      });
    },
    LIMIT,
  );

  it(
    'what the bot refuses is refused through the console too, and 502 is said while it is down',
    async () => {
      await withConsole(async (desk) => {
        const huge = await fetch(`${desk.console.url}/alerts/generic`, {
          method: 'POST',
          headers: { authorization: `Bearer ${desk.token}`, 'content-type': 'application/json' },
          body: Buffer.alloc(4 * 1024 * 1024 + 1, ' '),
        });
        expect([huge.status, await huge.json()]).toMatchObject([413, { error: 'too_large' }]);
        expect((await fetch(`${desk.console.url}/status`)).status).toBe(401);
        expect((await desk.get('/healthz')).status).toBe(200);

        expect(await desk.act({ act: 'bot.kill9' })).toEqual({ ok: true });
        expect(await desk.get('/status')).toMatchObject({ status: 502, json: { error: 'bot_down' } });
        expect(desk.state().status.bot).toMatchObject({
          state: 'down',
          detail: expect.stringContaining('SIGKILL'),
        });
        expect(await desk.act({ act: 'say', as: 'U0ADA', text: '/kill' })).toMatchObject({
          ok: false,
          error: expect.stringContaining('it is down'),
        });
        expect(await desk.act({ act: 'bot.start' })).toEqual({ ok: true });
        expect((await desk.get('/healthz')).status).toBe(200);
        expect(desk.state().status.bot).toMatchObject({ state: 'up', starts: 2 });
      });
    },
    LIMIT,
  );

  it(
    'starts over as it began',
    async () => {
      await withConsole(async (desk) => {
        await desk.act({ act: 'fault', id: 'slack.slow', on: true });
        await desk.act({ act: 'say', as: 'U0ADA', text: '/kill' });
        await desk.console
          .stage()
          .binance.until(() => desk.console.stage().binance.openOrders().length === 0, {
            what: 'no order',
          });
        expect(await desk.act({ act: 'reset' })).toEqual({ ok: true });
        expect(desk.state()).toMatchObject({
          messages: [],
          venue: { orders: { length: 8 } },
          status: { bot: { state: 'up' }, trading: { state: 'running' }, lastKill: null },
        });
        expect(desk.state().faults.some(({ on }) => on)).toBe(false);
        expect(await readFile(desk.controlFile, 'utf8')).toContain('KILL_SWITCH=0');
      });
    },
    LIMIT,
  );
});

it.each([
  ['pager.forgets', 'Page queued, nobody yet', 'mail.refuses', 'Stakeholder mail failed'],
  ['pager.limits', 'Page not sent yet', 'mail.greylists', 'Stakeholder mail not sent yet'],
])(
  'with %s a person reads “%s”, with %s “%s”, and nobody is called paged',
  async (pagerFault, ofPage, mailFault, ofMail) => {
    await withConsole(async (desk) => {
      for (const id of [pagerFault, mailFault]) await desk.act({ act: 'fault', id, on: true });
      await desk.act({ act: 'say', as: 'U0ADA', text: '/incident declare P0 drift' });
      await shows(desk, ofPage);
      await shows(desk, ofMail);
      const { slack } = desk.console.stage();
      expect(slack.asText(CHANNEL)).not.toMatch(/Paged Ada|Stakeholder mail accepted/);
      expect(desk.state()).toMatchObject({ pagerduty: { pages: [] }, mailbox: [] });
    });
  },
  LIMIT,
);

describe('each story plays to its end', () => {
  it(
    'crash in the middle: orders are left, and the next process ends what the first began',
    async () => {
      await withConsole(async (desk) => {
        const shown = await desk.play('crash');
        expect(shown.told.map(({ text }) => text).join('\n')).toContain('The verdict is there. 0 orders');
        expect(shown.told[1]?.text, 'orders were left when it died').toMatch(/kill -9\. [1-9]\d* orders/);
        expect(desk.state()).toMatchObject({
          venue: { orders: [], conditional: [] },
          status: { bot: { starts: 2 } },
        });
        const kills = desk.console
          .stage()
          .pagerDuty.incidents()
          .map(({ dedupKey }) => dedupKey);
        expect(new Set(kills).size, 'nothing is paged twice').toBe(kills.length);
      });
    },
    LIMIT,
  );

  it(
    'Slack down in the middle',
    async () => {
      await withConsole(async (desk) => {
        expect(await desk.play('slackDown')).toMatchObject({ state: 'done', progress: 1 });
        expect(desk.state().faults.some(({ on }) => on)).toBe(false);
        await shows(desk, 'Kill verdict RESIDUAL');
      });
    },
    LIMIT,
  );

  it.each([
    ['rejects', 'rejectRate'],
    ['runaway', 'positionSize'],
  ])(
    '%s: killed by the criterion itself, %s',
    async (id, criterion) => {
      await withConsole(async (desk) => {
        const shown = await desk.play(id);
        expect(shown.told.at(-1)?.text).toMatch(/illed by itself/);
        const { json } = await desk.get('/status');
        expect(JSON.stringify(json['incidents'])).toContain(`Hard stop: ${criterion}`);
      });
    },
    LIMIT,
  );

  it(
    'alert storm: the P0 is paged in the middle of it',
    async () => {
      await withConsole(async (desk) => {
        const shown = await desk.play('storm');
        expect(shown.told.at(-1)?.text).toContain('The P0 is with PagerDuty');
      });
    },
    LIMIT,
  );

  it(
    'stuck orders: a page, then it is the turn of who reads it',
    async () => {
      await withConsole(async (desk) => {
        const played = desk.play('stuck');
        const { pagerDuty } = desk.console.stage();
        await pagerDuty.until(() => pagerDuty.incidents().some((one) => one.assignees.length > 0), {
          what: 'a page',
          timeoutMs: 20_000,
        });
        expect(await desk.act({ act: 'say', as: 'U0ADA', text: '/kill' })).toEqual({ ok: true });
        expect((await played).told.at(-1)?.text).toContain('Trading is killed');
      });
    },
    LIMIT,
  );

  it(
    'one can be stopped, and takes its faults back; no second one runs beside it',
    async () => {
      await withConsole(async (desk) => {
        expect(await desk.act({ act: 'scenario', id: 'feedGap', do: 'start' })).toEqual({ ok: true });
        expect(await desk.act({ act: 'scenario', id: 'storm', do: 'start' })).toMatchObject({ ok: false });
        expect(await desk.act({ act: 'scenario', id: 'none', do: 'start' })).toMatchObject({ ok: false });
        expect(await desk.act({ act: 'scenario', id: 'feedGap', do: 'stop' })).toEqual({ ok: true });
        expect(desk.state().scenarios.find(({ id }) => id === 'feedGap')).toMatchObject({ state: 'stopped' });
        expect(desk.state().faults.some(({ on }) => on)).toBe(false);
      });
    },
    LIMIT,
  );
});

describe('npm start', () => {
  const begin = (stderr: 'inherit' | 'pipe') =>
    spawn(process.execPath, [join(ROOT, 'dist', 'cli.js'), 'start'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', PORT: '0' },
      stdio: ['pipe', 'pipe', stderr],
    });
  const start = async () => {
    const child = begin('inherit');
    if (child.stdout === null) throw new Error('it has no output');
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout });
    for await (const line of reader) {
      lines.push(line);
      if (line.includes('quit')) break;
    }
    return { child, lines, url: /open (http:\S+)\//.exec(lines[0] ?? '')?.[1] ?? '' };
  };
  /** The process of the bot behind it. */
  const botOf = async (child: ChildProcess): Promise<number> => {
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    return Number(children.trim().split(' ')[0]);
  };
  const gone = async (pid: number): Promise<void> => {
    for (;;) {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
      // A zombie has ended: nobody here waits for it.
      if (stat === null || /\) Z /.test(stat)) return;
      await delay(20);
    }
  };

  it(
    'says where the page is, labelled DRILL, and plays nothing by itself',
    async () => {
      const { child, lines, url } = await start();
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      for (const line of lines) expect(line).toMatch(/^DRILL/);
      expect(await (await fetch(url)).text()).toContain('<html');
      const over = once(child, 'exit');
      child.stdin?.write('quit\n');
      expect(await over).toEqual([0, null]);
    },
    LIMIT,
  );

  it(
    'a second one in the folder refuses in words; after a kill -9 of the first it starts, and empties the folder',
    async () => {
      const first = await start();
      const mark = join(folder, 'data', 'rehearsal', 'of-the-first');
      await writeFile(mark, '');
      const second = begin('pipe');
      if (second.stderr === null) throw new Error('it has no errors to read');
      const [words, [code]] = await Promise.all([text(second.stderr), once(second, 'exit')]);
      expect(code).toBe(1);
      expect(words).toContain(
        `a rehearsal runs in ${join(folder, 'data', 'rehearsal')} already (process ${first.child.pid})`,
      );
      expect(await readFile(mark, 'utf8')).toBe('');
      expect((await fetch(`${first.url}/healthz`)).status).toBe(200);

      const over = once(first.child, 'exit');
      first.child.kill('SIGKILL');
      await over;
      const third = await start();
      await expect(readFile(mark)).rejects.toThrow('ENOENT');
      const ended = once(third.child, 'exit');
      third.child.stdin?.write('quit\n');
      expect(await ended).toEqual([0, null]);
    },
    LIMIT,
  );

  it.runIf(process.platform === 'linux')(
    'kill -9 of it leaves no bot behind; SIGTERM ends both in order',
    async () => {
      const first = await start();
      const orphan = await botOf(first.child);
      expect(orphan).toBeGreaterThan(1);
      first.child.kill('SIGKILL');
      await gone(orphan);

      const second = await start();
      const bot = await botOf(second.child);
      const over = once(second.child, 'exit');
      second.child.kill('SIGTERM');
      expect(await over).toEqual([0, null]);
      await gone(bot);
    },
    LIMIT,
  );
});
