/** PagerDuty both ways: what people do there is heard here, and when it reaches nobody, somebody is asked otherwise. */

import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Mail } from '../../src/ports.ts';
import type { StoredMessage } from '../../src/rehearsal/slack/shapes.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { startRehearsal } from '../../src/rehearse.ts';
import { type InProcess, policy, withDesk } from './desk.ts';
import {
  buttonOf,
  eventsOf,
  everythingLeft,
  fire,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  pressOn,
  said,
  settled,
  shows,
} from './reading.ts';

const MINUTE = 60_000;

/** PagerDuty's own incident of a page. */
const thereOf = (desk: InProcess, id: string, n = 1) => {
  const found = pagesOf(desk, id).find((one) => one.dedupKey === `${id}/${n}`);
  if (found === undefined) throw new Error(`PagerDuty has no ${id}/${n}`);
  return found;
};

/** Nothing says whose the page is: neither REST nor a webhook. */
function blind(desk: InProcess): void {
  desk.stage.pagerDuty.sendWebhooksTo(null);
  desk.stage.pagerDuty.fault('rest', { kind: 'http500', times: Infinity });
}

const isSummons = (message: StoredMessage): boolean => message.text.includes('somebody is needed');
const summonses = (desk: InProcess): StoredMessage[] => desk.stage.slack.messages(CHANNEL).filter(isSummons);
const summonMails = (desk: InProcess) =>
  desk.stage.mail
    .messages()
    .filter((mail: Pick<Mail, 'subject'>) => mail.subject.includes('somebody is needed'));

async function bothWays(desk: InProcess): Promise<void> {
  await desk.stage.slack.until(() => summonses(desk).length > 0, { what: 'a mention', timeoutMs: 15_000 });
  await desk.stage.mail.until(() => summonMails(desk).length > 0, { what: 'a mail', timeoutMs: 15_000 });
}

/** A webhook as PagerDuty signs it, sent by whoever has the secret. */
async function webhook(
  desk: InProcess,
  event: object,
  secret = desk.stage.keys.webhookSecret,
): Promise<{ status: number; json: unknown }> {
  const body = JSON.stringify({ event });
  const signature = `v1=${createHmac('sha256', secret).update(body).digest('hex')}`;
  return desk.post('/pagerduty/webhook', body, {
    token: null,
    headers: { 'x-pagerduty-signature': signature },
  });
}

describe.concurrent('what people do at PagerDuty', () => {
  it('an acknowledgement acknowledges here, with who, and is not sent back', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Ack', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      desk.stage.pagerDuty.acknowledge(thereOf(desk, id).id, CAST.grace.pagerDuty);
      await shows(desk, id, 'Acknowledged on PagerDuty by Grace (@grace)');
      await shows(desk, id, 'incident acknowledged by Grace');
      const view = await incidentView(desk, id);
      expect(view).toMatchObject({ state: 'acknowledged', acknowledged: { by: 'Grace' } });
      expect(view.timeline.find((row) => row.type === 'IncidentAcknowledged')).toMatchObject({
        by: 'Grace',
        via: 'pagerduty',
      });
      await everythingLeft(desk);
      expect(eventsOf(desk, `${id}/1`)).toEqual(['trigger']);
    }));

  it('an acknowledgement is heard by asking where no webhook comes', () =>
    withDesk(async (desk) => {
      desk.stage.pagerDuty.sendWebhooksTo(null);
      const id = await fire(desk, { name: 'Asked', severity: 'P1' });
      await paged(desk, id);
      desk.stage.pagerDuty.acknowledge(thereOf(desk, id).id, CAST.ada.pagerDuty);
      const { acknowledged } = await settled(desk, id, (one) => one.acknowledged !== undefined);
      expect(acknowledged?.by).toEqual({
        via: 'pagerduty',
        id: CAST.ada.pagerDuty,
        name: 'Ada',
        slack: CAST.ada.id,
      });
    }));

  it('an acknowledgement in Slack comes back as an echo, and is nothing new', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Echo', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      await desk.click('grace', 'Acknowledge', id);
      const heard = () =>
        desk.stage.pagerDuty.webhooks().filter((one) => one.type === 'incident.acknowledged');
      await desk.stage.pagerDuty.until(() => heard().length === 1, { what: 'the webhook of it' });
      await settled(desk, id, (one) => one.acknowledged !== undefined);
      const { timeline } = await incidentView(desk, id);
      expect(timeline.filter((row) => row.type === 'PagerSaid' && row.text.includes('acknowledged'))).toEqual(
        [],
      );
      expect(heard()[0]?.status).toBe(202);
    }));

  it('a page that is owed after an acknowledgement rings, and is acknowledged for itself', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Worse', severity: 'P1', fingerprint: 'one' });
      await paged(desk, id);
      await posted(desk, id);
      await desk.click('ada', 'Acknowledge', id);
      await shows(desk, id, 'incident acknowledged by ada');
      await fire(desk, { name: 'Worse', severity: 'P0', fingerprint: 'two' });
      await paged(desk, id, 2);
      await shows(desk, id, 'assigned, not acknowledged (page 2');
      await everythingLeft(desk);
      expect(eventsOf(desk, `${id}/2`)).toEqual(['trigger']);
      expect(thereOf(desk, id, 2).status).toBe('triggered');
      await desk.click('grace', 'Acknowledge', id);
      await desk.stage.pagerDuty.until(() => thereOf(desk, id, 2).status === 'acknowledged', {
        what: 'the acknowledgement at PagerDuty',
      });
      await shows(desk, id, 'incident acknowledged by grace');
      expect(buttonOf(headlinesOf(desk, id)[0], 'Acknowledge')).toBeNull();
    }));

  it('a resolution there is noted, not obeyed', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'There', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      desk.stage.pagerDuty.resolve(thereOf(desk, id).id, CAST.ada.pagerDuty);
      await shows(desk, id, 'Resolved on PagerDuty by Ada (@ada)');
      await shows(desk, id, 'the incident is still open here');
      expect(await incidentView(desk, id)).toMatchObject({ state: 'open', resolved: null });
    }));

  it('an escalation and a reassignment show whose page it is now', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Moves', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      desk.stage.pagerDuty.escalate(thereOf(desk, id).id);
      await shows(desk, id, 'Page 1 escalated on PagerDuty by Trading desk');
      await shows(desk, id, 'Paged Grace');
      desk.stage.pagerDuty.reassign(thereOf(desk, id).id, [CAST.alan.pagerDuty], CAST.grace.pagerDuty);
      await shows(desk, id, 'Paged Alan');
      expect((await incidentView(desk, id)).pages).toMatchObject([
        { state: 'assigned', assignedTo: ['Alan'] },
      ]);
    }));

  it('an acknowledgement that runs out there is shown, and a page that is opened again there too', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Back', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      const { pagerDuty } = desk.stage;
      pagerDuty.acknowledge(thereOf(desk, id).id, CAST.ada.pagerDuty);
      pagerDuty.unacknowledge(thereOf(desk, id).id);
      await shows(desk, id, 'No longer acknowledged on PagerDuty: it is with Ada now');
      pagerDuty.delegate(thereOf(desk, id).id, [CAST.grace.pagerDuty], CAST.ada.pagerDuty);
      await shows(desk, id, 'Page 1 delegated on PagerDuty by Ada');
      pagerDuty.resolve(thereOf(desk, id).id, CAST.grace.pagerDuty);
      pagerDuty.reopen(thereOf(desk, id).id, CAST.grace.pagerDuty);
      await shows(desk, id, 'Page 1 reopened on PagerDuty by Grace');
      await settled(desk, id, (one) => one.pages[0]?.state === 'assigned');
    }));

  it('notes go both ways, once each, and not round in circles', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Notes', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      await shows(desk, id, 'Paged Ada');
      desk.stage.pagerDuty.note(thereOf(desk, id).id, CAST.grace.pagerDuty, 'On my way <!channel> *now*');
      await shows(desk, id, 'Note on PagerDuty by Grace (@grace)');
      await desk.stage.slack.say(CAST.ada.id, `/incident note ${id} switched the router off`);
      await desk.stage.slack.say(CAST.ada.id, `/incident note ${id} switched the router off`);
      const ours = () =>
        thereOf(desk, id).notes.filter((note) => note.content.includes('switched the router'));
      await desk.stage.pagerDuty.until(() => ours().length === 2, { what: 'two notes' });
      await desk.stage.pagerDuty.until(
        () => desk.stage.pagerDuty.webhooks().filter((one) => one.type === 'incident.annotated').length >= 4,
        { what: 'webhooks of every note, ours and the thread’s too' },
      );
      await everythingLeft(desk);
      const rows = (await incidentView(desk, id)).timeline;
      expect(rows.filter((row) => row.text.includes('annotated'))).toHaveLength(1);
      expect(rows.filter((row) => row.type === 'NoteAdded')).toHaveLength(2);
      expect(ours()[0]?.content).toMatch(
        /^\[INC-\d{8}-\d{3} #\d+\] DRILL · \d\d:\d\d:\d\d UTC Note by ada: switched the router off$/,
      );
      expect(JSON.stringify(desk.stage.slack.messages(CHANNEL))).not.toContain('<!channel>');
    }));

  it('a note on a page that a webhook never told of finds its incident by asking', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Late', severity: 'P2', fingerprint: 'late' });
      await paged(desk, id);
      await posted(desk, id);
      const there = thereOf(desk, id).id;
      await fire(desk, { name: 'Late', severity: 'P2', fingerprint: 'late', status: 'resolved' });
      await settled(desk, id, (one) => one.pages[0]?.state === 'closed');
      desk.stage.pagerDuty.note(there, CAST.ada.pagerDuty, 'it was the feed');
      await shows(desk, id, 'it was the feed');
    }));
});

describe.concurrent('a webhook that is not what it says', () => {
  const acknowledgement = (desk: InProcess, id: string, extra: object = {}) => ({
    id: randomUUID(),
    event_type: 'incident.acknowledged',
    agent: { id: CAST.ada.pagerDuty, type: 'user_reference', summary: 'Ada' },
    data: { id: thereOf(desk, id).id, type: 'incident', incident_key: `${id}/1`, assignees: [] },
    ...extra,
  });

  it('is refused when it is forged, and does nothing when it is replayed', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Forged', severity: 'P1' });
      await paged(desk, id);
      const forged = await webhook(desk, acknowledgement(desk, id), 'a guess');
      expect(forged).toMatchObject({ status: 401, json: { error: 'wrong_signature' } });
      expect((await incidentView(desk, id)).state).toBe('open');
      const first = acknowledgement(desk, id);
      expect(await webhook(desk, first)).toEqual({ status: 202, json: { incident: id } });
      const { timeline } = await incidentView(desk, id);
      for (let times = 0; times < 3; times += 1) expect((await webhook(desk, first)).status).toBe(202);
      await desk.restart();
      expect((await webhook(desk, first)).status).toBe(202);
      const kinds = (rows: typeof timeline) =>
        rows.filter((row) => row.type === 'PagerSaid').map((row) => row.text);
      expect(kinds((await incidentView(desk, id)).timeline)).toEqual(kinds(timeline));
    }));

  it('acknowledges for nobody who is unknown: an e-mail address that fits no one is no Slack user', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Stranger', severity: 'P1' });
      await paged(desk, id);
      const agent = { id: 'PNOBODY', type: 'user_reference', summary: 'Somebody <@U0ADA>' };
      await webhook(desk, acknowledgement(desk, id, { agent }));
      const { acknowledged } = await settled(desk, id, (one) => one.acknowledged !== undefined);
      expect(acknowledged?.by).toEqual({ via: 'pagerduty', id: 'PNOBODY', name: 'Somebody <@U0ADA>' });
      await posted(desk, id);
      expect(JSON.stringify(headlinesOf(desk, id))).not.toContain('Somebody <@U0ADA>');
    }));

  it('is about none of our pages, or of a kind that means nothing: it is taken and ignored', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Other', severity: 'P1' });
      await paged(desk, id);
      const data = { id: 'QOTHER', type: 'incident', incident_key: `${id}/99`, title: `P1 Other (${id})` };
      expect(await webhook(desk, acknowledgement(desk, id, { data }))).toMatchObject({
        status: 202,
        json: { ignored: 'it is about none of our pages' },
      });
      expect(
        await webhook(desk, { id: 'x', event_type: 'incident.responder.added', data: null }),
      ).toMatchObject({
        status: 202,
        json: { ignored: expect.stringContaining('incident.responder.added') },
      });
      expect((await incidentView(desk, id)).state).toBe('open');
    }));

  it('finds no route where no secret is configured', () =>
    withDesk(
      async (desk) => {
        expect(await webhook(desk, { id: 'x', event_type: 'pagey.ping', data: {} })).toMatchObject({
          status: 404,
          json: { error: 'not_found' },
        });
      },
      { config: (config) => ({ ...config, pagerduty: { ...config.pagerduty, webhookSecrets: [] } }) },
    ));
});

describe.concurrent('when nobody is known to have the page', () => {
  it('a mention and a mail go out after the time, once, over a restart in the middle; an acknowledgement ends it', () =>
    withDesk(async (desk, advance) => {
      blind(desk);
      const id = await fire(desk, { name: 'Queued', severity: 'P1' });
      await posted(desk, id);
      await shows(desk, id, 'Page queued, nobody yet');
      await desk.restart(async () => {
        desk.stage.pagerDuty.sendWebhooksTo(null);
        advance(3 * MINUTE);
      });
      desk.stage.pagerDuty.sendWebhooksTo(null);
      await bothWays(desk);
      await shows(desk, id, 'Mentioned in this channel at');
      await shows(desk, id, 'Mailed to 2 addresses at');
      for (let times = 0; times < 2; times += 1) {
        await desk.restart();
        desk.stage.pagerDuty.sendWebhooksTo(null);
      }
      desk.stage.pagerDuty.clearFaults();
      await everythingLeft(desk);
      expect(summonses(desk)).toHaveLength(1);
      expect(summonMails(desk)).toHaveLength(1);
      const [mention] = summonses(desk);
      expect(mention?.text).toContain(`<@${CAST.ada.id}> <@${CAST.grace.id}>`);
      expect(mention?.broadcast).toBe(true);
      expect(summonMails(desk)[0]?.envelope.to.toSorted()).toEqual([CAST.ada.email, CAST.grace.email]);
      await pressOn(desk, CAST.ada.id, mention, 'Acknowledge');
      await settled(desk, id, (one) => one.acknowledged?.by.id === CAST.ada.id);
    }));

  it('nobody is asked when it was acknowledged in time', () =>
    withDesk(async (desk, advance) => {
      blind(desk);
      const id = await fire(desk, { name: 'InTime', severity: 'P1' });
      await posted(desk, id);
      await desk.click('ada', 'Acknowledge', id);
      await settled(desk, id, (one) => one.acknowledged !== undefined);
      advance(4 * MINUTE);
      desk.stage.pagerDuty.clearFaults();
      await everythingLeft(desk);
      expect(summonses(desk)).toEqual([]);
      expect(summonMails(desk)).toEqual([]);
    }));

  it('a page that fails for good turns the headline red, and asks at once', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'Refused', severity: 'P1' });
        await bothWays(desk);
        await shows(desk, id, 'Nobody was paged');
        expect(headlinesOf(desk, id)[0]?.text).toMatch(/^DRILL · 🟥 NOBODY WAS PAGED · 🟠 P1/);
        expect(summonses(desk)[0]?.text).toContain(CAST.grace.id);
        await desk.click('ada', 'Acknowledge', id);
        await desk.stage.slack.until(() => headlinesOf(desk, id)[0]?.text.includes('NOBODY') === false);
      },
      {
        config: (config) => ({
          ...config,
          pagerduty: { ...config.pagerduty, routingKey: 'f'.repeat(32) },
        }),
      },
    ));

  it('PagerDuty and Slack are both down: the mail goes to whom was known last, also after a restart', () =>
    withDesk(async (desk, advance) => {
      await desk.stage.pagerDuty.until(
        () => desk.stage.pagerDuty.requests().some((one) => one.path === '/oncalls'),
        { what: 'who is on call was read' },
      );
      await everythingLeft(desk);
      desk.stage.pagerDuty.fault('events', { kind: 'reset', times: Infinity });
      desk.stage.pagerDuty.fault('rest', { kind: 'reset', times: Infinity });
      desk.stage.slack.fault('*', { kind: 'http500' });
      await desk.restart();
      const id = await fire(desk, { name: 'AllDown', severity: 'P0' });
      await settled(desk, id, (one) => one.pages[0]?.state === 'retrying');
      advance(11_000);
      await desk.stage.mail.until(() => summonMails(desk).some((mail) => mail.subject.includes(id)), {
        what: 'the mail',
        timeoutMs: 15_000,
      });
      expect(summonMails(desk)[0]?.envelope.to).toContain(CAST.ada.email);
      desk.stage.slack.clearFaults();
      await desk.stage.slack.until(() => summonses(desk).some((one) => one.text.includes(id)), {
        what: 'the mention when Slack is back',
        timeoutMs: 15_000,
      });
      expect(pagesOf(desk, id)).toEqual([]);
    }));

  it('where mail is off and nobody can be paged, both are said', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'NoMail', severity: 'P1' });
        await shows(desk, id, 'No mail to on-call: mail is off');
        await shows(desk, id, 'Mentioned in this channel');
      },
      {
        config: (config) => ({
          ...config,
          mail: 'off',
          pagerduty: { ...config.pagerduty, routingKey: 'f'.repeat(32) },
        }),
      },
    ));

  it('many at once are asked for in few messages, each once', () =>
    withDesk(
      async (desk) => {
        const names = Array.from({ length: 30 }, (_one, n) => `Storm${n}`);
        const ids = await Promise.all(
          names.map((name) => fire(desk, { name, severity: 'P1', fingerprint: name })),
        );
        for (const id of ids)
          await settled(
            desk,
            id,
            (one) =>
              one.pages[0]?.summons?.mention?.state === 'sent' && one.pages[0].summons.mail?.state === 'sent',
          );
        await desk.stage.slack.settled();
        expect(summonses(desk).length).toBeLessThan(6);
        expect(summonMails(desk).length).toBeLessThan(6);
        // Those that have no message of their own are named or counted in another's.
        const told = JSON.stringify(summonses(desk).map((one) => one.blocks));
        const counted = [...told.matchAll(/and (\d+) more/g)].reduce(
          (sum, [, more]) => sum + Number(more),
          0,
        );
        expect(ids.filter((id) => told.includes(id)).length + counted).toBeGreaterThanOrEqual(ids.length);
      },
      {
        config: (config) => ({
          ...config,
          pagerduty: { ...config.pagerduty, routingKey: 'f'.repeat(32) },
        }),
      },
    ));

  it('without a REST token a webhook confirms it', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'ByWebhook', severity: 'P1' });
        await shows(desk, id, 'Paged Ada');
        expect(desk.stage.pagerDuty.requests()).toEqual([]);
      },
      { config: (config) => ({ ...config, pagerduty: { ...config.pagerduty, apiToken: null } }) },
    ));

  it('the answer to the mention was lost: it is found, and nobody is pinged twice', () =>
    withDesk(
      async (desk) => {
        desk.stage.slack.fault('chat.postMessage', {
          kind: 'resetAfterAccept',
          times: 1,
          when: (args) => JSON.stringify(args).includes('somebody is needed'),
        });
        const id = await fire(desk, { name: 'Lost', severity: 'P1' });
        await shows(desk, id, 'Mentioned in this channel');
        expect(summonses(desk)).toHaveLength(1);
      },
      {
        config: (config) => ({
          ...config,
          pagerduty: { ...config.pagerduty, routingKey: 'f'.repeat(32) },
        }),
      },
    ));
});

describe.concurrent('somebody without a role', () => {
  const offer = (desk: InProcess) =>
    desk.stage.slack.ephemerals(CAST.mallory.id).findLast((one) => buttonOf(one, 'Page on-call') !== null);

  it('is refused, and may page on-call: once in 15 minutes, for the incident that is open', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Seen', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      const answer = await desk.stage.slack.say(CAST.mallory.id, '/kill it is running away');
      expect(said(answer)).toContain('if nobody answers, press *Page on-call*');
      await pressOn(desk, CAST.mallory.id, offer(desk), 'Page on-call');
      await paged(desk, id, 2);
      expect((await incidentView(desk, id)).pages[1]).toMatchObject({ why: 'asked for by mallory' });
      await desk.stage.slack.say(CAST.mallory.id, '/halt');
      await pressOn(desk, CAST.mallory.id, offer(desk), 'Page on-call');
      await desk.stage.slack.until(
        () =>
          desk.stage.slack
            .ephemerals(CAST.mallory.id)
            .some((one) => one.text.includes('You paged on-call at')),
        { what: 'the refusal' },
      );
      expect(pagesOf(desk, id)).toHaveLength(2);
    }));

  it('pages on-call also when no incident is open, and stops nothing by it', () =>
    withDesk(async (desk) => {
      await desk.stage.slack.say(CAST.mallory.id, '/kill');
      const before = await desk.control();
      await pressOn(desk, CAST.mallory.id, offer(desk), 'Page on-call');
      await desk.stage.pagerDuty.until(() => desk.stage.pagerDuty.incidents().length === 1, {
        what: 'a page',
      });
      expect(desk.stage.pagerDuty.incidents()[0]?.title).toContain('On-call asked for by mallory');
      expect(await desk.control()).toBe(before);
      await desk.stage.slack.say(CAST.mallory.id, '/kill');
      await pressOn(desk, CAST.mallory.id, offer(desk), 'Page on-call');
      await desk.stage.slack.until(
        () =>
          desk.stage.slack
            .ephemerals(CAST.mallory.id)
            .some((one) => one.text.includes('You paged on-call at')),
        { what: 'the refusal' },
      );
      expect(desk.stage.pagerDuty.incidents()).toHaveLength(1);
    }));
});

describe.concurrent('/incident oncall', () => {
  it('tells a responder who is on call, until when, who is next, and how to reach them', () =>
    withDesk(async (desk) => {
      const text = said(await desk.stage.slack.say(CAST.ada.id, '/incident oncall'));
      expect(text).toMatch(
        /1\. \*Ada\* · Desk on-call · until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, then Grace/,
      );
      expect(text).toContain('phone `+1 2025550142`');
      expect(text).toContain('2. *Grace* · always');
      const refused = said(await desk.stage.slack.say(CAST.mallory.id, '/incident oncall'));
      expect(refused).not.toContain('2025550142');
      expect(
        JSON.stringify(desk.stage.slack.messages(CHANNEL).filter((one) => one.ephemeralTo === undefined)),
      ).not.toContain('2025550142');
    }));

  it('says what it was last, and how old that is, when PagerDuty is down', () =>
    withDesk(async (desk) => {
      await desk.stage.slack.say(CAST.ada.id, '/incident oncall');
      desk.stage.pagerDuty.fault('rest', { kind: 'reset', times: Infinity });
      const text = said(await desk.stage.slack.say(CAST.ada.id, '/incident oncall'));
      expect(text).toContain('*Ada*');
    }));

  it('says that it is unknown without a REST token', () =>
    withDesk(
      async (desk) => {
        const text = said(await desk.stage.slack.say(CAST.ada.id, '/incident oncall'));
        expect(text).toContain('Who is on call is *unknown*: there is no PagerDuty REST token');
      },
      { config: (config) => ({ ...config, pagerduty: { ...config.pagerduty, apiToken: null } }) },
    ));
});

describe('another region', () => {
  it('has hosts and ports of its own for events and for REST', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'Europe', severity: 'P1' });
        await paged(desk, id);
        await shows(desk, id, 'Paged Ada');
        expect(desk.stage.pagerDuty.requests().length).toBeGreaterThan(0);
      },
      {
        config: (config, stage) => ({
          ...config,
          pagerduty: {
            ...config.pagerduty,
            webhookSecrets: [],
            apiServer: stage.pagerDuty.server.replace('127.0.0.1', 'localhost'),
          },
        }),
      },
    ));
});

describe('a rehearsal', () => {
  it('hears what is done at its PagerDuty', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standdown-rehearsed-'));
    const rehearsal = await startRehearsal(
      {
        mode: 'rehearsal',
        dataDir: join(folder, 'data'),
        controlFile: join(folder, 'control.env'),
        playbookFile: '',
        warnings: [],
        host: '127.0.0.1',
        port: 0,
        logLevel: 'silent',
      },
      policy(),
    );
    try {
      const { pagerDuty, slack } = rehearsal.stage;
      await slack.say(CAST.ada.id, '/incident declare P1 something is odd');
      await pagerDuty.until(() => pagerDuty.incidents().length === 1, { what: 'a page' });
      pagerDuty.acknowledge(pagerDuty.incidents()[0]?.id ?? '', CAST.grace.pagerDuty);
      await slack.until(() => slack.asText(CHANNEL).includes('incident acknowledged by Grace'), {
        what: 'the acknowledgement',
      });
    } finally {
      await rehearsal.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
