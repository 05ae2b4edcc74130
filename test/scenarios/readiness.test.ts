/** Readiness through the real bot: the list, the test page, the rota, the runbooks, reminders, and what it refuses. */

import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPagerDutyPager } from '../../src/adapters/pagerduty.ts';
import type { ReadinessLine } from '../../src/domain/readiness/judge.ts';
import { SHIPPED_PLAYBOOK } from '../../src/policy.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, TOKEN, withDesk } from './desk.ts';
import { happens, said, switches } from './reading.ts';

const { ada, grace, alan, mallory } = CAST;
const DAY = 86_400_000;

/** `/incident readiness …` as the one who typed it reads it. */
async function ask(desk: InProcess, who: string, text = ''): Promise<string> {
  const answer = await desk.stage.slack.say(who, `/incident readiness ${text}`.trim());
  const { blocks } = (answer.json ?? {}) as { blocks?: unknown[] };
  return `${said(answer)}\n${JSON.stringify(blocks ?? [])}`.replaceAll('\u2060', '');
}

async function line(desk: InProcess, id: string): Promise<ReadinessLine> {
  const { readiness } = (await desk.get('/status')).json as unknown as { readiness: ReadinessLine[] };
  const found = readiness.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no line ${id}`);
  return found;
}

/** As an automation of the desk's own would do it: through the Events API, by nobody. */
const acknowledgeByEvent = ({ stage }: InProcess, dedupKey: string) =>
  createPagerDutyPager({
    routingKey: stage.keys.routingKey,
    eventsServer: stage.pagerDuty.server,
    agent: new Agent({ ca: stage.tls.cert }),
  }).acknowledge(dedupKey);

/** Wait until a line is in this state: what proves it goes on record by the second. */
async function becomes(desk: InProcess, id: string, state: ReadinessLine['state']): Promise<ReadinessLine> {
  for (let tries = 0; tries < 200; tries += 1) {
    const now = await line(desk, id);
    if (now.state === state) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${id} is ${JSON.stringify(await line(desk, id))}, not ${state}`);
}

const testPageAt = (desk: InProcess, n = 1) => {
  const found = desk.stage.pagerDuty.incidents().find(({ dedupKey }) => dedupKey === `DESK/test-${n}`);
  if (found === undefined) throw new Error(`PagerDuty has no test page ${n}`);
  return found;
};
const reminders = (desk: InProcess) =>
  desk.stage.slack.messages(CHANNEL).filter((message) => message.text.includes('Not ready:'));

describe.concurrent('the list', () => {
  it('says of each line what is missing and how to mend it, and writes no number', async () => {
    await withDesk(async (desk) => {
      await becomes(desk, 'on-call-rotation', 'green');
      const text = await ask(desk, ada.id);
      for (const words of [
        'Kill switch mechanism tested and documented',
        'no kill on record whose latch was written and read back',
        'no runbookFile is configured',
        'binance-spot: untested',
        'somebody is on call without a hole for 14 days',
        'Ada: has a number',
        'no test page on record that a person acknowledged',
        'feeds are off',
        'Ada: has not read the runbooks',
        'I have read the runbooks',
      ])
        expect(text).toContain(words);
      for (const who of [ada, grace]) expect(text).not.toContain(who.phone.slice(-7));
      expect(await line(desk, 'on-call-rotation')).toMatchObject({ state: 'green' });
      const metrics = await fetch(`${desk.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
      expect(await metrics.text()).toContain('standdown_readiness_state{line="on-call-rotation"} 0');
      expect(await ask(desk, mallory.id)).toContain('You are not a responder');
    });
  });

  it('counts a venue as tested when a kill found orders there and read back that none is left', async () => {
    await withDesk(async (desk) => {
      await desk.post('/kill', { reason: 'test', actor: 'ada' });
      const cancelled = await becomes(desk, 'emergency-cancel', 'green');
      expect(cancelled.parts.map(({ name }) => name)).toEqual(['binance-usdm', 'binance-spot']);
      expect(JSON.stringify(cancelled.parts)).toContain('order(s) cancelled');
      // No engine confirmed that it obeys: whether new orders stopped is not known.
      expect(await line(desk, 'kill-switch')).toMatchObject({ state: 'missing' });
    });
  });

  it('proves the kill switch once an engine confirmed it and the owner’s runbook was read', async () => {
    await withDesk(
      async (desk) => {
        await desk.post('/kill', { reason: 'test', actor: 'ada' });
        await desk.stage.slack.until(() => desk.thread().includes('written and read back'), {
          what: 'the latch',
        });
        const rev = /STANDDOWN_REV=(\d+)/.exec(await desk.control())?.[1] ?? '';
        await desk.post('/telemetry', {
          type: 'heartbeat',
          at: Date.now(),
          engine: 'main',
          control: { KILL_SWITCH: '1', STANDDOWN_REV: rev },
        });
        await ask(desk, ada.id);
        await readAll(desk, ada.id);
        const proved = await becomes(desk, 'kill-switch', 'green');
        expect(JSON.stringify(proved)).toMatch(/latch written and read back in .* engine main confirmed in/);
      },
      {
        config: (config) => ({
          ...config,
          engines: [{ id: 'main', heartbeatSec: 5 }],
          runbookFile: SHIPPED_PLAYBOOK,
          playbookFile: SHIPPED_PLAYBOOK,
        }),
      },
    );
  });
});

/** Press "I have read it" under the answer to this person. */
async function readAll(desk: InProcess, who: string, label = 'I have read the runbooks'): Promise<void> {
  await desk.stage.slack.openHome(who);
  await desk.stage.slack.until(() => desk.stage.slack.homeAsText(who).includes(label), { what: 'the Home' });
  await desk.stage.slack.click(who, { home: true, label });
  await desk.stage.slack.until(() => desk.stage.slack.homeAsText(who).includes('It is on record'), {
    what: 'the answer on the Home',
  });
}

describe.concurrent('a test page', () => {
  it('says that it is one, counts when a person acknowledges it, and is resolved', async () => {
    await withDesk(async (desk) => {
      const asked = await ask(desk, ada.id, 'test-page');
      expect(asked).toContain('Test page 1 is being sent');
      expect(await ask(desk, grace.id, 'test-page')).toContain('there is one at a time');
      await desk.stage.pagerDuty.until(
        () => desk.stage.pagerDuty.incidents().some(({ dedupKey }) => dedupKey === 'DESK/test-1'),
        { what: 'the test page' },
      );
      expect(testPageAt(desk).title).toContain('TEST page from Standdown, nothing is wrong');
      expect(await line(desk, 'alerting')).toMatchObject({ state: 'missing' });
      desk.stage.pagerDuty.acknowledge(testPageAt(desk).id, ada.pagerDuty);
      const proved = await becomes(desk, 'alerting', 'green');
      expect(proved.parts[0]?.who).toBe('Ada');
      await desk.stage.pagerDuty.until(() => testPageAt(desk).status === 'resolved', { what: 'its end' });
      expect(desk.channel()).not.toContain('TEST page');
    });
  });

  it('does not count when something acknowledges it by itself', async () => {
    await withDesk(async (desk) => {
      await ask(desk, ada.id, 'test-page');
      await desk.stage.pagerDuty.until(() => desk.stage.pagerDuty.incidents().length === 1, { what: 'it' });
      const heard = happens(desk, 'TestPageAcknowledged');
      await acknowledgeByEvent(desk, 'DESK/test-1');
      expect(await heard).toMatchObject({ person: false });
      expect(await line(desk, 'alerting')).toMatchObject({ state: 'missing' });
      expect(await ask(desk, ada.id)).toContain('which is no person');
    });
  });
});

describe.concurrent('who is on call', () => {
  it('names a hole in the next 14 days, and is green again once it is filled', async () => {
    await withDesk(async (desk) => {
      await becomes(desk, 'on-call-rotation', 'green');
      desk.stage.pagerDuty.fillRotaUntil(Date.now() + 10 * DAY);
      await ask(desk, ada.id, 'refresh');
      const holed = await becomes(desk, 'on-call-rotation', 'missing');
      expect(JSON.stringify(holed.parts)).toMatch(/nobody is on call from 2\d{3}-/);
      desk.stage.pagerDuty.fillRotaUntil(null);
      await ask(desk, ada.id, 'refresh');
      await becomes(desk, 'on-call-rotation', 'green');
    });
  });

  it('stands as it was read last while PagerDuty cannot be asked, says so, and is unknown once that is too old', async () => {
    await withDesk(async (desk, advance) => {
      await becomes(desk, 'on-call-rotation', 'green');
      desk.stage.pagerDuty.fault('rest', { kind: 'http500', times: Infinity });
      await ask(desk, ada.id, 'refresh');
      const old = await becomes(desk, 'on-call-rotation', 'green');
      expect(JSON.stringify(old.parts)).toContain('PagerDuty cannot be asked since');
      advance(2 * DAY);
      await becomes(desk, 'on-call-rotation', 'unknown');
    });
  });
});

describe.concurrent('the runbooks', () => {
  it('are read by each person on call, for that text only; a change says which, and who must read again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standdown-texts-'));
    await cp(dirname(SHIPPED_PLAYBOOK), folder, { recursive: true });
    const owner = join(folder, 'RUNBOOK_EDGE.md');
    await writeFile(owner, '# Runbook\n');
    const story = withDesk(
      async (desk) => {
        await becomes(desk, 'on-call-rotation', 'green');
        await readAll(desk, ada.id);
        const half = await becomes(desk, 'runbook-read', 'missing');
        expect(half.parts.map(({ name, state }) => [name, state])).toEqual([
          ['Ada', 'green'],
          ['Grace', 'missing'],
        ]);
        await readAll(desk, grace.id);
        await becomes(desk, 'runbook-read', 'green');

        // What the button on the Home says was drawn before the text changed.
        await writeFile(owner, '# Runbook, second edition\n');
        await desk.stage.slack.click(grace.id, { home: true, label: 'I have read the runbooks' });
        await desk.stage.slack.until(() => desk.stage.slack.homeAsText(grace.id).includes('changed since'), {
          what: 'the refusal',
        });
        const again = await becomes(desk, 'runbook-read', 'expired');
        expect(JSON.stringify(again.parts)).toContain('must read again: RUNBOOK_EDGE.md changed since');
        await desk.restart();
        await becomes(desk, 'runbook-read', 'expired');
        // Somebody who made up what they read is refused, and so is somebody without a role.
        const tampered = await desk.stage.slack.click(grace.id, {
          home: true,
          label: 'I have read the runbooks',
          tamper: { value: 'read:<!channel>' },
        });
        expect(tampered.ok).toBe(true);
        await becomes(desk, 'runbook-read', 'expired');
      },
      { config: (config) => ({ ...config, runbookFile: owner, playbookFile: join(folder, 'playbook.yml') }) },
    );
    try {
      await story;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe.concurrent('the backup feed', () => {
  const feeds: DeskOptions['config'] = (config) => ({
    ...config,
    feeds: [
      {
        id: 'binance-1m',
        intervalSec: 60,
        symbols: ['BTC/USDT:USDT'],
        statusUrl: null,
        backup: 'binance-1m-b',
      },
    ],
  });
  const bar = (closedAt: number) => ({
    type: 'bar',
    at: Date.now(),
    feed: 'binance-1m-b',
    symbol: 'BTC/USDT:USDT',
    closedAt,
  });

  it('is proved by two fresh bars of it, which are no bars of the feed itself', async () => {
    await withDesk(
      async (desk) => {
        expect(await line(desk, 'backup-feed')).toMatchObject({ state: 'missing' });
        await desk.post('/telemetry', [bar(Date.now() - 3_600_000), bar(Date.now() - 3_000_000)]);
        expect(await line(desk, 'backup-feed')).toMatchObject({ state: 'missing' });
        await desk.post('/telemetry', [bar(Date.now() - 61_000), bar(Date.now() - 1_000)]);
        await becomes(desk, 'backup-feed', 'green');
        const { criteria } = (await desk.get('/status')).json as unknown as { criteria: { id: string }[] };
        expect(criteria.map(({ id }) => id)).not.toContain('dataFeedGap:binance-1m-b');
      },
      { config: feeds },
    );
  });

  it('may be marked by a person with what they tested, in words that do no harm; what is measured may not', async () => {
    await withDesk(
      async (desk) => {
        expect(await ask(desk, ada.id, 'mark alerting it works')).toContain('is measured, and not marked');
        expect(await ask(desk, ada.id, 'mark backup-feed nothing: x')).toContain('Name the feed');
        expect(await ask(desk, mallory.id, 'mark backup-feed binance-1m: x')).toContain('not a responder');
        expect(
          await ask(desk, ada.id, 'mark backup-feed binance-1m: pulled the cable &lt;!channel&gt;'),
        ).toContain('is GREEN now');
        const shown = await ask(desk, grace.id);
        expect(shown).toContain('said by a person: pulled the cable');
        expect(shown).not.toContain('<!channel>');
      },
      { config: feeds },
    );
  });
});

describe.concurrent('what is not ready', () => {
  it('is said in #incidents once a week, and a restart repeats nothing', async () => {
    await withDesk(async (desk, advance) => {
      await happens(desk, 'ReadinessReminderSet');
      expect(reminders(desk)).toEqual([]);
      advance(7 * DAY);
      await desk.stage.slack.until(() => reminders(desk).length === 1, { what: 'the reminder' });
      expect(reminders(desk)[0]?.text).toContain('DRILL');
      await desk.restart();
      await desk.restart();
      await becomes(desk, 'alerting', 'missing');
      expect(reminders(desk)).toHaveLength(1);
      advance(7 * DAY);
      await desk.stage.slack.until(() => reminders(desk).length === 2, { what: 'the second one' });
    });
  });

  it('refuses to loosen where readiness is required, by every way, and never to stop', async () => {
    await withDesk(
      async (desk) => {
        const { slack } = desk.stage;
        await slack.say(ada.id, '/halt orders test');
        expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
        const refused = said(await slack.say(ada.id, '/resume orders'));
        expect(refused).toContain('Readiness is required');
        expect(refused).toContain('alerting (missing)');
        expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
        await slack.say(ada.id, '/halt signals test');
        await slack.say(ada.id, '/kill test');
        await becomes(desk, 'emergency-cancel', 'green');
        expect(said(await slack.say(alan.id, '/resume all is well'))).toContain('Readiness is required');
        expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
      },
      { config: (config) => ({ ...config, readiness: 'required' }) },
    );
  });
});
