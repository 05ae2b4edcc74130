/** What stakeholders would be told: shown to whoever asks, and sent by a responder who has seen the very text. */

import { createHash } from 'node:crypto';
import type { App, ViewSubmitAction } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import { type Actor, type Incident, STANDDOWN } from '../domain/incident.ts';
import { isNoted } from '../domain/measure/impact.ts';
import { CALLBACK } from '../render/actions.ts';
import { type Letter, mailPreviewView, mailSaidView, summaryMessage } from '../render/summary.ts';
import { inTime, inWords, type ListenerContext, refusalFor, slackActor } from './context.ts';
import { onRecord } from './refused.ts';

const LATE = 'Running, not yet recorded: the answer follows here.';

/** Tells one text from another; no secret. */
const seal = ({ subject, text }: Letter): string =>
  createHash('sha256').update(`${subject}\n${text}`).digest('hex').slice(0, 32);

/** The mail as it would be sent now. What is measured of the money is put on record first, so that it is what is sent. */
async function letterOf(incident: Incident, context: ListenerContext): Promise<Letter> {
  const now = context.letters.money();
  const noted = isNoted(incident.impact?.last, now)
    ? incident
    : (await context.desk.command(incident.id, { type: 'Note', by: STANDDOWN, event: now })).incident;
  return context.letters.draw(noted ?? incident);
}

/** `/incident summary`: the mail's own text, to this person alone. */
export async function summaryReply(
  incident: Incident,
  context: ListenerContext,
): Promise<ReturnType<typeof summaryMessage>> {
  return summaryMessage(incident, await letterOf(incident, context), context.letters.to);
}

/** The dialog with the very text, and "Send now". */
export async function mailPreview(incident: Incident, context: ListenerContext): Promise<ModalView> {
  const { to } = context.letters;
  if (to === null) return mailSaidView('Mail is off in the configuration: nobody can be mailed from here.');
  const letter = await letterOf(incident, context);
  return mailPreviewView(incident, letter, to, seal(letter), false);
}

export function registerSummary(app: App, context: ListenerContext): void {
  app.view<ViewSubmitAction>(
    { callback_id: CALLBACK.sendMail, type: 'view_submission' },
    async ({ ack, body, view, client }) => {
      const work = submitted(body, view.private_metadata);
      const first = await inTime(work, context.clock);
      if (!first.late) return ack({ response_action: 'update', view: first.value });
      await ack({ response_action: 'update', view: mailSaidView(LATE) });
      await client.views
        .update({ view_id: view.id, view: await work })
        .catch((error: unknown) =>
          context.log.warn({ error: String(error) }, 'a late answer to a dialog could not be shown'),
        );
    },
  );

  async function submitted(body: ViewSubmitAction, metadata: string): Promise<ModalView> {
    const by = slackActor(body.user.id, body.user.name);
    const [id = '', seen = ''] = metadata.split('|');
    const asked = {
      by,
      what: `dialog ${CALLBACK.sendMail}`,
      command: CALLBACK.sendMail,
      where: 'a dialog',
      incident: id,
    };
    try {
      const refused = await onRecord(context, asked, async () => {
        const lacking = await refusalFor(context, body.user.id, 'responder');
        return lacking ?? sent(by, id, seen);
      });
      return typeof refused === 'string' ? mailSaidView(refused) : refused;
    } catch (error) {
      return mailSaidView(inWords(error, context));
    }
  }

  async function sent(by: Actor, id: string, seen: string): Promise<ModalView> {
    const incident = await context.ledger.load(id);
    const { to } = context.letters;
    if (incident === undefined || to === null)
      return mailSaidView('There is no such incident, or mail is off: nothing was sent.');
    const letter = context.letters.draw(incident);
    // What happened since the preview is in the mail, too: nobody sends what they did not see.
    if (seal(letter) !== seen) return mailPreviewView(incident, letter, to, seal(letter), true);
    await context.desk.command(id, { type: 'OweMail', by, what: 'update', why: `sent by ${by.name}` });
    return mailSaidView(
      `On its way to ${to.length} ${to.length === 1 ? 'recipient' : 'recipients'}. Whom the mail server accepts it for is said in the thread of ${id}.`,
    );
  }
}
