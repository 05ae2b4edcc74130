/** The words that a runbook step may use: what it measures, what it checks, what it does. Pure. */

/** What a branch can be decided on. `unit` is what its `value` is written in, `short` its name beside a number. */
export const SLIS = {
  feedGapSec: {
    short: 'gap',
    unit: 's',
    title: 'how old the newest bar of the feed is, beyond its interval',
  },
  recordedGapMin: {
    short: 'gap on record',
    unit: 'min',
    title: 'the longest gap that is on record in this incident',
  },
  feedUptimePct: {
    short: 'uptime',
    unit: '%',
    title: 'hours of this month with fewer than three missing bars',
  },
  stalenessP99Sec: { short: 'staleness p99', unit: 's', title: 'p99 of the gap over the trailing hour' },
  orderSuccessPct: {
    short: 'order success',
    unit: '%',
    title: 'orders that were not rejected, of the last hundred',
  },
  rejectSharePct: {
    short: 'reject rate',
    unit: '%',
    title: 'orders that were rejected, of the last hundred',
  },
  rejectsInARow: {
    short: 'rejects in a row',
    unit: 'orders',
    title: 'newest orders in a row that were rejected',
  },
  fillRatePct: {
    short: 'fill rate',
    unit: '%',
    title: 'how much was filled of the last hundred orders that ended',
  },
  latencyP95Ms: { short: 'latency p95', unit: 'ms', title: 'p95 of signal latency over the trailing hour' },
  latencyP99Ms: { short: 'latency p99', unit: 'ms', title: 'p99 of signal latency over the trailing hour' },
} as const;
export type SliName = keyof typeof SLIS;
export const SLI_NAMES = Object.keys(SLIS) as SliName[];

/** What is looked up outside while an incident is open, each at its own pace. */
export const PROBES = {
  providerStatus: "what the feeds' status pages say (feeds[].statusUrl)",
  venueStatus: 'what each venue says of its own state',
  venueRead: 'whether each venue shows every order list and position to us',
  apiKeys: "what each venue's key may do, and when it expires",
  botHost: "the bot's own machine: CPU, memory, disk, event loop",
} as const;
export type ProbeName = keyof typeof PROBES;
export const PROBE_NAMES = Object.keys(PROBES) as ProbeName[];

/** What is known without asking anybody. */
export const KNOWN = {
  gapRecord: 'since when the feed has been silent, and for how long',
  engineAlive: 'whether every engine sends its heartbeats',
  engineHost: "the engines' machines, as their heartbeats say",
  hardStops: 'the four hard stops, each with its number and limit',
  killLatched: 'whether KILL_SWITCH=1 is in force, and which engine confirms it',
  killVerdict: 'what the newest kill found: FLAT, RESIDUAL or UNKNOWN',
  paged: 'who was paged, and how sure that is',
  mismatches: 'where the engine and a venue disagree',
} as const;
export type KnownName = keyof typeof KNOWN;

export type CheckName = SliName | ProbeName | KnownName;
export const CHECK_NAMES = [...SLI_NAMES, ...PROBE_NAMES, ...(Object.keys(KNOWN) as KnownName[])] as const;

export const OPERATORS = ['<', '<=', '>', '>='] as const;
export type Operator = (typeof OPERATORS)[number];

/** Whether the step is the one to do now: a measured number, or the minutes since the incident opened. */
export type When =
  | { sli: SliName; op: Operator; value: number }
  | { elapsed: true; op: Operator; value: number };

/** What a step can do by itself. All of it tightens; what loosens is done by a person. */
export const DEEDS = ['pauseSignals', 'haltOrders', 'switchFeed', 'kill'] as const;
export type Deed = (typeof DEEDS)[number];
/** What is done without waiting for anybody. A kill waits: the hard stops are what kills at once. */
export const AUTO_DEEDS = ['pauseSignals', 'haltOrders'] as const;

/** What a person can do that stops a timer: this counts as having chosen. */
export const CHOICES = ['haltOrders', 'pauseSignals', 'switchFeed', 'kill', 'done', 'skip'] as const;
export type Choice = (typeof CHOICES)[number];

export interface StepTimer {
  /** Minutes since what `when` measures began: a gap since its first missing bar, anything else since it applies. */
  afterMin: number;
  do: Deed;
  unless: Choice[];
}
