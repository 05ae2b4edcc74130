/** The mail to the stakeholders as Slack shows it: the very text, and nothing in it becomes markup. Pure. */

import type { KnownBlock, ModalView } from '@slack/types';
import type { Incident } from '../domain/incident.ts';
import { ACTION, buttonValue, CALLBACK } from './actions.ts';
import { actions, context, message, section } from './blocks.ts';
import { count, inert, listed, pieces, plain, printable } from './text.ts';

export interface Letter {
  subject: string;
  text: string;
}

/** Slack's limit is 3,000 characters a text. */
const PART = 2_900;

/** In plain text blocks, cut at line breaks. */
function letterBlocks({ subject, text }: Letter): KnownBlock[] {
  const plainText = (one: string): KnownBlock => ({
    type: 'section',
    text: { type: 'plain_text', text: one, emoji: false },
  });
  const parts: string[] = [];
  let current = '';
  for (const line of printable(text.trimEnd())
    .split('\n')
    .flatMap((one) => pieces(one, PART))) {
    if (current.length + line.length + 1 > PART && current !== '') {
      parts.push(current);
      current = '';
    }
    current = current === '' ? line : `${current}\n${line}`;
  }
  return [
    plainText(plain(subject, 1_000) || 'No subject'),
    ...[...parts, current].filter((one) => one.trim() !== '').map(plainText),
  ];
}

const isMailed = ({ severity }: Incident): boolean => severity === 'P0' || severity === 'P1';

/** `/incident summary`. `to` null: mail is off. */
export function summaryMessage(
  incident: Incident,
  letter: Letter,
  to: string[] | null,
): { text: string; blocks: KnownBlock[] } {
  const says =
    to === null
      ? 'Mail is off in the configuration: this is not sent to anybody.'
      : isMailed(incident)
        ? `Goes to ${count(to.length, 'recipient')}, when a responder sends it, or by the clock.`
        : `${incident.severity}: stakeholders are mailed for P0 and P1 only.`;
  const blocks = [...letterBlocks(letter), context(says)];
  if (to !== null && isMailed(incident))
    blocks.push(
      actions({
        action: ACTION.previewMail,
        label: 'Send to stakeholders…',
        value: buttonValue({ incident: incident.id }),
      }),
    );
  return message(`Summary of ${incident.id}: ${inert(letter.subject, 300)}`, blocks);
}

const MODAL_BLOCKS = 100;

const mailModal = (metadata: string, submit: string | null, blocks: KnownBlock[]): ModalView => ({
  type: 'modal',
  callback_id: CALLBACK.sendMail,
  private_metadata: metadata,
  title: { type: 'plain_text', text: 'Mail to stakeholders', emoji: false },
  ...(submit === null ? {} : { submit: { type: 'plain_text', text: submit, emoji: false } }),
  close: { type: 'plain_text', text: submit === null ? 'Close' : 'Do not send', emoji: false },
  blocks:
    blocks.length <= MODAL_BLOCKS
      ? blocks
      : [
          ...blocks.slice(0, MODAL_BLOCKS - 1),
          context(`${blocks.length - MODAL_BLOCKS + 1} more parts are not shown here; they are in the mail`),
        ],
});

/** The very text, and what sends it. `seal` tells whether it is still the same when it is submitted. */
export function mailPreviewView(
  incident: Incident,
  letter: Letter,
  to: string[],
  seal: string,
  changed: boolean,
): ModalView {
  const people = listed(
    to.map((one) => inert(one, 80)),
    12,
  );
  return mailModal(`${incident.id}|${seal}`, 'Send now', [
    section(
      `${incident.drill ? '*DRILL* · ' : ''}${changed ? '❗ *Something happened since you looked: this is the mail as it would be now. Nothing was sent.*\n' : ''}To ${people}:`,
    ),
    ...letterBlocks(letter),
  ]);
}

export const mailSaidView = (text: string): ModalView => mailModal('', null, [section(inert(text, 2_000))]);
