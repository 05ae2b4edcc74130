/** What was measured over an incident, in words: rows of the timeline, and of the postmortem's money. Pure, not escaped. */

import type { StandingEvent } from '../incident.ts';
import type { Cited } from '../postmortem/view.ts';
import { counted, listed, utc } from '../words.ts';
import {
  type AssetMoney,
  type KeptTrail,
  newestOf,
  type TrailEvent,
  type VenueMoney,
  type VenueUnrealised,
} from './record.ts';

/** As it was said: no digit is rounded away, and none is made up. */
const amount = (value: number): string => {
  const text = String(Number(value.toPrecision(12)));
  return value > 0 ? `+${text}` : text;
};

export function trailWords(event: TrailEvent): string {
  switch (event.type) {
    case 'TrailKept':
      return `Put on record what was measured from ${utc(event.from)} to ${utc(event.to)}: ${counted(event.lines.length, 'line')}${event.leftOut > 0 ? `, ${event.leftOut} left out` : ''}`;
    case 'TrailMissing':
      return `What was measured over the incident could not be read: ${event.reason}`;
    case 'MoneyMeasured':
      return `Money by the venues' own records: ${listed([...event.ledgers.map(ledgerWords), ...event.unrealised.map(unrealisedWords)], 'no venue is configured')}`;
    case 'PictureDrawn':
      return `Picture drawn: ${event.png}, SHA-256 ${event.pngSha256}; ${event.svg}, SHA-256 ${event.svgSha256}`;
    case 'PictureFailed':
      return `The picture could not be drawn: ${event.reason}`;
    case 'PictureUploaded':
      return `Picture ${event.png} uploaded to the thread`;
    case 'PictureUploadFailed':
      return `Picture ${event.png} could not be uploaded: ${event.reason}${event.gaveUp ? '; it will not be tried again' : ''}`;
    default: {
      const unknown: never = event;
      return JSON.stringify(unknown);
    }
  }
}

const assetWords = ({ asset, realised, fees, other }: AssetMoney): string =>
  `realised ${amount(realised)}, fees ${amount(fees)}, funding and other ${amount(other)} ${asset}`;

function ledgerWords(money: VenueMoney): string {
  const { venue } = money;
  if (money.state !== 'read') {
    const unknown = money.state === 'failed' ? 'UNKNOWN, ' : '';
    return `${venue}: realised and fees ${unknown}not said by ${venue} (${money.reason})`;
  }
  const { ledger, leftOut, assets } = money;
  const said = assets.length === 0 ? 'no profit, loss or fee is in it' : listed(assets.map(assetWords), '');
  const rest = leftOut === 0 ? '' : `; ${counted(leftOut, 'row')} in no sum (one asset for another)`;
  return `${venue}: ${said}, by its ${ledger} read at ${utc(money.at)}${rest}`;
}

function unrealisedWords(money: VenueUnrealised): string {
  const { venue, at } = money;
  if (money.state === 'failed') return `${venue}: unrealised UNKNOWN, not said by ${venue} (${money.reason})`;
  if (money.sums.length === 0) return `${venue}: nothing open, so nothing unrealised, read at ${utc(at)}`;
  const sums = money.sums.map(({ currency, amount: sum }) =>
    sum === null ? `not said in ${currency}` : `${amount(sum)} ${currency}`,
  );
  return `${venue}: unrealised ${listed(sums, '')}, by its positions read at ${utc(at)}`;
}

/** The desk's profit of the day at a moment, as the newest point before it says; null where it was not known then. */
function dayPnlAt({ lines, from, to }: KeptTrail, at: number): { at: number; value: number } | null {
  // What is on record ends before it: of an earlier end, when this one could not be read.
  if (at > to) return null;
  const points = lines.find(({ of }) => of === 'dayPnl')?.points ?? [];
  const [sec, value] = points.findLast(([one]) => from + one * 1_000 <= at) ?? [0, null];
  return value === null ? null : { at: from + sec * 1_000, value };
}

/** What is on record of the money of an incident, a statement a row, each with the event that says it. */
export function moneyOf(
  incident: { openedAt: number; resolution?: { at: number } },
  history: readonly StandingEvent[],
): Cited[] {
  const row = (n: number, text: string): Cited => ({ n, link: null, text, author: null, deleted: false });
  const money = newestOf(history, 'MoneyMeasured');
  const trail = newestOf(history, 'TrailKept');
  const days = (['opening', 'resolution'] as const).flatMap((when) => {
    const at = when === 'opening' ? incident.openedAt : incident.resolution?.at;
    if (trail === null || at === undefined) return [];
    const said = dayPnlAt(trail.event, at);
    const words =
      said === null
        ? 'unknown, nothing measured it'
        : `${amount(said.value)} ${trail.event.currency} (realised and unrealised since 00:00 UTC)`;
    return [
      row(trail.n, `Profit and loss of the day at the ${when}, as the daily loss is measured: ${words}.`),
    ];
  });
  const venues =
    money === null
      ? []
      : [
          ...money.event.ledgers.map((one) =>
            row(money.n, `From ${utc(money.event.from)} to ${utc(money.event.to)}, ${ledgerWords(one)}.`),
          ),
          ...money.event.unrealised.map((one) => row(money.n, `After it, ${unrealisedWords(one)}.`)),
        ];
  return [...venues, ...days];
}
