/** The App Home: the desk at a glance, and the buttons that its viewer may press. Pure. */

import type { HomeView, KnownBlock } from '@slack/types';
import { type ClockRules, clocksOf } from '../domain/clocks.ts';
import type { DrillResult } from '../domain/drill/gameDay.ts';
import type { Incident } from '../domain/incident.ts';
import type { KillState } from '../domain/kill.ts';
import type { Criterion } from '../domain/measure/criteria.ts';
import { asksForSomebody } from '../domain/paging.ts';
import type { Playbook } from '../domain/playbook.ts';
import { RESUME_GOOD_MS } from '../domain/resume.ts';
import type { HoldKey, Trading } from '../domain/trading.ts';
import { ACTION, buttonValue, ON_DESK } from './actions.ts';
import { actions, type ButtonSpec, context, divider, header, home, section, sections } from './blocks.ts';
import { budgetLine } from './budget.ts';
import { approveButton, cancelButton, type DeskNames, haltButton, killButton } from './buttons.ts';
import { clockLines } from './clocks.ts';
import { onCallLine } from './onCall.ts';
import { type ReadinessShown, readinessButtons, readinessHome } from './readiness.ts';
import { clockTime, count, dateTime, duration, inert, plain, safeLink, size } from './text.ts';
import { tradingLine } from './trading.ts';

export interface HomeState {
  now: number;
  drill: boolean;
  viewer: {
    id: string;
    roles: { responder: boolean; approver: boolean };
    said: { at: number; text: string } | null;
  };
  /** Who can act, as mentions. */
  responders: string;
  trading: Trading;
  /** Why things go unrecorded, or null. */
  unrecorded: string | null;
  engines: { id: string; confirmed: boolean; ageMs: number | null }[];
  criteria: Criterion[];
  /** Open ones, in any order. */
  incidents: Incident[];
  lastKill: { incident: string; kill: KillState } | null;
  /** The incident that holds the latch, also when it is resolved. */
  latched: Incident | null;
  onCall: Parameters<typeof onCallLine>[0];
  budgets: Parameters<typeof budgetLine>[0];
  readiness: ReadinessShown;
  /** Of the texts that on-call reads, for the button. */
  textsVersion: string;
  playbook: Playbook;
  clocks: ClockRules;
  names: DeskNames;
  /** Of all incidents: those that nobody is known to have done. */
  openItems: number;
  /** The newest drill that is over; null: there was none. */
  lastDrill: { at: number; result: DrillResult } | null;
}

/** Two blocks each; the rest is counted. */
const INCIDENTS = 20;

export function homeView(state: HomeState): HomeView {
  const { viewer, drill, now } = state;
  const said =
    viewer.said === null ? [] : [section(`▸ ${clockTime(viewer.said.at)} · ${viewer.said.text}`), divider];
  if (!viewer.roles.responder && !viewer.roles.approver) {
    return home([
      ...said,
      header(`${drill ? 'DRILL · ' : ''}Standdown`),
      section(
        `You have no role on this desk. ${state.responders} can act; if nobody answers, call the on-call person.`,
      ),
    ]);
  }
  return home([
    header(`${drill ? 'DRILL · ' : ''}Standdown`),
    ...said,
    ...tradingBlocks(state),
    divider,
    section('*Hard stops*'),
    ...sections(state.criteria.map(criterionLine)),
    ...(state.criteria.length === 0 ? [section('None is configured.')] : []),
    divider,
    ...incidentBlocks(state),
    divider,
    ...sections([
      killLine(state.lastKill),
      budgetLine(state.budgets),
      onCallLine(state.onCall, state.responders),
      `Action items: ${state.openItems === 0 ? 'none is open' : `*${state.openItems} open*`}.`,
      drillLine(state.lastDrill),
    ]),
    divider,
    ...sections(readinessHome(state.readiness)),
    ...(viewer.roles.responder ? [actions(...readinessButtons(state.textsVersion))] : []),
    context(
      `As of ${dateTime(now)}; ages count from then. Drawn again when something changes, for an hour after you opened it.`,
    ),
  ]);
}

const drillLine = (last: HomeState['lastDrill']): string =>
  last === null
    ? 'Last drill: none is on record.'
    : `Last drill: ${inert(last.result.scenario, 40)}, ${last.result.passed ? '✓ passed' : '*✗ not passed*'}, ${dateTime(last.at)} UTC (${inert(last.result.drill, 40)}).`;

function tradingBlocks(state: HomeState): KnownBlock[] {
  const { trading, unrecorded, engines, viewer, names } = state;
  const lines = [
    tradingLine(trading),
    ...trading.holds.map(
      (hold) =>
        `   ${hold.key} held by ${inert(hold.by.name, 60)} (${hold.owner}): “${inert(hold.reason, 150)}”`,
    ),
    ...(unrecorded === null ? [] : [`❗ *Nothing can be recorded*: ${inert(unrecorded, 200)}`]),
    engines.length === 0
      ? 'Engine: not confirmed (sends no heartbeats)'
      : engines.map(engineWords).join(' · '),
  ];
  const buttons = deskButtons(trading, viewer.roles, names);
  const approve = approveButtons(state);
  return [
    ...sections(lines),
    ...(buttons.length === 0 ? [] : [actions(...buttons)]),
    ...(approve.length === 0 ? [] : [actions(...approve)]),
  ];
}

const engineWords = ({ id, confirmed, ageMs }: HomeState['engines'][number]): string =>
  `${confirmed ? '✓' : '❓'} engine ${inert(id, 60)}: ${confirmed ? 'obeys' : 'not confirmed'}, ${ageMs === null ? 'no heartbeat yet' : `heartbeat ${duration(ageMs)} old`}`;

function deskButtons(trading: Trading, roles: HomeState['viewer']['roles'], names: DeskNames): ButtonSpec[] {
  const value = buttonValue({ incident: ON_DESK });
  const specs: ButtonSpec[] = [];
  const held = (key: HoldKey) => trading.holds.some((hold) => hold.key === key);
  const liftable = (key: HoldKey) =>
    trading.holds.some(
      (hold) =>
        hold.key === key &&
        (hold.owner === 'hardStop' || hold.owner === 'budget' ? roles.approver : roles.responder),
    );
  if (roles.responder) {
    specs.push(killButton(ON_DESK, names, 'on the Home'));
    // It opens the dialog, which is its own confirm.
    specs.push({ action: ACTION.cancel, label: cancelButton(ON_DESK, names).label, value });
    if (!held('HALT_NEW_ORDERS')) specs.push(haltButton(ON_DESK));
    if (!held('PAUSE_SIGNALS')) specs.push({ action: ACTION.pauseSignals, label: 'Pause signals', value });
  }
  if (liftable('HALT_NEW_ORDERS'))
    specs.push({ action: ACTION.resumeOrders, label: 'Resume new orders', value });
  if (liftable('PAUSE_SIGNALS')) specs.push({ action: ACTION.resumeSignals, label: 'Resume signals', value });
  if (roles.responder) specs.push({ action: ACTION.declare, label: 'Declare incident…', value });
  return specs;
}

/** A resume that this viewer may still approve. */
function approveButtons({ latched, trading, viewer, now }: HomeState): ButtonSpec[] {
  const resume = latched?.resume;
  if (latched === null || resume === undefined || !viewer.roles.approver) return [];
  const over =
    resume.refused !== null || resume.kill !== trading.latch?.kill || now > resume.at + RESUME_GOOD_MS;
  const theirs = resume.by.id === viewer.id || resume.approvals.some((one) => one.by.id === viewer.id);
  return over || theirs ? [] : [approveButton(latched.id, resume)];
}

/** `✓ dailyLoss 12.3 USDT of 100 USDT · headroom 87.7 USDT · 3 s old, engine`. Unknown is never shown as fine. */
function criterionLine(one: Criterion): string {
  const mark = { ok: '✓', tripped: '⛔', unknown: '❓' }[one.state];
  const amount = (value: number | null) =>
    value === null ? 'unknown' : `${size(Number(value.toFixed(2)))} ${inert(one.unit, 20)}`;
  const age = one.ageMs === null ? 'no reading' : `${duration(one.ageMs)} old`;
  const source = one.source === null ? '' : `, by ${inert(one.source, 40)}`;
  const detail = one.detail === '' ? '' : ` · ${inert(one.detail, 200)}`;
  const state = one.state === 'ok' ? '' : ` *${one.state.toUpperCase()}*`;
  return `${mark} *${inert(one.id, 80)}*${state} ${amount(one.value)} of ${amount(one.limit)} · headroom ${amount(one.headroom)} · ${age}${source}${detail}`;
}

function incidentBlocks({ incidents, playbook, viewer, clocks, now }: HomeState): KnownBlock[] {
  if (incidents.length === 0) return [section('*Incidents*: none is open.')];
  const order = Object.keys(playbook.severities);
  const sorted = incidents.toSorted(
    (a, b) => order.indexOf(a.severity) - order.indexOf(b.severity) || b.openedAt - a.openedAt,
  );
  const hidden = sorted.length - INCIDENTS;
  return [
    section(`*${count(sorted.length, 'open incident')}*`),
    ...sorted.slice(0, INCIDENTS).flatMap((one) => {
      const buttons: ButtonSpec[] =
        viewer.roles.responder && asksForSomebody(one)
          ? [
              {
                action: ACTION.acknowledge,
                label: 'Acknowledge',
                value: buttonValue({ incident: one.id }),
                style: 'primary',
              },
            ]
          : [];
      return [
        section(incidentLine(one, playbook, clockLines(clocksOf(one, clocks, now), now))),
        ...(buttons.length === 0 ? [] : [actions(...buttons)]),
      ];
    }),
    ...(hidden > 0 ? [context(`${hidden} more: \`/incident list\``)] : []),
  ];
}

/** `clocks`: what its headline says of them, from the same log. */
function incidentLine(incident: Incident, playbook: Playbook, clocks: string[]): string {
  const { id, severity, title, acknowledged, commander, openedAt } = incident;
  const { symbol } = playbook.severities[severity];
  const link = safeLink(incident.posts['headline']?.permalink);
  const name = link === null ? `*${id}*` : `*<${link}|${id}>*`;
  const taken =
    acknowledged === undefined
      ? 'not acknowledged'
      : `acknowledged by ${inert(acknowledged.by.name, 60)} at ${clockTime(acknowledged.at)}`;
  const who = commander === undefined ? 'nobody commands' : `${inert(commander.who.name, 60)} commands`;
  return `${symbol} *${severity}* ${name} ${inert(title, 150)}\nopened ${dateTime(openedAt)} · ${taken} · ${who}${clocks.map((line) => `\n${line}`).join('')}`;
}

function killLine(last: HomeState['lastKill']): string {
  if (last === null) return 'Last kill: none is on record.';
  const { incident, kill } = last;
  const verdict = kill.verdict === null ? 'no verdict yet' : `*${kill.verdict}*`;
  return `Last kill: ${dateTime(kill.at)} by ${inert(kill.by.name, 60)}, ${verdict}, in ${plain(incident, 40)}.`;
}
