/** What a line of `check` says, and how a question becomes lines within its deadline. Pure but for the wait. */

/** `unknown`: it could not be asked, or the far side does not tell. It counts as a failure: nobody knows. */
export type LineState = 'ok' | 'warn' | 'fail' | 'unknown';

export interface Line {
  /** Stable, for programs: `<subject>.<thing>`. */
  id: string;
  state: LineState;
  /** What was looked at. */
  what: string;
  /** What was seen, with its units. */
  evidence: string;
  /** How to mend it; empty where there is nothing to mend. */
  mend: string;
}

/** One answer to a question, without its name. */
export type Said = Pick<Line, 'state' | 'evidence' | 'mend'>;

export const ok = (evidence: string): Said => ({ state: 'ok', evidence, mend: '' });
export const warn = (evidence: string, mend: string): Said => ({ state: 'warn', evidence, mend });
export const fail = (evidence: string, mend: string): Said => ({ state: 'fail', evidence, mend });
export const unknown = (evidence: string, mend: string): Said => ({ state: 'unknown', evidence, mend });

/** A question, asked at the same time as all the others. */
export interface Probe {
  id: string;
  what: string;
  ask: () => Promise<Said>;
}

export const probe = (id: string, what: string, ask: () => Promise<Said>): Probe => ({ id, what, ask });

/** How long one question may take, and all of them with what they wait for of each other. */
export const PROBE_MS = 5_000;

const STUCK =
  'Try again; if it stays so, look at the network, the proxy and the firewall between here and there.';

/** Ask; what takes longer than the deadline, or throws, is unknown. Never rejects. */
export async function answer(
  one: Probe,
  wait: (ms: number, signal: AbortSignal) => Promise<unknown>,
): Promise<Line> {
  const settled = new AbortController();
  const late = wait(PROBE_MS, settled.signal).then(() =>
    unknown(`no answer within ${PROBE_MS / 1_000} s`, STUCK),
  );
  try {
    const said = await Promise.race([one.ask(), late]);
    return { id: one.id, what: one.what, ...said };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { id: one.id, what: one.what, ...unknown(`it could not be asked: ${why}`, STUCK) };
  } finally {
    settled.abort();
  }
}

/** The same promise for everybody who asks: one request, however many lines rest on it. */
export function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | null = null;
  return () => {
    asked ??= ask();
    return asked;
  };
}

/** "1 thing", "2 things". */
export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
