/** Which keys a start refuses: those of which the venue says it, in time, and no other. */

import { describe, expect, it } from 'vitest';
import type { KeyReading } from '../src/domain/runbook/probes.ts';
import { refusal, withdrawingKeys } from '../src/withdrawingKeys.ts';

const known = (canWithdraw: boolean | null): Promise<KeyReading> =>
  Promise.resolve({
    state: 'known',
    rights: { canRead: true, canTrade: true, canWithdraw, expires: 'never' },
  });
const venue = (id: string, keyPermissions: () => Promise<KeyReading>) => ({ id, keyPermissions });

describe('a key that can withdraw', () => {
  it('is named; one that cannot, is not told, is refused, hangs or breaks keeps no start away', async () => {
    const waits: number[] = [];
    const named = await withdrawingKeys(
      [
        venue('a', () => known(true)),
        venue('b', () => known(false)),
        venue('c', () => known(null)),
        venue('d', () => Promise.resolve({ state: 'refused', reason: 'x' })),
        venue('e', () => Promise.resolve({ state: 'unknown', reason: 'x' })),
        venue('f', () => new Promise<never>(() => undefined)),
        venue('g', () => Promise.reject(new Error('a page of HTML'))),
        venue('h', () => known(true)),
      ],
      {
        // After whatever answers at once.
        wait: async (ms) => {
          waits.push(ms);
          await new Promise((resolve) => setImmediate(resolve));
        },
      },
    );
    expect(named).toEqual(['a', 'h']);
    expect(new Set(waits)).toEqual(new Set([2_000]));
    expect(refusal(named)).toContain('a, h');
  });
});
