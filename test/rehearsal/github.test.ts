/** The counterpart of GitHub, by what GitHub's REST API says of itself. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitHubCounterpart, startGitHubCounterpart } from '../../src/rehearsal/github.ts';

let hub: GitHubCounterpart;
let at = Date.parse('2026-11-28T12:00:00Z');
beforeAll(async () => {
  hub = await startGitHubCounterpart({ repository: 'o/r', token: 't0ken', login: 'bot', now: () => at });
});
afterAll(() => hub.stop());

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown; etag: string | null }> {
  const response = await fetch(`${hub.url}${path}`, {
    method,
    headers: { authorization: 'token t0ken', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? null : JSON.parse(text),
    etag: response.headers.get('etag'),
  };
}
const numbers = async (query: string): Promise<number[]> =>
  ((await call('GET', `/repos/o/r/issues?${query}`)).body as { number: number }[]).map(
    ({ number }) => number,
  );

describe('the counterpart of GitHub', () => {
  it('files, and lists by state, label, time and page', async () => {
    for (const [index, labels] of [['a'], ['a', 'b'], []].entries()) {
      at += 60_000;
      const filed = await call('POST', '/repos/o/r/issues', { title: `n${index}`, labels });
      expect(filed.status).toBe(201);
    }
    expect(await numbers('')).toEqual([3, 2, 1]);
    expect(await numbers('labels=a')).toEqual([2, 1]);
    expect(await numbers('labels=a,b')).toEqual([2]);
    expect(await numbers('per_page=2&page=2')).toEqual([1]);
    expect(await numbers(`since=${new Date(at).toISOString()}`)).toEqual([3]);
    at += 60_000;
    hub.close(1, 'grace');
    expect(await numbers('')).toEqual([3, 2]);
    expect(await numbers('state=all&sort=updated')).toEqual([1, 3, 2]);
    expect(await numbers('state=closed')).toEqual([1]);
  });

  it('says who closed an issue when it is asked about that one alone', async () => {
    const [listed] = (await call('GET', '/repos/o/r/issues?state=closed')).body as object[];
    expect(listed).not.toHaveProperty('closed_by');
    expect((await call('GET', '/repos/o/r/issues/1')).body).toMatchObject({ closed_by: { login: 'grace' } });
  });

  it('answers 304 to who knows it already', async () => {
    const { etag } = await call('GET', '/repos/o/r/issues/2');
    const again = { 'if-none-match': etag ?? '' };
    expect((await call('GET', '/repos/o/r/issues/2', undefined, again)).status).toBe(304);
    at += 1;
    hub.close(2, 'ada');
    expect((await call('GET', '/repos/o/r/issues/2', undefined, again)).status).toBe(200);
  });

  it.each([
    ['another token', 'GET', '/repos/o/r/issues', undefined, { authorization: 'token other' }, 401],
    ['another repository', 'GET', '/repos/o/other/issues', undefined, {}, 404],
    ['no such issue', 'GET', '/repos/o/r/issues/99', undefined, {}, 404],
    ['no title', 'POST', '/repos/o/r/issues', { title: ' ' }, {}, 422],
    ['no JSON', 'POST', '/repos/o/r/issues', '{', {}, 422],
    ['a title of 257 characters', 'POST', '/repos/o/r/issues', { title: 'x'.repeat(257) }, {}, 422],
    [
      'a body that is too long',
      'POST',
      '/repos/o/r/issues',
      { title: 'x', body: 'x'.repeat(65_537) },
      {},
      422,
    ],
    ['more than a megabyte', 'POST', '/repos/o/r/issues', { title: 'x', body: 'x'.repeat(2e6) }, {}, 422],
    ['an empty comment', 'POST', '/repos/o/r/issues/1/comments', { body: '' }, {}, 422],
  ])('refuses %s', async (_what, method, path, body, headers, status) => {
    expect((await call(method, path, body, headers)).status).toBe(status);
  });
});
