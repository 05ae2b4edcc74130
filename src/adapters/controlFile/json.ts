/** The control file as JSON. Pure. */

import { ControlSyntax, isControlKey, lineAt, lineEnding, type ParsedText, type Slot } from './text.ts';

interface Token {
  text: string;
  start: number;
  end: number;
}

interface Member {
  key: Token;
  value: Token;
}

const TOKEN =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/y;
const SPACE = /[ \t\r\n]*/y;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const MAX_DEPTH = 200;

/**
 * Find our keys among the members of the top-level object; nested ones are not searched. A value keeps its type: a
 * number stays a number, a string a string, a boolean a boolean. Throws ControlSyntax for what is not JSON, not an
 * object, or nested over 200 deep. JSON.parse is not used for it: it gives no offsets, and its messages quote the file.
 */
export function parseJson(text: string): ParsedText {
  const members = membersOf(text);
  const slots = members.flatMap(({ key, value }): Slot[] => {
    const name: unknown = JSON.parse(key.text);
    if (!isControlKey(name)) return [];
    const { start, end } = value;
    return [{ key: name, value: spoken(value.text), start, end, render: (v) => inMannerOf(value.text, v) }];
  });
  const asStrings = slots.some((slot) => text.charAt(slot.start) === '"' && NUMBER.test(slot.value));

  return {
    slots,
    append(missing) {
      const last = members.at(-1);
      const colon = last === undefined ? ': ' : text.slice(last.key.end, last.value.start);
      const added = missing.map(
        ([key, value]) => `"${key}"${colon}${asStrings ? `"${value}"` : inMannerOf('', value)}`,
      );
      if (last === undefined) {
        const open = text.indexOf('{') + 1;
        const gap = /^[ \t]*[\r\n]/.test(text.slice(open)) ? `${lineEnding(text)}  ` : '';
        return { start: open, end: open, text: gap + added.join(`,${gap === '' ? ' ' : gap}`) };
      }
      // As before the last member: its line break and indentation, or its space on a line shared with others.
      const before = /[ \t\r\n]*$/.exec(text.slice(0, last.key.start))?.[0] ?? '';
      const indent = /[ \t]*$/.exec(before)?.[0] ?? '';
      const alone = members.length === 1 ? ' ' : indent;
      const gap = /[\r\n]/.test(before) ? lineEnding(text) + indent : alone;
      const at = last.value.end;
      return { start: at, end: at, text: added.map((member) => `,${gap}${member}`).join('') };
    },
  };
}

function spoken(value: string): string {
  if (value.startsWith('"')) return String(JSON.parse(value));
  if (value === 'true') return '1';
  if (value === 'false') return '0';
  return value === 'null' ? '' : value;
}

function inMannerOf(former: string, value: string): string {
  if (former === 'true' || former === 'false') {
    if (value === '1') return 'true';
    if (value === '0') return 'false';
  }
  return !former.startsWith('"') && NUMBER.test(value) ? value : `"${value}"`;
}

function membersOf(text: string): Member[] {
  let at = 0;

  function next(): Token {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    TOKEN.lastIndex = SPACE.lastIndex;
    const start = SPACE.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) throw wrong(start, start === text.length ? 'it ends too early' : 'not JSON');
    at = TOKEN.lastIndex;
    return { text: found[0], start, end: at };
  }

  function expect(token: Token, ...texts: string[]): string {
    if (!texts.includes(token.text)) throw wrong(token.start, `expected ${texts.join(' or ')}`);
    return token.text;
  }

  function wrong(offset: number, what: string): ControlSyntax {
    return new ControlSyntax(`line ${lineAt(text, offset)}: ${what}`);
  }

  /** Read the value that begins with `token`; its whole extent. */
  function value(token: Token, depth: number): Token {
    if (depth > MAX_DEPTH) throw wrong(token.start, `nested over ${MAX_DEPTH} deep`);
    if (token.text === '{') object(depth);
    else if (token.text === '[') array(depth);
    else if ('}],:'.includes(token.text)) throw wrong(token.start, 'expected a value');
    return { text: text.slice(token.start, at), start: token.start, end: at };
  }

  function array(depth: number): void {
    let token = next();
    if (token.text === ']') return;
    for (;;) {
      value(token, depth + 1);
      if (expect(next(), ',', ']') === ']') return;
      token = next();
    }
  }

  function object(depth: number): Member[] {
    const members: Member[] = [];
    let key = next();
    if (key.text === '}') return members;
    for (;;) {
      if (!key.text.startsWith('"')) throw wrong(key.start, 'expected a key in quotes');
      expect(next(), ':');
      members.push({ key, value: value(next(), depth + 1) });
      if (expect(next(), ',', '}') === '}') return members;
      key = next();
    }
  }

  const first = next();
  if (first.text !== '{') throw wrong(first.start, 'the file is not one object');
  const members = object(0);
  if (/[^ \t\r\n]/.test(text.slice(at))) throw wrong(at, 'something follows the object');
  return members;
}
