import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { askStatusPage } from '../../src/adapters/statusPage.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const says = (body: string, status = 200, headers: Record<string, string> = {}): RequestListener => {
  return (_request, response) => response.writeHead(status, headers).end(body);
};
const statement = (indicator: string, description: string) =>
  JSON.stringify({ page: {}, status: { indicator, description } });

describe('a status page', () => {
  it('that states itself as statuspage.io does is read', async () => {
    const url = await serve(
      says(statement('minor', 'Partial outage'), 200, { 'content-type': 'application/json' }),
    );
    expect(await askStatusPage(url)).toEqual({
      state: 'answered',
      status: 200,
      indicator: 'minor',
      description: 'Partial outage',
    });
  });

  it.each([
    ['a page for people', '<html>All good</html>'],
    ['nothing', ''],
    ['JSON of another shape', '{"status":"ok"}'],
    ['a statement without words', '{"status":{"indicator":"none","description":""}}'],
    ['no text', '{"status":{"indicator":{},"description":[]}}'],
    ['__proto__', '{"__proto__":{"status":{"indicator":"none","description":"x"}}}'],
    ['half of it', '{"status":{"indicator":"none","descr'],
  ])('that answers %s is known to answer, and no more', async (_what, body) => {
    expect(await askStatusPage(await serve(says(body)))).toEqual({
      state: 'answered',
      status: 200,
      indicator: null,
      description: null,
    });
  });

  it('with a long statement is cut', async () => {
    const answer = await askStatusPage(await serve(says(statement('none', 'x'.repeat(1_500)))));
    expect(answer).toMatchObject({ description: 'x'.repeat(200) });
  });

  it('that never ends is left, and nothing of it is believed', async () => {
    let sent = 0;
    const url = await serve((_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && sent < 50_000_000) {
          sent += 65_536;
          if (!response.write(' '.repeat(65_536))) {
            response.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    expect(await askStatusPage(url)).toMatchObject({ state: 'answered', description: null });
    expect(sent).toBeLessThan(20_000_000);
  });

  it.each([
    [500, 'answered'],
    [404, 'answered'],
    [304, 'answered'],
  ])('with HTTP %d says so', async (status, state) => {
    expect(await askStatusPage(await serve(says('', status)))).toMatchObject({ state, status });
  });

  it('may redirect on its own host, and never to another', async () => {
    const other = await serve(says(statement('none', 'somebody else')));
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      const to: Record<string, string> = {
        '/': '/next',
        '/out': `${other}/`,
        '/file': 'file:///etc/passwd',
        '/none': 'http://',
        '/round': '/round',
      };
      const location = to[request.url ?? ''];
      if (location === undefined) response.end(statement('none', 'here'));
      else response.writeHead(302, { location }).end();
    });
    expect(await askStatusPage(`${url}/`)).toMatchObject({ description: 'here' });
    expect(await askStatusPage(`${url}/out`)).toEqual({
      state: 'failed',
      reason: 'it redirects to another host, which is not followed',
    });
    for (const path of ['/file', '/none', '/round'])
      expect(await askStatusPage(`${url}${path}`)).toMatchObject({ state: 'failed' });
    expect(asked.filter((path) => path === '/round')).toHaveLength(4);
  });

  it.each(['file:///etc/passwd', 'javascript:alert(1)', 'ftp://x', 'nonsense', ''])(
    '%j is not asked',
    async (url) => {
      expect(await askStatusPage(url)).toMatchObject({ state: 'failed' });
    },
  );

  it('that nobody serves is unknown, with the reason', async () => {
    const url = await serve(says(''));
    servers.splice(0).forEach((server) => server.close());
    expect(await askStatusPage(url)).toEqual({ state: 'failed', reason: 'ECONNREFUSED' });
  });
});
