/** Action items on GitHub: filed once, shown when they are not, seen when they are closed, and in nobody's way. */

import { describe, expect, it } from 'vitest';
import { CAST, CHANNEL, REPOSITORY } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, spawnDesk, startDesk } from './desk.ts';
import {
  fire,
  incidentView,
  paged,
  posted,
  pressOn,
  repliesOf,
  said,
  settled,
  shows,
  submit,
} from './reading.ts';

async function withDesk(
  options: DeskOptions,
  story: (desk: InProcess, id: string) => Promise<void>,
): Promise<void> {
  const desk = await startDesk(options);
  try {
    const id = await fire(desk, { name: 'Items', severity: 'P1' });
    await posted(desk, id);
    await story(desk, id);
  } finally {
    await desk.close();
  }
}
const say = (desk: InProcess, words: string) =>
  desk.stage.slack.say(CAST.ada.id, `/incident ${words}`, { channel: CHANNEL });
const filed = (desk: InProcess, count = 1) =>
  desk.stage.github.until(() => desk.stage.github.issues().length === count, { what: `${count} issues` });

async function resolve(desk: InProcess, id: string): Promise<void> {
  await say(desk, `resolve ${id}`);
  await submit(desk, CAST.ada.id, { summary: 'rolled back', rootCause: 'a deploy', category: 'system' });
  await shows(desk, id, 'Postmortem draft');
}

describe('an action item', () => {
  it('is filed once, with the thread in it, and the thread has the issue', () =>
    withDesk({}, async (desk, id) => {
      const { githubToken } = desk.stage.keys;
      await say(desk, `action ${id} Add a canary @everyone fixes #1 ${githubToken}`);
      await filed(desk);
      await shows(desk, id, 'Action item A1 is');
      const [issue] = desk.stage.github.issues();
      expect(issue?.title).toMatch(/^DRILL · Add a canary/);
      expect(issue?.labels).toEqual(['standdown', 'DRILL']);
      // What somebody wrote may hold a secret of ours.
      expect(JSON.stringify(issue)).not.toContain(githubToken);
      const incident = await settled(desk, id, (one) => one.issues['A1']?.state === 'open');
      expect(issue?.body).toContain(`<${incident.posts['headline']?.permalink}>`);
      expect(incident.issues['A1']?.url).toBe(`https://github.invalid/${REPOSITORY}/issues/1`);
      await desk.restart();
      await say(desk, `action ${id} And another`);
      await filed(desk, 2);
      expect(desk.stage.github.issues().map(({ title }) => title.includes('another'))).toEqual([false, true]);
    }));

  it('is filed once where the answer was lost', () =>
    withDesk({}, async (desk, id) => {
      desk.stage.github.fault({ kind: 'applyThenReset' }, 'POST');
      await say(desk, `action ${id} Add a canary`);
      await shows(desk, id, 'is not filed');
      await settled(desk, id, (one) => one.issues['A1']?.state === 'open');
      expect(desk.stage.github.issues()).toHaveLength(1);
    }));

  it('that is refused says why and what to do, and is filed when somebody presses Try again', () =>
    withDesk({}, async (desk, id) => {
      desk.stage.github.fault({ kind: 'status', status: 403, message: 'Resource not accessible' });
      await say(desk, `action ${id} Add a canary`);
      await shows(desk, id, 'the token lacks');
      expect(said(await say(desk, `status ${id}`))).toContain('1 action item, 1 *NOT filed*');
      const notice = repliesOf(desk, id).findLast((one) => one.text.includes('is not filed'));
      expect((await pressOn(desk, CAST.ada.id, notice, 'Try again')).ok).toBe(true);
      await settled(desk, id, (one) => one.issues['A1']?.state === 'open');
      await pressOn(desk, CAST.ada.id, notice, 'Try again');
      expect(desk.stage.github.issues()).toHaveLength(1);
    }));

  it('that is refused stands on the checklist, with the button, until it is filed', () =>
    withDesk({}, async (desk, id) => {
      desk.stage.github.fault({ kind: 'status', status: 410, message: 'Issues are disabled' });
      await say(desk, `action ${id} Add a canary`);
      await shows(desk, id, 'issues are switched off');
      await resolve(desk, id);
      expect(JSON.stringify((await say(desk, `postmortem ${id}`)).json)).toContain(
        '1 action item, 1 *NOT filed*',
      );
      await shows(desk, id, 'Action item A1 is not filed: ');
      await shows(desk, id, '[Try again: Action item A1]');
      expect((await desk.click('ada', 'Try again: Action item A1', id)).ok).toBe(true);
      await settled(desk, id, (one) => one.issues['A1']?.state === 'open');
      await desk.stage.slack.until(() => !desk.thread(id).includes('[Try again: Action item A1]'), {
        what: 'the checklist without the button',
      });
    }));

  it('that is a marked message is filed with the resolution', () =>
    withDesk({}, async (desk, id) => {
      const { slack, github } = desk.stage;
      const message = await slack.post(CAST.grace.id, CHANNEL, 'we need a canary', {
        threadTs: desk.headlineTs(id),
      });
      await slack.react(CAST.ada.id, CHANNEL, message.ts, 'memo');
      expect(github.issues()).toEqual([]);
      await resolve(desk, id);
      await filed(desk);
      expect(github.issues()[0]?.body).toContain('we need a canary');
      expect(github.issues()[0]?.body).toContain('Said in: <');
    }));

  it('closed there is shown here: in the thread, in the status, in the postmortem', () =>
    withDesk({ itemsEveryMs: 200 }, async (desk, id) => {
      await say(desk, `action ${id} Add a canary`);
      await settled(desk, id, (one) => one.issues['A1']?.state === 'open');
      desk.stage.github.close(1, 'octo-grace');
      await shows(desk, id, 'is closed by octo-grace');
      expect(said(await say(desk, `status ${id}`))).toContain('1 action item, 1 done');
      await resolve(desk, id);
      await shows(desk, id, 'closed by octo-grace');
      expect(
        (await incidentView(desk, id)).timeline.filter(({ type }) => type === 'IssueStateSeen'),
      ).toHaveLength(1);
    }));

  it('has its issue told of the postmortem when that is final, once', () =>
    withDesk({}, async (desk, id) => {
      await say(desk, `action ${id} Add a canary`);
      await filed(desk);
      await resolve(desk, id);
      const press = async (label: string) => expect((await desk.click('ada', label, id)).ok).toBe(true);
      await press('Edit…');
      const none = { money: 'none', user: 'none', system: 'none', data: 'none', lessons: 'Canary first.' };
      await submit(desk, CAST.ada.id, none);
      await press('Put into review');
      await press('SLI data is updated');
      await settled(
        desk,
        id,
        ({ checklist }) => checklist['postmortem'] !== undefined && checklist['sli-data'] !== undefined,
      );
      expect(desk.bot.ledger.peek(id)?.issues['A1']?.told).toBeUndefined();
      await shows(desk, id, '[Finalise…]');
      await press('Finalise…');
      await settled(desk, id, (one) => one.issues['A1']?.told !== undefined);
      await desk.restart();
      expect(desk.stage.github.issues()[0]?.comments).toEqual([
        expect.stringMatching(/^\*\*DRILL\*\*[^@#]*`PM_\d{8}_001`/),
      ]);
    }));

  it('whose due day has come is reminded of once, over a restart too', () =>
    withDesk({ itemsEveryMs: 200 }, async (desk, id) => {
      await say(desk, `action ${id} Add a canary due=2026-01-01`);
      await shows(desk, id, 'is due on 2026-01-01');
      await desk.restart();
      await say(desk, `action ${id} Another due=2026-01-02`);
      await shows(desk, id, 'is due on 2026-01-02');
      expect(repliesOf(desk, id).filter((one) => one.text.includes('is due on 2026-01-01'))).toHaveLength(1);
    }));

  it('waits for a GitHub that hangs, and a page and a kill do not', () =>
    withDesk({}, async (desk, id) => {
      desk.stage.github.fault({ kind: 'hang', times: 100 });
      await say(desk, `action ${id} Add a canary`);
      await desk.stage.github.until(() => desk.stage.github.requests().length > 0, { what: 'a request' });
      const other = await fire(desk, { name: 'Other', severity: 'P0', fingerprint: 'f2' });
      await paged(desk, other);
      await shows(desk, other, 'assigned');
      await desk.click('ada', 'Kill…', other);
      await shows(desk, other, 'written and read back');
      await shows(desk, other, 'VERDICT', 15_000);
      expect(desk.stage.github.issues()).toEqual([]);
      expect(desk.bot.ledger.peek(id)?.issues['A1']).toBeUndefined();
    }));

  it('stays in the postmortem where no tracker is configured', () =>
    withDesk({ config: (config) => ({ ...config, issues: null }) }, async (desk, id) => {
      await say(desk, `action ${id} Add a canary`);
      await shows(desk, id, 'Action item A1');
      await resolve(desk, id);
      expect(desk.stage.github.requests()).toEqual([]);
    }));
});

it('killed between the filing and its record, files it no second time', async () => {
  const desk = await spawnDesk({
    yaml: `issues: { github: ${REPOSITORY} }\n`,
    envOf: (stage) => ({ GITHUB_TOKEN: stage.keys.githubToken, GITHUB_API_URL: stage.github.url }),
    life: { STANDDOWN_FAILPOINT: 'outbox.performed:issue' },
  });
  try {
    const { slack, github } = desk.stage;
    const id = await fire(desk, { name: 'Items', severity: 'P1' });
    await posted(desk, id);
    await slack.say(CAST.ada.id, `/incident action ${id} Add a canary`, { channel: CHANNEL });
    await desk.gone();
    expect(github.issues()).toHaveLength(1);
    await desk.start();
    await shows(desk, id, 'Action item A1 is', 20_000);
    expect(github.issues()).toHaveLength(1);
    expect(desk.output()).not.toContain(desk.stage.keys.githubToken);
  } finally {
    await desk.close();
  }
}, 60_000);
