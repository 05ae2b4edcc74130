/** What can go wrong on the way to PagerDuty, in it, or on the way back. */
export type PagerFaultKind =
  /** 429 with `Retry-After`; nothing is applied. */
  | 'http429'
  /** 500 in JSON; nothing is applied. */
  | 'http500'
  /** 202 (REST: 200) with a page of HTML, as a captive portal or a proxy answers; nothing is applied. */
  | 'html202'
  /** 500 with a page of HTML, as a load balancer answers; nothing is applied. */
  | 'html500'
  /** The connection is dropped before anything is applied. */
  | 'reset'
  /** Applied, then the connection is dropped before the answer. */
  | 'acceptThenReset'
  /** Events: 202 as for one that is taken, and no incident comes of it. The rest is not touched. */
  | 'acceptThenForget'
  /** Never answers; nothing is applied. */
  | 'hang'
  /** Applied and answered after `ms`. */
  | 'slow';

export interface PagerFault {
  readonly kind: PagerFaultKind;
  /** How many requests it hits; default 1, `Infinity` for ever. */
  readonly times?: number;
  /** For `slow`: real milliseconds; default 100. */
  readonly ms?: number;
  /** For `http429`: the seconds in `Retry-After`; default 2. */
  readonly retryAfterSec?: number;
}

/** Events v2, everything else, or one path and what is below it. */
export type PagerFaultTarget = 'events' | 'rest' | `/${string}`;

interface Armed {
  readonly target: PagerFaultTarget;
  readonly fault: PagerFault;
  left: number;
}

export interface PagerFaults {
  /** The returned function lifts it. */
  add(target: PagerFaultTarget, fault: PagerFault): () => void;
  /** The first one that fits this path, used up by one. */
  take(path: string): PagerFault | undefined;
  clear(): void;
}

function fits(target: PagerFaultTarget, path: string): boolean {
  const isEvents = path.startsWith('/v2/');
  if (target === 'events') return isEvents;
  if (target === 'rest') return !isEvents;
  return path === target || path.startsWith(`${target}/`);
}

/** No faults yet. The one added first is met first. */
export function createPagerFaults(): PagerFaults {
  let armed: Armed[] = [];
  return {
    add(target, fault) {
      const one = { target, fault, left: fault.times ?? 1 };
      armed.push(one);
      return () => {
        armed = armed.filter((other) => other !== one);
      };
    },
    take(path) {
      const found = armed.find((one) => one.left > 0 && fits(one.target, path));
      if (found) found.left -= 1;
      return found?.fault;
    },
    clear() {
      armed = [];
    },
  };
}
