/** `npm start`: live with a Slack token, a rehearsal without. */

import { createInterface } from 'node:readline';
import { sayProblem } from './adapters/yaml.ts';
import { startBot } from './bot.ts';
import { type Config, loadConfig, type RehearsalConfig } from './config.ts';
import { failpointOf } from './failpoint.ts';
import { loadPolicy, type Policy } from './policy.ts';
import { runDrill } from './rehearsal/drill.ts';
import { CAST, CHANNEL } from './rehearsal/stage.ts';
import { startConsole, startRehearsal } from './rehearse.ts';

type Rehearsed = Awaited<ReturnType<typeof startConsole>>;

const say = (line: string) => void process.stdout.write(`${line}\n`);
const complain = (line: string) => void process.stderr.write(`${line}\n`);

/** The configuration and the policy, or every problem of both at once and exit code 1. */
export function prepare(): { config: Config; policy: Policy } | null {
  const loaded = loadConfig({ env: process.env, cwd: process.cwd() });
  const policy = loadPolicy(loaded.ok ? loaded.config.playbookFile : undefined);
  if (loaded.ok && policy.ok) return { config: loaded.config, policy: policy.policy };
  const problems = [...(loaded.ok ? [] : loaded.problems), ...(policy.ok ? [] : policy.problems)];
  complain(
    `Standdown does not start. ${problems.length === 1 ? 'One thing is' : `${problems.length} things are`} missing or wrong:`,
  );
  for (const problem of problems) complain(`  • ${sayProblem(problem)}`);
  return null;
}

/** Run until a signal; the cleanup drains within 5 s, then the process ends whatever is left. */
function untilSignal(stop: () => Promise<void>): void {
  let stopping = false;
  const end = (code: number) => {
    if (stopping) return;
    stopping = true;
    const limit = setTimeout(() => process.exit(code), 5_000);
    limit.unref();
    stop().then(
      () => process.exit(code),
      (error: unknown) => {
        complain(`Stopping failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => end(0));
  process.once('SIGINT', () => end(0));
}

async function live(config: Extract<Config, { mode: 'live' }>, policy: Policy): Promise<void> {
  const failpoint = failpointOf(process.env['STANDDOWN_FAILPOINT'], config);
  const bot = await startBot({
    config,
    policy,
    drill: false,
    ...(failpoint === undefined ? {} : { failpoint }),
  });
  untilSignal(() => bot.stop());
  for (const note of bot.notes) say(`  ! ${note}`);
  say(
    `Standdown is up: ${bot.url} · Slack over ${config.slack.transport.kind === 'socket' ? 'Socket Mode' : 'HTTP'} · ${config.venues.map((venue) => venue.id).join(', ')}`,
  );
}

/** `npm run drill`: the whole story at once, told in the terminal. */
export async function rehearse(config: RehearsalConfig, policy: Policy): Promise<number> {
  const startedAt = performance.now();
  const rehearsal = await startRehearsal(config, policy);
  say(
    `DRILL Standdown rehearses: everything is on this machine, nothing is real. Up after ${secondsSince(startedAt)} s.`,
  );
  const { stage, bot, token, controlFile } = rehearsal;
  const result = await runDrill({ stage, url: bot.url, token, controlFile, print: say });
  await rehearsal.stop();
  say(result.ok ? 'DRILL passed' : `DRILL failed: ${result.failure ?? 'unknown'}`);
  return result.ok ? 0 : 1;
}

const secondsSince = (startedAt: number): string => ((performance.now() - startedAt) / 1_000).toFixed(2);

/** `npm start` without a token: a calm desk, a page to run it from, and a prompt. Nothing happens by itself. */
async function openConsole(config: RehearsalConfig): Promise<void> {
  const startedAt = performance.now();
  const rehearsed = await startConsole(config);
  untilSignal(() => rehearsed.console.stop());
  const { url } = rehearsed.console;
  say(`DRILL Standdown rehearses: open ${url}/ in a browser. Up after ${secondsSince(startedAt)} s.`);
  for (const line of whereToLook(rehearsed)) say(line);
  prompt(rehearsed.console);
}

function whereToLook({ console: { url }, token, controlFile }: Rehearsed): string[] {
  return [
    'DRILL Everything is on this machine, nothing is real, and nothing happens until you start it: on the page, or here.',
    `DRILL   status      curl -s -H 'Authorization: Bearer ${token}' ${url}/status`,
    `DRILL   timeline    curl -s -H 'Authorization: Bearer ${token}' ${url}/incidents/INC-…`,
    'DRILL   postmortem  data/rehearsal/postmortems/',
    `DRILL   switches    ${controlFile}`,
    'DRILL What to type, as Ada in #incidents:',
    'DRILL   /kill feed frozen      stop everything, and read the venues back',
    'DRILL   /incident list         or any other slash command',
    'DRILL   show                   what #incidents and its threads show',
    'DRILL   quit',
  ];
}

/** Slash commands typed into the terminal reach the bot as Slack would send them. */
function prompt({ stage, stop }: Rehearsed['console']): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const text = line.trim();
    if (text === '') return;
    if (text === 'quit') {
      void stop().then(() => process.exit(0));
      return;
    }
    const { slack } = stage();
    if (text === 'show') {
      const parents = slack.messages(CHANNEL).filter((message) => message.threadTs === undefined);
      for (const parent of parents) say(slack.threadAsText(CHANNEL, parent.ts));
      return;
    }
    if (!text.startsWith('/')) {
      say('DRILL Type a slash command, show, or quit.');
      return;
    }
    slack.say(CAST.ada.id, text, { channel: CHANNEL }).then(
      (answer) =>
        say(answer.body === '' ? 'DRILL (a dialog opened: answer it on the page)' : saidText(answer.body)),
      (error: unknown) => say(`DRILL ${String(error)}`),
    );
  });
}

function saidText(body: string): string {
  try {
    const { text } = JSON.parse(body) as { text?: string };
    return text ?? body;
  } catch {
    return body;
  }
}

export async function main(): Promise<void> {
  const prepared = prepare();
  if (prepared === null) {
    process.exitCode = 1;
    return;
  }
  const { config, policy } = prepared;
  try {
    if (config.mode === 'live') await live(config, policy);
    else await openConsole(config);
  } catch (error) {
    complain(`Standdown did not start: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
