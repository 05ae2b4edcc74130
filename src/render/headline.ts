/** The post in #incidents, edited in place. Pure. */

import type { KnownBlock } from '@slack/types';
import type { IncidentClock } from '../domain/clocks.ts';
import { newestKill } from '../domain/decide.ts';
import type { Incident, Page } from '../domain/incident.ts';
import { asksForSomebody, isAnswered, type Summons } from '../domain/paging.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { Trading } from '../domain/trading.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, type ButtonSpec, context, fitted, header, section } from './blocks.ts';
import { cancelButton, type DeskNames, haltButton, killButton, primaryFeedButton } from './buttons.ts';
import { clockLines, metWords } from './clocks.ts';
import {
  clockTime,
  count,
  cutMarkup,
  dateTime,
  duration,
  inert,
  linesWithin,
  listed,
  plain,
  safeLink,
} from './text.ts';
import { tradingLine } from './trading.ts';

/** What a headline shows beside the incident. `now` is ms since the epoch: when it is drawn. */
export interface Around {
  clocks: IncidentClock[];
  now: number;
  /** Whether stakeholders can be mailed. */
  mail: boolean;
  /** Why what was ordered does not stand in the control file; null where it does. */
  unwritten: string | null;
}

export function headline(
  incident: Incident,
  trading: Trading,
  playbook: Playbook,
  names: DeskNames,
  around: Around,
): { text: string; blocks: KnownBlock[] } {
  const policy = playbook.severities[incident.severity];
  const drill = incident.drill ? 'DRILL · ' : '';
  const resolved = incident.status === 'resolved';
  const symbol = resolved ? '✅' : policy.symbol;
  const unpaged = isUnpaged(incident) ? '🟥 NOBODY WAS PAGED · ' : '';
  const lead = `${drill}${unpaged}${symbol} ${incident.severity}${resolved ? ' resolved' : ''} · `;
  const state = [
    tradingLine(trading),
    ...unwrittenLines(around.unwritten),
    ...killLines(incident),
    ...gapLines(incident),
    ...(incident.origin === 'storm' ? stormLines(incident) : valueLines(incident)),
  ];
  const told = [
    pageLine(incident),
    ...clockLines(around.clocks, around.now),
    mailLine(incident),
    ...peopleLines(incident),
  ].filter((line) => line !== '');
  // A resolution ends that clock, too: who did not acknowledge is not said to have.
  const done = around.clocks.filter(({ id }) => id !== 'acknowledge' || incident.acknowledged !== undefined);
  const met = metWords(done, around.now);
  const small = [...footer(incident), ...(met === null ? [] : [met])].map((one) => cutMarkup(one, 600));
  // The fallback text is mrkdwn, the header is not. The buttons stand whatever else does not fit.
  return fitted(
    `${lead}${inert(incident.title, 120)} (${incident.id})`,
    [header(`${lead}${plain(incident.title, 120)}`)],
    [
      [section(linesWithin(state, 2_000, moreLines).join('\n'))],
      ...(told.length === 0 ? [] : [[section(linesWithin(told, 2_000, moreLines).join('\n'))]]),
    ],
    [context(...small), ...(resolved ? [] : [actions(...buttons(incident, trading, names, around))])],
    (left) => `${left} more parts of this do not fit here`,
  );
}

const STORM_GROUPS = 5;

const moreLines = (left: number): string => `… ${count(left, 'more line')}`;

/** What was ordered is not what the engine reads. */
const unwrittenLines = (why: string | null): string[] =>
  why === null
    ? []
    : [`❗ *NOT in the control file*: it could not be written (${inert(why, 200)}). Tell the engine by hand`];

function killLines(incident: Incident): string[] {
  const kill = newestKill(incident);
  if (kill === undefined) return [];
  if (kill.verdict === null) return ['Kill running: no verdict yet. The receipt is in the thread.'];
  const mark = { FLAT: '✓', RESIDUAL: '▲', UNKNOWN: '❓' }[kill.verdict];
  const accepted = kill.accepted === null ? '' : ` · accepted by ${inert(kill.accepted.by.name, 60)}`;
  return [
    `${mark} Kill verdict *${kill.verdict}*, read at ${clockTime(kill.judgedAt ?? kill.at)}${accepted}`,
  ];
}

/** What its newest alerts measured. */
function valueLines(incident: Incident): string[] {
  const firing = Object.values(incident.alerts).filter(({ state }) => state === 'firing');
  return firing
    .toSorted((a, b) => b.receivedAt - a.receivedAt)
    .flatMap(({ value }) => (value === undefined || value === '' ? [] : [inert(value, 200)]))
    .slice(0, 3);
}

/** What a storm holds, the largest groups first: no person reads ten thousand alerts. */
function stormLines(incident: Incident): string[] {
  const groups = new Map<string, { title: string; source: string; firing: number; all: number }>();
  for (const { source, groupKey, title, state } of Object.values(incident.alerts)) {
    const name = JSON.stringify([source, groupKey]);
    const group = groups.get(name) ?? { title, source, firing: 0, all: 0 };
    groups.set(name, group);
    group.all += 1;
    if (state === 'firing') group.firing += 1;
  }
  const sorted = [...groups.values()].toSorted((a, b) => b.firing - a.firing || b.all - a.all);
  const alerts = Object.keys(incident.alerts).length;
  const more = sorted.length - STORM_GROUPS;
  return [
    `*${count(sorted.length, 'group')} with ${count(alerts, 'alert')} are held here*, ${incident.firing} firing. Each is listed at \`GET /incidents/${incident.id}\``,
    ...sorted
      .slice(0, STORM_GROUPS)
      .map(
        ({ title, source, firing, all }) =>
          `• ${firing} of ${all} firing · ${inert(title, 80)} · ${inert(source, 30)}`,
      ),
    ...(more > 0 ? [count(more, 'more group')] : []),
  ];
}

/** Who commands, and whether the harm has stopped. */
function peopleLines({ commander, mitigated, status }: Incident): string[] {
  const lines: string[] = [];
  if (commander !== undefined)
    lines.push(`👤 ${inert(commander.who.name, 60)} commands since ${clockTime(commander.at)}`);
  if (mitigated !== undefined && status !== 'resolved')
    lines.push(
      `🩹 Mitigated at ${clockTime(mitigated.at)} by ${inert(mitigated.by.name, 60)}: “${inert(mitigated.text, 200)}”`,
    );
  return lines;
}

/** The newest gaps that were measured: since when, and how long once they are over. */
function gapLines(incident: Incident): string[] {
  return incident.gaps.slice(-2).map(({ feed, symbol, from, to }) => {
    const what = `${inert(feed, 60)} (${inert(symbol, 40)})`;
    return to === null
      ? `▲ *Gap of ${what} since ${clockTime(from)} UTC*, still open`
      : `✓ Gap of ${what} ${clockTime(from)} to ${clockTime(to)} UTC, ${duration(to - from)}`;
  });
}

/** Who was paged, and how sure that is: a 202 is "queued", never "paged". */
function pageLine(incident: Incident): string {
  const page = incident.pages.at(-1);
  if (page === undefined) return '';
  const step = page.n > 1 ? ` (page ${page.n}: ${inert(page.why, 80)})` : '';
  const acknowledged = incident.status === 'resolved' ? '' : acknowledgedWords(incident, page);
  return [`${pageWords(page, incident)}${step}${acknowledged}`, ...summonLines(page)].join('\n');
}

/** The newest page failed for good, and nobody has taken the incident since: it says so before anything else. */
function isUnpaged(incident: Incident): boolean {
  const page = incident.pages.at(-1);
  return incident.status !== 'resolved' && page?.state === 'failed' && !isAnswered(incident, page);
}

function pageWords(page: Page, incident: Incident): string {
  const people = listed(
    page.assignedTo.map((name) => inert(name, 60)),
    5,
  );
  switch (page.state) {
    case 'owed':
      return `Paging on-call since ${clockTime(page.owedAt)}, not sent yet`;
    case 'queued':
      return `Page queued, nobody yet: PagerDuty took it at ${clockTime(page.queuedAt ?? page.owedAt)}, and does not say who has it`;
    case 'assigned':
      return `Paged ${people} at ${clockTime(page.queuedAt ?? page.owedAt)}, assigned${isAnswered(incident, page) ? '' : ', not acknowledged'}`;
    case 'acknowledged':
      return `Paged ${people}, acknowledged${page.acknowledgedBy === undefined ? '' : ` by ${inert(page.acknowledgedBy, 60)}`}`;
    case 'retrying':
      return `❗ *Page not sent yet* (${inert(page.reason ?? 'unknown', 200)}): trying again. Call the on-call person`;
    case 'failed':
      return `❗ *Nobody was paged*: PagerDuty refused it (${inert(page.reason ?? 'unknown', 200)}). Call the on-call person`;
    case 'superseded':
      return `Page not sent: ${inert(page.reason ?? '', 120)}`;
    case 'closed':
      if (page.resolvedThereBy !== undefined && incident.status !== 'resolved')
        return `Page resolved on PagerDuty by ${inert(page.resolvedThereBy, 60)}: *the incident is still open here*`;
      return people === '' ? 'Page resolved at PagerDuty' : `Paged ${people}; page resolved`;
    default: {
      const unknown: never = page.state;
      return String(unknown);
    }
  }
}

/** The next ways to on-call, and what came of each. */
function summonLines(page: Page): string[] {
  const { mention, mail } = page.summons ?? {};
  return [
    ...(mention === undefined ? [] : [summonWords(mention, 'Mentioned in this channel', 'mention')]),
    ...(mail === undefined
      ? []
      : [summonWords(mail, `Mailed to ${count(mail.to.length, 'address', 'addresses')}`, 'mail')]),
  ];
}

function summonWords({ state, at, reason }: Summons, said: string, way: string): string {
  switch (state) {
    case 'owed':
      return `↪ On-call is asked by ${way} since ${clockTime(at)}`;
    case 'sent':
      return `↪ ${said} at ${clockTime(at)}`;
    case 'retrying':
      return `❗ The ${way} to on-call is not out yet (${inert(reason ?? 'unknown', 120)}): trying again`;
    case 'failed':
      return `❗ No ${way} to on-call: ${inert(reason ?? 'unknown', 120)}`;
    default: {
      const unknown: never = state;
      return String(unknown);
    }
  }
}

function acknowledgedWords(incident: Incident, page: Page): string {
  const { acknowledged } = incident;
  if (acknowledged === undefined) return '';
  const who = `${inert(acknowledged.by.name, 60)} at ${clockTime(acknowledged.at)}`;
  return isAnswered(incident, page)
    ? ` · incident acknowledged by ${who}`
    : ` · acknowledged before it by ${who}`;
}

/** What became of the newest mail to the stakeholders: accepted by the mail server is all that anybody knows. */
function mailLine({ mail }: Incident): string {
  if (mail === undefined) return '';
  const reason = inert(mail.reason ?? 'unknown', 200);
  switch (mail.state) {
    case 'accepted': {
      const refused = mail.refused.map(
        ({ address, reason: why }) => `${inert(address, 80)} (${inert(why, 120)})`,
      );
      const no = refused.length === 0 ? '' : ` · ❗ *refused*: ${listed(refused, 3)}`;
      return `✉ Stakeholder mail accepted for ${count(mail.to.length, 'recipient')} at ${clockTime(mail.at)}${no}`;
    }
    case 'retrying':
      return `❗ *Stakeholder mail not sent yet* (${reason}): trying again`;
    case 'failed':
      return `❗ *Stakeholder mail failed* (${reason}): tell them by another way`;
    default: {
      const unknown: never = mail.state;
      return String(unknown);
    }
  }
}

/** A longer address of a source is left out: cut, it would lead elsewhere. */
const LINK = 580;

function footer(incident: Incident): string[] {
  const alerts = Object.values(incident.alerts);
  const firing = alerts.filter((alert) => alert.state === 'firing').length;
  const repeats = alerts.reduce((sum, alert) => sum + alert.repeats, 0);
  const parts = [
    `*${incident.id}* · opened ${dateTime(incident.openedAt)} by ${inert(incident.openedBy.name, 60)}`,
  ];
  if (alerts.length > 0) {
    const cleared = alerts.length - firing;
    parts.push(
      `${count(firing, 'alert')} firing${cleared > 0 ? `, ${cleared} cleared` : ''}${repeats > 0 ? ` · repeated ${count(repeats, 'time')}` : ''}`,
    );
  }
  if (incident.severityNote !== undefined) parts.push(`❓ ${inert(incident.severityNote, 200)}`);
  if (incident.resolution !== undefined) {
    const how =
      incident.resolution.how === 'person'
        ? `by ${inert(incident.resolution.by.name, 60)}`
        : incident.resolution.how === 'drillOver'
          ? 'as the drill was over'
          : 'by itself: all its alerts cleared';
    parts.push(
      `Resolved ${dateTime(incident.resolution.at)} ${how}, after ${duration(incident.resolution.at - incident.openedAt)}`,
    );
  }
  const link = alerts
    .map((alert) => safeLink(alert.link))
    .find((href) => href !== null && href.length <= LINK);
  if (link !== undefined && link !== null) parts.push(`<${link}|source>`);
  return parts;
}

function buttons(incident: Incident, trading: Trading, names: DeskNames, { mail }: Around): ButtonSpec[] {
  const value = buttonValue({ incident: incident.id });
  const held = (key: string) => trading.holds.some((hold) => hold.key === key);
  const specs: ButtonSpec[] = [];
  if (asksForSomebody(incident))
    specs.push({ action: ACTION.acknowledge, label: 'Acknowledge', value, style: 'primary' });
  if (incident.commander === undefined)
    specs.push({ action: ACTION.takeCommand, label: 'Take command', value });
  // What stops or starts acts on the real desk: on a drill's headline there is none of it.
  if (incident.gameDay !== undefined) return specs;
  if (held('PAUSE_SIGNALS')) specs.push({ action: ACTION.resumeSignals, label: 'Resume signals', value });
  if (held('DATA_FEED')) specs.push(primaryFeedButton(incident.id));
  if (held('HALT_NEW_ORDERS')) specs.push({ action: ACTION.resumeOrders, label: 'Resume new orders', value });
  else specs.push(haltButton(incident.id));
  specs.push(
    cancelButton(incident.id, names),
    killButton(incident.id, names, `on the headline of ${incident.id}`),
    {
      action: ACTION.resolve,
      label: 'Resolve…',
      value,
    },
  );
  if (mail && (incident.severity === 'P0' || incident.severity === 'P1'))
    specs.push({ action: ACTION.previewMail, label: 'Mail stakeholders…', value });
  return specs;
}
