import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import { api, event } from '@pagerduty/pdjs';
import { z } from 'zod';
import type { PagedIncident, PagedLookup, PageRequest, Pager, PagerAgent, Sent } from '../ports.ts';
import { triggerBody } from './pagerduty/event.ts';
import { createOnCallReader } from './pagerduty/onCall.ts';
import { createSetupReader, type PagerSetup } from './pagerduty/setup.ts';
import { createReason } from './reason.ts';

export interface PagerDutyPagerOptions {
  /** The integration key of the service, 32 characters. */
  readonly routingKey: string;
  /** For the REST API. Without it nothing can be confirmed: `canConfirm` is false. */
  readonly apiToken?: string;
  /** The e-mail address of a PagerDuty user, which REST writes are made for. Without it no note can be written. */
  readonly fromEmail?: string;
  /** host[:port], always HTTPS. Default events.pagerduty.com; in Europe events.eu.pagerduty.com. */
  readonly eventsServer?: string;
  /** host[:port], always HTTPS. Default api.pagerduty.com; in Europe api.eu.pagerduty.com. */
  readonly apiServer?: string;
  /** For each request, from its start to the end of its answer. Default 5,000 ms (RELIABILITY, fault 4). */
  readonly timeoutMs?: number;
  /** For a private CA in tests and rehearsal; in production it comes through NODE_EXTRA_CA_CERTS. */
  readonly agent?: Agent;
}

const EVENTS_SERVER = 'events.pagerduty.com';
const API_SERVER = 'api.pagerduty.com';
const TIMEOUT_MS = 5_000;
/** PagerDuty's largest page, and more of them than one desk's answer can have. */
const PAGE_SIZE = 100;
const MAX_PAGES = 10;
/** A `Retry-After` beyond this is a mistake of somebody's: a page cannot wait for it. */
const MAX_RETRY_AFTER_MS = 600_000;

/** What is seen of one request below pdjs, which hides it: whether it could have left, and what began to come back. */
interface Wire {
  /** True from the end of the TLS handshake on: before that nothing of the request can have left. */
  connected: boolean;
  status: number | null;
  retryAfterMs: number | undefined;
}

/** What came of one request. */
type Exchange =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'notJson'; readonly status: number }
  | { readonly kind: 'nothing'; readonly why: string; readonly maybe: boolean };

export type Failed = Extract<Sent<object>, { state: 'failed' }> & { status?: number };

/** What every call to pdjs gets. `agent` is passed on to node-fetch, though pdjs's types do not know it (FACTS 2). */
interface CallOptions {
  readonly agent: Agent;
  readonly signal: AbortSignal;
  readonly redirect: 'manual';
  readonly requestTimeout: 0;
}

/** The method of Agent that ClientRequest calls; @types/node leaves it out. */
interface TakesRequests {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}

function retryAfter(response: IncomingMessage): number | undefined {
  // REST answers say `ratelimit-reset`, in seconds as well.
  const header = response.headers['retry-after'] ?? response.headers['ratelimit-reset'];
  const seconds = Number(Array.isArray(header) ? header[0] : (header ?? Number.NaN));
  if (!Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(Math.ceil(seconds * 1_000), MAX_RETRY_AFTER_MS);
}

/**
 * The agent, seen through a pane: pdjs waits 20 s three times over on a 429, and tells neither its status nor
 * `Retry-After` until then. `onLimited` is called as soon as a 429 comes in.
 */
function watched(agent: Agent, wire: Wire, onLimited: () => void): Agent {
  const inner = agent as unknown as TakesRequests;
  return Object.create(agent, {
    addRequest: {
      value(request: ClientRequest, ...rest: unknown[]): void {
        request.once('socket', (socket) => {
          if (request.reusedSocket) wire.connected = true;
          else {
            socket.once('secureConnect', () => {
              wire.connected = true;
            });
          }
        });
        request.prependOnceListener('response', (response: IncomingMessage) => {
          wire.status = response.statusCode ?? null;
          wire.retryAfterMs = retryAfter(response);
          if (wire.status === 429) onLimited();
        });
        inner.addRequest(request, ...rest);
      },
    },
  }) as Agent;
}

const Refusal = z.object({
  message: z.string().optional(),
  errors: z.array(z.string()).optional(),
});
const RestRefusal = z.object({ error: Refusal });
const Accepted = z.object({ status: z.literal('success') });

const Reference = z.object({
  id: z.string(),
  summary: z.string().nullish(),
  type: z.string().optional(),
});
const IncidentPage = z.object({
  incidents: z.array(
    z.object({
      id: z.string(),
      html_url: z.string(),
      status: z.enum(['triggered', 'acknowledged', 'resolved']),
      urgency: z.string(),
      created_at: z.string(),
      assignments: z.array(z.object({ assignee: Reference })).default([]),
      acknowledgements: z.array(z.object({ acknowledger: Reference })).default([]),
      last_status_change_by: Reference.nullish(),
    }),
  ),
  more: z.boolean().default(false),
});
const OnCallPage = z.object({
  oncalls: z.array(
    z.object({
      schedule: z.object({ id: z.string() }).nullish(),
      user: z.object({
        name: z.string().optional(),
        summary: z.string().nullish(),
        email: z.string().optional(),
      }),
    }),
  ),
  more: z.boolean().default(false),
});

const IncidentKey = z.object({ incident: z.object({ incident_key: z.string().nullish() }) });
const UserEmail = z.object({ user: z.object({ email: z.string() }) });
const NotePage = z.object({ notes: z.array(z.object({ content: z.string() })) });

type RawIncident = z.infer<typeof IncidentPage>['incidents'][number];

const toAgent = ({ id, summary, type }: z.infer<typeof Reference>): PagerAgent => ({
  id,
  name: summary ?? id,
  isPerson: type === 'user_reference' || type === 'user',
});

function toPaged(incident: RawIncident): PagedIncident {
  const acknowledger = incident.acknowledgements.at(-1)?.acknowledger;
  return {
    id: incident.id,
    htmlUrl: incident.html_url,
    status: incident.status,
    urgency: incident.urgency,
    assignedTo: incident.assignments.map(({ assignee }) => ({
      id: assignee.id,
      name: assignee.summary ?? assignee.id,
    })),
    acknowledgedBy: acknowledger ? toAgent(acknowledger) : null,
    changedBy: incident.last_status_change_by ? toAgent(incident.last_status_change_by) : null,
    createdAt: incident.created_at,
  };
}

/** What PagerDuty says is wrong, in both of its shapes; empty when it says nothing. */
function errorsIn(body: unknown): string {
  const rest = RestRefusal.safeParse(body);
  const flat = rest.success ? { success: true as const, data: rest.data.error } : Refusal.safeParse(body);
  if (!flat.success) return '';
  const parts = [flat.data.message, ...(flat.data.errors ?? [])].filter((part) => part !== undefined);
  return parts.length > 0 ? `: ${parts.join('; ')}` : '';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  return error.message.replace(/^request to .* failed, reason: /, '') || error.name;
}

/**
 * Pages through PagerDuty's Events API v2, and reads and annotates through its REST API.
 *
 * No call throws for what the far side does. `done` of an event means that PagerDuty queued it (202 and
 * `"status": "success"`), not that anybody was paged: `find` tells that. A failure says whether trying again may help
 * (`retry`), whether the request may have been applied all the same (`maybe`: it may have left, and no readable answer
 * came), and why, with the routing key and the token masked. Nothing is tried twice in here: retries are the caller's.
 */
export function createPagerDutyPager(options: PagerDutyPagerOptions): Pager & { setup: PagerSetup } {
  const { routingKey, apiToken, fromEmail, timeoutMs = TIMEOUT_MS } = options;
  const eventsServer = options.eventsServer ?? EVENTS_SERVER;
  const apiServer = options.apiServer ?? API_SERVER;
  // No keep-alive: pages are rare, and a connection that the far side closed meanwhile would cost the page a retry.
  const agent = options.agent ?? new Agent();
  const reason = createReason([routingKey, apiToken]);

  async function exchange(
    call: (options: CallOptions) => Promise<{ status: number; data: unknown }>,
  ): Promise<Exchange> {
    const wire: Wire = { connected: false, status: null, retryAfterMs: undefined };
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => {
        resolve('late');
        stop.abort();
      }, timeoutMs);
    });
    try {
      const answer = await Promise.race([
        call({
          agent: watched(agent, wire, () => stop.abort()),
          signal: stop.signal,
          // A redirect would send the key to whatever host it names.
          redirect: 'manual',
          // pdjs's own timeout stops nothing, and its timer keeps the process alive for 30 s (FACTS 2).
          requestTimeout: 0,
        }),
        deadline,
      ]);
      if (answer !== 'late') return { kind: 'answer', status: answer.status, body: answer.data };
      return { kind: 'nothing', why: `no answer within ${timeoutMs} ms`, maybe: wire.connected };
    } catch (error) {
      if (wire.status === 429) return { kind: 'limited', retryAfterMs: wire.retryAfterMs };
      // pdjs rejects with an Error, or with a Response, when the answer is not JSON (FACTS 2).
      if (wire.status !== null) return { kind: 'notJson', status: wire.status };
      return { kind: 'nothing', why: describe(error), maybe: wire.connected };
    } finally {
      clearTimeout(timer);
    }
  }

  function failed(retry: boolean, maybe: boolean, why: string, retryAfterMs?: number): Failed {
    return {
      state: 'failed',
      retry,
      maybe,
      reason: reason(why),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  /** What both APIs have in common: everything but an answer in JSON. */
  function noAnswer(who: string, result: Exclude<Exchange, { kind: 'answer' }>): Failed {
    if (result.kind === 'limited') {
      return failed(true, false, `${who} answered 429: too many requests`, result.retryAfterMs);
    }
    if (result.kind === 'nothing') return failed(true, result.maybe, `${who} did not answer: ${result.why}`);
    // A proxy's page: after a 2xx or a 5xx nobody knows whether the request got past it.
    const maybe = result.status < 300 || result.status >= 500;
    return failed(true, maybe, `${who} answered ${result.status} with something that is not its JSON`);
  }

  async function send(data: object): Promise<Sent<object>> {
    const who = "PagerDuty's Events API";
    const result = await exchange((call) => {
      // The types want a payload for acknowledge and resolve too; the API does not.
      const body = data as Parameters<typeof event>[0]['data'];
      return event({ ...call, server: eventsServer, data: body });
    });
    if (result.kind !== 'answer') return noAnswer(who, result);
    const { status, body } = result;
    if (status === 202 && Accepted.safeParse(body).success) return { state: 'done' };
    // Only what PagerDuty says of the event itself is final: a wrong host or a firewall can be mended meanwhile.
    const isFinal = status === 400 || status === 413;
    return failed(!isFinal, status < 300 || status >= 500, `${who} answered ${status}${errorsIn(body)}`);
  }

  async function rest(
    method: 'GET' | 'POST',
    endpoint: string,
    extra: { queryParameters?: Record<string, string | string[]>; data?: object; from?: string },
  ): Promise<{ state: 'answered'; body: unknown } | Failed> {
    const who = "PagerDuty's REST API";
    if (apiToken === undefined) return failed(false, false, 'there is no PagerDuty REST token');
    const { from, ...parameters } = extra;
    const result = await exchange((call) =>
      api({
        ...call,
        ...parameters,
        endpoint,
        method,
        token: apiToken,
        server: apiServer,
        headers: from === undefined ? {} : { From: from },
      }),
    );
    if (result.kind !== 'answer') return noAnswer(who, result);
    const { status, body } = result;
    if (status >= 200 && status < 300) return { state: 'answered', body };
    const mayPass = status === 408 || status >= 500;
    return { ...failed(mayPass, status >= 500, `${who} answered ${status}${errorsIn(body)}`), status };
  }

  /** One thing; null: it is not there, undefined: it cannot be asked. */
  async function one<T>(
    endpoint: string,
    queryParameters: Record<string, string | string[]>,
    schema: z.ZodType<T>,
  ): Promise<T | null | undefined> {
    const answer = await rest('GET', endpoint, { queryParameters });
    if (answer.state === 'failed') return answer.status === 404 ? null : undefined;
    const read = schema.safeParse(answer.body);
    return read.success ? read.data : undefined;
  }

  /** Every page of a list, up to 1,000 entries. */
  async function list<T>(
    endpoint: string,
    queryParameters: Record<string, string | string[]>,
    read: (body: unknown) => { items: readonly T[]; more: boolean } | null,
  ): Promise<{ state: 'listed'; items: T[] } | Failed> {
    const items: T[] = [];
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const at = { limit: String(PAGE_SIZE), offset: String(page * PAGE_SIZE) };
      const answer = await rest('GET', endpoint, { queryParameters: { ...queryParameters, ...at } });
      if (answer.state === 'failed') return answer;
      const part = read(answer.body);
      if (part === null) {
        return failed(
          true,
          false,
          `PagerDuty's REST API answered ${endpoint} in a shape that is not its own`,
        );
      }
      items.push(...part.items);
      if (!part.more) break;
    }
    return { state: 'listed', items };
  }

  const onCallReader = createOnCallReader({ routingKey, list, one });

  return {
    setup: createSetupReader({ routingKey, list }),
    onCallNow: (now, scheduleIds) => onCallReader.now(now, scheduleIds),
    rotaAhead: (from, to, scheduleIds) => onCallReader.ahead(from, to, scheduleIds),
    async keyOf(incidentId) {
      const found = await one(`/incidents/${encodeURIComponent(incidentId)}`, {}, IncidentKey);
      return found === null || found === undefined ? found : (found.incident.incident_key ?? null);
    },
    async emailOf(userId) {
      const found = await one(`/users/${encodeURIComponent(userId)}`, {}, UserEmail);
      return found === null || found === undefined ? found : found.user.email;
    },
    canConfirm: apiToken !== undefined,
    trigger: async (page: PageRequest) => send(triggerBody(page, routingKey)),
    acknowledge: async (dedupKey) =>
      send({ routing_key: routingKey, event_action: 'acknowledge', dedup_key: dedupKey }),
    resolve: async (dedupKey) =>
      send({ routing_key: routingKey, event_action: 'resolve', dedup_key: dedupKey }),

    /** The incidents of a key, the newest last: one for each trigger that came after a resolve. */
    async find(dedupKey): Promise<PagedLookup> {
      const query = {
        incident_key: dedupKey,
        'statuses[]': ['triggered', 'acknowledged', 'resolved'],
        // Without it PagerDuty looks at the last month only.
        date_range: 'all',
        sort_by: 'created_at:desc',
      };
      const found = await list('/incidents', query, (body) => {
        const page = IncidentPage.safeParse(body);
        return page.success ? { items: page.data.incidents, more: page.data.more } : null;
      });
      if (found.state === 'failed') return { state: 'unavailable', reason: found.reason };
      const incidents = found.items.map(toPaged).reverse();
      return incidents.length > 0 ? { state: 'found', incidents } : { state: 'none' };
    },

    /** Not idempotent: PagerDuty keeps a note as often as it is sent. */
    async note(incidentId, text, maybe = false): Promise<Sent<object>> {
      if (fromEmail === undefined) {
        return failed(false, false, 'there is no PagerDuty user to write as (PAGERDUTY_FROM)');
      }
      const notes = `/incidents/${encodeURIComponent(incidentId)}/notes`;
      if (maybe) {
        const there = await rest('GET', notes, {});
        if (there.state === 'failed') return there;
        const found = NotePage.safeParse(there.body);
        if (found.success && found.data.notes.some(({ content }) => content === text))
          return { state: 'done' };
      }
      const answer = await rest('POST', notes, {
        from: fromEmail,
        data: { note: { content: text } },
      });
      return answer.state === 'failed' ? answer : { state: 'done' };
    },

    /** Each person once. No schedule means nobody, not everybody: roles hang on this. */
    async onCall(scheduleIds): Promise<{ name: string; email: string }[] | null> {
      if (scheduleIds.length === 0) return [];
      const found = await list(
        '/oncalls',
        { 'schedule_ids[]': scheduleIds, 'include[]': ['users'] },
        (body) => {
          const page = OnCallPage.safeParse(body);
          return page.success ? { items: page.data.oncalls, more: page.data.more } : null;
        },
      );
      if (found.state === 'failed') return null;
      const people = new Map<string, { name: string; email: string }>();
      for (const { schedule, user } of found.items) {
        // Asked for again here, since a filter that the far side ignored would hand out the role to others.
        if (!schedule || !scheduleIds.includes(schedule.id) || user.email === undefined) continue;
        people.set(user.email.toLowerCase(), {
          name: user.name ?? user.summary ?? user.email,
          email: user.email,
        });
      }
      return [...people.values()];
    },
  };
}
