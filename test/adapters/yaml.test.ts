import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { nearest, parseYaml, sayProblem, strict } from '../../src/adapters/yaml.ts';

const schema = strict({
  name: z.string(),
  size: z.number().positive().optional(),
  mode: z.enum(['act', 'advise']).optional(),
  feeds: z.union([z.literal('off'), z.array(strict({ id: z.string() })).min(1)]).optional(),
});
const hints = { size: 'Write a number over 0.', 'feeds.*.id': 'Give it an id.' };

const parse = (text: string) => parseYaml({ text, file: 'x.yml', schema, hints });
const problems = (text: string): string[] => {
  const parsed = parse(text);
  return parsed.ok ? [] : parsed.problems.map(sayProblem);
};

describe('a YAML file that people write', () => {
  test('is read', () => {
    expect(parse('name: a\nsize: 2 # two\nfeeds: [{ id: b }]\n')).toMatchObject({
      ok: true,
      value: { name: 'a', size: 2, feeds: [{ id: 'b' }] },
    });
    expect(parse('\ufeffname: no\n')).toMatchObject({ ok: true, value: { name: 'no' } });
  });

  test.each([
    [
      'an unknown key',
      'name: a\nsise: 1\n',
      'x.yml:2:1 "sise" is not a key that is known here. Did you mean size? Known here: name, size, mode, feeds.',
    ],
    [
      'a wrong type',
      'name: a\nsize: big\n',
      'x.yml:2:7 size: This is the text "big", and must be a number. Write a number over 0.',
    ],
    ['a number for text', 'name: 7\n', 'x.yml:1:7 name: This is "7", and must be text. Correct it.'],
    ['a key that is missing', 'size: 1\n', 'x.yml:1:1 name: This is missing. Add it.'],
    ['a key without a value', 'name:\n', 'x.yml:1:1 name: This is missing. Add it.'],
    [
      'a number out of range',
      'name: a\nsize: -1\n',
      'x.yml:2:7 size: This must be more than 0. Write a number over 0.',
    ],
    [
      'infinity',
      'name: a\nsize: .inf\n',
      'x.yml:2:7 size: This is "Infinity", and must be a number. Write a number over 0.',
    ],
    [
      'no number',
      'name: a\nsize: .nan\n',
      'x.yml:2:7 size: This is "NaN", and must be a number. Write a number over 0.',
    ],
    [
      'a word that is not one of a few',
      'name: a\nmode: acts\n',
      'x.yml:2:7 mode: "acts" is not one of: act, advise. Did you mean act? Write one of them.',
    ],
    [
      'something deep',
      'name: a\nfeeds:\n  - id: b\n  - { di: c }\n',
      'x.yml:4:5 feeds[1].id: This is missing. Give it an id.',
    ],
    [
      'neither off nor a list',
      'name: a\nfeeds: of\n',
      'x.yml:2:8 feeds: This is the text "of", which is not one of what it may be. Correct it.',
    ],
    ['a list for a map', '- a\n', 'x.yml:1:1 This is a list, and must be a map (key: value). Correct it.'],
  ])('says where and how to mend %s', (_what, text, said) => {
    expect(problems(text)).toContain(said);
  });

  test.each([
    ['a duplicate key', 'name: a\nname: b\n', 2, 'This key is here twice.'],
    ['a duplicate key, quoted', 'name: a\n"name": b\n', 2, 'This key is here twice.'],
    ['a duplicate key deep inside', 'name: a\nfeeds: [{ id: a, id: b }]\n', 2, 'This key is here twice.'],
    [
      'a tab',
      'name: a\nfeeds:\n\t- id: b\n',
      3,
      'Not YAML that can be read: Tabs are not allowed as indentation.',
    ],
    ['an alias', 'name: &x a\nmode: *x\n', 1, 'Anchors and aliases are not read here.'],
    [
      'a tag',
      'name: !!js/function "x"\n',
      1,
      'Not YAML that can be read: Unresolved tag: tag:yaml.org,2002:js/function.',
    ],
    [
      'a second document',
      'name: a\n---\nname: b\n',
      2,
      'Not YAML that can be read: Source contains multiple documents; please use YAML.parseAllDocuments().',
    ],
    [
      'an open bracket',
      'name: a\nfeeds: [\n',
      3,
      'Not YAML that can be read: Flow sequence in block collection must be sufficiently indented and end with a ].',
    ],
    ['a key that is a map', '? { a: b }\n: c\n', 1, 'This is no key that can be read.'],
    ['__proto__', '__proto__: { name: a }\n', 1, 'This is no key that can be read.'],
  ])('refuses %s, with its line', (_what, text, line, what) => {
    const parsed = parse(text);
    expect(parsed.ok ? [] : parsed.problems).toContainEqual(expect.objectContaining({ line, what }));
  });

  test('an alias bomb is refused before it grows', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, index) => {
      const [name, of] = [String.fromCodePoint(98 + index), String.fromCodePoint(97 + index)];
      return `${name}: &${name} [${`*${of},`.repeat(9)}]`;
    }).join('\n')}`;
    expect(problems(bomb)[0]).toContain('Anchors and aliases are not read here.');
  });

  test.each([
    ['brackets', '['.repeat(50_000)],
    ['maps', '{a: '.repeat(40_000)],
    ['lists in a line', '- '.repeat(100_000)],
    ['keys in a line', '? '.repeat(50_000)],
    ['indentation', Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['brackets over lines', 'a: [\n'.repeat(20_000)],
  ])('%s nested without an end are refused, and the process lives', (_what, text) => {
    expect(problems(text)[0]).toMatch(/This is nested too deeply|The file has/);
  });

  test('a huge file is refused by its size', () => {
    expect(problems(`name: ${'a'.repeat(300_000)}`)).toEqual([
      'x.yml:1:1 The file has 300006 characters. Keep it under 262144.',
    ]);
  });

  test('of thousands of problems the first hundred are shown', () => {
    const said = problems(Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`).join('\n'));
    expect(said).toHaveLength(101);
    expect(said.at(-1)).toBe('x.yml 4901 more problems are not shown. Mend the ones above first.');
  });

  test('brackets in text, comments and quotes are no nesting', () => {
    expect(parse(`name: "${'['.repeat(100)}" # ${'{'.repeat(100)}\n`)).toMatchObject({ ok: true });
  });

  test('what is shown of the file moves no cursor and is short', () => {
    const said = problems(`name: a\n"\\e[2J${'k'.repeat(500)}": 1\n`).join('');
    expect(said).not.toContain('\u001b');
    expect(said.length).toBeLessThan(300);
  });

  test('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'a:-?[]{}&*!|>\'"%@`# \n\t\0\\,.0'), maxLength: 200 }),
        (text) => {
          const parsed = parse(text);
          expect(parsed.ok || parsed.problems.length > 0).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test('nearest names a near word only', () => {
  expect(nearest('exchagne', ['exchange', 'secret'])).toBe('exchange');
  expect(nearest('quux', ['exchange', 'secret'])).toBeUndefined();
  expect(nearest('x'.repeat(100_000), ['exchange'])).toBeUndefined();
});
