/** The control file as YAML. Pure. */

import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';
import type { ControlKey } from '../../ports.ts';
import { ControlSyntax, isControlKey, lineAt, lineEnding, type ParsedText, type Slot } from './text.ts';

type Doc = ReturnType<typeof parseYamlDocument>;

// Doubled keys are the owner's affair. Pretty errors would quote the file, which may hold secrets.
function parseYamlDocument(text: string) {
  return parseDocument(text, { keepSourceTokens: true, uniqueKeys: false, prettyErrors: false });
}

/**
 * Find our keys in the top-level mapping, block or flow; nested ones are not searched. A value keeps its quotes, its
 * anchor and its tag; an alias is replaced by the value, the anchor that it named stays. Throws ControlSyntax for what
 * is not YAML, holds several documents, or is not a mapping. An empty file, or one of comments, is an empty mapping.
 */
export function parseYaml(text: string): ParsedText {
  const doc = parseYamlDocument(text);
  const error = doc.errors[0];
  if (error !== undefined) {
    throw new ControlSyntax(
      `line ${lineAt(text, error.pos[0])}: ${error.code.toLowerCase().replaceAll('_', ' ')}`,
    );
  }
  const root = doc.contents;
  const empty = root === null || (isScalar(root) && root.value === null && root.source === '');
  if (!empty && !isMap(root)) throw new ControlSyntax('line 1: the file is not one mapping');

  const pairs = isMap(root) ? root.items : [];
  const slots = pairs.flatMap((pair) => {
    const key = isScalar(pair.key) ? pair.key.value : undefined;
    return isControlKey(key) ? [slotOf(text, doc, key, pair)] : [];
  });
  const quote = slots
    .filter((slot) => /^[\d.]+$/.test(slot.value))
    .map((slot) => /["']/.exec(text.charAt(slot.start))?.[0])
    .find((quote) => quote !== undefined);

  return {
    slots,
    append(missing) {
      const lines = missing.map(([key, value]) => `${key}: ${quote ?? ''}${value}${quote ?? ''}`);
      if (isMap(root) && root.flow === true) return inFlow(root.range?.[0] ?? 0, pairs, lines);

      const eol = lineEnding(text);
      const first = root?.range?.[0] ?? 0;
      const indent = isMap(root) ? text.slice(text.lastIndexOf('\n', first - 1) + 1, first) : '';
      // A newline after a block scalar would become part of it; before the first key, it cannot.
      const open = text !== '' && !text.endsWith('\n');
      if (open && endsInBlockScalar(root)) {
        return { start: first, end: first, text: lines.map((line) => line + eol + indent).join('') };
      }
      const at = /^\.\.\./m.test(text.slice(doc.range[1])) ? doc.range[1] : text.length;
      const added = lines.map((line) => indent + line).join(eol);
      return { start: at, end: at, text: open && at === text.length ? eol + added : added + eol };
    },
  };
}

function slotOf(text: string, doc: Doc, key: ControlKey, pair: Pair): Slot {
  const node = pair.value as Node | null;
  const [from, to] = node?.range ?? [0, 0];
  if (node === null || from === to) {
    const colon = pair.srcToken?.sep?.find((token) => token.type === 'map-value-ind');
    const afterKey = (pair.key as Node).range?.[1] ?? 0;
    const dressed = isScalar(node) && (node.anchor !== undefined || node.tag !== undefined);
    const at = dressed ? from : colon === undefined ? afterKey : colon.offset + 1;
    return { key, value: '', start: at, end: at, render: (value) => (colon ? ` ${value}` : `: ${value}`) };
  }
  const raw = text.slice(from, to);
  const quote = /^["']/.exec(raw)?.[0] ?? '';
  // A block scalar's extent takes in the line break after it.
  const tail = /[\r\n]+$/.exec(raw)?.[0] ?? '';
  const boolean = isScalar(node) && typeof node.value === 'boolean';
  return {
    key,
    value: spoken(text, doc, node),
    start: from,
    end: to,
    render(value) {
      if (boolean && (value === '1' || value === '0')) return value === '1' ? 'true' : 'false';
      return quote + value + quote + tail;
    },
  };
}

function spoken(text: string, doc: Document, node: Node): string {
  const meant = isAlias(node) ? node.resolve(doc) : node;
  if (isScalar(meant)) {
    if (typeof meant.value === 'boolean') return meant.value ? '1' : '0';
    if (meant.value === null) return '';
    return typeof meant.value === 'string' && meant.type !== 'PLAIN' ? meant.value : (meant.source ?? '');
  }
  return text.slice(node.range?.[0], node.range?.[1]);
}

/** Straight after the last member, so that comments and a trailing comma stay behind it. */
function inFlow(open: number, pairs: Pair[], lines: string[]) {
  const last = pairs.at(-1);
  const end =
    (last?.value as Node | null | undefined)?.range?.[1] ?? (last?.key as Node | undefined)?.range?.[1];
  const at = end ?? open + 1;
  return { start: at, end: at, text: (end === undefined ? '' : ', ') + lines.join(', ') };
}

function endsInBlockScalar(node: unknown): boolean {
  if (isCollection(node)) {
    const last: unknown = node.items.at(-1);
    return endsInBlockScalar(isMap(node) ? (last as Pair | undefined)?.value : last);
  }
  return isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED');
}
