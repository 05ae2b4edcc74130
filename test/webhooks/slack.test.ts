import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpRefusal } from '../../src/webhooks/body.ts';
import { createSlackDoor } from '../../src/webhooks/slack.ts';

const SECRET = 'a'.repeat(32);
const NOW_S = 1_795_000_000;

function door() {
  const seen = new Set<string>();
  return createSlackDoor(
    SECRET,
    () => NOW_S * 1_000,
    (signature) => {
      const before = seen.has(signature);
      seen.add(signature);
      return before;
    },
  );
}

function signed(body: string | Uint8Array, timestamp: string | number = NOW_S, secret = SECRET) {
  const bytes = Buffer.from(body as string);
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:`).update(bytes).digest('hex')}`;
  return {
    headers: {
      'x-slack-request-timestamp': String(timestamp),
      'x-slack-signature': signature,
      'content-type': 'application/x-www-form-urlencoded',
    },
    bytes,
  };
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof HttpRefusal) return error.code;
    throw error;
  }
  return 'admitted';
};

describe('the door to Bolt', () => {
  it('admits what Slack signed within five minutes, once', () => {
    for (const age of [0, 1, 299, 300, -59]) {
      const one = door();
      const { headers, bytes } = signed('command=%2Fkill', NOW_S - age);
      expect(codeOf(() => one.admit(headers, bytes))).toBe('admitted');
      expect(codeOf(() => one.admit(headers, bytes))).toBe('replayed');
    }
  });

  it('refuses what is old or from the future', () => {
    for (const [age, code] of [
      [301, 'stale'],
      [86_400, 'stale'],
      [-61, 'future'],
      [-301, 'future'],
    ] as const) {
      const { headers, bytes } = signed('x=1', NOW_S - age);
      expect(codeOf(() => door().admit(headers, bytes))).toBe(code);
    }
  });

  it('refuses any change of body, time or signature', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (body, at, flip) => {
          const { headers, bytes } = signed(body);
          const changed = Buffer.from(bytes);
          const place = at % changed.length;
          changed[place] = (changed[place] ?? 0) ^ flip;
          expect(codeOf(() => door().admit(headers, changed))).toBe('wrong_signature');
          const later = { ...headers, 'x-slack-request-timestamp': String(NOW_S + 1) };
          expect(codeOf(() => door().admit(later, bytes))).toBe('wrong_signature');
          const other = signed(body, NOW_S, 'b'.repeat(32));
          expect(codeOf(() => door().admit(other.headers, bytes))).toBe('wrong_signature');
        },
      ),
    );
  });

  it('never throws anything but a refusal, whatever the headers and the body, rightly signed or not', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json().map((json) => `payload=${encodeURIComponent(json)}`),
          fc.json(),
        ),
        fc.constantFrom(
          'application/json',
          'application/x-www-form-urlencoded; charset=utf-8',
          'text/plain',
          '',
        ),
        fc.option(fc.string()),
        (body, type, signature) => {
          const { headers, bytes } = signed(body);
          const sent = {
            ...headers,
            'content-type': type,
            ...(signature === null ? {} : { 'x-slack-signature': signature }),
          };
          expect(codeOf(() => door().admit(sent, bytes))).toMatch(/^[a-z_]+$/);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('lets no payload through that is not an object', () => {
    for (const json of ['null', '7', '"x"', '[]', 'true', '{', '']) {
      const { headers, bytes } = signed(`payload=${encodeURIComponent(json)}`);
      expect(codeOf(() => door().admit(headers, bytes))).toMatch(/^(not_json|wrong_shape)$/);
    }
  });

  it('does not use up a signature on what it refuses for its shape', () => {
    const taken: string[] = [];
    const one = createSlackDoor(
      SECRET,
      () => NOW_S * 1_000,
      (signature) => {
        taken.push(signature);
        return false;
      },
    );
    const { headers, bytes } = signed('payload=null');
    expect(codeOf(() => one.admit(headers, bytes))).toBe('wrong_shape');
    expect(taken).toEqual([]);
  });
});
