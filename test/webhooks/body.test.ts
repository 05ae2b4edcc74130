import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HttpRefusal, parseJson, shaped } from '../../src/webhooks/body.ts';

const refusalOf = (act: () => unknown): HttpRefusal => {
  try {
    act();
  } catch (error) {
    if (error instanceof HttpRefusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
};
const parse = (text: string) => parseJson(Buffer.from(text));
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('reading JSON', () => {
  it('gives back what was sent, and refuses the rest as 400 with a reason', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('never throws anything but a refusal, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseJson(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(HttpRefusal);
          expect((error as HttpRefusal).status).toBe(400);
        }
      }),
    );
  });

  it('counts depth outside of strings only: 32 levels are read, 33 are not', () => {
    expect(parse(nested(32))).toEqual(JSON.parse(nested(32)));
    expect(refusalOf(() => parse(nested(33)))).toMatchObject({ status: 400, code: 'too_deep' });
    expect(parse(JSON.stringify('['.repeat(1_000)))).toBe('['.repeat(1_000));
    expect(parse(JSON.stringify({ a: `"\\"${'{'.repeat(100)}` }))).toEqual({ a: `"\\"${'{'.repeat(100)}` });
    expect(refusalOf(() => parse('{"a":'.repeat(100_000)))).toMatchObject({ code: 'too_deep' });
  });

  it('drops __proto__ wherever it stands', () => {
    const read = parse('{"__proto__":{"bad":1},"a":[{"__proto__":{"bad":1},"b":2}]}') as {
      a: Record<string, unknown>[];
    };
    expect(Object.keys(read)).toEqual(['a']);
    expect(read.a[0]).toEqual({ b: 2 });
    expect(({} as Record<string, unknown>)['bad']).toBeUndefined();
  });

  it('takes an empty body for nothing', () => {
    expect(parse('')).toBeUndefined();
    expect(parse(' \n\t ')).toBeUndefined();
  });
});

describe('a shape', () => {
  it('is refused with the place and the reason', () => {
    const shape = z.object({ alerts: z.array(z.object({ id: z.string() })) });
    const refusal = refusalOf(() => shaped(shape, { alerts: [{ id: 'a' }, { id: 7 }] }));
    expect(refusal).toMatchObject({ status: 400, code: 'wrong_shape' });
    expect(refusal.message).toMatch(/^alerts\.1\.id: /);
  });
});
