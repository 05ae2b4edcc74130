import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import {
  exchange,
  fire,
  flatten,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  pressOn,
  receiptOf,
  said,
  settled,
  shows,
  submit,
  switches,
} from './reading.ts';

describe('the whole story over Socket Mode', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk({ mode: 'socket' });
  });
  afterAll(() => desk.close());

  it('an alert is paged and posted, with its runbook in the thread', async () => {
    id = await fire(desk, { name: 'ExchangeOrderStuck', severity: 'critical' });
    await paged(desk, id);
    await posted(desk, id);
    await shows(desk, id, 'Paged Ada');
  });

  it('opens no way in for Slack over HTTP', async () => {
    const answer = await fetch(`${desk.url}/slack/events`, { method: 'POST', body: 'payload=%7B%7D' });
    expect(answer.status).toBe(404);
  });

  it('a message in the thread is logged, and acknowledged over the socket', async () => {
    const answer = await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'looking', {
      threadTs: desk.headlineTs(id),
    });
    expect(answer).toMatchObject({ ok: true, via: 'socket' });
    expect((await incidentView(desk, id)).timeline.map((row) => row.text)).toContain('Said: looking');
  });

  it('sent again by Slack, a command is executed once', async () => {
    const first = await desk.stage.slack.say(CAST.ada.id, '/incident note once over the socket');
    expect(first.via).toBe('socket');
    expect(said(await desk.stage.slack.retry(first))).toContain('Already done');
    const notes = (await incidentView(desk, id)).timeline.filter((row) => row.text.startsWith('Note: once'));
    expect(notes).toHaveLength(1);
  });

  it('the role is asked for here too', async () => {
    expect(said(await desk.stage.slack.say(CAST.mallory.id, '/kill'))).toContain('You are not a responder');
    await pressOn(desk, CAST.mallory.id, headlinesOf(desk, id)[0], 'Kill…');
    await desk.stage.slack.until(() => desk.stage.slack.ephemerals(CAST.mallory.id).length === 2);
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
  });

  it('the Kill button stops everything, and the receipt says what is left', async () => {
    await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Kill…');
    await shows(desk, id, 'VERDICT  RESIDUAL');
    expect(exchange(desk)).toMatchObject({ orders: [], conditional: [], positions: [{ amount: 0.008 }] });
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
  });

  it('Flatten and the dialog of /incident resolve end it, with a postmortem in the thread', async () => {
    await flatten(desk, CAST.ada.id, receiptOf(desk, id));
    await settled(desk, id, (incident) => Object.values(incident.kills).at(-1)?.verdict === 'FLAT');
    await desk.stage.slack.say(CAST.ada.id, '/incident resolve');
    expect(await submit(desk, CAST.ada.id, { summary: 'Over.' })).toMatchObject({ action: 'close' });
    await shows(desk, id, 'Postmortem draft PM_');
    await desk.stage.pagerDuty.until(() => pagesOf(desk, id).every((page) => page.status === 'resolved'), {
      what: 'the pages resolved',
    });
  });
});

describe('when Slack refreshes or drops the sockets', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk({ mode: 'socket' });
  });
  afterAll(() => desk.close());

  it.each(['refresh', 'drop'] as const)(
    '(%s) commands arrive again after it, and nothing is done twice',
    async (how) => {
      const { slack } = desk.stage;
      const id = await fire(desk, { name: `Sockets${how}`, severity: 'P2' });
      await posted(desk, id);
      if (how === 'refresh') await slack.refreshSockets();
      else slack.dropSockets();
      await slack.until(() => slack.sockets() > 0, { what: 'a new socket' });
      const answer = await slack.say(CAST.ada.id, `/incident note ${id} still here`);
      expect(answer).toMatchObject({ ok: true, via: 'socket' });
      expect(said(answer)).toContain(`Noted on ${id}`);
      expect(headlinesOf(desk, id)).toHaveLength(1);
      expect(
        (await incidentView(desk, id)).timeline.filter((row) => row.text === 'Note: still here'),
      ).toHaveLength(1);
    },
  );
});

describe('both ways of listening to Slack', () => {
  it.each(['http', 'socket'] as const)('%s: it starts, answers, restarts and answers', async (mode) => {
    const desk = await startDesk({ mode });
    try {
      for (let times = 0; times < 2; times += 1) {
        const answer = await desk.stage.slack.say(CAST.ada.id, '/incident list');
        expect(answer).toMatchObject({ ok: true, via: mode });
        expect(said(answer)).toContain('There is no open incident.');
        if (times === 0) await desk.restart();
      }
    } finally {
      await desk.close();
    }
  });

  it('socket: a Slack that is down at the start delays neither the start nor a kill over HTTP', async () => {
    const desk = await startDesk();
    try {
      desk.stage.slack.fault('*', { kind: 'http500' });
      await desk.restart();
      expect((await desk.post('/kill', { reason: 'no Slack' })).status).toBe(202);
      await desk.stage.binance.until(() => desk.stage.binance.openOrders().length === 0, {
        what: 'no order left',
      });
    } finally {
      await desk.close();
    }
  });
});
