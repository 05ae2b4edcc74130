/** The message shortcut "Declare incident": the message's words, who wrote them and where they stand go into the timeline. */

import type { App, MessageShortcut } from '@slack/bolt';
import type { MessageSource } from '../domain/incident.ts';
import { CALLBACK } from '../render/actions.ts';
import { type DeclaredFrom, declaredFrom } from '../render/declared.ts';
import { plain } from '../render/text.ts';
import { declareView } from '../render/views.ts';
import { ephemeral, inTime, type ListenerContext, refusalFor, slackActor } from './context.ts';
import { messageText } from './messageText.ts';
import { onRecord } from './refused.ts';
import { open } from './trigger.ts';

export function registerShortcut(app: App, context: ListenerContext): void {
  app.shortcut<MessageShortcut>(
    { callback_id: CALLBACK.declare, type: 'message_action' },
    async ({ ack, shortcut, client, respond }) => {
      const asked = {
        by: slackActor(shortcut.user.id, shortcut.user.name),
        what: 'shortcut Declare incident',
        command: CALLBACK.declare,
        where: shortcut.channel.id,
        incident: null,
      };
      const work = onRecord(context, asked, async () => {
        const refused = await refusalFor(context, shortcut.user.id, 'responder');
        return refused ?? open(client, shortcut.trigger_id, viewOf(shortcut), context);
      });
      const first = await inTime(work, context.clock);
      await ack();
      const reply = first.late ? await work : first.value;
      if (reply === null) return;
      await respond(ephemeral(reply, context)).catch((error: unknown) =>
        context.log.warn({ error: String(error) }, 'the shortcut could not be answered'),
      );
    },
  );
}

function viewOf(shortcut: MessageShortcut) {
  const { message, channel } = shortcut;
  const text = messageText(message);
  const author = message.user ?? asText(message['username']) ?? asText(message['bot_id']) ?? 'unknown';
  return declareView(plain(text, 200), declaredFrom({ channel: channel.id, ts: message.ts, author, text }));
}

const asText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? plain(value, 60) : undefined;

/** How long declaring waits for the message's address and its author's name: both are worth little beside the incident. */
const LOOKUP_MS = 800;

/** The message for the timeline. What Slack does not say in time is left out, or stays an id. */
export async function messageSource(
  context: ListenerContext,
  { channel, ts, author, text }: DeclaredFrom,
): Promise<{ text: string; from: MessageSource }> {
  const over = new AbortController();
  const late = context.clock.wait(LOOKUP_MS, over.signal).then(() => null);
  const [permalink, person] = await Promise.all([
    Promise.race([context.permalink(channel, ts), late]),
    /^[UW][A-Z0-9]+$/.test(author) ? Promise.race([context.people.of(author), late]) : null,
  ]).finally(() => over.abort());
  return {
    text: plain(text, 2_000),
    from: { author: person?.name ?? author, ...(permalink === null ? {} : { permalink }) },
  };
}
