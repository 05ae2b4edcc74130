import { describe, expect, it } from 'vitest';
import { createMask } from '../src/log.ts';

describe('the mask of secrets', () => {
  const mask = createMask(['hunter2-hunter2']);

  it.each([
    ['a value that it was told', 'is hunter2-hunter2 right?', 'is [masked] right?'],
    [
      'the password of an address',
      'postgres://bot:s3cret-word@db:5432/x',
      'postgres://bot:[masked]@db:5432/x',
    ],
    ['a key in a signed address', 'GET /order?signature=abcdef0123&x=1', 'GET /order?signature=[masked]&x=1'],
    ['a token of GitHub', 'ghs_16C7e42F292c6912E7710c838347Ae178B4a is it', '[token] is it'],
    ['a fine-grained token of GitHub', 'github_pat_11ABCDEFG0abcdefghijklmnop_x', '[token]'],
    ['a hook of Slack', 'hooks.slack.com/services/T000/B000/XXXXXXXX', 'hooks.slack.com/services/[masked]'],
    // Its closing back-tick taken along, what follows would be markup.
    ['a secret at the end of a code span', 'in `token=abcdef` then', 'in `token=[…]` then'],
    ['a secret in a link', '<https://x.y/?token=abcdef12345>', '<https://x.y/?token=[masked]>'],
    [
      'no name of a variable',
      'apiKey: ${BINANCE_KEY}, secret: abcdef',
      'apiKey: ${BINANCE_KEY}, secret: […]',
    ],
  ])('hides %s', (_of, text, masked) => {
    expect(mask(text)).toBe(masked);
  });

  // A shape that looked ahead without end took 250 ms for 20,000 letters, 25 times as long for five times as many.
  it.each(['A', 'token', '://', 'x://a:', 'hooks.slack.com/', 'Bearer ', 'secret: ', 'api_key=', ' ', '@'])(
    'is done with half a megabyte of %j before the test is given up',
    (part) => {
      expect(mask(part.repeat(500_000 / part.length)).length).toBeGreaterThan(0);
    },
  );
});
