import type { Call, Reply, VenueProtocol } from '../venue/server.ts';
import { VenueRefusal } from '../venue/state.ts';
import { accountRoutes } from './account.ts';
import type { Engine } from './engine.ts';
import type { Credentials } from './gate.ts';
import { authenticate, clockSkew, createRateGate, revokedKey, tooMany } from './gate.ts';
import { publicRoutes } from './public.ts';
import { tradeRoutes } from './trade.ts';
import type { Desk, Params, Routes } from './wire.ts';
import { OkxError, wordRefusal } from './wire.ts';

/** OKX's REST protocol v5: routes, keys and signatures, limits, and the wording of errors. */
export function okxProtocol(deps: {
  desk: Desk;
  engine: Engine;
  credentials: Credentials;
  /** Count requests, and refuse those above OKX's published limits. */
  rateLimits: boolean;
}): VenueProtocol {
  const { desk, engine, credentials } = deps;
  const { now } = desk;
  const rates = createRateGate(now);
  const routes: Routes = { ...publicRoutes(desk), ...accountRoutes(desk), ...tradeRoutes(desk, engine) };
  const routeOf = (call: Call) => {
    const key = `${call.method} ${call.path}`;
    return Object.hasOwn(routes, key) ? routes[key] : undefined;
  };
  const cancels = (call: Call) => routeOf(call)?.cancels ?? false;
  const error = (status: number, code: string, msg: string): Reply => ({
    status,
    body: JSON.stringify({ code, data: [], msg }),
  });
  const refusal = (thrown: unknown): Reply => {
    if (thrown instanceof OkxError) return error(thrown.status, thrown.code, thrown.message);
    if (!(thrown instanceof VenueRefusal)) throw thrown;
    const { sCode, sMsg } = wordRefusal(thrown);
    return error(200, sCode, sMsg);
  };

  return {
    // OKX counts requests, each path by itself.
    weight: () => 1,
    cancels,
    after: (call) => engine.react(cancels(call)),
    admit: (call) => {
      try {
        const route = routeOf(call);
        if (route === undefined) return error(404, '50404', 'Not found');
        if (deps.rateLimits) rates.charge(call.path, route.limit);
        if (route.security === 'signed') authenticate(call, credentials, now());
        return undefined;
      } catch (thrown) {
        return refusal(thrown);
      }
    },
    answer: (call) => {
      try {
        const { params, rows } = bodyOf(call);
        return { status: 200, body: JSON.stringify(routeOf(call)?.run(params, rows)) };
      } catch (thrown) {
        return refusal(thrown);
      }
    },
    finish: (_, reply) => reply,
    canned: (kind, _, fault) => {
      const wait = { 'retry-after': String(fault.retryAfterSec ?? (kind === 'http418' ? 120 : 5)) };
      switch (kind) {
        case 'appliedThen503':
          return error(503, '50001', 'Service temporarily unavailable. Try again later.');
        case 'http429':
          return { ...refusal(tooMany()), headers: wait };
        case 'http418':
          // OKX has no 418 of its own; what stands in front of it may, and speaks no JSON.
          return { status: 418, body: 'blocked', headers: { ...wait, 'content-type': 'text/plain' } };
        case 'http500':
          return error(500, '50026', 'System error. Try again later.');
        case 'maintenance':
          return error(503, '50001', 'Service temporarily unavailable. Try again later.');
        case 'revokedKey':
          return refusal(revokedKey());
        case 'clockSkew':
          return refusal(clockSkew());
        default:
          return kind satisfies never;
      }
    },
  };
}

/** The parameters of a GET, or what a POST carries: an object, or a list of them. @throws OkxError 50002 */
function bodyOf(call: Call): { params: Params; rows: Params[] } {
  if (call.method === 'GET') return { params: call.params, rows: [] };
  let body: unknown;
  try {
    body = JSON.parse(call.body === '' ? '{}' : call.body);
  } catch {
    throw new OkxError('50002', 'JSON syntax error', 400);
  }
  return Array.isArray(body)
    ? { params: {}, rows: body.map(textFields) }
    : { params: textFields(body), rows: [] };
}

/** The fields of an object, each as text; what is no object has none. */
function textFields(value: unknown): Params {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key,
      typeof field === 'string' ? field : JSON.stringify(field),
    ]),
  );
}
