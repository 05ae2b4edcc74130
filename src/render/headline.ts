/** The post in #incidents, edited in place. Pure. */

import type { KnownBlock } from '@slack/types';
import { newestKill } from '../domain/decide.ts';
import type { Incident, Page } from '../domain/incident.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { Trading } from '../domain/trading.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, type ButtonSpec, context, header, message, section } from './blocks.ts';
import { cancelButton, type DeskNames, haltButton, killButton, primaryFeedButton } from './buttons.ts';
import { clockTime, count, dateTime, duration, inert, plain, safeLink } from './text.ts';
import { tradingLine } from './trading.ts';

export function headline(
  incident: Incident,
  trading: Trading,
  playbook: Playbook,
  names: DeskNames,
): { text: string; blocks: KnownBlock[] } {
  const policy = playbook.severities[incident.severity];
  const drill = incident.drill ? 'DRILL · ' : '';
  const resolved = incident.status === 'resolved';
  const symbol = resolved ? '✅' : policy.symbol;
  const lead = `${drill}${symbol} ${incident.severity}${resolved ? ' resolved' : ''} · `;
  const blocks: KnownBlock[] = [
    header(`${lead}${plain(incident.title, 120)}`),
    section([tradingLine(trading), ...killLines(incident), ...gapLines(incident)].join('\n')),
  ];
  const paging = pageLine(incident, playbook);
  if (paging !== '') blocks.push(section(paging));
  blocks.push(context(...footer(incident)));
  if (!resolved) blocks.push(actions(...buttons(incident, trading, names)));
  // The fallback text is mrkdwn, the header above is not.
  return message(`${lead}${inert(incident.title, 120)} (${incident.id})`, blocks);
}

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
function pageLine(incident: Incident, playbook: Playbook): string {
  const page = incident.pages.at(-1);
  if (page === undefined) return '';
  const step = page.n > 1 ? ` (page ${page.n}: ${inert(page.why, 80)})` : '';
  const due = incident.status === 'resolved' ? '' : deadline(incident, playbook);
  return `${pageWords(page)}${step}${due}`;
}

function pageWords(page: Page): string {
  const people = page.assignedTo.map((name) => inert(name, 60)).join(', ');
  switch (page.state) {
    case 'owed':
      return `Paging on-call since ${clockTime(page.owedAt)}, not sent yet`;
    case 'queued':
      return `Page queued at PagerDuty at ${clockTime(page.queuedAt ?? page.owedAt)}, nobody confirmed yet`;
    case 'assigned':
      return `Paged ${people} at ${clockTime(page.queuedAt ?? page.owedAt)}, assigned, not acknowledged`;
    case 'acknowledged':
      return `Paged ${people}, acknowledged${page.acknowledgedBy === undefined ? '' : ` by ${inert(page.acknowledgedBy, 60)}`}`;
    case 'retrying':
      return `❗ *Page not sent yet* (${inert(page.reason ?? 'unknown', 200)}): trying again. Call the on-call person`;
    case 'failed':
      return `❗ *Nobody was paged*: PagerDuty refused it (${inert(page.reason ?? 'unknown', 200)}). Call the on-call person`;
    case 'superseded':
      return `Page not sent: ${inert(page.reason ?? '', 120)}`;
    case 'closed':
      return people === '' ? 'Page resolved at PagerDuty' : `Paged ${people}; page resolved`;
    default: {
      const unknown: never = page.state;
      return String(unknown);
    }
  }
}

function deadline(incident: Incident, playbook: Playbook): string {
  if (incident.acknowledged !== undefined) {
    return ` · incident acknowledged by ${inert(incident.acknowledged.by.name, 60)} at ${clockTime(incident.acknowledged.at)}`;
  }
  const within = playbook.severities[incident.severity].acknowledgeWithinMin;
  return within === null ? '' : ` · acknowledge by ${clockTime(incident.openedAt + within * 60_000)} UTC`;
}

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
        : 'by itself: all its alerts cleared';
    parts.push(
      `Resolved ${dateTime(incident.resolution.at)} ${how}, after ${duration(incident.resolution.at - incident.openedAt)}`,
    );
  }
  const link = alerts.map((alert) => safeLink(alert.link)).find((href) => href !== null);
  if (link !== undefined && link !== null) parts.push(`<${link}|source>`);
  return parts;
}

function buttons(incident: Incident, trading: Trading, names: DeskNames): ButtonSpec[] {
  const value = buttonValue({ incident: incident.id });
  const held = (key: string) => trading.holds.some((hold) => hold.key === key);
  const specs: ButtonSpec[] = [];
  if (incident.acknowledged === undefined)
    specs.push({ action: ACTION.acknowledge, label: 'Acknowledge', value, style: 'primary' });
  if (held('PAUSE_SIGNALS')) specs.push({ action: ACTION.resumeSignals, label: 'Resume signals', value });
  if (held('DATA_FEED')) specs.push(primaryFeedButton(incident.id));
  if (held('HALT_NEW_ORDERS')) specs.push({ action: ACTION.resumeOrders, label: 'Resume new orders', value });
  else specs.push(haltButton(incident.id));
  specs.push(cancelButton(incident.id, names), killButton(incident.id, names), {
    action: ACTION.resolve,
    label: 'Resolve…',
    value,
  });
  return specs;
}
