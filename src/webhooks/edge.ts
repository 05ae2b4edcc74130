/** The one HTTP edge: who may ask, how much, how long; then it routes. Slack's requests go on to Bolt. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import { z } from 'zod';
import type { ChainHead } from '../domain/chain.ts';
import { type ClockRules, clocksOf } from '../domain/clocks.ts';
import { Refusal } from '../domain/decide.ts';
import { SCENARIOS } from '../domain/drill/gameDay.ts';
import type { Actor, Incident, StandingEvent } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { BudgetKeeper } from '../engine/budgetKeeper.ts';
import type { Desk } from '../engine/desk.ts';
import type { Drills } from '../engine/drill/drills.ts';
import type { Engines } from '../engine/engines.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { Monitor } from '../engine/monitor.ts';
import type { Once } from '../engine/once.ts';
import type { Readiness } from '../engine/readiness.ts';
import type { StopFromAlert } from '../engine/stopFromAlert.ts';
import { type Clock, type Log, type Store, StoreUnavailable } from '../ports.ts';
import { plain } from '../render/text.ts';
import { type AlertFormat, floodingSender, parseAlerts, refusedBatch } from './alerts.ts';
import { HttpRefusal, MAX_BODY_BYTES, parseJson, shaped } from './body.ts';
import { costOf, createBudget, SENDER_PER_SECOND } from './budget.ts';
import { createFlood } from './flood.ts';
import type { Metrics } from './metrics.ts';
import type { PagerHook } from './pagerduty.ts';
import type { KnownNames } from './sample.ts';
import type { SlackDoor } from './slack.ts';
import { budgetStatus, incidentDetail, incidentsList, readinessStatus, status } from './status.ts';
import { parseTelemetry } from './telemetry.ts';

export interface EdgeDeps {
  host: string;
  port: number;
  tokens: { full: string[]; alert: string[]; telemetry: string[]; read: string[] };
  mode: 'live' | 'rehearsal';
  /** The timeline as a Markdown file, masked. */
  timelineMarkdown(incident: Incident, history: StandingEvent[], chain: ChainHead | null): string;
  desk: Desk;
  drills: Pick<Drills, 'start' | 'finished'>;
  ledger: Ledger;
  store: Pick<Store, 'chain'>;
  once: Once;
  playbook: Playbook;
  clocks: ClockRules;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  /** null in Socket Mode. */
  slack: {
    door: SlackDoor;
    handle(request: IncomingMessage & { rawBody: Buffer }, response: ServerResponse): void;
  } | null;
  /** null: no webhook secret is configured. */
  pagerDuty: PagerHook | null;
  monitor: Monitor;
  budgets: Pick<BudgetKeeper, 'report'>;
  readiness: Pick<Readiness, 'report' | 'sawBar'>;
  /** Feeds that are the backup of another one, and nothing else: their bars prove that they live, and are not measured. */
  backups: ReadonlySet<string>;
  stopFromAlert: StopFromAlert;
  engines: Engines;
  /** The names that samples may carry. */
  known: KnownNames;
  /** Why the bot cannot act, or null. */
  notReady(): string | null;
  /** SHA-256 of standdown.yml as it was at the start; null: there is none. */
  configuration: string | null;
}

export interface Edge {
  /** The address that it listens on. */
  url: string;
  close(): Promise<void>;
}

type Scope = 'full' | 'alert' | 'telemetry' | 'read';

/** A request has this long to arrive whole (RELIABILITY: slow-loris, endless chunks). */
const REQUEST_MS = 10_000;
/** One kill, halt or cancel is small. */
const reason = z.string().max(500, 'at most 500 characters').default('none given');
const actor = z.string().max(100, 'at most 100 characters').default('unnamed caller');
const killBody = z.strictObject(
  { reason, actor },
  {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown: ${issue.keys.join(', ')}. The latch is global: a kill takes reason and actor`
        : undefined,
  },
);
const haltBody = z.strictObject({ what: z.enum(['orders', 'signals']), reason, actor });
const cancelBody = z.strictObject({
  scope: z.enum(['all', 'entries']),
  venue: z.string().max(100).optional(),
  symbol: z.string().max(100).optional(),
  reason,
  actor,
});

const drillBody = z.strictObject({ scenario: z.enum(SCENARIOS), actor });

export async function startEdge(deps: EdgeDeps): Promise<Edge> {
  const { desk, ledger, store, clock, log, metrics } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);

  // ── Who ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const known: Record<Scope, Buffer[]> = {
    full: deps.tokens.full.map(digest),
    alert: [...deps.tokens.full, ...deps.tokens.alert].map(digest),
    telemetry: [...deps.tokens.full, ...deps.tokens.telemetry].map(digest),
    read: [...deps.tokens.full, ...deps.tokens.read].map(digest),
  };
  /** The place of the token in the list of its scope; null for none that fits. */
  const tokenOf = (request: Request, scope: Scope): number | null => {
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    // Without a token there is still one comparison, so that no answer is faster than another.
    const candidate = digest(given ?? '');
    let found: number | null = null;
    for (const [index, token] of known[scope].entries()) if (timingSafeEqual(token, candidate)) found = index;
    return given === undefined ? null : found;
  };
  const authorised = (request: Request, scope: Scope): boolean => tokenOf(request, scope) !== null;
  const only = (scope: Scope) => (request: Request, _response: Response, next: NextFunction) => {
    if (authorised(request, scope)) return next();
    throw new HttpRefusal(
      401,
      'unauthorized',
      `This route needs "Authorization: Bearer …" with a token for ${scope === 'full' ? 'everything' : scope}.`,
      {
        'WWW-Authenticate': 'Bearer',
      },
    );
  };
  const isLoopback = (request: Request) =>
    ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(request.socket.remoteAddress ?? '');
  const readers = only('read');

  // ── How much ─────────────────────────────────────────────────────────────────────────────────────────────────────
  /** The whole body as bytes; compressed ones are refused unread, since a small one can be endless inside. */
  const bytes = express.raw({ type: () => true, limit: MAX_BODY_BYTES, inflate: false });
  const bodyOf = (request: Request): Buffer =>
    Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);

  // ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────
  const { slack } = deps;
  if (slack !== null) {
    app.post('/slack/events', bytes, (request, response) => {
      const body = bodyOf(request);
      request.headers['content-type'] = slack.door.admit(request.headers, body);
      slack.handle(Object.assign(request, { rawBody: body }), response);
    });
  }

  // ── PagerDuty ────────────────────────────────────────────────────────────────────────────────────────────────────
  const { pagerDuty } = deps;
  if (pagerDuty !== null) {
    app.post('/pagerduty/webhook', bytes, async (request, response) => {
      response.status(202).json(await pagerDuty(request.headers, bodyOf(request)));
    });
  }

  const flood = createFlood((format) => sayRefusedBatch(format, `it sent faster than alerts can be stored`));

  // ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────
  for (const format of ['alertmanager', 'grafana', 'generic'] as const) {
    app.post(`/alerts/${format}`, only('alert'), bytes, async (request, response) => {
      const body = parseJson(bodyOf(request));
      const { taken, stops, rejected } = parseAlerts(format, body, deps.playbook, clock.now());
      const incidents = await flood.through(format, taken, () => desk.takeAlerts(taken, source(format)));
      metrics.alerts(format, 'accepted', taken.length);
      metrics.alerts(format, 'rejected', rejected.length);
      const warnings: string[] = [];
      for (const { index, criterion } of stops) {
        const [alert, incident] = [taken[index]?.alert, incidents[index]];
        if (alert === undefined || incident === undefined || incident === null) continue;
        const full = authorised(request, 'full');
        const why = await deps.stopFromAlert({ criterion, alert, incident, full });
        if (why !== null) warnings.push(why);
      }
      response.status(202).json({
        accepted: taken.length,
        rejected,
        incidents: [...new Set(incidents.filter((id) => id !== null))],
        ...(warnings.length === 0 ? {} : { warnings }),
      });
    });
  }

  // ── Telemetry ────────────────────────────────────────────────────────────────────────────────────────────────────
  const budget = createBudget(clock.monotonic);
  /** What a request was admitted with; its socket may be gone when it is charged. */
  const admitted = new WeakMap<Request, { sender: string; cost: number }>();

  /** Before the body is read: what is refused here costs next to nothing. */
  function withinBudget(request: Request, _response: Response, next: NextFunction): void {
    const token = tokenOf(request, 'telemetry') ?? 0;
    const sender = budget.senderOf(token, request.socket.remoteAddress ?? 'nowhere');
    const cost = costOf(Number(request.headers['content-length'] ?? 0), 0);
    const admission = budget.admit(sender, cost);
    if (admission.admitted) {
      admitted.set(request, { sender, cost });
      if (admission.floodOver) sayFlood(sender, 'resolved');
      return next();
    }
    if (admission.first) sayFlood(sender, 'firing');
    throw new HttpRefusal(
      429,
      'too_fast',
      `${sender} sends more than ${SENDER_PER_SECOND} samples a second: it is heard again in ${admission.retryAfterSec} s. Other senders are not touched.`,
      { 'Retry-After': String(admission.retryAfterSec) },
    );
  }

  /** What is not heard is not measured: people are told once, and again when it is over. */
  function sayFlood(sender: string, status: 'firing' | 'resolved'): void {
    if (status === 'firing') log.warn({ sender }, 'a sender of telemetry floods: it is refused for a while');
    desk
      .takeAlerts([{ ...floodingSender(sender, clock.now()), status }], source('standdown'))
      .catch((error: unknown) =>
        log.error({ sender, error: String(error) }, 'a flood of telemetry could not be put on record'),
      );
  }

  app.post('/telemetry', only('telemetry'), withinBudget, bytes, async (request, response) => {
    const body = bodyOf(request);
    let parsed: ReturnType<typeof parseTelemetry> | null = null;
    try {
      const heard = deps.engines.beats().map(({ id }) => id);
      parsed = parseTelemetry(body, deps.known, heard, clock.now());
    } finally {
      const counted = parsed === null ? 0 : parsed.samples.length + parsed.refused;
      const paid = admitted.get(request);
      if (paid !== undefined) budget.charge(paid.sender, costOf(body.length, counted) - paid.cost);
    }
    const { samples, rejected, refused } = parsed;
    for (const one of samples) if (one.type === 'bar') deps.readiness.sawBar(one.feed, one.closedAt);
    const incidents = await deps.monitor.take(
      samples.filter((one) => one.type !== 'bar' || !deps.backups.has(one.feed)),
    );
    metrics.samples('accepted', samples.length);
    metrics.samples('rejected', refused);
    response.status(202).json({ accepted: samples.length, rejected, incidents });
  });

  async function sayRefusedBatch(format: AlertFormat, why: string): Promise<void> {
    await desk.takeAlerts([refusedBatch(format, why, clock.now())], source('standdown'));
  }

  // ── Stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────
  const caller = (name: string): Actor => ({
    via: 'http',
    id: `http:${plain(name, 100)}`,
    name: plain(name, 100) || 'unnamed caller',
  });

  /**
   * The same Idempotency-Key gets the same answer, and nothing runs twice. Where a crash took the answer, `found` tells what
   * became of a request of that time; when nothing did, it is run: it may have died before it began, and it stops something.
   */
  async function once(
    request: Request,
    response: Response,
    run: () => Promise<object>,
    found: (since: number) => Promise<object | null> = async () => null,
  ): Promise<void> {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || key.trim() === '') return void response.status(202).json(await run());
    if (key.length > 200)
      throw new HttpRefusal(400, 'wrong_key', 'An Idempotency-Key has at most 200 characters.');
    const name = `${request.path}:${key}`;
    const before = deps.once.take(name);
    if (before !== null && before.lost !== true) {
      if (before.answer === undefined)
        throw new HttpRefusal(
          409,
          'in_progress',
          'The first request with this Idempotency-Key is still running. GET /status tells.',
        );
      return void response.status(202).json(before.answer);
    }
    let answer: object;
    try {
      answer = (before === null ? null : await found(before.at)) ?? (await run());
    } catch (error) {
      deps.once.release(name);
      throw error;
    }
    deps.once.answered(name, answer);
    response.status(202).json(answer);
  }

  app.post('/kill', only('full'), bytes, (request, response) => {
    const body = shaped(killBody, parseJson(bodyOf(request)) ?? {});
    const by = caller(body.actor);
    return once(
      request,
      response,
      async () => {
        const reason = plain(body.reason, 500) || 'none given';
        const { incident, kill, state, warnings } = await desk.kill(by, reason);
        return { incident, kill, state, warnings };
      },
      (since) => killAskedBy(by, since),
    );
  });
  /** The desk's newest kill, when this caller asked for it, or joined it, since then. */
  async function killAskedBy(by: Actor, since: number): Promise<object | null> {
    const { lastKill } = ledger.trading();
    const kill = lastKill === null ? undefined : (await ledger.load(lastKill.incident))?.kills[lastKill.kill];
    if (lastKill === null || kill === undefined) return null;
    const isIt = (one: { by: Actor; at: number }) => one.by.id === by.id && one.at >= since;
    const state = isIt(kill) ? 'started' : kill.joined.some(isIt) ? 'joined' : null;
    if (state === null) return null;
    const warnings = ['a restart came before the answer: GET /status tells what became of it'];
    return { incident: lastKill.incident, kill: kill.id, state, warnings };
  }
  app.post('/halt', only('full'), bytes, (request, response) => {
    const body = shaped(haltBody, parseJson(bodyOf(request)));
    const key = body.what === 'orders' ? 'HALT_NEW_ORDERS' : 'PAUSE_SIGNALS';
    return once(request, response, async () => {
      const { written, recorded } = await desk.hold(
        caller(body.actor),
        key,
        plain(body.reason, 500) || 'none given',
        'operator',
      );
      if (written.state === 'failed')
        throw new HttpRefusal(
          503,
          'not_written',
          `${key}=1 could not be written: ${written.reason}. Tell the engine by hand.`,
        );
      return { [key]: '1', rev: written.rev, warnings: recorded ? [] : ['not on record: the store failed'] };
    });
  });
  app.post('/cancel', only('full'), bytes, (request, response) => {
    const body = shaped(cancelBody, parseJson(bodyOf(request)));
    return once(request, response, async () => {
      const scope = {
        scope: body.scope,
        ...(body.venue === undefined ? {} : { venue: body.venue }),
        ...(body.symbol === undefined ? {} : { symbol: body.symbol }),
      };
      const { id, asked } = desk.cancel(caller(body.actor), scope, plain(body.reason, 500) || 'none given');
      const { recorded } = await asked;
      return { cancel: id, state: 'started', warnings: recorded ? [] : ['not on record: the store failed'] };
    });
  });

  app.post('/drill', only('full'), bytes, (request, response) => {
    const body = shaped(drillBody, parseJson(bodyOf(request)));
    return once(request, response, async () => {
      const { id, gameDay } = await deps.drills.start(caller(body.actor), body.scenario);
      return { incident: id, drill: gameDay?.drill ?? null, state: 'started' };
    });
  });

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
  app.get('/status', readers, async (_request, response) => {
    const { engines, monitor } = deps;
    response.json({
      ...(await status(ledger, deps.mode, monitor.criteria(), engines.status(), engines.unwritten())),
      budgets: budgetStatus(deps.budgets.report()),
      readiness: readinessStatus(deps.readiness.report().lines),
      configuration: deps.configuration,
    });
  });
  app.get('/drills', readers, (_request, response) => {
    const drills = deps.drills
      .finished()
      .map(({ incident, at, result }) => ({ incident, at: new Date(at).toISOString(), ...result }));
    response.json({ drills });
  });
  app.get('/incidents', readers, (_request, response) => {
    response.json(incidentsList(ledger));
  });
  async function wanted(request: Request): Promise<Incident> {
    const id = String(request.params['id']);
    const incident = /^INC-\d{8}-\d{3,9}$/.test(id) ? await ledger.load(id) : undefined;
    if (incident === undefined) throw new HttpRefusal(404, 'no_such_incident', 'There is no such incident.');
    return incident;
  }
  app.get('/incidents/:id', readers, async (request, response) => {
    const incident = await wanted(request);
    const clocks = clocksOf(incident, deps.clocks, clock.now());
    const history = await ledger.history(incident.id);
    response.json(incidentDetail(incident, history, clocks, await store.chain(incident.id)));
  });
  app.get('/incidents/:id/timeline.md', readers, async (request, response) => {
    const incident = await wanted(request);
    const history = await ledger.history(incident.id);
    const chain = await store.chain(incident.id);
    response.type('text/markdown; charset=utf-8').send(deps.timelineMarkdown(incident, history, chain));
  });
  app.get('/healthz', (_request, response) => {
    response.json({ ok: true });
  });
  app.get('/readyz', (_request, response) => {
    const why = deps.notReady();
    if (why !== null) throw new HttpRefusal(503, 'not_ready', why);
    response.json({ ok: true });
  });
  app.get(
    '/metrics',
    (request, _response, next) => (isLoopback(request) ? next() : readers(request, _response, next)),
    async (_request, response) => {
      response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    },
  );

  // ── Everything else ──────────────────────────────────────────────────────────────────────────────────────────────
  app.use((request) => {
    throw new HttpRefusal(404, 'not_found', `There is nothing at ${request.method} here.`);
  });
  // Express tells an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const refusal = asRefusal(error, log);
    metrics.refused(request.route?.path ?? 'other', refusal.code);
    const format = /^\/alerts\/(alertmanager|grafana|generic)$/.exec(request.path)?.[1] as
      | AlertFormat
      | undefined;
    if (refusal.status === 413 && format !== undefined && authorised(request, 'alert')) {
      sayRefusedBatch(format, 'it was too large').catch((failed: unknown) =>
        log.error({ error: String(failed) }, 'a refused batch could not be put on record'),
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response
      .status(refusal.status)
      .set(refusal.headers)
      .json({ error: refusal.code, detail: refusal.message });
  });

  const server = createServer(
    {
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16_384,
    },
    app,
  );
  server.maxConnections = 1_000;
  await listen(server, deps.host, deps.port);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : deps.port;
  return {
    url: `http://${deps.host.includes(':') ? `[${deps.host}]` : deps.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

const source = (name: string): Actor => ({ via: 'alert', id: name, name });

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function asRefusal(error: unknown, log: Log): HttpRefusal {
  if (error instanceof HttpRefusal) return error;
  if (error instanceof Refusal) return new HttpRefusal(409, error.code, error.message);
  if (error instanceof StoreUnavailable) {
    return new HttpRefusal(
      503,
      'not_stored',
      `It cannot be stored, so it was not accepted: ${error.message}`,
      { 'Retry-After': '5' },
    );
  }
  const { type, status: code } = error as { type?: string; status?: number };
  if (type === 'entity.too.large')
    return new HttpRefusal(413, 'too_large', `The body is over ${MAX_BODY_BYTES} bytes (4 MiB).`, {
      Connection: 'close',
    });
  if (type === 'encoding.unsupported')
    return new HttpRefusal(415, 'compressed', 'Compressed bodies are not read. Send it plain.');
  if (typeof code === 'number' && code >= 400 && code < 500)
    return new HttpRefusal(code, type ?? 'bad_request', 'The request could not be read.');
  log.error({ error: String(error) }, 'a request failed in a way that is ours to mend');
  return new HttpRefusal(500, 'internal', 'That failed inside Standdown and was logged.');
}
