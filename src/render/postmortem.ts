/** A postmortem in Slack: its message in the thread, and the dialogs that edit it and take it back. Pure. */

import type { KnownBlock, ModalView } from '@slack/types';
import { type Incident, ROOT_CAUSE_CATEGORIES } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import {
  FIELDS,
  type Field,
  type FieldEdit,
  type Postmortem,
  STATEMENT_MAX,
  type Statements,
} from '../domain/postmortem/life.ts';
import { FIELD_WORDS, lacksOf } from '../domain/postmortem/missing.ts';
import { owedBy, ownerOf } from '../domain/postmortem/remind.ts';
import { ACTION, buttonValue, CALLBACK } from './actions.ts';
import { actions, type ButtonSpec, confirm, context, message, section } from './blocks.ts';
import { itemsLine } from './issueNotice.ts';
import { mention } from './mention.ts';
import { clockTime, code, count, dateTime, duration, inert, linesWithin, plain, printable } from './text.ts';
import { input, modal, option, select, type Values } from './views.ts';

/** Null where the incident has none. `now` is ms since the epoch. */
export function postmortemCard(
  incident: Incident,
  playbook: Pick<Playbook, 'checklist'>,
  now: number,
): { text: string; blocks: KnownBlock[] } | null {
  const { postmortem } = incident;
  if (postmortem === undefined) return null;
  const drill = incident.drill ? 'DRILL · ' : '';
  const title = `${drill}📝 ${titleOf(postmortem)}`;
  const lacks = lacksOf(incident, playbook);
  const todo =
    postmortem.state === 'FINAL' || lacks.length === 0
      ? []
      : [
          `*TODO before it is final (${lacks.length})*`,
          ...linesWithin(
            lacks.map(({ what, who }) => `☐ ${inert(what, 200)} · _${inert(who, 150)}_`),
            2_000,
            (left) => `${left} more`,
          ),
        ];
  const lines = [`*${title}*`, ...stateLines(incident, postmortem, now), itemsLine(incident), ...todo];
  return message(`${title} (${incident.id})`, [
    section(lines.join('\n')),
    ...buttonRow(incident, postmortem, playbook),
    context(...fileLines(postmortem)),
  ]);
}

function titleOf({ id, state }: Postmortem): string {
  const name = plain(id, 40);
  if (state === 'DRAFT') return `Postmortem draft ${name}`;
  return state === 'REVIEW' ? `Postmortem ${name} is in review` : `Postmortem ${name} is FINAL`;
}

function stateLines(incident: Incident, postmortem: Postmortem, now: number): string[] {
  const { state, review, final, returned, later } = postmortem;
  const lines: string[] = [];
  if (incident.status !== 'resolved')
    lines.push(`❗ ${incident.id} is open: this is a draft of what is known by now.`);
  if (state === 'DRAFT') {
    if (returned !== undefined)
      lines.push(
        `Returned to a draft by ${inert(returned.by.name, 60)} at ${clockTime(returned.at)}: “${inert(returned.reason, 300)}”`,
      );
    lines.push(...waitLines(incident, now));
  }
  if (state === 'REVIEW' && review !== undefined)
    lines.push(
      `In review since ${dateTime(review.at)}, put there by ${inert(review.by.name, 60)}. A responder makes it final.`,
      ...(incident.resolution !== undefined && incident.resolution.category === undefined
        ? ['❗ Its root cause has no category: until it has one, this does not count as reviewed.']
        : []),
    );
  if (state === 'FINAL' && final !== undefined)
    lines.push(
      `Final since ${dateTime(final.at)}, by ${inert(final.by.name, 60)}. Nothing changes it; an approver returns it to a draft.`,
      ...(later === 0
        ? []
        : [`❗ *${count(later, 'event')} came later* and ${later === 1 ? 'is' : 'are'} not in it.`]),
    );
  return lines;
}

/** Whom it waits for, and until when. */
function waitLines(incident: Incident, now: number): string[] {
  if (incident.status !== 'resolved') return [];
  const owner = ownerOf(incident);
  const who = owner === null ? 'a responder' : mention(owner);
  const dueAt = owedBy(incident);
  if (dueAt === null) return [`Waits for ${who}. No clock runs for it.`];
  return [
    now >= dueAt
      ? `❗ *Overdue* since ${dateTime(dueAt)} · waits for ${who} to put it into review`
      : `Waits for ${who} to put it into review by ${dateTime(dueAt)} (${duration(dueAt - now)} left)`,
  ];
}

function fileLines({ file, revision, shows, shared, byHand }: Postmortem): string[] {
  const path = `\`${code(file, 250)}\``;
  return [
    `Revision ${revision}, ${count(shows, 'event')} · ${path}`,
    ...(shared === undefined
      ? []
      : shared.failed === undefined
        ? [`The file is in this thread, as of revision ${shared.revision}.`]
        : [
            `❗ The file could not be put into this thread (${inert(shared.failed, 150)}): it lies at ${path}.`,
          ]),
    ...(byHand.length === 0
      ? []
      : [
          `Changed by hand on the disk: kept as \`${code(byHand.at(-1) ?? '', 80)}\`, and not taken over. Edit it here.`,
        ]),
  ];
}

function buttonRow(
  incident: Incident,
  { id, state }: Postmortem,
  { checklist }: Pick<Playbook, 'checklist'>,
): KnownBlock[] {
  const value = buttonValue({ incident: incident.id });
  const edit: ButtonSpec = { action: ACTION.postmortemEdit, label: 'Edit…', value };
  const back: ButtonSpec = { action: ACTION.postmortemReturn, label: 'Return to draft…', value };
  const review: ButtonSpec = { action: ACTION.review, label: 'Put into review', value };
  const recovery: ButtonSpec = { action: ACTION.recovery, label: 'Run recovery check', value };
  const final: ButtonSpec = {
    action: ACTION.postmortemFinalise,
    label: 'Finalise…',
    value,
    confirm: confirm(
      'Make it final?',
      `${plain(id, 40)} is written once more and then stays as it is, with your name. It is refused while something that it must have is TODO; what else nobody said stays TODO in it. Only an approver returns it to a draft.`,
      'Finalise',
      'Not yet',
    ),
  };
  const owesCheck =
    incident.checklist['recovery-check'] === undefined &&
    checklist.some((one) => one.id === 'recovery-check');
  const isOver = incident.status === 'resolved';
  switch (state) {
    case 'DRAFT':
      return [actions(edit, ...(isOver ? [review] : []), ...(isOver && owesCheck ? [recovery] : []))];
    case 'REVIEW':
      return [actions(edit, final, back, ...(owesCheck ? [recovery] : []))];
    case 'FINAL':
      return [actions(back)];
    default: {
      const unknown: never = state;
      throw new Error(`unknown state ${String(unknown)}`);
    }
  }
}

// ── The dialogs ──────────────────────────────────────────────────────────────────────────────────────────────────────

const HINTS: Partial<Record<Field, string>> = {
  money: 'With currency. “none” where there was none.',
  user: 'Who was affected, and how. “none” where nobody was.',
  system: 'What did not work. “none” where all did.',
  data: 'What is wrong or missing. “none” where nothing is.',
};

/** A statement as a dialog can show and give back: what hides or reorders a text is gone. */
export const tidyStatement = (text: string): string =>
  printable(text.replace(/\r\n?/g, '\n')).trim().slice(0, STATEMENT_MAX);

/** What the dialog carries: whose it is, and which statement of each field the person has before them. */
const metadataOf = (incident: string, seen: { field: Field; n: number }[]): string =>
  `${incident}|${seen.map(({ field, n }) => `${field}:${n}`).join(',')}`;

/** Null for anything that we cannot have written. */
export function readEditMetadata(metadata: string): { incident: string; seen: Map<Field, number> } | null {
  const [, incident, list = ''] = /^(INC-\d{8}-\d{3,9})\|([A-Za-z:,\d]*)$/.exec(metadata) ?? [];
  if (incident === undefined) return null;
  const seen = new Map<Field, number>();
  for (const pair of list.split(',')) {
    const [name, n = ''] = pair.split(':');
    const field = FIELDS.find((one) => one === name);
    if (field !== undefined && /^\d{1,9}$/.test(n)) seen.set(field, Number(n));
  }
  return { incident, seen };
}

/** Every field with what stands. What is longer than an input is not offered: saving would cut it. */
export function editView(incident: Incident): ModalView {
  const { statements } = incident;
  const tooLong = FIELDS.filter((field) => (statements[field]?.text.length ?? 0) > STATEMENT_MAX);
  const offered = FIELDS.filter((field) => !tooLong.includes(field));
  return modal(
    CALLBACK.postmortemEdit,
    'Edit the postmortem',
    'Save',
    metadataOf(
      incident.id,
      offered.map((field) => ({ field, n: statements[field]?.n ?? 0 })),
    ),
    [
      section(
        `${incident.drill ? '*DRILL* · ' : ''}*${inert(incident.title, 150)}*\nEach change is on record with your name and what stood before. An empty field is TODO again.`,
      ),
      ...offered.map((field) => fieldInput(field, statements[field]?.text ?? '')),
      ...(tooLong.length === 0
        ? []
        : [
            context(
              `Too long for this dialog, and left as it is: ${tooLong.map((field) => FIELD_WORDS[field]).join(', ')}`,
            ),
          ]),
    ],
  );
}

function fieldInput(field: Field, text: string): ModalView['blocks'][number] {
  if (field === 'category') {
    const standing = ROOT_CAUSE_CATEGORIES.find((one) => one === text);
    return select(
      field,
      FIELD_WORDS[field],
      ROOT_CAUSE_CATEGORIES.map((one) => option(one)),
      true,
      standing === undefined ? undefined : option(standing),
    );
  }
  const isLine = field === 'author' || field === 'reviewers';
  return input(field, FIELD_WORDS[field], !isLine, true, HINTS[field], tidyStatement(text));
}

/** What was filled in, of the fields that the dialog had. */
export function readEdits(values: Values, seen: Map<Field, number>): FieldEdit[] {
  return [...seen].flatMap(([field, n]) => {
    const block = values[field];
    if (block === undefined) return [];
    const text =
      field === 'category'
        ? (block['choice']?.selected_option?.value ?? '')
        : tidyStatement(block['text']?.value ?? '');
    const isKnown = field !== 'category' || text === '' || ROOT_CAUSE_CATEGORIES.some((one) => one === text);
    return isKnown ? [{ field, text, seen: n }] : [];
  });
}

/** Characters of a text that stands beside another in one section. */
const SHOWN = 2_600;

/** Somebody was faster: both texts of each field, and the choice to put the own one over what stands now. */
export function conflictView(incident: Incident, refused: FieldEdit[], saved: FieldEdit[]): ModalView {
  const { statements } = incident;
  const kept =
    saved.length === 0 ? 'Nothing else was changed.' : `Saved: ${names(saved.map(({ field }) => field))}.`;
  return modal(
    CALLBACK.postmortemEdit,
    'Changed meanwhile',
    'Save mine',
    metadataOf(
      incident.id,
      refused.map(({ field }) => ({ field, n: statements[field]?.n ?? 0 })),
    ),
    [
      section(
        `❗ *Not saved: ${names(refused.map(({ field }) => field))}.* Somebody changed it while you wrote. ${kept}`,
      ),
      ...refused.flatMap(({ field, text }) => [
        section(standingWords(field, statements)),
        // Its own block, so that Slack does not keep what stood in the dialog before.
        fieldInput(field, text),
      ]),
    ],
  );
}

const names = (fields: Field[]): string => fields.map((field) => FIELD_WORDS[field]).join(', ');

function standingWords(field: Field, statements: Statements): string {
  const standing = statements[field];
  if (standing === undefined || standing.text === '') return `*${FIELD_WORDS[field]}* is empty now.`;
  const { by, n, text } = standing;
  return `*${FIELD_WORDS[field]}* now, by ${inert(by.name, 60)} (event ${n}):\n${inert(text, SHOWN / 2)}\n_Yours is below._`;
}

/** Why it goes back. */
export function returnView(incident: Incident): ModalView {
  const isFinal = incident.postmortem?.state === 'FINAL';
  return modal(CALLBACK.postmortemReturn, 'Return to draft', 'Return', incident.id, [
    section(
      isFinal
        ? 'It is FINAL: only an approver returns it. It no longer counts as reviewed then.'
        : 'It no longer counts as reviewed then.',
    ),
    input('reason', 'Why', true, false),
  ]);
}
