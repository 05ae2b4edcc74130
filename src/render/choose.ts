/** The list to pick an incident from, where a command could mean several. Pure. */

import type { KnownBlock } from '@slack/types';
import type { Incident } from '../domain/incident.ts';
import { CHOOSE_BLOCK, MENU } from './actions.ts';
import { message, section } from './blocks.ts';
import { cut, cutMarkup, inert, linesWithin, plain } from './text.ts';

export type Candidate = Pick<Incident, 'id' | 'severity' | 'status' | 'title'>;

/** Slack's limits: 100 options, 75 characters each. */
const OPTIONS = 100;
const LABEL = 75;
const LINES = 20;

/** `name`: what the command is kept under; `lead`: said before the question. */
export function chooseMessage(
  verb: string,
  name: string,
  candidates: Candidate[],
  lead: string,
  drill: boolean,
): { text: string; blocks: KnownBlock[] } {
  const all = candidates.map(
    (one) => `• *${one.id}* ${one.severity} ${one.status} · ${inert(one.title, 80)}`,
  );
  const lines = linesWithin(all.slice(0, LINES), 2_000, () => '').filter((line) => line !== '');
  const more = candidates.length - lines.length;
  const text = [
    `${lead === '' ? '' : `${cutMarkup(lead, 500)} `}Which one? Pick it here, or name it: \`/incident ${verb} INC-…\``,
    ...lines,
    ...(more > 0 ? [`${more} more`] : []),
  ].join('\n');
  const offered = candidates.slice(0, OPTIONS);
  return message(text, [
    section(`${drill ? 'DRILL · ' : ''}${text}`),
    {
      type: 'actions',
      block_id: `${CHOOSE_BLOCK}${name}`,
      elements: [
        {
          type: 'static_select',
          action_id: MENU.chooseIncident,
          placeholder: { type: 'plain_text', text: 'Which incident', emoji: false },
          options: offered.map((one) => ({
            text: {
              type: 'plain_text',
              text: cut(`${one.id} ${one.severity} · ${plain(one.title, 80)}`, LABEL),
              emoji: false,
            },
            value: one.id,
          })),
        },
      ],
    },
  ]);
}
