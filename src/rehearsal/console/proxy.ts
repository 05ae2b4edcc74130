/** Everything that is not the console's goes on to the bot, byte by byte; its limits and refusals are the bot's own. */

import { type IncomingMessage, type ServerResponse, request as send } from 'node:http';

/** RFC 9110 7.6.1: they belong to one connection. `expect` was answered by this server. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

/** What says where a message ends, and for whom it is: no sender may have it left out by naming it in `Connection`. */
const KEPT = new Set(['content-length', 'host']);

/** Raw headers without those of one connection, those that `Connection` names among them. */
function passedOn(raw: readonly string[]): string[] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  const named = new Set(
    pairs
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((one) => one.trim().toLowerCase()))
      .filter((name) => !KEPT.has(name)),
  );
  return pairs
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
    .flat();
}

/** Pass one request on to `origin`; null, or nobody there, is a 502 in the contract's shape. Bodies are never held. */
export function passOn(request: IncomingMessage, response: ServerResponse, origin: string | null): void {
  if (origin === null) return isDown(request, response, 'The bot is not running.');
  const { hostname, port } = new URL(origin);
  const headers = passedOn(request.rawHeaders);
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined) {
    if (coding.trim().toLowerCase() !== 'chunked') {
      say(
        request,
        response,
        501,
        'not_passed_on',
        'A body is passed on whole or in chunks, and in no other coding.',
      );
      return;
    }
    // Without a length the body comes in chunks, and goes on in chunks.
    headers.push('Transfer-Encoding', 'chunked');
  }
  const onward = send({
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers,
    // A connection a request: none is stale when the bot dies.
    agent: false,
  });
  let answered = false;
  onward.on('response', (answer) => {
    answered = true;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, passedOn(answer.rawHeaders));
    answer.pipe(response);
    // Cut off in the middle: the reader must not take it for the whole.
    answer.on('error', () => response.destroy());
    answer.on('aborted', () => response.destroy());
  });
  onward.on('error', (error) => {
    if (answered) {
      // It said no before the end, and left: the rest is read and thrown away, so that the sender reads the answer.
      request.unpipe(onward);
      request.resume();
      return;
    }
    answered = true;
    isDown(request, response, `The bot did not answer: ${error.message}.`);
  });
  request.on('aborted', () => onward.destroy());
  response.on('close', () => {
    if (!response.writableFinished) onward.destroy();
  });
  request.pipe(onward);
}

function isDown(request: IncomingMessage, response: ServerResponse, detail: string): void {
  say(request, response, 502, 'bot_down', `${detail} Start it on the console's page.`);
}

function say(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  error: string,
  detail: string,
): void {
  request.resume();
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify({ error, detail }));
}
