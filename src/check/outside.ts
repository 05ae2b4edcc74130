/** The mail server and the issue tracker. Nothing is sent to either. */

import { seeRepository } from '../adapters/github.ts';
import { verifySmtp } from '../adapters/smtp.ts';
import type { LiveParts } from '../configParts.ts';
import { fail, ok, PROBE_MS, type Probe, probe, type Said, unknown } from './line.ts';

const TIMEOUT_MS = PROBE_MS - 500;

export function judgeMail(said: Awaited<ReturnType<typeof verifySmtp>>): Said {
  const mend =
    'Correct SMTP_URL (smtp:// with user, password, host and port 587, or smtps:// with 465), and encode "@", "/" and "%" in them.';
  if (said.state === 'ready') return ok('connected, and logged in where it asks; no mail was sent');
  return said.state === 'refused'
    ? fail(said.reason, mend)
    : fail(`it cannot be reached: ${said.reason}`, mend);
}

export function judgeRepository(said: Awaited<ReturnType<typeof seeRepository>>): Said {
  const mend = 'Give GITHUB_TOKEN "issues: write" on the repository of issues.github.';
  if (said.state !== 'seen')
    return said.state === 'refused'
      ? fail(said.reason, mend)
      : unknown(said.reason, 'See githubstatus.com, and whether this machine reaches it.');
  if (said.archived)
    return fail(`${said.name} is archived: it takes no issue`, 'Name another in issues.github.');
  if (!said.hasIssues)
    return fail(`issues are switched off in ${said.name}`, 'Switch them on: Settings → Features.');
  return ok(`${said.name} is seen; whether the token may write issues the first one tells`);
}

export function outsideProbes(parts: Pick<LiveParts, 'mail' | 'issues'>, now: () => number): Probe[] {
  const { mail, issues } = parts;
  const token = issues?.token ?? null;
  return [
    ...(mail === null || mail === 'off'
      ? []
      : [
          probe('mail.server', 'Mail server', async () =>
            judgeMail(await verifySmtp(mail.smtpUrl, TIMEOUT_MS)),
          ),
        ]),
    ...(issues === null || token === null
      ? []
      : [
          probe('issues.repository', 'GitHub', async () =>
            judgeRepository(
              await seeRepository({
                repository: issues.github,
                token,
                apiUrl: issues.apiUrl,
                now,
                timeoutMs: TIMEOUT_MS,
              }),
            ),
          ),
        ]),
  ];
}
