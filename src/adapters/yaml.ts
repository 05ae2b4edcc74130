/** YAML files that people write, read with a schema: every problem says where it is and how to mend it. */

import type { Document } from 'yaml';
import { isAlias, isMap, isNode, isScalar, isSeq, Lexer, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

/** One thing wrong with what a person configured. Never holds a value that came from the environment. */
export interface Problem {
  /** The file, or "environment". */
  file: string;
  /** Both count from 1; null where there is no place to point at. */
  line: number | null;
  column: number | null;
  /** Where in the document, e.g. `venues[0].exchange`; empty for the whole of it. */
  path: string;
  /** What is wrong, in a sentence. */
  what: string;
  /** How to mend it, in a sentence. */
  mend: string;
}

/** A problem in one line: `standdown.yml:12:5 venues[0].exchange: what is wrong. How to mend it.` */
export function sayProblem(problem: Problem): string {
  const place =
    problem.line === null ? problem.file : `${problem.file}:${problem.line}:${problem.column ?? 1}`;
  return `${place} ${problem.path === '' ? '' : `${problem.path}: `}${problem.what} ${problem.mend}`;
}

/** How to mend what stands at a path; `*` is any one segment: `{'venues.*.exchange': 'Name a ccxt id.'}`. */
export type Hints = Record<string, string>;

type Path = (string | number)[];

/** Far more than any real file: the limits keep a hostile one from stopping the process. */
const MAX_CHARS = 256 * 1024;
const MAX_DEPTH = 32;
const MAX_INDENT = 200;
const MAX_PROBLEMS = 100;

/**
 * An object that knows all of its keys. An unknown one is a problem that names the nearest known one; an alias of
 * z.strictObject otherwise.
 */
export function strict<T extends z.ZodRawShape>(shape: T) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    // One line a key, in the order of `issue.keys`: zod gives one message for all of them.
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => suggestion(key, known)).join('\n')
        : undefined,
  });
}

function suggestion(key: string, known: string[]): string {
  const near = nearest(key, known);
  return near === undefined
    ? `Known here: ${known.join(', ')}.`
    : `Did you mean ${near}? Known here: ${known.join(', ')}.`;
}

/** The known word that a mistyped one is nearest to, or undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = word.slice(0, 60).toLowerCase();
  const scored = known.map((one) => ({ one, distance: editDistance(wanted, one.toLowerCase()) }));
  const best = scored.sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.one.length / 3))
    ? best.one
    : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * Parse one YAML 1.2 document and check it against a schema. An empty file is an empty map. Refused: duplicate keys,
 * anchors and aliases, tags, tabs as indentation, more than one document, more than 256 KiB, nesting over 32.
 * `raw` is the document as it was written, before the schema, also where the schema found problems. Never throws.
 */
export function parseYaml<T>(input: {
  text: string;
  file: string;
  schema: z.ZodType<T>;
  hints?: Hints;
}): { ok: true; value: T; raw: unknown } | { ok: false; problems: Problem[]; raw: unknown } {
  const { text, file } = input;
  const lines = new LineCounter();
  const at = (offset: number | undefined, path: Path, what: string, mend: string): Problem => {
    const place = offset === undefined || offset > text.length ? null : lines.linePos(offset);
    return { file, line: place?.line ?? null, column: place?.col ?? null, path: sayPath(path), what, mend };
  };
  const refuse = (problems: Problem[], raw?: unknown, count = problems.length) => ({
    ok: false as const,
    problems: shorten(problems, count),
    raw,
  });

  const tooMuch = oversized(text);
  if (tooMuch !== null) return refuse([{ file, line: tooMuch.line, column: 1, path: '', ...tooMuch.said }]);

  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const broken = [...doc.errors, ...doc.warnings].map((error) =>
    at(error.pos[0], [], `Not YAML that can be read: ${error.message}.`, mendSyntax(error.code)),
  );
  if (broken.length > 0) return refuse(broken);

  const refused = unsafe(doc, at);
  if (refused.length > 0) return refuse(refused);

  const raw: unknown = doc.toJS() ?? {};
  const checked = input.schema.safeParse(raw);
  if (checked.success) return { ok: true, value: checked.data, raw };
  // Cut before each is looked up in the document: of thousands, nobody mends more than the first.
  const explained = checked.error.issues.flatMap((issue) => explain(issue, raw, input.hints ?? {}));
  const problems = explained
    .slice(0, MAX_PROBLEMS)
    .map(({ path, key, what, mend }) => at(offsetOf(doc, path, key), path, what, mend));
  return refuse(problems.sort(byPlace), raw, explained.length);
}

function byPlace(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function shorten(problems: Problem[], count: number): Problem[] {
  const first = problems[0];
  if (first === undefined || count <= MAX_PROBLEMS) return problems;
  const more: Problem = {
    file: first.file,
    line: null,
    column: null,
    path: '',
    what: `${count - MAX_PROBLEMS} more problems are not shown.`,
    mend: 'Mend the ones above first.',
  };
  return [...problems.slice(0, MAX_PROBLEMS), more];
}

/**
 * What is too big or too deep to parse. The parser recurses, and a document that is nested 50,000 deep ends the process
 * in a way that no `catch` sees, so the depth is counted on the tokens, before.
 */
function oversized(text: string): { line: number; said: Pick<Problem, 'what' | 'mend'> } | null {
  if (text.length > MAX_CHARS)
    return {
      line: 1,
      said: { what: `The file has ${text.length} characters.`, mend: `Keep it under ${MAX_CHARS}.` },
    };
  let line = 1;
  let flow = 0;
  let compact = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow -= 1;
    else if (token === '-' || token === '?') compact += 1;
    const deep = flow > MAX_DEPTH || compact > MAX_DEPTH || (/^ +$/.test(token) && token.length > MAX_INDENT);
    if (deep)
      return {
        line,
        said: { what: 'This is nested too deeply.', mend: `Nest at most ${MAX_DEPTH} levels.` },
      };
    const breaks = token.split('\n').length - 1;
    if (breaks > 0) compact = 0;
    line += breaks;
  }
  return null;
}

function mendSyntax(code: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'Indent with spaces.';
    case 'MULTIPLE_DOCS':
      return 'Keep one document: take out the line "---".';
    case 'TAG_RESOLVE_FAILED':
      return 'Take out the tag (the word that starts with "!").';
    default:
      return 'Mend the indentation, quotes or brackets here.';
  }
}

/** Duplicate keys, keys that are no plain words, and aliases, each with its place. Linear in the size of the document. */
function unsafe(
  doc: Document.Parsed,
  at: (offset: number | undefined, path: Path, what: string, mend: string) => Problem,
): Problem[] {
  const found: Problem[] = [];
  const walk = (node: unknown, path: Path): void => {
    if (!isNode(node)) return;
    const start = node.range?.[0];
    if (isAlias(node) || node.anchor !== undefined) {
      found.push(
        at(start, path, 'Anchors and aliases are not read here.', 'Write the value out where it is used.'),
      );
      return;
    }
    if (isSeq(node)) node.items.forEach((item, index) => walk(item, [...path, index]));
    if (!isMap(node)) return;
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key: unknown = pair.key;
      const offset = isNode(key) ? key.range?.[0] : start;
      const name = isScalar(key) ? keyName(key.value) : null;
      if (name === null || name === '__proto__') {
        found.push(at(offset, path, 'This is no key that can be read.', 'Write a plain word as the key.'));
        continue;
      }
      if (seen.has(name))
        found.push(
          at(
            offset,
            [...path, name],
            'This key is here twice.',
            'Keep one of the two: only one would be read.',
          ),
        );
      seen.add(name);
      walk(pair.value, [...path, name]);
    }
  };
  walk(doc.contents, []);
  return found;
}

/** A key as the document's object has it: `1` and `true` are words too. Null for what is no word. */
const keyName = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;

/** The offset of what stands at a path; of the nearest thing around it where it is missing; of `key` in it, if named. */
function offsetOf(doc: Document.Parsed, path: Path, key: string | undefined): number | undefined {
  let node: unknown = doc.contents;
  let offset = isNode(node) ? node.range?.[0] : 0;
  for (const step of key === undefined ? path : [...path, key]) {
    if (isMap(node)) {
      const pair = node.items.find((one) => isScalar(one.key) && keyName(one.key.value) === String(step));
      if (pair === undefined) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = isNode(node) ? (node.range?.[0] ?? offset) : offset;
    } else return offset;
  }
  // A scalar's own place is more exact than that of its key; a list or map is best shown by its key.
  return key === undefined && isScalar(node) && node.value !== null ? (node.range?.[0] ?? offset) : offset;
}

interface Explained {
  path: Path;
  key?: string;
  what: string;
  mend: string;
}

function explain(issue: z.core.$ZodIssue, raw: unknown, hints: Hints, base: Path = []): Explained[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  const found = valueAt(raw, path);
  const mend = hintFor(path, hints);
  const say = (what: string, instead?: string): Explained[] => [
    { path, what, mend: mend ?? instead ?? 'Correct it.' },
  ];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const mends = issue.message.split('\n');
      return issue.keys.map((key, index) => ({
        path,
        key,
        what: `${show(key)} is not a key that is known here.`,
        mend: mends[index] ?? 'Take it out.',
      }));
    }
    case 'invalid_union': {
      // "off, or a list": what is wrong with the list says more than that it is not the word "off".
      const depth = (errors: z.core.$ZodIssue[]) => Math.max(0, ...errors.map((one) => one.path.length));
      const deepest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0];
      if (deepest !== undefined && depth(deepest) > 0)
        return deepest.flatMap((one) => explain(one, raw, hints, path));
      return found === undefined
        ? say('This is missing.', 'Add it.')
        : say(`This is ${kind(found)}, which is not one of what it may be.`);
    }
    case 'invalid_type':
      if (found === undefined || found === null) return say('This is missing.', 'Add it.');
      return say(`This is ${kind(found)}, and must be ${WORDS[issue.expected] ?? issue.expected}.`);
    case 'invalid_value': {
      const values = issue.values.map(String);
      if (found === undefined) return say('This is missing.', `Write one of: ${values.join(', ')}.`);
      const near = typeof found === 'string' ? nearest(found, values) : undefined;
      return [
        {
          path,
          what: `${show(found)} is not one of: ${values.join(', ')}.`,
          mend: `${near === undefined ? '' : `Did you mean ${near}? `}${mend ?? 'Write one of them.'}`,
        },
      ];
    }
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small';
      const limit = String(small ? issue.minimum : issue.maximum);
      const counted: Record<string, string> = {
        string: limit === '1' ? ' character' : ' characters',
        array: limit === '1' ? ' entry' : ' entries',
      };
      const word = small
        ? issue.inclusive === true
          ? 'at least'
          : 'more than'
        : issue.inclusive === true
          ? 'at most'
          : 'less than';
      return say(
        `This must ${counted[issue.origin] === undefined ? 'be' : 'have'} ${word} ${limit}${counted[issue.origin] ?? ''}.`,
      );
    }
    case 'invalid_key':
      return [
        {
          path: path.slice(0, -1),
          key: String(path.at(-1)),
          what: `${show(path.at(-1))} cannot be a key here: ${issue.issues[0]?.message ?? 'not allowed'}.`,
          mend: mend ?? 'Rename it.',
        },
      ];
    case 'custom':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_element':
      return say(issue.message);
    default: {
      const unknown: never = issue;
      return say(String(unknown));
    }
  }
}

const WORDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map (key: value)',
  record: 'a map (key: value)',
};

function kind(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'empty';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? `the text ${show(value)}` : show(value);
}

/** A value of the file, short and on one line, without characters that move a terminal's cursor. */
function show(value: unknown): string {
  const json = JSON.stringify(typeof value === 'number' ? String(value) : value) ?? 'nothing';
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

function valueAt(raw: unknown, path: Path): unknown {
  let value = raw;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

function hintFor(path: Path, hints: Hints): string | undefined {
  // The hint for the thing itself, else for what it is part of.
  for (let length = path.length; length > 0; length -= 1) {
    const part = path.slice(0, length);
    const key = Object.keys(hints).find((hint) => {
      const steps = hint.split('.');
      return (
        steps.length === length &&
        steps.every((step, index) => step === '*' || step === String(part[index] ?? ''))
      );
    });
    if (key !== undefined) return hints[key];
  }
  return undefined;
}

function sayPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('')
    .slice(0, 200);
}
