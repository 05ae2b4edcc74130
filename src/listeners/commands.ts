/** Slash commands: parse, one engine call, one answer. Stopping never waits for Slack. */

import type { App, RespondFn, SlashCommand } from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import type { Hold, HoldKey } from '../domain/trading.ts';
import { killReply, switchReply } from '../render/replies.ts';
import { fromSlack, plain } from '../render/text.ts';
import { USAGE } from '../render/usage.ts';
import { cancelView } from '../render/views.ts';
import {
  ephemeral,
  inMarkup,
  inTime,
  type ListenerContext,
  onlyOpen,
  type Reply,
  refusalFor,
  slackActor,
} from './context.ts';
import { incidentCommand } from './incident/command.ts';
import { onRecord } from './refused.ts';
import { open } from './trigger.ts';

interface Asked {
  command: SlashCommand;
  client: WebClient;
}

/** The playbook's words fit in far less; CONTRACT 5 gives the same limit over HTTP. */
const REASON = 500;

const LATE = 'Running, not yet recorded: the answer follows here.';

/** The words of `/resume`. */
const RESUMES: Partial<Record<string, HoldKey>> = {
  orders: 'HALT_NEW_ORDERS',
  signals: 'PAUSE_SIGNALS',
  feed: 'DATA_FEED',
  sizes: 'POSITION_SIZE_FACTOR',
  strategies: 'ALLOW_NEW_STRATEGIES',
  promotions: 'ALLOW_PROMOTIONS',
};

const asksForHelp = (text: string): boolean => text === 'help' || text === '?';

export function registerCommands(app: App, context: ListenerContext): void {
  const on = (name: string, handle: (asked: Asked) => Promise<Reply>) =>
    app.command(name, async ({ command, ack, client, respond }) => {
      const asked = {
        by: slackActor(command.user_id, command.user_name),
        what: `${name} ${fromSlack(command.text)}`,
        command: name === '/incident' ? `${name} ${command.text.trim().split(/\s/)[0] ?? ''}` : name,
        where: command.channel_id,
        incident: /\bINC-\d{8}-\d{3,9}\b/.exec(command.text)?.[0] ?? null,
        kills: name === '/kill',
      };
      const work = onRecord(context, asked, () => handle({ command, client })).catch((error: unknown) =>
        inMarkup(error, context),
      );
      const first = await inTime<Reply>(work, context.clock);
      const reply = first.late ? LATE : first.value;
      if (reply === null) await ack();
      else await ack(ephemeral(reply, context));
      if (first.late) say(respond, await work);
    });

  function say(respond: RespondFn, reply: Reply): void {
    respond(ephemeral(reply ?? 'Done.', context)).catch((error: unknown) =>
      context.log.warn({ error: String(error) }, 'a late answer to a command could not be delivered'),
    );
  }

  on('/kill', async ({ command }) => {
    const text = fromSlack(command.text).trim();
    if (asksForHelp(text)) return USAGE.kill;
    const refused = await refusalFor(context, command.user_id, 'responder');
    if (refused !== null) return refused;
    const reason = text === '' ? 'none given' : plain(text, REASON);
    return killReply(
      await context.desk.kill(slackActor(command.user_id, command.user_name), reason),
      context.desk.venues.map((venue) => venue.id),
    );
  });

  on('/halt', async ({ command }) => {
    const text = fromSlack(command.text).trim();
    if (asksForHelp(text)) return USAGE.halt;
    const refused = await refusalFor(context, command.user_id, 'responder');
    if (refused !== null) return refused;
    const [, what = 'orders', rest = ''] = /^(?:(signals|orders)(?:\s+|$))?([\s\S]*)$/.exec(text) ?? [];
    const key = what === 'signals' ? 'PAUSE_SIGNALS' : 'HALT_NEW_ORDERS';
    const reason = rest === '' ? 'none given' : plain(rest, REASON);
    const by = slackActor(command.user_id, command.user_name);
    return switchReply(key, true, await context.desk.hold(by, key, reason, 'operator', onlyOpen(context)));
  });

  on('/resume', async ({ command }) => {
    const text = fromSlack(command.text).trim();
    // "feed" stands alone: "/resume feed is back" gives a reason to lift the latch.
    const [, switched, rest = '', feed] =
      /^(?:(signals|orders|sizes|strategies|promotions)(?:\s+([\s\S]*))?|(feed))$/.exec(text) ?? [];
    const what = switched ?? feed;
    // A slip in "orders" or "signals" is not a reason to lift the latch.
    if (asksForHelp(text) || (what === undefined && /^(order|signal|size|strateg|promotion)/i.test(text)))
      return USAGE.resume;
    const by = slackActor(command.user_id, command.user_name);
    if (what === undefined) return askToLift(by, text);
    const key = RESUMES[what] ?? 'HALT_NEW_ORDERS';
    const may = await mayLift(context, command.user_id, key);
    if (typeof may === 'string') return may;
    const reason = rest === '' ? 'none given' : plain(rest, REASON);
    const answer = await context.desk.lift(by, key, reason, may, onlyOpen(context));
    return switchReply(key, answer.left.length > 0, answer, answer.left);
  });

  async function askToLift(by: ReturnType<typeof slackActor>, text: string): Promise<string> {
    const refused = await refusalFor(context, by.id, 'approver');
    if (refused !== null) return refused;
    // `start=…` states the value that criteria which are not known to be fine shall begin from.
    const [, startingValue = '', reason = ''] = /^(?:start=(\S+)\s*)?([\s\S]*)$/.exec(text) ?? [];
    const incident = await context.desk.latch.ask(
      by,
      plain(reason, REASON) || 'none given',
      plain(startingValue, 100),
    );
    return `Asked. ${context.desk.rules.approvals} approvers other than you must press Approve in the thread of ${incident.id} within 30 min.`;
  }

  on('/cancel', async ({ command, client }) => {
    const text = fromSlack(command.text).trim();
    if (asksForHelp(text)) return USAGE.cancel;
    const refused = await refusalFor(context, command.user_id, 'responder');
    if (refused !== null) return refused;
    const view = cancelView(
      onlyOpen(context) ?? '',
      context.desk.venues.map((venue) => venue.id),
      plain(text, REASON),
    );
    return open(client, command.trigger_id, view, context);
  });

  on('/incident', ({ command, client }) =>
    incidentCommand(
      command.text,
      { by: slackActor(command.user_id, command.user_name), client, triggerId: command.trigger_id },
      context,
    ),
  );
}

/**
 * Which holds this person may lift: a responder those of people and runbooks, an approver those of a hard stop or a budget.
 * In words, when none.
 */
export async function mayLift(
  context: ListenerContext,
  userId: string,
  key: HoldKey,
): Promise<string | ((hold: Hold) => boolean)> {
  const [refused, approver] = await Promise.all([
    refusalFor(context, userId, 'responder'),
    context.access.has(userId, 'approver'),
  ]);
  const strict = ({ owner }: Hold) => owner === 'hardStop' || owner === 'budget';
  // Somebody who only approves has a say where a hard stop or a budget holds, and nowhere else.
  const concerns = context.ledger.trading().holds.some((hold) => hold.key === key && strict(hold));
  if (refused !== null && !(approver && concerns)) return refused;
  return (hold) => (strict(hold) ? approver : refused === null);
}
