/** Modals that were submitted, and the message shortcut. Recorded first, acknowledged then. */

import type { App, ViewSubmitAction } from '@slack/bolt';
import { Refusal } from '../domain/decide.ts';
import type { Actor } from '../domain/incident.ts';
import { CALLBACK } from '../render/actions.ts';
import { fromSlack, plain } from '../render/text.ts';
import {
  declareView,
  flattenRefusedView,
  readActionItem,
  readCancel,
  readDeclare,
  readReason,
  readResolve,
  readRootCause,
  readWhy,
} from '../render/views.ts';
import { inWords, type ListenerContext, refusalFor, slackActor } from './context.ts';

type Values = Parameters<typeof readResolve>[0];
interface Submitted {
  by: Actor;
  metadata: string;
  values: Values;
}

/** How long a submitted flatten may read before its dialog is answered: Slack allows 3 s. */
const SUBMIT_MS = 2_000;
const STILL_READING =
  'The venues are being read again: if more is open than you were shown, nothing is sent, and you are told. What was closed is posted in the thread.';

export function registerViews(app: App, context: ListenerContext): void {
  const { desk } = context;

  /** `field` is where a refusal is shown in the modal. */
  const on = (callback: string, field: string, handle: (submitted: Submitted) => Promise<unknown>) =>
    app.view<ViewSubmitAction>(
      { callback_id: callback, type: 'view_submission' },
      async ({ ack, body, view }) => {
        const refusal = await submit(body, view.private_metadata, view.state.values, handle);
        if (refusal === null) await ack();
        else await ack({ response_action: 'errors', errors: { [field]: refusal } });
      },
    );

  async function submit(
    body: ViewSubmitAction,
    metadata: string,
    values: Values,
    handle: (submitted: Submitted) => Promise<unknown>,
  ): Promise<string | null> {
    try {
      const refused = await refusalFor(context, body.user.id, 'responder');
      if (refused !== null) return refused;
      await handle({ by: slackActor(body.user.id, body.user.name), metadata, values });
      return null;
    } catch (error) {
      return inWords(error, context);
    }
  }

  on(CALLBACK.resolve, 'summary', ({ by, metadata, values }) =>
    desk.command(metadata, { type: 'ResolveIncident', by, ...readResolve(values) }),
  );

  on(CALLBACK.declare, 'title', async ({ by, values }) => {
    const { title, severity } = readDeclare(values);
    if (title === '') throw new Refusal('title_missing', 'Say what is wrong.');
    await desk.declare(by, plain(title, 200), severity);
  });

  on(CALLBACK.cancel, 'reason', async ({ by, metadata, values }) => {
    const { scope, reason } = readCancel(values);
    await desk.cancel(by, scope, plain(reason, 500), metadata === '' ? undefined : metadata).asked;
  });

  on(CALLBACK.accept, 'reason', ({ by, metadata, values }) => {
    const [incident = '', kill = ''] = metadata.split('|');
    return desk.command(incident, { type: 'AcceptResidual', by, kill, reason: readReason(values) });
  });

  on(CALLBACK.rootCause, 'rootCause', ({ by, metadata, values }) => {
    const { category, text } = readRootCause(values);
    if (category === undefined) throw new Refusal('category_missing', 'Choose a category.');
    const said = text === undefined ? {} : { text };
    return desk.command(metadata, { type: 'NameRootCause', by, category, ...said });
  });

  on(CALLBACK.actionItem, 'text', async ({ by, metadata, values }) => {
    const item = readActionItem(values);
    if (item.text === '') throw new Refusal('text_missing', 'Say what is to be done.');
    const known = await context.ledger.load(metadata);
    const id = `A${(known?.actionItems.length ?? 0) + 1}`;
    return desk.command(metadata, { type: 'AddActionItem', by, id, ...item });
  });

  on(CALLBACK.noActionItem, 'why', ({ by, metadata, values }) =>
    desk.command(metadata, {
      type: 'MarkChecklist',
      by,
      item: 'action-items',
      text: `none: ${plain(readWhy(values), 500)}`,
    }),
  );

  on(CALLBACK.skip, 'why', async ({ by, metadata, values }) => {
    const [incident = '', step = ''] = metadata.split('|');
    const known = await context.ledger.load(incident);
    if (known === undefined || !desk.hasStep(known, step))
      throw new Refusal('no_such_step', 'This incident has no such step.');
    return desk.command(incident, { type: 'MarkStep', by, step, mark: 'skipped', why: readWhy(values) });
  });

  app.view<ViewSubmitAction>(
    { callback_id: CALLBACK.flatten, type: 'view_submission' },
    async ({ ack, body, view, client }) => {
      const closing = submit(body, view.private_metadata, view.state.values, ({ by, metadata }) => {
        const [incident = '', preview = ''] = metadata.split('|');
        return desk.flatten(by, incident, preview);
      });
      // The venues are read again first, which may take longer than Slack waits for an answer.
      const over = new AbortController();
      const soon = context.clock.wait(SUBMIT_MS, over.signal).then(() => 'late' as const);
      const refusal = await Promise.race([closing, soon]).finally(() => over.abort());
      if (refusal !== 'late') {
        if (refusal === null) await ack();
        else await ack({ response_action: 'update', view: flattenRefusedView(context.drill, refusal) });
        return;
      }
      await ack({ response_action: 'update', view: flattenRefusedView(context.drill, STILL_READING) });
      const late = await closing;
      if (late === null) return;
      const text = `${context.drill ? 'DRILL · ' : ''}${late}`;
      await client.chat
        .postEphemeral({ channel: context.channel, user: body.user.id, text })
        .catch((error: unknown) =>
          context.log.warn({ error: String(error) }, 'a refused flatten could not be told'),
        );
    },
  );

  app.shortcut(
    { callback_id: CALLBACK.declare, type: 'message_action' },
    async ({ ack, shortcut, client, respond }) => {
      const refused = await refusalFor(context, shortcut.user.id, 'responder');
      await ack();
      try {
        if (refused === null) {
          const text = fromSlack(shortcut.message.text ?? '');
          await client.views.open({ trigger_id: shortcut.trigger_id, view: declareView(plain(text, 200)) });
        } else {
          await respond({ response_type: 'ephemeral', text: refused });
        }
      } catch (error) {
        context.log.warn({ error: String(error) }, 'the shortcut could not be answered');
      }
    },
  );
}
