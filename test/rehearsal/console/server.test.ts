/** The console's HTTP: only its own page may ask, nothing hostile gets in, and a page is told what changed and no more. */

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ActContext } from '../../../src/rehearsal/console/acts.ts';
import {
  type ConsoleServer,
  type ConsoleServerOptions,
  startConsoleServer,
} from '../../../src/rehearsal/console/server.ts';
import { createStartOver, type StartOver } from '../../../src/rehearsal/console/startOver.ts';
import { type ConsoleState, REGIONS, type Regions } from '../../../src/rehearsal/console/state.ts';

let server: ConsoleServer;
let options: ConsoleServerOptions;
let folder: string;
let said: Record<string, string>;
let switched: [string, boolean][];
let startOver: StartOver;
let setAgain: () => Promise<unknown>;
let struck: number;
const drawing: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'standdown-console-'));
  await writeFile(join(folder, 'a.css'), 'body {}');
  said = {};
  switched = [];
  struck = 0;
  setAgain = async () => undefined;
  startOver = createStartOver(
    {
      end: [],
      async close() {
        struck += 1;
      },
      set: () => setAgain(),
      begin: async () => undefined,
    },
    'Look there.',
  );
  drawing.length = 0;
  options = {
    host: '127.0.0.1',
    port: 0,
    front: {
      page: () => '<!doctype html><title>DRILL</title>',
      regions: Object.fromEntries(
        REGIONS.map((name) => [
          name,
          (state: ConsoleState) => {
            if (said[name] === 'throws') throw new Error('cannot draw');
            const who = `${name} for ${state.looking.as.name}`;
            drawing.push(who);
            return `${name} ${said[who] ?? said[name] ?? ''} for ${state.looking.as.name} ${state.looking.thread ?? ''}`;
          },
        ]),
      ) as Regions,
      assets: { 'a.css': { file: join(folder, 'a.css'), type: 'text/css' } },
    },
    stateFor: (looking) => ({ looking }) as ConsoleState,
    botUrl: () => null,
    acts: {
      stage: () => ({}),
      startOver,
      faults: {
        async set(id: string, on: boolean) {
          switched.push([id, on]);
          return id !== 'nothing';
        },
      },
    } as unknown as ActContext,
  };
  server = await startConsoleServer(options);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

interface Asked {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** As it stands: fetch would tidy the path and forbid the headers. */
async function ask({ method = 'GET', path = '/', headers = {}, body }: Asked): Promise<{
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
}> {
  const { hostname, port, host } = new URL(server.url);
  const sent = request({ hostname, port, method, path, headers: { host, ...headers } });
  sent.on('error', () => undefined);
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

const act = (body: unknown, headers: Record<string, string> = {}) =>
  ask({
    method: 'POST',
    path: '/console/act',
    headers: { 'content-type': 'application/json', origin: server.url, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Reads events of a page; `next` resolves with the regions of the next one. */
async function page(query = ''): Promise<{ next(): Promise<Record<string, string>>; close(): void }> {
  const { hostname, port } = new URL(server.url);
  const sent = request({ hostname, port, path: `/console/events?${query}` });
  sent.on('error', () => undefined);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  expect(response.headers['content-type']).toContain('text/event-stream');
  let buffer = '';
  const chunks = response[Symbol.asyncIterator]();
  return {
    async next() {
      for (;;) {
        const end = buffer.indexOf('\n\n');
        if (end >= 0) {
          const event = buffer.slice(0, end);
          buffer = buffer.slice(end + 2);
          const data = /^event: regions\ndata: (.*)$/s.exec(event)?.[1];
          if (data !== undefined) return JSON.parse(data) as Record<string, string>;
          continue;
        }
        const { value, done } = await chunks.next();
        if (done === true) throw new Error('the stream ended');
        buffer += String(value);
      }
    },
    close: () => sent.destroy(),
  };
}

describe('who may ask', () => {
  it.each([
    'evil.example',
    'evil.example:3000',
    '127.0.0.1.evil.example',
    'localhost.evil.example:80',
    'localhost:3000@evil.example',
    'localhost.',
    '0.0.0.0',
    '169.254.169.254',
    '[::ffff:7f00:1]',
  ])('a request for the host %s is refused: the name of another site may point here', async (host) => {
    // The bot's paths too: its measurements are read without a token.
    for (const path of ['/', '/console/events', '/metrics', '/healthz']) {
      const { status, text } = await ask({ path, headers: { host } });
      expect(status).toBe(421);
      expect(text).toContain('wrong_host');
    }
  });

  it.each(['localhost', 'LOCALHOST:80', '127.0.0.1:8080', '[::1]:3000'])(
    '%s is this machine, through whatever port a tunnel leads here',
    async (host) => {
      expect((await ask({ headers: { host } })).status).toBe(200);
      expect((await ask({ path: '/metrics', headers: { host } })).status, 'the bot is down').toBe(502);
    },
  );

  it('of two hosts none is taken', async () => {
    const { hostname, port } = new URL(server.url);
    const sent = request({
      hostname,
      port,
      path: '/metrics',
      headers: ['Host', 'localhost', 'Host', 'evil.example'],
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect([400, 421]).toContain(response.statusCode);
  });

  it.each(['cross-site', 'same-site', 'none, cross-site', 'nonsense'])(
    'what a page of another site fetches is refused (%s), though it says no origin; a link to the page is followed',
    async (site) => {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' };
      for (const path of ['/', '/console/events', '/console/assets/a.css', '/metrics']) {
        expect((await ask({ path, headers })).status).toBe(403);
      }
      const followed = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
      expect((await ask({ headers: followed })).status).toBe(200);
      expect((await ask({ path: '/console/events', headers: followed })).status).toBe(403);
      expect((await act({ act: 'fault', id: 'x', on: true }, followed)).status).toBe(403);
      expect(switched).toEqual([]);
    },
  );

  it.each(['same-origin', 'none'])('the own page, and what a person types: %s', async (site) => {
    expect((await ask({ path: '/console/assets/a.css', headers: { 'sec-fetch-site': site } })).status).toBe(
      200,
    );
  });

  it.each([
    ['0.0.0.0', /^http:\/\/127\.0\.0\.1:\d+$/],
    ['127.0.0.2', /^http:\/\/127\.0\.0\.2:\d+$/],
    ['localhost', /^http:\/\/localhost:\d+$/],
  ])('listening on %s it says an address that it answers to', async (host, url) => {
    const other = await startConsoleServer({ ...options, host });
    try {
      expect(other.url).toMatch(url);
      const headers = { 'content-type': 'application/json', origin: other.url };
      const body = '{"act":"fault","id":"a","on":true}';
      expect((await fetch(other.url)).status).toBe(200);
      expect((await fetch(`${other.url}/console/act`, { method: 'POST', headers, body })).status).toBe(200);
    } finally {
      await other.close();
    }
  });

  it.each(['http://evil.example', 'null', 'https://127.0.0.1:1', ''])(
    'an act from the origin “%s” is refused, and not done',
    async (origin) => {
      expect((await act({ act: 'fault', id: 'slack.down', on: true }, { origin })).status).toBe(403);
      expect(switched).toEqual([]);
    },
  );

  it('an act without an origin is refused; so is a page of another site that reads', async () => {
    const headers = { 'content-type': 'application/json' };
    const asked = { method: 'POST', path: '/console/act', headers, body: '{"act":"bot.kill9"}' };
    expect((await ask(asked)).status).toBe(403);
    expect((await ask({ path: '/console/events', headers: { origin: 'http://evil.example' } })).status).toBe(
      403,
    );
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'an act as “%s”, which a form of another site could send, is refused',
    async (type) => {
      expect((await act({ act: 'fault', id: 'x', on: true }, { 'content-type': type })).status).toBe(415);
      expect(switched).toEqual([]);
    },
  );

  it.each<[string, number, Asked]>([
    ['the page', 200, {}],
    ['an asset', 200, { path: '/console/assets/a.css' }],
    ['the events', 200, { path: '/console/events' }],
    ['an act', 200, { path: '/console/act', body: '{"act":"fault","id":"slack.down","on":true}' }],
    ['what is not JSON', 400, { path: '/console/act', body: '{' }],
    ['another site', 403, { path: '/console/events', headers: { 'sec-fetch-site': 'cross-site' } }],
    ['nothing there', 404, { path: '/console/none' }],
    ['no such asset', 404, { path: '/console/assets/none' }],
    ['what is too large', 413, { path: '/console/act', body: ' '.repeat(64 * 1024 + 1) }],
    ['another name', 421, { headers: { host: 'evil.example' } }],
    ['another name, for the bot', 421, { path: '/metrics', headers: { host: 'evil.example' } }],
  ])('every answer forbids what the page does not need: %s, %i', async (_what, status, asked) => {
    const { hostname, port, host } = new URL(server.url);
    const { path = '/', headers, body } = asked;
    const posts = body === undefined ? {} : { 'content-type': 'application/json', origin: server.url };
    const sent = request({
      hostname,
      port,
      path,
      method: body === undefined ? 'GET' : 'POST',
      headers: { host, ...posts, ...headers },
    });
    sent.on('error', () => undefined);
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(status);
    expect(response.headers).toMatchObject({
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    sent.destroy();
  });
});

describe('what may be asked', () => {
  it.each([
    ['not JSON', '{'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a word', '"kill"'],
    ['no act', '{}'],
    ['an unknown act', '{"act":"rm -rf"}'],
    ['an act of the prototype', '{"act":"constructor"}'],
    ['one field too many', '{"act":"fault","id":"a","on":true,"also":1}'],
    ['a wrong type', '{"act":"fault","id":"a","on":"yes"}'],
    ['a missing field', '{"act":"say","as":"U0ADA"}'],
    ['a number beyond sense', '{"act":"venue.price","symbol":"BTCUSDT","price":1e300}'],
    ['a price below zero', '{"act":"venue.price","symbol":"BTCUSDT","price":-1}'],
    ['a million words', JSON.stringify({ act: 'say', as: 'U0ADA', text: 'x'.repeat(13_000) })],
    ['a deep nest', '['.repeat(20_000)],
  ])('%s is refused in words', async (_what, body) => {
    const { status, text } = await act(body);
    expect(status).toBe(400);
    expect((JSON.parse(text) as { detail: string }).detail).not.toBe('');
  });

  it('a huge act is refused before it is read whole', async () => {
    const { status, text } = await act(
      JSON.stringify({ act: 'say', as: 'U0ADA', text: 'x'.repeat(5_000_000) }),
    );
    expect(status).toBe(413);
    expect(text).toContain('too_large');
  });

  it('an act that is understood is done, and what it cannot do it says', async () => {
    expect(JSON.parse((await act({ act: 'fault', id: 'slack.down', on: true })).text)).toEqual({ ok: true });
    expect(switched).toEqual([['slack.down', true]]);
    const { status, text } = await act({ act: 'fault', id: 'nothing', on: true });
    expect([status, JSON.parse(text)]).toEqual([200, { ok: false, error: 'There is no switch nothing.' }]);
    const thrown = await act({ act: 'venue.fill', order: '1' });
    expect(JSON.parse(thrown.text)).toMatchObject({ ok: false });
  });

  it('no act while the rehearsal starts over, but to start over; then all of them', async () => {
    let set: () => void = () => undefined;
    setAgain = () => new Promise<void>((done) => (set = done));
    const first = act({ act: 'reset' });
    await expect.poll(() => startOver.holds()).not.toBeNull();
    const second = act({ act: 'reset' });
    for (const one of [
      { act: 'fault', id: 'slack.down', on: true },
      { act: 'bot.start' },
      { act: 'scenario', id: 'stuck', do: 'start' },
      { act: 'say', as: 'U0ADA', text: '/kill' },
    ]) {
      const { status, text } = await act(one);
      expect([status, JSON.parse(text)]).toMatchObject([
        409,
        { ok: false, error: 'Start over is running: try again in a moment.' },
      ]);
    }
    set();
    for (const one of [await first, await second]) expect(JSON.parse(one.text)).toEqual({ ok: true });
    expect([switched, struck], 'one start over, and nothing else was done').toEqual([[], 1]);
    expect((await act({ act: 'fault', id: 'slack.down', on: true })).status).toBe(200);
  });

  it('a desk that cannot be set again says so to everybody until it can', async () => {
    setAgain = () => Promise.reject(new Error('EACCES: permission denied'));
    const words = 'Could not start over: EACCES: permission denied. Look there.';
    expect(JSON.parse((await act({ act: 'reset' })).text)).toEqual({ ok: false, error: words });
    expect(JSON.parse((await act({ act: 'bot.start' })).text)).toMatchObject({ ok: false, error: words });
    setAgain = async () => undefined;
    expect(JSON.parse((await act({ act: 'reset' })).text)).toEqual({ ok: true });
    expect((await act({ act: 'fault', id: 'slack.down', on: true })).status).toBe(200);
  });

  it.each([
    '/console/assets/../../../../etc/passwd',
    '/console/assets/..%2f..%2fpackage.json',
    '/console/assets/%2e%2e/package.json',
    '/console/assets//etc/passwd',
    '/console/assets/a.css%00.js',
    '/console/assets/a.css/',
    '/console/assets/__proto__',
    '/console/assets/constructor',
    '/console/assets/',
    '/console/nothing',
    '/console',
  ])('%s gives no file', async (path) => {
    const { status, text } = await ask({ path });
    expect(status).toBe(404);
    expect(text).not.toContain('root:');
  });

  it('a file of the list is given out', async () => {
    expect(await ask({ path: '/console/assets/a.css' })).toMatchObject({ status: 200, text: 'body {}' });
  });

  it('only GET reads', async () => {
    expect((await ask({ method: 'DELETE', headers: { origin: server.url } })).status).toBe(404);
    expect((await ask({ method: 'GET', path: '/console/act' })).status).toBe(404);
  });
});

describe('what a page is told', () => {
  it('everything at first, then only what changed', async () => {
    const one = await page('as=U0GRACE&open=1764000000.000100');
    const first = await one.next();
    expect(Object.keys(first)).toEqual([...REGIONS]);
    expect(first['thread']).toContain('for Grace 1764000000.000100');
    said['venue'] = 'two orders';
    server.changed();
    expect(await one.next()).toEqual({ venue: 'venue two orders for Grace 1764000000.000100' });
    one.close();
  });

  it('many changes at once as one', async () => {
    const one = await page();
    await one.next();
    for (let n = 0; n < 500; n += 1) {
      said['venue'] = String(n);
      server.changed();
    }
    expect((await one.next())['venue']).toContain('499');
    one.close();
  });

  it('everything again when it comes back', async () => {
    const one = await page();
    await one.next();
    one.close();
    said['status'] = 'down';
    const again = await page();
    expect(Object.keys(await again.next())).toEqual([...REGIONS]);
    again.close();
  });

  it('a region that cannot be drawn takes no other with it', async () => {
    said['thread'] = 'throws';
    const one = await page();
    const first = await one.next();
    expect(first['thread']).toContain('could not be drawn');
    expect(first['venue']).toContain('venue');
    one.close();
  });

  it.each([
    'as=U0NOBODY',
    'as=%00',
    'open=<script>',
    'open=../../x',
    'tab=evil',
    'channel=C0OTHER',
    'as=U0ADA&as=U0GRACE',
  ])('%s looks as Ada at the channel, or as who is meant', async (query) => {
    const one = await page(query);
    expect((await one.next())['thread']).toBe('thread  for Ada ');
    one.close();
  });

  it('a page hears that we are here though nothing changes, as an event that its script can see', async () => {
    await server.close();
    server = await startConsoleServer({ ...options, heartbeatMs: 10 });
    const { hostname, port } = new URL(server.url);
    const sent = request({ hostname, port, path: '/console/events' }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) {
      text += String(chunk);
      // Without data no browser tells of it.
      if (text.includes('event: here\ndata: 1\n\n')) break;
    }
    sent.destroy();
  });

  it('a page that does not read is not drawn for, and let go after a while', async () => {
    await server.close();
    server = await startConsoleServer({ ...options, heartbeatMs: 50 });
    // More than the sockets between them hold.
    said['venue for Grace'] = 'x'.repeat(32 * 1024 * 1024);
    const { hostname, port } = new URL(server.url);
    const deaf = connect(Number(port), hostname).pause();
    deaf.on('error', () => undefined);
    deaf.write(`GET /console/events?as=U0GRACE HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    const drawnForGrace = () => drawing.filter((one) => one === 'venue for Grace').length;
    await expect.poll(drawnForGrace).toBe(1);
    const pages = await Promise.all(Array.from({ length: 11 }, () => page()));
    for (const one of pages) await one.next();
    for (let n = 0; n < 5; n += 1) {
      said['status'] = String(n);
      server.changed();
      expect(Object.keys((await pages[0]?.next()) ?? {})).toEqual(['status']);
    }
    expect(drawnForGrace(), 'one picture is held for it, and no more').toBe(1);
    const isRoom = async () => {
      const one = await page().catch(() => null);
      one?.close();
      return one !== null;
    };
    await expect.poll(isRoom, { timeout: 5_000 }).toBe(true);
    for (const one of pages) one.close();
    deaf.destroy();
  });

  it('the thirteenth page is refused; the twelve go on', async () => {
    const pages = await Promise.all(Array.from({ length: 12 }, () => page()));
    for (const one of pages) await one.next();
    const refused = await ask({ path: '/console/events' });
    expect(refused.status).toBe(503);
    said['status'] = 'news';
    server.changed();
    for (const one of pages) expect(Object.keys(await one.next())).toEqual(['status']);
    for (const one of pages) one.close();
  });
});
