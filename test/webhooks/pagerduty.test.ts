/** PagerDuty's webhook at the door: what is signed, what is broken, what is hostile. */

import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import type { Command } from '../../src/domain/decide.ts';
import type { Incident } from '../../src/domain/incident.ts';
import { StoreUnavailable } from '../../src/ports.ts';
import { HttpRefusal, parseJson } from '../../src/webhooks/body.ts';
import {
  checkSignature,
  createPagerHook,
  type PagerHookDeps,
  parsePagerEvent,
} from '../../src/webhooks/pagerduty.ts';

const SECRETS = ['first-secret', 'second-secret'];
const ID = 'INC-20261122-001';

const v1 = (body: string | Buffer, secret = SECRETS[0] ?? '') =>
  `v1=${createHmac('sha256', secret).update(body).digest('hex')}`;

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'fine';
  } catch (error) {
    if (error instanceof HttpRefusal) return `${error.status} ${error.code}`;
    throw error;
  }
};

/** As PagerDuty documents it (developer.pagerduty.com, webhooks overview). */
const incidentEvent = (extra: object = {}, data: object = {}) => ({
  event: {
    id: '01DWXEWT3Q0TKXK3ZSKS3Q0TKX',
    event_type: 'incident.acknowledged',
    resource_type: 'incident',
    occurred_at: '2026-11-22T14:05:02.169Z',
    agent: {
      html_url: 'https://acme.pagerduty.com/users/PLH1HKV',
      id: 'PLH1HKV',
      self: 'https://api.pagerduty.com/users/PLH1HKV',
      summary: 'Tenex Engineer',
      type: 'user_reference',
    },
    client: { name: 'PagerDuty' },
    data: {
      id: 'PGR0VU2',
      type: 'incident',
      number: 2,
      status: 'acknowledged',
      incident_key: `${ID}/1`,
      title: 'A little bump in the road',
      assignees: [{ id: 'PTUXL6G', summary: 'User 123', type: 'user_reference' }],
      ...data,
    },
    ...extra,
  },
});

const noteEvent = (content: unknown = 'I sure am glad') => ({
  event: {
    id: 'note-1',
    event_type: 'incident.annotated',
    agent: { id: 'PLH1HKV', summary: 'Tenex Engineer', type: 'user_reference' },
    data: {
      incident: { id: 'PGR0VU2', summary: `${ID} pretends`, type: 'incident_reference' },
      id: 'P2LA89X',
      content,
      trimmed: false,
      type: 'incident_note',
    },
  },
});

describe('the signature', () => {
  const body = Buffer.from('{"event":{}}');

  it.each([
    ['one', v1(body)],
    ['one of several', `v1=${'0'.repeat(64)},${v1(body)}`],
    ['of the other secret, while it is rotated', v1(body, SECRETS[1])],
    ['with spaces and in capitals', ` ${v1(body).replace(/[a-f]/g, (one) => one.toUpperCase())} `],
    ['beside one of a version that is not known', `v2=abc,${v1(body)}`],
  ])('fits: %s', (_name, header) => {
    expect(codeOf(() => checkSignature(SECRETS, header, body))).toBe('fine');
  });

  it.each<[string, string | undefined, string]>([
    ['none', undefined, '401 not_signed'],
    ['empty', '', '401 not_signed'],
    ['of another version', v1(body).replace('v1', 'v2'), '401 not_signed'],
    ['cut', v1(body).slice(0, -2), '401 not_signed'],
    ['of another secret', v1(body, 'a guess'), '401 wrong_signature'],
    ['of another body', v1('{"event":{ }}'), '401 wrong_signature'],
    [
      'behind more than PagerDuty sends',
      `${`v1=${'0'.repeat(64)},`.repeat(10)}${v1(body)}`,
      '401 wrong_signature',
    ],
  ])('does not: %s', (_name, header, code) => {
    expect(codeOf(() => checkSignature(SECRETS, header, body))).toBe(code);
  });

  it('is of the bytes: not one of them may be another', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, where) => {
        const sent = Buffer.from(bytes);
        const header = v1(sent);
        expect(codeOf(() => checkSignature(SECRETS, header, sent))).toBe('fine');
        const changed = Buffer.from(sent);
        const at = where % changed.length;
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(codeOf(() => checkSignature(SECRETS, header, changed))).toBe('401 wrong_signature');
      }),
    );
  });
});

describe('an event', () => {
  it('is read as PagerDuty documents it', () => {
    expect(parsePagerEvent(incidentEvent())).toEqual({
      id: '01DWXEWT3Q0TKXK3ZSKS3Q0TKX',
      what: 'acknowledged',
      by: { id: 'PLH1HKV', name: 'Tenex Engineer', isPerson: true },
      pagerId: 'PGR0VU2',
      key: `${ID}/1`,
      to: ['User 123'],
    });
    expect(parsePagerEvent(noteEvent())).toMatchObject({
      what: 'annotated',
      key: null,
      text: 'I sure am glad',
    });
  });

  it('without an agent, with a service’s, without assignees or a key', () => {
    expect(parsePagerEvent(incidentEvent({ agent: null }))).toMatchObject({
      by: { id: 'pagerduty', name: 'PagerDuty', isPerson: false },
    });
    const agent = { id: 'PS', type: 'service_reference', summary: null };
    expect(parsePagerEvent(incidentEvent({ agent }, { assignees: null, incident_key: null }))).toMatchObject({
      by: { id: 'PS', name: 'PS', isPerson: false },
      key: '',
      to: [],
    });
  });

  it.each([
    'incident.responder.added',
    'incident.responder.replied',
    'incident.priority_updated',
    'service.updated',
    'pagey.ping',
    'incident.constructor',
    'incident.',
    '<!channel>',
  ])('of type %s means nothing, whatever is in it', (event_type) => {
    expect(parsePagerEvent({ event: { id: 'x', event_type, data: 7 } })).toHaveProperty('ignored');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', [incidentEvent()]],
    ['no event', {}],
    ['no id', incidentEvent({ id: undefined })],
    ['an empty id', incidentEvent({ id: '' })],
    ['a number for an id', incidentEvent({ id: 7 })],
    ['an endless id', incidentEvent({ id: 'x'.repeat(201) })],
    ['no data', incidentEvent({ data: null })],
    ['a key that is an object', incidentEvent({}, { incident_key: { $ne: null } })],
    ['an endless key', incidentEvent({}, { incident_key: 'x'.repeat(1_001) })],
    ['assignees that are none', incidentEvent({}, { assignees: 'Ada' })],
    [
      'more assignees than an account has',
      incidentEvent({}, { assignees: Array.from({ length: 1_001 }, () => ({ id: 'P' })) }),
    ],
    ['a note without words', noteEvent(null)],
    ['an endless note', noteEvent('x'.repeat(200_001))],
  ])('that is broken is refused: %s', (_name, body) => {
    expect(codeOf(() => parsePagerEvent(body))).toBe('400 wrong_shape');
  });

  it('that is hostile stays text, on one line and cut', () => {
    const name = `<!channel> \u202e${'x'.repeat(5_000)}`;
    const agent = { id: 'P', type: 'user_reference', summary: name };
    const event = parsePagerEvent(
      incidentEvent({ agent }, { assignees: Array.from({ length: 50 }, () => ({ id: 'P', summary: name })) }),
    );
    if ('ignored' in event) throw new Error(event.ignored);
    expect(event.by.name).toHaveLength(100);
    expect(event.by.name).not.toContain('\u202e');
    expect(event.to).toHaveLength(20);
    const note = parsePagerEvent(noteEvent(`a\u0000\nb${'y'.repeat(100_000)}`));
    expect('ignored' in note ? '' : note.text).toMatch(/^a b?y*|^ab/);
    expect('ignored' in note ? 0 : note.text?.length).toBeLessThanOrEqual(2_000);
  });

  it('of any JSON is read or refused, and never throws anything else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('acknowledged', 'annotated', 'x'), (data, word) => {
        codeOf(() => parsePagerEvent(parseJson(Buffer.from(JSON.stringify(data)))));
        codeOf(() => parsePagerEvent({ event: { id: 'x', event_type: `incident.${word}`, data } }));
      }),
    );
  });
});

describe('the hook', () => {
  const page = { n: 1, severity: 'P1', why: 'opened', owedAt: 0, state: 'queued', assignedTo: [] };

  function hook(extra: Partial<PagerHookDeps> = {}, incident: object = { id: ID, pages: [page] }) {
    const commands: [string, Command][] = [];
    const make = createPagerHook({
      secrets: SECRETS,
      desk: {
        command: async (id, command) => {
          commands.push([id, command]);
          return { recorded: true, events: [], incident: undefined };
        },
      },
      ledger: { load: async (id) => (id === ID ? (incident as Incident) : undefined), open: () => [] },
      pager: { canConfirm: true, keyOf: async () => `${ID}/1` },
      onCall: { slackOf: async (id) => (id === 'PLH1HKV' ? 'U0TENEX' : null) },
      readiness: { hearTestPage: async () => {} },
      clock: systemClock,
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      ...extra,
    });
    const send = (body: unknown, sign = v1) => {
      const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      return make({ 'x-pagerduty-signature': sign(bytes) }, bytes);
    };
    return { send, commands };
  }

  it('tells the incident of the key, with who, and the Slack user of the same address', async () => {
    const { send, commands } = hook();
    expect(await send(incidentEvent())).toEqual({ incident: ID });
    expect(commands).toEqual([
      [
        ID,
        {
          type: 'HearPager',
          by: { via: 'pagerduty', id: 'PLH1HKV', name: 'Tenex Engineer', slack: 'U0TENEX' },
          id: '01DWXEWT3Q0TKXK3ZSKS3Q0TKX',
          n: 1,
          what: 'acknowledged',
          person: true,
          to: ['User 123'],
          pagerId: 'PGR0VU2',
        },
      ],
    ]);
  });

  it.each([`${ID}/2`, ID, `${ID}/1/1`, `${ID}/-1`, `x ${ID}/1`, 'INC-20261122-002/1', '__proto__', ''])(
    'ignores the key %s, whatever its title says',
    async (incident_key) => {
      const { send, commands } = hook();
      expect(await send(incidentEvent({}, { incident_key, title: `${ID}/1` }))).toHaveProperty('ignored');
      expect(commands).toEqual([]);
    },
  );

  it('reads nothing that is not signed, not even to say what is wrong with it', async () => {
    const { send, commands } = hook();
    await expect(send('{', () => 'v1=00')).rejects.toMatchObject({ status: 401 });
    await expect(send('{')).rejects.toMatchObject({ status: 400, code: 'not_json' });
    await expect(send('['.repeat(100))).rejects.toMatchObject({ status: 400, code: 'too_deep' });
    expect(commands).toEqual([]);
  });

  it('a note: by what was said of its incident before, else by asking, else it is left out', async () => {
    const open = [{ id: ID, pages: [{ ...page, pagerId: 'PGR0VU2' }] }] as unknown as Incident[];
    const refuses = { canConfirm: true, keyOf: () => Promise.reject(new Error('asked')) };
    const known = hook({
      ledger: { load: async () => open[0], open: () => open },
      pager: refuses,
    });
    expect(await known.send(noteEvent())).toEqual({ incident: ID });
    expect(await hook().send(noteEvent())).toEqual({ incident: ID });
    for (const pager of [
      { canConfirm: true, keyOf: async () => undefined },
      { canConfirm: true, keyOf: async () => null },
      { canConfirm: false, keyOf: refuses.keyOf },
    ])
      expect(await hook({ pager }).send(noteEvent())).toHaveProperty('ignored');
  });

  it('answers only after it is on disk: what cannot be stored is sent again', async () => {
    const { send } = hook({
      desk: { command: () => Promise.reject(new StoreUnavailable('the disk is full')) },
    });
    await expect(send(incidentEvent())).rejects.toBeInstanceOf(StoreUnavailable);
  });
});
