import type { Call, Reply, VenueProtocol } from '../venue/server.ts';
import { VenueRefusal } from '../venue/state.ts';
import type { VenueAccount } from '../venue.ts';
import { type AccountSettings, accountRoutes } from './account.ts';
import { authenticate, clockSkew, revokedKey } from './gate.ts';
import { marketRoutes } from './market-data.ts';
import { orderRoutes } from './orders.ts';
import { BybitError, type Category, type Desk, type Routes, wordRefusal } from './wire.ts';

/** Bybit's REST protocol v5: routes, keys and signatures, the envelope of every answer, the wording of errors. */
export function bybitProtocol(deps: {
  account: VenueAccount;
  now: () => number;
  settings: AccountSettings;
  apiKey: string;
  secret: string;
  after: (call: Call, cancels: boolean) => void;
}): VenueProtocol {
  const { account, now } = deps;
  const desk: Desk = { account, now };
  const routes: Routes = {
    ...marketRoutes(desk),
    ...orderRoutes(desk),
    ...accountRoutes(desk, deps.settings),
  };
  const routeOf = (call: Call) => {
    const key = `${call.method} ${call.path}`;
    return Object.hasOwn(routes, key) ? routes[key] : undefined;
  };
  const cancels = (call: Call) => routeOf(call)?.cancels ?? false;
  const envelope = (retCode: number, retMsg: string, result: unknown = {}, retExtInfo: unknown = {}) =>
    JSON.stringify({ retCode, retMsg, result, retExtInfo, time: now() });
  const refusal = (error: unknown, call: Call): Reply => {
    const known =
      error instanceof VenueRefusal
        ? wordRefusal(error, (call.params['category'] ?? 'linear') as Category)
        : error;
    if (!(known instanceof BybitError)) throw known;
    return { status: known.status, body: envelope(known.retCode, known.message) };
  };

  return {
    weight: () => 1,
    cancels,
    after: (call) => deps.after(call, cancels(call)),
    admit: (call) => {
      const route = routeOf(call);
      if (!route) return { status: 404, body: '{}' };
      if (!route.signed) return undefined;
      try {
        authenticate(call, deps, now());
        return undefined;
      } catch (error) {
        return refusal(error, call);
      }
    },
    answer: (call) => {
      try {
        const answered = routeOf(call)?.run(call.params);
        return { status: 200, body: envelope(0, 'OK', answered?.result, answered?.retExtInfo) };
      } catch (error) {
        return refusal(error, call);
      }
    },
    finish: (_, reply) => ({
      ...reply,
      headers: {
        'x-bapi-limit': '50',
        'x-bapi-limit-status': '49',
        'x-bapi-limit-reset-timestamp': String(now()),
        ...reply.headers,
      },
    }),
    canned: (kind, call) => {
      const said = (status: number, code: number, text: string): Reply => ({
        status,
        body: envelope(code, text),
      });
      switch (kind) {
        case 'appliedThen503':
          return said(503, 10000, 'Server Timeout');
        // Bybit's limit by call: HTTP 200, a second long.
        case 'http429':
          return said(200, 10006, 'Too many visits!');
        // Its limit by address, which is a ban; the page on rate limits gives the words alone.
        case 'http418':
          return { status: 403, body: '403, access too frequent', headers: { 'content-type': 'text/plain' } };
        case 'http500':
          return said(500, 10016, 'Internal server error');
        case 'maintenance':
          return said(200, 10016, 'Service is restarting');
        case 'revokedKey':
          return refusal(revokedKey(), call);
        case 'clockSkew':
          return refusal(clockSkew(now() - 60_000, now(), 5000), call);
        default:
          return kind satisfies never;
      }
    },
  };
}
