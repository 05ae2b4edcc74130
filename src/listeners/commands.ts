/** Slash commands: parse, one engine call, one answer. Stopping never waits for Slack. */

import type { AckFn, App, RespondArguments, SlashCommand } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import { SEVERITIES } from '../domain/incident.ts';
import {
  incidentList,
  incidentStatus,
  killReply,
  switchReply,
  timelineText,
  USAGE,
} from '../render/replies.ts';
import { fromSlack, plain } from '../render/text.ts';
import { cancelView, declareView, resolveView } from '../render/views.ts';
import { chooseIncident, inWords, type ListenerContext, refusalFor, slackActor } from './context.ts';

type Ack = AckFn<string | RespondArguments>;
interface Asked {
  command: SlashCommand;
  ack: Ack;
  client: WebClient;
}

/** The playbook's words fit in far less; CONTRACT 5 gives the same limit over HTTP. */
const REASON = 500;

const asksForHelp = (text: string): boolean => text === 'help' || text === '?';

export function registerCommands(app: App, context: ListenerContext): void {
  const on = (name: string, handle: (asked: Asked) => Promise<string | null>) =>
    app.command(name, async ({ command, ack, client }) => {
      let text: string | null;
      try {
        text = await handle({ command, ack, client });
      } catch (error) {
        text = inWords(error, context);
      }
      if (text === null) await ack();
      else await ack({ response_type: 'ephemeral', text: context.drill ? `DRILL · ${text}` : text });
    });

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
    const only = chooseIncident(context, undefined);
    const incident = 'id' in only ? only.id : undefined;
    return switchReply(
      key,
      true,
      await context.desk.hold(
        slackActor(command.user_id, command.user_name),
        key,
        reason,
        'operator',
        incident,
      ),
    );
  });

  on('/resume', async ({ command }) => {
    const text = fromSlack(command.text).trim();
    // "feed" stands alone: "/resume feed is back" gives a reason to lift the latch.
    const [, switched, rest = '', feed] = /^(?:(signals|orders)(?:\s+([\s\S]*))?|(feed))$/.exec(text) ?? [];
    const what = switched ?? feed;
    // A slip in "orders" or "signals" is not a reason to lift the latch.
    if (asksForHelp(text) || (what === undefined && /^(order|signal)/i.test(text))) return USAGE.resume;
    const refused = await refusalFor(context, command.user_id, what === undefined ? 'approver' : 'responder');
    if (refused !== null) return refused;
    if (what === undefined) {
      // `start=…` states the value that criteria which are not known to be fine shall begin from.
      const [, startingValue = '', reason = ''] = /^(?:start=(\S+)\s*)?([\s\S]*)$/.exec(text) ?? [];
      const by = slackActor(command.user_id, command.user_name);
      const incident = await context.desk.latch.ask(
        by,
        plain(reason, REASON) || 'none given',
        plain(startingValue, 100),
      );
      return `Asked. ${context.desk.rules.approvals} approvers other than you must press Approve in the thread of ${incident.id} within 30 min.`;
    }
    const key = what === 'signals' ? 'PAUSE_SIGNALS' : what === 'feed' ? 'DATA_FEED' : 'HALT_NEW_ORDERS';
    const approver = await context.access.has(command.user_id, 'approver');
    const reason = rest === '' ? 'none given' : plain(rest, REASON);
    const only = chooseIncident(context, undefined);
    const answer = await context.desk.lift(
      slackActor(command.user_id, command.user_name),
      key,
      reason,
      (hold) => approver || (hold.owner !== 'hardStop' && hold.owner !== 'budget'),
      'id' in only ? only.id : undefined,
    );
    return switchReply(key, answer.left.length > 0, answer, answer.left);
  });

  on('/cancel', async ({ command, client }) => {
    const text = fromSlack(command.text).trim();
    if (asksForHelp(text)) return USAGE.cancel;
    const refused = await refusalFor(context, command.user_id, 'responder');
    if (refused !== null) return refused;
    const only = chooseIncident(context, undefined);
    const view = cancelView(
      'id' in only ? only.id : '',
      context.desk.venues.map((venue) => venue.id),
      plain(text, REASON),
    );
    return open(client, command.trigger_id, view, context);
  });

  on('/incident', (asked) => incidentCommand(asked, context));
}

async function open(
  client: WebClient,
  trigger_id: string,
  view: ModalView,
  context: ListenerContext,
): Promise<string | null> {
  try {
    await client.views.open({ trigger_id, view });
    return null;
  } catch (error) {
    context.log.warn({ error: String(error) }, 'a modal could not be opened');
    return 'Slack did not open the dialog. Try again; the same can be done on the command line and over HTTP.';
  }
}

async function incidentCommand({ command, client }: Asked, context: ListenerContext): Promise<string | null> {
  const [, verb = '', named, rest = ''] =
    /^\s*(\S+)?(?:\s+(INC-\d{8}-\d{3,9})(?=\s|$))?\s*([\s\S]*)$/.exec(fromSlack(command.text)) ?? [];
  const text = rest.trim();
  const by = slackActor(command.user_id, command.user_name);
  const reads = verb === 'list' || verb === 'status' || verb === 'timeline';
  if (verb === '' || asksForHelp(verb)) return USAGE.incident;
  // An id that is mistyped is not part of what is said about another incident.
  if (/^INC-/i.test(text)) return USAGE.incident;
  if (reads && text !== '') return USAGE.incident;

  const refused = await refusalFor(context, command.user_id, 'responder');
  if (refused !== null) return refused;
  if (verb === 'list') return incidentList(context.store.summaries());
  if (verb === 'declare') {
    if (named !== undefined) return USAGE.incident;
    const [, severity, title = ''] = /^(P[0-3])\s+([\s\S]+)$/.exec(text) ?? [];
    if (severity === undefined)
      return open(client, command.trigger_id, declareView(plain(text, 200)), context);
    const declared = await context.desk.declare(
      by,
      plain(title, 200),
      SEVERITIES.find((one) => one === severity) ?? 'P1',
    );
    return `${declared.id} is declared as ${declared.severity}. Its headline follows in <#${context.channel}>.`;
  }
  if (!['status', 'timeline', 'ack', 'note', 'resolve'].includes(verb)) return USAGE.incident;
  const chosen = chooseIncident(context, named);
  if ('say' in chosen) return chosen.say;
  const incident = await context.ledger.load(chosen.id);
  if (incident === undefined) return `There is no incident ${chosen.id}.`;
  switch (verb) {
    case 'status':
      return incidentStatus(incident, context.ledger.trading());
    case 'timeline':
      return timelineText(incident, await context.ledger.history(incident.id));
    case 'ack':
      if (text !== '') return USAGE.incident;
      await context.desk.command(incident.id, { type: 'AcknowledgeIncident', by });
      return `You acknowledged ${incident.id}. PagerDuty is being told.`;
    case 'note':
      if (text === '') return USAGE.incident;
      await context.desk.command(incident.id, { type: 'AddNote', by, text: plain(text, 2_000) });
      return `Noted on ${incident.id}.`;
    default:
      if (incident.status === 'resolved') return `${incident.id} is already resolved.`;
      return open(client, command.trigger_id, resolveView(incident, text), context);
  }
}
