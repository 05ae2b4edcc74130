/** Alerts that other bots post in an alert channel: taken like any other, cleared by their own, and never made of chatter. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/ports.ts';
import type { JsonObject } from '../../src/rehearsal/slack/json.ts';
import type { Answer, OtherApp } from '../../src/rehearsal/slack/shapes.ts';
import { ALERT_CHANNEL, CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import {
  everythingLeft,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  settled,
  statusView,
  textsOf,
} from './reading.ts';

/** Alertmanager posts through an incoming webhook, Grafana with a bot token. */
const ALERTMANAGER = { botId: 'B0ALERTS', appId: 'A0ALERTS', name: 'Alertmanager' };
const GRAFANA = { botId: 'B0GRAFANA', appId: 'A0GRAFANA', name: 'Grafana', botUserId: 'U0GRAFANA' };

const severity = (value: string) => ({ title: 'severity', value, short: true });
const firing = (title: string, ...fields: ReturnType<typeof severity>[]) => ({
  attachments: [
    { title, title_link: 'http://alerts.example:9093/#/alerts', fallback: title, color: 'danger', fields },
  ],
});

async function incidentsOf(desk: InProcess): Promise<string[]> {
  return (await statusView(desk)).incidents.map((one) => one.id);
}

/** Slack's retry, `seconds` later: with the same second it would have the same signature. */
async function sentAgain(desk: InProcess, before: Answer, seconds: number): Promise<boolean> {
  const { body, contentType, headers } = before.request;
  const answer = await desk.stage.slack.send({
    body,
    contentType,
    timestamp: Number(headers['x-slack-request-timestamp']) + seconds,
    headers: { 'x-slack-retry-num': String(seconds), 'x-slack-retry-reason': 'http_timeout' },
  });
  return answer.ok;
}

/** The threads that we have in the alert channel. */
const offers = (desk: InProcess): string[] =>
  desk.stage.slack
    .messages(ALERT_CHANNEL)
    .filter((message) => message.byBot)
    .map((message) => message.text);

describe('an alert that Alertmanager posts', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('opens an incident that pages, with the severity of its field and its runbook', async () => {
    const answer = await desk.stage.slack.postAs(
      ALERTMANAGER,
      ALERT_CHANNEL,
      firing('[FIRING:1] ExchangeOrderStuck binance (critical prod)', severity('critical')),
    );
    expect(answer.ok).toBe(true);
    [id = ''] = await incidentsOf(desk);
    await posted(desk, id);
    await paged(desk, id);
    const view = await incidentView(desk, id);
    expect(view).toMatchObject({
      severity: 'P1',
      severityNote: null,
      title: 'ExchangeOrderStuck binance (critical prod)',
      runbook: 'slo-03-order-execution',
      alerts: [
        {
          source: `slack/${ALERT_CHANNEL}/A0ALERTS`,
          fingerprint: 'ExchangeOrderStuck binance',
          state: 'firing',
        },
      ],
    });
    expect(JSON.stringify(headlinesOf(desk, id)[0]?.blocks)).toContain('http://alerts.example:9093/#/alerts');
  });

  it('again, with other counts and common labels, is the same alert: one page, one headline', async () => {
    const again = await desk.stage.slack.postAs(
      ALERTMANAGER,
      ALERT_CHANNEL,
      firing('[FIRING:3] ExchangeOrderStuck binance (prod)', severity('critical')),
    );
    for (const num of [1, 2, 3]) expect(await sentAgain(desk, again, num)).toBe(true);
    expect(await incidentsOf(desk)).toEqual([id]);
    expect((await incidentView(desk, id)).alerts).toMatchObject([{ repeats: 1 }]);
    expect(pagesOf(desk, id)).toHaveLength(1);
  });

  it('that another bot says is resolved goes on firing', async () => {
    await desk.stage.slack.postAs(GRAFANA, ALERT_CHANNEL, firing('[RESOLVED] ExchangeOrderStuck binance'));
    expect((await incidentView(desk, id)).alerts).toMatchObject([{ state: 'firing' }]);
  });

  it('that is resolved by its own bot clears; the P1 stays open for a person', async () => {
    const resolved = await desk.stage.slack.postAs(
      ALERTMANAGER,
      ALERT_CHANNEL,
      firing('[RESOLVED] ExchangeOrderStuck binance (critical prod)'),
    );
    expect(await sentAgain(desk, resolved, 1)).toBe(true);
    expect(await incidentView(desk, id)).toMatchObject({ state: 'open', alerts: [{ state: 'resolved' }] });
  });

  it('a late copy of the firing does not fire again; a new one does', async () => {
    const [first] = desk.stage.slack.answers;
    if (first === undefined) throw new Error('nothing was sent');
    expect(await sentAgain(desk, first, 1)).toBe(true);
    expect((await incidentView(desk, id)).alerts).toMatchObject([{ state: 'resolved' }]);
    await desk.restart();
    expect(await sentAgain(desk, first, 2)).toBe(true);
    expect((await incidentView(desk, id)).alerts).toMatchObject([{ state: 'resolved' }]);
    await desk.stage.slack.postAs(
      ALERTMANAGER,
      ALERT_CHANNEL,
      firing('[FIRING:1] ExchangeOrderStuck binance', severity('P2')),
    );
    expect((await incidentView(desk, id)).alerts).toMatchObject([{ state: 'firing' }]);
    expect(await incidentsOf(desk)).toEqual([id]);
  });
});

describe('an alert that Grafana posts and edits', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('from FIRING to RESOLVED clears, and back again fires', async () => {
    const { slack } = desk.stage;
    const message = await slack.postAs(
      GRAFANA,
      ALERT_CHANNEL,
      firing('[FIRING:1] Latency desk (x)', severity('warning')),
    );
    const [id = ''] = await incidentsOf(desk);
    await posted(desk, id);
    await slack.editAs(
      GRAFANA,
      ALERT_CHANNEL,
      message.ts,
      firing('[RESOLVED] Latency desk (x)', severity('warning')),
    );
    await settled(desk, id, (incident) => incident.status === 'resolved');
    expect(await incidentView(desk, id)).toMatchObject({
      state: 'resolved',
      resolved: { how: 'alertsCleared' },
    });
    await slack.editAs(
      GRAFANA,
      ALERT_CHANNEL,
      message.ts,
      firing('[FIRING:1] Latency desk (x)', severity('warning')),
    );
    expect(await incidentView(desk, id)).toMatchObject({ state: 'open', alerts: [{ state: 'firing' }] });
  });

  it('that got worse raises; an edit that says nothing new counts nothing', async () => {
    const { slack } = desk.stage;
    const message = await slack.postAs(
      GRAFANA,
      ALERT_CHANNEL,
      firing('[FIRING:1] Rejects desk', severity('warning')),
    );
    const id = (await incidentsOf(desk)).at(-1) ?? '';
    // Slack unfurls a link: the message changes, and the alert does not.
    await slack.editAs(GRAFANA, ALERT_CHANNEL, message.ts, {
      ...firing('[FIRING:1] Rejects desk', severity('warning')),
      text: 'unfurled',
    });
    expect(await incidentView(desk, id)).toMatchObject({ severity: 'P2', alerts: [{ repeats: 0 }] });
    await slack.editAs(GRAFANA, ALERT_CHANNEL, message.ts, firing('[FIRING:2] Rejects desk', severity('P0')));
    expect(await incidentView(desk, id)).toMatchObject({ severity: 'P0' });
    await paged(desk, id, 2);
    expect(desk.stage.binance.requests({ method: 'DELETE' })).toEqual([]);
    expect((await statusView(desk)).trading.latch).toBeNull();
  });
});

describe('what is no alert', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it.each<[string, OtherApp, string, JsonObject]>([
    [
      'what a bot says in prose',
      GRAFANA,
      ALERT_CHANNEL,
      { text: 'severity: critical, P0, everything burns' },
    ],
    [
      'a deploy',
      GRAFANA,
      ALERT_CHANNEL,
      { attachments: [{ title: 'router 1.4', fields: [{ title: 'by', value: 'ada' }] }] },
    ],
    [
      'an alert in another channel',
      ALERTMANAGER,
      CHANNEL,
      firing('[FIRING:1] Elsewhere', severity('critical')),
    ],
  ])('%s opens nothing and says nothing', async (_name, app, channel, content) => {
    expect((await desk.stage.slack.postAs(app, channel, content)).ok).toBe(true);
    expect(await incidentsOf(desk)).toEqual([]);
    expect(offers(desk)).toEqual([]);
  });

  it('what a person writes or pastes opens nothing', async () => {
    await desk.stage.slack.post(CAST.ada.id, ALERT_CHANNEL, '[FIRING:1] FeedGap severity: critical');
    expect(await incidentsOf(desk)).toEqual([]);
  });

  it('a reply in a thread, and our own messages, open nothing', async () => {
    const parent = await desk.stage.slack.post(CAST.ada.id, ALERT_CHANNEL, 'look');
    await desk.stage.slack.postAs(ALERTMANAGER, ALERT_CHANNEL, firing('[FIRING:1] Reply', severity('P1')), {
      threadTs: parent.ts,
    });
    const us = { botId: 'B0STANDDOWN', appId: 'A0STANDDOWN', name: 'Standdown', botUserId: 'U0STANDDOWN' };
    await desk.stage.slack.postAs(us, ALERT_CHANNEL, firing('[FIRING:1] Ourselves', severity('P1')));
    expect(await incidentsOf(desk)).toEqual([]);
  });

  it('what looks like an alert and cannot be read is pointed out in its thread, once, and pages nobody', async () => {
    const { slack } = desk.stage;
    const odd = firing('Router <!channel>', severity('Blocker'));
    const message = await slack.postAs(GRAFANA, ALERT_CHANNEL, odd);
    await slack.until(() => offers(desk).length === 1, { what: 'the offer' });
    await slack.postAs(GRAFANA, ALERT_CHANNEL, odd);
    await slack.postAs(ALERTMANAGER, ALERT_CHANNEL, { text: '[FIRING:1] in the text alone' });
    await slack.until(() => offers(desk).length === 2, { what: 'the other offer' });
    const thread = slack.threadAsText(ALERT_CHANNEL, message.ts);
    expect(thread).toContain('No incident was opened, and nobody was paged');
    expect(thread).toContain('Declare incident');
    expect(await incidentsOf(desk)).toEqual([]);
    await everythingLeft(desk);
    expect(offers(desk)).toHaveLength(2);
  });
});

describe('hostile and lost ones', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('text becomes no mention, link or markup', async () => {
    const title = '[FIRING:1] <!channel> &lt;http://evil|click&gt; *bold* `x` \u202eP0';
    await desk.stage.slack.postAs(ALERTMANAGER, ALERT_CHANNEL, {
      attachments: [
        {
          title,
          title_link: 'javascript:alert(1)',
          fields: [
            severity('P1'),
            { title: '__proto__', value: '<!here>' },
            { title: 'runbook', value: '<@U0ADA>' },
          ],
        },
      ],
    });
    const [id = ''] = await incidentsOf(desk);
    await posted(desk, id);
    const markup = headlinesOf(desk, id).flatMap(textsOf);
    for (const { type, text } of markup) {
      expect(text).not.toMatch(/\u202e|javascript:/);
      if (type === 'mrkdwn') expect(text).not.toMatch(/<!channel>|<http:\/\/evil|<!here>/);
    }
  });

  it('what cannot be stored is not acknowledged: Slack sends it again, and then it is taken', async () => {
    const { store } = desk.bot;
    const append = store.append.bind(store);
    store.append = async (stream, version, events, effects, settles) => {
      if (events.some((event) => event.type === 'AlertFired')) throw new StoreUnavailable('no space left');
      return append(stream, version, events, effects, settles);
    };
    const refused = await desk.stage.slack.postAs(
      ALERTMANAGER,
      ALERT_CHANNEL,
      firing('[FIRING:1] DiskFull', severity('P2')),
    );
    store.append = append;
    expect(refused).toMatchObject({ ok: false, status: 500 });
    const before = await incidentsOf(desk);
    expect(await sentAgain(desk, refused, 1)).toBe(true);
    const after = await incidentsOf(desk);
    expect(after).toHaveLength(before.length + 1);
    expect((await incidentView(desk, after.at(-1) ?? '')).title).toBe('DiskFull');
  });
});
