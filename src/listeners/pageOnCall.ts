/** "Page on-call": what somebody without a role can do, from the refusal that they got. It moves nothing but the pager. */

import type { App, BlockAction, ButtonAction } from '@slack/bolt';
import { Refusal } from '../domain/decide.ts';
import type { Actor } from '../domain/incident.ts';
import { ACTION, readButtonValue } from '../render/actions.ts';
import { clockTime, plain } from '../render/text.ts';
import { ephemeral, inMarkup, type ListenerContext, slackActor } from './context.ts';
import { onRecord } from './refused.ts';

/** One page a person in this time, over all incidents. */
const AGAIN_MS = 15 * 60_000;

export function registerPageOnCall(app: App, context: ListenerContext): void {
  const { desk, ledger, clock } = context;
  // One press after the other: the second of two sees the page of the first.
  let turn: Promise<unknown> = Promise.resolve();

  async function page(by: Actor, named: string | undefined): Promise<string> {
    const last = lastPageOf(by);
    if (last !== null && clock.now() - last < AGAIN_MS)
      throw new Refusal(
        'asked_already',
        `You paged on-call at ${clockTime(last)} UTC. Again from ${clockTime(last + AGAIN_MS)} UTC.`,
      );
    const paged = ledger
      .open()
      .filter((one) => one.gameDay === undefined && context.playbook.severities[one.severity].page !== null);
    const incident = (paged.find((one) => one.id === named) ?? paged.at(-1))?.id;
    if (incident === undefined) {
      const declared = await desk.declare(by, plain(`On-call asked for by ${by.name}`, 200), 'P1');
      return `On-call is being paged: ${declared.id} is open for it. Say in its thread what you see.`;
    }
    await desk.command(incident, { type: 'AskPage', by });
    return `On-call is being paged for ${incident}. Its headline says who has the page.`;
  }

  function lastPageOf({ id }: Actor): number | null {
    const times = ledger
      .open()
      .flatMap((one) => [
        ...one.pages.flatMap((page) => (page.askedBy === id ? [page.owedAt] : [])),
        ...(one.origin === 'person' && one.openedBy.id === id ? [one.openedAt] : []),
      ]);
    return times.length === 0 ? null : Math.max(...times);
  }

  app.action<BlockAction<ButtonAction>>(
    { type: 'block_actions', action_id: ACTION.pageOnCall },
    async ({ ack, body, respond }) => {
      const by = slackActor(body.user.id, body.user.name ?? body.user.username);
      const named = readButtonValue(body.actions[0]?.value)?.incident;
      const asked = {
        by,
        what: `button ${ACTION.pageOnCall}`,
        command: ACTION.pageOnCall,
        where: body.channel?.id ?? 'nowhere',
        incident: named ?? null,
      };
      const pressed = turn.then(() => onRecord(context, asked, () => page(by, named)));
      turn = pressed.catch(() => undefined);
      const answer = await pressed.catch((error: unknown) => inMarkup(error, context));
      await ack();
      respond({ replace_original: true, ...ephemeral(answer, context) }).catch((error: unknown) =>
        context.log.warn({ error: String(error) }, 'an answer to a click could not be delivered'),
      );
    },
  );
}
