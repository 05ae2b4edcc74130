import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSmtpMailer } from '../../src/adapters/smtp.ts';
import type { Mail, Mailer } from '../../src/ports.ts';
import { type MailCounterpart, startMailCounterpart } from '../../src/rehearsal/mail.ts';

const USER = 'canary-user';
const PASS = 'canary/p@ss:word';
const FROM = 'Standdown <standdown@example.com>';
/** Long enough for a mail on the loopback, short enough to wait for. */
const SHORT_MS = 800;

let server: MailCounterpart;
let mailer: Mailer;

beforeEach(async () => {
  server = await startMailCounterpart({ now: () => 0, user: USER, pass: PASS });
  mailer = createSmtpMailer({ url: server.smtpUrl, from: FROM });
});

afterEach(() => server.close());

function mail(extra: Partial<Mail> = {}): Mail {
  return {
    to: ['ada@example.com', 'bob@example.com'],
    subject: '🟠 P1 · Feed gap',
    text: 'Trading is stopped.',
    html: '<p>Trading is stopped.</p>',
    messageId: 'INC-20261122-003.opened@standdown.example.com',
    ...extra,
  };
}

describe('a mail', () => {
  it('is done after the 250, for those who were taken', async () => {
    const sent = await mailer.send(mail());
    expect(sent).toEqual({ state: 'done', accepted: ['ada@example.com', 'bob@example.com'], refused: [] });
    const [got] = server.messages();
    expect(got).toMatchObject({
      envelope: { from: 'standdown@example.com', to: ['ada@example.com', 'bob@example.com'] },
      subject: '🟠 P1 · Feed gap',
      html: '<p>Trading is stopped.</p>',
      confirmed: true,
    });
    expect(got?.text?.trim()).toBe('Trading is stopped.');
    expect(got?.headers.get('message-id')).toBe('<INC-20261122-003.opened@standdown.example.com>');
    expect(got?.headers.get('auto-submitted')).toBe('auto-generated');
  });

  it('keeps its Message-ID when it is sent again', async () => {
    await mailer.send(mail());
    await mailer.send(mail());
    const ids = server.messages().map((one) => one.headers.get('message-id'));
    expect(ids[1]).toBe(ids[0]);
  });

  it('lets nothing in a subject, an id, a header or an address become a header or a recipient', async () => {
    const evil = 'x\r\nBcc: mallory@example.com\r\n\r\nbody';
    const sent = await createSmtpMailer({ url: server.smtpUrl, from: FROM }).send({
      ...mail({ subject: evil, messageId: `a@b>\r\n${evil}` }),
      headers: { 'X-Incident': evil },
    } as Mail);
    expect(sent.state).toBe('done');
    const [got] = server.messages();
    expect(got?.subject).toBe('x Bcc: mallory@example.com body');
    expect(got?.headers.has('bcc')).toBe(false);
    expect(got?.headers.get('x-incident')).toBe('x Bcc: mallory@example.com body');
    expect(got?.envelope.to).toEqual(['ada@example.com', 'bob@example.com']);
    const two = await mailer.send(mail({ to: ['ada@example.com, mallory@example.com'] }));
    const line = await mailer.send(mail({ to: ['ada@example.com>\r\nRCPT TO:<mallory@example.com'] }));
    expect([two.state, line.state]).toEqual(['failed', 'failed']);
    expect(server.messages()).toHaveLength(1);
  });

  it('without a recipient fails for good', async () => {
    expect(await mailer.send(mail({ to: [] }))).toMatchObject({
      state: 'failed',
      retry: false,
      maybe: false,
    });
  });
});

describe('faults', () => {
  it('one recipient refused: the others are done, the refused one is named with the server’s words', async () => {
    server.fault({ kind: 'refuseRecipient', address: 'bob@example.com' });
    expect(await mailer.send(mail())).toEqual({
      state: 'done',
      accepted: ['ada@example.com'],
      refused: [{ address: 'bob@example.com', reason: '550 No such mailbox <bob@example.com>' }],
    });
  });

  it('all refused for good', async () => {
    server.fault({ kind: 'refuseAll', times: 2 });
    const sent = await mailer.send(mail());
    expect(sent).toMatchObject({ state: 'failed', retry: false, maybe: false });
    expect(sent).toMatchObject({ reason: expect.stringMatching(/every recipient: ada@.*550.*; bob@.*550/) });
  });

  it('all refused, one of them for now', async () => {
    server.fault({ kind: 'refuseRecipient', address: 'ada@example.com', code: 450 });
    server.fault({ kind: 'refuseAll' });
    expect(await mailer.send(mail())).toMatchObject({ state: 'failed', retry: true, maybe: false });
  });

  it.each([
    ['554', false],
    ['451', true],
  ])('the mail itself refused with %s', async (code, retry) => {
    server.fault({ kind: 'refuseMessage', code: Number(code) });
    const sent = await mailer.send(mail());
    expect(sent).toMatchObject({
      state: 'failed',
      retry,
      maybe: false,
      reason: expect.stringContaining(code),
    });
  });

  it('421 in place of the greeting', async () => {
    server.fault({ kind: 'greeting421' });
    const sent = await mailer.send(mail());
    expect(sent).toMatchObject({ retry: true, maybe: false, reason: expect.stringContaining('421') });
  });

  it('dropped in place of the greeting', async () => {
    server.fault({ kind: 'drop' });
    expect(await mailer.send(mail())).toMatchObject({ state: 'failed', retry: true, maybe: false });
  });

  it('dropped after the mail: it may have been taken', async () => {
    server.fault({ kind: 'dropAfterData' });
    expect(await mailer.send(mail())).toMatchObject({ state: 'failed', retry: true, maybe: true });
    expect(server.messages()).toMatchObject([{ confirmed: false }]);
  });

  it.each([
    ['hang', false],
    ['hangAfterData', true],
  ] as const)('%s ends at the time given', async (kind, maybe) => {
    server.fault({ kind });
    mailer = createSmtpMailer({ url: server.smtpUrl, from: FROM, timeoutMs: SHORT_MS });
    const sent = await mailer.send(mail());
    expect(sent).toMatchObject({ state: 'failed', retry: true, maybe });
  });

  it('a server that goes on talking and never gets to the point ends at the time given', async () => {
    const chatty = createServer((socket) => {
      const talk = setInterval(() => socket.write('250-and another thing\r\n'), 20);
      socket.on('error', () => undefined);
      socket.once('close', () => clearInterval(talk));
      socket.resume().write('220 chatty\r\n');
    }).listen(0, '127.0.0.1');
    await once(chatty, 'listening');
    const { port } = chatty.address() as AddressInfo;
    mailer = createSmtpMailer({ url: `smtp://127.0.0.1:${port}`, from: FROM, timeoutMs: SHORT_MS });
    const sent = await mailer.send(mail());
    expect(sent).toMatchObject({
      retry: true,
      maybe: false,
      reason: expect.stringContaining(`within ${SHORT_MS} ms`),
    });
    chatty.close();
  });

  it('a slow 250 inside the time is a 250', async () => {
    server.fault({ kind: 'slow', ms: 30 });
    expect(await mailer.send(mail())).toMatchObject({ state: 'done' });
  });

  it('nobody listening', async () => {
    await server.close();
    const sent = await mailer.send(mail());
    expect(sent).toMatchObject({
      retry: true,
      maybe: false,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('a password is not sent in the clear to another machine', async () => {
    // 0.0.0.0 reaches this machine, and is no loopback address by its name.
    const url = server.smtpUrl.replace('127.0.0.1', '0.0.0.0');
    const sent = await createSmtpMailer({ url, from: FROM }).send(mail());
    expect(sent).toMatchObject({ state: 'failed', reason: expect.stringMatching(/STARTTLS/) });
    expect(server.messages()).toEqual([]);
    const lifted = createSmtpMailer({ url: `${url}?requireTLS=false`, from: FROM });
    expect(await lifted.send(mail())).toMatchObject({ state: 'done' });
  });
});

describe('secrets', () => {
  it('are in no reason, even when the server repeats what it was told', async () => {
    const heard: string[] = [];
    const echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('220 echo\r\n');
      socket.on('data', (chunk) => {
        const line = String(chunk).trim();
        heard.push(line);
        socket.write(
          line.startsWith('EHLO') ? '250-echo\r\n250 AUTH PLAIN\r\n' : `535 no: ${line} ${USER} ${PASS}\r\n`,
        );
      });
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as AddressInfo;
    const url = `smtp://${encodeURIComponent(USER)}:${encodeURIComponent(PASS)}@127.0.0.1:${port}`;
    const sent = await createSmtpMailer({ url, from: FROM }).send(mail());
    expect(sent).toMatchObject({
      state: 'failed',
      retry: false,
      reason: expect.stringContaining('[secret]'),
    });
    const text = JSON.stringify(sent);
    const plain = Buffer.from(`\0${USER}\0${PASS}`).toString('base64');
    expect(heard.join()).toContain(plain);
    for (const secret of [USER, PASS, encodeURIComponent(PASS), plain]) expect(text).not.toContain(secret);
    echo.close();
  });

  it('without a log-in nothing is masked: a time stays readable', async () => {
    const open = await startMailCounterpart({ now: () => 0 });
    open.fault({ kind: 'refuseRecipient', address: '10000@example.com' });
    const sent = await createSmtpMailer({ url: open.smtpUrl, from: FROM }).send(
      mail({ to: ['10000@example.com'] }),
    );
    expect(sent).toMatchObject({ state: 'failed', reason: expect.stringContaining('<10000@example.com>') });
    await open.close();
  });

  it('are not in the refusal of a bad URL', () => {
    for (const url of [`imap://u:${PASS}@h`, `smtp://u:%E0%A4%A@h`, 'nothing', `smtp://u:${PASS}@:`]) {
      expect(() => createSmtpMailer({ url, from: FROM })).toThrow(
        /^the mail server is to be given as [^@]*@host:port/,
      );
    }
  });
});
