/** `readiness: required`, where something else holds too: a budget, a latch that one person approved; and who comes onto the rota. */

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LiveConfig } from '../../src/config.ts';
import type { ReadinessLine } from '../../src/domain/readiness/judge.ts';
import type { Policy } from '../../src/policy.ts';
import { CAST, CHANNEL, SCHEDULE } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import { said, statusView, switches } from './reading.ts';

const { ada, grace, alan } = CAST;
const DAY = 86_400_000;
const HOUR = 3_600_000;
const START = Date.parse('2026-11-10T12:00:00Z');
const FEED = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null, backup: null };

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

/** The go-live list, of these lines alone. */
const only =
  (...ids: string[]) =>
  (policy: Policy): Policy => ({
    ...policy,
    playbook: { ...policy.playbook, goLive: policy.playbook.goLive.filter(({ id }) => ids.includes(id)) },
  });
const required = (config: LiveConfig): LiveConfig => ({ ...config, readiness: 'required' });

async function line(under: InProcess, id: string): Promise<ReadinessLine | undefined> {
  const { readiness } = (await under.get('/status')).json as unknown as { readiness: ReadinessLine[] };
  return readiness.find((one) => one.id === id);
}
const becomes = (under: InProcess, id: string, state: ReadinessLine['state']) =>
  expect.poll(async () => (await line(under, id))?.state, { timeout: 15_000 }).toBe(state);
const sees = (under: InProcess, text: string) =>
  under.stage.slack.until(() => under.thread().includes(text), { what: text });
const told = (under: InProcess, who: keyof typeof CAST, text: string) =>
  under.stage.slack.until(
    () => under.stage.slack.ephemerals(CAST[who].id).some((one) => one.text.includes(text)),
    { what: text },
  );

describe('readiness that is required', { timeout: 60_000 }, () => {
  it('keeps what a budget holds, though an approver would lift it', async () => {
    let now = START;
    const under = await startDesk({
      now: () => now,
      mode: 'socket',
      policy: only('alerting'),
      config: (config) => ({
        ...required(config),
        feeds: [FEED],
        hours: {
          timezone: 'UTC',
          days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
          maintenance: [],
        },
      }),
    });
    desk = under;
    await under.post('/telemetry', {
      type: 'bar',
      at: now,
      feed: FEED.id,
      symbol: 'BTC/USDT:USDT',
      closedAt: now,
    });
    await expect
      .poll(() => existsSync(join(under.folder, 'data', 'budgets.json')), { timeout: 10_000 })
      .toBe(true);
    now = START + 60_000 + 6_480_000;
    const held = async () => (await statusView(under)).trading.holds.map(({ key }) => key);
    await expect.poll(held, { timeout: 15_000 }).toContain('ALLOW_PROMOTIONS');
    for (const what of ['promotions', 'orders', 'signals']) {
      const before = await held();
      const answer = said(await under.stage.slack.say(grace.id, `/resume ${what} it is over`));
      expect(answer).toMatch(/Readiness is required|Nothing holds/);
      // The gap goes on, and may tighten meanwhile.
      expect(await held()).toEqual(expect.arrayContaining(before));
    }
    expect(said(await under.stage.slack.say(grace.id, '/resume promotions'))).toContain('alerting (missing)');
    expect(await switches(under)).toMatchObject({ ALLOW_PROMOTIONS: '0' });
  });

  it('refuses an approval too, when a line turned red after it was asked for', async () => {
    const under = await startDesk({
      binance: { positions: [], orders: [], conditionalOrders: [] },
      policy: only('on-call-rotation'),
      config: (config) => ({ ...required(config), recoveryCheck: 'off' }),
    });
    desk = under;
    const { slack, pagerDuty } = under.stage;
    await becomes(under, 'on-call-rotation', 'green');
    await slack.say(ada.id, '/kill feed frozen', { channel: CHANNEL });
    await sees(under, 'VERDICT  FLAT');
    await slack.say(ada.id, '/incident resolve', { channel: CHANNEL });
    await slack.submit(ada.id, slack.openViews(ada.id).at(-1)?.id ?? '', {
      summary: 'mended',
      category: 'system',
    });
    await sees(under, 'Put into review');
    await sees(under, 'After the incident');
    await under.click('ada', 'SLI data is updated');
    await under.click('ada', 'None needed…');
    await slack.submit(ada.id, slack.openViews(ada.id).at(-1)?.id ?? '', { why: 'a drill of the gate' });
    await under.click('ada', 'Put into review');
    await sees(under, 'put into review by');
    await slack.say(grace.id, '/resume start=0 fixed', { channel: CHANNEL });
    await sees(under, 'Approve resume…');
    await under.click('ada', 'Approve resume…');
    await sees(under, '1 of 2 approvals');

    pagerDuty.fillRotaUntil(Date.now() + 3 * DAY);
    await slack.say(ada.id, '/incident readiness refresh');
    await becomes(under, 'on-call-rotation', 'missing');
    await under.click('alan', 'Approve resume…');
    await told(under, 'alan', 'Readiness is required');
    expect(await switches(under)).toMatchObject({ KILL_SWITCH: '1' });

    pagerDuty.fillRotaUntil(null);
    await slack.say(ada.id, '/incident readiness refresh');
    await becomes(under, 'on-call-rotation', 'green');
    await under.click('alan', 'Approve resume…');
    await sees(under, 'The kill latch was lifted');
  });
});

describe('somebody who comes onto the rota', { timeout: 60_000 }, () => {
  it('turns the reading and the numbers red within the hour, by itself, and it is put on record once', async () => {
    let ahead = 0;
    const under = await startDesk({
      now: () => Date.now() + ahead,
      policy: only('runbook-read', 'on-call-rotation'),
    });
    desk = under;
    await becomes(under, 'on-call-rotation', 'green');
    const names = async (id: string) => (await line(under, id))?.parts.map(({ name }) => name) ?? [];
    expect(await names('runbook-read')).not.toContain('Alan');
    under.stage.pagerDuty.putOnCall(SCHEDULE, alan.pagerDuty);
    ahead = HOUR + 60_000;
    // A restart looks at once; without one it is the next look of the hour.
    await under.restart();
    await becomes(under, 'on-call-rotation', 'missing');
    expect((await line(under, 'on-call-rotation'))?.parts).toContainEqual(
      expect.objectContaining({ name: 'Alan', state: 'missing' }),
    );
    expect((await line(under, 'runbook-read'))?.parts).toContainEqual(
      expect.objectContaining({ name: 'Alan', state: 'missing' }),
    );
    const data = join(under.folder, 'data');
    const log = async () => {
      const files = (await readdir(data, { recursive: true })).filter(
        (name) => name.endsWith('.ndjson') || name.includes('journal'),
      );
      const texts = await Promise.all(
        files.map((name) => readFile(join(data, name), 'utf8').catch(() => '')),
      );
      return texts.join('').split('"type":"RotaRead"').length - 1;
    };
    const seen = await log();
    expect(seen).toBeGreaterThan(0);
    await under.stage.slack.say(ada.id, '/incident readiness refresh');
    await under.stage.slack.say(ada.id, '/incident readiness refresh');
    expect(await log()).toBe(seen);
  });
});
