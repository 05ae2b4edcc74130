import { Buffer } from 'node:buffer';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { parse as parseWithYaml } from 'yaml';
import { describeControlFile } from '../../src/adapters/controlFile/describe.ts';
import { type ControlFs, type ControlHandle, nodeFs } from '../../src/adapters/controlFile/disk.ts';
import { parseEnv } from '../../src/adapters/controlFile/env.ts';
import { parseJson } from '../../src/adapters/controlFile/json.ts';
import {
  CONTROL_KEYS,
  ControlSyntax,
  type ControlValues,
  editText,
  type ParseText,
  valuesOf,
} from '../../src/adapters/controlFile/text.ts';
import { type ControlSeen, watchControlFile } from '../../src/adapters/controlFile/watch.ts';
import { parseYaml } from '../../src/adapters/controlFile/yaml.ts';
import { type ControlFile, controlFormat, openControlFile } from '../../src/adapters/controlFile.ts';
import type { ControlKey } from '../../src/ports.ts';

const root = mkdtempSync(join(tmpdir(), 'standdown-control-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
/** A file of these bytes, alone in a folder. */
function file(name: string, text: string | Buffer = ''): string {
  folders += 1;
  const folder = join(root, String(folders));
  mkdirSync(folder);
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const bytes = (path: string) => readFileSync(path, 'latin1');
const beside = (path: string) => readdirSync(dirname(path));

/** What the work gives, or undefined when it refused with a ControlSyntax. */
function orRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ControlSyntax) return undefined;
    throw error;
  }
}

/** A promise that the test settles. */
function later(): { done: Promise<void>; settle: () => void } {
  let settle = () => {};
  const done = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { done, settle };
}

// ── Texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

describe('.env', () => {
  const kill = (text: string) => editText(parseEnv, text, { KILL_SWITCH: '1' });

  test.each([
    ['the plain one', 'A=1\nKILL_SWITCH=0\nB=2\n', 'A=1\nKILL_SWITCH=1\nB=2\n'],
    [
      'export, quotes and an inline comment',
      `export KILL_SWITCH="0" # the kill\n`,
      `export KILL_SWITCH="1" # the kill\n`,
    ],
    ['single quotes and back-ticks', "KILL_SWITCH='0'\nKILL_SWITCH=`0`", "KILL_SWITCH='1'\nKILL_SWITCH=`1`"],
    ['spaces everywhere', '  KILL_SWITCH = 0  \t# why\n', '  KILL_SWITCH = 1  \t# why\n'],
    ['CRLF', '# a\r\nKILL_SWITCH=0\r\nB=2\r\n', '# a\r\nKILL_SWITCH=1\r\nB=2\r\n'],
    ['CR alone', 'A=1\rKILL_SWITCH=0\rB=2', 'A=1\rKILL_SWITCH=1\rB=2'],
    [
      'every occurrence',
      'KILL_SWITCH=0\nA=1\nA=2\nKILL_SWITCH="0"\n',
      'KILL_SWITCH=1\nA=1\nA=2\nKILL_SWITCH="1"\n',
    ],
    ['no value', 'KILL_SWITCH=\n', 'KILL_SWITCH=1\n'],
    ['no value, a comment', 'KILL_SWITCH= # off\n', 'KILL_SWITCH=1 # off\n'],
    ['no value, trailing spaces, no newline', 'KILL_SWITCH=  ', 'KILL_SWITCH=1  '],
    ['a comment glued on, which a shell reads as the value', 'KILL_SWITCH=0#off\n', 'KILL_SWITCH=1 #off\n'],
    ['glued to quotes', 'KILL_SWITCH="0"#off\n', 'KILL_SWITCH="1" #off\n'],
    ['glued to nothing', 'KILL_SWITCH=#off\n', 'KILL_SWITCH=1 #off\n'],
    ['an open quote', 'KILL_SWITCH="0\nA=1\n', 'KILL_SWITCH=1\nA=1\n'],
    ['words for a value', 'KILL_SWITCH=not yet\n', 'KILL_SWITCH=1\n'],
    ['missing', 'A=1\n', 'A=1\nKILL_SWITCH=1\n'],
    ['missing, no final newline', 'A=1', 'A=1\nKILL_SWITCH=1'],
    ['missing, CRLF', 'A=1\r\n', 'A=1\r\nKILL_SWITCH=1\r\n'],
    ['missing, an empty file', '', 'KILL_SWITCH=1\n'],
    [
      'missing where all is exported',
      'export A=1\nexport B=2\n',
      'export A=1\nexport B=2\nexport KILL_SWITCH=1\n',
    ],
    ['missing where some is exported', 'export A=1\nB=2\n', 'export A=1\nB=2\nKILL_SWITCH=1\n'],
    ['commented out', '#KILL_SWITCH=0\n', '#KILL_SWITCH=0\nKILL_SWITCH=1\n'],
    [
      'another key that ends like ours',
      'MY_KILL_SWITCH=0\nKILL_SWITCH_2=0\nkill_switch=0\n',
      'MY_KILL_SWITCH=0\nKILL_SWITCH_2=0\nkill_switch=0\nKILL_SWITCH=1\n',
    ],
    ['inside another value', 'NOTE="a\nKILL_SWITCH=0\nb"\n', 'NOTE="a\nKILL_SWITCH=0\nb"\nKILL_SWITCH=1\n'],
    ['after a quote that never closes', 'NOTE="a\nKILL_SWITCH=0\n', 'NOTE="a\nKILL_SWITCH=1\n'],
    [
      'after a path that ends in a backslash',
      `DIR='C:\\x\\'\nKILL_SWITCH=0\nN='x'\n`,
      `DIR='C:\\x\\'\nKILL_SWITCH=1\nN='x'\n`,
    ],
    ['after an apostrophe', `NOTE=it's\nKILL_SWITCH=0\nMORE=it's\n`, `NOTE=it's\nKILL_SWITCH=1\nMORE=it's\n`],
    [
      'lines that are no assignment',
      'KILL_SWITCH\n=0\n???\nKILL_SWITCH=0',
      'KILL_SWITCH\n=0\n???\nKILL_SWITCH=1',
    ],
  ])('sets %s', (_, before, after) => {
    expect(kill(before)).toBe(after);
    expect(kill(after)).toBe(after);
    expect(valuesOf(parseEnv(after)).KILL_SWITCH).toBe('1');
  });

  test.each([
    ['A=1\nKILL_SWITCH=0 API_KEY=abc\n', 'line 2: it sets KILL_SWITCH and something else'],
    ['A=1\r\nexport KILL_SWITCH="0"; API_KEY=abc\r\n', 'line 2: it sets KILL_SWITCH and something else'],
    ['KILL_SWITCH=0\nexport KILL_SWITCH\r\n=1', 'line 2: KILL_SWITCH and its = are on different lines'],
    ['KILL_SWITCH="0\nAPI_KEY=abc\n"\n', 'line 1: the value of KILL_SWITCH goes on over several lines'],
  ])('refuses what it cannot set alone: %j', (text, reason) => {
    expect(() => kill(text)).toThrow(new ControlSyntax(reason));
  });

  test('says both values of a key that stands twice', () => {
    expect(valuesOf(parseEnv('KILL_SWITCH=1\nKILL_SWITCH=0\nDATA_FEED=backup\nDATA_FEED=backup\n'))).toEqual({
      KILL_SWITCH: '1|0',
      DATA_FEED: 'backup',
    });
  });
});

describe('.json', () => {
  const set = (text: string, values: ControlValues = { KILL_SWITCH: '1' }) =>
    editText(parseJson, text, values);

  test.each([
    ['a number', '{"a":1,"KILL_SWITCH":0,"b":[1, 2]}', '{"a":1,"KILL_SWITCH":1,"b":[1, 2]}'],
    ['a string', '{ "KILL_SWITCH" : "0" }\n', '{ "KILL_SWITCH" : "1" }\n'],
    ['a boolean', '{"KILL_SWITCH": false}', '{"KILL_SWITCH": true}'],
    ['null', '{"KILL_SWITCH": null}', '{"KILL_SWITCH": 1}'],
    ['whatever stood there', '{"KILL_SWITCH": {"KILL_SWITCH": 0}}', '{"KILL_SWITCH": 1}'],
    [
      'every occurrence',
      '{"KILL_SWITCH":0,"a":1,"a":2,"KILL_SWITCH":"0"}',
      '{"KILL_SWITCH":1,"a":1,"a":2,"KILL_SWITCH":"1"}',
    ],
    ['an escaped key', '{"KILL\\u005fSWITCH":0}', '{"KILL\\u005fSWITCH":1}'],
    [
      'missing, though there is a nested one',
      '{"a":{"KILL_SWITCH":0}}',
      '{"a":{"KILL_SWITCH":0}, "KILL_SWITCH":1}',
    ],
    ['missing, in a compact object', '{"a":1,"b":2}', '{"a":1,"b":2,"KILL_SWITCH":1}'],
    [
      'missing, in an indented object',
      '{\r\n\t"a": 1,\r\n\t"b": {}\r\n}\r\n',
      '{\r\n\t"a": 1,\r\n\t"b": {},\r\n\t"KILL_SWITCH": 1\r\n}\r\n',
    ],
    ['missing, in an empty object', '{}', '{"KILL_SWITCH": 1}'],
    ['missing, in an empty object of two lines', '{\n}\n', '{\n  "KILL_SWITCH": 1\n}\n'],
    [
      'missing, where ours are strings',
      '{"HALT_NEW_ORDERS": "0"}',
      '{"HALT_NEW_ORDERS": "0", "KILL_SWITCH": "1"}',
    ],
  ])('sets %s', (_, before, after) => {
    expect(set(before)).toBe(after);
    expect(valuesOf(parseJson(after)).KILL_SWITCH).toBe('1');
  });

  test('a word is a string, also where a number stood', () => {
    expect(set('{"DATA_FEED": 0}', { DATA_FEED: 'backup', POSITION_SIZE_FACTOR: '0.5' })).toBe(
      '{"DATA_FEED": "backup", "POSITION_SIZE_FACTOR": 0.5}',
    );
  });

  test.each([
    ['', 'line 1: it ends too early'],
    ['{\n "a": 1,\n}', 'line 3: expected a key in quotes'],
    ['{"a": 1\n', 'line 2: it ends too early'],
    ['// no\n{}', 'line 1: not JSON'],
    ['[1]', 'line 1: the file is not one object'],
    ['{}\n{}', 'line 1: something follows the object'],
    ['{"a" 1}', 'line 1: expected :'],
    ['{"a": [1 2]}', 'line 1: expected , or ]'],
    ['{"a": :}', 'line 1: expected a value'],
    [`{"a": ${'['.repeat(100_000)}`, 'line 1: nested over 200 deep'],
  ])('refuses broken text %#', (text, reason) => {
    expect(() => set(text)).toThrow(new ControlSyntax(reason));
  });

  test('knows JSON from what is not, as JSON.parse does', () => {
    const piece = fc.constantFrom(
      ...'{}[],:" \n\\u0041-+.eE01'.split(''),
      '"a"',
      'true',
      'null',
      '{"a":1}',
      '\u0001',
      '\u00e9',
    );
    const garbage = fc.array(piece, { maxLength: 12 }).map((pieces) => `{"a":${pieces.join('')}}`);
    fc.assert(
      fc.property(
        fc.oneof(
          garbage,
          fc.json().map((json) => `{"a":${json}}`),
        ),
        (text) => {
          let valid = true;
          try {
            JSON.parse(text);
          } catch {
            valid = false;
          }
          expect(orRefused(() => parseJson(text)) !== undefined).toBe(valid);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('.yml', () => {
  const set = (text: string, values: ControlValues = { KILL_SWITCH: '1' }) =>
    editText(parseYaml, text, values);

  test.each([
    ['plain, with a comment', 'a: 1\nKILL_SWITCH: 0   # off\nb: 2\n', 'a: 1\nKILL_SWITCH: 1   # off\nb: 2\n'],
    ['quotes', `KILL_SWITCH: "0"\n"KILL_SWITCH": '0'\n`, `KILL_SWITCH: "1"\n"KILL_SWITCH": '1'\n`],
    ['a boolean', 'KILL_SWITCH: false\n', 'KILL_SWITCH: true\n'],
    ['a boolean of YAML 1.1', '%YAML 1.1\n---\nKILL_SWITCH: off\n', '%YAML 1.1\n---\nKILL_SWITCH: true\n'],
    ['nothing', 'KILL_SWITCH:\na: 1', 'KILL_SWITCH: 1\na: 1'],
    ['nothing, with a comment', 'KILL_SWITCH: # off\n', 'KILL_SWITCH: 1 # off\n'],
    ['null', 'KILL_SWITCH: ~', 'KILL_SWITCH: 1'],
    ['an anchor and a tag', 'KILL_SWITCH: &k !!str 0 # x\n', 'KILL_SWITCH: &k !!str 1 # x\n'],
    ['an anchor on nothing', 'KILL_SWITCH: &k\n', 'KILL_SWITCH: &k 1\n'],
    ['an alias', 'off: &off 0\nKILL_SWITCH: *off\n', 'off: &off 0\nKILL_SWITCH: 1\n'],
    ['a block scalar', 'KILL_SWITCH: |\n  0\na: 1\n', 'KILL_SWITCH: 1\na: 1\n'],
    ['a mapping', 'KILL_SWITCH:\n  a: 1\nb: 2\n', 'KILL_SWITCH:\n  1\nb: 2\n'],
    ['an explicit key', '? KILL_SWITCH\n: 0\n', '? KILL_SWITCH\n: 1\n'],
    ['CRLF', 'KILL_SWITCH: 0\r\na: 1\r\n', 'KILL_SWITCH: 1\r\na: 1\r\n'],
    ['a flow mapping', '{a: 1, KILL_SWITCH: 0, }', '{a: 1, KILL_SWITCH: 1, }'],
    ['a flow key alone', '{KILL_SWITCH, a}', '{KILL_SWITCH: 1, a}'],
    [
      'missing, though there is a nested one',
      'a:\n  KILL_SWITCH: 0\n',
      'a:\n  KILL_SWITCH: 0\nKILL_SWITCH: 1\n',
    ],
    ['missing, no final newline', 'a: 1 # x', 'a: 1 # x\nKILL_SWITCH: 1'],
    ['missing, indented', '  a: 1\r\n  b: 2\r\n', '  a: 1\r\n  b: 2\r\n  KILL_SWITCH: 1\r\n'],
    [
      'missing, before the end marker',
      '---\na: 1\n...\n# over\n',
      '---\na: 1\nKILL_SWITCH: 1\n...\n# over\n',
    ],
    ['missing, in an empty file', '', 'KILL_SWITCH: 1\n'],
    ['missing, in a file of comments', '# only\n', '# only\nKILL_SWITCH: 1\n'],
    ['missing, in an empty document', '---\n# only', '---\n# only\nKILL_SWITCH: 1'],
    ['missing, after a block scalar', 'a: |+\n  x\n\n', 'a: |+\n  x\n\nKILL_SWITCH: 1\n'],
    [
      'missing, where a newline would join a block scalar',
      '# top\na:\n  - |\n    x',
      '# top\nKILL_SWITCH: 1\na:\n  - |\n    x',
    ],
    ['missing, the same, indented', ' a: 1\n b: >\n  x', ' KILL_SWITCH: 1\n a: 1\n b: >\n  x'],
    [
      'missing, in a flow mapping',
      '{ a: 1, # one\n  b, # two\n}\n',
      '{ a: 1, # one\n  b, KILL_SWITCH: 1, # two\n}\n',
    ],
    ['missing, in an empty flow mapping', '--- {}\n', '--- {KILL_SWITCH: 1}\n'],
    [
      'missing, where ours are in quotes',
      `HALT_NEW_ORDERS: '0'\n`,
      `HALT_NEW_ORDERS: '0'\nKILL_SWITCH: '1'\n`,
    ],
    ['beside doubled keys of others', 'a: 1\na: 2\nKILL_SWITCH: 0\n', 'a: 1\na: 2\nKILL_SWITCH: 1\n'],
    [
      'beside anchors, tags and merges',
      'b: &b {x: !env 1}\n<<: *b\nKILL_SWITCH: 0\nc: *b\n',
      'b: &b {x: !env 1}\n<<: *b\nKILL_SWITCH: 1\nc: *b\n',
    ],
  ])('sets %s', (_, before, after) => {
    expect(set(before)).toBe(after);
    expect(valuesOf(parseYaml(after)).KILL_SWITCH).toBe('1');
  });

  test.each([
    ['x: 1\na: 1\n b: 2\n', /^line 2: block as implicit key$/],
    ['a: "secret\n', /^line \d: missing char$/],
    ['a: 1\n---\nb: 2\n', /^line 2: multiple docs$/],
    ['- 1\n', /^line 1: the file is not one mapping$/],
    ['? KILL_SWITCH\n', /^line 1: KILL_SWITCH stands in a way that cannot be set/],
    ['[KILL_SWITCH'.repeat(20_000), /./],
  ])('refuses broken text %#', (text, reason) => {
    expect(() => set(text)).toThrow(reason);
  });

  test('reads an alias as what it names', () => {
    expect(valuesOf(parseYaml('on: &on 1\nKILL_SWITCH: *on\nDATA_FEED: >-\n  backup\n'))).toEqual({
      KILL_SWITCH: '1',
      DATA_FEED: 'backup',
    });
  });
});

// ── Properties ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** A text in pieces: bytes of others, and values of ours. What a write must give is put together from the same pieces. */
interface Ours {
  key: ControlKey;
  before: string;
  value: string;
  after: string;
  /** How a new value is written here. */
  say: (value: string) => string;
}
type Piece = string | Ours;

const join1 = (pieces: Piece[], values: ControlValues) =>
  pieces
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      const value = values[piece.key];
      return piece.before + (value === undefined ? piece.value : piece.say(value)) + piece.after;
    })
    .join('');
const has = (pieces: Piece[], key: ControlKey) =>
  pieces.some((piece) => typeof piece !== 'string' && piece.key === key);

const key = fc.constantFrom(...CONTROL_KEYS);
const number = fc.constantFrom('0', '1', '0.5', '7', '-3');
const asked: fc.Arbitrary<ControlValues> = fc.record(
  {
    KILL_SWITCH: fc.constantFrom('0', '1'),
    HALT_NEW_ORDERS: fc.constantFrom('0', '1'),
    POSITION_SIZE_FACTOR: fc.constantFrom('1', '0.5'),
    DATA_FEED: fc.constantFrom('primary', 'backup'),
    STANDDOWN_REV: fc.nat().map(String),
  },
  { requiredKeys: [] },
);
const same = (value: string) => value;
/** Any text without line breaks and without what would begin something else. */
const words = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map((text) => text.replace(/[\p{Cc}\u2028\u2029]/gu, '~'));

const envText: fc.Arbitrary<{ pieces: Piece[]; eol: string }> = fc.constantFrom('\n', '\r\n').chain((eol) => {
  const name = fc.constantFrom('API_KEY', 'A', 'a.b-c', 'KILL_SWITCHES', 'X_DATA_FEED');
  const other = fc.oneof(
    words.map((text) => `#${text}`),
    fc.constantFrom('', '  ', '\t', 'garbage', 'export KILL_SWITCH', '# KILL_SWITCH=0', '=1', '"', "don't"),
    fc
      .tuple(fc.constantFrom('', 'export ', '  '), name, words)
      .map(([pre, name, text]) => `${pre}${name}=${text.replace(/["'`]/g, '')}`),
    fc.tuple(name, words).map(([name, text]) => `${name}="${text.replace(/["\\]/g, '')}" # x`),
    fc
      .tuple(name, words)
      .map(([name, text]) => `${name}='${text.replace(/['\\]/g, '')}${eol}KILL_SWITCH=0${eol}'`),
  );
  const ours = fc
    .tuple(
      key,
      fc.constantFrom('', 'export ', ' export\t', '  '),
      fc.constantFrom('=', ' = ', '='),
      fc.constantFrom('', '"', "'", '`'),
      fc.oneof(number, fc.constantFrom('primary', 'yes please')),
      fc.constantFrom('', ' ', ' # why', '\t#', '   # it\'s "0"'),
    )
    .map(([key, pre, equals, quote, value, after]): Ours => {
      return { key, before: pre + key + equals + quote, value, after: quote + after, say: same };
    });
  return fc
    .tuple(fc.array(fc.oneof({ arbitrary: other, weight: 2 }, ours), { maxLength: 10 }), fc.boolean())
    .map(([lines, final]) => ({
      eol,
      pieces: lines.flatMap((line, i) => (i < lines.length - 1 || final ? [line, eol] : [line])),
    }));
});

const space = fc.constantFrom('', ' ', '\n  ', '\r\n\t', '  ');
const jsonText: fc.Arbitrary<Piece[]> = fc
  .array(
    fc.tuple(
      space,
      space,
      space,
      fc.oneof(
        fc.tuple(fc.constant(null), fc.constantFrom('a', 'kill_switch', '}', '"'), fc.json()),
        fc.tuple(
          key,
          fc.constant(''),
          fc.oneof(
            number,
            number.map((value) => `"${value}"`),
            fc.constantFrom('"primary"', 'null', 'true', 'false', '[0]', '{"KILL_SWITCH": 0}'),
          ),
        ),
      ),
    ),
    { maxLength: 8 },
  )
  .map((members) => {
    const pieces: Piece[] = ['{'];
    for (const [i, [a, b, c, [key, name, json]]] of members.entries()) {
      if (i > 0) pieces.push(',');
      if (key === null) pieces.push(`${a}${JSON.stringify(name)}${b}:${c}${json}${a}`);
      else {
        const say = (value: string) => {
          if ((json === 'true' || json === 'false') && /^[01]$/.test(value)) return String(value === '1');
          return json.startsWith('"') || !/^[\d.]+$/.test(value) ? `"${value}"` : value;
        };
        pieces.push({ key, before: `${a}"${key}"${b}:${c}`, value: json, after: a, say });
      }
    }
    return [...pieces, members.length > 0 ? '}\n' : ' }'];
  });

const yamlText: fc.Arbitrary<Piece[]> = fc
  .tuple(
    fc.constantFrom('\n', '\r\n'),
    fc.constantFrom('', '---\n', '# top\n\n'),
    fc.array(
      fc.oneof(
        fc.constantFrom(
          '# a comment: with "things',
          '',
          'a: 1',
          'a: [1, {KILL_SWITCH: 0}] # c',
          'n:\n  KILL_SWITCH: 0\n  # in\n  x: 1',
          'b: |\n  KILL_SWITCH: 0\n  # text',
          'b2: >+\n  text\n\n',
          'l:\n- 1\n- x: 2',
          'anchored: &it {x: 1}',
          'q: "two\n  lines"',
          "s: 'it''s'",
          '"quoted key": 1',
          'é: ü',
        ),
        fc
          .tuple(
            key,
            fc.constantFrom('', '"', "'"),
            fc.constantFrom('', '&anchor ', '!!str ', '  '),
            fc.oneof(number, fc.constantFrom('primary', 'off', 'yes please')),
            fc.constantFrom('', '  ', ' # why', '   # "0"'),
            fc.constantFrom('', '"'),
          )
          .map(([key, quote, dress, value, after, q]): Ours => {
            return {
              key,
              before: `${q}${key}${q}: ${dress}${quote}`,
              value,
              after: quote + after,
              say: same,
            };
          }),
      ),
      { maxLength: 8 },
    ),
    fc.boolean(),
  )
  .map(([eol, top, lines, final]) => {
    const at = (text: string) => text.replaceAll('\n', eol);
    const pieces: Piece[] = [at(top)];
    for (const [i, line] of lines.entries()) {
      pieces.push(typeof line === 'string' ? at(line) : line);
      if (i < lines.length - 1 || final) pieces.push(eol);
    }
    return pieces;
  });

/** dotenv's parser, as it stands in dotenv 16 and 17: an oracle that shares no line with ours. */
function dotenv(text: string): Record<string, string> {
  const line =
    /^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/gm;
  const found: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const match of text.replace(/\r\n?/gm, '\n').matchAll(line)) {
    found[match[1] ?? ''] = (match[2] ?? '').trim().replace(/^(['"`])([\s\S]*)\1$/gm, '$2');
  }
  return found;
}

/** The values that stood in the text, with what was asked on top; keys that disagree with themselves left out. */
function expected(pieces: Piece[], parse: ParseText, values: ControlValues): ControlValues {
  return { ...valuesOf(parse(join1(pieces, {}))), ...values };
}

/** Compare a write with the pieces: in place exactly, and what is new exactly one run of text. Returns that run. */
function addedTo(pieces: Piece[], values: ControlValues, after: string): { at: number; text: string } {
  const inPlace = join1(pieces, values);
  const grown = after.length - inPlace.length;
  expect(grown).toBeGreaterThanOrEqual(0);
  let at = 0;
  while (at < inPlace.length && inPlace[at] === after[at]) at += 1;
  // Of the places that give the same text, any will do; this is the first from the right.
  expect(after.slice(0, at) + after.slice(at + grown)).toBe(inPlace);
  return { at, text: after.slice(at, at + grown) };
}

const missingOf = (pieces: Piece[], values: ControlValues) =>
  CONTROL_KEYS.filter((key) => values[key] !== undefined && !has(pieces, key));

describe('a write changes our values and no other byte', () => {
  test('.env', () => {
    fc.assert(
      fc.property(envText, asked, ({ pieces, eol }, values) => {
        const before = join1(pieces, {});
        fc.pre(!/[\w.-][ \t]*[\r\n]\s*=/.test(before)); // a key and its = on two lines: refused, or no assignment
        const after = editText(parseEnv, before, values);
        const missing = missingOf(pieces, values);
        const inPlace = join1(pieces, values);
        expect(after.startsWith(inPlace)).toBe(true);
        const added = after.slice(inPlace.length);
        expect(
          added
            .split(/\r?\n/)
            .filter((line) => line !== '')
            .map((line) => line.replace('export ', '')),
        ).toEqual(missing.map((key) => `${key}=${values[key]}`));
        // The final newline, or its absence, stays; an empty file gets one.
        const closed = before === '' ? missing.length > 0 : before.endsWith('\n');
        expect(after.endsWith('\n')).toBe(closed);
        const mixed = after.replaceAll(before.includes('\n') ? eol : '\n', '');
        expect(mixed).not.toMatch(/[\r\n]/);
        expect(valuesOf(parseEnv(after))).toEqual(expected(pieces, parseEnv, values));

        const was = dotenv(before);
        const is = dotenv(after);
        expect(is).toEqual({ ...was, ...values });
      }),
      { numRuns: 2000 },
    );
  });

  test('.env, whatever it says: refused, or as dotenv reads it', () => {
    const piece = fc.constantFrom(
      'KILL_SWITCH',
      'DATA_FEED',
      'A',
      '=',
      '=',
      '0',
      '1',
      '"',
      "'",
      '`',
      '#',
      ' ',
      '\n',
      '\n',
      '\r\n',
      '\\',
      'export ',
      ';',
      '\u00e9',
      '\u00a0',
    );
    let written = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const before = pieces.join('');
        const set = (text: string) => editText(parseEnv, text, { KILL_SWITCH: '1', DATA_FEED: 'backup' });
        const after = orRefused(() => set(before));
        if (after === undefined) return;
        written += 1;
        // No line that does not begin with a key of ours was touched, and none was added but ours.
        const others = (text: string) =>
          text
            .split(/\r\n|\n|\r/)
            .filter(
              (line) => !/^[ \t]*(export[ \t]+)?(KILL_SWITCH|DATA_FEED)[ \t]*=/.test(line) && line !== '',
            );
        expect(others(after)).toEqual(others(before));
        expect(set(after)).toBe(after);
      }),
      { numRuns: 5000 },
    );
    expect(written).toBeGreaterThan(2000);
  });

  test('.json', () => {
    fc.assert(
      fc.property(jsonText, asked, (pieces, values) => {
        const before = join1(pieces, {});
        const after = editText(parseJson, before, values);
        const { text } = addedTo(pieces, values, after);
        const missing = missingOf(pieces, values);
        expect(text === '').toBe(missing.length === 0);
        expect(valuesOf(parseJson(after))).toEqual(expected(pieces, parseJson, values));
        const others = (json: string) =>
          Object.entries(JSON.parse(json) as object).filter(([name]) => !Object.hasOwn(values, name));
        expect(others(after)).toEqual(others(before));
      }),
      { numRuns: 2000 },
    );
  });

  test('.yml', () => {
    fc.assert(
      fc.property(yamlText, asked, (pieces, values) => {
        const before = join1(pieces, {});
        const after = editText(parseYaml, before, values);
        const { text } = addedTo(pieces, values, after);
        const missing = missingOf(pieces, values);
        // Before a key that begins as ours does, the same text may begin a letter later, and end with that letter.
        expect(missing.every((key) => (text + text).includes(key))).toBe(true);
        expect(text === '').toBe(missing.length === 0);
        const read = valuesOf(parseYaml(after));
        for (const [key, value] of Object.entries(expected(pieces, parseYaml, values))) {
          expect(read[key as ControlKey]).toBe(value);
        }
        const others = (yaml: string) => {
          const read = (parseWithYaml(yaml, { uniqueKeys: false }) ?? {}) as object;
          return Object.entries(read).filter(([name]) => !(CONTROL_KEYS as readonly string[]).includes(name));
        };
        expect(others(after)).toEqual(others(before));
      }),
      { numRuns: 1500 },
    );
  });

  test('on disk: any bytes around, a byte order mark, and back again', async () => {
    const path = file('control.env');
    const control = await openControlFile({ path });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 30 }), fc.boolean(), asked, async (noise, bom, values) => {
        const junk = Buffer.from(noise)
          .toString('latin1')
          .replace(/[\r\n]/g, ' ');
        const head = bom ? '\xEF\xBB\xBF' : '';
        writeFileSync(path, `${head}#${junk}\nKILL_SWITCH=0 #${junk}\nX=1`, 'latin1');
        const { STANDDOWN_REV: _, ...wanted } = values;
        const written = await control.write(wanted);
        expect(written).toMatchObject({ state: 'written', values: wanted });
        expect(
          bytes(path).startsWith(`${head}#${junk}\nKILL_SWITCH=${values.KILL_SWITCH ?? '0'} #${junk}\nX=1\n`),
        ).toBe(true);
        expect(await control.read()).toMatchObject({ state: 'read', values: wanted });
      }),
      { numRuns: 100 },
    );
  });
});

// ── Disk ───────────────────────────────────────────────────────────────────────────────────────────────────────────

type Step =
  | 'realpath'
  | 'stat'
  | 'readFile'
  | 'open'
  | 'fstat'
  | 'writeFile'
  | 'chown'
  | 'chmod'
  | 'sync'
  | 'close'
  | 'rename'
  | 'unlink';

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: secret detail`), { code });
}

/** The real disk, with `before` and `after` called around every step. A write that fails leaves half of it behind. */
function disk(hooks: {
  before?: (step: Step, path: string) => void | Promise<void>;
  after?: (step: Step, path: string) => void;
}): ControlFs {
  async function run<T>(step: Step, path: string, work: () => Promise<T>): Promise<T> {
    await hooks.before?.(step, path);
    const result = await work();
    hooks.after?.(step, path);
    return result;
  }
  return {
    ...nodeFs,
    realpath: (path) => run('realpath', path, () => nodeFs.realpath(path)),
    stat: (path) => run('stat', path, () => nodeFs.stat(path)),
    readFile: (path) => run('readFile', path, () => nodeFs.readFile(path)),
    rename: (from, to) => run('rename', to, () => nodeFs.rename(from, to)),
    unlink: (path) => run('unlink', path, () => nodeFs.unlink(path)),
    open: async (path, flags, mode) => {
      const handle = await run('open', path, () => nodeFs.open(path, flags, mode));
      const wrapped: ControlHandle = {
        stat: () => run('fstat', path, () => handle.stat()),
        chown: (uid, gid) => run('chown', path, () => handle.chown(uid, gid)),
        chmod: (mode) => run('chmod', path, () => handle.chmod(mode)),
        sync: () => run('sync', path, () => handle.sync()),
        // Closed whatever happens, so that a test leaks no handle.
        close: () => handle.close().then(() => run('close', path, () => Promise.resolve())),
        writeFile: async (data) => {
          try {
            await run('writeFile', path, () => Promise.resolve());
          } catch (error) {
            await handle.writeFile(data.subarray(0, data.length / 2));
            throw error;
          }
          await handle.writeFile(data);
        },
      };
      return wrapped;
    },
  };
}

const OLD = '# keep me\nAPI_KEY=abc\nKILL_SWITCH=0 # off\nSTANDDOWN_REV=6\n';
const NEW = '# keep me\nAPI_KEY=abc\nKILL_SWITCH=1 # off\nSTANDDOWN_REV=7\n';

describe('writing', () => {
  test('sets the values, grows the revision, leaves nothing beside the file', async () => {
    const path = file('control.env', OLD);
    const control = await openControlFile({ path });
    expect(await control.write({ KILL_SWITCH: '1' })).toEqual({
      state: 'written',
      values: { KILL_SWITCH: '1', STANDDOWN_REV: '7' },
      rev: 7,
    });
    expect(bytes(path)).toBe(NEW);
    expect(beside(path)).toEqual(['control.env']);
    expect(await control.read()).toEqual({
      state: 'read',
      values: { KILL_SWITCH: '1', STANDDOWN_REV: '7' },
      rev: 7,
    });
  });

  test.each([
    [
      'control.json',
      '{\n  "apiKey": "abc"\n}\n',
      '{\n  "apiKey": "abc",\n  "HALT_NEW_ORDERS": 1,\n  "STANDDOWN_REV": 1\n}\n',
    ],
    ['control.yaml', 'apiKey: abc\n', 'apiKey: abc\nHALT_NEW_ORDERS: 1\nSTANDDOWN_REV: 1\n'],
    ['.env', 'apiKey=abc\n', 'apiKey=abc\nHALT_NEW_ORDERS=1\nSTANDDOWN_REV=1\n'],
  ])('%s by its name', async (name, before, after) => {
    const path = file(name, before);
    const control = await openControlFile({ path });
    expect(await control.write({ HALT_NEW_ORDERS: '1' })).toMatchObject({ state: 'written', rev: 1 });
    expect(bytes(path)).toBe(after);
  });

  test('the revision goes on from the last one known when the file lost it', async () => {
    const path = file('control.env', 'STANDDOWN_REV=40\n');
    const control = await openControlFile({ path });
    expect(await control.write({})).toMatchObject({ rev: 41 });
    writeFileSync(path, 'STANDDOWN_REV=soon\n');
    expect(await control.read()).toMatchObject({ rev: 0 });
    expect(await control.write({})).toMatchObject({ rev: 42 });
    writeFileSync(path, 'STANDDOWN_REV=3\nSTANDDOWN_REV=90\n');
    expect(await control.write({})).toMatchObject({ rev: 91, values: { STANDDOWN_REV: '91' } });
  });

  test('syncs before it renames, and the folder after', async () => {
    const path = file('control.env', OLD);
    const done: string[] = [];
    const fs = disk({
      after: (step, at) => {
        done.push(`${step} ${at.endsWith('.tmp') ? 'temporary' : at === path ? 'file' : 'folder'}`);
      },
    });
    const control = await openControlFile({ path, fs });
    await control.write({}); // behind the clearing of what an earlier process left
    done.length = 0;
    await control.write({ KILL_SWITCH: '1' });
    expect(done).toEqual([
      'realpath file',
      'stat file',
      'readFile file',
      'open temporary',
      'writeFile temporary',
      'fstat temporary',
      'chmod temporary',
      'sync temporary',
      'close temporary',
      'readFile file',
      'rename file',
      'open folder',
      'sync folder',
      'close folder',
      'stat file',
      'readFile file',
    ]);
  });

  test('two at once both take effect, in order', async () => {
    const path = file('control.env', OLD);
    const control = await openControlFile({ path });
    const written = await Promise.all([
      control.write({ KILL_SWITCH: '1' }),
      control.write({ HALT_NEW_ORDERS: '1' }),
      control.write({ DATA_FEED: 'backup' }),
    ]);
    expect(written.map((write) => write.state === 'written' && write.rev)).toEqual([7, 8, 9]);
    expect(await control.read()).toMatchObject({
      values: { KILL_SWITCH: '1', HALT_NEW_ORDERS: '1', DATA_FEED: 'backup', STANDDOWN_REV: '9' },
    });
  });

  test('a write queues behind one that hangs; a read does not', async () => {
    const path = file('control.env', OLD);
    const answer = later();
    const fs = disk({
      before: (step, at) => (step === 'sync' && at.endsWith('.tmp') ? answer.done : undefined),
    });
    const control = await openControlFile({ path, fs });
    let done = 0;
    const writes = [control.write({ KILL_SWITCH: '1' }), control.write({ HALT_NEW_ORDERS: '1' })].map(
      (write) =>
        write.finally(() => {
          done += 1;
        }),
    );
    expect(await control.read()).toMatchObject({ state: 'read', values: { KILL_SWITCH: '0' } });
    expect(done).toBe(0);
    answer.settle();
    expect(await Promise.all(writes)).toMatchObject([{ rev: 7 }, { rev: 8 }]);
  });

  test('what another program wrote meanwhile is not undone', async () => {
    const path = file('control.env', OLD);
    let once = true;
    const fs = disk({
      after: (step) => {
        if (step !== 'writeFile' || !once) return;
        once = false;
        writeFileSync(path, NEW.replace('abc', 'def'));
      },
    });
    const control = await openControlFile({ path, fs });
    expect(await control.write({ HALT_NEW_ORDERS: '1' })).toMatchObject({ state: 'written', rev: 8 });
    expect(bytes(path)).toBe(`${NEW.replace('abc', 'def').replace('REV=7', 'REV=8')}HALT_NEW_ORDERS=1\n`);
    expect(beside(path)).toEqual(['control.env']);
  });

  test('gives up against a program that keeps writing', async () => {
    const path = file('control.env', OLD);
    let n = 0;
    const fs = disk({
      after: (step) => {
        n += 1;
        if (step === 'writeFile') writeFileSync(path, `N=${n}\n`);
      },
    });
    const control = await openControlFile({ path, fs });
    expect(await control.write({ KILL_SWITCH: '1' })).toEqual({
      state: 'failed',
      reason: `${path}: somebody else keeps writing it; gave up after 5 tries`,
    });
    expect(beside(path)).toEqual(['control.env']);
  });

  test('does not say written when something else is read back', async () => {
    const path = file('control.env', OLD);
    const fs = disk({
      after: (step) => {
        if (step === 'rename') writeFileSync(path, OLD);
      },
    });
    const control = await openControlFile({ path, fs });
    expect(await control.write({ KILL_SWITCH: '1' })).toEqual({
      state: 'failed',
      reason: `${path}: KILL_SWITCH=1 was written, KILL_SWITCH=0 was read back: somebody else writes it`,
    });
  });

  test('nor when nothing can be read back', async () => {
    const path = file('control.env', OLD);
    const fs = disk({
      after: (step) => {
        if (step === 'rename') unlinkSync(path);
      },
    });
    const control = await openControlFile({ path, fs });
    expect(await control.write({ KILL_SWITCH: '1' })).toEqual({
      state: 'failed',
      reason: `reading it back: ${path}: it is missing (ENOENT)`,
    });
  });

  test('a value that could be more than a value is refused', async () => {
    const path = file('control.env', OLD);
    const control = await openControlFile({ path });
    for (const value of ['', '1\nAPI_KEY=x', '1 #', '"1"']) {
      expect(await control.write({ KILL_SWITCH: value })).toEqual({
        state: 'failed',
        reason: 'KILL_SWITCH cannot be set to that value',
      });
    }
    expect(bytes(path)).toBe(OLD);
  });

  test('the mode stays, whatever the umask', async () => {
    for (const mode of [0o600, 0o664, 0o666, 0o444]) {
      const path = file('control.env', OLD);
      chmodSync(path, mode);
      const control = await openControlFile({ path });
      expect(await control.write({ KILL_SWITCH: '1' })).toMatchObject({ state: 'written' });
      expect(statSync(path).mode & 0o7777).toBe(mode);
    }
  });

  test.runIf(process.getuid?.() === 0)('owner and group stay', async () => {
    const path = file('control.env', OLD);
    chownSync(path, 1234, 2345);
    const control = await openControlFile({ path });
    expect(await control.write({ KILL_SWITCH: '1' })).toMatchObject({ state: 'written' });
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 2345 });
  });

  test('where files cannot be given away, the latch is written all the same', async () => {
    const path = file('control.env', OLD);
    const real = disk({});
    const fs: ControlFs = {
      ...real,
      // A file that seems to be of somebody else.
      stat: async (at) => Object.assign(await real.stat(at), { uid: 77, gid: 88 }),
      open: async (at, flags, mode) => ({
        ...(await real.open(at, flags, mode)),
        chown: () => Promise.reject(errno('EPERM')),
      }),
    };
    const control = await openControlFile({ path, fs });
    expect(await control.write({ KILL_SWITCH: '1' })).toMatchObject({ state: 'written' });
    expect(bytes(path)).toBe(NEW);
  });

  test('a symlink stays, its target is replaced, in its own folder', async () => {
    const target = file('real.txt', OLD);
    const link = join(dirname(file('other')), 'control.env');
    symlinkSync(target, link);
    const opened: string[] = [];
    const fs = disk({
      after: (step, path) => {
        if (step === 'open') opened.push(dirname(path));
      },
    });
    const control = await openControlFile({ path: link, fs });
    expect(await control.write({ KILL_SWITCH: '1' })).toMatchObject({ state: 'written' });
    expect(readlinkSync(link)).toBe(target);
    expect(bytes(target)).toBe(NEW);
    // The temporary file, then the folder itself, to be synced.
    expect(opened).toEqual([dirname(target), dirname(dirname(target))]);
    expect(beside(link).sort()).toEqual(['control.env', 'other']);
  });

  test('a folder that cannot be synced at all is no failure', async () => {
    const path = file('control.env', OLD);
    const fs = disk({
      before: (step, at) => {
        if (step === 'sync' && at === dirname(path)) throw errno('EINVAL');
      },
    });
    expect(await (await openControlFile({ path, fs })).write({ KILL_SWITCH: '1' })).toMatchObject({
      state: 'written',
    });
  });
});

describe('a disk that hangs', () => {
  test('keeps neither the opening nor a reading waiting: a kill goes on to the venues', async () => {
    const never = () => new Promise<never>(() => undefined);
    const path = file('control.env', 'KILL_SWITCH=1\n');
    const control = await openControlFile({ path, fs: { ...nodeFs, readdir: never, realpath: never } });
    expect(await control.read()).toMatchObject({ state: 'read', values: { KILL_SWITCH: '1' } });
  });
});

describe('what fails says so, in words, and nothing is lost', () => {
  const steps: Step[] = [
    'realpath',
    'stat',
    'readFile',
    'open',
    'fstat',
    'writeFile',
    'chmod',
    'sync',
    'close',
    'rename',
  ];
  const cases = steps.flatMap((step) =>
    ['ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EBUSY', 'EWEIRD'].map((code) => [step, code] as const),
  );

  test.each(cases)('%s with %s', async (step, code) => {
    const path = file('control.env', OLD);
    let broken = false;
    const fs = disk({
      before: (at) => {
        if (broken && at === step) throw errno(code);
      },
    });
    const control = await openControlFile({ path, fs });
    broken = true;
    const written = await control.write({ KILL_SWITCH: '1' });
    expect(written.state).toBe('failed');
    expect(written.state === 'failed' && written.reason).toMatch(new RegExp(`^${path}: .+\\(${code}\\)$`));
    expect(JSON.stringify(written)).not.toContain('secret');
    expect(bytes(path)).toBe(OLD);
    expect(beside(path)).toEqual(['control.env']);
    broken = false;
    expect(await control.write({ KILL_SWITCH: '1' })).toMatchObject({ state: 'written' });
  });

  test('a folder that fails to sync: not written, although the value may stand', async () => {
    const path = file('control.env', OLD);
    const fs = disk({
      before: (step, at) => {
        if (step === 'sync' && at === dirname(path)) throw errno('EIO');
      },
    });
    expect(await (await openControlFile({ path, fs })).write({ KILL_SWITCH: '1' })).toEqual({
      state: 'failed',
      reason: `${path}: syncing its folder (the values may stand, and may not outlast a power loss): the disk has an I/O error (EIO)`,
    });
    expect(bytes(path)).toBe(NEW);
  });

  test('missing: not created', async () => {
    const path = file('control.env');
    unlinkSync(path);
    const control = await openControlFile({ path });
    expect(await control.read()).toEqual({ state: 'missing', reason: `${path}: it is missing (ENOENT)` });
    expect(await control.write({ KILL_SWITCH: '1' })).toEqual({
      state: 'failed',
      reason: `${path}: reading it: it is missing (ENOENT)`,
    });
    expect(beside(path)).toEqual([]);
  });

  test.each([
    ['control.json', '{\n "a": "secret",\n', 'line 3: it ends too early'],
    ['control.yml', 'x: 1\na: secret\n b: "secret"\n', 'line 2: block as implicit key'],
    ['control.env', 'KILL_SWITCH=0 API_KEY=secret\n', 'line 1: it sets KILL_SWITCH and something else'],
    ['control.env', '\xFF\xFEK\0', 'it is UTF-16, not UTF-8'],
    ['control.toml', 'a = 1\n', 'its name must end in .env, .json, .yml or .yaml'],
  ])('%s that cannot be parsed is unreadable, and a kill leaves it as it is', async (name, text, reason) => {
    const path = file(name, Buffer.from(text, 'latin1'));
    const control = await openControlFile({ path });
    const read = await control.read();
    expect(read.state).toBe('unreadable');
    const said = read.state === 'read' ? '' : read.reason;
    expect(said.slice(path.length + 2)).toEqual(reason);
    expect(await control.write({ KILL_SWITCH: '1' })).toEqual({
      state: 'failed',
      reason: said.replace(`${path}: `, `${path}: reading it: `),
    });
    expect(said).not.toContain('secret');
    expect(bytes(path)).toBe(text);
  });

  test('a folder in its place', async () => {
    const path = file('x');
    unlinkSync(path);
    mkdirSync(join(dirname(path), 'control.env'));
    const control = await openControlFile({ path: join(dirname(path), 'control.env') });
    expect(await control.read()).toMatchObject({
      state: 'unreadable',
      reason: expect.stringContaining('not a file'),
    });
    expect(await control.write({ KILL_SWITCH: '1' })).toMatchObject({ state: 'failed' });
  });

  test('unreadable by its permission', async () => {
    const path = file('control.env', OLD);
    const fs = disk({
      before: (step) => {
        if (step === 'readFile') throw errno('EACCES');
      },
    });
    expect(await (await openControlFile({ path, fs })).read()).toEqual({
      state: 'unreadable',
      reason: `${path}: no permission (EACCES)`,
    });
  });
});

describe('a crash', () => {
  test('between any two steps leaves the old file or the new one, whole', async () => {
    let total = 0;
    const counting = await openControlFile({
      path: file('control.env', OLD),
      fs: disk({
        before: () => {
          total += 1;
        },
      }),
    });
    await counting.write({ KILL_SWITCH: '1' });
    expect(total).toBeGreaterThan(12);

    const ends = new Set<string>();
    for (let last = 0; last <= total; last += 1) {
      const path = file('control.env', OLD);
      let steps = 0;
      // After the last step nothing works any more, tidying up included: the process is gone.
      const fs = disk({
        before: () => {
          steps += 1;
          if (steps > last) throw new Error('dead');
        },
      });
      await (await openControlFile({ path, fs })).write({ KILL_SWITCH: '1' });
      ends.add(bytes(path));
      expect([OLD, NEW]).toContain(bytes(path));

      // The next life finds its file usable, and sweeps once the leftover's process is gone.
      for (const name of beside(path).filter((name) => name.endsWith('.tmp'))) {
        renameSync(
          join(dirname(path), name),
          join(dirname(path), name.replace(`-${process.pid}-`, '-99999999-')),
        );
      }
      const next = await openControlFile({ path });
      expect(await next.write({ KILL_SWITCH: '1' })).toMatchObject({
        state: 'written',
        values: { KILL_SWITCH: '1' },
      });
      expect(beside(path)).toEqual(['control.env']);
    }
    expect(ends).toEqual(new Set([OLD, NEW]));
  });

  test('leaves temporary files, which opening removes: those of the dead, and old ones; no other file', async () => {
    const path = file('control.env', OLD);
    const folder = dirname(path);
    const names = {
      dead: '.control.env.standdown-99999999-0a.tmp',
      old: `.control.env.standdown-${process.pid}-0b.tmp`,
      young: `.control.env.standdown-${process.pid}-0c.tmp`,
      other: '.other.env.standdown-99999999-0d.tmp',
      notOurs: '.control.env.standdown-notes.tmp',
    };
    const now = 2_000_000_000_000;
    for (const name of Object.values(names)) {
      writeFileSync(join(folder, name), '');
      utimesSync(join(folder, name), now / 1000, (name === names.old ? now - 61_000 : now) / 1000);
    }
    await (await openControlFile({ path, now: () => now })).write({});
    expect(beside(path).sort()).toEqual([names.young, names.notOurs, names.other, 'control.env'].sort());
  });
});

// ── Watching ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A wait that ends when it is aborted or when the test says so. */
function handClock() {
  const waiting = new Set<() => void>();
  const awaited: { begun: number; tell: () => void }[] = [];
  let begun = 0;
  return {
    wait(_ms: number, signal?: AbortSignal): Promise<void> {
      const { done, settle } = later();
      const end = () => {
        waiting.delete(end);
        settle();
      };
      waiting.add(end);
      signal?.addEventListener('abort', end);
      if (signal?.aborted === true) end();
      begun += 1;
      for (const one of awaited) if (begun >= one.begun) one.tell();
      return done;
    },
    pass(): void {
      const ending = Array.from(waiting);
      for (const end of ending) end();
    },
    /** Resolves when that many waits have begun, over all. */
    hasBegun(count: number): Promise<void> {
      const { done, settle } = later();
      awaited.push({ begun: count, tell: settle });
      if (begun >= count) settle();
      return done;
    },
  };
}

async function watched(path: string, fs: ControlFs = nodeFs) {
  const control = await openControlFile({ path, fs });
  const clock = handClock();
  const seen: ControlSeen[] = [];
  let looks = 0;
  let ticks = 0;
  const counted: ControlFile = {
    ...control,
    look: () => {
      looks += 1;
      return control.look();
    },
  };
  return {
    control,
    clock,
    seen,
    looks: () => looks,
    start: () =>
      watchControlFile({
        control: counted,
        wait: (ms, signal) => clock.wait(ms, signal),
        onChange: (change) => seen.push(change),
        fs,
      }),
    /** Let one more look begin (the first does so by itself) and be dealt with. A look that answers takes two waits. */
    async tick(): Promise<void> {
      if (ticks > 0) clock.pass();
      ticks += 1;
      await clock.hasBegun(2 * ticks);
    },
  };
}

describe('watching', () => {
  test('reports what somebody else did, once, and not our own writes', async () => {
    const path = file('control.env', OLD);
    const desk = await watched(path);
    await desk.control.read();
    const watch = desk.start();
    await desk.control.write({ KILL_SWITCH: '1' });
    await desk.tick();
    await desk.control.write({ HALT_NEW_ORDERS: '1' });
    await desk.control.write({ HALT_NEW_ORDERS: '0' });
    await desk.tick();
    expect(desk.seen).toEqual([]);

    // In place, of the same length.
    writeFileSync(path, bytes(path).replace('KILL_SWITCH=1', 'KILL_SWITCH=0'));
    await desk.tick();
    await desk.tick();
    expect(desk.seen).toMatchObject([{ state: 'read', values: { KILL_SWITCH: '0' }, unwritable: null }]);
    watch.stop();
  });

  test('a change that a write of ours followed at once is still seen', async () => {
    const path = file('control.env', NEW);
    const desk = await watched(path);
    const watch = desk.start();
    await desk.tick();
    writeFileSync(path, OLD);
    await desk.control.write({ HALT_NEW_ORDERS: '1' });
    await desk.tick();
    expect(desk.seen).toMatchObject([{ state: 'read', values: { KILL_SWITCH: '0', HALT_NEW_ORDERS: '1' } }]);
    watch.stop();
  });

  test('our own older bytes put back by somebody are seen', async () => {
    const path = file('control.env', OLD);
    const desk = await watched(path);
    const watch = desk.start();
    await desk.control.write({ KILL_SWITCH: '1' });
    const latched = bytes(path);
    await desk.control.write({ KILL_SWITCH: '0' });
    await desk.tick();
    desk.seen.length = 0;
    writeFileSync(path, latched);
    await desk.tick();
    expect(desk.seen).toMatchObject([{ values: { KILL_SWITCH: '1' } }]);
    watch.stop();
  });

  test('the bytes before a write of ours, put back by somebody before the next look, are seen', async () => {
    const path = file('control.env', OLD);
    const desk = await watched(path);
    const watch = desk.start();
    await desk.tick();
    await desk.control.write({ KILL_SWITCH: '1' });
    writeFileSync(path, OLD);
    await desk.tick();
    expect(desk.seen).toMatchObject([{ values: { KILL_SWITCH: '0' } }]);
    watch.stop();
  });

  test('so are those between two writes of ours', async () => {
    const path = file('control.env', OLD);
    const desk = await watched(path);
    const watch = desk.start();
    await desk.tick();
    await desk.control.write({ KILL_SWITCH: '1' });
    const first = bytes(path);
    await desk.control.write({ HALT_NEW_ORDERS: '1' });
    writeFileSync(path, first);
    await desk.tick();
    expect(desk.seen).toMatchObject([{ values: { KILL_SWITCH: '1' } }]);
    watch.stop();
  });

  test('more writes of ours than are remembered between two looks: said once too often rather than never', async () => {
    const path = file('control.env', OLD);
    const desk = await watched(path);
    const watch = desk.start();
    await desk.tick();
    for (let i = 0; i < 40; i += 1) await desk.control.write({ KILL_SWITCH: '1' });
    await desk.tick();
    await desk.tick();
    expect(desk.seen).toMatchObject([{ rev: 46 }]);
    watch.stop();
  });

  test('a rename that failed is no write', async () => {
    const path = file('control.env', OLD);
    let broken = false;
    const fs = disk({
      before: (step) => {
        if (broken && step === 'rename') throw errno('EIO');
      },
    });
    const desk = await watched(path, fs);
    const watch = desk.start();
    await desk.tick();
    broken = true;
    await desk.control.write({ KILL_SWITCH: '1' });
    broken = false;
    await desk.control.write({ HALT_NEW_ORDERS: '1' });
    await desk.tick();
    expect(desk.seen).toEqual([]);
    watch.stop();
  });

  test('a change between the last read and the start of watching is seen', async () => {
    const path = file('control.env', NEW);
    const desk = await watched(path);
    await desk.control.read();
    writeFileSync(path, OLD);
    const watch = desk.start();
    await desk.tick();
    expect(desk.seen).toMatchObject([{ values: { KILL_SWITCH: '0' } }]);
    watch.stop();
  });

  test('missing, broken, back again', async () => {
    const path = file('control.json', '{}');
    const desk = await watched(path);
    const watch = desk.start();
    await desk.tick();
    unlinkSync(path);
    await desk.tick();
    await desk.tick();
    writeFileSync(path, '{');
    await desk.tick();
    await desk.tick();
    writeFileSync(path, '{}');
    await desk.tick();
    expect(desk.seen.map((seen) => seen.state)).toEqual(['missing', 'unreadable', 'read']);
    watch.stop();
  });

  test('unwritable and full, and well again', async () => {
    const path = file('control.env', OLD);
    let access: string | null = null;
    let space = { bavail: 10, files: 0, ffree: 0 };
    const fs: ControlFs = {
      ...nodeFs,
      access: () => (access === null ? Promise.resolve() : Promise.reject(errno(access))),
      statfs: () => Promise.resolve(space),
    };
    const desk = await watched(path, fs);
    const watch = desk.start();
    await desk.tick();
    for (const change of [
      () => (access = 'EROFS'),
      () => (access = null),
      () => (space = { bavail: 0, files: 0, ffree: 0 }),
      () => (space = { bavail: 10, files: 5, ffree: 0 }),
      () => (space = { bavail: 10, files: 5, ffree: 1 }),
    ]) {
      change();
      await desk.tick();
    }
    expect(desk.seen.map((seen) => [seen.state, seen.unwritable])).toEqual([
      ['read', 'the file system is read-only (EROFS)'],
      ['read', null],
      ['read', 'the disk is full (ENOSPC)'],
      ['read', null],
    ]);
    watch.stop();
  });

  test('a look that hangs is said once, and does not pile up', async () => {
    const path = file('control.env', OLD);
    const answer = later();
    let hang = true;
    const fs = disk({ before: (step) => (hang && step === 'readFile' ? answer.done : undefined) });
    const desk = await watched(path, fs);
    const watch = desk.start();
    for (const waits of [1, 2, 3, 4]) {
      await desk.clock.hasBegun(waits);
      desk.clock.pass();
    }
    await desk.clock.hasBegun(5);
    expect(desk.looks()).toBe(1);
    const reason = `${path}: the disk has not answered for 5000 ms`;
    expect(desk.seen).toEqual([{ state: 'unreadable', reason, unwritable: reason }]);
    hang = false;
    answer.settle();
    await desk.clock.hasBegun(6);
    expect(desk.looks()).toBe(1);
    expect(desk.seen[1]).toMatchObject({ state: 'read', unwritable: null });
    watch.stop();
  });

  test('stops', async () => {
    const path = file('control.env', OLD);
    const desk = await watched(path);
    const watch = desk.start();
    await desk.tick();
    writeFileSync(path, NEW);
    watch.stop();
    await new Promise(setImmediate);
    expect(desk.looks()).toBe(1);
    expect(desk.seen).toEqual([]);
  });
});

// ── Describing ─────────────────────────────────────────────────────────────────────────────────────────────────────

describe('describing', () => {
  const root = { uid: 0, gids: [0] };

  test('a file in order', async () => {
    const path = file('control.env', CONTROL_KEYS.map((key) => `${key}=0\n`).join(''));
    expect(await describeControlFile(path, { who: root })).toEqual({
      exists: true,
      writable: true,
      isMountPoint: false,
      format: 'env',
      missingKeys: [],
      keepsOwner: true,
      problems: [],
    });
    expect((await describeControlFile(path)).keepsOwner).toBe(true);
  });

  test('a symlink, missing keys, an owner that would change', async () => {
    const target = file('control.yml', 'KILL_SWITCH: 0\n');
    const link = join(dirname(target), 'link.yml');
    symlinkSync(target, link);
    const found = await describeControlFile(link, { who: { uid: 4321, gids: [4321] } });
    expect(found).toMatchObject({
      exists: true,
      writable: true,
      symlinkTo: target,
      format: 'yaml',
      keepsOwner: false,
    });
    expect(found.missingKeys).toEqual(CONTROL_KEYS.slice(1));
    expect(found.problems).toEqual(['a write would change its owner or group: run as the user that owns it']);
  });

  test('missing', async () => {
    expect(await describeControlFile(join(dirname(file('x')), 'control.json'), { who: root })).toEqual({
      exists: false,
      writable: false,
      isMountPoint: false,
      format: 'json',
      missingKeys: [],
      keepsOwner: true,
      problems: ['it is missing (ENOENT)'],
    });
  });

  test('broken, and of no known format', async () => {
    expect(await describeControlFile(file('control.json', '{'), { who: root })).toMatchObject({
      exists: true,
      problems: ['it cannot be read: line 1: it ends too early'],
    });
    expect(await describeControlFile(file('control.ini', ''), { who: root })).toMatchObject({
      format: null,
      problems: ['it cannot be read: its name must end in .env, .json, .yml or .yaml'],
    });
    expect(await describeControlFile(dirname(file('control.env')), { who: root })).toMatchObject({
      exists: true,
      writable: false,
      problems: ['it is not a file'],
    });
  });

  test('a file mounted by itself, as Linux lists it, or by its device', async () => {
    const path = file('control.env', OLD);
    const odd = join(dirname(path), 'with space.env');
    writeFileSync(odd, OLD);
    const mounts = `36 35 98:0 / ${dirname(path)} rw - ext4 x rw\n37 36 98:0 /a ${odd.replace(' ', '\\040')} rw - ext4 x rw\n`;
    const linux: ControlFs = {
      ...nodeFs,
      readFile: (at) => (at.startsWith('/proc') ? Promise.resolve(Buffer.from(mounts)) : nodeFs.readFile(at)),
    };
    expect(await describeControlFile(odd, { fs: linux, who: root })).toMatchObject({
      isMountPoint: true,
      writable: false,
      problems: ['it is a mount point of its own: mount its folder, not the file'],
    });
    expect(await describeControlFile(path, { fs: linux, who: root })).toMatchObject({ isMountPoint: false });

    const elsewhere: ControlFs = {
      ...nodeFs,
      readFile: (at) => (at.startsWith('/proc') ? Promise.reject(errno('ENOENT')) : nodeFs.readFile(at)),
      stat: async (at) => Object.assign(await nodeFs.stat(at), { dev: at === path ? 1 : 2 }),
    };
    expect(await describeControlFile(path, { fs: elsewhere, who: root })).toMatchObject({
      isMountPoint: true,
    });
  });

  test('a folder that cannot be written', async () => {
    const path = file('control.env', OLD);
    const fs: ControlFs = { ...nodeFs, access: () => Promise.reject(errno('EROFS')) };
    expect(await describeControlFile(path, { fs, who: root })).toMatchObject({
      writable: false,
      problems: ['it cannot be replaced: the file system is read-only (EROFS)'],
    });
  });

  test('formats by name', () => {
    const names = [
      '.env',
      'a.env',
      '.env.live',
      'A.ENV',
      'a.json',
      'a.env.json',
      'a.yml',
      'a.YAML',
      'env',
      'a.toml',
    ];
    expect(names.map(controlFormat)).toEqual([
      'env',
      'env',
      'env',
      'env',
      'json',
      'json',
      'yaml',
      'yaml',
      null,
      null,
    ]);
  });
});
