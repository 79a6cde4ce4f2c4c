/** Plain words for values that a schema refuses, instead of Zod's sentences. */
import type * as z from 'zod';
import { shortened } from './graphemes.ts';
import { nearest, nearestHint } from './nearest.ts';

type Issue = z.core.$ZodIssue;

/** The error map of every parse: `schema.safeParse(value, { error: plainWords })`. */
export const plainWords: z.core.$ZodErrorMap = (issue) => {
  const { input } = issue;
  switch (issue.code) {
    case 'invalid_type':
      return input === undefined ? 'it is missing' : refusal(takenBy(issue), input);
    case 'invalid_value':
      return input === undefined ? 'it is missing' : refusal(takenBy(issue), input, issue.values.map(String));
    case 'too_small':
      return sizeRefusal(issue.origin, `${issue.inclusive ? 'of at least' : 'above'} ${issue.minimum}`, input);
    case 'too_big':
      return sizeRefusal(issue.origin, `${issue.inclusive ? 'of at most' : 'below'} ${issue.maximum}`, input);
    case 'unrecognized_keys':
      return `there is no "${issue.keys[0]}". ${nearestHint(issue.keys[0], optionsOf(issue.inst))}`;
    case 'invalid_union':
      return unionRefusal(issue.errors, input);
    default:
      return 'it is not valid';
  }
};

/** The first issue in words, with the place of the value. */
export function firstIssue({ issues: [issue] }: Pick<z.core.$ZodError, 'issues'>): { where: string; words: string } {
  return { where: issue.path.map(String).join('.'), words: issue.message };
}

const refusal = (takes: string, input: unknown, names: readonly string[] = []): string => {
  const meant = typeof input === 'string' && names.length ? nearest(input, names) : undefined;
  return `it takes ${takes}, not ${shown(input)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
};

const NUMBERS: Readonly<Record<string, string>> = { number: 'a number', int: 'a whole number' };

function sizeRefusal(origin: string, limit: string, input: unknown): string {
  if (Object.hasOwn(NUMBERS, origin)) return refusal(`${NUMBERS[origin]} ${limit}`, input);
  const { length } = input as { length?: number };
  return length === 0 ? 'it is empty' : `it takes a length ${limit}, not ${length}`;
}

const TYPES: Readonly<Record<string, string>> = {
  ...NUMBERS,
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** What a value has to be. */
const takenBy = (issue: Pick<Issue, 'code'> & { expected?: string; values?: readonly unknown[] }): string =>
  issue.values ? listed(issue.values.map(String)) : (TYPES[issue.expected ?? ''] ?? 'another value');

const isOfType = ({ code, path }: Issue) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');

/** The alternatives of a union; or the issue of the one that the value comes closest to. */
function unionRefusal(alternatives: readonly (readonly Issue[])[], input: unknown): string {
  if (input === undefined) return 'it is missing';
  const firsts = alternatives.map(([first]) => first);
  const closest = firsts.find((first) => !isOfType(first));
  if (closest) return `${closest.path.length ? `${closest.path.map(String).join('.')}: ` : ''}${closest.message}`;
  return refusal(listed([...new Set(firsts.map(takenBy))]), input);
}

const optionsOf = (schema: unknown): string[] =>
  Object.keys((schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape ?? {});

const listed = (names: readonly string[]): string =>
  names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}` : (names[0] ?? '');

/** Characters of a refused text that an error shows. */
const LONGEST = 60;

const shown = (value: unknown): string => {
  if (typeof value === 'string') return `"${shortened(value, LONGEST)}"`;
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
};
