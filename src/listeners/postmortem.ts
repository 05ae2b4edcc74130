/** The life of a postmortem in Slack: `/incident postmortem`, the buttons of its message, and its dialogs. */

import type { App, BlockAction, ButtonAction, RespondFn, ViewSubmitAction } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import { type Actor, evolveAll, type Incident } from '../domain/incident.ts';
import { type FieldEdit, sortEdits } from '../domain/postmortem/life.ts';
import { ACTION, type ActionId, CALLBACK, readButtonValue } from '../render/actions.ts';
import {
  conflictView,
  editView,
  postmortemCard,
  readEditMetadata,
  readEdits,
  returnView,
  tidyStatement,
} from '../render/postmortem.ts';
import { inert, plain } from '../render/text.ts';
import { laterView, readReason } from '../render/views.ts';
import {
  answered,
  ephemeral,
  inMarkup,
  inTime,
  inWords,
  type ListenerContext,
  type Reply,
  refusalFor,
  slackActor,
} from './context.ts';
import { open } from './trigger.ts';

const LATE = 'Running, not yet recorded: the answer follows here.';

/** `/incident postmortem`: what there is, with its buttons; one where there is none is drafted. */
export async function postmortemReply(
  incident: Incident,
  by: Actor,
  context: ListenerContext,
): Promise<Reply> {
  const { events, incident: now = incident } = await context.desk.command(incident.id, {
    type: 'AskPostmortem',
    by,
  });
  const card = postmortemCard(now, context.playbook, context.clock.now());
  // An answer to one person is labelled as a whole.
  if (card !== null) return { ...card, text: card.text.replace(/^DRILL · /, '') };
  const why = now.status === 'resolved' ? '' : ' It is open: the draft says so, and of what it knows.';
  return events.length === 0
    ? `*${incident.id}* has no postmortem.`
    : `A postmortem of *${incident.id}* is being drafted; its message follows in the thread.${why}`;
}

export function registerPostmortem(app: App, context: ListenerContext): void {
  const { desk } = context;

  interface Pressed {
    by: Actor;
    incident: Incident;
    triggerId: string;
    client: WebClient;
  }
  const buttons: Partial<Record<ActionId, (pressed: Pressed) => Promise<Reply>>> = {
    [ACTION.postmortemEdit]: async ({ incident, triggerId, client }) => {
      if (incident.postmortem === undefined) return 'There is no draft yet.';
      if (incident.postmortem.state === 'FINAL')
        return `⛔ ${incident.postmortem.id} is FINAL: an approver returns it to a draft first.`;
      return open(client, triggerId, editView(incident), context);
    },
    [ACTION.review]: async ({ by, incident }) => {
      await desk.command(incident.id, { type: 'ReviewPostmortem', by });
      return incident.resolution?.category === undefined
        ? 'It is in review. Its root cause has no category: until it has one, this does not count as reviewed.'
        : null;
    },
    [ACTION.postmortemFinalise]: async ({ by, incident }) => {
      await desk.command(incident.id, { type: 'FinalisePostmortem', by });
      return null;
    },
    [ACTION.postmortemReturn]: ({ incident, triggerId, client }) =>
      open(client, triggerId, returnView(incident), context),
  };

  for (const [action, handle] of Object.entries(buttons))
    app.action<BlockAction<ButtonAction>>(
      { type: 'block_actions', action_id: action },
      async ({ ack, body, client, respond }) => {
        await answered(context, ack, press(body, client, handle), (reply) => say(respond, reply));
      },
    );

  /** The message that it is pressed on does not matter: what may be done follows from the state on record. */
  async function press(
    body: BlockAction<ButtonAction>,
    client: WebClient,
    handle: (pressed: Pressed) => Promise<Reply>,
  ): Promise<Reply> {
    try {
      const refused = await refusalFor(context, body.user.id, 'responder');
      if (refused !== null) return refused;
      const value = readButtonValue(body.actions[0]?.value);
      const incident = value === null ? undefined : await context.ledger.load(value.incident);
      if (incident === undefined) return '⛔ That button is not ours: nothing was done.';
      const by = slackActor(body.user.id, body.user.name ?? body.user.username);
      return await handle({ by, incident, triggerId: body.trigger_id, client });
    } catch (error) {
      return inMarkup(error, context);
    }
  }

  function say(respond: RespondFn | undefined, reply: Reply): void {
    if (reply === null || respond === undefined) return;
    respond({ ...ephemeral(reply, context), replace_original: false }).catch((error: unknown) =>
      context.log.warn({ error: String(error) }, 'an answer to a click could not be delivered'),
    );
  }

  // ── The dialogs ────────────────────────────────────────────────────────────────────────────────────────────────────

  type Submit = (
    by: Actor,
    view: { metadata: string; values: ViewSubmitAction['view']['state']['values'] },
  ) => Promise<ModalView | null>;

  /** What a submitted dialog turns into; null: it closes. */
  const onSubmit = (callback: string, submit: Submit) =>
    app.view<ViewSubmitAction>(
      { callback_id: callback, type: 'view_submission' },
      async ({ ack, body, view, client }) => {
        const work = submitted(body, submit);
        const first = await inTime(work, context.clock);
        if (!first.late) {
          if (first.value === null) await ack();
          else await ack({ response_action: 'update', view: first.value });
          return;
        }
        await ack({ response_action: 'update', view: laterView(LATE, context.drill) });
        const late = (await work) ?? laterView('Done, and on record.', context.drill);
        await client.views
          .update({ view_id: view.id, view: late })
          .catch((error: unknown) =>
            context.log.warn({ error: String(error) }, 'a late answer to a dialog could not be shown'),
          );
      },
    );

  async function submitted(body: ViewSubmitAction, submit: Submit): Promise<ModalView | null> {
    const { private_metadata: metadata, state } = body.view;
    try {
      const refused = await refusalFor(context, body.user.id, 'responder');
      if (refused !== null) return laterView(inert(refused, 2_000), context.drill);
      return await submit(slackActor(body.user.id, body.user.name), { metadata, values: state.values });
    } catch (error) {
      return laterView(inert(inWords(error, context), 2_000), context.drill);
    }
  }

  onSubmit(CALLBACK.postmortemEdit, async (by, { metadata, values }) => {
    const read = readEditMetadata(metadata);
    const before = read === null ? undefined : await context.ledger.load(read.incident);
    if (read === null || before === undefined) return laterView('There is no such incident.', context.drill);
    const edits = await touched(before, readEdits(values, read.seen));
    if (edits.length === 0) return null;
    const { events, incident: now = before } = await desk.command(before.id, {
      type: 'EditPostmortem',
      by,
      edits,
    });
    const saved = edits.filter(({ field }) =>
      events.some((event) => event.type === 'PostmortemEdited' && event.field === field),
    );
    // What was saved stands now; of the others somebody else was faster, or they say the same.
    const { refused } = sortEdits(
      edits.filter((edit) => !saved.includes(edit)),
      now.statements,
    );
    return refused.length === 0 ? null : conflictView(now, refused, saved);
  });

  /** The edits whose text is another one than the dialog was opened with. */
  async function touched(incident: Incident, edits: FieldEdit[]): Promise<FieldEdit[]> {
    const isStale = edits.some(({ field, seen }) => (incident.statements[field]?.n ?? 0) !== seen);
    const history = isStale ? await context.ledger.history(incident.id) : [];
    return edits.filter(({ field, text, seen }) => {
      const standing = incident.statements[field];
      const known =
        (standing?.n ?? 0) === seen
          ? standing
          : seen === 0
            ? undefined
            : evolveAll(undefined, history.slice(0, seen)).statements[field];
      return tidyStatement(known?.text ?? '') !== text;
    });
  }

  onSubmit(CALLBACK.postmortemReturn, async (by, { metadata, values }) => {
    const mayReopen = await context.access.has(by.id, 'approver');
    await desk.command(metadata, {
      type: 'ReturnPostmortem',
      by,
      reason: plain(readReason(values), 500),
      mayReopen,
    });
    return null;
  });
}
