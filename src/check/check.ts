/** `standdown check`: everything that would fail at three in the morning, on one screen. It trades, posts, pages and mails nothing. */

import type { Agent } from 'node:https';
import { VenueConfigError } from '../adapters/ccxt.ts';
import { systemClock } from '../adapters/clock.ts';
import { createPagerDutyPager } from '../adapters/pagerduty.ts';
import { openSlackSetup } from '../adapters/slack.ts';
import type { RehearsalConfig } from '../config.ts';
import { type LiveParts, type LoadedParts, loadParts } from '../configParts.ts';
import { createMask } from '../log.ts';
import { loadPolicy } from '../policy.ts';
import type { Clock } from '../ports.ts';
import { openVenues } from '../venues.ts';
import { configurationLines } from './configuration.ts';
import { controlProbes, controlText, type Place, thisPlace } from './control.ts';
import { answer, type Line, once, PROBE_MS, type Probe, probe } from './line.ts';
import { machineProbes, zoneProbe } from './machine.ts';
import { outsideProbes } from './outside.ts';
import { pagerProbes } from './pagerduty.ts';
import { peopleProbes } from './people.ts';
import { policyProbes } from './policy.ts';
import { type Paper, printed } from './print.ts';
import { readinessProbes } from './readiness.ts';
import { goingLive, rehearsalProbes } from './rehearsal.ts';
import { everyEngineConfirms, serverFound, serverProbes } from './server.ts';
import { judgeDate, slackProbes } from './slack.ts';
import { venueProbes } from './venues.ts';

export interface CheckOptions {
  env: Record<string, string | undefined>;
  cwd: string;
  clock?: Clock;
  /** For a private CA of tests. */
  pagerAgent?: Agent;
  /** Where it runs; default this machine. */
  place?: Place;
}

export interface CheckReport {
  /** Nothing fails, and nothing is unknown. */
  ok: boolean;
  /** ISO 8601. */
  at: string;
  lines: Line[];
}

/** Each request is given up before its line is. */
const REQUEST_MS = PROBE_MS - 500;
const EVIDENCE_MAX = 400;

/** Ask everything at the same time. Never rejects; takes as long as the slowest question, at most `PROBE_MS` and a start. */
export async function check(options: CheckOptions): Promise<CheckReport> {
  const clock = options.clock ?? systemClock;
  const loaded = loadParts(options);
  const mask = createMask(loaded.secrets);
  const { probes, close } =
    loaded.parts === null
      ? { probes: rehearsalProbes(rehearsalOf(loaded)), close: async () => undefined }
      : await liveProbes(loaded.parts, {
          clock,
          mask,
          required: loaded.config?.mode === 'live' && loaded.config.readiness === 'required',
          ...options,
        });
  const answers = Promise.all(probes.map((one) => answer(one, (ms, signal) => clock.wait(ms, signal))));
  const lines = [
    ...configurationLines(loaded),
    ...(await answers),
    ...(loaded.parts === null ? goingLive(options.env, options.cwd) : []),
  ].map((line) => cleaned(line, mask));
  // What still hangs is not waited for.
  void close();
  return {
    ok: lines.every(({ state }) => state === 'ok' || state === 'warn'),
    at: new Date(clock.now()).toISOString(),
    lines,
  };
}

const rehearsalOf = ({ config }: LoadedParts): RehearsalConfig | null =>
  config?.mode === 'rehearsal' ? config : null;

/** What others wrote may hold anything: no secret, no control sequence and no right-to-left mark gets out. */
function cleaned(line: Line, mask: (text: string) => string): Line {
  const clean = (text: string) =>
    mask(text)
      .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
      .slice(0, EVIDENCE_MAX)
      .replace(/\p{Surrogate}$/u, '');
  return { ...line, what: clean(line.what), evidence: clean(line.evidence), mend: clean(line.mend) };
}

async function liveProbes(
  parts: LiveParts,
  {
    clock,
    mask,
    pagerAgent,
    place,
    required,
  }: CheckOptions & { clock: Clock; mask: (text: string) => string; required: boolean },
): Promise<{ probes: Probe[]; close: () => Promise<void> }> {
  const { botToken, appToken, apiUrl } = parts.slack;
  const now = () => clock.now();
  const found = serverFound(parts);
  const policy = loadPolicy(parts.playbookFile);
  const setup =
    botToken === null
      ? null
      : openSlackSetup({ botToken, appToken, apiUrl, timeoutMs: REQUEST_MS, mask, now });
  const slack = setup === null ? null : { ...setup, app: once(setup.app) };
  const pager = pagerOf(parts, pagerAgent);
  const users = once(async () =>
    pager === null ? { state: 'failed' as const, reason: 'there is no routing key' } : pager.setup.users(),
  );
  const opened = await Promise.all(
    parts.venues.map(async (venue) => {
      try {
        const kill = { protectiveOrders: 'cancel' as const };
        const [one = null] = await openVenues({ venues: [venue], kill }, clock, mask);
        return one;
      } catch (error) {
        if (error instanceof VenueConfigError) return null;
        throw error;
      }
    }),
  );
  const tells = parts.pagerduty.apiToken !== null && pager !== null;
  const slackLines = slackProbes(parts.slack, slack);
  const date =
    slack === null
      ? []
      : [
          probe('machine.clock', 'Clock', async () => {
            const said = await slack.app();
            // What is no answer of Slack's may come from anywhere, and so may its date.
            return judgeDate(said.state === 'silent' ? null : slack.clock());
          }),
        ];
  return {
    probes: [
      ...serverProbes(parts, found),
      ...controlProbes(
        parts.controlFile,
        async () => everyEngineConfirms(await found()),
        place ?? thisPlace(),
      ),
      ...slackLines,
      ...peopleProbes(parts.access, slack, tells ? { onCall: pager.onCall, users } : null),
      ...pagerProbes({ parts, pager, users, now }),
      ...venueProbes(parts.venues, opened, now, async () => controlText(parts.controlFile)),
      ...outsideProbes(parts, now),
      ...policyProbes(parts),
      ...machineProbes(parts.dataDir),
      ...date,
      zoneProbe(parts.hours?.timezone ?? null, now),
      ...readinessProbes(policy.ok ? policy.policy.playbook.goLive : [], found, required),
    ],
    close: async () => void (await Promise.all(opened.map(async (venue) => venue?.close()))),
  };
}

function pagerOf({ pagerduty }: LiveParts, agent: Agent | undefined) {
  const { routingKey, apiToken, from, eventsServer, apiServer } = pagerduty;
  if (routingKey === null) return null;
  return createPagerDutyPager({
    routingKey,
    timeoutMs: REQUEST_MS,
    ...(apiToken === null ? {} : { apiToken }),
    ...(from === null ? {} : { fromEmail: from }),
    ...(eventsServer === null ? {} : { eventsServer }),
    ...(apiServer === null ? {} : { apiServer }),
    ...(agent === undefined ? {} : { agent }),
  });
}

/** As the command line says it: 0 when nothing fails and nothing is unknown, else 1. */
export async function runCheck(
  options: CheckOptions & {
    json: boolean;
    paper: Paper;
    say: (line: string) => void;
  },
): Promise<number> {
  const report = await check(options);
  if (options.json) options.say(JSON.stringify(report));
  else for (const line of printed(report.lines, options.paper)) options.say(line);
  return report.ok ? 0 : 1;
}
