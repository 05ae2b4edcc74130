/** What a person can start, and what can be broken. Pure. */

import type { ConsoleState, FaultGroup, ShownFault, ShownScenario } from '../state.ts';
import { clock, type Html, html } from './markup.ts';

const STATE_WORDS: Readonly<Record<ShownScenario['state'], string>> = {
  ready: '',
  running: 'running',
  done: 'played to its end',
  stopped: 'stopped',
  failed: 'failed',
};

/** What a first visit shows in place of messages. */
export function startHere(state: ConsoleState): Html {
  const [first] = state.scenarios;
  const isRunning = state.scenarios.some((scenario) => scenario.state === 'running');
  return html`<section class="start" aria-labelledby="start-title">
<h2 id="start-title">A calm desk</h2>
<p>The real bot watches a small trading desk. Slack, PagerDuty, the exchange and the mail server are all on this machine.</p>
<p>Start a story and an incident opens here. You are ${state.looking.as.name} (${state.looking.as.role}): press its buttons, or type <code>/kill</code>.</p>
<p>Break things under Faults; be somebody else under Act as. Nothing leaves this machine.</p>
${first !== undefined && !isRunning && html`<button type="button" class="button primary large" id="start-first" data-scenario="${first.id}" data-start="start">Start: ${first.title.replace(/^Start here: /, '')}</button>`}
${isRunning && html`<p class="waiting" role="status">The story has begun. Its first message comes in a moment.</p>`}
</section>`;
}

function scenarioHtml(scenario: ShownScenario, isBusy: boolean): Html {
  const { id, title, state } = scenario;
  const isRunning = state === 'running';
  const button = isRunning
    ? html`<button type="button" class="button small" id="scenario-${id}-go" data-scenario="${id}" data-start="stop">Stop<span class="unseen"> ${title}</span></button>`
    : html`<button type="button" class="button small" id="scenario-${id}-go" data-scenario="${id}" data-start="start"${isBusy && html` disabled`}>Start<span class="unseen"> ${title}</span></button>`;
  return html`<li class="scenario ${state}" id="scenario-${id}">
<div class="line"><b>${title}</b>${button}</div>
${state !== 'ready' && html`<div class="state-words">${STATE_WORDS[state]}</div>`}
${isRunning && html`<progress max="100" value="${Math.round(scenario.progress * 100)}" aria-label="${title}: how far it is"></progress>`}
<details id="scenario-${id}-about"><summary>What it is</summary><p>${scenario.about}</p><p><b>Watch</b> ${scenario.watch}</p><p><b>Do</b> ${scenario.todo}</p>${scenario.told.length > 0 && html`<ol class="told">${scenario.told.map(({ at, text }) => html`<li><time>${clock(at)}</time> ${text}</li>`)}</ol>`}</details>
</li>`;
}

export function scenariosHtml(state: ConsoleState): Html {
  const isBusy = state.scenarios.some((scenario) => scenario.state === 'running');
  return html`<div class="side-line"><h2 class="side-title">Scenarios</h2><button type="button" class="button small" id="reset" data-reset>Start over</button></div><ul class="scenarios">${state.scenarios.map((one) => scenarioHtml(one, isBusy))}</ul>`;
}

/** What runs now, said above the messages: what to watch, what to do, what was told last. */
export function runningHtml(state: ConsoleState): Html {
  const running = state.scenarios.find((scenario) => scenario.state === 'running');
  if (running === undefined) return html``;
  const last = running.told.at(-1);
  return html`<div class="story" id="story"><b>${running.title}</b>${last !== undefined && html` <span>${last.text}</span>`}<div><b>Watch</b> ${running.watch} <b>Do</b> ${running.todo}</div></div>`;
}

const GROUPS: readonly [FaultGroup, string][] = [
  ['venue', 'The exchange'],
  ['engine', 'The trading engine'],
  ['slack', 'Slack'],
  ['pagerduty', 'PagerDuty'],
  ['mail', 'The mail server'],
  ['disk', 'The disk'],
  ['bot', 'The bot itself'],
];

function faultHtml(fault: ShownFault): Html {
  const id = `fault-${fault.id}`;
  const not = fault.unavailable !== null && html` <b>${fault.unavailable}</b>`;
  const words = html`<span class="switch-words"><b>${fault.label}</b><small id="${id}-does">${fault.does} <i>${fault.expect}</i>${not}</small></span>`;
  return fault.kind === 'press'
    ? html`<li class="fault"><button type="button" class="button danger small" id="${id}" data-fault="${fault.id}" data-press aria-describedby="${id}-does">${fault.label}</button><small id="${id}-does">${fault.does} <i>${fault.expect}</i></small></li>`
    : html`<li class="fault${fault.on ? ' on' : ''}"><button type="button" class="switch" role="switch" id="${id}" data-fault="${fault.id}" aria-checked="${String(fault.on)}" aria-label="${fault.label}" aria-describedby="${id}-does"${not && html` disabled`}><span class="knob"></span></button>${words}</li>`;
}

export function faultsHtml(state: ConsoleState): Html {
  const isOn = state.faults.filter((fault) => fault.on).length;
  const groups = GROUPS.map(([group, title]) => {
    const faults = state.faults.filter((fault) => fault.group === group);
    return faults.length === 0
      ? html``
      : html`<h3>${title}</h3><ul class="faults">${faults.map(faultHtml)}</ul>`;
  });
  return html`<div data-count="${isOn}" class="card"><p class="lead">${isOn === 0 ? 'Everything works. Switch something off and see what the bot says.' : `${isOn} broken now.`}</p>${groups}</div>`;
}
