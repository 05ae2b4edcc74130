/** Lifting the kill latch: everything that it asks for, in order, and what voids it. */

import { afterEach, describe, expect, it } from 'vitest';
import type { LiveConfig } from '../../src/config.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

const QUIET = { positions: [], orders: [], conditionalOrders: [] };
const check = (expected: string): LiveConfig['recoveryCheck'] => ({
  run: [process.execPath, '-e', 'console.log("verdict: ELIGIBLE")'],
  cwd: process.cwd(),
  expect: expected,
  timeoutSec: 20,
});

const on = { run: [], cwd: process.cwd(), expect: 'verdict: ELIGIBLE', timeoutSec: 20 };

async function killed(recoveryCheck: LiveConfig['recoveryCheck'] = 'off'): Promise<InProcess> {
  desk = await startDesk({ binance: QUIET, config: (config) => ({ ...config, recoveryCheck }) });
  await desk.stage.slack.say(CAST.ada.id, '/kill feed frozen', { channel: CHANNEL });
  await desk.stage.slack.until(() => desk?.thread().includes('VERDICT  FLAT'), { what: 'FLAT' });
  return desk;
}

async function resolved(under: InProcess): Promise<void> {
  await under.stage.slack.say(CAST.ada.id, '/incident resolve', { channel: CHANNEL });
  const view = under.stage.slack.openViews(CAST.ada.id).at(-1);
  await under.stage.slack.submit(CAST.ada.id, view?.id ?? '', { summary: 'mended', category: 'system' });
  await under.stage.slack.until(() => under.thread().includes('Put into review'), { what: 'the draft' });
  // The rest of the checklist, which the gate asks for as well.
  await sees(under, 'After the incident');
  await under.click('ada', 'SLI data is updated');
  await under.click('ada', 'None needed…');
  const reason = under.stage.slack.openViews(CAST.ada.id).at(-1);
  await under.stage.slack.submit(CAST.ada.id, reason?.id ?? '', { why: 'a drill of the gate' });
}

const resume = async (under: InProcess, who: keyof typeof CAST, text: string) =>
  (await under.stage.slack.say(CAST[who].id, text, { channel: CHANNEL })).body;
const sees = (under: InProcess, text: string) =>
  under.stage.slack.until(() => under.thread().includes(text), { what: text });
const told = (under: InProcess, who: keyof typeof CAST, text: RegExp) =>
  under.stage.slack.until(
    () => under.stage.slack.ephemerals(CAST[who].id).some((one) => text.test(one.text)),
    { what: String(text) },
  );

describe('/resume', () => {
  it('lists what is missing and who can supply it, and moves nothing', async () => {
    const under = await killed(check('verdict: ELIGIBLE'));
    const answer = await resume(under, 'grace', '/resume');
    for (const text of [
      'is not resolved',
      'no postmortem draft',
      'recovery check did not run',
      'the root cause has no category',
      'no action item, and no reason for none',
      'the SLI data of the incident is not updated',
      'not known to be fine: ',
      '2 approvals, none of them yours',
      'every venue read again (the bot, after the last approval)',
    ]) {
      expect(answer).toContain(text);
    }
    expect(await resume(under, 'mallory', '/resume')).toContain('not an approver');
    expect(await under.control()).toContain('KILL_SWITCH=1');
  });

  it('lifts the latch after review, recovery check and two approvals of others, with the venues read again', async () => {
    const under = await killed(check('verdict: ELIGIBLE'));
    await resolved(under);
    await under.click('ada', 'Run recovery check');
    await sees(under, 'Recovery check passed');
    await under.click('ada', 'Put into review');
    await sees(under, 'put into review by');
    expect(await resume(under, 'grace', '/resume fixed')).toContain('State the new starting value');
    expect(await resume(under, 'grace', '/resume start=0 fixed')).toContain('2 approvers other than you');
    await sees(under, 'Approve resume…');
    await under.click('grace', 'Approve resume…');
    await told(under, 'grace', /somebody else must approve/);
    await under.click('ada', 'Approve resume…');
    await sees(under, '1 of 2 approvals');
    expect(await under.control()).toContain('KILL_SWITCH=1');
    await under.click('alan', 'Approve resume…');
    await sees(under, 'The kill latch was lifted');
    await under.stage.slack.until(() => under.channel().includes('Trading RUNNING'), {
      what: 'the headline',
    });
    await under.restart();
    expect(await under.control()).toContain('KILL_SWITCH=0');
    expect((await under.get('/status')).json).toMatchObject({ trading: { state: 'running', latch: null } });
  });

  it('stays when a venue cannot be read after the last approval', async () => {
    const under = await killed();
    await resolved(under);
    await under.click('ada', 'Put into review');
    await sees(under, 'put into review by');
    await resume(under, 'grace', '/resume start=0 fixed');
    await sees(under, 'Approve resume…');
    await under.click('ada', 'Approve resume…');
    await sees(under, '1 of 2 approvals');
    under.stage.binance.fault({
      kind: 'http500',
      match: { path: '/fapi/v1/openOrders', method: 'GET' },
      times: Number.POSITIVE_INFINITY,
    });
    await under.click('alan', 'Approve resume…');
    await sees(under, 'The latch stays');
    expect(await under.control()).toContain('KILL_SWITCH=1');
  });

  it('a new kill voids the approvals', async () => {
    const under = await killed();
    await resolved(under);
    await under.click('ada', 'Put into review');
    await sees(under, 'put into review by');
    const incident = /INC-\d{8}-\d{3}/.exec(under.channel())?.[0] ?? '';
    await resume(under, 'grace', '/resume start=0 fixed');
    await sees(under, 'Approve resume…');
    await under.click('ada', 'Approve resume…');
    await sees(under, '1 of 2 approvals');
    await under.stage.slack.say(CAST.ada.id, '/kill again', { channel: CHANNEL });
    await under.click('alan', 'Approve resume…', incident);
    await told(under, 'alan', /newer kill|is over/);
    expect(await under.control()).toContain('KILL_SWITCH=1');
  });

  it('a recovery check that is off has no button; one that runs is not started again', async () => {
    const off = await killed();
    await resolved(off);
    expect(off.thread()).not.toContain('[Run recovery check]');
    await off.close();
    const slow = [process.execPath, '-e', 'setTimeout(() => console.log("verdict: ELIGIBLE"), 1500)'];
    const under = await killed({ ...on, run: slow });
    await resolved(under);
    await under.click('ada', 'Run recovery check');
    await under.click('grace', 'Run recovery check');
    await told(under, 'grace', /running already: nothing was started/);
    await sees(under, 'Recovery check passed');
    expect(under.thread().match(/Recovery check passed/g)).toHaveLength(1);
  });

  it('a recovery check that exits 0 without the pattern does not pass', async () => {
    const under = await killed(check('verdict: SOMETHING ELSE'));
    await resolved(under);
    await under.click('ada', 'Run recovery check');
    await sees(under, 'Recovery check did not pass');
    await under.click('ada', 'Put into review');
    await sees(under, 'put into review by');
    expect(await resume(under, 'grace', '/resume start=0 x')).toContain('the recovery check did not pass');
  });
});
