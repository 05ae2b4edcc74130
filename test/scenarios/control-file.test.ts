/** The control file belongs to the engine, too: what others do to it is noticed, said, and never loosens anything. */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type InProcess, startDesk } from './desk.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const until = (predicate: () => boolean, what: string) => desk?.stage.slack.until(predicate, { what });

describe('at start', () => {
  it('a KILL_SWITCH=1 that no record explains is adopted as a latch, and said; no order is touched', async () => {
    desk = await startDesk({ control: 'KILL_SWITCH=1\nMINE=kept\n' });
    const { json } = await desk.get('/status');
    expect(json).toMatchObject({
      trading: { state: 'killed', latch: { reason: expect.stringContaining('found set at start') } },
    });
    await until(
      () => desk?.channel().includes('KILL_SWITCH=1 was found set at start') === true,
      'the headline',
    );
    expect(desk.stage.binance.openOrders().length).toBeGreaterThan(0);
    expect(await desk.control()).toContain('KILL_SWITCH=1\nMINE=kept\n');
  });

  it('a latch that is on record is written again when the file says 0', async () => {
    desk = await startDesk();
    await desk.post('/kill', { reason: 'test', actor: 'ada' });
    await until(() => desk?.thread().includes('written and read back') === true, 'the latch');
    await desk.restart(async () => {
      const text = await desk?.control();
      await writeFile(desk?.controlFile ?? '', (text ?? '').replace('KILL_SWITCH=1', 'KILL_SWITCH=0'));
    });
    expect(await desk.control()).toContain('KILL_SWITCH=1');
  });

  it('HALT_NEW_ORDERS=1 set by hand is adopted as a hold', async () => {
    desk = await startDesk({ control: 'KILL_SWITCH=0\nHALT_NEW_ORDERS=1\n' });
    expect((await desk.get('/status')).json).toMatchObject({
      trading: { state: 'halted', holds: [{ key: 'HALT_NEW_ORDERS', by: 'the control file' }] },
    });
  });
});

describe('while running', () => {
  it('a latch that somebody sets to 0 is put back, and a P0 says so', async () => {
    desk = await startDesk();
    await desk.post('/kill', { reason: 'test', actor: 'ada' });
    await until(() => desk?.thread().includes('written and read back') === true, 'the latch');
    const text = await desk.control();
    await writeFile(desk.controlFile, text.replace('KILL_SWITCH=1', 'KILL_SWITCH=0'));
    await until(
      () => desk?.channel().includes('the control file said otherwise; put back') === true,
      'the put-back',
    );
    expect(await desk.control()).toContain('KILL_SWITCH=1');
  });

  it('a control file that is deleted is said loudly, and pages', async () => {
    desk = await startDesk();
    await rm(desk.controlFile);
    await desk.stage.pagerDuty.until(
      () =>
        desk?.stage.pagerDuty
          .incidents()
          .some((one) => one.title.includes('The control file cannot be used')) === true,
      {
        what: 'a page',
      },
    );
  });

  it('what could not be written is said on the headline and in /status, until it is written', async () => {
    desk = await startDesk();
    await rm(desk.controlFile);
    await mkdir(desk.controlFile);
    const halted = await desk.post('/halt', { what: 'signals', reason: 'test', actor: 'ada' });
    expect(halted).toMatchObject({ status: 503, json: { error: 'not_written' } });
    const { json } = await desk.post('/kill', { reason: 'test', actor: 'ada' });
    const incident = json['incident'] as string;
    await until(() => desk?.thread(incident).includes('not latched') === true, 'the receipt');
    await until(() => desk?.thread(incident).includes('NOT in the control file') === true, 'the headline');
    expect((await desk.get('/status')).json).toMatchObject({
      trading: { state: 'killed', signals: 'paused', unwritten: expect.stringContaining('not a file') },
    });
    await rm(desk.controlFile, { recursive: true });
    await writeFile(desk.controlFile, 'KILL_SWITCH=0\n');
    await until(() => desk?.thread(incident).includes('✓ latched') === true, 'the latch');
    await until(
      () => desk?.channel().includes('PAUSE_SIGNALS=1 written and read back') === true,
      'the pause',
    );
    const after = (await desk.get('/status')).json;
    expect(after['trading']).not.toHaveProperty('unwritten');
    expect(after['lastKill']?.['timings']?.['latchMs']).toBeGreaterThan(0);
    expect(await desk.control()).toMatch(/KILL_SWITCH=1[^]*PAUSE_SIGNALS=1/);
  });

  it('HALT_NEW_ORDERS=1 set by hand becomes a hold with an owner', async () => {
    desk = await startDesk();
    await writeFile(
      desk.controlFile,
      (await desk.control()).replace('KILL_SWITCH=0', 'KILL_SWITCH=0\nHALT_NEW_ORDERS=1'),
    );
    const alert = await desk.alert();
    expect(alert.status).toBe(202);
    await until(() => desk?.channel().includes('New orders HALTED') === true, 'the headline with the hold');
  });
});
