import { once } from 'node:events';
import { connect } from 'node:net';
import { createTransport } from 'nodemailer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseMail } from '../../src/rehearsal/mail/message.ts';
import { type MailCounterpart, startMailCounterpart } from '../../src/rehearsal/mail.ts';

let server: MailCounterpart;

beforeEach(async () => {
  server = await startMailCounterpart({ now: () => 1_000 });
});

afterEach(() => server.close());

const MAIL = {
  from: 'Standdown <standdown@example.com>',
  to: ['ada@example.com', 'bob@example.com'],
  subject: '🟠 P1 · Feed gap: binance-1m, größer als fünf Minuten, seit 14:05:02 UTC, noch offen',
  text: 'Trading is stopped.\nRückstand: 512,40 USDT — 1 position\n.a line that begins with a dot\n',
  html: `<p>Trading is <b>stopped</b> – ${'x'.repeat(200)} = ü</p>`,
};

describe('mail counterpart', () => {
  it('keeps a mail as its reader sees it', async () => {
    const transport = createTransport(server.smtpUrl);
    const waiting = server.until(() => server.messages().length === 1, { what: 'a mail' });
    await transport.sendMail(MAIL);
    await waiting;
    const [mail] = server.messages();
    expect(mail).toMatchObject({
      atMs: 1_000,
      confirmed: true,
      envelope: { from: 'standdown@example.com', to: ['ada@example.com', 'bob@example.com'] },
      subject: MAIL.subject,
      html: MAIL.html,
    });
    expect(mail?.text?.replaceAll('\r\n', '\n')).toBe(MAIL.text);
    expect(mail?.headers.get('from')).toBe('Standdown <standdown@example.com>');
    expect(mail?.raw).toContain('multipart/alternative');
  });

  it('wants the right password when it has one', async () => {
    const locked = await startMailCounterpart({ now: () => 0, user: 'stand@down', pass: 'p@ss:/word' });
    await createTransport(locked.smtpUrl).sendMail(MAIL);
    expect(locked.messages()).toHaveLength(1);
    const wrong = createTransport(locked.smtpUrl.replace('%2Fword', ''));
    await expect(wrong.sendMail(MAIL)).rejects.toThrow('535');
    const none = createTransport(locked.smtpUrl.replace(/\/\/.*@/, '//'));
    await expect(none.sendMail(MAIL)).rejects.toThrow('530');
    await locked.close();
  });

  it('faults fit in the order they were given, as often as they were told', async () => {
    const transport = createTransport(server.smtpUrl);
    server.fault({ kind: 'refuseRecipient', address: 'BOB@example.com', code: 450 });
    expect((await transport.sendMail(MAIL)).rejected).toEqual(['bob@example.com']);
    server.fault({ kind: 'refuseMessage', times: 2 });
    await expect(transport.sendMail(MAIL)).rejects.toThrow('554');
    await expect(transport.sendMail(MAIL)).rejects.toThrow('554');
    server.fault({ kind: 'refuseAll', times: Number.POSITIVE_INFINITY });
    await expect(transport.sendMail(MAIL)).rejects.toThrow('550');
    server.clearFaults();
    await transport.sendMail(MAIL);
    expect(server.messages().map((mail) => mail.envelope.to.length)).toEqual([1, 2]);
  });

  it('close ends a connection that hangs, and a wait', async () => {
    server.fault({ kind: 'hang' });
    const socket = connect(Number(new URL(server.smtpUrl).port), '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    const waiting = server.until(() => false, { what: 'nothing' }).catch(String);
    await server.close();
    await gone;
    expect(await waiting).toContain('closed while waiting for nothing');
    await server.close();
  });
});

describe('parseMail', () => {
  const read = (...lines: string[]) => parseMail(Buffer.from(lines.join('\r\n')));

  it('reads a bare mail, folded headers, and Q and B words that split a character', () => {
    const mail = read(
      'Subject: =?UTF-8?Q?Gr=C3?= =?UTF-8?Q?=B6=C3=9Fe?=',
      ' =?utf-8?B?IPCfn6A=?=',
      'X-Latin: =?iso-8859-1?Q?fr=FCh?=',
      '',
      'Text: not a header',
    );
    expect(mail.subject).toBe('Größe 🟠');
    expect(mail.headers.get('x-latin')).toBe('früh');
    expect([mail.text, mail.html]).toEqual(['Text: not a header', null]);
  });

  it('finds parts at any depth, in base64 and quoted-printable', () => {
    const mail = read(
      'Content-Type: multipart/mixed; boundary=outer',
      '',
      'preamble',
      '--outer',
      'Content-Type: multipart/alternative; boundary="in ner"',
      '',
      '--in ner',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('fünf').toString('base64'),
      '--in ner',
      'Content-Type: text/html',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      '<p>a =3D b=',
      ' c 100=ZZ</p>',
      '--in ner--',
      '--outer--',
    );
    expect([mail.text, mail.html]).toEqual(['fünf', '<p>a = b c 100=ZZ</p>']);
  });

  it('survives what is no mail', () => {
    expect(read('')).toMatchObject({ subject: '', text: '', html: null });
    expect(read('no colon', ': no name')).toMatchObject({ subject: '', text: '', html: null });
  });
});
