/** What a scenario reads of a desk: the log of an incident, its pages, its messages; and how it waits for them. */

import type { Incident, StandingEvent } from '../../src/domain/incident.ts';
import type { PagerIncident } from '../../src/rehearsal/pagerduty/desk.ts';
import type { Answer, ClickTarget, StoredMessage } from '../../src/rehearsal/slack/shapes.ts';
import { CHANNEL } from '../../src/rehearsal/stage.ts';
import { type AlertOptions, alertmanagerBody, type DeskUnderTest, type InProcess } from './desk.ts';

export interface IncidentView {
  id: string;
  severity: string;
  severityNote: string | null;
  state: string;
  title: string;
  runbook: string | null;
  acknowledged: { by: string } | null;
  resolved: { by: string; how: string } | null;
  alerts: {
    source: string;
    fingerprint: string;
    state: string;
    severity: string;
    repeats: number;
    labels: Record<string, string>;
    title: string;
  }[];
  pages: { key: string; state: string; why: string; assignedTo: string[] }[];
  kills: { id: string; verdict: string | null; venues: { id: string; verdict: string | null }[] }[];
  postmortem: { id: string; file: string } | null;
  chain: { head: string; length: number } | null;
  timeline: { type: string; by: string; via: string; text: string }[];
}

export interface StatusView {
  mode: string;
  trading: {
    state: string;
    signals: string;
    holds: { key: string; by: string; reason: string }[];
    latch: { by: string; reason: string } | null;
  };
  incidents: { id: string; severity: string; state: string; title: string; alerts: number }[];
  lastKill: {
    id: string;
    incident: string;
    verdict: string | null;
    venues: { id: string; verdict: string | null; orders: number | null; reason: string | null }[];
    timings: { latchMs: number | null; lastCancelMs: number | null; verdictMs: number | null };
  } | null;
  criteria: { id: string; state: string }[];
}

/** An answer of ours over HTTP, as the caller expects it. */
export interface Answered<T> {
  status: number;
  json: T;
}

export const as = <T>(answer: { status: number; json: unknown }): Answered<T> => ({
  status: answer.status,
  json: answer.json as T,
});

export interface Taken {
  accepted: number;
  rejected: { index: number; path: string; reason: string }[];
  incidents: string[];
}
export interface Refused {
  error: string;
  detail: string;
}

export async function take(desk: DeskUnderTest, path: string, body: unknown): Promise<Taken> {
  const { status, json } = as<Taken>(await desk.post(path, body));
  if (status !== 202) throw new Error(`${path} was answered with ${status}: ${JSON.stringify(json)}`);
  return json;
}

/** Send one Alertmanager alert that must be taken, and name its incident. */
export async function fire(desk: DeskUnderTest, options: AlertOptions): Promise<string> {
  const { incidents } = await take(desk, '/alerts/alertmanager', alertmanagerBody(options));
  return incidents[0] ?? '';
}

export async function incidentView(desk: DeskUnderTest, id: string): Promise<IncidentView> {
  return as<IncidentView>(await desk.get(`/incidents/${id}`)).json;
}

/** The same once all that it shows is on the disk: its chain counts only that. */
export async function storedView(desk: DeskUnderTest, id: string): Promise<IncidentView> {
  for (;;) {
    const view = await incidentView(desk, id);
    if (view.chain?.length === view.timeline.length) return view;
  }
}

export async function statusView(desk: DeskUnderTest): Promise<StatusView> {
  return as<StatusView>(await desk.get('/status')).json;
}

export const pagesOf = (desk: DeskUnderTest, id: string): PagerIncident[] =>
  desk.stage.pagerDuty.incidents().filter((one) => one.dedupKey.startsWith(`${id}/`));

/** Events that PagerDuty was sent about one key, by what they asked for. */
export function eventsOf(desk: DeskUnderTest, key: string): string[] {
  return desk.stage.pagerDuty.events().flatMap(({ body }) => {
    const event = body as { dedup_key?: string; event_action?: string } | undefined;
    return event?.dedup_key === key ? [event.event_action ?? ''] : [];
  });
}

export const headlinesOf = (desk: DeskUnderTest, id: string): StoredMessage[] =>
  desk.stage.slack
    .messages(CHANNEL)
    .filter((message) => message.byBot && message.threadTs === undefined && message.text.includes(id));

export function threadOf(desk: DeskUnderTest, id: string): StoredMessage[] {
  const [headline] = headlinesOf(desk, id);
  return headline === undefined ? [] : desk.stage.slack.thread(CHANNEL, headline.ts);
}

export const repliesOf = (desk: DeskUnderTest, id: string): StoredMessage[] => threadOf(desk, id).slice(1);

/** Wait until the headline and the runbook of an incident stand. */
export async function posted(desk: DeskUnderTest, id: string): Promise<void> {
  await desk.stage.slack.until(
    () =>
      repliesOf(desk, id).some(
        (message) => message.text.includes('Runbook') || message.text.includes('No runbook'),
      ),
    {
      what: `the headline and the runbook of ${id}`,
    },
  );
}

/** Wait until PagerDuty shows who was paged for a step. */
export async function paged(desk: DeskUnderTest, id: string, n = 1): Promise<PagerIncident> {
  const find = () =>
    desk.stage.pagerDuty.incidents().find((one) => one.dedupKey === `${id}/${n}` && one.assignees.length > 0);
  await desk.stage.pagerDuty.until(() => find() !== undefined, {
    timeoutMs: 15_000,
    what: `page ${id}/${n}`,
  });
  return find() as PagerIncident;
}

/** Wait until something is in an incident's thread, headline included. */
export async function shows(
  desk: DeskUnderTest,
  id: string,
  words: string,
  timeoutMs = 10_000,
): Promise<void> {
  await desk.stage.slack.until(() => desk.thread(id).includes(words), {
    timeoutMs,
    what: `“${words}” in the thread of ${id}`,
  });
}

/** Wait until an incident's log makes something true. */
export function settled(
  desk: InProcess,
  id: string,
  what: (incident: Incident) => boolean,
): Promise<Incident> {
  const { ledger } = desk.bot;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${id} did not come to ${what.toString()}: ${JSON.stringify(ledger.peek(id))}`)),
      10_000,
    );
    const look = () => {
      const incident = ledger.peek(id);
      if (incident === undefined || !what(incident)) return;
      clearTimeout(timer);
      resolve(incident);
    };
    ledger.onChanged(look);
    look();
  });
}

/** Wait for an event in any log, from now on. */
export function happens(
  desk: InProcess,
  type: StandingEvent['type'],
  stream?: string,
): Promise<StandingEvent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${type} happened`)), 10_000);
    desk.bot.ledger.onChanged((where, events) => {
      const found = events.find((event) => event.type === type);
      if (found === undefined || (stream !== undefined && where !== stream)) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
}

let fences = 0;
/**
 * Let everything that was owed by now leave: an incident of its own is opened after it, paged, posted and mailed. What was
 * not sent by then was not owed. Every lane is passed through.
 */
export async function everythingLeft(desk: DeskUnderTest): Promise<void> {
  fences += 1;
  const name = `Fence${fences}`;
  const [low, high] = await Promise.all([
    fire(desk, { name: `${name}Low`, severity: 'P2', fingerprint: `${name}low` }),
    fire(desk, { name: `${name}High`, severity: 'P0', fingerprint: `${name}high` }),
  ]);
  await Promise.all([
    posted(desk, low),
    posted(desk, high),
    paged(desk, low),
    paged(desk, high),
    desk.stage.mail.until(() => desk.stage.mail.messages().some((mail) => mail.subject.includes(high)), {
      what: `the mail about ${high}`,
    }),
  ]);
}

/** Everything at the exchange that a mistake could move. */
export function exchange(desk: DeskUnderTest): object {
  const { binance } = desk.stage;
  return {
    orders: binance.openOrders().map((order) => order.id),
    conditional: binance.conditionalOrders().map((order) => order.id),
    positions: binance.positions().map(({ symbol, side, amount }) => ({ symbol, side, amount })),
  };
}

/** Every text object that Slack would show, with its type; message texts are mrkdwn. */
export function textsOf(message: StoredMessage): { type: string; text: string }[] {
  const found: { type: string; text: string }[] = [{ type: 'mrkdwn', text: message.text }];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const one of value) walk(one);
    } else if (typeof value === 'object' && value !== null) {
      const { type, text } = value as { type?: unknown; text?: unknown };
      if ((type === 'mrkdwn' || type === 'plain_text') && typeof text === 'string')
        found.push({ type, text });
      for (const one of Object.values(value)) walk(one);
    }
  };
  walk(message.blocks);
  return found;
}

/** What a button of a message holds, as Slack keeps it. */
export function buttonOf(message: StoredMessage | undefined, label: string): Record<string, unknown> | null {
  let found: Record<string, unknown> | null = null;
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const one of value) walk(one);
    } else if (typeof value === 'object' && value !== null) {
      const element = value as Record<string, unknown>;
      const text = element['text'] as { text?: unknown } | undefined;
      if (element['type'] === 'button' && text?.text === label) found ??= element;
      for (const one of Object.values(element)) walk(one);
    }
  };
  walk(message?.blocks ?? []);
  return found;
}

/** The keys of the control file that are ours. */
export async function switches(desk: DeskUnderTest): Promise<Record<string, string>> {
  const text = await desk.control();
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, key = '', value = ''] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
      return key === '' ? [] : [[key, value]];
    }),
  );
}

/** Press a button of one message, named by what it holds (so that a button which stands twice is found). */
export async function pressOn(
  desk: DeskUnderTest,
  userId: string,
  message: StoredMessage | undefined,
  label: string,
  extra: Pick<ClickTarget, 'version' | 'tamper'> = {},
): Promise<Answer> {
  if (message === undefined) throw new Error(`there is no message to press ${label} on`);
  const blocks = extra.version === undefined ? message.blocks : message.history[extra.version]?.blocks;
  const block = blocks?.find((one) => buttonOf({ ...message, blocks: [one] }, label) !== null);
  if (block?.block_id === undefined) throw new Error(`no ${label} on ${JSON.stringify(blocks)}`);
  return desk.stage.slack.click(userId, {
    channel: CHANNEL,
    ts: message.ts,
    label,
    blockId: block.block_id,
    ...extra,
  });
}

/** Fill in and submit the dialog that somebody has open. */
export async function submit(
  desk: DeskUnderTest,
  userId: string,
  values: Record<string, string>,
): Promise<Answer['view']> {
  const view = desk.stage.slack.openViews(userId).at(-1);
  if (view === undefined) throw new Error(`${userId} has no dialog open`);
  return (await desk.stage.slack.submit(userId, view.id, values)).view;
}

/** What a command answered to the one who typed it. */
export function said(answer: Answer): string {
  const { text } = (answer.json ?? {}) as { text?: string };
  return text ?? '';
}

/** The receipt of the newest kill in an incident's thread. */
export const receiptOf = (desk: DeskUnderTest, id: string): StoredMessage | undefined =>
  repliesOf(desk, id).findLast((message) => JSON.stringify(message.blocks).includes('■ *KILL*'));

/** Press Flatten, wait for the preview, and submit it. Returns what the preview said and what became of it. */
export async function flatten(
  desk: DeskUnderTest,
  userId: string,
  message: StoredMessage | undefined,
): Promise<{ shown: string; outcome: Answer['view'] }> {
  const { id, shown } = await preview(desk, userId, message);
  return { shown, outcome: (await desk.stage.slack.submit(userId, id)).view };
}

/** Press Flatten and wait until the dialog says what it would close, or why it would not. */
export async function preview(
  desk: DeskUnderTest,
  userId: string,
  message: StoredMessage | undefined,
): Promise<{ id: string; shown: string }> {
  await pressOn(desk, userId, message, 'Flatten…');
  const top = () => desk.stage.slack.openViews(userId).at(-1);
  const text = () =>
    ((top()?.view['blocks'] ?? []) as { text?: { text?: string } }[])
      .map((block) => block.text?.text ?? '')
      .join('\n');
  await desk.stage.slack.until(() => top() !== undefined && !text().includes('Reading every position'), {
    what: 'the preview',
  });
  return { id: top()?.id ?? '', shown: text() };
}
