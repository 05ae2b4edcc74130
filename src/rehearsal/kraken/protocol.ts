import { bookAround } from '../venue/book.ts';
import { locked, unrealized } from '../venue/ledger.ts';
import type { Call, Reply, VenueProtocol } from '../venue/server.ts';
import { tidy, VenueRefusal } from '../venue/state.ts';
import type { Gate } from './gate.ts';
import { ASSETS, pairRow } from './markets.ts';
import { addOrder, cancelAll, cancelBatch, cancelOrder, type Desk, openOrders } from './orders.ts';
import { body, KrakenError, number, type Params, wordRefusal } from './wire.ts';

/** What GetApiKeyInfo says of the key, beside its name. Times in Unix seconds as text; "0": not set. */
export interface KeyInfo {
  permissions: string[];
  validUntil: string;
}

/** A key that can trade and cannot withdraw. */
export const TRADING_KEY: Readonly<KeyInfo> = {
  permissions: ['query-funds', 'query-open-trades', 'query-closed-trades', 'modify-trades', 'close-trades'],
  validUntil: '0',
};

interface Route {
  /** What it adds to the call counter; public calls and the matching engine's have limits of their own. */
  cost: number;
  cancels: boolean;
  run: (params: Params) => unknown;
}

const PUBLIC = '/0/public/';
const PRIVATE = '/0/private/';

/** Kraken's words for what the generic account calls otherwise. */
const LEDGER_TYPES: Record<string, string> = { REALIZED_PNL: 'margin', COMMISSION: 'trade' };

/** Kraken's REST protocol: routes, keys, nonces and signatures, the call counter, and errors that come with HTTP 200. */
export function krakenProtocol(
  desk: Desk,
  gate: Gate,
  status: () => 'online' | 'maintenance',
  key: () => KeyInfo,
): VenueProtocol {
  const { account, engine, now } = desk;
  let deadline: number | null = null;
  const listed = () => engine.markets.filter((market) => market.listed);

  const balance = (asset: string) => (account.state.spot.get(asset) ?? 0).toFixed(8);
  const assets = () => Array.from(account.state.spot.keys());
  const call = (cost: number, run: Route['run'], cancels = false): Route => ({ cost, run, cancels });
  const routes: Record<string, Route> = {
    [`GET ${PUBLIC}Time`]: call(0, () => ({
      unixtime: Math.floor(now() / 1000),
      rfc1123: new Date(now()).toUTCString(),
    })),
    [`GET ${PUBLIC}SystemStatus`]: call(0, () => ({
      status: status(),
      timestamp: new Date(now()).toISOString(),
    })),
    [`GET ${PUBLIC}AssetPairs`]: call(0, () =>
      Object.fromEntries(listed().map((market) => [market.id, pairRow(market)])),
    ),
    [`GET ${PUBLIC}Assets`]: call(0, () => {
      const names = new Set(listed().flatMap((market) => [market.base, market.quote]));
      return Object.fromEntries(
        Array.from(names, (name) => [
          name,
          {
            aclass: 'currency',
            altname: ASSETS[name] ?? name,
            decimals: 10,
            display_decimals: 5,
            status: 'enabled',
          },
        ]),
      );
    }),
    [`GET ${PUBLIC}Depth`]: call(0, (params) => {
      const market = engine.find(params['pair'] ?? '');
      if (market === undefined) throw new KrakenError('EQuery:Unknown asset pair');
      const { bids, asks } = bookAround(account.mark(market.id));
      const rows = (levels: [number, number][]) =>
        levels.map(([price, amount]) => [price.toFixed(8), amount.toFixed(3), Math.floor(now() / 1000)]);
      return { [market.id]: { bids: rows(bids), asks: rows(asks) } };
    }),
    [`GET ${PUBLIC}Ticker`]: call(0, (params) => {
      const asked = params['pair'];
      const markets = asked === undefined ? listed() : [engine.find(asked)];
      return Object.fromEntries(
        markets.map((market) => {
          if (market === undefined) throw new KrakenError('EQuery:Unknown asset pair');
          const price = account.mark(market.id).toFixed(8);
          const side = [price, '1', '1.000'];
          const day = [price, price];
          const row = {
            a: side,
            b: side,
            c: [price, '0.1'],
            v: ['9', '9'],
            p: day,
            t: [9, 9],
            l: day,
            h: day,
            o: price,
          };
          return [market.id, row];
        }),
      );
    }),
    // Needs no permission. ccxt counts 3 for it.
    [`POST ${PRIVATE}GetApiKeyInfo`]: call(1, () => ({
      apiKeyName: 'standdown',
      nonceWindow: 0,
      ...key(),
      queryFrom: '0',
      queryTo: '0',
      createdTime: '1772542900',
      modifiedTime: '1772543095',
      ipAllowlist: [],
    })),
    [`POST ${PRIVATE}Balance`]: call(1, () =>
      Object.fromEntries(assets().map((asset) => [asset, balance(asset)])),
    ),
    [`POST ${PRIVATE}BalanceEx`]: call(1, () =>
      Object.fromEntries(
        assets().map((asset) => [
          asset,
          { balance: balance(asset), hold_trade: locked(account.ledger, 'spot', asset).toFixed(8) },
        ]),
      ),
    ),
    [`POST ${PRIVATE}TradeBalance`]: call(1, () => {
      const net = sum(account.state.positions.values(), (position) => unrealized(account.state, position));
      const money = account.state.swap.get('ZUSD') ?? 0;
      return { eb: money.toFixed(4), tb: money.toFixed(4), n: net.toFixed(4), e: (money + net).toFixed(4) };
    }),
    [`POST ${PRIVATE}Ledgers`]: call(2, (params) => {
      const from = number(params, 'start') ?? 0;
      const until = number(params, 'end') ?? Number.POSITIVE_INFINITY;
      const offset = number(params, 'ofs') ?? 0;
      const rows = account.state.income
        // Kraken's start is exclusive.
        .filter((row) => row.at / 1_000 > from && row.at / 1_000 <= until)
        .reverse();
      return {
        count: rows.length,
        ledger: Object.fromEntries(
          rows.slice(offset, offset + 50).map((row) => [
            `L${String(row.id).padStart(5, '0')}-AAAAA-BBBBBB`,
            {
              refid: '',
              time: row.at / 1_000,
              type: LEDGER_TYPES[row.type] ?? row.type,
              subtype: '',
              aclass: 'currency',
              asset: row.asset,
              amount: row.amount.toFixed(10),
              fee: '0.0000000000',
              balance: '0.0000000000',
            },
          ]),
        ),
      };
    }),
    [`POST ${PRIVATE}OpenOrders`]: call(1, () => openOrders(desk)),
    [`POST ${PRIVATE}OpenPositions`]: call(1, (params) => openPositions(desk, params)),
    [`POST ${PRIVATE}AddOrder`]: call(0, (params) => addOrder(desk, params)),
    [`POST ${PRIVATE}CancelOrder`]: call(0, (params) => cancelOrder(desk, params), true),
    [`POST ${PRIVATE}CancelOrderBatch`]: call(0, (params) => cancelBatch(desk, params), true),
    [`POST ${PRIVATE}CancelAll`]: call(1, () => cancelAll(desk), true),
    [`POST ${PRIVATE}CancelAllOrdersAfter`]: call(1, (params) => {
      const seconds = number(params, 'timeout') ?? 0;
      deadline = seconds > 0 ? now() + seconds * 1000 : null;
      const iso = (at: number) => `${new Date(at).toISOString().slice(0, 19)}Z`;
      return { currentTime: iso(now()), triggerTime: deadline === null ? '0' : iso(deadline) };
    }),
  };
  const routeOf = ({ method, path }: Call): Route | undefined =>
    Object.hasOwn(routes, `${method} ${path}`) ? routes[`${method} ${path}`] : undefined;

  const no = (error: string, status = 200): Reply => ({ status, body: body([error]) });
  const orRefusal = (work: () => Reply | undefined): Reply | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof VenueRefusal) return no(wordRefusal(error));
      if (error instanceof KrakenError) return no(error.message);
      throw error;
    }
  };

  return {
    weight: (request) => routeOf(request)?.cost ?? 0,
    cancels: (request) => routeOf(request)?.cancels ?? false,
    after: (request) => engine.react(request, routeOf(request)?.cancels ?? false),
    admit: (request) => {
      if (deadline !== null && now() >= deadline) {
        deadline = null;
        account.cancel(account.openOrders());
      }
      return orRefusal(() => {
        const route = routeOf(request);
        if (route === undefined) return no('EGeneral:Unknown method');
        if (!request.path.startsWith(PRIVATE)) return undefined;
        gate.authenticate(request);
        gate.charge(route.cost);
        return undefined;
      });
    },
    answer: (request) =>
      orRefusal(() => ({ status: 200, body: body([], routeOf(request)?.run(request.params)) })) ??
      no('EGeneral:Internal error'),
    finish: (_request, reply) => reply,
    canned: (kind) => {
      switch (kind) {
        case 'appliedThen503':
          // The most treacherous: carried out, HTTP 200, and words that sound as if it were not.
          return no('EService:Busy');
        case 'http429':
          return no('EAPI:Rate limit exceeded');
        case 'http418':
          return no('EGeneral:Temporary lockout');
        case 'http500':
          return no('EGeneral:Internal error', 500);
        case 'maintenance':
          return no('EService:Unavailable');
        case 'revokedKey':
          return no('EAPI:Invalid key');
        case 'clockSkew':
          return no('EAPI:Invalid nonce');
        default:
          return kind satisfies never;
      }
    },
  };
}

function sum<T>(rows: Iterable<T>, value: (row: T) => number): number {
  return Array.from(rows).reduce((total, row) => total + value(row), 0);
}

/**
 * POST OpenPositions, one entry for each order that opened a part. Every position shows as two: one of its whole size
 * that was half closed since, and one of the other half. `value` and `net` only with `docalcs`.
 */
function openPositions({ account, engine, now }: Desk, params: Params): unknown {
  const calcs = params['docalcs'] === 'true';
  const held = Array.from(account.state.positions.values()).filter((position) => position.amount !== 0);
  const rows = held.flatMap((position) => {
    const amount = Math.abs(position.amount);
    const half = tidy(amount / 2);
    const net = unrealized(account.state, position) / 2;
    const part = (vol: number, closed: number) => ({
      ordertxid: 'OAAAAA-AAAAA-AAAAAA',
      posstatus: 'open',
      pair: engine.find(position.symbol)?.id ?? position.symbol,
      time: now() / 1000,
      type: position.amount > 0 ? 'buy' : 'sell',
      ordertype: 'market',
      cost: (vol * position.entryPrice).toFixed(5),
      fee: '0.00000',
      vol: vol.toFixed(8),
      vol_closed: closed.toFixed(8),
      margin: ((vol * position.entryPrice) / position.leverage).toFixed(5),
      terms: '0.0100% per 4 hours',
      rollovertm: '0',
      misc: '',
      oflags: '',
      ...(calcs
        ? {
            value: ((vol - closed) * account.mark(position.symbol)).toFixed(4),
            net: `${net >= 0 ? '+' : ''}${net.toFixed(4)}`,
          }
        : {}),
    });
    return [part(amount, half), part(tidy(amount - half), 0)];
  });
  if (params['consolidation'] !== 'market')
    return Object.fromEntries(
      rows.map((row, index) => [`TPOSIT-${String(index).padStart(5, '0')}-AAAAAA`, row]),
    );
  return held.map((position) => ({
    pair: position.symbol,
    positions: '2',
    type: position.amount > 0 ? 'buy' : 'sell',
    leverage: position.leverage.toFixed(5),
    cost: Math.abs(position.amount * position.entryPrice).toFixed(5),
    fee: '0.00000',
    vol: Math.abs(position.amount).toFixed(8),
    vol_closed: '0.00000000',
    margin: Math.abs((position.amount * position.entryPrice) / position.leverage).toFixed(5),
    ...(calcs ? { net: unrealized(account.state, position).toFixed(4) } : {}),
  }));
}
