/** What `check` asks PagerDuty's REST API: reading alone, no event. */

import { z } from 'zod';

type Query = Record<string, string | string[]>;
type Failed = { state: 'failed'; reason: string; status?: number };

export interface SetupReaderDeps {
  routingKey: string;
  list<T>(
    endpoint: string,
    query: Query,
    read: (body: unknown) => { items: readonly T[]; more: boolean } | null,
  ): Promise<{ state: 'listed'; items: T[] } | Failed>;
}

const urgency = z.object({ type: z.string().optional(), urgency: z.string().nullish() });
const Service = z.object({
  id: z.string(),
  name: z.string().nullish(),
  summary: z.string().nullish(),
  status: z.string().nullish(),
  escalation_policy: z.object({ id: z.string(), summary: z.string().nullish() }),
  incident_urgency_rule: z
    .object({
      type: z.string().optional(),
      urgency: z.string().nullish(),
      during_support_hours: urgency.nullish(),
      outside_support_hours: urgency.nullish(),
    })
    .nullish(),
  integrations: z.array(z.object({ integration_key: z.string().nullish() })).default([]),
});
const ServicePage = z.object({ services: z.array(Service), more: z.boolean().default(false) });

const UserPage = z.object({
  users: z.array(z.object({ id: z.string(), name: z.string().default(''), email: z.string() })),
  more: z.boolean().default(false),
});

/** A time that cannot be read is no end: the answer is not PagerDuty's then. */
const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)));
const ShiftPage = z.object({
  oncalls: z.array(z.object({ escalation_level: z.number(), start: time.nullish(), end: time.nullish() })),
  more: z.boolean().default(false),
});

const SubscriptionPage = z.object({
  webhook_subscriptions: z.array(
    z.object({
      active: z.boolean().default(true),
      delivery_method: z.object({ url: z.string().nullish(), temporarily_disabled: z.boolean().nullish() }),
      events: z.array(z.string()).default([]),
      filter: z.object({ type: z.string(), id: z.string().nullish() }).nullish(),
    }),
  ),
  more: z.boolean().default(false),
});

/** A service as far as paging depends on it. `urgencies`: by the hours of the day there may be two. */
export interface PagerService {
  id: string;
  name: string;
  status: string;
  policy: { id: string; name: string };
  urgencies: string[];
}

/** ms since the epoch; null: without a beginning, without an end. */
export interface Shift {
  level: number;
  start: number | null;
  end: number | null;
}

export interface PagerSubscription {
  active: boolean;
  url: string;
  events: string[];
  /** Null: for the whole account; undefined: for something else, such as a team, or not told. */
  service: string | null | undefined;
}

export type PagerListed<T> = { state: 'listed'; items: T[] } | Failed;

export interface PagerSetup {
  /** Every user of the account. */
  users(): Promise<PagerListed<{ id: string; name: string; email: string }>>;
  /** Services that have our routing key among their integrations: one, or none where an orchestration has it. */
  services(): Promise<PagerListed<PagerService>>;
  /** Who is on call between two moments, ms since the epoch, without names. */
  shifts(policy: string, fromMs: number, untilMs: number): Promise<PagerListed<Shift>>;
  subscriptions(): Promise<PagerListed<PagerSubscription>>;
}

const timeOf = (text: string | null | undefined): number | null =>
  text === null || text === undefined ? null : Date.parse(text);

/** Of a service whose urgency depends on its support hours there are two. */
function urgenciesOf(rule: z.infer<typeof Service>['incident_urgency_rule']): string[] {
  const found = [rule?.urgency, rule?.during_support_hours?.urgency, rule?.outside_support_hours?.urgency];
  return [...new Set(found.filter((one) => typeof one === 'string'))];
}

function serviceOf(
  filter: z.infer<typeof SubscriptionPage>['webhook_subscriptions'][number]['filter'],
): PagerSubscription['service'] {
  if (filter?.type === 'service_reference') return filter.id ?? undefined;
  return filter?.type === 'account_reference' ? null : undefined;
}

/** No call throws. */
export function createSetupReader({ routingKey, list }: SetupReaderDeps): PagerSetup {
  const read = async <T, Row>(
    endpoint: string,
    query: Query,
    schema: z.ZodType<T>,
    rows: (page: T) => { items: readonly Row[]; more: boolean },
  ): Promise<PagerListed<Row>> =>
    list(endpoint, query, (body) => {
      const page = schema.safeParse(body);
      return page.success ? rows(page.data) : null;
    });

  return {
    users: () =>
      read('/users', {}, UserPage, ({ users, more }) => ({
        items: users.map(({ id, name, email }) => ({ id, name, email })),
        more,
      })),
    services: () =>
      read('/services', { 'include[]': ['integrations'] }, ServicePage, ({ services, more }) => ({
        items: services
          .filter(({ integrations }) => integrations.some((one) => one.integration_key === routingKey))
          .map((one) => ({
            id: one.id,
            name: one.name ?? one.summary ?? one.id,
            status: one.status ?? 'unknown',
            policy: {
              id: one.escalation_policy.id,
              name: one.escalation_policy.summary ?? one.escalation_policy.id,
            },
            urgencies: urgenciesOf(one.incident_urgency_rule),
          })),
        more,
      })),
    shifts: (policy, fromMs, untilMs) =>
      read(
        '/oncalls',
        {
          'escalation_policy_ids[]': [policy],
          since: new Date(fromMs).toISOString(),
          until: new Date(untilMs).toISOString(),
        },
        ShiftPage,
        ({ oncalls, more }) => ({
          items: oncalls.map((one) => ({
            level: one.escalation_level,
            start: timeOf(one.start),
            end: timeOf(one.end),
          })),
          more,
        }),
      ),
    subscriptions: () =>
      read('/webhook_subscriptions', {}, SubscriptionPage, ({ webhook_subscriptions: found, more }) => ({
        items: found.map((one) => ({
          active: one.active && one.delivery_method.temporarily_disabled !== true,
          url: one.delivery_method.url ?? '',
          events: one.events,
          service: serviceOf(one.filter),
        })),
        more,
      })),
  };
}
