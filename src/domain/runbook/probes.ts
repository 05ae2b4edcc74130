/** What was looked up outside, as findings in words. Pure. */

import { type Finding, finding, roughly } from './finding.ts';

/** What a venue says of its own state. `ms` is how long the answer took. */
export type VenueState =
  | { state: 'ok'; ms: number }
  | { state: 'down'; word: string; until: number | null; ms: number }
  | { state: 'unknown'; reason: string };

/** What a key may do. Null: the venue does not say. `expires` in ms since the epoch. */
export interface KeyRights {
  canRead: boolean | null;
  canTrade: boolean | null;
  canWithdraw: boolean | null;
  expires: number | 'never' | 'unknown';
  /** Whether it works from some addresses only; absent: the venue does not say. */
  addressBound?: boolean;
}

/** `refused`: the venue turns the key itself away. */
export type KeyReading =
  | { state: 'known'; rights: KeyRights }
  | { state: 'refused'; reason: string }
  | { state: 'unknown'; reason: string };

/** Load of a machine. Null or absent: not measured. */
export interface HostLoad {
  cpuPct?: number | null;
  memPct?: number | null;
  diskPct?: number | null;
  /** p99 of how late the event loop runs, ms. */
  loopLagMs?: number | null;
}

/** What a status page answered. `description` is what it says of itself, where it says it as statuspage.io does. */
export type PageReading =
  | { state: 'answered'; status: number; description: string | null; indicator: string | null }
  | { state: 'failed'; reason: string };

const DAY_MS = 86_400_000;
/** A key that expires within a week is a thing to mend now. */
const EXPIRES_SOON_MS = 7 * DAY_MS;
const utcMinute = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

export function venueStateFinding(said: VenueState): Finding {
  switch (said.state) {
    case 'ok':
      return finding('ok', `up, by its own word (answered in ${said.ms} ms)`, `ok ${roughly(said.ms / 100)}`);
    case 'down': {
      const until = said.until === null ? '' : ` until ${utcMinute(said.until)} UTC`;
      return finding('bad', `${said.word}${until}, by its own word`);
    }
    case 'unknown':
      return finding('unknown', said.reason);
    default: {
      const never: never = said;
      return never;
    }
  }
}

/** "can read, can trade, cannot withdraw, does not expire": what is not said is unknown, and then the whole is. */
export function keyFinding(said: KeyReading, now: number): Finding {
  if (said.state === 'refused') return finding('bad', `the key is refused: ${said.reason}`);
  if (said.state === 'unknown') return finding('unknown', said.reason);
  const { canRead, canTrade, canWithdraw, expires } = said.rights;
  const may = (can: boolean | null, verb: string) =>
    can === null ? `whether it can ${verb} is not told` : `${can ? 'can' : 'cannot'} ${verb}`;
  const left = typeof expires === 'number' ? expires - now : null;
  const expiry =
    left === null
      ? expires === 'never'
        ? 'does not expire'
        : 'its expiry is not told'
      : left <= 0
        ? `EXPIRED at ${utcMinute(Number(expires))} UTC`
        : `expires ${utcMinute(Number(expires))} UTC${left < EXPIRES_SOON_MS ? ', in less than a week' : ''}`;
  const bad =
    canRead === false ||
    canTrade === false ||
    canWithdraw === true ||
    (left !== null && left < EXPIRES_SOON_MS);
  const notTold = canRead === null || canTrade === null || canWithdraw === null;
  // An expiry that a venue never tells alone does not make the key doubtful: it answered.
  const state = bad ? 'bad' : notTold ? 'unknown' : 'ok';
  const warning =
    canWithdraw === true ? 'CAN WITHDRAW, which this key must not' : may(canWithdraw, 'withdraw');
  return finding(state, [may(canRead, 'read'), may(canTrade, 'trade'), warning, expiry].join(', '));
}

/** From these on a machine is too busy. No source: the playbook names none. */
const TOO_BUSY = { cpuPct: 90, memPct: 90, diskPct: 90, loopLagMs: 200 } as const;
const HOST_WORDS = {
  cpuPct: 'CPU',
  memPct: 'memory',
  diskPct: 'disk',
  loopLagMs: 'event loop late',
} as const;
const HOST_KEYS = Object.keys(TOO_BUSY) as (keyof typeof TOO_BUSY)[];

/** One machine: each figure with its unit, those that were not sent are named. */
export function hostFinding(load: HostLoad): Finding {
  const measured = HOST_KEYS.flatMap((key) => {
    const value = load[key];
    return value === null || value === undefined || !Number.isFinite(value) || value < 0
      ? []
      : [{ key, value }];
  });
  if (measured.length === 0) return finding('unknown', 'it says nothing of its load');
  const busy = measured.filter(({ key, value }) => value >= TOO_BUSY[key]);
  const missing = HOST_KEYS.filter((key) => measured.every((one) => one.key !== key));
  const words = measured.map(({ key, value }) => {
    const unit = key === 'loopLagMs' ? 'ms' : '%';
    const over = value >= TOO_BUSY[key] ? ` (limit ${TOO_BUSY[key]} ${unit})` : '';
    return `${HOST_WORDS[key]} ${Math.round(value)} ${unit}${over}`;
  });
  const unsaid =
    missing.length === 0 ? '' : `; not told: ${missing.map((key) => HOST_WORDS[key]).join(', ')}`;
  const gist = measured.map(({ key, value }) => `${key} ${Math.round(value / 10)}`).join(' ');
  return finding(
    busy.length > 0 ? 'bad' : missing.length > 0 ? 'unknown' : 'ok',
    `${words.join(', ')}${unsaid}`,
    gist,
  );
}

/** Only a page that says "none" of itself is fine: an answer alone says that a web server runs. */
export function pageFinding(said: PageReading): Finding {
  if (said.state === 'failed') return finding('unknown', `it could not be asked: ${said.reason}`);
  const { status, description, indicator } = said;
  if (status < 200 || status > 299) return finding('unknown', `HTTP ${status}`);
  if (description === null || indicator === null)
    return finding('unknown', `HTTP ${status}, with no statement that can be read: look at it`);
  return finding(indicator === 'none' ? 'ok' : 'bad', `HTTP ${status}, it says: ${description}`);
}
