/** The go-live list as people see it: what others wrote into it pings nobody, and fits, however long it is. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinePart, ReadinessLine } from '../../src/domain/readiness/judge.ts';
import { readinessHome, readinessMessage, readinessReminder } from '../../src/render/readiness.ts';
import { nasty, T0 } from './hostile.ts';

const state = fc.constantFrom<ReadinessLine['state'][]>('green', 'soon', 'unknown', 'expired', 'missing');
const time = fc.option(fc.integer({ min: T0 - 1e10, max: T0 + 1e10 }), { nil: null });
const part: fc.Arbitrary<LinePart> = fc.record({
  name: nasty,
  state,
  says: nasty,
  who: fc.option(nasty, { nil: null }),
  at: time,
  expiresAt: time,
});
const lines: fc.Arbitrary<ReadinessLine[]> = fc.array(
  fc.record({
    id: fc.constant('alerting'),
    text: nasty,
    state,
    parts: fc.array(part, { maxLength: 20 }),
    expiresAt: time,
    mend: nasty,
  }),
  { maxLength: 12 },
);
const texts = fc.array(
  fc.record({ name: nasty, sha256: fc.option(fc.constant('a'.repeat(64)), { nil: null }) }),
  {
    maxLength: 30,
  },
);
const test = fc.record({
  page: fc.constant(1),
  by: fc.record({ via: fc.constant('slack' as const), id: fc.constant('U0ADA'), name: nasty }),
  at: fc.constant(T0),
  rehearsal: fc.boolean(),
  state: fc.constantFrom('owed' as const, 'queued' as const, 'failed' as const),
  queuedAt: fc.constant(null),
  acknowledged: fc.option(fc.record({ who: nasty, at: fc.constant(T0), person: fc.boolean() }), {
    nil: null,
  }),
  reason: fc.option(nasty, { nil: null }),
});

/** Slack's limits of what is drawn (FACTS): blocks a message, characters a section. */
const MOST_BLOCKS = 50;
const MOST_TEXT = 3_000;

describe('the go-live list', () => {
  it('pings nobody, has no link of others, and fits, whatever stands in it', () => {
    fc.assert(
      fc.property(lines, texts, test, fc.boolean(), (list, toRead, page, required) => {
        const shown = { now: T0, lines: list, state: { test: page }, texts: toRead, required };
        const drawn = [
          readinessMessage(shown, 'abc', false),
          readinessReminder(shown, '<!subteam^S0DESK>', true),
        ];
        const homes = readinessHome(shown);
        for (const { blocks } of drawn) {
          expect(blocks.length).toBeLessThanOrEqual(MOST_BLOCKS);
          for (const block of blocks)
            if (block.type === 'section') expect(block.text?.text.length ?? 0).toBeLessThanOrEqual(MOST_TEXT);
        }
        const all = [...drawn.map((one) => JSON.stringify(one)), ...homes].join('\n');
        expect(all.replaceAll('<!subteam^S0DESK>', '')).not.toMatch(/<[!@#h]/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
        expect(homes.join('')).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u202A-\u202E\u2066-\u2069]/);
      }),
      { numRuns: 60 },
    );
  });
});
