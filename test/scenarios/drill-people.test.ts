/** The drills of people, each played to its end through the real bot. */

import { afterEach, describe, expect, it } from 'vitest';
import { CAST } from '../../src/rehearsal/stage.ts';
import { type InProcess, startDesk } from './desk.ts';
import { beginDrill } from './drilled.ts';
import { paged, posted, settled, shows } from './reading.ts';

let desk: InProcess;
let aheadMs = 0;

afterEach(async () => desk?.close());

async function live(): Promise<void> {
  aheadMs = 0;
  desk = await startDesk({ live: true, now: () => Date.now() + aheadMs });
}

const begin = (scenario: string) => beginDrill(desk, scenario);

async function acknowledge(id: string): Promise<void> {
  await posted(desk, id);
  const page = await paged(desk, id);
  desk.stage.pagerDuty.acknowledge(page.id, CAST.ada.pagerDuty);
}

describe('a drill of people', () => {
  it.each([
    ['feed-gap', 'There was no gap'],
    ['runbook', 'whether the engine stops were NOT measured'],
  ])('%s: to its end, compared, and what missed its limit is filed', async (scenario, open) => {
    await live();
    const first = await begin(scenario);
    await acknowledge(first);
    const { gameDay } = await settled(desk, first, ({ pages }) => pages[0]?.state === 'acknowledged');
    const by = { via: 'slack' as const, id: CAST.ada.id, name: 'ada' };
    for (const step of gameDay?.steps ?? [])
      await desk.bot.desk.command(first, { type: 'MarkStep', by, step, mark: 'done' });
    const done = await settled(desk, first, (one) => one.drillResult !== undefined);
    expect(done.drillResult?.result).toMatchObject({ scenario, ended: 'done', passed: true, kill: null });
    expect(done.actionItems).toEqual([]);
    await shows(desk, first, open);
    await shows(desk, first, 'nothing to compare with');

    // Nobody answers the second one.
    const second = await begin(scenario);
    await posted(desk, second);
    await paged(desk, second);
    await settled(desk, second, ({ pages }) => pages[0]?.state === 'assigned');
    aheadMs = 16 * 60_000;
    const { drillResult, actionItems } = await settled(
      desk,
      second,
      (one) => one.issues['A1']?.url !== undefined,
    );
    expect(drillResult?.result).toMatchObject({ ended: 'done', passed: false });
    expect(drillResult?.result.earlier.map(({ drill, passed }) => [drill, passed])).toEqual([
      [gameDay?.drill, true],
    ]);
    expect(actionItems.length).toBe(2);
    await shows(desk, second, 'than in DRILL_');
  });
});
