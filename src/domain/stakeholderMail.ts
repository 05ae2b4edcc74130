/**
 * What stakeholders are told by mail: what happened, what is stopped, what is exposed now, what it cost, what happens next
 * and when. It follows from the log alone: the same log gives the same mail. Pure.
 */

import type { IncidentClock } from './clocks.ts';
import type { ImpactReading, Incident, MailWhat } from './incident.ts';
import { type KillState, withoutStop } from './kill.ts';
import { verdictWords } from './timeline.ts';
import { type HoldKey, type Latch, SWITCHES, type Trading } from './trading.ts';
import { counted, listed, utc } from './words.ts';

/** What templates/mail/incident.* are rendered from: plain text, not escaped. */
export interface MailView {
  drill: boolean;
  incident: string;
  severity: string;
  title: string;
  /** The one thing that matters, in a few words; for the subject. */
  headline: string;
  happened: string[];
  stopped: string[];
  /** What is exposed now; what is not known is said as unknown. */
  exposure: string[];
  /** Profit and loss, as far as the log knows; what is not known is said as unknown. */
  impact: string[];
  next: string[];
  /** The Slack thread; null: not posted yet. */
  link: string | null;
}

/**
 * Severity and trading state as a mail tells them, for comparison with what the stakeholders were told last. Who holds a
 * switch, and why, changes nothing of it.
 */
export function toldOf(severity: Incident['severity'], trading: Trading): string {
  const held = (key: HoldKey) => trading.holds.some((hold) => hold.key === key);
  return [
    severity,
    trading.latch === null ? 'running' : 'killed',
    ...(held('HALT_NEW_ORDERS') ? ['orders halted'] : []),
    ...(held('PAUSE_SIGNALS') ? ['signals paused'] : []),
  ].join(', ');
}

/** The view of one mail. `clocks` are those of the incident as far as its record says (clocksOf with `now` null). */
export function mailView(
  what: MailWhat,
  incident: Incident,
  trading: Trading,
  clocks: IncidentClock[],
): MailView {
  const kill = Object.values(incident.kills).sort((a, b) => b.at - a.at)[0];
  return {
    drill: incident.drill,
    incident: incident.id,
    severity: incident.severity,
    title: incident.title,
    headline: headline(what, incident, trading, kill),
    happened: happened(incident, kill),
    stopped: stopped(trading, incident),
    exposure: exposure(kill, incident.impact?.last),
    impact: impact(incident, kill),
    next: next(incident, trading, kill, clocks),
    link: incident.posts['headline']?.permalink ?? null,
  };
}

function headline(what: MailWhat, incident: Incident, trading: Trading, kill: KillState | undefined): string {
  if (incident.status === 'resolved') return 'resolved';
  const again = what === 'reopened' ? 'open again, ' : '';
  if (kill !== undefined && kill.over === null)
    return `${again}${kill.verdict === null ? 'trading killed, not verified yet' : `trading killed, ${kill.verdict}`}`;
  // Without a kill of its own the desk may be stopped all the same.
  const [, state, ...held] = toldOf(incident.severity, trading).split(', ');
  // Nobody reads "running" of a desk that takes no new orders.
  const words = state === 'running' && held.length > 0 ? held : [`trading ${state}`, ...held];
  return `${again}${what === 'opened' || what === 'reopened' ? 'open' : 'still open'}, ${words.join(', ')}`;
}

function happened(incident: Incident, kill: KillState | undefined): string[] {
  const lines = [`${incident.title}. Opened at ${utc(incident.openedAt)}, now ${incident.severity}.`];
  if (incident.reopened > 0) lines.push(`It was resolved and began again at ${utc(incident.openSince)}.`);
  if (kill !== undefined)
    lines.push(`${kill.by.name} gave the order to stop all trading at ${utc(kill.at)}: ${kill.reason}.`);
  const { acknowledged, commander, mitigated, resolution } = incident;
  if (acknowledged !== undefined)
    lines.push(`${acknowledged.by.name} acknowledged it at ${utc(acknowledged.at)}.`);
  if (commander !== undefined) lines.push(`${commander.who.name} commands, since ${utc(commander.at)}.`);
  if (mitigated !== undefined)
    lines.push(`${mitigated.by.name} mitigated it at ${utc(mitigated.at)}: ${mitigated.text}.`);
  for (const { feed, symbol, from, to } of incident.gaps.slice(-3))
    lines.push(
      `Data feed ${feed} (${symbol}) had no data since ${utc(from)}${to === null ? ', and has none yet' : `, until ${utc(to)}`}.`,
    );
  if (resolution !== undefined)
    lines.push(
      `${resolution.how === 'person' ? `${resolution.by.name} resolved it` : 'Its alerts cleared'} at ${utc(resolution.at)}${resolution.summary === undefined ? '' : `: ${resolution.summary}`}.`,
    );
  return lines;
}

const HELD: Record<HoldKey, string> = {
  HALT_NEW_ORDERS: 'New orders',
  PAUSE_SIGNALS: 'New signals',
  DATA_FEED: 'The primary data feed (the backup is used)',
  POSITION_SIZE_FACTOR: `Full position sizes (now times ${SWITCHES.POSITION_SIZE_FACTOR.tight})`,
  ALLOW_NEW_STRATEGIES: 'New strategies',
  ALLOW_PROMOTIONS: 'Promotions',
};

/** What the kill switch stops. It was asked for; whether it was written, and who obeys it, are facts of their own. */
function killed(latch: Latch, { kills }: Incident): string[] {
  const kill = latch.kill === null ? undefined : kills[latch.kill];
  if (kill?.latch?.ok === false)
    return [
      `NOT CERTAIN: the kill switch could not be written (${kill.latch.reason ?? 'unknown'}). On-call stops the engine by hand.`,
    ];
  return [
    `All trading, since ${utc(latch.at)}. It stays stopped until people approve a restart.`,
    ...(kill !== undefined && Object.keys(kill.engines).length === 0
      ? ['No engine has confirmed that it obeys: that no new order comes is not proven.']
      : []),
  ];
}

function stopped(trading: Trading, incident: Incident): string[] {
  const lines = trading.latch === null ? [] : killed(trading.latch, incident);
  for (const hold of trading.holds)
    lines.push(`${HELD[hold.key]}, since ${utc(hold.at)}, by ${hold.by.name}: ${hold.reason}.`);
  return lines.length === 0 ? ['Nothing: trading runs.'] : lines;
}

/** So many are named; the rest is counted: a mail of ten thousand positions is read by nobody, and sent by no server. */
const NAMED = 20;

const firstOf = (items: string[]): string =>
  `${listed(items.slice(0, NAMED), '')}${items.length > NAMED ? ` and ${items.length - NAMED} more` : ''}`;

/** Without a kill nobody read the venues for this incident: what the position size was measured at, as that. */
function measuredOpen(impact: ImpactReading | undefined): string[] {
  if (impact?.open === undefined) return ['Unknown: orders and positions were not read for this incident.'];
  const { notional, source, ageMs, why } = impact.open;
  const asked = utc(impact.at);
  if (notional === null) return [`Open positions: unknown (${why}), asked at ${asked}.`, ORDERS_UNREAD];
  const size =
    notional === 0
      ? 'none found'
      : `${notional.toFixed(2)} ${impact.currency}, the sum of their absolute notionals`;
  return [
    `Open positions: ${size}, by ${source ?? 'an unnamed source'} at ${utc(impact.at - (ageMs ?? 0))}${why === '' ? '' : ` (${why})`}.`,
    ORDERS_UNREAD,
  ];
}
const ORDERS_UNREAD = 'Open orders: unknown, not read for this incident.';

function exposure(kill: KillState | undefined, impact: ImpactReading | undefined): string[] {
  if (kill === undefined) return measuredOpen(impact);
  if (kill.verdict === null) return ['Unknown: orders and positions are being read.'];
  const read = kill.judgedAt === null ? 'time unknown' : utc(kill.judgedAt);
  const venues = Object.entries(kill.venues).map(([id, venue]) =>
    venue.verdict === null ? `${id}: UNKNOWN, not read` : verdictWords(venue.verdict),
  );
  const accepted = kill.accepted;
  const bare = withoutStop(kill).map(
    ({ venue, line }) => `${venue} ${line.symbol} ${line.side} ${line.amount}`,
  );
  return [
    ...(bare.length === 0 ? [] : [`WITHOUT A STOP: ${firstOf(bare)}.`]),
    `${kill.verdict}, as read at ${read}.`,
    ...venues,
    ...(accepted === null ? [] : [`${accepted.by.name} accepted the residual: ${accepted.reason}.`]),
  ];
}

// ── Money ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const signed = (amount: number, currency: string): string =>
  `${amount < 0 ? '-' : '+'}${Math.abs(amount).toFixed(2)} ${currency}`;

const dayOf = (at: number): number => Math.floor(at / 86_400_000);

function impact(incident: Incident, kill: KillState | undefined): string[] {
  return [...dayLines(incident.impact), unrealised(kill), realised(incident)];
}

function dayLines(impact: Incident['impact']): string[] {
  if (impact === undefined) return ['Profit and loss of the desk today: unknown, not measured yet.'];
  const { first, last } = impact;
  if (last.dayPnl === null)
    return [`Profit and loss of the desk today: unknown (${last.why}), asked at ${utc(last.at)}.`];
  const day = `Profit and loss of the desk since 00:00 UTC, realised and unrealised, after fees: ${signed(last.dayPnl, last.currency)}, by ${last.source ?? 'an unnamed source'} at ${utc(last.at)}.`;
  if (first.dayPnl === null || first.currency !== last.currency)
    return [day, 'Since the incident began: unknown, it was not measured then.'];
  if (dayOf(first.at) !== dayOf(last.at))
    return [day, 'Since the incident began: unknown, the measured day began anew in between.'];
  return [
    day,
    `Of that since the first reading of this incident (${utc(first.at)}): ${signed(last.dayPnl - first.dayPnl, last.currency)}.`,
  ];
}

/** On what the newest kill found open: each currency by itself, and what has no figure counted. */
function unrealised(kill: KillState | undefined): string {
  if (kill === undefined) return 'Unrealised on open positions: unknown, not read for this incident.';
  const verdicts = Object.values(kill.venues).map(({ verdict }) => verdict);
  const lines = verdicts.flatMap((verdict) => verdict?.positions ?? []);
  const blind = kill.verdict === null || kill.verdict === 'UNKNOWN' || verdicts.includes(null);
  if (lines.length === 0)
    return blind
      ? 'Unrealised on open positions: unknown, not every venue could be read.'
      : 'Unrealised on open positions: none is open.';
  const sums = new Map<string, number>();
  for (const { unrealisedPnl, currency } of lines)
    if (unrealisedPnl !== null) sums.set(currency, (sums.get(currency) ?? 0) + unrealisedPnl);
  const without = lines.filter(({ unrealisedPnl }) => unrealisedPnl === null).length;
  return `Unrealised on open positions: ${[
    ...[...sums].map(([currency, sum]) => signed(sum, currency)),
    ...(without === 0 ? [] : [`unknown for ${counted(without, 'position')}`]),
    ...(blind ? ['and not every venue could be read'] : []),
  ].join(', ')}.`;
}

const realised = ({ impact }: Incident): string =>
  impact?.last.dayPnl === null || impact === undefined
    ? 'Realised: unknown.'
    : 'Realised alone: unknown, it is measured together with the unrealised.';

// ── What comes ───────────────────────────────────────────────────────────────────────────────────────────────────────

const WITHIN_THE_DESK = new Set(['incidents-channel', 'stakeholder-mail', 'update', 'still-open']);

/** How far on-call is reached: nobody "was called" by a page that did not leave. */
function calledWords({ pages, severity }: Incident): string {
  const live = pages.filter(({ state }) => state !== 'closed' && state !== 'superseded');
  if (live.length === 0)
    return pages.length === 0 ? `Nobody is called for a ${severity}.` : 'Nobody is being called any more.';
  const people = [...new Set(live.flatMap(({ assignedTo }) => assignedTo))];
  if (people.length > 0) return `On-call was called: ${people.join(', ')}.`;
  return live.some(({ state }) => state === 'queued')
    ? 'On-call is being called; nobody is confirmed yet.'
    : live.every(({ state }) => state === 'owed')
      ? 'On-call is about to be called.'
      : 'On-call could NOT be called by PagerDuty so far; nobody is confirmed.';
}

function next(
  incident: Incident,
  trading: Trading,
  kill: KillState | undefined,
  clocks: IncidentClock[],
): string[] {
  const lines: string[] = [];
  if (kill?.verdict === 'UNKNOWN')
    lines.push('What could not be read is read again until it can be; on-call checks by hand.');
  if (kill?.verdict === 'RESIDUAL' && kill.accepted === null)
    lines.push('On-call closes what is left, or accepts it with a reason.');
  if (trading.latch !== null)
    lines.push(
      'A restart needs the postmortem in review, the whole checklist after the incident, and the approvers’ approval.',
    );
  if (incident.status !== 'resolved') {
    lines.push(
      incident.acknowledged === undefined
        ? calledWords(incident)
        : `${incident.acknowledged.by.name} works on it.`,
    );
  }
  for (const clock of clocks) {
    // This mail is the one; and the ones within the desk are not theirs.
    if (WITHIN_THE_DESK.has(clock.id)) continue;
    if (clock.doneAt === null)
      lines.push(`Due by ${utc(clock.dueAt)}: ${clock.title}${clock.state === 'missed' ? ' (MISSED)' : ''}.`);
  }
  if (incident.status !== 'resolved')
    lines.push(
      'A mail follows when the severity or the trading state changes, with each verdict, and when it is resolved.',
    );
  else if (lines.length === 0) lines.push('Nothing more is due.');
  return lines;
}
