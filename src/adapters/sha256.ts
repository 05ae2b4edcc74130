/** SHA-256 in one call: what the logs are chained with. */

import { hash } from 'node:crypto';
import type { Sha256 } from '../domain/chain.ts';

export const sha256: Sha256 = (text) => hash('sha256', text, 'hex');
