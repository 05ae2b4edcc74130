import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { alertmanagerBody, type InProcess, startDesk } from './desk.ts';
import {
  as,
  everythingLeft,
  exchange,
  fire,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  repliesOf,
  settled,
  shows,
  switches,
  type Taken,
  take,
  textsOf,
  threadOf,
} from './reading.ts';

async function captured(name: string): Promise<unknown> {
  return JSON.parse(
    await readFile(new URL(`../fixtures/alertmanager/${name}.json`, import.meta.url), 'utf8'),
  );
}

describe('a captured Alertmanager body', () => {
  let desk: InProcess;
  let stuck: string;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('is answered 202 with its incident, and is on disk by then', async () => {
    const answer = as<Taken>(await desk.post('/alerts/alertmanager', await captured('firing')));
    expect(answer).toMatchObject({ status: 202, json: { accepted: 1, rejected: [] } });
    [stuck = ''] = answer.json.incidents;
    expect(answer.json.incidents).toEqual([expect.stringMatching(/^INC-\d{8}-001$/)]);
    const written = await readdir(`${desk.folder}/data/journal`);
    const logs = await Promise.all(
      written.map((name) => readFile(`${desk.folder}/data/journal/${name}`, 'utf8')),
    );
    expect(logs.join('\n')).toContain('7af24487a712e7bb');
    expect(await incidentView(desk, stuck)).toMatchObject({
      severity: 'P1',
      state: 'open',
      title: 'ExchangeOrderStuck: Open orders stuck on (7)',
      alerts: [
        {
          source: 'alertmanager',
          fingerprint: '7af24487a712e7bb',
          state: 'firing',
          labels: { symbol: 'BTC/USDT' },
        },
      ],
    });
  });

  it('pages once, posts one headline, and puts the matching runbook with its buttons into the thread', async () => {
    const page = await paged(desk, stuck);
    await posted(desk, stuck);
    await shows(desk, stuck, 'Paged Ada');
    expect(page).toMatchObject({ dedupKey: `${stuck}/1`, severity: 'error', urgency: 'high' });
    const [headline, ...more] = headlinesOf(desk, stuck);
    expect(more).toEqual([]);
    const text = desk.channel();
    expect(text).toContain('🟠 P1 · ExchangeOrderStuck: Open orders stuck on (7)');
    expect(text).toContain('Trading RUNNING');
    expect(text).toMatch(/Paged Ada at \d\d:\d\d:\d\d, assigned, not acknowledged/);
    expect(text).toMatch(/acknowledge by [\d :-]*\d\d:\d\d:\d\d UTC/);
    expect(repliesOf(desk, stuck)).toHaveLength(1);
    const runbook = desk.stage.slack.threadAsText(CHANNEL, headline?.ts ?? '');
    expect(runbook).toContain('Runbook: SLO-03 order execution failure');
    expect(runbook).toContain('[Kill…] [Cancel orders…] [Halt new orders…]');
  });

  it('sent again and again joins its incident, and neither pages nor posts again', async () => {
    const before = { headlines: headlinesOf(desk, stuck).length, thread: threadOf(desk, stuck).length };
    for (let times = 0; times < 5; times += 1)
      expect((await take(desk, '/alerts/alertmanager', await captured('firing'))).incidents).toEqual([stuck]);
    await Promise.all(
      Array.from({ length: 5 }, async () => take(desk, '/alerts/alertmanager', await captured('firing'))),
    );
    await everythingLeft(desk);
    expect(pagesOf(desk, stuck)).toHaveLength(1);
    expect(pagesOf(desk, stuck)[0]?.triggers).toBe(1);
    expect({ headlines: headlinesOf(desk, stuck).length, thread: threadOf(desk, stuck).length }).toEqual(
      before,
    );
    expect((await incidentView(desk, stuck)).alerts).toMatchObject([{ repeats: 10 }]);
  });

  it('resolved at its source is noted, and a P1 stays open until a person closes it', async () => {
    expect((await take(desk, '/alerts/alertmanager', await captured('resolved'))).incidents).toEqual([stuck]);
    await shows(desk, stuck, '0 alerts firing, 1 cleared');
    const view = await incidentView(desk, stuck);
    expect(view).toMatchObject({ state: 'open', alerts: [{ state: 'resolved' }] });
    expect(view.timeline.map((row) => row.text)).toContainEqual(
      'Alert 7af24487a712e7bb resolved at its source at 2026-11-22 20:31:41 UTC',
    );
    expect(pagesOf(desk, stuck)[0]?.status).toBe('triggered');
  });

  it('holding three alerts of one group is one incident, with one page and one headline', async () => {
    const { accepted, incidents } = await take(
      desk,
      '/alerts/alertmanager',
      await captured('group-of-three'),
    );
    expect({ accepted, incidents: incidents.length }).toEqual({ accepted: 3, incidents: 1 });
    const [group = ''] = incidents;
    await paged(desk, group);
    await posted(desk, group);
    await everythingLeft(desk);
    const view = await incidentView(desk, group);
    expect(view.severity).toBe('P2');
    expect(view.alerts.map((alert) => alert.fingerprint)).toEqual([
      'faf7c6971164b3ec',
      '7b9c7feed90530da',
      '873a3521451edcd0',
    ]);
    expect(pagesOf(desk, group)).toMatchObject([{ severity: 'warning', urgency: 'low' }]);
    expect(headlinesOf(desk, group)).toHaveLength(1);
    expect(desk.thread(group)).toContain('3 alerts firing');

    const again = await take(desk, '/alerts/alertmanager', await captured('group-one-resolved'));
    expect(again.incidents).toEqual([group]);
    await shows(desk, group, '2 alerts firing, 1 cleared');
    expect((await incidentView(desk, group)).state).toBe('open');
  });

  it('resolves a P2 by itself once its last alert has cleared, and the page with it', async () => {
    const body = (await captured('group-of-three')) as {
      status: string;
      alerts: { status: string; endsAt: string }[];
    };
    body.status = 'resolved';
    for (const alert of body.alerts)
      Object.assign(alert, { status: 'resolved', endsAt: '2026-11-22T20:40:00Z' });
    const { incidents } = await take(desk, '/alerts/alertmanager', body);
    const [group = ''] = incidents;
    await shows(desk, group, 'by itself: all its alerts cleared');
    await desk.stage.pagerDuty.until(() => pagesOf(desk, group)[0]?.status === 'resolved', {
      what: 'the page resolved',
    });
    expect(await incidentView(desk, group)).toMatchObject({
      state: 'resolved',
      resolved: { how: 'alertsCleared' },
    });
  });

  it('never resolves a P0 by itself', async () => {
    const grave = await fire(desk, { name: 'Runaway', severity: 'P0' });
    await fire(desk, { name: 'Runaway', severity: 'P0', status: 'resolved', endsAt: '2026-11-22T21:00:00Z' });
    await shows(desk, grave, '0 alerts firing, 1 cleared');
    expect((await incidentView(desk, grave)).state).toBe('open');
  });

  it('that is resolved before its firing came does not open anything, and the late firing is known to be over', async () => {
    const early = {
      name: 'LateFiring',
      severity: 'warning',
      fingerprint: 'late',
      startsAt: '2026-11-22T20:00:00Z',
    };
    const resolved = await take(
      desk,
      '/alerts/alertmanager',
      alertmanagerBody({ ...early, status: 'resolved', endsAt: '2026-11-22T20:05:00Z' }),
    );
    expect(resolved).toEqual({ accepted: 1, rejected: [], incidents: [] });
    const id = await fire(desk, early);
    expect(await incidentView(desk, id)).toMatchObject({
      state: 'resolved',
      alerts: [{ state: 'resolved' }],
    });
  });
});

describe('the severity of an alert', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it.each([
    ['P0', 'P0', 'critical'],
    ['P1', 'P1', 'error'],
    ['P2', 'P2', 'warning'],
    ['critical', 'P1', 'error'],
    ['error', 'P1', 'error'],
    ['warning', 'P2', 'warning'],
  ])('"%s" is %s, and pages as %s', async (word, severity, urgency) => {
    const id = await fire(desk, { name: `Word${word}`, severity: word });
    expect((await paged(desk, id)).severity).toBe(urgency);
    expect(await incidentView(desk, id)).toMatchObject({ severity, severityNote: null });
  });

  it.each(['P3', 'info'])('"%s" is P3: it is posted, and nobody is paged', async (word) => {
    const id = await fire(desk, { name: `Quiet${word}`, severity: word });
    await posted(desk, id);
    await everythingLeft(desk);
    expect(pagesOf(desk, id)).toEqual([]);
    expect(await incidentView(desk, id)).toMatchObject({ severity: 'P3', pages: [] });
    expect(desk.thread(id)).not.toContain('Pag');
  });

  it.each([
    ['Critical', 'severity "Critical" is not one we know; taken as P1'],
    ['sev-0', 'severity "sev-0" is not one we know; taken as P1'],
    ['', 'severity "" is not one we know; taken as P1'],
    ['toString', 'severity "toString" is not one we know; taken as P1'],
    [undefined, 'no severity given; taken as P1'],
  ])('%j is taken as P1, and said to be a guess', async (word, note) => {
    const body = alertmanagerBody({ name: `Guess${word}`, fingerprint: `guess${word}` }) as {
      alerts: { labels: Record<string, string> }[];
    };
    const [alert] = body.alerts;
    delete alert?.labels['severity'];
    if (word !== undefined) Object.assign(alert?.labels ?? {}, { severity: word });
    const [id = ''] = (await take(desk, '/alerts/alertmanager', body)).incidents;
    const page = await paged(desk, id);
    await posted(desk, id);
    expect(await incidentView(desk, id)).toMatchObject({ severity: 'P1', severityNote: note });
    expect(page).toMatchObject({ severity: 'error', customDetails: { severity_note: note } });
    expect(desk.thread(id)).toContain('taken as P1');
  });

  it('is raised by a worse alert of its group, which pages the next step once', async () => {
    const id = await fire(desk, { name: 'Raise', severity: 'warning', fingerprint: 'raise-a' });
    await paged(desk, id);
    expect(await fire(desk, { name: 'Raise', severity: 'P0', fingerprint: 'raise-b' })).toBe(id);
    expect(await paged(desk, id, 2)).toMatchObject({ severity: 'critical' });
    await shows(desk, id, '🔴 P0');
    await fire(desk, { name: 'Raise', severity: 'critical', fingerprint: 'raise-c' });
    await everythingLeft(desk);
    expect(pagesOf(desk, id).map((page) => page.dedupKey)).toEqual([`${id}/1`, `${id}/2`]);
    expect((await incidentView(desk, id)).severity).toBe('P0');
  });

  it('raised within the same body still makes one headline, one runbook and two pages', async () => {
    const groupKey = '{}:{alertname="AtOnce"}';
    const one = alertmanagerBody({ name: 'AtOnce', groupKey, severity: 'P1', fingerprint: 'at-once-a' });
    const two = alertmanagerBody({ name: 'AtOnce', groupKey, severity: 'P0', fingerprint: 'at-once-b' });
    const alerts = [one, two].flatMap((body) => (body as { alerts: object[] }).alerts);
    const [id = ''] = (await take(desk, '/alerts/alertmanager', { ...one, alerts })).incidents;
    await paged(desk, id, 2);
    await posted(desk, id);
    await everythingLeft(desk);
    expect(headlinesOf(desk, id)).toHaveLength(1);
    // What became of the stakeholders' mail stands in the thread as well.
    expect(repliesOf(desk, id).filter(({ text }) => /runbook/i.test(text))).toHaveLength(1);
    expect(pagesOf(desk, id)).toHaveLength(2);
  });
});

describe('an alert that fires again after its incident was resolved', () => {
  let desk: InProcess;
  const time = { aheadMs: 0 };
  const at = (minutes: number) =>
    new Date(Date.parse('2026-11-22T20:00:00Z') + minutes * 60_000).toISOString();
  const flapping = { name: 'Flapping', severity: 'warning', fingerprint: 'flap' };
  let first: string;
  beforeAll(async () => {
    desk = await startDesk({ now: () => Date.now() + time.aheadMs });
  });
  afterAll(() => desk.close());

  it('as a late copy of what has ended changes nothing', async () => {
    first = await fire(desk, { ...flapping, startsAt: at(0) });
    await paged(desk, first);
    await fire(desk, { ...flapping, startsAt: at(0), status: 'resolved', endsAt: at(1) });
    await settled(desk, first, (incident) => incident.status === 'resolved');
    expect(await fire(desk, { ...flapping, startsAt: at(0) })).toBe(first);
    expect((await incidentView(desk, first)).state).toBe('resolved');
  });

  it('within 30 minutes reopens it, and pages under the next number', async () => {
    time.aheadMs += 29 * 60_000;
    expect(await fire(desk, { ...flapping, startsAt: at(20) })).toBe(first);
    const page = await paged(desk, first, 2);
    expect(page.status).toBe('triggered');
    expect(await incidentView(desk, first)).toMatchObject({ state: 'open' });
    await shows(desk, first, 'Paged Ada');
    expect(headlinesOf(desk, first)).toHaveLength(1);
    expect(pagesOf(desk, first).map((one) => [one.dedupKey, one.status])).toEqual([
      [`${first}/1`, 'resolved'],
      [`${first}/2`, 'triggered'],
    ]);
  });

  it('later is a new incident, with a headline and a page of its own', async () => {
    await fire(desk, { ...flapping, startsAt: at(20), status: 'resolved', endsAt: at(21) });
    await settled(desk, first, (incident) => incident.status === 'resolved');
    time.aheadMs += 31 * 60_000;
    const second = await fire(desk, { ...flapping, startsAt: at(60) });
    expect(second).not.toBe(first);
    await paged(desk, second);
    await posted(desk, second);
    expect((await incidentView(desk, first)).state).toBe('resolved');
  });
});

describe('other formats', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('takes Grafana, with its value and its panel', async () => {
    const { incidents } = await take(desk, '/alerts/grafana', {
      receiver: 'standdown',
      status: 'firing',
      orgId: 1,
      groupKey: '{}/{}:{alertname="FillRateLow"}',
      title: '[FIRING:1] FillRateLow',
      state: 'alerting',
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'FillRateLow', grafana_folder: 'desk', severity: 'critical' },
          annotations: { summary: 'Fill rate 91 %' },
          startsAt: '2026-11-22T20:30:00+01:00',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: '',
          fingerprint: 'c6eadffa33fcdf37',
          silenceURL: 'https://grafana.example/silence',
          dashboardURL: 'https://grafana.example/d/1',
          panelURL: 'https://grafana.example/d/1?viewPanel=2',
          values: { A: 0.91 },
          valueString: "[ var='A' value=0.91 ]",
        },
      ],
    });
    const [id = ''] = incidents;
    const page = await paged(desk, id);
    expect(page.links.map((link) => link.href)).toContain('https://grafana.example/d/1?viewPanel=2');
    expect(page).toMatchObject({
      source: 'grafana',
      customDetails: { alerts: [{ value: "[ var='A' value=0.91 ]" }] },
    });
    expect(await incidentView(desk, id)).toMatchObject({ severity: 'P1', runbook: 'slo-03-order-execution' });
  });

  it('takes a generic alert, one or several, and follows the runbook that it names', async () => {
    const single = await take(desk, '/alerts/generic', {
      id: 'gap-1',
      status: 'firing',
      title: 'No bars for 4 minutes',
      severity: 'P1',
      runbook: 'slo-01-data-feed',
      value: 240,
      link: 'https://monitor.example/gap',
    });
    const [id = ''] = single.incidents;
    const page = await paged(desk, id);
    await posted(desk, id);
    expect(page.links.map((link) => link.href)).toContain('https://monitor.example/gap');
    expect(desk.thread(id)).toContain('Runbook: SLO-01 data feed failure');
    const several = await take(desk, '/alerts/generic', [
      { id: 'gap-2', status: 'firing', title: 'another feed', severity: 'P1', runbook: 'slo-01-data-feed' },
      { id: 'slow-1', status: 'firing', title: 'Slow signals', severity: 'P2' },
    ]);
    expect(several.accepted).toBe(2);
    expect(several.incidents).toHaveLength(2);
    expect(several.incidents).toContain(id);
  });

  it('posts a message without steps where no runbook matches, with the three buttons that stop things', async () => {
    const id = await fire(desk, { name: 'NobodyKnows', severity: 'P2' });
    await posted(desk, id);
    expect(desk.thread(id)).toContain('No runbook matches this incident.');
    expect(desk.thread(id)).toContain('[Kill…] [Cancel orders…] [Halt new orders…]');
  });

  it('stops nothing by itself, whatever an alert calls itself or asks for', async () => {
    const before = exchange(desk);
    const [id = ''] = (
      await take(desk, '/alerts/generic', {
        id: 'kill-me',
        status: 'firing',
        title: 'KILL_SWITCH=1 /kill now',
        severity: 'P0',
        runbook: 'kill-switch',
        hardStop: 'dailyLoss',
      })
    ).incidents;
    await paged(desk, id);
    await posted(desk, id);
    await everythingLeft(desk);
    expect(exchange(desk)).toEqual(before);
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
  });

  it('keeps alerts apart whose fingerprints are names that JavaScript knows', async () => {
    for (const fingerprint of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const options = { name: 'Names', severity: 'warning', groupKey: 'names', fingerprint };
      await fire(desk, options);
      await fire(desk, options);
    }
    const [id = ''] = (
      await take(
        desk,
        '/alerts/alertmanager',
        alertmanagerBody({ groupKey: 'names', severity: 'warning', fingerprint: 'plain' }),
      )
    ).incidents;
    const view = await incidentView(desk, id);
    expect(view.alerts.map(({ fingerprint, state, repeats }) => [fingerprint, state, repeats])).toEqual([
      ['__proto__', 'firing', 1],
      ['constructor', 'firing', 1],
      ['toString', 'firing', 1],
      ['hasOwnProperty', 'firing', 1],
      ['plain', 'firing', 0],
    ]);
    await fire(desk, {
      name: 'Names',
      severity: 'warning',
      groupKey: 'names',
      fingerprint: 'valueOf',
      status: 'resolved',
    });
    expect((await incidentView(desk, id)).state).toBe('open');
  });
});

describe('a hostile alert', () => {
  let desk: InProcess;
  let id: string;
  const EVIL =
    '<!channel> <@U1> <http://evil|x> <script>alert(1)</script> ```code``` *bold* _it_ ~no~ &lt;!here&gt;';
  const BIDI = '\u202egnp.exe\u202c\u2066hidden\u2069\u200b\u0007';
  const LONG = 'A'.repeat(5_000);
  beforeAll(async () => {
    desk = await startDesk();
    const body = alertmanagerBody({
      name: `${EVIL}${BIDI}`,
      severity: 'P0',
      fingerprint: EVIL,
      groupKey: `${EVIL}${BIDI}`,
      summary: `${EVIL} line one\r\nBcc: everyone@example.com\r\n\r\n${BIDI} ${LONG}`,
      labels: {
        [EVIL]: EVIL,
        instance: '=HYPERLINK("http://evil","x")',
        file: '../../../etc/passwd',
        long: LONG,
        mention: '@channel @here <!subteam^S0ONCALL> <#C1>',
      },
    }) as { alerts: Record<string, unknown>[] };
    Object.assign(body.alerts[0] ?? {}, {
      generatorURL: 'javascript:alert(document.cookie)',
      annotations: {
        ...(body.alerts[0]?.['annotations'] as object),
        runbook_url: 'file:///etc/passwd',
        description: EVIL,
      },
    });
    [id = ''] = (await take(desk, '/alerts/alertmanager', body)).incidents;
    await posted(desk, id);
    await paged(desk, id);
    await shows(desk, id, 'Paged Ada');
    await desk.click('ada', 'Halt new orders…', id);
    await shows(desk, id, 'New orders halted');
    await desk.stage.slack.say(
      CAST.ada.id,
      `/incident note ${id} ${EVIL.replace(/[<>&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[c] ?? c)}`,
    );
    await shows(desk, id, 'Note by');
    await desk.stage.mail.until(() => desk.stage.mail.messages().length > 0, { what: 'the mail' });
  });
  afterAll(() => desk.close());

  it('shows inert in Slack: no mention, no link, no markup of its own in any raw block or fallback text', () => {
    const messages = threadOf(desk, id);
    expect(messages.length).toBeGreaterThanOrEqual(4);
    for (const message of messages) {
      for (const { type, text } of textsOf(message)) {
        expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u0007]/);
        if (type !== 'mrkdwn') continue;
        // The only angle brackets are those of a link to a source that we wrote.
        expect(text.replace(/<https?:\/\/[^<>|\s]+\|source>/g, '')).not.toMatch(/[<>]/);
        expect(text).not.toContain('```');
        expect(text).not.toMatch(/@(channel|here|everyone)/);
        expect(text).not.toMatch(/https?:\/\/evil/);
      }
      expect(JSON.stringify(message.blocks)).not.toContain('javascript:');
      expect(JSON.stringify(message.blocks)).not.toContain('file:///');
    }
  });

  it('asks Slack neither to unfurl nor to find names in what it posts', () => {
    const posts = desk.stage.slack.calls.filter((call) => call.method === 'chat.postMessage');
    for (const { args } of posts) {
      expect([args['unfurl_links'], args['unfurl_media'], args['link_names']].map(String)).toEqual([
        'false',
        'false',
        'false',
      ]);
    }
  });

  it('is one line of text in the page, within PagerDuty’s limits, with no link that runs something', () => {
    const [page] = pagesOf(desk, id);
    expect(page?.title.length).toBeLessThanOrEqual(1_024);
    expect(page?.title).not.toMatch(/[\r\n\u202a-\u202e\u2066-\u2069\u200b\u0007]/);
    expect(page?.links.every((link) => link.href.startsWith('https://'))).toBe(true);
    expect(JSON.stringify(page?.customDetails)).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
    expect(desk.stage.pagerDuty.events().every((event) => event.answer === 202)).toBe(true);
  });

  it('is one line in the mail’s subject, adds no header and no recipient, and is escaped in its HTML', () => {
    const [mail] = desk.stage.mail.messages();
    expect(mail?.subject).toContain(id);
    expect(mail?.subject).not.toMatch(/[\r\n\u202a-\u202e\u2066-\u2069]/);
    expect(mail?.envelope.to).toEqual(['desk@desk.example']);
    expect(mail?.raw).not.toMatch(/^Bcc:/im);
    expect(mail?.html).not.toContain('<script>');
    expect(mail?.html).toContain('&lt;script&gt;');
  });
});
