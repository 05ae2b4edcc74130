/** What a far side leaves out, or cannot do any more though it answers, is not taken for good. */

import type { WebClient } from '@slack/web-api';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../src/adapters/disk.ts';
import { createOnCallReader } from '../../src/adapters/pagerduty/onCall.ts';
import { createSetupReader } from '../../src/adapters/pagerduty/setup.ts';
import { createSlackSetup } from '../../src/adapters/slack/setup.ts';
import { judgeServer, serverFound } from '../../src/check/server.ts';
import { faultyDisk } from '../adapters/faultyDisk.ts';
import { type InProcess, startDesk, TOKEN } from '../scenarios/desk.ts';

const NOW = Date.UTC(2026, 10, 28);

let desk: InProcess | null = null;
afterEach(async () => {
  await desk?.close();
  desk = null;
});

describe('Slack', () => {
  const setup = (answers: { info?: object; open?: object }) =>
    createSlackSetup({
      client: { conversations: { info: async () => answers.info } } as unknown as WebClient,
      appClient: { apps: { connections: { open: async () => answers.open } } } as unknown as WebClient,
      kindOf: () => 'member',
      judge: (error) => ({ state: 'silent', reason: String(error) }),
      clock: () => null,
    });

  it.each([[undefined], [null], ['false'], [0]])('a channel of which is_archived is %j', async (told) => {
    const info = { channel: { id: 'C1', name: 'incidents', is_member: true, is_archived: told } };
    expect(await setup({ info }).channel('C1')).toMatchObject({ state: 'said', isArchived: null });
  });

  it.each([[{}], [{ url: '' }], [{ url: 7 }], [{ url: 'https://slack.example' }]])(
    'Socket Mode, answered with %j, gives no address',
    async (open) => {
      expect(await setup({ open }).socket()).toMatchObject({ state: 'silent' });
      expect(await setup({ open: { url: 'wss://slack.example/link' } }).socket()).toMatchObject({
        state: 'said',
      });
    },
  );
});

describe('PagerDuty', () => {
  const answering = (body: object) => ({
    routingKey: 'r',
    list: async <T>(
      _endpoint: string,
      _query: object,
      read: (body: unknown) => { items: readonly T[]; more: boolean } | null,
    ) => ({ state: 'listed' as const, items: [...(read(body)?.items ?? [])] }),
  });

  it.each([
    [{ type: 'service_reference', id: 'P1' }, 'P1'],
    [{ type: 'service_reference' }, undefined],
    [{ type: 'team_reference', id: 'T1' }, undefined],
    [{ type: 'account_reference' }, null],
    [null, undefined],
  ])('a subscription with the filter %j is for %j', async (filter, service) => {
    const found = await createSetupReader(
      answering({ webhook_subscriptions: [{ delivery_method: { url: 'https://x.example' }, filter }] }),
    ).subscriptions();
    expect(found.state === 'listed' && found.items[0]?.service).toBe(service);
  });

  it('a telephone with a country code alone is no number', async () => {
    const methods = (address: string | null) =>
      createOnCallReader({
        ...answering({
          services: [{ escalation_policy: { id: 'PP' }, integrations: [{ integration_key: 'r' }] }],
          oncalls: [{ escalation_level: 1, user: { id: 'P1', name: 'Ada' } }],
        }),
        one: async (_endpoint, _query, schema) =>
          schema.parse({
            user: { contact_methods: [{ type: 'phone_contact_method', country_code: 1, address }] },
          }),
      }).ahead(NOW, NOW + 1, []);
    for (const none of ['', ' ', null])
      expect(await methods(none)).toMatchObject({ hasPhone: [{ person: 'P1', hasPhone: false }] });
    expect(await methods('555 0100')).toMatchObject({ hasPhone: [{ person: 'P1', hasPhone: true }] });
  });
});

describe('the bot', { timeout: 30_000 }, () => {
  it('that answers, and can put nothing on record any more, is not well', async () => {
    let isFull = false;
    const under = await startDesk({
      live: true,
      storeFs: faultyDisk(nodeDisk, (call) =>
        isFull && (call === 'write' || call === 'sync') ? { code: 'ENOSPC' } : undefined,
      ),
    });
    desk = under;
    const { hostname, port } = new URL(under.url);
    const said = async () =>
      judgeServer(
        await serverFound({ host: hostname, port: Number(port), tokens: [TOKEN] })(),
        Number(port),
        false,
      );
    expect(await said()).toMatchObject({ state: 'ok' });
    isFull = true;
    await under.alert();
    expect(await said()).toMatchObject({ state: 'fail', evidence: expect.stringContaining('ENOSPC') });
  });
});
