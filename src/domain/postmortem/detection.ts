/** How it was found, and how long each step took, computed from the log. Pure. */

import type { Incident, StandingEvent } from '../incident.ts';
import { type HoldKey, SWITCHES } from '../trading.ts';
import { span } from '../words.ts';
import { fact, numberOf } from './cite.ts';
import type { Fact, PostmortemView } from './view.ts';

export function detectionOf(incident: Incident, history: StandingEvent[]): PostmortemView['detection'] {
  const { openedAt, resolution } = incident;
  const isAck = (event: StandingEvent) => event.type === 'IncidentAcknowledged';
  const ack = history.find(isAck);
  const after = (at: number | undefined, n: number | null, words = ''): Fact | null => {
    const took = at === undefined ? null : span(at - openedAt);
    return took === null ? null : fact(`${took}${words}`, n);
  };
  const resolvedN =
    resolution === undefined
      ? null
      : numberOf(history, (event) => event.type === 'IncidentResolved' && event.at === resolution.at);
  return {
    how: detectedHow(incident, history),
    toDetect: toDetect(incident, history),
    toAcknowledge: ack === undefined ? null : after(ack.at, numberOf(history, isAck), ` (${ack.by.name})`),
    toMitigate: toMitigate(incident, history),
    toResolve: after(resolution?.at, resolvedN),
  };
}

/** From the true start to the opening: as a person stated it, else the earliest that an alert or a gap gave of itself. */
function toDetect({ openedAt, adjusted }: Incident, history: StandingEvent[]): Fact | null {
  const starts = history.flatMap((event, index) => {
    if (event.type === 'AlertFired' && event.alert.startsAtGiven)
      return [{ from: event.alert.startsAt, n: index + 1 }];
    return event.type === 'FeedGapBegan' ? [{ from: event.from, n: index + 1 }] : [];
  });
  // What fired after it was opened detected nothing.
  const first = starts.filter(({ from }) => from <= openedAt).toSorted((a, b) => a.from - b.from)[0];
  const stated =
    adjusted === undefined
      ? undefined
      : {
          from: adjusted.from,
          n: numberOf(history, (event) => event.type === 'IncidentAdjusted' && event.at === adjusted.at),
        };
  const start = stated ?? first;
  const took = start === undefined ? null : span(openedAt - start.from);
  return start === undefined || took === null ? null : fact(took, start.n);
}

/**
 * What first stopped the harm: somebody says so, the kill latch or a hold stands in the control file and was read back
 * there, or the resolution. What was only ordered stopped nothing yet.
 */
function toMitigate({ openedAt }: Incident, history: StandingEvent[]): Fact | null {
  for (const [index, event] of history.entries()) {
    const how = stops(event);
    const took = span(event.at - openedAt);
    if (how !== null && took !== null) return fact(`${took}: ${how}`, index + 1);
  }
  return null;
}

/** The switches that keep harm from growing at once; smaller sizes and no promotions do not. */
const STOPPING: HoldKey[] = ['HALT_NEW_ORDERS', 'PAUSE_SIGNALS', 'DATA_FEED'];

function stops(event: StandingEvent): string | null {
  switch (event.type) {
    case 'IncidentMitigated':
      return `${event.by.name} says that the harm was stopped`;
    case 'KillLatched':
      return event.ok ? 'KILL_SWITCH=1 was read back' : null;
    case 'ControlWritten': {
      const tight = STOPPING.filter((key) => event.values[key] === SWITCHES[key].tight);
      return tight.length === 0
        ? null
        : `${tight.map((key) => `${key}=${SWITCHES[key].tight}`).join(', ')} was read back`;
    }
    case 'IncidentResolved':
      return 'it was resolved';
    default:
      return null;
  }
}

function detectedHow(incident: Incident, history: StandingEvent[]): Fact {
  const fired = numberOf(history, (event) => event.type === 'AlertFired');
  const alert = fired === null ? undefined : history[fired - 1];
  const first = alert?.type === 'AlertFired' ? alert.alert : undefined;
  switch (incident.origin) {
    case 'alert':
      return first === undefined
        ? fact(`An alert from ${incident.source ?? 'an unknown source'}`, 1)
        : fact(`An alert from ${first.source}: ${first.title}`, fired);
    case 'kill':
      return fact(`The kill by ${incident.openedBy.name}; no alert opened it`, 1);
    case 'person':
      return fact(`${incident.openedBy.name} declared it; no alert opened it`, 1);
    case 'storm':
      return fact('A storm of alerts: more groups at once than an incident each', 1);
    default: {
      const unknown: never = incident.origin;
      return fact(String(unknown), 1);
    }
  }
}
