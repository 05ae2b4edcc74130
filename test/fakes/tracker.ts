/** An issue tracker in memory; it passes the same contract suite as GitHub's adapter. */

import type { IssueSeen, Sent, Tracker } from '../../src/ports.ts';

export interface FakeTracker {
  tracker: Tracker;
  bodies(): string[];
  comments(number: number): string[];
  loseAnswer(): void;
  failOnce(): void;
  closeIssue(number: number, login: string): void;
  crowd(count: number): void;
  close(): Promise<void>;
}

export function createFakeTracker(now: () => number): FakeTracker {
  const issues: { body: string; seen: IssueSeen; comments: string[] }[] = [];
  let losing = false;
  let failing = false;
  const OPEN: IssueSeen = { state: 'open', changedAt: null, who: null };
  const failed = (maybe: boolean): Extract<Sent<object>, { state: 'failed' }> => ({
    state: 'failed',
    retry: true,
    maybe,
    reason: 'nothing came back',
  });
  const at = (index: number) => ({
    state: 'done' as const,
    number: index + 1,
    url: `https://tracker.invalid/issues/${index + 1}`,
  });
  const fails = (): boolean => {
    const now = failing;
    failing = false;
    return now;
  };
  return {
    tracker: {
      async findOrFile({ mark, body }, since) {
        if (fails()) return failed(since === null);
        const found = issues.findIndex((one) => one.body.includes(mark));
        if (since !== null && found >= 0) return at(found);
        issues.push({ body, seen: OPEN, comments: [] });
        if (!losing) return at(issues.length - 1);
        losing = false;
        return failed(true);
      },
      async comment(number, { mark, body }, maybe) {
        const issue = issues[number - 1];
        if (fails() || issue === undefined) return failed(!maybe);
        if (maybe && issue.comments.some((one) => one.includes(mark))) return { state: 'done' };
        issue.comments.push(body);
        if (!losing) return { state: 'done' };
        losing = false;
        return failed(true);
      },
      async see(number) {
        const issue = issues[number - 1];
        return fails() || issue === undefined ? failed(false) : { state: 'done', seen: issue.seen };
      },
    },
    bodies: () => issues.map(({ body }) => body),
    comments: (number) => issues[number - 1]?.comments ?? [],
    loseAnswer() {
      losing = true;
    },
    failOnce() {
      failing = true;
    },
    closeIssue(number, login) {
      const issue = issues[number - 1];
      if (issue !== undefined) issue.seen = { state: 'closed', changedAt: now(), who: login };
    },
    crowd(count) {
      for (let n = 0; n < count; n += 1) issues.push({ body: 'no mark', seen: OPEN, comments: [] });
    },
    close: async () => {},
  };
}
