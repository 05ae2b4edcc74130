import { describe, expect, it } from 'vitest';
import { judgeReadinessLine, readinessProbes } from '../../src/check/readiness.ts';
import type { ServerState } from '../../src/check/server.ts';

const up = (line: object): ServerState =>
  ({ state: 'up', status: { readiness: [line] } }) as unknown as ServerState;
const line = (state: string, parts: object[]) =>
  up({ id: 'alerting', state, expiresAt: '2026-12-24T00:00:00.000Z', mend: 'Send a test page.', parts });
const proven = { name: 'paging', state: 'green', evidence: 'Ada acknowledged test 3' };
const lacking = { name: 'backup', state: 'missing', evidence: 'nothing proves it' };

describe('a line of the go-live list', () => {
  it.each([
    ['green', line('green', [proven]), true, 'ok', 'paging: Ada acknowledged test 3, until 2026-12-24'],
    ['about to expire', line('soon', [proven]), true, 'warn', 'expires soon'],
    [
      'missing, and required',
      line('missing', [proven, lacking]),
      true,
      'fail',
      'missing: backup: nothing proves it',
    ],
    ['missing, and not required', line('missing', [lacking]), false, 'warn', 'missing'],
    ['expired', line('expired', [lacking]), true, 'fail', 'expired'],
    ['unknown, and required', line('unknown', [lacking]), true, 'unknown', 'nothing proves it'],
    ['unknown, and not required', line('unknown', [lacking]), false, 'unknown', 'nothing proves it'],
    ['expired, and not required', line('expired', [lacking]), false, 'warn', 'expired'],
    [
      'not told',
      up({ id: 'other', state: 'green', expiresAt: null, mend: '', parts: [] }),
      true,
      'unknown',
      'does not say',
    ],
    ['of a shape that is not ours', up({ id: 7 }), true, 'unknown', 'does not say'],
    [
      'of no server, and required',
      { state: 'down' } satisfies ServerState,
      true,
      'unknown',
      'only a running server',
    ],
    [
      'of no server, and not required',
      { state: 'down' } satisfies ServerState,
      false,
      'unknown',
      'only a running server',
    ],
  ])('%s', (_what, found, required, state, evidence) => {
    const said = judgeReadinessLine('alerting', found, required);
    expect(said.state).toBe(state);
    expect(said.evidence).toContain(evidence);
  });

  it('is one question each, and the server is asked once for all', async () => {
    let asked = 0;
    const found = async (): Promise<ServerState> => {
      asked += 1;
      return { state: 'down' };
    };
    const probes = readinessProbes(
      [
        { id: 'kill-switch', text: 'Kill switch' },
        { id: 'alerting', text: 'Alerting' },
      ],
      found,
      true,
    );
    await Promise.all(probes.map((one) => one.ask()));
    expect(probes.map(({ id }) => id)).toEqual(['readiness.kill-switch', 'readiness.alerting']);
    expect(asked).toBe(1);
  });
});
