/** From the counterparts to what the page shows: reads, and changes nothing. */

import { type JsonObject, str } from '../slack/json.ts';
import type { StoredMessage, StoredView } from '../slack/shapes.ts';
import type { SlackCounterpart } from '../slack.ts';
import { ALERT_CHANNEL, CAST, CHANNEL, ON_CALL_GROUP, type Stage } from '../stage.ts';
import type { VenueOrder } from '../venue/state.ts';
import type { LoopbackEngine } from './engine.ts';
import type {
  ConsoleState,
  ControlShown,
  Looking,
  PagerShown,
  Person,
  ShownFile,
  ShownMail,
  ShownMessage,
  ShownNames,
  ShownView,
  VenueShown,
} from './state.ts';

/** Who can act, and what they are for. */
export const PEOPLE: readonly Person[] = [
  { ...idOf('ada'), role: 'on call, responder, approver' },
  { ...idOf('grace'), role: 'commander: responder, approver' },
  { ...idOf('alan'), role: 'approver' },
  { ...idOf('mallory'), role: 'stranger: no role' },
];

function idOf(who: keyof typeof CAST): Omit<Person, 'role'> {
  const { id, realName, pagerDuty } = CAST[who];
  return { id, name: realName, pagerDuty };
}

export const CHANNELS = [
  { id: CHANNEL, name: 'incidents' },
  { id: ALERT_CHANNEL, name: 'alerts' },
] as const;

const BOT = { id: 'U0STANDDOWN', name: 'Standdown' };
/** Newest messages of a channel that are shown: a storm must not make the page slow. */
const MOST_MESSAGES = 150;
const MOST_REPLIES = 300;
const MOST_MAILS = 100;
const MOST_PAGES = 100;
const MOST_ORDERS = 200;
const MOST_REQUESTS = 12;
const MOST_TEXT = 200_000;
const MOST_CONTROL = 20_000;

export const NAMES: ShownNames = {
  users: { ...Object.fromEntries(PEOPLE.map(({ id, name }) => [id, name])), [BOT.id]: BOT.name },
  channels: Object.fromEntries(CHANNELS.map(({ id, name }) => [id, name])),
  usergroups: { [ON_CALL_GROUP]: 'desk-oncall' },
};

/** What is on record of a view's last submission: view id → block id → words. */
export type ViewErrors = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** The channel, its threads, App Home and the modal as one person sees them. */
export function slackShown(
  slack: SlackCounterpart,
  looking: Looking,
  errors: ViewErrors,
): Pick<ConsoleState, 'channels' | 'messages' | 'thread' | 'home' | 'modal'> {
  const all = slack.messages(looking.channel);
  const mine = slack.ephemerals(looking.as.id).filter((one) => one.channel === looking.channel);
  const repliesOf = new Map<string, StoredMessage[]>();
  for (const one of all) {
    if (one.threadTs === undefined) continue;
    const before = repliesOf.get(one.threadTs);
    if (before === undefined) repliesOf.set(one.threadTs, [one]);
    else before.push(one);
  }
  const shown = (one: StoredMessage): ShownMessage =>
    messageShown(slack, one, looking, repliesOf.get(one.ts) ?? []);
  const inOrder = (some: StoredMessage[]) => some.toSorted((a, b) => Number(a.ts) - Number(b.ts));
  const inChannel = (one: StoredMessage) => one.threadTs === undefined || one.broadcast;
  const inThread = (one: StoredMessage) => one.ts === looking.thread || one.threadTs === looking.thread;

  const home = slack.home(looking.as.id);
  const open = slack.openViews(looking.as.id);
  const top = open.at(-1);
  return {
    channels: CHANNELS.map(({ id, name }) => ({
      id,
      name,
      messages: slack.messages(id).filter(inChannel).length,
    })),
    messages: inOrder([...all, ...mine].filter(inChannel))
      .slice(-MOST_MESSAGES)
      .map(shown),
    thread:
      looking.thread === null
        ? null
        : threadOf(inOrder([...all, ...mine].filter(inThread)), looking.thread).map(shown),
    home: home === undefined ? null : viewShown(home, errors, 0),
    modal: top === undefined ? null : viewShown(top, errors, open.length),
  };
}

/** The parent always, and the newest of its replies. */
function threadOf(messages: StoredMessage[], ts: string): StoredMessage[] {
  const parent = messages.filter((one) => one.ts === ts);
  return [...parent, ...messages.filter((one) => one.ts !== ts).slice(-MOST_REPLIES)];
}

function messageShown(
  slack: SlackCounterpart,
  message: StoredMessage,
  looking: Looking,
  replies: StoredMessage[],
): ShownMessage {
  const { id } = looking.as;
  return {
    channel: message.channel,
    ts: message.ts,
    at: Math.round(Number(message.ts) * 1_000),
    author: message.byBot
      ? { ...BOT, isApp: true }
      : {
          id: message.user,
          name: message.app?.name ?? NAMES.users[message.user] ?? message.user,
          isApp: message.app !== undefined,
        },
    text: message.text,
    blocks: message.blocks,
    attachments: message.attachments,
    files: message.files.map((file) => fileShown(slack, file)),
    edited: message.edited !== undefined,
    pinned: message.pinned,
    ephemeral: message.ephemeralTo !== undefined,
    own: !message.byBot && message.user === id,
    broadcast: message.broadcast,
    threadTs: message.threadTs ?? null,
    replies: {
      count: replies.length,
      lastAt: replies.length === 0 ? null : Math.round(Number(replies.at(-1)?.ts) * 1_000),
    },
    reactions: [...message.reactions].map(([name, users]) => ({
      name,
      users: users.map((user) => NAMES.users[user] ?? user),
      own: users.includes(id),
    })),
    choices: message.choices.get(id) ?? {},
  };
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function fileShown(slack: SlackCounterpart, file: JsonObject): ShownFile {
  const id = str(file['id']);
  const name = str(file['name']);
  const content = slack.fileContent(id);
  const isPng = content?.subarray(0, PNG.length).equals(PNG) === true;
  const isText = content !== undefined && !isPng && /\.(md|txt|log|json|csv)$/i.test(name);
  return {
    id,
    name,
    pngBase64: isPng ? content.toString('base64') : null,
    text: isText ? content.toString('utf8').slice(0, MOST_TEXT) : null,
  };
}

function viewShown(view: StoredView, errors: ViewErrors, depth: number): ShownView {
  return { id: view.id, view: view.view, choices: view.choices, errors: { ...errors.get(view.id) }, depth };
}

export function venueShown({ binance }: Stage): VenueShown {
  const marks = binance.marks();
  const { spot } = binance.balances();
  const swap = binance.balances().swap;
  const orderShown = (order: VenueOrder) => ({
    id: order.id,
    wallet: order.wallet,
    symbol: order.symbol,
    side: order.side,
    type: order.type,
    quantity: order.quantity,
    filled: order.filled,
    price: order.price === 0 ? null : order.price,
    triggerPrice: order.triggerPrice === 0 ? null : order.triggerPrice,
    reduceOnly: order.reduceOnly,
  });
  return {
    orders: binance.openOrders().slice(0, MOST_ORDERS).map(orderShown),
    conditional: binance.conditionalOrders().slice(0, MOST_ORDERS).map(orderShown),
    positions: binance.positions().map(({ symbol, amount, entryPrice }) => {
      const mark = marks[symbol] ?? 0;
      return {
        symbol,
        side: amount < 0 ? 'short' : 'long',
        amount,
        entryPrice,
        mark,
        notional: amount * mark,
        unrealized: amount * (mark - entryPrice),
      };
    }),
    balances: [
      ...Object.entries(spot).map(([asset, { total, locked }]) => ({
        wallet: 'spot' as const,
        asset,
        total,
        locked,
      })),
      ...Object.entries(swap).map(([asset, total]) => ({ wallet: 'swap' as const, asset, total, locked: 0 })),
    ],
    marks,
    symbols: ['BTCUSDT', 'ETHUSDT'],
    requests: binance
      .requests()
      .slice(-MOST_REQUESTS)
      .map(({ at, method, path, status, fault }) => ({ at, method, path, status: fault ?? status ?? '…' })),
  };
}

export function pagerShown({ pagerDuty }: Stage): PagerShown {
  return {
    pages: pagerDuty
      .incidents()
      .slice(-MOST_PAGES)
      .map((one) => ({
        id: one.id,
        number: one.number,
        title: one.title,
        severity: one.severity,
        urgency: one.urgency,
        status: one.status,
        dedupKey: one.dedupKey,
        createdAt: one.createdAtMs,
        assignees: one.assignees.map(({ id, name }) => ({ id, name })),
        level: one.escalationLevel,
        log: one.history.map(({ atMs, summary }) => ({ at: atMs, text: summary })),
        notes: one.notes.map(({ atMs, userId, content }) => ({
          at: atMs,
          by: PEOPLE.find((person) => person.pagerDuty === userId)?.name ?? userId,
          text: content,
        })),
      })),
    onCall: pagerDuty
      .onCall()
      .map(({ user, schedule, level }) => ({ name: user.name, schedule: schedule?.name ?? null, level })),
    people: PEOPLE.flatMap(({ name, pagerDuty: id }) => (id === null ? [] : [{ id, name }])),
  };
}

export const mailShown = ({ mail }: Stage): ShownMail[] =>
  mail
    .messages()
    .slice(-MOST_MAILS)
    .map(({ atMs, envelope, subject, text, html, confirmed }) => ({
      at: atMs,
      from: envelope.from,
      to: [...envelope.to],
      subject,
      text,
      html,
      confirmed,
    }));

/** `began`: the file as the rehearsal wrote it. `text`: as it is now, null when it cannot be read. */
export function controlShown(
  file: string,
  text: string | null,
  began: string,
  writable: boolean,
  engine: Pick<LoopbackEngine, 'hears' | 'obeys' | 'isSilent'>,
): ControlShown {
  const first = new Map(linesOf(began).flatMap(({ key, value }) => (key === null ? [] : [[key, value]])));
  const obeys = engine.obeys();
  return {
    file,
    text: text?.slice(0, MOST_CONTROL) ?? null,
    lines: linesOf((text ?? '').slice(0, MOST_CONTROL)).map((line) => ({
      ...line,
      changed: line.key !== null && first.get(line.key) !== line.value,
    })),
    writable,
    engine: { on: !engine.isSilent(), hears: engine.hears(), rev: obeys?.['STANDDOWN_REV'] ?? null, obeys },
  };
}

function linesOf(text: string): { text: string; key: string | null; value: string | null }[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => {
    const found = /^\s*(?:export\s+)?([A-Z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    return { text: line, key: found?.[1] ?? null, value: found?.[2] ?? null };
  });
}

/** What `/status` says, as far as the page shows it; null for anything else. */
export function statusFields(
  json: unknown,
):
  | (Pick<ConsoleState['status'], 'trading' | 'incidents' | 'lastKill'> & Pick<ConsoleState, 'criteria'>)
  | null {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
  const said = json as Partial<ConsoleState['status'] & Pick<ConsoleState, 'criteria'>>;
  if (said.trading === undefined || !Array.isArray(said.incidents) || !Array.isArray(said.criteria))
    return null;
  return {
    trading: said.trading,
    incidents: said.incidents,
    lastKill: said.lastKill ?? null,
    criteria: said.criteria,
  };
}
