import { Octokit } from '@octokit/core';
import { z } from 'zod';
import type { IssueDraft, IssueSeen, Sent, Tracker } from '../ports.ts';
import { askJson } from './askJson.ts';
import { createReason } from './reason.ts';

export interface GitHubTrackerOptions {
  /** `owner/repo`. */
  readonly repository: string;
  /** A personal access token or an app's, which may write issues there. */
  readonly token: string;
  /** Default https://api.github.com; for GitHub Enterprise `https://HOST/api/v3`. */
  readonly apiUrl?: string;
  /** Wall clock, ms since the epoch: a rate limit says when it ends. */
  readonly now: () => number;
  /** For each request, from its start to the end of its answer. Default 10,000 ms. */
  readonly timeoutMs?: number;
}

export const GITHUB_API = 'https://api.github.com';
const TIMEOUT_MS = 10_000;
/** GitHub's largest page. */
const PAGE_SIZE = 100;
/** Issues opened between a lost answer and the next try: more than a thousand cannot be looked through. */
const MAX_PAGES = 10;
/** How far GitHub's clock and ours may be apart. */
const CLOCKS_APART_MS = 10 * 60_000;
/** GitHub's primary limit is counted by the hour: it asks for no longer rest. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** "If no header says it, wait at least one minute" (GitHub, "Rate limits for the REST API"). */
const SECONDARY_LIMIT_MS = 60_000;
/** Answers kept for conditional requests. */
const MAX_KEPT = 1_000;

const Issue = z.object({
  number: z.number().int().positive(),
  html_url: z.url({ protocol: /^https?$/ }).max(2_000),
  state: z.enum(['open', 'closed']),
  body: z.string().nullish(),
  created_at: z.iso.datetime({ offset: true }),
  closed_at: z.iso.datetime({ offset: true }).nullish(),
  closed_by: z.object({ login: z.string().max(200) }).nullish(),
  pull_request: z.unknown().optional(),
});
const Comment = z.object({ body: z.string().nullish() });
type RawIssue = z.infer<typeof Issue>;
/** What Octokit throws: with a `response` where GitHub answered, without one where nothing came. */
const Thrown = z.object({
  response: z.object({
    status: z.number(),
    headers: z.record(z.string(), z.union([z.string(), z.number()]).optional()),
    data: z.unknown(),
  }),
});
const Refused = z.object({
  message: z.string().optional(),
  errors: z.array(z.unknown()).optional(),
});

type Headers = z.infer<typeof Thrown>['response']['headers'];
type Failed = Extract<Sent<object>, { state: 'failed' }>;

type Exchange =
  | { kind: 'answer'; status: number; headers: Headers; body: unknown }
  | { kind: 'nothing'; why: string };

/** What an answer that is no success comes to. `reason` is not masked yet. */
export interface Verdict {
  retry: boolean;
  /** The request may have been applied all the same. */
  maybe: boolean;
  reason: string;
  retryAfterMs?: number;
}

/** What GitHub says is wrong; empty when it says nothing that is its JSON. */
function messageIn(body: unknown): string {
  const refused = Refused.safeParse(body);
  if (!refused.success) return '';
  const { message = '', errors = [] } = refused.data;
  return [message, ...errors.slice(0, 3).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))]
    .filter((part) => part !== '')
    .join('; ');
}

/** When a rate limit ends: `Retry-After` (s), else `X-RateLimit-Reset` (s since the epoch). Undefined: it names none. */
function restMs(headers: Headers, now: number): number | undefined {
  const after = Number(headers['retry-after'] ?? Number.NaN);
  const reset = Number(headers['x-ratelimit-reset'] ?? Number.NaN);
  const ms =
    Number.isFinite(after) && after >= 0
      ? after * 1_000
      : String(headers['x-ratelimit-remaining']) === '0' && Number.isFinite(reset)
        ? reset * 1_000 - now
        : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, Math.ceil(ms)), MAX_RETRY_AFTER_MS);
}

/**
 * Whether to try again after an answer that is no success, and in which words it is told. A rate limit comes as 429 or as
 * 403; another 403, a 401, 404, 410 and 422 stay as they are until a person changes something. `now` is ms since the epoch.
 */
export function judgeAnswer(
  status: number,
  headers: Headers,
  body: unknown,
  repository: string,
  now: number,
): Verdict {
  const said = messageIn(body);
  const answered = `GitHub answered ${status}${said === '' ? '' : ` (${said})`}`;
  const final = (mend: string): Verdict => ({ retry: false, maybe: false, reason: `${answered}: ${mend}` });
  const rest = restMs(headers, now);
  if (status === 429 || (status === 403 && (rest !== undefined || /rate limit|abuse detection/i.test(said))))
    return {
      retry: true,
      maybe: false,
      reason: `${answered}: too many requests`,
      retryAfterMs: rest ?? SECONDARY_LIMIT_MS,
    };
  switch (status) {
    case 401:
      return final('GITHUB_TOKEN is not valid, or has expired');
    case 403:
      return final(`the token lacks "issues: write" on ${repository}`);
    case 404:
      return final(`there is no ${repository}, or the token does not see it`);
    case 410:
      return final(`issues are switched off in ${repository}`);
    case 422:
      return final('it does not take this issue');
    case 301:
    case 302:
    case 307:
    case 308:
      return final(`${repository} has moved: write its new name in issues.github`);
    default:
      break;
  }
  // After a 2xx that is not GitHub's, and after a 5xx, nobody knows whether the request was carried out.
  const maybe = status < 300 || status >= 500;
  const isOurs = status >= 400 && status < 500 && status !== 408;
  return isOurs ? final('it does not take this request') : { retry: true, maybe, reason: answered };
}

const toSeen = ({ state, closed_at, closed_by }: RawIssue): IssueSeen => ({
  state,
  changedAt: state === 'closed' && typeof closed_at === 'string' ? Date.parse(closed_at) : null,
  who: state === 'closed' ? (closed_by?.login ?? null) : null,
});

const Repository = z.object({
  full_name: z.string(),
  archived: z.boolean().default(false),
  has_issues: z.boolean().default(true),
});

/** What GitHub says of the repository to this token: one request that writes nothing. Never throws. */
export async function seeRepository(
  options: Pick<GitHubTrackerOptions, 'repository' | 'token' | 'now'> & { apiUrl: string; timeoutMs: number },
): Promise<
  | { state: 'seen'; name: string; archived: boolean; hasIssues: boolean }
  | { state: 'refused' | 'silent'; reason: string }
> {
  const { repository, token } = options;
  const reason = createReason([token]);
  const got = await askJson(`${options.apiUrl}/repos/${repository}`, {
    headers: {
      authorization: `Bearer ${token}`,
      'user-agent': 'standdown',
      'x-github-api-version': '2022-11-28',
    },
    timeoutMs: options.timeoutMs,
  });
  if (got.state === 'failed')
    return { state: 'silent', reason: reason(`GitHub did not answer: ${got.reason}`) };
  const read = Repository.safeParse(got.json);
  if (got.status === 200 && read.success) {
    const { full_name: name, archived, has_issues: hasIssues } = read.data;
    return { state: 'seen', name, archived, hasIssues };
  }
  const verdict = judgeAnswer(
    got.status,
    Object.fromEntries(got.headers),
    got.json,
    repository,
    options.now(),
  );
  const isFinal = got.status >= 300 && !verdict.retry;
  return { state: isFinal ? 'refused' : 'silent', reason: reason(verdict.reason) };
}

/**
 * Issues of one repository through GitHub's REST API. Filing twice is GitHub's way of life: it knows no idempotency key, so
 * after an unknown outcome the issue is looked for by its mark. The list is read for that, not the search, which lags; and
 * not by label, since GitHub drops the labels of a token that may not set them.
 */
export function createGitHubTracker(options: GitHubTrackerOptions): Tracker {
  const { repository, token, now, timeoutMs = TIMEOUT_MS } = options;
  const reason = createReason([token]);
  const octokit = new Octokit({
    auth: token,
    baseUrl: options.apiUrl ?? GITHUB_API,
    userAgent: 'standdown',
    // Octokit warns on the console; what is wrong is in our answers.
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  });
  const kept = new Map<number, { etag: string; seen: IssueSeen }>();

  async function exchange(
    method: 'GET' | 'POST',
    path: string,
    fields: Record<string, unknown>,
    headers: Record<string, string> = {},
  ): Promise<Exchange> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeoutMs);
    try {
      const answer = await octokit.request(`${method} /repos/${repository}${path}`, {
        ...fields,
        headers: { 'x-github-api-version': '2022-11-28', ...headers },
        // A redirect turns a POST into a GET, and takes the token along.
        request: { signal: stop.signal, redirect: 'manual' },
      });
      return { kind: 'answer', status: answer.status, headers: { ...answer.headers }, body: answer.data };
    } catch (error) {
      if (stop.signal.aborted) return { kind: 'nothing', why: `no answer within ${timeoutMs} ms` };
      const thrown = Thrown.safeParse(error);
      if (!thrown.success)
        return { kind: 'nothing', why: error instanceof Error ? error.message : 'the connection failed' };
      const { status, headers: got, data } = thrown.data.response;
      return { kind: 'answer', status, headers: got, body: data };
    } finally {
      clearTimeout(timer);
    }
  }

  function failed(verdict: Verdict): Failed {
    return { state: 'failed', ...verdict, reason: reason(verdict.reason) };
  }

  /** `writes`: what left without an answer may have been applied. */
  function noSuccess(got: Exchange, writes: boolean): Failed {
    if (got.kind === 'nothing')
      return failed({ retry: true, maybe: writes, reason: `GitHub did not answer: ${got.why}` });
    const verdict = judgeAnswer(got.status, got.headers, got.body, repository, now());
    return failed({ ...verdict, maybe: writes && verdict.maybe });
  }

  const strange = (maybe: boolean): Failed =>
    failed({ retry: true, maybe, reason: "GitHub answered in a shape that is not its API's" });

  /** The issue with this mark among those opened since; null: there is none. */
  async function find(mark: string, since: number): Promise<Sent<{ issue: RawIssue | null }>> {
    const from = since - CLOCKS_APART_MS;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const got = await exchange('GET', '/issues', {
        state: 'all',
        since: new Date(from).toISOString(),
        sort: 'created',
        direction: 'desc',
        per_page: PAGE_SIZE,
        page,
      });
      if (got.kind === 'nothing' || got.status !== 200) return noSuccess(got, false);
      const issues = z.array(Issue).safeParse(got.body);
      if (!issues.success) return strange(false);
      const found = issues.data.find(
        (one) => one.pull_request === undefined && one.body?.includes(mark) === true,
      );
      if (found !== undefined) return { state: 'done', issue: found };
      const last = issues.data.at(-1);
      if (issues.data.length < PAGE_SIZE || last === undefined || Date.parse(last.created_at) < from)
        return { state: 'done', issue: null };
    }
    return failed({
      retry: false,
      maybe: false,
      reason: `whether it was filed cannot be told: over ${PAGE_SIZE * MAX_PAGES} newer issues in ${repository}. Look by hand`,
    });
  }

  /** Comments are listed oldest first, and in no other order: every page is looked at, to a thousand. */
  async function commentWith(path: string, mark: string): Promise<Sent<{ found: boolean }>> {
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const got = await exchange('GET', path, { per_page: PAGE_SIZE, page });
      if (got.kind === 'nothing' || got.status !== 200) return noSuccess(got, false);
      const comments = z.array(Comment).safeParse(got.body);
      if (!comments.success) return strange(false);
      if (comments.data.some((one) => one.body?.includes(mark) === true))
        return { state: 'done', found: true };
      if (comments.data.length < PAGE_SIZE) return { state: 'done', found: false };
    }
    // Beyond a thousand it is said no second time.
    return { state: 'done', found: true };
  }

  return {
    async findOrFile({ mark, title, body, labels }: IssueDraft, since) {
      if (since !== null) {
        const found = await find(mark, since);
        if (found.state === 'failed') return found;
        if (found.issue !== null)
          return { state: 'done', number: found.issue.number, url: found.issue.html_url };
      }
      const got = await exchange('POST', '/issues', { title, body, labels });
      if (got.kind === 'nothing' || got.status !== 201) return noSuccess(got, true);
      const issue = Issue.safeParse(got.body);
      return issue.success
        ? { state: 'done', number: issue.data.number, url: issue.data.html_url }
        : strange(true);
    },
    async comment(number, { mark, body }, maybe) {
      const path = `/issues/${number}/comments`;
      if (maybe) {
        const known = await commentWith(path, mark);
        if (known.state === 'failed' || known.found) return known;
      }
      const got = await exchange('POST', path, { body });
      return got.kind === 'nothing' || got.status !== 201 ? noSuccess(got, true) : { state: 'done' };
    },
    async see(number) {
      const known = kept.get(number);
      const got = await exchange(
        'GET',
        `/issues/${number}`,
        {},
        known === undefined ? {} : { 'if-none-match': known.etag },
      );
      // Unchanged: it costs nothing of the rate limit.
      if (got.kind === 'answer' && got.status === 304 && known !== undefined)
        return { state: 'done', seen: known.seen };
      // Deleted, or in another repository by now. A 404 says less: it may be the token.
      if (got.kind === 'answer' && (got.status === 410 || got.status === 301))
        return { state: 'done', seen: { state: 'gone', changedAt: null, who: null } };
      if (got.kind === 'nothing' || got.status !== 200) return noSuccess(got, false);
      const issue = Issue.safeParse(got.body);
      if (!issue.success) return strange(false);
      const seen = toSeen(issue.data);
      const etag = got.headers['etag'];
      kept.delete(number);
      if (kept.size >= MAX_KEPT) kept.clear();
      if (typeof etag === 'string') kept.set(number, { etag, seen });
      return { state: 'done', seen };
    },
  };
}
