/** What stakeholders are told by mail: what happened, what is stopped, what is exposed now, what happens next. Pure. */

import type { Incident } from './incident.ts';
import type { KillState } from './kill.ts';
import { verdictWords } from './timeline.ts';
import type { Trading } from './trading.ts';
import { listed, utc } from './words.ts';

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
  next: string[];
  /** The Slack thread; null: not posted yet. */
  link: string | null;
}

/** The view of one mail: at the opening, at a verdict, or at the resolution. */
export function mailView(
  what: 'opened' | 'verdict' | 'resolved',
  incident: Incident,
  trading: Trading,
): MailView {
  const kill = Object.values(incident.kills).sort((a, b) => b.at - a.at)[0];
  return {
    drill: incident.drill,
    incident: incident.id,
    severity: incident.severity,
    title: incident.title,
    headline: headline(what, kill),
    happened: happened(incident, kill),
    stopped: stopped(trading),
    exposure: exposure(kill),
    next: next(incident, trading, kill),
    link: incident.posts['headline']?.permalink ?? null,
  };
}

function headline(what: 'opened' | 'verdict' | 'resolved', kill: KillState | undefined): string {
  if (what === 'resolved') return 'resolved';
  if (kill === undefined) return 'open';
  return kill.verdict === null ? 'trading killed, not verified yet' : `trading killed, ${kill.verdict}`;
}

function happened(incident: Incident, kill: KillState | undefined): string[] {
  const lines = [`${incident.title}. Opened at ${utc(incident.openedAt)} as ${incident.severity}.`];
  if (kill !== undefined) lines.push(`${kill.by.name} stopped trading at ${utc(kill.at)}: ${kill.reason}.`);
  const { acknowledged, resolution } = incident;
  if (acknowledged !== undefined)
    lines.push(`${acknowledged.by.name} acknowledged it at ${utc(acknowledged.at)}.`);
  if (resolution !== undefined)
    lines.push(
      `${resolution.how === 'person' ? `${resolution.by.name} resolved it` : 'Its alerts cleared'} at ${utc(resolution.at)}${resolution.summary === undefined ? '' : `: ${resolution.summary}`}.`,
    );
  return lines;
}

function stopped(trading: Trading): string[] {
  const lines: string[] = [];
  if (trading.latch !== null)
    lines.push(
      `All trading, since ${utc(trading.latch.at)}. It stays stopped until people approve a restart.`,
    );
  for (const hold of trading.holds)
    lines.push(
      `${hold.key === 'PAUSE_SIGNALS' ? 'New signals' : 'New orders'}, since ${utc(hold.at)}, by ${hold.by.name}: ${hold.reason}.`,
    );
  return lines.length === 0 ? ['Nothing: trading runs.'] : lines;
}

function exposure(kill: KillState | undefined): string[] {
  if (kill === undefined) return ['Unknown: orders and positions were not read for this incident.'];
  if (kill.verdict === null) return ['Unknown: orders and positions are being read.'];
  const read = kill.judgedAt === null ? 'time unknown' : utc(kill.judgedAt);
  const venues = Object.entries(kill.venues).map(([id, venue]) =>
    venue.verdict === null ? `${id}: UNKNOWN, not read` : verdictWords(venue.verdict),
  );
  const accepted = kill.accepted;
  return [
    `${kill.verdict}, as read at ${read}.`,
    ...venues,
    ...(accepted === null ? [] : [`${accepted.by.name} accepted the residual: ${accepted.reason}.`]),
  ];
}

function next(incident: Incident, trading: Trading, kill: KillState | undefined): string[] {
  const lines: string[] = [];
  if (kill?.verdict === 'UNKNOWN')
    lines.push('What could not be read is read again until it can be; on-call checks by hand.');
  if (kill?.verdict === 'RESIDUAL' && kill.accepted === null)
    lines.push('On-call closes what is left, or accepts it with a reason.');
  if (trading.latch !== null)
    lines.push(
      'A restart needs the postmortem in review, the recovery check passed, and the approvers’ approval.',
    );
  if (incident.status === 'resolved')
    lines.push(
      incident.severity === 'P0' || incident.severity === 'P1'
        ? 'A written postmortem follows within 48 hours.'
        : 'Nothing more is due.',
    );
  else {
    const people = incident.pages.flatMap((page) => page.assignedTo);
    lines.push(
      incident.acknowledged === undefined
        ? `On-call was called; ${listed([...new Set(people)], 'nobody is confirmed yet')}.`
        : `${incident.acknowledged.by.name} works on it.`,
      'A mail follows when it is resolved.',
    );
  }
  return lines;
}
