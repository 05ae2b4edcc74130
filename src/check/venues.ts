/** Each venue: whether the key stops trading and takes nothing away, and whether it can be read in full. */

import type { OpenVenue } from '../adapters/ccxt.ts';
import type { VenueConfig } from '../config.ts';
import type { VenueReading } from '../domain/kill.ts';
import { type KeyReading, keyFinding } from '../domain/runbook/probes.ts';
import type { Measured } from '../ports.ts';
import { count, fail, ok, once, type Probe, probe, type Said, unknown, warn } from './line.ts';

/** DESIGN 4: "Clocks are within a second". */
const SKEW_LIMIT_MS = 1_000;
const SKEW_NEAR_MS = 500;

const KEY_MEND =
  'Make a key of the bot’s own: read and trade, no withdrawals, bound to this machine’s address.';

/** What the key may do; what cannot be told is said, never taken for good. */
export function judgeKeyRights(said: KeyReading, now: number): Said {
  const { state, text: summary } = keyFinding(said, now);
  if (said.state === 'refused')
    return fail(summary, 'Check the key, its secret and the addresses that it is bound to.');
  if (said.state === 'unknown') return unknown(summary, 'Look at the key’s rights on the venue’s page.');
  const { addressBound } = said.rights;
  const bound =
    addressBound === undefined
      ? '; whether it is bound to an address is not told'
      : addressBound
        ? ', bound to an address'
        : ', NOT bound to an address';
  const whole = `${summary}${bound}`;
  if (state === 'bad') return fail(whole, KEY_MEND);
  if (state === 'unknown') return unknown(whole, KEY_MEND);
  return addressBound === false
    ? warn(whole, 'Bind it to this machine’s address at the venue: a stolen key is worth nothing then.')
    : ok(whole);
}

/** One whole reading: every list and every position, as a kill would read them. `answers`: it told its time meanwhile. */
export function judgeReading(reading: Pick<VenueReading, 'lists' | 'positions'>, answers: boolean): Said {
  const parts = [...reading.lists, ...reading.positions];
  if (reading.lists.length === 0 || reading.positions.length === 0)
    return unknown(
      `${count(reading.lists.length, 'list')} and ${count(reading.positions.length, 'scope')} were asked for: nobody knows what it holds`,
      'Look whether its exchange id, its market types and its symbols are right.',
    );
  const failed = [
    ...reading.lists.flatMap((one) => (one.state === 'failed' ? [`${one.list}: ${one.reason}`] : [])),
    ...reading.positions.flatMap((one) => (one.state === 'failed' ? [`${one.scope}: ${one.reason}`] : [])),
  ];
  if (failed.length === parts.length && !answers)
    return unknown(
      `it does not answer: ${failed[0] ?? ''}`,
      'See the venue’s status page, and whether this machine reaches it.',
    );
  if (failed.length > 0)
    return fail(
      `cannot be read: ${failed.join('; ')}: a kill would end in UNKNOWN`,
      'Give the key the right to read orders, balances and positions there; where the error is the venue’s own, see its status page.',
    );
  const orders = reading.lists.reduce((sum, one) => sum + (one.state === 'read' ? one.orders.length : 0), 0);
  const held = reading.positions.reduce(
    (sum, one) => sum + (one.state === 'read' ? one.positions.length : 0),
    0,
  );
  return ok(
    `${count(reading.lists.length, 'list')} and ${count(reading.positions.length, 'scope')} read: ${count(orders, 'order')}, ${count(held, 'position or balance', 'positions or balances')}`,
  );
}

/** Wallets and accounts that no reading covers. */
export function judgeCoverage(notCovered: string[]): Said {
  return notCovered.length === 0
    ? ok('nothing is left out')
    : warn(
        `no kill reaches: ${notCovered.join('; ')}`,
        'Keep nothing there, or look at the venue’s page after a kill.',
      );
}

export function judgeSkew(said: Measured<{ skewMs: number; withinMs: number }>): Said {
  const mend =
    'Let the machine keep time (systemd-timesyncd or chrony): a venue refuses what is a second off.';
  if (said.state === 'failed') return unknown(`its clock could not be read: ${said.reason}`, mend);
  const { skewMs, withinMs } = said;
  if (!Number.isFinite(skewMs) || !Number.isFinite(withinMs) || withinMs < 0)
    return unknown('what it says of its clock is no time', mend);
  const words = `${skewMs} ms, give or take ${withinMs} ms (limit ${SKEW_LIMIT_MS} ms)`;
  if (Math.abs(skewMs) - withinMs > SKEW_LIMIT_MS) return fail(`the clocks differ by ${words}`, mend);
  if (Math.abs(skewMs) + withinMs > SKEW_LIMIT_MS)
    return unknown(`its answer took too long to tell: ${words}`, mend);
  return Math.abs(skewMs) > SKEW_NEAR_MS ? warn(`the clocks differ by ${words}`, mend) : ok(words);
}

export function judgeSymbols(symbols: string[], said: Measured<{ symbols: string[] }>): Said {
  if (symbols.length === 0) return ok('none named: everything is read anyway');
  if (said.state === 'failed')
    return unknown(
      `its markets could not be loaded: ${said.reason}`,
      'See whether the venue is up, and try again.',
    );
  return said.symbols.length === 0
    ? ok(`${symbols.slice(0, 4).join(', ')}${symbols.length > 4 ? `, ${symbols.length - 4} more` : ''}`)
    : fail(
        `no such market: ${said.symbols.join(', ')}`,
        'Write ccxt’s unified names, e.g. BTC/USDT or BTC/USDT:USDT, in venues.*.symbols.',
      );
}

/**
 * Who else has this key: as far as the configuration tells, and what stands in the control file, which the engine reads.
 */
export function judgeSharing(venue: VenueConfig, all: VenueConfig[], controlFile: string): Said {
  const secrets = [venue.apiKey, venue.secret, venue.privateKey].filter(
    (one) => one !== null && one.length > 7,
  );
  if (secrets.some((one) => one !== null && controlFile.includes(one)))
    return fail(
      'it stands in the control file, so the engine has it: what the engine uses up, or has revoked or banned, the kill lacks',
      'Make a key of the bot’s own, and keep it out of the file that the engine reads.',
    );
  const same = all.filter((one) => one.id !== venue.id && one.apiKey === venue.apiKey).map(({ id }) => id);
  const saidAt = all.find((one) => one.apiKey === venue.apiKey)?.id ?? venue.id;
  if (saidAt !== venue.id) return ok(`said at ${saidAt}`);
  return same.length === 0
    ? ok('in no other venue here; whether the engine has it too no venue tells')
    : warn(
        `the same key as ${same.join(', ')}: one ban or one revocation takes them all; whether the engine has it too no venue tells`,
        'Make a key for each venue, and none that the engine has.',
      );
}

/** The first request opens the connection, which is no difference of the clocks: the closer of two is taken. */
async function closestClock(venue: Pick<OpenVenue, 'clockSkew'>): ReturnType<OpenVenue['clockSkew']> {
  const first = await venue.clockSkew();
  const second = await venue.clockSkew();
  if (first.state === 'failed') return second;
  return second.state === 'failed' || first.withinMs < second.withinMs ? first : second;
}

export function venueProbes(
  configured: VenueConfig[],
  opened: (OpenVenue | null)[],
  now: () => number,
  controlFile: () => Promise<string>,
): Probe[] {
  return configured.flatMap((venue, index): Probe[] => {
    const open = opened[index] ?? null;
    const id = `venue.${venue.id}`;
    if (open === null)
      return [
        probe(`${id}.exchange`, `${venue.id}: exchange`, async () =>
          fail(
            `ccxt has no exchange “${venue.exchange}”`,
            'Write ccxt’s id in small letters, e.g. binanceusdm.',
          ),
        ),
      ];
    const reading = once(() => open.read());
    const skew = once(() => closestClock(open));
    return [
      probe(`${id}.exchange`, `${venue.id}: exchange`, async () =>
        open.proven
          ? ok(`${venue.exchange} is in the proven table`)
          : warn(
              `${venue.exchange} is outside the proven table: a kill there ends in UNKNOWN at best`,
              'Look at its page after each kill; proven: binance, binanceusdm, bybit, okx, kraken.',
            ),
      ),
      probe(`${id}.key`, `${venue.id}: key`, async () => judgeKeyRights(await open.keyPermissions(), now())),
      probe(`${id}.shared`, `${venue.id}: key shared`, async () =>
        judgeSharing(venue, configured, await controlFile()),
      ),
      probe(`${id}.read`, `${venue.id}: reads`, async () =>
        judgeReading(await reading(), (await skew()).state === 'read'),
      ),
      probe(`${id}.notCovered`, `${venue.id}: not covered`, async () =>
        judgeCoverage((await reading()).notCovered),
      ),
      probe(`${id}.clock`, `${venue.id}: clock`, async () => judgeSkew(await skew())),
      probe(`${id}.symbols`, `${venue.id}: symbols`, async () =>
        judgeSymbols(venue.symbols, await open.unknownSymbols()),
      ),
      ...(venue.baseUrl === null
        ? []
        : [
            probe(`${id}.address`, `${venue.id}: address`, async () =>
              warn(
                `baseUrl sends everything to ${new URL(venue.baseUrl ?? '').host}${venue.drill ? ', marked as a drill' : ''}`,
                'Take baseUrl out for the real venue.',
              ),
            ),
          ]),
    ];
  });
}
