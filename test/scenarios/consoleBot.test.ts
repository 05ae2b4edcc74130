/** What the console says of a bot that is dead, frozen, or killed and started in the same instant. Needs `npm run build`. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withRehearsal } from './rehearsed.ts';

const LIMIT = 60_000;
const SOON = { timeout: 20_000 };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-console-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it(
  'of a dead one nothing that it said last; started as it dies, it is up in the end',
  async () => {
    await withRehearsal(folder, async (desk) => {
      await expect.poll(() => desk.state().criteria.length, SOON).toBeGreaterThan(0);
      await desk.console.bot.kill9();
      expect(desk.state()).toMatchObject({
        criteria: [],
        status: { bot: { state: 'down' }, trading: null, incidents: [], lastKill: null },
      });
      await desk.console.bot.start();

      const [killed, started] = await Promise.all([
        desk.act({ act: 'bot.kill9' }),
        desk.act({ act: 'bot.start' }),
      ]);
      expect([killed, started]).toEqual([{ ok: true }, { ok: true }]);
      expect(desk.state().status.bot).toMatchObject({ state: 'up', starts: 3 });

      const { bot } = desk.console;
      const [, second] = await Promise.allSettled([bot.kill9(), bot.start(), bot.kill9()]);
      expect(second, 'killed once more before its turn').toMatchObject({
        reason: { message: 'The bot did not start: it was ended first.' },
      });
      expect(desk.state().status.bot).toMatchObject({ state: 'down', starts: 3 });
    });
  },
  LIMIT,
);

it(
  'of a frozen one that it does not answer, and that trading is unknown; and all of it again when it thaws',
  async () => {
    await withRehearsal(folder, async (desk) => {
      await expect.poll(() => desk.state().status.trading?.state, SOON).toBe('running');
      const pid = desk.state().status.bot.pid ?? 0;
      process.kill(pid, 'SIGSTOP');
      try {
        await expect.poll(() => desk.state().status.bot.state, SOON).toBe('mute');
        expect(desk.state()).toMatchObject({ criteria: [], status: { trading: null, lastKill: null } });
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await expect
        .poll(() => desk.state().status, SOON)
        .toMatchObject({
          bot: { state: 'up', detail: null, pid },
          trading: { state: 'running' },
        });
    });
  },
  LIMIT,
);

it(
  'who has a thread of the old desk open cannot write into it after Start over, and keeps the words',
  async () => {
    await withRehearsal(folder, async (desk) => {
      const said = await desk.act({ act: 'say', as: 'U0ADA', text: 'before' });
      const reply = (text: string) => desk.act({ act: 'reply', as: 'U0GRACE', threadTs: said.ts, text });
      expect(await reply('one')).toMatchObject({ ok: true });
      await desk.act({ act: 'remove', as: 'U0ADA', ts: said.ts });
      expect(await reply('two'), 'as in Slack: its replies keep it').toMatchObject({ ok: true });
      expect(await desk.act({ act: 'reset' })).toEqual({ ok: true });
      expect(await reply('three')).toEqual({
        ok: false,
        error: 'the thread is gone: close it, and write in the channel',
      });
      expect(desk.state({ thread: said.ts ?? null }).thread).toEqual([]);
    });
  },
  LIMIT,
);
