/** Orders and rejects by millisecond, a second a bucket: what is late goes in as cheaply as what is new. Pure. */

export interface Count {
  orders: number;
  rejected: number;
}

/** [second since the epoch, [ms within it, orders, rejected, …]]. Plain JSON. */
export type SecondsSnapshot = [second: number, cells: number[]][];

interface Bucket extends Count {
  /** Orders, and then rejects, by ms within the second. */
  byMs: Int32Array;
  /** `cells` of the snapshot; null when something changed since it was made. */
  cells: number[] | null;
}

export interface Seconds {
  /** Times are whole ms; what is taken away again is negative. */
  add(at: number, orders: number, rejected: number): void;
  /** What lies in (from, to]. */
  within(from: number, to: number): Count;
  /**
   * Slide a window of `lengthMs`, whole seconds, over every end in [from, to], and call `at` for each ms at which what it
   * holds may have changed.
   */
  slide(from: number, to: number, lengthMs: number, at: (end: number, held: Count) => void): void;
  /** Forget whole seconds that ended by `floor`. */
  forget(floor: number): void;
  /** The newest ms that holds anything; −∞ when empty. */
  newest(): number;
  snapshot(): SecondsSnapshot;
}

const SECOND_MS = 1_000;
const secondOf = (at: number): number => Math.floor(at / SECOND_MS);

export function createSeconds(before: SecondsSnapshot = []): Seconds {
  const buckets = new Map<number, Bucket>();
  /** The keys of `buckets`, ascending. */
  let keys: number[] = [];

  /** The index of the first key that is at least `second`. */
  function first(second: number): number {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keys[middle] as number) < second) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function bucketAt(second: number): Bucket {
    const known = buckets.get(second);
    if (known !== undefined) return known;
    const made: Bucket = { orders: 0, rejected: 0, byMs: new Int32Array(2 * SECOND_MS), cells: null };
    buckets.set(second, made);
    keys.splice(first(second), 0, second);
    return made;
  }

  function add(at: number, orders: number, rejected: number): void {
    const second = secondOf(at);
    const bucket = bucketAt(second);
    const ms = at - second * SECOND_MS;
    bucket.orders += orders;
    bucket.rejected += rejected;
    bucket.byMs[ms] = (bucket.byMs[ms] as number) + orders;
    bucket.byMs[SECOND_MS + ms] = (bucket.byMs[SECOND_MS + ms] as number) + rejected;
    bucket.cells = null;
  }

  /** What lies in a second up to and with one of its ms. */
  function upTo(at: number): Count {
    const second = secondOf(at);
    const bucket = buckets.get(second);
    const count = { orders: 0, rejected: 0 };
    if (bucket === undefined) return count;
    for (let ms = at - second * SECOND_MS; ms >= 0; ms -= 1) {
      count.orders += bucket.byMs[ms] as number;
      count.rejected += bucket.byMs[SECOND_MS + ms] as number;
    }
    return count;
  }

  function within(from: number, to: number): Count {
    const end = upTo(to);
    const start = upTo(from);
    let orders = end.orders - start.orders;
    let rejected = end.rejected - start.rejected;
    const last = secondOf(to);
    for (let index = first(secondOf(from)); index < keys.length; index += 1) {
      const second = keys[index] as number;
      if (second >= last) break;
      const bucket = buckets.get(second) as Bucket;
      orders += bucket.orders;
      rejected += bucket.rejected;
    }
    return { orders, rejected };
  }

  /** The seconds of [from, to] in which something comes in, or leaves a window of `length` seconds. Ascending. */
  function touched(from: number, to: number, length: number): number[] {
    const seconds: number[] = [];
    let entering = first(from);
    let leaving = first(from - length);
    for (;;) {
      const next = Math.min(
        keys[entering] ?? Number.POSITIVE_INFINITY,
        (keys[leaving] ?? Number.POSITIVE_INFINITY) + length,
      );
      if (!(next <= to)) return seconds;
      seconds.push(next);
      if (keys[entering] === next) entering += 1;
      if (keys[leaving] === next - length) leaving += 1;
    }
  }

  for (const [second, cells] of before)
    for (let index = 0; index < cells.length; index += 3)
      add(
        second * SECOND_MS + (cells[index] as number),
        cells[index + 1] as number,
        cells[index + 2] as number,
      );

  return {
    add,
    within,
    slide(from, to, lengthMs, at) {
      const length = lengthMs / SECOND_MS;
      let held: Count | null = null;
      for (const second of touched(secondOf(from), secondOf(to), length)) {
        const start = Math.max(from, second * SECOND_MS);
        const end = Math.min(to, second * SECOND_MS + SECOND_MS - 1);
        // Between two touched seconds nothing changes: what was held goes on being held.
        held ??= within(start - 1 - lengthMs, start - 1);
        const entering = buckets.get(second)?.byMs;
        const leaving = buckets.get(second - length)?.byMs;
        for (let ms = start - second * SECOND_MS; ms <= end - second * SECOND_MS; ms += 1) {
          const ordersIn = entering?.[ms] ?? 0;
          const ordersOut = leaving?.[ms] ?? 0;
          const rejectedIn = entering?.[SECOND_MS + ms] ?? 0;
          const rejectedOut = leaving?.[SECOND_MS + ms] ?? 0;
          if (ordersIn === 0 && ordersOut === 0 && rejectedIn === 0 && rejectedOut === 0) continue;
          held.orders += ordersIn - ordersOut;
          held.rejected += rejectedIn - rejectedOut;
          at(second * SECOND_MS + ms, held);
        }
      }
    },
    forget(floor) {
      const gone = first(secondOf(floor + 1));
      if (gone === 0) return;
      for (const second of keys.slice(0, gone)) buckets.delete(second);
      keys = keys.slice(gone);
    },
    newest() {
      const second = keys.at(-1);
      if (second === undefined) return Number.NEGATIVE_INFINITY;
      const { byMs } = buckets.get(second) as Bucket;
      let ms = SECOND_MS - 1;
      while (ms > 0 && byMs[ms] === 0) ms -= 1;
      return second * SECOND_MS + ms;
    },
    snapshot: () =>
      keys.map((second) => {
        const bucket = buckets.get(second) as Bucket;
        bucket.cells ??= cellsOf(bucket.byMs);
        return [second, bucket.cells];
      }),
  };
}

function cellsOf(byMs: Int32Array): number[] {
  const cells: number[] = [];
  for (let ms = 0; ms < SECOND_MS; ms += 1) {
    const orders = byMs[ms] as number;
    const rejected = byMs[SECOND_MS + ms] as number;
    if (orders !== 0 || rejected !== 0) cells.push(ms, orders, rejected);
  }
  return cells;
}
