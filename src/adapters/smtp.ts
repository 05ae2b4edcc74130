import { createTransport, type NodemailerError } from 'nodemailer';
import type { Mail, Mailer, Sent } from '../ports.ts';
import { createReason } from './reason.ts';

export interface SmtpMailerOptions {
  /** smtp:// or smtps://, with user and password when the server wants them; nodemailer's options as its query. */
  readonly url: string;
  /** An address, or `Name <address>`. */
  readonly from: string;
  /** For a whole mail, from the look-up of the host to the server's 250. Default 10,000 ms. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** After a mail the socket gets this long to close by itself. */
const CLOSE_MS = 1_000;

type Failed = Extract<Sent<object>, { state: 'failed' }>;

interface Server {
  readonly user: string;
  readonly pass: string;
  readonly isLoopback: boolean;
}

/** Reads what the mailer itself needs of the URL; an Error for a bad one does not repeat it, for it holds a password. */
function parseServer(url: string): Server {
  try {
    const { protocol, hostname, username, password } = new URL(url);
    if (!/^smtps?:$/.test(protocol) || hostname === '') throw new TypeError(protocol);
    return {
      user: decodeURIComponent(username),
      pass: decodeURIComponent(password),
      isLoopback: hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname),
    };
  } catch {
    throw new Error('the mail server is to be given as smtp://user:password@host:port, or smtps://');
  }
}

/** What a log-in sends. Of a server without one there is nothing to mask: two NULs are "0000" in hex, which is in 10000 ms. */
const secretsOf = ({ user, pass }: Server): string[] =>
  user === '' && pass === '' ? [] : [`\0${user}\0${pass}`, pass, user];

/** A header ends at a line break, and what follows would be a header of the writer's choosing. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** 5xx is final (RFC 5321 4.2.1), but for 503, which is of the session and not of the mail. */
function isFinal(code: number): boolean {
  return code >= 500 && code < 600 && code !== 503;
}

/** nodemailer found the mail itself wrong: no server was asked. */
const OUR_FAULT = new Set([
  'EENVELOPE',
  'EMESSAGE',
  'ECONFIG',
  'EAUTH',
  'ENOAUTH',
  'ESTREAM',
  'EFILEACCESS',
  'EURLACCESS',
]);

function transportOptions(url: string, pass: string, isLoopback: boolean, timeoutMs: number) {
  return {
    url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    socketCloseTimeout: CLOSE_MS,
    requireTLS: pass !== '' && !isLoopback && url.startsWith('smtp:'),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/**
 * Connect as a mail would, with TLS and the log-in where there are any, and send nothing. Never throws; user and password
 * are masked in the reason.
 */
export async function verifySmtp(
  url: string,
  timeoutMs: number,
): Promise<{ state: 'ready' } | { state: 'refused' | 'unreachable'; reason: string }> {
  const asked = parseServer(url);
  const { pass, isLoopback } = asked;
  const reason = createReason(secretsOf(asked));
  const transport = createTransport(transportOptions(url, pass, isLoopback, timeoutMs));
  try {
    await transport.verify();
    return { state: 'ready' };
  } catch (cause) {
    const error = cause as NodemailerError;
    const isAnswer = error.responseCode !== undefined || error.code === 'EAUTH' || error.code === 'ETLS';
    return {
      state: isAnswer ? 'refused' : 'unreachable',
      reason: reason(error.response ?? error.message),
    };
  } finally {
    transport.close();
  }
}

/**
 * Sends mail through one SMTP server, a connection a mail.
 *
 * No call throws for what the far side does. `done` comes only after the server's 250, with the recipients that it
 * took and those that it refused, each with its words; when it refused all, the mail failed. A failure says whether
 * trying again may help, and `maybe` when the whole mail had left and no answer came; then the same mail sent again
 * carries the same Message-ID. User and password are masked in every reason.
 *
 * With a password and a server that is not on this machine, TLS is a must (`?requireTLS=false` in the URL lifts that).
 */
export function createSmtpMailer(options: SmtpMailerOptions): Mailer {
  const { url, from, timeoutMs = TIMEOUT_MS } = options;
  const asked = parseServer(url);
  const { pass, isLoopback } = asked;
  const reason = createReason(secretsOf(asked));

  function failed(retry: boolean, maybe: boolean, why: string): Failed {
    return { state: 'failed', retry, maybe, reason: reason(why) };
  }

  function judge(error: NodemailerError, hasLeft: boolean): Failed {
    const refused = error.rejectedErrors ?? [];
    if (refused.length > 0) {
      const each = refused.map((one) => `${one.recipient ?? '?'}: ${one.response ?? one.message}`);
      const isHopeless = refused.every((one) => isFinal(one.responseCode ?? 0));
      return failed(!isHopeless, false, `the mail server refused every recipient: ${each.join('; ')}`);
    }
    if (error.responseCode !== undefined) {
      const to = error.command === undefined || error.command === 'CONN' ? '' : ` ${error.command} with`;
      const why = `the mail server answered${to} ${error.response ?? error.message}`;
      return failed(!isFinal(error.responseCode), false, why);
    }
    if (OUR_FAULT.has(error.code ?? ''))
      return failed(false, false, `the mail could not be made: ${error.message}`);
    return failed(true, hasLeft, `the mail could not be handed over: ${error.message}`);
  }

  return {
    async send(mail: Mail & { headers?: Record<string, string> }) {
      if (mail.to.length === 0) return failed(false, false, 'the mail has no recipient');
      let hasLeft = false;
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), timeoutMs);
      const transport = createTransport(transportOptions(url, pass, isLoopback, timeoutMs));
      // The mail is read to its end only after the server asked for it: from then on it may have been taken.
      transport.use('stream', (prepared, next) => {
        prepared.message.processFunc((input) => {
          input.once('end', () => {
            hasLeft = true;
          });
          return input;
        });
        next();
      });
      try {
        const info = await transport.sendMail({
          from,
          // As objects, so that a comma in one address does not make two of it.
          to: mail.to.map((address) => ({ name: '', address })),
          subject: oneLine(mail.subject),
          text: mail.text,
          html: mail.html,
          messageId: `<${oneLine(mail.messageId).replace(/[<>\s]/g, '')}>`,
          headers: {
            // RFC 3834: nobody's holiday reply is wanted.
            'Auto-Submitted': 'auto-generated',
            ...Object.fromEntries(
              Object.entries(mail.headers ?? {}).map(([name, value]) => [oneLine(name), oneLine(value)]),
            ),
          },
          signal: stop.signal,
        });
        const refusals = info.rejectedErrors ?? [];
        return {
          state: 'done',
          accepted: info.accepted,
          refused: info.rejected.map((address) => {
            const why = refusals.find((one) => one.recipient === address);
            return { address, reason: reason(why?.response ?? why?.message ?? 'refused') };
          }),
        };
      } catch (cause) {
        if (stop.signal.aborted) {
          return failed(true, hasLeft, `the mail server did not confirm the mail within ${timeoutMs} ms`);
        }
        return judge(cause instanceof Error ? cause : new Error(String(cause)), hasLeft);
      } finally {
        clearTimeout(timer);
        transport.close();
      }
    },
  };
}
