/**
 * Adds the platform packages that npm left out of package-lock.json: `node scripts/complete-lock.mjs`, after npm changed it.
 *
 * A registry mirror that lacks, say, the Windows build of a tool makes npm drop that build from the lockfile, and `npm ci`
 * then refuses the lockfile as out of step. Each is added as npm itself writes an optional package of another platform,
 * without an address or a checksum; on the platform it is for, npm looks it up by name and version.
 */

import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const { packages } = lock;

const first = (text, words) => words.find((word) => text.split('-').includes(word));

let added = 0;
for (const [path, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (
      packages[`node_modules/${name}`] !== undefined ||
      packages[`${path}/node_modules/${name}`] !== undefined
    )
      continue;
    const platform = name.split('/').at(-1);
    const os = first(platform, ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']);
    const cpu = first(platform, ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x']);
    if (os === undefined || cpu === undefined || !/^\d/.test(version))
      throw new Error(`${name}@${version} is no build for a platform: add it by hand.`);
    const musl = platform.includes('musl');
    packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev === true ? { dev } : {}),
      ...(os === 'linux' ? { libc: [musl ? 'musl' : 'glibc'] } : {}),
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} added\n`);
