import type { Workspace } from './workspace.ts';

interface WaitOptions {
  /** Real milliseconds. */
  readonly timeoutMs: number;
  /** What is waited for, in words. */
  readonly what: string;
  /** The last state, for the message of a wait that failed. */
  readonly show: () => string;
}

/** Resolves with the first true value of `predicate`, asked now and after every change. @throws when the time is over */
export function waitUntil<T>(
  workspace: Workspace,
  closing: AbortSignal,
  predicate: () => T,
  options: WaitOptions,
): Promise<NonNullable<T>> {
  return new Promise((resolve, reject) => {
    let lastError: unknown;
    const attempt = (): T | undefined => {
      try {
        return predicate();
      } catch (error) {
        lastError = error;
        return undefined;
      }
    };
    const stop = (): void => {
      clearTimeout(timer);
      unsubscribe();
      closing.removeEventListener('abort', onClosing);
    };
    const fail = (why: string): void => {
      stop();
      const threw = lastError instanceof Error ? `\nit last threw: ${lastError.message}` : '';
      reject(new Error(`${why}: ${options.what}${threw}\nlast state:\n${options.show()}`));
    };
    const check = (): void => {
      const value = attempt();
      if (!value) return;
      stop();
      resolve(value);
    };
    const onClosing = (): void => fail('the Slack counterpart was closed while waiting');
    const timer = setTimeout(() => fail(`not within ${options.timeoutMs} ms`), options.timeoutMs);
    const unsubscribe = workspace.onChange(check);
    closing.addEventListener('abort', onClosing);
    check();
  });
}
