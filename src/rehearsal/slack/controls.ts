import { interactiveElements } from './blocks.ts';
import { isObject, type Json, type JsonObject, str } from './json.ts';
import type { ClickTarget } from './shapes.ts';
import type { Workspace } from './workspace.ts';

/** A control, and the block it stands in. */
interface Control {
  readonly element: JsonObject;
  readonly blockId: string;
}

function labelOf(element: JsonObject): string {
  const text = element['text'] ?? element['placeholder'];
  return isObject(text) ? str(text['text']) : '';
}

/** Everything in these blocks that a person can press or fill in. */
export function controlsIn(blocks: readonly Json[]): Control[] {
  return blocks
    .filter(isObject)
    .flatMap((block) =>
      interactiveElements(block).map((element) => ({ element, blockId: str(block['block_id']) })),
    );
}

/** The one control that is meant. @throws when it is not there, or not the only one, naming what is */
export function pick(controls: readonly Control[], target: ClickTarget): Control {
  const { actionId, label, blockId } = target;
  if (actionId === undefined && label === undefined)
    throw new Error('name the control by actionId or by label');
  const found = controls.filter(
    (control) =>
      (actionId === undefined || control.element['action_id'] === actionId) &&
      (label === undefined || labelOf(control.element) === label) &&
      (blockId === undefined || control.blockId === blockId),
  );
  const [only] = found;
  if (only && found.length === 1) return only;
  const there = controls.map(
    (one) => `${str(one.element['action_id'])} "${labelOf(one.element)}" in ${one.blockId}`,
  );
  const name = actionId ?? `"${label}"`;
  const fault = found.length === 0 ? `no ${name} here` : `${found.length} × ${name} here: name its blockId`;
  throw new Error(`${fault}; there is ${there.join(', ') || 'nothing to press'}`);
}

/** The entry of `actions` for a pressed control; what `tamper` names replaces the truth. */
export function actionOf(
  workspace: Workspace,
  control: Control,
  target: ClickTarget,
  state: JsonObject | undefined,
): JsonObject {
  const { element, blockId } = control;
  const copied = Object.fromEntries(
    ['text', 'value', 'style', 'confirm', 'placeholder', 'url'].flatMap((key) =>
      element[key] === undefined ? [] : [[key, element[key]]],
    ),
  );
  const ts = workspace.nextTs();
  const ids = { type: element['type'], action_id: element['action_id'], block_id: blockId, action_ts: ts };
  return { ...copied, ...ids, ...state, ...target.tamper };
}
