import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { createChanges, type UntilOptions } from './changes.ts';
import { type ParsedMail, parseMail } from './mail/message.ts';

export interface MailCounterpartOptions {
  /** ms since the epoch. */
  readonly now: () => number;
  /** With both, a client has to log in. */
  readonly user?: string;
  readonly pass?: string;
}

/** A mail that the server took, or that it took and said nothing about (`dropAfterData`). */
interface ReceivedMail extends ParsedMail {
  readonly atMs: number;
  /** From SMTP's envelope, which decides where a mail goes; its headers need not agree. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly raw: string;
  /** False when the sender never got the 250. */
  readonly confirmed: boolean;
}

type MailFault =
  /** 550 (or `code`) for one recipient; the others are taken. */
  | {
      readonly kind: 'refuseRecipient';
      readonly address: string;
      readonly code?: number;
      readonly times?: number;
    }
  /** 550 (or `code`) for every recipient. */
  | { readonly kind: 'refuseAll'; readonly code?: number; readonly times?: number }
  /** 554 (or `code`) after the mail was sent. */
  | { readonly kind: 'refuseMessage'; readonly code?: number; readonly times?: number }
  /** 421 in place of the greeting. */
  | { readonly kind: 'greeting421'; readonly times?: number }
  /** Takes and keeps the mail, then drops the connection in place of the 250. */
  | { readonly kind: 'dropAfterData'; readonly times?: number }
  /** Drops the connection in place of the greeting. */
  | { readonly kind: 'drop'; readonly times?: number }
  /** Connected, and then no greeting, ever. */
  | { readonly kind: 'hang'; readonly times?: number }
  /** Takes and keeps the mail, and never says so. */
  | { readonly kind: 'hangAfterData'; readonly times?: number }
  /** Confirms after `ms`, real milliseconds. */
  | { readonly kind: 'slow'; readonly ms: number; readonly times?: number };

/** A mail server on the loopback. It delivers to nobody. */
export interface MailCounterpart {
  /** With user and password when it wants them. */
  readonly smtpUrl: string;
  messages(): readonly ReceivedMail[];
  until(predicate: () => boolean, options: UntilOptions): Promise<void>;
  /** One fault, for the next `times` times (default 1) that it fits. The returned function lifts it. */
  fault(fault: MailFault): () => void;
  onChange(listener: () => void): () => void;
  clearFaults(): void;
  /** Ends everything, connections that hang included. May be called twice. */
  close(): Promise<void>;
}

class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, message: string) {
    super(message);
    this.responseCode = responseCode;
  }
}

async function readAll(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** Starts it on 127.0.0.1, on a port of the system's choosing, without TLS. */
export async function startMailCounterpart(options: MailCounterpartOptions): Promise<MailCounterpart> {
  const { now, user, pass } = options;
  const mails: ReceivedMail[] = [];
  const sockets = new Map<number, Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let armed: { fault: MailFault; left: number }[] = [];
  let closed = false;
  const changes = createChanges(
    () => `${mails.length} mails: ${mails.map((mail) => mail.subject).join('; ')}`,
  );

  function take<K extends MailFault['kind']>(
    kind: K,
    fits: (fault: MailFault & { kind: K }) => boolean = () => true,
  ): (MailFault & { kind: K }) | undefined {
    for (const one of armed) {
      const fault = one.fault;
      if (one.left < 1 || !isKind(fault, kind) || !fits(fault)) continue;
      one.left -= 1;
      return fault;
    }
    return undefined;
  }

  function drop(session: SMTPServerSession): void {
    sockets.get(session.remotePort)?.destroy();
  }

  function keep(session: SMTPServerSession, raw: Buffer, confirmed: boolean): void {
    const { mailFrom, rcptTo } = session.envelope;
    mails.push({
      ...parseMail(raw),
      atMs: now(),
      envelope: {
        from: mailFrom === false ? '' : mailFrom.address,
        to: rcptTo.map((one) => one.address),
      },
      raw: raw.toString('utf8'),
      confirmed,
    });
    changes.changed();
  }

  async function receive(session: SMTPServerSession, stream: AsyncIterable<unknown>): Promise<void> {
    const raw = await readAll(stream);
    const refused = take('refuseMessage');
    if (refused) throw new Refusal(refused.code ?? 554, 'Message refused');
    if (take('dropAfterData')) {
      keep(session, raw, false);
      drop(session);
      return never();
    }
    if (take('hangAfterData')) {
      keep(session, raw, false);
      return never();
    }
    const slow = take('slow');
    if (slow) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          timers.delete(timer);
          resolve();
        }, slow.ms);
        timers.add(timer);
      });
    }
    keep(session, raw, true);
  }

  const server = new SMTPServer({
    name: 'mail.rehearsal.invalid',
    // Its built-in certificate's key is public: plain text, on the loopback only, is the honest choice.
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    authOptional: user === undefined || pass === undefined,
    disableReverseLookup: true,
    logger: false,
    onConnect(session, callback) {
      if (take('hang')) return;
      if (take('drop')) drop(session);
      else if (take('greeting421')) callback(new Refusal(421, 'Service not available, try again later'));
      else callback();
    },
    onAuth(auth, _session, callback) {
      if (auth.username === user && auth.password === pass) callback(null, { user: auth.username });
      else callback(new Refusal(535, 'Authentication failed'));
    },
    onRcptTo(address, _session, callback) {
      const refused =
        take('refuseRecipient', (fault) => fault.address.toLowerCase() === address.address.toLowerCase()) ??
        take('refuseAll');
      if (refused) callback(new Refusal(refused.code ?? 550, `No such mailbox <${address.address}>`));
      else callback();
    },
    onData(stream, session, callback) {
      receive(session, stream).then(
        () => callback(null, 'OK: queued'),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  server.on('error', () => undefined);
  server.server.on('connection', (socket) => {
    const port = socket.remotePort ?? 0;
    sockets.set(port, socket);
    socket.once('close', () => sockets.delete(port));
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const login =
    user === undefined || pass === undefined
      ? ''
      : `${encodeURIComponent(user)}:${encodeURIComponent(pass)}@`;

  return {
    smtpUrl: `smtp://${login}127.0.0.1:${port}`,
    messages: () => [...mails],
    until: (predicate, until) => changes.until(predicate, until),
    onChange: (listener) => changes.onChange(listener),
    fault(fault) {
      const one = { fault, left: fault.times ?? 1 };
      armed.push(one);
      return () => {
        armed = armed.filter((other) => other !== one);
      };
    },
    clearFaults() {
      armed = [];
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      changes.end();
      const down = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of sockets.values()) socket.destroy();
      await down;
    },
  };
}

function isKind<K extends MailFault['kind']>(fault: MailFault, kind: K): fault is MailFault & { kind: K } {
  return fault.kind === kind;
}

/** For an answer that never comes; what waits for it goes when its connection does. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
