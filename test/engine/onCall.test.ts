/** Who is asked when PagerDuty reaches nobody, and who somebody at PagerDuty is in Slack. */

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import type { OnCallNow, OnCallPerson } from '../../src/domain/onCall.ts';
import { createOnCall, type OnCallDeps } from '../../src/engine/onCall.ts';
import type { Pager } from '../../src/ports.ts';

const SLACK: Record<string, string> = {
  'ada@x.example': 'U0ADA',
  'grace@x.example': 'U0GRACE',
  'bob@x.example': 'U0BOB',
};
const person = (
  name: string,
  level: number,
  email: string | null = `${name.toLowerCase()}@x.example`,
): OnCallPerson => ({
  id: `P${name.toUpperCase()}`,
  name,
  email,
  level,
  schedule: null,
  until: null,
  next: null,
  contacts: [],
});

function make(
  extra: Partial<OnCallDeps> & { now?: () => Promise<OnCallNow>; emailOf?: Pager['emailOf'] } = {},
) {
  const kept = new Map<string, string[]>();
  const { now, emailOf, ...deps } = extra;
  const onCall = createOnCall({
    pager: {
      onCallNow: now ?? (async () => ({ state: 'known', people: [person('Ada', 1)] })),
      emailOf: emailOf ?? (async (id: string) => (id === 'PADA' ? 'ada@x.example' : null)),
    },
    responders: ['U0GRACE', 'S0DESK', 'pd:PSCHED'],
    members: {
      remember: (name, members) => void kept.set(name, members),
      recall: (name) => kept.get(name) ?? null,
    },
    groupMembers: async () => ['U0BOB'],
    userByEmail: async (email) => SLACK[email] ?? null,
    emailOfUser: async (user) => Object.entries(SLACK).find(([, id]) => id === user)?.[0] ?? null,
    // Nothing waits here: what does not answer is late at once.
    clock: { ...systemClock, wait: (_ms, signal) => systemClock.wait(20, signal) },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    ...deps,
  });
  return { onCall, kept };
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const down = async (): Promise<OnCallNow> => ({ state: 'unavailable', reason: 'PagerDuty answered 500' });

describe('who is asked', () => {
  it('those on call first, then the responders of the configuration, groups as groups', async () => {
    expect(await make().onCall.mentions()).toEqual({ users: ['U0ADA', 'U0GRACE'], groups: ['S0DESK'] });
    expect(await make().onCall.addresses()).toEqual(['ada@x.example']);
  });

  it.each<[string, () => Promise<OnCallNow>]>([
    ['does not answer', () => never<OnCallNow>()],
    ['is down', down],
  ])('PagerDuty %s: who was on call last, and the responders', async (_name, broken) => {
    let now: () => Promise<OnCallNow> = async () => ({ state: 'known', people: [person('Ada', 1)] });
    const { onCall } = make({ now: () => now() });
    await onCall.refresh();
    now = broken;
    expect((await onCall.mentions()).users).toEqual(['U0ADA', 'U0GRACE']);
    expect((await onCall.addresses()).toSorted()).toEqual([
      'ada@x.example',
      'bob@x.example',
      'grace@x.example',
    ]);
  });

  it('both are down: what is kept, also by a process that has just started', async () => {
    const { kept, onCall: before } = make();
    await before.refresh();
    const { onCall } = make({
      now: down,
      groupMembers: async () => null,
      userByEmail: async () => undefined,
      emailOfUser: async () => undefined,
      members: { remember: () => undefined, recall: (name) => kept.get(name) ?? null },
    });
    expect((await onCall.mentions()).users).toEqual(['U0ADA', 'U0GRACE']);
    expect((await onCall.addresses()).toSorted()).toEqual([
      'ada@x.example',
      'bob@x.example',
      'grace@x.example',
    ]);
  });

  it('nobody known is nobody, not everybody', async () => {
    const { onCall } = make({ now: down, responders: ['pd:PSCHED'], groupMembers: async () => null });
    expect(await onCall.mentions()).toEqual({ users: [], groups: [] });
    expect(await onCall.addresses()).toEqual([]);
  });

  it('only ids that look like Slack’s are mentioned', async () => {
    const { onCall } = make({ userByEmail: async () => '!channel' });
    expect((await onCall.mentions()).users).toEqual(['U0GRACE']);
  });
});

describe('somebody at PagerDuty', () => {
  it('is the Slack user of the same address', async () => {
    expect(await make().onCall.slackOf('PADA')).toBe('U0ADA');
  });

  it.each<[string, Partial<Parameters<typeof make>[0]>]>([
    ['is nobody there', { emailOf: async () => null }],
    ['has an address that nobody here has', { emailOf: async () => 'eve@x.example' }],
    ['cannot be asked for', { emailOf: async () => undefined }],
    ['is asked for in vain', { emailOf: () => never<string>() }],
    ['breaks the question', { emailOf: () => Promise.reject(new Error('x')) }],
  ])('is unknown, and stays so, who %s', async (_name, extra) => {
    expect(await make(extra).onCall.slackOf('PEVE')).toBeNull();
  });

  it('is known from the last time while nobody can be asked, and no longer once the address is another’s', async () => {
    let emailOf: Pager['emailOf'] = async () => 'ada@x.example';
    const { onCall } = make({ emailOf: (id) => emailOf(id) });
    expect(await onCall.slackOf('PADA')).toBe('U0ADA');
    emailOf = async () => undefined;
    expect(await onCall.slackOf('PADA')).toBe('U0ADA');
    emailOf = async () => 'gone@x.example';
    expect(await onCall.slackOf('PADA')).toBeNull();
    emailOf = async () => undefined;
    expect(await onCall.slackOf('PADA')).toBeNull();
  });
});

describe('what is shown', () => {
  it('is of now; or of before, with its age; or unknown, with the reason', async () => {
    let now: () => Promise<OnCallNow> = down;
    const { onCall } = make({ now: () => now() });
    expect(await onCall.now()).toMatchObject({ state: 'unavailable', reason: 'PagerDuty answered 500' });
    now = async () => ({ state: 'known', people: [] });
    expect(await onCall.now()).toMatchObject({ state: 'known', ageMs: 0 });
    now = () => never<OnCallNow>();
    const old = await onCall.now();
    expect(old.state).toBe('known');
    expect(old.ageMs).toBeGreaterThan(0);
  });
});
