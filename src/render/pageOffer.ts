/** A refusal with the one thing that anybody in the channel may do: page on-call. Pure. */

import type { KnownBlock } from '@slack/types';
import { ACTION } from './actions.ts';
import { actions, confirm, message, section } from './blocks.ts';

/** `text` is mrkdwn of ours. `incident`: the one that was pressed on; null: the bot chooses. */
export function pageOffer(text: string, incident: string | null): { text: string; blocks: KnownBlock[] } {
  return message(text, [
    section(text),
    actions({
      action: ACTION.pageOnCall,
      label: 'Page on-call',
      value: incident ?? 'any',
      confirm: confirm(
        'Page on-call?',
        'PagerDuty calls whoever is on call, with your name. Once in 15 minutes.',
        'Page',
        'Do nothing',
      ),
    }),
  ]);
}
