/** `/incident timeline`, and the buttons that page through it: each answer replaces the one before. */

import type { App, BlockAction, ButtonAction } from '@slack/bolt';
import type { Incident } from '../domain/incident.ts';
import { ACTION, readButtonValue } from '../render/actions.ts';
import { timelineReply } from '../render/timelineReply.ts';
import { answered, ephemeral, inMarkup, type ListenerContext, type Reply, refusalFor } from './context.ts';

/** `before`: rows of events before this one. */
export async function timelineOf(
  incident: Incident,
  { ledger, store }: Pick<ListenerContext, 'ledger' | 'store'>,
  before?: number,
): Promise<Exclude<Reply, null>> {
  const history = await ledger.history(incident.id);
  return timelineReply(incident, history, await store.chain(incident.id), before);
}

export function registerTimeline(app: App, context: ListenerContext): void {
  async function page(body: BlockAction<ButtonAction>): Promise<Exclude<Reply, null>> {
    try {
      const refused = await refusalFor(context, body.user.id, 'responder');
      if (refused !== null) return refused;
      const value = readButtonValue(body.actions[0]?.value);
      const incident = value === null ? undefined : await context.ledger.load(value.incident);
      const before = value?.ref === undefined ? undefined : Number(value.ref);
      if (incident === undefined || (before !== undefined && !Number.isSafeInteger(before)))
        return '⛔ That button is not ours: nothing was done.';
      return await timelineOf(incident, context, before);
    } catch (error) {
      return inMarkup(error, context);
    }
  }

  for (const action of [ACTION.timelineEarlier, ACTION.timelineNewest])
    app.action<BlockAction<ButtonAction>>(
      { type: 'block_actions', action_id: action },
      async ({ ack, body, respond }) => {
        await answered(context, ack, page(body), (reply) => {
          respond({ ...ephemeral(reply, context), replace_original: true }).catch((error: unknown) =>
            context.log.warn({ error: String(error) }, 'a page of a timeline could not be delivered'),
          );
        });
      },
    );
}
