/** RED and CRITICAL page once when they are reached, whatever made the incident as severe before. */

import { describe, expect, it } from 'vitest';
import type { BudgetReading } from '../../../src/domain/budget/bands.ts';
import { changeOf } from '../../../src/domain/budget/raise.ts';
import { type Command, decide } from '../../../src/domain/decide.ts';
import { type Alert, evolve, type Incident, type Severity, STANDDOWN } from '../../../src/domain/incident.ts';
import { policy } from '../../scenarios/desk.ts';

const { playbook } = policy();
const T0 = Date.parse('2026-11-10T12:00:00Z');
const burning = playbook.burnRates.find(({ over }) => over === 5) ?? null;

const reading = (status: BudgetReading['status'], burn: BudgetReading['burning']): BudgetReading => ({
  slo: 'SLO-01',
  title: 'Data feed',
  month: '2026-11',
  targetPct: 99.5,
  budgetSec: 12_960,
  consumedSec: 12_000,
  remainingSec: 960,
  consumedPct: 92.6,
  remainingPct: 7.4,
  status,
  atBest: 'RED',
  measuredPct: 100,
  unmeasuredSec: 0,
  burn: [],
  burning: burn,
});

const alerts = (status: BudgetReading['status'], burn: BudgetReading['burning'] = null): Alert[] =>
  changeOf(reading(status, burn), undefined, playbook, T0, false)?.firing ?? [];

function desk() {
  let incident: Incident | undefined;
  const pages: string[] = [];
  const run = (command: Command): void => {
    for (const event of decide(command, incident, T0, playbook)) {
      incident = evolve(incident, event);
      if (event.type === 'PageOwed') pages.push(event.severity);
    }
  };
  return {
    pages,
    fire: (fired: Alert[]) => {
      for (const alert of fired)
        run({ type: 'TakeFiring', by: STANDDOWN, incident: 'INC-1', alert, runbook: null, drill: false });
    },
    severity: (to: Severity) => run({ type: 'ChangeSeverity', by: STANDDOWN, to, why: 'x' }),
  };
}

describe('a band that halts trading', () => {
  it('pages once where a burn of 5× has paged as P1 before, also when it is said again after a restart', () => {
    const it = desk();
    const [burn] = alerts('UNKNOWN', burning);
    it.fire(burn === undefined ? [] : [burn]);
    expect(it.pages).toEqual(['P1']);
    it.fire(alerts('RED'));
    it.fire(alerts('RED'));
    expect(it.pages).toEqual(['P1', 'P1']);
    it.fire(alerts('CRITICAL'));
    it.fire(alerts('CRITICAL'));
    expect(it.pages).toEqual(['P1', 'P1', 'P0']);
  });

  it('pages once as CRITICAL where somebody made it P0 before', () => {
    const it = desk();
    it.fire(alerts('YELLOW'));
    it.severity('P0');
    expect(it.pages).toEqual(['P0']);
    it.fire(alerts('CRITICAL'));
    it.fire(alerts('CRITICAL'));
    expect(it.pages).toEqual(['P0', 'P0']);
  });

  it('pages once, and not twice, when it raises the incident itself', () => {
    const it = desk();
    it.fire(alerts('ORANGE'));
    it.fire(alerts('RED', burning));
    expect(it.pages).toEqual(['P2', 'P1']);
  });

  it('is nothing that an alert of another source can say', () => {
    const it = desk();
    it.fire(alerts('YELLOW'));
    it.severity('P1');
    it.fire(alerts('RED').map((alert) => ({ ...alert, source: 'generic' })));
    expect(it.pages).toEqual(['P1']);
  });
});
