/** Readiness on the desk's log, in words. Pure, no escaping. */

import { counted, utc } from '../words.ts';
import type { ReadinessEvent } from './events.ts';

export function describeReadiness(event: ReadinessEvent): string {
  switch (event.type) {
    case 'ReadinessProved': {
      const part = event.part === '' ? '' : ` (${event.part})`;
      return `Readiness ${event.line}${part} proved ${utc(event.provedAt)}: ${event.evidence}`;
    }
    case 'RotaRead':
      return `The rota was read to ${utc(event.to)}: ${counted(event.holes.length, 'hole')}, ${event.people
        .map(({ name }) => name)
        .join(', ')}`;
    case 'RotaUnread':
      return `The rota could not be read: ${event.reason}`;
    case 'TestPageAsked':
      return `Test page ${event.page} asked for`;
    case 'TestPageQueued':
      return `Test page ${event.page} queued at PagerDuty`;
    case 'TestPageFailed':
      return `Test page ${event.page} failed (${event.gaveUp ? 'gave up' : 'will retry'}): ${event.reason}`;
    case 'TestPageAcknowledged':
      return `Test page ${event.page} acknowledged by ${event.who}${event.person ? '' : ', which is no person'}`;
    case 'TestPageClosed':
      return `Test page ${event.page} resolved at PagerDuty`;
    case 'RunbooksSeen':
      return `The runbooks as they stand: ${counted(event.texts.length, 'text')}`;
    case 'RunbooksRead':
      return `Says that they read the runbooks (${counted(event.texts.length, 'text')})`;
    case 'ReadinessReminderSet':
      return event.dueAt === null
        ? 'Every line of readiness is green'
        : `Readiness is not green: #incidents is reminded at ${utc(event.dueAt)}`;
    case 'ReadinessReminded':
      return `Reminded #incidents of readiness: ${event.lines.join(', ')}`;
    case 'ReadinessRestated':
      return 'Readiness as it stands was written down again';
    default: {
      const unknown: never = event;
      return `An event that this version does not know: ${String((unknown as { type: unknown }).type)}`;
    }
  }
}
