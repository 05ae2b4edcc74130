/** The life of a postmortem, as people see it in the thread, in its file and on the command line. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listPostmortems, printPostmortemLog, showPostmortem } from '../../src/postmortemFiles.ts';
import type { StoredMessage } from '../../src/rehearsal/slack/shapes.ts';
import { CAST, CHANNEL } from '../../src/rehearsal/stage.ts';
import { type InProcess, policy, startDesk } from './desk.ts';
import { fire, posted, pressOn, repliesOf, said, settled, shows, submit } from './reading.ts';

const { ada, grace, mallory } = CAST;
const EVIL =
  '<!channel> <https://evil.example|x> | `x` *b* <img src=x> =cmd|calc \u202e # h\n- [ ] done\n@here';

const card = (desk: InProcess, id: string): StoredMessage | undefined =>
  repliesOf(desk, id).find((message) => JSON.stringify(message.metadata ?? {}).includes('/postmortemCard"'));
const press = (desk: InProcess, id: string, who: { id: string }, label: string) =>
  pressOn(desk, who.id, card(desk, id), label);
const checklist = (desk: InProcess, id: string, label: string) =>
  pressOn(
    desk,
    ada.id,
    repliesOf(desk, id).find((message) => JSON.stringify(message.metadata ?? {}).includes('/checklist"')),
    label,
  );
const say = async (desk: InProcess, text: string): Promise<string> =>
  said(await desk.stage.slack.say(ada.id, text, { channel: CHANNEL }));
/** The postmortem's own files; its pictures come beside it. */
const files = (desk: InProcess, id: string): string[] =>
  repliesOf(desk, id)
    .flatMap((message) => message.files.map((file) => JSON.stringify(file['name']).slice(1, -1)))
    .filter((name) => name.endsWith('.md'));
const told = (desk: InProcess, who: { id: string }, words: RegExp) =>
  desk.stage.slack.until(() => desk.stage.slack.ephemerals(who.id).some((one) => words.test(one.text)), {
    what: String(words),
  });

async function resolvedOne(desk: InProcess, name: string, values: Record<string, string>): Promise<string> {
  const id = await fire(desk, { name, severity: 'P1', fingerprint: name });
  await posted(desk, id);
  await desk.stage.slack.say(ada.id, `/incident resolve ${id}`, { channel: CHANNEL });
  await submit(desk, ada.id, values);
  await shows(desk, id, 'Postmortem draft');
  await settled(
    desk,
    id,
    ({ posts }) => posts['postmortem'] !== undefined && posts['checklist'] !== undefined,
  );
  return id;
}

/** The file, once it shows all that it must. */
async function file(desk: InProcess, id: string): Promise<string> {
  const { postmortem } = await settled(
    desk,
    id,
    ({ postmortem: one }) => one !== undefined && one.changed <= one.shows,
  );
  return readFile(postmortem?.file ?? '', 'utf8');
}

const cli = async (
  desk: InProcess,
  run: (options: Parameters<typeof listPostmortems>[0]) => Promise<number>,
): Promise<{ exit: number; text: string }> => {
  const lines: string[] = [];
  const line = (one: string) => void lines.push(one);
  const exit = await run({
    dataDir: join(desk.folder, 'data'),
    playbook: policy().playbook,
    say: line,
    complain: line,
  });
  return { exit, text: lines.join('\n') };
};

describe('a postmortem', () => {
  let desk: InProcess;
  let id = '';
  beforeAll(async () => {
    desk = await startDesk();
    id = await resolvedOne(desk, 'Router', { summary: 'Rolled back.' });
  });
  afterAll(() => desk.close());

  it('says in one message what is TODO, whom it waits for, and by when', async () => {
    const text = desk.thread(id);
    expect(text).toMatch(/Postmortem draft PM_\d{8}_001/);
    expect(text).toContain('TODO before it is final');
    expect(text).toMatch(/Waits for .*to put it into review by \d{4}-/);
    expect(JSON.stringify(card(desk, id)?.blocks)).toContain(`<@${ada.id}>`);
    expect(text).toContain('[Put into review]');
    expect(text).not.toContain('[Finalise…]');
  });

  it('is edited by a dialog that has what stands; each change is on record with what was before', async () => {
    await press(desk, id, ada, 'Edit…');
    const view = desk.stage.slack.openViews(ada.id).at(-1)?.view as { blocks: object[] };
    expect(JSON.stringify(view.blocks)).toContain('"initial_value":"Rolled back."');
    expect(await submit(desk, ada.id, { lessons: 'Canary first.', user: 'none' })).toMatchObject({
      action: 'close',
    });
    const text = await file(desk, id);
    expect(text).toMatch(/Canary first\. \(by ada, event \d+\)/);
    expect(text).toMatch(/\*\*User\.\*\* none \(by ada, event \d+\)/);
    expect(text).toMatch(/Postmortem PM_\d{8}_001, Lessons: now “Canary first.”, was nothing/);
  });

  it('of two people who write at once nobody overwrites the other without having seen it', async () => {
    await press(desk, id, ada, 'Edit…');
    await press(desk, id, grace, 'Edit…');
    await submit(desk, grace.id, { lessons: 'Grace was here.', immediate: 'A deploy.' });
    // Ada did not touch the immediate cause: what Grace wrote there is no conflict.
    expect(await submit(desk, ada.id, { lessons: 'Ada was here.', system: 'The router.' })).toMatchObject({
      action: 'update',
    });
    const conflict = JSON.stringify(desk.stage.slack.openViews(ada.id).at(-1)?.view);
    expect(conflict).toContain('Not saved: Lessons');
    expect(conflict).toContain('Saved: Impact: systems');
    expect(conflict).toContain('Grace was here');
    expect(conflict).toContain('"initial_value":"Ada was here."');
    expect(conflict).not.toContain('A deploy.');
    const now = desk.bot.ledger.peek(id)?.statements;
    expect(now?.lessons?.text).toBe('Grace was here.');
    expect(now?.system?.text).toBe('The router.');
    // She has seen it, and puts hers over it.
    expect(await submit(desk, ada.id, {})).toMatchObject({ action: 'close' });
    expect(desk.bot.ledger.peek(id)?.statements.lessons?.text).toBe('Ada was here.');
  });

  it('a review without a category does not count; with one it does, and the file is in the thread', async () => {
    await press(desk, id, grace, 'Put into review');
    await shows(desk, id, 'is in review');
    await shows(desk, id, 'Its root cause has no category');
    await told(desk, grace, /does not count as reviewed/);
    expect(desk.bot.ledger.peek(id)?.checklist['postmortem']).toBeUndefined();
    await press(desk, id, ada, 'Edit…');
    await submit(desk, ada.id, { category: 'system', rootCause: EVIL, money: 'none', data: 'none' });
    await settled(desk, id, (one) => one.checklist['postmortem'] !== undefined);
    await settled(desk, id, (one) => one.postmortem?.shared !== undefined);
    expect(files(desk, id).filter((name) => name.endsWith('.md'))).toHaveLength(1);
    const text = await file(desk, id);
    expect(text).toContain('| Status | REVIEW |');
    expect(text).toMatch(/\| Reviewer \| grace \(event \d+\) \|/);
    const clean = text.replace(/\\./g, '').replace(/<!-- Written by Standdown.*-->/, '');
    expect(clean).not.toMatch(/<!channel>|<img|\]\(https:\/\/evil/);
  });

  it('is not final while something is TODO, and then by a press; Mallory moves nothing', async () => {
    await press(desk, id, mallory, 'Finalise…');
    await told(desk, mallory, /not a responder/);
    await press(desk, id, ada, 'Finalise…');
    await told(desk, ada, /stays in review. Missing:[\s\S]*no action item/);
    await checklist(desk, id, 'None needed…');
    await submit(desk, ada.id, { why: 'a drill' });
    await checklist(desk, id, 'SLI data is updated');
    await settled(desk, id, (one) => one.checklist['sli-data'] !== undefined);
    await press(desk, id, grace, 'Finalise…');
    await shows(desk, id, 'is FINAL');
    expect(await file(desk, id)).toContain('| Status | FINAL |');
    await settled(desk, id, (one) => one.postmortem?.shared?.of === one.postmortem?.final?.n);
    expect(files(desk, id).filter((name) => name.endsWith('.md'))).toHaveLength(2);
  });

  it('final, it is frozen over a restart: what comes later is said beside it', async () => {
    const before = await file(desk, id);
    await desk.restart();
    await desk.stage.slack.say(ada.id, `/incident note ${id} one thing more`, { channel: CHANNEL });
    await shows(desk, id, '1 event came later');
    expect(await file(desk, id)).toBe(before);
    await press(desk, id, grace, 'Return to draft…');
    await submit(desk, grace.id, { reason: 'there is more' });
    await shows(desk, id, 'Returned to a draft by grace');
    expect(await file(desk, id)).toContain('one thing more');
    expect(desk.bot.ledger.peek(id)?.checklist['postmortem']).toBeUndefined();
  });

  it('changed by hand on the disk, that is kept beside it and said', async () => {
    const path = desk.bot.ledger.peek(id)?.postmortem?.file ?? '';
    await file(desk, id);
    await writeFile(path, '# what I wrote by hand');
    const pm = desk.bot.ledger.peek(id)?.postmortem?.id ?? '';
    expect(await cli(desk, (from) => showPostmortem(from, pm))).toMatchObject({ exit: 1 });
    await desk.stage.slack.say(ada.id, `/incident note ${id} and another`, { channel: CHANNEL });
    await shows(desk, id, 'was changed by hand');
    expect(await readFile(path.replace('.md', '.by-hand-1.md'), 'utf8')).toBe('# what I wrote by hand');
    expect(await file(desk, id)).toContain('and another');
    expect(await cli(desk, (from) => showPostmortem(from, pm))).toMatchObject({
      exit: 0,
      text: expect.stringContaining('and another'),
    });
  });

  it('stands in the log of all of them, by file and by command line', async () => {
    const second = await resolvedOne(desk, 'Second', { summary: 'x', category: 'data' });
    await file(desk, second);
    const path = join(desk.folder, 'data', 'postmortems', 'POSTMORTEM_LOG.md');
    await desk.stage.slack.until(async () => (await readFile(path, 'utf8')).includes('_002'), {
      what: 'the second in the log',
    });
    const table = (await readFile(path, 'utf8')).split('\n').filter((line) => line.startsWith('| PM_'));
    expect(table.map((line) => line.split(' | ')[0])).toEqual([
      expect.stringMatching(/_002$/),
      expect.stringMatching(/_001$/),
    ]);
    expect(table[1]).toContain('| system | DRAFT |');
    const printed = await cli(desk, printPostmortemLog);
    expect(printed.text.split('\n').filter((line) => line.startsWith('| PM_'))).toEqual(table);
    const listed = await cli(desk, listPostmortems);
    expect(listed.text).toMatch(/^PM_\d{8}_002 {2}DRAFT/);
    expect(await cli(desk, (from) => showPostmortem(from, '../x'))).toMatchObject({ exit: 1 });
  });

  it('is drafted on demand, also of an open P3, and says that it is open', async () => {
    const open = await fire(desk, { name: 'Small', severity: 'P3', fingerprint: 'small' });
    await posted(desk, open);
    expect(await say(desk, `/incident postmortem ${open}`)).toContain('is being drafted');
    await shows(desk, open, 'is open: this is a draft');
    expect(await file(desk, open)).toContain('**The incident is still open');
    expect(desk.thread(open)).not.toContain('[Put into review]');
    expect(await say(desk, `/incident postmortem ${open}`)).toMatch(/Postmortem draft PM_\d{8}_003/);
  });
});

it('a file that Slack does not take is said to lie on the disk, and nothing waits for it', async () => {
  const desk = await startDesk();
  try {
    const id = await resolvedOne(desk, 'Refused', { summary: 'x', category: 'data' });
    desk.stage.slack.fault('files.getUploadURLExternal', { kind: 'error', error: 'missing_scope' });
    await press(desk, id, ada, 'Put into review');
    await shows(desk, id, 'could not be put into this thread');
    expect(desk.thread(id)).toContain(`${desk.folder}/data/postmortems/PM_`);
    expect(await readdir(`${desk.folder}/data/postmortems`)).toContain('POSTMORTEM_LOG.md');
  } finally {
    await desk.close();
  }
});

it('keeps the recovery check’s output, without our secrets, and what the incident took of the budgets', async () => {
  const desk = await startDesk({
    config: (config, stage) => ({
      ...config,
      recoveryCheck: {
        run: [process.execPath, '-e', `console.log("verdict: ELIGIBLE ${stage.keys.apiSecret} <b>|")`],
        cwd: process.cwd(),
        expect: 'verdict: ELIGIBLE',
        timeoutSec: 20,
      },
    }),
  });
  try {
    const id = await resolvedOne(desk, 'Checked', { summary: 'x', category: 'data' });
    await press(desk, id, ada, 'Run recovery check');
    await shows(desk, id, 'Recovery check passed');
    const text = await file(desk, id);
    const part = text.split('### Recovery check')[1]?.split('\n## ')[0] ?? '';
    expect(part).toMatch(/passed \(exit 0 .*run by ada, ended .*\(event \d+\)/);
    expect(part).toContain('verdict: ELIGIBLE');
    expect(part).toContain('&lt;b&gt;\\|');
    expect(text).not.toContain(desk.stage.keys.apiSecret);
    expect(JSON.stringify(await desk.bot.ledger.history(id))).not.toContain(desk.stage.keys.apiSecret);
    await shows(desk, id, '[Edit…] [Put into review]');
  } finally {
    await desk.close();
  }
});

it('reminds who owes it a day before, calls them when it is missed, and each day after, over restarts', async () => {
  let offset = 0;
  const HOUR = 3_600_000;
  const desk = await startDesk({ mode: 'socket', now: () => Date.now() + offset });
  const notices = (id: string, words: string) =>
    repliesOf(desk, id).filter((message) => JSON.stringify(message.blocks).includes(words));
  const after = async (hours: number, id: string, words: string) => {
    offset = hours * HOUR;
    await shows(desk, id, words);
  };
  try {
    const id = await resolvedOne(desk, 'Owed', { summary: 'x', category: 'data' });
    await settled(desk, id, ({ clocks }) => clocks['acknowledge'] !== undefined);
    await desk.restart();
    await after(25, id, 'is due in review at');
    expect(JSON.stringify(notices(id, 'is due in review at')[0]?.blocks)).toContain(`<@${ada.id}>`);
    await desk.restart();
    await after(49, id, 'the postmortem waits for you');
    expect(JSON.stringify(notices(id, 'Missed: postmortem')[0]?.blocks)).toContain(
      `<@${ada.id}>: the postmortem waits for you`,
    );
    await after(73, id, '1 day ago');
    await desk.restart();
    await after(124, id, '3 days ago');
    expect(notices(id, 'in review at')).toHaveLength(3);
  } finally {
    await desk.close();
  }
});
