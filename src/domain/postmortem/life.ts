/**
 * The life of a postmortem: DRAFT → REVIEW → FINAL, what people say in it, and which revision its file is. Pure.
 *
 * A statement is what a person said for one field; the newest one stands, and the ones before stay in the log. While the
 * incident is open only what people do writes a new revision; after its resolution everything does that the file shows.
 */

import type { ChainHead } from '../chain.ts';
import type { Actor, Incident, StandingEvent } from '../incident.ts';
import { LEAD_OUT_MS } from '../trail/record.ts';
import { utc } from '../words.ts';

export const POSTMORTEM_STATES = ['DRAFT', 'REVIEW', 'FINAL'] as const;
export type PostmortemState = (typeof POSTMORTEM_STATES)[number];

/** What a person says in a postmortem, in the order of the dialog. */
export const FIELDS = [
  'summary',
  'money',
  'user',
  'system',
  'data',
  'immediate',
  'contributing',
  'rootCause',
  'category',
  'wentWell',
  'wentBadly',
  'lessons',
  'author',
  'reviewers',
] as const;
export type Field = (typeof FIELDS)[number];

/** `n` is the number of its event in the log, from 1: the version that an edit is compared with. */
export interface Statement {
  text: string;
  by: Actor;
  at: number;
  n: number;
}
export type Statements = Partial<Record<Field, Statement>>;

export interface Postmortem {
  id: string;
  file: string;
  /** When it was drafted, ms since the epoch. */
  at: number;
  state: PostmortemState;
  /** How often the file was written. */
  revision: number;
  /** Of the file as the bot wrote it last; null: an older version wrote it. */
  sha256: string | null;
  /** The file shows the log up to this event; and the newest event that it must show. From 1. */
  shows: number;
  changed: number;
  /** Who put it into review, and when; absent in a draft. */
  review?: { by: Actor; at: number; n: number };
  final?: { by: Actor; at: number; n: number };
  /** Why it is a draft again, the newest time. */
  returned?: { by: Actor; at: number; reason: string };
  /** Everybody who put it into review or made it final. */
  reviewers: string[];
  /** What came after it was final, and is not in it. */
  later: number;
  /** The newest time that the file was put into the thread: for which change of state (an event's number), and why not. */
  shared?: { of: number; revision: number; failed?: string };
  /** Copies of the file that somebody had changed by hand. */
  byHand: string[];
  /** The minutes after the resolution were asked for, up to this time, ms since the epoch. */
  lastMinutes?: number;
}

export type PostmortemEvent =
  /** Somebody wants one of an incident that has none, or of an open one as of now. */
  | { type: 'PostmortemAsked' }
  /** `chain`: the head of the log that it was drafted from. `sha256` and `shows` are absent in an older version's log. */
  | {
      type: 'PostmortemDrafted';
      id: string;
      file: string;
      chain?: ChainHead;
      sha256?: string;
      shows?: number;
      byHand?: string[];
    }
  /** The file was written anew and read back. `byHand`: copies of what somebody had made of it. */
  | {
      type: 'PostmortemRevised';
      id: string;
      revision: number;
      sha256: string;
      shows: number;
      chain?: ChainHead;
      byHand?: string[];
    }
  /** `was` null: nobody had said anything. An empty `text` takes it back. */
  | { type: 'PostmortemEdited'; id: string; field: Field; text: string; was: string | null }
  /** It was read and is under review: one of the things that a resume asks for. */
  | { type: 'PostmortemReviewed'; id: string }
  | { type: 'PostmortemReturned'; id: string; from: 'REVIEW' | 'FINAL'; reason: string }
  | { type: 'PostmortemFinalised'; id: string }
  /** The file was put into the thread for the change of state that event `of` is; or it could not be. */
  | { type: 'PostmortemShared'; id: string; revision: number; of: number; failed?: string }
  /** `day`: how many days after the due time, -1 for the one before it; at it the missed clock says so. Each is given once. */
  | { type: 'PostmortemReminded'; dueAt: number; day: number }
  /** The minutes after the resolution are over: they are measured, and drawn, too. Once for each resolution. */
  | { type: 'PostmortemLastMinutes'; until: number };

export type PostmortemCommand =
  | { type: 'AskPostmortem' }
  /** `seen`: the number of the event whose text the person had before them, 0 where there was none. */
  | { type: 'EditPostmortem'; edits: FieldEdit[] }
  | { type: 'ReviewPostmortem' }
  /** `mayReopen`: this person may take back a final one. */
  | { type: 'ReturnPostmortem'; reason: string; mayReopen: boolean }
  /** `missing` is checked again here: a dialog may be old. */
  | { type: 'FinalisePostmortem' }
  | { type: 'RemindPostmortem'; dueAt: number; day: number }
  | { type: 'AskLastMinutes'; until: number };

export interface FieldEdit {
  field: Field;
  text: string;
  seen: number;
}

/** The longest statement: what one input of a Slack dialog holds. */
export const STATEMENT_MAX = 3_000;

/** How `decide` says no: the code and the words; it makes a Refusal of them. */
export type Refuse = (code: string, message: string) => Error;

type Living = Pick<
  Incident,
  'id' | 'status' | 'postmortem' | 'statements' | 'resolution' | 'version' | 'reminded'
>;

/** `missing`: what a final one lacks, as sentences. Throws what `refuse` makes. */
export function decidePostmortem(
  command: PostmortemCommand,
  incident: Living,
  missing: () => string[],
  refuse: Refuse,
): PostmortemEvent[] {
  const { postmortem } = incident;
  // One of an open incident is written anew when somebody asks: it does not follow every alert and step by itself.
  if (command.type === 'AskPostmortem')
    return postmortem === undefined || incident.status !== 'resolved' ? [{ type: 'PostmortemAsked' }] : [];
  if (command.type === 'RemindPostmortem') {
    const { dueAt, day } = command;
    const known = incident.reminded;
    return known?.dueAt === dueAt && known.day >= day ? [] : [{ type: 'PostmortemReminded', dueAt, day }];
  }
  if (command.type === 'AskLastMinutes')
    return lastMinutesAt(incident) === command.until
      ? [{ type: 'PostmortemLastMinutes', until: command.until }]
      : [];
  if (postmortem === undefined) throw refuse('no_postmortem', 'There is no draft yet.');
  const { id, state } = postmortem;
  switch (command.type) {
    case 'EditPostmortem': {
      if (state === 'FINAL')
        throw refuse(
          'postmortem_final',
          `${id} is FINAL since ${utc(postmortem.final?.at ?? postmortem.at)}: an approver returns it to a draft first.`,
        );
      const { saved } = sortEdits(command.edits, incident.statements);
      return saved.map(({ field, text }) => ({
        type: 'PostmortemEdited',
        id,
        field,
        text,
        was: incident.statements[field]?.text ?? null,
      }));
    }
    case 'ReviewPostmortem':
      if (incident.status !== 'resolved')
        throw refuse('not_resolved', `${incident.id} is open: ${id} goes into review after the resolution.`);
      if (state !== 'DRAFT')
        throw refuse(
          'already_in_review',
          `${(state === 'FINAL' ? postmortem.final : postmortem.review)?.by.name ?? 'Somebody'} already put it into ${state === 'FINAL' ? 'its final state' : 'review'}.`,
        );
      return [{ type: 'PostmortemReviewed', id }];
    case 'ReturnPostmortem':
      if (state === 'DRAFT') throw refuse('already_draft', `${id} is a draft already.`);
      if (state === 'FINAL' && !command.mayReopen)
        throw refuse('not_an_approver', `${id} is FINAL: only an approver returns it to a draft.`);
      if (command.reason.trim() === '') throw refuse('reason_missing', 'Say why.');
      return [{ type: 'PostmortemReturned', id, from: state, reason: command.reason }];
    case 'FinalisePostmortem': {
      if (state === 'FINAL') throw refuse('already_final', `${id} is FINAL already.`);
      if (state === 'DRAFT')
        throw refuse('not_in_review', `${id} is a draft: it is put into review before it is final.`);
      const left = missing();
      if (left.length > 0)
        throw refuse('postmortem_todo', `${id} stays in review. Missing:\n${left.join('\n')}`);
      return [{ type: 'PostmortemFinalised', id }];
    }
    default: {
      const unknown: never = command;
      throw new Error(`unknown command ${JSON.stringify(unknown)}`);
    }
  }
}

/**
 * When the minutes after the resolution, which its picture shows, are over, ms since the epoch; null: it was drafted after
 * them, or is final, or they were asked for.
 */
export function lastMinutesAt({
  status,
  resolution,
  postmortem,
}: Pick<Living, 'status' | 'resolution' | 'postmortem'>): number | null {
  if (status !== 'resolved' || resolution === undefined || postmortem === undefined) return null;
  const until = resolution.at + LEAD_OUT_MS;
  return postmortem.state === 'FINAL' || postmortem.at >= until || postmortem.lastMinutes === until
    ? null
    : until;
}

/**
 * Which edits are news, and which were made over a text that somebody else has changed meanwhile. The same text as stands is
 * neither. The last edit of a field counts.
 */
export function sortEdits(
  edits: FieldEdit[],
  statements: Statements,
): { saved: FieldEdit[]; refused: FieldEdit[] } {
  const news = [...new Map(edits.map((edit) => [edit.field, edit])).values()].filter(
    ({ field, text }) => text !== (statements[field]?.text ?? ''),
  );
  const isFresh = ({ field, seen }: FieldEdit) => (statements[field]?.n ?? 0) === seen;
  return { saved: news.filter(isFresh), refused: news.filter((edit) => !isFresh(edit)) };
}

/** What of an incident an event of a postmortem's life changes. `n` is the number of the event. */
export function evolvePostmortem(
  incident: Living,
  event: PostmortemEvent & { at: number; by: Actor },
  n: number,
): Partial<Pick<Incident, 'postmortem' | 'statements' | 'reminded'>> {
  const { postmortem, statements } = incident;
  const { by, at } = event;
  const said = { by, at, n };
  switch (event.type) {
    case 'PostmortemAsked':
      return {};
    case 'PostmortemReminded':
      return { reminded: { dueAt: event.dueAt, day: event.day } };
    case 'PostmortemDrafted': {
      const { id, file, sha256 = null, shows = n - 1, byHand } = event;
      // An older version drafted anew after a reopening.
      const { revision = 0, changed = 0, reviewers = [], byHand: copies = [] } = postmortem ?? {};
      const fresh = { state: 'DRAFT' as const, later: 0, sha256, shows, changed: Math.min(changed, shows) };
      const kept = [...copies, ...(byHand ?? [])];
      return { postmortem: { id, file, at, revision: revision + 1, reviewers, byHand: kept, ...fresh } };
    }
    default:
  }
  if (postmortem === undefined || ('id' in event && postmortem.id !== event.id)) return {};
  switch (event.type) {
    case 'PostmortemLastMinutes':
      return { postmortem: { ...postmortem, lastMinutes: event.until } };
    case 'PostmortemRevised': {
      const { revision, sha256, shows, byHand } = event;
      const kept = [...postmortem.byHand, ...(byHand ?? [])];
      return { postmortem: { ...postmortem, revision, sha256, shows, byHand: kept } };
    }
    case 'PostmortemEdited':
      return { statements: { ...statements, [event.field]: { text: event.text, ...said } } };
    case 'PostmortemReviewed':
      return {
        postmortem: { ...postmortem, state: 'REVIEW', review: said, ...withReviewer(postmortem, by) },
      };
    case 'PostmortemFinalised':
      return {
        postmortem: { ...postmortem, state: 'FINAL', final: said, later: 0, ...withReviewer(postmortem, by) },
      };
    case 'PostmortemReturned':
      return { postmortem: { ...asDraft(postmortem), returned: { by, at, reason: event.reason } } };
    case 'PostmortemShared': {
      const { of, revision, failed } = event;
      const shared = { of, revision, ...(failed === undefined ? {} : { failed }) };
      return { postmortem: { ...postmortem, shared } };
    }
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}

const withReviewer = ({ reviewers }: Postmortem, { name }: Actor): Pick<Postmortem, 'reviewers'> => ({
  reviewers: [...reviewers.filter((one) => one !== name), name],
});

/** In review or final no longer. */
export function asDraft({ review: _review, final: _final, ...postmortem }: Postmortem): Postmortem {
  return { ...postmortem, state: 'DRAFT', later: 0 };
}

// ── What writes a new revision ───────────────────────────────────────────────────────────────────────────────────────

/** What the bot notes about its own doings, and what is no news to a reader: it is in the next revision, and asks for none. */
const SILENT: ReadonlySet<StandingEvent['type']> = new Set<StandingEvent['type']>([
  'PostmortemDrafted',
  'PostmortemRevised',
  'PostmortemShared',
  'PostmortemReminded',
  'BudgetNoted',
  'TrailKept',
  'TrailMissing',
  'MoneyMeasured',
  'PictureDrawn',
  'PictureFailed',
  'PictureUploaded',
  'PictureUploadFailed',
  'IssueCommented',
  'CommandRefused',
  'ImpactNoted',
  'Posted',
  'PostFailed',
  'PageQueued',
  'PageClosed',
  'ClockMet',
  'UpdateReminded',
  'StepChecked',
  'StepBranched',
]);

/** What writes one also while the incident is open: what people do about the postmortem, not every alert and every step. */
const PROMPT: ReadonlySet<StandingEvent['type']> = new Set<StandingEvent['type']>([
  'PostmortemAsked',
  'PostmortemEdited',
  'IncidentReopened',
  'IncidentResolved',
  'IncidentMitigated',
  'IncidentAdjusted',
  'IncidentReviewed',
  'RootCauseNamed',
  'ActionItemAdded',
  'MessageMarked',
  'MessageUnmarked',
  'NoteAdded',
]);

/** Whether the file must be written anew for this event, given the incident after it. */
export function changesPostmortem(event: StandingEvent, { status }: Pick<Incident, 'status'>): boolean {
  return !SILENT.has(event.type) && (status === 'resolved' || PROMPT.has(event.type));
}

/** The postmortem after an event of any kind: it is behind the log, or (a final one) something came later. */
export function followLog(postmortem: Postmortem, event: StandingEvent, incident: Incident): Postmortem {
  if (!changesPostmortem(event, incident)) return postmortem;
  return postmortem.state === 'FINAL' && event.type !== 'PostmortemFinalised'
    ? { ...postmortem, later: postmortem.later + 1 }
    : { ...postmortem, changed: incident.version };
}

/** Whether the file is behind what it must show. */
export const isBehind = ({ shows, changed }: Postmortem): boolean => changed > shows;

// ── What a resolution says of the root cause ─────────────────────────────────────────────────────────────────────────

/** The statements after a resolution or a named root cause: they stand as if they had been edited. */
export function stated(
  statements: Statements,
  said: { by: Actor; at: number; n: number },
  given: { summary?: string; rootCause?: string; category?: string },
): Statements {
  const next: Statements = { ...statements };
  const { summary, rootCause, category } = given;
  if (summary !== undefined) {
    const before = statements.summary?.text ?? '';
    // After a reopening, and with what was edited in: neither is lost.
    const text = before === '' || before === summary ? summary : `${before}\n${summary}`;
    next.summary = { text, ...said };
  }
  if (rootCause !== undefined) next.rootCause = { text: rootCause, ...said };
  if (category !== undefined) next.category = { text: category, ...said };
  return next;
}
