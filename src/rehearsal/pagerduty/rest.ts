import type {
  Agent,
  Desk,
  EscalationPolicy,
  HistoryEntry,
  OnCall,
  PagerIncident,
  PagerNote,
  PagerSchedule,
  PagerUser,
  ServiceUrgency,
} from './desk.ts';

/** What goes back over the wire. `html` in place of `json` is a page of a proxy's. */
export interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly from: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

export interface RestOptions {
  readonly desk: Desk;
  readonly apiToken: string;
  readonly routingKey: string;
  readonly users: readonly PagerUser[];
  readonly schedules: readonly PagerSchedule[];
  readonly escalationPolicy: EscalationPolicy;
  readonly urgency: () => ServiceUrgency;
  /** active, warning, critical, maintenance or disabled. */
  readonly serviceStatus: () => string;
  /** Where webhooks are sent, and whether they are switched on; null: there is no subscription. */
  readonly subscription: () => { url: string; active: boolean } | null;
  /** https://host:port, where the web pages would be. */
  readonly origin: () => string;
}

/** The account's one service. */
const SERVICE_ID = 'PSERVICE';
const SERVICE_NAME = 'Trading desk';
const INTEGRATION_ID = 'PINTEGR';

/** PagerDuty pages by 25 unless asked, and by 100 at most. */
const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

function failure(status: number, code: number, message: string, errors?: readonly string[]): Answer {
  return { status, json: { error: { message, code, ...(errors ? { errors } : {}) } } };
}

const NOT_FOUND = failure(404, 2100, 'Not Found');

function invalid(...errors: string[]): Answer {
  return failure(400, 2001, 'Invalid Input Provided', errors);
}

/** What the REST API and the webhooks both say of a thing. */
export interface Shapes {
  reference(type: string, id: string, summary: string): Fields;
  agent(agent: Agent): Fields;
  incident(incident: PagerIncident): Fields;
}

function plural(type: string): string {
  return type === 'escalation_policy' ? 'escalation_policies' : `${type}s`;
}

export function createShapes(options: RestOptions): Shapes {
  const { desk, escalationPolicy, origin } = options;
  const shapes: Shapes = {
    reference(type, id, summary) {
      const at = `${origin()}/${plural(type)}/${id}`;
      return { id, type: `${type}_reference`, summary, self: at, html_url: at };
    },
    agent(agent) {
      return agent.type === 'user'
        ? shapes.reference('user', agent.id, desk.user(agent.id)?.name ?? agent.id)
        : shapes.reference('service', SERVICE_ID, SERVICE_NAME);
    },
    incident(incident) {
      return {
        ...shapes.reference('incident', incident.id, `[#${incident.number}] ${incident.title}`),
        type: 'incident',
        incident_number: incident.number,
        title: incident.title,
        description: incident.title,
        created_at: iso(incident.createdAtMs),
        updated_at: iso(incident.changedAtMs),
        resolved_at: incident.resolvedAtMs === null ? null : iso(incident.resolvedAtMs),
        last_status_change_at: iso(incident.changedAtMs),
        status: incident.status,
        incident_key: incident.dedupKey,
        urgency: incident.urgency,
        service: shapes.reference('service', SERVICE_ID, SERVICE_NAME),
        escalation_policy: shapes.reference('escalation_policy', escalationPolicy.id, escalationPolicy.name),
        assignments: incident.assignees.map((user) => ({
          at: iso(incident.changedAtMs),
          assignee: shapes.reference('user', user.id, user.name),
        })),
        acknowledgements: incident.acknowledgements.map((one) => ({
          at: iso(one.atMs),
          acknowledger: shapes.agent(one.agent),
        })),
        alert_counts: {
          all: 1,
          triggered: incident.status === 'resolved' ? 0 : 1,
          resolved: incident.status === 'resolved' ? 1 : 0,
        },
        last_status_change_by: shapes.agent(incident.changedBy),
        teams: [],
        priority: null,
      };
    },
  };
  return shapes;
}

/** One page of a list in PagerDuty's envelope; 400 when the paging is not a number. */
function page(name: string, items: readonly unknown[], query: URLSearchParams): Answer {
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  const offset = Number(query.get('offset') ?? 0);
  if (!Number.isInteger(limit) || limit < 1 || !Number.isInteger(offset) || offset < 0) {
    return invalid('Limit and offset must be whole numbers');
  }
  const size = Math.min(limit, MAX_LIMIT);
  return {
    status: 200,
    json: {
      [name]: items.slice(offset, offset + size),
      limit: size,
      offset,
      total: null,
      more: offset + size < items.length,
    },
  };
}

function sorted(incidents: readonly PagerIncident[], by: string | null): PagerIncident[] {
  const descending = by?.endsWith(':desc') === true;
  return [...incidents].sort((a, b) => (descending ? b.number - a.number : a.number - b.number));
}

/** PagerDuty's REST API: authorisation, routes, errors. */
export function createRest(options: RestOptions): (request: RestRequest) => Answer {
  const { desk, users, schedules, escalationPolicy } = options;
  const shapes = createShapes(options);

  function userOut(user: PagerUser, contacts: 'whole' | 'references' = 'references'): Fields {
    const methods = contactMethods(user);
    return {
      ...shapes.reference('user', user.id, user.name),
      type: 'user',
      name: user.name,
      email: user.email,
      time_zone: 'Etc/UTC',
      role: 'user',
      // Only the references, unless they are asked for: an address is not in a list of users.
      contact_methods:
        contacts === 'whole'
          ? methods
          : methods.map(({ id, type, summary }) => ({ id, type: `${String(type)}_reference`, summary })),
    };
  }

  function contactMethods(user: PagerUser): Fields[] {
    const method = (kind: string, address: string, rest: Fields = {}): Fields => ({
      id: `${user.id}${kind.toUpperCase()}`,
      type: `${kind}_contact_method`,
      summary: 'Work',
      label: 'Work',
      address,
      ...rest,
    });
    const { phone } = user;
    const number = { country_code: 1 };
    return [
      method('email', user.email),
      ...(phone === undefined ? [] : [method('phone', phone, number), method('sms', phone, number)]),
    ];
  }

  function serviceOut(): Fields {
    return {
      ...shapes.reference('service', SERVICE_ID, SERVICE_NAME),
      type: 'service',
      name: SERVICE_NAME,
      status: options.serviceStatus(),
      escalation_policy: shapes.reference('escalation_policy', escalationPolicy.id, escalationPolicy.name),
      incident_urgency_rule: { type: 'constant', urgency: options.urgency() },
      alert_creation: 'create_alerts_and_incidents',
      integrations: [
        {
          id: INTEGRATION_ID,
          type: 'events_api_v2_inbound_integration',
          summary: 'Events API V2',
          integration_key: options.routingKey,
        },
      ],
    };
  }

  function scheduleOut(schedule: PagerSchedule): Fields {
    const people = schedule.userIds.map((id) => shapes.reference('user', id, desk.user(id)?.name ?? id));
    return {
      ...shapes.reference('schedule', schedule.id, schedule.name),
      type: 'schedule',
      name: schedule.name,
      time_zone: 'Etc/UTC',
      users: people,
      escalation_policies: [
        shapes.reference('escalation_policy', escalationPolicy.id, escalationPolicy.name),
      ],
    };
  }

  function onCallOut(one: OnCall, full: boolean): Fields {
    return {
      escalation_policy: shapes.reference('escalation_policy', escalationPolicy.id, escalationPolicy.name),
      escalation_level: one.level,
      schedule: one.schedule ? shapes.reference('schedule', one.schedule.id, one.schedule.name) : null,
      user: full ? userOut(one.user) : shapes.reference('user', one.user.id, one.user.name),
      start: one.endMs === null ? null : iso(one.startMs),
      end: one.endMs === null ? null : iso(one.endMs),
    };
  }

  function noteOut(note: PagerNote): Fields {
    return {
      id: note.id,
      user: shapes.reference('user', note.userId, desk.user(note.userId)?.name ?? note.userId),
      content: note.content,
      created_at: iso(note.atMs),
    };
  }

  function logOut(entry: HistoryEntry): Fields {
    return {
      id: entry.id,
      type: entry.type,
      summary: entry.summary,
      created_at: iso(entry.atMs),
      agent: shapes.agent(entry.agent),
    };
  }

  function alertOut(incident: PagerIncident): Fields {
    return {
      ...shapes.reference('alert', incident.alertId, incident.title),
      type: 'alert',
      status: incident.status === 'resolved' ? 'resolved' : 'triggered',
      alert_key: incident.dedupKey,
      created_at: iso(incident.createdAtMs),
      severity: incident.severity,
      incident: shapes.reference('incident', incident.id, incident.title),
      body: {
        type: 'alert_body',
        details: incident.customDetails,
        contexts: incident.links.map((link) => ({ type: 'link', href: link.href, text: link.text })),
        cef_details: {
          dedup_key: incident.dedupKey,
          severity: incident.severity,
          source_origin: incident.source,
        },
      },
    };
  }

  function listIncidents(query: URLSearchParams): Answer {
    const key = query.get('incident_key');
    const statuses = query.getAll('statuses[]');
    const urgencies = query.getAll('urgencies[]');
    const services = query.getAll('service_ids[]');
    const found = desk
      .incidents()
      .filter(
        (one) =>
          (key === null || one.dedupKey === key) &&
          (statuses.length === 0 || statuses.includes(one.status)) &&
          (urgencies.length === 0 || urgencies.includes(one.urgency)) &&
          (services.length === 0 || services.includes(SERVICE_ID)),
      );
    return page(
      'incidents',
      sorted(found, query.get('sort_by')).map((one) => shapes.incident(one)),
      query,
    );
  }

  /** The person that a write is made for; PagerDuty refuses writes of an account's key without one. */
  function requester(request: RestRequest): PagerUser | Answer {
    if (request.from === undefined)
      return invalid('The From header is required, with the e-mail address of a user');
    return desk.userByEmail(request.from) ?? invalid('Requester User Not Found');
  }

  function update(incident: PagerIncident, request: RestRequest): Answer {
    const who = requester(request);
    if ('status' in who) return who;
    const wanted = fieldsOf(fieldsOf(request.body)['incident']);
    if (incident.status === 'resolved') return invalid('Incident Already Resolved');
    const agent: Agent = { type: 'user', id: who.id };
    const status = wanted['status'];
    if (status !== undefined && status !== 'acknowledged' && status !== 'resolved') {
      return invalid("Status must be 'acknowledged' or 'resolved'");
    }
    const assignments = wanted['assignments'];
    if (Array.isArray(assignments)) {
      const ids = assignments.map((one: unknown) => fieldsOf(fieldsOf(one)['assignee'])['id']);
      const known = ids.flatMap((id) => users.filter((user) => user.id === id).map((user) => user.id));
      if (known.length === 0 || known.length < ids.length) return invalid('Assignee Not Found');
      desk.reassign(incident.id, known, agent);
    }
    if (wanted['escalation_level'] !== undefined) desk.escalate(incident.id, agent);
    if (status === 'acknowledged') desk.acknowledge(incident.id, agent);
    if (status === 'resolved') desk.resolve(incident.id, agent);
    return { status: 200, json: { incident: shapes.incident(desk.incident(incident.id) ?? incident) } };
  }

  function addNote(incident: PagerIncident, request: RestRequest): Answer {
    const who = requester(request);
    if ('status' in who) return who;
    const content = fieldsOf(fieldsOf(request.body)['note'])['content'];
    if (typeof content !== 'string' || content.trim() === '') return invalid("Note content can't be blank");
    return { status: 201, json: { note: noteOut(desk.note(incident.id, who.id, content)) } };
  }

  function oneIncident(request: RestRequest, id: string, below: string | undefined): Answer {
    const incident = desk.incident(id);
    if (!incident) return NOT_FOUND;
    const call = `${request.method} ${below ?? ''}`;
    if (call === 'GET ') return { status: 200, json: { incident: shapes.incident(incident) } };
    if (call === 'PUT ') return update(incident, request);
    if (call === 'GET notes') return { status: 200, json: { notes: incident.notes.map(noteOut) } };
    if (call === 'POST notes') return addNote(incident, request);
    if (call === 'GET alerts') return page('alerts', [alertOut(incident)], request.query);
    if (call === 'GET log_entries') return page('log_entries', incident.history.map(logOut), request.query);
    return NOT_FOUND;
  }

  function listOnCalls(query: URLSearchParams): Answer {
    const wantedSchedules = query.getAll('schedule_ids[]');
    const wantedPolicies = query.getAll('escalation_policy_ids[]');
    const since = query.get('since');
    const until = query.get('until');
    const full = query.getAll('include[]').includes('users');
    const found = desk
      .onCall()
      .concat(until === null ? [] : desk.onCallAhead(Date.parse(until)))
      .filter(
        (one) =>
          (wantedSchedules.length === 0 ||
            (one.schedule !== null && wantedSchedules.includes(one.schedule.id))) &&
          (wantedPolicies.length === 0 || wantedPolicies.includes(escalationPolicy.id)) &&
          (since === null || one.endMs === null || one.endMs > Date.parse(since)) &&
          (until === null || one.startMs < Date.parse(until)),
      );
    return page(
      'oncalls',
      found.map((one) => onCallOut(one, full)),
      query,
    );
  }

  function oneUser(id: string, below: string | undefined, query: URLSearchParams): Answer {
    // A key of the account belongs to nobody: the real one refuses `me` in these words.
    if (id === 'me') return invalid('The request requires a user’s own API token');
    const user = desk.user(id);
    if (!user) return NOT_FOUND;
    if (below === 'contact_methods') return { status: 200, json: { contact_methods: contactMethods(user) } };
    const contacts = query.getAll('include[]').includes('contact_methods') ? 'whole' : 'references';
    return below === undefined ? { status: 200, json: { user: userOut(user, contacts) } } : NOT_FOUND;
  }

  function subscriptionOut({ url, active }: { url: string; active: boolean }): Fields {
    return {
      id: 'PWEBHK1',
      type: 'webhook_subscription',
      active,
      delivery_method: {
        id: 'PDELIV1',
        type: 'http_delivery_method',
        url,
        secret: null,
        temporarily_disabled: false,
      },
      description: 'Standdown',
      events: [
        'acknowledged',
        'delegated',
        'escalated',
        'reassigned',
        'reopened',
        'resolved',
        'triggered',
      ].map((what) => `incident.${what}`),
      filter: { id: SERVICE_ID, type: 'service_reference' },
    };
  }

  return (request) => {
    if (request.authorization !== `Token token=${options.apiToken}`) {
      return failure(401, 2006, 'Unauthorized: the API token is missing or wrong');
    }
    const [collection = '', id, below, ...deeper] = request.path.split('/').slice(1);
    if (deeper.length > 0) return NOT_FOUND;
    if (collection === 'incidents' && id !== undefined) return oneIncident(request, id, below);
    if (request.method !== 'GET') return NOT_FOUND;
    if (collection === 'users' && id !== undefined) return oneUser(id, below, request.query);
    if (below !== undefined) return NOT_FOUND;
    if (id !== undefined) {
      const schedule = schedules.find((one) => one.id === id);
      if (collection === 'schedules' && schedule)
        return { status: 200, json: { schedule: scheduleOut(schedule) } };
      if (collection === 'services' && id === SERVICE_ID)
        return { status: 200, json: { service: serviceOut() } };
      return NOT_FOUND;
    }
    if (collection === 'webhook_subscriptions') {
      const found = options.subscription();
      return page('webhook_subscriptions', found === null ? [] : [subscriptionOut(found)], request.query);
    }
    if (collection === 'incidents') return listIncidents(request.query);
    if (collection === 'oncalls') return listOnCalls(request.query);
    if (collection === 'users')
      return page(
        'users',
        users.map((user) => userOut(user)),
        request.query,
      );
    if (collection === 'services') return page('services', [serviceOut()], request.query);
    if (collection === 'schedules') return page('schedules', schedules.map(scheduleOut), request.query);
    return NOT_FOUND;
  };
}
