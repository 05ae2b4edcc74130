/** Naming a person so that they see it. Pure. */

import type { Actor } from '../domain/incident.ts';
import { inert } from './text.ts';

/** Somebody of this Slack is mentioned, so that they see it; anybody else is named. */
export const mention = ({ via, id, name }: Actor): string =>
  via === 'slack' && /^[UW][A-Z0-9]{2,20}$/.test(id) ? `<@${id}>` : inert(name, 60);
