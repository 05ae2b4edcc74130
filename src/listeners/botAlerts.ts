/** Alerts that other bots post in the alert channels: taken like any other, and never from what people write. */

import type { WebClient } from '@slack/web-api';
import type { TakenAlert } from '../engine/intake.ts';
import { inert, plain } from '../render/text.ts';
import { type BotAlert, type BotReading, readBotMessage } from './botMessage.ts';
import type { ListenerContext } from './context.ts';

/** The parts of Slack's message event that tell whose it is, and when. */
export interface PostedMessage {
  subtype?: string;
  channel: string;
  ts: string;
  event_ts?: string;
  thread_ts?: string;
  bot_id?: string;
  app_id?: string;
  username?: string;
  bot_profile?: { name?: string };
  metadata?: { event_type?: string };
  message?: PostedMessage;
  previous_message?: PostedMessage;
}

export interface BotAlerts {
  /** Resolves when what it says is on disk. Throws StoreUnavailable: Slack then sends it again. */
  take(event: PostedMessage, client: WebClient): Promise<void>;
}

/** Slack sends again for about an hour. */
const REMEMBERED = 5_000;
/** One offer for a bot and a reason in this time: chatter that looks like an alert is no reason to chatter. */
const OFFER_MS = 30 * 60_000;

export function createBotAlerts(context: ListenerContext): BotAlerts {
  const taken = new Map<string, Promise<void>>();
  const offered = new Map<string, number>();

  async function read(event: PostedMessage, client: WebClient): Promise<void> {
    const message = event.message ?? event;
    const { playbook, clock, desk } = context;
    const reading = readBotMessage(message, playbook);
    // Slack edits a message by itself, too: to unfurl a link, or when it is replied to.
    const before = event.previous_message;
    if (before !== undefined && same(reading, readBotMessage(before, playbook))) return;
    if (reading.kind === 'chatter') return;
    const source = `slack/${event.channel}/${message.app_id ?? message.bot_id ?? 'unknown'}`;
    if (reading.kind === 'unreadable') return offer(event.channel, message.ts, source, reading.why, client);
    const at = timeOf(event.subtype === 'message_changed' ? (event.event_ts ?? event.ts) : message.ts);
    const name = plain(message.bot_profile?.name ?? message.username ?? source, 60);
    await desk.takeAlerts(
      reading.alerts.map((alert) => asTaken(alert, source, at ?? clock.now(), at !== null)),
      { via: 'alert', id: source, name },
    );
  }

  /** Nobody is paged for what cannot be read, and nothing is silent either. A person decides. */
  function offer(channel: string, ts: string, source: string, why: string, client: WebClient): void {
    const now = context.clock.monotonic();
    const key = `${source}|${why}`;
    for (const [old, at] of offered) if (now - at > OFFER_MS) offered.delete(old);
    if (offered.has(key) || offered.size > 500) return;
    offered.set(key, now);
    context.log.warn({ source, why }, 'a message that looks like an alert could not be read');
    const text = `${context.drill ? 'DRILL · ' : ''}This looks like an alert, but it could not be read: ${inert(why, 200)}. *No incident was opened, and nobody was paged.* If it is one: ⋯ → Declare incident.`;
    client.chat
      .postMessage({
        channel,
        thread_ts: ts,
        text: context.mask(text),
        unfurl_links: false,
        link_names: false,
      })
      .catch((error: unknown) =>
        context.log.warn({ error: String(error) }, 'an unread alert could not be pointed out'),
      );
  }

  return {
    async take(event, client) {
      const name = `${event.channel}/${event.ts}/${event.event_ts ?? ''}`;
      const before = taken.get(name);
      if (before !== undefined) return before;
      const work = read(event, client);
      taken.set(name, work);
      const [oldest] = taken.keys();
      if (taken.size > REMEMBERED && oldest !== undefined) taken.delete(oldest);
      // What was not stored is taken when Slack sends it again.
      await work.catch((error: unknown) => {
        taken.delete(name);
        throw error;
      });
    },
  };
}

/** Whether a message is one that may hold an alert: another bot's own post, or its edit, and no reply. */
export function isBotPost(event: PostedMessage, context: ListenerContext): boolean {
  if (!context.alertChannels.includes(event.channel)) return false;
  if (event.subtype !== undefined && event.subtype !== 'bot_message' && event.subtype !== 'message_changed')
    return false;
  const message = event.message ?? event;
  const ours =
    message.bot_id === context.identity()?.botId || message.metadata?.event_type === 'standdown_message';
  const reply = message.thread_ts !== undefined && message.thread_ts !== message.ts;
  return message.bot_id !== undefined && !ours && !reply;
}

const same = (a: BotReading, b: BotReading): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Slack's time stamp in ms; null for what is none. */
function timeOf(ts: string): number | null {
  const at = Math.floor(Number(ts) * 1_000);
  return Number.isFinite(at) && at > 0 ? at : null;
}

function asTaken(alert: BotAlert, source: string, at: number, given: boolean): TakenAlert {
  return {
    status: alert.status,
    endedAt: at,
    alert: {
      source,
      groupKey: alert.group,
      key: alert.group,
      title: alert.title,
      severity: alert.severity,
      ...(alert.severityGuess === undefined ? {} : { severityGuess: alert.severityGuess }),
      startsAt: at,
      startsAtGiven: given,
      labels: alert.labels,
      annotations: {},
      ...(alert.link === undefined ? {} : { link: alert.link }),
    },
  };
}
