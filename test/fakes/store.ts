/** A store in memory, for tests of what stands on one. Durable after one turn of the microtask queue. */

import { sha256 } from '../../src/adapters/sha256.ts';
import { summaryOf } from '../../src/adapters/storeFiles.ts';
import { headAt, linksOf } from '../../src/domain/chain.ts';
import { evolve, type Incident, type StandingEvent } from '../../src/domain/incident.ts';
import { evolveTrading, RUNNING } from '../../src/domain/trading.ts';
import { DESK, type Store, type StoredEffect, StoreUnavailable } from '../../src/ports.ts';

/** A store that starts empty. `fail(reason)` makes it refuse every append from then on. */
export function fakeStore(now: () => number): Store & { fail(reason: string): void } {
  const logs = new Map<string, StandingEvent[]>();
  const stored = new Map<string, number>();
  const incidents = new Map<string, Incident>();
  const owed = new Map<string, StoredEffect>();
  const listeners: Parameters<Store['onAppended']>[0][] = [];
  let trading = RUNNING;
  let failure: string | null = null;
  const version = (stream: string) => logs.get(stream)?.length ?? 0;
  const summaries = () =>
    [...incidents.values()].map((one) => summaryOf(one, Object.keys(one.alerts).length));
  const settled = Promise.resolve();

  return {
    async append(stream, expectedVersion, given, effects, settles = []) {
      if (failure !== null) throw new StoreUnavailable(failure);
      if (given.length + effects.length > 0 && version(stream) !== expectedVersion) return 'conflict';
      const events = structuredClone(given);
      let incident = incidents.get(stream);
      if (stream !== DESK) for (const event of events) incident = evolve(incident, event);
      if (incident !== undefined) incidents.set(stream, incident);
      if (events.length > 0) logs.set(stream, [...(logs.get(stream) ?? []), ...events]);
      trading = events.reduce((state, event) => evolveTrading(state, event, stream), trading);
      await settled;
      stored.set(stream, version(stream));
      for (const id of settles) owed.delete(id);
      for (const effect of effects) owed.set(effect.id, { effect, recovered: false });
      for (const listener of listeners) listener(stream, events, effects);
      return 'appended';
    },
    load: async (id) => incidents.get(id),
    peek: (id) => incidents.get(id),
    version,
    history: async (stream) => [...(logs.get(stream) ?? [])],
    chain: async (stream) => {
      const events = (logs.get(stream) ?? []).slice(0, stored.get(stream) ?? 0);
      const hashes = linksOf(stream, { from: 0, hashes: [] }, events, sha256);
      return headAt({ from: 0, hashes }, events.length);
    },
    summaries,
    open: () => [...incidents.values()].filter(({ status }) => status !== 'resolved'),
    latestOfGroup: (source, groupKey) =>
      summaries().findLast((one) => one.source === source && one.groupKey === groupKey),
    trading: () => trading,
    strayResolution(id) {
      const found = (logs.get(DESK) ?? []).findLast(
        (one) =>
          one.type === 'ResolutionNoted' && `${one.source}|${one.groupKey}|${one.key}|${one.startsAt}` === id,
      );
      return found?.type === 'ResolutionNoted' && found.at > now() - 86_400_000 ? found.endedAt : undefined;
    },
    owed: () => [...owed.values()],
    onAppended: (listener) => void listeners.push(listener),
    failure: () => failure,
    report: () => ({ events: 0, notes: [], aside: [] }),
    close: async () => {
      failure ??= 'the store is closed';
    },
    fail: (reason) => {
      failure = reason;
    },
  };
}
