import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Changes } from '../changes.ts';
import { createChanges } from '../changes.ts';
import type { VenueAccount } from '../venue.ts';
import type { CallMatch, CallShape, FaultBox, FaultKind, FaultOptions } from './faults.ts';
import { createFaultBox, fits } from './faults.ts';
import { isOpen } from './state.ts';

/** One HTTP request, before any protocol has read it. */
export interface Call extends CallShape {
  /** The raw query string, without the question mark: signatures are made over exact bytes. */
  readonly query: string;
  readonly body: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Reply {
  status: number;
  /** JSON text, or HTML. */
  body: string;
  headers?: Record<string, string>;
}

/** One line of the request log. */
export interface RequestEntry extends CallShape {
  /** Epoch ms, by the counterpart's clock. */
  readonly at: number;
  /** What the request costs by the venue's own table. */
  readonly weight: number;
  /** Was a cancel of orders. */
  readonly cancels: boolean;
  fault?: FaultKind;
  /** The HTTP status, once it was answered. */
  status?: number;
}

/** The faults whose answer only the protocol can word. */
type CannedKind =
  | 'appliedThen503'
  | 'http429'
  | 'http418'
  | 'http500'
  | 'maintenance'
  | 'revokedKey'
  | 'clockSkew';

/** What a vendor adds to the generic server. */
export interface VenueProtocol {
  weight: (call: Call) => number;
  /** True for requests that cancel orders. */
  cancels: (call: Call) => boolean;
  /** Weights, bans, keys and signatures. @returns the refusal, or nothing when the request may be carried out. */
  admit: (call: Call) => Reply | undefined;
  /** Carries out an admitted request at once; never throws for a bad one, it answers. */
  answer: (call: Call) => Reply;
  /** Puts on what every answer of this venue carries, such as the used weight. */
  finish: (call: Call, reply: Reply) => Reply;
  canned: (kind: CannedKind, call: Call, options: FaultOptions) => Reply;
  /** Called after each request that reached the venue, with what it was. */
  after?: (call: Call) => void;
}

export interface VenueServer {
  readonly url: string;
  readonly port: number;
  /** To be called after every change that did not come over the wire. */
  changed: () => void;
  /** @returns the way to stop listening */
  onChange: (listener: () => void) => () => void;
  until: Changes['until'];
  readonly faults: FaultBox;
  /** In the order of arrival. */
  requests: (match?: CallMatch) => RequestEntry[];
  close: () => Promise<void>;
}

export interface VenueServerOptions {
  account: VenueAccount;
  protocol: VenueProtocol;
  now: () => number;
  /** The round trip added to every answer, half before the venue acts and half after; default 0. */
  latencyMs?: number;
}

type Delivery = 'reply' | 'silence' | 'reset' | 'stall' | 'truncate';

/** By kind: whether the venue acts, how its answer leaves, and whether the protocol words that answer. */
const PLANS: Partial<
  Record<FaultKind, { applied: boolean; delivery: Delivery; canned?: CannedKind | 'html' }>
> = {
  timeout: { applied: false, delivery: 'silence' },
  reset: { applied: false, delivery: 'reset' },
  appliedThenReset: { applied: true, delivery: 'reset' },
  appliedThen503: { applied: true, delivery: 'reply', canned: 'appliedThen503' },
  stalledBody: { applied: true, delivery: 'stall' },
  garbage: { applied: true, delivery: 'truncate' },
  http429: { applied: false, delivery: 'reply', canned: 'http429' },
  http418: { applied: false, delivery: 'reply', canned: 'http418' },
  http500: { applied: false, delivery: 'reply', canned: 'http500' },
  maintenance: { applied: false, delivery: 'reply', canned: 'maintenance' },
  revokedKey: { applied: false, delivery: 'reply', canned: 'revokedKey' },
  clockSkew: { applied: false, delivery: 'reply', canned: 'clockSkew' },
  html: { applied: false, delivery: 'reply', canned: 'html' },
};

const HTML_PAGE =
  '<!DOCTYPE html><html><head><title>Request blocked</title></head><body><h1>403 Forbidden</h1></body></html>';

/** Starts a counterpart on 127.0.0.1, at a free port. Requests are answered concurrently; each acts in one instant. */
export async function startVenueServer(options: VenueServerOptions): Promise<VenueServer> {
  const { account, protocol, now, latencyMs = 0 } = options;
  const changes = createChanges(() => describe(account, log));
  const listeners = new Set<() => void>();
  const changed = () => {
    changes.changed();
    for (const listener of Array.from(listeners)) listener();
  };
  const faults = createFaultBox();
  const log: RequestEntry[] = [];
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each request under way
  const pause = (ms: number) =>
    ms > 0 ? delay(ms, undefined, { signal: closing.signal }) : Promise.resolve();

  const act = (call: Call, fault: FaultOptions | undefined): Reply => {
    account.sweep();
    const reply = protocol.admit(call) ?? actUnder(account, fault, () => protocol.answer(call));
    protocol.after?.(call);
    changed();
    return protocol.finish(call, reply);
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const call = await readCall(request);
    const hit = faults.take(call);
    const fault = hit?.options;
    const entry: RequestEntry = {
      method: call.method,
      path: call.path,
      params: call.params,
      at: now(),
      weight: protocol.weight(call),
      cancels: protocol.cancels(call),
    };
    if (fault) entry.fault = fault.kind;
    log.push(entry);
    changed();
    await pause(latencyMs / 2);

    const plan = fault && PLANS[fault.kind];
    let reply: Reply | undefined;
    if (plan) {
      if (fault.applied ?? plan.applied) reply = act(call, undefined);
      if (plan.canned === 'html') {
        reply = { status: fault.status ?? 403, body: HTML_PAGE, headers: { 'content-type': 'text/html' } };
      } else if (plan.canned) reply = protocol.canned(plan.canned, call, fault);
    } else if (fault?.kind === 'slow') {
      if (fault.applied) reply = act(call, undefined);
      // A request that the client gave up on is still on its way: it is carried out all the same.
      await (fault.ms === undefined ? hit?.released : Promise.race([pause(fault.ms), hit?.released]));
      closing.signal.throwIfAborted();
      reply ??= act(call, undefined);
    } else {
      reply = act(call, fault);
    }
    await pause(latencyMs / 2);
    deliver(response, plan?.delivery ?? 'reply', reply ?? { status: 200, body: '{}' }, entry);
    changed();
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (closing.signal.aborted || response.destroyed) {
        response.destroy();
        return;
      }
      // A fault of the counterpart itself: say so, where a test will see it.
      response.writeHead(599, { 'content-type': 'text/plain' });
      response.end(error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
  });
  // Node closes idle connections after 5 s, in a race with the next request; venues keep them for a minute and more.
  server.keepAliveTimeout = 75_000;
  server.headersTimeout = 80_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    changed,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    until: (predicate, wait) => changes.until(predicate, wait),
    faults,
    requests: (match) => log.filter((entry) => fits(entry, match)),
    close: async () => {
      closing.abort();
      faults.releaseAll();
      changes.end();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Acts, and bends what was done as the fault says; knows nothing of the protocol, only which orders went away. */
function actUnder(account: VenueAccount, fault: FaultOptions | undefined, answer: () => Reply): Reply {
  if (fault?.kind !== 'lie' && fault?.kind !== 'partial' && fault?.kind !== 'fillDuringCancel')
    return answer();
  const restore = account.checkpoint();
  const before = account.openOrders().map((order) => structuredClone(order));
  const reply = answer();
  if (fault.kind === 'lie') {
    restore();
    return reply;
  }
  const gone = before.filter((order) => account.state.orders.get(order.id)?.status === 'canceled');
  if (fault.kind === 'partial') {
    for (const [index, order] of gone.entries())
      if (index % 2 === 0) account.state.orders.set(order.id, order);
    return reply;
  }
  restore();
  for (const order of gone.slice(0, fault.fills ?? 1)) {
    const now = account.state.orders.get(order.id);
    // The fill of one leg ends the other.
    if (now && isOpen(now)) account.fill(order.id);
  }
  return answer();
}

function deliver(response: ServerResponse, delivery: Delivery, reply: Reply, entry: RequestEntry): void {
  if (delivery === 'silence') return;
  if (delivery === 'reset') return void response.socket?.resetAndDestroy();
  entry.status = reply.status;
  const body = Buffer.from(reply.body);
  const half = body.subarray(0, Math.max(1, Math.floor(body.length / 2)));
  const length = delivery === 'truncate' ? half.length : body.length;
  response.writeHead(reply.status, {
    'content-type': 'application/json;charset=UTF-8',
    ...reply.headers,
    'content-length': length,
  });
  if (delivery === 'stall') response.write(half);
  else response.end(delivery === 'truncate' ? half : body);
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?');
  const params: Record<string, string> = {};
  const json = body.startsWith('{') || body.startsWith('[');
  for (const text of [query, json ? '' : body])
    for (const [key, value] of new URLSearchParams(text)) params[key] = value;
  if (json) Object.assign(params, flat(body));
  // What a caller signed with is of no use to a reader of the log.
  delete params['signature'];
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { method: request.method ?? 'GET', path, query, body, headers, params };
}

/** The fields of a JSON object as text, those that are not text as JSON; a list as it came, under `rows`. */
function flat(body: string): Record<string, string> {
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch {
    return {};
  }
  if (Array.isArray(fields)) return { rows: body };
  if (typeof fields !== 'object' || fields === null) return {};
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

function splitOnce(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** What a wait that timed out shows. */
function describe(account: VenueAccount, log: readonly RequestEntry[]): string {
  const open = account.openOrders();
  const last = log
    .slice(-5)
    .map((entry) => `${entry.method} ${entry.path} ${entry.status ?? entry.fault ?? 'unanswered'}`);
  return `${open.length} open orders, ${log.length} requests, the last ones: ${last.join('; ') || 'none'}`;
}
