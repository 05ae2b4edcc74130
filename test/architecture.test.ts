/** DESIGN 5: who may import whom. An arrow that is not drawn there fails here, and so does a cycle. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : path.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(['"]([^'"]+)['"]\)/gm,
  );
  return [...found].map(([, typeOnly, name, dynamic]) => {
    const target = name ?? dynamic ?? '';
    const to = target.startsWith('.') ? relative(SRC, resolve(dirname(file), target)) : target;
    return { from: relative(SRC, file), to, typeOnly: typeOnly !== undefined };
  });
}

const imports = files(SRC).flatMap(importsOf);
const roomOf = (path: string): string =>
  path.includes('/') ? (path.split('/')[0] ?? '') : path.replace(/\.ts$/, '');
const isOurs = (path: string): boolean => path.endsWith('.ts');

/** The rooms and what each may import of ours. Top-level files that are not here may import anything. */
const ARROWS: Record<string, string[]> = {
  domain: ['domain'],
  ports: ['domain'],
  engine: ['domain', 'ports', 'engine'],
  render: ['domain', 'render'],
  listeners: ['domain', 'render', 'engine', 'ports', 'listeners'],
  webhooks: ['domain', 'render', 'engine', 'ports', 'webhooks'],
  adapters: ['domain', 'ports', 'render', 'adapters'],
  rehearsal: ['rehearsal'],
};

/** One vendor a file: who may import which package, besides node's own modules. Types alone are free. */
const VENDORS: Record<string, string[]> = {
  '@slack/bolt': ['adapters/slack.ts'],
  '@slack/web-api': ['adapters/slack.ts'],
  '@octokit/core': ['adapters/github.ts'],
  '@pagerduty/pdjs': ['adapters/pagerduty.ts'],
  ccxt: ['adapters/ccxt.ts'],
  'node-cron': ['adapters/cron.ts'],
  lowdb: ['adapters/lowdb.ts'],
  nodemailer: ['adapters/smtp.ts'],
  liquidjs: ['adapters/liquid.ts'],
  // Loaded by the thread that it starts.
  vega: ['adapters/picture.ts'],
  '@resvg/resvg-js': ['adapters/picture.ts'],
};

describe('the arrows of the architecture', () => {
  it('domain imports nothing outside itself, not even node', () => {
    expect(
      imports.filter(({ from, to }) => roomOf(from) === 'domain' && !(isOurs(to) && roomOf(to) === 'domain')),
    ).toEqual([]);
  });

  it('each room imports only the rooms that it may', () => {
    const wrong = imports.filter(({ from, to }) => {
      const allowed = ARROWS[roomOf(from)];
      return isOurs(to) && allowed !== undefined && !allowed.includes(roomOf(to));
    });
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('a vendor is imported by its adapter alone', () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      const owners = VENDORS[to];
      return owners !== undefined && !typeOnly && !from.startsWith('rehearsal/') && !owners.includes(from);
    });
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('action ids are written in render/ alone', () => {
    const ids = [
      ...readFileSync(join(SRC, 'render/actions.ts'), 'utf8').matchAll(/'([a-z]+\.[a-zA-Z]+)'/g),
    ].map(([, id]) => id ?? '');
    const elsewhere = files(SRC)
      .filter((file) => !relative(SRC, file).startsWith('render/'))
      .flatMap((file) =>
        ids
          .filter((id) => readFileSync(file, 'utf8').includes(`'${id}'`))
          .map((id) => `${relative(SRC, file)}: ${id}`),
      );
    expect(elsewhere).toEqual([]);
  });

  it('there is no cycle of modules', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) {
      if (isOurs(to) && !typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
    }
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
        return;
      }
      state.set(file, 'open');
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of edges.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('names that say nothing are not used', () => {
    expect(
      files(SRC).filter(
        (file) => /(utils|helpers|index|misc|common)\.ts$/.test(file) && !file.endsWith('venues/index.ts'),
      ),
    ).toEqual([]);
  });
});
