/** What a newcomer does next: said by the page itself, from what the bot says of its state. Pure. */

import type { ConsoleState } from '../state.ts';
import { type Html, html } from './markup.ts';

const AFTER_KILL = {
  FLAT: 'Every list and every position was read back, empty. When the cause is known: Resolve… on the headline.',
  RESIDUAL:
    'Something is left. The receipt names it: Flatten… or Accept residual… under it, then Resolve… on the headline.',
  UNKNOWN:
    'Not everything could be read; the receipt says what, and why. Look at the exchange, turn off what is broken: the kill goes on trying.',
} as const;

/** In a sentence or two; null while nothing waits for a person, or nothing is known. */
function nextWords({ status }: ConsoleState): string | null {
  const { trading, incidents, lastKill, bot } = status;
  if (bot.state !== 'up' || trading === null) return null;
  const open = incidents.filter(({ state }) => state !== 'resolved');
  if (trading.state === 'killed') {
    if (open.length === 0)
      return 'Trading stays stopped. In the thread: Edit… the postmortem, then Put into review. Then /resume, which two other people approve.';
    const verdict = lastKill?.verdict ?? null;
    return verdict === null
      ? 'The kill runs. Its receipt grows in the thread until every list was read back.'
      : AFTER_KILL[verdict];
  }
  if (open.length === 0) return null;
  return open.some(({ state }) => state === 'open')
    ? 'Acknowledge on the headline says that you have it. Kill… on the same headline stops everything; the runbook in its thread says when.'
    : 'The runbook in the thread says what to look at. On the headline: Kill… stops everything, Resolve… when it is over.';
}

/** The thread in which the last kill's receipt stands, where its headline is among the messages that are shown. */
function receiptThread({ status, messages }: ConsoleState): string | null {
  const incident = status.lastKill?.incident;
  if (incident === undefined) return null;
  const headline = messages.find(
    ({ replies, blocks }) => replies.count > 0 && JSON.stringify(blocks).includes(incident),
  );
  return headline?.ts ?? null;
}

/** The line under the top of the page; nothing while nothing waits for a person. */
export function nextHtml(state: ConsoleState): Html {
  const words = nextWords(state);
  if (words === null) return html``;
  const receipt = receiptThread(state);
  return html`<p class="next" id="next"><b>Next</b> <span>${words}</span>${receipt !== null && html` <button type="button" class="button small" id="show-receipt" data-receipt="${receipt}">Show the receipt</button>`}</p>`;
}
