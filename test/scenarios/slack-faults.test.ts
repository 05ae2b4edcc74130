import { describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  exchange,
  fire,
  headlinesOf,
  incidentView,
  paged,
  posted,
  pressOn,
  receiptOf,
  repliesOf,
  said,
  settled,
  shows,
  statusView,
  switches,
} from './reading.ts';

async function withDesk(story: (desk: InProcess) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const desk = await startDesk(options);
  try {
    await story(desk);
  } finally {
    await desk.close();
  }
}

const nothing = { orders: [], conditional: [] };

describe.concurrent('a post whose answer is lost', () => {
  it.each([
    ['is found again by its metadata: there is still one headline', false, 'resetAfterAccept'],
    ['in the thread is found again too: there is still one runbook', true, 'resetAfterAccept'],
    ['to a page of HTML is sent again only after looking for it', false, 'html'],
    ['to a dropped connection is sent again only after looking for it', false, 'reset'],
  ] as const)('%s', (_name, inThread, kind) =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', {
        kind,
        times: 1,
        when: (args) => (args['thread_ts'] !== undefined) === inThread,
      });
      const id = await fire(desk, { name: 'Lost', severity: 'P1' });
      await posted(desk, id);
      await settled(desk, id, (incident) => incident.posts['runbook'] !== undefined);
      expect(headlinesOf(desk, id)).toHaveLength(1);
      expect(repliesOf(desk, id)).toHaveLength(1);
      const looked = desk.stage.slack.calls.some((call) =>
        /^conversations\.(history|replies)$/.test(call.method),
      );
      expect(looked).toBe(true);
    }),
  );

  it('and whose incident is raised to P0 before it is sent again is still one headline', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', { kind: 'resetAfterAccept', times: 1 });
      const id = await fire(desk, { name: 'LostAndRaised', severity: 'P1', fingerprint: 'a' });
      await settled(desk, id, (incident) => incident.undelivered['headline'] !== undefined);
      await fire(desk, { name: 'LostAndRaised', severity: 'P0', fingerprint: 'b' });
      await posted(desk, id);
      await paged(desk, id, 2);
      await shows(desk, id, '🔴 P0');
      expect(headlinesOf(desk, id)).toHaveLength(1);
      expect(repliesOf(desk, id)).toHaveLength(1);
    }));
});

describe.concurrent('when Slack asks to slow down', () => {
  it('the headline waits as long as it was told, and comes once', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', { kind: 'rateLimited', retryAfterSec: 1, times: 1 });
      const id = await fire(desk, { name: 'Slow', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      expect(headlinesOf(desk, id)).toHaveLength(1);
    }));

  it('about a headline, neither the receipt of a kill nor a page waits for it', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Limited', severity: 'P1' });
      await posted(desk, id);
      const ts = desk.headlineTs(id);
      desk.stage.slack.fault('chat.update', {
        kind: 'rateLimited',
        retryAfterSec: 600,
        when: (args) => args['ts'] === ts,
      });
      await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Kill…');
      await shows(desk, id, 'VERDICT  RESIDUAL');
      await paged(desk, id, 2);
      expect(desk.stage.binance.openOrders()).toEqual([]);
      expect(desk.stage.slack.asText(CHANNEL)).toContain('Trading RUNNING');
    }));

  it('about an incident’s headline, another incident’s comes all the same', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', {
        kind: 'rateLimited',
        retryAfterSec: 600,
        when: (args) => JSON.stringify(args['text']).includes('Patient'),
      });
      const patient = await fire(desk, { name: 'Patient', severity: 'P1' });
      const other = await fire(desk, { name: 'Other', severity: 'P1' });
      await posted(desk, other);
      expect(headlinesOf(desk, patient)).toEqual([]);
    }));
});

describe.concurrent('when our token is revoked', () => {
  it('a kill by command still stops everything, pages and mails', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('*', { kind: 'error', error: 'token_revoked' });
      const answer = await desk.stage.slack.say(CAST.ada.id, '/kill nobody reads Slack');
      expect(said(answer)).toMatch(/Kill running in INC-\d{8}-001/);
      const { lastKill } = await statusView(desk);
      const id = lastKill?.incident ?? '';
      await settled(desk, id, (incident) => Object.values(incident.kills)[0]?.verdict === 'RESIDUAL');
      expect(exchange(desk)).toMatchObject(nothing);
      expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
      await paged(desk, id, 1);
      await paged(desk, id, 2);
      await desk.stage.mail.until(
        () => desk.stage.mail.messages().some((mail) => mail.subject.includes('RESIDUAL')),
        { what: 'the mail about the verdict' },
      );
      expect(desk.stage.slack.messages(CHANNEL)).toEqual([]);
    }));

  it('a kill over HTTP still stops everything, and what Slack was owed is on record', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('*', { kind: 'error', error: 'token_revoked' });
      const { status, json } = await desk.post('/kill', { reason: 'no Slack', actor: 'risk' });
      expect(status).toBe(202);
      const id = (json as unknown as { incident: string }).incident;
      await settled(desk, id, (incident) => Object.values(incident.kills)[0]?.verdict === 'RESIDUAL');
      expect(exchange(desk)).toMatchObject(nothing);
      const incident = await settled(desk, id, (one) => one.undelivered['headline'] !== undefined);
      expect(incident.undelivered['headline']).toBe('Slack says token_revoked');
    }));
});

describe.concurrent('a message that Slack refuses for good', () => {
  it('is given up and on record; the page, the kill and the other messages go on', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', {
        kind: 'error',
        error: 'invalid_blocks',
        when: (args) => JSON.stringify(args['text']).includes('unbook'),
      });
      const id = await fire(desk, { name: 'Broken', severity: 'P1' });
      await settled(desk, id, (incident) => incident.undelivered['runbook'] !== undefined);
      await paged(desk, id);
      await desk.click('ada', 'Kill…', id);
      await shows(desk, id, 'VERDICT  RESIDUAL');
      expect(receiptOf(desk, id)).toBeDefined();
      expect((await incidentView(desk, id)).timeline.map((row) => row.text)).toContainEqual(
        'Could not post runbook to Slack (gave up): Slack says invalid_blocks',
      );
    }));
});
