import { type AttributeLike, toAttributes } from './attributes.ts';
import type { Node } from './model.ts';

export interface NodeOptions {
  /** Derived from the operator and the first output by default. */
  readonly name?: string;
  readonly domain?: string;
}

export const makeNode = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeLike>> = {},
  { name = `${op}/${outputs[0]}`, domain = '' }: NodeOptions = {},
): Node => ({ name, op, domain, inputs, outputs, attributes: toAttributes(attributes) });
