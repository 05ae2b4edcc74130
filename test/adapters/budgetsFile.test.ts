/** The budgets' file: what was kept comes back; what is broken, huge or hostile is set aside and costs nothing else. */

import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBudgetsFile } from '../../src/adapters/budgetsFile.ts';
import { createBudgets } from '../../src/domain/budget/budgets.ts';
import { createLog } from '../../src/log.ts';
import { policy } from '../scenarios/desk.ts';

const { playbook } = policy();
const folder = (): string => mkdtempSync(join(tmpdir(), 'standdown-budgets-'));
const log = createLog('silent', (text) => text);
const T0 = Date.parse('2026-11-10T12:00:00Z');

function some() {
  const budgets = createBudgets(playbook);
  for (let now = T0; now <= T0 + 600_000; now += 1_000)
    budgets.look({ 'SLO-01': { state: now % 7_000 === 0 ? 'bad' : 'good', why: '' } }, now);
  budgets.exclude({
    id: 'X',
    from: 1,
    to: 2,
    name: '<!channel> ',
    slo: null,
    by: { via: 'slack', id: 'U1', name: 'Ada' },
    at: T0,
  });
  budgets.note('SLO-01', {
    month: '2026-11',
    status: 'YELLOW',
    burn: { over: 5, month: '2026-11', since: null },
  });
  return budgets.snapshot();
}

describe('the file of the budgets', () => {
  it('gives back what was kept', async () => {
    const dir = folder();
    const state = some();
    expect(await createBudgetsFile(dir, log).load()).toBeNull();
    await createBudgetsFile(dir, log).save(state);
    expect(await createBudgetsFile(dir, log).load()).toEqual(state);
  });

  const runs = (...list: unknown[]) => ({
    ...some(),
    accounts: [['SLO-01', { takenTo: 1, badTo: 1, runs: list.flat() }]],
  });
  const manyRuns = {
    ...some(),
    accounts: [['SLO-01', { takenTo: 1, badTo: 1, runs: Array.from({ length: 450_000 }, () => 1) }]],
  };
  it.each<[string, unknown]>([
    ['nothing', ''],
    ['no JSON', '{"version":1'],
    ['another version', { ...some(), version: 2 }],
    ['a list', []],
    ['a run without an end', runs([0, 1e12, 1, 1, 1])],
    ['a minute that is no date', runs([1e15, 1, 1, 1, 1])],
    ['a negative minute', runs([-5, 1, 1, 1, 1])],
    ['a minute of 61 s', runs([10, 1, 30, 31, 0])],
    ['half a run', runs([10, 1, 30])],
    ['text for a number', runs(['10', 1, 1, 1, 1])],
    ['too many runs', manyRuns],
    [
      'a band that there is not',
      { ...some(), acted: [['SLO-01', { month: '2026-11', status: 'BLUE', burn: null }]] },
    ],
    [
      'a month that there is not',
      { ...some(), acted: [['SLO-01', { month: '2026-13', status: 'RED', burn: null }]] },
    ],
    ['NUL and a lone surrogate', '\u0000\ud800'],
  ])('that holds %s is set aside', async (_what, content) => {
    const dir = folder();
    const path = join(dir, 'budgets.json');
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(path, text);
    expect(await createBudgetsFile(dir, log).load()).toBeNull();
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}.unreadable`)).toEqual(Buffer.from(text));
  });
});
