/** Starting over: one at a time, with every act held back meanwhile, and an end that is known whatever fails in it. */

/** In order. Each is done though the one before it failed, unless nothing can come after it. */
export interface StartOverSteps {
  /** Stories, switches, the bot: what is left of the old desk. */
  end: readonly (() => Promise<unknown>)[];
  /** Close the old outside. What still acts on it fails then, and so ends. */
  close(): Promise<unknown>;
  /** Set the new outside. When it fails, there is none. */
  set(): Promise<unknown>;
  /** The bot, on the new outside. When it fails, the desk is there without it. */
  begin(): Promise<unknown>;
}

export interface StartOver {
  /** @throws in words what was not done and what to do; a second one while it runs waits for the first */
  run(): Promise<void>;
  /** Why no act is taken now; null: they are. */
  holds(): string | null;
  /** An act that is under way: starting over waits for it. */
  during<T>(act: Promise<T>): Promise<T>;
  /** Resolves when none runs. */
  settled(): Promise<void>;
  onChange(listener: () => void): () => void;
}

const RUNNING = 'Start over is running: try again in a moment.';

/** `mend`: what a person can do when the new desk cannot be set. */
export function createStartOver(steps: StartOverSteps, mend: string): StartOver {
  const underWay = new Set<Promise<unknown>>();
  const listeners = new Set<() => void>();
  let running: Promise<void> | null = null;
  /** Why there is no outside to act on. */
  let broken: string | null = null;

  const changed = () => {
    for (const listener of Array.from(listeners)) listener();
  };

  async function carryOut(): Promise<void> {
    for (const end of steps.end) {
      // A switch that cannot be lifted goes with the outside that it was put on.
      await end().catch(() => undefined);
    }
    await steps.close().catch(() => undefined);
    await Promise.allSettled(underWay);
    try {
      await steps.set();
      broken = null;
    } catch (error) {
      broken = `Could not start over: ${wordsOf(error)} ${mend}`;
      throw new Error(broken, { cause: error });
    }
    try {
      await steps.begin();
    } catch (error) {
      throw new Error(`Started over, but without the bot: ${wordsOf(error)} Press “Start the bot”.`, {
        cause: error,
      });
    }
  }

  return {
    run() {
      running ??= carryOut().finally(() => {
        running = null;
        changed();
      });
      changed();
      return running;
    },
    holds: () => (running === null ? broken : RUNNING),
    during(act) {
      underWay.add(act);
      const over = () => underWay.delete(act);
      act.then(over, over);
      return act;
    },
    settled: async () => running?.catch(() => undefined),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function wordsOf(error: unknown): string {
  const words = (error instanceof Error ? error.message : String(error)).slice(0, 500);
  return /[.!?]$/.test(words) ? words : `${words}.`;
}
