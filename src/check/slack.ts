/** The bot at Slack: its token, its scopes, its channels, and how requests come in. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import type { SlackSaid, SlackSetup } from '../adapters/slack/setup.ts';
import type { LiveParts } from '../configParts.ts';
import { fail, ok, type Probe, probe, type Said, unknown, warn } from './line.ts';

/** `manifest.yml` lies beside `src` and beside `dist`. */
const MANIFEST = fileURLToPath(new URL('../../manifest.yml', import.meta.url));
const Manifest = z.looseObject({
  oauth_config: z.looseObject({ scopes: z.looseObject({ bot: z.array(z.string()) }) }),
});

const TOKEN_MEND =
  'Install the app again (api.slack.com/apps → Install App) and set SLACK_BOT_TOKEN to its xoxb-… token.';
const ASK_SLACK = 'See status.slack.com, and whether this machine reaches SLACK_API_URL.';

/** The scopes that manifest.yml asks for. Throws when the file that ships is not there. */
export const wantedScopes = (): string[] =>
  Manifest.parse(parse(readFileSync(MANIFEST, 'utf8'))).oauth_config.scopes.bot;

/** Scopes that are missing fail; those that nothing here needs are a warning. */
export function judgeScopes(granted: string[] | null, wanted: string[]): Said {
  if (granted === null)
    return unknown('Slack did not say which scopes the token has', 'Compare them with manifest.yml by hand.');
  const missing = wanted.filter((scope) => !granted.includes(scope));
  const surplus = granted.filter((scope) => !wanted.includes(scope));
  const beside = surplus.length === 0 ? '' : `; not needed: ${surplus.join(', ')}`;
  if (missing.length > 0)
    return fail(
      `missing: ${missing.join(', ')}${beside}`,
      'Add them under OAuth & Permissions, or take manifest.yml over, and install the app again.',
    );
  if (surplus.length > 0)
    return warn(
      `all ${wanted.length} of manifest.yml, and more than needed: ${surplus.join(', ')}`,
      'Take the others away: a stolen token can do less then.',
    );
  return ok(`all ${wanted.length} of manifest.yml, no other`);
}

const CHANNEL_WORDS: Record<string, string> = {
  channel_not_found: 'there is no such channel, or it is private and the bot is not in it',
  not_in_channel: 'the bot is not in it',
  is_archived: 'it is archived',
};

/** `said` of a channel that the bot must post in (`posts`) or only read. */
export function judgeChannel(
  id: string,
  said: Awaited<ReturnType<SlackSetup['channel']>>,
  posts: boolean,
): Said {
  const invite =
    'Write /invite @Standdown in it, or correct the id in standdown.yml (channel → About, at its end).';
  if (said.state === 'silent') return unknown(`${id}: ${said.reason}`, ASK_SLACK);
  if (said.state === 'refused')
    return CHANNEL_WORDS[said.code] === undefined
      ? unknown(`${id}: Slack says ${said.code}`, TOKEN_MEND)
      : fail(`${id}: ${CHANNEL_WORDS[said.code]}`, invite);
  if (said.isArchived === true)
    return fail(`#${said.name} (${id}) is archived`, 'Un-archive it, or name another one in standdown.yml.');
  if (!said.isMember) return fail(`#${said.name} (${id}): the bot is not in it`, invite);
  if (said.isArchived === null)
    return unknown(
      `${id}: the bot reads it; whether it is archived cannot be asked`,
      'Give the app the scopes channels:read and groups:read of manifest.yml.',
    );
  return ok(`#${said.name}: member, not archived${posts ? '' : ', is read for alerts'}`);
}

function judgeSigning(secret: string | null): Said {
  if (secret === null)
    return fail(
      'neither an app token nor a signing secret is set',
      'Set SLACK_SIGNING_SECRET, or SLACK_APP_TOKEN.',
    );
  if (/^[0-9a-f]{32}$/.test(secret))
    return ok(
      'HTTP: the signing secret has the shape of one; whether it is this app’s its first request tells',
    );
  return fail(
    'HTTP: the signing secret is not 32 characters of 0-9 and a-f, as Slack makes them',
    'Copy it again: Basic Information → App Credentials → Signing Secret.',
  );
}

const refusedToken = (said: Extract<SlackSaid<object>, { state: 'refused' | 'silent' }>): Said =>
  said.state === 'silent'
    ? unknown(`Slack did not answer: ${said.reason}`, ASK_SLACK)
    : fail(`Slack says ${said.code}`, TOKEN_MEND);

/** `setup` is null where there is no bot token to ask with. */
export function slackProbes(parts: LiveParts['slack'], setup: SlackSetup | null): Probe[] {
  const transport = probe('slack.requests', 'Slack reaches the bot', async () => {
    if (parts.appToken === null) return judgeSigning(parts.signingSecret);
    if (setup === null) return unknown('it cannot be asked without a bot token', TOKEN_MEND);
    const said = await setup.socket();
    if (said.state === 'said') return ok('Socket Mode: Slack gives the app token an address');
    return said.state === 'silent'
      ? unknown(`Socket Mode: ${said.reason}`, ASK_SLACK)
      : fail(
          `Socket Mode: Slack says ${said.code}`,
          'Make an app-level token with connections:write (Basic Information), and set SLACK_APP_TOKEN.',
        );
  });
  if (setup === null)
    return [
      probe('slack.token', 'Slack bot token', async () =>
        fail('there is none that can be asked with', TOKEN_MEND),
      ),
      transport,
    ];
  const channels = [
    ...(parts.channel === null ? [] : [{ id: parts.channel, posts: true }]),
    ...parts.alertChannels.map((id) => ({ id, posts: false })),
  ];
  return [
    probe('slack.token', 'Slack bot token', async () => {
      const said = await setup.app();
      if (said.state !== 'said') return refusedToken(said);
      const name = said.appId === null ? 'app not told' : `app ${said.appId}`;
      return ok(`valid: ${name}, team ${said.team} (${said.teamId}), as @${said.user}`);
    }),
    probe('slack.scopes', 'Slack scopes', async () => {
      const said = await setup.app();
      if (said.state !== 'said') return unknown('the token does not answer', TOKEN_MEND);
      return judgeScopes(said.scopes, wantedScopes());
    }),
    ...channels.map(({ id, posts }) =>
      probe(
        posts ? 'slack.channel' : `slack.alertChannel.${id}`,
        posts ? 'Incident channel' : 'Alert channel',
        async () => judgeChannel(id, await setup.channel(id), posts),
      ),
    ),
    transport,
  ];
}

/** Slack's clock has whole seconds: this far apart may be no difference at all. */
const SLACK_STEP_MS = 1_000;
const CLOCK_LIMIT_MS = 1_000;

/** Our clock against the date of Slack's answers. */
export function judgeDate(clock: { theirs: number; ours: number } | null): Said {
  const mend = 'Let the machine keep time (systemd-timesyncd or chrony), and look at `timedatectl`.';
  if (clock === null || !Number.isFinite(clock.theirs) || !Number.isFinite(clock.ours))
    return unknown('Slack’s answers have no date to compare with', mend);
  // The second is cut off: the true time lies within it, and the answer took a while.
  const apart = clock.ours - clock.theirs - SLACK_STEP_MS / 2;
  const sure = Math.max(0, Math.abs(apart) - SLACK_STEP_MS);
  const words = `${apart < 0 ? 'behind' : 'ahead of'} Slack’s by ${(Math.abs(apart) / 1_000).toFixed(1)} s, give or take 1 s`;
  return sure > CLOCK_LIMIT_MS
    ? fail(`this clock is ${words}: Slack’s signatures, hard stops and venues go by it`, mend)
    : ok('agrees with Slack’s, which tells whole seconds');
}
