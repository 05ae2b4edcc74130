/** A page that says that it is a test: sent, followed until a person has acknowledged it, and resolved. One at a time. */

import type { FactEvent } from '../domain/decide.ts';
import { Refusal } from '../domain/decide.ts';
import { type Actor, STANDDOWN } from '../domain/incident.ts';
import { AHEAD_MS, type ReadinessState, type TestPage } from '../domain/readiness/events.ts';
import { isTesting } from '../domain/readiness/state.ts';
import { span, utc } from '../domain/words.ts';
import type { Clock, Log, PageRequest, Pager, PagerAgent } from '../ports.ts';
import { backoff } from './backoff.ts';

export interface TestPages {
  /** Send one. Throws Refusal while one is on its way, and StoreUnavailable. */
  ask(by: Actor): Promise<number>;
  /** PagerDuty's webhook said something of one. */
  hear(page: number, what: string, agent: PagerAgent): Promise<void>;
  /** Once a second. Never throws. */
  tick(): Promise<void>;
}

export interface TestPageDeps {
  state(): ReadinessState;
  commit(by: Actor, ...events: FactEvent[]): Promise<void>;
  pager: Pick<Pager, 'trigger' | 'resolve' | 'find' | 'canConfirm'>;
  clock: Clock;
  log: Log;
  rehearsal: boolean;
  /** What it proves if it is acknowledged: the key that it goes out with. */
  of: string[];
}

export const testKey = (page: number): string => `DESK/test-${page}`;
const KEY = /^DESK\/test-(\d{1,6})$/;
/** The number of a test page by its key at PagerDuty; null: it is the key of something else. */
export const testPageOf = (key: string): number | null => {
  const found = KEY.exec(key)?.[1];
  return found === undefined ? null : Number(found);
};

/** Nobody who has not answered by then was reached: the test is over, and proves nothing. */
const GIVE_UP_MS = 30 * 60_000;
/** Between two looks at PagerDuty, where no webhook tells. */
const LOOK_MS = 10_000;
/** PagerDuty's clock and ours: an incident that is older belongs to another test of the same number. */
const SKEW_MS = 5 * 60_000;

export function createTestPages(deps: TestPageDeps): TestPages {
  const { state, commit, pager, clock, log, rehearsal, of } = deps;
  let asking = false;
  let busy = false;
  /** Monotonic ms. */
  let notBefore = 0;
  let tries = 0;
  // A try of an earlier process may have arrived.
  let maybe = true;

  /** Its time is over, or a clock that was ahead dates it in the future: then nobody can say for how long it has waited. */
  const isOver = (since: number): boolean =>
    clock.now() - since > GIVE_UP_MS || since > clock.now() + AHEAD_MS;

  async function send(test: TestPage): Promise<void> {
    const { page } = test;
    if (isOver(test.at)) {
      // One that arrived, though nothing said so, would ring on for ever.
      if (maybe && (await resolve(page)) === 'again') return;
      return commit(STANDDOWN, {
        type: 'TestPageFailed',
        page,
        reason:
          test.reason ??
          `it was not sent: asked for at ${utc(test.at)}, which is over 30 min ago, or in the future`,
        gaveUp: true,
      });
    }
    const known = maybe && pager.canConfirm ? await newest(test) : null;
    if (known === undefined) {
      // It may have rung, and been resolved: sent once more it would ring again. A test can wait.
      tries += 1;
      notBefore = clock.monotonic() + backoff(tries, undefined);
      return;
    }
    if (known !== null) return commit(STANDDOWN, { type: 'TestPageQueued', page });
    const sent = await pager.trigger(request(test, rehearsal));
    if (sent.state === 'done') {
      tries = 0;
      notBefore = 0;
      return commit(STANDDOWN, { type: 'TestPageQueued', page });
    }
    maybe ||= sent.maybe;
    tries += 1;
    notBefore = clock.monotonic() + backoff(tries, sent.retryAfterMs);
    if (sent.retry && test.reason === sent.reason) return;
    await commit(STANDDOWN, { type: 'TestPageFailed', page, reason: sent.reason, gaveUp: !sent.retry });
  }

  /** The incident that came of it; null: none, undefined: PagerDuty cannot be asked. */
  async function newest(test: TestPage) {
    const found = await pager.find(testKey(test.page));
    if (found.state === 'unavailable') return undefined;
    const last = found.state === 'found' ? found.incidents.at(-1) : undefined;
    return last === undefined || Date.parse(last.createdAt) < test.at - SKEW_MS ? null : last;
  }

  async function follow(test: TestPage): Promise<void> {
    notBefore = clock.monotonic() + LOOK_MS;
    const over = isOver(test.queuedAt ?? test.at);
    const found = pager.canConfirm ? await newest(test) : null;
    if (found?.acknowledgedBy != null) {
      await heard(test.page, found.acknowledgedBy);
      return;
    }
    if (found?.status === 'resolved') return commit(STANDDOWN, { type: 'TestPageClosed', page: test.page });
    if (over) await close(test);
  }

  async function close(test: TestPage): Promise<void> {
    if ((await resolve(test.page)) === 'done')
      await commit(STANDDOWN, { type: 'TestPageClosed', page: test.page });
  }

  /** `refused`: to try again would change nothing. */
  async function resolve(page: number): Promise<'done' | 'again' | 'refused'> {
    const sent = await pager.resolve(testKey(page));
    if (sent.state === 'done') {
      tries = 0;
      return 'done';
    }
    tries += 1;
    notBefore = clock.monotonic() + backoff(tries, sent.retryAfterMs);
    log.warn({ page, reason: sent.reason }, 'a test page could not be resolved: it is tried again');
    return sent.retry ? 'again' : 'refused';
  }

  async function heard(page: number, agent: PagerAgent): Promise<void> {
    const { test } = state();
    if (test?.page !== page || test.state === 'closed' || test.acknowledged?.person === true) return;
    // What acknowledges by itself is noted once, and a person may still come after it.
    if (!agent.isPerson && test.acknowledged !== null) return;
    const by: Actor = { via: 'pagerduty', id: agent.id, name: agent.name };
    const said = {
      type: 'TestPageAcknowledged' as const,
      page,
      who: agent.name,
      person: agent.isPerson,
    };
    if (!agent.isPerson) return commit(by, said);
    const now = clock.now();
    const took = span(now - (test.queuedAt ?? test.at));
    // The proof first: after a crash in between it is heard once more.
    await commit(
      by,
      {
        type: 'ReadinessProved',
        line: 'alerting',
        part: '',
        evidence: `${test.rehearsal ? 'DRILL ' : ''}test page ${page}, asked for at ${utc(test.at)}, was acknowledged at PagerDuty by ${agent.name}${took === null ? '' : `, known after ${took}`}`,
        provedAt: now,
        rehearsal: test.rehearsal,
        of,
      },
      said,
    );
    notBefore = 0;
  }

  return {
    async ask(by) {
      const { test } = state();
      if (asking || isTesting(state()))
        throw new Refusal(
          'test_running',
          `Test page ${test?.page ?? ''} is on its way already${test === null ? '' : `, asked for by ${test.by.name} at ${utc(test.at)}`}: there is one at a time. Nothing was sent.`,
        );
      asking = true;
      try {
        const page = (test?.page ?? 0) + 1;
        await commit(by, { type: 'TestPageAsked', page, rehearsal });
        tries = 0;
        notBefore = 0;
        maybe = false;
        return page;
      } finally {
        asking = false;
      }
    },
    async hear(page, what, agent) {
      if (what === 'acknowledged') await heard(page, agent);
    },
    async tick() {
      const { test } = state();
      if (test === null || !isTesting(state()) || busy || clock.monotonic() < notBefore) return;
      busy = true;
      try {
        if (test.state === 'owed') await send(test);
        else if (test.state === 'queued') await follow(test);
        else await close(test);
      } catch (error) {
        notBefore = clock.monotonic() + LOOK_MS;
        log.warn({ page: test.page, error: String(error) }, 'a test page waits: it is tried again');
      } finally {
        busy = false;
      }
    },
  };
}

function request({ page, by, at }: TestPage, rehearsal: boolean): PageRequest {
  const label = rehearsal ? 'DRILL: ' : '';
  return {
    dedupKey: testKey(page),
    // What a P0 is paged with: that is what must reach somebody.
    severity: 'critical',
    summary: `${label}TEST page from Standdown, nothing is wrong. Acknowledge it, that is all.`,
    source: 'standdown',
    links: [],
    customDetails: { test: true, 'asked for by': by.name.slice(0, 100) },
    timestampIso: new Date(at).toISOString(),
  };
}
