/** The playbook's clocks on a real bot: the wall clock is moved forward, and the bot looks at it every second. */

import { describe, expect, it } from 'vitest';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  fire,
  headlinesOf,
  paged,
  pagesOf,
  posted,
  pressOn,
  repliesOf,
  settled,
  shows,
  submit,
} from './reading.ts';

const MIN = 60_000;
const HOUR = 60 * MIN;

interface Timed extends InProcess {
  advance(ms: number): void;
}

async function withDesk(story: (desk: Timed) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  let offset = 0;
  const desk = await startDesk({ mode: 'socket', ...options, now: () => Date.now() + offset });
  try {
    await story(
      Object.assign(desk, {
        advance(ms: number) {
          offset += ms;
        },
      }),
    );
  } finally {
    await desk.close();
  }
}

const noticesWith = (desk: InProcess, id: string, words: string) =>
  repliesOf(desk, id).filter((message) => JSON.stringify(message.blocks).includes(words));

async function resolve(desk: InProcess, id: string, values: Record<string, string>): Promise<void> {
  await desk.stage.slack.say(CAST.ada.id, `/incident resolve ${id}`);
  expect(await submit(desk, CAST.ada.id, values)).toEqual({ action: 'close', errors: {} });
}

const checklistOf = (desk: InProcess, id: string) =>
  repliesOf(desk, id).filter((message) => message.text.includes('After the incident'));

async function press(desk: InProcess, id: string, label: string): Promise<void> {
  const answer = await pressOn(desk, CAST.ada.id, checklistOf(desk, id)[0], label);
  expect(answer.ok).toBe(true);
}

describe.concurrent('while an incident is open', () => {
  it('the headline counts down in UTC, and says as of when', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Counted', severity: 'P1' });
      await posted(desk, id);
      // Towards midnight a time has its date.
      await shows(desk, id, 'acknowledge by ');
      expect(desk.thread(id)).toMatch(
        /acknowledge by [\d :-]*\d\d:\d\d:\d\d UTC \(in 14 min\) · next update by [\d :-]{8,} UTC \(in 29 min\) · mail the stakeholders by [\d :-]{8,} UTC \(in 59 min\) · as of [\d:]{8}/,
      );
      // Drawn again when 10 min are left, and 5: few edits, each true.
      desk.advance(5 * MIN);
      await shows(desk, id, '(in 9 min)');
      desk.advance(5 * MIN);
      await shows(desk, id, '(in 4 min)');
      const { json } = await desk.get(`/incidents/${id}`);
      expect(json['clocks']).toMatchObject([
        { id: 'acknowledge', state: 'running', doneAt: null },
        { id: 'incidents-channel', state: 'met' },
        { id: 'stakeholder-mail' },
        { id: 'update' },
        { id: 'still-open' },
      ]);
      await desk.click('ada', 'Acknowledge', id);
      await settled(desk, id, ({ clocks }) => clocks['acknowledge']?.state === 'met');
      await shows(desk, id, '✓ in time: acknowledge');
    }));

  it('a missed acknowledgement pages the next step and calls the approvers, once, also over a restart', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Missed', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      desk.advance(15 * MIN);
      await paged(desk, id, 2);
      await shows(desk, id, 'Missed: acknowledge');
      await shows(desk, id, 'please look at it');
      const [notice] = noticesWith(desk, id, 'please look at it');
      expect(JSON.stringify(notice?.blocks)).toContain(`<@${CAST.grace.id}>`);
      expect(JSON.stringify(notice?.blocks)).toContain('Page 2 is due for it');
      await desk.restart();
      await shows(desk, id, 'Missed: acknowledge');
      // Another step is due as long after that page, and not before.
      desk.advance(14 * MIN);
      desk.advance(2 * MIN);
      await paged(desk, id, 3);
      expect(pagesOf(desk, id).map((page) => page.dedupKey)).toEqual([1, 2, 3].map((n) => `${id}/${n}`));
      expect(noticesWith(desk, id, 'Missed: acknowledge')).toHaveLength(1);
    }));

  it('what came due while the bot was away is done at its start, and marked late', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Away', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      await desk.restart(async () => desk.advance(2 * HOUR));
      await paged(desk, id, 2);
      await shows(desk, id, 'late: nothing looked at the clock before');
      const [mail] = desk.stage.mail.messages();
      await desk.stage.mail.until(() => desk.stage.mail.messages().length === 1, { what: 'the late mail' });
      expect(mail?.subject ?? desk.stage.mail.messages()[0]?.subject).toContain(id);
      const incident = await settled(desk, id, ({ clocks }) => clocks['stakeholder-mail'] !== undefined);
      expect(incident.clocks['acknowledge']?.state).toBe('missed');
      expect(incident.clocks['stakeholder-mail']?.state).toBe('missed');
      expect(incident.clocks['incidents-channel']?.state).toBe('met');
      expect(
        (await desk.bot.ledger.history(id)).filter(({ type }) => type === 'UpdateReminded'),
      ).toHaveLength(1);
    }));

  it('30 min without a word remind the responders, or the commander; what a person says counts', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Silent', severity: 'P1' });
      await posted(desk, id);
      await desk.click('ada', 'Acknowledge', id);
      desk.advance(20 * MIN);
      await desk.stage.slack.post(CAST.ada.id, CHANNEL, 'looking at the router', {
        threadTs: desk.headlineTs(id),
      });
      await settled(desk, id, ({ updateAt }) => updateAt !== undefined);
      desk.advance(29 * MIN);
      desk.advance(2 * MIN);
      await shows(desk, id, 'No update for 31 min');
      expect(JSON.stringify(noticesWith(desk, id, 'No update')[0]?.blocks)).toContain(`<@${CAST.ada.id}>`);
      const grace = { via: 'slack' as const, id: CAST.grace.id, name: 'grace' };
      await desk.bot.desk.command(id, { type: 'AssignCommander', by: grace, who: grace });
      desk.advance(31 * MIN);
      await desk.stage.slack.until(() => noticesWith(desk, id, 'No update').length === 2, {
        what: 'the second reminder',
      });
      const second = JSON.stringify(noticesWith(desk, id, 'No update')[1]?.blocks);
      expect(second).toContain(`<@${CAST.grace.id}>`);
      expect(second).not.toContain(`<@${CAST.ada.id}>`);
    }));

  it('a P3 has until the end of the next business day of its place', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'Small', severity: 'P3' });
        await posted(desk, id);
        const { clocksFrom } = await settled(desk, id, () => true);
        const [, day = ''] = /acknowledge by (\d{4}-\d\d-\d\d) 00:00:00 UTC/.exec(desk.thread(id)) ?? [];
        const ahead = Date.parse(`${day}T00:00:00Z`) - clocksFrom;
        expect(ahead).toBeGreaterThan(24 * HOUR);
        expect(ahead).toBeLessThanOrEqual(48 * HOUR);
      },
      {
        config: (config) => ({
          ...config,
          hours: {
            timezone: 'UTC',
            days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
            maintenance: [],
          },
        }),
      },
    ));
});

describe.concurrent('after a P0 or P1', () => {
  it('the checklist is one message, which fills as people supply it', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'After', severity: 'P1' });
      await posted(desk, id);
      await resolve(desk, id, { summary: 'Over.' });
      await shows(desk, id, 'After the incident: 0 of 4 done');
      await settled(desk, id, ({ posts }) => posts['checklist'] !== undefined);
      await press(desk, id, 'Name the category…');
      expect(await submit(desk, CAST.ada.id, { category: 'data' })).toEqual({ action: 'close', errors: {} });
      await press(desk, id, 'Add an action item…');
      await submit(desk, CAST.ada.id, {
        text: 'Canary deploys <!channel>',
        owner: CAST.grace.id,
        due: '2026-12-01',
      });
      await press(desk, id, 'SLI data is updated');
      await shows(desk, id, '3 of 4 done');
      // The draft is written behind all that; its button comes with it.
      await desk.stage.slack.until(
        () => JSON.stringify(checklistOf(desk, id)[0]?.blocks).includes('Put into review'),
        { what: 'the button of the draft' },
      );
      await press(desk, id, 'Put into review');
      await shows(desk, id, '4 of 4 done');
      expect(checklistOf(desk, id)).toHaveLength(1);
      expect(JSON.stringify(checklistOf(desk, id)[0]?.blocks)).not.toContain('"type":"button"');
      expect(JSON.stringify(checklistOf(desk, id)[0]?.blocks)).not.toContain('<!channel>');
      const incident = await settled(desk, id, ({ clocks }) => clocks['postmortem']?.state === 'met');
      for (const clock of ['root-cause', 'action-items', 'sli-data'])
        expect(incident.clocks[clock]?.state).toBe('met');
      expect(pagesOf(desk, id)).toHaveLength(1);
    }));

  it('what is not there in 48 h is missed once, over a restart with the incident put away, and pages as a warning until it is', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Forgotten', severity: 'P1' });
      await paged(desk, id);
      await posted(desk, id);
      await resolve(desk, id, { summary: 'Over.', category: 'data' });
      await shows(desk, id, 'After the incident: 1 of 4 done');
      await settled(desk, id, ({ clocks }) => clocks['root-cause']?.state === 'met');
      await desk.restart();
      expect(desk.bot.ledger.peek(id), 'it is not in memory').toBeUndefined();
      desk.advance(47 * HOUR);
      desk.advance(HOUR);
      await paged(desk, id, 2);
      await shows(desk, id, 'please look at it');
      expect(noticesWith(desk, id, 'please look at it')).toHaveLength(1);
      expect(pagesOf(desk, id).find(({ dedupKey }) => dedupKey.endsWith('/2'))?.severity).toBe('warning');
      await desk.restart();
      await press(desk, id, 'Put into review');
      await press(desk, id, 'SLI data is updated');
      await press(desk, id, 'None needed…');
      await submit(desk, CAST.ada.id, { why: 'a test' });
      await desk.stage.pagerDuty.until(() => pagesOf(desk, id).every((page) => page.status === 'resolved'), {
        what: 'the late page resolved',
      });
      await shows(desk, id, '4 of 4 done');
      expect(JSON.stringify(checklistOf(desk, id)[0]?.blocks)).toContain('*late*');
      expect(noticesWith(desk, id, 'Missed: postmortem')).toHaveLength(1);
      expect(headlinesOf(desk, id)).toHaveLength(1);
      expect(JSON.stringify(headlinesOf(desk, id)[0]?.blocks)).toContain('Missed: postmortem in review');
    }));
});
