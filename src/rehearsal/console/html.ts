/** The rehearsal's page, as HTML made of plain data: each region from the state, and the page around them. Pure. */

import { channelsHtml, homeHtml, messagesHtml, modalHtml, threadHtml } from './page/chat.ts';
import {
  controlHtml,
  criteriaHtml,
  mailboxHtml,
  pagerDutyHtml,
  statusHtml,
  venueHtml,
} from './page/farSides.ts';
import { faultsHtml, runningHtml, scenariosHtml } from './page/stories.ts';
import type { Regions } from './state.ts';

export { page } from './page/shell.ts';

/** What each region shows now. A region without anything to show is ''. */
export const regions: Regions = {
  status: (state) => statusHtml(state).html,
  channels: (state) => channelsHtml(state).html,
  messages: (state) => `${runningHtml(state).html}${messagesHtml(state).html}`,
  thread: (state) => threadHtml(state).html,
  home: (state) => homeHtml(state).html,
  modal: (state) => modalHtml(state).html,
  venue: (state) => venueHtml(state).html,
  faults: (state) => faultsHtml(state).html,
  pagerduty: (state) => pagerDutyHtml(state).html,
  mailbox: (state) => mailboxHtml(state).html,
  control: (state) => controlHtml(state).html,
  criteria: (state) => criteriaHtml(state).html,
  scenarios: (state) => scenariosHtml(state).html,
};
