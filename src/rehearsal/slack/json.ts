/** A value that came over the wire. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** An object that came over the wire; a key that is absent reads as undefined. */
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** True for a plain object, not for null and not for a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The string itself, or '' for anything else: arguments of the Web API are optional and untyped. */
export function str(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The list itself, or an empty one. */
export function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

/** Slack reads true, 'true', 1 and '1' as true: a form has no booleans. */
export function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === 'true' || value === '1';
}

/** The parsed text, or undefined when it is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Our own records as wire objects; interfaces have no index signature, so this is the one place that says so. */
export function toJson(value: object): JsonObject {
  return value as unknown as JsonObject;
}
