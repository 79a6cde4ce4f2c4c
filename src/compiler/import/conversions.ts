import { ThawError } from '../../errors.ts';
import { labelOf, makeNode, type Node, plainAttributes, type Tensor, tensor, toAttributes } from '../../onnx/index.ts';

/** The parts of the graph around a node that a conversion can use. */
export interface Scope {
  /** The operator set that the node was written for. */
  readonly version: number;
  /** Adds an initializer; the hint becomes part of its name. */
  constant(contents: Tensor, hint: string): string;
  /** A name for a new value. */
  fresh(hint: string): string;
  /** The contents of a value, if it is an initializer. */
  contents(name: string): Tensor | undefined;
  /** Number of axes, if the model declares it. */
  rank(name: string): number | undefined;
  isUsed(name: string): boolean;
}

export interface Conversion {
  /** The operator set in which the operator got its meaning of set 18; older nodes are converted. */
  readonly since: number;
  convert(node: Node, scope: Scope): readonly Node[];
}

const int64 = (values: readonly (number | bigint)[]): Tensor =>
  tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
const floats = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor =>
  tensor('float32', shape, Float32Array.from(values));

const without = ({ attributes }: Node, ...names: readonly string[]): Node['attributes'] =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)));

export const refuse = (node: Node, why: string): never => {
  throw new ThawError(
    'bad-model',
    `${node.op} node "${labelOf(node)}" cannot be brought to operator set 18: ${why}`,
    'Export the model again with operator set 17 or later',
  );
};

/** A required attribute. */
function needed(node: Node, name: string): readonly (number | bigint)[] {
  return plainAttributes(node)[name] ?? refuse(node, `it has no attribute "${name}"`);
}

/** Sets the input at a position; missing ones before it are left empty. */
function withInput(inputs: readonly string[], at: number, name: string): string[] {
  return Array.from({ length: Math.max(inputs.length, at + 1) }, (_, i) => (i === at ? name : (inputs[i] ?? '')));
}

/** Moves an attribute with integers to the input at a position. */
const intsToInput = (attribute: string, at: number, since: number): Conversion => ({
  since,
  convert: (node, { constant }) => {
    const value = plainAttributes(node)[attribute];
    if (value === undefined) return [node];
    const name = constant(int64(Array.isArray(value) ? value : [value]), attribute);
    return [{ ...node, inputs: withInput(node.inputs, at, name), attributes: without(node, attribute) }];
  },
});

/**
 * Before operator set 13, softmax flattened `axis` and all later axes to one. If `axis` is the last one, both meanings agree;
 * otherwise the value is flattened and reshaped back.
 */
const flattening: Conversion = {
  since: 13,
  convert: (node, { rank, fresh }) => {
    const [x] = node.inputs;
    const [y] = node.outputs;
    const { axis = 1 } = plainAttributes(node);
    const axes = rank(x) ?? rank(y);
    if (axis === -1 || (axes !== undefined && Number(axis) === axes - 1)) {
      return [{ ...node, attributes: toAttributes({ axis: -1 }) }];
    }
    const [shape, flat, result] = ['shape', 'flat', 'flat_result'].map((part) => fresh(`${y}_${part}`));
    return [
      makeNode('Shape', [x], [shape], {}, { name: shape }),
      makeNode('Flatten', [x], [flat], { axis: Number(axis) }, { name: flat }),
      { ...node, inputs: [flat], outputs: [result], attributes: toAttributes({ axis: -1 }) },
      makeNode('Reshape', [result, shape], [y], {}, { name: `${y}_unflatten` }),
    ];
  },
};

/** Upsample and Resize-10: coordinates x/scale, rounded down, or rounded up if an axis shrinks. */
const resize: Conversion['convert'] = (node, { constant, contents }) => {
  const { mode = 'nearest', scales } = plainAttributes(node);
  const name = scales ? constant(floats(scales), 'scales') : (node.inputs[1] ?? refuse(node, 'it has no scales'));
  const factors = scales ?? Array.from((contents(name)?.data ?? []) as ArrayLike<number>);
  const shrinks = factors.some((factor: number) => factor < 1);
  if (shrinks && factors.some((factor: number) => factor > 1)) refuse(node, 'some axes grow while others shrink');
  return [
    {
      ...node,
      op: 'Resize',
      inputs: [node.inputs[0], '', name],
      attributes: toAttributes({
        mode,
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: shrinks ? 'ceil' : 'floor',
      }),
    },
  ];
};

/** Operators whose signature or meaning changed up to operator set 18, by name. */
export const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  Softmax: flattening,
  LogSoftmax: flattening,
  Hardmax: flattening,

  Squeeze: intsToInput('axes', 1, 13),
  Unsqueeze: intsToInput('axes', 1, 13),
  ReduceSum: intsToInput('axes', 1, 13),
  ...Object.fromEntries(
    ['Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'].map((kind) => [
      `Reduce${kind}`,
      intsToInput('axes', 1, 18),
    ]),
  ),
  TopK: intsToInput('k', 1, 10),

  Split: {
    since: 18,
    convert: (node, scope) => {
      const [converted] = intsToInput('split', 1, 13).convert(node, scope);
      if (converted.inputs[1]) return [converted];
      const attributes = toAttributes({ ...converted.attributes, num_outputs: node.outputs.length });
      return [{ ...converted, attributes }];
    },
  },

  Slice: {
    since: 10,
    convert: (node, { constant }) => {
      const { axes } = plainAttributes(node);
      const bounds = ['starts', 'ends'].map((name) => constant(int64(needed(node, name)), name));
      const inputs = [node.inputs[0], ...bounds];
      if (axes) inputs.push(constant(int64(axes), 'axes'));
      return [{ ...node, inputs, attributes: {} }];
    },
  },

  Pad: {
    since: 11,
    convert: (node, { constant }) => {
      const { value = 0 } = plainAttributes(node);
      const inputs = [node.inputs[0], constant(int64(needed(node, 'pads')), 'pads')];
      if (value !== 0) inputs.push(constant(floats([value], []), 'value'));
      return [{ ...node, inputs, attributes: without(node, 'pads', 'value') }];
    },
  },

  Clip: {
    since: 11,
    convert: (node, { constant }) => {
      const { min, max } = plainAttributes(node);
      const bound = (value: number | undefined, hint: string) =>
        value === undefined ? '' : constant(floats([value], []), hint);
      const inputs = [node.inputs[0], bound(min, 'min'), bound(max, 'max')];
      while (inputs.at(-1) === '') inputs.pop();
      return [{ ...node, inputs, attributes: {} }];
    },
  },

  Dropout: {
    since: 12,
    convert: (node, { constant, isUsed }) => {
      const [y, mask] = node.outputs;
      if (mask && isUsed(mask)) refuse(node, 'its mask is used, which means something else in newer operator sets');
      const { ratio = 0.5 } = plainAttributes(node);
      const inputs = [node.inputs[0], constant(floats([ratio], []), 'ratio')];
      return [{ ...node, inputs, outputs: [y], attributes: {} }];
    },
  },

  BatchNormalization: {
    since: 14,
    convert: (node, { isUsed }) => {
      const { spatial = 1 } = plainAttributes(node);
      if (spatial !== 1) refuse(node, 'it normalizes each position separately');
      if (node.outputs.slice(1).some(isUsed)) refuse(node, 'its statistics are used');
      return [{ ...node, outputs: node.outputs.slice(0, 1), attributes: without(node, 'spatial') }];
    },
  },

  Upsample: { since: 10, convert: resize },
  Resize: {
    since: 13,
    convert: (node, scope) => {
      if (scope.version < 11) return resize(node, scope);
      const { coordinate_transformation_mode: mode } = plainAttributes(node);
      if (mode === 'tf_half_pixel_for_nn')
        refuse(node, 'newer operator sets have no coordinates "tf_half_pixel_for_nn"');
      const [x, roi = '', scales = '', sizes] = node.inputs;
      return [{ ...node, inputs: sizes ? [x, roi, '', sizes] : [x, roi, scales] }];
    },
  },

  Scatter: { since: 11, convert: (node) => [{ ...node, op: 'ScatterElements' }] },

  RoiAlign: {
    since: 16,
    convert: (node) => [
      {
        ...node,
        attributes: toAttributes({ ...node.attributes, coordinate_transformation_mode: 'output_half_pixel' }),
      },
    ],
  },
};
