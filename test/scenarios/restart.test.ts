import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  as,
  eventsOf,
  everythingLeft,
  exchange,
  fire,
  happens,
  headlinesOf,
  incidentView,
  paged,
  pagesOf,
  posted,
  pressOn,
  receiptOf,
  repliesOf,
  settled,
  shows,
  statusView,
  storedView,
  submit,
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

/** What the outside has been told of an incident: none of it may grow by a restart. */
const told = (desk: InProcess, id: string) => ({
  headlines: headlinesOf(desk, id).length,
  replies: repliesOf(desk, id).length,
  pages: pagesOf(desk, id).map((page) => [page.dedupKey, page.triggers, page.notes.length]),
  mails: desk.stage.mail.messages().filter((mail) => mail.subject.includes(id)).length,
});

describe('a restart', () => {
  it('right after an alert was taken loses nothing, and posts and pages once', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Early', severity: 'P1' });
      await desk.restart();
      expect(await incidentView(desk, id)).toMatchObject({ state: 'open', alerts: [{ state: 'firing' }] });
      await paged(desk, id);
      await posted(desk, id);
      await everythingLeft(desk);
      expect(told(desk, id)).toMatchObject({ headlines: 1, replies: 1 });
      expect(pagesOf(desk, id)).toHaveLength(1);
      expect(await fire(desk, { name: 'Early', severity: 'P1' })).toBe(id);
    }));

  it('after everything was said says nothing again, and the thread still belongs to its incident', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Quiet', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      await settled(desk, id, (incident) => incident.pages[0]?.state === 'assigned');
      await desk.stage.pagerDuty.until(() => pagesOf(desk, id)[0]?.notes.length === 1, { what: 'the note' });
      await settled(
        desk,
        id,
        ({ clocks, impact }) => clocks['incidents-channel'] !== undefined && impact !== undefined,
      );
      const before = told(desk, id);
      const { timeline } = await incidentView(desk, id);
      for (let times = 0; times < 3; times += 1) await desk.restart();
      await everythingLeft(desk);
      expect(told(desk, id)).toEqual(before);
      expect((await incidentView(desk, id)).timeline).toEqual(timeline);
      await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'still listening?', {
        threadTs: desk.headlineTs(id),
      });
      expect((await incidentView(desk, id)).timeline.at(-1)?.text).toBe('Said: still listening?');
      await pressOn(desk, CAST.ada.id, headlinesOf(desk, id)[0], 'Acknowledge');
      await desk.stage.pagerDuty.until(() => pagesOf(desk, id)[0]?.status === 'acknowledged', {
        what: 'the acknowledgement',
      });
    }));

  it('after the verdict of a kill keeps latch, verdict and receipt, and pages for none of it again', () =>
    withDesk(async (desk) => {
      await desk.stage.slack.say(CAST.ada.id, '/kill feed frozen');
      const id = (await statusView(desk)).lastKill?.incident ?? '';
      await shows(desk, id, 'VERDICT  RESIDUAL');
      await paged(desk, id, 2);
      await settled(desk, id, (incident) => incident.pages.every((page) => page.state === 'assigned'));
      await desk.stage.mail.until(() => told(desk, id).mails === 2, { what: 'both mails' });
      await settled(desk, id, (incident) => incident.posts['runbook'] !== undefined);
      await shows(desk, id, 'Mail to the stakeholders (verdict)');
      const before = told(desk, id);
      const kill = (await statusView(desk)).lastKill;
      await desk.restart();
      await everythingLeft(desk);
      expect(told(desk, id)).toMatchObject({
        headlines: before.headlines,
        replies: before.replies,
        mails: before.mails,
      });
      expect(pagesOf(desk, id).map((page) => [page.dedupKey, page.triggers])).toEqual([
        [`${id}/1`, 1],
        [`${id}/2`, 1],
      ]);
      expect((await statusView(desk)).lastKill).toEqual(kill);
      expect((await statusView(desk)).trading).toMatchObject({ state: 'killed', latch: { by: 'ada' } });
      expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1' });
      expect(receiptOf(desk, id)).toBeDefined();
    }));

  it('in the middle of a kill goes on with it to a verdict, in the same incident', () =>
    withDesk(async (desk) => {
      desk.stage.binance.fault({ kind: 'slow', match: { path: '/fapi/v1/openOrders' }, times: Infinity });
      const { json } = as<{ incident: string; kill: string }>(
        await desk.post('/kill', { reason: 'cut short' }),
      );
      await settled(desk, json.incident, (incident) => incident.kills[json.kill]?.latch?.ok === true);
      const restarting = desk.restart();
      desk.stage.binance.clearFaults();
      await restarting;
      await settled(desk, json.incident, (incident) => incident.kills[json.kill]?.verdict === 'RESIDUAL');
      expect(exchange(desk)).toMatchObject({ orders: [], conditional: [] });
      await shows(desk, json.incident, 'VERDICT  RESIDUAL');
      expect((await incidentView(desk, json.incident)).kills).toHaveLength(1);
      expect(headlinesOf(desk, json.incident)).toHaveLength(1);
    }));

  it('while Slack is down and a headline is owed posts it once, after Slack is back', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', { kind: 'http500' });
      const id = await fire(desk, { name: 'Owed', severity: 'P1' });
      await paged(desk, id);
      await settled(desk, id, (incident) => incident.undelivered['headline'] !== undefined);
      await desk.restart();
      expect(headlinesOf(desk, id)).toEqual([]);
      desk.stage.slack.clearFaults();
      await posted(desk, id);
      await shows(desk, id, 'Paged Ada');
      expect(told(desk, id)).toMatchObject({ headlines: 1, replies: 1 });
      expect(eventsOf(desk, `${id}/1`)).toEqual(['trigger']);
    }));

  it('after a post whose answer was lost finds it instead of posting again', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('chat.postMessage', { kind: 'resetAfterAccept', times: 1 });
      const id = await fire(desk, { name: 'Found', severity: 'P1' });
      await settled(desk, id, (incident) => incident.undelivered['headline'] !== undefined);
      await desk.restart();
      await posted(desk, id);
      await everythingLeft(desk);
      expect(told(desk, id)).toMatchObject({ headlines: 1, replies: 1 });
    }));

  it('after a page whose answer was lost does not page twice', () =>
    withDesk(async (desk) => {
      // Nothing but asking tells that it arrived.
      desk.stage.pagerDuty.sendWebhooksTo(null);
      desk.stage.pagerDuty.fault('events', { kind: 'acceptThenReset' });
      const id = await fire(desk, { name: 'PagedOnce', severity: 'P1' });
      await settled(desk, id, (incident) => incident.pages[0]?.state === 'retrying');
      await desk.restart();
      await settled(desk, id, (incident) => incident.pages[0]?.state === 'assigned');
      expect(pagesOf(desk, id)).toMatchObject([{ dedupKey: `${id}/1`, triggers: 1 }]);
    }));

  it('while PagerDuty is down and the incident is over resolves, and never triggers', () =>
    withDesk(async (desk) => {
      desk.stage.pagerDuty.fault('events', { kind: 'http500', times: Infinity });
      const id = await fire(desk, { name: 'TooLate', severity: 'P2', fingerprint: 'late' });
      await fire(desk, { name: 'TooLate', severity: 'P2', fingerprint: 'late', status: 'resolved' });
      await desk.restart();
      desk.stage.pagerDuty.clearFaults();
      await everythingLeft(desk);
      await desk.stage.pagerDuty.until(() => eventsOf(desk, `${id}/1`).includes('resolve'), {
        what: 'the resolve',
      });
      expect(pagesOf(desk, id)).toEqual([]);
    }));

  it('after the resolution keeps the postmortem, its number, and what was said', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Done', severity: 'P1' });
      await posted(desk, id);
      const mailed = happens(desk, 'MailSent', id);
      await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
      await submit(desk, CAST.ada.id, { summary: 'Over.' });
      await shows(desk, id, 'Postmortem draft');
      await mailed;
      await settled(desk, id, (incident) => incident.pages.every((page) => page.state === 'closed'));
      const before = await storedView(desk, id);
      await desk.restart();
      expect(await incidentView(desk, id)).toEqual(before);
      const next = await fire(desk, { name: 'Next', severity: 'P1' });
      expect(next).not.toBe(id);
      await posted(desk, next);
      await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${next}`);
      await submit(desk, CAST.ada.id, { summary: 'Over too.' });
      await settled(desk, next, (incident) => incident.postmortem !== undefined);
      expect((await incidentView(desk, next)).postmortem?.id).toMatch(/_002$/);
    }));

  it('with a control file that was loosened meanwhile writes the latch again', () =>
    withDesk(async (desk) => {
      const { json } = as<{ incident: string }>(await desk.post('/kill', { reason: 'latched' }));
      await settled(desk, json.incident, (one) => Object.values(one.kills)[0]?.verdict === 'RESIDUAL');
      await desk.restart(async () => {
        await writeFile(desk.controlFile, 'KILL_SWITCH=0\nOTHER=kept\n');
      });
      expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '1', OTHER: 'kept' });
      expect((await statusView(desk)).trading.state).toBe('killed');
    }));
});
