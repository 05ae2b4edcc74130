/** The people of an incident: who commands, who may, who is refused, and how a command that names no incident is asked. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { readIncidentCommand } from '../../src/listeners/incident/read.ts';
import { VERBS } from '../../src/listeners/incident/verbs.ts';
import type { Answer } from '../../src/rehearsal/slack/shapes.ts';
import { ALERT_CHANNEL, CAST, CHANNEL, OTHERS } from '../../src/rehearsal/stage.ts';
import { VERB_USAGE } from '../../src/render/usage.ts';
import { faultyDisk } from '../adapters/faultyDisk.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  exchange,
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
  statusView,
  submit,
  switches,
  textsOf,
} from './reading.ts';

async function withDesk(story: (desk: InProcess) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const desk = await startDesk(options);
  try {
    await story(desk);
  } finally {
    await desk.close();
  }
}

async function opened(desk: InProcess, name: string, severity = 'P1'): Promise<string> {
  const id = await fire(desk, { name, severity, fingerprint: name });
  await posted(desk, id);
  return id;
}

const say = async (desk: InProcess, who: string, text: string): Promise<string> =>
  said(await desk.stage.slack.say(who, text));

const { ada, grace, alan, mallory } = CAST;
const mention = (who: { id: string; name: string }): string => `<@${who.id}|${who.name}>`;

const texts = async (desk: InProcess, id: string): Promise<string[]> =>
  (await incidentView(desk, id)).timeline.map((row) => row.text);

/** What people did: what the bot does by itself goes on record meanwhile, whenever that is done. */
const done = async (desk: InProcess, id: string): Promise<string[]> =>
  (await desk.bot.ledger.history(id)).filter(({ by }) => by.via !== 'standdown').map(({ type }) => type);

/** What only this person was answered last. */
async function answeredTo(desk: InProcess, who: string, words: string): Promise<string> {
  const { slack } = desk.stage;
  await slack.until(() => slack.ephemerals(who).at(-1)?.text.includes(words), {
    what: `“${words}” to ${who}`,
  });
  return slack.ephemerals(who).at(-1)?.text ?? '';
}

/** Pick an incident from the list that a command was answered with. */
async function pick(desk: InProcess, who: string, incident: string): Promise<Answer> {
  const list = desk.stage.slack.ephemerals(who).at(-1);
  return desk.stage.slack.click(who, {
    channel: CHANNEL,
    ts: list?.ts ?? '',
    label: 'Which incident',
    value: incident,
  });
}

describe('command of an incident', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
    id = await opened(desk, 'Feed');
  });
  afterAll(() => desk.close());

  it('is taken by the button on the headline, which then shows who has it', async () => {
    await pressOn(desk, grace.id, headlinesOf(desk, id)[0], 'Take command');
    await shows(desk, id, 'grace commands since');
    await shows(desk, id, `commands ${id} since`);
    expect(JSON.stringify(headlinesOf(desk, id)[0]?.blocks)).not.toContain('Take command');
    expect(await texts(desk, id)).toContain('grace commands');
  });

  it('pressed by two people at once goes to one; the other is told', () =>
    withDesk(async (race) => {
      const one = await opened(race, 'Race');
      const [headline] = headlinesOf(race, one);
      await Promise.all([ada, grace].map((who) => pressOn(race, who.id, headline, 'Take command')));
      const taken = (await texts(race, one)).filter((text) => text.endsWith(' commands'));
      expect(taken).toHaveLength(1);
      const winner = race.bot.ledger.peek(one)?.commander?.who;
      const other = winner?.id === ada.id ? grace : ada;
      await answeredTo(race, other.id, `${winner?.name} commands ${one} since`);
    }));

  it('is not taken twice: who presses an old headline is told who has it', async () => {
    await pressOn(desk, ada.id, headlinesOf(desk, id)[0], 'Take command', { version: 0 });
    expect(await answeredTo(desk, ada.id, 'grace commands')).toMatch(/since .* UTC.*handover/);
    expect(desk.bot.ledger.peek(id)?.commander?.who.name).toBe('grace');
  });

  it('is handed over with what the next one must know, who is mentioned in the thread', async () => {
    const answer = await say(
      desk,
      grace.id,
      `/incident handover ${mention(ada)} provider promised an update &lt;ticket 7&gt;`,
    );
    expect(answer).toContain(`ada commands ${id} now`);
    await shows(desk, id, 'Handed over: “provider promised an update <ticket 7>”');
    const raw = JSON.stringify(desk.stage.slack.thread(CHANNEL, desk.headlineTs(id)).at(-1)?.blocks);
    expect(raw).toContain(`<@${ada.id}>`);
    await shows(desk, id, 'ada commands since');
    expect(await texts(desk, id)).toContain('ada commands: provider promised an update <ticket 7>');
  });

  it('is assigned by another responder, and not to who has it already', async () => {
    expect(await say(desk, ada.id, `/incident assign ${mention(ada)}`)).toContain('ada commands');
    expect(await say(desk, ada.id, `/incident assign ${id} ${mention(grace)}`)).toContain('grace commands');
    await shows(desk, id, 'grace commands since');
  });

  it('without words is asked for in a dialog', async () => {
    await say(desk, grace.id, `/incident handover ${mention(ada)}`);
    expect(desk.stage.slack.modalAsText(grace.id)).toContain('What they must know');
    expect(await submit(desk, grace.id, { text: 'the rollback runs' })).toMatchObject({ action: 'close' });
    await shows(desk, id, 'Handed over: “the rollback runs”');
  });

  it.each([
    ['a bot', `<@U0STANDDOWN|standdown>`, 'is a bot'],
    ['a guest', mention(OTHERS.guest), 'is a guest of this Slack'],
    ['somebody of another workspace', mention(OTHERS.external), 'belongs to another workspace'],
    ['nobody whom Slack knows', '<@U0NOBODY|x>', 'Slack knows nobody like that'],
    ['a member without the role', mention(mallory), 'mallory is not a responder'],
  ])('is not given to %s', async (_who, wire, words) => {
    const before = await done(desk, id);
    expect(await say(desk, ada.id, `/incident assign ${wire}`)).toContain(words);
    expect(await say(desk, ada.id, `/incident handover ${wire} here`)).toContain(words);
    expect(await done(desk, id)).toEqual(before);
  });

  it.each([
    '/incident assign',
    '/incident assign grace',
    '/incident assign @grace',
    `/incident assign ${mention(ada)} please`,
    '/incident handover ada over to you',
  ])('%s is unclear, and nothing is done', async (text) => {
    const before = await done(desk, id);
    expect(await say(desk, ada.id, text)).toContain('so nothing was done');
    expect(await done(desk, id)).toEqual(before);
  });

  it('is not given when Slack does not say who somebody is', async () => {
    desk.stage.slack.fault('users.info', { kind: 'http500', times: 1 });
    expect(await say(desk, ada.id, `/incident assign ${mention(grace)}`)).toContain(
      'Slack did not say who that is',
    );
    expect(desk.bot.ledger.peek(id)?.commander?.who.name).toBe('ada');
  });
});

describe('what a responder says about an incident', () => {
  let desk: InProcess;
  let id: string;
  beforeAll(async () => {
    desk = await startDesk();
    id = await opened(desk, 'Latency', 'P2');
    await paged(desk, id);
  });
  afterAll(() => desk.close());

  it('a raise needs a reason, pages, and shows in the thread', async () => {
    await say(desk, ada.id, '/incident severity P1');
    expect(await say(desk, ada.id, '/incident severity P1 fills are late too')).toContain(
      `${id} is P1 now, was P2`,
    );
    await paged(desk, id, 2);
    await shows(desk, id, 'P2 → P1 by ada');
    await shows(desk, id, '🟠 P1');
    expect(pagesOf(desk, id).at(-1)).toMatchObject({ severity: 'error' });
  });

  it('without a reason the dialog asks; lowering pages nobody', async () => {
    expect(await say(desk, grace.id, '/incident severity')).toBe('');
    expect(desk.stage.slack.modalAsText(grace.id)).toContain(`${id} is P1; it becomes`);
    expect(await submit(desk, grace.id, { severity: 'P2', why: '   ' })).toMatchObject({
      action: 'errors',
      errors: { why: expect.stringContaining('Say why') },
    });
    expect(await submit(desk, grace.id, { severity: 'P2', why: 'back to normal' })).toMatchObject({
      action: 'close',
    });
    await shows(desk, id, 'P1 → P2 by grace');
    expect(pagesOf(desk, id)).toHaveLength(2);
    expect(await say(desk, ada.id, '/incident severity P2 the same')).toContain('is P2 already');
  });

  it.each([
    '/incident severity high x',
    '/incident severity P4 x',
    '/incident severity p1 x',
    '/incident severity worse',
  ])('%s is unclear: no severity comes of prose', async (text) => {
    expect(await say(desk, ada.id, text)).toContain('so nothing was done');
    expect((await incidentView(desk, id)).severity).toBe('P2');
  });

  it('mitigated once, with what stopped the harm; the headline shows it, and it stays open', async () => {
    expect(await say(desk, ada.id, '/incident mitigate rolled back the router')).toContain(
      'stays open until it is resolved',
    );
    await shows(desk, id, 'Mitigated at');
    expect((await incidentView(desk, id)).state).toBe('open');
    expect(await say(desk, grace.id, '/incident mitigate mine')).toMatch(/ada already mitigated/);
  });

  it('action items are numbered, also those of two people at once', async () => {
    await Promise.all([
      say(desk, ada.id, `/incident action Add a canary owner=${mention(grace)} due=2026-12-01 priority=high`),
      say(desk, grace.id, '/incident action Write the router runbook'),
    ]);
    const items = desk.bot.ledger.peek(id)?.actionItems ?? [];
    expect(items.map((item) => item.id)).toEqual(['A1', 'A2']);
    expect(items.find((item) => item.text === 'Add a canary')).toMatchObject({
      owner: 'grace',
      due: '2026-12-01',
      priority: 'high',
      by: { name: 'ada' },
    });
    await shows(desk, id, 'Action item A2');
    expect(await say(desk, ada.id, '/incident action x due=soon')).toContain('so nothing was done');
    expect(await say(desk, ada.id, `/incident action x owner=${mention(OTHERS.guest)}`)).toContain(
      'is a guest',
    );
  });

  it('an action item without words is asked for in a dialog', async () => {
    await say(desk, ada.id, '/incident action');
    expect(
      await submit(desk, ada.id, {
        text: 'Test the backup feed',
        owner: ada.id,
        due: '2026-12-24',
        priority: 'medium',
      }),
    ).toMatchObject({ action: 'close' });
    expect(desk.bot.ledger.peek(id)?.actionItems.at(-1)).toMatchObject({
      id: 'A3',
      text: 'Test the backup feed',
      owner: 'ada',
      due: '2026-12-24',
      priority: 'medium',
    });
  });

  it('reopened by a person it pages again, with the reason in the thread', async () => {
    await desk.stage.slack.say(ada.id, '/incident resolve');
    await submit(desk, ada.id, { summary: 'Gone.' });
    await settled(desk, id, (incident) => incident.postmortem !== undefined);
    const list = await say(desk, ada.id, '/incident reopen');
    expect(list).toContain('Which one?');
    await pick(desk, ada.id, id);
    expect(await submit(desk, ada.id, { why: 'it is back' })).toMatchObject({ action: 'close' });
    await paged(desk, id, 3);
    await shows(desk, id, 'Reopened by ada');
    expect((await incidentView(desk, id)).state).toBe('open');
    expect(await say(desk, ada.id, `/incident reopen ${id} again`)).toContain(
      'is open: there is nothing to reopen',
    );
  });

  it('postmortem and status say what there is', async () => {
    expect(await say(desk, ada.id, '/incident postmortem')).toMatch(
      /^DRILL · 📝 Postmortem draft PM_\d{8}_001 \(INC-\d{8}-001\)/,
    );
    expect(await say(desk, ada.id, '/incident status')).toContain('Nobody commands it.');
    expect(await say(desk, ada.id, '/incident status')).toContain('3 action items');
  });

  it.each([
    ['/incident budget', 'UNKNOWN · not all of it was measured'],
    ['/incident readiness nonsense', 'That is unclear, so nothing was done.'],
    ['/incident drill nonsense', 'That is unclear, so nothing was done.'],
    ['/incident adjust maintenance', 'That is unclear, so nothing was done.'],
    ['/incident oncall', 'On call now'],
  ])('%s fakes nothing', async (text, words) => {
    const before = await done(desk, id);
    expect(await say(desk, ada.id, text)).toContain(words);
    expect(await done(desk, id)).toEqual(before);
  });

  it('/incident help lists every verb, to anybody', async () => {
    for (const who of [ada, mallory]) {
      const help = await say(desk, who.id, '/incident help');
      for (const verb of ['declare', 'handover', 'reopen', 'oncall', 'drill'])
        expect(help).toContain(`\`${verb}`);
    }
  });
});

describe('where several incidents are open', () => {
  let desk: InProcess;
  let low: string;
  let high: string;
  beforeAll(async () => {
    desk = await startDesk();
    low = await opened(desk, 'Low', 'P2');
    high = await opened(desk, 'High <!channel>', 'P1');
  });
  afterAll(() => desk.close());

  it('a command asks which one, the worst first; a click then does it', async () => {
    const list = await say(desk, ada.id, '/incident note the venue confirms');
    expect(list).toContain('Which one?');
    expect(list.indexOf(high)).toBeLessThan(list.indexOf(low));
    const shown = desk.stage.slack.ephemerals(ada.id).at(-1);
    const markup = shown === undefined ? [] : textsOf(shown).filter(({ type }) => type === 'mrkdwn');
    expect(JSON.stringify(markup)).not.toContain('<!channel>');
    expect((await pick(desk, ada.id, low)).ok).toBe(true);
    await shows(desk, low, 'Note by ada: the venue confirms');
    await answeredTo(desk, ada.id, `Noted on ${low}`);
    expect(await texts(desk, high)).not.toContain('Note: the venue confirms');
  });

  it('a click opens the dialog that the command would have', async () => {
    await say(desk, ada.id, '/incident resolve it is over');
    await pick(desk, ada.id, low);
    expect(desk.stage.slack.modalAsText(ada.id)).toContain('it is over');
    await desk.stage.slack.dismiss(ada.id, desk.stage.slack.openViews(ada.id).at(-1)?.id ?? '');
  });

  it('a choice is good once', async () => {
    await say(desk, grace.id, '/incident ack');
    const ts = desk.stage.slack.ephemerals(grace.id).at(-1)?.ts ?? '';
    const click = { channel: CHANNEL, ts, label: 'Which incident', version: 0 };
    await desk.stage.slack.click(grace.id, { ...click, value: low });
    await settled(desk, low, (incident) => incident.acknowledged?.by.name === 'grace');
    const { slack } = desk.stage;
    // A client that has not redrawn yet.
    const shown = slack.ephemerals(grace.id).find((message) => message.ts === ts);
    Object.assign(shown ?? {}, { blocks: shown?.history[0]?.blocks });
    await slack.click(grace.id, { ...click, value: high });
    await answeredTo(desk, grace.id, 'That list is old or not yours');
    expect((await incidentView(desk, high)).acknowledged).toBeNull();
  });

  it('a choice of what was not offered does nothing', async () => {
    const past = await opened(desk, 'Past', 'P3');
    await desk.alert({ name: 'Past', severity: 'P3', fingerprint: 'Past', status: 'resolved' });
    await settled(desk, past, (incident) => incident.status === 'resolved');
    await say(desk, ada.id, '/incident ack');
    await desk.stage.slack.click(ada.id, {
      channel: CHANNEL,
      ts: desk.stage.slack.ephemerals(ada.id).at(-1)?.ts ?? '',
      label: 'Which incident',
      value: high,
      tamper: { selected_option: { text: { type: 'plain_text', text: 'x' }, value: past } },
    });
    await answeredTo(desk, ada.id, 'That list is old or not yours');
    for (const one of [past, high]) expect((await incidentView(desk, one)).acknowledged).toBeNull();
  });

  it('a list from before a restart is old', async () => {
    await say(desk, ada.id, '/incident ack');
    await desk.restart();
    await pick(desk, ada.id, high);
    await answeredTo(desk, ada.id, 'That list is old or not yours');
    expect((await incidentView(desk, high)).acknowledged).toBeNull();
  });

  it('what is unclear is not asked about', async () => {
    expect(await say(desk, ada.id, '/incident ack please')).toContain('so nothing was done');
    expect(await say(desk, ada.id, '/incident note')).toContain('so nothing was done');
  });

  it('/halt belongs to none of them, and to the only one when one is left', async () => {
    await say(desk, ada.id, '/halt router');
    for (const one of [low, high])
      expect((await texts(desk, one)).join()).not.toContain('HALT_NEW_ORDERS=1 held');
    await desk.alert({ name: 'Low', severity: 'P2', fingerprint: 'Low', status: 'resolved' });
    await settled(desk, low, (incident) => incident.status === 'resolved');
    await say(desk, ada.id, '/halt signals router');
    expect((await texts(desk, high)).join()).toContain('PAUSE_SIGNALS=1 held by operator: router');
  });
});

describe.concurrent('who has a role', () => {
  it('is somebody of this workspace: a guest, a bot and an outsider are refused though they are named', () =>
    withDesk(
      async (desk) => {
        for (const [who, words] of [
          [OTHERS.guest.id, 'You are a guest of this Slack'],
          [OTHERS.external.id, 'You belong to another workspace'],
          ['U0STANDDOWN', 'A bot is not a responder'],
        ] as const) {
          for (const text of ['/kill', '/halt', '/incident list', '/incident declare P0 x'])
            expect(await say(desk, who, text)).toContain(words);
        }
        expect(exchange(desk)).toMatchObject({ positions: [{ amount: 0.008 }] });
        expect(await statusView(desk)).toMatchObject({ incidents: [], lastKill: null });
        expect(await switches(desk)).toMatchObject({ KILL_SWITCH: '0' });
      },
      {
        config: (config) => ({
          ...config,
          access: {
            ...config.access,
            responders: [ada.id, OTHERS.guest.id, OTHERS.external.id, 'U0STANDDOWN'],
          },
        }),
      },
    ));

  it('is still who is named when Slack cannot be asked: stopping does not wait for it', () =>
    withDesk(async (desk) => {
      desk.stage.slack.fault('users.info', { kind: 'hang' });
      await desk.restart();
      expect(await say(desk, ada.id, '/kill blind')).toMatch(/Kill running in INC/);
      expect(await say(desk, mallory.id, '/kill blind')).toContain('You are not a responder');
    }));

  it('what a refusal quotes becomes no mention', () =>
    withDesk(
      async (desk) => {
        const hardStop = { via: 'standdown', id: 'hardStop', name: 'Hard stop' } as const;
        await desk.bot.desk.hold(hardStop, 'HALT_NEW_ORDERS', '<!channel> <http://evil|x>', 'hardStop');
        const refused = await say(desk, mallory.id, '/resume orders');
        expect(refused).toContain('Only an approver may lift what holds HALT_NEW_ORDERS: &lt;!channel&gt;');
        expect(refused).not.toMatch(/<!channel>|<http/);
      },
      {
        config: (config) => ({ ...config, access: { ...config.access, responders: [ada.id, mallory.id] } }),
      },
    ));

  it('who only approves lifts what a hard stop holds, and nothing that a person holds', () =>
    withDesk(async (desk) => {
      const hardStop = { via: 'standdown', id: 'hardStop', name: 'Hard stop' } as const;
      await desk.bot.desk.hold(hardStop, 'HALT_NEW_ORDERS', 'reject rate', 'hardStop');
      await say(desk, ada.id, '/halt orders deploy');
      expect(await say(desk, alan.id, '/resume orders looked at it')).toContain(
        'It stays on: still held by ada',
      );
      expect(await say(desk, alan.id, '/resume orders')).toContain('You are not a responder');
      expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
      expect(await say(desk, ada.id, '/resume orders done')).toContain('HALT_NEW_ORDERS=0 written');
    }));
});

describe.concurrent('an incident declared from a message', () => {
  it('keeps its words, who wrote them and where they stand, in the timeline and the thread', () =>
    withDesk(async (desk) => {
      const { slack } = desk.stage;
      const message = await slack.post(grace.id, CHANNEL, 'fills look wrong <!channel> on &lt;BTC&gt; *now*');
      await slack.shortcut(ada.id, 'incident.declare', { channel: CHANNEL, ts: message.ts });
      await slack.until(() => slack.openViews(ada.id).length > 0, { what: 'the dialog' });
      await submit(desk, ada.id, { title: 'Fills are wrong', severity: 'P1' });
      const [incident] = (await statusView(desk)).incidents;
      const id = incident?.id ?? '';
      await shows(desk, id, 'From a message of grace: “fills look wrong');
      const link = `https://t0rehearsal.slack.com/archives/${CHANNEL}/p${message.ts.replace('.', '')}`;
      expect(await texts(desk, id)).toContain(
        `From a message of grace, ${link}: fills look wrong @channel on <BTC> *now*`,
      );
      expect(await incidentView(desk, id)).toMatchObject({ title: 'Fills are wrong', severity: 'P1' });
    }));

  it('that a bot wrote has its words, which stand in an attachment', () =>
    withDesk(async (desk) => {
      const { slack } = desk.stage;
      const bot = { botId: 'B0DEPLOY', name: 'Deploys' };
      const message = await slack.postAs(bot, ALERT_CHANNEL, {
        attachments: [{ title: 'router 1.4', text: 'failed' }],
      });
      await slack.shortcut(ada.id, 'incident.declare', { channel: ALERT_CHANNEL, ts: message.ts });
      await slack.until(() => slack.openViews(ada.id).length > 0, { what: 'the dialog' });
      await submit(desk, ada.id, {});
      const id = (await statusView(desk)).incidents[0]?.id ?? '';
      expect((await texts(desk, id)).join('\n')).toContain('From a message of Deploys, https://');
      expect((await texts(desk, id)).join('\n')).toContain(': router 1.4 failed');
    }));

  it('whose dialog was tampered with declares without it', () =>
    withDesk(async (desk) => {
      const { slack } = desk.stage;
      await slack.say(ada.id, '/incident declare');
      const view = slack.openViews(ada.id).at(-1);
      for (const metadata of [
        '{"channel":1}',
        'x',
        '{"channel":"C0ALERTS","ts":"../..","author":"x","text":"y"}',
      ]) {
        Object.assign(view?.view ?? {}, { private_metadata: metadata });
        await submit(desk, ada.id, { title: metadata, severity: 'P3' });
        if (slack.openViews(ada.id).length === 0) await slack.say(ada.id, '/incident declare');
      }
      expect((await statusView(desk)).incidents.length).toBeGreaterThan(0);
    }));

  it('without its address, when Slack does not say it, is declared all the same', () =>
    withDesk(async (desk) => {
      const { slack } = desk.stage;
      slack.fault('chat.getPermalink', { kind: 'hang' });
      const message = await slack.post(grace.id, CHANNEL, 'odd');
      await slack.shortcut(ada.id, 'incident.declare', { channel: CHANNEL, ts: message.ts });
      await slack.until(() => slack.openViews(ada.id).length > 0, { what: 'the dialog' });
      expect(await submit(desk, ada.id, {})).toMatchObject({ action: 'close' });
      const id = (await statusView(desk)).incidents[0]?.id ?? '';
      expect(await texts(desk, id)).toContain('From a message of grace: odd');
    }));
});

describe.concurrent('Slack is acknowledged within its 3 s', () => {
  /** A disk whose syncs hang from `begin` on, until `end`. */
  function hangingDisk() {
    let hang: Promise<void> | undefined;
    let end: () => void = () => undefined;
    const disk = faultyDisk(nodeDisk, (call) =>
      call === 'sync' && hang !== undefined ? { until: hang } : undefined,
    );
    return {
      disk,
      begin: () => {
        hang = new Promise<void>((done) => {
          end = done;
        });
      },
      end: () => {
        hang = undefined;
        end();
      },
    };
  }

  it('when the disk hangs: commands, clicks and dialogs, which are answered later', async () => {
    const { disk, begin, end } = hangingDisk();
    await withDesk(
      async (desk) => {
        const { slack } = desk.stage;
        const id = await opened(desk, 'Slow');
        await slack.say(ada.id, '/incident mitigate');
        begin();
        const note = await slack.say(grace.id, '/incident note is anybody there');
        const click = await pressOn(desk, ada.id, headlinesOf(desk, id)[0], 'Acknowledge');
        const view = slack.openViews(ada.id).at(-1);
        const dialog = await slack.submit(ada.id, view?.id ?? '', { text: 'rolled back' });
        expect([note, click, dialog].map(({ ok, error }) => ({ ok, error }))).toEqual(
          [1, 2, 3].map(() => ({ ok: true, error: undefined })),
        );
        expect(said(note)).toContain('Running, not yet recorded');
        expect(dialog.view).toMatchObject({ action: 'update' });
        // What a disk that hangs will have recorded, nobody knows; and nobody is told that they do.
        await answeredTo(desk, grace.id, 'It is not known whether that was recorded');
        await slack.until(() => slack.modalAsText(ada.id).includes('It is not known'), {
          what: 'the dialog’s answer',
        });
        const halt = await slack.say(ada.id, '/halt orders disk hangs');
        expect(halt).toMatchObject({ ok: true });
        expect(await switches(desk)).toMatchObject({ HALT_NEW_ORDERS: '1' });
        end();
        await settled(desk, id, (incident) => incident.mitigated !== undefined);
        expect(await texts(desk, id)).toContain('Note: is anybody there');
      },
      { storeFs: disk },
    );
  });

  it('when Slack’s own API hangs: a dialog that does not open is said, and nothing else waits', () =>
    withDesk(async (desk) => {
      await opened(desk, 'Dialog');
      desk.stage.slack.fault('views.open', { kind: 'hang' });
      const answer = await desk.stage.slack.say(ada.id, '/cancel');
      expect(answer).toMatchObject({ ok: true });
      expect(said(answer)).toContain('Running');
      await answeredTo(desk, ada.id, 'Slack did not open the dialog');
    }));
});

describe('a button of an old message', () => {
  it('is refused with the state as it is now', () =>
    withDesk(async (desk) => {
      const id = await opened(desk, 'Old');
      const { slack } = desk.stage;
      const copy = await slack.post(ada.id, CHANNEL, 'look');
      const [headline] = headlinesOf(desk, id);
      // A message of another thread that carries our button: a copy, or a forgery.
      const forged = slack.messages(CHANNEL).find((message) => message.ts === copy.ts);
      Object.assign(forged ?? {}, { blocks: headline?.blocks });
      await slack.click(ada.id, {
        channel: CHANNEL,
        ts: copy.ts,
        label: 'Take command',
        blockId:
          headline?.blocks.find((block) => JSON.stringify(block).includes('Take command'))?.block_id ?? '',
      });
      const text = await answeredTo(desk, ada.id, 'old or not ours');
      expect(text).toContain(`*${id}* P1 open`);
      expect(text).toContain('Trading RUNNING');
      expect(desk.bot.ledger.peek(id)?.commander).toBeUndefined();
    }));
});

describe('/incident with anything behind it', () => {
  const pieces = fc.constantFrom(
    ...Object.keys(VERB_USAGE),
    'INC-20261122-001',
    'INC-1',
    'P0',
    'P1 x',
    mention(CAST.ada),
    mention(CAST.mallory),
    '<@U0NOBODY>',
    '<!channel>',
    '<@',
    'owner=',
    'due=2026-12-01',
    'resolve',
    '\u202e',
    'x'.repeat(3_000),
    '&lt;b&gt;',
    '',
  );

  it('is answered, and what is unclear does nothing', () =>
    withDesk(async (desk) => {
      await opened(desk, 'One');
      await opened(desk, 'Two', 'P3');
      // What an opening brings by itself goes on record meanwhile: what this person did is counted.
      const logged = async () => {
        const ids = desk.bot.store.summaries().map(({ id }) => id);
        const logs = await Promise.all(ids.map((id) => desk.bot.ledger.history(id)));
        return logs.flat().filter(({ by }) => by.id === ada.id).length;
      };
      await fc.assert(
        fc.asyncProperty(fc.array(pieces, { maxLength: 4 }), async (parts) => {
          const text = parts.join(' ');
          const read = readIncidentCommand(text.trim());
          const unclear = 'unclear' in read || !VERBS[read.verb].reads(read.text);
          const before = await logged();
          const dialogs = desk.stage.slack.openViews(ada.id).length;
          const answer = await desk.stage.slack.say(ada.id, `/incident ${text}`);
          expect(answer).toMatchObject({ ok: true, error: undefined });
          expect(said(answer)).not.toContain('failed inside Standdown');
          if (!unclear) return;
          expect(said(answer)).toMatch(/so nothing was done|&lt;verb&gt;/);
          expect(await logged()).toBe(before);
          expect(desk.stage.slack.openViews(ada.id)).toHaveLength(dialogs);
        }),
        { numRuns: 150 },
      );
    }));
});
