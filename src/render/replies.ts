/** What a command answers to the person who typed it. Pure. */

import type { Incident } from '../domain/incident.ts';
import { type Hold, type HoldKey, SWITCHES, type Trading } from '../domain/trading.ts';
import { itemsLine } from './issueNotice.ts';
import { clockTime, count, dateTime, inert, linesWithin, listed } from './text.ts';
import { tradingLine } from './trading.ts';

export function killReply(
  answer: {
    incident: string;
    state: 'started' | 'joined' | 'again';
    warnings: string[];
    first?: { by: { name: string }; at: number };
  },
  venues: string[],
): string {
  const warnings = answer.warnings.map((warning) => `\n❗ ${inert(warning, 400)}`).join('');
  if (answer.state === 'joined' && answer.first !== undefined) {
    return `A kill is already running: ${inert(answer.first.by.name, 60)} asked for it at ${clockTime(answer.first.at)} UTC. You joined it (${answer.incident}).${warnings}`;
  }
  const latched = answer.warnings.length === 0 ? 'KILL_SWITCH=1 is written and read back. ' : '';
  const again = answer.state === 'again' ? 'again ' : '';
  return `Kill ${again}running in ${answer.incident}. ${latched}Cancelling at ${listed(venues, 10)}; the receipt grows in its thread until every list was read back.${warnings}`;
}

const SWITCH: Record<HoldKey, { on: string; off: string }> = {
  HALT_NEW_ORDERS: { on: 'New orders are halted', off: 'New orders may run again' },
  PAUSE_SIGNALS: { on: 'Signals are paused', off: 'Signals may run again' },
  DATA_FEED: { on: 'The backup feed is ordered', off: 'The primary feed is ordered again' },
  POSITION_SIZE_FACTOR: { on: 'Position sizes are halved', off: 'Position sizes are whole again' },
  ALLOW_NEW_STRATEGIES: { on: 'New strategies are stopped', off: 'New strategies may start again' },
  ALLOW_PROMOTIONS: { on: 'Promotions are stopped', off: 'Promotions may run again' },
};

/** What became of a switch, for the person who asked. `held`: it was asked to be tight, or something else still holds it. */
export function switchReply(
  key: HoldKey,
  held: boolean,
  answer: {
    written:
      | { state: 'written'; rev: number }
      | { state: 'failed'; reason: string }
      | { state: string; reason?: string };
    recorded: boolean;
  },
  left: Hold[] = [],
): string {
  const { written } = answer;
  const unrecorded = answer.recorded ? '' : '\n❗ It is not on record: the store failed.';
  if (written.state !== 'written') {
    const reason = 'reason' in written ? (written.reason ?? 'unknown') : 'unknown';
    return `❗ ${key} could not be written: ${inert(reason, 300)}. Tell the engine by hand.${unrecorded}`;
  }
  const others = listed(
    left.map((hold) => `${inert(hold.by.name, 60)} (${hold.owner}: ${inert(hold.reason, 100)})`),
    5,
  );
  const still = left.length === 0 ? '' : ` It stays on: still held by ${others}.`;
  const said = left.length > 0 ? 'Your hold is lifted.' : held ? SWITCH[key].on : SWITCH[key].off;
  const value = SWITCHES[key][held ? 'tight' : 'loose'];
  return `${said}: ${key}=${value} written and read back. Whether the engine obeys, only its heartbeat says.${still}${unrecorded}`;
}

/** A list of more than this is not read by anybody. */
const LISTED = 20;

export function incidentList(
  summaries: { id: string; severity: string; status: string; title: string; openedAt: number }[],
): string {
  const open = summaries.filter((one) => one.status !== 'resolved');
  if (open.length === 0) return 'There is no open incident.';
  // The newest first, so that of very many the oldest are those that are counted.
  const lines = open
    .toReversed()
    .map(
      (one) =>
        `• *${one.id}* ${one.severity} ${one.status} · ${inert(one.title, 100)} · since ${dateTime(one.openedAt)}`,
    );
  const shown = linesWithin(lines.slice(0, LISTED), 3_000, () => '').filter((line) => line !== '');
  const more = open.length - shown.length;
  return `${count(open.length, 'open incident')}\n${shown.join('\n')}${more > 0 ? `\n${more} more, older` : ''}`;
}

export function incidentStatus(incident: Incident, trading: Trading): string {
  const { commander, mitigated } = incident;
  const kills = Object.values(incident.kills);
  const lines = [
    `*${incident.id}* ${incident.severity} ${incident.status} · ${inert(incident.title, 150)}`,
    tradingLine(trading),
    ...(kills.length === 0 ? [] : [`Kill verdict: ${kills.at(-1)?.verdict ?? 'not in yet'}`]),
    commander === undefined
      ? 'Nobody commands it.'
      : `Commander: ${inert(commander.who.name, 60)} since ${clockTime(commander.at)} UTC`,
    ...(mitigated === undefined
      ? []
      : [`Mitigated at ${clockTime(mitigated.at)} by ${inert(mitigated.by.name, 60)}`]),
    `${count(Object.keys(incident.alerts).length, 'alert')} · ${itemsLine(incident)} · opened ${dateTime(incident.openedAt)}`,
  ];
  return lines.join('\n');
}
