import type { EventLink, EventSeverity, PagerEvent } from './events.ts';

export interface PagerUser {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  /** Without its country code; the country is 1. Absent: no telephone, no SMS. */
  readonly phone?: string;
}

export interface PagerSchedule {
  readonly id: string;
  readonly name: string;
  /** The first is on call until `putOnCall` says otherwise. */
  readonly userIds: readonly string[];
}

interface EscalationRule {
  readonly delayMinutes: number;
  readonly targets: readonly { readonly type: 'user' | 'schedule'; readonly id: string }[];
}

export interface EscalationPolicy {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly EscalationRule[];
}

/** `severity_based` is "dynamic notifications": critical and error are high, warning and info low. */
export type ServiceUrgency = 'high' | 'low' | 'severity_based';

type PagerStatus = 'triggered' | 'acknowledged' | 'resolved';

/** Who did it: a person, or the service (by an event or an API key). */
export type Agent = { readonly type: 'user'; readonly id: string } | { readonly type: 'service' };

export interface HistoryEntry {
  readonly id: string;
  readonly type:
    | 'trigger_log_entry'
    | 'assign_log_entry'
    | 'notify_log_entry'
    | 'acknowledge_log_entry'
    | 'escalate_log_entry'
    | 'annotate_log_entry'
    | 'resolve_log_entry';
  readonly atMs: number;
  readonly agent: Agent;
  readonly summary: string;
}

export interface PagerNote {
  readonly id: string;
  readonly atMs: number;
  readonly userId: string;
  readonly content: string;
}

/** An incident as PagerDuty holds it. Times are ms since the epoch, by the injected clock. */
export interface PagerIncident {
  readonly id: string;
  readonly number: number;
  readonly alertId: string;
  readonly dedupKey: string;
  readonly title: string;
  readonly source: string;
  readonly severity: EventSeverity;
  readonly urgency: 'high' | 'low';
  readonly status: PagerStatus;
  readonly createdAtMs: number;
  readonly resolvedAtMs: number | null;
  readonly changedAtMs: number;
  /** Trigger events that went into it: 1, and one more for each that was deduplicated. */
  readonly triggers: number;
  /** The people that it is assigned to now; empty before the assignment and after the resolution. */
  readonly assignees: readonly PagerUser[];
  /** Who brought it into its status. */
  readonly changedBy: Agent;
  readonly acknowledgements: readonly { readonly agent: Agent; readonly atMs: number }[];
  readonly escalationLevel: number;
  readonly notes: readonly PagerNote[];
  readonly history: readonly HistoryEntry[];
  readonly customDetails: unknown;
  readonly links: readonly EventLink[];
}

export type PagerWebhookType =
  | 'incident.triggered'
  | 'incident.acknowledged'
  | 'incident.reassigned'
  | 'incident.escalated'
  | 'incident.resolved'
  | 'incident.unacknowledged'
  | 'incident.delegated'
  | 'incident.reopened'
  | 'incident.annotated';

export interface DeskOptions {
  readonly users: readonly PagerUser[];
  readonly schedules: readonly PagerSchedule[];
  readonly escalationPolicy: EscalationPolicy;
  readonly serviceUrgency: ServiceUrgency;
  readonly now: () => number;
  /**
   * How many accepted events come after a trigger before somebody is assigned: 0 (default) at once, `Infinity` never
   * by itself. Assignment at the real one comes some time after the 202, so a page is not delivered by its 202.
   */
  readonly assignAfterEvents?: number;
  /** Called after every change, with the webhook that it causes, if it causes one. */
  readonly onChange: (
    change: { type: PagerWebhookType; incident: PagerIncident; agent: Agent; note?: PagerNote } | null,
  ) => void;
}

/** Who is on call, on which schedule or directly, at which level of the policy. */
export interface OnCall {
  readonly user: PagerUser;
  readonly schedule: PagerSchedule | null;
  readonly level: number;
  readonly startMs: number;
  /** Null: for ever, as the real one says of somebody who is named in the policy itself. */
  readonly endMs: number | null;
}

/** The state of one account: one service, one escalation policy, its people, its incidents. */
export interface Desk {
  incidents(): readonly PagerIncident[];
  incident(id: string): PagerIncident | undefined;
  user(id: string): PagerUser | undefined;
  userByEmail(email: string): PagerUser | undefined;
  /** Applies an accepted event. An acknowledge or resolve that fits nothing is ignored, as the real one does. */
  apply(event: PagerEvent): void;
  acknowledge(id: string, agent: Agent): void;
  resolve(id: string, agent: Agent): void;
  /** The time to resolve after an acknowledgement is over: the service takes it back. */
  unacknowledge(id: string): void;
  reopen(id: string, agent: Agent): void;
  reassign(id: string, userIds: readonly string[], agent: Agent, how?: 'reassigned' | 'delegated'): void;
  /** Assigns the people of the next level of the policy; at the last level those of the last. */
  escalate(id: string, agent: Agent): void;
  /** Assigns what still waits for its assignment. */
  assign(id: string): void;
  note(id: string, userId: string, content: string): PagerNote;
  onCall(): readonly OnCall[];
  /** The shifts of each schedule after the one that runs, as far as they begin before `untilMs`. */
  onCallAhead(untilMs: number): readonly OnCall[];
  putOnCall(scheduleId: string, userId: string): void;
  /** Nobody was put into the schedules from then on, ms since the epoch; null: week after week for ever. */
  fillRotaUntil(endMs: number | null): void;
}

/** Of one answer: nobody asks for more than a year. */
const MOST_WEEKS = 53;

const SERVICE: Agent = { type: 'service' };
const WEEK_MS = 604_800_000;
/** 1970-01-01 was a Thursday: weeks begin on the Monday after it. */
const FIRST_MONDAY_MS = 4 * 86_400_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Held = Mutable<PagerIncident>;

/** An empty account. Unknown ids given to it throw an Error that names them: they are faults of a test. */
export function createDesk(options: DeskOptions): Desk {
  const { users, schedules, escalationPolicy, now } = options;
  const held: Held[] = [];
  /** Incidents that wait for their assignment, and the count of events at which they get it. */
  const unassigned = new Map<Held, number>();
  let filledUntil: number | null = null;
  const onCallBySchedule = new Map(schedules.map((one) => [one.id, one.userIds[0]]));
  let events = 0;
  let ids = 0;

  function nextId(prefix: string): string {
    ids += 1;
    return `${prefix}${ids.toString(36).toUpperCase().padStart(13, '0')}`;
  }

  function need(id: string): Held {
    const found = held.find((one) => one.id === id);
    if (!found) throw new Error(`there is no incident ${id}`);
    return found;
  }

  function needUser(id: string): PagerUser {
    const found = users.find((one) => one.id === id);
    if (!found) throw new Error(`there is no user ${id}`);
    return found;
  }

  function nameOf(agent: Agent): string {
    return agent.type === 'user' ? needUser(agent.id).name : 'the service';
  }

  function log(incident: Held, type: HistoryEntry['type'], agent: Agent, summary: string): void {
    incident.changedAtMs = now();
    incident.history = [...incident.history, { id: nextId('R'), type, atMs: now(), agent, summary }];
  }

  function usersAtLevel(level: number): PagerUser[] {
    const rule = escalationPolicy.rules[level - 1];
    const found = (rule?.targets ?? []).flatMap((target) => {
      const id = target.type === 'user' ? target.id : onCallBySchedule.get(target.id);
      return id === undefined ? [] : [needUser(id)];
    });
    return found.filter((user, index) => found.indexOf(user) === index);
  }

  function giveTo(incident: Held, people: readonly PagerUser[], agent: Agent): void {
    unassigned.delete(incident);
    incident.assignees = people;
    for (const user of people) {
      log(incident, 'assign_log_entry', agent, `Assigned to ${user.name}`);
      log(incident, 'notify_log_entry', SERVICE, `Notified ${user.name}`);
    }
  }

  function giveToOnCall(incident: Held): void {
    giveTo(incident, usersAtLevel(incident.escalationLevel), SERVICE);
  }

  /** Reassigning and escalating put an acknowledged incident back to triggered, as the real one does. */
  function retrigger(incident: Held, agent: Agent): void {
    if (incident.status !== 'triggered') incident.changedBy = agent;
    incident.status = 'triggered';
    incident.acknowledgements = [];
  }

  function open(event: PagerEvent & { action: 'trigger' }): Held {
    const { severity } = event;
    const dynamic = severity === 'critical' || severity === 'error' ? 'high' : 'low';
    const incident: Held = {
      id: nextId('Q'),
      number: held.length + 1,
      alertId: nextId('Q'),
      dedupKey: event.dedupKey,
      title: event.summary,
      source: event.source,
      severity,
      urgency: options.serviceUrgency === 'severity_based' ? dynamic : options.serviceUrgency,
      status: 'triggered',
      createdAtMs: now(),
      resolvedAtMs: null,
      changedAtMs: now(),
      triggers: 1,
      assignees: [],
      changedBy: SERVICE,
      acknowledgements: [],
      escalationLevel: 1,
      notes: [],
      history: [],
      customDetails: event.customDetails,
      links: event.links,
    };
    held.push(incident);
    unassigned.set(incident, events + (options.assignAfterEvents ?? 0));
    log(incident, 'trigger_log_entry', SERVICE, `Triggered through the API: ${event.summary}`);
    return incident;
  }

  const desk: Desk = {
    incidents: () => held.map((incident) => ({ ...incident })),
    incident: (id) => desk.incidents().find((one) => one.id === id),
    user: (id) => users.find((one) => one.id === id),
    userByEmail: (email) => users.find((one) => one.email.toLowerCase() === email.toLowerCase()),
    apply(event) {
      events += 1;
      const current = held.find((one) => one.dedupKey === event.dedupKey && one.status !== 'resolved');
      const opened = event.action === 'trigger' && !current ? open(event) : undefined;
      for (const [incident, due] of unassigned) {
        if (due <= events) giveToOnCall(incident);
      }
      if (opened) {
        options.onChange({ type: 'incident.triggered', incident: opened, agent: SERVICE });
      } else if (event.action === 'trigger' && current) {
        current.triggers += 1;
        current.customDetails = event.customDetails;
        options.onChange(null);
      } else if (event.action === 'acknowledge' && current) {
        desk.acknowledge(current.id, SERVICE);
      } else if (event.action === 'resolve' && current) {
        desk.resolve(current.id, SERVICE);
      } else {
        options.onChange(null);
      }
    },
    acknowledge(id, agent) {
      const incident = need(id);
      if (incident.status === 'resolved') throw new Error(`incident ${id} is resolved`);
      incident.status = 'acknowledged';
      incident.changedBy = agent;
      incident.acknowledgements = [...incident.acknowledgements, { agent, atMs: now() }];
      log(incident, 'acknowledge_log_entry', agent, `Acknowledged by ${nameOf(agent)}`);
      options.onChange({ type: 'incident.acknowledged', incident, agent });
    },
    resolve(id, agent) {
      const incident = need(id);
      if (incident.status === 'resolved') throw new Error(`incident ${id} is resolved`);
      incident.status = 'resolved';
      incident.changedBy = agent;
      incident.resolvedAtMs = now();
      incident.assignees = [];
      unassigned.delete(incident);
      log(incident, 'resolve_log_entry', agent, `Resolved by ${nameOf(agent)}`);
      options.onChange({ type: 'incident.resolved', incident, agent });
    },
    unacknowledge(id) {
      const incident = need(id);
      if (incident.status !== 'acknowledged') throw new Error(`incident ${id} is not acknowledged`);
      retrigger(incident, SERVICE);
      log(incident, 'notify_log_entry', SERVICE, 'Unacknowledged by the time-out');
      options.onChange({ type: 'incident.unacknowledged', incident, agent: SERVICE });
    },
    reopen(id, agent) {
      const incident = need(id);
      if (incident.status !== 'resolved') throw new Error(`incident ${id} is not resolved`);
      retrigger(incident, agent);
      incident.resolvedAtMs = null;
      giveToOnCall(incident);
      options.onChange({ type: 'incident.reopened', incident, agent });
    },
    reassign(id, userIds, agent, how = 'reassigned') {
      const incident = need(id);
      retrigger(incident, agent);
      giveTo(incident, userIds.map(needUser), agent);
      options.onChange({ type: `incident.${how}`, incident, agent });
    },
    escalate(id, agent) {
      const incident = need(id);
      incident.escalationLevel = Math.min(incident.escalationLevel + 1, escalationPolicy.rules.length);
      retrigger(incident, agent);
      log(incident, 'escalate_log_entry', agent, `Escalated to level ${incident.escalationLevel}`);
      giveToOnCall(incident);
      options.onChange({ type: 'incident.escalated', incident, agent });
    },
    assign(id) {
      giveToOnCall(need(id));
      options.onChange(null);
    },
    note(id, userId, content) {
      const incident = need(id);
      const note: PagerNote = { id: nextId('P'), atMs: now(), userId, content };
      incident.notes = [...incident.notes, note];
      const agent: Agent = { type: 'user', id: userId };
      log(incident, 'annotate_log_entry', agent, content);
      options.onChange({ type: 'incident.annotated', incident, agent, note });
      return note;
    },
    onCall() {
      const week = Math.floor((now() - FIRST_MONDAY_MS) / WEEK_MS);
      const startMs = week * WEEK_MS + FIRST_MONDAY_MS;
      return escalationPolicy.rules.flatMap((rule, index) =>
        rule.targets.flatMap((target): OnCall[] => {
          const schedule =
            schedules.find((one) => target.type === 'schedule' && one.id === target.id) ?? null;
          const id = target.type === 'user' ? target.id : onCallBySchedule.get(target.id);
          if (id === undefined) return [];
          const endMs = schedule === null ? null : startMs + WEEK_MS;
          return [{ user: needUser(id), schedule, level: index + 1, startMs, endMs }];
        }),
      );
    },
    onCallAhead(untilMs) {
      return desk.onCall().flatMap((shift): OnCall[] => {
        const { schedule, endMs } = shift;
        if (schedule === null || endMs === null) return [];
        const shifts: OnCall[] = [];
        const last = Math.min(untilMs, filledUntil ?? untilMs);
        let place = schedule.userIds.indexOf(shift.user.id);
        for (let startMs = endMs; startMs < last && shifts.length < MOST_WEEKS; startMs += WEEK_MS) {
          place = (place + 1) % schedule.userIds.length;
          const next = schedule.userIds[place];
          if (next === undefined) return [];
          const end = Math.min(startMs + WEEK_MS, filledUntil ?? Number.POSITIVE_INFINITY);
          shifts.push({ ...shift, user: needUser(next), startMs, endMs: end });
        }
        return shifts;
      });
    },
    fillRotaUntil(endMs) {
      filledUntil = endMs;
    },
    putOnCall(scheduleId, userId) {
      if (!onCallBySchedule.has(scheduleId)) throw new Error(`there is no schedule ${scheduleId}`);
      onCallBySchedule.set(scheduleId, needUser(userId).id);
      options.onChange(null);
    },
  };
  return desk;
}
