/** What the outside is owed after an event: the only place where effects are made. Pure. */

import type { Effect, Lane, Work } from './effects.ts';
import type { Incident, StandingEvent } from './incident.ts';

/**
 * The effects that one event owes, given the incident after it. Their ids hold the incident's version, so that the same
 * event can never owe two different things under one id.
 */
export function react(event: StandingEvent, incident: Incident): Effect[] {
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
  const mail = (what: 'opened' | 'verdict' | 'resolved') =>
    owe('mail', `mail:${what}:${incident.version}`, {
      kind: 'mail',
      what,
      key: `${what}:${incident.version}`,
    });
  /** In the thread there is nothing to post to before the headline stands; `Posted` owes it again then. */
  const inThread = (effects: Effect[]) => (incident.posts['headline'] === undefined ? [] : effects);
  const notice = () =>
    inThread([owe(urgent, `notice:${incident.version}`, { kind: 'notice', version: incident.version })]);

  /** What the bot looked up delays no receipt and no headline; the first drawing of the steps is as urgent as they are. */
  const looked = () =>
    inThread([
      owe(incident.posts['runbook'] === undefined ? urgent : 'slack', 'runbook', { kind: 'runbook' }),
    ]);

  /** What is owed to one page stays in one lane, so that its resolve never overtakes its trigger. */
  const pageLane = (severity: Incident['severity']): Lane => (severity === 'P0' ? 'pageP0' : 'page');

  switch (event.type) {
    case 'IncidentOpened':
      return [headline(), ...(event.severity === 'P0' ? [mail('opened')] : [])];
    case 'PageOwed':
      return [owe(pageLane(event.severity), `page:${event.n}`, { kind: 'page', n: event.n }), headline()];
    case 'PageQueued':
      return [
        owe('pageCheck', `pageCheck:${event.n}`, { kind: 'pageCheck', n: event.n }),
        headline(),
        // Acknowledged here before the page had left: PagerDuty has not heard of it.
        ...(incident.acknowledged === undefined
          ? []
          : [
              owe(pageLane(incident.severity), `pageAcknowledge:${event.n}`, {
                kind: 'pageAcknowledge',
                n: event.n,
              }),
            ]),
      ];
    case 'Posted':
      if (event.what !== 'headline') return [];
      return [
        // Drawn again at once: between its drawing and its arrival things may have changed.
        headline(),
        owe(urgent, 'runbook', { kind: 'runbook' }),
        ...Object.keys(incident.kills).map(receipt),
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
          .filter((page) => page.state !== 'closed' && page.state !== 'superseded')
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
        ...(event.how === 'person' ? [owe('slack', 'postmortem', { kind: 'postmortem' })] : []),
        ...(incident.severity === 'P0' || incident.severity === 'P1' ? [mail('resolved')] : []),
      ];
    case 'SeverityChanged':
      // A raise to P0 tells the stakeholders as an opening would.
      return [headline(), ...(event.to === 'P0' ? [mail('opened')] : [])];
    case 'AlertFired':
    case 'AlertCleared':
    case 'PageAssigned':
    case 'PageFailed':
    case 'PageClosed':
      return [headline()];
    case 'IncidentReopened':
      return [
        headline(),
        ...inThread([
          owe(urgent, 'runbook', { kind: 'runbook' }),
          ...Object.keys(incident.kills).map(receipt),
        ]),
      ];
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
    case 'ClockMet':
      return [headline()];
    case 'ClockMissed':
    case 'CommanderAssigned':
    case 'IncidentMitigated':
    case 'PagerSaid':
      return [headline(), ...notice()];
    case 'CommandAsked':
    case 'CommandFinished':
      return [...notice(), ...looked()];
    case 'KillAsked':
      return [headline(), ...inThread([receipt(event.kill)])];
    case 'KillJoined':
    case 'KillLatched':
    case 'EngineConfirmed':
    case 'VenueCancelled':
    case 'VenueJudged':
    case 'KillSuperseded':
    case 'ResidualAccepted':
      return inThread([receipt(event.kill)]);
    case 'KillJudged':
      return [headline(), ...inThread([receipt(event.kill)]), mail('verdict')];
    case 'LatchLifted':
      return [headline(), ...notice(), ...inThread(Object.keys(incident.kills).slice(-1).map(receipt))];
    case 'PostmortemReviewed':
    case 'RecoveryChecked':
    case 'ResumeAsked':
    case 'ResumeApproved':
    case 'ResumeRefused':
      return [...notice(), ...inThread(Object.keys(incident.kills).slice(-1).map(receipt))];
    case 'CancelFinished':
    case 'FlattenFinished':
    case 'PostmortemDrafted':
    case 'NoteAdded':
    case 'ActionItemAdded':
    case 'UpdateReminded':
      return notice();
    case 'CancelAsked':
    case 'FlattenAsked':
    case 'AlertRepeated':
    case 'PageSuperseded':
    case 'PostFailed':
    case 'MailSent':
    case 'MailFailed':
    case 'MessageLogged':
    case 'MessageEdited':
    case 'MessageDeleted':
    case 'ControlWritten':
      return [];
    case 'ResolutionNoted':
    case 'RequestTaken':
    case 'MembersSeen':
      return [];
    default: {
      const unknown: never = event;
      throw new Error(`unknown event ${JSON.stringify(unknown)}`);
    }
  }
}
