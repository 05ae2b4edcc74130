/** `/incident budget [month]`: the table to whoever asks, and the burn-down pictures where everybody sees them. */

import type { WebClient } from '@slack/web-api';
import type { BudgetReading } from '../domain/budget/bands.ts';
import { type MonthId, monthSpan } from '../domain/budget/month.ts';
import { BUDGET_GROUP, OWN_SOURCE } from '../domain/incident.ts';
import { budgetMessage, pastBudgetMessage } from '../render/budget.ts';
import { burnDown } from '../render/burnDown.ts';
import { ephemeral, type ListenerContext, type Reply } from './context.ts';

/** Six pictures again so soon say nothing new, and fill the channel. */
const AGAIN_MS = 60_000;
/** By month. */
const postedAt = new WeakMap<ListenerContext, Map<MonthId, number>>();

/** What is drawn of a month. */
interface Drawn {
  month: MonthId;
  status: string;
  readings: readonly BudgetReading[];
  /** Up to when, ms since the epoch. */
  now: number;
}

/** `month` null: the one that runs. */
export async function showBudgets(
  user: string,
  month: MonthId | null,
  client: WebClient,
  context: ListenerContext,
): Promise<Reply> {
  const { budgets, playbook, ledger } = context;
  const report = budgets.report();
  if (month === null || month === report.month)
    return budgetMessage(report, playbook, ledger.trading(), posting(user, report, client, context));
  const past = budgets.past(month);
  if (past === null) return `Nothing is known of the error budgets of ${month}: twelve months are kept.`;
  const { sums, readings } = past;
  const drawn = { month, status: 'the month is over', readings, now: monthSpan(month).to * 60_000 };
  const where =
    readings.length === 0
      ? 'Of months before the last one only sums are kept: there is no burn-down of it.'
      : posting(user, drawn, client, context);
  return pastBudgetMessage(month, sums, playbook, where);
}

/** Begins to post the pictures, unless they were just posted. Returns where they are, in words. */
function posting(user: string, drawn: Drawn, client: WebClient, context: ListenerContext): string {
  const { clock, log } = context;
  const times = postedAt.get(context) ?? new Map<MonthId, number>();
  postedAt.set(context, times);
  const before = times.get(drawn.month);
  if (before !== undefined && clock.monotonic() - before < AGAIN_MS)
    return 'The burn-down pictures were posted less than a minute ago.';
  times.set(drawn.month, clock.monotonic());
  // Drawing and uploading take a second: the table does not wait for it.
  postPictures(drawn, context).catch((error: unknown) => {
    times.delete(drawn.month);
    log.warn({ error: String(error) }, 'the burn-down pictures could not be posted');
    void sayFailed(user, client, context);
  });
  return 'The burn-down pictures are being posted in #incidents.';
}

/** In the thread of the newest open incident of a budget; else in the channel. */
async function postPictures(
  { month, status, readings, now }: Drawn,
  context: ListenerContext,
): Promise<void> {
  const { budgets, playbook, ledger, pictures, upload, channel, drill } = context;
  const drawn = await pictures.draw(
    readings.map((reading) =>
      burnDown({
        reading,
        bad: budgets.badByMinute(reading.slo, month),
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
