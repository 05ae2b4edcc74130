/** What is not the console's reaches the bot as it was sent, and the bot's answer the sender. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { passOn } from '../../../src/rehearsal/console/proxy.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listening(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handle);
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const behind = (bot: string | null) => listening((asked, answer) => passOn(asked, answer, bot));

describe('passing on', () => {
  it('4 MiB go through byte by byte, both ways, with method, path and repeated headers', async () => {
    const seen: {
      method?: string | undefined;
      url?: string | undefined;
      headers?: IncomingMessage['rawHeaders'];
    } = {};
    const bot = await listening((asked, answer) => {
      Object.assign(seen, { method: asked.method, url: asked.url, headers: asked.rawHeaders });
      answer.setHeader('set-cookie', ['a=1', 'b=2']);
      answer.setHeader('x-own', 'yes');
      asked.pipe(answer);
    });
    const url = await behind(bot);
    const body = Buffer.alloc(4 * 1024 * 1024, 'standdown ');
    const response = await fetch(`${url}/alerts/generic?x=1&y=%2F`, {
      method: 'POST',
      headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
      body,
    });
    const back = Buffer.from(await response.arrayBuffer());
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(hash(back)).toBe(hash(body));
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('x-own')).toBe('yes');
    expect([seen.method, seen.url]).toEqual(['POST', '/alerts/generic?x=1&y=%2F']);
    expect(seen.headers).toContain('Bearer t');
    expect(seen.headers).toContain(String(body.length));
  });

  it('is not held: the bot hears the first bytes while the last are not sent', async () => {
    let hear: (text: string) => void = () => undefined;
    const heard = new Promise<string>((resolve) => {
      hear = resolve;
    });
    const bot = await listening((asked, answer) => {
      asked.once('data', (chunk: Buffer) => hear(chunk.toString()));
      asked.on('end', () => answer.end('done'));
    });
    const { hostname, port } = new URL(await behind(bot));
    const sent = request({ hostname, port, method: 'POST', path: '/telemetry' });
    sent.write('first');
    expect(await heard).toBe('first');
    sent.end('last');
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('headers of one connection stay with it, those that Connection names among them', async () => {
    let heard: IncomingMessage['headers'] = {};
    const bot = await listening((asked, answer) => {
      heard = asked.headers;
      answer.setHeader('keep-alive', 'timeout=99');
      answer.end();
    });
    const { hostname, port } = new URL(await behind(bot));
    const sent = request({
      hostname,
      port,
      path: '/status',
      headers: {
        connection: 'close, x-hop',
        'x-hop': '1',
        te: 'trailers',
        'proxy-authorization': 'secret',
        'x-end': '1',
      },
    });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect(heard['x-end']).toBe('1');
    for (const name of ['x-hop', 'te', 'proxy-authorization']) expect(heard[name]).toBeUndefined();
    expect(response.headers['keep-alive']).not.toBe('timeout=99');
  });

  it('no bot is 502 in the shape of the contract; so is one that dies before it answers', async () => {
    const down = await fetch(`${await behind(null)}/status`);
    expect(down.status).toBe(502);
    expect(await down.json()).toMatchObject({
      error: 'bot_down',
      detail: expect.stringContaining('not running'),
    });
    const dies = await listening((asked) => asked.socket.destroy());
    const died = await fetch(`${await behind(dies)}/kill`, { method: 'POST', body: '{}' });
    expect(died.status).toBe(502);
    expect(await died.json()).toMatchObject({ error: 'bot_down' });
  });

  it('an answer that is cut off in the middle is not made whole', async () => {
    const bot = await listening((asked, answer) => {
      answer.writeHead(200, { 'content-length': '1000' });
      answer.write('half', () => asked.socket.destroy());
    });
    const response = await fetch(`${await behind(bot)}/incidents`);
    await expect(response.text()).rejects.toThrow('terminated');
  });

  /** As it stands on the wire, through the proxy: what the bot saw, and every status that came back. */
  async function onTheWire(raw: string): Promise<{ seen: string[]; statuses: number[] }> {
    const seen: string[] = [];
    const bot = await listening((asked, answer) => {
      text(asked).then(
        (body) => {
          seen.push(`${asked.method} ${asked.url} ${body}`);
          answer.end('ok');
        },
        () => undefined,
      );
    });
    const { hostname, port } = new URL(await behind(bot));
    const socket = connect(Number(port), hostname);
    socket.write(raw);
    const answers = await text(socket);
    return { seen, statuses: [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code]) => Number(code)) };
  }
  const INNER = 'POST /kill HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
  const LENGTH = `Content-Length: ${INNER.length}\r\n`;
  const CHUNKS = `${INNER.length.toString(16)}\r\n${INNER}\r\n0\r\n\r\n`;
  const post = (headers: string, body: string) =>
    `POST /alerts/generic HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n${body}`;

  it.each([
    ['Connection names content-length', post(`Connection: content-length\r\n${LENGTH}`, INNER)],
    [
      'in another case, with spaces, among others',
      post(`Connection: x ,\tCONTENT-Length ,host\r\n${LENGTH}`, INNER),
    ],
    [
      'Connection names transfer-encoding',
      post('Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n', CHUNKS),
    ],
    ['chunks, by another case', post('Transfer-Encoding: CHUNKED\r\n', CHUNKS)],
  ])('a body that looks like a request stays a body: %s', async (_what, raw) => {
    expect(await onTheWire(raw)).toEqual({ seen: [`POST /alerts/generic ${INNER}`], statuses: [200] });
  });

  it.each([
    ['a length and chunks', post(`${LENGTH}Transfer-Encoding: chunked\r\n`, CHUNKS)],
    ['two lengths', post(`Content-Length: 0\r\n${LENGTH}`, INNER)],
    ['two lengths in one', post(`Content-Length: 0, ${INNER.length}\r\n`, INNER)],
    ['a length with a sign', post(`Content-Length: +${INNER.length}\r\n`, INNER)],
    ['another coding before the chunks', post('Transfer-Encoding: gzip, chunked\r\n', CHUNKS)],
    ['chunks twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', CHUNKS)],
    ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', CHUNKS)],
    ['a space before the colon', post(`Content-Length : ${INNER.length}\r\n`, INNER)],
    ['a header that is folded', post(`Transfer-Encoding:\r\n chunked\r\n${LENGTH}`, INNER)],
    ['a chunk with no number', post('Transfer-Encoding: chunked\r\n', `zz\r\n${INNER}\r\n0\r\n\r\n`)],
  ])('what two servers could read in two ways reaches the bot not at all: %s', async (_what, raw) => {
    const { seen, statuses } = await onTheWire(raw);
    expect(seen).toEqual([]);
    expect(statuses.filter((status) => status < 400)).toEqual([]);
  });

  it('an answer’s length stays with it too', async () => {
    const bot = await listening((_asked, answer) => {
      answer.writeHead(200, { connection: 'content-length, close', 'content-length': '4' });
      answer.end('whole'.slice(0, 4));
    });
    const response = await fetch(await behind(bot));
    expect([response.headers.get('content-length'), await response.text()]).toEqual(['4', 'whol']);
  });
});
