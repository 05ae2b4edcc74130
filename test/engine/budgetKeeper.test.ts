/** What the keeper of the error budgets puts on record, and takes up from the logs when its file does not have it. */

import { describe, expect, it } from 'vitest';
import type { BudgetsSnapshot } from '../../src/domain/budget/budgets.ts';
import type { Actor } from '../../src/domain/incident.ts';
import { createMeasurements } from '../../src/domain/measure/measurements.ts';
import { createBudgetKeeper } from '../../src/engine/budgetKeeper.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { createLog } from '../../src/log.ts';
import { DESK } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const MIN = 60_000;
const START = Date.parse('2026-11-30T23:00:00Z');
const ada: Actor = { via: 'slack', id: 'U1', name: 'Ada' };
const log = createLog(
  'silent',
  (text) => text,
  () => undefined,
);
type Windows = { from: number; to: number; name: string }[];

/** A desk without venues, on one store: its file is what was saved last, or what a crash left of it. */
function world() {
  let now = START;
  const store = fakeStore(() => now);
  let file: BudgetsSnapshot | null = null;
  const clock = { ...fakeClock(), now: () => now };
  const ledger = createLedger({ store, clock, playbook, log });
  const start = (maintenance: Windows = []) =>
    createBudgetKeeper({
      desk: {
        takeAlerts: async () => [],
        hold: async () => Promise.reject(new Error('none')),
        command: ledger.commit,
      },
      ledger,
      store,
      monitor: {
        seen: () => ({
          facts: {
            market: { open: true, since: null },
            stopConfirmed: false,
            engineSilent: false,
            heartbeatAgeMs: 1,
            silent: [],
            mismatches: [],
          },
          criteria: [],
          unknownSince: new Map(),
        }),
        measurements: createMeasurements([]),
        onTaken: () => undefined,
      },
      clock,
      log,
      playbook,
      rules: { feeds: [] },
      hours: { timezone: 'UTC', days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], maintenance },
      graceMs: 120_000,
      mode: 'act',
      file: {
        load: async () => structuredClone(file),
        save: async (state) => {
          file = structuredClone(state);
        },
      },
    });
  return {
    store,
    ledger,
    start,
    to: (at: number) => {
      now = at;
    },
    saved: () => file,
    crashTo: (state: BudgetsSnapshot | null) => {
      file = state;
    },
    async incident(id: string) {
      await ledger.commit(
        id,
        {
          type: 'DeclareIncident',
          by: ada,
          incident: id,
          title: id,
          severity: 'P2',
          runbook: null,
          drill: true,
        },
        { fresh: true },
      );
      const found = ledger.peek(id);
      if (found === undefined) throw new Error(id);
      return found;
    },
  };
}

const times = (from: number, to: number, slo = 'SLO-06') => ({ from, to, slo, reason: 'as it was' });

describe('true times', () => {
  it('are taken up from the logs, all of them, of resolved incidents too, when the file has none of them', async () => {
    const desk = world();
    const keeper = await desk.start();
    await keeper.tick();
    const before = desk.saved();
    const [one, two] = [await desk.incident('INC-20261130-001'), await desk.incident('INC-20261130-002')];
    desk.to(START + 30 * MIN);
    await keeper.adjust(ada, one, times(START, START + 5 * MIN));
    await keeper.adjust(ada, one, times(START, START + 2 * MIN, 'SLO-05'));
    await keeper.adjust(ada, two, times(START + 10 * MIN, START + 20 * MIN));
    desk.to(START + 31 * MIN);
    await keeper.adjust(ada, two, times(START + 10 * MIN, START + 11 * MIN));
    for (const id of [one.id, two.id])
      await desk.ledger.commit(id, { type: 'ResolveIncident', by: ada, summary: 'over' });
    const consumed = (of: typeof keeper) =>
      Object.fromEntries(of.report().readings.map(({ slo, consumedSec }) => [slo, consumedSec]));
    await keeper.tick();
    expect(consumed(keeper)).toMatchObject({ 'SLO-05': 120, 'SLO-06': 360 });
    // kill -9 between the log and the file.
    desk.crashTo(before);
    const again = await desk.start();
    await again.tick();
    expect(consumed(again)).toMatchObject({ 'SLO-05': 120, 'SLO-06': 360 });
    expect(again.report().adjustments).toHaveLength(4);
    await again.stop();
    const third = await desk.start();
    expect(third.report().adjustments).toHaveLength(4);
  });

  it('over a month’s end name both months, and which minutes count', async () => {
    const desk = world();
    const keeper = await desk.start();
    await keeper.tick();
    const incident = await desk.incident('INC-20261130-001');
    const end = Date.parse('2026-12-01T00:00:00Z');
    desk.to(end + 60 * MIN);
    await keeper.tick();
    const { counted, in: months } = await keeper.adjust(
      ada,
      incident,
      times(end - 2 * MIN - 1, end + 5 * MIN),
    );
    expect(counted).toEqual({ from: end / MIN - 3, to: end / MIN + 5 });
    expect(months.map(({ before, after }) => [before.month, before.consumedSec, after.consumedSec])).toEqual([
      ['2026-11', 0, 180],
      ['2026-12', 0, 300],
    ]);
  });
});

describe('maintenance in the configuration', () => {
  it('takes out no minute before it was first seen, which is on the desk’s log once', async () => {
    const desk = world();
    let keeper = await desk.start();
    await keeper.tick();
    await keeper.stop();
    const window = { from: START, to: START + 40 * MIN, name: 'written afterwards' };
    desk.to(START + 20 * MIN);
    keeper = await desk.start([window]);
    await keeper.tick();
    desk.to(START + 30 * MIN);
    await keeper.tick();
    expect(keeper.report().exclusions).toMatchObject([
      { from: START / MIN + 20, to: START / MIN + 31, by: null },
    ]);
    // The file is lost: what is on record stands.
    desk.crashTo(null);
    keeper = await desk.start([window]);
    await keeper.tick();
    expect(keeper.report().exclusions).toMatchObject([
      { from: START / MIN + 20, to: START / MIN + 31, by: null },
    ]);
    const rows = (await desk.store.history(DESK)).filter(({ type }) => type === 'MaintenanceSeen');
    expect(rows).toMatchObject([
      { at: START + 20 * MIN, name: 'written afterwards', by: { id: 'configuration' } },
    ]);
  });

  it('takes nothing out while its first sight cannot be put on record', async () => {
    const desk = world();
    const keeper = await desk.start([{ from: START, to: START + 40 * MIN, name: 'x' }]);
    desk.store.fail('the disk is full');
    await keeper.tick();
    expect(keeper.report().exclusions).toEqual([]);
  });
});
