/** Modals that were submitted, and the message shortcut. Recorded first, acknowledged then. */

import type { App, ViewSubmitAction } from '@slack/bolt';
import { Refusal } from '../domain/decide.ts';
import type { Actor } from '../domain/incident.ts';
import { CALLBACK } from '../render/actions.ts';
import { readDeclaredFrom } from '../render/declared.ts';
import {
  readActionForm,
  readHandoverForm,
  readSeverityForm,
  readTextForm,
  readWhyForm,
} from '../render/incidentViews.ts';
import { inert, plain } from '../render/text.ts';
import {
  flattenRefusedView,
  laterView,
  readCancel,
  readDeclare,
  readReason,
  readResolve,
  readRootCause,
  readWhy,
  type Values,
} from '../render/views.ts';
import { inTime, inWords, type ListenerContext, refusalFor, slackActor } from './context.ts';
import { isDate, PRIORITIES } from './incident/read.ts';
import { commander, ownerName } from './persons.ts';
import { onRecord } from './refused.ts';
import { messageSource } from './shortcut.ts';

interface Submitted {
  by: Actor;
  metadata: string;
  values: Values;
}

const LATE = 'Running, not yet recorded: the answer follows here.';
const STILL_READING =
  'The venues are being read again: if more is open than you were shown, nothing is sent, and you are told. What was closed is posted in the thread.';

export function registerViews(app: App, context: ListenerContext): void {
  const { desk } = context;

  /** `field` is where a refusal is shown in the modal. */
  const on = (callback: string, field: string, handle: (submitted: Submitted) => Promise<unknown>) =>
    app.view<ViewSubmitAction>(
      { callback_id: callback, type: 'view_submission' },
      async ({ ack, body, view, client }) => {
        const work = submit(body, view.private_metadata, view.state.values, handle);
        const first = await inTime(work, context.clock);
        if (!first.late) {
          if (first.value === null) await ack();
          else await ack({ response_action: 'errors', errors: { [field]: first.value } });
          return;
        }
        await ack({ response_action: 'update', view: laterView(LATE, context.drill) });
        const refusal = await work;
        const outcome = refusal === null ? 'Done, and on record.' : inert(refusal, 2_000);
        await client.views
          .update({ view_id: view.id, view: laterView(outcome, context.drill) })
          .catch((error: unknown) =>
            context.log.warn({ error: String(error) }, 'a late answer to a dialog could not be shown'),
          );
      },
    );

  async function submit(
    body: ViewSubmitAction,
    metadata: string,
    values: Values,
    handle: (submitted: Submitted) => Promise<unknown>,
  ): Promise<string | null> {
    const by = slackActor(body.user.id, body.user.name);
    const name = body.view.callback_id;
    const incident = metadata.split('|')[0] || null;
    const asked = { by, what: `dialog ${name}`, command: name, where: 'a dialog', incident };
    try {
      return await onRecord(context, asked, async () => {
        const refused = await refusalFor(context, body.user.id, 'responder');
        if (refused !== null) return refused;
        await handle({ by, metadata, values });
        return null;
      });
    } catch (error) {
      return inWords(error, context);
    }
  }

  on(CALLBACK.resolve, 'summary', ({ by, metadata, values }) =>
    desk.command(metadata, { type: 'ResolveIncident', by, ...readResolve(values) }),
  );

  on(CALLBACK.declare, 'title', async ({ by, metadata, values }) => {
    const { title, severity } = readDeclare(values);
    if (title === '') throw new Refusal('title_missing', 'Say what is wrong.');
    const from = readDeclaredFrom(metadata);
    const message = from === undefined ? undefined : await messageSource(context, from);
    await desk.declare(by, plain(title, 200), severity, message);
  });

  on(CALLBACK.severity, 'why', async ({ by, metadata, values }) => {
    const read = readSeverityForm(values);
    if (read === null) throw new Refusal('severity_missing', 'Choose a severity.');
    if (plain(read.why) === '') throw new Refusal('reason_missing', 'Say why.');
    await desk.command(metadata, { type: 'ChangeSeverity', by, to: read.to, why: plain(read.why, 500) });
  });

  on(CALLBACK.handover, 'text', async ({ by, metadata, values }) => {
    const { user, text } = readHandoverForm(values);
    if (plain(text) === '') throw new Refusal('text_missing', 'Say what they must know.');
    const who = await commander(context, user);
    await desk.command(metadata, { type: 'AssignCommander', by, who, handover: plain(text, 2_000) });
  });

  on(CALLBACK.mitigate, 'text', async ({ by, metadata, values }) => {
    const text = plain(readTextForm(values), 2_000);
    if (text === '') throw new Refusal('text_missing', 'Say what stopped the harm.');
    await desk.command(metadata, { type: 'MitigateIncident', by, text });
  });

  on(CALLBACK.reopen, 'why', async ({ by, metadata, values }) => {
    const why = plain(readWhyForm(values), 500);
    if (why === '') throw new Refusal('reason_missing', 'Say why it is not over.');
    await desk.command(metadata, { type: 'ReopenIncident', by, why });
  });

  on(CALLBACK.action, 'text', async ({ by, metadata, values }) => {
    const form = readActionForm(values);
    const text = plain(form.text, 1_000);
    if (text === '') throw new Refusal('text_missing', 'Say what is to be done.');
    const owner = form.owner === '' ? undefined : await ownerName(context, { user: form.owner });
    const priority = PRIORITIES.find((one) => one === form.priority);
    await desk.command(metadata, {
      type: 'AddActionItem',
      by,
      text,
      ...(owner === undefined ? {} : { owner }),
      ...(isDate(form.due) ? { due: form.due } : {}),
      ...(priority === undefined ? {} : { priority }),
    });
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
      const first = await inTime(closing, context.clock);
      if (!first.late) {
        const refusal = first.value;
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
}
