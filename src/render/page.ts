/** What on-call reads on the phone. Pure. */

import { newestKill } from '../domain/decide.ts';
import type { Incident, Page } from '../domain/incident.ts';
import { withoutStop } from '../domain/kill.ts';
import type { Playbook } from '../domain/playbook.ts';
import type { Trading } from '../domain/trading.ts';
import { dateTime, plain, safeLink } from './text.ts';
import { tradingState } from './trading.ts';

export interface PageText {
  severity: 'critical' | 'error' | 'warning';
  summary: string;
  source: string;
  links: { href: string; text: string }[];
  customDetails: Record<string, unknown>;
  timestampIso: string;
}

/** On a phone only this line is seen: a later page says what it is about, and one after the resolution that it is over. */
const again = ({ n, why, afterwards }: Page): string =>
  n === 1 ? '' : `${afterwards === true ? '[resolved] ' : ''}page ${n}, ${plain(why, 160)}: `;

/** Null where the playbook pages nobody for this severity. `thread` is the Slack thread's address once it is known. */
export function pageText(
  incident: Incident,
  n: number,
  thread: string | null,
  trading: Trading,
  playbook: Playbook,
): PageText | null {
  const page = incident.pages.find((one) => one.n === n);
  const severity = page === undefined ? null : playbook.severities[page.severity].page;
  if (page === undefined || severity === null) return null;
  const kill = newestKill(incident);
  // Where a position is left without a stop, the page says so first.
  const bare = kill?.verdict === 'RESIDUAL' && withoutStop(kill).length > 0;
  const alerts = Object.values(incident.alerts);
  const sourceLinks = alerts.flatMap((alert) => {
    const href = safeLink(alert.link);
    return href === null ? [] : [{ href, text: 'Source of the alert' }];
  });
  return {
    severity,
    summary: `${incident.drill ? 'DRILL · ' : ''}${bare ? 'POSITION WITHOUT A STOP · ' : ''}${page.severity} ${again(page)}${plain(incident.title, 600)} (${incident.id})`,
    source: plain(alerts[0]?.source ?? 'standdown', 200),
    links: [...(thread === null ? [] : [{ href: thread, text: 'Slack thread' }]), ...sourceLinks.slice(0, 1)],
    customDetails: {
      incident: incident.id,
      drill: incident.drill,
      severity: page.severity,
      ...(incident.severityNote === undefined ? {} : { severity_note: plain(incident.severityNote) }),
      why: plain(page.why, 500),
      trading: tradingState(trading),
      ...(kill === undefined
        ? {}
        : {
            kill: kill.verdict ?? 'running',
            kill_by: plain(kill.by.name, 60),
            kill_reason: plain(kill.reason),
          }),
      runbook: incident.runbook ?? 'none matches',
      opened: dateTime(incident.openedAt),
      acknowledge_within: playbook.severities[page.severity].responseTime,
      alerts: alerts.slice(0, 10).map((alert) => ({
        title: plain(alert.title),
        state: alert.state,
        since: dateTime(alert.startsAt),
        ...(alert.value === undefined ? {} : { value: plain(alert.value, 60) }),
        labels: Object.fromEntries(
          Object.entries(alert.labels)
            .slice(0, 20)
            .map(([name, value]) => [plain(name, 80), plain(value, 200)]),
        ),
      })),
      ...(alerts.length > 10 ? { more_alerts: alerts.length - 10 } : {}),
    },
    timestampIso: new Date(page.owedAt).toISOString(),
  };
}
