/**
 * It dies, at every step and at any time, and is started again (RELIABILITY fault 1). `STANDDOWN_CRASH_SEEDS` (default 1)
 * and `STANDDOWN_CRASH_TRIALS` (default 12) say how often; `STANDDOWN_CRASH_SEED` replays from one seed.
 */

import { afterAll, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { STANDDOWN } from '../../src/domain/incident.ts';
import { DESK } from '../../src/ports.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DiskCall, faultyDisk } from '../adapters/faultyDisk.ts';
import { seeded } from '../adapters/memoryDisk.ts';
import { spawnDesk, startDesk } from './desk.ts';
import { judge } from './judge.ts';
import { type Death, isOfTheMachine, type KillBy, keyOf, live, settle, startMortal } from './mortal.ts';
import { as, incidentView, type StatusView, statusView } from './reading.ts';

const SEEDS = Number(process.env['STANDDOWN_CRASH_SEEDS'] ?? 1);
const TRIALS = Number(process.env['STANDDOWN_CRASH_TRIALS'] ?? 12);
const FIRST_SEED = Number(process.env['STANDDOWN_CRASH_SEED'] ?? 1);
/** A story takes 3 s on an idle machine, and waits for its turn. */
const TIMEOUT_MS = 240_000;
const AT_ONCE = 2;

const KILL_BY: KillBy[] = ['command', 'button', 'http'];
let trials = 0;
let deaths = 0;
afterAll(() => console.log(`crash: ${trials} stories, ${deaths} deaths, from seed ${FIRST_SEED}`));

const turns: (() => void)[] = [];
let running = 0;
/** Processes are started: more than a few at once take longer, not shorter. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => turns.push(resolve));
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    turns.shift()?.();
  }
}

/** Live the story through these deaths, and judge it. Returns how often it died. */
const story = (plan: Death[], killBy: KillBy, restarts = false): Promise<number> =>
  inTurn(() => liveThrough(plan, killBy, restarts));

async function liveThrough(plan: Death[], killBy: KillBy, restarts: boolean): Promise<number> {
  const mortal = await startMortal(plan);
  try {
    await judge(mortal, await live(mortal, killBy, restarts));
    return mortal.deaths();
  } catch (error) {
    const pages = mortal.desk.stage.pagerDuty.incidents().map((one) => `${one.dedupKey} ${one.title}`);
    throw new Error(
      `after ${mortal.deaths()} deaths and ${mortal.seen()} things seen: ${String(error)}\nFalse FLAT: ${mortal.falseFlats[0] ?? 'none'}\nPaged: ${pages.join('\n       ')}\nIt said: ${mortal.desk.output().slice(-2_000)}`,
      { cause: error },
    );
  } finally {
    trials += 1;
    deaths += mortal.deaths();
    await mortal.close();
  }
}

const outbox = (...kinds: string[]): string[] =>
  kinds.flatMap((kind) => [`outbox.claimed:${kind}`, `outbox.performed:${kind}`]);

/** By where in the story they lie, so that one story can be died through at three of them, one after the other. */
const BEFORE_THE_KILL = [
  'journal.written',
  'journal.synced',
  ...outbox('page', 'headline', 'runbook', 'pageAcknowledge'),
  // How many syncs there are before the kill is up to the disk and the machine: what shares one sync. Seen: 14 and more.
  'journal.written:9',
  'journal.synced:8',
];
const IN_THE_KILL = [
  'control.written',
  'kill.asked',
  'kill.latched',
  'cancel.sent',
  'cancel.sent:2',
  'kill.cancelled',
  'kill.read',
  'kill.read:3',
  'kill.judged',
  'kill.judged:2',
  ...outbox('receipt'),
];
const AFTER_THE_VERDICT = [
  'flatten.sent',
  ...outbox('notice', 'pageResolve', 'postmortem', 'postmortemCard', 'mail', 'pageCheck'),
  'postmortem.saved',
  'journal.synced:3',
];

describe.concurrent('dies at a named step, is started again, and', () => {
  const length = Math.max(BEFORE_THE_KILL.length, IN_THE_KILL.length, AFTER_THE_VERDICT.length);
  const plans = Array.from({ length: length * SEEDS }, (_, n) => ({
    steps: [BEFORE_THE_KILL, IN_THE_KILL, AFTER_THE_VERDICT].map(
      // Another partner in each round.
      (steps, phase) => steps[(n + phase * Math.floor(n / length)) % steps.length] as string,
    ),
    killBy: KILL_BY[n % KILL_BY.length] as KillBy,
  }));
  it.each(plans)(
    'keeps its word: $steps.0, $steps.1, $steps.2 (kill by $killBy)',
    async ({ steps, killBy }) => {
      expect(
        await story(
          steps.map((at) => ({ at })),
          killBy,
        ),
      ).toBe(steps.length);
    },
    TIMEOUT_MS,
  );

  // The sync that carries the kill, or the one before or after it: the kill is on record and unanswered, or it is not.
  it.each(KILL_BY.flatMap((killBy) => [14, 15, 16, 17].map((nth) => ({ nth, killBy }))))(
    'keeps its word at the edge of the kill: journal.synced:$nth, flatten.sent (kill by $killBy)',
    async ({ nth, killBy }) => {
      expect(await story([{ at: `journal.synced:${nth}` }, { at: 'flatten.sent' }], killBy)).toBe(2);
    },
    TIMEOUT_MS,
  );

  it.each([
    // The store's own test dies at every one of its steps; here the story goes on after two of them.
    ['outbox.performed:pageNote', 'snapshot.incident'],
    ['snapshot.index', 'segment.deleted'],
  ])(
    'keeps its word, restarted by SIGTERM as well: %s, %s',
    async (...steps) => {
      // The two restarts are deaths too, unless it dies in them by itself.
      expect(
        await story(
          steps.map((at) => ({ at })),
          'command',
          true,
        ),
      ).toBeGreaterThanOrEqual(2);
    },
    TIMEOUT_MS,
  );
});

describe.concurrent('dies when the world outside has seen so much, whatever it is doing then, and', () => {
  const seeds = Array.from({ length: TRIALS }, (_, n) => FIRST_SEED + n);
  it.each(seeds)(
    'keeps its word, from seed %i',
    async (seed) => {
      const random = seeded(seed);
      // A story shows the counterparts about 380 things; a life after the first has fewer left.
      const plan = Array.from({ length: random() < 0.7 ? 1 : 2 }, (_, life) => ({
        afterSeen: 2 + Math.floor(random() * (life === 0 ? 360 : 150)),
      }));
      await story(plan, KILL_BY[Math.floor(random() * 3)] as KillBy);
    },
    TIMEOUT_MS,
  );
});

describe('what was answered is kept', () => {
  it.each(Array.from({ length: SEEDS }, (_, n) => FIRST_SEED + n))(
    'through kill -9 in the middle of a burst, from seed %i',
    async (seed) => {
      const random = seeded(seed);
      const mortal = await startMortal([]);
      const { desk, insist } = mortal;
      const { slack } = desk.stage;
      try {
        expect((await desk.alert()).status).toBe(202);
        const headline = await slack.until(() =>
          slack.messages(CHANNEL).find((one) => keyOf(one)?.endsWith('/headline')),
        );
        const incident = keyOf(headline)?.split('/')[0] ?? '';
        const fingerprints = Array.from({ length: 60 }, (_, n) => `f${String(n).padStart(3, '0')}`);
        const texts = Array.from({ length: 60 }, (_, n) => `message ${String(n).padStart(3, '0')}`);
        let answers = 0;
        const strikeAfter = 1 + Math.floor(random() * 100);
        const answered = (ok: boolean): boolean => {
          answers += 1;
          if (answers === strikeAfter) desk.strike();
          return ok;
        };
        const kept = { alerts: new Set<string>(), messages: new Set<string>() };
        const posts = new Map<string, Awaited<ReturnType<typeof slack.post>>>();
        const sendAlert = async (fingerprint: string) => {
          const { status } = await desk.alert({ fingerprint }).catch(() => ({ status: 0 }));
          if (answered(status === 202)) kept.alerts.add(fingerprint);
        };
        await Promise.all([
          ...fingerprints.map(sendAlert),
          ...texts.map(async (text) => {
            const answer = await slack.post(CAST.ada.id, CHANNEL, text, { threadTs: headline.ts });
            posts.set(text, answer);
            if (answered(answer.ok)) kept.messages.add(text);
          }),
        ]);
        await desk.gone();
        const before = { alerts: [...kept.alerts], messages: [...kept.messages] };

        const timeline = async () => {
          const { json } = await insist(() => desk.get(`/incidents/${incident}`));
          return {
            alerts: json['alerts'] as unknown as { fingerprint: string; repeats: number }[],
            said: (json['timeline'] as unknown as { type: string; text: string }[])
              .filter((row) => row.type === 'MessageLogged')
              .map((row) => row.text.replace(/^Said: /, '')),
          };
        };
        const after = await timeline();
        const found = after.alerts.map(({ fingerprint }) => fingerprint);
        expect(
          before.alerts.filter((one) => !found.includes(one)),
          'alerts lost',
        ).toEqual([]);
        expect(
          before.messages.filter((one) => !after.said.includes(one)),
          'messages lost',
        ).toEqual([]);
        expect(new Set(after.said).size, 'messages kept twice').toBe(after.said.length);

        // Alertmanager and Slack send again what was not answered: then all of it is there, once.
        for (const fingerprint of fingerprints)
          if (!kept.alerts.has(fingerprint)) await sendAlert(fingerprint);
        for (const text of texts) {
          const answer = posts.get(text);
          if (answer === undefined || kept.messages.has(text)) continue;
          expect((await slack.retry(answer)).ok, text).toBe(true);
        }
        const whole = await timeline();
        expect(whole.alerts.map(({ fingerprint }) => fingerprint).toSorted()).toEqual(
          ['7af24487a712e7bb', ...fingerprints].toSorted(),
        );
        expect(whole.said.toSorted()).toEqual(texts);
        const { json } = await desk.get('/incidents');
        expect(
          (json['incidents'] as unknown as { title: string }[]).filter((one) => !isOfTheMachine(one)),
        ).toHaveLength(1);
        await settle(mortal);
        expect(
          desk.stage.pagerDuty
            .incidents()
            .filter((one) => !isOfTheMachine(one))
            .map((one) => one.dedupKey),
        ).toEqual([`${incident}/1`]);
      } finally {
        await mortal.close();
      }
    },
    TIMEOUT_MS,
  );
});

describe('a failing disk', () => {
  type Plan = [name: string, code: string | null, calls: DiskCall[]];
  const plans: Plan[] = [
    ['is full', 'ENOSPC', ['write', 'create']],
    ['fails to write', 'EIO', ['write']],
    ['fails to sync', 'EIO', ['sync']],
    ['is read-only', 'EROFS', ['write', 'create', 'rename']],
    ['hangs in a sync', null, ['sync']],
    ['hangs in a write', null, ['write']],
  ];
  const cases = plans.flatMap((plan) => (['command', 'http'] as const).map((by) => [...plan, by] as const));

  it.each(cases)(
    'that %s: sources are refused, the kill goes through and says that it is not on record (%s, %s, %s)',
    async (_name, code, calls, by) => {
      let begun = false;
      let release = (): void => undefined;
      const hang = new Promise<void>((resolve) => {
        release = resolve;
      });
      const fault = code === null ? { until: hang } : { code };
      const desk = await startDesk({
        storeFs: faultyDisk(nodeDisk, (call) => (begun && calls.includes(call) ? fault : undefined)),
      });
      const { slack, pagerDuty, binance } = desk.stage;
      try {
        begun = true;
        const refused = await desk.alert();
        expect(refused.status).toBe(503);
        expect(refused.json['error']).toBe('not_stored');

        if (by === 'http') {
          const { status, json } = await desk.post('/kill', { reason: 'disk', actor: 'grafana' });
          expect(status).toBe(202);
          expect(JSON.stringify(json['warnings'])).toContain('not on record');
        } else {
          const answer = await slack.say(CAST.ada.id, '/kill disk');
          expect(answer.ok, answer.error).toBe(true);
          expect(answer.body).toContain('not on record');
        }
        for (const path of ['/status', '/incidents']) {
          const seen = as<Pick<StatusView, 'incidents'>>(await desk.get(path)).json;
          expect(seen.incidents.map(({ severity }) => severity)).toContain('P0');
        }
        await binance.until(() => binance.openOrders().length + binance.conditionalOrders().length === 0, {
          what: 'no open order',
        });
        await pagerDuty.until(() => pagerDuty.incidents().some((one) => one.severity === 'critical'), {
          timeoutMs: 15_000,
          what: 'the page of the kill',
        });
        const receipt = await slack.until(
          () =>
            slack
              .messages(CHANNEL)
              .find((one) => keyOf(one)?.includes('/receipt:') === true && /: RESIDUAL \(/.test(one.text)),
          { timeoutMs: 15_000, what: 'the verdict on the receipt' },
        );
        expect(JSON.stringify(receipt.blocks)).toContain('Not on record');
        await slack.until(() => JSON.stringify(receipt.blocks).includes('✓ *latched*'), { what: 'latched' });
        expect(await desk.control()).toMatch(/^KILL_SWITCH=1$/m);
        const { json } = await desk.get('/status');
        expect(json['trading']?.['state']).toBe('killed');
        expect(json['lastKill']?.['verdict']).toBe('RESIDUAL');
        const incident = await desk.get(`/incidents/${keyOf(receipt)?.split('/')[0]}`);
        const asked = (incident.json['timeline'] as unknown as { type: string }[]).filter(
          ({ type }) => type === 'KillAsked',
        );
        expect(asked).toHaveLength(1);
        expect((await fetch(`${desk.url}/healthz`)).status).toBe(200);
        const keys = slack.messages(CHANNEL).flatMap((one) => (one.byBot ? [keyOf(one) ?? 'no key'] : []));
        expect(
          keys.filter((key, index) => keys.indexOf(key) !== index),
          'posted twice',
        ).toEqual([]);
        const pages = pagerDuty.incidents().map((one) => one.dedupKey);
        expect(new Set(pages).size, pages.join(', ')).toBe(pages.length);
      } finally {
        release();
        await desk.close();
      }
    },
    TIMEOUT_MS,
  );
});

describe('Flatten', () => {
  it('pressed by two people at once closes the position once', async () => {
    const desk = await startDesk();
    const { slack, binance } = desk.stage;
    try {
      await desk.post('/kill', { reason: 'test', actor: 'test' });
      const receipt = await slack.until(() =>
        slack
          .messages(CHANNEL)
          .find((one) => keyOf(one)?.includes('/receipt:') === true && /: RESIDUAL \(/.test(one.text)),
      );
      const shown = async (who: 'ada' | 'grace') => {
        await slack.click(CAST[who].id, { channel: CHANNEL, ts: receipt.ts, label: 'Flatten…' });
        return slack.until(() =>
          slack.openViews(CAST[who].id).find((view) => view.view['submit'] !== undefined),
        );
      };
      const [first, second] = [await shown('ada'), await shown('grace')];
      // The first one's second reading is still on its way when the other one submits.
      const slow = binance.fault({ kind: 'slow', match: { path: /positionRisk/ }, times: 1 });
      const submitting = slack.submit(CAST.ada.id, first.id);
      await binance.until(() => slow.hits() > 0, { what: 'the reading' });
      const refused = await slack.submit(CAST.grace.id, second.id);
      expect(refused.body).toContain('A flatten is already running');
      slow.release();
      await submitting;
      await slack.until(() => /: FLAT \(/.test(receipt.text), {
        timeoutMs: 15_000,
        what: 'the verdict FLAT',
      });
      expect(binance.requests({ method: 'POST', path: '/fapi/v1/order' })).toHaveLength(1);
    } finally {
      await desk.close();
    }
  });
});

describe('a failpoint', () => {
  it('refuses to start with a venue that is not on this machine', async () => {
    const { failpointOf } = await import('../../src/failpoint.ts');
    const venue = (baseUrl: string | null) => ({ id: 'binance-usdm', baseUrl });
    const of = (...urls: (string | null)[]) =>
      failpointOf('kill.asked', { venues: urls.map(venue) } as Parameters<typeof failpointOf>[1]);
    expect(() => of('http://127.0.0.1:9101', null)).toThrow(/not on this machine/);
    expect(() => of('https://testnet.binance.vision')).toThrow(/not on this machine/);
    expect(() => of()).toThrow(/not on this machine/);
    expect(of('http://127.0.0.1:9101')).toBeTypeOf('function');
    expect(failpointOf(undefined, { venues: [] } as never)).toBeUndefined();
  });
});

describe('a kill over HTTP that is asked for again, since a crash took its answer', () => {
  const ask = { reason: 'drift', actor: 'risk-engine' };
  const headers = { 'idempotency-key': 'k-1' };

  it(
    'is the same kill where it had begun',
    async () => {
      const desk = await spawnDesk({ life: { STANDDOWN_FAILPOINT: 'kill.asked' } });
      try {
        await expect(desk.post('/kill', ask, { headers })).rejects.toThrow('fetch failed');
        await desk.gone();
        await desk.start();
        const { status, json } = await desk.post('/kill', ask, { headers });
        expect({ status, state: json['state'] }).toEqual({ status: 202, state: 'started' });
        expect(await desk.post('/kill', ask, { headers })).toEqual({ status, json });
        const [only, ...others] = (await statusView(desk)).incidents;
        expect(others).toEqual([]);
        expect(only?.id).toBe(json['incident']);
        expect((await incidentView(desk, only?.id ?? '')).kills.map(({ id }) => id)).toEqual([json['kill']]);
      } finally {
        await desk.close();
      }
    },
    TIMEOUT_MS,
  );

  it('is done where it had not begun: the key was on the disk, and the kill was not', async () => {
    const desk = await startDesk();
    try {
      const { store } = desk.bot;
      const taken = { type: 'RequestTaken' as const, at: Date.now(), by: STANDDOWN, name: '/kill:k-1' };
      expect(await store.append(DESK, store.version(DESK), [taken], [])).toBe('appended');
      await desk.restart();
      const [first, second] = await Promise.all([
        desk.post('/kill', ask, { headers }),
        desk.post('/kill', ask, { headers }),
      ]);
      expect([first.status, second.status].toSorted((a, b) => a - b)).toEqual([202, 409]);
      expect((await desk.control()).match(/KILL_SWITCH=./)?.[0]).toBe('KILL_SWITCH=1');
    } finally {
      await desk.close();
    }
  });
});
