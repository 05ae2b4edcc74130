/** One request for JSON against hostile answers: huge, hanging, HTML, a redirect. */

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { askJson, cappedFetch } from '../../src/adapters/askJson.ts';
import { openSlackSetup } from '../../src/adapters/slack.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** 64 KiB at a time for as long as anybody reads. */
const endless: RequestListener = (_request, response) => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
};

describe('askJson', () => {
  it('reads JSON, with its status and headers', async () => {
    const url = await serve((_request, response) => response.writeHead(403, { 'x-one': '1' }).end('{"a":1}'));
    const said = await askJson(url, { timeoutMs: 5_000 });
    expect(said).toMatchObject({ state: 'answered', status: 403, json: { a: 1 } });
    expect(said.state === 'answered' && said.headers.get('x-one')).toBe('1');
  });
  it('a page of HTML, and an answer without end, are no JSON', async () => {
    const html = await serve((_request, response) => response.end('<html>{"a":1}</html>'));
    expect(await askJson(html, { timeoutMs: 5_000 })).toMatchObject({ state: 'answered', json: undefined });
    const url = await serve(endless);
    expect(await askJson(url, { timeoutMs: 20_000 })).toMatchObject({ state: 'answered', json: undefined });
    expect(await (await cappedFetch(url)).text()).toBe('');
  });
  it('a silent server is given up, one that nobody is at is said to be that', async () => {
    const url = await serve(() => undefined);
    expect(await askJson(url, { timeoutMs: 50 })).toMatchObject({ state: 'failed', refused: false });
    server?.closeAllConnections();
    server?.close();
    expect(await askJson(url, { timeoutMs: 5_000 })).toMatchObject({ state: 'failed', refused: true });
  });
  it('a redirect is not followed: the token stays here', async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const said = await askJson(`${url}/first`, { headers: { authorization: 'Bearer x' }, timeoutMs: 5_000 });
    expect(said).toMatchObject({ state: 'answered', status: 302 });
    expect(asked).toEqual(['/first']);
  });
});

describe("Slack's setup against what is not Slack", () => {
  const setupAt = (url: string) =>
    openSlackSetup({
      botToken: 'xoxb-canary-1234567890',
      appToken: null,
      apiUrl: `${url}/api/`,
      timeoutMs: 5_000,
      mask: (text) => text.replaceAll('xoxb-canary-1234567890', '[masked]'),
      now: () => 1,
    });
  it.each([
    ['HTML', (_request, response) => response.end('<html>xoxb-canary-1234567890</html>')],
    ['endless', endless],
    [
      'an error that is no code',
      (_request, response) => response.end('{"ok":false,"error":"<b>xoxb-canary-1234567890"}'),
    ],
    ['500', (_request, response) => response.writeHead(500).end('no')],
    ['ok and nothing else', (_request, response) => response.end('{"ok":true}')],
    ['another shape', (_request, response) => response.end('[]')],
  ] as [string, RequestListener][])('%s is no answer, and says no secret', async (_name, listener) => {
    const setup = setupAt(await serve(listener));
    const all = [
      await setup.app(),
      await setup.member('U1'),
      await setup.channel('C1'),
      await setup.group('S1'),
    ];
    expect(JSON.stringify(all)).not.toContain('canary');
    // A group of nobody is judged as one: it fails.
    expect(all.slice(0, 3).map(({ state }) => state)).toEqual(['silent', 'silent', 'silent']);
  });
});
