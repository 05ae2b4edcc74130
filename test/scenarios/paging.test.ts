import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PagerFault } from '../../src/rehearsal/pagerduty/faults.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  eventsOf,
  everythingLeft,
  fire,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  settled,
  shows,
} from './reading.ts';

/** A desk of its own for one story, closed whatever happens. */
async function withDesk(story: (desk: InProcess) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const desk = await startDesk(options);
  try {
    await story(desk);
  } finally {
    await desk.close();
  }
}

/** Events about a key that PagerDuty acted on. */
const appliedTo = (desk: InProcess, key: string): string[] =>
  desk.stage.pagerDuty
    .events()
    .filter((event) => event.applied && (event.body as { dedup_key?: string }).dedup_key === key)
    .map((event) => (event.body as { event_action: string }).event_action);

async function resolveByHand(desk: InProcess, id: string): Promise<void> {
  await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
  const view = desk.stage.slack.openViews(CAST.ada.id).at(-1);
  const answer = await desk.stage.slack.submit(CAST.ada.id, view?.id ?? '', { summary: 'Mended.' });
  expect(answer.view).toEqual({ action: 'close', errors: {} });
}

describe('a page', () => {
  let desk: InProcess;
  beforeAll(async () => {
    desk = await startDesk();
  });
  afterAll(() => desk.close());

  it('says what on-call needs: source, a way into Slack, trading state, runbook and labels', async () => {
    const id = await fire(desk, {
      name: 'ExchangeOrderStuck',
      severity: 'critical',
      labels: { symbol: 'BTC/USDT' },
    });
    const page = await paged(desk, id);
    expect(page).toMatchObject({
      dedupKey: `${id}/1`,
      severity: 'error',
      source: 'alertmanager',
      title: `DRILL · P1 ExchangeOrderStuck: Open orders stuck (${id})`,
      customDetails: {
        incident: id,
        drill: true,
        severity: 'P1',
        why: 'opened',
        trading: 'running',
        runbook: 'slo-03-order-execution',
        acknowledge_within: '15 minutes',
        alerts: [{ state: 'firing', labels: { symbol: 'BTC/USDT' } }],
      },
    });
    const links = page.links.map((link) => link.href);
    expect(links).toContain('http://vm:9499/graph');
    expect(links.some((href) => href.includes('slack.com') && href.includes(CHANNEL))).toBe(true);
  });

  it('is followed by a note with the thread’s own address', async () => {
    const id = await fire(desk, { name: 'Noted', severity: 'P1' });
    await posted(desk, id);
    const ts = desk.headlineTs(id).replace('.', '');
    await desk.stage.pagerDuty.until(
      () => pagesOf(desk, id)[0]?.notes.some((note) => note.content.endsWith(`/${CHANNEL}/p${ts}`)) === true,
      { what: 'a note with the permalink' },
    );
  });

  it('is acknowledged at PagerDuty when somebody acknowledges in Slack, and both say who', async () => {
    const id = await fire(desk, { name: 'Ack', severity: 'P1' });
    await paged(desk, id);
    await posted(desk, id);
    await shows(desk, id, 'Paged Ada');
    await desk.click('grace', 'Acknowledge', id);
    await desk.stage.pagerDuty.until(() => pagesOf(desk, id)[0]?.status === 'acknowledged', {
      what: 'the acknowledgement',
    });
    await desk.stage.slack.until(() => /acknowledged( here)? by grace/.test(desk.thread(id)));
    expect(await incidentView(desk, id)).toMatchObject({
      state: 'acknowledged',
      acknowledged: { by: 'grace' },
    });
    const shown = { channel: CHANNEL, ts: desk.headlineTs(id), version: 0, label: 'Acknowledge' };
    await desk.stage.slack.click(CAST.ada.id, shown);
    await desk.stage.slack.until(() => desk.stage.slack.ephemerals(CAST.ada.id).length > 0);
    expect(desk.stage.slack.ephemerals(CAST.ada.id).at(-1)?.text).toContain('grace already acknowledged');
    expect(eventsOf(desk, `${id}/1`)).toEqual(['trigger', 'acknowledge']);
  });

  it('is resolved with its incident, whatever its number', async () => {
    const id = await fire(desk, { name: 'Many', severity: 'P2', fingerprint: 'many-a' });
    await paged(desk, id, 1);
    await fire(desk, { name: 'Many', severity: 'P1', fingerprint: 'many-b' });
    await paged(desk, id, 2);
    await fire(desk, { name: 'Many', severity: 'P0', fingerprint: 'many-c' });
    await paged(desk, id, 3);
    await posted(desk, id);
    await resolveByHand(desk, id);
    await desk.stage.pagerDuty.until(() => pagesOf(desk, id).every((page) => page.status === 'resolved'), {
      what: 'three pages resolved',
    });
    expect(pagesOf(desk, id).map((page) => [page.dedupKey, page.severity])).toEqual([
      [`${id}/1`, 'warning'],
      [`${id}/2`, 'error'],
      [`${id}/3`, 'critical'],
    ]);
    const { pages } = await settled(desk, id, (incident) =>
      incident.pages.every((page) => page.state === 'closed'),
    );
    expect(pages).toHaveLength(3);
  });

  it('is never called a page before PagerDuty shows whose it is', async () => {
    // Nor does a webhook tell.
    desk.stage.pagerDuty.sendWebhooksTo(null);
    desk.stage.pagerDuty.fault('rest', { kind: 'http500', times: Infinity });
    const id = await fire(desk, { name: 'Unconfirmed', severity: 'P1' });
    await paged(desk, id);
    await shows(desk, id, 'Page queued, nobody yet');
    await posted(desk, id);
    expect(desk.thread(id)).not.toContain('Paged');
    expect((await incidentView(desk, id)).pages).toMatchObject([{ state: 'queued', assignedTo: [] }]);
    desk.stage.pagerDuty.clearFaults();
    await shows(desk, id, 'Paged Ada');
    const [headline] = headlinesOf(desk, id);
    const told = (headline?.history ?? []).map((version) => JSON.stringify(version.blocks));
    const confirmed = told.findIndex((blocks) => blocks.includes('Paged Ada'));
    expect(told.slice(0, confirmed).some((blocks) => /Paged [A-Z]/.test(blocks))).toBe(false);
  });
});

describe.concurrent('when PagerDuty fails and comes back', () => {
  const faults: (readonly [string, PagerFault])[] = [
    ['answers 500', { kind: 'http500', times: 2 }],
    ['answers 500 with a page of HTML', { kind: 'html500' }],
    ['answers 202 with a page of HTML', { kind: 'html202' }],
    ['asks to slow down', { kind: 'http429', retryAfterSec: 1 }],
    ['drops the connection', { kind: 'reset', times: 2 }],
    ['takes the event and drops the connection', { kind: 'acceptThenReset' }],
    ['does not answer', { kind: 'hang' }],
  ];
  it.each(faults)('there is exactly one incident for a key: it %s', (_name, fault) =>
    withDesk(async (desk) => {
      desk.stage.pagerDuty.fault('events', fault);
      const id = await fire(desk, { name: 'Faulty', severity: 'P1' });
      await paged(desk, id);
      await shows(desk, id, 'Paged Ada', 15_000);
      expect(pagesOf(desk, id)).toHaveLength(1);
      const keys = desk.stage.pagerDuty.incidents().map((one) => one.dedupKey);
      expect(new Set(keys).size).toBe(keys.length);
      const view = await incidentView(desk, id);
      expect(view.pages).toMatchObject([{ key: `${id}/1`, state: 'assigned', assignedTo: ['Ada'] }]);
    }),
  );

  it('the headline says that the page has not left, and whom to call, until it has', () =>
    withDesk(async (desk) => {
      desk.stage.pagerDuty.fault('events', { kind: 'http500', times: Infinity });
      const id = await fire(desk, { name: 'Down', severity: 'P0' });
      await shows(desk, id, 'Page not sent yet');
      expect(desk.thread(id)).toContain('Call the on-call person');
      expect(desk.thread(id)).not.toContain('Paged');
      desk.stage.pagerDuty.clearFaults();
      await paged(desk, id);
      await shows(desk, id, 'Paged Ada');
      expect(pagesOf(desk, id)).toHaveLength(1);
    }));

  it('an event that PagerDuty refuses for good is said as “nobody was paged”', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'Refused', severity: 'P1' });
        await shows(desk, id, 'Nobody was paged');
        expect((await incidentView(desk, id)).pages).toMatchObject([{ state: 'failed' }]);
      },
      {
        config: (config) => ({
          ...config,
          pagerduty: { ...config.pagerduty, routingKey: 'f'.repeat(32) },
        }),
      },
    ));

  it('an incident that was resolved meanwhile is not triggered any more', () =>
    withDesk(async (desk) => {
      desk.stage.pagerDuty.fault('events', { kind: 'http500', times: Infinity });
      const id = await fire(desk, { name: 'Over', severity: 'P2', fingerprint: 'over' });
      await shows(desk, id, 'Page not sent yet');
      await fire(desk, { name: 'Over', severity: 'P2', fingerprint: 'over', status: 'resolved' });
      await settled(desk, id, (incident) => incident.status === 'resolved');
      desk.stage.pagerDuty.clearFaults();
      await settled(desk, id, (incident) => incident.pages[0]?.state === 'closed');
      await everythingLeft(desk);
      expect(appliedTo(desk, `${id}/1`)).toEqual(['resolve']);
      expect(pagesOf(desk, id)).toEqual([]);
    }));

  it('a P0 page does not wait behind P1 pages that hang', () =>
    withDesk(async (desk) => {
      const { pagerDuty } = desk.stage;
      pagerDuty.fault('events', { kind: 'hang', times: 4 });
      const slow: string[] = [];
      for (const name of ['A', 'B', 'C', 'D']) slow.push(await fire(desk, { name, severity: 'P1' }));
      await pagerDuty.until(
        () => pagerDuty.events().filter((event) => event.answer === 'hang').length === 4,
        {
          what: 'four pages that hang',
        },
      );
      const urgent = await fire(desk, { name: 'Urgent', severity: 'P0' });
      await paged(desk, urgent);
      for (const id of slow) await paged(desk, id);
      expect(pagerDuty.incidents()[0]?.dedupKey).toBe(`${urgent}/1`);
    }));
});

describe.concurrent('whatever Slack does, the page leaves', () => {
  it.each([
    ['hangs', { kind: 'hang' }],
    ['answers 500', { kind: 'http500' }],
    ['answers with a page of HTML', { kind: 'html' }],
    ['drops every connection', { kind: 'reset' }],
    ['has revoked our token', { kind: 'error', error: 'token_revoked' }],
  ] as const)('when it %s', (_name, fault) =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('*', fault);
      const id = await fire(desk, { name: 'SlackDown', severity: 'P1' });
      const page = await paged(desk, id);
      expect(desk.stage.slack.messages(CHANNEL)).toEqual([]);
      expect(page.links.some((link) => link.href.includes(CHANNEL))).toBe(true);
      const grave = await fire(desk, { name: 'SlackDownToo', severity: 'P0' });
      await paged(desk, grave);
      await desk.stage.mail.until(
        () => desk.stage.mail.messages().some((mail) => mail.subject.includes(grave)),
        {
          what: 'the mail to the stakeholders',
        },
      );
    }),
  );

  it('and when it is back, the headline comes once, with the page as it is by then', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('*', { kind: 'http500' });
      const id = await fire(desk, { name: 'Back', severity: 'P1' });
      await paged(desk, id);
      await settled(desk, id, (incident) => incident.undelivered['headline'] !== undefined);
      desk.stage.slack.clearFaults();
      await posted(desk, id);
      await shows(desk, id, 'Paged Ada');
      expect(headlinesOf(desk, id)).toHaveLength(1);
    }));
});

describe('without a REST token and without webhooks', () => {
  it('a page is queued and never more, and PagerDuty is asked nothing', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'Queued', severity: 'P1' });
        await paged(desk, id);
        await posted(desk, id);
        await shows(desk, id, 'Page queued, nobody yet');
        await settled(desk, id, (incident) => incident.pages[0]?.state === 'queued');
        await desk.stage.slack.settled();
        expect(desk.thread(id)).not.toContain('Paged');
        expect(desk.stage.pagerDuty.requests()).toEqual([]);
      },
      {
        config: (config) => ({
          ...config,
          pagerduty: { ...config.pagerduty, apiToken: null, webhookSecrets: [] },
        }),
      },
    ));
});
