/**
 * It dies while it asks for somebody, and is started again: nobody is mentioned twice, and nobody is forgotten. A step is
 * the second of its kind where the first only collects what is owed.
 */

import { describe, expect, it } from 'vitest';
import { CAST, CHANNEL, ON_CALL_GROUP } from '../../src/rehearsal/stage.ts';
import { spawnDesk } from './desk.ts';
import { fire } from './reading.ts';

/** PagerDuty refuses every page of this key for good. */
const REFUSED = { PAGERDUTY_ROUTING_KEY: 'f'.repeat(32) };

describe('dies at a step of the next ways, is started again, and', () => {
  it.each([
    'outbox.claimed:summon:2',
    'outbox.performed:summon:2',
    'outbox.claimed:summonMail:2',
    'outbox.performed:summonMail:2',
    'outbox.performed:page',
  ])(
    'asks once: %s',
    async (at) => {
      const desk = await spawnDesk({ env: REFUSED, life: { STANDDOWN_FAILPOINT: at } });
      try {
        const id = await fire(desk, { name: 'Refused', severity: 'P1' });
        await desk.gone();
        await desk.start();
        const { slack, mail } = desk.stage;
        const mentions = () =>
          slack.messages(CHANNEL).filter((message) => message.text.includes('somebody is needed'));
        const mails = () => mail.messages().filter((one) => one.subject.includes('somebody is needed'));
        await slack.until(() => desk.thread(id).includes('Mentioned in this channel at'), {
          what: 'the mention on the headline',
          timeoutMs: 20_000,
        });
        await slack.until(() => desk.thread(id).includes('Mailed to'), {
          what: 'the mail on the headline',
          timeoutMs: 20_000,
        });
        expect(mentions()).toHaveLength(1);
        expect(mentions()[0]?.text).toContain(`<@${CAST.ada.id}>`);
        expect(mentions()[0]?.text).toContain(`<!subteam^${ON_CALL_GROUP}>`);
        // SMTP cannot be asked what it took: a mail whose answer was lost is sent again, as the same mail.
        expect(mails().length).toBe(at === 'outbox.performed:summonMail:2' ? 2 : 1);
        expect(new Set(mails().map((one) => one.headers.get('message-id'))).size).toBe(1);
      } finally {
        await desk.close();
      }
    },
    60_000,
  );
});
