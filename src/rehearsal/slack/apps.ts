import { changeEvent, contentOf, messageEvent } from './chat.ts';
import type { Delivery } from './delivery.ts';
import type { JsonObject } from './json.ts';
import { eventCallback } from './payloads.ts';
import type { Answer, OtherApp, StoredMessage } from './shapes.ts';
import { wireMessage } from './wire-shapes.ts';
import type { Workspace } from './workspace.ts';

/** What other apps of the workspace do. The bot hears of it where it is a member. */
export interface Apps {
  /** Posts as another app: `text`, `blocks`, `attachments` as chat.postMessage takes them. */
  postAs(
    app: OtherApp,
    channel: string,
    content: JsonObject,
    where?: { readonly threadTs?: string },
  ): Promise<Answer & { ts: string }>;
  /** Edits its own message, as chat.update does. @throws when it is not this app's */
  editAs(app: OtherApp, channel: string, ts: string, content: JsonObject): Promise<Answer>;
}

/** Apps that act through `delivery` on what the workspace shows. */
export function createApps(workspace: Workspace, delivery: Delivery): Apps {
  const tell = (body: JsonObject, app: OtherApp): Promise<Answer> =>
    delivery.deliver('events_api', eventCallback(workspace, body, app.botUserId ?? ''));

  function own(app: OtherApp, channel: string, ts: string): StoredMessage {
    const message = workspace.find(channel, ts);
    if (message?.app?.botId !== app.botId) throw new Error(`the message ${ts} is not ${app.name}'s`);
    return message;
  }

  return {
    async postAs(app, channel, content, where = {}) {
      const message = workspace.post({
        ...contentOf(workspace, content),
        channel,
        user: app.botUserId ?? '',
        byBot: false,
        app,
        threadTs: where.threadTs,
      });
      return { ...(await tell(messageEvent(workspace, message), app)), ts: message.ts };
    },
    async editAs(app, channel, ts, content) {
      const message = own(app, channel, ts);
      const previous = wireMessage(workspace, message, true);
      // Straight into the store: `rewrite` would send the event a second time, in the background.
      Object.assign(message, contentOf(workspace, content));
      workspace.remember(message);
      return tell(changeEvent(workspace, message, 'message_changed', previous), app);
    },
  };
}
