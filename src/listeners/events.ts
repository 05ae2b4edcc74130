/** What people write in an incident's thread, as it comes. Bolt's acknowledgement waits for this (adapters/slack.ts). */

import type { App } from '@slack/bolt';
import type { SharedFile } from '../domain/incident.ts';
import { createBotAlerts, isBotPost, type PostedMessage } from './botAlerts.ts';
import { type ListenerContext, slackActor } from './context.ts';
import { registerMarks } from './marks.ts';
import { filesOf, messageText } from './messageText.ts';

/** The parts of Slack's message events that are used here. */
interface MessageEvent extends PostedMessage {
  type: 'message';
  user?: string;
  text?: string;
  files?: unknown;
  message?: MessageEvent;
  previous_message?: MessageEvent;
  deleted_ts?: string;
}

/** Slack waits 3 s for an answer. */
const HEADLINE_MS = 2_000;
const LOOK_AGAIN_MS = 50;

/**
 * The incident whose thread this is. A headline's address is known once its post is on record; until then any thread may
 * be its, and a message that was acknowledged and not kept would be lost: it waits, and then Slack has to send it again.
 */
async function incidentOf(ts: string, { desk, ledger, clock }: ListenerContext): Promise<string | undefined> {
  for (const until = clock.monotonic() + HEADLINE_MS; ; ) {
    const found = desk.byThread(ts);
    if (found !== undefined || ledger.open().every((one) => one.posts['headline'] !== undefined))
      return found;
    if (clock.monotonic() >= until)
      throw new Error('a headline is on its way: whose thread this is, is not known');
    await clock.wait(LOOK_AGAIN_MS);
  }
}

export function registerEvents(app: App, context: ListenerContext): void {
  const botAlerts = createBotAlerts(context);
  registerMarks(app, context, (ts) => incidentOf(ts, context));
  app.event('message', async ({ event, client }) => {
    const message = event as unknown as MessageEvent;
    if (isBotPost(message, context)) return botAlerts.take(message, client);
    if (message.channel !== context.channel) return;
    const original = message.message ?? message.previous_message ?? message;
    if (original.thread_ts === undefined || isOurs(original, context)) return;
    const incident = await incidentOf(original.thread_ts, context);
    if (incident === undefined) return;
    const by = slackActor(original.user ?? original.bot_id ?? 'unknown', undefined);
    const before = message.previous_message;
    const was = before === undefined ? {} : { was: contentOf(before) };
    switch (message.subtype) {
      case 'message_changed':
        await context.desk.command(incident, {
          type: 'EditMessage',
          by,
          ts: original.ts,
          text: messageText(original),
          ...was,
        });
        return;
      case 'message_deleted':
        await context.desk.command(incident, {
          type: 'DeleteMessage',
          by,
          ts: message.deleted_ts ?? original.ts,
          ...was,
        });
        return;
      default:
        await context.desk.command(incident, {
          type: 'LogMessage',
          by,
          ts: message.ts,
          user: by.id,
          ...contentOf(message),
        });
    }
  });
}

function contentOf(message: MessageEvent): { text: string; fromBot?: true; files?: SharedFile[] } {
  const files = filesOf(message);
  return {
    text: messageText(message),
    // What a program writes is on the timeline, and is no update by a person.
    ...(message.bot_id === undefined ? {} : { fromBot: true }),
    ...(files.length === 0 ? {} : { files }),
  };
}

function isOurs(message: MessageEvent, context: ListenerContext): boolean {
  const identity = context.identity();
  return (
    identity !== null &&
    (message.user === identity.botUserId ||
      (message.bot_id !== undefined && message.bot_id === identity.botId))
  );
}
