import { isObject, type JsonObject, str } from './json.ts';

/** Where a view or message is shown; some blocks are refused on some of them. */
export type Surface = 'message' | 'modal' | 'home';

/** What is found wrong, in Slack's own words, each with the place. */
export interface Report {
  readonly surface: Surface;
  readonly problems: string[];
}

/** Looks at one value and reports what Slack would refuse about it. `at` is a JSON pointer. */
export type Rule = (value: unknown, at: string, report: Report) => void;

/** The fields of an object; Slack refuses any other. */
export interface Spec {
  readonly required: readonly string[];
  readonly fields: Readonly<Record<string, Rule>>;
}

/** Adds a problem, as Slack words it. */
export function refuse(report: Report, problem: string, at: string): void {
  report.problems.push(`${problem} [json-pointer:${at}]`);
}

// Slack does not say which unit it counts in; UTF-16 units are the strictest reading for emoji.
function checkLength(value: string, min: number, max: number, at: string, report: Report): void {
  if (value.length < min) refuse(report, `must be more than ${min - 1} characters`, at);
  if (value.length > max) refuse(report, `must be less than ${max + 1} characters`, at);
}

/** A string of `min` (default 1) to `max` characters. */
export function string(max: number, min = 1): Rule {
  return (value, at, report) => {
    if (typeof value === 'string') checkLength(value, min, max, at, report);
    else refuse(report, 'must be a string', at);
  };
}

export const flag: Rule = (value, at, report) => {
  if (typeof value !== 'boolean') refuse(report, 'must be a boolean', at);
};

/** A whole number within bounds. */
export function integer(min: number, max: number): Rule {
  return (value, at, report) => {
    if (!Number.isInteger(value)) refuse(report, 'must be an integer', at);
    else if (Number(value) < min || Number(value) > max)
      refuse(report, `must be between ${min} and ${max}`, at);
  };
}

/** One of a few words. */
export function oneOf(...words: readonly string[]): Rule {
  return (value, at, report) => {
    if (!words.includes(str(value))) refuse(report, `must be one of ${words.join(', ')}`, at);
  };
}

/** Structures that are taken on trust: the bot has no use for them, or Slack's rules for them are not public. */
export const anything: Rule = () => {};

/** A list of `min` to `max` items, each obeying `rule`. */
export function listOf(rule: Rule, min: number, max: number): Rule {
  return (value, at, report) => {
    if (!Array.isArray(value)) {
      refuse(report, 'must be an array', at);
      return;
    }
    if (value.length < min) refuse(report, `must provide at least ${min} items`, at);
    if (value.length > max) refuse(report, `no more than ${max} items allowed`, at);
    value.forEach((item, index) => {
      rule(item, `${at}/${index}`, report);
    });
  };
}

/** Checks an object against its fields: what is missing, what is too much, and each field by its own rule. */
export function checkObject(value: unknown, spec: Spec, at: string, report: Report): value is JsonObject {
  if (!isObject(value)) {
    refuse(report, 'must be an object', at);
    return false;
  }
  for (const key of spec.required) {
    if (value[key] === undefined || value[key] === null) refuse(report, `missing required field: ${key}`, at);
  }
  for (const [key, field] of Object.entries(value)) {
    if (field === undefined || field === null) continue;
    const rule = spec.fields[key];
    if (rule) rule(field, `${at}/${key}`, report);
    else refuse(report, `invalid additional property: ${key}`, at);
  }
  return true;
}

/** An object with these fields. */
export function object(required: readonly string[], fields: Readonly<Record<string, Rule>>): Rule {
  return (value, at, report) => {
    checkObject(value, { required, fields }, at, report);
  };
}

function textRule(kinds: readonly string[], max: number): Rule {
  return (value, at, report) => {
    const type = isObject(value) ? str(value['type']) : '';
    if (isObject(value) && !kinds.includes(type)) {
      refuse(report, `unsupported type: ${type || 'none'}`, `${at}/type`);
      return;
    }
    const extra: Record<string, Rule> = type === 'mrkdwn' ? { verbatim: flag } : { emoji: flag };
    checkObject(
      value,
      { required: ['type', 'text'], fields: { type: anything, text: string(max), ...extra } },
      at,
      report,
    );
  };
}

/** A text object that must be plain_text. */
export function plain(max: number): Rule {
  return textRule(['plain_text'], max);
}

/** A text object, plain_text or mrkdwn. */
export function text(max: number): Rule {
  return textRule(['plain_text', 'mrkdwn'], max);
}
