/** What each line of `check` makes of what it is told: well, failing, not known. */

import { describe, expect, it } from 'vitest';
import type { ControlDescription } from '../../src/adapters/controlFile/describe.ts';
import type { Shift } from '../../src/adapters/pagerduty/setup.ts';
import { judgeFile, judgeKeys, judgeMount, mountOf } from '../../src/check/control.ts';
import { answer, ok, PROBE_MS, probe } from '../../src/check/line.ts';
import { judgeNode, judgeSpace, judgeSync } from '../../src/check/machine.ts';
import { judgeMail, judgeRepository } from '../../src/check/outside.ts';
import {
  holesIn,
  judgeKey,
  judgeOnCall,
  judgeRota,
  judgeUrgency,
  judgeWebhook,
} from '../../src/check/pagerduty.ts';
import {
  judgeAddresses,
  judgeQuorum,
  judgeRole,
  type Resolved,
  resolvedUser,
} from '../../src/check/people.ts';
import { whyNotRunnable } from '../../src/check/policy.ts';
import {
  judgeEngine,
  judgeListening,
  judgeServer,
  judgeTokens,
  serverState,
  whyNotReady,
} from '../../src/check/server.ts';
import { judgeChannel, judgeDate, judgeScopes, wantedScopes } from '../../src/check/slack.ts';
import {
  judgeKeyRights,
  judgeReading,
  judgeSharing,
  judgeSkew,
  judgeSymbols,
} from '../../src/check/venues.ts';
import type { VenueConfig } from '../../src/config.ts';
import type { ContactMethod } from '../../src/domain/onCall.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 28);

describe('Slack', () => {
  it('scopes: missing ones fail, surplus ones are noted, none told is unknown', () => {
    expect(judgeScopes(['a', 'b'], ['a', 'b']).state).toBe('ok');
    expect(judgeScopes(['a'], ['a', 'b'])).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('b'),
    });
    expect(judgeScopes(['a', 'admin'], ['a'])).toMatchObject({
      state: 'warn',
      evidence: expect.stringContaining('admin'),
    });
    expect(judgeScopes(null, ['a']).state).toBe('unknown');
    expect(wantedScopes()).toContain('chat:write');
  });
  it.each([
    [{ state: 'said', name: 'x', isMember: true, isArchived: false }, 'ok'],
    [{ state: 'said', name: 'x', isMember: true, isArchived: null }, 'unknown'],
    [{ state: 'said', name: 'x', isMember: false, isArchived: false }, 'fail'],
    [{ state: 'said', name: 'x', isMember: true, isArchived: true }, 'fail'],
    [{ state: 'refused', code: 'channel_not_found' }, 'fail'],
    [{ state: 'refused', code: 'invalid_auth' }, 'unknown'],
    [{ state: 'silent', reason: 'x' }, 'unknown'],
  ] as const)('a channel %j is %s', (said, state) => {
    expect(judgeChannel('C1', said, true).state).toBe(state);
  });
  it('the clock: a date in whole seconds convicts nobody of less than a second', () => {
    const theirs = NOW;
    expect(judgeDate({ theirs, ours: theirs + 900 }).state).toBe('ok');
    expect(judgeDate({ theirs, ours: theirs + 60_000 })).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('ahead'),
    });
    expect(judgeDate({ theirs, ours: theirs - 60_000 })).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('behind'),
    });
    expect(judgeDate(null).state).toBe('unknown');
    expect(judgeDate({ theirs: Number.NaN, ours: theirs }).state).toBe('unknown');
  });
});

describe('people', () => {
  const person = (id: string, kind: 'member' | 'guest' | 'bot' | 'outside' | 'gone' = 'member') =>
    resolvedUser(id, { state: 'said', member: { id, name: id, kind, email: `${id}@desk.example` } });
  const unsure: Resolved = { entry: 'S1', members: [], wrong: null, unsure: 'no answer' };

  it('guests, bots, outsiders and people who left cannot act', () => {
    expect(judgeRole([person('U1')]).state).toBe('ok');
    for (const kind of ['guest', 'bot', 'outside', 'gone'] as const)
      expect(judgeRole([person('U1'), person('U2', kind)]).state).toBe('fail');
    expect(judgeRole([resolvedUser('U9', { state: 'refused', code: 'user_not_found' })]).state).toBe('fail');
    expect(judgeRole([person('U1'), unsure]).state).toBe('unknown');
    expect(judgeRole([]).state).toBe('fail');
  });
  it('enough approvers: those needed, and one who asks', () => {
    const [a, b, c] = [person('U1'), person('U2'), person('U3')] as [Resolved, Resolved, Resolved];
    expect(judgeQuorum([a], [a, b], 2).state).toBe('fail');
    expect(judgeQuorum([c], [a, b], 2).state).toBe('ok');
    expect(judgeQuorum([a], [a, b, c], 2).state).toBe('ok');
    expect(judgeQuorum([a], [a, unsure], 2).state).toBe('unknown');
    expect(judgeQuorum([c], [a], 1).state).toBe('warn');
    // The same person twice is one.
    expect(judgeQuorum([a], [a, a, a], 2).state).toBe('fail');
  });
  it('addresses that PagerDuty does not know are named', () => {
    const { members } = person('U1');
    expect(judgeAddresses(members, { state: 'listed', items: [{ email: 'U1@DESK.example' }] }).state).toBe(
      'ok',
    );
    expect(judgeAddresses(members, { state: 'listed', items: [] }).state).toBe('warn');
    expect(judgeAddresses(members, { state: 'failed', reason: 'x' }).state).toBe('unknown');
  });
});

describe('PagerDuty', () => {
  const service = {
    id: 'P1',
    name: 'Desk',
    status: 'active',
    policy: { id: 'E', name: 'E' },
    urgencies: ['severity_based'],
  };
  const listed = <T>(...items: T[]) => ({ state: 'listed' as const, items });
  const failed = { state: 'failed' as const, reason: 'HTTP 401' };

  it('holes: before, between, after; an endless shift leaves none', () => {
    const shift = (start: number | null, end: number | null): Shift => ({ level: 1, start, end });
    expect(holesIn([shift(null, null)], 0, 100)).toEqual([]);
    expect(holesIn([], 0, 100)).toEqual([{ from: 0, until: 100 }]);
    expect(holesIn([shift(60, 80), shift(10, 50)], 0, 100)).toEqual([
      { from: 0, until: 10 },
      { from: 50, until: 60 },
      { from: 80, until: 100 },
    ]);
    expect(holesIn([shift(0, 90), shift(10, 20), shift(90, 200)], 0, 100)).toEqual([]);
    expect(holesIn([shift(-50, 0), shift(0, 50), shift(200, 300)], 0, 100)).toEqual([
      { from: 50, until: 100 },
    ]);
  });
  it('the rota: a hole at every level fails, one at the first is noted', () => {
    const week = { level: 1, start: NOW, end: NOW + 7 * DAY };
    expect(judgeRota(listed<Shift>({ level: 1, start: null, end: null }), NOW).state).toBe('ok');
    expect(judgeRota(listed(week), NOW)).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('2026-12-05 00:00 UTC'),
    });
    expect(judgeRota(listed<Shift>(week, { level: 2, start: null, end: null }), NOW).state).toBe('warn');
    // The schedule of the first level was deleted: whoever is second is reached late.
    expect(judgeRota(listed<Shift>({ level: 2, start: null, end: null }), NOW).state).toBe('warn');
    expect(judgeRota(listed(), NOW).state).toBe('fail');
    expect(judgeRota(failed, NOW).state).toBe('unknown');
  });
  it('the key, the urgency', () => {
    expect(judgeKey(listed(service)).state).toBe('ok');
    expect(judgeKey(listed({ ...service, status: 'disabled' })).state).toBe('fail');
    expect(judgeKey(listed()).state).toBe('unknown');
    expect(judgeKey(failed).state).toBe('unknown');
    expect(judgeUrgency(listed(service)).state).toBe('ok');
    expect(judgeUrgency(listed({ ...service, urgencies: ['high'] })).state).toBe('warn');
    expect(judgeUrgency(listed({ ...service, urgencies: ['high', 'low'] })).state).toBe('fail');
    expect(judgeUrgency(listed({ ...service, urgencies: [] })).state).toBe('unknown');
    // What is not told, or in words that nobody knows, is not taken for good.
    for (const status of ['unknown', '', 'paused'])
      expect(judgeKey(listed({ ...service, status })).state).toBe('unknown');
    for (const status of ['warning', 'critical'])
      expect(judgeKey(listed({ ...service, status })).state).toBe('ok');
    expect(judgeUrgency(listed({ ...service, urgencies: ['high', 'loud'] })).state).toBe('unknown');
  });
  it('who is on call is reached by more than mail', () => {
    const person = { id: 'P', name: 'Ada', email: null, level: 1, schedule: null, until: null, next: null };
    const phone = { kind: 'phone' as const, label: 'x', address: '+1 555 0100' };
    const push = { kind: 'push' as const, label: 'x', address: null };
    const email = { kind: 'email' as const, label: 'x', address: null };
    const said = (contacts: ContactMethod[] | null) =>
      judgeOnCall({ state: 'known', people: [{ ...person, contacts }] }).state;
    expect(said([phone])).toBe('ok');
    expect(said([push])).toBe('ok');
    expect(said([email])).toBe('fail');
    expect(
      said([
        { ...phone, address: null },
        { ...phone, address: ' ' },
      ]),
    ).toBe('fail');
    expect(said(null)).toBe('unknown');
    expect(judgeOnCall({ state: 'known', people: [] }).state).toBe('fail');
    expect(judgeOnCall({ state: 'unavailable', reason: 'x' }).state).toBe('unknown');
  });
  it('a webhook: sends to us, is switched on, with the events that are heard', () => {
    const events = ['acknowledged', 'escalated', 'reassigned', 'resolved'].map((what) => `incident.${what}`);
    const hook = { active: true, url: 'https://desk.example/pagerduty/webhook', events, service: 'P1' };
    expect(judgeWebhook(listed(hook), 'P1').state).toBe('ok');
    expect(judgeWebhook(listed({ ...hook, events: [] }), 'P1').state).toBe('warn');
    expect(judgeWebhook(listed({ ...hook, active: false }), 'P1').state).toBe('fail');
    expect(judgeWebhook(listed({ ...hook, service: 'P2' }), 'P1').state).toBe('fail');
    expect(judgeWebhook(listed({ ...hook, url: 'https://desk.example/other' }), 'P1').state).toBe('fail');
    expect(judgeWebhook(failed, null).state).toBe('unknown');
    expect(judgeWebhook(listed({ ...hook, service: null }), 'P1').state).toBe('ok');
    // For a team, which may be another one.
    expect(judgeWebhook(listed({ ...hook, service: undefined }), 'P1').state).toBe('unknown');
  });
});

describe('venues', () => {
  const rights = { canRead: true, canTrade: true, canWithdraw: false, expires: 'never' as const };
  it('a key: reads, trades, cannot withdraw, is bound', () => {
    const said = (more: object) =>
      judgeKeyRights({ state: 'known', rights: { ...rights, ...more } }, NOW).state;
    expect(said({ addressBound: true })).toBe('ok');
    expect(said({})).toBe('ok');
    expect(said({ addressBound: false })).toBe('warn');
    expect(said({ canWithdraw: true, addressBound: true })).toBe('fail');
    expect(said({ canTrade: false })).toBe('fail');
    expect(said({ canWithdraw: null })).toBe('unknown');
    expect(said({ expires: NOW + DAY })).toBe('fail');
    expect(judgeKeyRights({ state: 'refused', reason: 'x' }, NOW).state).toBe('fail');
    expect(judgeKeyRights({ state: 'unknown', reason: 'x' }, NOW).state).toBe('unknown');
  });
  it('a list that is not read fails, and is named; of a venue that does not answer nothing is known', () => {
    const list = { list: 'regular', state: 'read' as const, orders: [] };
    const held = { scope: 'spot', state: 'read' as const, positions: [] };
    const broken = { list: 'algo', state: 'failed' as const, reason: 'no right' };
    const hidden = { scope: 'spot', state: 'failed' as const, reason: 'late' };
    expect(judgeReading({ lists: [list], positions: [held] }, true).state).toBe('ok');
    expect(judgeReading({ lists: [list, broken], positions: [held] }, true)).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('algo: no right'),
    });
    expect(judgeReading({ lists: [broken], positions: [hidden] }, true).state).toBe('fail');
    expect(judgeReading({ lists: [broken], positions: [hidden] }, false).state).toBe('unknown');
    // It told something: what it did not tell would be missing in a kill.
    expect(judgeReading({ lists: [list, broken], positions: [held] }, false).state).toBe('fail');
    for (const nothing of [
      { lists: [], positions: [] },
      { lists: [list], positions: [] },
      { lists: [], positions: [held] },
    ])
      expect(judgeReading(nothing, true)).toMatchObject({
        state: 'unknown',
        mend: expect.stringMatching(/./),
      });
  });
  it('a second is the limit of the clocks; what took too long to tell is unknown', () => {
    const skew = (skewMs: number, withinMs: number) => judgeSkew({ state: 'read', skewMs, withinMs }).state;
    expect(skew(100, 50)).toBe('ok');
    expect(skew(-600, 50)).toBe('warn');
    expect(skew(-1_300, 100)).toBe('fail');
    expect(skew(300, 2_000)).toBe('unknown');
    expect(judgeSkew({ state: 'failed', reason: 'x' }).state).toBe('unknown');
    for (const [skewMs, withinMs] of [
      [Number.NaN, 50],
      [0, Number.NaN],
      [0, -5_000],
      [Number.POSITIVE_INFINITY, 50],
    ] as const)
      expect(skew(skewMs, withinMs)).toBe('unknown');
  });
  it('symbols, and a key that two have', () => {
    expect(judgeSymbols(['BTC/USDT'], { state: 'read', symbols: [] }).state).toBe('ok');
    expect(judgeSymbols(['BTC/USDT'], { state: 'read', symbols: ['BTC/USDT'] }).state).toBe('fail');
    expect(judgeSymbols(['BTC/USDT'], { state: 'failed', reason: 'x' }).state).toBe('unknown');
    const venue = (id: string, apiKey: string) =>
      ({ id, apiKey, secret: `secret-of-${apiKey}`, privateKey: null }) as VenueConfig;
    const said = (other: string, control = '') =>
      judgeSharing(venue('a', 'k'), [venue('a', 'k'), venue('b', other)], control).state;
    expect(said('k')).toBe('warn');
    expect(said('l')).toBe('ok');
    expect(said('l', 'KILL_SWITCH=0\nSECRET="secret-of-k"\n')).toBe('fail');
  });
});

describe('the machine, the control file, the server', () => {
  it('Node, space, sync', () => {
    expect(
      ['v20.19.0', 'v22.1.0', 'v20.18.9', 'v18.20.0', 'v23.0.0'].map((one) => judgeNode(one).state),
    ).toEqual(['ok', 'ok', 'fail', 'fail', 'warn']);
    const GIB = 1024 ** 3;
    const space = (bytes: number, inodes = 9_999, countsInodes = true) =>
      judgeSpace({ bytes, inodes, countsInodes }).state;
    expect([
      space(2 * GIB),
      space(GIB / 2),
      space(1_000),
      space(2 * GIB, 5),
      space(2 * GIB, 0, false),
    ]).toEqual(['ok', 'warn', 'fail', 'fail', 'ok']);
    expect(
      [
        judgeSync([1, 2, 3], ''),
        judgeSync([1, 2, 900], ''),
        judgeSync([300, 300, 300], ''),
        judgeSync([], 'EACCES'),
      ].map(({ state }) => state),
    ).toEqual(['ok', 'warn', 'fail', 'warn']);
  });
  it('a file that is mounted by itself, or is missing, fails; a folder of the container’s own fails, unless the engine reads it', () => {
    const good: ControlDescription = {
      exists: true,
      writable: true,
      isMountPoint: false,
      format: 'env',
      missingKeys: [],
      keepsOwner: true,
      problems: [],
    };
    expect(judgeFile(good).state).toBe('ok');
    expect(judgeFile({ ...good, exists: false }).state).toBe('fail');
    expect(judgeFile({ ...good, isMountPoint: true })).toMatchObject({
      state: 'fail',
      mend: expect.stringContaining('Mount the folder'),
    });
    expect(judgeFile({ ...good, problems: ['x'] }).state).toBe('fail');
    expect(judgeKeys(good, 0).state).toBe('ok');
    expect(judgeKeys(good, 3).state).toBe('warn');
    const mounts = '1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /control rw - ext4 d rw';
    expect(mountOf('/control/desk', mounts)).toBe('/control');
    expect(mountOf('/controlled', mounts)).toBe('/');
    expect(judgeMount('/control', mounts, true, false).state).toBe('ok');
    expect(judgeMount('/app', mounts, true, false).state).toBe('fail');
    expect(judgeMount('/app', mounts, true, true).state).toBe('warn');
    expect(judgeMount('/app', null, true, true).state).toBe('unknown');
    expect(judgeMount('/app', null, false, false).state).toBe('ok');
  });
  it('what answers on the port is ours, or is not', () => {
    const said = (status: number, json: unknown) =>
      serverState({ state: 'answered', status, headers: new Headers(), json });
    const engine = [{ id: 'main', confirmed: true, ageMs: 900 }];
    const up = said(200, { mode: 'live', trading: { state: 'running', latch: null, engine } });
    expect(judgeServer(up, 3000, false).state).toBe('ok');
    const trading = { state: 'killed', latch: null, engine, unwritten: 'KILL_SWITCH: no space left' };
    expect(judgeServer(said(200, { mode: 'live', trading }), 3000, false)).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('NOT in the control file'),
    });
    expect(judgeServer(said(200, undefined), 3000, false)).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('not this bot'),
    });
    expect(judgeServer(said(401, { error: 'unauthorized', detail: '' }), 3000, false).state).toBe('fail');
    if (up.state !== 'up') throw new Error(up.state);
    expect(judgeServer({ ...up, notReady: 'ENOSPC' }, 3000, false)).toMatchObject({
      state: 'fail',
      evidence: expect.stringContaining('not ready: ENOSPC'),
    });
    const ready = (status: number, json: unknown) =>
      whyNotReady({ state: 'answered', status, headers: new Headers(), json });
    expect(ready(200, { ok: true })).toBeNull();
    expect(ready(503, { error: 'not_ready', detail: 'ENOSPC' })).toBe('ENOSPC');
    expect(ready(404, '<html>')).toContain('404');
    expect(whyNotReady({ state: 'failed', reason: 'late', refused: false })).toContain('late');
    const down = serverState({ state: 'failed', reason: 'ECONNREFUSED', refused: true });
    expect([judgeServer(down, 3000, true).state, judgeServer(down, 3000, false).state]).toEqual([
      'fail',
      'fail',
    ]);
    expect(
      judgeServer(serverState({ state: 'failed', reason: 'late', refused: false }), 3000, false).state,
    ).toBe('fail');
    expect(judgeEngine('main', up, 5).state).toBe('ok');
    expect(judgeEngine('main', up, 0.1).evidence).toContain('silent');
    expect(judgeEngine('other', up, 5).state).toBe('fail');
    expect(judgeEngine('main', down, 5).state).toBe('unknown');
  });
  it('tokens and where it listens', () => {
    expect(judgeTokens(['x'.repeat(64)], '0.0.0.0').state).toBe('ok');
    expect(judgeTokens(['short'], '127.0.0.1').state).toBe('warn');
    expect(judgeTokens(['x'.repeat(64), 'short'], '0.0.0.0').state).toBe('fail');
    expect(judgeTokens([], '127.0.0.1').state).toBe('fail');
    expect([judgeListening('127.0.0.1').state, judgeListening('0.0.0.0').state]).toEqual(['ok', 'warn']);
  });
  it('mail, GitHub, programs', () => {
    expect(
      [
        judgeMail({ state: 'ready' }),
        judgeMail({ state: 'refused', reason: 'x' }),
        judgeMail({ state: 'unreachable', reason: 'x' }),
      ].map(({ state }) => state),
    ).toEqual(['ok', 'fail', 'fail']);
    const seen = { state: 'seen' as const, name: 'a/b', archived: false, hasIssues: true };
    expect(
      [
        judgeRepository(seen),
        judgeRepository({ ...seen, archived: true }),
        judgeRepository({ ...seen, hasIssues: false }),
        judgeRepository({ state: 'refused', reason: 'x' }),
        judgeRepository({ state: 'silent', reason: 'x' }),
      ].map(({ state }) => state),
    ).toEqual(['ok', 'fail', 'fail', 'fail', 'unknown']);
    expect(whyNotRunnable('sh', '/', process.env['PATH'] ?? '')).toBeNull();
    expect(whyNotRunnable('./package.json', process.cwd(), '')).toContain('not executable');
    expect(whyNotRunnable('no-such-program', '/', '/usr/bin')).toContain('there is no');
  });
});

describe('a question', () => {
  const never = () => new Promise<never>(() => undefined);
  it('is answered, is late, or throws: late and thrown are unknown', async () => {
    expect(
      await answer(
        probe('a', 'A', async () => ok('x')),
        never,
      ),
    ).toEqual({ id: 'a', what: 'A', state: 'ok', evidence: 'x', mend: '' });
    const waits: number[] = [];
    const late = await answer(probe('a', 'A', never), async (ms) => void waits.push(ms));
    expect([late.state, waits]).toEqual(['unknown', [PROBE_MS]]);
    const thrown = await answer(
      probe('a', 'A', () => Promise.reject(new Error('no'))),
      never,
    );
    expect(thrown).toMatchObject({ state: 'unknown', evidence: expect.stringContaining('no') });
  });
});
