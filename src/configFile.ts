/** standdown.yml (CONTRACT 3): its keys, what each may be, and how to mend it. Secrets come in as `${NAME}`. */

import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { isCron } from './adapters/cron.ts';
import type { Hints } from './adapters/yaml.ts';
import { strict } from './adapters/yaml.ts';
import { SCENARIOS } from './domain/drill/gameDay.ts';
import { patternProblem } from './domain/pattern.ts';

/** What the file's values are read against. */
export interface FileContext {
  /** What `${NAME}` reads: the environment with `.env` under it. An empty value is unset. */
  env: Record<string, string>;
  /** The folder that the file lies in: paths are relative to it. */
  folder: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const CRITERIA = ['dailyLoss', 'positionSize', 'rejectRate', 'dataFeedGap'] as const;

/** True for a host that only this machine can reach. */
export const isLoopback = (host: string): boolean =>
  /^(?:localhost|\[?::1\]?|127(?:\.\d{1,3}){3})$/i.test(host);

/** The name of an access entry's kind: a Slack user, a Slack user group, or a PagerDuty schedule (`pd:…`). */
export function memberKind(member: string): 'user' | 'group' | 'schedule' {
  if (member.startsWith('pd:')) return 'schedule';
  return member.startsWith('S') ? 'group' : 'user';
}

/** Why an address is not taken, or null. http(s) only, with no user or password in it. */
export function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return 'This is not an address.';
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) return 'Only http and https addresses are taken.';
  if (url.username !== '' || url.password !== '') return 'An address may not have a user or password in it.';
  return null;
}

/** The schema of standdown.yml, reading `${NAME}` from the context as it goes. Output: plain values, absolute paths. */
export function standdownSchema(context: FileContext) {
  const issue = (message: string, issues: z.RefinementCtx): never => {
    issues.addIssue(message);
    return z.NEVER;
  };
  const expand = (value: string, issues: z.RefinementCtx): string => {
    const wrong: string[] = [];
    const text = value.replace(/\$\{([^}]*)\}/g, (_whole, name: string) => {
      if (!NAME.test(name))
        wrong.push(`\${${name.slice(0, 40)}} is not the name of an environment variable.`);
      else if (!Object.hasOwn(context.env, name))
        wrong.push(`The environment variable ${name} is not set, or is empty.`);
      else return context.env[name] ?? '';
      return '';
    });
    return wrong.length > 0 ? issue(wrong.join(' '), issues) : text;
  };

  const text = z.string().min(1).max(1000).transform(expand);
  const matching = (pattern: RegExp, message: string) => text.pipe(z.string().regex(pattern, message));
  /** A number, or `${NAME}` where the environment has one. */
  const number = (check: z.ZodNumber) =>
    z
      .unknown()
      .transform((value, issues) => {
        if (typeof value !== 'string' || !/^\$\{[^}]*\}$/.test(value)) return value;
        const said = expand(value, issues);
        return /^-?\d+(?:\.\d+)?$/.test(said) ? Number(said) : issue(`${value} is not a number.`, issues);
      })
      .pipe(check);
  const positive = () => number(z.number().positive().max(1e15));
  const whole = (least: number, most: number) => number(z.int().min(least).max(most));
  const path = text.transform((value) => resolve(context.folder, value));
  const id = matching(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$/,
    'An id has letters, digits, "-", "_" and ".", at most 60.',
  );
  const url = text.superRefine((value, issues) => {
    const wrong = urlProblem(value);
    if (wrong !== null) issues.addIssue(wrong);
  });
  const address = matching(/^[^\s@<>,;:"()]{1,64}@[^\s@<>,;:"()]{1,255}$/, 'This is not a mail address.');
  const channel = matching(/^[CG][A-Z0-9]{2,}$/, "This is not a channel's id.");
  const member = matching(/^(?:[UWS][A-Z0-9]+|pd:[A-Z0-9]+)$/, 'This is not the id of a person or a group.');
  const currency = matching(/^[A-Z0-9]{2,10}$/, 'A currency is in capitals, e.g. USDT.');
  const symbols = z.array(matching(/^[A-Za-z0-9/:._-]{1,60}$/, 'This is not a symbol.'));
  const program = z.array(z.string().min(1).max(1000).transform(expand)).min(1);
  const expect = text.superRefine((value, issues) => {
    const wrong = patternProblem(value);
    if (wrong !== null) issues.addIssue(wrong);
  });
  const instant = text.transform((value, issues) => {
    const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(value)
      ? Date.parse(value)
      : Number.NaN;
    return Number.isFinite(at)
      ? at
      : issue('This is not a time with a zone, e.g. 2026-12-01T06:00:00Z.', issues);
  });

  const access = strict({
    responders: z.array(member).min(1),
    approvers: z.array(member).min(1),
    approvals: whole(1, 10).default(2),
  }).superRefine(({ responders, approvers, approvals }, issues) => {
    const wrong = quorumProblem(responders, approvers, approvals);
    if (wrong !== null) issues.addIssue({ code: 'custom', path: ['approvers'], message: wrong });
  });

  const venue = strict({
    id,
    exchange: matching(/^[a-z][a-z0-9_]{1,39}$/, "This is not a ccxt exchange's id."),
    apiKey: text,
    secret: text,
    password: text.optional(),
    uid: text.optional(),
    privateKey: text.optional(),
    symbols: symbols.default([]),
    quoteAssets: z.array(currency).optional(),
    maxNotional: positive().optional(),
    baseUrl: url.optional(),
    drill: z.literal(true).optional(),
  });

  const limits = strict({
    maxDailyLossPct: number(z.number().positive().max(100)).optional(),
    maxDailyLoss: positive().optional(),
    maxNotional: positive(),
    currency,
  }).superRefine((value, issues) => {
    const given = [value.maxDailyLossPct, value.maxDailyLoss].filter((one) => one !== undefined).length;
    if (given !== 1)
      issues.addIssue(
        given === 0
          ? 'The daily loss is missing: give maxDailyLossPct or maxDailyLoss.'
          : 'Give maxDailyLossPct or maxDailyLoss, not both.',
      );
  });

  const feed = strict({
    id,
    intervalSec: number(z.number().positive().max(86_400)),
    symbols: symbols.min(1),
    statusUrl: url.optional(),
    backup: id.optional(),
  });

  const maintenance = strict({ from: instant, to: instant, name: text }).superRefine((window, issues) => {
    if (window.to <= window.from)
      issues.addIssue({ code: 'custom', path: ['to'], message: 'It ends before it begins.' });
  });

  return strict({
    slack: strict({ channel, alertChannels: z.array(channel).default([]) }),
    access,
    control: strict({
      file: path.superRefine((file, issues) => {
        const wrong = controlFileProblem(file);
        if (wrong !== null) issues.addIssue(wrong);
      }),
    }),
    venues: z.array(venue).min(1).max(50).superRefine(uniqueIds),
    limits,
    kill: strict({ protectiveOrders: z.enum(['cancel', 'keepWhilePosition']).default('cancel') }).prefault(
      {},
    ),
    hardStops: strict({
      mode: z.enum(['act', 'observe']).default('act'),
      minOrders: whole(1, 10_000).default(10),
      confirmations: whole(1, 10).default(2),
      dataFeedGap: strict({ whenPaused: z.enum(['wait', 'kill']).default('wait') }).prefault({}),
      fromAlerts: z
        .array(
          matching(
            new RegExp(`^(?:${CRITERIA.join('|')}|dataFeedGap:[A-Za-z0-9_.-]{1,60})$`),
            `A criterion is one of: ${CRITERIA.join(', ')}, dataFeedGap:<feed>.`,
          ),
        )
        .default([]),
    }).prefault({}),
    engines: z
      .array(strict({ id, heartbeatSec: number(z.number().positive().max(3600)) }))
      .superRefine(uniqueIds)
      .default([]),
    feeds: z.union([z.literal('off'), z.array(feed).min(1).superRefine(uniqueIds)]),
    hours: strict({
      timezone: text
        .pipe(
          z.string().refine((zone) => {
            try {
              return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
            } catch {
              return false; // Intl throws for a name that it does not know
            }
          }, 'This time zone is not known.'),
        )
        .default('UTC'),
      days: z.array(z.enum(DAYS)).min(1).default(['mon', 'tue', 'wed', 'thu', 'fri']),
      maintenance: z.array(maintenance).default([]),
    }).prefault({}),
    commands: z
      .record(
        z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,39}$/, 'a name has letters and digits, at most 40'),
        strict({ run: program, timeoutSec: number(z.number().positive().max(3600)).default(30) }),
      )
      .default({}),
    mail: z.union([
      z.literal('off'),
      strict({ from: address, stakeholders: z.array(address).min(1).max(100) }),
    ]),
    issues: strict({
      github: matching(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/, 'This is not owner/repo.'),
    }).optional(),
    recoveryCheck: z.union([
      z.literal('off'),
      strict({
        run: program,
        cwd: path.default(context.folder),
        expect,
        timeoutSec: number(z.number().positive().max(86_400)).default(600),
      }),
    ]),
    readiness: z.enum(['off', 'required']).default('off'),
    runbookFile: path.optional(),
    drills: z
      .array(
        strict({
          scenario: z.enum(SCENARIOS),
          cron: text.pipe(z.string().refine(isCron, 'This is no cron pattern of five fields.')),
          by: text.optional(),
        }),
      )
      .max(50)
      .default([]),
    drillPage: z.enum(['P0', 'P1', 'P2', 'off']).default('P2'),
    playbook: path.optional(),
  });
}

/** The part of standdown.yml that hard stops are judged by. No secret is in it, so none is asked for. */
export function measuredSchema(context: FileContext) {
  const { shape } = standdownSchema(context);
  const { id, maxNotional } = shape.venues.element.shape;
  const { limits, hardStops, engines, feeds, hours, playbook } = shape;
  return z.object({
    venues: z.array(z.object({ id, maxNotional })).min(1).max(50).superRefine(uniqueIds),
    limits,
    hardStops,
    engines,
    feeds,
    hours,
    playbook,
  });
}

/** standdown.yml after it was read: defaults filled in, paths absolute, `${NAME}` replaced. */
export type StanddownFile = z.output<ReturnType<typeof standdownSchema>>;

function uniqueIds(list: { id: string }[], issues: z.RefinementCtx): void {
  list.forEach((one, index) => {
    if (list.findIndex((other) => other.id === one.id) !== index)
      issues.addIssue({ code: 'custom', path: [index, 'id'], message: `The id ${one.id} is here twice.` });
  });
}

/**
 * Why a latch could never be lifted, or null: whoever asks may not approve, so there must be somebody to ask besides
 * `approvals` approvers. A group or schedule may hold any number of people; that is counted when it is resolved.
 */
function quorumProblem(responders: string[], approvers: string[], approvals: number): string | null {
  if (approvers.some((one) => memberKind(one) !== 'user')) return null;
  const people = new Set(approvers);
  if (people.size < approvals)
    return `${approvals} approvals are needed, and there ${people.size === 1 ? 'is 1 approver' : `are ${people.size} approvers`}.`;
  const otherAsker = responders.some((one) => memberKind(one) !== 'user' || !people.has(one));
  if (people.size > approvals || otherAsker) return null;
  return `Whoever asks for the restart may not approve it: ${approvals} approvals need ${approvals} approvers and one more who can ask.`;
}

/** Why a control file cannot be used, or null. A symlink counts as what it points at. */
function controlFileProblem(file: string): string | null {
  if (!/\.(?:env|json|ya?ml)$/.test(basename(file)))
    return 'A control file is called .env, .json or .yml at its end.';
  try {
    const target = realpathSync(file);
    if (!statSync(target).isFile()) return 'This is not a file.';
    accessSync(target, constants.R_OK | constants.W_OK);
    // It is replaced by renaming a temporary file over it, so the folder must be writable too.
    accessSync(dirname(target), constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT') return `${file} does not exist.`;
    return `${file} or its folder cannot be written (${code}).`;
  }
}

const MEMBER =
  'Write ids in a list: a Slack user (U…), a user group (S…) or a PagerDuty schedule ("pd:P…"); a profile\'s menu has "Copy member ID".';
const SECRET = 'Put it in the environment or .env, and write ${NAME} here.';

/** How to mend each key of standdown.yml. */
export const STANDDOWN_HINTS: Hints = {
  slack: 'Add "slack: { channel: C0INCIDENTS }" with the id of #incidents.',
  'slack.channel':
    'Write the id that the channel\'s "About" tab shows at its end, e.g. C0INCIDENTS, not its name.',
  'slack.alertChannels': 'Write channel ids in a list, e.g. [C0ALERTS].',
  access: 'Add "access: { responders: [U1], approvers: [U2, U3, U4], approvals: 2 }".',
  'access.responders': MEMBER,
  'access.approvers': `Name enough approvers that \`approvals\` of them are left when one asks. ${MEMBER}`,
  'access.approvals': 'Write how many different people must approve a restart; 2 is usual.',
  control: 'Add "control: { file: ./control.env }".',
  'control.file':
    'Create it (an empty control.env will do), let the bot write it and its folder, and point the engine at it.',
  venues: 'Add at least one venue: "- { id: …, exchange: …, apiKey: ${NAME}, secret: ${NAME} }".',
  'venues.*.id': 'Give each venue an id of its own, e.g. binance-usdm.',
  'venues.*.exchange': "Write ccxt's id in small letters, e.g. binanceusdm.",
  'venues.*.apiKey': SECRET,
  'venues.*.secret': SECRET,
  'venues.*.password': SECRET,
  'venues.*.uid': SECRET,
  'venues.*.privateKey': SECRET,
  'venues.*.symbols': "Write ccxt's unified names, e.g. [BTC/USDT:USDT], or leave it out.",
  'venues.*.quoteAssets': 'Write the currencies that are no position, e.g. [USDT].',
  'venues.*.maxNotional': 'Write a number over 0 in `limits.currency`, or leave it out.',
  'venues.*.baseUrl': 'Write http://… or https://… of a testnet or simulator, or leave it out.',
  'venues.*.drill': 'Write true, or leave it out.',
  limits: 'Add "limits: { maxDailyLossPct: 1, maxNotional: 100, currency: USDT }".',
  'limits.maxDailyLossPct': 'Write a number over 0, in percent of the equity at 00:00 UTC.',
  'limits.maxDailyLoss': 'Write an amount over 0, in `limits.currency`.',
  'limits.maxNotional': 'Write an amount over 0, in `limits.currency`.',
  'limits.currency': 'Write the currency of the limits, e.g. USDT.',
  'kill.protectiveOrders': "Write cancel (the playbook's words) or keepWhilePosition.",
  hardStops: 'Leave it out for the defaults, or see CONTRACT 3.',
  'hardStops.mode': 'Write act (stop trading by itself) or observe (say what it would do, and do nothing).',
  engines: 'Write "engines: [{ id: main, heartbeatSec: 5 }]", or leave it out.',
  feeds:
    'Write "feeds: [{ id: binance-1m, intervalSec: 60, symbols: [BTC/USDT:USDT] }]", or "feeds: off" to run without gap detection.',
  'feeds.*.intervalSec': 'Write how many seconds a bar lasts, e.g. 60.',
  'feeds.*.statusUrl': "Write the http(s) address of the provider's status page, or leave it out.",
  hours: 'Write "hours: { timezone: UTC, days: [mon, tue, wed, thu, fri] }", or leave it out.',
  'hours.timezone': 'Write a name such as UTC or Europe/Zurich.',
  'hours.maintenance':
    'Write "- { from: 2026-12-01T06:00:00Z, to: 2026-12-01T07:00:00Z, name: exchange upgrade }".',
  commands:
    'Write "restartOrderManager: { run: [systemctl, restart, oms], timeoutSec: 30 }", or leave it out.',
  mail: 'Write "mail: { from: standdown@example.com, stakeholders: [desk@example.com] }" and set SMTP_URL, or "mail: off".',
  'mail.from': 'Write one address, e.g. standdown@example.com.',
  'mail.stakeholders': 'Write addresses in a list, e.g. [desk@example.com].',
  issues: 'Write "issues: { github: owner/repo }", or leave it out.',
  recoveryCheck:
    'Write "recoveryCheck: { run: [npm, run, "edge:all"], expect: "verdict: ELIGIBLE" }", or "recoveryCheck: off".',
  'recoveryCheck.run': 'Write the program and its arguments in a list; no shell reads them.',
  'recoveryCheck.expect': 'Write a short pattern that the output must have, e.g. "verdict: ELIGIBLE".',
  drills: 'Write "drills: [{ scenario: paging, cron: 0 9 * * 1 }]", or leave it out.',
  'drills.*.scenario': `Write one of: ${SCENARIOS.join(', ')}.`,
  'drills.*.cron':
    'Write five fields, minute, hour, day of month, month, day of week, e.g. "0 9 * * 1" for Mondays at 09:00 in hours.timezone.',
  'drills.*.by': 'Write who answers for it, or leave it out.',
  drillPage: 'Write the severity of the test page, P0, P1 or P2, or off.',
  readiness: 'Write required (what is not ready refuses to loosen: /resume, promotions), or off.',
  runbookFile: 'Write the path of the runbook that on-call reads, or leave it out.',
  playbook: 'Write the path of playbook.yml in a copy of the templates folder, or leave it out.',
};
