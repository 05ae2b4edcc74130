/** Every event in words: the rows of the timeline and of the postmortem. Pure, plain text; whoever renders escapes. */

import { ENDED } from './drill/gameDay.ts';
import type { StandingEvent } from './incident.ts';
import type { VenueVerdict } from './kill.ts';
import { MARK_WORDS } from './marks.ts';
import type {
  CancelledList,
  CancelResult,
  CancelScope,
  CloseResult,
  OrderLine,
  PositionLine,
} from './orders.ts';
import { shareWords } from './postmortem/budget.ts';
import { FIELD_WORDS } from './postmortem/missing.ts';
import { describeReadiness } from './readiness/words.ts';
import { describeRefused } from './refused.ts';
import { describeTracker } from './tracker.ts';
import { SWITCHES } from './trading.ts';
import { trailWords } from './trail/words.ts';
import { counted, listed, span, utc } from './words.ts';

const because = (why: string | undefined): string => (why === undefined || why === '' ? '' : `: ${why}`);
const after = (ms: number): string => `${span(ms) ?? 'an unknown time'} after the trigger`;
/** At most this many lines of one kind are written out in a row; the rest is counted. */
const SHOWN = 10;

function some(items: string[], none: string): string {
  const more = items.length - SHOWN;
  return `${listed(items.slice(0, SHOWN), none)}${more > 0 ? ` and ${more} more` : ''}`;
}

/** `binance BTC/USDT:USDT buy 0.01 at 61000 (protective)`. What the venue did not give is said to be unknown. */
export function orderWords(order: OrderLine): string {
  const amount = order.amount === null ? 'amount unknown' : String(order.amount);
  const price = order.price === null ? '' : ` at ${order.price}`;
  return `${order.symbol} ${order.side} ${amount}${price} in ${order.list}${order.protective ? ' (protective)' : ''}`;
}

/** `BTC/USDT:USDT long 0.008, 512.40 USDT, uPnL -3.10`. */
export function positionWords(line: PositionLine): string {
  const worth = line.notional === null ? 'value unknown' : `${line.notional.toFixed(2)} ${line.currency}`;
  const gain = line.unrealisedPnl === null ? '' : `, uPnL ${line.unrealisedPnl.toFixed(2)}`;
  return `${line.symbol} ${line.side} ${line.amount}, ${worth}${gain}${line.dust ? ', dust' : ''}`;
}

/** What one venue's verdict says, in a sentence. */
export function verdictWords(verdict: VenueVerdict): string {
  const left = [...verdict.orders.map(orderWords), ...verdict.positions.map(positionWords)];
  const notCovered =
    verdict.notCovered.length === 0 ? '' : `; not covered: ${listed(verdict.notCovered, '')}`;
  switch (verdict.verdict) {
    case 'FLAT':
      return `${verdict.venue}: FLAT, ${counted(verdict.listsRead.length, 'list')} read twice and empty${notCovered}`;
    case 'RESIDUAL':
      return `${verdict.venue}: RESIDUAL, left: ${some(left, 'nothing listed')}${notCovered}`;
    case 'UNKNOWN':
      return `${verdict.venue}: UNKNOWN${because(verdict.reason)}${left.length === 0 ? '' : `; seen: ${some(left, '')}`}${notCovered}`;
    default: {
      const unknown: never = verdict.verdict;
      return String(unknown);
    }
  }
}

function listWords(lists: CancelledList[]): string {
  const found = lists.map(
    (list) =>
      `${list.answered} of ${list.found} in ${list.list}${list.protective > 0 ? ` (${list.protective} protective)` : ''}`,
  );
  const failures = lists.flatMap((list) => list.failures);
  return `${listed(found, 'no list')}${failures.length === 0 ? '' : `; failed: ${some(failures, '')}`}`;
}

function scopeWords(scope: CancelScope): string {
  const what = scope.scope === 'all' ? 'all open orders' : 'open orders that are not reduce-only';
  const where = [scope.venue, scope.symbol].filter((one) => one !== undefined);
  return `${what} at ${listed(where, 'every venue')}`;
}

function cancelWords(result: CancelResult): string {
  const left = result.left === null ? '' : `, ${counted(result.left, 'order')} left`;
  const verdict = {
    cancelled: 'read back, none left',
    left: `not all cancelled${left}`,
    unknown: 'UNKNOWN, could not be read back',
  }[result.verdict];
  return `${result.venue}: ${verdict}${because(result.reason)} (answered: ${listWords(result.lists)})`;
}

function closeWords(result: CloseResult): string {
  const left = result.left === null ? 'what is left is unknown' : `${result.left} left`;
  return `${result.venue} ${result.symbol} ${result.side} ${result.asked}: ${result.state}, ${left}${because(result.reason)}`;
}

const minutes = (seconds: number): string => span(seconds * 1_000) ?? '0 s';

/** A look at the clock comes every second; what is found later than this was not looked at in time. */
const LATE_MS = 10_000;

const byHandWords = (copies: string[] | undefined): string =>
  copies === undefined ? '' : `; it had been changed by hand, which is kept as ${listed(copies, '')}`;

/** How late a missed clock was found, in words; null: in time. */
export const lateBy = ({ at, dueAt }: { at: number; dueAt: number }): string | null =>
  at - dueAt > LATE_MS ? span(at - dueAt) : null;

/**
 * One event in words, without its time and author. Plain text as it was given: alert and message text is in it, so it
 * must be escaped where it is shown.
 */
export function describe(event: StandingEvent): string {
  switch (event.type) {
    case 'IncidentOpened': {
      const from = event.source === undefined ? '' : ` by ${event.source}`;
      const runbook = event.runbook === null ? 'no runbook matched' : `runbook ${event.runbook}`;
      const note = event.severityNote === undefined ? '' : ` (${event.severityNote})`;
      return `Opened ${event.id}${event.drill ? ' (DRILL)' : ''} as ${event.severity}${note}${from}: ${event.title}; ${runbook}`;
    }
    case 'AlertFired': {
      const { alert } = event;
      const guess = alert.severityGuess === undefined ? '' : ` (${alert.severityGuess})`;
      const since = alert.startsAtGiven ? `, firing since ${utc(alert.startsAt)}` : '';
      const value = alert.value === undefined || alert.value === '' ? '' : `: ${alert.value}`;
      return `Alert from ${alert.source}: ${alert.title}, ${alert.severity}${guess}${since}${value}`;
    }
    case 'AlertRepeated':
      return `Alert ${event.key} was sent again`;
    case 'AlertCleared':
      return `Alert ${event.key} resolved at its source at ${utc(event.endedAt)}`;
    case 'SeverityChanged':
      return `Severity changed from ${event.from} to ${event.to}${because(event.why)}`;
    case 'IncidentReopened':
      return `Reopened${because(event.why)}`;
    case 'IncidentAcknowledged':
      return 'Acknowledged';
    case 'IncidentResolved': {
      if (event.how === 'drillOver') return `The drill is over${because(event.summary)}`;
      const how = event.how === 'person' ? 'Resolved' : 'Resolved by itself: every alert has cleared';
      return `${how}${because(event.summary)}`;
    }
    case 'PageOwed':
      return `Page ${event.n} is due (${event.severity})${because(event.why)}`;
    case 'PageQueued':
      return `Page ${event.n} queued at PagerDuty (${event.dedupKey}); nobody is confirmed as paged yet`;
    case 'PageAssigned': {
      const people = listed(event.to, 'nobody');
      return event.acknowledgedBy === undefined
        ? `Page ${event.n} is assigned to ${people}, not acknowledged`
        : `Page ${event.n}, assigned to ${people}, was acknowledged on PagerDuty by ${event.acknowledgedBy}`;
    }
    case 'PageFailed':
      return `Page ${event.n} failed (${event.gaveUp ? 'gave up' : 'will retry'})${because(event.reason)}`;
    case 'PageSuperseded':
      return `Page ${event.n} was not needed any more${because(event.why)}`;
    case 'PageClosed':
      return `Page ${event.n} was closed at PagerDuty`;
    case 'Posted':
      return `Posted to Slack: ${event.what}`;
    case 'PostFailed':
      return `Could not post ${event.what} to Slack (${event.gaveUp ? 'gave up' : 'will retry'})${because(event.reason)}`;
    case 'MailOwed':
      return `Mail to the stakeholders is due (${event.what})${because(event.why)}`;
    case 'MailSent': {
      const refused = event.refused.map(({ address, reason }) => `${address} (${reason})`);
      const to = `Mail ${event.what} accepted by the mail server for ${listed(event.to, 'nobody')}`;
      return refused.length === 0 ? to : `${to}; refused: ${some(refused, '')}`;
    }
    case 'MailFailed':
      return `Mail ${event.what} failed (${event.gaveUp ? 'gave up' : 'will retry'})${because(event.reason)}`;
    case 'StepMarked':
      return `Runbook step ${event.step} ${event.mark}${because(event.why)}`;
    case 'MessageLogged':
      return `Said: ${event.text}`;
    case 'MessageEdited':
      return `Edited a message to: ${event.text}`;
    case 'MessageDeleted':
      return 'Deleted: a message of theirs; Slack does not say by whom';
    case 'MessageMarked':
      return `Marked a message as ${MARK_WORDS[event.mark]}${because(event.text)}`;
    case 'MessageUnmarked':
      return `Took the mark ${MARK_WORDS[event.mark]} from a message`;
    case 'MessagePinned':
      return `Pinned a message${because(event.text)}`;
    case 'MessageUnpinned':
      return 'Unpinned a message';
    case 'IssueFiled':
    case 'IssueFailed':
    case 'IssueTriedAgain':
    case 'IssueStateSeen':
    case 'IssueCommented':
    case 'ActionItemReminded':
      return describeTracker(event);
    case 'ReadinessProved':
    case 'RotaRead':
    case 'RotaUnread':
    case 'TestPageAsked':
    case 'TestPageQueued':
    case 'TestPageFailed':
    case 'TestPageAcknowledged':
    case 'TestPageClosed':
    case 'RunbooksSeen':
    case 'RunbooksRead':
    case 'ReadinessReminderSet':
    case 'ReadinessReminded':
    case 'ReadinessRestated':
      return describeReadiness(event);
    case 'FileSetAside':
      return `Could not be read at the start, and kept as aside/${event.name} (SHA-256 ${event.sha256})`;
    case 'MaintenanceSeen':
      return `Maintenance “${event.name}”, ${utc(event.from)} to ${utc(event.to)}, was seen in the configuration for the first time`;
    case 'CommandRefused':
      return describeRefused(event);
    case 'NoteAdded': {
      if (event.from === undefined) return `Note: ${event.text}`;
      const where = event.from.permalink === undefined ? '' : `, ${event.from.permalink}`;
      return `From a message of ${event.from.author}${where}: ${event.text}`;
    }
    case 'PostmortemAsked':
      return 'Asked for a postmortem';
    case 'PostmortemDrafted':
      return `Postmortem ${event.id} drafted${byHandWords(event.byHand)}`;
    case 'PostmortemRevised':
      return `Postmortem ${event.id} written anew, revision ${event.revision}${byHandWords(event.byHand)}`;
    case 'PostmortemEdited': {
      const was = event.was === null || event.was === '' ? 'nothing' : `“${event.was}”`;
      const now = event.text === '' ? 'taken back' : `now “${event.text}”`;
      return `Postmortem ${event.id}, ${FIELD_WORDS[event.field]}: ${now}, was ${was}`;
    }
    case 'PostmortemReturned':
      return `Postmortem ${event.id} returned from ${event.from} to a draft${because(event.reason)}`;
    case 'PostmortemFinalised':
      return `Postmortem ${event.id} made FINAL`;
    case 'PostmortemShared':
      return event.failed === undefined
        ? `Postmortem ${event.id}, revision ${event.revision}, put into the thread as a file`
        : `Postmortem ${event.id}, revision ${event.revision}, could NOT be put into the thread as a file${because(event.failed)}`;
    case 'PostmortemLastMinutes':
      return `The minutes after the resolution, to ${utc(event.until)}, are measured and drawn for the postmortem`;
    case 'PostmortemReminded':
      return `Reminded of the postmortem, due at ${utc(event.dueAt)}`;
    case 'BudgetNoted':
      return `Error budgets: ${listed(event.readings.map(shareWords), 'nothing of it was measured')}`;
    case 'KillAsked':
      return `KILL asked for ${listed(event.venues, 'no venue')}${because(event.reason)}`;
    case 'KillJoined':
      return `Asked for the kill too${because(event.reason)}`;
    case 'KillLatched':
      return event.ok
        ? `KILL_SWITCH=1 written and read back (revision ${event.rev ?? 'unknown'}), ${after(event.ms)}`
        : `KILL_SWITCH=1 could NOT be written, ${after(event.ms)}${because(event.reason)}`;
    case 'EngineConfirmed':
      return `Engine ${event.engine} confirms by its heartbeat that it obeys, ${after(event.ms)}`;
    case 'VenueCancelled':
      return `${event.venue}: cancel round ${event.round} answered ${listWords(event.lists)}, ${after(event.ms)}`;
    case 'VenueJudged':
      return `${verdictWords(event.verdict)}, ${after(event.ms)}`;
    case 'KillJudged':
      return `VERDICT ${event.verdict}, ${after(event.timings.verdictMs)}`;
    case 'KillSuperseded':
      return `A newer kill took over: ${event.newer} in ${event.incident}`;
    case 'ResidualAccepted':
      return `Accepted the residual exposure${because(event.reason)}`;
    case 'HoldPlaced':
      return `${event.key}=${SWITCHES[event.key].tight} held by ${event.owner}${because(event.reason)}`;
    case 'HoldLifted':
      return `A hold on ${event.key} was lifted${because(event.reason)}`;
    case 'PostmortemReviewed':
      return `Postmortem ${event.id} put into review`;
    case 'RecoveryChecked':
      return `Recovery check ${event.passed ? 'passed' : 'did NOT pass'}${because(event.reason)}`;
    case 'ResumeAsked':
      return `Asked to lift the kill latch${because(event.reason)}${event.criteria.length === 0 ? '' : `; not known to be fine: ${event.criteria.join(', ')}; starting value: ${event.startingValue}`}`;
    case 'ResumeApproved':
      return 'Approved lifting the kill latch';
    case 'ResumeRefused':
      return `The kill latch stays${because(event.reason)}`;
    case 'LatchAdopted':
      return `KILL_SWITCH=1 found and adopted as a latch${because(event.reason)}`;
    case 'LatchLifted':
      return `The kill latch was lifted (${event.how === 'approved' ? 'approved' : 'break-glass'})${because(event.reason)}`;
    case 'ControlWritten': {
      const values = Object.entries(event.values).map(([key, value]) => `${key}=${value}`);
      return `Control file written and read back: ${listed(values, 'no key')} (revision ${event.rev})${because(event.why)}`;
    }
    case 'ControlFailed':
      return `Control file could NOT be written (${event.why})${because(event.reason)}`;
    case 'CancelAsked':
      return `Cancel asked: ${scopeWords(event.scope)}${because(event.reason)}`;
    case 'CancelFinished':
      return `Cancel done after ${span(event.ms) ?? 'an unknown time'}: ${event.results.map(cancelWords).join('; ')}`;
    case 'FlattenAsked': {
      const positions = event.positions.map(
        ({ venue, symbol, side, amount }) => `${venue} ${symbol} ${side} ${amount}`,
      );
      return `Flatten asked: ${some(positions, 'no position')}`;
    }
    case 'FlattenFinished':
      return `Flatten done after ${span(event.ms) ?? 'an unknown time'}, ${event.verdict}: ${some(event.results.map(closeWords), 'nothing was closed')}`;
    case 'StepChecked':
      return `Runbook step ${event.step}, ${event.check}: ${{ ok: 'ok', bad: 'NOT ok', unknown: 'UNKNOWN' }[event.state]}${because(event.text)}`;
    case 'StepBranched': {
      const now =
        event.applies === null
          ? 'whether it applies is UNKNOWN'
          : event.applies
            ? 'applies'
            : 'does not apply';
      return `Runbook step ${event.step} ${now}${because(event.text)}`;
    }
    case 'StepActed': {
      const how = event.how === 'auto' ? 'by itself' : 'by its timer';
      return `Runbook step ${event.step} ${event.ok ? 'did' : 'tried'} ${event.did} ${how}${because(event.text)}`;
    }
    case 'FeedGapBegan':
      return `Gap of feed ${event.feed} (${event.symbol}) began at ${utc(event.from)}`;
    case 'FeedGapEnded':
      return `Gap of feed ${event.feed} (${event.symbol}) ended at ${utc(event.to)}, after ${span(event.to - event.from) ?? 'an unknown time'}`;
    case 'ClockMet':
      return `Clock met: ${event.clock}, due at ${utc(event.dueAt)}${event.doneAt === undefined ? '' : `, done at ${utc(event.doneAt)}`}`;
    case 'ClockMissed': {
      const done = event.doneAt === undefined ? 'not done' : `done at ${utc(event.doneAt)}`;
      const late = lateBy(event);
      return `Clock MISSED: ${event.clock}, due at ${utc(event.dueAt)}, ${done}${late === null ? '' : `; found ${late} late`}`;
    }
    case 'ChecklistMarked':
      return `Checklist: ${event.item} done${because(event.text)}`;
    case 'RootCauseNamed':
      return `Root cause is of the category ${event.category}${because(event.text)}`;
    case 'ImpactNoted':
      return event.dayPnl === null
        ? `Profit and loss of the day: unknown${because(event.why)}`
        : `Profit and loss of the day: ${event.dayPnl.toFixed(2)} ${event.currency}, by ${event.source ?? 'an unnamed source'}`;
    case 'TrailKept':
    case 'TrailMissing':
    case 'MoneyMeasured':
    case 'PictureDrawn':
    case 'PictureFailed':
    case 'PictureUploaded':
    case 'PictureUploadFailed':
      return trailWords(event);
    case 'UpdateReminded':
      return `Reminded: no update for ${span(event.sinceMs) ?? 'an unknown time'}`;
    case 'CommanderAssigned':
      return `${event.who.name} commands${because(event.handover)}`;
    case 'IncidentMitigated':
      return `Mitigated${because(event.text)}`;
    case 'IncidentReviewed':
      return `Incident review: ${event.text}`;
    case 'IncidentAdjusted': {
      const { slo, from, to, was } = event;
      return `True times ${utc(from)} to ${utc(to)} (was ${utc(was.from)} to ${utc(was.to)}); ${slo} consumed ${minutes(event.consumedSec)} of its month's budget, was ${minutes(was.consumedSec)}${because(event.reason)}`;
    }
    case 'TimeExcluded':
      return `Not counted for ${event.slo ?? 'any budget'}: ${event.name}, ${utc(event.from)} to ${utc(event.to)}`;
    case 'ActionItemAdded': {
      const owner = event.owner === undefined ? 'no owner' : `owner ${event.owner}`;
      const rest = [event.priority, event.due === undefined ? undefined : `due ${event.due}`];
      return `Action item ${event.id} (${[owner, ...rest].filter((one) => one !== undefined).join(', ')}): ${event.text}`;
    }
    case 'PagerSaid':
      return `PagerDuty: page ${event.n} ${event.what}${event.to.length === 0 ? '' : `, now with ${listed(event.to, '')}`}${because(event.text)}`;
    case 'SummonOwed':
      return `On-call is asked by ${event.way} for page ${event.n}${because(event.why)}`;
    case 'SummonSent':
      return event.way === 'mention'
        ? `Mentioned in Slack for page ${event.n}: ${listed(event.to, 'nobody')}`
        : `Mail for page ${event.n} accepted by the mail server for ${listed(event.to, 'nobody')}`;
    case 'SummonFailed':
      return `On-call could not be asked by ${event.way} for page ${event.n} (${event.gaveUp ? 'gave up' : 'will retry'})${because(event.reason)}`;
    case 'CommandAsked':
      return `Command ${event.command} started`;
    case 'CommandFinished':
      return `Command ${event.command} ended with ${event.exitCode === null ? 'no exit code' : `exit code ${event.exitCode}`} after ${span(event.ms) ?? 'an unknown time'}${because(event.reason)}`;
    case 'ResolutionNoted':
      return `A resolution came before its alert: ${event.key} from ${event.source} at ${utc(event.endedAt)}`;
    case 'RequestTaken':
      return event.released === true
        ? `Request ${event.name} was refused: it may be sent again`
        : `Request ${event.name} taken; it runs once`;
    case 'DrillFinished':
    case 'DrillNoted':
      return `Drill ${event.drill} (${event.scenario}) ${ENDED[event.ended]}${because(event.why)}: ${event.passed ? 'passed' : 'NOT passed'}`;
    case 'DrillPlanned':
      return `A drill (${event.scenario}) is due at ${utc(event.dueAt)}`;
    case 'DrillMissed':
      return `A drill (${event.scenario}) was due at ${utc(event.dueAt)} and did not run${because(event.why)}${
        event.further === undefined
          ? ''
          : `; nor at ${counted(event.further.times.length + event.further.more, 'later time')} until ${utc(event.further.until)}`
      }`;
    case 'DrillMissedSaid':
      return `It was said that the drill due at ${utc(event.dueAt)} did not run`;
    case 'MembersSeen':
      return `Members of ${event.name}: ${counted(event.members.length, 'person').replace('persons', 'people')}`;
    default: {
      const unknown: never = event;
      return `An event that this version does not know: ${String((unknown as { type: unknown }).type)}`;
    }
  }
}
