/** What heartbeats prove: that a stop is obeyed, and the load of the engine's machine. */

import { describe, expect, it } from 'vitest';
import { createEngines } from '../../src/engine/engines.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { loadPolicy } from '../../src/policy.ts';
import { DESK, type Log } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the shipped policy does not load');
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const ADA = { via: 'slack', id: 'U0ADA', name: 'Ada' } as const;

function world() {
  const clock = fakeClock();
  const ledger = createLedger({
    store: fakeStore(clock.now),
    clock,
    playbook: loaded.ok ? loaded.policy.playbook : (undefined as never),
    log: quiet,
  });
  const engines = createEngines({ ledger, clock, log: quiet, expected: [{ id: 'main', everyMs: 5_000 }] });
  const hold = (key: 'PAUSE_SIGNALS' | 'HALT_NEW_ORDERS') =>
    ledger.commit(DESK, { type: 'PlaceHold', by: ADA, hold: key, key, reason: 'x', owner: 'operator' });
  const beat = (control: Record<string, string>, engine = 'main') =>
    engines.heartbeat({ engine, at: clock.now(), control });
  return { clock, ledger, engines, hold, beat };
}

describe('whether a stop is obeyed', () => {
  it('a pause that is obeyed stays so while something else is written on top of it', async () => {
    const { clock, engines, hold, beat } = world();
    expect(engines.obeysStop()).toBe(false);
    await hold('PAUSE_SIGNALS');
    beat({ PAUSE_SIGNALS: '1' });
    expect(engines.obeysStop()).toBe(true);
    await clock.advance(2_000);
    await hold('HALT_NEW_ORDERS');
    expect(engines.obeysStop()).toBe(true);
    // The whole of what is ordered is another question, and not answered yet.
    expect(engines.status()).toMatchObject([{ confirmed: false }]);
  });

  it('not by a heartbeat from before the stop, by an old one, by one that echoes none, or by one engine of two', async () => {
    const { clock, engines, hold, beat } = world();
    beat({ PAUSE_SIGNALS: '1' });
    await clock.advance(1);
    await hold('PAUSE_SIGNALS');
    expect(engines.obeysStop()).toBe(false);
    beat({ PAUSE_SIGNALS: '0' });
    expect(engines.obeysStop()).toBe(false);
    await clock.advance(1);
    beat({ PAUSE_SIGNALS: '1' });
    expect(engines.obeysStop()).toBe(true);
    await clock.advance(15_001);
    expect(engines.obeysStop()).toBe(false);
    beat({ PAUSE_SIGNALS: '1' });
    beat({}, 'other');
    expect(engines.obeysStop()).toBe(false);
  });

  it('not by an echo of a stop that nothing holds any more', async () => {
    const { ledger, engines, hold, beat } = world();
    await hold('PAUSE_SIGNALS');
    await ledger.commit(DESK, {
      type: 'LiftHold',
      by: ADA,
      hold: 'PAUSE_SIGNALS',
      key: 'PAUSE_SIGNALS',
      reason: 'x',
    });
    beat({ PAUSE_SIGNALS: '1', HALT_NEW_ORDERS: '1', KILL_SWITCH: '1' });
    expect(engines.obeysStop()).toBe(false);
  });
});

it('the newest load of a machine is kept, and a late heartbeat does not replace it', async () => {
  const { clock, engines } = world();
  expect(engines.hosts().get('main')).toBeNull();
  engines.heartbeat({ engine: 'main', at: clock.now(), host: { cpuPct: 5 } });
  engines.heartbeat({ engine: 'main', at: clock.now() - 1, host: { cpuPct: 99 } });
  expect(engines.hosts().get('main')).toEqual({ cpuPct: 5 });
});
