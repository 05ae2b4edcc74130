import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createChanges, type UntilOptions } from './changes.ts';
import {
  type Agent,
  createDesk,
  type EscalationPolicy,
  type OnCall,
  type PagerIncident,
  type PagerSchedule,
  type PagerUser,
  type ServiceUrgency,
} from './pagerduty/desk.ts';
import { checkChangeEvent, checkEvent } from './pagerduty/events.ts';
import { createPagerFaults, type PagerFault, type PagerFaultTarget } from './pagerduty/faults.ts';
import { type Answer, createRest, createShapes, type RestOptions } from './pagerduty/rest.ts';
import { createWebhooks, type WebhookDelivery, type WebhookTarget } from './pagerduty/webhooks.ts';
import type { LoopbackTls } from './tls.ts';

export interface PagerDutyCounterpartOptions {
  /** 32 characters, as PagerDuty's. */
  readonly routingKey: string;
  readonly apiToken: string;
  readonly users: readonly PagerUser[];
  readonly schedules: readonly PagerSchedule[];
  readonly escalationPolicy: EscalationPolicy;
  readonly serviceUrgency: ServiceUrgency;
  readonly tls: LoopbackTls;
  /** ms since the epoch: for what is recorded, and for the limit of 120 events a minute. */
  readonly now: () => number;
  /** Accepted events between a trigger and its assignment: 0 (default) at once, `Infinity` only by `assign`. */
  readonly assignAfterEvents?: number;
}

/** A request to the Events API as it came, and what it got. */
interface ReceivedEvent {
  readonly atMs: number;
  readonly path: string;
  /** The body, byte for byte, as UTF-8. */
  readonly raw: string;
  /** The body parsed; undefined when it is not JSON. */
  readonly body: unknown;
  /** The HTTP status, or why there was none. */
  readonly answer: number | 'reset' | 'acceptThenReset' | 'hang';
  /** True when PagerDuty acts on it, whatever the sender was told. */
  readonly applied: boolean;
}

/** A request to the REST API: no header and no token is kept. */
interface ReceivedRequest {
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
}

/** A PagerDuty account on the loopback: Events v2 and REST over HTTPS on one port, and v3 webhooks out. */
export interface PagerDutyCounterpart {
  /** host:port, as `server` of pdjs and PAGERDUTY_EVENTS_SERVER want it. */
  readonly server: string;
  readonly origin: string;
  /** Every incident, oldest first, as it is now. */
  incidents(): readonly PagerIncident[];
  incident(id: string): PagerIncident | undefined;
  /** A person does it, in the app. Throws an Error for an unknown id and for what the state does not allow. */
  acknowledge(id: string, userId: string): void;
  resolve(id: string, userId: string): void;
  reassign(id: string, userIds: readonly string[], byUserId?: string): void;
  /** To people of another escalation policy. */
  delegate(id: string, userIds: readonly string[], byUserId?: string): void;
  unacknowledge(id: string): void;
  reopen(id: string, userId: string): void;
  note(id: string, userId: string, content: string): void;
  /** To the next level; by the service itself (nobody answered in time) unless a person is named. */
  escalate(id: string, byUserId?: string): void;
  /** Assigns an incident whose assignment is still outstanding (see `assignAfterEvents`). */
  assign(id: string): void;
  onCall(): readonly OnCall[];
  putOnCall(scheduleId: string, userId: string): void;
  /** Nobody was put into the schedules from then on, ms since the epoch; null: for ever. */
  fillRotaUntil(endMs: number | null): void;
  events(): readonly ReceivedEvent[];
  requests(): readonly ReceivedRequest[];
  until(predicate: () => boolean, options: UntilOptions): Promise<void>;
  /** Where webhooks go from now on; null stops them. Throws an Error for anything off the loopback. */
  sendWebhooksTo(target: WebhookTarget | null): void;
  /** What REST says of the service from now on; what is paged stays as it was. */
  showService(shown: { status?: string; urgency?: ServiceUrgency }): void;
  /** Sends an event a second time, with its first id. */
  repeatWebhook(eventId: string): void;
  webhooks(): readonly WebhookDelivery[];
  onChange(listener: () => void): () => void;
  /** The returned function lifts it. */
  fault(target: PagerFaultTarget, fault: PagerFault): () => void;
  clearFaults(): void;
  /** Ends everything, connections that hang included. May be called twice. */
  close(): Promise<void>;
}

/** "About 120 events a minute a routing key" (FACTS 10). */
const EVENTS_A_MINUTE = 120;
const MINUTE_MS = 60_000;
/** Above PagerDuty's own limit, so that its own refusal is what a sender sees. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const DEFAULT_RETRY_AFTER_SEC = 2;
const DEFAULT_SLOW_MS = 100;

const HTML =
  '<!doctype html><html><head><title>Service</title></head><body><h1>Please sign in</h1></body></html>';

function userAgent(userId: string | undefined): Agent {
  return userId === undefined ? { type: 'service' } : { type: 'user', id: userId };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size <= MAX_BODY_BYTES) chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

function throttled(retryAfterSec: number): Answer {
  return {
    status: 429,
    headers: { 'Retry-After': String(retryAfterSec) },
    json: {
      status: 'throttle exceeded',
      message: 'Requests for this service are arriving too quickly.  Please retry later.',
    },
  };
}

/** What a fault answers without letting PagerDuty see the request; null for those that let it, or never answer. */
function answerOf(fault: PagerFault, isEvent: boolean): Answer | null {
  if (fault.kind === 'http429') return throttled(fault.retryAfterSec ?? DEFAULT_RETRY_AFTER_SEC);
  if (fault.kind === 'http500')
    return { status: 500, json: { status: 'error', message: 'Internal Server Error' } };
  if (fault.kind === 'html202') return { status: isEvent ? 202 : 200, html: HTML };
  return fault.kind === 'html500' ? { status: 500, html: HTML } : null;
}

function write(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const body = answer.html ?? (answer.json === undefined ? '' : JSON.stringify(answer.json));
  response.writeHead(answer.status, {
    'Content-Type':
      answer.html === undefined ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...answer.headers,
  });
  response.end(body);
}

/** Starts it on 127.0.0.1, on a port of the system's choosing. */
export async function startPagerDutyCounterpart(
  options: PagerDutyCounterpartOptions,
): Promise<PagerDutyCounterpart> {
  const { routingKey, now } = options;
  const received: ReceivedEvent[] = [];
  const requested: ReceivedRequest[] = [];
  const faults = createPagerFaults();
  const sockets = new Set<Duplex>();
  const timers = new Set<NodeJS.Timeout>();
  let acceptedAt: number[] = [];
  let closed = false;

  const changes = createChanges(() =>
    JSON.stringify({
      events: received.length,
      incidents: desk
        .incidents()
        .map((one) => ({ key: one.dedupKey, status: one.status, for: one.assignees.length })),
    }),
  );
  const desk = createDesk({
    ...options,
    onChange(change) {
      if (change) webhooks.send(change.type, change.incident, change.agent, change.note);
      changes.changed();
    },
  });
  let subscribed: { url: string; active: boolean } | null = null;
  let service = { status: 'active', urgency: options.serviceUrgency };
  const restOptions: RestOptions = {
    ...options,
    desk,
    origin: () => origin,
    subscription: () => subscribed,
    serviceStatus: () => service.status,
    urgency: () => service.urgency,
  };
  const rest = createRest(restOptions);
  const webhooks = createWebhooks({
    shapes: createShapes(restOptions),
    now,
    changed: () => changes.changed(),
  });

  /** Seconds until another event is taken, or null when it is taken, and counted. */
  function overLimit(): number | null {
    acceptedAt = acceptedAt.filter((at) => at > now() - MINUTE_MS);
    const oldest = acceptedAt[0];
    if (oldest !== undefined && acceptedAt.length >= EVENTS_A_MINUTE) {
      return Math.max(1, Math.ceil((oldest + MINUTE_MS - now()) / 1_000));
    }
    acceptedAt.push(now());
    return null;
  }

  function takeEvent(path: string, body: unknown, bytes: number, forgets: boolean): Answer {
    const isChange = path === '/v2/change/enqueue';
    const verdict = isChange
      ? { errors: checkChangeEvent(body, bytes, routingKey) }
      : checkEvent(body, bytes, routingKey);
    const errors = 'errors' in verdict ? verdict.errors : [];
    if (errors.length > 0) {
      return { status: 400, json: { status: 'invalid event', message: 'Event object is invalid', errors } };
    }
    const waitSec = overLimit();
    if (waitSec !== null) return throttled(waitSec);
    if (!('event' in verdict))
      return { status: 202, json: { status: 'success', message: 'Change event processed' } };
    if (!forgets) desk.apply(verdict.event);
    return {
      status: 202,
      json: { status: 'success', message: 'Event processed', dedup_key: verdict.event.dedupKey },
    };
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin);
    const path = url.pathname;
    const isEvent = path === '/v2/enqueue' || path === '/v2/change/enqueue';
    const bytes = await readBody(request);
    const raw = bytes.toString('utf8');
    const body = parseJson(raw);
    const fault = faults.take(path);

    const log = (answer: ReceivedEvent['answer'], applied: boolean): void => {
      if (isEvent) received.push({ atMs: now(), path, raw, body, answer, applied });
      else requested.push({ atMs: now(), method: request.method ?? '', path, query: url.search });
      changes.changed();
    };
    const forgets = fault?.kind === 'acceptThenForget';
    const handle = (): Answer => {
      if (isEvent && request.method === 'POST') return takeEvent(path, body, bytes.length, forgets);
      const { from, authorization } = request.headers;
      return rest({ method: request.method ?? '', path, query: url.searchParams, from, authorization, body });
    };
    const finish = (): void => {
      const answer = handle();
      log(answer.status, answer.status === 202 && !forgets);
      write(response, answer);
    };

    if (!fault || forgets) return finish();
    const instead = answerOf(fault, isEvent);
    if (instead) {
      log(instead.status, false);
      write(response, instead);
    } else if (fault.kind === 'acceptThenReset') {
      const answer = handle();
      log('acceptThenReset', answer.status === 202);
      request.socket.destroy();
    } else if (fault.kind === 'reset') {
      log('reset', false);
      request.socket.destroy();
    } else if (fault.kind === 'hang') {
      log('hang', false);
    } else {
      const timer = setTimeout(() => {
        timers.delete(timer);
        finish();
      }, fault.ms ?? DEFAULT_SLOW_MS);
      timers.add(timer);
    }
  }

  const server: Server = createServer(
    { key: options.tls.key, cert: options.tls.cert },
    (request, response) => {
      serve(request, response).catch((error: unknown) => {
        // A request cut off by its sender is no concern of ours; a fault of this file answers as PagerDuty's would.
        const message = error instanceof Error ? error.message : String(error);
        write(response, { status: 500, json: { status: 'error', message } });
      });
    },
  );
  // A client that distrusts the certificate, or leaves in the handshake, is the client's business.
  server.on('tlsClientError', () => undefined);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const origin = `https://${address}`;

  return {
    server: address,
    origin,
    incidents: () => desk.incidents(),
    incident: (id) => desk.incident(id),
    acknowledge: (id, userId) => desk.acknowledge(id, userAgent(userId)),
    resolve: (id, userId) => desk.resolve(id, userAgent(userId)),
    reassign: (id, userIds, byUserId) => desk.reassign(id, userIds, userAgent(byUserId)),
    delegate: (id, userIds, byUserId) => desk.reassign(id, userIds, userAgent(byUserId), 'delegated'),
    unacknowledge: (id) => desk.unacknowledge(id),
    reopen: (id, userId) => desk.reopen(id, userAgent(userId)),
    note: (id, userId, content) => void desk.note(id, userId, content),
    escalate: (id, byUserId) => desk.escalate(id, userAgent(byUserId)),
    assign: (id) => desk.assign(id),
    onCall: () => desk.onCall(),
    putOnCall: (scheduleId, userId) => desk.putOnCall(scheduleId, userId),
    fillRotaUntil: (endMs) => desk.fillRotaUntil(endMs),
    events: () => [...received],
    requests: () => [...requested],
    until: (predicate, until) => changes.until(predicate, until),
    onChange: (listener) => changes.onChange(listener),
    sendWebhooksTo(target) {
      webhooks.sendTo(target);
      subscribed = target === null ? null : { url: target.url, active: true };
    },
    showService(shown) {
      service = { ...service, ...shown };
    },
    repeatWebhook: (eventId) => webhooks.sendAgain(eventId),
    webhooks: () => webhooks.deliveries(),
    fault: (target, fault) => faults.add(target, fault),
    clearFaults: () => faults.clear(),
    async close() {
      if (closed) return;
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      changes.end();
      webhooks.close();
      const down = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await down;
    },
  };
}
