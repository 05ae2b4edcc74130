/** Who may act: whether each name is somebody, and whether enough of them are left to lift a latch. */

import type { PagerListed } from '../adapters/pagerduty/setup.ts';
import type { SlackMember, SlackSaid, SlackSetup } from '../adapters/slack/setup.ts';
import { memberKind } from '../configFile.ts';
import type { LiveParts } from '../configParts.ts';
import type { Pager } from '../ports.ts';
import { count, fail, ok, once, type Probe, probe, type Said, unknown, warn } from './line.ts';

const ACCESS_MEND =
  'Correct access in standdown.yml: ids of people (U…), groups (S…) or schedules ("pd:P…").';

/** What became of one entry of access. */
export interface Resolved {
  entry: string;
  members: SlackMember[];
  /** What is wrong with it, in words; null: nothing. */
  wrong: string | null;
  /** It could not be asked in full: who is missing nobody knows. */
  unsure: string | null;
}

const KIND_WORDS: Record<SlackMember['kind'], string> = {
  member: 'a member',
  guest: 'a guest',
  bot: 'a bot',
  outside: 'of another workspace',
  gone: 'deactivated',
};

/** A person of access must be an active member: the bot refuses everybody else. */
export function resolvedUser(entry: string, said: SlackSaid<{ member: SlackMember }>): Resolved {
  const none = { entry, members: [], wrong: null, unsure: null };
  if (said.state === 'silent') return { ...none, unsure: said.reason };
  if (said.state === 'refused')
    return /not_found|not_visible/.test(said.code)
      ? { ...none, wrong: `${entry} is nobody at Slack` }
      : { ...none, unsure: `Slack says ${said.code}` };
  const { member } = said;
  return member.kind === 'member'
    ? { ...none, members: [member] }
    : { ...none, wrong: `${member.name} (${member.id}) is ${KIND_WORDS[member.kind]}` };
}

/** Several people that one entry stands for. */
function resolvedMany(entry: string, people: Resolved[]): Resolved {
  const members = people.flatMap((one) => one.members);
  const wrong = people.flatMap(({ wrong: said }) => (said === null ? [] : [said]));
  const unsure = people.find((one) => one.unsure !== null)?.unsure ?? null;
  const empty = members.length === 0 && unsure === null ? [`${entry} has nobody who may act`] : [];
  return { entry, members, wrong: [...wrong, ...empty].join('; ') || null, unsure };
}

/** One role: who it is. */
export function judgeRole(found: Resolved[]): Said {
  const people = unique(found);
  const names = people.map(({ name }) => name);
  const shown = `${count(names.length, 'person', 'people')}${names.length === 0 ? '' : `: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`}`;
  const wrong = found.flatMap((one) => (one.wrong === null ? [] : [one.wrong]));
  if (wrong.length > 0) return fail(`${wrong.join('; ')} (${shown} can act)`, ACCESS_MEND);
  const unsure = found.find((one) => one.unsure !== null);
  if (unsure !== undefined)
    return unknown(
      `${unsure.entry} could not be resolved: ${unsure.unsure ?? ''}`,
      'Mend the token or the scopes named here first.',
    );
  return people.length === 0 ? fail('nobody', ACCESS_MEND) : ok(shown);
}

const unique = (found: Resolved[]): SlackMember[] => [
  ...new Map(found.flatMap(({ members }) => members).map((one) => [one.id, one])).values(),
];

/** Whether a latch could be lifted: whoever asks may not approve. */
export function judgeQuorum(responders: Resolved[], approvers: Resolved[], approvals: number): Said {
  const able = unique(approvers);
  const unsure = [...responders, ...approvers].find((one) => one.unsure !== null);
  const ids = new Set(able.map(({ id }) => id));
  const otherAsker = unique(responders).some(({ id }) => !ids.has(id));
  const enough = able.length > approvals || (able.length === approvals && otherAsker);
  const words = `${count(approvals, 'approval')} needed, ${count(able.length, 'approver')}${otherAsker ? ', and others who can ask' : ''}`;
  if (!enough && unsure !== undefined)
    return unknown(`${words} known; ${unsure.entry} could not be resolved`, ACCESS_MEND);
  if (!enough)
    return fail(
      `${words}: after a kill nobody could let trading start again`,
      'Name more approvers: as many as access.approvals, and one more who asks.',
    );
  return approvals < 2
    ? warn(`${words}: one person alone lets trading start again`, 'Set access.approvals to 2.')
    : ok(words);
}

/** Whether PagerDuty knows each of them by the address that Slack has. */
export function judgeAddresses(people: SlackMember[], known: PagerListed<{ email: string }>): Said {
  if (known.state === 'failed') return unknown(known.reason, 'Mend the PagerDuty REST token first.');
  const emails = new Set(known.items.map(({ email }) => email.toLowerCase()));
  const silent = people.filter(({ email }) => email === null).map(({ name }) => name);
  const strangers = people
    .filter(({ email }) => email !== null && !emails.has(email.toLowerCase()))
    .map(({ name }) => name);
  if (silent.length + strangers.length === 0)
    return ok(
      `${count(people.length, 'person', 'people')} of access: each one’s address at Slack is a PagerDuty user’s`,
    );
  const parts = [
    ...(silent.length === 0 ? [] : [`no address at Slack: ${silent.join(', ')}`]),
    ...(strangers.length === 0 ? [] : [`no such PagerDuty user: ${strangers.join(', ')}`]),
  ];
  return warn(
    `${parts.join('; ')}: what they do at PagerDuty is not known as theirs, and a schedule finds them not`,
    'Give them one address at both; the app needs users:read.email.',
  );
}

const ROLES = [
  ['access.responders', 'Responders'],
  ['access.approvers', 'Approvers'],
  ['access.quorum', 'Approvals'],
] as const;

export function peopleProbes(
  access: LiveParts['access'],
  setup: SlackSetup | null,
  pager: (Pick<Pager, 'onCall'> & { users: () => Promise<PagerListed<{ email: string }>> }) | null,
): Probe[] {
  if (access === null || setup === null)
    return ROLES.map(([id, what]) =>
      probe(id, what, async () =>
        access === null
          ? unknown('access in standdown.yml cannot be read', ACCESS_MEND)
          : unknown('without a bot token nobody can be looked up', 'Mend the Slack bot token first.'),
      ),
    );
  const user = (id: string) => setup.member(id).then((said) => resolvedUser(id, said));

  async function resolve(entry: string): Promise<Resolved> {
    if (memberKind(entry) === 'user') return user(entry);
    if (memberKind(entry) === 'group') {
      const said = await setup?.group(entry);
      if (said?.state === 'said') return resolvedMany(entry, await Promise.all(said.users.map(user)));
      const isNone = said?.state === 'refused' && said.code === 'no_such_subteam';
      const why = said === undefined ? '' : said.state === 'silent' ? said.reason : `Slack says ${said.code}`;
      return {
        entry,
        members: [],
        wrong: isNone ? `${entry} is no user group` : null,
        unsure: isNone ? null : why,
      };
    }
    const people = pager === null ? null : await pager.onCall([entry.slice('pd:'.length)]);
    if (people === null) return { entry, members: [], wrong: null, unsure: 'PagerDuty could not be asked' };
    const found = await Promise.all(
      people.map(async ({ name, email }) =>
        resolvedUser(`${name} of ${entry}`, (await setup?.byEmail(email)) ?? { state: 'silent', reason: '' }),
      ),
    );
    return resolvedMany(entry, found);
  }

  // One that stands in both lists is asked about once.
  const entries = new Map(
    [...new Set([...access.responders, ...access.approvers])].map((entry) => [
      entry,
      once(() => resolve(entry)),
    ]),
  );
  const all = (list: string[]) => Promise.all(list.flatMap((entry) => entries.get(entry)?.() ?? []));

  return [
    probe('access.responders', 'Responders', async () => judgeRole(await all(access.responders))),
    probe('access.approvers', 'Approvers', async () => judgeRole(await all(access.approvers))),
    probe('access.quorum', 'Approvals', async () =>
      judgeQuorum(await all(access.responders), await all(access.approvers), access.approvals),
    ),
    ...(pager === null
      ? []
      : [
          probe('access.addresses', 'Addresses at PagerDuty', async () =>
            judgeAddresses(unique(await all([...entries.keys()])), await pager.users()),
          ),
        ]),
  ];
}
