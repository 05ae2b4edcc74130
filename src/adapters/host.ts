/** The load of the machine that the bot runs on, from node alone. */

import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Host } from '../ports.ts';

/** Between two looks at the event loop, ms: what is measured is how long it took from one to the next. */
const LOOK_MS = 20;

/** `dataDir`: the disk that is looked at. CPU is the load of the last minute by cores; it is 0 on Windows, which is not known. */
export function createHost(dataDir: string): Host & { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  delay.enable();
  return {
    async read() {
      const [load = 0] = loadavg();
      const loopLagMs = delay.count === 0 ? null : Math.max(0, delay.percentile(99) / 1e6 - LOOK_MS);
      delay.reset();
      const disk = await statfs(dataDir).catch(() => null);
      return {
        cpuPct: process.platform === 'win32' ? null : (100 * load) / availableParallelism(),
        memPct: 100 * (1 - freemem() / totalmem()),
        diskPct: disk === null || disk.blocks === 0 ? null : 100 * (1 - disk.bavail / disk.blocks),
        loopLagMs,
      };
    },
    close: () => delay.disable(),
  };
}
