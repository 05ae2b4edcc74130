import type { Call, Reply, VenueProtocol } from '../venue/server.ts';
import { VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import { futuresRoutes } from './futures.ts';
import { emptyRoutes, futuresMarketRoutes } from './futures-market.ts';
import type { WeightGate } from './gate.ts';
import { authenticate, banned, clockSkew, familyOf, LimitError, revokedKey, tooMuch } from './gate.ts';
import { marginRoutes } from './margin.ts';
import { spotRoutes } from './spot.ts';
import type { Movement } from './transfers.ts';
import { transferRoutes } from './transfers.ts';
import type { WalletState } from './wallet.ts';
import { walletRoutes } from './wallet.ts';
import type { Desk, Routes } from './wire.ts';
import { BinanceError, encode, wordRefusal } from './wire.ts';

/** Binance's REST protocol: routes, keys and signatures, weights, and the wording of errors. */
export function binanceProtocol(deps: {
  account: VenueAccount;
  now: () => number;
  wallet: WalletState;
  movements: readonly Movement[];
  gate: WeightGate;
  apiKey: string;
  secret: string;
  after: (call: Call, cancels: boolean) => void;
}): VenueProtocol {
  const { account, now, gate } = deps;
  const desk: Desk = { account, now };
  const routes: Routes = {
    ...spotRoutes(desk),
    ...marginRoutes(desk),
    ...walletRoutes(desk, deps.wallet),
    ...transferRoutes(deps.movements),
    ...futuresMarketRoutes(desk),
    ...futuresRoutes(desk),
    ...emptyRoutes(desk),
  };
  const routeOf = (call: Call) => {
    const key = `${call.method} ${call.path}`;
    return Object.hasOwn(routes, key) ? routes[key] : undefined;
  };
  const weight = (call: Call) => {
    const cost = routeOf(call)?.weight ?? 1;
    return typeof cost === 'number' ? cost : cost(call.params);
  };
  const cancels = (call: Call) => routeOf(call)?.cancels ?? false;
  const refusal = (error: unknown, call: Call): Reply => {
    const known =
      error instanceof VenueRefusal
        ? wordRefusal(error, familyOf(call.path) === 'fapi' ? 'futures' : 'spot')
        : error;
    if (!(known instanceof BinanceError)) throw known;
    const body = encode({ code: known.code, msg: known.message });
    if (!(known instanceof LimitError)) return { status: known.status, body };
    return { status: known.status, body, headers: { 'retry-after': String(known.retryAfterSec) } };
  };
  const json = (status: number, code: number, msg: string): Reply => ({
    status,
    body: encode({ code, msg }),
  });

  return {
    weight,
    cancels,
    after: (call) => deps.after(call, cancels(call)),
    admit: (call) => {
      try {
        gate.charge(familyOf(call.path), weight(call));
        const route = routeOf(call);
        if (!route) return json(404, -5000, `Path ${call.path}, Method ${call.method} is invalid`);
        authenticate(call, route, deps, now());
        return undefined;
      } catch (error) {
        return refusal(error, call);
      }
    },
    answer: (call) => {
      try {
        return { status: 200, body: encode(routeOf(call)?.run(call.params)) };
      } catch (error) {
        return refusal(error, call);
      }
    },
    finish: (call, reply) => {
      const family = familyOf(call.path);
      const used = String(gate.used(family));
      const headers: Record<string, string> =
        family === 'sapi'
          ? { 'x-sapi-used-ip-weight-1m': used }
          : { 'x-mbx-used-weight': used, 'x-mbx-used-weight-1m': used };
      return { ...reply, headers: { ...headers, ...reply.headers } };
    },
    canned: (kind, call, fault) => {
      switch (kind) {
        case 'appliedThen503':
          return json(503, -1000, 'Unknown error, please check your request or try again later.');
        case 'http429':
          return refusal(tooMuch(gate.limit(familyOf(call.path)), fault.retryAfterSec ?? 5), call);
        case 'http418':
          return refusal(banned(now(), now() + (fault.retryAfterSec ?? 120) * 1000), call);
        case 'http500':
          return json(500, -1001, 'Internal error; unable to process your request. Please try again.');
        case 'maintenance':
          return json(503, -1016, 'This service is no longer available.');
        case 'revokedKey':
          return refusal(revokedKey(), call);
        case 'clockSkew':
          return refusal(clockSkew(), call);
        default:
          return kind satisfies never;
      }
    },
  };
}
