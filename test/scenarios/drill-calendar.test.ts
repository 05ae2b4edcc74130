/** The calendar of drills through the real bot, on a clock that the test moves. */

import { afterEach, describe, expect, it } from 'vitest';
import { DESK } from '../../src/ports.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';

let desk: InProcess;
let aheadMs = 0;
const PATIENT = { timeout: 15_000 };
const MIN = 60_000;
const SOON_MS = 10_000;
const DAY = 86_400_000;

afterEach(async () => desk?.close());

const scheduled: NonNullable<DeskOptions['config']> = (config) => ({
  ...config,
  drills: { ...config.drills, schedule: [{ scenario: 'paging', cron: '0 9 * * *', by: 'leads' }] },
});
const planned = async () =>
  (await desk.bot.ledger.history(DESK)).flatMap((event) =>
    event.type === 'DrillPlanned' ? [event.dueAt] : [],
  );
const inChannel = () => desk.stage.slack.messages(CHANNEL).filter(({ text }) => text.includes('did NOT run'));

const drills = () => desk.bot.ledger.open().flatMap(({ gameDay }) => gameDay ?? []);

/**
 * A live desk at 08:59:50 UTC, with a drill of paging at nine each day. So near, since a clock that jumps by minutes makes
 * what was measured too old to be known, and that is a real P1.
 */
async function justBeforeNine(): Promise<number> {
  const nine = Math.ceil(Date.now() / DAY) * DAY + 9 * 60 * MIN;
  aheadMs = nine - SOON_MS - Date.now();
  desk = await startDesk({ live: true, now: () => Date.now() + aheadMs, config: scheduled });
  await expect.poll(planned, PATIENT).toContain(nine);
  return nine;
}

describe('the calendar of the real bot', () => {
  it('runs what is due', async () => {
    const nine = await justBeforeNine();
    expect(drills()).toEqual([]);
    aheadMs += SOON_MS;
    await expect.poll(drills, PATIENT).toMatchObject([{ scenario: 'paging', dueAt: nine }]);
    expect(inChannel()).toEqual([]);
  });

  it('says once what was missed while the bot was down, and shows it in readiness', async () => {
    await justBeforeNine();
    await desk.restart(async () => {
      aheadMs += 2 * DAY + 60 * MIN;
    });
    await expect.poll(() => inChannel().length, PATIENT).toBe(1);
    expect(inChannel()[0]?.text).toContain('the bot was not running then');
    expect(inChannel()[0]?.text.match(/09:00/g)).toHaveLength(3);
    await desk.restart();
    await expect
      .poll(async () => JSON.stringify((await desk.get('/status')).json), PATIENT)
      .toContain('3 drills (paging)');
    expect(inChannel()).toHaveLength(1);
    expect(drills()).toEqual([]);
  });

  it('does not run beside a latch, and says why', async () => {
    await justBeforeNine();
    await desk.bot.desk.kill({ via: 'slack', id: CAST.ada.id, name: 'ada' }, 'for real');
    aheadMs += SOON_MS;
    await expect.poll(() => inChannel().length, PATIENT).toBe(1);
    expect(inChannel()[0]?.text).toContain('The desk is killed');
  });
});
