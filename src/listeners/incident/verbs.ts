/** What each verb of `/incident` does: a row a verb. The incident is found before, and the role is checked before. */

import type { WebClient } from '@slack/web-api';
import { type Actor, type Incident, isWorse } from '../../domain/incident.ts';
import {
  actionView,
  handoverView,
  mitigateView,
  reopenView,
  severityView,
} from '../../render/incidentViews.ts';
import { onCallText } from '../../render/onCall.ts';
import { incidentList, incidentStatus } from '../../render/replies.ts';
import { dateTime, duration, fromSlack, inert, plain } from '../../render/text.ts';
import { type IncidentVerb, incidentHelp, unclearText } from '../../render/usage.ts';
import { declareView, resolveView } from '../../render/views.ts';
import { showBudgets } from '../budgets.ts';
import { type ListenerContext, type Reply, refusalFor } from '../context.ts';
import { commander, ownerName } from '../persons.ts';
import { postmortemReply } from '../postmortem.ts';
import { readinessVerb, readReadinessAsk } from '../readiness.ts';
import { summaryReply } from '../summary.ts';
import { timelineOf } from '../timeline.ts';
import { open } from '../trigger.ts';
import { drillReply, readDrill } from './drill.ts';
import {
  readActionItem,
  readDeclared,
  readExclusion,
  readMonth,
  readPerson,
  readSeverityChange,
  readTimes,
  type Times,
} from './read.ts';

/** A command as its verb sees it. `text` is Slack's wire form. */
export interface Asked {
  by: Actor;
  text: string;
  triggerId: string;
  client: WebClient;
  context: ListenerContext;
}
type OnIncident = Asked & { incident: Incident };

/** Which incidents a verb may mean when it names none. `past`: those that are over, when none is open. */
type About = 'open' | 'past' | 'resolved';

/** `reads` false: the text is unclear, and nothing is done. */
type Verb = {
  reads(text: string): boolean;
  /** What is about the desk where no incident is named: null for any other text. */
  onDesk?(text: string): ((asked: Asked) => Promise<Reply>) | null;
} & (
  | { about: 'desk'; run(asked: Asked): Promise<Reply> }
  | { about: About; run(asked: OnIncident): Promise<Reply> }
);

const nothing = (text: string): boolean => text === '';
const anything = (): boolean => true;
const optional =
  (read: (text: string) => unknown) =>
  (text: string): boolean =>
    text === '' || read(text) !== null;

export const VERBS: Record<IncidentVerb, Verb> = {
  help: { about: 'desk', reads: anything, run: async () => incidentHelp() },
  list: {
    about: 'desk',
    reads: nothing,
    run: async ({ context }) => incidentList(context.ledger.lines()),
  },
  declare: { about: 'desk', reads: anything, run: declare },
  oncall: {
    about: 'desk',
    reads: nothing,
    // Telephone numbers are in it: it is answered to the responder alone.
    run: async ({ context }) => onCallText(await context.onCall.now()),
  },
  budget: {
    about: 'desk',
    reads: optional(readMonth),
    run: async ({ by, text, client, context }) => showBudgets(by.id, readMonth(text), client, context),
  },
  readiness: {
    about: 'desk',
    reads: (text) => readReadinessAsk(text) !== null,
    run: async ({ by, text, context }) => readinessVerb(readReadinessAsk(text), by, context),
  },
  drill: { about: 'desk', reads: (text) => readDrill(text) !== null, run: drillReply },

  review: { about: 'past', reads: (text) => plain(fromSlack(text)) !== '', run: review },
  adjust: {
    about: 'past',
    reads: (text) => readTimes(text) !== null && !/^exclude(?:\s|$)/.test(text),
    run: adjust,
    onDesk(text) {
      const times = readExclusion(text);
      return times === null ? null : (asked) => exclude(asked, times);
    },
  },
  status: {
    about: 'past',
    reads: nothing,
    run: async ({ incident, context }) => incidentStatus(incident, context.ledger.trading()),
  },
  timeline: {
    about: 'past',
    reads: nothing,
    run: ({ incident, context }) => timelineOf(incident, context),
  },
  summary: {
    about: 'past',
    reads: nothing,
    run: ({ incident, context }) => summaryReply(incident, context),
  },
  postmortem: {
    about: 'past',
    reads: nothing,
    run: ({ incident, by, context }) => postmortemReply(incident, by, context),
  },

  ack: {
    about: 'open',
    reads: nothing,
    async run({ incident, by, context }) {
      await context.desk.command(incident.id, { type: 'AcknowledgeIncident', by });
      const told = incident.pages.length === 0 ? 'Nobody was paged for it.' : 'PagerDuty is being told.';
      return `You acknowledged ${incident.id}. ${told}`;
    },
  },
  severity: { about: 'open', reads: optional(readSeverityChange), run: severity },
  assign: { about: 'open', reads: (text) => readPerson(text)?.text === '', run: assign },
  handover: { about: 'open', reads: optional(readPerson), run: handover },
  note: { about: 'past', reads: (text) => plain(fromSlack(text)) !== '', run: note },
  action: { about: 'past', reads: optional(readActionItem), run: action },
  mitigate: { about: 'open', reads: anything, run: mitigate },
  resolve: {
    about: 'open',
    reads: anything,
    async run({ incident, text, client, triggerId, context }) {
      if (incident.status === 'resolved') return `${incident.id} is already resolved.`;
      return open(client, triggerId, resolveView(incident, fromSlack(text)), context);
    },
  },
  reopen: { about: 'resolved', reads: anything, run: reopen },
};

async function declare({ by, text, client, triggerId, context }: Asked): Promise<Reply> {
  const read = readDeclared(text);
  if (read === null) return open(client, triggerId, declareView(plain(fromSlack(text), 200)), context);
  const declared = await context.desk.declare(by, read.title, read.severity);
  return `${declared.id} is declared as ${declared.severity}. Its headline follows in <#${context.channel}>.`;
}

async function severity({ incident, by, text, client, triggerId, context }: OnIncident): Promise<Reply> {
  const read = readSeverityChange(text);
  if (read === null) return open(client, triggerId, severityView(incident), context);
  await context.desk.command(incident.id, { type: 'ChangeSeverity', by, ...read });
  const page = isWorse(read.to, incident.severity)
    ? 'The headline says who is paged.'
    : 'Nobody is paged for that.';
  return `${incident.id} is ${read.to} now, was ${incident.severity}. ${page}`;
}

async function assign({ incident, by, text, context }: OnIncident): Promise<Reply> {
  const who = await commander(context, readPerson(text)?.user ?? '');
  await context.desk.command(incident.id, { type: 'AssignCommander', by, who });
  return `${who.name} commands ${incident.id} now, and is told in its thread.`;
}

async function handover({ incident, by, text, client, triggerId, context }: OnIncident): Promise<Reply> {
  const read = readPerson(text);
  if (read === null || read.text === '')
    return open(client, triggerId, handoverView(incident, read?.user), context);
  const who = await commander(context, read.user);
  const told = plain(read.text, 2_000);
  await context.desk.command(incident.id, { type: 'AssignCommander', by, who, handover: told });
  return `Handed over: ${who.name} commands ${incident.id} now, and is told in its thread.`;
}

async function note({ incident, by, text, context }: OnIncident): Promise<Reply> {
  const said = plain(fromSlack(text), 2_000);
  await context.desk.command(incident.id, { type: 'AddNote', by, text: said });
  return `Noted on ${incident.id}.`;
}

async function action({ incident, by, text, client, triggerId, context }: OnIncident): Promise<Reply> {
  const read = readActionItem(text);
  if (read === null) return open(client, triggerId, actionView(incident), context);
  const { owner, ...item } = read;
  const name = owner === undefined ? undefined : await ownerName(context, owner);
  await context.desk.command(incident.id, {
    type: 'AddActionItem',
    by,
    ...item,
    ...(name === undefined ? {} : { owner: name }),
  });
  const draft =
    incident.postmortem === undefined
      ? 'The postmortem will have it.'
      : incident.postmortem.state === 'FINAL'
        ? `${incident.postmortem.id} is FINAL: it is not in it.`
        : `${incident.postmortem.id} has it with its next revision.`;
  return `Added to ${incident.id}, and shown in its thread. ${draft}`;
}

async function review({ incident, by, text, context }: OnIncident): Promise<Reply> {
  await context.desk.command(incident.id, {
    type: 'ReviewIncident',
    by,
    text: plain(fromSlack(text), 2_000),
  });
  return `The review of ${incident.id} is on record, and shown in its thread.`;
}

/** What loosens a budget is an approver's, as lifting its holds is. */
async function adjust({ incident, by, text, context }: OnIncident): Promise<Reply> {
  const times = readTimes(text);
  if (times === null) return unclearText('adjust');
  const refused = await refusalFor(context, by.id, 'approver');
  if (refused !== null) return refused;
  const { text: reason, ...rest } = times;
  const adjusted = await context.budgets.adjust(by, incident, { ...rest, reason });
  const months = adjusted.in.map(
    ({ before, after }) =>
      `${after.slo} of ${after.month}: ${duration(after.consumedSec * 1_000)} consumed, was ${duration(before.consumedSec * 1_000)}; ${after.status}, was ${before.status}.`,
  );
  return `${incident.id} has its true times. ${months.join(' ')} ${countedMinutes(adjusted.counted, 'every minute that they touch')} The old times are kept. Holds stay until an approver lifts them.`;
}

/** Whole minutes [from, to), since the epoch, in words. */
function countedMinutes({ from, to }: { from: number; to: number }, which: string): string {
  const time = (minute: number): string => dateTime(minute * 60_000).slice(0, 16);
  return `Whole minutes count, ${which}: ${time(from)} to ${time(to)} UTC.`;
}

async function exclude({ by, context }: Asked, { from, to, slo, text: name }: Times): Promise<Reply> {
  const refused = await refusalFor(context, by.id, 'approver');
  if (refused !== null) return refused;
  const { status } = await context.budgets.exclude(by, { from, to, name, slo });
  return `${slo ?? 'Every budget'}: “${inert(name, 300)}”, ${dateTime(from)} to ${dateTime(to)}, does not count, by your word. ${countedMinutes({ from: Math.ceil(from / 60_000), to: Math.floor(to / 60_000) }, 'those that lie within')} The desk is ${status}. Holds stay until an approver lifts them.`;
}

async function mitigate({ incident, by, text, client, triggerId, context }: OnIncident): Promise<Reply> {
  const said = plain(fromSlack(text), 2_000);
  if (said === '') return open(client, triggerId, mitigateView(incident), context);
  await context.desk.command(incident.id, { type: 'MitigateIncident', by, text: said });
  return `${incident.id} is mitigated, and stays open until it is resolved.`;
}

async function reopen({ incident, by, text, client, triggerId, context }: OnIncident): Promise<Reply> {
  const why = plain(fromSlack(text), 500);
  if (why === '') return open(client, triggerId, reopenView(incident), context);
  await context.desk.command(incident.id, { type: 'ReopenIncident', by, why });
  return `${incident.id} is open again. Its headline says who is paged.`;
}
