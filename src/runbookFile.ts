/** templates/runbooks/*.yml: what an operator may write, and how to mend it. See templates/runbooks/README.md. */

import { basename } from 'node:path';
import { z } from 'zod';
import type { Hints } from './adapters/yaml.ts';
import { parseYaml, strict } from './adapters/yaml.ts';
import { patternProblem } from './domain/pattern.ts';
import type { Runbook } from './domain/playbook.ts';
import { STEP_BUTTONS } from './domain/playbook.ts';
import {
  AUTO_DEEDS,
  CHECK_NAMES,
  CHOICES,
  DEEDS,
  OPERATORS,
  SLI_NAMES,
  SLIS,
  type When,
} from './domain/runbook/vocabulary.ts';
import { id, type Parsed, sentence, severity, unique } from './policyParts.ts';

const rule = strict({
  label: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,59}$/, 'A label is a word, e.g. alertname.'),
  pattern: z.string().superRefine((pattern, context) => {
    const wrong = patternProblem(pattern);
    if (wrong !== null) context.addIssue(wrong);
  }),
});

const once = <T extends string>(words: readonly T[], most: number) =>
  z
    .array(z.enum(words))
    .max(most)
    .superRefine((list, context) => {
      list.forEach((one, index) => {
        if (list.indexOf(one) !== index)
          context.addIssue({ code: 'custom', path: [index], message: `${one} is here twice.` });
      });
    });

const when = strict({
  sli: z.enum(SLI_NAMES).optional(),
  elapsed: z.literal(true).optional(),
  op: z.enum(OPERATORS),
  value: z.number().nonnegative().max(1_000_000),
})
  .superRefine(({ sli, elapsed, value }, context) => {
    if ((sli === undefined) === (elapsed === undefined))
      context.addIssue(
        sli === undefined ? 'It does not say what to measure.' : 'It measures both an SLI and the time.',
      );
    else if (sli !== undefined && SLIS[sli].unit === '%' && value > 100)
      context.addIssue({
        code: 'custom',
        path: ['value'],
        message: `${sli} is a percentage: ${value} is never reached.`,
      });
  })
  .transform((said): When => {
    const { sli, op, value } = said;
    return sli === undefined ? { elapsed: true, op, value } : { sli, op, value };
  });

const timer = strict({
  afterMin: z.number().nonnegative().max(1_440),
  do: z.enum(DEEDS),
  unless: once(CHOICES, CHOICES.length),
});

const step = strict({
  id,
  text: sentence,
  buttons: once(STEP_BUTTONS, 6),
  checks: once(CHECK_NAMES, 8).default([]),
  when: when.exactOptional(),
  auto: z.enum(AUTO_DEEDS).exactOptional(),
  timer: timer.exactOptional(),
}).superRefine(({ buttons, when: branch, auto, timer: waits }, context) => {
  const wrong = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  // What an alert says never moves anything: only a number that the bot measured itself does.
  const measured = branch !== undefined && 'sli' in branch;
  if (auto !== undefined && !measured)
    wrong(['auto'], 'Nothing is done by itself without a measured `when`.');
  if (waits !== undefined && !measured)
    wrong(['timer'], 'Nothing is done by itself without a measured `when`.');
  if (auto !== undefined && waits !== undefined)
    wrong(['timer'], 'A step does one thing by itself: it has `auto` already.');
  waits?.unless.forEach((choice, index) => {
    if (!buttons.includes(choice))
      wrong(
        ['timer', 'unless', index],
        `${choice} is none of the buttons of this step: nobody could choose it.`,
      );
  });
});

const runbookSchema = strict({
  id,
  title: sentence,
  severity,
  summary: sentence,
  match: z.array(z.array(rule).min(1).max(10)).max(20),
  steps: unique(step, 1).max(30),
  notes: z.array(sentence).max(20),
});

const RUNBOOK_HINTS: Hints = {
  id: 'Name it as its file is named, without ".yml"; an alert names it in its label "runbook".',
  match: 'Write a list of rules: "- [{ label: alertname, pattern: stale }]", or [] for none.',
  'match.*.*.pattern': 'Write a short pattern such as "feed|stale"; case does not count.',
  'steps.*.buttons': `Buttons are: ${STEP_BUTTONS.join(', ')}; [] for none.`,
  'steps.*.checks': `Checks are: ${CHECK_NAMES.join(', ')}; leave it out for none.`,
  'steps.*.when':
    'Write "{ sli: feedGapSec, op: ">=", value: 600 }" or "{ elapsed: true, op: ">=", value: 15 }".',
  'steps.*.when.sli': `An SLI is one of: ${SLI_NAMES.map((name) => `${name} (${SLIS[name].unit})`).join(', ')}.`,
  'steps.*.when.elapsed': 'Write true: it counts the minutes since the incident opened.',
  'steps.*.when.op': `Write one of ${OPERATORS.map((op) => `"${op}"`).join(', ')}, in quotes.`,
  'steps.*.when.value': 'Write a number in the unit that the SLI’s name ends with; minutes for elapsed.',
  'steps.*.auto': `Write ${AUTO_DEEDS.join(' or ')}, beside a \`when\` with an SLI; or leave it out.`,
  'steps.*.timer':
    'Write "{ afterMin: 10, do: haltOrders, unless: [switchFeed, haltOrders, done, skip] }" beside a `when` with an SLI.',
  'steps.*.timer.do': `What a timer does is one of: ${DEEDS.join(', ')}.`,
  'steps.*.timer.unless': `Name buttons of this step: ${CHOICES.join(', ')}; [] where nothing stops the timer.`,
};

/** Parse and check one runbook. Its id must be its file's name, so that ids are unique. Never throws. */
export function parseRunbook(text: string, file: string): Parsed<Runbook> {
  const name = basename(file).replace(/\.yml$/, '');
  const named = runbookSchema.superRefine((runbook, context) => {
    if (runbook.id !== name)
      context.addIssue({
        code: 'custom',
        path: ['id'],
        message: `The id is ${runbook.id}, and the file is called ${name}.`,
      });
  });
  return parseYaml({ text, file, schema: named, hints: RUNBOOK_HINTS });
}
