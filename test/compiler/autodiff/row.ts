import { type AttributeLike, toAttributes } from '../../../src/onnx/attributes.ts';
import type { Forward } from './check.ts';
import type { Input } from './inputs.ts';

export interface RowOptions {
  /** The number of outputs, or which of them the loss depends on; the first by default. */
  readonly outputs?: number | readonly boolean[];
  readonly precision?: 'single';
  readonly tolerance?: number;
  readonly opset?: number;
}

/** Operator (`domain.Name` outside the standard domain), attributes, inputs in order. */
export type Row = readonly [
  op: string,
  attributes: Readonly<Record<string, AttributeLike>>,
  inputs: readonly (Input | undefined)[],
  options?: RowOptions,
];

export function operatorOf([op]: Row): { domain: string; name: string } {
  const dot = op.lastIndexOf('.');
  return { domain: op.slice(0, Math.max(dot, 0)), name: op.slice(dot + 1) };
}

export function forwardOf(row: Row): Forward {
  const [, attributes, inputs, options = {}] = row;
  const { outputs = 1, ...rest } = options;
  const used = typeof outputs === 'number' ? Array.from({ length: outputs }, () => true) : outputs;
  const { domain, name } = operatorOf(row);
  const names = used.map((_, i) => `y${i}`);
  return {
    ...rest,
    nodes: [
      {
        name: 'node',
        op: name,
        domain,
        inputs: inputs.map((input, i) => (input ? `x${i}` : '')),
        outputs: names,
        attributes: toAttributes(attributes),
      },
    ],
    inputs: new Map(inputs.flatMap((input, i) => (input ? [[`x${i}`, input]] : []))),
    outputs: names.filter((_, i) => used[i]),
  };
}

/** The title of a test: `Conv {group: 2} [1,4,5,5] [4,2,3,3]`. */
export function titleOf([op, attributes, inputs]: Row): string {
  const plain = Object.entries(attributes).map(([name, value]) => {
    const shown = typeof value === 'object' && 'kind' in value ? value.value : value;
    return `${name}: ${Array.isArray(shown) ? `[${shown}]` : shown}`;
  });
  const shapes = inputs.map((input) => {
    if (!input) return '-';
    return input.constant && input.type === 'int64' ? `(${input.values({} as never, 0)})` : `[${input.shape}]`;
  });
  return [op, ...(plain.length ? [`{${plain.join(', ')}}`] : []), ...shapes].join(' ');
}
