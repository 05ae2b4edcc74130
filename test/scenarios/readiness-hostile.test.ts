/** Readiness under attack, through the real bot: what is not true must not be green, and nothing loosens on it. */

import { describe, expect, it } from 'vitest';
import type { ReadinessLine } from '../../src/domain/readiness/judge.ts';
import type { Policy } from '../../src/policy.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, withDesk } from './desk.ts';
import { happens, switches } from './reading.ts';

const { ada, grace } = CAST;
const DAY = 86_400_000;
const MINUTE = 60_000;

/** The go-live list, of these lines alone. */
const only =
  (...ids: string[]) =>
  (policy: Policy): Policy => ({
    ...policy,
    playbook: { ...policy.playbook, goLive: policy.playbook.goLive.filter(({ id }) => ids.includes(id)) },
  });

async function line(desk: InProcess, id: string): Promise<ReadinessLine> {
  const { readiness } = (await desk.get('/status')).json as unknown as { readiness: ReadinessLine[] };
  const found = readiness.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no line ${id}`);
  return found;
}
const becomes = (desk: InProcess, id: string, state: ReadinessLine['state']) =>
  expect.poll(async () => (await line(desk, id)).state, { timeout: 15_000 }).toBe(state);
const sees = (desk: InProcess, text: string) =>
  desk.stage.slack.until(() => desk.thread().includes(text), { what: text });

const part = async (desk: InProcess, id: string, name: string) =>
  (await line(desk, id)).parts.find((one) => one.name === name)?.state;

describe('a line', { timeout: 60_000 }, () => {
  it('of the kill switch waits for every engine', async () => {
    const beat = async (desk: InProcess, engine: string) => {
      const rev = /STANDDOWN_REV=(\d+)/.exec(await desk.control())?.[1] ?? '';
      const confirmed = happens(desk, 'EngineConfirmed');
      await desk.post('/telemetry', {
        type: 'heartbeat',
        at: Date.now(),
        engine,
        control: { KILL_SWITCH: '1', STANDDOWN_REV: rev },
      });
      await confirmed;
    };
    await withDesk(
      async (desk) => {
        await desk.post('/kill', { reason: 'test', actor: 'ada' });
        await sees(desk, 'written and read back');
        await beat(desk, 'main');
        // Looked at in the same turn as the switch is.
        await becomes(desk, 'emergency-cancel', 'green');
        expect(await part(desk, 'kill-switch', 'tested')).toBe('missing');
        await beat(desk, 'second');
        await expect.poll(() => part(desk, 'kill-switch', 'tested'), { timeout: 10_000 }).toBe('green');
      },
      {
        config: (config) => ({
          ...config,
          engines: ['main', 'second'].map((id) => ({ id, heartbeatSec: 60 })),
        }),
      },
    );
  });

  it('of the backup feed is of that backup alone', async () => {
    let backup = 'b';
    const bar = (closedAt: number) => ({
      type: 'bar',
      at: Date.now(),
      feed: 'b',
      symbol: 'BTC/USDT:USDT',
      closedAt,
    });
    await withDesk(
      async (desk) => {
        const proved = happens(desk, 'ReadinessProved');
        await desk.post('/telemetry', [bar(Date.now() - MINUTE), bar(Date.now())]);
        expect(await proved).toMatchObject({ of: ['b'] });
        await becomes(desk, 'backup-feed', 'green');
        backup = 'c';
        await desk.restart();
        expect((await line(desk, 'backup-feed')).parts).toMatchObject([
          { state: 'missing', evidence: expect.stringContaining('not of c: what is on record is of b') },
        ]);
      },
      {
        config: (config) => ({
          ...config,
          feeds: [{ id: 'f', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null, backup }],
        }),
      },
    );
  });

  it('of a venue is of the exchange behind its name, and of paging, of the key', async () => {
    let isOther = false;
    await withDesk(
      async (desk) => {
        const { pagerDuty, slack } = desk.stage;
        await desk.post('/kill', { reason: 'test', actor: 'ada' });
        await slack.say(ada.id, '/incident readiness test-page');
        const page = () => pagerDuty.incidents().find(({ dedupKey }) => dedupKey === 'DESK/test-1');
        await pagerDuty.until(() => page() !== undefined, { what: 'the test page' });
        pagerDuty.acknowledge(page()?.id ?? '', ada.pagerDuty);
        await becomes(desk, 'alerting', 'green');
        await becomes(desk, 'emergency-cancel', 'green');
        isOther = true;
        await desk.restart();
        await becomes(desk, 'alerting', 'missing');
        expect((await line(desk, 'emergency-cancel')).parts.map(({ name, state }) => [name, state])).toEqual([
          ['binance-usdm', 'missing'],
          ['binance-spot', 'green'],
        ]);
      },
      {
        config: (config) =>
          isOther
            ? {
                ...config,
                venues: config.venues.map((one) =>
                  one.id === 'binance-usdm' ? { ...one, exchange: 'bybit' } : one,
                ),
                pagerduty: { ...config.pagerduty, routingKey: 'f'.repeat(32) },
              }
            : config,
      },
    );
  });
});

describe('what turns red after the last approval', { timeout: 60_000 }, () => {
  it('keeps the latch: the venues are still being read', async () => {
    await withDesk(
      async (desk) => {
        const { slack, pagerDuty, binance } = desk.stage;
        await becomes(desk, 'on-call-rotation', 'green');
        await slack.say(ada.id, '/kill feed frozen', { channel: CHANNEL });
        await sees(desk, 'VERDICT  FLAT');
        await slack.say(ada.id, '/incident resolve', { channel: CHANNEL });
        const submit = (values: Record<string, string>) =>
          slack.submit(ada.id, slack.openViews(ada.id).at(-1)?.id ?? '', values);
        await submit({ summary: 'mended', category: 'system' });
        await sees(desk, 'Put into review');
        await sees(desk, 'After the incident');
        await desk.click('ada', 'SLI data is updated');
        await desk.click('ada', 'None needed…');
        await submit({ why: 'a drill of the gate' });
        await desk.click('ada', 'Put into review');
        await sees(desk, 'put into review by');
        await slack.say(grace.id, '/resume start=0 fixed', { channel: CHANNEL });
        await sees(desk, 'Approve resume…');
        await desk.click('ada', 'Approve resume…');
        await sees(desk, '1 of 2 approvals');
        const reading = binance.fault({ kind: 'slow', ms: 3_000, times: Number.POSITIVE_INFINITY });
        await desk.click('alan', 'Approve resume…');
        pagerDuty.fillRotaUntil(Date.now() + 3 * DAY);
        await slack.say(ada.id, '/incident readiness refresh');
        await becomes(desk, 'on-call-rotation', 'missing');
        expect(desk.thread()).not.toContain('The kill latch was lifted');
        reading.clear();
        reading.release();
        await sees(desk, 'Readiness is required');
        expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
        expect(desk.thread()).not.toContain('The kill latch was lifted');
      },
      {
        binance: { positions: [], orders: [], conditionalOrders: [] },
        policy: only('on-call-rotation'),
        config: (config) => ({ ...config, readiness: 'required', recoveryCheck: 'off' }),
      },
    );
  });
});

describe('a test page whose answer was lost', { timeout: 60_000 }, () => {
  it('rings once: while PagerDuty cannot be asked whether it arrived, it waits', async () => {
    await withDesk(async (desk) => {
      const { pagerDuty, slack } = desk.stage;
      pagerDuty.sendWebhooksTo(null);
      pagerDuty.fault('events', { kind: 'acceptThenReset' });
      const silent = pagerDuty.fault('rest', { kind: 'http500', times: Number.POSITIVE_INFINITY });
      const asked = () => pagerDuty.requests().filter(({ path }) => path === '/incidents').length;
      await slack.say(ada.id, '/incident readiness test-page');
      await pagerDuty.until(() => pagerDuty.incidents().length === 1, { what: 'the test page' });
      pagerDuty.resolve(pagerDuty.incidents()[0]?.id ?? '', ada.pagerDuty);
      const before = asked();
      await pagerDuty.until(() => asked() > before, { what: 'a look at it', timeoutMs: 20_000 });
      silent();
      await happens(desk, 'TestPageQueued');
      expect(pagerDuty.incidents().map(({ dedupKey, status }) => [dedupKey, status])).toEqual([
        ['DESK/test-1', 'resolved'],
      ]);
      expect(await line(desk, 'alerting')).toMatchObject({ state: 'missing' });
    });
  });
});
