/** JSON that anybody may have changed, checked against a schema. */
import * as z from 'zod';
import { type ErrorCode, ThawError } from './errors.ts';
import { firstIssue, plainWords } from './schema-words.ts';

/** Any number. JSON has none that are not finite: there, null stands for NaN. */
export const real = z.unknown().transform((value, context): number => {
  if (value === null) return Number.NaN;
  if (typeof value === 'number') return value;
  context.addIssue(value === undefined ? 'it is missing' : 'it takes a number');
  return z.NEVER;
});

/** How an error names what was read, and how to fix it. */
export interface Source {
  /** As in "… is damaged": a path, or a part of a file. */
  readonly what: string;
  readonly hint: string;
  readonly code?: ErrorCode;
}

/** Levels within each other; what writes JSON or compares it calls itself for each. */
const DEEPEST = 200;

/**
 * @param revive changes values as `JSON.parse` does
 * @throws ThawError naming the first value that is wrong
 */
export function parseJson<S extends z.ZodType>(
  text: string,
  schema: S,
  source: Source,
  revive?: (key: string, value: unknown) => unknown,
): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text, revive);
  } catch (cause) {
    throw damaged(source, 'it is not JSON', cause);
  }
  return checkJson(value, schema, source);
}

/** The same for JSON that was parsed. */
export function checkJson<S extends z.ZodType>(value: unknown, schema: S, source: Source): z.output<S> {
  if (isDeep(value)) throw damaged(source, `it has more than ${DEEPEST} levels`);
  const result = schema.safeParse(value, { error: plainWords });
  if (result.success) return result.data;
  const { where, words } = firstIssue(result.error);
  throw damaged(source, `${where && `${where}: `}${words}`, result.error);
}

const damaged = ({ what, hint, code = 'run-directory' }: Source, why: string, cause?: unknown): ThawError =>
  new ThawError(code, `${what} is damaged: ${why}`, hint, { cause });

/** Without calling itself: that is what deep values are refused for. */
export function isDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return false;
}
