import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sayProblem } from '../src/adapters/yaml.ts';
import { patternProblem } from '../src/domain/pattern.ts';
import type { Runbook, RunbookStep } from '../src/domain/playbook.ts';
import { readSeverity, runbookFor, STEP_BUTTONS } from '../src/domain/playbook.ts';
import { AUTO_DEEDS, CHECK_NAMES, CHOICES, DEEDS, OPERATORS } from '../src/domain/runbook/vocabulary.ts';
import type { Policy } from '../src/policy.ts';
import { loadPolicy, parsePlaybook, SHIPPED_PLAYBOOK } from '../src/policy.ts';
import { parseRunbook } from '../src/runbookFile.ts';

function shipped(): Policy {
  const loaded = loadPolicy();
  if (!loaded.ok) throw new Error(loaded.problems.map(sayProblem).join('\n'));
  return loaded.policy;
}
const policy = shipped();
const { playbook, runbooks } = policy;
const runbook = (id: string): Runbook => {
  const found = runbooks.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no runbook ${id}`);
  return found;
};

describe('the emoji that mark a message', () => {
  const text = readFileSync(SHIPPED_PLAYBOOK, 'utf8');
  const written = (change: (text: string) => string) => parsePlaybook(change(text), 'playbook.yml');
  const without = (from: string) => from.replace(/^timeline:\n(?: .*\n)+/m, '');

  test('are those of the playbook; one that names none has the same', () => {
    const parsed = written(without);
    expect(parsed.ok && parsed.value.timeline).toEqual(playbook.timeline);
    expect(playbook.timeline.reactions).toMatchObject({ cause: ['mag'], actionItem: ['memo'] });
    const own = written((all) => all.replace('cause: [mag]', 'cause: [bug, fire]'));
    expect(own.ok && own.value.timeline.reactions.cause).toEqual(['bug', 'fire']);
  });

  test.each([
    ['cause: [star]', 'star stands at keyMoment already'],
    ['cause: [":mag:"]', 'without colons'],
    ['cause: [Mag]', 'without colons'],
    ['cause: mag', 'a list of emoji names'],
    ['causes: [mag]', 'causes'],
  ])('%s is refused', (line, words) => {
    const parsed = written((all) => all.replace('cause: [mag]', line));
    expect(parsed.ok ? 'accepted' : parsed.problems.map(sayProblem).join('\n')).toContain(words);
  });
});

describe('the playbook that ships', () => {
  test('has the severity table, word for word', () => {
    const rows = Object.entries(playbook.severities).map(([name, one]) => [
      name,
      one.definition,
      one.responseTime,
      one.example,
      one.acknowledgeWithinMin,
      one.page,
      one.class,
      one.postmortem,
    ]);
    expect(rows).toEqual([
      [
        'P0',
        'Complete system outage / runaway position',
        'Immediate (<5 min)',
        'Kill switch triggered, uncontrolled PnL loss',
        5,
        'critical',
        'CRITICAL',
        true,
      ],
      [
        'P1',
        'Core SLO breach / data feed failure',
        '15 minutes',
        'SLO-01 gap >5 min, order rejection spike',
        15,
        'error',
        'HIGH',
        true,
      ],
      [
        'P2',
        'Degraded performance / partial SLO breach',
        '1 hour',
        'Latency p95 >1000ms, fill rate 95-99%',
        60,
        'warning',
        'MEDIUM',
        false,
      ],
      [
        'P3',
        'Informational / monitoring anomaly',
        'Next business day',
        'Single missed bar, minor slippage variance',
        null,
        null,
        'LOW',
        false,
      ],
    ]);
  });

  test('has the four hard stop criteria', () => {
    expect(playbook.criteria).toEqual({
      dailyLoss: { title: 'Daily PnL loss > 2× max_daily_loss', over: 2, unit: 'x maxDailyLoss' },
      positionSize: { title: 'Position size > 1.5× max notional', over: 1.5, unit: 'x maxNotional' },
      rejectRate: {
        title: 'Order reject rate > 10% in any 5-minute window',
        over: 10,
        unit: 'percent',
        windowMin: 5,
      },
      dataFeedGap: { title: 'Data feed gap > 5 minutes', over: 5, unit: 'minutes' },
    });
  });

  test('has the budget bands, whose restrictions add up', () => {
    expect(
      playbook.budgets.map((band) => [band.status, band.abovePct, band.inclusive, band.control]),
    ).toEqual([
      ['GREEN', 50, false, {}],
      ['YELLOW', 25, false, { ALLOW_PROMOTIONS: '0' }],
      ['ORANGE', 10, true, { ALLOW_PROMOTIONS: '0', POSITION_SIZE_FACTOR: '0.5', ALLOW_NEW_STRATEGIES: '0' }],
      [
        'RED',
        0,
        false,
        {
          ALLOW_PROMOTIONS: '0',
          POSITION_SIZE_FACTOR: '0.5',
          ALLOW_NEW_STRATEGIES: '0',
          HALT_NEW_ORDERS: '1',
        },
      ],
      [
        'CRITICAL',
        null,
        true,
        {
          ALLOW_PROMOTIONS: '0',
          POSITION_SIZE_FACTOR: '0.5',
          ALLOW_NEW_STRATEGIES: '0',
          HALT_NEW_ORDERS: '1',
        },
      ],
    ]);
    expect(playbook.budgets.slice(0, 4).map((band) => band.allowed)).toEqual([
      'Normal operations. Hack promotion UNBLOCKED.',
      'No new hack promotions. Existing positions managed normally.',
      'Reduce position sizes by 50%. No new strategies.',
      'HALT all new orders. Maintain positions only. Incident review required.',
    ]);
  });

  test('has the communication table and the clocks', () => {
    expect(
      playbook.communication.map((line) => [line.audience, line.channel, line.text, line.withinMin]),
    ).toEqual([
      ['On-call operator', 'PagerDuty / phone', 'Immediate (P0/P1)', 0],
      ['Team', 'Slack #incidents', 'Within 15 minutes', 15],
      ['Stakeholders', 'Email summary', 'Within 1 hour (P0/P1)', 60],
      ['Post-incident', 'Written postmortem', 'Within 48 hours', 2880],
    ]);
    expect(playbook.communication[2]?.afterMin).toEqual({ P0: 0, P1: 45 });
    expect(playbook.postmortem).toEqual({
      inReviewWithinHours: 48,
      remindAfterHours: 48,
      dataGapOverMin: 30,
    });
    expect(playbook.grouping.reopenWithinMin).toBe(30);
  });

  test('has the five post-incident lines and the six of go-live', () => {
    expect(playbook.checklist.map((line) => line.text)).toEqual([
      'File postmortem within 48 hours',
      'Identify root cause (system / data / strategy / operator error)',
      'Add retrospective action items to issue tracker',
      'Update SLI measurements with actual incident data',
      'Re-run edge:all to verify court status post-recovery',
    ]);
    expect(playbook.goLive.map((line) => line.text)).toEqual([
      'Kill switch mechanism tested and documented',
      'Exchange API emergency cancellation tested',
      'On-call rotation with contact numbers documented',
      'PagerDuty / alerting system configured',
      'Backup data feed identified and tested',
      'Runbook (RUNBOOK_EDGE.md) reviewed by on-call team',
    ]);
  });

  test('has the six SLOs; an hour of gap is 27.8 % of the budget of a 30-day month', () => {
    expect(playbook.slos.map((slo) => [slo.id, slo.targetPct])).toEqual([
      ['SLO-01', 99.5],
      ['SLO-02', 99.9],
      ['SLO-03', 99.5],
      ['SLO-04', 99.9],
      ['SLO-05', 99.9],
      ['SLO-06', 99.9],
    ]);
    const budgetHours = (30 * 24 * (100 - (playbook.slos[0]?.targetPct ?? 0))) / 100;
    expect((1 / budgetHours) * 100).toBeCloseTo(27.8, 1);
  });

  test.each([
    ['P0', 'P0'],
    ['P3', 'P3'],
    ['critical', 'P1'],
    ['error', 'P1'],
    ['warning', 'P2'],
    ['info', 'P3'],
  ])('reads the severity %s as %s', (word, severity) => {
    expect(readSeverity(word, playbook)).toEqual({ severity });
  });

  test.each([undefined, '', 'CRITICAL', 'p0', 'P0 ', 'toString', '__proto__'])(
    'takes %o as P1, and says so',
    (word) => {
      expect(readSeverity(word, playbook)).toMatchObject({ severity: 'P1', guess: expect.any(String) });
    },
  );
});

/** A line of the playbook: its number, the step that has it, words that it must say, and what goes with it. */
const PLAYBOOK_LINES: [
  runbook: string,
  number: number,
  step: string,
  words: RegExp[],
  goesWith: Partial<Pick<RunbookStep, 'buttons' | 'checks' | 'when' | 'auto' | 'timer'>>,
][] = [
  [
    'kill-switch',
    1,
    'trigger',
    [/kill switch/i, /KILL_SWITCH=1/, /halts all signal processing/],
    { buttons: ['kill'], checks: ['killLatched', 'hardStops'] },
  ],
  [
    'kill-switch',
    2,
    'cancel',
    [/Cancel all open orders/, /exchange API/],
    { buttons: ['cancel'], checks: ['venueRead'] },
  ],
  [
    'kill-switch',
    3,
    'confirm-flat',
    [/position = 0/, /document the residual exposure/],
    { buttons: ['flatten'], checks: ['killVerdict'] },
  ],
  [
    'kill-switch',
    4,
    'page',
    [/Page the on-call operator immediately/],
    { buttons: ['acknowledge'], checks: ['paged'] },
  ],
  [
    'kill-switch',
    5,
    'no-restart',
    [/Do NOT restart without explicit approval/, /post-incident review/],
    { buttons: ['done'] },
  ],
  [
    'slo-01-data-feed',
    1,
    'confirm',
    [/data_feed_uptime SLI < 99\.5%/, /bar_staleness_p99 > 120 s/],
    { buttons: ['acknowledge'], checks: ['feedUptimePct', 'stalenessP99Sec', 'feedGapSec'] },
  ],
  [
    'slo-01-data-feed',
    2,
    'pause-signals',
    [/Pause new signal generation/, /do NOT cancel open orders/],
    { buttons: ['pauseSignals'], auto: 'pauseSignals', when: { sli: 'feedGapSec', op: '>', value: 120 } },
  ],
  ['slo-01-data-feed', 3, 'provider-status', [/data provider's status page/], { checks: ['providerStatus'] }],
  [
    'slo-01-data-feed',
    4,
    'gap-under-10',
    [/< 10 minutes/, /wait and re-sync/],
    { when: { sli: 'feedGapSec', op: '<', value: 600 } },
  ],
  [
    'slo-01-data-feed',
    5,
    'gap-over-10',
    [/> 10 minutes/, /backup feed/, /OR halt new orders/],
    {
      buttons: ['switchFeed', 'haltOrders'],
      when: { sli: 'feedGapSec', op: '>=', value: 600 },
      timer: { afterMin: 10, do: 'haltOrders', unless: ['switchFeed', 'haltOrders', 'done', 'skip'] },
    },
  ],
  ['slo-01-data-feed', 6, 'document', [/start time/, /data gap duration/], { checks: ['gapRecord'] }],
  [
    'slo-01-data-feed',
    7,
    'postmortem',
    [/postmortem/, /> 30 minutes/],
    { when: { sli: 'recordedGapMin', op: '>', value: 30 } },
  ],
  [
    'slo-03-order-execution',
    1,
    'confirm',
    [/order_success_rate SLI < 99\.5%/, /> 5 consecutive orders/],
    { buttons: ['acknowledge'], checks: ['orderSuccessPct'] },
  ],
  [
    'slo-03-order-execution',
    2,
    'venue-status',
    [/venue's status/, /Binance/],
    { checks: ['venueStatus', 'venueRead'] },
  ],
  [
    'slo-03-order-execution',
    3,
    'api-key',
    [/API key's permissions are valid/, /not expired/],
    { checks: ['apiKeys'] },
  ],
  [
    'slo-03-order-execution',
    4,
    'venue-issue',
    [/halt new orders/, /maintain existing positions/],
    { buttons: ['haltOrders'] },
  ],
  [
    'slo-03-order-execution',
    5,
    'local-issue',
    [/restart the order manager/, /verify connectivity/],
    { buttons: ['restartOrderManager'], checks: ['engineAlive', 'venueRead'] },
  ],
  [
    'slo-03-order-execution',
    6,
    'reject-rate',
    [/reject_rate > 1%/, /P0 kill switch/],
    {
      buttons: ['kill'],
      checks: ['rejectSharePct'],
      when: { sli: 'rejectSharePct', op: '>', value: 1 },
    },
  ],
  [
    'slo-02-latency',
    1,
    'confirm',
    [/signal_latency p99 > 1000 ms/, /> 3 consecutive bars/],
    { buttons: ['acknowledge'], checks: ['latencyP99Ms'] },
  ],
  [
    'slo-02-latency',
    2,
    'system-load',
    [/CPU, memory, network/],
    { checks: ['engineHost', 'botHost', 'venueStatus'] },
  ],
  ['slo-02-latency', 3, 'host-health', [/co-location \/ VPS health/], { checks: ['engineAlive'] }],
  [
    'slo-02-latency',
    4,
    'under-2000',
    [/< 2000 ms/, /continue trading, monitor closely/],
    { when: { sli: 'latencyP99Ms', op: '<', value: 2000 } },
  ],
  [
    'slo-02-latency',
    5,
    'over-2000',
    [/> 2000 ms/, /pause new orders/, /fills complete normally/],
    { buttons: ['haltOrders'], when: { sli: 'latencyP99Ms', op: '>=', value: 2000 } },
  ],
  ['slo-02-latency', 6, 'log', [/incident tracker/, /timestamps/], { buttons: ['done'] }],
];

describe('how to write a runbook', () => {
  const readme = readFileSync(join(dirname(SHIPPED_PLAYBOOK), 'runbooks', 'README.md'), 'utf8');

  test('says every word that one may use', () => {
    const words = [...STEP_BUTTONS, ...CHECK_NAMES, ...DEEDS, ...AUTO_DEEDS, ...CHOICES];
    expect(words.filter((word) => !readme.includes(word))).toEqual([]);
    for (const op of OPERATORS) expect(readme).toContain(`"${op}"`);
  });

  test('its example is one that is taken', () => {
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? [];
    const parsed = parseRunbook(example, 'slo-02-latency.yml');
    expect(parsed).toMatchObject({ ok: true, value: { steps: [{ checks: ['latencyP99Ms'] }] } });
  });
});

describe('the runbooks that ship', () => {
  test.each(PLAYBOOK_LINES)('%s has the playbook’s line %i: %s', (id, number, step, words, goesWith) => {
    const found = runbook(id).steps[number - 1];
    expect(found?.id).toBe(step);
    for (const word of words) expect(found?.text).toMatch(word);
    const { buttons = [], checks = [], ...exact } = goesWith;
    expect(found?.buttons).toEqual(expect.arrayContaining(buttons));
    expect(found?.checks).toEqual(expect.arrayContaining(checks));
    const { when, auto, timer } = found ?? {};
    expect({ when, auto, timer }).toEqual({ when: undefined, auto: undefined, timer: undefined, ...exact });
  });

  test('have the playbook’s steps and no other, in its order', () => {
    const ours = ['position-mismatch', 'risk-halt'];
    for (const { id, steps } of runbooks.filter((one) => !ours.includes(one.id)))
      expect(steps.map((step) => step.id)).toEqual(
        PLAYBOOK_LINES.filter(([of]) => of === id).map(([, , step]) => step),
      );
    expect(runbooks.map((one) => [one.id, one.severity])).toEqual([
      ['kill-switch', 'P0'],
      ['position-mismatch', 'P1'],
      ['risk-halt', 'P1'],
      ['slo-01-data-feed', 'P1'],
      ['slo-02-latency', 'P2'],
      ['slo-03-order-execution', 'P1'],
    ]);
  });

  test('say what an hour of gap costs, and the four hard stops', () => {
    expect(runbook('slo-01-data-feed').notes.join()).toContain(
      '1 hour gap = ~28% of the monthly budget (SLO-01)',
    );
    const notes = runbook('kill-switch').notes.join();
    for (const words of [
      '> 2× the max_daily_loss',
      '> 1.5× max notional',
      '> 10% in any 5-minute window',
      '> 5 minutes',
    ])
      expect(notes).toContain(words);
  });

  test('offer no cancel where the playbook says not to cancel', () => {
    for (const step of runbook('slo-01-data-feed').steps) {
      expect(step.buttons).not.toContain('cancel');
      expect(step.buttons).not.toContain('kill');
    }
  });

  const named = (alertname: string) => runbookFor({ labels: { alertname } }, runbooks);

  test.each([
    ['ExchangeOrderStuck', 'slo-03-order-execution'],
    ['LatencyHigh', 'slo-02-latency'],
    ['WsDown', 'slo-01-data-feed'],
    ['PositionDrift', 'position-mismatch'],
    ['PositionMismatch', 'position-mismatch'],
    ['LedgerReconciliationFailed', 'position-mismatch'],
    ['PositionLimitExceeded', 'kill-switch'],
    ['RiskLimitBreached', 'risk-halt'],
    ['MarginCall', 'risk-halt'],
    ['FeedGap', 'slo-01-data-feed'],
    ['MarketDataStale', 'slo-01-data-feed'],
    ['BarGap', 'slo-01-data-feed'],
    ['OrderRejectRateHigh', 'slo-03-order-execution'],
    ['FillRateLow', 'slo-03-order-execution'],
    ['SignalLatencyHigh', 'slo-02-latency'],
    ['KillSwitchTriggered', 'kill-switch'],
    ['RunawayPosition', 'kill-switch'],
    ['HostDown', null],
    ['Watchdog', null],
  ])('%s is answered by %s', (alertname, id) => {
    expect(named(alertname)).toBe(id);
  });

  test('an alert may name its runbook, by its id or its SLO; nothing else of it counts', () => {
    expect(runbookFor({ runbook: 'kill-switch', labels: { alertname: 'WsDown' } }, runbooks)).toBe(
      'kill-switch',
    );
    expect(runbookFor({ runbook: 'SLO-03', labels: {} }, runbooks)).toBe('slo-03-order-execution');
    expect(runbookFor({ labels: { slo: 'SLO-02' } }, runbooks)).toBe('slo-02-latency');
    expect(runbookFor({ labels: { summary: 'kill switch', description: 'latency' } }, runbooks)).toBeNull();
    expect(runbookFor({ labels: {} }, runbooks)).toBeNull();
  });

  test('a label of any length costs little', () => {
    expect(named(`${'a'.repeat(1_000_000)}latency`)).toBeNull();
  });
});

// ── A folder of the desk's own ─────────────────────────────────────────────────────────────────────────────────────

function folderWith(change: (folder: string) => void): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'standdown-policy-'));
  cpSync(dirname(SHIPPED_PLAYBOOK), folder, { recursive: true });
  change(folder);
  const loaded = loadPolicy(join(folder, 'playbook.yml'));
  rmSync(folder, { recursive: true });
  return loaded.ok ? [] : loaded.problems.map((one) => sayProblem(one).replace(folder, ''));
}
const edit = (file: string, from: string | RegExp, to: string) => (folder: string) => {
  const path = join(folder, file);
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
};

describe('a changed template', () => {
  test('unchanged is taken', () => {
    expect(folderWith(() => {})).toEqual([]);
  });

  test.each([
    [
      'a severity is missing',
      edit('playbook.yml', /^ {2}P3:\n(?: {4}.*\n)+/m, ''),
      'severities.P3: This is missing.',
    ],
    [
      'a severity too many',
      edit('playbook.yml', /^ {2}P3:$/m, '  P4:'),
      '"P4" is not a key that is known here. Did you mean P0?',
    ],
    [
      'a clock that is no number',
      edit('playbook.yml', 'acknowledgeWithinMin: 5', 'acknowledgeWithinMin: soon'),
      '/playbook.yml:12:27 severities.P0.acknowledgeWithinMin: This is the text "soon", and must be a number.',
    ],
    [
      'a band is missing',
      edit('playbook.yml', /^ {2}- status: RED[\s\S]*?(?= {2}- status: CRITICAL)/m, ''),
      'budgets: The bands must be these, in this order: GREEN, YELLOW, ORANGE, RED, CRITICAL; here are: GREEN, YELLOW, ORANGE, CRITICAL.',
    ],
    [
      'bands out of order',
      edit('playbook.yml', 'abovePct: 25', 'abovePct: 60'),
      'budgets[1].abovePct: The bands go from the best to the worst: this must be below 50.',
    ],
    [
      'a band that forgets a restriction',
      edit('playbook.yml', 'control: { ALLOW_PROMOTIONS: "0", POSITION', 'control: { POSITION'),
      'Restrictions add up: YELLOW sets ALLOW_PROMOTIONS, so ORANGE must set it too.',
    ],
    [
      'a band that loosens',
      edit('playbook.yml', 'control: { ALLOW_PROMOTIONS: "0" }', 'control: { ALLOW_PROMOTIONS: 1 }'),
      'A band may only tighten: the one value here is 0.',
    ],
    [
      'a band that kills',
      edit('playbook.yml', 'control: {}', 'control: { KILL_SWITCH: 1 }'),
      '"KILL_SWITCH" is not a key that is known here.',
    ],
    [
      'a criterion without a limit',
      edit('playbook.yml', '    over: 2\n', ''),
      'criteria.dailyLoss.over: This is missing.',
    ],
    [
      'a criterion of another unit',
      edit('playbook.yml', 'unit: minutes', 'unit: hours'),
      '"hours" is not one of: minutes.',
    ],
    [
      'a severity word that means another',
      edit('playbook.yml', '  P0: P0', '  P0: P2'),
      'alertSeverities: P0 stands for itself: write "P0: P0".',
    ],
    [
      'a mail that is late',
      edit('playbook.yml', 'P1: 45', 'P1: 90'),
      'The bot would be later (90 min) than the limit (60 min).',
    ],
    [
      'an id twice',
      edit('playbook.yml', 'id: root-cause', 'id: postmortem'),
      'checklist[1].id: The id postmortem is here twice.',
    ],
    [
      'a step id twice',
      edit('runbooks/slo-02-latency.yml', 'id: system-load', 'id: confirm'),
      'steps[1].id: The id confirm is here twice.',
    ],
    [
      'an unknown button',
      edit('runbooks/slo-02-latency.yml', '[acknowledge, done]', '[aknowledge]'),
      '"aknowledge" is not one of: kill, cancel, haltOrders, pauseSignals, switchFeed, restartOrderManager, acknowledge, flatten, done, skip. Did you mean acknowledge?',
    ],
    [
      'a check that is none',
      edit('runbooks/slo-02-latency.yml', '[engineAlive]', '[engineHealth]'),
      'steps[2].checks[0]: "engineHealth" is not one of:',
    ],
    [
      'a check twice',
      edit('runbooks/slo-02-latency.yml', '[engineHost, botHost', '[botHost, botHost'),
      '/runbooks/slo-02-latency.yml:19:23 steps[1].checks[1]: botHost is here twice.',
    ],
    [
      'a branch on an SLI that is none',
      edit('runbooks/slo-02-latency.yml', 'sli: latencyP99Ms, op: "<"', 'sli: latency, op: "<"'),
      'steps[3].when.sli: "latency" is not one of: feedGapSec',
    ],
    [
      'a branch with another operator',
      edit('runbooks/slo-02-latency.yml', 'op: "<"', 'op: "=="'),
      'steps[3].when.op: "==" is not one of: <, <=, >, >=. Did you mean <=? Write one of "<", "<=", ">", ">=", in quotes.',
    ],
    [
      'a branch without a number',
      edit('runbooks/slo-02-latency.yml', 'op: "<", value: 2000', 'op: "<", value: 2 s'),
      'steps[3].when.value: This is the text "2 s", and must be a number.',
    ],
    [
      'a branch on nothing',
      edit('runbooks/slo-02-latency.yml', 'sli: latencyP99Ms, op: "<"', 'op: "<"'),
      'steps[3].when: It does not say what to measure. Write "{ sli: feedGapSec',
    ],
    [
      'a branch on two things',
      edit(
        'runbooks/slo-02-latency.yml',
        'sli: latencyP99Ms, op: "<"',
        'sli: latencyP99Ms, elapsed: true, op: "<"',
      ),
      'steps[3].when: It measures both an SLI and the time.',
    ],
    [
      'more than all of something',
      edit('runbooks/slo-03-order-execution.yml', 'op: ">", value: 1', 'op: ">", value: 101'),
      'steps[5].when.value: rejectSharePct is a percentage: 101 is never reached.',
    ],
    [
      'something done by itself that nobody measured',
      edit('runbooks/slo-01-data-feed.yml', '    when: { sli: feedGapSec, op: ">", value: 120 }\n', ''),
      'steps[1].auto: Nothing is done by itself without a measured `when`.',
    ],
    [
      'something done by itself because of the time alone',
      edit(
        'runbooks/slo-01-data-feed.yml',
        'sli: feedGapSec, op: ">=", value: 600',
        'elapsed: true, op: ">=", value: 10',
      ),
      'steps[4].timer: Nothing is done by itself without a measured `when`.',
    ],
    [
      'a kill by itself',
      edit('runbooks/slo-01-data-feed.yml', 'auto: pauseSignals', 'auto: kill'),
      'steps[1].auto: "kill" is not one of: pauseSignals, haltOrders.',
    ],
    [
      'a timer that loosens',
      edit('runbooks/slo-01-data-feed.yml', 'do: haltOrders', 'do: resumeOrders'),
      'steps[4].timer.do: "resumeOrders" is not one of: pauseSignals, haltOrders, switchFeed, kill.',
    ],
    [
      'a choice that nobody is offered',
      edit('runbooks/slo-01-data-feed.yml', 'unless: [switchFeed', 'unless: [kill, switchFeed'),
      'steps[4].timer.unless[0]: kill is none of the buttons of this step: nobody could choose it.',
    ],
    [
      'two things by itself in one step',
      edit(
        'runbooks/slo-01-data-feed.yml',
        '    auto: pauseSignals',
        '    auto: pauseSignals\n    timer: { afterMin: 1, do: kill, unless: [] }',
      ),
      'steps[1].timer: A step does one thing by itself: it has `auto` already.',
    ],
    [
      'a word that is none',
      edit('runbooks/slo-01-data-feed.yml', '    auto: pauseSignals', '    autos: pauseSignals'),
      '"autos" is not a key that is known here. Did you mean auto?',
    ],
    [
      'a pattern that does not compile',
      edit('runbooks/slo-02-latency.yml', 'latency|slow', 'latency('),
      'match[2][0].pattern: The pattern does not compile',
    ],
    [
      'a pattern that never ends',
      edit('runbooks/slo-02-latency.yml', 'latency|slow', '(a+)+$'),
      'match[2][0].pattern: The pattern repeats a group',
    ],
    [
      'an id that is not its file’s',
      edit('runbooks/slo-02-latency.yml', 'id: slo-02-latency', 'id: kill-switch'),
      '/runbooks/slo-02-latency.yml:2:5 id: The id is kill-switch, and the file is called slo-02-latency.',
    ],
    [
      'a runbook without steps',
      edit('runbooks/slo-02-latency.yml', /steps:[\s\S]*notes/, 'steps: []\nnotes'),
      'steps: This must have at least 1 entry.',
    ],
    [
      'no kill runbook',
      (folder: string) => rmSync(join(folder, 'runbooks', 'kill-switch.yml')),
      '/runbooks/kill-switch.yml The runbook of the kill is missing.',
    ],
    [
      'no runbooks',
      (folder: string) => rmSync(join(folder, 'runbooks'), { recursive: true }),
      '/runbooks This cannot be read (ENOENT).',
    ],
    [
      'no playbook',
      (folder: string) => rmSync(join(folder, 'playbook.yml')),
      '/playbook.yml This cannot be read (ENOENT).',
    ],
    [
      'an unknown variable',
      edit('postmortem.md', '{{ summary.date }}', '{{ summary.day }}'),
      '/postmortem.md:13:13 The template cannot be rendered: undefined variable: summary.day.',
    ],
    [
      'an unknown variable in a blank',
      edit('mail/incident.text', '{% if link %}', '{% unless link %}{{ lnk }}{% endunless %}{% if link %}'),
      'undefined variable: lnk.',
    ],
    ['a tag left open', edit('mail/incident.html', '{% endfor %}', ''), '/mail/incident.html:'],
    [
      'a file to include',
      edit('mail/incident.subject', '{{ title }}', '{% include "/etc/passwd" %}'),
      'ENOENT',
    ],
  ])('%s is refused, with its place', (_what, change, said) => {
    expect(folderWith(change).join('\n')).toContain(said);
  });

  test('a window that nobody measures is refused, and not silently taken for five minutes', () => {
    expect(folderWith(edit('playbook.yml', 'windowMin: 5', 'windowMin: 15')).join('\n')).toContain(
      'Only windows of 5 minutes are measured.',
    );
  });

  test('problems of several files are listed at once', () => {
    const said = folderWith((folder) => {
      edit('playbook.yml', 'reopenWithinMin: 30', 'reopenWithinMin: -1')(folder);
      edit('runbooks/slo-01-data-feed.yml', 'severity: P1', 'severity: P9')(folder);
      edit('mail/incident.text', '{{ title }}', '{{ titel }}')(folder);
    });
    expect(said).toHaveLength(3);
  });

  test('never makes it throw, whatever a runbook says', () => {
    const text = readFileSync(join(dirname(SHIPPED_PLAYBOOK), 'runbooks', 'kill-switch.yml'), 'utf8');
    fc.assert(
      fc.property(fc.nat(text.length), fc.string({ maxLength: 20 }), (at, junk) => {
        const parsed = parseRunbook(text.slice(0, at) + junk + text.slice(at), 'kill-switch.yml');
        expect(parsed.ok || parsed.problems.length > 0).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a pattern', () => {
  test.each([
    'feed|stale',
    '^ws.?(down|gap)$',
    '(a|b)?c',
    'a{2,5}',
    '[()*+|]{2}',
    '\\(a\\)+',
    '(?:x)y',
    '(?<n>x)',
  ])('%s is taken', (pattern) => {
    expect(patternProblem(pattern)).toBeNull();
  });

  test.each([
    '',
    '(a+)+',
    '(a*)*',
    '(a|a)*',
    '((a+)b)+',
    '(a?){50}',
    '([a-z]+)+$',
    '(?:a+){2,}',
    '(.*)*x',
    'a*b*c*',
    'a?a?a?a?a?',
    '(a)\\1',
    '(?=a)b',
    '(?<!a)b',
    'a{1,5000}',
    '[',
    'a**',
    'x'.repeat(101),
  ])('%s is refused', (pattern) => {
    expect(patternProblem(pattern)).toMatch(/^The pattern /);
  });

  test('that ships is taken', () => {
    for (const one of runbooks)
      for (const rule of one.match.flat()) expect(patternProblem(rule.pattern), rule.pattern).toBeNull();
    expect(
      runbooks
        .flatMap((one) => one.steps.flatMap((step) => step.buttons))
        .every((button) => STEP_BUTTONS.includes(button)),
    ).toBe(true);
  });
});
