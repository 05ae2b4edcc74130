import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PagerDutyCounterpart, startPagerDutyCounterpart } from '../../src/rehearsal/pagerduty.ts';
import { createLoopbackTls, type LoopbackTls } from '../../src/rehearsal/tls.ts';

const ROUTING_KEY = '0123456789abcdef0123456789abcdef';
const TOKEN = 'y_NbAkKc66ryYTWUXYEu';
const ADA = { id: 'PADA', name: 'Ada', email: 'ada@example.com' };
const BOB = { id: 'PBOB', name: 'Bob', email: 'bob@example.com' };

interface Reply {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  json: ReturnType<typeof JSON.parse>;
  text: string;
}

let tls: LoopbackTls;
let pagerDuty: PagerDutyCounterpart;
let nowMs: number;

beforeAll(async () => {
  tls = await createLoopbackTls();
});

beforeEach(async () => {
  nowMs = Date.parse('2026-11-22T14:00:00Z');
  pagerDuty = await start();
});

afterEach(() => pagerDuty.close());

function start(
  extra: { assignAfterEvents?: number; serviceUrgency?: 'high' } = {},
): Promise<PagerDutyCounterpart> {
  return startPagerDutyCounterpart({
    routingKey: ROUTING_KEY,
    apiToken: TOKEN,
    users: [ADA, BOB],
    schedules: [{ id: 'PSCHED1', name: 'Primary', userIds: ['PADA', 'PBOB'] }],
    escalationPolicy: {
      id: 'PPOLICY',
      name: 'Trading',
      rules: [
        { delayMinutes: 5, targets: [{ type: 'schedule', id: 'PSCHED1' }] },
        { delayMinutes: 5, targets: [{ type: 'user', id: 'PBOB' }] },
      ],
    },
    serviceUrgency: 'severity_based',
    tls,
    now: () => nowMs,
    ...extra,
  });
}

function call(
  method: string,
  path: string,
  options: { body?: unknown; raw?: string; from?: string; token?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const body = options.raw ?? (options.body === undefined ? '' : JSON.stringify(options.body));
    const outgoing = request(
      `${pagerDuty.origin}${path}`,
      {
        method,
        agent: new Agent({ ca: tls.cert }),
        headers: {
          Authorization: `Token token=${options.token ?? TOKEN}`,
          'Content-Length': Buffer.byteLength(body),
          ...(options.from === undefined ? {} : { From: options.from }),
        },
      },
      (response) => {
        readText(response).then((text) => {
          const json = response.headers['content-type']?.startsWith('application/json')
            ? JSON.parse(text)
            : undefined;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json, text });
        }, reject);
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

function event(action: string, dedupKey: string, payload: object = {}): object {
  return {
    routing_key: ROUTING_KEY,
    event_action: action,
    dedup_key: dedupKey,
    ...(action === 'trigger'
      ? { payload: { summary: 'Feed gap', source: 'standdown', severity: 'critical', ...payload } }
      : {}),
  };
}

function send(body: object): Promise<Reply> {
  return call('POST', '/v2/enqueue', { body });
}

describe('events', () => {
  it('queues a trigger with 202 and assigns the incident to who is on call', async () => {
    const reply = await send(event('trigger', 'INC-1/1'));
    expect(reply.status).toBe(202);
    expect(reply.json).toEqual({ status: 'success', message: 'Event processed', dedup_key: 'INC-1/1' });
    const [incident] = pagerDuty.incidents();
    expect(incident).toMatchObject({ status: 'triggered', urgency: 'high', triggers: 1, assignees: [ADA] });
    expect(pagerDuty.events()[0]).toMatchObject({ atMs: nowMs, answer: 202, applied: true });
  });

  it('deduplicates a repeated trigger, and counts it', async () => {
    await send(event('trigger', 'INC-1/1'));
    await send(event('trigger', 'INC-1/1'));
    expect(pagerDuty.incidents()).toHaveLength(1);
    expect(pagerDuty.incidents()[0]?.triggers).toBe(2);
  });

  it('opens a new incident for a trigger after the resolve of its key', async () => {
    await send(event('trigger', 'INC-1/1'));
    await send(event('acknowledge', 'INC-1/1'));
    expect(pagerDuty.incidents()[0]?.status).toBe('acknowledged');
    await send(event('resolve', 'INC-1/1'));
    await send(event('trigger', 'INC-1/1'));
    expect(pagerDuty.incidents().map((one) => one.status)).toEqual(['resolved', 'triggered']);
    expect(pagerDuty.incidents()[0]).toMatchObject({ assignees: [], resolvedAtMs: nowMs });
  });

  it('takes and ignores an acknowledge and a resolve that fit nothing', async () => {
    expect((await send(event('acknowledge', 'none'))).status).toBe(202);
    expect((await send(event('resolve', 'none'))).status).toBe(202);
    expect(pagerDuty.incidents()).toEqual([]);
  });

  it.each([
    [
      'no routing key',
      { ...event('trigger', 'k'), routing_key: undefined },
      "'routing_key' is missing or blank",
    ],
    ['a short one', { ...event('trigger', 'k'), routing_key: 'short' }, '32 characters'],
    ['a wrong one', { ...event('trigger', 'k'), routing_key: 'f'.repeat(32) }, 'Invalid routing key'],
    ['another action', event('page', 'k'), "'event_action' is invalid"],
    ['no payload', { ...event('trigger', 'k'), payload: undefined }, "'payload' is missing"],
    ['no summary', event('trigger', 'k', { summary: ' ' }), "'payload.summary' is missing"],
    ['a long summary', event('trigger', 'k', { summary: 'x'.repeat(1_025) }), "'payload.summary'"],
    ['no source', event('trigger', 'k', { source: undefined }), "'payload.source' is missing"],
    ['another severity', event('trigger', 'k', { severity: 'P0' }), "'payload.severity' is invalid"],
    ['a bad time', event('trigger', 'k', { timestamp: 'yesterday' }), "'payload.timestamp'"],
    [
      'details that are no object',
      event('trigger', 'k', { custom_details: 'x' }),
      "'payload.custom_details'",
    ],
    ['a long key', event('trigger', 'k'.repeat(256)), "'dedup_key'"],
    ['links that are no list', { ...event('trigger', 'k'), links: 'x' }, "'links' is not an array"],
    ['a link without href', { ...event('trigger', 'k'), links: [{ text: 'x' }] }, "without 'href'"],
    ['a resolve without a key', { ...event('resolve', ''), dedup_key: undefined }, "'dedup_key' is missing"],
    [
      'an event of 513 KB',
      event('trigger', 'k', { custom_details: { x: 'x'.repeat(513 * 1_024) } }),
      'larger than',
    ],
  ])('refuses %s', async (_name, body, error) => {
    const reply = await send(body);
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({ status: 'invalid event', message: 'Event object is invalid' });
    expect(reply.json.errors.join()).toContain(error);
    expect(pagerDuty.incidents()).toEqual([]);
    expect(pagerDuty.events()[0]).toMatchObject({ answer: 400, applied: false });
  });

  it('takes the longest summary and key', async () => {
    const body = event('trigger', 'k'.repeat(255), { summary: 'x'.repeat(1_024) });
    expect((await send(body)).status).toBe(202);
  });

  it('refuses what is not JSON', async () => {
    expect((await call('POST', '/v2/enqueue', { raw: '{' })).json.errors).toEqual(['JSON parse error']);
  });

  it('makes up a key where there is none', async () => {
    const reply = await send({ ...event('trigger', ''), dedup_key: undefined });
    expect(reply.json.dedup_key).toMatch(/^[0-9a-f]{32}$/);
  });

  it('takes 120 events a minute', async () => {
    for (let i = 0; i < 120; i += 1) await send(event('acknowledge', 'none'));
    const over = await send(event('trigger', 'INC-1/1'));
    expect([over.status, over.headers['retry-after']]).toEqual([429, '60']);
    expect(pagerDuty.incidents()).toEqual([]);
    nowMs += 60_000;
    expect((await send(event('trigger', 'INC-1/1'))).status).toBe(202);
  });

  it('takes change events apart from incidents', async () => {
    const body = { routing_key: ROUTING_KEY, payload: { summary: 'Deployed' } };
    expect((await call('POST', '/v2/change/enqueue', { body })).status).toBe(202);
    const bad = { routing_key: ROUTING_KEY, payload: {} };
    expect((await call('POST', '/v2/change/enqueue', { body: bad })).status).toBe(400);
    expect(pagerDuty.incidents()).toEqual([]);
  });

  it.each([
    ['critical', 'high'],
    ['error', 'high'],
    ['warning', 'low'],
    ['info', 'low'],
  ])('gives severity %s urgency %s', async (severity, urgency) => {
    await send(event('trigger', 'k', { severity }));
    expect(pagerDuty.incidents()[0]?.urgency).toBe(urgency);
  });

  it('keeps to the urgency of a service without dynamic notifications', async () => {
    await pagerDuty.close();
    pagerDuty = await start({ serviceUrgency: 'high' });
    await send(event('trigger', 'k', { severity: 'info' }));
    expect(pagerDuty.incidents()[0]?.urgency).toBe('high');
  });

  it('assigns only after the events that it was told to wait for, or by hand', async () => {
    await pagerDuty.close();
    pagerDuty = await start({ assignAfterEvents: 1 });
    await send(event('trigger', 'one'));
    expect(pagerDuty.incidents()[0]?.assignees).toEqual([]);
    await send(event('trigger', 'two'));
    expect(pagerDuty.incidents().map((one) => one.assignees.length)).toEqual([1, 0]);
    pagerDuty.assign(pagerDuty.incidents()[1]?.id ?? '');
    expect(pagerDuty.incidents()[1]?.assignees).toEqual([ADA]);
  });
});

describe('REST', () => {
  it('answers 401 without the right token', async () => {
    const reply = await call('GET', '/users', { token: 'wrong' });
    expect([reply.status, reply.json.error.code]).toEqual([401, 2006]);
  });

  it('finds incidents by key and status, a page at a time', async () => {
    for (let n = 0; n < 3; n += 1) {
      await send(event('trigger', 'INC-1/1'));
      await send(event('resolve', 'INC-1/1'));
    }
    await send(event('trigger', 'INC-1/1'));
    const first = await call('GET', '/incidents?incident_key=INC-1%2F1&limit=3&sort_by=created_at:desc');
    expect(first.json).toMatchObject({ limit: 3, offset: 0, more: true });
    expect(first.json.incidents[0]).toMatchObject({
      status: 'triggered',
      incident_key: 'INC-1/1',
      assignments: [{ assignee: { id: 'PADA', summary: 'Ada' } }],
    });
    const last = await call('GET', '/incidents?incident_key=INC-1%2F1&limit=3&offset=3');
    expect(last.json).toMatchObject({ more: false, incidents: [{ status: 'triggered' }] });
    const open = await call('GET', '/incidents?statuses[]=triggered&statuses[]=acknowledged');
    expect(open.json.incidents).toHaveLength(1);
    expect((await call('GET', '/incidents?limit=many')).status).toBe(400);
  });

  it('acknowledges and resolves for a user that it knows', async () => {
    await send(event('trigger', 'INC-1/1'));
    const id = pagerDuty.incidents()[0]?.id ?? '';
    const acknowledge = { incident: { type: 'incident_reference', status: 'acknowledged' } };
    expect((await call('PUT', `/incidents/${id}`, { body: acknowledge })).status).toBe(400);
    expect((await call('PUT', `/incidents/${id}`, { body: acknowledge, from: 'x@y.z' })).status).toBe(400);
    expect((await call('PUT', '/incidents/Q0', { body: acknowledge, from: ADA.email })).status).toBe(404);
    const done = await call('PUT', `/incidents/${id}`, { body: acknowledge, from: 'ADA@example.com' });
    expect(done.json.incident).toMatchObject({
      status: 'acknowledged',
      acknowledgements: [{ acknowledger: { summary: 'Ada' } }],
    });
    const body = { incident: { type: 'incident_reference', assignments: [{ assignee: { id: 'PBOB' } }] } };
    await call('PUT', `/incidents/${id}`, { body, from: ADA.email });
    expect(pagerDuty.incident(id)).toMatchObject({ status: 'triggered', assignees: [BOB] });
    const resolve = { incident: { type: 'incident_reference', status: 'resolved' } };
    expect((await call('PUT', `/incidents/${id}`, { body: resolve, from: ADA.email })).status).toBe(200);
    expect((await call('PUT', `/incidents/${id}`, { body: resolve, from: ADA.email })).status).toBe(400);
  });

  it('keeps notes, alerts and the log of an incident', async () => {
    await send({
      ...event('trigger', 'k', { custom_details: { gap: 160 } }),
      links: [{ href: 'https://x.test' }],
    });
    const id = pagerDuty.incidents()[0]?.id ?? '';
    const body = { note: { content: 'KILL verified FLAT' } };
    const note = await call('POST', `/incidents/${id}/notes`, { body, from: ADA.email });
    expect([note.status, note.json.note.content]).toEqual([201, 'KILL verified FLAT']);
    expect((await call('POST', `/incidents/${id}/notes`, { body })).status).toBe(400);
    expect((await call('POST', `/incidents/${id}/notes`, { body: {}, from: ADA.email })).status).toBe(400);
    expect((await call('GET', `/incidents/${id}/notes`)).json.notes).toHaveLength(1);
    const { alerts } = (await call('GET', `/incidents/${id}/alerts`)).json;
    expect(alerts[0]).toMatchObject({
      alert_key: 'k',
      severity: 'critical',
      body: { details: { gap: 160 } },
    });
    const log = (await call('GET', `/incidents/${id}/log_entries`)).json.log_entries;
    expect(log.map((entry: { type: string }) => entry.type)).toEqual([
      'trigger_log_entry',
      'assign_log_entry',
      'notify_log_entry',
      'annotate_log_entry',
    ]);
    expect((await call('GET', `/incidents/${id}`)).json.incident.id).toBe(id);
    expect((await call('GET', `/incidents/${id}/nothing`)).status).toBe(404);
  });

  it('says who is on call, by schedule and policy', async () => {
    const all = (await call('GET', '/oncalls')).json.oncalls;
    expect(all).toMatchObject([
      { escalation_level: 1, schedule: { id: 'PSCHED1' }, user: { summary: 'Ada' } },
      { escalation_level: 2, schedule: null, user: { summary: 'Bob' }, end: null },
    ]);
    pagerDuty.putOnCall('PSCHED1', 'PBOB');
    const query = 'schedule_ids[]=PSCHED1&escalation_policy_ids[]=PPOLICY&include[]=users';
    const [bob] = (await call('GET', `/oncalls?${query}`)).json.oncalls;
    expect(bob).toMatchObject({
      user: { email: BOB.email },
      start: '2026-11-16T00:00:00Z',
      end: '2026-11-23T00:00:00Z',
    });
    expect((await call('GET', `/oncalls?${query}&since=2026-12-01T00:00:00Z`)).json.oncalls).toEqual([]);
    expect((await call('GET', `/oncalls?${query}&until=2026-11-01T00:00:00Z`)).json.oncalls).toEqual([]);
  });

  it('shows users, services and schedules', async () => {
    expect((await call('GET', '/users?limit=1')).json).toMatchObject({
      more: true,
      users: [{ email: ADA.email }],
    });
    expect((await call('GET', '/users/PBOB')).json.user.name).toBe('Bob');
    expect((await call('GET', '/users/PBOB/contact_methods')).json.contact_methods[0].address).toBe(
      BOB.email,
    );
    expect((await call('GET', '/users/me')).status).toBe(400);
    expect((await call('GET', '/users/PNONE')).status).toBe(404);
    const { services } = (await call('GET', '/services')).json;
    expect(services[0].incident_urgency_rule).toEqual({ type: 'constant', urgency: 'severity_based' });
    expect((await call('GET', `/services/${services[0].id}`)).json.service.name).toBe('Trading desk');
    expect((await call('GET', '/schedules/PSCHED1')).json.schedule.users).toHaveLength(2);
    expect((await call('GET', '/schedules')).json.schedules).toHaveLength(1);
    expect((await call('GET', '/schedules/PNONE')).status).toBe(404);
    expect((await call('GET', '/teams')).status).toBe(404);
    expect((await call('DELETE', '/users')).status).toBe(404);
  });
});

describe('people', () => {
  it('escalate, reassign, acknowledge and resolve, and the history says so', async () => {
    await send(event('trigger', 'k'));
    const id = pagerDuty.incidents()[0]?.id ?? '';
    pagerDuty.acknowledge(id, 'PADA');
    pagerDuty.escalate(id);
    expect(pagerDuty.incident(id)).toMatchObject({
      status: 'triggered',
      escalationLevel: 2,
      assignees: [BOB],
    });
    pagerDuty.reassign(id, ['PADA'], 'PBOB');
    pagerDuty.resolve(id, 'PADA');
    const summaries = pagerDuty.incident(id)?.history.map((entry) => entry.summary);
    expect(summaries).toContain('Acknowledged by Ada');
    expect(summaries).toContain('Escalated to level 2');
    expect(summaries?.at(-1)).toBe('Resolved by Ada');
    expect(() => pagerDuty.acknowledge(id, 'PADA')).toThrow('is resolved');
    expect(() => pagerDuty.acknowledge('Q0', 'PADA')).toThrow('no incident Q0');
    expect(() => pagerDuty.putOnCall('PSCHED1', 'PNONE')).toThrow('no user PNONE');
  });

  it('can be waited for', async () => {
    const waiting = pagerDuty.until(() => pagerDuty.incidents()[0]?.status === 'acknowledged', {
      what: 'an answer',
    });
    await send(event('trigger', 'k'));
    pagerDuty.acknowledge(pagerDuty.incidents()[0]?.id ?? '', 'PADA');
    await waiting;
    const never = pagerDuty.until(() => false, { timeoutMs: 5, what: 'a second page' });
    await expect(never).rejects.toThrow(/waited 5 ms for a second page\. Now: .*"acknowledged"/);
  });
});

describe('webhooks', () => {
  it('are signed over the raw body, in order, and can come twice', async () => {
    const got: { body: string; signature: string | undefined }[] = [];
    const receiver = createServer((incoming, response) => {
      void readText(incoming).then((body) => {
        const signature = incoming.headers['x-pagerduty-signature'];
        got.push({ body, signature: Array.isArray(signature) ? signature[0] : signature });
        response.writeHead(202).end();
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address() as AddressInfo;
    pagerDuty.sendWebhooksTo({ url: `http://127.0.0.1:${port}/pagerduty/webhook`, secret: 'whsec' });
    await send(event('trigger', 'k'));
    const id = pagerDuty.incidents()[0]?.id ?? '';
    pagerDuty.acknowledge(id, 'PADA');
    pagerDuty.escalate(id);
    pagerDuty.reassign(id, ['PADA']);
    pagerDuty.resolve(id, 'PADA');
    await pagerDuty.until(() => pagerDuty.webhooks().length === 5, { what: 'five webhooks' });
    expect(pagerDuty.webhooks().map((one) => [one.type, one.status])).toEqual([
      ['incident.triggered', 202],
      ['incident.acknowledged', 202],
      ['incident.escalated', 202],
      ['incident.reassigned', 202],
      ['incident.resolved', 202],
    ]);
    for (const { body, signature } of got) {
      expect(signature).toBe(`v1=${createHmac('sha256', 'whsec').update(body).digest('hex')}`);
    }
    const second = JSON.parse(got[1]?.body ?? '');
    expect(second.event).toMatchObject({
      event_type: 'incident.acknowledged',
      agent: { type: 'user_reference', summary: 'Ada' },
      data: { id, number: 1, status: 'acknowledged', incident_key: 'k', assignees: [{ summary: 'Ada' }] },
    });
    pagerDuty.repeatWebhook(second.event.id);
    await pagerDuty.until(() => pagerDuty.webhooks().length === 6, { what: 'the second delivery' });
    expect(got[5]?.body).toBe(got[1]?.body);
    receiver.close();
  });

  it('tell of everything that people do, a note by reference alone, and are sent again until they are taken', async () => {
    const got: { event: { event_type: string; data: Record<string, unknown>; agent: object } }[] = [];
    let isUp = false;
    const receiver = createServer((incoming, response) => {
      void readText(incoming).then((body) => {
        if (isUp) got.push(JSON.parse(body));
        response.writeHead(isUp ? 202 : 503).end();
        isUp = true;
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address() as AddressInfo;
    pagerDuty.sendWebhooksTo({ url: `http://127.0.0.1:${port}/`, secret: 'whsec' });
    await send(event('trigger', 'k'));
    const id = pagerDuty.incidents()[0]?.id ?? '';
    pagerDuty.acknowledge(id, 'PADA');
    pagerDuty.unacknowledge(id);
    pagerDuty.delegate(id, ['PBOB'], 'PADA');
    pagerDuty.note(id, 'PBOB', 'mine now');
    pagerDuty.resolve(id, 'PBOB');
    pagerDuty.reopen(id, 'PADA');
    await pagerDuty.until(() => got.length === 7, { what: 'seven webhooks' });
    expect(got.map((one) => one.event.event_type)).toEqual([
      'incident.triggered',
      'incident.acknowledged',
      'incident.unacknowledged',
      'incident.delegated',
      'incident.annotated',
      'incident.resolved',
      'incident.reopened',
    ]);
    expect(got[4]?.event).toMatchObject({
      agent: { type: 'user_reference', summary: 'Bob' },
      data: { type: 'incident_note', content: 'mine now', incident: { id } },
    });
    expect(got[4]?.event.data['incident_key']).toBeUndefined();
    expect(pagerDuty.webhooks()[0]?.status).toBe(503);
    receiver.close();
  });

  it('record a receiver that is not there', async () => {
    pagerDuty.sendWebhooksTo({ url: 'http://127.0.0.1:1/', secret: 's' });
    await send(event('trigger', 'k'));
    await pagerDuty.until(() => pagerDuty.webhooks().length === 1, { what: 'the attempt' });
    expect(pagerDuty.webhooks()[0]).toMatchObject({
      status: null,
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it.each([
    'https://hooks.example.com/',
    'http://10.0.0.1/',
    'http://127.0.0.1.example.com/',
    'file:///etc/passwd',
  ])('never go to %s', (url) => {
    expect(() => pagerDuty.sendWebhooksTo({ url, secret: 's' })).toThrow('loopback only');
  });
});

describe('faults', () => {
  it('hit one path, or all of REST, as often as they were told', async () => {
    pagerDuty.fault('/oncalls', { kind: 'http500' });
    pagerDuty.fault('rest', { kind: 'html500', times: 2 });
    expect((await call('GET', '/users')).text).toContain('<!doctype html>');
    expect((await call('GET', '/oncalls')).json.status).toBe('error');
    expect((await call('GET', '/oncalls')).text).toContain('<!doctype html>');
    expect((await call('GET', '/oncalls')).status).toBe(200);
    pagerDuty.fault('events', { kind: 'http429', times: Number.POSITIVE_INFINITY, retryAfterSec: 7 });
    expect((await send(event('trigger', 'k'))).headers['retry-after']).toBe('7');
    pagerDuty.clearFaults();
    expect((await send(event('trigger', 'k'))).status).toBe(202);
    expect(pagerDuty.requests()[0]).toMatchObject({ method: 'GET', path: '/users', query: '' });
  });

  it('close ends a request that hangs, and a wait', async () => {
    pagerDuty.fault('events', { kind: 'hang' });
    const hanging = send(event('trigger', 'k')).catch(String);
    await pagerDuty.until(() => pagerDuty.events().length === 1, { what: 'the request' });
    const waiting = pagerDuty.until(() => false, { what: 'nothing' }).catch(String);
    await pagerDuty.close();
    expect(await hanging).toContain('socket hang up');
    expect(await waiting).toContain('closed while waiting for nothing');
    await pagerDuty.close();
  });
});

describe('the certificate', () => {
  it('is refused by who was not given it', async () => {
    const outgoing = request(`${pagerDuty.origin}/users`, { agent: new Agent() });
    outgoing.end();
    const [error] = await once(outgoing, 'error').catch((cause: Error) => [cause]);
    expect(String(error)).toMatch(/self-signed certificate/);
  });
});
