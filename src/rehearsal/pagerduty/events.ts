import { randomUUID } from 'node:crypto';

const EVENT_SEVERITIES = ['critical', 'error', 'warning', 'info'] as const;
export type EventSeverity = (typeof EVENT_SEVERITIES)[number];

/** "The maximum permitted length of PD-CEF event is 512 KB" (FACTS 10). */
const MAX_EVENT_BYTES = 512 * 1024;
const MAX_SUMMARY = 1_024;
const MAX_DEDUP_KEY = 255;
const ROUTING_KEY_LENGTH = 32;

export interface EventLink {
  readonly href: string;
  readonly text: string | null;
}

/** An event that PagerDuty would accept. */
export type PagerEvent =
  | {
      readonly action: 'trigger';
      readonly dedupKey: string;
      readonly summary: string;
      readonly source: string;
      readonly severity: EventSeverity;
      readonly customDetails: unknown;
      readonly links: readonly EventLink[];
    }
  | { readonly action: 'acknowledge' | 'resolve'; readonly dedupKey: string };

export type EventVerdict = { readonly event: PagerEvent } | { readonly errors: readonly string[] };

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBlank(value: unknown): boolean {
  return typeof value !== 'string' || value.trim() === '';
}

function isSeverity(value: unknown): value is EventSeverity {
  return EVENT_SEVERITIES.some((one) => one === value);
}

function routingKeyErrors(given: unknown, expected: string): string[] {
  if (isBlank(given)) return ["'routing_key' is missing or blank"];
  if (String(given).length !== ROUTING_KEY_LENGTH) {
    return [`Length of 'routing_key' is incorrect (should be ${ROUTING_KEY_LENGTH} characters)`];
  }
  return given === expected ? [] : ['Invalid routing key'];
}

function payloadErrors(payload: unknown): string[] {
  if (!isFields(payload)) return ["'payload' is missing or blank"];
  const errors: string[] = [];
  if (isBlank(payload['summary'])) errors.push("'payload.summary' is missing or blank");
  else if (String(payload['summary']).length > MAX_SUMMARY) {
    errors.push(`Length of 'payload.summary' is incorrect (should be at most ${MAX_SUMMARY} characters)`);
  }
  if (isBlank(payload['source'])) errors.push("'payload.source' is missing or blank");
  if (!isSeverity(payload['severity'])) {
    errors.push(
      "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
    );
  }
  const timestamp = payload['timestamp'];
  if (timestamp !== undefined && (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp)))) {
    errors.push("'payload.timestamp' is not a valid ISO 8601 time");
  }
  const details = payload['custom_details'];
  if (details !== undefined && !isFields(details)) errors.push("'payload.custom_details' is not an object");
  return errors;
}

function linkErrors(links: unknown): string[] {
  if (links === undefined) return [];
  if (!Array.isArray(links)) return ["'links' is not an array"];
  return links.every((link: unknown) => isFields(link) && !isBlank(link['href']))
    ? []
    : ["'links' holds an entry without 'href'"];
}

function readLinks(links: unknown): EventLink[] {
  if (!Array.isArray(links)) return [];
  return links.filter(isFields).map((link) => ({
    href: String(link['href']),
    text: typeof link['text'] === 'string' ? link['text'] : null,
  }));
}

/**
 * What PagerDuty's Events API v2 says of a body: the event, or every fault of it.
 * Source of the limits: FACTS 10; of the shape: PagerDuty/api-schema, reference/events-v2.
 */
export function checkEvent(body: unknown, bytes: number, routingKey: string): EventVerdict {
  if (bytes > MAX_EVENT_BYTES) return { errors: [`Event object is larger than ${MAX_EVENT_BYTES} bytes`] };
  if (!isFields(body)) return { errors: ['JSON parse error'] };
  const errors = routingKeyErrors(body['routing_key'], routingKey);
  const action = body['event_action'];
  const dedupKey = body['dedup_key'];
  if (dedupKey !== undefined && (typeof dedupKey !== 'string' || dedupKey.length > MAX_DEDUP_KEY)) {
    errors.push(`Length of 'dedup_key' is incorrect (should be at most ${MAX_DEDUP_KEY} characters)`);
  }
  if (action === 'trigger') {
    errors.push(...payloadErrors(body['payload']), ...linkErrors(body['links']));
  } else if (action === 'acknowledge' || action === 'resolve') {
    if (isBlank(dedupKey)) errors.push("'dedup_key' is missing or blank");
  } else {
    errors.push(
      "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')",
    );
  }
  if (errors.length > 0) return { errors };
  const key = typeof dedupKey === 'string' && dedupKey !== '' ? dedupKey : randomUUID().replaceAll('-', '');
  if (action !== 'trigger')
    return { event: { action: action === 'resolve' ? 'resolve' : 'acknowledge', dedupKey: key } };
  const payload = isFields(body['payload']) ? body['payload'] : {};
  return {
    event: {
      action,
      dedupKey: key,
      summary: String(payload['summary']),
      source: String(payload['source']),
      severity: isSeverity(payload['severity']) ? payload['severity'] : 'critical',
      customDetails: payload['custom_details'] ?? null,
      links: readLinks(body['links']),
    },
  };
}

/** What PagerDuty says of a change event: its faults, none when it is accepted. */
export function checkChangeEvent(body: unknown, bytes: number, routingKey: string): readonly string[] {
  if (bytes > MAX_EVENT_BYTES) return [`Event object is larger than ${MAX_EVENT_BYTES} bytes`];
  if (!isFields(body)) return ['JSON parse error'];
  const payload = body['payload'];
  return [
    ...routingKeyErrors(body['routing_key'], routingKey),
    ...(isFields(payload) && !isBlank(payload['summary']) ? [] : ["'payload.summary' is missing or blank"]),
    ...linkErrors(body['links']),
  ];
}
