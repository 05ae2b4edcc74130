#!/usr/bin/env node
/** The command line. */

import { once } from 'node:events';
import { Command, CommanderError } from 'commander';
import { backtest } from './backtest.ts';
import { runCheck } from './check/check.ts';
import { dataDirOf, type LiveConfig } from './config.ts';
import { askForDrill } from './drillOutOfBand.ts';
import { main, prepare, rehearse } from './main.ts';
import { breakGlass, cancel, EXIT, halt, kill, status } from './outOfBand.ts';
import { loadPolicy, type Policy } from './policy.ts';
import {
  listPostmortems,
  type PostmortemFilesOptions,
  printPostmortemLog,
  showPostmortem,
} from './postmortemFiles.ts';
import { verifyLog } from './verifyLog.ts';

const program = new Command('standdown')
  .description('Stops the desk, and proves what it stopped.')
  .exitOverride();

const say = (line: string) => void process.stdout.write(`${line}\n`);
const complain = (line: string) => void process.stderr.write(`${line}\n`);

/** Waits for a reader that is slower: a long recording is never held in memory. */
async function sayInTurn(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/** Run something on the live configuration, and end with its exit code: sockets that are kept alive are not waited for. */
async function live(
  run: (out: { config: LiveConfig; policy: Policy; say: typeof say }) => Promise<number>,
): Promise<void> {
  const prepared = prepare();
  if (prepared === null) process.exit(EXIT.refused);
  if (prepared.config.mode !== 'live') {
    complain('This needs a live configuration: set SLACK_BOT_TOKEN and the rest, as for start.');
    process.exit(EXIT.refused);
  }
  process.exit(await run({ config: prepared.config, policy: prepared.policy, say }));
}

program
  .command('start', { isDefault: true })
  .description('run the bot: live with SLACK_BOT_TOKEN, a rehearsal without')
  .action(main);

program
  .command('kill')
  .argument('[reason...]', 'why; everything is the reason')
  .description('stop everything: through the server, or without it. Exits 0 FLAT, 3 RESIDUAL, 4 UNKNOWN')
  .action((reason: string[]) => live((out) => kill(out, reason.join(' ').slice(0, 500) || 'none given')));

program
  .command('halt')
  .argument('[what]', 'orders or signals', 'orders')
  .argument('[reason...]', 'why')
  .description('set HALT_NEW_ORDERS=1, or PAUSE_SIGNALS=1')
  .action((what: string, reason: string[]) => {
    const first = what === 'orders' || what === 'signals';
    const words = first ? reason : [what, ...reason];
    return live((out) =>
      halt(out, what === 'signals' ? 'signals' : 'orders', words.join(' ').slice(0, 500) || 'none given'),
    );
  });

program
  .command('cancel')
  .option('--entries', 'keep reduce-only orders')
  .option('--venue <id>', 'one venue only')
  .option('--symbol <symbol>', 'one symbol only')
  .description('cancel orders and read back. Exits 0 none left, 3 some left, 4 unknown')
  .action((options: { entries?: boolean; venue?: string; symbol?: string }) =>
    live((out) =>
      cancel(out, {
        scope: options.entries === true ? 'entries' : 'all',
        ...(options.venue === undefined ? {} : { venue: options.venue }),
        ...(options.symbol === undefined ? {} : { symbol: options.symbol }),
      }),
    ),
  );

program
  .command('resume')
  .option('--break-glass', 'lift the latch without Slack, while the server is stopped; it leaves a trace')
  .argument('[reason...]', 'why; needed for break-glass')
  .description('lift the kill latch: in Slack with approvals, or by break-glass')
  .action((reason: string[], options: { breakGlass?: boolean }) => {
    const words = reason.join(' ').slice(0, 500);
    if (options.breakGlass !== true || words === '') {
      complain(
        'The latch is lifted in Slack: /resume. Without Slack: stop the server, then standdown resume --break-glass REASON',
      );
      process.exit(EXIT.usage);
    }
    return live((out) => breakGlass(out, words));
  });

program
  .command('status')
  .description('what the server says of trading, incidents and criteria')
  .action(() => live(status));

program
  .command('check')
  .option('--json', 'one JSON object on one line: {ok, at, lines}')
  .option('--all', 'with what was seen of what is well')
  .description(
    'everything that would fail at three in the morning, and how to mend it; trades, posts, pages and mails nothing. Exits 0 when nothing fails and nothing is unknown, else 1',
  )
  .action(async (options: { json?: boolean; all?: boolean }) => {
    const { stdout, env } = process;
    const code = await runCheck({
      env,
      cwd: process.cwd(),
      json: options.json === true,
      paper: {
        columns: stdout.columns ?? (Number(env['COLUMNS']) || 80),
        rows: stdout.isTTY ? stdout.rows : null,
        all: options.all === true,
        colour: stdout.isTTY && (env['NO_COLOR'] ?? '') === '',
      },
      say,
    });
    // Requests that hang are not waited for; what was said is, where it goes into a pipe.
    stdout.write('', () => process.exit(code));
  });

program
  .command('drill')
  .argument('[scenario]', 'on a live installation: kill, feed-gap, paging, runbook or list')
  .description(
    'live: ask the server for a drill at drill venues; exits 0 passed, 3 not. Without a live configuration: play one incident on this machine',
  )
  .action(async (scenario: string | undefined) => {
    const prepared = prepare();
    if (prepared === null) process.exit(EXIT.refused);
    if (prepared.config.mode === 'live') {
      const { config, policy } = prepared;
      process.exit(await askForDrill({ config, policy, say }, scenario ?? 'list'));
    }
    if (scenario !== undefined) {
      complain('Without a live configuration there is one rehearsal, and no scenario: standdown drill');
      process.exit(EXIT.usage);
    }
    // Any free port: a bot that is already up on this machine is left alone.
    process.exit(await rehearse({ ...prepared.config, port: 0 }, prepared.policy));
  });

program
  .command('backtest-stops')
  .argument('<file>', 'telemetry as it was sent, a sample a line; - for standard input')
  .option('--playbook <file>', "another policy than the configuration's")
  .option('--json', 'one JSON object a line: trip, begun, over, badLine, and a summary at the end')
  .description('what the hard stops would have done on recorded telemetry. Exits 0 when it was played')
  .action(async (file: string, options: { playbook?: string; json?: boolean }) => {
    // Whoever reads has seen enough: `| head`.
    process.stdout.once('error', () => process.exit(EXIT.done));
    process.exitCode = await backtest({
      file,
      ...(options.playbook === undefined ? {} : { playbook: options.playbook }),
      json: options.json === true,
      env: process.env,
      cwd: process.cwd(),
      say: sayInTurn,
      complain,
      stdin: process.stdin,
    });
  });

program
  .command('verify-log')
  .argument('[log]', 'INC-… or DESK; all of them without')
  .option(
    '--anchor <head:length>',
    'what the log was known to be; may be given again',
    (anchor: string, before: string[]) => [...before, anchor],
    [],
  )
  .option('--data-dir <folder>', 'another one than STANDDOWN_DATA_DIR')
  .option('--json', 'one JSON object')
  .description(
    'whether a log is as it was written; names the first row that is not. Exits 0 whole, 1 not, 4 not known',
  )
  .action(
    async (log: string | undefined, options: { anchor: string[]; dataDir?: string; json?: boolean }) => {
      process.exitCode = await verifyLog({
        ...(log === undefined ? {} : { log }),
        anchors: options.anchor,
        dataDir: options.dataDir ?? dataDirOf({ env: process.env, cwd: process.cwd() }),
        json: options.json === true,
        say,
        complain,
      });
    },
  );

interface PostmortemOptions {
  dataDir?: string;
  playbook?: string;
}

/** Read what the data directory says of postmortems, with or without a server. */
async function postmortems(
  options: PostmortemOptions,
  read: (from: PostmortemFilesOptions) => Promise<number>,
): Promise<void> {
  const loaded = loadPolicy(options.playbook);
  if (!loaded.ok) {
    for (const problem of loaded.problems) complain(`${problem.path}: ${problem.what}`);
    process.exit(EXIT.refused);
  }
  process.exitCode = await read({
    dataDir: options.dataDir ?? dataDirOf({ env: process.env, cwd: process.cwd() }),
    playbook: loaded.policy.playbook,
    say,
    complain,
  });
}

const postmortem = program.command('postmortem').description('the postmortems of a data directory');
const withPlaces = (command: Command): Command =>
  command
    .option('--data-dir <folder>', 'another one than STANDDOWN_DATA_DIR')
    .option('--playbook <file>', 'another policy than the one that ships');

withPlaces(postmortem.command('list'))
  .description('a line each, the newest first')
  .action((options: PostmortemOptions) => postmortems(options, listPostmortems));

withPlaces(postmortem.command('show').argument('<id>', 'PM_YYYYMMDD_NNN'))
  .description('its file. Exits 1 when there is none, or it was changed by hand')
  .action((id: string, options: PostmortemOptions) =>
    postmortems(options, (from) => showPostmortem(from, id)),
  );

withPlaces(postmortem.command('log'))
  .description('all of them as a Markdown table, made from the logs')
  .action((options: PostmortemOptions) => postmortems(options, printPostmortemLog));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // --help and --version end well; everything else is usage.
  process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
}
