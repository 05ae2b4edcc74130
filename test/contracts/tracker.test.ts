/** What every tracker must do: the in-memory fake and GitHub's adapter against its counterpart pass the same. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGitHubTracker } from '../../src/adapters/github.ts';
import type { IssueDraft, Tracker } from '../../src/ports.ts';
import { startGitHubCounterpart } from '../../src/rehearsal/github.ts';
import { createFakeTracker } from '../fakes/tracker.ts';

/** A tracker and the far side that it talks to. */
interface TrackerWorld {
  tracker: Tracker;
  /** What is filed there. */
  bodies(): string[];
  comments(number: number): string[];
  /** The next write is done there, and its answer is lost. */
  loseAnswer(): void;
  /** Nothing answers the next request, and nothing is done. */
  failOnce(): void;
  closeIssue(number: number, login: string): void;
  /** So many issues of other people are opened. */
  crowd(count: number): void;
  close(): Promise<void>;
}

const NOW = Date.parse('2026-11-28T12:00:00Z');
const draft = (item = 'A1'): IssueDraft => ({
  mark: `<!-- standdown:INC-20261128-001/${item} -->`,
  title: `Do ${item}`,
  body: `Do it\n\n<!-- standdown:INC-20261128-001/${item} -->\n`,
  labels: ['standdown'],
});

async function gitHubWorld(maySetLabels: boolean): Promise<TrackerWorld> {
  const hub = await startGitHubCounterpart({
    repository: 'desk/repo',
    token: 'token-of-the-test',
    login: 'bot',
    now: () => NOW,
    maySetLabels,
  });
  return {
    tracker: createGitHubTracker({
      repository: 'desk/repo',
      token: 'token-of-the-test',
      apiUrl: hub.url,
      now: () => NOW,
    }),
    bodies: () => hub.issues().map(({ body }) => body),
    comments: (number) => hub.issues().find((one) => one.number === number)?.comments ?? [],
    loseAnswer: () => hub.fault({ kind: 'applyThenReset' }, 'POST'),
    failOnce: () => hub.fault({ kind: 'reset' }),
    closeIssue: (number, login) => hub.close(number, login),
    crowd(count) {
      for (let n = 0; n < count; n += 1) hub.open('somebody else', 'no mark');
    },
    close: () => hub.stop(),
  };
}

const WORLDS: [string, () => Promise<TrackerWorld>][] = [
  ['the fake', async () => createFakeTracker(() => NOW)],
  ['GitHub', () => gitHubWorld(true)],
  ['GitHub, where the token may set no labels', () => gitHubWorld(false)],
];

describe.each(WORLDS)('%s keeps the tracker contract', (_name, open) => {
  let world: TrackerWorld;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(() => world.close());

  it('files an issue, and says where it is', async () => {
    const filed = await world.tracker.findOrFile(draft(), null);
    expect(filed).toMatchObject({ state: 'done', number: 1, url: expect.stringMatching(/^https:.*\/1$/) });
    expect(world.bodies()).toEqual([draft().body]);
  });

  it('finds by its mark what a lost answer left, also behind many others, and files it no second time', async () => {
    world.loseAnswer();
    const lost = await world.tracker.findOrFile(draft(), null);
    expect(lost).toMatchObject({ state: 'failed', retry: true, maybe: true });
    world.crowd(250);
    const again = await world.tracker.findOrFile(draft(), NOW);
    expect(again).toMatchObject({ state: 'done', number: 1 });
    expect(world.bodies().filter((body) => body.includes('standdown:'))).toHaveLength(1);
  });

  it('files after all what did not arrive, and is not misled by the mark of another', async () => {
    await world.tracker.findOrFile(draft('A11'), null);
    world.failOnce();
    expect(await world.tracker.findOrFile(draft(), null)).toMatchObject({ state: 'failed', retry: true });
    expect(await world.tracker.findOrFile(draft(), NOW)).toMatchObject({ state: 'done', number: 2 });
  });

  it('files nothing while it cannot look', async () => {
    world.failOnce();
    expect(await world.tracker.findOrFile(draft(), NOW)).toMatchObject({ state: 'failed', retry: true });
    expect(world.bodies()).toEqual([]);
  });

  it('sees an issue open, then closed, by whom and when', async () => {
    await world.tracker.findOrFile(draft(), null);
    const open = { state: 'done', seen: { state: 'open', changedAt: null, who: null } };
    expect(await world.tracker.see(1)).toEqual(open);
    expect(await world.tracker.see(1)).toEqual(open);
    world.closeIssue(1, 'grace');
    const closed = { state: 'done', seen: { state: 'closed', changedAt: NOW, who: 'grace' } };
    expect(await world.tracker.see(1)).toEqual(closed);
    expect(await world.tracker.see(1)).toEqual(closed);
  });

  it('comments once, also where an answer was lost', async () => {
    await world.tracker.findOrFile(draft(), null);
    const comment = { mark: '<!-- PM_1 -->', body: 'ready <!-- PM_1 -->' };
    world.loseAnswer();
    expect(await world.tracker.comment(1, comment, false)).toMatchObject({ state: 'failed', maybe: true });
    expect(await world.tracker.comment(1, comment, true)).toMatchObject({ state: 'done' });
    expect(world.comments(1)).toEqual([comment.body]);
    world.failOnce();
    expect(await world.tracker.comment(1, { mark: 'x', body: 'x' }, true)).toMatchObject({ state: 'failed' });
    expect(await world.tracker.comment(1, { mark: 'x', body: 'x' }, true)).toMatchObject({ state: 'done' });
    expect(world.comments(1)).toEqual([comment.body, 'x']);
  });

  it('says of an issue that it cannot see that it does not know', async () => {
    expect(await world.tracker.see(99)).toMatchObject({ state: 'failed' });
  });
});
