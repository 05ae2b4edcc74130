/** Whether a page would ring: the key, the service, who is on call now and in the next two weeks, and what comes back. */

import type {
  PagerListed,
  PagerService,
  PagerSetup,
  PagerSubscription,
  Shift,
} from '../adapters/pagerduty/setup.ts';
import type { LiveParts } from '../configParts.ts';
import type { ContactMethod, OnCallNow } from '../domain/onCall.ts';
import type { Pager } from '../ports.ts';
import { count, fail, ok, once, type Probe, probe, type Said, unknown, warn } from './line.ts';

const DAY_MS = 86_400_000;
const AHEAD_MS = 14 * DAY_MS;
const TOKEN_MEND =
  'Set PAGERDUTY_API_TOKEN to a read key (Integrations → API Access Keys), and PAGERDUTY_API_SERVER in the EU.';
const EVENTS = ['incident.acknowledged', 'incident.escalated', 'incident.reassigned', 'incident.resolved'];

const iso = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Times without anybody, from the shifts that are known; `from` and `until` in ms since the epoch. */
export function holesIn(shifts: Shift[], from: number, until: number): { from: number; until: number }[] {
  const spans = shifts
    .map(({ start, end }) => ({ from: start ?? -Infinity, until: end ?? Infinity }))
    .toSorted((a, b) => a.from - b.from);
  const holes: { from: number; until: number }[] = [];
  let covered = from;
  for (const span of spans) {
    if (span.from > covered && covered < until)
      holes.push({ from: covered, until: Math.min(span.from, until) });
    covered = Math.max(covered, span.until);
  }
  if (covered < until) holes.push({ from: covered, until });
  return holes;
}

/** PagerDuty counts the levels of a policy from 1; one whose schedule was deleted has no shift at all. */
const FIRST_LEVEL = 1;

/** A hole at every level is a page that nobody gets; one at the first only costs time. */
export function judgeRota(shifts: PagerListed<Shift>, now: number): Said {
  if (shifts.state === 'failed') return unknown(shifts.reason, TOKEN_MEND);
  const until = now + AHEAD_MS;
  const none = holesIn(shifts.items, now, until);
  const mend = 'Fill the schedule at PagerDuty (People → On-Call Schedules).';
  const first = none[0];
  if (first !== undefined)
    return fail(
      `nobody is on call from ${iso(first.from)} to ${iso(first.until)}${none.length > 1 ? `, and ${count(none.length - 1, 'more hole')}` : ''}`,
      mend,
    );
  const [hole] = holesIn(
    shifts.items.filter(({ level }) => level === FIRST_LEVEL),
    now,
    until,
  );
  return hole === undefined
    ? ok('the next 14 days have no hole')
    : warn(
        `level ${FIRST_LEVEL} has nobody from ${iso(hole.from)} to ${iso(hole.until)}: a page goes to the next level`,
        mend,
      );
}

/** The service whose integration has our key. */
export function judgeKey(services: PagerListed<PagerService>): Said {
  if (services.state === 'failed')
    return unknown(
      `only an event would prove it, and whose it is cannot be asked: ${services.reason}`,
      TOKEN_MEND,
    );
  const [service] = services.items;
  if (service === undefined)
    return unknown(
      'no service has this routing key: it may belong to an event orchestration, or to nothing; only an event would tell',
      'Copy the key again: Service → Integrations → Events API V2; a drill’s test page proves it.',
    );
  if (service.status === 'disabled' || service.status === 'maintenance')
    return fail(
      `it is “${service.name}”’s, which is ${service.status}: it rings nobody`,
      'Enable the service at PagerDuty.',
    );
  // PagerDuty's other words for a service that takes events: by whether incidents are open on it.
  if (!['active', 'warning', 'critical'].includes(service.status))
    return unknown(
      `it is “${service.name}”’s; whether that is switched on is not told (“${service.status}”)`,
      'Look at the service’s page at PagerDuty.',
    );
  return ok(`it is “${service.name}”’s; that an event arrives only a test page proves`);
}

/** CONTRACT 7: P0 and P1 ring loud, P2 quietly. */
export function judgeUrgency(services: PagerListed<PagerService>): Said {
  const [service] = services.state === 'listed' ? services.items : [];
  const mend = 'Service → Settings → Assign Notifications: Dynamic notifications based on alert severity.';
  if (service === undefined || service.urgencies.length === 0)
    return unknown('how loud the service rings is not told', mend);
  if (service.urgencies.includes('low'))
    return fail('the service is low urgency: a P0 rings nobody at night', mend);
  const other = service.urgencies.find((one) => one !== 'high' && one !== 'severity_based');
  if (other !== undefined) return unknown(`how loud the service rings is not told (“${other}”)`, mend);
  if (service.urgencies.every((one) => one === 'severity_based'))
    return ok('dynamic: P0 and P1 high, P2 low');
  return warn('the service is high urgency for everything: a P2 wakes people too', mend);
}

/** A telephone without a number rings nowhere; the app has none. */
const rings = ({ kind, address }: ContactMethod): boolean =>
  kind === 'push' || ((kind === 'phone' || kind === 'sms') && (address ?? '').trim() !== '');

/** Who has it now, and how they are reached. */
export function judgeOnCall(said: OnCallNow): Said {
  if (said.state === 'unavailable') return unknown(said.reason, TOKEN_MEND);
  const [first] = said.people;
  if (first === undefined) return fail('nobody', 'Put somebody on the schedule of the escalation policy.');
  const deaf = said.people.filter(({ contacts }) => contacts !== null && !contacts.some(rings));
  const untold = said.people.filter(({ contacts }) => contacts === null);
  const names = [...new Set(said.people.map(({ name, level }) => `${name} (level ${level})`))]
    .slice(0, 4)
    .join(', ');
  if (deaf.length > 0)
    return fail(
      `${names}; with no telephone number and no app: ${[...new Set(deaf.map(({ name }) => name))].join(', ')}`,
      'They add a telephone or the app to their PagerDuty profile.',
    );
  if (untold.length > 0)
    return unknown(
      `${names}; how to reach ${[...new Set(untold.map(({ name }) => name))].join(', ')} is not told`,
      TOKEN_MEND,
    );
  const next = first.next === null ? '' : `, then ${first.next}`;
  const kinds = [...new Set(first.contacts?.filter(rings).map(({ kind }) => kind) ?? [])].join(', ');
  return ok(`${names}${next}; ${first.name} by ${kinds}`);
}

export function judgeWebhook(found: PagerListed<PagerSubscription>, service: string | null): Said {
  const mend =
    'Service → Webhooks: https://YOUR-HOST/pagerduty/webhook, its secret as PAGERDUTY_WEBHOOK_SECRET.';
  if (found.state === 'failed') return unknown(found.reason, TOKEN_MEND);
  const ours = found.items.filter(({ url }) => /\/pagerduty\/webhook\/?(?:\?|$)/.test(url));
  if (ours.length === 0)
    return fail('a secret is set, and no subscription sends to /pagerduty/webhook', mend);
  const active = ours.filter(
    (one) =>
      one.active &&
      (one.service === null || (one.service !== undefined && (service === null || one.service === service))),
  );
  if (active.length === 0)
    return ours.some((one) => one.active && one.service === undefined)
      ? unknown(
          'whether its subscription is for our service is not told: it is for a team, or for nothing',
          mend,
        )
      : fail('its subscription is switched off, or is another service’s', mend);
  const missing = EVENTS.filter((event) => !active.some(({ events }) => events.includes(event)));
  return missing.length === 0
    ? ok('a subscription sends to the bot; whether its secret is ours its first event tells')
    : warn(`its subscription does not send ${missing.join(', ')}`, 'Tick these events at the subscription.');
}

/** What only the REST API tells. */
const UNTOLD = [
  ['pagerduty.urgency', 'PagerDuty urgency'],
  ['pagerduty.onCall', 'On call now'],
  ['pagerduty.rota', 'On call for 14 days'],
] as const;

interface PagerDeps {
  parts: LiveParts;
  pager: (Pick<Pager, 'onCallNow'> & { setup: PagerSetup }) | null;
  users: () => Promise<PagerListed<{ id: string; name: string; email: string }>>;
  now: () => number;
}

/** `pager` is null where there is no routing key. */
export function pagerProbes({ parts, pager, users, now }: PagerDeps): Probe[] {
  const { routingKey, apiToken, from, webhookSecrets } = parts.pagerduty;
  if (pager === null || routingKey === null)
    return [
      probe('pagerduty.key', 'PagerDuty routing key', async () =>
        fail('there is none', 'Set PAGERDUTY_ROUTING_KEY (Service → Integrations → Events API V2).'),
      ),
    ];
  const shaped = /^[0-9A-Za-z]{32}$/.test(routingKey);
  const key = (judge: () => Promise<Said>) =>
    probe('pagerduty.key', 'PagerDuty routing key', async () =>
      shaped
        ? judge()
        : fail('it is not 32 letters and digits', 'Copy it again: Service → Integrations → Events API V2.'),
    );
  if (apiToken === null)
    return [
      key(async () =>
        unknown(
          'its shape is right; without a REST token nobody can say whose it is before a page is sent',
          TOKEN_MEND,
        ),
      ),
      ...UNTOLD.map(([id, what]) =>
        probe(id, what, async () => unknown('without a REST token nobody tells', TOKEN_MEND)),
      ),
    ];
  const services = once(() => pager.setup.services());
  const ours = async () => {
    const found = await services();
    return found.state === 'listed' ? (found.items[0] ?? null) : null;
  };
  const schedules = [...(parts.access?.responders ?? [])]
    .filter((one) => one.startsWith('pd:'))
    .map((one) => one.slice(3));
  return [
    key(async () => judgeKey(await services())),
    probe('pagerduty.token', 'PagerDuty REST token', async () => {
      const found = await users();
      if (found.state === 'failed')
        return found.status === 401 || found.status === 403
          ? fail(found.reason, TOKEN_MEND)
          : unknown(found.reason, TOKEN_MEND);
      return ok(`reads the account: ${count(found.items.length, 'user')}`);
    }),
    ...(from === null
      ? []
      : [
          probe('pagerduty.from', 'PagerDuty user for notes', async () => {
            const found = await users();
            if (found.state === 'failed') return unknown(found.reason, TOKEN_MEND);
            return found.items.some(({ email }) => email.toLowerCase() === from.toLowerCase())
              ? ok('PAGERDUTY_FROM is a user of the account')
              : fail(
                  'PAGERDUTY_FROM is no user of the account: no note is written',
                  'Set it to a user’s address.',
                );
          }),
        ]),
    probe('pagerduty.urgency', 'PagerDuty urgency', async () => judgeUrgency(await services())),
    probe('pagerduty.onCall', 'On call now', async () =>
      judgeOnCall(await pager.onCallNow(now(), schedules)),
    ),
    probe('pagerduty.rota', 'On call for 14 days', async () => {
      const service = await ours();
      if (service === null) return unknown('which escalation policy is ours is not told', TOKEN_MEND);
      return judgeRota(await pager.setup.shifts(service.policy.id, now(), now() + AHEAD_MS), now());
    }),
    ...(webhookSecrets.length === 0
      ? []
      : [
          probe('pagerduty.webhook', 'PagerDuty webhook', async () =>
            judgeWebhook(await pager.setup.subscriptions(), (await ours())?.id ?? null),
          ),
        ]),
  ];
}
