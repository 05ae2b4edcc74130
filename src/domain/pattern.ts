/** Which regular expressions are taken from a file: those whose work stays small on any text. Pure. */

const MAX_LENGTH = 100;
const MAX_QUANTIFIERS = 4;
const MAX_UNBOUNDED = 2;
const MAX_REPEAT = 100;

/**
 * Why a pattern is not taken, in a sentence, or null when it is. A pattern must compile, have at most 100 characters, at
 * most 4 quantifiers of which 2 are unbounded, none around a group that has a quantifier or an alternation in it (such
 * ones can take hours on a short text), no back-reference and no look-around. `(a|b)?` is taken.
 */
export function patternProblem(pattern: string): string | null {
  if (pattern === '') return 'The pattern is empty, and would match everything.';
  if (pattern.length > MAX_LENGTH)
    return `The pattern has ${pattern.length} characters; at most ${MAX_LENGTH} are taken.`;
  try {
    void new RegExp(pattern, 'i');
  } catch (error) {
    return `The pattern does not compile: ${error instanceof Error ? error.message : String(error)}.`;
  }
  const groups: { branches: boolean }[] = [];
  let closed: { branches: boolean } | null = null;
  let quantifiers = 0;
  let unbounded = 0;
  for (let index = 0; index < pattern.length; index += 1) {
    const rest = pattern.slice(index);
    const quantifier = /^(?:[*+?]|\{(\d+)(,(\d*))?\})\??/.exec(rest);
    if (quantifier !== null) {
      const [text, least, more, most] = quantifier;
      const optional = text.startsWith('?');
      if (!optional && closed?.branches === true)
        return 'The pattern repeats a group that itself repeats or branches, which can take hours on a short text.';
      if (Math.max(Number(least ?? 0), Number(most ?? 0)) > MAX_REPEAT)
        return `The pattern repeats more than ${MAX_REPEAT} times.`;
      quantifiers += 1;
      if (text.startsWith('*') || text.startsWith('+') || (more !== undefined && most === '')) unbounded += 1;
      for (const group of groups) group.branches = true;
      closed = null;
      index += text.length - 1;
      continue;
    }
    closed = null;
    if (rest.startsWith('\\')) {
      if (/^\\[1-9k]/.test(rest)) return 'The pattern refers back to a group, which is not taken.';
      index += 1;
    } else if (rest.startsWith('[')) {
      index += (/^\[(?:\\.|[^\]\\])*\]/.exec(rest)?.[0].length ?? 1) - 1;
    } else if (rest.startsWith('(')) {
      if (/^\(\?<?[=!]/.test(rest)) return 'The pattern looks around, which is not taken.';
      groups.push({ branches: false });
      // The "?" of "(?:" or "(?<name>" is no quantifier.
      index += (/^\(\?(?::|<\w+>)/.exec(rest)?.[0].length ?? 1) - 1;
    } else if (rest.startsWith(')')) {
      closed = groups.pop() ?? null;
      if (closed?.branches === true) for (const group of groups) group.branches = true;
    } else if (rest.startsWith('|')) {
      for (const group of groups) group.branches = true;
    }
  }
  if (quantifiers > MAX_QUANTIFIERS) return `The pattern has more than ${MAX_QUANTIFIERS} quantifiers.`;
  if (unbounded > MAX_UNBOUNDED) return `The pattern has more than ${MAX_UNBOUNDED} of "*" and "+".`;
  return null;
}
