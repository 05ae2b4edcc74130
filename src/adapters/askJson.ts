/** One request for JSON, with a deadline, a size limit, and no way to another host. */

/** Larger than any answer that is asked for here. */
const MAX_BYTES = 4 * 1024 * 1024;

export type JsonAnswer =
  | { state: 'answered'; status: number; headers: Headers; json: unknown }
  | { state: 'failed'; reason: string; refused: boolean };

/** Never throws. `json` is undefined for what is not JSON; `refused`: nobody listens there. */
export async function askJson(
  url: string,
  options: { headers?: Record<string, string>; timeoutMs: number },
): Promise<JsonAnswer> {
  const limit = AbortSignal.timeout(options.timeoutMs);
  try {
    const answer = await fetch(url, {
      headers: { accept: 'application/json', ...options.headers },
      redirect: 'manual',
      signal: limit,
    });
    const text = await textWithin(answer);
    return { state: 'answered', status: answer.status, headers: answer.headers, json: parsed(text) };
  } catch (error) {
    if (limit.aborted) return failed(`no whole answer within ${options.timeoutMs / 1_000} s`);
    const cause = error instanceof Error ? error.cause : null;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
    return failed(code ?? 'the request failed', code === 'ECONNREFUSED');
  }
}

/** `fetch` for a client that reads whole answers: one over the limit is cut, and so is no JSON any more. */
export const cappedFetch: typeof fetch = async (input, init) => {
  const answer = await fetch(input, { ...init, redirect: 'manual' });
  const text = await textWithin(answer);
  // A 204 or 304 may have no body.
  const isBare = answer.status === 204 || answer.status === 304;
  return new Response(isBare ? null : (text ?? ''), { status: answer.status, headers: answer.headers });
};

const failed = (reason: string, refused = false): JsonAnswer => ({ state: 'failed', reason, refused });

/** Null when it is larger than the limit. */
async function textWithin(answer: Response): Promise<string | null> {
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

function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined; // a page for people
  }
}
