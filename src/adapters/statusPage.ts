/** Asks a status page of the configuration: http(s) alone, with a deadline, a size limit, and no way to another host. */

import { z } from 'zod';
import type { PageReading } from '../domain/runbook/probes.ts';
import type { StatusPage } from '../ports.ts';

const DEADLINE_MS = 5_000;
const MAX_BYTES = 256 * 1024;
const REDIRECTS = 3;
const DESCRIPTION = 200;

/** What statuspage.io answers at /api/v2/status.json: the indicator is none, minor, major, critical or maintenance. */
const statement = z.looseObject({
  status: z.looseObject({ indicator: z.string().min(1).max(40), description: z.string().min(1).max(2_000) }),
});

/** Never throws. The page is read, never run; what it links to is never followed. */
export const askStatusPage: StatusPage = async (url) => {
  const limit = AbortSignal.timeout(DEADLINE_MS);
  try {
    const first = new URL(url);
    if (!/^https?:$/.test(first.protocol))
      return { state: 'failed', reason: 'only http and https are asked' };
    const answer = await follow(first, limit);
    if ('reason' in answer) return { state: 'failed', reason: answer.reason };
    const body = await bodyOf(answer);
    return { state: 'answered', status: answer.status, ...statementIn(body) };
  } catch (error) {
    if (limit.aborted) return { state: 'failed', reason: `no whole answer within ${DEADLINE_MS / 1_000} s` };
    const cause = error instanceof Error ? error.cause : null;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
    return { state: 'failed', reason: code ?? 'the request failed' };
  }
};

async function follow(first: URL, signal: AbortSignal): Promise<Response | { reason: string }> {
  let url = first;
  for (let turn = 0; turn <= REDIRECTS; turn += 1) {
    const answer = await fetch(url, {
      signal,
      redirect: 'manual',
      headers: { accept: 'application/json, */*;q=0.5' },
    });
    const location = answer.headers.get('location');
    if (answer.status < 300 || answer.status > 399 || location === null) return answer;
    await answer.body?.cancel();
    if (!URL.canParse(location, url.href)) return { reason: 'it redirects to what is no address' };
    const next = new URL(location, url.href);
    // Host and port: what another program listens for on this machine is another host.
    if (next.host !== first.host || !/^https?:$/.test(next.protocol))
      return { reason: 'it redirects to another host, which is not followed' };
    url = next;
  }
  return { reason: `it redirects more than ${REDIRECTS} times` };
}

/** Null when it is larger than the limit: a page is long, a statement is short. */
async function bodyOf(answer: Response): Promise<string | null> {
  if (answer.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (size > MAX_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function statementIn(
  body: string | null,
): Pick<Extract<PageReading, { state: 'answered' }>, 'description' | 'indicator'> {
  const none = { description: null, indicator: null };
  if (body === null) return none;
  try {
    const parsed = statement.safeParse(JSON.parse(body));
    if (!parsed.success) return none;
    const { indicator, description } = parsed.data.status;
    return { indicator, description: description.slice(0, DESCRIPTION) };
  } catch {
    return none; // a page for people
  }
}
