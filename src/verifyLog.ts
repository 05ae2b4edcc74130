/** `standdown verify-log`: whether the logs of a data directory are as they were written. Reads only, with or without a server. */

import { resolve } from 'node:path';
import { nodeDisk, reasonOf } from './adapters/disk.ts';
import { type FoundAnchor, type FoundLog, readLogs } from './adapters/logFiles.ts';
import { sha256 } from './adapters/sha256.ts';
import { type ChainFault, faultAgainst, faultOf, headAt } from './domain/chain.ts';
import type { StandingEvent } from './domain/incident.ts';
import { describe } from './domain/timeline.ts';
import { counted, utc } from './domain/words.ts';
import { EXIT } from './outOfBand.ts';
import { DESK } from './ports.ts';
import { plain } from './render/text.ts';

export interface VerifyOptions {
  /** An incident's id, or DESK; undefined: all of them. */
  log?: string;
  /** `HEAD:LENGTH`, of that log. */
  anchors: string[];
  dataDir: string;
  json: boolean;
  say(line: string): void;
  complain(line: string): void;
}

/** `unknown`: nothing is wrong that can be seen, and not all of it can be seen. */
type State = 'whole' | 'broken' | 'unknown';

interface Verdict {
  log: string;
  state: State;
  rows: number;
  head: string | null;
  /** The first row that is not as it was written, from 1; null: none, or none can be named. */
  row: number | null;
  findings: string[];
  /** Rows before this one have no hash. */
  notChainedBefore: { row: number; at: string | null } | null;
  anchors: { by: string; head: string; length: number; holds: boolean }[];
}

const LOG = /^(INC-[A-Za-z0-9._-]{1,96}|DESK)$/;
const ANCHOR = /^([0-9a-f]{64}):(\d{1,9})$/;

/** Exits 0: every row is as it was written; 1: some are not, or nothing can be read; 2: usage; 4: not all can be known. */
export async function verifyLog(options: VerifyOptions): Promise<number> {
  const { complain } = options;
  const dataDir = resolve(options.dataDir);
  const given = givenAnchors(options);
  if (typeof given === 'string') {
    complain(given);
    return EXIT.usage;
  }
  let found: Awaited<ReturnType<typeof readLogs>>;
  try {
    found = await readLogs(nodeDisk, dataDir);
  } catch (error) {
    complain(`${dataDir} cannot be read: ${reasonOf(error)}`);
    return EXIT.refused;
  }
  const anchors = [...given, ...found.anchors];
  // What an anchor names and no file has is gone as a whole.
  const named = anchors.filter(({ log }) => !found.logs.has(log)).map(({ log }) => log);
  const wanted = (options.log === undefined ? [...found.logs.keys(), ...named] : [options.log]).toSorted();
  const missing = options.log !== undefined && !found.logs.has(options.log) && !named.includes(options.log);
  if (wanted.length === 0 || missing) {
    complain(`${dataDir} has no log${options.log === undefined ? '' : ` ${options.log}`}.`);
    return EXIT.refused;
  }
  const verdicts = [...new Set(wanted)].map((log) =>
    judge(
      found.logs.get(log) ?? NO_LOG(log),
      anchors.filter((one) => one.log === log),
    ),
  );
  const states = verdicts.map(({ state }) => state);
  const state: State =
    states.includes('broken') || found.wrong.length > 0
      ? 'broken'
      : states.includes('unknown') || found.unknown.length > 0
        ? 'unknown'
        : 'whole';
  const { wrong, unknown, notes } = found;
  if (options.json) options.say(JSON.stringify({ dataDir, state, logs: verdicts, wrong, unknown, notes }));
  else tell(options, dataDir, verdicts, found, state);
  return { whole: EXIT.done, broken: EXIT.refused, unknown: EXIT.unknown }[state];
}

const NO_LOG = (log: string): FoundLog => ({
  log,
  rows: [],
  chain: { from: 0, hashes: [] },
  counted: null,
  disputed: null,
  wrong: [],
});

/** What was given, or what is wrong with it. */
function givenAnchors({ log, anchors }: VerifyOptions): FoundAnchor[] | string {
  if (log !== undefined && !LOG.test(log)) return `${plain(log, 60)} is no log: name INC-… or ${DESK}.`;
  if (anchors.length > 0 && log === undefined) return 'An anchor is of one log: name it before --anchor.';
  const read: FoundAnchor[] = [];
  for (const anchor of anchors) {
    const [, head, length] = ANCHOR.exec(anchor) ?? [];
    if (head === undefined || Number(length) === 0)
      return `${plain(anchor, 90)} is no anchor: it is the head's 64 hex digits, a colon, and the number of rows.`;
    read.push({ log: log ?? '', head, length: Number(length), by: '--anchor' });
  }
  return read;
}

function judge(found: FoundLog, anchors: FoundAnchor[]): Verdict {
  const { log, rows, chain, counted: count, disputed, wrong } = found;
  const findings: { row: number | null; text: string }[] = wrong.map((text) => ({ row: null, text }));
  const fault = faultOf(log, rows, chain, sha256);
  if (fault !== null) findings.push({ row: fault.row, text: faultWords(fault) });
  else if (count !== null && count.rows > rows.length)
    findings.push({
      row: rows.length + 1,
      text: `${faultWords({ row: rows.length + 1, what: 'cut off', count: count.rows - rows.length })}: ${count.by} knows of ${count.rows} rows`,
    });
  if (disputed !== null)
    findings.push({
      row: disputed.row,
      text: `row ${disputed.row} was changed: ${disputed.by} has another one`,
    });
  let agreed = 0;
  const held = anchors
    .toSorted((a, b) => a.length - b.length)
    .map(({ by, head, length }) => {
      const against = faultAgainst(log, rows, chain, { head, length }, sha256);
      if (against === null) agreed = Math.max(agreed, length);
      // The chain itself names the row, unless it was made anew.
      else if (fault === null || fault.row > length)
        findings.push({
          row: against.what === 'cut off' ? against.row : agreed + 1,
          text: anchorWords(against, agreed, by),
        });
      return { by, head, length, holds: against === null };
    });
  const first = findings.reduce<number | null>(
    (least, { row }) => (row === null ? least : Math.min(least ?? row, row)),
    null,
  );
  const unchained = chain.from > 0;
  return {
    log,
    state: findings.length > 0 ? 'broken' : unchained ? 'unknown' : 'whole',
    rows: rows.length,
    head: headAt(chain, rows.length)?.head ?? null,
    row: first,
    findings: findings.map(({ text }) => text),
    notChainedBefore: unchained ? { row: chain.from + 1, at: timeOf(rows[chain.from]) } : null,
    anchors: held,
  };
}

function faultWords({ row, what, count = 0 }: ChainFault): string {
  switch (what) {
    case 'changed':
      return `row ${row} is not what was written: it was changed, or taken out together with its hash`;
    case 'removed':
      return `row ${row} was removed${count > 1 ? `, ${count} rows in all` : ''}`;
    case 'moved':
      return `row ${row} is out of its place: another one stands there`;
    case 'added':
      return `row ${row} was put in: it was never written by Standdown`;
    case 'cut off':
      return `the log was cut off: row ${row} is the first that is missing${count > 1 ? `, ${count} rows in all` : ''}`;
    default: {
      const unknown: never = what;
      return String(unknown);
    }
  }
}

function anchorWords(fault: ChainFault, agreed: number, by: string): string {
  if (fault.what === 'cut off') return `${faultWords(fault)}, by the anchor of ${by}`;
  const which =
    agreed + 1 === fault.row ? `row ${fault.row} is` : `some row from ${agreed + 1} to ${fault.row} is`;
  return `${which} not what the anchor of ${by} counted: the chain was made anew after it was changed`;
}

const timeOf = (row: unknown): string | null => {
  const at = (row as { at?: unknown } | null | undefined)?.at;
  return typeof at === 'number' ? utc(at) : null;
};

/** A row in words, for somebody who looks for it; whatever it is. */
function rowWords(row: unknown): string {
  try {
    const event = row as StandingEvent;
    return plain(`${utc(event.at)} ${event.by.name}: ${describe(event)}`, 200);
  } catch {
    return 'it cannot be read';
  }
}

function tell(
  { say }: VerifyOptions,
  dataDir: string,
  verdicts: Verdict[],
  { logs, wrong, unknown, notes }: Awaited<ReturnType<typeof readLogs>>,
  state: State,
): void {
  for (const verdict of verdicts) {
    const { log, rows, head, row, findings, notChainedBefore } = verdict;
    const bad = verdict.state === 'broken';
    say(
      `${bad ? '✗' : verdict.state === 'whole' ? '✓' : '?'} ${log}  ${counted(rows, 'row')}${bad ? ', NOT as it was written' : head === null ? '' : `, head ${head}`}`,
    );
    for (const finding of findings) say(`    ${plain(finding, 400)}`);
    if (row !== null) {
      const found = logs.get(log)?.rows ?? [];
      if (row > 1) say(`    row ${row - 1}, before it: ${rowWords(found[row - 2])}`);
      if (row <= found.length) say(`    row ${row} reads now: ${rowWords(found[row - 1])}`);
    }
    if (notChainedBefore !== null)
      say(
        `    not chained before ${notChainedBefore.at === null ? 'its next row' : `${notChainedBefore.at} (row ${notChainedBefore.row})`}: an older version wrote those rows, and nothing here tells whether they were changed`,
      );
    for (const { by, length, holds } of verdict.anchors)
      say(`    anchor of ${by}, ${counted(length, 'row')}: ${holds ? 'holds' : 'does NOT hold'}`);
    if (verdict.anchors.length === 0 && !bad)
      say(
        '    no anchor: whoever can write here could have made it anew (--anchor HEAD:LENGTH; Slack was not asked)',
      );
  }
  for (const sentence of wrong) say(`✗ ${plain(sentence, 400)}`);
  for (const sentence of unknown) say(`? ${plain(sentence, 400)}`);
  for (const sentence of notes) say(`  ${plain(sentence, 400)}`);
  const words = {
    whole: 'every row is as it was written',
    broken: 'NOT as it was written',
    unknown: 'nothing wrong was found, and not all of it can be known',
  };
  say(`${dataDir}: ${words[state]}.`);
}
