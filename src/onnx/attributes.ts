import type { Attribute, Graph, Node } from './model.ts';
import type { Tensor } from './tensor.ts';

/** Attributes that the builder accepts: numbers are integers, `float(x)` is a float. */
export type AttributeLike = number | bigint | string | readonly number[] | Tensor | Graph | Attribute | undefined;

export const float = (value: number): Attribute => ({ kind: 'float', value });
export const floats = (value: readonly number[]): Attribute => ({ kind: 'floats', value });

/** The node's attributes as plain values. Only numbers, strings, tensors and graphs are included. */
// biome-ignore lint/suspicious/noExplicitAny: rules destructure attributes with the types that the operator's specification gives
export function plainAttributes(node: Node): Record<string, any> {
  return Object.fromEntries(
    Object.entries(node.attributes)
      .filter(([, { kind }]) => kind !== 'opaque')
      .map(([name, { value }]) => [name, value]),
  );
}

export function toAttribute(value: Exclude<AttributeLike, undefined>): Attribute {
  if (typeof value === 'bigint' || Number.isInteger(value)) return { kind: 'int', value: value as number | bigint };
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value === 'number') throw new Error(`attribute value ${value} is no integer: write float(${value})`);
  if (Array.isArray(value)) return { kind: 'ints', value: value as readonly number[] };
  const structure = value as Attribute | Graph | Tensor;
  if ('kind' in structure) return structure;
  return 'nodes' in structure ? { kind: 'graph', value: structure } : { kind: 'tensor', value: structure };
}

export const toAttributes = (record: Readonly<Record<string, AttributeLike>>): Record<string, Attribute> =>
  Object.fromEntries(
    Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, toAttribute(value!)]),
  );
