/** Who was refused what is on record: a stranger's click on Kill before all. Nothing else comes of it. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { describe as words } from '../../src/domain/timeline.ts';
import { DESK } from '../../src/ports.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { faultyDisk } from '../adapters/faultyDisk.ts';
import { type InProcess, startDesk } from './desk.ts';
import { fire, posted, said, settled, statusView, switches } from './reading.ts';

let desk: InProcess;
beforeEach(async () => {
  desk = await startDesk();
});
afterEach(() => desk.close());

const { ada, mallory } = CAST;
const refusedIn = async (log: string) =>
  (await desk.bot.store.history(log)).filter(({ type }) => type === 'CommandRefused');
const rowsOf = async (log: string) =>
  (await refusedIn(log)).map((event) => `${event.by.via} ${event.by.id}: ${words(event)}`);

describe('what was refused', () => {
  it('is on the incident’s log: a stranger’s click on Kill', async () => {
    const id = await fire(desk, { name: 'Stuck' });
    await posted(desk, id);
    const before = await settled(desk, id, ({ pages }) => pages[0]?.state === 'assigned');
    await desk.click('mallory', 'Kill…', id);
    await expect
      .poll(() => rowsOf(id), { timeout: 5_000 })
      .toEqual([
        expect.stringMatching(
          new RegExp(
            `^slack ${mallory.id}: REFUSED: button desk\\.kill \\(from ${CHANNEL}\\): You are not a responder for this desk.*\\[no_responder:notNamed\\]$`,
          ),
        ),
      ]);
    const { clocks, silentFrom, kills, pages } = desk.bot.ledger.peek(id) ?? before;
    expect({ clocks, silentFrom, kills, pages: pages.length }).toEqual({
      clocks: before.clocks,
      silentFrom: before.silentFrom,
      kills: {},
      pages: 1,
    });
    expect(desk.thread(id)).not.toContain('REFUSED');
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
  });

  it('is on the desk’s log when it is about no incident, cut, masked, and counted when it repeats', async () => {
    const secret = desk.stage.keys.botToken;
    for (let n = 0; n < 30; n += 1)
      said(await desk.stage.slack.say(mallory.id, `/kill ${secret} ${'x'.repeat(3_000)}`));
    await expect.poll(async () => (await refusedIn(DESK)).length, { timeout: 5_000 }).toBe(1);
    await desk.restart();
    const rows = await refusedIn(DESK);
    expect(rows).toMatchObject([{ code: 'no_responder:notNamed' }, { more: 29 }]);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(rows).length).toBeLessThan(2_000);
    expect((await statusView(desk)).incidents).toEqual([]);
  });

  it('is refused for a reason of its own as well: with its code', async () => {
    const id = await fire(desk, { name: 'Stuck', severity: 'P1' });
    await desk.stage.slack.say(ada.id, `/incident severity ${id} P1 it is that already`);
    await expect
      .poll(async () => (await rowsOf(id)).join('\n'), { timeout: 5_000 })
      .toContain('[same_severity]');
  });
});

describe('a disk that takes nothing', () => {
  it('changes neither the answer nor the kill that follows', async () => {
    await desk.close();
    let hang: Promise<void> | undefined;
    let end = () => {};
    const storeFs = faultyDisk(nodeDisk, (call) =>
      call === 'sync' && hang !== undefined ? { until: hang } : undefined,
    );
    desk = await startDesk({ storeFs });
    hang = new Promise<void>((done) => {
      end = done;
    });
    const answer = said(await desk.stage.slack.say(mallory.id, '/kill now'));
    expect(answer).toContain('You are not a responder');
    expect(said(await desk.stage.slack.say(ada.id, '/kill now'))).toContain('Kill running');
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
    hang = undefined;
    end();
  });
});
