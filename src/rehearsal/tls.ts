import { generate } from 'selfsigned';

/** A private key and its certificate, both PEM. The certificate is its own authority: pass it as `ca` to a client. */
export interface LoopbackTls {
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 86_400_000;

/**
 * Makes a key and a self-signed certificate for 127.0.0.1, ::1 and localhost, good for a week. Nothing is written to
 * disk, so that no key can end up in the repository. An elliptic key takes a few ms, where RSA takes up to a second.
 *
 * @param nowMs the time that TLS clients of this process will check against, ms since the epoch: the real one.
 */
export async function createLoopbackTls(nowMs: number = Date.now()): Promise<LoopbackTls> {
  const made = await generate([{ name: 'commonName', value: 'Standdown rehearsal' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // A day early: a client whose clock is behind ours is not a fault that rehearsal is about.
    notBeforeDate: new Date(nowMs - DAY_MS),
    notAfterDate: new Date(nowMs + 7 * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}
