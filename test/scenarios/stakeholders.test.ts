/** Mail to the stakeholders, by the clock and by people, with what became of each; the real SMTP client, a mail server that refuses. */

import { describe, expect, it } from 'vitest';
import { CAST } from '../../src/rehearsal/stage.ts';
import { type DeskOptions, type InProcess, startDesk } from './desk.ts';
import {
  fire,
  headlinesOf,
  paged,
  posted,
  pressOn,
  repliesOf,
  settled,
  shows,
  statusView,
  submit,
} from './reading.ts';

const MIN = 60_000;

interface Timed extends InProcess {
  advance(ms: number): void;
}

async function withDesk(story: (desk: Timed) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  let offset = 0;
  const desk = await startDesk({ mode: 'socket', ...options, now: () => Date.now() + offset });
  try {
    await story(
      Object.assign(desk, {
        advance(ms: number) {
          offset += ms;
        },
      }),
    );
  } finally {
    await desk.close();
  }
}

const to = (...stakeholders: string[]): DeskOptions => ({
  config: (config) => ({
    ...config,
    mail: config.mail === 'off' ? 'off' : { ...config.mail, stakeholders },
  }),
});
const mailsOf = (desk: InProcess, id: string) =>
  desk.stage.mail.messages().filter((mail) => mail.subject.includes(id));
const mailed = (desk: InProcess, id: string, count: number) =>
  desk.stage.mail.until(() => mailsOf(desk, id).length >= count, { what: `${count} mails about ${id}` });

/** Every text of a dialog or message that stands as it is, joined as it was cut. */
const plainTexts = (blocks: unknown): string[] =>
  (blocks as { text?: { type: string; text: string } }[]).flatMap(({ text }) =>
    text?.type === 'plain_text' ? [text.text] : [],
  );

describe.concurrent('the stakeholders', () => {
  it('are mailed at once of a P0: what happened, what is stopped, exposure, money, what is next and when', () =>
    withDesk(async (desk) => {
      await desk.stage.slack.say(CAST.ada.id, '/kill feed frozen');
      const id = (await statusView(desk)).lastKill?.incident ?? '';
      await mailed(desk, id, 2);
      const verdict = mailsOf(desk, id).at(-1);
      expect(verdict?.subject).toMatch(
        /^\[DRILL\] \[P0\] INC-\d{8}-\d{3} trading killed, RESIDUAL: Kill by ada/,
      );
      for (const words of [
        'DRILL. Nothing of this is real.',
        'ada gave the order to stop all trading at',
        'All trading, since',
        'RESIDUAL, as read at',
        'Profit and loss of the desk today: unknown',
        'Unrealised on open positions: ',
        'Realised: unknown.',
        'On-call closes what is left',
      ])
        expect(verdict?.text).toContain(words);
      expect(verdict?.text).toMatch(/Due by \d{4}-\d\d-\d\d [\d:]{8} UTC: acknowledge\./);
      expect(verdict?.html).toContain('role="presentation"');
      expect(verdict?.html).not.toMatch(/<img|src=|@import|url\(/);
      await shows(desk, id, 'Mail to the stakeholders (verdict): accepted by the mail server for');
      await shows(desk, id, '✉ Stakeholder mail accepted for');
    }));

  it('are mailed of a P1 after 45 min, and not if a responder did before: the very text that they were shown', () =>
    withDesk(async (desk) => {
      const byClock = await fire(desk, { name: 'ByClock', severity: 'P1' });
      const byHand = await fire(desk, { name: 'ByHand', severity: 'P1' });
      await posted(desk, byClock);
      await posted(desk, byHand);
      await settled(
        desk,
        byHand,
        ({ impact, pages }) => impact !== undefined && pages[0]?.state === 'assigned',
      );
      const answer = await desk.stage.slack.say(CAST.ada.id, `/incident summary ${byHand}`);
      expect(answer.body).toContain('Send to stakeholders…');
      const shown = desk.stage.slack.ephemerals(CAST.ada.id).at(-1);
      await pressOn(desk, CAST.ada.id, shown, 'Send to stakeholders…');
      const dialog = desk.stage.slack.openViews(CAST.ada.id).at(-1);
      const [subject, ...text] = plainTexts(dialog?.view['blocks']);
      expect(mailsOf(desk, byHand)).toEqual([]);
      expect(await submit(desk, CAST.ada.id, {})).toMatchObject({ action: 'update' });
      await mailed(desk, byHand, 1);
      const [mail] = mailsOf(desk, byHand);
      expect(mail?.subject).toBe(subject);
      expect(mail?.text?.replaceAll('\r\n', '\n').trimEnd()).toBe(text.join('\n'));
      await shows(desk, byHand, 'Mail to the stakeholders (update): accepted');
      desk.advance(44 * MIN);
      desk.advance(2 * MIN);
      await mailed(desk, byClock, 1);
      await shows(desk, byClock, 'Mail to the stakeholders (opened): accepted');
      expect(mailsOf(desk, byHand)).toHaveLength(1);
      expect(mailsOf(desk, byClock)).toHaveLength(1);
      const incident = await settled(desk, byClock, ({ clocks }) => clocks['stakeholder-mail'] !== undefined);
      expect(incident.clocks['stakeholder-mail']?.state).toBe('met');
    }));

  it('nobody sends what they did not see: something that happened since shows the mail anew', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Moved', severity: 'P1' });
      await posted(desk, id);
      await settled(desk, id, ({ impact, pages }) => impact !== undefined && pages[0]?.state === 'assigned');
      await desk.click('ada', 'Mail stakeholders…', id);
      await desk.click('grace', 'Acknowledge', id);
      expect(await submit(desk, CAST.ada.id, {})).toMatchObject({ action: 'update' });
      const dialog = desk.stage.slack.openViews(CAST.ada.id).at(-1);
      expect(JSON.stringify(dialog?.view)).toContain('Something happened since you looked');
      expect(plainTexts(dialog?.view['blocks']).join('\n')).toContain('grace acknowledged it');
      expect(mailsOf(desk, id)).toEqual([]);
      await submit(desk, CAST.ada.id, {});
      await mailed(desk, id, 1);
    }));

  it('a mallory sees no summary and sends nothing', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Closed', severity: 'P1' });
      await posted(desk, id);
      expect((await desk.stage.slack.say(CAST.mallory.id, `/incident summary ${id}`)).body).toContain(
        'not a responder',
      );
      await desk.click('mallory', 'Mail stakeholders…', id);
      await desk.stage.slack.until(() => desk.stage.slack.ephemerals(CAST.mallory.id).length > 1, {
        what: 'the refusal',
      });
      expect(desk.stage.slack.openViews(CAST.mallory.id)).toEqual([]);
    }));

  it('hear of a changed trading state once it has settled, in one mail, and not within 10 min of another', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, { name: 'Changed', severity: 'P0' });
      await posted(desk, id);
      await mailed(desk, id, 1);
      await settled(desk, id, ({ told }) => told === 'P0, running');
      await desk.stage.slack.say(CAST.ada.id, '/halt orders spreads');
      await desk.stage.slack.say(CAST.ada.id, '/halt signals spreads');
      await shows(desk, id, 'signals PAUSED');
      // One look has to see the change before its time is counted: this one, which misses the acknowledgement.
      desk.advance(9 * MIN);
      await paged(desk, id, 2);
      desk.advance(2 * MIN);
      await mailed(desk, id, 2);
      const [, changed] = mailsOf(desk, id);
      expect(changed?.subject).toContain('still open, orders halted, signals paused');
      expect(changed?.text).toContain('- New orders, since ');
      await settled(desk, id, ({ told }) => told === 'P0, running, orders halted, signals paused');
    }));

  it('a recipient that is refused is named with the reason, and the others have it', () =>
    withDesk(
      async (desk) => {
        desk.stage.mail.fault({ kind: 'refuseRecipient', address: 'gone@desk.example', times: 9 });
        const id = await fire(desk, { name: 'Refused', severity: 'P0' });
        await posted(desk, id);
        await mailed(desk, id, 1);
        await shows(desk, id, 'accepted for 1 recipient');
        const headline = JSON.stringify(headlinesOf(desk, id)[0]?.blocks);
        expect(headline).toMatch(/refused\*: gone@.{0,3}desk\.example \(550/);
        expect(mailsOf(desk, id)[0]?.envelope.to).toEqual(['boss@desk.example']);
      },
      to('boss@desk.example', 'gone@desk.example'),
    ));

  it('when all are refused nothing is called sent, and the people are told', () =>
    withDesk(async (desk) => {
      desk.stage.mail.fault({ kind: 'refuseAll', times: 9 });
      const id = await fire(desk, { name: 'AllRefused', severity: 'P0' });
      await posted(desk, id);
      await shows(desk, id, 'Stakeholder mail failed');
      expect(desk.thread(id)).toContain('tell them by another way');
      expect(desk.thread(id)).not.toContain('Stakeholder mail accepted');
    }));

  it('a server that is down is said, tried again, and one mail tells how it is by then', () =>
    withDesk(async (desk) => {
      desk.stage.mail.fault({ kind: 'greeting421', times: 2 });
      const id = await fire(desk, { name: 'Down', severity: 'P0' });
      await posted(desk, id);
      await shows(desk, id, 'Stakeholder mail not sent yet');
      expect(desk.thread(id)).not.toContain('accepted by the mail server');
      await mailed(desk, id, 1);
      await shows(desk, id, 'Stakeholder mail accepted for');
      const types = (await desk.bot.ledger.history(id)).map(({ type }) => type);
      expect(types.indexOf('MailFailed')).toBeLessThan(types.indexOf('MailSent'));
      expect(mailsOf(desk, id)).toHaveLength(1);
    }));

  it('hostile words become no header, no markup and no formula', () =>
    withDesk(async (desk) => {
      const id = await fire(desk, {
        name: 'Hostile',
        severity: 'P0',
        summary: '=HYPERLINK("http://evil","x")\r\nBcc: all@evil <img src=x onerror=1> <!channel>',
      });
      await mailed(desk, id, 1);
      const [mail] = mailsOf(desk, id);
      expect(mail?.headers.get('bcc')).toBeUndefined();
      expect(mail?.subject).not.toMatch(/[\r\n]/);
      expect(mail?.envelope.to).toEqual(['desk@desk.example']);
      expect(mail?.html).not.toContain('<img');
      expect(mail?.html).not.toContain('http://evil');
      expect(mail?.text).not.toMatch(/^=|^- =/m);
      await desk.stage.slack.say(CAST.ada.id, `/incident summary ${id}`);
      const shown = desk.stage.slack.ephemerals(CAST.ada.id).at(-1);
      expect(JSON.stringify(shown?.blocks)).not.toContain('"mrkdwn","text":"<!channel>');
    }));

  it('with mail off the summary says so, and there is no button', () =>
    withDesk(
      async (desk) => {
        const id = await fire(desk, { name: 'Off', severity: 'P0' });
        await posted(desk, id);
        const answer = await desk.stage.slack.say(CAST.ada.id, `/incident summary ${id}`);
        expect(answer.body).toContain('Mail is off in the configuration');
        expect(answer.body).not.toContain('Send to stakeholders…');
        expect(desk.thread(id)).not.toContain('Mail stakeholders…');
        expect(desk.thread(id)).not.toContain('mail the stakeholders by');
        expect(repliesOf(desk, id).some(({ text }) => text.includes('Mail'))).toBe(false);
      },
      { config: (config) => ({ ...config, mail: 'off' }) },
    ));
});
