/**
 * A storm: 10,000 distinct alerts in POSTs of 100, in 100 groups and in one, against the bot as a process of its own. While
 * it lasts somebody presses a button every 200 ms, and in the middle of it somebody types /kill.
 *
 *   npm run build && node bench/storm.mjs [--groups 100] [--alerts 10000]
 *
 * It prints how fast the alerts were on disk and what of the bot's CPU they cost, how long a click waited for its
 * acknowledgement, how long /kill took to its answer and to its last order gone, beside the same on the quiet desk of the
 * same run, and what Slack and PagerDuty got of it. It ends by itself.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CAST, CHANNEL, startStage } from '../dist/rehearsal/stage.js';

const { values: options } = parseArgs({
  options: { groups: { type: 'string', default: '' }, alerts: { type: 'string', default: '10000' } },
});
const ALERTS = Number(options.alerts);
const BATCH = 100;
/** Batches under way at once, as from an Alertmanager with many groups. */
const AT_ONCE = 4;
const CLICK_MS = 200;
/** How long the way out is given after the storm. */
const SETTLE_MS = 20_000;
const TOKEN = 'token-of-the-bench-desk';
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));

const quantile = (values, share) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const yaml = (stage) => `
slack: { channel: ${CHANNEL} }
access: { responders: [${CAST.ada.id}], approvers: [${CAST.ada.id}, ${CAST.grace.id}, ${CAST.alan.id}], approvals: 2 }
control: { file: ./control.env }
venues:
  - { id: binance-usdm, exchange: binanceusdm, apiKey: "\${BINANCE_KEY}", secret: "\${BINANCE_SECRET}", symbols: [BTC/USDT:USDT], quoteAssets: [USDT], baseUrl: "${stage.binance.url}" }
  - { id: binance-spot, exchange: binance, apiKey: "\${BINANCE_KEY}", secret: "\${BINANCE_SECRET}", symbols: [BTC/USDT], quoteAssets: [USDT], baseUrl: "${stage.binance.url}" }
limits: { maxDailyLossPct: 1, maxNotional: 100000, currency: USDT }
feeds: off
mail: off
recoveryCheck: off
`;

async function startDesk() {
  const folder = await mkdtemp(join(tmpdir(), 'standdown-storm-'));
  const stage = await startStage();
  await writeFile(join(folder, 'control.env'), 'KILL_SWITCH=0\n');
  await writeFile(join(folder, 'ca.pem'), stage.tls.cert);
  await writeFile(join(folder, 'standdown.yml'), yaml(stage));
  const child = spawn(process.execPath, [CLI, 'start'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
      SLACK_BOT_TOKEN: stage.keys.botToken,
      SLACK_SIGNING_SECRET: stage.keys.signingSecret,
      SLACK_API_URL: stage.slack.apiUrl,
      PAGERDUTY_ROUTING_KEY: stage.keys.routingKey,
      PAGERDUTY_API_TOKEN: stage.keys.pagerToken,
      PAGERDUTY_FROM: CAST.ada.email,
      PAGERDUTY_EVENTS_SERVER: stage.pagerDuty.server,
      PAGERDUTY_API_SERVER: stage.pagerDuty.server,
      STANDDOWN_TOKEN: TOKEN,
      BINANCE_KEY: stage.keys.apiKey,
      BINANCE_SECRET: stage.keys.apiSecret,
      PORT: '0',
      LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /Standdown is up: (\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`the bot ended with ${code}`)));
  });
  stage.slack.setRequestUrl(`${url}/slack/events`);
  return {
    stage,
    url,
    /** Seconds of CPU that the bot's process used so far. */
    cpu() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    rssMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024,
    post: (path, body) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    get: async (path) =>
      (await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json(),
    async close() {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await stage.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const bodyOf = (group, from, count) => ({
  receiver: 'bot',
  status: 'firing',
  version: '4',
  groupKey: `{}:{alertname="Storm${group}"}`,
  alerts: Array.from({ length: count }, (_, n) => ({
    status: 'firing',
    labels: { alertname: `Storm${group}`, severity: 'error', instance: `host-${from + n}` },
    annotations: { summary: 'It storms' },
    startsAt: '2026-11-22T20:30:07.42Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://vm:9499/graph',
    fingerprint: `f${group}-${from + n}`,
  })),
});

/** Somebody types /kill: ms to Slack's answer, and to the venue without an order. */
async function kill({ stage }) {
  for (let n = 0; n < 5; n += 1)
    stage.binance.placeOrder({ symbol: 'BTCUSDT', side: 'buy', quantity: 0.01, price: 50_000 - n });
  const began = performance.now();
  const gone = stage.binance.until(() => stage.binance.openOrders().length === 0, {
    timeoutMs: 60_000,
    what: 'no order',
  });
  const answer = await stage.slack.say(CAST.ada.id, '/kill it storms');
  const answered = performance.now() - began;
  if (!answer.ok) throw new Error(`/kill was answered with ${answer.status}`);
  await gone;
  return { answered, empty: performance.now() - began };
}

/** A button pressed every 200 ms until `over`: ms to each acknowledgement. */
async function press({ stage }, over) {
  const headline = await stage.slack.until(
    () => stage.slack.messages(CHANNEL).find((one) => one.byBot && one.threadTs === undefined),
    { timeoutMs: 60_000, what: 'a headline' },
  );
  const waits = [];
  while (!over()) {
    const began = performance.now();
    const answer = await stage.slack.click(CAST.grace.id, {
      channel: CHANNEL,
      ts: headline.ts,
      label: 'Kill…',
    });
    waits.push(performance.now() - began);
    if (answer.status === 0) waits.push(3_000);
    await wait(CLICK_MS);
  }
  return waits;
}

async function run(groups) {
  const desk = await startDesk();
  const { stage } = desk;
  try {
    // Who Ada is at Slack is known by then, as on any desk that has run for a second.
    await stage.slack.say(CAST.ada.id, '/incident list');
    const quiet = await kill(desk);
    await stage.slack.until(
      () => stage.slack.messages(CHANNEL).some((one) => /FLAT|RESIDUAL/.test(one.text)),
      { timeoutMs: 30_000, what: 'a verdict' },
    );
    // Whole alerts and whole POSTs: what does not come out even is left out.
    const size = Math.min(BATCH, Math.floor(ALERTS / groups));
    const bodies = Array.from({ length: Math.floor(ALERTS / size / groups) * groups }, (_, n) =>
      bodyOf(n % groups, Math.floor(n / groups) * size, size),
    );
    const before = desk.cpu();
    const posts = stage.slack.calls.length;
    const began = performance.now();
    let over = false;
    const clicks = press(desk, () => over);
    let next = 0;
    let refused = 0;
    const sender = async () => {
      while (next < bodies.length) {
        const body = bodies[next];
        next += 1;
        const answer = await desk.post('/alerts/alertmanager', body);
        if (answer.status !== 202) refused += 1;
        await answer.arrayBuffer();
      }
    };
    const sending = Promise.all(Array.from({ length: AT_ONCE }, sender));
    await stage.slack
      .until(() => next > bodies.length / 2, { timeoutMs: 60_000, what: 'half of the storm' })
      .catch(() => undefined);
    const stormy = await kill(desk);
    await sending;
    const seconds = (performance.now() - began) / 1_000;
    const cpu = desk.cpu() - before;
    await wait(SETTLE_MS);
    over = true;
    const waits = await clicks;
    const { incidents } = await desk.get('/incidents');
    const held = incidents.reduce((sum, one) => sum + one.alerts, 0);
    const pages = stage.pagerDuty.events().filter(({ body }) => body.event_action === 'trigger').length;
    const messages = stage.slack.messages(CHANNEL).filter((one) => one.byBot);
    console.log(`
${bodies.length * size} alerts in ${groups === 1 ? 'one group' : `${groups} groups`}, POSTs of ${size}, ${AT_ONCE} at once
  on disk            ${(ALERTS / seconds).toFixed(0)} alerts/s (${seconds.toFixed(1)} s), ${((cpu / ALERTS) * 1e6).toFixed(0)} µs of CPU an alert, ${refused} POSTs refused, ${desk.rssMb().toFixed(0)} MB
  click → answered   p50 ${quantile(waits, 0.5).toFixed(0)} ms, p99 ${quantile(waits, 0.99).toFixed(0)} ms, of ${waits.length} (aim ≤ 100 ms)
  /kill → answered   ${stormy.answered.toFixed(0)} ms in the storm, ${quiet.answered.toFixed(0)} ms on the quiet desk
  /kill → no order   ${stormy.empty.toFixed(0)} ms in the storm, ${quiet.empty.toFixed(0)} ms on the quiet desk
  incidents          ${incidents.length} holding ${held} alerts
  Slack              ${stage.slack.calls.length - posts} calls, ${messages.filter((one) => one.threadTs === undefined).length} headlines, ${messages.length} messages
  PagerDuty          ${pages} pages`);
  } finally {
    await desk.close();
  }
}

console.log(`${cpus()[0]?.model} × ${cpus().length}, Node ${process.version}`);
for (const groups of options.groups === '' ? [100, 1] : [Number(options.groups)]) await run(groups);
