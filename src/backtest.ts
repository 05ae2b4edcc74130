/** `standdown backtest-stops`: what the hard stops would have done on a recording. Touches nothing, needs no secret. */

import { createReadStream, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { linesOf } from './adapters/lines.ts';
import { type Problem, sayProblem } from './adapters/yaml.ts';
import { loadMeasured, type MeasuredConfig } from './config.ts';
import { createReplay, type Replayed } from './domain/measure/replay.ts';
import { STALE_FOR_STOPS_MS } from './domain/measure/samples.ts';
import type { Playbook } from './domain/playbook.ts';
import { EXIT } from './outOfBand.ts';
import { parsePlaybook } from './policy.ts';
import { createRecording, type Recorded } from './recording.ts';
import { type ReplaySummary, replayedLines, summaryLines } from './render/replayed.ts';
import { stopRulesOf, UNKNOWN_GRACE_MS } from './stopRules.ts';

/** Lines that are named one by one; the rest is counted. */
const MAX_NAMED = 100;

export interface BacktestOptions {
  /** `-`: standard input. */
  file: string;
  /** Instead of the configured one. */
  playbook?: string;
  json: boolean;
  env: Record<string, string | undefined>;
  cwd: string;
  /** Resolves when more may be written. */
  say(line: string): Promise<void>;
  complain(line: string): void;
  stdin: AsyncIterable<Buffer>;
}

/** Exits 0 when the recording was played to its end, whatever was found; 1 when it could not be. */
export async function backtest(options: BacktestOptions): Promise<number> {
  const { json, say, complain } = options;
  const loaded = loadMeasured(options);
  if (!loaded.ok) return refuse(loaded.problems, complain);
  const { config } = loaded;
  const playbook = readPlaybook(options.playbook ?? config.playbookFile);
  if (!playbook.ok) return refuse(playbook.problems, complain);

  const found: Replayed[] = [];
  const replay = createReplay(replayDeps(config, playbook.value), (what) => void found.push(what));
  const recording = createRecording({
    venues: config.venues.map(({ id }) => id),
    feeds: Object.fromEntries(
      config.feeds === 'off' ? [] : config.feeds.map(({ id, symbols }) => [id, symbols]),
    ),
    engines: config.engines.map(({ id }) => id),
  });
  const summary: ReplaySummary = {
    lines: 0,
    samples: 0,
    badLines: 0,
    tooLate: 0,
    from: null,
    to: null,
    trips: {},
    conditions: {},
    spent: {},
  };

  async function tell(): Promise<void> {
    for (const what of found.splice(0)) {
      if (what.kind === 'trip') {
        const before = summary.trips[what.criterion.id] ?? { times: 0, first: what.at };
        summary.trips[what.criterion.id] = { ...before, times: before.times + 1 };
      } else if (what.kind === 'begun')
        summary.conditions[what.condition.severity] = (summary.conditions[what.condition.severity] ?? 0) + 1;
      for (const line of json ? [JSON.stringify(what)] : replayedLines(what)) await say(line);
    }
  }

  async function take(recorded: Recorded[]): Promise<void> {
    for (const one of recorded) {
      if ('sample' in one) {
        summary.samples += 1;
        if (one.sample.at < one.arrivedAt - STALE_FOR_STOPS_MS) summary.tooLate += 1;
        summary.from ??= one.arrivedAt;
        summary.to = one.arrivedAt;
        replay.take(one.sample, one.arrivedAt);
        await tell();
        continue;
      }
      summary.badLines += 1;
      if (summary.badLines > MAX_NAMED) continue;
      const { line, path, reason } = one;
      if (json) await say(JSON.stringify({ kind: 'badLine', line, path, reason }));
      else complain(`line ${line}: ${path === '' ? '' : `${path} `}${reason}`);
    }
  }

  if (!json) await say(`${config.file}, policy ${options.playbook ?? config.playbookFile}`);
  try {
    const stream = options.file === '-' ? options.stdin : createReadStream(options.file);
    for await (const lines of linesOf(stream as AsyncIterable<Buffer>))
      for (const { line, text } of lines) {
        summary.lines = line;
        await take(recording.take(line, text));
      }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    complain(`${options.file} cannot be read (${code}).`);
    return EXIT.refused;
  }
  await take(recording.end());
  replay.end();
  await tell();
  summary.spent = replay.spent();
  if (!json && summary.badLines > MAX_NAMED) complain(`and ${summary.badLines - MAX_NAMED} more lines`);
  for (const line of json ? [JSON.stringify({ kind: 'summary', ...summary })] : summaryLines(summary))
    await say(line);
  if (summary.samples > 0) return EXIT.done;
  complain(`Not one sample could be read from ${options.file}.`);
  return EXIT.refused;
}

function replayDeps(config: MeasuredConfig, playbook: Playbook): Parameters<typeof createReplay>[0] {
  return {
    // A recording holds what engines said; what the venues say themselves is not in it.
    rules: stopRulesOf(config, playbook, []),
    hours: config.hours,
    engines: config.engines.map(({ id, heartbeatSec }) => ({ id, everyMs: heartbeatSec * 1_000 })),
    unknownGraceMs: UNKNOWN_GRACE_MS,
  };
}

/** The playbook alone: runbooks and mails trip nothing. */
function readPlaybook(file: string): ReturnType<typeof parsePlaybook> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return {
      ok: false,
      problems: [
        {
          file,
          line: null,
          column: null,
          path: '',
          what: `It cannot be read (${code}).`,
          mend: `Copy ${dirname(file)}/playbook.yml of the templates, and change the copy.`,
        },
      ],
    };
  }
  return parsePlaybook(text, file);
}

function refuse(problems: Problem[], complain: (line: string) => void): number {
  complain('The recording was not played. What is missing or wrong:');
  for (const problem of problems) complain(`  • ${sayProblem(problem)}`);
  return EXIT.refused;
}
