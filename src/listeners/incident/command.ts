/** `/incident <verb> [INC-…] [text]`: what was meant, on which incident, by whom; then its verb. */

import type { App, BlockAction, RespondFn, StaticSelectAction } from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import { SEVERITIES } from '../../domain/incident.ts';
import { CHOOSE_BLOCK, MENU } from '../../render/actions.ts';
import { type Candidate, chooseMessage } from '../../render/choose.ts';
import { unclearText } from '../../render/usage.ts';
import {
  answered,
  ephemeral,
  inMarkup,
  type ListenerContext,
  onlyOpen,
  type Reply,
  refusalFor,
  slackActor,
} from '../context.ts';
import { onRecord } from '../refused.ts';
import { type IncidentCommand, readIncidentCommand } from './read.ts';
import { type Asked, VERBS } from './verbs.ts';

type Who = Pick<Asked, 'by' | 'client' | 'triggerId'>;

/** Those that are over are offered newest first, and not all of them: older ones are named. */
const PAST = 20;

export async function incidentCommand(wire: string, who: Who, context: ListenerContext): Promise<Reply> {
  const read = readIncidentCommand(wire);
  if ('unclear' in read) {
    const asksForHelp = /^\s*\??\s*$/.test(wire);
    return `${read.verb === null && !asksForHelp ? 'There is no such verb: nothing was done.\n' : ''}${unclearText(read.verb)}`;
  }
  const verb = VERBS[read.verb];
  const onDesk = read.incident === undefined ? (verb.onDesk?.(read.text) ?? null) : null;
  if ((onDesk === null && !verb.reads(read.text)) || (verb.about === 'desk' && read.incident !== undefined))
    return unclearText(read.verb);
  // How it is used is no secret.
  if (read.verb === 'help') return unclearText('help');
  const refused = await refusalFor(context, who.by.id, 'responder');
  if (refused !== null) return refused;
  if (onDesk !== null) return onDesk({ ...who, text: read.text, context });
  return run(read, who, context);
}

/** The command on the incident that it names, the only one that it can mean, or the one that is chosen next. */
async function run(command: IncidentCommand, who: Who, context: ListenerContext): Promise<Reply> {
  const verb = VERBS[command.verb];
  const asked: Asked = { ...who, text: command.text, context };
  if (verb.about === 'desk') return verb.run(asked);
  const id = command.incident ?? (verb.about === 'resolved' ? undefined : onlyOpen(context));
  if (id === undefined) return choose(command, verb.about, who, context);
  const incident = await context.ledger.load(id);
  if (incident === undefined) return `There is no incident ${id}.`;
  return verb.run({ ...asked, incident });
}

function choose(
  command: IncidentCommand,
  about: 'open' | 'past' | 'resolved',
  { by }: Who,
  context: ListenerContext,
): Reply {
  const open = candidatesOpen(context);
  const past = about === 'resolved' || (about === 'past' && open.length === 0);
  const candidates = past ? candidatesPast(context) : open;
  const none = about === 'resolved' ? 'There is no resolved incident.' : 'There is no open incident.';
  if (candidates.length === 0) return none;
  const name = context.choices.offer(
    by.id,
    command,
    candidates.map(({ id }) => id),
  );
  const lead = past && about === 'past' ? none : '';
  return chooseMessage(command.verb, name, candidates, lead, context.drill);
}

/** The worst first, then the newest. */
function candidatesOpen({ ledger }: ListenerContext): Candidate[] {
  return ledger
    .open()
    .toSorted(
      (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || b.openedAt - a.openedAt,
    )
    .map(({ id, severity, status, title }) => ({ id, severity, status, title }));
}

function candidatesPast({ store }: ListenerContext): Candidate[] {
  return store
    .summaries()
    .filter((one) => one.status === 'resolved')
    .toSorted((a, b) => (b.resolvedAt ?? 0) - (a.resolvedAt ?? 0))
    .slice(0, PAST)
    .map(({ id, severity, status, title }) => ({ id, severity, status, title }));
}

/** An incident was picked from the list: the command that was typed runs on it, once. */
export function registerChoice(app: App, context: ListenerContext): void {
  app.action<BlockAction<StaticSelectAction>>(
    { type: 'block_actions', action_id: MENU.chooseIncident },
    async ({ ack, body, client, respond }) => {
      await answered(context, ack, chosen(body, client, context), (reply) => replace(respond, reply));
    },
  );

  function replace(respond: RespondFn, reply: Reply): void {
    const said = reply ?? 'The dialog is open.';
    respond({ ...ephemeral(said, context), replace_original: true }).catch((error: unknown) =>
      context.log.warn({ error: String(error) }, 'an answer to a choice could not be delivered'),
    );
  }
}

async function chosen(
  body: BlockAction<StaticSelectAction>,
  client: WebClient,
  context: ListenerContext,
): Promise<Reply> {
  const asked = {
    by: slackActor(body.user.id, body.user.name ?? body.user.username),
    what: 'an incident from the list of a command',
    command: MENU.chooseIncident,
    where: body.channel?.id ?? 'nowhere',
    incident: body.actions[0]?.selected_option?.value ?? null,
  };
  return onRecord(context, asked, () => runChosen(body, client, context)).catch((error: unknown) =>
    inMarkup(error, context),
  );
}

async function runChosen(
  body: BlockAction<StaticSelectAction>,
  client: WebClient,
  context: ListenerContext,
): Promise<Reply> {
  const [action] = body.actions;
  const incident = action?.selected_option?.value ?? '';
  const name = action?.block_id.startsWith(CHOOSE_BLOCK) ? action.block_id.slice(CHOOSE_BLOCK.length) : '';
  // Asked before the command is used up: a refusal leaves it.
  const refused = await refusalFor(context, body.user.id, 'responder');
  if (refused !== null) return refused;
  const command = context.choices.take(name, body.user.id, incident);
  if (command === null) return '⛔ That list is old or not yours: nothing was done. Type the command again.';
  const by = slackActor(body.user.id, body.user.name ?? body.user.username);
  return run(command, { by, client, triggerId: body.trigger_id }, context);
}
