/** The go-live checklist, as the running server keeps it: what proves each line, and until when. */

import { z } from 'zod';
import { fail, ok, once, type Probe, probe, type Said, unknown, warn } from './line.ts';
import type { ServerState } from './server.ts';

const Readiness = z.looseObject({
  readiness: z.array(
    z.looseObject({
      id: z.string(),
      state: z.enum(['green', 'soon', 'unknown', 'expired', 'missing']),
      expiresAt: z.string().nullable(),
      mend: z.string(),
      parts: z.array(z.looseObject({ name: z.string(), state: z.string(), evidence: z.string() })),
    }),
  ),
});

/**
 * `required`: the configuration lets a red line refuse to loosen, so that it fails; else it is to be noted. What is not
 * known is unknown either way.
 */
export function judgeReadinessLine(id: string, found: ServerState, required: boolean): Said {
  const red = required ? fail : warn;
  if (found.state !== 'up')
    return unknown('only a running server has its evidence', 'Start the server, and check again.');
  const read = Readiness.safeParse(found.status);
  const line = read.success ? read.data.readiness.find((one) => one.id === id) : undefined;
  if (line === undefined)
    return unknown('the server does not say', 'Let server and command line be one version.');
  const good = line.state === 'green' || line.state === 'soon';
  const parts = line.parts.filter((part) => good || (part.state !== 'green' && part.state !== 'soon'));
  const words = parts
    .map(({ name, evidence }) => (name === '' ? evidence : `${name}: ${evidence}`))
    .join('; ');
  if (line.state === 'unknown') return unknown(words, line.mend);
  if (!good) return red(`${line.state}: ${words}`, line.mend);
  const until = line.expiresAt === null ? '' : `, until ${line.expiresAt.slice(0, 10)}`;
  return line.state === 'soon' ? warn(`expires soon${until}: ${words}`, line.mend) : ok(`${words}${until}`);
}

/** A line each, as the playbook has them. */
export function readinessProbes(
  lines: readonly { id: string; text: string }[],
  found: () => Promise<ServerState>,
  required: boolean,
): Probe[] {
  const asked = once(found);
  return lines.map(({ id, text }) =>
    probe(`readiness.${id}`, `Ready: ${text}`, async () => judgeReadinessLine(id, await asked(), required)),
  );
}
