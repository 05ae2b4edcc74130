/** `/incident budget`: the table to whoever asks, and the burn-down pictures where everybody sees them. */

import type { WebClient } from '@slack/web-api';
import { monthSpan } from '../domain/budget/month.ts';
import { BUDGET_GROUP, OWN_SOURCE } from '../domain/incident.ts';
import { budgetMessage } from '../render/budget.ts';
import { burnDown } from '../render/burnDown.ts';
import { ephemeral, type ListenerContext, type Reply } from './context.ts';

/** Six pictures again so soon say nothing new, and fill the channel. */
const AGAIN_MS = 60_000;
const postedAt = new WeakMap<ListenerContext, number>();

export async function showBudgets(user: string, client: WebClient, context: ListenerContext): Promise<Reply> {
  const { budgets, playbook, ledger, clock, log } = context;
  const before = postedAt.get(context);
  const isSoon = before !== undefined && clock.monotonic() - before < AGAIN_MS;
  if (!isSoon) {
    postedAt.set(context, clock.monotonic());
    // Drawing and uploading take a second: the table does not wait for it.
    postPictures(context).catch((error: unknown) => {
      postedAt.delete(context);
      log.warn({ error: String(error) }, 'the burn-down pictures could not be posted');
      void sayFailed(user, client, context);
    });
  }
  const where = isSoon
    ? 'The burn-down pictures were posted less than a minute ago.'
    : 'The burn-down pictures are being posted in #incidents.';
  return budgetMessage(budgets.report(), playbook, ledger.trading(), where);
}

/** In the thread of the newest open incident of a budget; else in the channel. */
async function postPictures(context: ListenerContext): Promise<void> {
  const { budgets, playbook, ledger, pictures, upload, channel, drill } = context;
  const { month, status, readings, now } = budgets.report();
  const drawn = await pictures.draw(
    readings.map((reading) =>
      burnDown({
        reading,
        bad: budgets.badByMinute(reading.slo),
        bands: playbook.budgets,
        monthFrom: monthSpan(month).from * 60_000,
        now,
        drill,
      }),
    ),
  );
  const headline = ledger
    .open()
    .findLast((one) => one.source === OWN_SOURCE && one.groupKey?.startsWith(BUDGET_GROUP) === true)?.posts[
    'headline'
  ];
  const sent = await upload(
    headline?.channel ?? channel,
    headline?.ts ?? null,
    `${drill ? 'DRILL · ' : ''}Error budgets ${month}: ${status}`,
    readings.map(({ slo, title, remainingPct }, index) => ({
      name: `burn-down-${slo}-${month}.png`,
      title: `${slo} ${title}: ${remainingPct.toFixed(1)} % left, as far as measured`,
      bytes: drawn[index]?.png ?? Buffer.alloc(0),
    })),
  );
  if (sent.state === 'failed') throw new Error(sent.reason);
}

async function sayFailed(user: string, client: WebClient, context: ListenerContext): Promise<void> {
  const text =
    '❗ The burn-down pictures could not be posted: does the app have the scope files:write? The table is right all the same.';
  const { text: said } = ephemeral(text, context);
  await client.chat
    .postEphemeral({ channel: context.channel, user, text: said })
    .catch((error: unknown) => context.log.warn({ error: String(error) }, 'somebody was not told of it'));
}
