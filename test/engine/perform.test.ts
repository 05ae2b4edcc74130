import { describe, expect, it } from 'vitest';
import { STANDDOWN } from '../../src/domain/incident.ts';
import { createLedger } from '../../src/engine/ledger.ts';
import { createPerform, type PerformDeps } from '../../src/engine/perform.ts';
import { loadPolicy } from '../../src/policy.ts';
import type { Chat, Log } from '../../src/ports.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeStore } from '../fakes/store.ts';

const loaded = loadPolicy();
if (!loaded.ok) throw new Error('the shipped policy does not load');
const { playbook } = loaded.policy;
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const ID = 'INC-20261122-001';

/** An incident whose headline stands, and a Slack in which a runbook of an earlier life may stand. */
async function world(found: string | null, update: Awaited<ReturnType<Chat['update']>> = { state: 'done' }) {
  const clock = fakeClock();
  const store = fakeStore(clock.now);
  const ledger = createLedger({ store, clock, playbook, log: quiet });
  await ledger.commit(ID, {
    type: 'DeclareIncident',
    by: STANDDOWN,
    incident: ID,
    title: 't',
    severity: 'P1',
    runbook: null,
    drill: false,
  });
  await ledger.commit(ID, {
    type: 'Note',
    by: STANDDOWN,
    event: { type: 'Posted', what: 'headline', channel: 'C', ts: '1' },
  });
  const sent: string[] = [];
  const chat: Partial<Chat> = {
    find: async () => ({ state: 'done', ts: found }),
    post: async () => {
      sent.push('post');
      return { state: 'done', ts: '9' };
    },
    update: async (_channel, ts) => {
      sent.push(`update ${ts}`);
      return update;
    },
  };
  const perform = createPerform({
    store,
    ledger,
    clock,
    chat,
    draw: { runbook: () => ({ text: 'newest', blocks: [] }) },
    channel: 'C',
    log: quiet,
  } as unknown as PerformDeps);
  const outcome = await perform({
    effect: { id: 'e', incident: ID, lane: 'slack', target: `${ID}/runbook`, work: { kind: 'runbook' } },
    tries: 0,
    maybe: true,
    setMaybe: () => undefined,
  });
  return { sent, outcome };
}

const posted = { type: 'Posted', what: 'runbook', channel: 'C', ts: '7' };

describe('a message that an earlier life may have posted', () => {
  it('is brought up to date when it is found: it stands as it was then', async () => {
    const { sent, outcome } = await world('7');
    expect(sent).toEqual(['update 7']);
    expect(outcome).toEqual({ done: true, facts: [posted] });
  });

  it('is on record as found, and edited later, when that cannot be done now', async () => {
    const { outcome } = await world('7', { state: 'failed', retry: true, maybe: false, reason: 'slow down' });
    expect(outcome).toMatchObject({
      done: false,
      facts: [posted, { type: 'PostFailed', reason: 'slow down' }],
    });
  });

  it('is posted when there is none', async () => {
    expect(await world(null)).toMatchObject({ sent: ['post'], outcome: { done: true } });
  });
});
