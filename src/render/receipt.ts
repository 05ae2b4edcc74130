/** The receipt of a kill, growing in the thread as things are proven. Pure. */

import type { KnownBlock } from '@slack/types';
import type { Incident } from '../domain/incident.ts';
import {
  type KillState,
  stopsOf,
  type TripEvidence,
  type VenueKillState,
  type VenueVerdict,
  withoutStop,
} from '../domain/kill.ts';
import type { OrderLine, PositionLine } from '../domain/orders.ts';
import type { GateRules } from '../domain/resume.ts';
import { ACTION, buttonValue } from './actions.ts';
import { actions, type ButtonSpec, context, divider, message, section, sections } from './blocks.ts';
import { flattenButton } from './buttons.ts';
import { clockTime, count, cutMarkup, inert, linesWithin, listed, money, since, size } from './text.ts';

/** What the receipt says of a venue that only the configuration knows. */
export interface VenuePages {
  [venue: string]: string;
}

/** An engine and how old its last heartbeat is. */
export interface EngineView {
  id: string;
  ageMs: number | null;
}

/** How many lines of a list are shown before "N more". */
const LINES = 12;

/** Hard stops that joined a kill and are shown with their evidence; the log has them all. */
const MOST_JOINED = 2;
// A message holds some 11,000 characters (blocks.ts), and the verdict, its buttons and the way back always stand.
const EVIDENCE = 1_200;
/** Of each hard stop that joined. */
const JOINED_EVIDENCE = 600;
const CANCELS = 1_800;
const VENUES = 3_200;

export function receipt(
  incident: Incident,
  kill: KillState,
  pages: VenuePages,
  unrecorded: string | null,
  engines: EngineView[],
  rules: GateRules,
  latched: boolean,
): { text: string; blocks: KnownBlock[] } {
  const drill = incident.drill ? ' · *DRILL*' : '';
  const title = `■ *KILL* by ${inert(kill.by.name, 60)} · “${inert(kill.reason, 200)}” · ${clockTime(kill.at)} UTC${drill}`;
  const steps = [
    latchLine(kill),
    ...linesWithin(engineLines(kill, engines), 600, (left) => `… ${left} more engines`, 300),
    pageLine(incident, kill),
    ...cancelLines(kill),
  ];
  const blocks: KnownBlock[] = [
    section(title, 1_000),
    ...(kill.evidence === undefined ? [] : [section(evidenceLines(kill.evidence).join('\n'), EVIDENCE)]),
    ...sections(steps),
  ];
  if (kill.joined.length > 0) {
    const names = kill.joined.map((one) => `${inert(one.by.name, 60)} at ${clockTime(one.at)}`);
    blocks.push(context(`Also asked for by ${listed(names, 3)}: one kill, joined`));
    const stops = kill.joined.flatMap(({ evidence }) => (evidence === undefined ? [] : [evidence]));
    for (const evidence of stops.slice(0, MOST_JOINED))
      blocks.push(section(evidenceLines(evidence).join('\n'), JOINED_EVIDENCE));
    if (stops.length > MOST_JOINED)
      blocks.push(context(`${stops.length - MOST_JOINED} more hard stops joined; the log has their numbers`));
  }
  if (unrecorded !== null)
    blocks.push(
      section(`❗ *Not on record*: ${inert(unrecorded, 300)}. This receipt will not survive a restart.`),
    );
  blocks.push(divider, ...verdictBlocks(incident, kill, pages));
  const uncovered = Object.entries(kill.venues).flatMap(([id, { verdict }]) =>
    verdict === null || verdict.notCovered.length === 0
      ? []
      : [
          `Not covered at ${inert(id, 60)}: ${listed(
            verdict.notCovered.map((one) => inert(one, 80)),
            4,
          )}`,
        ],
  );
  if (uncovered.length > 0)
    blocks.push(context(linesWithin(uncovered, 800, (left) => `… and ${left} more venues`, 400).join('\n')));
  blocks.push(
    context(
      latched
        ? toResume(incident, kill, rules)
        : 'This kill no longer holds the latch: it was lifted, or a newer kill holds it.',
    ),
  );
  const verdict = kill.verdict ?? 'running';
  return message(
    `${incident.drill ? 'DRILL · ' : ''}Kill by ${inert(kill.by.name, 60)}: ${verdict} (${incident.id})`,
    blocks,
  );
}

/** What a hard stop tripped on: the numbers, the rule, who said it, and the readings themselves. */
function evidenceLines({
  title,
  value,
  limit,
  unit,
  formula,
  detail,
  source,
  ageMs,
  samples,
}: TripEvidence): string[] {
  const figure = (one: number | null) =>
    one === null ? 'unknown' : `${size(Number(one.toFixed(2)))} ${inert(unit, 20)}`;
  const age = ageMs === null ? '' : `, ${(ageMs / 1_000).toFixed(1)} s old`;
  const said = source === null ? '' : ` · ${inert(source, 40)}${age}`;
  return [
    `*HARD STOP*: ${inert(title, 120)} · *${figure(value)}*, limit ${figure(limit)}${said}`,
    `   ${inert(formula, 300)}${detail === '' ? '' : ` · ${inert(detail, 300)}`}`,
    ...samples.slice(0, 5).map((one) => `   ${inert(one, 200)}`),
  ];
}

/** What the way back asks for, and what of it is there. */
function toResume(incident: Incident, kill: KillState, rules: GateRules): string {
  const mark = (yes: boolean) => (yes ? '✓' : '✗');
  const recovery = rules.recoveryCheck
    ? `recovery check ${mark(incident.checklist['recovery-check'] !== undefined)}`
    : 'recovery check off';
  const approvals =
    incident.resume?.kill === kill.id && incident.resume.refused === null
      ? incident.resume.approvals.length
      : 0;
  const done = rules.checklist.filter((item) => incident.checklist[item] !== undefined).length;
  const list = `${done} of ${rules.checklist.length} on the checklist ${mark(done === rules.checklist.length)}`;
  return `Trading stays stopped. To resume: postmortem in review ${mark(incident.checklist['postmortem'] !== undefined)} · ${recovery} · ${list} · ${approvals} of ${rules.approvals} approvals ${mark(approvals >= rules.approvals)}`;
}

function latchLine(kill: KillState): string {
  if (kill.latch === null) return '… *latching*: writing KILL_SWITCH=1';
  if (kill.latch.ok) return `✓ *latched*: KILL_SWITCH=1 written and read back · ${since(kill.latch.ms)}`;
  return `❗ *not latched*: ${inert(kill.latch.reason ?? 'unknown', 200)}. Stop the engine by hand; still trying`;
}

/** Whether the engine obeys is a line of its own: stopping never waits for it. */
function engineLines(kill: KillState, engines: EngineView[]): string[] {
  if (engines.length === 0 && Object.keys(kill.engines).length === 0)
    return ['○ *engine*: not confirmed (sends none)'];
  const ids = [...new Set([...Object.keys(kill.engines), ...engines.map((engine) => engine.id)])];
  return ids.map((id) => {
    const ms = kill.engines[id];
    const name = inert(id, 60);
    if (ms !== undefined) return `✓ *engine* ${name}: obeys, says its heartbeat · ${since(ms)}`;
    const age = engines.find((engine) => engine.id === id)?.ageMs ?? null;
    return age === null
      ? `○ *engine* ${name}: not confirmed (sends none)`
      : `❗ *engine* ${name}: its heartbeats do not say that it obeys. Stop it by hand`;
  });
}

function pageLine(incident: Incident, kill: KillState): string {
  const page = incident.pages.find((one) => one.owedAt >= kill.at) ?? incident.pages.at(-1);
  if (page === undefined) return '○ *page*: none is owed';
  const people = listed(
    page.assignedTo.map((name) => inert(name, 60)),
    5,
  );
  const took =
    page.queuedAt === undefined || page.queuedAt < kill.at ? '' : ` · ${since(page.queuedAt - kill.at)}`;
  switch (page.state) {
    case 'assigned':
    case 'acknowledged':
      return `✓ *paged*: ${page.state === 'assigned' ? 'assigned to' : 'acknowledged,'} ${people}${took}`;
    case 'queued':
      return `○ *page*: queued at PagerDuty, nobody confirmed yet${took}`;
    case 'closed':
      return `✓ *page*: resolved${people === '' ? '' : `, was with ${people}`}`;
    case 'owed':
      return '… *paging* on-call';
    case 'retrying':
    case 'failed':
    case 'superseded':
      return `❗ *not paged*: ${inert(page.reason ?? 'unknown', 200)}`;
    default: {
      const unknown: never = page.state;
      return String(unknown);
    }
  }
}

/** Of many venues first those that failed: what went well is counted where it does not fit. */
function cancelLines({ venues, timings }: KillState): string[] {
  const all = Object.entries(venues);
  const failed = all.filter(([, { failures }]) => failures.length > 0);
  const fine = all.filter(([, { failures }]) => failures.length === 0);
  return linesWithin(
    [...failed, ...fine].map(([id, venue]) => cancelLine(id, venue, timings?.verdictMs ?? null)),
    CANCELS,
    (left) => `… ${left} more venues, their verdicts below`,
    700,
  );
}

/** What the venue answered. Proof is the reading, further down. */
function cancelLine(id: string, venue: VenueKillState, firstVerdictMs: number | null): string {
  if (venue.cancelledMs === null) return `… *cancelling* at ${inert(id, 60)}`;
  const rounds =
    venue.rounds > 1
      ? ` in its first round · ${venue.rounds} rounds, the newest listed ${foundWords(venue.newest) ?? 'none'}: an order that stood is listed again`
      : '';
  // What could not be listed is not "no order".
  const none = venue.failures.length === 0 && venue.rounds === 1 ? 'no order' : 'none';
  // What is found after all was judged is either what was left then, or new.
  const isLate = firstVerdictMs !== null && venue.rounds > 1 && venue.cancelledMs > firstVerdictMs;
  const late = isLate
    ? '\n   ❗ the newest round came after the first verdict: an order had stood, or the engine is still trading'
    : '';
  const failed = venue.failures.slice(0, 3).map((failure) => inert(failure, 200));
  const more = venue.failures.length > 3 ? ` · ${venue.failures.length - 3} more` : '';
  const failures = failed.length === 0 ? '' : `\n   ❗ ${failed.join(' · ')}${more}`;
  return `${answerWords(venue)} by ${inert(id, 60)}, listed ${foundWords(venue.first) ?? none}${rounds} · ${since(venue.cancelledMs)}${late}${failures}`;
}

/** Of the newest round: a time-out or a refusal is no answer that a cancel was done. */
function answerWords({ newest, failures }: VenueKillState): string {
  if (failures.length === 0) return '✓ *cancel answered*';
  return Object.values(newest).some((list) => list.answered > 0)
    ? '❗ *cancel answered in part*'
    : '❗ *cancel not answered as done*';
}

/** `5 regular (1 protective), 2 conditional`; null when nothing was found. */
function foundWords(lists: VenueKillState['lists']): string | null {
  const words = Object.entries(lists)
    .filter(([, list]) => list.found > 0)
    .map(([name, list]) => {
      const protective = list.protective > 0 ? ` (${list.protective} protective)` : '';
      return `${list.found} ${inert(name, 60)}${protective}`;
    });
  return words.length === 0 ? null : listed(words, 6);
}

function verdictBlocks(incident: Incident, kill: KillState, pages: VenuePages): KnownBlock[] {
  const venues = Object.entries(kill.venues);
  const lines = linesWithin(
    venues
      .toSorted(([, a], [, b]) => urgency(a) - urgency(b))
      .map(([id, venue]) => linesWithin(venueLines(id, venue, pages[id]), VENUES / 2, more, 900).join('\n')),
    VENUES,
    (left) => `… ${left} more venues: ${leftOver(venues)}`,
    VENUES / 2 + 50,
  );
  if (kill.verdict === null)
    return [section('*VERDICT*  not in yet: reading every list and position'), ...sections(lines)];
  const read = kill.timings === null ? '' : ` · first verdict ${since(kill.timings.verdictMs)}`;
  const exposed = venues.flatMap(([, venue]) => venue.verdict?.positions ?? []);
  const live = venues.flatMap(([, venue]) => venue.verdict?.orders ?? []);
  const bare = withoutStop(kill).length;
  const open = exposed.filter((line) => !line.dust).length;
  const stopless =
    bare === 0 ? '' : bare === open ? ', *WITHOUT A STOP*' : `, *${bare} of ${open} WITHOUT A STOP*`;
  const words = {
    FLAT: 'every list and every position read twice, empty',
    RESIDUAL: `${leftWords(live, exposed)}${stopless}`,
    UNKNOWN: 'not everything could be read: orders may be live',
  }[kill.verdict];
  const blocks: KnownBlock[] = [section(`*VERDICT*  *${kill.verdict}*: ${words}${read}`), ...sections(lines)];
  if (kill.accepted !== null) {
    blocks.push(
      context(
        `Residual accepted by ${inert(kill.accepted.by.name, 60)} at ${clockTime(kill.accepted.at)}: “${inert(kill.accepted.reason, 300)}”`,
      ),
    );
  }
  const buttons: ButtonSpec[] = [];
  const sellable = exposed.filter((line) => !line.dust);
  if (sellable.length > 0) buttons.push(flattenButton(incident.id));
  if (kill.verdict === 'RESIDUAL' && kill.accepted === null) {
    buttons.push({
      action: ACTION.accept,
      label: 'Accept residual…',
      value: buttonValue({ incident: incident.id, ref: kill.id }),
    });
  }
  if (buttons.length > 0 && incident.status !== 'resolved') blocks.push(actions(...buttons));
  return blocks;
}

const more = (left: number): string => `   … ${left} more lines`;

/** What a person must look at comes first. */
const urgency = ({ verdict }: VenueKillState): number =>
  verdict === null ? 2 : { UNKNOWN: 0, RESIDUAL: 1, FLAT: 3 }[verdict.verdict];

/** `2 UNKNOWN, 1 RESIDUAL, 47 FLAT`, over all venues. */
function leftOver(venues: [string, VenueKillState][]): string {
  const counted = (['UNKNOWN', 'RESIDUAL', 'FLAT'] as const).flatMap((one) => {
    const n = venues.filter(([, { verdict }]) => verdict?.verdict === one).length;
    return n === 0 ? [] : [`${n} ${one}`];
  });
  return `${counted.length === 0 ? 'none judged yet' : counted.join(', ')} in all`;
}

/** `1 position, 512.40 USDT`: the sum is unknown as soon as one of them is. */
function leftWords(orders: OrderLine[], positions: PositionLine[]): string {
  const parts: string[] = [];
  if (orders.length > 0) parts.push(`${count(orders.length, 'order')} still live`);
  if (positions.length > 0) {
    const currencies = new Set(positions.map((line) => line.currency));
    const [currency = ''] = currencies;
    const known = currencies.size === 1 && positions.every((line) => line.notional !== null);
    const sum = known ? positions.reduce((total, line) => total + (line.notional ?? 0), 0) : null;
    parts.push(`${count(positions.length, 'position')}, ${money(sum, currency)}`);
  }
  return parts.join(' and ');
}

function venueLines(
  id: string,
  { verdict, judgedAt, lists }: VenueKillState,
  page: string | undefined,
): string[] {
  const name = inert(id, 60);
  if (verdict === null) return [`… ${name}: reading`];
  const position = (line: PositionLine) => positionLine(line, stopWord(line, verdict));
  const found = [
    ...verdict.orders.slice(0, LINES).map(orderLine),
    ...verdict.positions.slice(0, LINES).map(position),
  ];
  if (verdict.verdict === 'UNKNOWN') {
    const look = page === undefined ? 'the venue’s own page' : page;
    return [
      `❓ *UNKNOWN* ${name} since ${clockTime(verdict.since ?? judgedAt ?? 0)}: ${cutMarkup(inert(verdict.reason ?? 'unknown', 400), 500)}. Orders there may be live. Check by hand: ${look} · I keep trying.`,
      ...(found.length === 0 ? [] : ['   last seen there:']),
      ...found,
    ];
  }
  if (verdict.verdict === 'FLAT')
    return [
      `✓ *FLAT* ${name}: ${listed(
        verdict.listsRead.map((list) => inert(list, 60)),
        8,
      )} read twice`,
    ];
  const more = Math.max(0, verdict.orders.length - LINES) + Math.max(0, verdict.positions.length - LINES);
  return [
    `▲ *RESIDUAL* ${name}`,
    ...found,
    ...(more > 0 ? [`   ${more} more`] : []),
    ...stopLine(verdict, lists),
  ];
}

/** Where a position is left: what became of the orders that protected it, from the reading and not from the answers. */
function stopLine({ orders, positions }: VenueVerdict, lists: VenueKillState['lists']): string[] {
  if (positions.every((line) => line.dust)) return [];
  const alive = orders.filter((order) => order.protective).length;
  if (alive > 0) return [`   protective orders: ${alive} alive`];
  const listed = Object.values(lists).some((list) => list.protective > 0);
  return [
    `   protective orders: none alive${listed ? '; those that were listed are gone' : ', and none was listed'}`,
  ];
}

const orderLine = (order: OrderLine): string =>
  `   live order ${inert(order.symbol, 40)} ${order.side} ${order.amount === null ? 'size unknown' : size(order.amount)}${order.price === null ? '' : ` at ${size(order.price)}`}${order.protective ? ' (protective)' : ''} · ${inert(order.list, 40)} id ${inert(order.id, 40)}`;

const positionShort = (line: PositionLine): string =>
  `${inert(line.symbol, 40)} ${line.side} ${size(line.amount)}`;

/** Whether an order protects it. Where a list could not be read, none seen is not none there. */
function stopWord(line: PositionLine, { orders, verdict }: VenueVerdict): string {
  if (line.dust) return ' · dust: below the minimum order';
  const stops = stopsOf(line, orders).length;
  if (stops > 0) return ` · ${count(stops, 'stop')} alive`;
  return verdict === 'UNKNOWN' ? ' · a stop may be there' : ' · no stop';
}

/** Symbol, side, size, notional at mark, unrealised P&L, and what a move of 1 % costs. */
function positionLine(line: PositionLine, stop: string): string {
  const perPercent = line.notional === null ? null : -Math.abs(line.notional) / 100;
  const pnl = line.unrealisedPnl === null ? '' : ` · uPnL ${money(line.unrealisedPnl, line.currency)}`;
  return `   ${positionShort(line)} · ${money(line.notional, line.currency)}${pnl} · ${money(perPercent, line.currency)} per 1\u00a0% against${stop}`;
}
