/** One repository of GitHub on the loopback: issues, as its REST API (2022-11-28) files, lists, shows and closes them. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChanges, type UntilOptions } from './changes.ts';

export interface GitHubOptions {
  /** `owner/repo`. */
  readonly repository: string;
  readonly token: string;
  /** Whom the token belongs to. */
  readonly login: string;
  /** ms since the epoch. */
  readonly now: () => number;
  /** False: labels of a new issue are dropped in silence, as GitHub does for who may not set them. */
  readonly maySetLabels?: boolean;
}

export interface GitHubIssue {
  number: number;
  title: string;
  body: string;
  labels: string[];
  state: 'open' | 'closed';
  createdAt: number;
  updatedAt: number;
  closedAt: number | null;
  closedBy: string | null;
  comments: string[];
}

export type GitHubFault =
  /** An answer with this status and these headers, and nothing done. */
  | { kind: 'status'; status: number; message?: string; headers?: Record<string, string>; times?: number }
  /** A page of HTML, as a proxy sends it. */
  | { kind: 'html'; status: number; times?: number }
  /** Connected, and then no answer, ever. */
  | { kind: 'hang'; times?: number }
  /** The connection ends without an answer, and nothing is done. */
  | { kind: 'reset'; times?: number }
  /** Done, and the connection ends without an answer. */
  | { kind: 'applyThenReset'; times?: number };

export interface GitHubRequest {
  atMs: number;
  method: string;
  path: string;
  status: number | null;
}

export interface GitHubCounterpart {
  /** The base of its REST API, as GITHUB_API_URL wants it. */
  readonly url: string;
  issues(): readonly GitHubIssue[];
  requests(): readonly GitHubRequest[];
  until(predicate: () => boolean, options: UntilOptions): Promise<void>;
  /** What a person does on the page of an issue. */
  close(number: number, login: string): void;
  reopen(number: number): void;
  /** Deleted: from then on it is 410. */
  remove(number: number): void;
  /** Somebody opens an issue by hand. */
  open(title: string, body: string): GitHubIssue;
  /** One fault, for the next `times` (default 1) requests, or with `method` for those alone. */
  fault(fault: GitHubFault, method?: 'GET' | 'POST'): void;
  clearFaults(): void;
  /** Ends everything, requests that hang included. May be called twice. */
  stop(): Promise<void>;
}

interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

const MAX_BODY = 1024 * 1024;

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_BODY) throw new Error('too large');
  }
  return length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

/** Start it on 127.0.0.1, on a port of the system's choosing. */
export async function startGitHubCounterpart(options: GitHubOptions): Promise<GitHubCounterpart> {
  const { repository, token, login, now, maySetLabels = true } = options;
  const issues: GitHubIssue[] = [];
  const removed = new Set<number>();
  const requests: GitHubRequest[] = [];
  let armed: { fault: GitHubFault; method: string | undefined; left: number }[] = [];
  const changes = createChanges(
    () =>
      `${issues.map((one) => `#${one.number} ${one.state} ${one.title}`).join('; ') || 'no issue'}; ${requests.length} requests`,
  );
  const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const page = (number: number) => `https://github.invalid/${repository}/issues/${number}`;

  /** As the list shows it: who closed it stands in the answer about one issue alone. */
  const listed = (one: GitHubIssue) => ({
    id: 1_000_000 + one.number,
    number: one.number,
    html_url: page(one.number),
    url: `/repos/${repository}/issues/${one.number}`,
    title: one.title,
    body: one.body,
    state: one.state,
    labels: one.labels.map((name) => ({ name })),
    user: { login },
    created_at: iso(one.createdAt),
    updated_at: iso(one.updatedAt),
    closed_at: iso(one.closedAt),
  });
  const shown = (one: GitHubIssue) => ({
    ...listed(one),
    closed_by: one.closedBy === null ? null : { login: one.closedBy },
  });

  function add(title: string, body: string, labels: string[]): GitHubIssue {
    const at = now();
    const issue: GitHubIssue = {
      number: issues.length + 1,
      title,
      body,
      labels,
      state: 'open',
      createdAt: at,
      updatedAt: at,
      closedAt: null,
      closedBy: null,
      comments: [],
    };
    issues.push(issue);
    return issue;
  }

  const refused = (status: number, message: string, errors?: unknown[]): Answer => ({
    status,
    body: { message, documentation_url: 'https://docs.github.com/rest', ...(errors ? { errors } : {}) },
  });

  function file(body: unknown): Answer {
    const said = (body ?? {}) as { title?: unknown; body?: unknown; labels?: unknown };
    const text = said.body ?? '';
    if (typeof said.title !== 'string' || said.title.trim() === '' || typeof text !== 'string')
      return refused(422, 'Validation Failed', [
        { resource: 'Issue', code: 'missing_field', field: 'title' },
      ]);
    if ([...said.title].length > 256 || [...text].length > 65_536)
      return refused(422, 'Validation Failed', [
        { resource: 'Issue', code: 'custom', message: 'is too long' },
      ]);
    const labels = Array.isArray(said.labels) && maySetLabels ? said.labels.map(String) : [];
    return { status: 201, body: shown(add(said.title, text, labels)) };
  }

  function comment(issue: GitHubIssue, body: unknown): Answer {
    const said = (body ?? {}) as { body?: unknown };
    if (typeof said.body !== 'string' || said.body === '' || said.body.length > 65_536)
      return refused(422, 'Validation Failed');
    issue.comments.push(said.body);
    issue.updatedAt = Math.max(now(), issue.updatedAt + 1);
    return { status: 201, body: { id: issue.comments.length, body: said.body, user: { login } } };
  }

  function comments(issue: GitHubIssue, query: URLSearchParams): Answer {
    const size = Math.min(100, Number(query.get('per_page') ?? 30));
    const from = (Number(query.get('page') ?? 1) - 1) * size;
    return {
      status: 200,
      body: issue.comments.slice(from, from + size).map((body) => ({ body, user: { login } })),
    };
  }

  function list(query: URLSearchParams): Answer {
    const size = Math.min(100, Number(query.get('per_page') ?? 30));
    const at = Number(query.get('page') ?? 1);
    const since = query.get('since');
    const state = query.get('state') ?? 'open';
    const labels = (query.get('labels') ?? '').split(',').filter((one) => one !== '');
    const key = query.get('sort') === 'updated' ? 'updatedAt' : 'createdAt';
    const found = issues
      .filter(
        (one) =>
          !removed.has(one.number) &&
          (state === 'all' || one.state === state) &&
          (since === null || one.updatedAt >= Date.parse(since)) &&
          labels.every((label) => one.labels.includes(label)),
      )
      .sort((a, b) => b[key] - a[key] || b.number - a.number);
    const part = found.slice((at - 1) * size, at * size);
    return { status: 200, body: (query.get('direction') === 'asc' ? part.reverse() : part).map(listed) };
  }

  function answerTo(request: IncomingMessage, body: unknown): Answer {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const given = request.headers.authorization?.replace(/^(?:token|bearer) /i, '');
    if (given !== token) return refused(401, 'Bad credentials');
    if (url.pathname === `/repos/${repository}` && request.method === 'GET')
      return {
        status: 200,
        body: { full_name: repository, archived: false, has_issues: true, private: true },
      };
    const base = `/repos/${repository}/issues`;
    if (url.pathname === base) return request.method === 'POST' ? file(body) : list(url.searchParams);
    const below = Number(new RegExp(`^${base}/(\\d+)/comments$`).exec(url.pathname)?.[1] ?? Number.NaN);
    const commented = issues.find((one) => one.number === below && !removed.has(below));
    if (commented !== undefined)
      return request.method === 'POST' ? comment(commented, body) : comments(commented, url.searchParams);
    const number = Number(new RegExp(`^${base}/(\\d+)$`).exec(url.pathname)?.[1] ?? Number.NaN);
    if (removed.has(number)) return refused(410, 'This issue was deleted');
    const issue = issues.find((one) => one.number === number);
    if (issue === undefined || request.method !== 'GET') return refused(404, 'Not Found');
    const etag = `W/"${issue.number}-${issue.updatedAt}-${issue.state}"`;
    return request.headers['if-none-match'] === etag
      ? { status: 304, body: undefined, headers: { etag } }
      : { status: 200, body: shown(issue), headers: { etag } };
  }

  function takeFault(method: string): GitHubFault | undefined {
    const one = armed.find(({ left, method: only }) => left > 0 && (only === undefined || only === method));
    if (one !== undefined) one.left -= 1;
    return one?.fault;
  }

  function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const body = await readJson(request).catch(() => undefined);
    const fault = takeFault(method);
    const log = (status: number | null) => {
      requests.push({ atMs: now(), method, path: request.url ?? '/', status });
      changes.changed();
    };
    switch (fault?.kind) {
      case 'hang':
        return log(null);
      case 'reset':
        request.socket.destroy();
        return log(null);
      case 'applyThenReset':
        answerTo(request, body);
        request.socket.destroy();
        return log(null);
      case 'html':
        response.writeHead(fault.status, { 'content-type': 'text/html' });
        response.end('<html><body>a proxy says no</body></html>');
        return log(fault.status);
      case 'status':
        send(response, {
          ...refused(fault.status, fault.message ?? 'as the test says'),
          ...(fault.headers === undefined ? {} : { headers: fault.headers }),
        });
        return log(fault.status);
      case undefined: {
        const answer = answerTo(request, body);
        send(response, answer);
        return log(answer.status);
      }
      default: {
        const unknown: never = fault;
        throw new Error(String(unknown));
      }
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let stopped = false;

  function change(number: number, what: Partial<GitHubIssue>): void {
    const issue = issues.find((one) => one.number === number);
    if (issue === undefined) throw new Error(`there is no issue ${number}`);
    Object.assign(issue, what, { updatedAt: Math.max(now(), issue.updatedAt + 1) });
    changes.changed();
  }

  return {
    url: `http://127.0.0.1:${port}`,
    issues: () => issues.filter(({ number }) => !removed.has(number)),
    requests: () => [...requests],
    until: (predicate, until) => changes.until(predicate, until),
    close: (number, by) => change(number, { state: 'closed', closedAt: now(), closedBy: by }),
    reopen: (number) => change(number, { state: 'open', closedAt: null, closedBy: null }),
    remove(number) {
      removed.add(number);
      changes.changed();
    },
    open(title, body) {
      const issue = add(title, body, []);
      changes.changed();
      return issue;
    },
    fault(fault, method) {
      armed.push({ fault, method, left: fault.times ?? 1 });
    },
    clearFaults() {
      armed = [];
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      changes.end();
      const down = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await down;
    },
  };
}
