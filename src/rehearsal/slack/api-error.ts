import type { JsonObject } from './json.ts';

/** What the Web API refuses: HTTP 200 with `ok: false`, this error name, and perhaps more. */
export class ApiError extends Error {
  readonly code: string;
  readonly extra: JsonObject;

  constructor(code: string, extra: JsonObject = {}) {
    super(code);
    this.name = 'ApiError';
    this.code = code;
    this.extra = extra;
  }
}

/** A Web API method: decoded arguments in, the answer without `ok` out. @throws ApiError */
export type Method = (args: JsonObject) => JsonObject;

/** Slack's answer to blocks or views it does not take: the name, and each place in `response_metadata.messages`. */
export function refusal(code: string, problems: readonly string[]): ApiError {
  return new ApiError(code, {
    errors: [...problems],
    response_metadata: { messages: problems.map((problem) => `[ERROR] ${problem}`) },
  });
}

/** One page of items and the cursor of the next; '' when it is the last. `limit` 0 or unreadable means `fallback`. */
export function page<T>(
  items: readonly T[],
  args: JsonObject,
  fallback: number,
): { items: T[]; next: string } {
  const limit = Math.min(Number(args['limit']) || fallback, 1000);
  const cursor = typeof args['cursor'] === 'string' ? args['cursor'] : '';
  const from =
    cursor === ''
      ? 0
      : Number(
          Buffer.from(cursor, 'base64')
            .toString()
            .replace(/^next:/, ''),
        );
  if (!Number.isInteger(from)) throw new ApiError('invalid_cursor');
  const end = from + limit;
  return {
    items: items.slice(from, end),
    next: end < items.length ? Buffer.from(`next:${end}`).toString('base64') : '',
  };
}
