/**
 * The README's pictures, from the messages that a drill really posts: `npm run picture`, or `npm run picture -- home`.
 * Needs Chromium (or CHROMIUM=/path/to/it) and, for the emoji, Debian's fonts-noto-color-emoji.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const from = (name) => import(new URL(`../dist/${name}`, import.meta.url).href);
const { loadConfig } = await from('config.js');
const { loadPolicy, SHIPPED_PLAYBOOK } = await from('policy.js');
const { configFor, startRehearsal } = await from('rehearse.js');
const { startBot } = await from('bot.js');
const { runDrill } = await from('rehearsal/drill.js');
const { CAST, CHANNEL, SCOPES, startStage } = await from('rehearsal/stage.js');
const { check } = await from('check/check.js');
const { printed } = await from('check/print.js');
const { blocksHtml } = await from('rehearsal/console/page/blocks.js');
const { still } = await from('rehearsal/console/page/drawing.js');
const { escapeHtml, mrkdwnHtml } = await from('rehearsal/console/page/mrkdwn.js');

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const TOKEN = 'token-of-the-pictures';
const DOCS = resolve(import.meta.dirname, '../docs');

/** Rehearse in a folder of its own, and return every message with all its versions; `mails` takes what was mailed. */
async function rehearse(folder, onStage, story, mails = []) {
  await mkdir(folder, { recursive: true });
  const loaded = loadConfig({
    env: { STANDDOWN_REHEARSAL: '1', PORT: '0', LOG_LEVEL: 'silent' },
    cwd: folder,
  });
  const policy = loadPolicy();
  if (!loaded.ok || !policy.ok) throw new Error(JSON.stringify(loaded.problems ?? policy.problems));
  const rehearsal = await startRehearsal(loaded.config, policy.policy, onStage);
  try {
    await story(rehearsal);
    const { slack, mail } = rehearsal.stage;
    mails.push(...mail.messages());
    return slack.messages(CHANNEL).map((message) => ({ ...message, history: [...message.history] }));
  } finally {
    await rehearsal.stop();
  }
}

const play = (folder, mails) =>
  rehearse(
    folder,
    {},
    async ({ stage, bot, token, controlFile }) => {
      const result = await runDrill({ stage, url: bot.url, token, controlFile, print: () => undefined });
      if (!result.ok) throw new Error(`The drill failed: ${result.failure}`);
    },
    mails,
  );

/** What each verdict takes: what the exchange holds, and what it does wrong. */
const VERDICTS = [
  {
    verdict: 'FLAT',
    onStage: {
      binance: {
        positions: [],
        conditionalOrders: [
          { symbol: 'ETHUSDT', side: 'buy', quantity: 0.05, type: 'STOP_MARKET', triggerPrice: 3_900 },
        ],
        orders: [
          { wallet: 'spot', symbol: 'BTCUSDT', side: 'buy', quantity: 0.001, price: 60_000 },
          { symbol: 'BTCUSDT', side: 'buy', quantity: 0.002, price: 61_000 },
          { symbol: 'ETHUSDT', side: 'sell', quantity: 0.05, price: 3_400 },
        ],
      },
    },
    fault: null,
  },
  { verdict: 'RESIDUAL', onStage: {}, fault: null },
  {
    verdict: 'UNKNOWN',
    onStage: {},
    fault: { kind: 'timeout', match: { path: '/fapi/v1/openAlgoOrders' }, times: Number.POSITIVE_INFINITY },
  },
];

/** The receipt of one kill, as it stands when its verdict is in and its page was confirmed. */
async function receiptOf(folder, { verdict, onStage, fault }) {
  const messages = await rehearse(folder, onStage, async ({ stage, bot, token }) => {
    if (fault !== null) stage.binance.fault(fault);
    await fetch(`${bot.url}/kill`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'feed frozen', actor: 'ada' }),
    });
    const done = () =>
      stage.slack
        .messages(CHANNEL)
        .some(
          ({ text, blocks }) => text.includes(`: ${verdict} (`) && /\*paged\*/.test(JSON.stringify(blocks)),
        );
    for (let tries = 0; !done(); tries += 1) {
      if (tries > 300) throw new Error(`the receipt never said ${verdict}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  return messages.find(({ text }) => text.includes(`: ${verdict} (`));
}

/** A bot with a feed, a backup and an engine, for what a rehearsal's configuration leaves out. Returns every message of it. */
async function measured(folder, story, changes = () => ({})) {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'RUNBOOK_EDGE.md'), '# Runbook\n');
  const policy = loadPolicy();
  if (!policy.ok) throw new Error(JSON.stringify(policy.problems));
  const stage = await startStage({});
  const controlFile = join(folder, 'control.env');
  await writeFile(controlFile, 'KILL_SWITCH=0\n');
  const base = {
    mode: 'rehearsal',
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    dataDir: join(folder, 'data'),
    controlFile,
    playbookFile: SHIPPED_PLAYBOOK,
    warnings: [],
  };
  const feed = { id: 'binance-1m', intervalSec: 60, symbols: ['BTC/USDT:USDT'], statusUrl: null };
  const config = {
    ...configFor(base, stage, TOKEN),
    engines: [{ id: 'main', heartbeatSec: 5 }],
    feeds: [{ ...feed, backup: 'binance-1m-b' }],
    ...changes(folder),
  };
  const bot = await startBot({
    config,
    policy: policy.policy,
    drill: true,
    pagerAgent: new Agent({ ca: stage.tls.cert }),
  });
  stage.slack.setRequestUrl(`${bot.url}/slack/events`);
  const send = (...samples) =>
    fetch(`${bot.url}/telemetry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(samples),
    });
  try {
    await story({ stage, bot, send, controlFile });
    return stage.slack.messages(CHANNEL).map((message) => ({ ...message, history: [...message.history] }));
  } finally {
    await Promise.all([bot.stop(), stage.close()]);
  }
}

const bar = (closedAt) => ({
  type: 'bar',
  at: Date.now(),
  feed: 'binance-1m',
  symbol: 'BTC/USDT:USDT',
  closedAt,
});

/** SLO-01 from the first late bar to the resolution: the pause by itself, the backup feed by Ada, the end of the gap. */
const sloOneOf = (folder) =>
  measured(folder, async ({ stage, bot, send, controlFile }) => {
    const { slack } = stage;
    const { ada } = CAST;
    const beat = async () => {
      const lines = (await readFile(controlFile, 'utf8')).split('\n');
      const control = Object.fromEntries(
        lines.flatMap((one) => (/^[A-Z_]+=/.test(one) ? [one.split('=')] : [])),
      );
      await send({
        type: 'heartbeat',
        at: Date.now(),
        engine: 'main',
        control,
        host: { cpuPct: 12, memPct: 41 },
      });
    };
    const thread = () => {
      const head = slack.messages(CHANNEL).find((message) => message.threadTs === undefined);
      return head === undefined ? '' : slack.threadAsText(CHANNEL, head.ts).replaceAll('\u2060', '');
    };
    const press = async (label) => {
      const holder = slack
        .messages(CHANNEL)
        .findLast((message) => JSON.stringify(message.blocks).includes(JSON.stringify(label)));
      const block = holder.blocks.find((one) => JSON.stringify(one).includes(JSON.stringify(label)));
      await slack.click(ada.id, { channel: CHANNEL, ts: holder.ts, label, blockId: block.block_id });
    };
    await beat();
    await send(bar(Date.now() - 220_000));
    await until(() => thread().includes('PAUSE_SIGNALS=1 written and read back'));
    await beat();
    await press('Acknowledge');
    await press('Take command');
    await until(() => /apply|applies/.test(thread()));
    const head = slack.messages(CHANNEL).find((message) => message.threadTs === undefined);
    await slack.post(ada.id, CHANNEL, 'The provider says: matching engine upgrade, no end given.', {
      threadTs: head.ts,
    });
    await until(() => thread().includes('Switch to backup feed…'));
    await press('Switch to backup feed…');
    await until(() => thread().includes('DATA_FEED=backup'));
    await beat();
    await send(bar(Date.now() - 5_000));
    await until(() => thread().includes('is over'));
    await slack.say(ada.id, '/incident mitigate the backup feed runs');
    await press('Resume signals');
    const [id] = bot.ledger.open().map((one) => one.id);
    await slack.say(ada.id, `/incident resolve ${id}`);
    const view = slack.openViews(ada.id).at(-1);
    await slack.submit(ada.id, view.id, {
      summary: 'The provider upgraded without notice; the backup feed took over.',
      rootCause: 'One provider, and nobody reads its notices.',
      category: 'data',
    });
    await until(() => thread().includes('After the incident'));
    await new Promise((done) => setTimeout(done, 2_000));
  });

/** A hard stop from the deciding sample to its receipt: two of ten orders rejected. */
const stopOf = (folder) =>
  measured(folder, async ({ stage, send }) => {
    const at = Date.now();
    await send({ type: 'heartbeat', at, engine: 'main' });
    await send(
      ...Array.from({ length: 10 }, (_one, n) => ({
        type: 'order',
        at: at - 90_000 + n * 9_000,
        venue: 'binance-usdm',
        symbol: 'BTC/USDT:USDT',
        orderId: `o${n}`,
        status: n % 5 === 4 ? 'rejected' : 'accepted',
        ...(n % 5 === 4 ? { reason: 'margin is insufficient' } : {}),
      })),
    );
    await until(() =>
      stage.slack
        .messages(CHANNEL)
        .some(
          ({ blocks }) => /RESIDUAL/.test(JSON.stringify(blocks)) && /\*paged\*/.test(JSON.stringify(blocks)),
        ),
    );
    await new Promise((done) => setTimeout(done, 1_500));
  });

/** `/incident readiness`: a kill that was confirmed, a test page that Ada acknowledged, and Grace who has not read yet. */
async function readinessOf(folder) {
  let blocks = [];
  await measured(
    folder,
    async ({ stage, send, controlFile }) => {
      const { slack, pagerDuty } = stage;
      const { ada } = CAST;
      const read = 'I have read the runbooks';
      await slack.openHome(ada.id);
      await until(() => slack.homeAsText(ada.id).includes(read));
      await slack.click(ada.id, { home: true, label: read });
      await until(() => slack.homeAsText(ada.id).includes('It is on record'));
      await slack.say(ada.id, '/incident readiness test-page');
      await until(() => pagerDuty.incidents().length === 1);
      pagerDuty.acknowledge(pagerDuty.incidents()[0].id, ada.pagerDuty);
      await slack.say(ada.id, '/kill to test the switch');
      await until(() => slack.asText(CHANNEL).includes('KILLED'));
      await new Promise((done) => setTimeout(done, 1_500));
      const rev = /STANDDOWN_REV=(\d+)/.exec(await readFile(controlFile, 'utf8'))[1];
      const control = { KILL_SWITCH: '1', STANDDOWN_REV: rev };
      await send({ type: 'heartbeat', at: Date.now(), engine: 'main', control });
      await new Promise((done) => setTimeout(done, 6_000));
      pagerDuty.fillRotaUntil(Date.now() + 9 * 86_400_000);
      await slack.say(ada.id, '/incident readiness refresh');
      const answer = await slack.say(ada.id, '/incident readiness');
      blocks = answer.json?.blocks ?? [];
    },
    (own) => ({ runbookFile: join(own, 'RUNBOOK_EDGE.md') }),
  );
  return blocks;
}

/** The App Home of Ada with an incident that she commands, a halt, and what the engine measures. */
async function homeOf(folder) {
  let blocks = [];
  await rehearse(folder, {}, async ({ stage, bot, token }) => {
    const send = (path, body) =>
      fetch(`${bot.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { slack } = stage;
    const { ada } = CAST;
    const at = Date.now();
    const order = (n) => ({
      type: 'order',
      at: at - n * 1_000,
      venue: 'binance-usdm',
      symbol: 'BTC/USDT:USDT',
      orderId: `o${n}`,
      status: n === 3 ? 'rejected' : 'accepted',
    });
    await send('/telemetry', [
      { type: 'pnl', at: at - 20_000, dayPnl: -6.2, currency: 'USDT', equity: 1_993.8 },
      { type: 'pnl', at, dayPnl: -6.4, currency: 'USDT', equity: 1_993.6 },
      { type: 'position', at, venue: 'binance-usdm', symbol: 'BTC/USDT:USDT', notional: 512.4 },
      ...Array.from({ length: 14 }, (_one, n) => order(n)),
    ]);
    await send('/alerts/generic', [
      { id: 'gap-1', status: 'firing', title: 'Feed gap: binance-1m', severity: 'P1', runbook: 'SLO-01' },
      { id: 'fill-1', status: 'firing', title: 'Fill rate 97.8 %', severity: 'P2', runbook: 'fills' },
    ]);
    await until(
      () => slack.messages(CHANNEL).filter((message) => message.threadTs === undefined).length === 2,
    );
    const [gap] = bot.ledger.open().map(({ id }) => id);
    await slack.say(ada.id, `/incident assign ${gap} <@${ada.id}|ada>`);
    await slack.say(ada.id, `/incident ack ${gap}`);
    await slack.say(ada.id, '/halt router looks odd');
    await slack.openHome(ada.id);
    await until(() => slack.homeAsText(ada.id).includes('HALTED'));
    blocks = slack.home(ada.id)?.view.blocks ?? [];
  });
  return blocks;
}

async function until(isSo) {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries > 300) throw new Error(`it never came to ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The messages as they stood at a time; what came later is not there yet. */
function asOf(messages, at) {
  return messages.flatMap((message) => {
    const version = message.history.findLast((one) => one.at <= at);
    return version === undefined ? [] : [{ ...message, text: version.text, blocks: version.blocks }];
  });
}

// ── The page ───────────────────────────────────────────────────────────────────────────────────────────────────────

const people = new Map(Object.values(CAST).map((person) => [person.id, person.realName]));
const names = {
  user: (id) => people.get(id) ?? id,
  channel: (id) => (id === CHANNEL ? 'incidents' : id),
  usergroup: (id) => id,
};

const CSS = `
* { box-sizing: border-box; margin: 0; }
/* For emoji alone: it has digits and spaces of its own. */
@font-face { font-family: Emoji; src: local('Noto Color Emoji'); unicode-range: U+203C, U+2049, U+20E3, U+2139, U+231A-23FA, U+25B6, U+2600-27BF, U+2B00-2BFF, U+1F000-1FAFF; }
body { font: 15px/1.46 Lato, Emoji, 'DejaVu Sans', sans-serif; color: #1d1c1d; background: #fff; }
.window { display: flex; align-items: stretch; }
.pane { padding: 0 20px 18px; }
.pane + .pane { border-left: 1px solid #dcdcdc; }
.bar { margin: 0 -20px 10px; padding: 12px 20px; border-bottom: 1px solid #dcdcdc; font-weight: 900; font-size: 17px; }
.bar small { font-weight: 400; font-size: 13px; color: #616061; margin-left: 8px; }
.message { display: flex; gap: 10px; padding: 8px 0; }
.avatar { flex: 0 0 36px; height: 36px; border-radius: 6px; color: #fff; font-weight: 900; font-size: 17px;
  display: grid; place-items: center; background: #4a6fa5; }
.avatar.app { background: #1d1c1d; }
.body { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.who { font-weight: 900; }
.badge { font-size: 10px; font-weight: 700; color: #616061; background: #e8e8e8; border-radius: 3px; padding: 1px 4px;
  margin-left: 5px; vertical-align: 1px; }
.time { font-size: 12px; color: #616061; margin-left: 7px; }
.header { font-size: 18px; font-weight: 900; line-height: 1.3; margin: 6px 0 4px; }
.section { margin: 4px 0; white-space: pre-wrap; }
.context { font-size: 13px; color: #616061; margin: 5px 0; display: flex; flex-wrap: wrap; gap: 2px 10px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 6px; }
.button { font: inherit; font-size: 14px; font-weight: 700; padding: 4px 12px; border-radius: 4px; color: #1d1c1d;
  background: #fff; border: 1px solid #bcbcbc; }
.button.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
.button.danger { background: #e01e5a; border-color: #e01e5a; color: #fff; }
.divider { border: 0; border-top: 1px solid #dcdcdc; margin: 10px 0; }
.mention { background: #e8f5fa; color: #1264a3; border-radius: 3px; padding: 0 2px; }
a { color: #1264a3; text-decoration: none; }
code { font: 12px 'DejaVu Sans Mono', monospace; color: #c01343; background: #f6f6f6; border: 1px solid #ddd;
  border-radius: 3px; padding: 1px 3px; }
.replies { color: #1264a3; font-size: 13px; font-weight: 700; margin-top: 6px; }
.numbered { position: relative; }
.number { display: inline-grid; place-items: center; width: 20px; height: 20px; border-radius: 50%; background: #f2c744;
  font-size: 12px; font-weight: 900; }
.avatar .number { position: absolute; left: -9px; top: 1px; color: #1d1c1d; }
.legend { margin: 26px 0 0 46px; padding: 12px 14px; background: #fdf8e8; border-radius: 6px; font-size: 14px; }
.legend p { display: flex; gap: 9px; padding: 4px 0; }
.legend .number { flex: 0 0 20px; }
`;

/** `number` refers to the legend. */
function messageHtml(message, number = '', after = '') {
  const name = message.byBot ? 'Standdown' : names.user(message.user);
  const time = new Date(Number(message.ts) * 1_000).toISOString().slice(11, 19);
  const words =
    message.blocks.length > 0
      ? blocksHtml(message.blocks, still(names))
      : `<div class="section">${mrkdwnHtml(message.text, names)}</div>`;
  const avatar = message.byBot ? '■' : name.slice(0, 1);
  const badge = number === '' ? '' : `<span class="number">${number}</span>`;
  return `<article class="message numbered">
<div class="avatar${message.byBot ? ' app' : ''}">${escapeHtml(avatar)}${badge}</div>
<div class="body"><div><span class="who">${escapeHtml(name)}</span>${message.byBot ? '<span class="badge">APP</span>' : ''}<span class="time">${time}</span></div>
${words}${after}</div></article>`;
}

const legend = (lines) =>
  `<div class="legend">${lines.map((line, index) => `<p><span class="number">${index + 1}</span><span>${line}</span></p>`).join('')}</div>`;

const page = (width, panes) =>
  `<!doctype html><meta charset="utf-8"><title>#incidents</title><style>${CSS}</style><div class="window" style="width:${width}px">${panes}</div>`;

const pane = (title, aside, width, messages) =>
  `<section class="pane" style="width:${width}px"><div class="bar">${title}<small>${aside}</small></div>${messages}</section>`;

// ── The screenshot ─────────────────────────────────────────────────────────────────────────────────────────────────

function chromium(folder, ...args) {
  return new Promise((done, failed) => {
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars'];
    const child = spawn(CHROMIUM, [...flags, `--user-data-dir=${join(folder, 'profile')}`, ...args]);
    const said = [];
    child.stdout.on('data', (chunk) => said.push(chunk));
    child.stderr.resume();
    child.on('error', failed);
    const limit = setTimeout(() => child.kill('SIGKILL'), 120_000);
    child.on('close', (code) => {
      clearTimeout(limit);
      if (code === 0) done(Buffer.concat(said).toString());
      else failed(new Error(`${CHROMIUM} ended with ${code}`));
    });
  });
}

/** `check` at 120 columns, as a terminal shows it, on a desk where four things are broken. */
async function checkPage(folder) {
  await mkdir(folder, { recursive: true });
  let lines = [];
  await rehearse(folder, {}, async ({ stage, bot, token, controlFile }) => {
    stage.slack.setScopes(SCOPES.filter((scope) => scope !== 'pins:read'));
    stage.slack.setChannel(CHANNEL, { isArchived: true });
    stage.pagerDuty.showService({ urgency: 'low' });
    stage.binance.setRestrictions({ enableWithdrawals: true });
    const { keys } = stage;
    const venue = (id, exchange, symbol) =>
      `  - { id: ${id}, exchange: ${exchange}, apiKey: "\${BINANCE_KEY}", secret: "\${BINANCE_SECRET}", symbols: [${symbol}], quoteAssets: [USDT], baseUrl: "${stage.binance.url}" }\n`;
    await writeFile(
      join(folder, 'standdown.yml'),
      `slack: { channel: ${CHANNEL} }
access: { responders: [${CAST.ada.id}], approvers: [${CAST.ada.id}, ${CAST.grace.id}, ${CAST.alan.id}], approvals: 2 }
control: { file: "${controlFile}" }
venues:
${venue('binance-usdm', 'binanceusdm', 'BTC/USDT:USDT')}${venue('binance-spot', 'binance', 'BTC/USDT')}limits: { maxDailyLossPct: 1, maxNotional: 1000, currency: USDT }
feeds: off
mail: { from: standdown@example.com, stakeholders: [desk@example.com] }
recoveryCheck: off
`,
    );
    const report = await check({
      cwd: folder,
      pagerAgent: new Agent({ ca: stage.tls.cert }),
      env: {
        SLACK_BOT_TOKEN: keys.botToken,
        SLACK_SIGNING_SECRET: keys.signingSecret,
        SLACK_API_URL: stage.slack.apiUrl,
        PAGERDUTY_ROUTING_KEY: keys.routingKey,
        PAGERDUTY_API_TOKEN: keys.pagerToken,
        PAGERDUTY_FROM: CAST.ada.email,
        PAGERDUTY_WEBHOOK_SECRET: keys.webhookSecret,
        PAGERDUTY_API_SERVER: stage.pagerDuty.server,
        SMTP_URL: stage.mail.smtpUrl,
        STANDDOWN_TOKEN: token,
        BINANCE_KEY: keys.apiKey,
        BINANCE_SECRET: keys.apiSecret,
        PORT: new URL(bot.url).port,
      },
    });
    // The server of the picture is a rehearsal's, and the machine's own state is no part of it.
    const shown = report.lines.filter(
      ({ id }) =>
        !/^(?:server\.|readiness\.|machine\.(?:sync|data)|control\.mount|venue\..*address)/.test(id),
    );
    lines = printed(shown, { columns: 110, rows: 40, colour: true, all: false });
  });
  const tints = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 35: '#d2a8ff' };
  const row = (line) => {
    const [, tint, text] = /^\u001B\[(\d+)m(.*)\u001B\[0m$/.exec(line) ?? [null, null, line];
    return `<span style="color:${tints[tint] ?? '#e6edf3'}">${escapeHtml(text)}</span>`;
  };
  return `<!doctype html><meta charset="utf-8"><body style="margin:0;background:#0d1117"><div class="window" style="width:1000px;padding:18px 22px;box-sizing:border-box"><pre style="margin:0;font:14px/1.5 'DejaVu Sans Mono',monospace"><span style="color:#8b949e">$ standdown check</span>\n${lines.map(row).join('\n')}</pre></div>`;
}

/** As high as the page is: it is laid out once for its height, then once for the picture. */
async function shoot(folder, name, width, html) {
  const measured = join(folder, `${name}.measure.html`);
  const script =
    '<script>addEventListener("load", () => { document.title = String(document.querySelector(".window").offsetHeight); });</script>';
  await writeFile(measured, `${html}${script}`);
  const dom = await chromium(folder, '--dump-dom', `--window-size=${width},800`, `file://${measured}`);
  const height = Number(/<title>(\d+)<\/title>/.exec(dom)?.[1]);
  if (!(height > 0)) throw new Error('the page could not be measured');
  const file = join(folder, `${name}.html`);
  await writeFile(file, html);
  const picture = join(DOCS, `${name}.png`);
  // Twice as dense for sharp text; a whole thread is megabytes then.
  const density = height > 4_000 ? 1 : 2;
  await chromium(
    folder,
    `--force-device-scale-factor=${density}`,
    `--screenshot=${picture}`,
    `--window-size=${width},${height}`,
    `file://${file}`,
  );
  return `${picture}: ${width} × ${height}`;
}

/** The mail as it was sent, side by side for a light and a dark reader: the dark one as if its system asked for it. */
function mailPage(html) {
  const dark = html.replace('@media (prefers-color-scheme: dark)', '@media all');
  const frame = (one) =>
    `<iframe style="width:700px;border:0" srcdoc="${escapeHtml(one)}" onload="this.height=this.contentDocument.documentElement.scrollHeight"></iframe>`;
  return `<!doctype html><meta charset="utf-8"><body style="margin:0"><div class="window" style="width:1400px;display:flex;align-items:flex-start">${frame(html)}${frame(dark)}</div>`;
}

// ── What is on them ────────────────────────────────────────────────────────────────────────────────────────────────

const say = (line) => process.stdout.write(`${line}\n`);
const hasButton = (message, label) =>
  message.blocks.some(
    (block) => block.type === 'actions' && block.elements.some((element) => element.text?.text === label),
  );

const wanted = process.argv.slice(2);
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);

if (!existsSync(CHROMIUM)) throw new Error(`There is no ${CHROMIUM}: set CHROMIUM to where Chromium is.`);
const folder = await mkdtemp(join(tmpdir(), 'standdown-picture-'));
try {
  await mkdir(DOCS, { recursive: true });
  if (isWanted('thread')) {
    const mails = [];
    const messages = await play(folder, mails);
    const receipt = messages.find((message) =>
      message.history.some((one) => hasButton(one, 'Flatten…') && one.text.startsWith('DRILL · Kill by')),
    );
    const verdict = receipt?.history.findLast((one) => hasButton(one, 'Flatten…'));
    if (receipt === undefined || verdict === undefined)
      throw new Error('the drill posted no receipt with a verdict');
    // Some milliseconds later the headline says it as well; the position is closed after that.
    const then = asOf(messages, verdict.at + 60);
    const headline = then.find((message) => message.ts === receipt.threadTs);
    const thread = then.filter((message) => message.threadTs === receipt.threadTs);
    const replies = `<div class="replies">${thread.length} replies</div>`;
    const words = legend([
      '<b>The headline</b>: what is wrong, whether trading runs, who was paged and how sure that is. It is edited in place.',
      '<b>The runbook</b> of this alert. Each press goes on record, with who and when. Kill, cancel and halt ask first.',
      '<b>What people write</b> goes to the timeline, and from there into the postmortem.',
      '<b>The receipt of the kill</b>: what was ordered, what the venues answered, and what was read back after that. A position is left here, so it says so, with its size and without a stop.',
    ]);
    const numberOf = ({ ts, byBot, text }) =>
      ts === receipt.ts ? 4 : !byBot ? 3 : text.includes('Runbook') ? 2 : '';
    const both =
      pane('# incidents', '', 560, messageHtml(headline, 1, replies) + words) +
      pane(
        'Thread',
        '# incidents',
        660,
        thread.map((message) => messageHtml(message, numberOf(message))).join(''),
      );
    say(await shoot(folder, 'thread', 1_220, page(1_220, both)));
    const alone = thread.find((message) => message.ts === receipt.ts);
    say(
      await shoot(
        folder,
        'thread-kill',
        760,
        page(760, pane('Thread', '# incidents', 760, messageHtml(alone))),
      ),
    );
    const told = mails.findLast((one) => one.subject.includes('RESIDUAL') && one.html !== null);
    if (told === undefined) throw new Error('the drill mailed nothing about its verdict');
    say(await shoot(folder, 'mail', 1_400, mailPage(told.html)));
  }
  if (isWanted('receipts')) {
    const receipts = [];
    for (const one of VERDICTS) receipts.push(await receiptOf(join(folder, one.verdict), one));
    const panes = receipts.map((message, index) =>
      pane(VERDICTS[index].verdict, 'the receipt', 620, messageHtml(message)),
    );
    say(await shoot(folder, 'receipts', 1_860, page(1_860, panes.join(''))));
  }
  for (const [name, play] of [
    ['slo-01', sloOneOf],
    ['hard-stop', stopOf],
  ])
    if (isWanted(name)) {
      const messages = await play(join(folder, name));
      const head = messages.find((message) => message.threadTs === undefined);
      const thread = messages.filter((message) => message.threadTs === head.ts);
      const panes =
        pane('# incidents', '', 560, messageHtml(head)) +
        pane('Thread', '# incidents', 660, thread.map((message) => messageHtml(message)).join(''));
      say(await shoot(folder, name, 1_220, page(1_220, panes)));
    }
  if (isWanted('check')) say(await shoot(folder, 'check', 1_000, await checkPage(join(folder, 'check'))));
  if (isWanted('readiness')) {
    const list = `<div class="home">${blocksHtml(await readinessOf(join(folder, 'readiness')), still(names))}</div>`;
    say(
      await shoot(
        folder,
        'readiness',
        900,
        page(900, pane('/incident readiness', 'to you alone', 900, list)),
      ),
    );
  }
  if (isWanted('home')) {
    const home = `<div class="home">${blocksHtml(await homeOf(join(folder, 'home')), still(names))}</div>`;
    say(await shoot(folder, 'home', 900, page(900, pane('Standdown', 'Home', 900, home))));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
