/** What stands beside Slack: the bot's state, the exchange, the pages, the mailbox, the control file, the criteria. Pure. */

import type {
  ConsoleState,
  ShownCriterion,
  ShownMail,
  ShownOrder,
  ShownPage,
  StatusShown,
} from '../state.ts';
import { clock, figure, type Html, html } from './markup.ts';
import { nextHtml } from './next.ts';

const BOT_WORDS: Readonly<Record<StatusShown['bot']['state'], string>> = {
  starting: 'bot starts',
  up: 'bot up',
  mute: 'BOT DOES NOT ANSWER',
  down: 'BOT DOWN',
};

const TRADING_WORDS = { running: 'Trading runs', halted: 'Trading halted', killed: 'KILLED' } as const;

export function statusHtml(state: ConsoleState): Html {
  const { status } = state;
  const { bot, trading } = status;
  const verdict = status.lastKill?.verdict;
  return html`<div class="lamps"><span class="lamp bot-${bot.state}">${BOT_WORDS[bot.state]}${bot.state !== 'mute' && ` since ${clock(bot.since)}`}</span>
${bot.state === 'down' && html`<button type="button" class="button small" id="bot-start" data-bot="start">Start the bot</button>`}
${
  trading === null
    ? html`<span class="lamp unknown">Trading: unknown</span>`
    : html`<span class="lamp trading-${trading.state}">${TRADING_WORDS[trading.state]}</span>${trading.signals === 'paused' && html`<span class="lamp trading-halted">Signals paused</span>`}`
}
${verdict !== undefined && html`<span class="lamp verdict-${verdict ?? 'none'}">${verdict === null ? 'kill: no verdict yet' : `last kill: ${verdict}`}</span>`}
${bot.detail !== null && html`<small>${bot.detail}</small>`}</div>
${nextHtml(state)}`;
}

const side = (order: ShownOrder): Html => html`<span class="${order.side}">${order.side}</span>`;
const price = (value: number | null): string => (value === null ? 'market' : figure(value));

function ordersHtml(title: string, orders: readonly ShownOrder[], isConditional: boolean): Html {
  if (orders.length === 0)
    return html`<h3>${title} <span class="count">0</span></h3><p class="none">none</p>`;
  const rows = orders.map(
    (order) =>
      html`<tr><td>${order.symbol}<small>${order.wallet === 'swap' ? 'futures' : order.wallet}${order.reduceOnly && ', reduce-only'}</small></td><td>${side(order)}${isConditional && html`<small>${order.type.toLowerCase().replaceAll('_', ' ')}</small>`}</td><td class="number">${figure(order.quantity)}${order.filled > 0 && html`<small>${figure(order.filled)} filled</small>`}</td><td class="number">${isConditional ? price(order.triggerPrice) : price(order.price)}</td><td><button type="button" class="tool" id="fill-${order.id}" data-fill="${order.id}" aria-label="Fill ${order.side} ${order.symbol} ${figure(order.quantity)}" title="Fill it">fill</button></td></tr>`,
  );
  return html`<h3>${title} <span class="count">${orders.length}</span></h3>
<table><thead><tr><th>symbol</th><th>side</th><th class="number">amount</th><th class="number">${isConditional ? 'trigger' : 'price'}</th><th><span class="unseen">act</span></th></tr></thead><tbody>${rows}</tbody></table>`;
}

export function venueHtml({ venue }: ConsoleState): Html {
  const positions = venue.positions.map(
    (position) =>
      html`<tr><td>${position.symbol}<small>${position.side}</small></td><td class="number">${figure(position.amount)}</td><td class="number">${figure(position.notional, 2)}</td><td class="number ${position.unrealized < 0 ? 'loss' : ''}">${figure(position.unrealized, 2)}</td></tr>`,
  );
  const count = (value: number, one: string, many: string) =>
    html`<div class="tile"><b>${value}</b><span>${value === 1 ? one : many}</span></div>`;
  const last = venue.requests.at(-1);
  return html`<div class="card"><h2>Exchange</h2>
<div class="tiles">${count(venue.orders.length, 'order', 'orders')}${count(venue.conditional.length, 'stop', 'stops')}${count(venue.positions.length, 'position', 'positions')}</div>
<h3>Positions <span class="count">${venue.positions.length}</span></h3>
${
  positions.length === 0
    ? html`<p class="none">none</p>`
    : html`<table><thead><tr><th>symbol</th><th class="number">amount</th><th class="number">USDT</th><th class="number">result</th></tr></thead><tbody>${positions}</tbody></table>`
}
${ordersHtml('Orders', venue.orders, false)}
${ordersHtml('Conditional orders', venue.conditional, true)}
${last !== undefined && html`<p class="last">last asked ${clock(last.at)}: <code>${last.method} ${last.path}</code> → ${String(last.status)}</p>`}</div>`;
}

function criterionHtml(criterion: ShownCriterion): Html {
  const { id, state, value, limit, unit } = criterion;
  const words = id
    .replace(/([A-Z])/g, ' $1')
    .replace(':', ': ')
    .toLowerCase();
  const used = value === null || limit === null || limit === 0 ? null : Math.abs(value / limit);
  const numbers =
    value === null
      ? state === 'unknown'
        ? 'unknown'
        : state
      : `${figure(value, 2)} of ${limit === null ? '?' : figure(limit, 2)} ${unit}`;
  const left = criterion.headroom === null ? '' : `${figure(criterion.headroom, 2)} ${unit} left`;
  return html`<li class="criterion ${state}"><div class="line"><b>${words}</b><span>${state === 'ok' ? numbers : `${numbers}${numbers === state ? '' : ` · ${state}`}`}</span></div>
<meter min="0" max="1" value="${used === null ? 0 : Math.min(1, Math.max(0, used)).toFixed(3)}" aria-label="${words}: ${numbers}"></meter>
<small>${[left, criterion.detail].filter((one) => one !== null && one !== '').join(' · ')}</small></li>`;
}

export function criteriaHtml({ criteria }: ConsoleState): Html {
  return html`<div class="card"><h2>What stops trading by itself</h2>${
    criteria.length === 0
      ? html`<p class="none">unknown: the bot says nothing now</p>`
      : html`<ul class="criteria">${criteria.map(criterionHtml)}</ul>`
  }</div>`;
}

export function controlHtml({ control }: ConsoleState): Html {
  const { engine } = control;
  const obeys =
    engine.obeys === null ? null : Object.entries(engine.obeys).map(([key, value]) => `${key}=${value}`);
  const lines = control.lines.map(
    ({ text, changed }) =>
      html`<span class="control-line${changed ? ' changed' : ''}">${text}${changed && html`<span class="unseen"> (changed)</span>`}</span>`,
  );
  return html`<div class="card"><h2>Control file</h2>
${control.text === null ? html`<p class="error">It cannot be read.</p>` : html`<pre class="control-file" tabindex="0" aria-label="The control file">${lines}</pre>`}
${!control.writable && html`<p class="error">The disk takes no writing.</p>`}
<p class="last">Engine: ${!engine.on ? 'switched off' : !engine.hears ? 'runs, and hears nothing' : obeys === null ? 'runs, has read nothing yet' : `obeys ${obeys.join(', ')}`}</p></div>`;
}

function pageHtml(page: ShownPage, people: readonly { id: string; name: string }[]): Html {
  const isOpen = page.status !== 'resolved';
  const press = (what: string, label: string) =>
    html`<button type="button" class="button small" id="page-${page.id}-${what}" data-pager="${what}" data-page="${page.id}">${label}<span class="unseen"> page ${page.number}</span></button>`;
  const who = html`<select class="menu small" id="page-${page.id}-who" aria-label="Who, for page ${page.number}">${people.map(({ id, name }) => html`<option value="${id}"${page.assignees.some((one) => one.id === id) && html` selected`}>${name}</option>`)}</select>`;
  return html`<li class="pager ${page.status}" id="page-${page.id}"><div class="line"><b>${page.title}</b><span class="state">${page.status}</span></div>
<div class="last">#${page.number} · ${page.severity} · ${page.urgency} urgency · ${page.assignees.length === 0 ? 'nobody assigned' : page.assignees.map(({ name }) => name).join(', ')}</div>
${isOpen && html`<div class="row">${who}${page.status === 'triggered' && press('acknowledge', 'Acknowledge')}${press('assign', 'Assign')}${press('resolve', 'Resolve')}</div>`}
<details id="page-${page.id}-log"><summary>What happened (${page.log.length + page.notes.length})</summary><ol class="told">${page.log.map(({ at, text }) => html`<li><time>${clock(at)}</time> ${text}</li>`)}${page.notes.map(({ at, by, text }) => html`<li><time>${clock(at)}</time> ${by}: ${text}</li>`)}</ol></details></li>`;
}

export function pagerDutyHtml({ pagerduty }: ConsoleState): Html {
  const open = pagerduty.pages.filter(({ status }) => status !== 'resolved').length;
  const onCall = pagerduty.onCall.map(({ name, level }) => `${name} (level ${level})`).join(', ');
  return html`<div class="card" data-count="${open}"><h2>PagerDuty <span class="count">${open} open</span></h2><p class="last">On call: ${onCall === '' ? 'nobody' : onCall}</p>${
    pagerduty.pages.length === 0
      ? html`<p class="none">Nobody was paged.</p>`
      : html`<ul class="pagers">${[...pagerduty.pages].reverse().map((page) => pageHtml(page, pagerduty.people))}</ul>`
  }</div>`;
}

const mailText = (mail: ShownMail): Html =>
  html`<pre tabindex="0" aria-label="Mail as text: ${mail.subject}">${mail.text ?? 'This mail has no text.'}</pre>`;

/** A mail's own HTML is data here: the page's script puts it into the frame, which runs nothing and asks nobody. */
function mailHtml(mail: ShownMail, index: number): Html {
  return html`<li class="mail"><details id="mail-${index}"><summary><b>${mail.subject}</b><small>${clock(mail.at)} to ${mail.to.join(', ')}${!mail.confirmed && ' · taken, never confirmed'}</small></summary>${mail.html === null ? mailText(mail) : html`<iframe class="mail-page" id="mail-${index}-page" title="Mail: ${mail.subject}" sandbox="allow-same-origin" data-html="${mail.html}"></iframe><details id="mail-${index}-text"><summary>As text</summary>${mailText(mail)}</details>`}</details></li>`;
}

export function mailboxHtml({ mailbox }: ConsoleState): Html {
  return html`<div class="card" data-count="${mailbox.length}"><h2>Mailbox <span class="count">${mailbox.length}</span></h2>${
    mailbox.length === 0
      ? html`<p class="none">No mail was sent.</p>`
      : html`<ul class="mails">${mailbox.map(mailHtml).reverse()}</ul>`
  }</div>`;
}
