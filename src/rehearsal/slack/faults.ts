import type { JsonObject } from './json.ts';
import type { Fault } from './shapes.ts';

/** The faults that are waiting for a request. */
export interface Faults {
  /** Adds one for a method, or for all with `*`; the returned function lifts it again. */
  add(method: string, fault: Fault): () => void;
  /** The first one that fits this request, used up by one. */
  take(method: string, args: JsonObject): Fault | undefined;
  clear(): void;
}

interface Waiting {
  readonly method: string;
  readonly fault: Fault;
  left: number;
}

/** No faults yet. The one added first is met first. */
export function createFaults(): Faults {
  let waiting: Waiting[] = [];
  return {
    add(method, fault) {
      const entry: Waiting = { method, fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    take(method, args) {
      const found = waiting.find(
        (entry) =>
          entry.left > 0 &&
          (entry.method === '*' || entry.method === method) &&
          (entry.fault.when?.(args) ?? true),
      );
      if (found) found.left -= 1;
      return found?.fault;
    },
    clear() {
      waiting = [];
    },
  };
}
