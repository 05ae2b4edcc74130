/** GitHub's adapter where it differs from a tracker in general: what its answers mean, and what leaves of the token. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGitHubTracker, judgeAnswer } from '../../src/adapters/github.ts';
import { type GitHubCounterpart, startGitHubCounterpart } from '../../src/rehearsal/github.ts';

const TOKEN = 'token-of-the-test-0123456789';
const NOW = Date.parse('2026-11-28T12:00:00Z');
const seconds = (ms: number): string => String(Math.floor(ms / 1_000));
const draft = { mark: '<!-- m -->', title: 't', body: 'b <!-- m -->', labels: [] };

describe('an answer of GitHub', () => {
  const limited = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': seconds(NOW + 90_000) };
  it.each([
    [401, {}, 'Bad credentials', { retry: false, maybe: false }, 'GITHUB_TOKEN is not valid'],
    [403, {}, 'Resource not accessible', { retry: false, maybe: false }, 'lacks "issues: write" on o/r'],
    [
      403,
      limited,
      'API rate limit',
      { retry: true, maybe: false, retryAfterMs: 90_000 },
      'too many requests',
    ],
    [403, { 'retry-after': '7' }, '', { retry: true, retryAfterMs: 7_000 }, 'too many requests'],
    [403, {}, 'You have exceeded a secondary rate limit', { retry: true, retryAfterMs: 60_000 }, 'too many'],
    [429, { 'retry-after': '1e9' }, '', { retry: true, retryAfterMs: 3_600_000 }, 'too many requests'],
    [429, { 'retry-after': '-4' }, '', { retry: true, retryAfterMs: 60_000 }, 'too many requests'],
    [404, {}, 'Not Found', { retry: false, maybe: false }, 'there is no o/r, or the token does not see it'],
    [410, {}, 'Issues are disabled', { retry: false, maybe: false }, 'issues are switched off in o/r'],
    [422, {}, 'Validation Failed', { retry: false, maybe: false }, 'does not take this issue'],
    [301, {}, 'Moved Permanently', { retry: false, maybe: false }, 'has moved'],
    [308, {}, '', { retry: false, maybe: false }, 'has moved'],
    [400, {}, 'Problems parsing JSON', { retry: false, maybe: false }, 'Problems parsing JSON'],
    [408, {}, '', { retry: true, maybe: false }, '408'],
    [500, {}, '', { retry: true, maybe: true }, '500'],
    [502, {}, '', { retry: true, maybe: true }, '502'],
    [503, { 'retry-after': '5' }, '', { retry: true, maybe: true }, '503'],
    [200, {}, '', { retry: true, maybe: true }, '200'],
  ])('%i %j “%s” is %j', (status, headers, message, verdict, words) => {
    const found = judgeAnswer(status, headers, message === '' ? '<html>' : { message }, 'o/r', NOW);
    expect(found).toMatchObject(verdict);
    expect(found.reason).toContain(words);
  });
});

describe('the adapter', () => {
  let hub: GitHubCounterpart;
  beforeAll(async () => {
    hub = await startGitHubCounterpart({ repository: 'o/r', token: TOKEN, login: 'bot', now: () => NOW });
  });
  afterAll(() => hub.stop());
  beforeEach(() => hub.clearFaults());
  const tracker = (over: { token?: string; timeoutMs?: number; apiUrl?: string } = {}) =>
    createGitHubTracker({ repository: 'o/r', token: TOKEN, apiUrl: hub.url, now: () => NOW, ...over });

  it('gives up on a token that is not taken, and shows none of it', async () => {
    const failed = await tracker({ token: 'ghp_wrongwrongwrongwrongwrong' }).findOrFile(draft, null);
    expect(failed).toMatchObject({ state: 'failed', retry: false, maybe: false });
    expect(JSON.stringify(failed)).not.toContain('wrongwrong');
  });

  it('masks the token where an answer holds it', async () => {
    hub.fault({ kind: 'status', status: 500, message: `who is ${TOKEN}?` });
    const failed = await tracker().findOrFile(draft, null);
    expect(JSON.stringify(failed)).toContain('who is [secret]?');
  });

  it('waits no longer than its deadline, and does not know then', async () => {
    hub.fault({ kind: 'hang' });
    expect(await tracker({ timeoutMs: 50 }).findOrFile(draft, null)).toMatchObject({
      state: 'failed',
      retry: true,
      maybe: true,
      reason: 'GitHub did not answer: no answer within 50 ms',
    });
  });

  it.each([
    ['a page of a proxy', 502],
    ['a page that says 201', 201],
    ['a page that says 200', 200],
  ])('does not know after %s', async (_what, status) => {
    hub.fault({ kind: 'html', status });
    expect(await tracker().findOrFile(draft, null)).toMatchObject({
      state: 'failed',
      retry: true,
      maybe: true,
    });
  });

  it('follows no redirect: it would turn the filing into a reading, and take the token along', async () => {
    hub.fault({ kind: 'status', status: 301, headers: { location: `${hub.url}/repos/o/r/issues` } });
    const before = hub.requests().length;
    const failed = await tracker().findOrFile(draft, null);
    expect(failed).toMatchObject({ state: 'failed', retry: false });
    expect(JSON.stringify(failed)).toContain('has moved');
    expect(hub.requests().length).toBe(before + 1);
  });

  it('asks again with what it knows: an unchanged issue is a 304', async () => {
    const one = tracker();
    const filed = await one.findOrFile(draft, null);
    const number = filed.state === 'done' ? filed.number : 0;
    await one.see(number);
    await one.see(number);
    expect(
      hub
        .requests()
        .slice(-2)
        .map(({ status }) => status),
    ).toEqual([200, 304]);
  });

  it('says gone of what was deleted, and only of that', async () => {
    const one = tracker();
    const filed = await one.findOrFile(draft, null);
    const number = filed.state === 'done' ? filed.number : 0;
    hub.fault({ kind: 'status', status: 404 });
    expect(await one.see(number)).toMatchObject({ state: 'failed' });
    hub.remove(number);
    expect(await one.see(number)).toMatchObject({ state: 'done', seen: { state: 'gone' } });
  });

  it('gives up looking through more than a thousand newer issues, and files nothing', async () => {
    const far = await startGitHubCounterpart({ repository: 'o/r', token: TOKEN, login: 'b', now: () => NOW });
    for (let n = 0; n < 1_001; n += 1) far.open('x', 'x');
    const failed = await tracker({ apiUrl: far.url }).findOrFile(draft, NOW);
    expect(failed).toMatchObject({ state: 'failed', retry: false });
    expect(far.issues()).toHaveLength(1_001);
    await far.stop();
  });

  it.each([
    [
      'a number that is none',
      { number: 'x', html_url: 'https://g.invalid/1', state: 'open', created_at: '2026-11-28T12:00:00Z' },
    ],
    [
      'an address of another kind',
      { number: 1, html_url: 'javascript:alert(1)', state: 'open', created_at: '2026-11-28T12:00:00Z' },
    ],
    ['a list', []],
    ['nothing', null],
    ['a huge text', 'x'.repeat(3_000_000)],
  ])('takes %s for no issue', async (_what, body) => {
    const server = createServer((_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const answer = await tracker({ apiUrl }).findOrFile(draft, null);
    expect(answer).toMatchObject({ state: 'failed', retry: true, maybe: true });
    expect(JSON.stringify(answer).length).toBeLessThan(500);
    server.closeAllConnections();
    server.close();
  });
});
