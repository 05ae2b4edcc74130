/** What the outside is owed after an event: the only place where effects are made. Pure. */

import { owesPostmortem, suppliedAt } from './clocks.ts';
import { owedBy } from './drill/gameDay.ts';
import type { Effect, Lane, Work } from './effects.ts';
import { type Incident, type MailWhat, mailsAtOnce, type StandingEvent } from './incident.ts';
import { isAnswered } from './paging.ts';
import { postmortemOwed } from './postmortem/owed.ts';
import { unfiled, untold } from './tracker.ts';

/**
 * The effects that one event owes, given the incident after it. Their ids hold the incident's version, so that the same
 * event can never owe two different things under one id.
 */
export const react = (event: StandingEvent, incident: Incident): Effect[] =>
  owedBy(incident, [...reactions(event, incident), ...postmortemOwed(event, incident)]);

function reactions(event: StandingEvent, incident: Incident): Effect[] {
  const owe = (lane: Lane, target: string, work: Work): Effect => ({
    id: `${incident.id}/${incident.version}/${target}`,
    incident: incident.id,
    lane,
    target: `${incident.id}/${target}`,
    work,
  });
  const urgent: Lane = incident.severity === 'P0' ? 'slackUrgent' : 'slack';
  const headline = () => owe(urgent, 'headline', { kind: 'headline' });
  const receipt = (kill: string) => owe('slackUrgent', `receipt:${kill}`, { kind: 'receipt', kill });
  const mail = (what: MailWhat) =>
    owe('mail', 'mail', { kind: 'mail', what, key: `${what}:${incident.version}` });
  /** In the thread there is nothing to post to before the headline stands; `Posted` owes it again then. */
  const inThread = (effects: Effect[]) => (incident.posts['headline'] === undefined ? [] : effects);
  /** Posted with the resolution, and drawn again with all that it shows. */
  const checklist = () =>
    (incident.resolution?.owes ?? []).length > 0 || incident.posts['checklist'] !== undefined
      ? inThread([owe('slack', 'checklist', { kind: 'checklist' })])
      : [];
  /** Pages of clocks that were missed after the resolution end when what they ask for is there. */
  const lateDone = () =>
    incident.status !== 'resolved'
      ? []
      : incident.pages.flatMap(({ n, state, severity, clocks }) =>
          state !== 'closed' &&
          state !== 'superseded' &&
          clocks?.every((clock) => suppliedAt(incident, clock) !== null) === true
            ? [owe(pageLane(severity), `pageResolve:${n}`, { kind: 'pageResolve', n })]
            : [],
        );
  const supplied = () => [...checklist(), ...lateDone()];
  const notice = () =>
    inThread([owe(urgent, `notice:${incident.version}`, { kind: 'notice', version: incident.version })]);

  /** Action items that the tracker does not have. */
  const issues = (isMeant: (item: string) => boolean = () => true): Effect[] =>
    unfiled(incident)
      .filter(({ id }) => isMeant(id) && incident.issues[id]?.state !== 'failed')
      .map(({ id }) => owe('tracker', `issue:${id}`, { kind: 'issue', item: id }));

  /** The issues are told once of the postmortem that they are part of. */
  const tellIssues = (postmortem: string): Effect[] =>
    untold(incident, postmortem).map((item) =>
      owe('tracker', `issueComment:${item}`, { kind: 'issueComment', item, postmortem }),
    );
  /** What somebody made of the file by hand was kept: they are told where. */
  const byHandNotice = (one: { byHand?: string[] }) => (one.byHand === undefined ? [] : notice());

  /** The event as a note on the newest page that may be an incident at PagerDuty. */
  const mirror = (): Effect[] => {
    const page = incident.pages.findLast((one) => one.state !== 'failed' && one.state !== 'superseded');
    const { version } = incident;
    return page === undefined
      ? []
      : [owe('pageCheck', `pageMirror:${version}`, { kind: 'pageMirror', n: page.n, version })];
  };
  /** What the bot looked up delays no receipt and no headline; the first drawing of the steps is as urgent as they are. */
  const looked = () =>
    inThread([
      owe(incident.posts['runbook'] === undefined ? urgent : 'slack', 'runbook', { kind: 'runbook' }),
    ]);

  /** What is owed to one page stays in one lane, so that its resolve never overtakes its trigger. */
  const pageLane = (severity: Incident['severity']): Lane => (severity === 'P0' ? 'pageP0' : 'page');

  /** Acknowledged here before the page had left: PagerDuty has not heard of it. */
  const acknowledgeLate = (n: number): Effect[] => {
    const page = incident.pages.find((one) => one.n === n);
    return page === undefined || !isAnswered(incident, page)
      ? []
      : [owe(pageLane(page.severity), `pageAcknowledge:${n}`, { kind: 'pageAcknowledge', n })];
  };

  switch (event.type) {
    case 'IncidentOpened':
      return [headline(), ...(mailsAtOnce(event.severity) ? [mail('opened')] : [])];
    case 'PageOwed':
      return [owe(pageLane(event.severity), `page:${event.n}`, { kind: 'page', n: event.n }), headline()];
    case 'PageQueued':
      return [
        owe('pageCheck', `pageCheck:${event.n}`, { kind: 'pageCheck', n: event.n }),
        headline(),
        ...acknowledgeLate(event.n),
      ];
    case 'Posted':
      if (event.what !== 'headline') return [];
      return [
        // Drawn again at once: between its drawing and its arrival things may have changed.
        headline(),
        owe(urgent, 'runbook', { kind: 'runbook' }),
        ...Object.keys(incident.kills).map(receipt),
        ...supplied(),
        ...(incident.pages.length > 0
          ? [
              owe('pageCheck', 'pageNote', {
                kind: 'pageNote',
                n: 1,
                text: 'Slack thread',
              }),
            ]
          : []),
      ];
    case 'IncidentAcknowledged':
      return [
        headline(),
        // Its steps offer the acknowledgement no longer.
        ...inThread([owe(urgent, 'runbook', { kind: 'runbook' })]),
        ...incident.pages
          .filter((page) => !['closed', 'superseded', 'acknowledged'].includes(page.state))
          .map((page) =>
            owe(pageLane(page.severity), `pageAcknowledge:${page.n}`, { kind: 'pageAcknowledge', n: page.n }),
          ),
      ];
    case 'IncidentResolved':
      return [
        headline(),
        // Their buttons go with it.
        ...inThread([
          owe(urgent, 'runbook', { kind: 'runbook' }),
          ...Object.keys(incident.kills).map(receipt),
        ]),
        ...incident.pages
          .filter((page) => page.state !== 'closed')
          .map((page) =>
            owe(pageLane(page.severity), `pageResolve:${page.n}`, { kind: 'pageResolve', n: page.n }),
          ),
        ...(event.how === 'person' || owesPostmortem(incident)
          ? [owe('slack', 'postmortem', { kind: 'postmortem' })]
          : []),
        ...checklist(),
        ...issues(),
        // Whoever was told that it began is told that it is over, whatever it was lowered to.
        ...(incident.severity === 'P0' || incident.severity === 'P1' || incident.told !== undefined
          ? [mail('resolved')]
          : []),
      ];
    case 'SeverityChanged':
      // A raise to P0 tells the stakeholders as an opening would.
      return [
        headline(),
        // A person's reason is read in the thread; an alert's own words stand there already.
        ...(event.by.via === 'slack' ? notice() : []),
        ...(mailsAtOnce(event.to) ? [mail('opened')] : []),
      ];
    case 'AlertFired':
    case 'AlertCleared':
    case 'PageAssigned':
    case 'PageFailed':
    case 'PageClosed':
      return [headline()];
    case 'IncidentReopened':
      return [
        headline(),
        ...(event.by.via === 'slack' ? notice() : []),
        ...inThread([
          owe(urgent, 'runbook', { kind: 'runbook' }),
          ...Object.keys(incident.kills).map(receipt),
        ]),
        ...checklist(),
        ...(mailsAtOnce(incident.severity) ? [mail('reopened')] : []),
      ];
    case 'MailOwed':
      return [headline(), mail(event.what)];
    case 'MailSent':
      return [headline(), ...notice(), ...lateDone()];
    case 'MailFailed':
      return [headline(), ...notice()];
    case 'HoldPlaced':
    case 'HoldLifted':
      // A step shows who did what it asks for, and its timer whether somebody chose.
      return [headline(), ...notice(), ...looked()];
    case 'LatchAdopted':
    case 'ControlFailed':
      return [headline(), ...notice()];
    case 'StepMarked':
    case 'StepActed':
      return inThread([owe(urgent, 'runbook', { kind: 'runbook' })]);
    case 'StepChecked':
    case 'StepBranched':
      return looked();
    case 'FeedGapBegan':
      return [headline(), ...looked()];
    case 'FeedGapEnded':
      return [headline(), ...notice(), ...looked()];
    case 'ClockMissed':
      return [
        headline(),
        // Clocks that are missed together are one message.
        ...inThread([owe(urgent, `missed:${event.at}`, { kind: 'notice', version: incident.version })]),
        ...checklist(),
      ];
    case 'ChecklistMarked':
    case 'RootCauseNamed':
      return [headline(), ...supplied()];
    case 'PagerSaid':
      // That somebody has the page, the headline says.
      return event.what === 'triggered'
        ? [headline(), ...acknowledgeLate(event.n)]
        : [headline(), ...notice()];
    case 'CommanderAssigned':
    case 'IncidentMitigated':
      return [headline(), ...notice(), ...mirror()];
    case 'SummonOwed':
      return [
        event.way === 'mention'
          ? owe('slackUrgent', `summon:${event.n}`, { kind: 'summon', n: event.n })
          : owe('mail', `summonMail:${event.n}`, { kind: 'summonMail', n: event.n }),
      ];
    case 'SummonSent':
    case 'SummonFailed':
      return [headline()];
    case 'CommandAsked':
    case 'CommandFinished':
      return [...notice(), ...looked()];
    case 'KillAsked':
      return [headline(), ...inThread([receipt(event.kill)])];
    case 'KillLatched':
      // Whether what it orders stands in the control file, the headline says.
      return [headline(), ...inThread([receipt(event.kill)])];
    case 'KillJoined':
    case 'EngineConfirmed':
    case 'VenueCancelled':
    case 'VenueJudged':
    case 'KillSuperseded':
    case 'ResidualAccepted':
      return inThread([receipt(event.kill)]);
    case 'KillJudged':
      return [headline(), ...inThread([receipt(event.kill)]), mail('verdict'), ...mirror()];
    case 'LatchLifted':
      return [headline(), ...notice(), ...inThread(Object.keys(incident.kills).slice(-1).map(receipt))];
    case 'PostmortemReviewed':
    case 'PostmortemReturned':
    case 'RecoveryChecked':
      return [
        headline(),
        ...notice(),
        ...supplied(),
        ...inThread(Object.keys(incident.kills).slice(-1).map(receipt)),
      ];
    case 'ResumeAsked':
    case 'ResumeApproved':
    case 'ResumeRefused':
      return [...notice(), ...inThread(Object.keys(incident.kills).slice(-1).map(receipt))];
    case 'NoteAdded':
      return [
        // The message that an incident was declared from is there before its headline, and waits for it.
        ...(event.from === undefined
          ? notice()
          : [owe(urgent, `notice:${incident.version}`, { kind: 'notice', version: incident.version })]),
        ...mirror(),
      ];
    case 'CancelFinished':
    case 'FlattenFinished':
      return [...notice(), ...checklist()];
    case 'PostmortemFinalised':
      return [...notice(), ...tellIssues(event.id)];
    case 'PostmortemReminded':
      // Nobody looked before its time was over: the missed clock says so, to the same person.
      return event.day === 0 ? [] : notice();
    case 'PostmortemDrafted':
      return [...checklist(), ...byHandNotice(event)];
    case 'PostmortemRevised':
      return byHandNotice(event);
    case 'PostmortemEdited':
      // Its category is an item of the checklist.
      return event.field === 'category' && incident.status === 'resolved' ? [headline(), ...supplied()] : [];
    case 'ActionItemAdded':
      return [
        ...notice(),
        ...(incident.status === 'resolved' ? [headline(), ...supplied()] : []),
        ...issues((item) => item === event.id),
      ];
    case 'IssueFiled':
      // One that was filed late, or found by its mark, may not name it.
      return [
        ...notice(),
        ...checklist(),
        ...(incident.postmortem?.state === 'FINAL' ? tellIssues(incident.postmortem.id) : []),
      ];
    case 'IssueFailed':
    case 'IssueStateSeen':
      return [...notice(), ...checklist()];
    case 'ActionItemReminded':
      return notice();
    case 'IssueTriedAgain':
      return issues((item) => item === event.item);
    case 'MessageMarked':
      return event.mark === 'actionItem' ? issues((item) => item === `M${event.ts}`) : [];
    case 'IssueCommented':
      return [];
    case 'PictureDrawn':
      return inThread([owe('slack', 'picture', { kind: 'picture' })]);
    case 'PictureUploadFailed':
      return event.gaveUp ? notice() : [];
    case 'DrillFinished':
    case 'PictureFailed':
    case 'UpdateReminded':
    case 'IncidentReviewed':
    case 'IncidentAdjusted':
      return notice();
    case 'CancelAsked':
    case 'FlattenAsked':
    case 'AlertRepeated':
    case 'PageSuperseded':
    case 'PostFailed':
    // What it says is drawn from what was done.
    case 'ClockMet':
    case 'ImpactNoted':
    case 'TrailKept':
    case 'TrailMissing':
    case 'MoneyMeasured':
    case 'PictureUploaded':
    case 'BudgetNoted':
    case 'PostmortemAsked':
    case 'PostmortemShared':
    case 'PostmortemLastMinutes':
    case 'MessageLogged':
    case 'MessageEdited':
    case 'MessageDeleted':
    case 'MessageUnmarked':
    case 'MessagePinned':
    case 'MessageUnpinned':
    case 'ControlWritten':
      return [];
    case 'DrillNoted':
    case 'DrillPlanned':
    case 'DrillMissed':
    case 'DrillMissedSaid':
    case 'ResolutionNoted':
    case 'RequestTaken':
    case 'TimeExcluded':
    case 'MembersSeen':
    case 'CommandRefused':
    case 'MaintenanceSeen':
    case 'FileSetAside':
    case 'ReadinessProved':
    case 'RotaRead':
    case 'RotaUnread':
    case 'TestPageAsked':
    case 'TestPageQueued':
    case 'TestPageFailed':
    case 'TestPageAcknowledged':
    case 'TestPageClosed':
    case 'RunbooksSeen':
    case 'RunbooksRead':
    case 'ReadinessReminderSet':
    case 'ReadinessReminded':
    case 'ReadinessRestated':
      return [];
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}
