/** A generic alert that names a hard stop: it stops trading only where the configuration lets that criterion do so. */

import { type Actor, type Alert, alertOf } from '../domain/incident.ts';
import { evidencesOf } from '../domain/kill.ts';
import type { Log } from '../ports.ts';
import type { Desk } from './desk.ts';
import type { Ledger } from './ledger.ts';

/** An alert of this incident that claims to be a hard stop. */
export interface StopClaim {
  criterion: string;
  alert: Alert;
  incident: string;
  /** The request carried the token that may do everything: an alert's own token stops nothing. */
  full: boolean;
}

/** Kill for a claim that may act, or say why it does not: a sentence for the sender; null when it acted. */
export type StopFromAlert = (claim: StopClaim) => Promise<string | null>;

export function createStopFromAlert(deps: {
  desk: Pick<Desk, 'kill'>;
  ledger: Pick<Ledger, 'load' | 'trading'>;
  log: Log;
  /** `hardStops.fromAlerts`. */
  allowed: string[];
  mode: 'act' | 'observe';
}): StopFromAlert {
  const { desk, ledger, log, allowed, mode } = deps;
  return async ({ criterion, alert, incident: id, full }) => {
    const no = (why: string) => {
      log.warn({ criterion, incident: id, why }, 'an alert that names a hard stop stops nothing');
      return `hardStop "${criterion}" stops nothing: ${why}`;
    };
    if (!full) return no('only the full token may stop trading');
    if (!allowed.includes(criterion)) return no('hardStops.fromAlerts does not list it');
    if (mode === 'observe') return no('hardStops.mode is observe');
    const incident = await ledger.load(id);
    const firing = incident === undefined ? undefined : alertOf(incident, alert.key);
    // Sent again and again while it fires: one kill a firing, and one also when a crash came between alert and kill.
    // It may have joined a kill that stands in another incident.
    const { lastKill } = ledger.trading();
    const last = lastKill === null ? undefined : (await ledger.load(lastKill.incident))?.kills[lastKill.kill];
    const kills = [...Object.values(incident?.kills ?? {}), ...(last === undefined ? [] : [last])];
    const killed = kills
      .flatMap(evidencesOf)
      .some((one) => one.criterion === criterion && one.at >= (firing?.receivedAt ?? 0));
    if (killed) return null;
    const by: Actor = { via: 'alert', id: `hardStop:${criterion}`, name: `Hard stop ${criterion}` };
    const { warnings } = await desk.kill(by, `alert “${alert.title}”`, id, {
      criterion,
      title: alert.title,
      value: null,
      limit: null,
      unit: '',
      formula: 'an alert that hardStops.fromAlerts lets act',
      detail: alert.value ?? '',
      source: alert.source,
      ageMs: null,
      samples: [],
    });
    for (const warning of warnings) log.error({ warning }, 'a hard stop from an alert killed with a warning');
    return null;
  };
}
