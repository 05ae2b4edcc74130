import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEVERITIES } from '../../src/domain/incident.ts';
import { loadPolicy } from '../../src/policy.ts';
import { type AlertFormat, type ParsedAlerts, parseAlerts, refusedBatch } from '../../src/webhooks/alerts.ts';
import { HttpRefusal } from '../../src/webhooks/body.ts';

const NOW = Date.parse('2026-11-22T21:00:00Z');
const FORMATS: AlertFormat[] = ['alertmanager', 'grafana', 'generic'];

const loaded = loadPolicy();
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { playbook } = loaded.policy;
const parse = (format: AlertFormat, body: unknown): ParsedAlerts => parseAlerts(format, body, playbook, NOW);

/** Something, or the right thing: bodies that are nearly right reach further than noise does. */
const or = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });
const time = fc.constantFrom(
  '2026-11-22T20:30:07.42Z',
  '2026-11-22T20:31:37.304500889Z',
  '2026-11-22T20:30:00+01:00',
  '0001-01-01T00:00:00Z',
);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const labels = fc.dictionary(
  fc.oneof(text, fc.constantFrom('alertname', 'severity', 'runbook', 'standdown_group', '__proto__')),
  or(text),
);
const alertmanagerAlert = fc.record(
  {
    status: or(fc.constantFrom('firing', 'resolved')),
    labels: or(labels),
    annotations: or(labels),
    startsAt: or(time),
    endsAt: or(time),
    generatorURL: or(text),
    fingerprint: or(text),
    valueString: or(text),
    panelURL: or(text),
  },
  { requiredKeys: [] },
);
const genericAlert = fc.record(
  {
    id: or(text),
    status: or(fc.constantFrom('firing', 'resolved')),
    title: or(text),
    severity: or(fc.constantFrom('P0', 'P1', 'P2', 'P3', 'critical', 'info', 'toString', '__proto__')),
    runbook: or(text),
    labels: or(labels),
    startsAt: or(time),
    value: or(fc.oneof(text, fc.double())),
    link: or(text),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.record(
    { groupKey: or(text), alerts: or(fc.array(or(alertmanagerAlert), { maxLength: 6 })) },
    { requiredKeys: [] },
  ),
  fc.array(or(genericAlert), { maxLength: 6 }),
  genericAlert,
);

describe('reading alerts', () => {
  it('never throws anything but a refusal, and accounts for every alert, whatever is sent', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), body, (format, sent) => {
        const before = JSON.stringify(sent);
        let parsed: ParsedAlerts;
        try {
          parsed = parse(format, sent);
        } catch (error) {
          expect(error).toBeInstanceOf(HttpRefusal);
          expect([400, 413]).toContain((error as HttpRefusal).status);
          return;
        }
        expect(JSON.stringify(sent)).toBe(before);
        const list =
          format === 'generic'
            ? Array.isArray(sent)
              ? sent
              : [sent]
            : (sent as { alerts: unknown[] }).alerts;
        expect(parsed.taken.length + parsed.rejected.length).toBe(list.length);
        expect(parsed.taken.length).toBeGreaterThan(0);
        for (const { alert, endedAt } of parsed.taken) {
          expect(SEVERITIES).toContain(alert.severity);
          expect(alert.key).not.toBe('');
          expect(Number.isFinite(alert.startsAt)).toBe(true);
          expect(Number.isFinite(endedAt)).toBe(true);
          expect(alert.title).not.toMatch(/[\r\n\u202a-\u202e\u2066-\u2069]/);
        }
        for (const { index, reason } of parsed.rejected) {
          expect(index).toBeLessThan(list.length);
          expect(reason).not.toBe('');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps good ones beside broken ones, in order, and names the broken by their place', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), (good) => {
        fc.pre(good.includes(true));
        const sent = good.map((isGood, index) =>
          isGood
            ? { id: `a${index}`, status: 'firing', title: 't' }
            : { id: `a${index}`, status: 'smoke', title: 't' },
        );
        const parsed = parse('generic', sent);
        const places = (wanted: boolean) =>
          good.flatMap((isGood, index) => (isGood === wanted ? [index] : []));
        expect(parsed.taken.map(({ alert }) => alert.key)).toEqual(places(true).map((index) => `a${index}`));
        expect(parsed.rejected.map(({ index, path }) => [index, path])).toEqual(
          places(false).map((index) => [index, 'status']),
        );
      }),
    );
  });

  it('reads the words of a severity exactly, and says when it guesses', () => {
    const read = (severity: unknown) => {
      const given = severity === undefined ? {} : { severity };
      return parse('generic', { id: 'x', status: 'firing', title: 't', ...given }).taken[0]?.alert;
    };
    for (const [word, severity] of Object.entries({
      P0: 'P0',
      P1: 'P1',
      P2: 'P2',
      P3: 'P3',
      critical: 'P1',
      error: 'P1',
      warning: 'P2',
      info: 'P3',
    })) {
      expect(read(word)).toMatchObject({ severity });
      expect(read(word)?.severityGuess).toBeUndefined();
    }
    for (const word of [
      'p0',
      'CRITICAL',
      'P0 ',
      'not critical',
      '0',
      '',
      '__proto__',
      'constructor',
      undefined,
    ])
      expect(read(word)).toMatchObject({
        severity: 'P1',
        severityGuess: expect.stringContaining('taken as P1'),
      });
  });

  it('groups generic alerts by runbook, else by title, and takes their id for their identity', () => {
    const [one] = parse('generic', {
      id: 'a',
      status: 'firing',
      title: 't',
      runbook: 'slo-01-data-feed',
    }).taken;
    const [two] = parse('generic', { id: 'b', status: 'firing', title: 't' }).taken;
    expect(one?.alert).toMatchObject({ key: 'a', groupKey: 'slo-01-data-feed', runbook: 'slo-01-data-feed' });
    expect(two?.alert).toMatchObject({ key: 'b', groupKey: 't', startsAtGiven: false, startsAt: NOW });
  });

  it('an alert that names a group of the bot’s own is told apart from what the bot says there', () => {
    const { taken, rejected } = parse(
      'generic',
      ['feed:a', '', 7, '__proto__', 'x'.repeat(20_001)].map((group) => ({
        id: 'feedStale:a',
        status: 'firing',
        title: 'Gap',
        labels: { standdown_group: group },
      })),
    );
    expect(taken.map(({ alert }) => [alert.source, alert.key, alert.ownGroup])).toEqual([
      ['generic', 'generic:feedStale:a', 'feed:a'],
      ['generic', 'feedStale:a', undefined],
      ['generic', 'generic:feedStale:a', '__proto__'],
    ]);
    expect(rejected.map(({ index, path }) => [index, path])).toEqual([
      [2, 'labels.standdown_group'],
      [4, 'labels.standdown_group'],
    ]);
  });

  it('refuses more than 10,000 at once', () => {
    const many = Array.from({ length: 10_001 }, () => ({}));
    expect(() => parse('generic', many)).toThrow(expect.objectContaining({ status: 413 }));
  });

  it('says a refused batch as an alert of its own, one for each format', () => {
    const [first, again, other] = [
      refusedBatch('grafana', 'it was too large', NOW),
      refusedBatch('grafana', 'it was too large', NOW + 1),
      refusedBatch('generic', 'it was too large', NOW),
    ];
    expect(first.alert).toMatchObject({ severity: 'P1', source: 'standdown' });
    expect(again.alert.key).toBe(first.alert.key);
    expect(other.alert.key).not.toBe(first.alert.key);
  });
});
