/** One message in the thread about something that just happened. Pure. */

import type { KnownBlock } from '@slack/types';
import { titleOf } from '../domain/clocks.ts';
import type { Actor, Incident, PagerSaid, StandingEvent } from '../domain/incident.ts';
import type { CancelResult, CloseResult } from '../domain/orders.ts';
import type { Playbook } from '../domain/playbook.ts';
import { ownerOf } from '../domain/postmortem/remind.ts';
import { lateBy } from '../domain/timeline.ts';
import type { HoldKey } from '../domain/trading.ts';
import { actions, type ButtonSpec, message, sections } from './blocks.ts';
import { approveButton } from './buttons.ts';
import { drillLines } from './drillReport.ts';
import { fileAgainButtons, issueLines, isTracker } from './issueNotice.ts';
import { mention } from './mention.ts';
import { clockTime, code, count, dateTime, duration, inert, plain, safeLink, since, size } from './text.ts';

/** What a notice needs beside its event. */
export interface Told {
  /** The log up to the event: clocks that were missed together are one message. */
  history: StandingEvent[];
  playbook: Playbook;
  /** Slack mentions of the roles, as access has them. */
  mentions: { approvers: string; responders: string };
}

/** Null for events that have no message of their own. */
export function notice(
  incident: Incident,
  event: StandingEvent,
  told: Told,
): { text: string; blocks: KnownBlock[] } | null {
  if (isFailedAgain(event, told.history)) return null;
  const lines =
    event.type === 'DrillFinished'
      ? drillNotice(event)
      : isTracker(event)
        ? issueLines(event, incident)
        : (clockLines(incident, event, told) ?? noticeLines(event, incident.id));
  if (lines === null) return null;
  const drill = incident.drill ? 'DRILL · ' : '';
  const [first = '', ...rest] = lines;
  const blocks = sections([`${drill}${first}`, ...rest]);
  const buttons = noticeButtons(incident, event);
  if (buttons.length > 0) blocks.push(actions(...buttons));
  return message(`${drill}${first.replaceAll('*', '')}`, blocks);
}

function drillNotice(event: Extract<StandingEvent, { type: 'DrillFinished' }>): string[] {
  const [first = '', ...rest] = drillLines(event).map((line) => inert(line, 600));
  return [`*${first}*`, ...rest];
}

/** A picture that cannot be drawn is said once for a resolution, however often it is tried. */
function isFailedAgain(event: StandingEvent, history: StandingEvent[]): boolean {
  if (event.type !== 'PictureFailed') return false;
  const since = history.findLastIndex(({ type }) => type === 'IncidentResolved');
  return history.slice(Math.max(0, since)).filter(({ type }) => type === 'PictureFailed').length > 1;
}

/** What can be done about it, right where it is said. */
function noticeButtons(incident: Incident, event: StandingEvent): ButtonSpec[] {
  switch (event.type) {
    case 'IssueFailed':
      return fileAgainButtons(incident, event.item);
    case 'ResumeAsked':
      return [approveButton(incident.id, { id: event.resume, by: event.by, reason: event.reason })];
    default:
      return [];
  }
}

/** Clocks that were missed, and the reminder of an update: with who is asked to look. */
function clockLines(incident: Incident, event: StandingEvent, told: Told): string[] | null {
  if (event.type === 'UpdateReminded') {
    const { commander } = incident;
    const who = commander === undefined ? told.mentions.responders : mention(commander.who);
    return [
      `⏰ *No update for ${duration(event.sinceMs)}* · ${who}: say here how it stands, also that nothing changed`,
    ];
  }
  if (event.type === 'PostmortemReminded') return [reminderLine(incident, event, told)];
  if (event.type !== 'ClockMissed') return null;
  const missed = told.history.filter((one) => one.type === 'ClockMissed' && one.at === event.at);
  const lines = missed.flatMap((one) => (one.type === 'ClockMissed' ? [missedLine(one, told.playbook)] : []));
  const open = missed.some((one) => one.type === 'ClockMissed' && one.doneAt === undefined);
  const ofPostmortem = missed.some(
    (one) => one.type === 'ClockMissed' && one.clock === 'postmortem' && one.doneAt === undefined,
  );
  const page = incident.pages.find(({ clocks, owedAt }) => clocks !== undefined && owedAt === event.at);
  return [
    ...lines,
    ...(page === undefined ? [] : [`Page ${page.n} is due for it.`]),
    ...(ofPostmortem ? [`${ownerMention(incident, told)}: the postmortem waits for you.`] : []),
    ...(open ? [`${told.mentions.approvers}: please look at it.`] : []),
  ];
}

/** Who owes the postmortem, so that they see it. */
function ownerMention(incident: Incident, { mentions }: Told): string {
  const owner = ownerOf(incident);
  return owner === null ? mentions.responders : mention(owner);
}

function reminderLine(
  incident: Incident,
  { day, dueAt }: Extract<StandingEvent, { type: 'PostmortemReminded' }>,
  told: Told,
): string {
  const name = plain(incident.postmortem?.id ?? `of ${incident.id}`, 40);
  const due =
    day < 0
      ? `is due in review at ${dateTime(dueAt)}`
      : `was due in review at ${dateTime(dueAt)}, ${count(day, 'day')} ago`;
  return `⏰ *Postmortem ${name} ${due}* · ${ownerMention(incident, told)}: it waits for you`;
}

function missedLine(event: Extract<StandingEvent, { type: 'ClockMissed' }>, playbook: Playbook): string {
  const late = lateBy(event);
  const found = late === null ? '' : ` · found ${late} late: nothing looked at the clock before`;
  if (event.clock === 'still-open')
    return `⏰ *Still open* since its limit of ${dateTime(event.dueAt)}: resolve it, or say here why it stays open${found}`;
  const done = event.doneAt === undefined ? 'not done' : `done ${dateTime(event.doneAt)}`;
  return `❗ *Missed: ${inert(titleOf(event.clock, playbook), 120)}* · due ${dateTime(event.dueAt)}, ${done}${found}`;
}

/** `mail:opened:7`: which mail it was. */
const mailName = (what: string): string => inert(what.split(':')[1] ?? what, 40);

function noticeLines(event: StandingEvent, incident: string): string[] | null {
  const who = inert(event.by.name, 60);
  const when = clockTime(event.at);
  switch (event.type) {
    case 'HoldPlaced': {
      return [`✋ *${HOLD_WORDS[event.key].placed}* by ${who} at ${when}: “${inert(event.reason, 300)}”`];
    }
    case 'HoldLifted': {
      return [`▶ *${HOLD_WORDS[event.key].lifted}* by ${who} at ${when}: “${inert(event.reason, 300)}”`];
    }
    case 'PostmortemReviewed':
      return [`📝 Postmortem ${inert(event.id, 40)} put into review by ${who} at ${when}`];
    case 'RecoveryChecked':
      return [
        `${event.passed ? '✓' : '❗'} *Recovery check ${event.passed ? 'passed' : 'did not pass'}*: ${inert(event.reason, 300)} · run by ${who} at ${when}`,
      ];
    case 'ResumeAsked':
      return [
        `▶ *${who} asks to lift the kill latch*: “${inert(event.reason, 300)}” · good for 30 min`,
        ...(event.criteria.length === 0
          ? []
          : [
              `Not known to be fine: ${inert(event.criteria.join(', '), 300)}. New starting value to accept: ${inert(event.startingValue, 200)}`,
            ]),
      ];
    case 'ResumeApproved':
      return [`✓ ${who} approved lifting the latch at ${when}`];
    case 'ResumeRefused':
      return [`⛔ *The latch stays*: ${inert(event.reason, 400)}. Ask again with /resume`];
    case 'LatchAdopted':
      return [
        `⛔ *KILL_SWITCH=1 was found, adopted as a latch* at ${when}: ${inert(event.reason, 300)}. No order was touched: press Kill to cancel and verify.`,
      ];
    case 'LatchLifted':
      return [
        `▶ *The kill latch was lifted* by ${who} at ${when} (${event.how === 'approved' ? 'approved' : 'BREAK-GLASS'}): “${inert(event.reason, 300)}”`,
      ];
    case 'ControlFailed':
      return [
        `❗ *The control file could not be written* (${inert(event.why, 200)}): ${inert(event.reason, 300)}. The engine was not told. Tell it by hand.`,
      ];
    case 'CancelFinished':
      return [
        `*Cancel* by ${who}, asked at ${when}`,
        ...event.results.map((result) => cancelLine(result, event.ms)),
      ];
    case 'FlattenFinished':
      return [
        `*Flatten* by ${who}: ${count(event.results.length, 'position')}, ${since(event.ms)}, then read back: *${event.verdict}*`,
        ...event.results.map(closeLine),
      ];
    case 'PictureFailed':
      return [
        `❗ *The picture of the incident could not be drawn*: ${inert(event.reason, 300)}. The postmortem is written without it.`,
      ];
    case 'PictureUploadFailed':
      return [
        `❗ *The picture of the incident could not be uploaded here*: ${inert(event.reason, 300)}. It stands beside the postmortem: \`${code(event.png, 100)}\``,
      ];
    case 'PostmortemDrafted':
    case 'PostmortemRevised':
      return event.byHand === undefined
        ? null
        : [
            `❗ *The file of ${plain(event.id, 40)} was changed by hand.* What it said is kept beside it as ${event.byHand.map((copy) => `\`${code(copy, 80)}\``).join(', ')}, and is not taken over: put it in by Edit…`,
          ];
    case 'PostmortemReturned':
      return [
        `📝 Postmortem ${inert(event.id, 40)} returned from ${event.from} to a draft by ${who} at ${when}: “${inert(event.reason, 500)}”`,
      ];
    case 'PostmortemFinalised':
      return [`📝 *Postmortem ${inert(event.id, 40)} is FINAL*, by ${who} at ${when}`];
    case 'MailSent':
      return [
        `✉ Mail to the stakeholders (${mailName(event.what)}): accepted by the mail server for ${event.to.length === 0 ? 'nobody' : event.to.map((one) => inert(one, 80)).join(', ')}`,
        ...event.refused.map(
          ({ address, reason }) =>
            `❗ *Refused*: ${inert(address, 80)}: ${inert(reason, 200)}. Tell them by another way`,
        ),
      ];
    case 'MailFailed':
      return [
        `❗ *Mail to the stakeholders (${mailName(event.what)}) was not sent*: ${inert(event.reason, 600)} · ${event.gaveUp ? 'it will not be tried again: tell them by another way' : 'it is tried again until it is taken'}`,
      ];
    case 'PagerSaid':
      return [pagerLine(event, when)];
    case 'NoteAdded': {
      if (event.from === undefined) return [`📌 Note by ${who}: ${inert(event.text, 2_000)}`];
      const link = safeLink(event.from.permalink);
      const message = link === null ? 'a message' : `<${link}|a message>`;
      return [`📌 From ${message} of ${inert(event.from.author, 60)}: “${inert(event.text, 2_000)}”`];
    }
    case 'CommanderAssigned': {
      const how = event.by.id === event.who.id ? 'took command' : `put in command by ${who}`;
      const told = event.handover === undefined ? [] : [`Handed over: “${inert(event.handover, 2_000)}”`];
      return [`👤 ${mention(event.who)} *commands ${incident}* since ${when} (${how})`, ...told];
    }
    case 'SeverityChanged':
      return [`*${event.from} → ${event.to}* by ${who} at ${when}: “${inert(event.why, 500)}”`];
    case 'IncidentMitigated':
      return [`🩹 *Mitigated* by ${who} at ${when}: “${inert(event.text, 2_000)}”. The incident stays open.`];
    case 'IncidentReviewed':
      return [`🔎 *Incident review* by ${who} at ${when}: “${inert(event.text, 2_000)}”`];
    case 'IncidentAdjusted':
      return [
        `🕰 *True times* by ${who}: ${dateTime(event.from)} to ${dateTime(event.to)} UTC, was ${dateTime(event.was.from)} to ${dateTime(event.was.to)}: “${inert(event.reason, 500)}”`,
        `${inert(event.slo, 40)}: ${duration(event.consumedSec * 1_000)} of the month's budget consumed, was ${duration(event.was.consumedSec * 1_000)}. Holds stay until a person lifts them.`,
      ];
    case 'IncidentReopened':
      return [`🔁 *Reopened* by ${who} at ${when}: “${inert(event.why, 500)}”`];
    case 'ActionItemAdded': {
      const owner = event.owner === undefined ? 'no owner yet' : `owner ${inert(event.owner, 60)}`;
      const due = event.due === undefined ? 'no due date' : `due ${inert(event.due, 20)}`;
      const priority = event.priority === undefined ? '' : ` · priority ${inert(event.priority, 20)}`;
      return [
        `☐ *Action item ${inert(event.id, 40)}* by ${who}: ${inert(event.text, 1_000)}\n${owner} · ${due}${priority}`,
      ];
    }
    case 'FeedGapEnded': {
      const { feed, symbol, from, to } = event;
      return [
        `✓ *The gap of ${inert(feed, 60)} is over*: ${inert(symbol, 40)}, ${clockTime(from)} to ${clockTime(to)} UTC, ${duration(to - from)}. A pause or halt stays until somebody lifts it.`,
      ];
    }
    case 'CommandAsked':
      return [`⚙ *${inert(event.command, 60)}* started by ${who} at ${when}`];
    case 'CommandFinished': {
      const took = `after ${(event.ms / 1_000).toFixed(2)} s`;
      const output = event.output.trim();
      return [
        event.exitCode === 0
          ? `✓ *${inert(event.command, 60)}*: exit code 0 ${took}`
          : `${event.exitCode === null ? '❓' : '▲'} *${inert(event.command, 60)}*: ${inert(event.reason, 300)} (${took})`,
        output === '' ? 'It said nothing.' : `It said at last:\n\`\`\`${outputLines(output)}\`\`\``,
      ];
    }
    default:
      return null;
  }
}

/** Somebody at PagerDuty, with the Slack user of the same verified e-mail address. */
function pagerPerson({ name, slack }: Actor): string {
  return `${inert(name, 60)}${slack !== undefined && /^[UW][A-Z0-9]+$/.test(slack) ? ` (<@${slack}>)` : ''}`;
}

function pagerLine(event: PagerSaid & { by: Actor }, when: string): string {
  const who = pagerPerson(event.by);
  const now = event.to.length === 0 ? '' : `: it is with ${inert(event.to.join(', '), 200)} now`;
  switch (event.what) {
    case 'acknowledged':
      return `📟 *Acknowledged on PagerDuty* by ${who} at ${when}`;
    case 'unacknowledged':
      return `📟 *No longer acknowledged on PagerDuty*${now} · ${when}`;
    case 'resolved':
      return `📟 *Resolved on PagerDuty* by ${who} at ${when}: noted, not obeyed. Only a person here resolves the incident.`;
    case 'annotated':
      return `📟 Note on PagerDuty by ${who}: ${inert(event.text ?? '', 2_000)}`;
    case 'triggered':
    case 'escalated':
    case 'reassigned':
    case 'delegated':
    case 'reopened':
      return `📟 *Page ${event.n} ${event.what} on PagerDuty* by ${who} at ${when}${now}`;
    default: {
      const unknown: never = event.what;
      return String(unknown);
    }
  }
}

const HOLD_WORDS: Record<HoldKey, { placed: string; lifted: string }> = {
  HALT_NEW_ORDERS: { placed: 'New orders halted', lifted: 'A halt of new orders was lifted' },
  PAUSE_SIGNALS: { placed: 'Signals paused', lifted: 'A pause of signals was lifted' },
  DATA_FEED: { placed: 'Switched to the backup feed', lifted: 'An order to use the backup feed was lifted' },
  POSITION_SIZE_FACTOR: { placed: 'Position sizes halved', lifted: 'A halving of position sizes was lifted' },
  ALLOW_NEW_STRATEGIES: { placed: 'New strategies stopped', lifted: 'A stop of new strategies was lifted' },
  ALLOW_PROMOTIONS: { placed: 'Promotions stopped', lifted: 'A stop of promotions was lifted' },
};

/** The end of a command's output: nothing in it becomes markup inside the fence. */
const outputLines = (output: string): string =>
  output
    .split('\n')
    .slice(-12)
    .map((line) => code(line, 160))
    .join('\n');

function cancelLine(result: CancelResult, ms: number): string {
  const venue = inert(result.venue, 60);
  const found = result.lists.reduce((sum, list) => sum + list.found, 0);
  switch (result.verdict) {
    case 'cancelled':
      return `✓ ${venue}: ${count(found, 'order')} found, none left at the reading · ${since(ms)}`;
    case 'left':
      return `▲ ${venue}: *${count(result.left ?? 0, 'order')} still live*: ${inert(result.reason ?? '', 300)}`;
    case 'unknown':
      return `❓ ${venue}: *UNKNOWN*: ${inert(result.reason ?? 'it could not be read', 300)}. Check by hand.`;
    default: {
      const unknown: never = result.verdict;
      return String(unknown);
    }
  }
}

function closeLine(result: CloseResult): string {
  const what = `${inert(result.venue, 60)} ${inert(result.symbol, 40)} ${result.side} ${size(result.asked)}`;
  const reason = result.reason === undefined ? '' : `: ${inert(result.reason, 300)}`;
  switch (result.state) {
    case 'closed':
      return `✓ ${what}: closed, read back as zero`;
    case 'partly':
      return `▲ ${what}: *${size(result.left ?? 0)} left*${reason}`;
    case 'refused':
      return `▲ ${what}: *the order was refused*, ${size(result.left ?? 0)} left${reason}`;
    case 'unknown':
      return `❓ ${what}: *UNKNOWN*${reason}. Check by hand; it is not sent again.`;
    default: {
      const unknown: never = result.state;
      return String(unknown);
    }
  }
}
