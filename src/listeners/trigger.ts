/** Opening a dialog from what somebody did: Slack lets it be opened for three seconds only. */

import type { ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { ListenerContext, Reply } from './context.ts';

/** Null when it is open; else what to tell the person. */
export async function open(
  client: WebClient,
  trigger_id: string,
  view: ModalView,
  context: ListenerContext,
): Promise<Reply> {
  try {
    await client.views.open({ trigger_id, view });
    return null;
  } catch (error) {
    context.log.warn({ error: String(error) }, 'a modal could not be opened');
    return 'Slack did not open the dialog. Try again; the same can be done on the command line and over HTTP.';
  }
}
