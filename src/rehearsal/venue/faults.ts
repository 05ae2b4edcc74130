/** What can go wrong on the way to the venue, in it, or on the way back. */
export type FaultKind =
  /** Never answers. */
  | 'timeout'
  /** The connection is reset before anything is done. */
  | 'reset'
  /** Done, then the connection is reset. */
  | 'appliedThenReset'
  /** Done, then 503: "the execution status is UNKNOWN". */
  | 'appliedThen503'
  /** Done; headers and half of the body, then nothing. */
  | 'stalledBody'
  | 'http429'
  | 'http418'
  | 'http500'
  | 'maintenance'
  | 'revokedKey'
  | 'clockSkew'
  /** A proxy's or firewall's page instead of the API's answer; `status` 403 unless said. */
  | 'html'
  /** Answers success; nothing was done. */
  | 'lie'
  /** Answers success; the first, third, fifth … of the orders that it says it cancelled are still open. */
  | 'partial'
  /** Answers after `ms`, or when `release()` is called. */
  | 'slow'
  /** The first `fills` (default 1) of the orders to be cancelled fill just before. */
  | 'fillDuringCancel'
  /** Done, and the answer is cut-off JSON. */
  | 'garbage';

export interface CallMatch {
  method?: string;
  /** The exact path, or a pattern on it. */
  path?: string | RegExp;
  /** Every one of these parameters has this value. */
  params?: Record<string, string>;
}

export interface FaultOptions {
  kind: FaultKind;
  /** Default: every call. */
  match?: CallMatch;
  /** How many matching calls it hits; default 1, `Infinity` for ever. */
  times?: number;
  /** How many matching calls pass first; default 0. */
  after?: number;
  /** For `slow`. Without it the answer waits for `release()`. */
  ms?: number;
  /** Seconds, for `http429` (default 5) and `http418` (default 120). */
  retryAfterSec?: number;
  /** HTTP status, for `html`. */
  status?: number;
  /** For `fillDuringCancel`. */
  fills?: number;
  /**
   * Whether the venue carries the request out. Default by kind: no for timeout, reset, http500 and the refusals; yes
   * for the `applied…` kinds, stalledBody and garbage. For `slow`: true does it on arrival, false (default) at the end
   * of the wait, also when the client has given up by then.
   */
  applied?: boolean;
}

/** A fault that is set. */
export interface FaultHandle {
  readonly options: FaultOptions;
  /** How many calls it has hit. */
  hits: () => number;
  /** Lets every `slow` call of this fault go on. */
  release: () => void;
  /** Takes it away; calls that it holds stay held. */
  clear: () => void;
}

/** A call as faults and logs see it. */
export interface CallShape {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
}

/** A fault that hits a call. */
interface Hit {
  readonly options: FaultOptions;
  /** Settles when a `slow` call may go on: released, or the counterpart closes. */
  readonly released: Promise<void>;
}

export interface FaultBox {
  set: (options: FaultOptions) => FaultHandle;
  /** @returns the first set fault that hits this call, counted. */
  take: (call: CallShape) => Hit | undefined;
  clear: () => void;
  /** Lets everything that is held go on. */
  releaseAll: () => void;
}

/** @returns true when the call fits every part of the match. */
export function fits(call: CallShape, match: CallMatch = {}): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== call.method) return false;
  if (typeof match.path === 'string' && match.path !== call.path) return false;
  if (match.path instanceof RegExp && call.path.search(match.path) < 0) return false;
  return Object.entries(match.params ?? {}).every(([key, value]) => call.params[key] === value);
}

/** @returns a box with no faults. */
export function createFaultBox(): FaultBox {
  interface Armed {
    options: FaultOptions;
    skipped: number;
    hits: number;
    release: () => void;
    released: Promise<void>;
  }
  let armed: Armed[] = [];
  const everSet: Armed[] = [];
  return {
    set: (options) => {
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const fault: Armed = { options, skipped: 0, hits: 0, release, released };
      armed.push(fault);
      everSet.push(fault);
      return {
        options,
        hits: () => fault.hits,
        release,
        clear: () => {
          armed = armed.filter((each) => each !== fault);
        },
      };
    },
    take: (call) => {
      for (const fault of armed) {
        if (fault.hits >= (fault.options.times ?? 1) || !fits(call, fault.options.match)) continue;
        if (fault.skipped < (fault.options.after ?? 0)) {
          fault.skipped += 1;
          continue;
        }
        fault.hits += 1;
        return { options: fault.options, released: fault.released };
      }
      return undefined;
    },
    clear: () => {
      armed = [];
    },
    releaseAll: () => {
      for (const fault of everSet) fault.release();
    },
  };
}
