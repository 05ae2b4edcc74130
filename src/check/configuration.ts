/** The configuration as `start` reads it: what is wrong, and what is off or weaker than it could be, each with how to mend it. Pure. */

import type { LoadedParts } from '../configParts.ts';
import type { Line } from './line.ts';

/** Warnings that a line of its own says better. */
const SAID_ELSEWHERE =
  /^Hard stops only observe|^Only 1 approval|^Approvers include a group|^A full token has fewer|does not exist: whether on-call|^No engines:|^No PAGERDUTY_API_TOKEN: pages/;

/** How to mend what start warns of; the first that fits. */
const MENDS: [RegExp, string][] = [
  [/^No PAGERDUTY_API_TOKEN/, 'Set PAGERDUTY_API_TOKEN to a read key (Integrations → API Access Keys).'],
  [/^No PAGERDUTY_FROM/, 'Set PAGERDUTY_FROM to the address of a user of the account.'],
  [
    /^No PAGERDUTY_WEBHOOK_SECRET/,
    'Service → Webhooks: https://YOUR-HOST/pagerduty/webhook, its secret as PAGERDUTY_WEBHOOK_SECRET.',
  ],
  [/^No issues\.github/, 'Add "issues: { github: owner/repo }", and GITHUB_TOKEN.'],
  [/^No GITHUB_TOKEN/, 'Set GITHUB_TOKEN to one with "issues: write" on that repository.'],
  [/^No commands/, 'Name them under "commands", or leave them to people.'],
  [/^Feeds are off/, 'Name each feed under "feeds", and send its bars as telemetry.'],
  [/^Mail is off/, 'Write "mail: { from, stakeholders }", and set SMTP_URL.'],
  [/^The recovery check is off/, 'Name the program that proves a recovery under "recoveryCheck".'],
  [/^No runbookFile/, 'Name the desk’s own runbook as runbookFile.'],
  [/^The recovery check's folder/, 'Correct recoveryCheck.cwd in standdown.yml.'],
  [
    /^The control file is the bot's own \.env/,
    'Name a file of its own in control.file, and point the engine at it.',
  ],
  [/^An? \w+ token has fewer/, 'Set a long random one (openssl rand -hex 32).'],
  [/^An? \w+ token is also in/, 'Give each a token of its own.'],
  [/over plain http/, 'Write https:// in baseUrl, or reach it on this machine.'],
  [
    /is written out; put it/,
    'Put it in the environment, write ${NAME} instead, and make a new one: it was in a file.',
  ],
];

/** What fits a warning that this list does not know yet. */
const SEE_README =
  'Correct it in standdown.yml or the environment; the README’s configuration table says what each is.';

export const mendOf = (warning: string): string =>
  MENDS.find(([known]) => known.test(warning))?.[1] ?? SEE_README;

/** Each problem fails, each warning is a note; `config.file` is there where nothing is wrong. */
export function configurationLines({
  mode,
  problems,
  warnings,
}: Pick<LoadedParts, 'mode' | 'problems' | 'warnings'>): Line[] {
  const what = 'Configuration';
  const failing = problems.map(
    ({ file, line, path, what: wrong, mend }, index): Line => ({
      id: `config.problem.${index + 1}`,
      state: 'fail',
      what,
      evidence: `${[`${file}${line === null ? '' : `:${line}`}`, path].filter(Boolean).join(' ')} · ${wrong}`,
      mend,
    }),
  );
  const evidence = mode === 'live' ? 'it is complete, for a live start' : 'a rehearsal can start';
  const well: Line[] =
    problems.length > 0 ? [] : [{ id: 'config.file', state: 'ok', what, evidence, mend: '' }];
  const notes = warnings
    .filter((text) => !SAID_ELSEWHERE.test(text))
    .map(
      (text, index): Line => ({
        id: `config.note.${index + 1}`,
        state: 'warn',
        what,
        // What follows “…_SECRET: ” the mask takes for one.
        evidence: text.replace(/^(No [A-Z_]+): /, '$1 · '),
        mend: mendOf(text),
      }),
    );
  return [...failing, ...well, ...notes];
}
