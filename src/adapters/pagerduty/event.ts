import type { PageRequest } from '../../ports.ts';

/** PagerDuty refuses a longer summary (FACTS 10). The same for `source`, which it gives no limit for. */
const MAX_SUMMARY = 1_024;
/** PagerDuty's limit is 512 KB (FACTS 10) and it does not say how it counts: some room is left below 524,288 bytes. */
const MAX_BODY_BYTES = 500_000;
/** For what says that something was cut. */
const NOTE_BYTES = 2_000;
/** A detail cut to less than this tells nobody anything: it is left out. */
const MIN_DETAIL_BYTES = 80;

/** The body of a trigger event, as the Events API v2 wants it. */
export interface TriggerBody {
  readonly routing_key: string;
  readonly event_action: 'trigger';
  readonly dedup_key: string;
  readonly payload: {
    readonly summary: string;
    readonly source: string;
    readonly severity: PageRequest['severity'];
    readonly timestamp: string;
    readonly custom_details: Readonly<Record<string, unknown>>;
  };
  readonly links: { href: string; text: string }[];
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '');
}

/** Half a character makes the JSON invalid for a strict parser, and a page is not to be lost over a broken emoji. */
function clean(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '�');
}

function cutTo(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).replace(/\p{Surrogate}$/u, '')}…`;
}

function cutToBytes(text: string, max: number): string {
  let cut = cutTo(text, max);
  for (let bytes = bytesOf(cut); bytes > max; bytes = bytesOf(cut)) {
    cut = cutTo(text, Math.max(1, Math.floor((cut.length * max) / bytes) - 1));
  }
  return cut;
}

function toJson(value: unknown): string {
  try {
    const json = JSON.stringify(value, (_key, one: unknown) => {
      if (typeof one === 'string') return clean(one);
      return typeof one === 'bigint' ? String(one) : one;
    });
    return json ?? 'null';
  } catch {
    // A circle, or a toJSON that throws: the page leaves without it.
    return JSON.stringify('(could not be written as JSON)');
  }
}

interface Detail {
  readonly key: string;
  readonly json: string;
  readonly text: string;
}

function sizeOf(detail: Detail): number {
  return bytesOf(detail.key) + Buffer.byteLength(detail.json) + 2;
}

/** Keeps the small details whole and shares the rest of the room among the large ones. */
function fit(details: readonly Detail[], room: number): { kept: Map<string, unknown>; cut: string[] } {
  const kept = new Map<string, unknown>();
  const cut: string[] = [];
  let left = room;
  const bySize = [...details].sort((a, b) => sizeOf(a) - sizeOf(b));
  for (const [index, detail] of bySize.entries()) {
    const share = Math.floor(left / (bySize.length - index));
    if (sizeOf(detail) <= share) {
      kept.set(detail.key, JSON.parse(detail.json));
      left -= sizeOf(detail);
      continue;
    }
    cut.push(detail.key);
    const textRoom = share - bytesOf(detail.key) - 2;
    if (textRoom < MIN_DETAIL_BYTES) continue;
    const text = cutToBytes(detail.text, textRoom);
    kept.set(detail.key, text);
    left -= bytesOf(detail.key) + bytesOf(text) + 2;
  }
  return { kept, cut };
}

/**
 * The event for a page, inside PagerDuty's limits whatever it is given. What was cut is said in the detail
 * `standdown_cut`, so that nobody takes half for the whole.
 */
export function triggerBody(page: PageRequest, routingKey: string): TriggerBody {
  const notes: string[] = [];
  const summary = cutTo(clean(page.summary), MAX_SUMMARY);
  if (page.summary.length > MAX_SUMMARY) {
    notes.push(`summary cut from ${page.summary.length} to ${MAX_SUMMARY} characters`);
  }
  let links = page.links.map((link) => ({ href: clean(link.href), text: clean(link.text) }));
  if (bytesOf(links) > MAX_BODY_BYTES / 4) {
    notes.push(`${links.length} links left out for their size`);
    links = [];
  }
  const bare: TriggerBody = {
    routing_key: routingKey,
    event_action: 'trigger',
    dedup_key: page.dedupKey,
    payload: {
      summary,
      source: cutTo(clean(page.source), MAX_SUMMARY),
      severity: page.severity,
      timestamp: page.timestampIso,
      custom_details: {},
    },
    links,
  };
  const details = Object.entries(page.customDetails).map(([key, value]): Detail => {
    const json = toJson(value);
    return { key: clean(key), json, text: typeof value === 'string' ? clean(value) : json };
  });
  const { kept, cut } = fit(details, MAX_BODY_BYTES - bytesOf(bare) - NOTE_BYTES);
  if (cut.length > 0) {
    const names = cutTo(cut.join(', '), 200);
    notes.push(`${cut.length} of ${details.length} details cut to stay below PagerDuty's 512 KB: ${names}`);
  }
  const inOrder = details.flatMap(({ key }) => (kept.has(key) ? [[key, kept.get(key)] as const] : []));
  const said = notes.length > 0 ? [['standdown_cut', notes.join('; ')] as const] : [];
  return {
    ...bare,
    payload: { ...bare.payload, custom_details: Object.fromEntries([...inOrder, ...said]) },
  };
}
