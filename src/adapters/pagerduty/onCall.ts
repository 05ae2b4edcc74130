import { z } from 'zod';
import type { ContactMethod, OnCallNow, OnCallPerson } from '../../domain/onCall.ts';
import type { RotaAhead, Shift as RotaShift } from '../../domain/readiness/rota.ts';

type Query = Record<string, string | string[]>;

/** The two ways of reading that the REST client offers. */
export interface OnCallReaderDeps {
  routingKey: string;
  list<T>(
    endpoint: string,
    query: Query,
    read: (body: unknown) => { items: readonly T[]; more: boolean } | null,
  ): Promise<{ state: 'listed'; items: T[] } | { state: 'failed'; reason: string }>;
  one<T>(endpoint: string, query: Query, schema: z.ZodType<T>): Promise<T | null | undefined>;
}

const ServicePage = z.object({
  services: z.array(
    z.object({
      escalation_policy: z.object({ id: z.string() }),
      integrations: z.array(z.object({ integration_key: z.string().nullish() })).default([]),
    }),
  ),
  more: z.boolean().default(false),
});

const ShiftPage = z.object({
  oncalls: z.array(
    z.object({
      escalation_level: z.number(),
      schedule: z.object({ id: z.string(), summary: z.string().nullish() }).nullish(),
      user: z.object({
        id: z.string(),
        name: z.string().optional(),
        summary: z.string().nullish(),
        email: z.string().optional(),
      }),
      start: z.string().nullish(),
      end: z.string().nullish(),
    }),
  ),
  more: z.boolean().default(false),
});
type Shift = z.infer<typeof ShiftPage>['oncalls'][number];

const Contacts = z.object({
  user: z.object({
    contact_methods: z.array(
      z.object({
        type: z.string(),
        label: z.string().nullish(),
        address: z.string().nullish(),
        country_code: z.number().nullish(),
      }),
    ),
  }),
});

/** How far the next shift is looked for: rotations are of a day or a week. */
const AHEAD_MS = 14 * 24 * 60 * 60 * 1_000;
/** One request a person: an escalation policy with more people on call at once is not read further. */
const MAX_PEOPLE = 10;
/** The same for the rota of the days to come; of more people the contacts are unknown. */
const MAX_ROTA = 50;
/** Two weeks of hourly shifts at three levels. */
const MAX_SHIFTS = 1_000;

const nameOf = (user: Shift['user']): string => user.name ?? user.summary ?? user.id;
const timeOf = (text: string | null | undefined): number | null =>
  text === null || text === undefined ? null : Date.parse(text);

/**
 * Reads who is on call: our service is the one with our routing key, and its escalation policy says who. Where no service
 * has the key (it may belong to an event orchestration), the given schedules are read.
 */
export function createOnCallReader(deps: OnCallReaderDeps): {
  now(now: number, scheduleIds: string[]): Promise<OnCallNow>;
  ahead(from: number, to: number, scheduleIds: string[]): Promise<RotaAhead>;
} {
  let policy: string | null = null;

  /** `again`: ask, though it is known: somebody may have given the service another policy. */
  async function learnPolicy(again: boolean): Promise<string | null | { reason: string }> {
    if (policy !== null && !again) return policy;
    const found = await deps.list('/services', { 'include[]': ['integrations'] }, (body) => {
      const page = ServicePage.safeParse(body);
      return page.success ? { items: page.data.services, more: page.data.more } : null;
    });
    if (found.state === 'failed') return { reason: found.reason };
    const ours = found.items.find(({ integrations }) =>
      integrations.some(({ integration_key: key }) => key === deps.routingKey),
    );
    policy = ours?.escalation_policy.id ?? null;
    return policy;
  }

  async function contactsOf(userId: string): Promise<ContactMethod[] | null> {
    const read = await deps.one(
      `/users/${encodeURIComponent(userId)}`,
      { 'include[]': ['contact_methods'] },
      Contacts,
    );
    return read?.user.contact_methods.map(toContact) ?? null;
  }

  /** Every shift that touches this time, ms since the epoch. */
  async function shiftsIn(
    from: number,
    to: number,
    scheduleIds: string[],
    again = false,
  ): Promise<{ state: 'listed'; items: Shift[] } | { state: 'failed'; reason: string }> {
    const ours = await learnPolicy(again);
    if (ours !== null && typeof ours !== 'string') return { state: 'failed', reason: ours.reason };
    if (ours === null && scheduleIds.length === 0)
      return {
        state: 'failed',
        reason: 'no service of PagerDuty has our routing key: name a schedule (pd:P…) in access.responders',
      };
    const query: Query = {
      ...(ours === null ? { 'schedule_ids[]': scheduleIds } : { 'escalation_policy_ids[]': [ours] }),
      'include[]': ['users'],
      since: new Date(from).toISOString(),
      until: new Date(to).toISOString(),
    };
    return deps.list('/oncalls', query, (body) => {
      const page = ShiftPage.safeParse(body);
      return page.success ? { items: page.data.oncalls, more: page.data.more } : null;
    });
  }

  return {
    async now(now, scheduleIds) {
      const found = await shiftsIn(now, now + AHEAD_MS, scheduleIds);
      if (found.state === 'failed') return { state: 'unavailable', reason: found.reason };
      const running = found.items
        .filter((shift) => (timeOf(shift.start) ?? 0) <= now && (timeOf(shift.end) ?? Infinity) > now)
        .toSorted((a, b) => a.escalation_level - b.escalation_level)
        .slice(0, MAX_PEOPLE);
      const ids = [...new Set(running.map(({ user }) => user.id))];
      const contacts = new Map(await Promise.all(ids.map(async (id) => [id, await contactsOf(id)] as const)));
      const people = running.map(
        (shift): OnCallPerson => ({
          id: shift.user.id,
          name: nameOf(shift.user),
          email: shift.user.email ?? null,
          level: shift.escalation_level,
          schedule: shift.schedule?.summary ?? shift.schedule?.id ?? null,
          until: timeOf(shift.end),
          next: nextAfter(shift, found.items),
          contacts: contacts.get(shift.user.id) ?? null,
        }),
      );
      return { state: 'known', people };
    },
    async ahead(from, to, scheduleIds) {
      const found = await shiftsIn(from, to, scheduleIds, true);
      if (found.state === 'failed') return { state: 'unavailable', reason: found.reason };
      const shifts = found.items.slice(0, MAX_SHIFTS).map(
        (shift): RotaShift => ({
          person: shift.user.id,
          name: plainName(nameOf(shift.user)),
          email: shift.user.email ?? null,
          // Schedules that were asked for by name are the first to be asked, wherever a policy puts them.
          level: policy === null ? 1 : shift.escalation_level,
          from: timeOf(shift.start),
          to: timeOf(shift.end),
        }),
      );
      if (shifts.some((one) => Number.isNaN(one.from) || Number.isNaN(one.to)))
        return { state: 'unavailable', reason: 'PagerDuty gave a shift without times that can be read' };
      const hasPhone: { person: string; hasPhone: boolean | null }[] = [];
      // One after the other: it is a daily reading, and leaves the limit to pages.
      for (const person of new Set(shifts.map((one) => one.person))) {
        const contacts = hasPhone.length < MAX_ROTA ? await contactsOf(person) : null;
        const numbers = contacts?.filter(
          ({ kind, address }) => (kind === 'phone' || kind === 'sms') && (address ?? '') !== '',
        );
        hasPhone.push({ person, hasPhone: numbers === undefined ? null : numbers.length > 0 });
      }
      return { state: 'known', shifts, hasPhone };
    },
  };
}

/** A name is written down and shown: it is cut to what a person may be called. */
const plainName = (name: string): string => name.slice(0, 100);

/** Who has the same place once this shift ends. */
function nextAfter(shift: Shift, shifts: Shift[]): string | null {
  const end = timeOf(shift.end);
  if (end === null) return null;
  const [next] = shifts
    .filter(
      (one) =>
        one.escalation_level === shift.escalation_level &&
        one.schedule?.id === shift.schedule?.id &&
        (timeOf(one.start) ?? 0) >= end,
    )
    .toSorted((a, b) => (timeOf(a.start) ?? 0) - (timeOf(b.start) ?? 0));
  return next === undefined ? null : nameOf(next.user);
}

const KINDS: Record<string, ContactMethod['kind']> = {
  phone_contact_method: 'phone',
  sms_contact_method: 'sms',
  email_contact_method: 'email',
  push_notification_contact_method: 'push',
};

function toContact(method: z.infer<typeof Contacts>['user']['contact_methods'][number]): ContactMethod {
  const kind = KINDS[method.type.replace(/_reference$/, '')] ?? 'other';
  const isNumber = kind === 'phone' || kind === 'sms';
  const code = isNumber && method.country_code ? `+${method.country_code} ` : '';
  // A country code alone is no number.
  const told = method.address?.trim() ?? '';
  const address = kind === 'push' || kind === 'other' || told === '' ? null : told;
  return { kind, label: method.label ?? kind, address: address === null ? null : `${code}${address}` };
}
