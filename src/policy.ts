/** The owner's policy: templates/playbook.yml, the runbooks and the text templates, read and checked at start. */

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { TemplateKind } from './adapters/liquid.ts';
import { renderTemplate } from './adapters/liquid.ts';
import { readTextFile } from './adapters/textFile.ts';
import type { Hints, Problem } from './adapters/yaml.ts';
import { parseYaml, strict } from './adapters/yaml.ts';
import { SEVERITIES } from './domain/incident.ts';
import { MARKS, type Mark, type Reactions } from './domain/marks.ts';
import { REJECT_WINDOW_MS } from './domain/measure/rejects.ts';
import type {
  BudgetBand,
  Criterion,
  Playbook,
  ReadinessPolicy,
  RestrictionKey,
  Runbook,
} from './domain/playbook.ts';
import { COMMUNICATION_IDS, RESTRICTIONS } from './domain/playbook.ts';
import { id, type Parsed, sentence, severity, unique } from './policyParts.ts';
import { parseRunbook } from './runbookFile.ts';
import { sampleMails, samplePostmortems } from './templateSamples.ts';

/** The playbook that ships with Standdown; `templates` lies beside `src` and beside `dist`. */
export const SHIPPED_PLAYBOOK = fileURLToPath(new URL('../templates/playbook.yml', import.meta.url));

export interface MailTemplates {
  subject: string;
  text: string;
  html: string;
}

export interface Policy {
  playbook: Playbook;
  /** In the order of their file names; the first whose rules match an alert is its runbook. */
  runbooks: Runbook[];
  postmortemTemplate: string;
  mailTemplates: { incident: MailTemplates };
}

/**
 * Read the folder that a playbook lies in: the playbook, `runbooks/*.yml`, `postmortem.md` and
 * `mail/incident.{subject,text,html}`. The text templates are rendered from samples, so that a mistake in one shows now.
 * Returns every problem of every file, each with its place and how to mend it. Never throws.
 */
export function loadPolicy(
  playbookFile: string = SHIPPED_PLAYBOOK,
): { ok: true; policy: Policy } | { ok: false; problems: Problem[] } {
  const folder = dirname(playbookFile);
  const problems: Problem[] = [];
  const read = (file: string): string | null => {
    try {
      return readTextFile(file);
    } catch (error) {
      problems.push(unreadable(file, error));
      return null;
    }
  };
  const template = (kind: TemplateKind, views: object[], ...path: string[]): string => {
    const file = join(folder, ...path);
    const text = read(file);
    if (text === null) return '';
    for (const view of views) {
      const rendered = renderTemplate(text, kind, view);
      if (rendered.ok) continue;
      problems.push({ file, path: '', ...rendered.failure });
      break;
    }
    return text;
  };

  const playbookText = read(playbookFile);
  const playbook = playbookText === null ? null : keep(problems, parsePlaybook(playbookText, playbookFile));

  const runbooks: Runbook[] = [];
  for (const file of listRunbooks(join(folder, 'runbooks'), problems)) {
    const text = read(file);
    const runbook = text === null ? null : keep(problems, parseRunbook(text, file));
    if (runbook !== null) runbooks.push(runbook);
  }

  const mails = sampleMails();
  const incident: MailTemplates = {
    subject: template('subject', mails, 'mail', 'incident.subject'),
    text: template('text', mails, 'mail', 'incident.text'),
    html: template('html', mails, 'mail', 'incident.html'),
  };
  const postmortems = playbook === null ? [] : samplePostmortems(playbook);
  const postmortemTemplate = template('markdown', postmortems, 'postmortem.md');
  if (problems.length > 0 || playbook === null) return { ok: false, problems };
  return { ok: true, policy: { playbook, runbooks, postmortemTemplate, mailTemplates: { incident } } };
}

function keep<T>(problems: Problem[], result: Parsed<T>): T | null {
  if (result.ok) return result.value;
  problems.push(...result.problems);
  return null;
}

function unreadable(file: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
  return {
    file,
    line: null,
    column: null,
    path: '',
    what: `This cannot be read (${code}).`,
    mend: 'Copy the templates folder that ships with Standdown, and change the copy.',
  };
}

function listRunbooks(folder: string, problems: Problem[]): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.yml'));
  } catch (error) {
    problems.push(unreadable(folder, error));
    return [];
  }
  if (!names.includes('kill-switch.yml'))
    problems.push({
      ...unreadable(join(folder, 'kill-switch.yml'), undefined),
      what: 'The runbook of the kill is missing.',
    });
  return names.sort().map((name) => join(folder, name));
}

// ── The playbook ───────────────────────────────────────────────────────────────────────────────────────────────────

const pageSeverity = z.enum(['critical', 'error', 'warning']);
const minutes = z.number().nonnegative().max(100_000);

const severityPolicy = strict({
  definition: sentence,
  example: sentence,
  responseTime: sentence,
  symbol: z.string().min(1).max(8),
  acknowledgeWithinMin: minutes.nullable(),
  updateEveryMin: z.number().min(1).max(100_000).nullable(),
  page: pageSeverity.nullable(),
  class: z.enum(['CRITICAL', 'HIGH', 'MEDIUM', 'LOW']),
  postmortem: z.boolean(),
});

function criterion(unit: Criterion['unit'], windowed: boolean) {
  return strict({
    title: sentence,
    over: z.number().positive(),
    unit: z.literal(unit),
    ...(windowed
      ? {
          windowMin: z
            .number()
            .refine(
              (minutes) => minutes === REJECT_WINDOW_MS / 60_000,
              'Only windows of 5 minutes are measured.',
            ),
        }
      : {}),
  });
}

/** A restriction may be written `0` or `"0"`; only the tight value is allowed, since a person loosens. */
const restriction = (tight: string) =>
  z
    .union([z.string(), z.number()])
    .transform(String)
    .refine((value) => value === tight, `A band may only tighten: the one value here is ${tight}.`)
    .optional();

const band = strict({
  status: z.enum(['GREEN', 'YELLOW', 'ORANGE', 'RED', 'CRITICAL']),
  abovePct: z.number().min(0).lt(100).nullable(),
  inclusive: z.boolean(),
  allowed: sentence,
  severity: severity.nullable(),
  review: z.boolean().optional(),
  page: pageSeverity.optional(),
  control: strict({
    ALLOW_PROMOTIONS: restriction(RESTRICTIONS.ALLOW_PROMOTIONS),
    ALLOW_NEW_STRATEGIES: restriction(RESTRICTIONS.ALLOW_NEW_STRATEGIES),
    POSITION_SIZE_FACTOR: restriction(RESTRICTIONS.POSITION_SIZE_FACTOR),
    PAUSE_SIGNALS: restriction(RESTRICTIONS.PAUSE_SIGNALS),
    HALT_NEW_ORDERS: restriction(RESTRICTIONS.HALT_NEW_ORDERS),
  }),
});

const BANDS = ['GREEN', 'YELLOW', 'ORANGE', 'RED', 'CRITICAL'];

const bands = z.array(band).superRefine((list, context) => {
  const statuses = list.map((one) => one.status).join(', ');
  if (statuses !== BANDS.join(', '))
    context.addIssue(`The bands must be these, in this order: ${BANDS.join(', ')}; here are: ${statuses}.`);
  list.forEach((one, index) => {
    const better = list[index - 1];
    const last = index === list.length - 1;
    if (last !== (one.abovePct === null))
      context.addIssue({
        code: 'custom',
        path: [index, 'abovePct'],
        message: last ? 'The last band holds what is left over: write null.' : 'Only the last band has null.',
      });
    if (one.page !== undefined && (one.severity === null || one.severity === 'P3'))
      context.addIssue({
        code: 'custom',
        path: [index, 'page'],
        message: 'What pages needs an incident of a severity that pages: P0, P1 or P2.',
      });
    if (better === undefined) return;
    if (one.abovePct !== null && better.abovePct !== null && one.abovePct >= better.abovePct)
      context.addIssue({
        code: 'custom',
        path: [index, 'abovePct'],
        message: `The bands go from the best to the worst: this must be below ${better.abovePct}.`,
      });
    for (const key of Object.keys(better.control) as RestrictionKey[])
      if (one.control[key] === undefined)
        context.addIssue({
          code: 'custom',
          path: [index, 'control'],
          message: `Restrictions add up: ${better.status} sets ${key}, so ${one.status} must set it too.`,
        });
  });
});

/** Three days, so that a window lies within the month that runs and the one before it. */
const windowMinutes = z.number().int().positive().max(4_320);

const burnRates = z
  .array(
    strict({
      over: z.number().positive(),
      word: z.enum(['warn', 'alert', 'page']),
      slowMin: windowMinutes,
      fastMin: windowMinutes,
      severity,
    }).refine(
      ({ slowMin, fastMin }) => fastMin < slowMin,
      'The fast window must be shorter than the slow one.',
    ),
  )
  .superRefine((list, context) => {
    list.forEach((one, index) => {
      const before = list[index - 1];
      if (before !== undefined && one.over <= before.over)
        context.addIssue({
          code: 'custom',
          path: [index, 'over'],
          message: `The rates go from the slowest to the fastest: this must be above ${before.over}.`,
        });
    });
  });

const alertSeverities = z
  .record(z.string().regex(/^\S{1,40}$/, 'a word without spaces, at most 40 characters'), severity)
  .superRefine((words, context) => {
    for (const one of SEVERITIES)
      if (words[one] !== one) context.addIssue(`${one} stands for itself: write "${one}: ${one}".`);
  });

/** As templates/playbook.yml has them: a desk's own playbook need not name any. */
const REACTIONS: Reactions = {
  keyMoment: ['star'],
  cause: ['mag'],
  wentWell: ['heavy_plus_sign'],
  wentBadly: ['heavy_minus_sign'],
  actionItem: ['memo'],
};

const emoji = z
  .array(z.string().regex(/^[a-z0-9_+'-]{1,100}$/, 'An emoji is named as in Slack, without colons.'))
  .max(20);

const reactions = strict({
  keyMoment: emoji.default(REACTIONS.keyMoment),
  cause: emoji.default(REACTIONS.cause),
  wentWell: emoji.default(REACTIONS.wentWell),
  wentBadly: emoji.default(REACTIONS.wentBadly),
  actionItem: emoji.default(REACTIONS.actionItem),
}).superRefine((marks, context) => {
  const taken = new Map<string, Mark>();
  for (const mark of MARKS)
    for (const name of marks[mark]) {
      const other = taken.get(name);
      if (other !== undefined)
        context.addIssue({
          code: 'custom',
          path: [mark],
          message: `One emoji means one thing: ${name} stands at ${other} already.`,
        });
      taken.set(name, mark);
    }
});

/** As templates/playbook.yml has them: a desk's own playbook need not name any. */
const READINESS: ReadinessPolicy = {
  soonDays: 7,
  remindEveryDays: 7,
  aheadDays: 14,
  validDays: {
    'kill-switch': 90,
    'emergency-cancel': 90,
    'on-call-rotation': 2,
    alerting: 30,
    'backup-feed': 90,
    'runbook-read': 180,
  },
};

/** Ten years: beyond that nothing expires, which is what the list is against. */
const days = z.number().positive().max(3_650);

const readiness = strict({
  soonDays: days.default(READINESS.soonDays),
  remindEveryDays: days.default(READINESS.remindEveryDays),
  aheadDays: z.number().int().min(1).max(90).default(READINESS.aheadDays),
  validDays: z
    .record(z.string(), days)
    .default({})
    .transform((given) => ({ ...READINESS.validDays, ...given })),
});

const playbookSchema = strict({
  version: sentence,
  severities: strict({ P0: severityPolicy, P1: severityPolicy, P2: severityPolicy, P3: severityPolicy }),
  alertSeverities,
  unreadableSeverity: severity,
  grouping: strict({
    reopenWithinMin: minutes,
    storm: strict({
      groups: z.number().int().min(2).max(10_000),
      withinMin: z.number().positive().max(1_440),
    }).default({ groups: 100, withinMin: 5 }),
  }),
  criteria: strict({
    dailyLoss: criterion('x maxDailyLoss', false),
    positionSize: criterion('x maxNotional', false),
    rejectRate: criterion('percent', true),
    dataFeedGap: criterion('minutes', false),
  }),
  slos: unique(strict({ id, title: sentence, targetPct: z.number().positive().lt(100) }), 1),
  budgets: bands,
  burnRates,
  communication: unique(
    strict({
      id: z.enum(COMMUNICATION_IDS),
      audience: sentence,
      channel: sentence,
      severities: z.array(severity).min(1),
      withinMin: minutes.nullable(),
      afterMin: strict({
        P0: minutes.optional(),
        P1: minutes.optional(),
        P2: minutes.optional(),
        P3: minutes.optional(),
      }).optional(),
      text: sentence,
    }).superRefine((line, context) => {
      for (const after of Object.values(line.afterMin ?? {}))
        if (line.withinMin !== null && after !== undefined && after > line.withinMin)
          context.addIssue({
            code: 'custom',
            path: ['afterMin'],
            message: `The bot would be later (${after} min) than the limit (${line.withinMin} min).`,
          });
      if (line.id === 'stakeholders' && (line.afterMin?.P0 ?? 0) !== 0)
        context.addIssue({
          code: 'custom',
          path: ['afterMin', 'P0'],
          message: 'A P0 is mailed at once: this must be 0.',
        });
    }),
    COMMUNICATION_IDS.length,
  ),
  stakeholderMail: strict({ settleMin: minutes, atMostEveryMin: minutes }),
  paging: strict({ unprovenKillAgainMin: z.number().min(1).max(100_000) }),
  postmortem: strict({
    inReviewWithinHours: z.number().positive(),
    remindAfterHours: z.number().positive(),
    dataGapOverMin: z.number().positive(),
  }),
  timeline: strict({ reactions }).default({ reactions: REACTIONS }),
  checklist: unique(strict({ id, text: sentence, withinHours: z.number().positive().nullable() }), 1),
  goLive: unique(strict({ id, text: sentence }), 1),
  readiness: readiness.default(READINESS),
}).superRefine(({ checklist, postmortem, goLive, readiness: { validDays } }, context) => {
  for (const line of Object.keys(validDays))
    if (!Object.hasOwn(READINESS.validDays, line) && !goLive.some((one) => one.id === line))
      context.addIssue({
        code: 'custom',
        path: ['readiness', 'validDays', line],
        message: `goLive has no line ${line}: its lines are ${goLive.map((one) => one.id).join(', ')}.`,
      });
  // One clock cannot have two due times.
  const index = checklist.findIndex((item) => item.id === 'postmortem');
  const withinHours = checklist[index]?.withinHours;
  if (index >= 0 && withinHours !== postmortem.inReviewWithinHours)
    context.addIssue({
      code: 'custom',
      path: ['checklist', index, 'withinHours'],
      message: `postmortem.inReviewWithinHours is ${postmortem.inReviewWithinHours}: this must be the same.`,
    });
});

const PLAYBOOK_HINTS: Hints = {
  severities: 'All four of P0, P1, P2 and P3 are needed; see templates/playbook.yml as it ships.',
  'severities.*.acknowledgeWithinMin': 'Write minutes, or null for the end of the next business day.',
  'severities.*.updateEveryMin': 'Write minutes, or null where nobody is reminded.',
  'severities.*.page': 'Write critical, error or warning, or null where nobody is paged.',
  alertSeverities: 'Write a word of a source and the severity that it means, e.g. "critical: P1".',
  communication: `The lines are, by their id: ${COMMUNICATION_IDS.join(', ')}; see templates/playbook.yml as it ships.`,
  stakeholderMail: 'Write "stakeholderMail: { settleMin: 1, atMostEveryMin: 10 }".',
  'timeline.reactions.*': 'Write a list of emoji names without colons, e.g. [star]; [] marks nothing.',
  'readiness.soonDays': 'Write days, e.g. 7.',
  'readiness.remindEveryDays': 'Write days, e.g. 7.',
  'readiness.aheadDays': 'Write whole days, from 1 to 90, e.g. 14.',
  'readiness.validDays':
    'Write a line of goLive and for how many days its evidence is good, e.g. "alerting: 30".',
  'readiness.validDays.*': 'Write days over 0, at most 3650: evidence that never expires proves nothing.',
  paging: 'Write "paging: { unprovenKillAgainMin: 5 }".',
  criteria: 'All four of dailyLoss, positionSize, rejectRate and dataFeedGap are needed.',
  'criteria.*.unit': 'The unit is fixed; see templates/playbook.yml as it ships.',
  burnRates: 'See the three rates of templates/playbook.yml as it ships.',
  budgets: 'See the five bands of templates/playbook.yml as it ships.',
};

/** Parse and check a playbook. Never throws. */
export function parsePlaybook(text: string, file: string): Parsed<Playbook> {
  const parsed = parseYaml({ text, file, schema: playbookSchema, hints: PLAYBOOK_HINTS });
  if (!parsed.ok) return parsed;
  const { criteria, budgets, communication, ...rest } = parsed.value;
  return {
    ok: true,
    value: {
      ...rest,
      criteria: criteria as Playbook['criteria'],
      budgets: budgets as BudgetBand[],
      communication: communication as Playbook['communication'],
    },
  };
}
