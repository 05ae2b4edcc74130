/** The App Home: what a viewer sees of the desk, the buttons that they may press, and what pressing does. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  exchange,
  fire,
  incidentView,
  paged,
  posted,
  settled,
  shows,
  statusView,
  submit,
  switches,
} from './reading.ts';

const { ada, grace, alan, mallory } = CAST;

async function withDesk(story: (desk: InProcess) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const desk = await startDesk(options);
  try {
    await story(desk);
  } finally {
    await desk.close();
  }
}

/** Wait until somebody's Home shows something, and give back what it shows. */
async function homeShows(desk: InProcess, who: string, words: string): Promise<string> {
  const { slack } = desk.stage;
  await slack.until(() => slack.homeAsText(who).includes(words), {
    what: `“${words}” on the Home of ${who}`,
  });
  return slack.homeAsText(who);
}

async function openHome(desk: InProcess, who: string): Promise<string> {
  const answer = await desk.stage.slack.openHome(who);
  expect(answer.ok).toBe(true);
  return homeShows(desk, who, 'Standdown');
}

const press = (desk: InProcess, who: string, label: string, tamper?: Record<string, string>) =>
  desk.stage.slack.click(who, { home: true, label, ...(tamper === undefined ? {} : { tamper }) });

const published = (desk: InProcess): number =>
  desk.stage.slack.calls.filter((call) => call.method === 'views.publish').length;

describe('the Home of a responder', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('shows the trading state, the hard stops with what is unknown as unknown, and what is not built as that', async () => {
    const home = await openHome(desk, ada.id);
    for (const words of [
      'DRILL · Standdown',
      'Trading RUNNING',
      'Engine: not confirmed (sends no heartbeats)',
      '❓ dailyLoss UNKNOWN',
      '❓ rejectRate UNKNOWN',
      'Incidents: none is open.',
      'Last kill: none is on record.',
      ': UNKNOWN · left: ❓ SLO-01 not measured',
      'On call: Ada, Grace, says PagerDuty',
      'Last drill: none is on record.',
      'As of 20',
    ])
      expect(home.replaceAll('\u2060', '')).toContain(words);
    for (const label of ['Kill…', 'Halt new orders…', 'Pause signals', 'Cancel orders…', 'Declare incident…'])
      expect(home).toContain(`[${label}]`);
    expect(home).not.toContain('[Resume');
  });

  it('is drawn again when something happens, and the open incident stands there with its clock', async () => {
    const id = await fire(desk, { name: 'FeedGap <!channel>', severity: 'P1' });
    await posted(desk, id);
    const home = await homeShows(desk, ada.id, id);
    expect(home).toMatch(
      /not acknowledged · nobody commands\n⏱ acknowledge by [\d :-]*\d\d:\d\d:\d\d UTC \(in \d+ min\)/,
    );
    expect(JSON.stringify(desk.stage.slack.home(ada.id)?.view)).not.toContain('<!channel>');
  });

  it('acknowledges by its button; the answer stands on top of it', async () => {
    await press(desk, ada.id, 'Acknowledge');
    const home = await homeShows(desk, ada.id, 'You acknowledged INC');
    expect(home).toContain('acknowledged by ada');
    expect(home).not.toContain('[Acknowledge]');
  });

  it('halts and lifts, and the state is right after it', async () => {
    await press(desk, ada.id, 'Halt new orders…');
    await homeShows(desk, ada.id, 'New orders HALTED by ada');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
    await press(desk, ada.id, 'Resume new orders');
    await homeShows(desk, ada.id, 'Trading RUNNING');
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '0' });
  });

  it('opens the dialogs of cancel and declare, and nothing is done before they are submitted', async () => {
    const before = exchange(desk);
    await press(desk, ada.id, 'Cancel orders…');
    expect(desk.stage.slack.modalAsText(ada.id)).toContain('Which orders');
    expect(exchange(desk)).toEqual(before);
    await desk.stage.slack.dismiss(ada.id, desk.stage.slack.openViews(ada.id).at(-1)?.id ?? '');
    await press(desk, ada.id, 'Declare incident…');
    expect(await submit(desk, ada.id, { title: 'Books look odd', severity: 'P3' })).toMatchObject({
      action: 'close',
    });
    await homeShows(desk, ada.id, 'Books look odd');
  });

  it('kills: its own P0, cancelled and read back, and the verdict comes onto the Home', async () => {
    await press(desk, ada.id, 'Kill…');
    await homeShows(desk, ada.id, 'Kill running in INC');
    const home = await homeShows(desk, ada.id, 'RESIDUAL');
    expect(home).toContain('Trading KILLED by ada');
    expect(desk.stage.binance.openOrders()).toEqual([]);
    const { lastKill } = await statusView(desk);
    expect((await incidentView(desk, lastKill?.incident ?? '')).severity).toBe('P0');
  });
});

describe.concurrent('the Home of somebody', () => {
  it('without a role shows who can act, and nothing of the desk; a forged press is refused', () =>
    withDesk(async (desk) => {
      await fire(desk, { name: 'Secret', severity: 'P1' });
      const home = await openHome(desk, mallory.id);
      expect(home).toContain('You have no role on this desk. @ada, @grace can act');
      for (const words of ['Secret', 'Trading', '[']) expect(home).not.toContain(words);
      await openHome(desk, ada.id);
      const kill = await desk.stage.slack.click(ada.id, { home: true, label: 'Pause signals' });
      const payload = JSON.parse(new URLSearchParams(kill.request.body).get('payload') ?? '{}');
      payload.user = { id: mallory.id, username: 'mallory', name: 'mallory', team_id: 'T0REHEARSAL' };
      payload.trigger_id = 'another.trigger';
      payload.actions[0].action_id = 'desk.kill';
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
      expect((await desk.stage.slack.send({ body })).ok).toBe(true);
      await homeShows(desk, mallory.id, 'You are not a responder');
      expect((await statusView(desk)).lastKill).toBeNull();
    }));

  it('who only approves shows the state, and the buttons of an approver alone', () =>
    withDesk(async (desk) => {
      const hardStop = { via: 'standdown', id: 'hardStop', name: 'Hard stop' } as const;
      await desk.bot.desk.hold(hardStop, 'HALT_NEW_ORDERS', 'reject rate', 'hardStop');
      await desk.stage.slack.say(ada.id, '/halt signals router');
      const home = await openHome(desk, alan.id);
      expect(home).toContain('New orders HALTED by Hard stop');
      expect(home).toContain('[Resume new orders]');
      for (const label of ['Kill…', 'Halt new orders…', 'Resume signals', 'Declare incident…'])
        expect(home).not.toContain(`[${label}]`);
      await press(desk, alan.id, 'Resume new orders');
      await homeShows(desk, alan.id, 'New orders may run again');
      expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '0', PAUSE_SIGNALS: '1' });
    }));

  it('whose role was taken away since it was drawn is refused when they press', () =>
    withDesk(
      async (desk) => {
        await openHome(desk, grace.id);
        await desk.restart();
        await press(desk, grace.id, 'Kill…');
        await homeShows(desk, grace.id, 'You are not a responder');
        expect((await statusView(desk)).lastKill).toBeNull();
      },
      (() => {
        let starts = 0;
        return {
          config: (config) => {
            starts += 1;
            return starts === 1 ? config : { ...config, access: { ...config.access, responders: [ada.id] } };
          },
        } satisfies DeskOptions;
      })(),
    ));

  it('on call is who PagerDuty says', () =>
    withDesk(
      async (desk) => {
        const home = await openHome(desk, ada.id);
        expect(home).toMatch(/On call: .*Ada/);
      },
      {
        config: (config) => ({ ...config, access: { ...config.access, responders: [ada.id, 'pd:PDESK01'] } }),
      },
    ));
});

describe.concurrent('a press on a Home that is not what is so', () => {
  it('loosens nothing after a restart; what stops works all the same', () =>
    withDesk(async (desk) => {
      await desk.stage.slack.say(ada.id, '/halt router');
      await openHome(desk, ada.id);
      await homeShows(desk, ada.id, '[Resume new orders]');
      await desk.restart();
      await press(desk, ada.id, 'Resume new orders');
      await homeShows(desk, ada.id, 'drawn before the state changed');
      expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
      await desk.restart();
      await press(desk, ada.id, 'Pause signals');
      await homeShows(desk, ada.id, 'signals PAUSED by ada');
      expect(await switches(desk)).toMatchObject({ PAUSE_SIGNALS: '1' });
    }));

  it.each([
    ['an unknown action', { action_id: 'desk.explode' }],
    ['another value', { value: 'x' }],
    ['no value', { value: '' }],
    ['an incident that is not there', { value: 'INC-20200101-001' }],
    ['an incident on a button of the desk', { action_id: 'desk.kill', value: 'INC-20261122-001' }],
    ['the desk on a button of an incident', { action_id: 'incident.acknowledge' }],
    ['a button that no Home has', { action_id: 'position.flatten' }],
  ])('%s does nothing, and says so', (_name, tamper) =>
    withDesk(async (desk) => {
      const before = exchange(desk);
      await openHome(desk, ada.id);
      expect((await press(desk, ada.id, 'Pause signals', tamper)).ok).toBe(true);
      await homeShows(desk, ada.id, 'old or not ours');
      expect(exchange(desk)).toEqual(before);
      expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
      expect((await statusView(desk)).trading.holds).toEqual([]);
    }),
  );

  it('of another app does nothing', () =>
    withDesk(async (desk) => {
      await openHome(desk, ada.id);
      await desk.stage.slack.until(() => desk.stage.slack.calls.some((call) => call.method === 'bots.info'));
      const home = desk.stage.slack.home(ada.id);
      const answer = await press(desk, ada.id, 'Pause signals');
      const payload = JSON.parse(new URLSearchParams(answer.request.body).get('payload') ?? '{}');
      payload.view = { ...payload.view, app_id: 'A0OTHER', hash: home?.hash };
      payload.trigger_id = 'another.trigger';
      payload.actions[0].action_id = 'desk.kill';
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
      await desk.stage.slack.send({ body });
      await homeShows(desk, ada.id, 'old or not ours');
      expect((await statusView(desk)).lastKill).toBeNull();
    }));
});

describe('lifting the latch on the Home', () => {
  it('is offered to approvers who did not ask, and approves once', () =>
    withDesk(async (desk) => {
      const { slack, binance } = desk.stage;
      await slack.say(ada.id, '/kill feed frozen');
      const id = (await statusView(desk)).lastKill?.incident ?? '';
      await settled(desk, id, (one) => Object.values(one.kills)[0]?.verdict === 'RESIDUAL');
      await desk.bot.desk.command(id, {
        type: 'AcceptResidual',
        by: { via: 'slack', id: ada.id, name: 'ada' },
        kill: Object.keys(desk.bot.ledger.peek(id)?.kills ?? {})[0] ?? '',
        reason: 'hedged',
      });
      await slack.say(ada.id, `/incident resolve ${id}`);
      await submit(desk, ada.id, { summary: 'Over.', category: 'system' });
      await shows(desk, id, 'Postmortem draft');
      await desk.click('ada', 'Put into review', id);
      await settled(desk, id, (one) => one.postmortem?.state === 'REVIEW');
      const by = { via: 'slack', id: ada.id, name: 'ada' } as const;
      await desk.bot.desk.command(id, { type: 'AddActionItem', by, text: 'a canary' });
      await desk.bot.desk.command(id, { type: 'MarkChecklist', by, item: 'sli-data' });
      expect(await openHome(desk, alan.id)).not.toContain('[Approve resume…]');
      await slack.say(ada.id, '/resume start=flat done');
      await homeShows(desk, alan.id, '[Approve resume…]');
      expect(await openHome(desk, ada.id)).not.toContain('[Approve resume…]');
      await press(desk, alan.id, 'Approve resume…');
      const home = await homeShows(desk, alan.id, 'Approved. More approvals are needed.');
      expect(home).not.toContain('[Approve resume…]');
      expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
      expect(binance.openOrders()).toEqual([]);
    }));
});

describe.concurrent('drawing it', () => {
  it('delays neither a page nor a headline nor an answer, whatever Slack does about Homes', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('views.publish', { kind: 'hang' });
      for (const who of [ada, grace, alan]) expect((await desk.stage.slack.openHome(who.id)).ok).toBe(true);
      const id = await fire(desk, { name: 'Busy', severity: 'P1' });
      await posted(desk, id);
      await paged(desk, id);
      expect((await desk.stage.slack.say(ada.id, '/incident ack')).ok).toBe(true);
    }));

  it('is coalesced: a hundred events are a few drawings', () =>
    withDesk(async (desk) => {
      await openHome(desk, ada.id);
      const id = await fire(desk, { name: 'Busy', severity: 'P1' });
      await homeShows(desk, ada.id, id);
      const before = published(desk);
      for (let n = 0; n < 100; n += 1)
        await desk.bot.desk.command(id, {
          type: 'AddNote',
          by: { via: 'slack', id: ada.id, name: 'ada' },
          text: `note ${n}`,
        });
      await desk.stage.slack.say(ada.id, `/incident assign ${id} <@${ada.id}|ada>`);
      await homeShows(desk, ada.id, 'ada commands');
      expect(published(desk) - before).toBeLessThanOrEqual(10);
    }));

  it('goes on after Slack asked to slow down, and stays within Slack’s 100 blocks', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('views.publish', { kind: 'rateLimited', retryAfterSec: 1, times: 1 });
      for (let n = 0; n < 60; n += 1)
        await desk.bot.desk.declare({ via: 'slack', id: ada.id, name: 'ada' }, `Number ${n}`, 'P3');
      expect((await desk.stage.slack.openHome(ada.id)).ok).toBe(true);
      const { slack } = desk.stage;
      await slack.until(() => slack.homeAsText(ada.id).includes('60 open incidents'), {
        what: 'the Home',
        timeoutMs: 20_000,
      });
      const blocks = slack.home(ada.id)?.view['blocks'];
      expect(Array.isArray(blocks) ? blocks.length : 0).toBeLessThanOrEqual(100);
      expect(slack.homeAsText(ada.id)).toContain('40 more: /incident list');
    }));

  it('of the messages tab is not asked for', () =>
    withDesk(async (desk) => {
      const opened = await desk.stage.slack.openHome(ada.id);
      const event = JSON.parse(opened.request.body);
      await homeShows(desk, ada.id, 'Standdown');
      const before = published(desk);
      event.event.tab = 'messages';
      event.event.user = grace.id;
      event.event_id = 'Ev0OTHER';
      const answer = await desk.stage.slack.send({
        body: JSON.stringify(event),
        contentType: 'application/json',
        timestamp: Math.floor(Date.now() / 1_000) + 1,
      });
      expect(answer.ok).toBe(true);
      expect(published(desk)).toBe(before);
      expect(desk.channel()).toBe('');
      expect(desk.stage.slack.messages(CHANNEL)).toEqual([]);
    }));
});
