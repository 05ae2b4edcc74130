import { createHmac } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { request as httpRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { type JsonObject, parseJson, str } from './json.ts';
import type { Answer, DeliveryKind, RawRequest, SentRequest, SlackMode } from './shapes.ts';
import type { Retry, SocketMode } from './socket.ts';
import type { Workspace } from './workspace.ts';

const FORM = 'application/x-www-form-urlencoded';

/** The way from Slack to the bot. */
export interface Delivery {
  /** Sends a payload the way the app is set up: over HTTP, signed, or over a socket. */
  deliver(kind: DeliveryKind, payload: JsonObject, retry?: Retry): Promise<Answer>;
  /** Sends bytes as they are, over HTTP, whatever the mode. */
  send(raw: RawRequest): Promise<Answer>;
  /** Sends the same body again; over HTTP with a new time and signature, and the headers of a retry. */
  retry(previous: Answer, retry: Retry): Promise<Answer>;
  setRequestUrl(url: string): void;
  setMode(mode: SlackMode): void;
  /** True when a payload would have somewhere to go. */
  isReachable(): boolean;
}

/** The URL itself. @throws when it is not plain HTTP on this machine: a rehearsal touches nothing real */
function loopbackUrl(text: string): URL {
  const url = new URL(text);
  const isLoopback = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(url.hostname);
  if (url.protocol !== 'http:' || !isLoopback) {
    throw new Error(`requestUrl must be http:// on loopback, not ${url.origin}`);
  }
  return url;
}

function bodyOf(kind: DeliveryKind, payload: JsonObject): { body: string; contentType: string } {
  if (kind === 'events_api') return { body: JSON.stringify(payload), contentType: 'application/json' };
  if (kind === 'interactive') {
    return { body: new URLSearchParams({ payload: JSON.stringify(payload) }).toString(), contentType: FORM };
  }
  const fields = Object.entries(payload).map(([key, value]): [string, string] => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return { body: new URLSearchParams(fields).toString(), contentType: FORM };
}

/** The signature that Slack puts on a request: v0, HMAC-SHA256 of `v0:timestamp:body`. */
function sign(secret: string, timestamp: string, body: string): string {
  return `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
}

/** What is known about an answer before the view or the command made something of it. */
type Outcome = Pick<Answer, 'status' | 'body' | 'error' | 'via'>;

/** Sends over HTTP or sockets; `closing` ends every request in flight. */
export function createDelivery(workspace: Workspace, sockets: SocketMode, closing: AbortSignal): Delivery {
  // One listener for each request in flight: in a storm there are many, and none leaks.
  setMaxListeners(0, closing);
  const { options } = workspace;
  const timeoutMs = options.ackTimeoutMs ?? 3_000;
  let requestUrl = options.requestUrl === undefined ? undefined : loopbackUrl(options.requestUrl);
  let mode: SlackMode = options.mode ?? 'http';

  const signedHeaders = (raw: RawRequest, contentType: string): Record<string, string> => {
    const now = (options.signingNow ?? options.now)();
    const timestamp = raw.timestamp === undefined ? Math.floor(now / 1000) : raw.timestamp;
    const signature =
      raw.signature === undefined
        ? sign(raw.secret ?? options.signingSecret, String(timestamp ?? ''), raw.body)
        : raw.signature;
    return {
      'content-type': contentType,
      'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
      accept: '*/*',
      ...(timestamp === null ? {} : { 'x-slack-request-timestamp': String(timestamp) }),
      ...(signature === null ? {} : { 'x-slack-signature': signature }),
      ...raw.headers,
    };
  };

  const overHttp = (url: URL, body: string, headers: Readonly<Record<string, string>>): Promise<Outcome> =>
    new Promise((resolve) => {
      const give = (outcome: Omit<Outcome, 'via'>): void => {
        clearTimeout(timer);
        closing.removeEventListener('abort', onClosing);
        resolve({ ...outcome, via: 'http' });
      };
      const fail = (error: Answer['error']): void => give({ status: 0, body: '', error });
      // A connection for each request: a kept one would hold up the stop of the bot's server.
      const sent = httpRequest(url, {
        method: 'POST',
        agent: false,
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      });
      const onClosing = (): void => {
        fail('closed');
        sent.destroy();
      };
      const timer = setTimeout(() => {
        fail('timeout');
        sent.destroy();
      }, timeoutMs);
      closing.addEventListener('abort', onClosing, { once: true });
      sent.on('error', () => fail('connection_failed'));
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => fail('connection_failed'));
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          const isGood = status >= 200 && status < 300;
          give({ status, body: Buffer.concat(chunks).toString(), error: isGood ? undefined : 'bad_status' });
        });
      });
      sent.end(body);
    });

  const overSocket = async (kind: DeliveryKind, payload: JsonObject, retry?: Retry): Promise<Outcome> => {
    const reply = await sockets.deliver(kind, payload, timeoutMs, retry);
    if ('error' in reply) return { status: 0, body: '', error: reply.error, via: 'socket' };
    const isEmpty = Object.keys(reply.payload).length === 0;
    return {
      status: 200,
      body: isEmpty ? '' : JSON.stringify(reply.payload),
      error: undefined,
      via: 'socket',
    };
  };

  const answer = async (request: SentRequest, work: () => Promise<Outcome>): Promise<Answer> => {
    if (closing.aborted) throw new Error('the Slack counterpart is closed');
    const startedAt = performance.now();
    const outcome = await work();
    return {
      ...outcome,
      ok: outcome.error === undefined,
      json: outcome.body === '' ? undefined : parseJson(outcome.body),
      tookMs: performance.now() - startedAt,
      view: undefined,
      triggerId: str(request.payload?.['trigger_id']) || undefined,
      responseUrl: str(request.payload?.['response_url']) || undefined,
      request,
    };
  };

  const reachable = (): URL => {
    if (!requestUrl) throw new Error('no requestUrl: call setRequestUrl with the address of the bot first');
    return requestUrl;
  };

  const send = async (raw: RawRequest, of?: Pick<SentRequest, 'kind' | 'payload'>): Promise<Answer> => {
    const url = reachable();
    const contentType = raw.contentType ?? FORM;
    const headers = signedHeaders(raw, contentType);
    const request = { kind: of?.kind, payload: of?.payload, body: raw.body, contentType, headers };
    return answer(request, () => overHttp(url, raw.body, headers));
  };

  const deliver = (kind: DeliveryKind, payload: JsonObject, retry?: Retry): Promise<Answer> => {
    const raw = bodyOf(kind, payload);
    if (mode === 'socket') {
      return answer({ kind, payload, ...raw, headers: {} }, () => overSocket(kind, payload, retry));
    }
    const headers = retry ? retryHeaders(retry) : {};
    return send({ ...raw, headers }, { kind, payload });
  };

  return {
    deliver,
    send: (raw) => send(raw),
    retry(previous, retry) {
      const { kind, payload, body, contentType } = previous.request;
      if (kind && payload) return deliver(kind, payload, retry);
      return send({ body, contentType, headers: retryHeaders(retry) });
    },
    setRequestUrl(url) {
      requestUrl = loopbackUrl(url);
    },
    setMode(next) {
      mode = next;
    },
    isReachable: () =>
      !closing.aborted && (mode === 'socket' ? sockets.connected() > 0 : requestUrl !== undefined),
  };
}

function retryHeaders(retry: Retry): Record<string, string> {
  return { 'x-slack-retry-num': String(retry.num), 'x-slack-retry-reason': retry.reason };
}
