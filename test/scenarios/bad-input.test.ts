import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { alertmanagerBody, type InProcess, startDesk, TOKEN } from './desk.ts';
import {
  as,
  exchange,
  fire,
  headlinesOf,
  incidentView,
  paged,
  posted,
  pressOn,
  type Refused,
  repliesOf,
  said,
  settled,
  statusView,
  submit,
  switches,
  type Taken,
} from './reading.ts';

let desk: InProcess;
/** An incident that was there before, and must be there after. */
let known: string;
let before: { exchange: object; switches: object; timeline: number };

const start = () =>
  startDesk({
    config: (config) => ({
      ...config,
      tokens: { full: [TOKEN], alert: ['alerts-only'], telemetry: ['telemetry-only'], read: ['read-only'] },
    }),
  });

async function look(): Promise<typeof before> {
  return {
    exchange: exchange(desk),
    switches: await switches(desk),
    timeline: (await incidentView(desk, known)).timeline.length,
  };
}

/** After every bad input: alive, nothing moved, nothing lost, and a good one is still taken. */
async function unharmed(): Promise<void> {
  expect(await desk.get('/healthz', null)).toEqual({ status: 200, json: { ok: true } });
  const now = await look();
  expect(now.exchange).toEqual(before.exchange);
  expect(now.switches).toEqual(before.switches);
  expect(now.timeline).toBeGreaterThanOrEqual(before.timeline);
  expect((await statusView(desk)).trading).toMatchObject({ state: 'running', latch: null, holds: [] });
}

async function open(): Promise<void> {
  desk = await start();
  known = await fire(desk, { name: 'ExchangeOrderStuck', severity: 'critical' });
  await paged(desk, known);
  await posted(desk, known);
  await settled(desk, known, (incident) => incident.pages[0]?.state === 'assigned');
}

/** A request with exactly this path and these bytes; fetch would mend them. */
async function raw(
  method: string,
  path: string,
  body: Buffer | string = '',
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(desk.url);
  const sent = httpRequest({ hostname, port, method, path, agent: false, headers });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  // Whoever is refused before having said everything may find the connection closed.
  sent.on('error', () => undefined);
  sent.end(body);
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() };
}
const bearer = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };

describe('over HTTP', () => {
  beforeAll(open);
  afterAll(() => desk.close());
  beforeEach(async () => {
    before = await look();
  });
  afterEach(unharmed);

  describe('a body', () => {
    it.each([
      ['that is not JSON', '{"alerts": [', 'not_json'],
      ['that is a page of HTML', '<html></html>', 'not_json'],
      ['of nothing', '', 'wrong_shape'],
      ['that is null', 'null', 'wrong_shape'],
      ['that is a number', '7', 'wrong_shape'],
      ['that is a list', '[]', 'wrong_shape'],
      ['without alerts', '{"groupKey":"x"}', 'wrong_shape'],
      ['with no alert', '{"groupKey":"x","alerts":[]}', 'wrong_shape'],
      ['without a group', '{"alerts":[{}]}', 'wrong_shape'],
      ['with only broken alerts', '{"groupKey":"x","alerts":[{},7,null]}', 'no_valid_alert'],
      ['nested 100,000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'too_deep'],
      [
        'nested 100,000 deep inside an alert',
        `{"groupKey":"x","alerts":${'[{"a":'.repeat(100_000)}`,
        'too_deep',
      ],
      ['with lone surrogates and NULs only', '"\\ud800\\u0000"', 'wrong_shape'],
    ])('%s is answered 400, with a reason', async (_name, body, error) => {
      const answer = as<Refused>(await desk.post('/alerts/alertmanager', body));
      expect(answer).toMatchObject({ status: 400, json: { error } });
      expect(answer.json.detail.length).toBeGreaterThan(10);
    });

    it('of bytes that are no text is answered 400', async () => {
      const answer = await raw('POST', '/alerts/alertmanager', Buffer.from([0xff, 0xfe, 0x00, 0x80]), bearer);
      expect(answer.status).toBe(400);
    });

    it('that is compressed is answered 415, never inflated', async () => {
      const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
      const answer = await raw('POST', '/alerts/alertmanager', bomb, {
        ...bearer,
        'content-encoding': 'gzip',
      });
      expect(answer.status).toBe(415);
    });

    it('with __proto__ and friends as keys changes no prototype, and the alert is taken', async () => {
      const body = JSON.stringify(
        alertmanagerBody({ name: 'Proto', severity: 'P3', fingerprint: 'proto' }),
      ).replace('"labels":{', '"labels":{"__proto__":{"polluted":true},"constructor":"x","toString":"y",');
      expect(body).toContain('__proto__');
      const answer = as<Taken>(await desk.post('/alerts/alertmanager', body));
      expect(answer.status).toBe(202);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      const view = await incidentView(desk, answer.json.incidents[0] ?? '');
      expect(view.alerts[0]?.labels).toMatchObject({ constructor: 'x', toString: 'y' });
      await desk.post('/kill', '{"__proto__":{"reason":"x"},"venue":"y"}');
    });

    it('with a broken alert among good ones keeps the good ones, and names the broken', async () => {
      const body = alertmanagerBody({ name: 'Mixed', severity: 'P2', fingerprint: 'good-1' }) as {
        alerts: (object | number)[];
      };
      const [good] = body.alerts as [object];
      body.alerts = [
        { ...good, fingerprint: '' },
        good,
        { ...good, status: 'smouldering' },
        { ...good, fingerprint: 'good-2' },
        { ...good, startsAt: 'yesterday' },
        7,
        { ...good, labels: { severity: 7 } },
      ];
      const answer = as<Taken>(await desk.post('/alerts/alertmanager', body));
      expect(answer.status).toBe(202);
      expect(answer.json.accepted).toBe(2);
      expect(answer.json.rejected.map(({ index, path }) => [index, path])).toEqual([
        [0, 'fingerprint'],
        [2, 'status'],
        [4, 'startsAt'],
        [5, ''],
        [6, 'labels.severity'],
      ]);
      for (const { reason } of answer.json.rejected) expect(reason).not.toBe('');
      const view = await incidentView(desk, answer.json.incidents[0] ?? '');
      expect(view.alerts.map((alert) => alert.fingerprint)).toEqual(['good-1', 'good-2']);
    });

    it('with more than 10,000 alerts is answered 413', async () => {
      const alerts = Array.from({ length: 10_001 }, () => ({}));
      const answer = as<Refused>(await desk.post('/alerts/alertmanager', { groupKey: 'x', alerts }));
      expect(answer).toMatchObject({ status: 413, json: { error: 'too_many' } });
    });

    it('over 4 MiB is answered 413, and an incident says that a batch was refused', async () => {
      const huge = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
      const answer = await raw('POST', '/alerts/alertmanager', huge, bearer);
      expect(answer.status).toBe(413);
      const { incidents } = await statusView(desk);
      const refused = incidents.find((one) =>
        one.title.includes('A batch of alertmanager alerts was refused'),
      );
      expect(refused).toMatchObject({ severity: 'P1' });
      await paged(desk, refused?.id ?? '');
      // A second one joins it: a source that keeps sending too much makes no storm.
      await raw('POST', '/alerts/alertmanager', huge, bearer);
      expect(
        (await statusView(desk)).incidents.filter((one) => one.title.includes('was refused')),
      ).toHaveLength(incidents.filter((one) => one.title.includes('was refused')).length);
    });

    it('over 4 MiB by somebody without a token is refused, and opens nothing', async () => {
      const count = desk.bot.store.summaries().length;
      const huge = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
      const answer = await raw('POST', '/alerts/grafana', huge, { 'content-type': 'application/json' });
      expect(answer.status).toBe(401);
      expect(desk.bot.store.summaries()).toHaveLength(count);
    });

    it('exactly at 4 MiB is read', async () => {
      const body = JSON.stringify(alertmanagerBody({ name: 'Large', severity: 'P3', fingerprint: 'large' }));
      const padded = Buffer.concat([Buffer.from(body), Buffer.alloc(4 * 1024 * 1024 - body.length, 0x20)]);
      expect((await raw('POST', '/alerts/alertmanager', padded, bearer)).status).toBe(202);
    });

    it('over 4 MiB in chunks of unsaid length is answered 413', async () => {
      const { hostname, port } = new URL(desk.url);
      const sent = httpRequest({
        hostname,
        port,
        method: 'POST',
        path: '/alerts/generic',
        agent: false,
        headers: bearer,
      });
      for (let written = 0; written < 10; written += 1) sent.write(Buffer.alloc(512 * 1024, 0x5b));
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).toBe(413);
    });
  });

  describe('a token', () => {
    const routes = [
      ['POST', '/alerts/alertmanager', ['alerts-only']],
      ['POST', '/alerts/grafana', ['alerts-only']],
      ['POST', '/alerts/generic', ['alerts-only']],
      ['POST', '/kill', []],
      ['POST', '/halt', []],
      ['POST', '/cancel', []],
      ['GET', '/status', ['read-only']],
      ['GET', '/incidents', ['read-only']],
      ['GET', '/incidents/INC-20260101-001', ['read-only']],
    ] as const;
    it.each(routes)('of the wrong kind, or none, is 401 at %s %s', async (method, path, enough) => {
      const wrong = [
        'alerts-only',
        'telemetry-only',
        'read-only',
        'nobody',
        `${TOKEN} `,
        TOKEN.slice(1),
        '',
      ].filter((token) => !(enough as readonly string[]).includes(token));
      for (const authorization of [
        ...wrong.map((token) => `Bearer ${token}x`.slice(0, -1)),
        `Basic ${TOKEN}`,
        TOKEN,
      ]) {
        if (authorization.trim() === `Bearer ${TOKEN}`) continue;
        const answer = await raw(method, path, '{}', { authorization, 'content-type': 'application/json' });
        expect([authorization, answer.status]).toEqual([authorization, 401]);
        expect(JSON.parse(answer.body)).toMatchObject({ error: 'unauthorized' });
        expect(answer.body).not.toContain(TOKEN);
      }
      expect((await raw(method, path, '{}')).status).toBe(401);
      for (const token of enough) {
        const answer = await raw(method, path, '{}', { authorization: `Bearer ${token}` });
        expect(answer.status).not.toBe(401);
      }
    });
  });

  describe('a path', () => {
    it.each([
      ['GET', '//'],
      ['GET', '/nowhere'],
      ['GET', '/webhook/%E0%A4%A'],
      ['GET', '/incidents/%E0%A4%A'],
      ['GET', '/incidents/..%2f..%2fetc%2fpasswd'],
      ['GET', '/incidents/INC-20200101-001'],
      ['GET', '/kill'],
      ['POST', '/status'],
      ['GET', '/slack/events'],
      ['POST', '/slack'],
      ['DELETE', '/incidents/INC-20200101-001'],
      ['OPTIONS', '/kill'],
      ['GET', `/${'a'.repeat(8_000)}`],
      ['POST', '/pagerduty/webhook'],
    ])('%s %s is answered in JSON, and the process lives', async (method, path) => {
      const answer = await raw(method, path, '', { authorization: `Bearer ${TOKEN}` });
      expect([400, 401, 404]).toContain(answer.status);
      expect(JSON.parse(answer.body)).toMatchObject({
        error: expect.any(String),
        detail: expect.any(String),
      });
    });

    it('with a header over 16 KiB is cut off by the server', async () => {
      const answer = await raw('GET', '/healthz', '', { padding: 'a'.repeat(20_000) });
      expect(answer.status).toBe(431);
    });

    it('that is no HTTP is answered 400', async () => {
      const { hostname, port } = new URL(desk.url);
      const socket = connect(Number(port), hostname);
      socket.end('\u0016\u0003\u0001 not http at all\r\n\r\n');
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      expect(chunk.toString()).toMatch(/^HTTP\/1\.1 400/);
    });

    it('asked for by many who never finish asking keeps nobody else waiting', async () => {
      const { hostname, port } = new URL(desk.url);
      const halves = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const socket = connect(Number(port), hostname);
          await once(socket, 'connect');
          socket.write(
            index % 2 === 0
              ? 'POST /alerts/alertmanager HTTP/1.1\r\nHost: x\r\nX-Slow: '
              : `POST /alerts/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1000\r\n\r\n{`,
          );
          return socket;
        }),
      );
      expect((await desk.get('/healthz', null)).status).toBe(200);
      expect((await desk.alert({ name: 'ExchangeOrderStuck', severity: 'critical' })).status).toBe(202);
      for (const socket of halves) socket.destroy();
    });
  });
});

describe('at Slack’s door', () => {
  beforeAll(open);
  afterAll(() => desk.close());
  beforeEach(async () => {
    before = await look();
  });
  afterEach(unharmed);

  const now = () => Math.floor(Date.now() / 1_000);
  /** A command as Slack would send it for Ada, with some fields changed. */
  async function command(text: string, change: Record<string, string> = {}): Promise<string> {
    const { request } = await desk.stage.slack.say(CAST.ada.id, '/halt help');
    const [name = '', ...rest] = text.split(' ');
    const fields = new URLSearchParams(request.body);
    const trigger = `${fields.get('trigger_id')}${Math.random()}`;
    for (const [key, value] of Object.entries({
      command: name,
      text: rest.join(' '),
      trigger_id: trigger,
      ...change,
    }))
      fields.set(key, value);
    return fields.toString();
  }

  it.each([
    ['signed with another secret', { secret: 'f'.repeat(32) }],
    ['with a made-up signature', { signature: `v0=${'0'.repeat(64)}` }],
    ['with a signature of another version', { signature: `v1=${'0'.repeat(64)}` }],
    ['with an empty signature', { signature: '' }],
    ['without a signature', { signature: null }],
    ['without a time', { timestamp: null }],
    ['with a time that is no number', { timestamp: 'now' }],
    ['that is five minutes old', { timestamp: now() - 301 }],
    ['that is dated in the future', { timestamp: now() + 120 }],
  ] as const)('a /kill %s is refused', async (_name, forged) => {
    const answer = await desk.stage.slack.send({ body: await command('/kill forged'), ...forged });
    expect(answer.status).toBe(401);
    expect((await statusView(desk)).lastKill).toBeNull();
  });

  it('a captured request that is sent again is refused, also after a restart', async () => {
    const body = await command('/incident note taken once');
    const first = await desk.stage.slack.send({ body });
    expect(first.status).toBe(200);
    const captured = { body, timestamp: first.request.headers['x-slack-request-timestamp'] ?? '' };
    expect((await desk.stage.slack.send(captured)).status).toBe(401);
    await desk.restart();
    expect((await desk.stage.slack.send(captured)).status).toBe(401);
    const notes = (await incidentView(desk, known)).timeline.filter((row) => row.text === 'Note: taken once');
    expect(notes).toHaveLength(1);
  });

  it('a request that Slack sends again because it saw no answer is executed once', async () => {
    const body = await command('/incident note retried');
    expect((await desk.stage.slack.send({ body })).status).toBe(200);
    for (const num of [1, 2, 3]) {
      const again = await desk.stage.slack.send({
        body,
        timestamp: now() + num,
        headers: { 'x-slack-retry-num': String(num), 'x-slack-retry-reason': 'http_timeout' },
      });
      expect(again.status).toBe(200);
      expect(said(again)).toContain('Already done');
    }
    const notes = (await incidentView(desk, known)).timeline.filter((row) => row.text === 'Note: retried');
    expect(notes).toHaveLength(1);
  });

  it('a request whose first delivery was lost is executed by its retry', async () => {
    const body = await command('/incident note only the retry came');
    const again = await desk.stage.slack.send({ body, headers: { 'x-slack-retry-num': '1' } });
    expect(said(again)).toContain('Noted on');
  });

  it.each([
    ['payload=null', 'application/x-www-form-urlencoded'],
    ['payload=', 'application/x-www-form-urlencoded'],
    ['payload=7', 'application/x-www-form-urlencoded'],
    ['payload=[]', 'application/x-www-form-urlencoded'],
    ['payload=%7B', 'application/x-www-form-urlencoded'],
    ['payload=%7B%7D&payload=%7B%7D', 'application/x-www-form-urlencoded'],
    ['null', 'application/json'],
    ['7', 'application/json'],
    ['[]', 'application/json'],
    ['{', 'application/json'],
    ['', 'application/json'],
    ['{}', 'text/plain'],
    ['{}', 'multipart/form-data; boundary=x'],
    ['{}', ''],
  ])('%j as %s is answered 400', async (body, contentType) => {
    const answer = await desk.stage.slack.send({ body, contentType });
    expect(answer.status).toBe(400);
  });

  it('what has the right signature and the wrong shape moves nothing, whatever is missing', async () => {
    const bodies = [
      ['an empty payload', 'payload=%7B%7D'],
      ['an empty form', ''],
      ['a command without a user', 'command=%2Fkill&text=x&team_id=T0REHEARSAL&api_app_id=A0STANDDOWN'],
      [
        'an unknown command',
        'command=%2Fnuke&text=x&user_id=U0ADA&team_id=T0REHEARSAL&api_app_id=A0STANDDOWN',
      ],
      [
        'a click without a user',
        `payload=${encodeURIComponent('{"type":"block_actions","actions":[{"action_id":"desk.kill","type":"button"}],"team":{"id":"T0REHEARSAL"}}')}`,
      ],
      [
        'a click without an action',
        `payload=${encodeURIComponent('{"type":"block_actions","actions":[],"user":{"id":"U0ADA"},"team":{"id":"T0REHEARSAL"}}')}`,
      ],
      [
        'a click whose actions are no list',
        `payload=${encodeURIComponent('{"type":"block_actions","actions":"desk.kill","user":{"id":"U0ADA"},"team":null}')}`,
      ],
      [
        'a submission without a view',
        `payload=${encodeURIComponent('{"type":"view_submission","user":{"id":"U0ADA"},"team":{"id":"T0REHEARSAL"}}')}`,
      ],
      [
        'a type that nobody knows',
        `payload=${encodeURIComponent('{"type":"constructor","user":{"id":"U0ADA"}}')}`,
      ],
    ];
    // Bolt leaves what nobody handles unanswered for 3 s: all at once.
    await Promise.all(bodies.map(([, body = '']) => desk.stage.slack.send({ body })));
    expect((await statusView(desk)).lastKill).toBeNull();
  });

  it.each([
    ['another team', { team_id: 'T0OTHER' }],
    ['another app', { api_app_id: 'A0OTHER' }],
  ])('a rightly signed request of %s is refused in words', async (_name, change) => {
    const answer = await desk.stage.slack.send({ body: await command('/kill foreign', change) });
    expect(said(answer)).toContain('another workspace or app: nothing was done');
    expect((await statusView(desk)).lastKill).toBeNull();
  });

  it('a Slack body over 4 MiB is refused', async () => {
    const { hostname, port } = new URL(desk.url);
    const sent = httpRequest({ hostname, port, method: 'POST', path: '/slack/events', agent: false });
    sent.on('error', () => undefined);
    sent.end(Buffer.alloc(4 * 1024 * 1024 + 1, 0x61));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(413);
  });

  it.each(['/halt orderz', '/cancel --all', '/incident exterminate', '/resume kill_switch'])(
    '%s is never taken for a kill',
    async (text) => {
      if (!text.startsWith('/halt')) await desk.stage.slack.say(CAST.ada.id, text);
      expect((await statusView(desk)).trading).toMatchObject({ state: 'running', latch: null });
      const view = desk.stage.slack.openViews(CAST.ada.id).at(-1);
      if (view !== undefined) await desk.stage.slack.dismiss(CAST.ada.id, view.id);
    },
  );
});

describe('a button', () => {
  let other: string;
  beforeAll(async () => {
    await open();
    other = await fire(desk, { name: 'Other', severity: 'P2' });
    await posted(desk, other);
  });
  afterAll(() => desk.close());
  beforeEach(async () => {
    before = await look();
  });
  afterEach(unharmed);

  const answerTo = async (userId: string, act: () => Promise<unknown>): Promise<string> => {
    const count = desk.stage.slack.ephemerals(userId).length;
    await act();
    await desk.stage.slack.until(() => desk.stage.slack.ephemerals(userId).length > count, {
      what: 'an answer to the click',
    });
    return desk.stage.slack.ephemerals(userId).at(-1)?.text ?? '';
  };

  it.each(['Kill…', 'Cancel orders…', 'Halt new orders…', 'Acknowledge', 'Resolve…'])(
    '%s pressed by somebody without the role is refused, and names who can',
    async (label) => {
      const text = await answerTo(CAST.mallory.id, () =>
        pressOn(desk, CAST.mallory.id, headlinesOf(desk, known)[0], label),
      );
      expect(text).toContain('You are not a responder for this desk: nothing was done');
      expect(text).toContain(`<@${CAST.ada.id}>`);
      expect(desk.stage.slack.openViews(CAST.mallory.id)).toEqual([]);
      expect((await incidentView(desk, known)).acknowledged).toBeNull();
    },
  );

  it('with an action that nobody knows is refused', async () => {
    const text = await answerTo(CAST.ada.id, () =>
      pressOn(desk, CAST.ada.id, headlinesOf(desk, known)[0], 'Kill…', {
        tamper: { action_id: 'desk.nuke' },
      }),
    );
    expect(text).toContain('nothing was done');
  });

  it.each([
    ['of another incident', () => other],
    ['of an incident that is not there', () => 'INC-20200101-001'],
    ['that is no incident', () => '../../etc/passwd'],
    ['that is empty', () => ''],
    ['with a tail of its own', () => `${known}|x y z`],
    ['that JavaScript knows', () => '__proto__'],
  ])('with a value %s is refused', async (_name, value) => {
    for (const label of ['Kill…', 'Acknowledge']) {
      const text = await answerTo(CAST.ada.id, () =>
        pressOn(desk, CAST.ada.id, headlinesOf(desk, known)[0], label, { tamper: { value: value() } }),
      );
      expect(text).toContain('nothing was done');
    }
    expect((await incidentView(desk, known)).acknowledged).toBeNull();
    expect((await incidentView(desk, other)).acknowledged).toBeNull();
  });

  it.each([
    'nonsense',
    'constructor',
    '__proto__',
    'slo-01-data-feed:confirm',
    'slo-03-order-execution:nonsense',
  ])('of a runbook step that this incident does not have (%s) marks nothing', async (step) => {
    // That it was refused is on the log, and nothing else.
    const done = async () =>
      (await incidentView(desk, known)).timeline.filter(({ type }) => type !== 'CommandRefused');
    const log = (await done()).length;
    const text = await answerTo(CAST.ada.id, () =>
      pressOn(desk, CAST.ada.id, repliesOf(desk, known)[0], 'Done', {
        tamper: { value: `${known}|${step}` },
      }),
    );
    expect(text).toContain('nothing was done');
    expect(await done()).toHaveLength(log);
  });

  it('on a message of somebody else’s is refused', async () => {
    const { slack } = desk.stage;
    const message = await slack.post(CAST.mallory.id, CHANNEL, 'press here');
    const legit = headlinesOf(desk, known)[0];
    const { request } = await pressOn(desk, CAST.ada.id, legit, 'Acknowledge', { tamper: { value: 'x' } });
    const payload = JSON.parse(new URLSearchParams(request.body).get('payload') ?? '{}') as {
      message: { ts: string };
      actions: { value: string; action_id: string }[];
      trigger_id: string;
    };
    payload.message.ts = message.ts;
    payload.trigger_id = `${payload.trigger_id}.again`;
    Object.assign(payload.actions[0] ?? {}, { value: known, action_id: 'desk.kill' });
    const answer = await slack.send({
      body: new URLSearchParams({ payload: JSON.stringify(payload) }).toString(),
    });
    expect(answer.status).toBe(200);
    expect((await statusView(desk)).lastKill).toBeNull();
  });

  it('of a resolved incident’s old message neither resumes nor acknowledges nor resolves anything', async () => {
    const id = await fire(desk, { name: 'Closed', severity: 'P2' });
    await posted(desk, id);
    const [headline] = headlinesOf(desk, id);
    await pressOn(desk, CAST.ada.id, headline, 'Halt new orders…');
    await desk.stage.slack.until(() =>
      JSON.stringify(headlinesOf(desk, id)[0]?.blocks).includes('Resume new orders'),
    );
    const version = (headlinesOf(desk, id)[0]?.history.length ?? 1) - 1;
    await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Resume new orders');
    await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
    expect(await submit(desk, CAST.ada.id, { summary: 'Done.' })).toMatchObject({ action: 'close' });
    await settled(desk, id, (incident) => incident.status === 'resolved');

    await desk.post('/halt', { what: 'orders', reason: 'a later one', actor: 'risk' });
    for (const label of ['Resume new orders', 'Acknowledge', 'Resolve…']) {
      const text = await answerTo(CAST.grace.id, () =>
        pressOn(desk, CAST.grace.id, headlinesOf(desk, id)[0], label, { version }),
      );
      expect(text).toMatch(/resolved|nothing was done/);
    }
    expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
    expect((await incidentView(desk, id)).state).toBe('resolved');
    // Put back as it was, for what is compared after each test.
    await desk.stage.slack.say(CAST.ada.id, '/resume orders');
    before = { ...before, switches: await switches(desk) };
  });
});
