/**
 * Writes the types and defaults of all settings into the tables of docs/configuration.md, from the schema. The rest of the page is written by
 * hand:
 *
 *     npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { readSettings, settingsSchema } from '../../src/session/settings.ts';

export const CONFIGURATION = 'docs/configuration.md';

/** The part of JSON Schema that settings use. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** Enumerations with more names have them in the meaning. */
const MOST_NAMES = 3;

function typeOf(name: string, schema: Schema): string {
  const alternatives = schema.anyOf ?? schema.oneOf;
  const types = alternatives ? alternatives.map((one) => typeWords(one)) : [typeWords(schema)];
  return [...new Set([...shorthands(name, types), ...types])].join(' or ');
}

function typeWords(schema: Schema): string {
  if (schema.enum && schema.enum.length <= MOST_NAMES) return schema.enum.map((one) => `\`${one}\``).join(', ');
  if (schema.enum) return 'name';
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeWords))].join(' or ');
  if (schema.type === 'array')
    return `list of ${typeWords(schema.items ?? {}).replace(/^(number|text|name|object).*/, '$1s')}`;
  if (schema.type === 'integer' || schema.type === 'number') return numberWords(schema);
  return { string: 'text', boolean: '`true`, `false`', object: 'object' }[schema.type ?? ''] ?? 'any';
}

/** Largest whole number of JSON Schema, which is no limit. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

function numberWords({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string {
  const kind = type === 'integer' ? 'whole number' : 'number';
  const least = minimum ?? (type === 'integer' && exclusiveMinimum !== undefined ? exclusiveMinimum + 1 : undefined);
  const most = maximum === UNLIMITED ? undefined : maximum;
  if (least !== undefined && most !== undefined) return `${kind} from ${least} to ${most}`;
  if (exclusiveMinimum !== undefined && exclusiveMaximum !== undefined)
    return `${kind} between ${exclusiveMinimum} and ${exclusiveMaximum}`;
  if (exclusiveMinimum !== undefined && most !== undefined) return `${kind} above ${exclusiveMinimum}, at most ${most}`;
  if (least !== undefined) return `${kind}, at least ${least}`;
  return exclusiveMinimum === undefined ? kind : `${kind} above ${exclusiveMinimum}`;
}

/** Short forms of an object, which its schema reads but JSON Schema does not have. */
function shorthands(name: string, types: readonly string[]): string[] {
  if (!types.includes('object')) return [];
  const { default: usual } = defaultOf(name);
  const accepts = (value: unknown) => settingsSchema.shape[name as 'seed'].safeParse(value).success;
  return [
    ...(accepts(1) ? ['number'] : []),
    ...(typeof usual === 'string' && !types.includes('text') && accepts(usual) ? ['name'] : []),
  ];
}

const defaults: Readonly<Record<string, unknown>> = readSettings({});

/** A default that the schema has. */
function defaultOf(name: string): { readonly default?: unknown } {
  const value = defaults[name];
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) return { default: value };
  return 'name' in value ? { default: value.name } : {};
}

/** The page, with the types and defaults of the schema in its tables. A written default stays if it contains that of the schema. */
export function configurationReference(page: string): string {
  const { properties } = z.toJSONSchema(settingsSchema, { io: 'input', unrepresentable: 'any' });
  return page.replaceAll(/^\| `\w+`.*$/gm, (row) => {
    const [, names = '', , written = '', ...rest] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const all = [...names.matchAll(/\w+/g)].map(([name]) => name);
    if (rest.length !== 2 || all.some((name) => !Object.hasOwn(properties!, name))) return row;
    const types = [...new Set(all.map((name) => typeOf(name, properties![name] as Schema)))].join('; ');
    const [{ default: usual }] = all.map(defaultOf);
    const isWritten = usual === undefined || written.includes(`\`${usual}\``);
    return ['', names, types, isWritten ? written : `\`${usual}\``, ...rest].map(padded).join('|').trim();
  });
}

const padded = (cell: string): string => (cell === '' ? ' ' : ` ${cell} `);

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(CONFIGURATION, configurationReference(readFileSync(CONFIGURATION, 'utf8')));
