/** Far too many alerts at once: what people, PagerDuty and Slack get of it, a kill in the middle of it, and a death. */

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskUnderTest, type InProcess, spawnDesk, startDesk } from './desk.ts';
import {
  as,
  exchange,
  type IncidentView,
  incidentView,
  said,
  statusView,
  switches,
  type Taken,
} from './reading.ts';

const WAIT = { timeoutMs: 60_000, what: 'the storm to show' };
const TIMEOUT_MS = 120_000;

interface Post {
  group: number;
  keys: string[];
  body: object;
}

/** POSTs of one group each, the groups in turns, as from an Alertmanager with many groups. */
function postsOf(groups: number, each: number, size: number): Post[] {
  const posts: Post[] = [];
  for (let from = 0; from < each; from += size)
    for (let group = 0; group < groups; group += 1) {
      const keys = Array.from({ length: Math.min(size, each - from) }, (_, n) => `f${group}-${from + n}`);
      const alerts = keys.map((fingerprint) => ({
        status: 'firing',
        labels: { alertname: `Storm${group}`, severity: 'error', instance: fingerprint },
        annotations: { summary: `It storms in ${group}` },
        startsAt: '2026-11-22T20:30:07.42Z',
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: 'http://vm:9499/graph',
        fingerprint,
      }));
      const groupKey = `{}:{alertname="Storm${group}"}`;
      posts.push({
        group,
        keys,
        body: { receiver: 'bot', status: 'firing', version: '4', groupKey, alerts },
      });
    }
  return posts;
}

const send = async (desk: DeskUnderTest, { body }: Post): Promise<Taken> => {
  const { status, json } = as<Taken>(await desk.post('/alerts/alertmanager', body));
  if (status !== 202) throw new Error(`a storm was answered with ${status}`);
  return json;
};

/** Every incident with its alerts, as `GET /incidents/:id` tells them. */
async function everyIncident(desk: DeskUnderTest): Promise<IncidentView[]> {
  const { json } = as<{ incidents: { id: string }[] }>(await desk.get('/incidents'));
  return Promise.all(json.incidents.map(({ id }) => incidentView(desk, id)));
}

/** The fingerprints that stand in an incident, with how often each does. */
function standing(incidents: IncidentView[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { fingerprint } of incidents.flatMap(({ alerts }) => alerts))
    found.set(fingerprint, (found.get(fingerprint) ?? 0) + 1);
  return found;
}

const triggers = (desk: DeskUnderTest): string[] =>
  desk.stage.pagerDuty.events().flatMap(({ body }) => {
    const event = body as { event_action?: string; dedup_key?: string };
    return event.event_action === 'trigger' ? [event.dedup_key ?? ''] : [];
  });

const keyOf = (message: { metadata: unknown }): string =>
  ((message.metadata ?? {}) as { event_payload?: { key?: string } }).event_payload?.key ?? '';

describe('a storm of 3,000 alerts in 12 groups, past the playbook’s six, with a kill in the middle of it', () => {
  const ALLOWED = 6;
  const posts = postsOf(12, 250, 25);
  const keys = posts.flatMap((post) => post.keys);
  let desk: InProcess;
  let incidents: IncidentView[];
  let storm: IncidentView;
  let answer: string;
  /** POSTs that were still waiting for their 202 when /kill was answered, and when no order was left. */
  let waitingAtAnswer: number;
  let waitingAtEmpty: number;

  beforeAll(async () => {
    desk = await startDesk({
      policy: (policy) => ({
        ...policy,
        playbook: {
          ...policy.playbook,
          grouping: { ...policy.playbook.grouping, storm: { groups: ALLOWED, withinMin: 5 } },
        },
      }),
      // As Slack allows, fifty times as fast.
      outboxPace: { slack: { burst: 30, eachMs: 20 } },
    });
    // Who Ada is at Slack is known by then, as on any desk that has run for a second.
    await desk.stage.slack.say(CAST.ada.id, '/incident list');
    let answered = 0;
    const left = [...posts];
    let begun = () => {};
    const some = new Promise<void>((resolve) => {
      begun = resolve;
    });
    // Four at once, as from one Alertmanager.
    const sent = Array.from({ length: 4 }, async () => {
      for (let post = left.shift(); post !== undefined; post = left.shift()) {
        await send(desk, post);
        answered += 1;
        if (answered > 10) begun();
      }
    });
    await some;
    const command = desk.stage.slack.say(CAST.ada.id, '/kill it storms');
    const empty = desk.stage.binance.until(() => desk.stage.binance.openOrders().length === 0, WAIT);
    [answer] = await Promise.all([
      command.then((one) => {
        waitingAtAnswer = posts.length - answered;
        return said(one);
      }),
      empty.then(() => {
        waitingAtEmpty = posts.length - answered;
      }),
    ]);
    await Promise.all(sent);
    const one = (await statusView(desk)).lastKill?.incident ?? '';
    await desk.stage.slack.until(() => desk.thread(one).includes('VERDICT  RESIDUAL'), WAIT);
    incidents = await everyIncident(desk);
    storm = incidents.find(({ title }) => title.startsWith('Alert storm')) as IncidentView;
    await desk.stage.slack.until(
      () => desk.stage.slack.messages(CHANNEL).some(({ text }) => text.includes(storm.id)),
      WAIT,
    );
    await desk.stage.pagerDuty.until(() => triggers(desk).length >= ALLOWED + 2, WAIT);
  }, TIMEOUT_MS);
  afterAll(() => desk.close());

  it('holds each alert in exactly one incident, with its source and fingerprint', () => {
    const found = standing(incidents);
    expect(found.size).toBe(keys.length);
    expect(keys.filter((key) => found.get(key) !== 1)).toEqual([]);
    expect(new Set(incidents.flatMap(({ alerts }) => alerts.map(({ source }) => source)))).toEqual(
      new Set(['alertmanager']),
    );
  });

  it('is one incident a group up to the playbook’s number, and one for the rest', () => {
    const sizes = incidents.map(({ alerts }) => alerts.length).filter((n) => n > 0);
    expect(sizes.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: ALLOWED }, () => 250), 1_500]);
    expect(storm.alerts).toHaveLength(1_500);
  });

  it('answers /kill, and has every order cancelled, before the backlog and not behind it', async () => {
    expect(answer).toContain('Kill running in INC-');
    expect(waitingAtAnswer).toBeGreaterThan(0);
    expect(waitingAtEmpty).toBeGreaterThan(0);
    expect(exchange(desk)).toMatchObject({ orders: [], conditional: [] });
    expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
  });

  it('pages once a group, once for the storm, and never over 120 events a minute', () => {
    const paged = triggers(desk);
    expect(new Set(paged).size).toBe(paged.length);
    for (const { id, alerts } of incidents) {
      if (alerts.length === 0) continue;
      expect(paged.filter((key) => key.startsWith(`${id}/`))).toEqual([`${id}/1`]);
    }
    // The whole run is far shorter than a minute.
    expect(desk.stage.pagerDuty.events().length).toBeLessThanOrEqual(120);
  });

  it('is one headline a group, edited in place, with far fewer calls than alerts', async () => {
    const headlines = () =>
      desk.stage.slack.messages(CHANNEL).filter((one) => one.byBot && one.threadTs === undefined);
    await desk.stage.slack.until(() => headlines().length >= incidents.length, WAIT);
    const names = headlines().map(keyOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names.toSorted()).toEqual(incidents.map(({ id }) => `${id}/headline`).toSorted());
    const writes = desk.stage.slack.calls.filter(({ method }) => /^chat\.(post|update)/.test(method));
    expect(writes.length).toBeLessThan(keys.length / 10);
  });

  it('can be read by a person: how many groups and alerts, and the largest of them', async () => {
    const text = () => {
      const message = desk.stage.slack.messages(CHANNEL).find((one) => keyOf(one) === `${storm.id}/headline`);
      return JSON.stringify(message?.blocks ?? []).replaceAll('\u2060', '');
    };
    await desk.stage.slack.until(() => text().includes('6 groups with 1500 alerts are held here'), WAIT);
    expect(text()).toMatch(/Alert storm: more than 6 groups in 5 min/);
    expect(text()).toMatch(/• 250 of 250 firing · [^•]*torm[^•]* · alertmanager/);
    expect(text()).toContain('1 more group');
  });
});

describe('killed with -9 in the middle of a storm, and started again', () => {
  it(
    'has lost nothing that it acknowledged, and pages and posts nothing twice',
    async () => {
      const desk = await spawnDesk({ tmp: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() });
      try {
        // Past the shipped playbook's hundred groups.
        const posts = postsOf(110, 20, 10);
        const taken = new Set<Post>();
        const sent = posts.map((post) =>
          send(desk, post).then(
            () => {
              taken.add(post);
              if (taken.size === 60) desk.strike();
            },
            () => undefined,
          ),
        );
        await Promise.all(sent);
        await desk.gone();
        expect(taken.size).toBeLessThan(posts.length);
        const acknowledged = [...taken].flatMap((post) => post.keys);
        await desk.start();
        const before = standing(await everyIncident(desk));
        expect(acknowledged.filter((key) => before.get(key) !== 1)).toEqual([]);

        // A source sends again what nobody acknowledged, and later all of it.
        await Promise.all(posts.filter((post) => !taken.has(post)).map((post) => send(desk, post)));
        await Promise.all(posts.map((post) => send(desk, post)));
        const incidents = await everyIncident(desk);
        const after = standing(incidents);
        const keys = posts.flatMap((post) => post.keys);
        expect(after.size).toBe(keys.length);
        expect(keys.filter((key) => after.get(key) !== 1)).toEqual([]);
        expect(incidents.filter(({ title }) => !title.startsWith('Alert storm'))).toHaveLength(100);
        expect(incidents.filter(({ title }) => title.startsWith('Alert storm'))).toHaveLength(1);

        await desk.stage.pagerDuty.until(() => triggers(desk).length >= 60, WAIT);
        const paged = desk.stage.pagerDuty.incidents().map(({ dedupKey }) => dedupKey);
        expect(new Set(paged).size).toBe(paged.length);
        expect(paged.filter((key) => !key.endsWith('/1'))).toEqual([]);
        const names = desk.stage.slack.messages(CHANNEL).map(keyOf);
        expect(new Set(names).size).toBe(names.length);
        expect(desk.stage.pagerDuty.events().length).toBeLessThanOrEqual(120);
      } finally {
        await desk.close();
      }
    },
    TIMEOUT_MS,
  );
});
