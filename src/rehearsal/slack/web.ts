import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError, type Method } from './api-error.ts';
import type { Faults } from './faults.ts';
import { receiveUpload } from './files.ts';
import { isObject, type JsonObject, parseJson, str } from './json.ts';
import { useResponseUrl } from './response-url.ts';
import type { ApiCall, Fault } from './shapes.ts';
import type { Workspace } from './workspace.ts';

/** What the HTTP side needs: the state, the methods, the faults, and a signal that ends every wait. */
export interface WebParts {
  readonly workspace: Workspace;
  readonly methods: Readonly<Record<string, Method>>;
  readonly faults: Faults;
  readonly closing: AbortSignal;
}

type Reply = { readonly status: number; readonly body: string; readonly headers?: Record<string, string> };

const NESTED = new Set(['blocks', 'attachments', 'metadata', 'view', 'files']);

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function formArguments(fields: Iterable<[string, string]>): JsonObject {
  const args: JsonObject = {};
  for (const [key, value] of fields) args[key] = NESTED.has(key) ? (parseJson(value) ?? value) : value;
  return args;
}

async function argumentsOf(body: Buffer, contentType: string, query: URLSearchParams): Promise<JsonObject> {
  if (contentType.startsWith('application/json')) {
    const parsed = parseJson(body.toString());
    return isObject(parsed) ? parsed : {};
  }
  if (contentType.startsWith('multipart/')) {
    const form = await new Response(new Uint8Array(body), {
      headers: { 'content-type': contentType },
    }).formData();
    return formArguments([...form].map(([key, value]) => [key, typeof value === 'string' ? value : '']));
  }
  return formArguments([...query, ...new URLSearchParams(body.toString())]);
}

function json(body: JsonObject, status = 200, headers: Record<string, string> = {}): Reply {
  return {
    status,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  };
}

function tokenProblem(workspace: Workspace, method: string, token: string): string | undefined {
  const { botToken, appToken } = workspace.options;
  if (method === 'api.test') return undefined;
  if (token === '') return 'not_authed';
  if (token !== botToken && token !== appToken) return 'invalid_auth';
  const isRight = method === 'apps.connections.open' ? token === appToken : token === botToken;
  return isRight ? undefined : 'not_allowed_token_type';
}

function apply(parts: WebParts, method: string, args: JsonObject, problem: string | undefined): JsonObject {
  if (problem !== undefined) return { ok: false, error: problem };
  const run = Object.hasOwn(parts.methods, method) ? parts.methods[method] : undefined;
  if (!run) return { ok: false, error: 'unknown_method', req_method: method };
  try {
    return { ok: true, ...run(args) };
  } catch (error) {
    if (error instanceof ApiError) return { ok: false, error: error.code, ...error.extra };
    throw error;
  }
}

/** What a fault that leaves nothing done answers instead; undefined for the others. 'never' and 'reset' answer nothing. */
function refusedBy(fault: Fault): Reply | 'never' | 'reset' | undefined {
  switch (fault.kind) {
    case 'http500':
      return {
        status: fault.status ?? 500,
        body: 'Internal Server Error',
        headers: { 'content-type': 'text/plain' },
      };
    case 'rateLimited': {
      const headers = { 'retry-after': String(fault.retryAfterSec ?? 1) };
      return json({ ok: false, error: 'ratelimited' }, 429, headers);
    }
    case 'html': {
      const body = '<!DOCTYPE html><html><body><h1>Slack is having trouble</h1></body></html>';
      return { status: 200, body, headers: { 'content-type': 'text/html; charset=utf-8' } };
    }
    case 'error':
      return json({ ok: false, error: fault.error });
    case 'hang':
      return 'never';
    case 'reset':
      return 'reset';
    case 'resetAfterAccept':
    case 'slow':
      return undefined;
    default:
      return fault satisfies never;
  }
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, reply.headers ?? {}).end(reply.body);
}

/** Runs `work` the way the fault lets it: before, instead, late, or with the answer lost. */
async function throughFault(
  parts: WebParts,
  fault: Fault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  work: () => Reply | Promise<Reply>,
): Promise<Reply | undefined> {
  const refused = fault && refusedBy(fault);
  // A hanging request is ended by its client, or by close().
  if (refused === 'never') return undefined;
  if (refused === 'reset') {
    request.socket.resetAndDestroy();
    return undefined;
  }
  if (refused) {
    send(response, refused);
    return refused;
  }
  if (fault?.kind === 'slow') await delay(fault.ms, undefined, { signal: parts.closing, ref: false });
  const reply = await work();
  if (fault?.kind === 'resetAfterAccept') request.socket.resetAndDestroy();
  else send(response, reply);
  return reply;
}

/** Slack says with every answer what the token may do. */
function scopesHeader(workspace: Workspace, problem: string | undefined): Record<string, string> {
  const { scopes } = workspace;
  return problem !== undefined || scopes.length === 0 ? {} : { 'x-oauth-scopes': scopes.join(',') };
}

async function callMethod(
  parts: WebParts,
  method: string,
  body: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): Promise<void> {
  const { workspace, faults } = parts;
  const { token, ...args } = await argumentsOf(body, request.headers['content-type'] ?? '', query);
  const header = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const problem = tokenProblem(workspace, method, header ?? str(token));
  const call: ApiCall = { method, args, at: workspace.options.now(), authorised: problem === undefined };
  workspace.calls.push(call);
  const fault = faults.take(method, args);
  if (fault) call.fault = fault.kind;
  workspace.changed();
  const reply = await throughFault(parts, fault, request, response, () =>
    json(apply(parts, method, args, problem), 200, scopesHeader(workspace, problem)),
  );
  const result = reply ? parseJson(reply.body) : undefined;
  if (isObject(result)) call.result = result;
  workspace.changed();
}

async function route(parts: WebParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { workspace, faults } = parts;
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const [, area = '', rest = ''] = /^\/([^/]+)\/(.*)$/.exec(url.pathname) ?? [];
  const body = await readBody(request);
  const contentType = request.headers['content-type'] ?? '';
  if (area === 'api') return callMethod(parts, rest, body, request, response, url.searchParams);
  if (area === 'upload') {
    await throughFault(parts, faults.take('upload', {}), request, response, async () => {
      const isKnown = await receiveUpload(workspace, rest, body, contentType);
      return isKnown ? { status: 200, body: `OK - ${body.length}` } : { status: 404, body: 'not found' };
    });
    return undefined;
  }
  if (area === 'response') {
    const args = await argumentsOf(body, contentType, url.searchParams);
    const payload = parseJson(str(args['payload']));
    const wanted = isObject(payload) ? payload : args;
    await throughFault(parts, faults.take('response_url', wanted), request, response, () =>
      useResponseUrl(workspace, rest, wanted),
    );
    return undefined;
  }
  send(response, { status: 404, body: 'not found' });
  return undefined;
}

/** The HTTP side of Slack: `/api/METHOD`, `/upload/ID`, `/response/ID`. A mistake in here answers 500 with its words. */
export function createWebHandler(
  parts: WebParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    route(parts, request, response).catch((error: unknown) => {
      if (parts.closing.aborted || request.destroyed || response.headersSent) {
        response.destroy();
        return;
      }
      send(response, json({ ok: false, error: 'counterpart_failed', detail: String(error) }, 500));
    });
  };
}
