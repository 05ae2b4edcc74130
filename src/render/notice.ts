/** One message in the thread about something that just happened. Pure. */

import type { KnownBlock } from '@slack/types';
import type { Incident, StandingEvent } from '../domain/incident.ts';
import type { CancelResult, CloseResult } from '../domain/orders.ts';
import type { HoldKey } from '../domain/trading.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, type ButtonSpec, confirm, message, section, sections } from './blocks.ts';
import { clockTime, code, count, duration, inert, plain, since, size } from './text.ts';

/** Null for events that have no message of their own. `draft` is the postmortem's Markdown, for its event. */
export function notice(
  incident: Incident,
  event: StandingEvent,
  draft: string | null,
): { text: string; blocks: KnownBlock[] } | null {
  const lines = noticeLines(event);
  if (lines === null) return null;
  const drill = incident.drill ? 'DRILL · ' : '';
  const [first = '', ...rest] = lines;
  const blocks = sections([`${drill}${first}`, ...rest]);
  const buttons = noticeButtons(incident, event);
  if (buttons.length > 0) blocks.push(actions(...buttons));
  if (draft !== null) blocks.push(...draftBlocks(draft));
  return message(`${drill}${first.replaceAll('*', '')}`, blocks);
}

/** What can be done about it, right where it is said. */
function noticeButtons(incident: Incident, event: StandingEvent): ButtonSpec[] {
  const value = buttonValue({ incident: incident.id });
  switch (event.type) {
    case 'PostmortemDrafted':
      return [
        { action: ACTION.review, label: 'Put into review', value },
        { action: ACTION.recovery, label: 'Run recovery check', value },
      ];
    case 'ResumeAsked':
      return [
        {
          action: ACTION.approveResume,
          label: 'Approve resume…',
          value: buttonValue({ incident: incident.id, ref: event.resume }),
          style: 'danger',
          confirm: confirm(
            'Approve lifting the kill?',
            `Asked by ${event.by.name}: ${event.reason}. After the last approval every venue is read again, then KILL_SWITCH=0 is written and the engine may trade.`,
            'Approve',
            'Do nothing',
          ),
        },
      ];
    default:
      return [];
  }
}

function noticeLines(event: StandingEvent): string[] | null {
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
    case 'PostmortemDrafted':
      return [
        `📝 *Postmortem draft ${plain(event.id, 40)}* · blanks are marked TODO · file \`${code(event.file, 200)}\``,
      ];
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
    case 'NoteAdded':
      return [`📌 Note by ${who}: ${inert(event.text, 2_000)}`];
    default:
      return null;
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

/** The draft as it stands in the file, in plain text blocks: nothing in it becomes markup. */
function draftBlocks(markdown: string): KnownBlock[] {
  const MAX = 2_900;
  const blocks: KnownBlock[] = [];
  let current = '';
  for (const line of markdown.split('\n')) {
    if (current.length + line.length + 1 > MAX && current !== '') {
      blocks.push({ type: 'section', text: { type: 'plain_text', text: current, emoji: false } });
      current = '';
    }
    current = `${current}${current === '' ? '' : '\n'}${line.slice(0, MAX)}`;
  }
  if (current.trim() !== '')
    blocks.push({ type: 'section', text: { type: 'plain_text', text: current, emoji: false } });
  return blocks.length <= 40
    ? blocks
    : [...blocks.slice(0, 40), section(`_${blocks.length - 40} more parts in the file_`)];
}
