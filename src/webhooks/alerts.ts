/** What Alertmanager, Grafana and anybody else send as alerts, read into ours. A broken one never costs a good one. */

import { z } from 'zod';
import { type Alert, OWN_SOURCE } from '../domain/incident.ts';
import { type Playbook, readSeverity } from '../domain/playbook.ts';
import type { TakenAlert } from '../engine/intake.ts';
import { plain } from '../render/text.ts';
import { HttpRefusal, MAX_ITEMS, type Rejection, rejection, shaped } from './body.ts';

export type AlertFormat = 'alertmanager' | 'grafana' | 'generic';

export interface ParsedAlerts {
  taken: TakenAlert[];
  /** Firing ones that name a hard stop, by their place in `taken`. */
  stops: { index: number; criterion: string }[];
  rejected: Rejection[];
}

const text = z.string().max(20_000);
const labels = z.record(z.string().max(500), text);
const time = z.iso.datetime({ offset: true });

const alertmanagerAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: labels.default({}),
  startsAt: time,
  endsAt: time.optional(),
  generatorURL: text.optional(),
  fingerprint: z.string().min(1).max(200),
  // Grafana's own:
  panelURL: text.optional(),
  dashboardURL: text.optional(),
  valueString: text.optional(),
});

const alertmanagerBody = z.object({
  groupKey: z.string().min(1).max(20_000),
  alerts: z.array(z.unknown()).min(1),
});

const genericAlert = z.object({
  id: z.string().min(1).max(500),
  status: z.enum(['firing', 'resolved']),
  title: z.string().min(1).max(2_000),
  severity: text.optional(),
  runbook: z.string().max(200).optional(),
  labels: labels.default({}),
  startsAt: time.optional(),
  value: z.union([text, z.number()]).optional(),
  link: text.optional(),
  hardStop: z.string().max(200).optional(),
});

/**
 * The label by which an alert says that it is about something that the bot raises by itself: the name of that group
 * (docs/adr/0009). Its key is told apart from the bot's own, so that nobody outside ends what the bot has raised.
 */
const OWN_GROUP_LABEL = 'standdown_group';
function identity(
  source: string,
  fingerprint: string,
  given: Record<string, string>,
): Pick<Alert, 'key' | 'fingerprint' | 'ownGroup'> {
  const ownGroup = given[OWN_GROUP_LABEL];
  return ownGroup === undefined || ownGroup === ''
    ? { key: fingerprint }
    : { key: `${source}:${fingerprint}`, fingerprint, ownGroup };
}

/** Alertmanager writes the year 1 where there is no end. */
const NO_END = '0001-01-01T00:00:00Z';

/** Read a body. Throws HttpRefusal when nothing in it can be read; what is broken beside good ones is in `rejected`. */
export function parseAlerts(
  format: AlertFormat,
  body: unknown,
  playbook: Playbook,
  now: number,
): ParsedAlerts {
  const items = format === 'generic' ? genericItems(body) : alertmanagerItems(body);
  if (items.alerts.length > MAX_ITEMS) {
    throw new HttpRefusal(
      413,
      'too_many',
      `The body holds ${items.alerts.length} alerts; ${MAX_ITEMS} are read at once.`,
    );
  }
  const parsed: ParsedAlerts = { taken: [], stops: [], rejected: [] };
  for (const [index, item] of items.alerts.entries()) {
    const one =
      format === 'generic'
        ? readGeneric(item, index, playbook, now)
        : readAlertmanager(format, item, index, items.groupKey, playbook, now);
    if ('reason' in one) {
      parsed.rejected.push(one);
      continue;
    }
    const { hardStop, ...taken } = one;
    if (hardStop !== undefined && taken.status === 'firing')
      parsed.stops.push({ index: parsed.taken.length, criterion: hardStop });
    parsed.taken.push(taken);
  }
  if (parsed.taken.length === 0) {
    const reasons = parsed.rejected
      .slice(0, 5)
      .map(({ index, path, reason }) => `alert ${index}: ${path} ${reason}`);
    throw new HttpRefusal(400, 'no_valid_alert', `Not one alert could be read. ${reasons.join('; ')}`);
  }
  return parsed;
}

type Read = TakenAlert & { hardStop?: string };

function alertmanagerItems(body: unknown): { groupKey: string; alerts: unknown[] } {
  return shaped(alertmanagerBody, body);
}

function genericItems(body: unknown): { groupKey: string; alerts: unknown[] } {
  if (Array.isArray(body) && body.length > 0) return { groupKey: '', alerts: body };
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return { groupKey: '', alerts: [body] };
  throw new HttpRefusal(
    400,
    'wrong_shape',
    'An alert is an object with id, status and title (or an array of them).',
  );
}

function readAlertmanager(
  source: string,
  item: unknown,
  index: number,
  groupKey: string,
  playbook: Playbook,
  now: number,
): Read | Rejection {
  const parsed = alertmanagerAlert.safeParse(item);
  if (!parsed.success) return rejection(index, parsed.error);
  const from = parsed.data;
  const name = from.labels['alertname'];
  const summary = from.annotations['summary'];
  const title = [name, summary].filter((part) => part !== undefined && part !== '').join(': ');
  const { severity, guess } = readSeverity(from.labels['severity'], playbook);
  const link = [from.generatorURL, from.panelURL, from.dashboardURL].find(
    (one) => one !== undefined && one !== '',
  );
  const alert: Alert = {
    source,
    groupKey,
    ...identity(source, from.fingerprint, from.labels),
    title: plain(title === '' ? `alert ${from.fingerprint}` : title),
    severity,
    ...(guess === undefined ? {} : { severityGuess: guess }),
    startsAt: Date.parse(from.startsAt),
    startsAtGiven: true,
    labels: from.labels,
    annotations: from.annotations,
    ...(link === undefined ? {} : { link }),
    ...(from.valueString === undefined ? {} : { value: from.valueString }),
  };
  const ended = from.endsAt === undefined || from.endsAt === NO_END ? now : Date.parse(from.endsAt);
  return { alert, status: from.status, endedAt: ended };
}

function readGeneric(item: unknown, index: number, playbook: Playbook, now: number): Read | Rejection {
  const parsed = genericAlert.safeParse(item);
  if (!parsed.success) return rejection(index, parsed.error);
  const from = parsed.data;
  const { severity, guess } = readSeverity(from.severity ?? from.labels['severity'], playbook);
  return {
    alert: {
      source: 'generic',
      groupKey: from.runbook ?? from.title,
      ...identity('generic', from.id, from.labels),
      title: plain(from.title),
      severity,
      ...(guess === undefined ? {} : { severityGuess: guess }),
      startsAt: from.startsAt === undefined ? now : Date.parse(from.startsAt),
      startsAtGiven: from.startsAt !== undefined,
      labels: from.labels,
      annotations: {},
      ...(from.runbook === undefined ? {} : { runbook: from.runbook }),
      ...(from.link === undefined ? {} : { link: from.link }),
      ...(from.value === undefined ? {} : { value: String(from.value) }),
    },
    status: from.status,
    endedAt: now,
    ...(from.hardStop === undefined ? {} : { hardStop: from.hardStop }),
  };
}

/** The alert that says that a whole batch was refused: a source whose alerts we cannot take must not be silent. */
export function refusedBatch(format: AlertFormat, why: string, now: number): TakenAlert {
  return {
    alert: {
      source: OWN_SOURCE,
      groupKey: `refused:${format}`,
      key: `refused:${format}`,
      title: `A batch of ${format} alerts was refused: ${why}`,
      severity: 'P1',
      startsAt: now,
      startsAtGiven: false,
      labels: { alertname: 'StanddownBatchRefused', source: format },
      annotations: {},
    },
    status: 'firing',
  };
}

/** The alert that says that a sender of telemetry is refused: what it says is not measured meanwhile. */
export function floodingSender(sender: string, now: number): Pick<TakenAlert, 'alert' | 'endedAt'> {
  return {
    alert: {
      source: 'standdown',
      groupKey: 'flood',
      key: `flood:${sender}`,
      title: 'Telemetry is refused: a sender floods',
      severity: 'P2',
      startsAt: now,
      startsAtGiven: false,
      labels: { alertname: 'StanddownTelemetryFlood', sender },
      annotations: {},
      value: sender,
    },
    endedAt: now,
  };
}
