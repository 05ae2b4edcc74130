import { createHmac, randomUUID } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent, PagerIncident, PagerNote, PagerWebhookType } from './desk.ts';
import type { Shapes } from './rest.ts';

export interface WebhookTarget {
  /** Loopback only. */
  readonly url: string;
  readonly secret: string;
}

/** What became of one delivery. `status` is the receiver's answer, null when there was none. */
export interface WebhookDelivery {
  readonly eventId: string;
  readonly type: PagerWebhookType;
  readonly atMs: number;
  readonly body: string;
  readonly status: number | null;
  readonly error: string | null;
}

export interface Webhooks {
  /** Where to send from now on; null stops. Throws an Error for anything that is not on the loopback. */
  sendTo(target: WebhookTarget | null): void;
  /** `note`: for the event that a note makes, which names its incident by reference alone. */
  send(type: PagerWebhookType, incident: PagerIncident, agent: Agent, note?: PagerNote): void;
  /** Sends the same event again, with the same event id, as PagerDuty does when it is not sure. */
  sendAgain(eventId: string): void;
  deliveries(): readonly WebhookDelivery[];
  close(): void;
}

/** PagerDuty gives a receiver 5 seconds (FACTS 10). */
const ANSWER_MS = 5_000;

function loopbackUrl(url: string): URL {
  const parsed = new URL(url);
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const isLoopback = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
  if (!isLoopback || !/^https?:$/.test(parsed.protocol)) {
    throw new Error(
      `rehearsal sends webhooks to the loopback only, not to ${parsed.protocol}//${parsed.host}`,
    );
  }
  return parsed;
}

/** `v1=` and the hex HMAC-SHA256 of the raw body, as in `X-PagerDuty-Signature`. */
function signWebhook(body: string, secret: string): string {
  return `v1=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** Tries of one webhook: the real one makes five, over some 20 minutes, and holds back what comes behind. */
const TRIES = 5;
const RETRY_MS = 250;

/** Signed v3 webhooks, one after the other, each sent until it is answered with 2xx or 4xx, at most five times. */
export function createWebhooks(options: {
  shapes: Shapes;
  now: () => number;
  changed: () => void;
}): Webhooks {
  const { shapes, now, changed } = options;
  const done: WebhookDelivery[] = [];
  const closing = new AbortController();
  let target: { url: URL; secret: string } | null = null;
  let queue: Promise<void> = Promise.resolve();

  function post(url: URL, secret: string, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp;
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_MS)]);
      const request = send(
        url,
        {
          method: 'POST',
          agent: false,
          signal,
          headers: {
            'Content-Type': 'application/json',
            'Content-Length': Buffer.byteLength(body),
            'User-Agent': 'PagerDuty-Webhook/V3.0',
            'X-PagerDuty-Signature': signWebhook(body, secret),
            'X-Webhook-Id': randomUUID(),
            'X-Webhook-Subscription': 'PSUBSCR',
          },
        },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
          response.once('error', reject);
        },
      );
      request.once('error', reject);
      request.end(body);
    });
  }

  function enqueue(eventId: string, type: PagerWebhookType, body: string): void {
    const to = target;
    if (!to) return;
    queue = queue.then(async () => {
      let at = to;
      for (let tries = 1; ; tries += 1) {
        let status: number | null = null;
        let error: string | null = null;
        try {
          status = await post(at.url, at.secret, body);
        } catch (cause) {
          error = cause instanceof Error ? cause.message : String(cause);
        }
        done.push({ eventId, type, atMs: now(), body, status, error });
        changed();
        const again = status === null || status >= 500 || status === 429;
        if (!again || tries === TRIES || closing.signal.aborted) return;
        await wait(RETRY_MS * 2 ** (tries - 1));
        // Whoever was started anew meanwhile may listen somewhere else.
        at = target ?? at;
      }
    });
  }

  async function wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closing.signal }).catch(() => undefined);
  }

  return {
    sendTo(next) {
      target = next === null ? null : { url: loopbackUrl(next.url), secret: next.secret };
    },
    send(type, incident, agent, note) {
      const eventId = randomUUID();
      const full = shapes.incident(incident);
      const { incident_number: number, assignments: _, acknowledgements: __, ...rest } = full;
      const event = {
        id: eventId,
        event_type: type,
        resource_type: 'incident',
        occurred_at: new Date(now()).toISOString(),
        agent: shapes.agent(agent),
        client: null,
        data:
          note === undefined
            ? {
                ...rest,
                number,
                assignees: incident.assignees.map((user) => shapes.reference('user', user.id, user.name)),
              }
            : {
                incident: shapes.reference('incident', incident.id, incident.title),
                id: note.id,
                content: note.content,
                trimmed: false,
                type: 'incident_note',
              },
      };
      enqueue(eventId, type, JSON.stringify({ event }));
    },
    sendAgain(eventId) {
      const first = done.find((one) => one.eventId === eventId);
      if (!first) throw new Error(`no webhook ${eventId} was sent`);
      enqueue(eventId, first.type, first.body);
    },
    deliveries: () => [...done],
    close() {
      target = null;
      closing.abort();
    },
  };
}
