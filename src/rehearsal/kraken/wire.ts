import type { VenueOrder, VenueRefusal } from '../venue/state.ts';

/** Parameters of a request: a form, or the fields of a JSON body as text. */
export type Params = Readonly<Record<string, string>>;

/** An entry of the `error` array. Kraken sends it with HTTP 200. */
export class KrakenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KrakenError';
  }
}

export const UNKNOWN_ORDER = 'EOrder:Unknown order';

/** @returns the text of an answer. */
export const body = (errors: string[], result?: unknown): string =>
  JSON.stringify(result === undefined ? { error: errors } : { error: errors, result });

/** @returns Kraken's words for what its matching refuses. */
export function wordRefusal(refusal: VenueRefusal): string {
  switch (refusal.reason) {
    case 'unknownSymbol':
      return 'EQuery:Unknown asset pair';
    case 'badQuantity':
      return 'EGeneral:Invalid arguments:volume';
    case 'badPrice':
    case 'wouldTrigger':
      return 'EOrder:Invalid price:Invalid price argument';
    case 'minNotional':
      return 'EOrder:Order minimum not met';
    case 'insufficientBalance':
      return 'EOrder:Insufficient funds';
    case 'insufficientMargin':
      return 'EOrder:Insufficient margin';
    case 'reduceOnlyRejected':
    case 'reduceOnlyNotAllowed':
    case 'positionSideMismatch':
      return 'EOrder:Reduce only:No position exists';
    case 'wouldTake':
      return 'EOrder:Post only order';
    case 'duplicateClientId':
      return 'EGeneral:Invalid arguments:cl_ord_id';
    default:
      return refusal.reason satisfies never;
  }
}

/** @returns `OXXXXX-XXXXX-XXXXXX`, the form of Kraken's ids, from the 16 digits of the account's. */
export const txidOf = (id: string): string => `O${id.slice(0, 5)}-${id.slice(5, 10)}-${id.slice(10)}`;

/** @returns the account's id of a txid; what is none stays what it is, and is found nowhere. */
export const idOf = (txid: string): string => txid.replace(/^O(\d{5})-(\d{5})-(\d{6})$/, '$1$2$3');

/** @returns the number, or undefined when it was not sent. @throws KrakenError */
export function number(params: Params, name: string): number | undefined {
  const text = params[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new KrakenError(`EGeneral:Invalid arguments:${name}`);
  return value;
}

/** @throws KrakenError when it is missing */
export function need(params: Params, name: string): string {
  const text = params[name];
  if (text === undefined || text === '') throw new KrakenError('EGeneral:Invalid arguments');
  return text;
}

/** @returns the price at which the mark must arrive from: stops on the bad side of it, take-profits on the good one. */
export function triggerWhen(type: string, side: VenueOrder['side']): 'above' | 'below' {
  return type.startsWith('take-profit') === (side === 'sell') ? 'above' : 'below';
}
