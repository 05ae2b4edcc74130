/** Looks up what runbooks ask for outside: each target at its own pace, with a deadline, and none waiting for another. */

import { type Finding, finding, together } from '../domain/runbook/finding.ts';
import { hostFinding, keyFinding, pageFinding, venueStateFinding } from '../domain/runbook/probes.ts';
import { PROBE_NAMES, type ProbeName } from '../domain/runbook/vocabulary.ts';
import { counted } from '../domain/words.ts';
import type { Clock, Host, StatusPage, Venue } from '../ports.ts';

export interface Probes {
  /** Begin what is due of these; never waits. What is not wanted is not asked. */
  look(wanted: ReadonlySet<ProbeName>): void;
  /** What was found last; null while a target has not answered for the first time. */
  found(): Record<ProbeName, Finding | null>;
  /** Begin nothing more. What is under way ends by its own deadline, and is dropped. */
  stop(): void;
}

interface Target {
  probe: ProbeName;
  about: string;
  everyMs: number;
  /** It takes room at a venue that a kill needs. */
  signed: boolean;
  ask(): Promise<Finding>;
}

/** Between two looks, ms. A reading of a whole venue costs most; a key changes seldom. */
const EVERY_MS: Record<ProbeName, number> = {
  providerStatus: 30_000,
  venueStatus: 30_000,
  venueRead: 60_000,
  apiKeys: 300_000,
  botHost: 10_000,
};

/** No answer is looked at after this: the far side has deadlines of its own, and this one holds whatever they do. */
const DEADLINE_MS = 10_000;

const NOTHING: Record<ProbeName, string> = {
  providerStatus: 'no status page is configured (feeds[].statusUrl)',
  venueStatus: 'no venue is configured',
  venueRead: 'no venue is configured',
  apiKeys: 'no venue is configured',
  botHost: '',
};

export function createProbes(deps: {
  venues: Pick<Venue, 'id' | 'pollMs' | 'status' | 'read' | 'keyPermissions'>[];
  feeds: readonly { id: string; statusUrl: string | null }[];
  host: Host;
  statusPage: StatusPage;
  clock: Clock;
  /** True while a kill needs the venues: nothing signed is asked then. */
  killing(): boolean;
}): Probes {
  const { venues, feeds, host, statusPage, clock, killing } = deps;
  const targets: Target[] = [
    ...feeds.flatMap(({ id, statusUrl }): Target[] =>
      statusUrl === null
        ? []
        : [target('providerStatus', id, async () => pageFinding(await statusPage(statusUrl)))],
    ),
    ...venues.flatMap((venue): Target[] => [
      target('venueStatus', venue.id, async () => venueStateFinding(await venue.status())),
      {
        ...target('venueRead', venue.id, () => reading(venue)),
        everyMs: Math.max(EVERY_MS.venueRead, 2 * venue.pollMs),
        signed: true,
      },
      {
        ...target('apiKeys', venue.id, async () => keyFinding(await venue.keyPermissions(), clock.now())),
        signed: true,
      },
    ]),
    target('botHost', 'the bot', async () => hostFinding(await host.read())),
  ];
  const found = new Map<Target, Finding>();
  const askedAt = new Map<Target, number>();
  const asking = new Set<Target>();
  let stopped = false;

  function target(probe: ProbeName, about: string, ask: () => Promise<Finding>): Target {
    return { probe, about, ask, everyMs: EVERY_MS[probe], signed: false };
  }

  async function reading(venue: Pick<Venue, 'read'>): Promise<Finding> {
    const startedAt = clock.monotonic();
    const { lists, positions } = await venue.read();
    const seconds = ((clock.monotonic() - startedAt) / 1_000).toFixed(1);
    const failed = [...lists, ...positions].flatMap((part) => (part.state === 'failed' ? [part.reason] : []));
    const [reason] = failed;
    if (reason !== undefined) return finding('bad', `cannot be read: ${reason}`);
    if (lists.length + positions.length === 0) return finding('unknown', 'nothing of it was read');
    const gist = `${lists.length} ${positions.length}`;
    return finding(
      'ok',
      `${counted(lists.length, 'order list')} and ${counted(positions.length, 'wallet')} read in ${seconds} s`,
      gist,
    );
  }

  async function ask(one: Target): Promise<void> {
    askedAt.set(one, clock.monotonic());
    asking.add(one);
    const over = new AbortController();
    const late = clock
      .wait(DEADLINE_MS, over.signal)
      .then(() => finding('unknown', `no answer within ${DEADLINE_MS / 1_000} s`));
    const answer = one.ask().catch(() => finding('unknown', 'it could not be asked: a fault of our own'));
    const first = await Promise.race([answer, late]);
    over.abort();
    asking.delete(one);
    if (!stopped) found.set(one, first);
  }

  const isDue = (one: Target): boolean => {
    if (asking.has(one) || (one.signed && killing())) return false;
    const at = askedAt.get(one);
    return at === undefined || clock.monotonic() - at >= one.everyMs;
  };

  function lastOf(one: Target): Finding | null {
    const last = found.get(one) ?? null;
    if (!one.signed || !killing()) return last;
    return last === null
      ? finding('unknown', 'not asked while a kill needs the venue')
      : { ...last, text: `${last.text} (before the kill; not asked while it needs the venue)` };
  }

  return {
    look(wanted) {
      if (stopped) return;
      for (const one of targets) if (wanted.has(one.probe) && isDue(one)) void ask(one);
    },
    found: () =>
      Object.fromEntries(
        PROBE_NAMES.map((probe) => {
          const parts = targets.filter((one) => one.probe === probe);
          return [
            probe,
            together(
              parts.map((one) => ({ about: one.about, found: lastOf(one) })),
              NOTHING[probe],
            ),
          ];
        }),
      ) as Record<ProbeName, Finding | null>,
    stop() {
      stopped = true;
    },
  };
}
