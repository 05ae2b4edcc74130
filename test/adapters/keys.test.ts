/** What each venue says of itself and of our key, over the wire to its counterpart, and what is made of odd answers. */

import { afterEach, describe, expect, it } from 'vitest';
import { createVenue, type VenueOptions } from '../../src/adapters/ccxt.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { PROVEN } from '../../src/adapters/venues/index.ts';
import { readKey, readStatus } from '../../src/adapters/venues/self.ts';
import { ownFailure, VenueFailure, type Wire } from '../../src/adapters/venues/wire.ts';
import type { Venue } from '../../src/ports.ts';
import { startBinanceCounterpart } from '../../src/rehearsal/binance.ts';
import { startBybitCounterpart } from '../../src/rehearsal/bybit.ts';
import { startKrakenCounterpart } from '../../src/rehearsal/kraken.ts';
import { startOkxCounterpart } from '../../src/rehearsal/okx.ts';

const KEY = 'canaryKeyAAAA1111';
// Kraken's secrets are base64.
const SECRET = 'Y2FuYXJ5U2VjcmV0QkJCQjIyMjI=';
const PHRASE = 'canaryPhraseCCCC3333';

const openThings: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(openThings.splice(0).map((thing) => thing.close()));
});

async function venueAt(
  far: { url: string; close(): Promise<void> },
  exchange: string,
  more: Partial<VenueOptions> = {},
): Promise<Venue> {
  const venue = await createVenue({
    id: 'desk',
    exchange,
    apiKey: KEY,
    secret: SECRET,
    symbols: [],
    quoteAssets: ['USDT'],
    baseUrl: far.url,
    clock: systemClock,
    mask: (text) => text,
    protectiveOrders: 'cancel',
    ...more,
  });
  openThings.push(venue, far);
  return venue;
}

const SAFE = { canRead: true, canTrade: true, canWithdraw: false };

describe('what a key may do', () => {
  it.each(['binance', 'binanceusdm'])('%s tells it, futures and spot apart', async (exchange) => {
    const far = await startBinanceCounterpart({ apiKey: KEY, secret: SECRET });
    const venue = await venueAt(far, exchange);
    expect(await venue.keyPermissions()).toEqual({
      state: 'known',
      rights: { ...SAFE, expires: 'unknown', addressBound: true },
    });
    far.setRestrictions({ ipRestrict: false, enableFutures: false, enableWithdrawals: true });
    expect(await venue.keyPermissions()).toMatchObject({
      rights: { canTrade: exchange === 'binance', canWithdraw: true, addressBound: false },
    });
  });

  it('bybit tells it, with its wallet rights and the expiry of a key without an address', async () => {
    const far = await startBybitCounterpart({ apiKey: KEY, secret: SECRET });
    const venue = await venueAt(far, 'bybit');
    expect(await venue.keyPermissions()).toEqual({
      state: 'known',
      rights: { ...SAFE, expires: 'unknown', addressBound: false },
    });
    far.setSettings({ walletPermissions: ['AccountTransfer', 'Withdraw'] });
    expect(await venue.keyPermissions()).toMatchObject({ rights: { canWithdraw: true } });
  });

  it('okx tells it in one word list, and never the day it ends', async () => {
    const far = await startOkxCounterpart({ apiKey: KEY, secret: SECRET, passphrase: PHRASE });
    const venue = await venueAt(far, 'okx', { password: PHRASE });
    far.set({ perm: 'read_only,trade' });
    expect(await venue.keyPermissions()).toEqual({
      state: 'known',
      rights: { ...SAFE, expires: 'unknown', addressBound: false },
    });
    far.set({ perm: 'read_only,withdraw' });
    expect(await venue.keyPermissions()).toMatchObject({ rights: { canTrade: false, canWithdraw: true } });
  });

  it('kraken tells it, and until when', async () => {
    const far = await startKrakenCounterpart({ apiKey: KEY, secret: SECRET });
    const venue = await venueAt(far, 'kraken');
    expect(await venue.keyPermissions()).toEqual({ state: 'known', rights: { ...SAFE, expires: 'never' } });
    // A key that may place orders and not cancel them is none that can trade.
    far.setKey({ permissions: ['query-funds', 'modify-trades', 'withdraw-funds'], validUntil: '1800000000' });
    expect(await venue.keyPermissions()).toEqual({
      state: 'known',
      rights: { canRead: false, canTrade: false, canWithdraw: true, expires: 1_800_000_000_000 },
    });
  });

  it('a key that is turned away is refused, in words without a secret; a venue that fails is unknown', async () => {
    const far = await startBinanceCounterpart({ apiKey: KEY, secret: SECRET });
    const venue = await venueAt(far, 'binanceusdm');
    far.fault({ kind: 'revokedKey' });
    const refused = await venue.keyPermissions();
    expect(refused).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('the venue refuses the key'),
    });
    far.clearFaults();
    far.fault({ kind: 'http500' });
    const failed = await venue.keyPermissions();
    expect(failed).toMatchObject({ state: 'unknown', reason: expect.stringContaining('could not be asked') });
    expect(JSON.stringify([refused, failed])).not.toMatch(/canary|signature=|https?:/i);
  });

  it('an exchange outside the table cannot be asked: unknown, never fine', async () => {
    const far = await startBinanceCounterpart({ apiKey: KEY, secret: SECRET });
    const venue = await venueAt(far, 'binanceus');
    expect(await venue.keyPermissions()).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('binanceus'),
    });
    expect(far.requests()).toEqual([]);
  });
});

describe('odd answers about a key', () => {
  const facts = (exchange: string) => {
    const found = PROVEN.get(exchange);
    if (found === undefined) throw new Error(exchange);
    return found.key;
  };
  const answer = (exchange: string, said: unknown) => {
    const parsed = facts(exchange).call.answer.safeParse(said);
    return parsed.success ? parsed.data : null;
  };
  const bybit = (result: object) => answer('bybit', { result: { readOnly: 0, permissions: {}, ...result } });

  it.each([...PROVEN.keys()])('%s: what is no such answer is refused', (exchange) => {
    for (const said of [
      null,
      [],
      {},
      '<html>',
      { result: null },
      { data: [] },
      { enableReading: 'yes' },
      { result: { permissions: 'all' } },
    ])
      expect(answer(exchange, said), JSON.stringify(said)).toBeNull();
  });

  it('bybit: without rights it trades nothing; the day it ends is read, or not told', () => {
    expect(bybit({})).toEqual({
      canRead: false,
      canTrade: false,
      canWithdraw: false,
      expires: 'unknown',
      addressBound: false,
    });
    expect(bybit({ ips: ['203.0.113.7'] })).toMatchObject({ expires: 'never', addressBound: true });
    expect(bybit({ expiredAt: '2026-12-24T00:00:00Z' })).toMatchObject({ expires: Date.UTC(2026, 11, 24) });
    expect(bybit({ expiredAt: 'soon', ips: ['203.0.113.7'] })).toMatchObject({ expires: 'unknown' });
    expect(bybit({ readOnly: 1, permissions: { Spot: ['SpotTrade'] } })).toMatchObject({
      canRead: true,
      canTrade: false,
    });
  });

  it('binance: a right that is not told is not known, and an expiry counts where it is told', () => {
    expect(answer('binance', { enableReading: true, enableWithdrawals: false })).toMatchObject({
      canTrade: null,
    });
    expect(
      answer('binance', { enableReading: true, enableWithdrawals: false, tradingAuthorityExpirationTime: 5 }),
    ).toMatchObject({ expires: 5 });
  });

  it('each names its source, and the codes that turn a key away', () => {
    for (const { key } of PROVEN.values()) {
      expect(key.source).toMatch(/https:\/\/.*ccxt/);
      expect(key.refused.length).toBeGreaterThan(2);
    }
  });

  it('a code that is about something else is no refusal of the key', async () => {
    const failing = (code: string | null): Wire => ({
      call: () =>
        Promise.reject(
          new VenueFailure('no', { outcome: 'refused', venueCode: code, venueText: '', className: null }),
        ),
      loadMarkets: async () => undefined,
      marketById: () => undefined,
      marketBySymbol: () => undefined,
      cutToStep: () => null,
    });
    expect((await readKey(failing('-1003'), facts('binance'), 'binance')).state).toBe('unknown');
    expect((await readKey(failing(null), facts('binance'), 'binance')).state).toBe('unknown');
    expect((await readKey(failing('-2015'), facts('binance'), 'binance')).state).toBe('refused');
  });
});

describe('what a venue says of itself', () => {
  it('binance and kraken: up, in maintenance, and unknown when they do not answer', async () => {
    const binance = await startBinanceCounterpart({ apiKey: KEY, secret: SECRET });
    const kraken = await startKrakenCounterpart({ apiKey: KEY, secret: SECRET });
    for (const [far, exchange] of [
      [binance, 'binance'],
      [kraken, 'kraken'],
    ] as const) {
      const venue = await venueAt(far, exchange);
      expect(await venue.status()).toMatchObject({ state: 'ok' });
      if (far === kraken) kraken.setSystemStatus('maintenance');
      else binance.setSystemStatus('maintenance');
      expect(await venue.status()).toMatchObject({ state: 'down', word: 'maintenance' });
      far.fault({ kind: 'http500' });
      expect(await venue.status()).toMatchObject({ state: 'unknown' });
    }
  });

  const clock = { monotonic: () => 0 };
  it.each([
    [{ status: 'ok' }, 'ok'],
    [{ status: 'shutdown' }, 'down'],
    [{ status: '' }, 'unknown'],
    [{ status: 1 }, 'unknown'],
    [{ status: 'x'.repeat(100) }, 'unknown'],
    [null, 'unknown'],
  ])('%j is %s', async (said, state) => {
    expect((await readStatus(async () => said, clock)).state).toBe(state);
  });
  it('without such a call, or when it fails, it is unknown', async () => {
    expect((await readStatus(null, clock)).state).toBe('unknown');
    const failed = await readStatus(() => Promise.reject(ownFailure('timeout')), clock);
    expect(failed).toEqual({ state: 'unknown', reason: 'it could not be asked: timeout' });
  });
});
