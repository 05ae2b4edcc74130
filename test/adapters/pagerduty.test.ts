import { once } from 'node:events';
import { Agent, createServer, type RequestOptions } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPagerDutyPager, type PagerDutyPagerOptions } from '../../src/adapters/pagerduty.ts';
import type { PageRequest, Pager } from '../../src/ports.ts';
import type { PagerFaultKind } from '../../src/rehearsal/pagerduty/faults.ts';
import { type PagerDutyCounterpart, startPagerDutyCounterpart } from '../../src/rehearsal/pagerduty.ts';
import { createLoopbackTls, type LoopbackTls } from '../../src/rehearsal/tls.ts';

const ROUTING_KEY = 'CANARYcanaryCANARYcanaryCANARY12';
const TOKEN = 'y_CANARYtoken+/=';
const ADA = { id: 'PADA', name: 'Ada', email: 'ada@example.com' };
const BOB = { id: 'PBOB', name: 'Bob', email: 'bob@example.com' };
/** Long enough for an answer on the loopback, short enough to wait for. */
const SHORT_MS = 500;

let tls: LoopbackTls;
let pagerDuty: PagerDutyCounterpart;
let pager: Pager;

beforeAll(async () => {
  tls = await createLoopbackTls();
});

beforeEach(async () => {
  pagerDuty = await startPagerDutyCounterpart({
    routingKey: ROUTING_KEY,
    apiToken: TOKEN,
    users: [ADA, BOB],
    schedules: [
      { id: 'PSCHED1', name: 'Primary', userIds: ['PADA'] },
      { id: 'PSCHED2', name: 'Leads', userIds: ['PBOB'] },
    ],
    escalationPolicy: {
      id: 'PPOLICY',
      name: 'Trading',
      rules: [
        { delayMinutes: 5, targets: [{ type: 'schedule', id: 'PSCHED1' }] },
        {
          delayMinutes: 5,
          targets: [
            { type: 'schedule', id: 'PSCHED2' },
            { type: 'user', id: 'PADA' },
          ],
        },
      ],
    },
    serviceUrgency: 'severity_based',
    tls,
    now: () => Date.parse('2026-11-22T14:00:00Z'),
  });
  pager = make();
});

afterEach(() => pagerDuty.close());

function make(extra: Partial<PagerDutyPagerOptions> = {}): Pager {
  return createPagerDutyPager({
    routingKey: ROUTING_KEY,
    apiToken: TOKEN,
    fromEmail: ADA.email,
    eventsServer: pagerDuty.server,
    apiServer: pagerDuty.server,
    agent: new Agent({ ca: tls.cert }),
    ...extra,
  });
}

function page(extra: Partial<PageRequest> = {}): PageRequest {
  return {
    dedupKey: 'INC-20261122-003/1',
    severity: 'critical',
    summary: 'P0 · Feed gap: binance-1m',
    source: 'standdown',
    links: [{ href: 'https://example.com/thread', text: 'Thread' }],
    customDetails: { gap: '2 min 40 s' },
    timestampIso: '2026-11-22T14:00:00Z',
    ...extra,
  };
}

describe('pages', () => {
  it('trigger, acknowledge, resolve: each is done once PagerDuty queued it', async () => {
    expect(await pager.trigger(page())).toEqual({ state: 'done' });
    expect(pagerDuty.incidents()[0]).toMatchObject({
      dedupKey: 'INC-20261122-003/1',
      title: 'P0 · Feed gap: binance-1m',
      severity: 'critical',
      source: 'standdown',
      customDetails: { gap: '2 min 40 s' },
      links: [{ href: 'https://example.com/thread', text: 'Thread' }],
    });
    expect(await pager.acknowledge('INC-20261122-003/1')).toEqual({ state: 'done' });
    expect(pagerDuty.incidents()[0]?.status).toBe('acknowledged');
    expect(await pager.resolve('INC-20261122-003/1')).toEqual({ state: 'done' });
    expect(pagerDuty.incidents()[0]?.status).toBe('resolved');
  });

  it('names what PagerDuty refused, for good', async () => {
    const sent = await pager.trigger(page({ summary: '', timestampIso: 'now' }));
    expect(sent).toEqual({
      state: 'failed',
      retry: false,
      maybe: false,
      reason:
        "PagerDuty's Events API answered 400: Event object is invalid; 'payload.summary' is missing or blank; " +
        "'payload.timestamp' is not a valid ISO 8601 time",
    });
  });

  it('cuts a long summary at 1,024 characters and says so', async () => {
    expect(await pager.trigger(page({ summary: `${'🟠'.repeat(600)}!` }))).toEqual({ state: 'done' });
    const [incident] = pagerDuty.incidents();
    expect(incident?.title.length).toBeLessThanOrEqual(1_024);
    expect(incident?.title.endsWith('🟠…')).toBe(true);
    expect(incident?.customDetails).toMatchObject({
      standdown_cut: 'summary cut from 1201 to 1024 characters',
    });
  });

  it('keeps small details whole and cuts large ones, below 512 KB, in their order', async () => {
    const customDetails = {
      big: 'x\n"'.repeat(400_000),
      list: Array.from({ length: 90_000 }, String),
      small: 7,
    };
    expect(await pager.trigger(page({ customDetails }))).toEqual({ state: 'done' });
    const raw = pagerDuty.events()[0]?.raw ?? '';
    expect(Buffer.byteLength(raw)).toBeGreaterThan(480_000);
    expect(Buffer.byteLength(raw)).toBeLessThan(512 * 1_024);
    const details = pagerDuty.incidents()[0]?.customDetails as Record<string, unknown>;
    expect(Object.keys(details)).toEqual(['big', 'list', 'small', 'standdown_cut']);
    expect(details['small']).toBe(7);
    expect(details['standdown_cut']).toBe("2 of 3 details cut to stay below PagerDuty's 512 KB: list, big");
  });

  it('leaves with whatever it is given: 20,000 details, a circle, half an emoji, a huge link', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const many = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, n) => [`detail ${n}`, 'x'.repeat(50)]),
    );
    const odd = { circle, half: '\ud83d', big: 10n, nothing: undefined, ['__proto__x']: 1 };
    expect(await pager.trigger(page({ dedupKey: 'a', customDetails: many }))).toEqual({ state: 'done' });
    expect(await pager.trigger(page({ dedupKey: 'b', customDetails: odd, summary: 'x\ud83d' }))).toEqual({
      state: 'done',
    });
    const links = [{ href: `https://example.com/${'x'.repeat(600_000)}`, text: 'x' }];
    expect(await pager.trigger(page({ dedupKey: 'c', links }))).toEqual({ state: 'done' });
    const [, b, c] = pagerDuty.incidents();
    expect(b?.title).toBe('x�');
    expect(b?.customDetails).toEqual({
      circle: '(could not be written as JSON)',
      half: '�',
      big: '10',
      nothing: null,
      ['__proto__x']: 1,
    });
    expect(c?.customDetails).toMatchObject({ standdown_cut: '1 links left out for their size' });
  });
});

describe('faults of the Events API', () => {
  const expected: Record<Exclude<PagerFaultKind, 'slow' | 'acceptThenForget'>, object> = {
    http429: { retry: true, maybe: false, retryAfterMs: 2_000, reason: expect.stringContaining('429') },
    http500: { retry: true, maybe: true, reason: expect.stringContaining('500: Internal Server Error') },
    html202: {
      retry: true,
      maybe: true,
      reason: expect.stringContaining('202 with something that is not its JSON'),
    },
    html500: {
      retry: true,
      maybe: true,
      reason: expect.stringContaining('500 with something that is not its JSON'),
    },
    reset: { retry: true, maybe: true, reason: expect.stringContaining('socket hang up') },
    acceptThenReset: { retry: true, maybe: true, reason: expect.stringContaining('socket hang up') },
    hang: { retry: true, maybe: true, reason: expect.stringContaining(`no answer within ${SHORT_MS} ms`) },
  };

  it.each(Object.entries(expected))('%s', async (kind, failure) => {
    pager = make({ timeoutMs: SHORT_MS });
    pagerDuty.fault('events', { kind: kind as PagerFaultKind });
    expect(await pager.trigger(page())).toEqual({ state: 'failed', ...failure });
    // One request: what is tried again, and when, is the caller's to say.
    expect(pagerDuty.events()).toHaveLength(1);
    expect(await pager.trigger(page())).toEqual({ state: 'done' });
    expect(pagerDuty.incidents()).toHaveLength(1);
    expect(pagerDuty.incidents()[0]?.triggers).toBe(kind === 'acceptThenReset' ? 2 : 1);
  });

  it('202 is done, which is queued and no more: an incident may never come of it', async () => {
    pagerDuty.fault('events', { kind: 'acceptThenForget' });
    expect(await pager.trigger(page())).toEqual({ state: 'done' });
    expect(pagerDuty.incidents()).toEqual([]);
    expect(pagerDuty.events()).toMatchObject([{ answer: 202, applied: false }]);
  });

  it('a slow answer inside the time is an answer', async () => {
    pagerDuty.fault('events', { kind: 'slow', ms: 30 });
    expect(await pager.trigger(page())).toEqual({ state: 'done' });
  });

  it('acknowledge and resolve fail in the same words', async () => {
    pagerDuty.fault('events', { kind: 'http500', times: 2 });
    expect(await pager.acknowledge('k')).toMatchObject({ state: 'failed', retry: true });
    expect(await pager.resolve('k')).toMatchObject({ state: 'failed', retry: true });
  });

  it('nobody listening: nothing can have left', async () => {
    const { server } = pagerDuty;
    await pagerDuty.close();
    const sent = await make({ eventsServer: server }).trigger(page());
    expect(sent).toMatchObject({
      retry: true,
      maybe: false,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('a certificate that is not trusted: nothing can have left', async () => {
    const sent = await make({ agent: new Agent() }).trigger(page());
    expect(sent).toMatchObject({
      retry: true,
      maybe: false,
      reason: expect.stringContaining('self-signed certificate'),
    });
    expect(pagerDuty.events()).toEqual([]);
  });

  it('silent before the handshake: nothing can have left', async () => {
    const mute = createTcpServer(() => undefined).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const sent = await make({ eventsServer: `127.0.0.1:${port}`, timeoutMs: SHORT_MS }).trigger(page());
    expect(sent).toMatchObject({
      retry: true,
      maybe: false,
      reason: expect.stringContaining('no answer within'),
    });
    mute.close();
  });

  it('a redirect is not followed: the key goes nowhere else', async () => {
    let visits = 0;
    const proxy = createServer(tls, (_request, response) => {
      visits += 1;
      response.writeHead(307, { Location: `${pagerDuty.origin}/v2/enqueue` }).end();
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const sent = await make({ eventsServer: `127.0.0.1:${port}` }).trigger(page());
    expect(sent).toMatchObject({ retry: true, maybe: false, reason: expect.stringContaining('307') });
    expect([visits, pagerDuty.events()]).toEqual([1, []]);
    proxy.close();
  });

  it.each([
    ['a 202 that does not say success', 202, { status: 'queued?' }, { retry: true, maybe: true }],
    ['a 404 of a wrong host', 404, { message: 'no such host' }, { retry: true, maybe: false }],
    ['a 413', 413, { message: 'too large' }, { retry: false, maybe: false }],
  ])('%s', async (_name, status, body, failure) => {
    const odd = createServer(tls, (_request, response) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const { port } = odd.address() as AddressInfo;
    expect(await make({ eventsServer: `127.0.0.1:${port}` }).trigger(page())).toMatchObject(failure);
    odd.close();
  });

  it('a body that stalls after its 202 is no success', async () => {
    const stalling = createServer(tls, (_request, response) => {
      response
        .writeHead(202, { 'Content-Type': 'application/json', 'Content-Length': 100 })
        .write('{"status":"succ');
    }).listen(0, '127.0.0.1');
    await once(stalling, 'listening');
    const { port } = stalling.address() as AddressInfo;
    const sent = await make({ eventsServer: `127.0.0.1:${port}`, timeoutMs: SHORT_MS }).trigger(page());
    expect(sent).toMatchObject({ state: 'failed', retry: true, maybe: true });
    stalling.closeAllConnections();
    stalling.close();
  });

  it.each([
    ['1.5', 1_500],
    ['999999', 600_000],
    ['soon', undefined],
    ['-1', undefined],
  ])('Retry-After %s', async (header, retryAfterMs) => {
    const busy = createServer(tls, (_request, response) => {
      response.writeHead(429, { 'Retry-After': header }).end();
    }).listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const { port } = busy.address() as AddressInfo;
    const sent = await make({ eventsServer: `127.0.0.1:${port}` }).trigger(page());
    expect(sent).toMatchObject({ state: 'failed', retry: true, maybe: false });
    expect('retryAfterMs' in sent ? sent.retryAfterMs : undefined).toBe(retryAfterMs);
    busy.close();
  });
});

describe('find', () => {
  it('tells whose a page is, and who acknowledged it', async () => {
    expect(await pager.find('INC-20261122-003/1')).toEqual({ state: 'none' });
    await pager.trigger(page());
    const [incident] = pagerDuty.incidents();
    expect(await pager.find('INC-20261122-003/1')).toEqual({
      state: 'found',
      incidents: [
        {
          id: incident?.id,
          htmlUrl: `${pagerDuty.origin}/incidents/${incident?.id}`,
          status: 'triggered',
          urgency: 'high',
          assignedTo: [{ id: 'PADA', name: 'Ada' }],
          acknowledgedBy: null,
          changedBy: { id: 'PSERVICE', name: 'Trading desk', isPerson: false },
          createdAt: '2026-11-22T14:00:00Z',
        },
      ],
    });
    pagerDuty.acknowledge(incident?.id ?? '', 'PBOB');
    const found = await pager.find('INC-20261122-003/1');
    const bob = { id: 'PBOB', name: 'Bob', isPerson: true };
    expect(found).toMatchObject({
      incidents: [{ status: 'acknowledged', acknowledgedBy: bob, changedBy: bob }],
    });
  });

  it('gives the newest last, over more than one page', async () => {
    for (let n = 0; n < 55; n += 1) {
      await pager.trigger(page({ dedupKey: 'k' }));
      await pager.resolve('k');
    }
    const ids = pagerDuty.incidents().map((one) => one.id);
    const found = await pager.find('k');
    expect(found.state === 'found' ? found.incidents.map((one) => one.id) : []).toEqual(ids);
  });

  it.each([
    ['http500', 'answered 500'],
    ['html202', 'answered 200 with something that is not its JSON'],
    ['http429', 'answered 429'],
    ['reset', 'socket hang up'],
    ['hang', `no answer within ${SHORT_MS} ms`],
  ] as const)('is unavailable on %s', async (kind, reason) => {
    pagerDuty.fault('/incidents', { kind });
    const found = await make({ timeoutMs: SHORT_MS }).find('k');
    expect(found).toEqual({ state: 'unavailable', reason: expect.stringContaining(reason) });
  });

  it('is unavailable without a token, with a wrong one, and in a shape that is not PagerDuty’s', async () => {
    const { apiToken: _, ...rest } = { apiToken: TOKEN };
    const without = createPagerDutyPager({ routingKey: ROUTING_KEY, apiServer: pagerDuty.server, ...rest });
    expect(without.canConfirm).toBe(false);
    expect(await without.find('k')).toEqual({
      state: 'unavailable',
      reason: 'there is no PagerDuty REST token',
    });
    const wrong = await make({ apiToken: 'wrong-token' }).find('k');
    expect(wrong).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('answered 401: Unauthorized'),
    });
    const odd = createServer(tls, (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"incidents":"none"}');
    }).listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const { port } = odd.address() as AddressInfo;
    const found = await make({ apiServer: `127.0.0.1:${port}` }).find('k');
    expect(found).toMatchObject({ state: 'unavailable', reason: expect.stringContaining('not its own') });
    odd.close();
  });
});

describe('note', () => {
  it('is written in the name of the configured user', async () => {
    await pager.trigger(page());
    const id = pagerDuty.incidents()[0]?.id ?? '';
    expect(await pager.note(id, 'FLAT')).toEqual({ state: 'done' });
    expect(pagerDuty.incident(id)?.notes).toMatchObject([{ userId: 'PADA', content: 'FLAT' }]);
  });

  it('fails for good where trying again cannot help', async () => {
    const { fromEmail: _, ...options } = { fromEmail: '', routingKey: ROUTING_KEY, apiToken: TOKEN };
    const nobody = await createPagerDutyPager(options).note('Q0', 'x');
    expect(nobody).toMatchObject({ retry: false, reason: expect.stringContaining('PAGERDUTY_FROM') });
    expect(await make({ fromEmail: 'x@y.z' }).note('Q0', 'x')).toMatchObject({
      retry: false,
      reason: expect.stringContaining('404'),
    });
    await pager.trigger(page());
    const id = pagerDuty.incidents()[0]?.id ?? '';
    const unknown = await make({ fromEmail: 'x@y.z' }).note(id, 'x');
    expect(unknown).toMatchObject({
      retry: false,
      reason: expect.stringContaining('Requester User Not Found'),
    });
  });

  it('may have been written when the answer was lost', async () => {
    await pager.trigger(page());
    const id = pagerDuty.incidents()[0]?.id ?? '';
    pagerDuty.fault('/incidents', { kind: 'acceptThenReset' });
    expect(await pager.note(id, 'x')).toMatchObject({ state: 'failed', retry: true, maybe: true });
    expect(pagerDuty.incident(id)?.notes).toHaveLength(1);
  });
});

describe('on call', () => {
  it('names the people of these schedules, each once', async () => {
    expect(await pager.onCall(['PSCHED1'])).toEqual([{ name: 'Ada', email: ADA.email }]);
    expect(await pager.onCall(['PSCHED1', 'PSCHED2'])).toEqual([
      { name: 'Ada', email: ADA.email },
      { name: 'Bob', email: BOB.email },
    ]);
    pagerDuty.putOnCall('PSCHED1', 'PBOB');
    expect(await pager.onCall(['PSCHED1', 'PSCHED2'])).toEqual([{ name: 'Bob', email: BOB.email }]);
  });

  it('is nobody for no schedule and an unknown one, and unknown when it cannot be asked', async () => {
    expect(await pager.onCall([])).toEqual([]);
    expect(await pager.onCall(['PNONE'])).toEqual([]);
    pagerDuty.fault('rest', { kind: 'http500' });
    expect(await pager.onCall(['PSCHED1'])).toBeNull();
  });

  it('gives the role to nobody whose schedule was not asked for', async () => {
    const careless = createServer(tls, (_request, response) => {
      const oncalls = [
        { schedule: null, user: { summary: 'Mallory', email: 'm@example.com' } },
        { schedule: { id: 'POTHER' }, user: { summary: 'Mallory', email: 'm@example.com' } },
        { schedule: { id: 'PSCHED1' }, user: { summary: 'Ada' } },
      ];
      response
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ oncalls, more: false }));
    }).listen(0, '127.0.0.1');
    await once(careless, 'listening');
    const { port } = careless.address() as AddressInfo;
    expect(await make({ apiServer: `127.0.0.1:${port}` }).onCall(['PSCHED1'])).toEqual([]);
    careless.close();
  });
});

describe('secrets', () => {
  it('are in no reason, in no encoding, even when the far side repeats them', async () => {
    const seen: RequestOptions['headers'][] = [];
    const echo = createServer(tls, (incoming, response) => {
      void readText(incoming).then((body) => {
        seen.push({ ...incoming.headers });
        const token = incoming.headers.authorization ?? '';
        const errors = [body, token, encodeURIComponent(token), Buffer.from(TOKEN).toString('base64')];
        response
          .writeHead(400, { 'Content-Type': 'application/json' })
          .end(JSON.stringify({ message: 'no', errors }));
      });
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as AddressInfo;
    const there = `127.0.0.1:${port}`;
    pager = make({ eventsServer: there, apiServer: there });
    const outputs = [
      await pager.trigger(page()),
      await pager.resolve('k'),
      await pager.find('k'),
      await pager.note('Q', 'x'),
    ];
    const text = JSON.stringify(outputs);
    expect(text).toContain('[secret]');
    expect(seen[2]).toMatchObject({ authorization: `Token token=${TOKEN}` });
    for (const secret of [
      ROUTING_KEY,
      TOKEN,
      encodeURIComponent(TOKEN),
      Buffer.from(TOKEN).toString('base64'),
    ]) {
      expect(text).not.toContain(secret);
    }
    for (const output of outputs) {
      expect('reason' in output ? output.reason.length : 0).toBeLessThanOrEqual(300);
    }
    echo.close();
  });
});

describe('who is on call now', () => {
  const NOW = Date.parse('2026-11-22T14:00:00Z');

  it('is told by level, with the end of the shift, who is next, and how to reach them', async () => {
    await pagerDuty.close();
    pagerDuty = await startPagerDutyCounterpart({
      routingKey: ROUTING_KEY,
      apiToken: TOKEN,
      users: [{ ...ADA, phone: '2025550142' }, BOB],
      schedules: [{ id: 'PSCHED1', name: 'Primary', userIds: ['PADA', 'PBOB'] }],
      escalationPolicy: {
        id: 'PPOLICY',
        name: 'Trading',
        rules: [
          { delayMinutes: 5, targets: [{ type: 'schedule', id: 'PSCHED1' }] },
          { delayMinutes: 5, targets: [{ type: 'user', id: 'PBOB' }] },
        ],
      },
      serviceUrgency: 'high',
      tls,
      now: () => NOW,
    });
    const now = await make().onCallNow(NOW, []);
    expect(now).toEqual({
      state: 'known',
      people: [
        {
          id: 'PADA',
          name: 'Ada',
          email: 'ada@example.com',
          level: 1,
          schedule: 'Primary',
          until: Date.parse('2026-11-23T00:00:00Z'),
          next: 'Bob',
          contacts: [
            { kind: 'email', label: 'Work', address: 'ada@example.com' },
            { kind: 'phone', label: 'Work', address: '+1 2025550142' },
            { kind: 'sms', label: 'Work', address: '+1 2025550142' },
          ],
        },
        {
          id: 'PBOB',
          name: 'Bob',
          email: 'bob@example.com',
          level: 2,
          schedule: null,
          until: null,
          next: null,
          contacts: [{ kind: 'email', label: 'Work', address: 'bob@example.com' }],
        },
      ],
    });
  });

  it('is asked of the schedules of the configuration where no service has our key', async () => {
    const stranger = make({ routingKey: 'b'.repeat(32) });
    expect(await stranger.onCallNow(NOW, [])).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('name a schedule'),
    });
    const now = await stranger.onCallNow(NOW, ['PSCHED2']);
    expect(now.state === 'known' ? now.people.map(({ name }) => name) : now).toEqual(['Bob']);
  });

  it('is known without contact methods when those alone cannot be read', async () => {
    pagerDuty.fault('/users/PADA', { kind: 'http500' });
    const now = await pager.onCallNow(NOW, []);
    expect(
      now.state === 'known' ? now.people.map(({ name, contacts }) => [name, contacts === null]) : now,
    ).toEqual([
      ['Ada', true],
      ['Bob', false],
      ['Ada', true],
    ]);
  });

  it.each(['http500', 'html202', 'http429', 'reset', 'hang'] as const)(
    'is unavailable on %s, and says why',
    async (kind) => {
      pagerDuty.fault('rest', { kind });
      expect(await make({ timeoutMs: SHORT_MS }).onCallNow(NOW, [])).toMatchObject({ state: 'unavailable' });
    },
  );

  it('is not asked for without a token', async () => {
    const { apiToken: _token, ...without } = { apiToken: TOKEN };
    const none = createPagerDutyPager({ routingKey: ROUTING_KEY, ...without, apiServer: pagerDuty.server });
    expect(await none.onCallNow(NOW, [])).toEqual({
      state: 'unavailable',
      reason: 'there is no PagerDuty REST token',
    });
  });
});

describe('by PagerDuty’s own ids', () => {
  it('an incident has a key and a user an address; what is not there is null, what cannot be asked undefined', async () => {
    await pager.trigger(page());
    const id = pagerDuty.incidents()[0]?.id ?? '';
    expect(await pager.keyOf(id)).toBe('INC-20261122-003/1');
    expect(await pager.emailOf('PADA')).toBe('ada@example.com');
    expect(await pager.keyOf('QNOBODY')).toBeNull();
    expect(await pager.emailOf('../users/PADA')).toBeNull();
    pagerDuty.fault('rest', { kind: 'http500', times: 2 });
    expect(await pager.keyOf(id)).toBeUndefined();
    expect(await pager.emailOf('PADA')).toBeUndefined();
  });
});
