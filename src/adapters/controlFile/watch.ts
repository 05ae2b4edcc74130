/** Noticing what somebody else does to the control file. */

import type { Clock, ControlReading } from '../../ports.ts';
import type { ControlFile, ControlLook } from '../controlFile.ts';
import { type ControlFs, nodeFs, whyUnwritable } from './disk.ts';

/** How the control file stands. `unwritable` is why the next write would fail, or null. */
export type ControlSeen = ControlReading & { unwritable: string | null };

export interface ControlWatch {
  /** No call of `onChange` begins after this. */
  stop(): void;
}

/**
 * Look at the control file every `everyMs` and say what somebody else did: other bytes than those last read or written
 * through `control`, also if a write of ours followed at once; the file missing, unreadable, unwritable, its disk full,
 * or not answering for `hangMs`; and that it is well again. Our own writes are not reported. It compares bytes, not
 * times: an edit within the clock's grain, of the same length, would pass for none. It has no opinion on what follows.
 *
 * One look at a time: one that hangs is waited for, and said once. `onChange` must not throw and is not waited for.
 * The first look is compared with what `control` handed out last; if that is nothing, only trouble is reported.
 */
export function watchControlFile({
  control,
  wait,
  onChange,
  everyMs = 1000,
  hangMs = 5000,
  fs = nodeFs,
}: {
  control: ControlFile;
  wait: Clock['wait'];
  onChange: (seen: ControlSeen) => void;
  everyMs?: number;
  /** A look that takes longer than this is said to hang. A busy machine is slow for a second without that. */
  hangMs?: number;
  fs?: ControlFs;
}): ControlWatch {
  const stopped = new AbortController();
  let late = new AbortController();
  void watch(control.handedOut());
  return {
    stop() {
      stopped.abort();
      late.abort();
    },
  };

  async function watch(known: ControlLook | null): Promise<void> {
    let last = known;
    let lastUnwritable: string | null = null;
    let looking: Promise<[ControlLook, string | null]> | null = null;
    while (!stopped.signal.aborted) {
      looking ??= Promise.all([control.look(), whyUnwritable(control.path, fs)]);
      const looked = await within(looking);
      if (stopped.signal.aborted) return;
      const [look, unwritable] = looked ?? silence();
      if (unwritable !== lastUnwritable || isNews(last, look)) onChange({ ...look.reading, unwritable });
      last = look;
      lastUnwritable = unwritable;
      // A look that hangs stays the only one; its time has passed already.
      if (looked === null) continue;
      looking = null;
      await wait(everyMs, stopped.signal);
    }
  }

  /** The outcome, or null after `hangMs`. */
  async function within<T>(looking: Promise<T>): Promise<T | null> {
    // Not AbortSignal.any: on Node 20 each would be kept for as long as `stopped` lives.
    late = new AbortController();
    try {
      return await Promise.race([looking, wait(hangMs, late.signal).then(() => null)]);
    } finally {
      late.abort();
    }
  }

  function silence(): [ControlLook, string] {
    const reason = `${control.path}: the disk has not answered for ${hangMs} ms`;
    return [{ reading: { state: 'unreadable', reason }, text: null, floor: 0, write: 0 }, reason];
  }

  function isNews(last: ControlLook | null, look: ControlLook): boolean {
    if (last === null) return look.reading.state !== 'read';
    if (look.text !== null && last.text !== null) return !control.onlyOurs(last, look);
    return look.text !== last.text || reasonIn(look) !== reasonIn(last);
  }

  function reasonIn({ reading }: ControlLook): string {
    return reading.state === 'read' ? '' : reading.reason;
  }
}
