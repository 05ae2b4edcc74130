import type { JsonObject } from '../../slack/json.ts';
import type { Names } from '../../slack/text.ts';

/** Somebody or something to choose in a menu. */
export interface Choice {
  readonly id: string;
  readonly name: string;
}

/** What blocks are drawn with. */
export interface Drawing {
  /**
   * In front of every DOM id. An id is made of it, the position and the action_id, since Slack gives a block a new
   * block_id at each update, and a control that changed its id would lose the focus. Null: a picture, not to be pressed.
   */
  readonly id: string | null;
  readonly names: Names;
  readonly people: readonly Choice[];
  readonly channels: readonly Choice[];
  /** Of an uploaded picture, by the id of its file: a `data:` URL, or null when there is none to show. */
  readonly image: (fileId: string) => string | null;
  /** What was chosen so far, before what a control starts with: block_id → action_id → Slack's state of the element. */
  readonly choices: JsonObject;
  /** What a modal's submission was refused for, by block_id. */
  readonly errors: Readonly<Record<string, string>>;
}

/** As a picture: nothing to press, nothing to choose from. */
export const still = (names: Names): Drawing => ({
  id: null,
  names,
  people: [],
  channels: [],
  image: () => null,
  choices: {},
  errors: {},
});
