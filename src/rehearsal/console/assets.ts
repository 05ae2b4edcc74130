import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A file that the page asks for, as the server gives it out. */
export interface Asset {
  readonly file: string;
  readonly type: string;
}

const beside = (name: string): string =>
  fileURLToPath(new URL(`../../../templates/console/${name}`, import.meta.url));

const SCRIPT = 'text/javascript; charset=utf-8';

/** Everything under /console/assets/, by name; nothing else is given out. */
export const ASSETS: Readonly<Record<string, Asset>> = {
  'console.css': { file: beside('console.css'), type: 'text/css; charset=utf-8' },
  'console.js': { file: beside('console.js'), type: SCRIPT },
  'mail.js': { file: beside('mail.js'), type: SCRIPT },
  'theme.js': { file: beside('theme.js'), type: SCRIPT },
  'idiomorph.js': {
    file: createRequire(import.meta.url).resolve('idiomorph/dist/idiomorph.esm.js'),
    type: SCRIPT,
  },
};
