/** Reactions that mark a message of an incident's thread, and pins. Bolt's acknowledgement waits until they are on record. */

import type { App } from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import { markOf } from '../domain/marks.ts';
import { type ListenerContext, slackActor } from './context.ts';
import { messageText } from './messageText.ts';

/** The message that an event is about, and what is known of it. */
interface Meant {
  incident: string;
  ts: string;
  text: string;
}

interface Worded {
  ts?: string;
  thread_ts?: string;
  text?: string;
}

/** What of a message goes along with its mark. */
const TEXT = 500;

/** The incident whose thread this is; undefined: none. */
export type IncidentOfThread = (threadTs: string) => Promise<string | undefined>;

export function registerMarks(app: App, context: ListenerContext, incidentOf: IncidentOfThread): void {
  const { ledger, desk, access } = context;

  /** An open incident that knows the message: nothing is asked of Slack for it. */
  function known(ts: string): Meant | undefined {
    for (const incident of ledger.open()) {
      const message = incident.messages[ts];
      if (message !== undefined) return { incident: incident.id, ts, text: message.text };
    }
    return undefined;
  }

  /** A reaction names its message alone: Slack says in which thread it stands. Throws: then Slack sends it again. */
  async function meant(channel: string, ts: string, client: WebClient): Promise<Meant | undefined> {
    const found = known(ts);
    if (found !== undefined) return found;
    const { messages = [] } = await client.conversations.replies({
      channel,
      ts,
      oldest: ts,
      latest: ts,
      inclusive: true,
      limit: 2, // its parent may come along
    });
    const thread = messages as Worded[];
    const message = thread.find((one) => one.ts === ts);
    return inThread(ts, message ?? {}, message?.thread_ts ?? thread[0]?.thread_ts ?? ts);
  }

  async function inThread(ts: string, message: Worded, threadTs: string): Promise<Meant | undefined> {
    const incident = await incidentOf(threadTs);
    if (incident === undefined) return undefined;
    const logged = (await ledger.load(incident))?.messages[ts];
    return { incident, ts, text: (logged?.text ?? messageText(message)).slice(0, TEXT) };
  }

  for (const type of ['reaction_added', 'reaction_removed'] as const)
    app.event(type, async ({ event, client }) => {
      const { item, user, reaction } = event as {
        item: { type: string; channel?: string; ts?: string };
        user: string;
        reaction: string;
      };
      const mark = markOf(reaction, context.playbook.timeline.reactions);
      if (mark === null || item.type !== 'message' || item.channel !== context.channel) return;
      if (item.ts === undefined) return;
      // Taking one's own away asks for no role: there was one when it was given.
      const adds = type === 'reaction_added';
      if (adds && (await access.standing(user, 'responder')) !== 'has') return;
      const message = await meant(item.channel, item.ts, client);
      if (message === undefined) return;
      const { incident, ts, text } = message;
      const by = slackActor(user, undefined);
      await desk.command(
        incident,
        adds
          ? { type: 'MarkMessage', by, ts, mark, emoji: reaction, text }
          : { type: 'UnmarkMessage', by, ts, emoji: reaction },
      );
    });

  for (const type of ['pin_added', 'pin_removed'] as const)
    app.event(type, async ({ event }) => {
      const {
        item,
        user,
        channel_id: channel,
      } = event as unknown as {
        item: { type?: string; message?: Worded };
        user: string;
        channel_id: string;
      };
      const ts = item.message?.ts;
      if (channel !== context.channel || item.message === undefined || ts === undefined) return;
      const message = await inThread(ts, item.message, item.message.thread_ts ?? ts);
      if (message === undefined) return;
      const by = slackActor(user, undefined);
      await desk.command(
        message.incident,
        type === 'pin_added'
          ? { type: 'PinMessage', by, ts, text: message.text }
          : { type: 'UnpinMessage', by, ts },
      );
    });
}
