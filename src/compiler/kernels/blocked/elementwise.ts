import { ELEMENTWISE, type Node, sameShape, type Value } from '../../../onnx/index.ts';
import { type Affine, bySampleAndChannel, isSmall } from './by-sample-and-channel.ts';
import { convolve } from './convolve.ts';
import {
  type Activation,
  type Blocked,
  filledUp,
  goesByChannel,
  type Handler,
  isFilter,
  isMap,
  isSingle,
  type PlaneMap,
  type Region,
  type Result,
} from './region.ts';
import { storedShape } from './stored.ts';

/** The role of an operand next to a map. */
type Operand = { readonly map: string } | { readonly byChannel: Value } | { readonly unchanged: Value | undefined };

function operandOf(region: Region, name: string, shape: PlaneMap): Operand | undefined {
  if (name === '') return { unchanged: undefined };
  const value = region.b.value(name);
  const source = region.source(name);
  if (source && !region.isBlocked(name)) return isSingle(source.shape) ? { unchanged: source } : { byChannel: source };
  if (sameShape(value.shape, shape)) return { map: name };
  if (isSingle(value.shape)) return { unchanged: region.standard(value) };
  return goesByChannel(value.shape, shape) ? { byChannel: region.standard(value) } : undefined;
}

/** The operands of a node with a result of this shape; undefined if one of them does not fit into blocks. */
function operandsOf(region: Region, { inputs }: Node, shape: PlaneMap): readonly Operand[] | undefined {
  const operands = inputs.flatMap((name) => operandOf(region, name, shape) ?? []);
  return operands.length === inputs.length ? operands : undefined;
}

/** One number per channel, in a shape that broadcasts against a view. */
function alongBlocks({ b, size, fill }: Region, value: Value, channels: number): Value {
  const n = value.shape.length === 4 ? value.shape[0] : 1;
  const missing = fill(channels) - channels;
  const padded = b.pad(b.reshape(value, [n, channels, 1, 1]), [0, 0, 0, 0], [0, missing, 0, 0]);
  return b.reshape(padded, [n, fill(channels) / size, 1, size]);
}

/** An operator on stored filters: all of them have their elements in the same order, which is not the standard one. */
function ofStored(region: Region, node: Node): Result[] | undefined {
  const { b, size } = region;
  if (node.op === 'Identity') return [{ stored: region.stored(node.inputs[0]) }];
  const result = b.value(node.outputs[0]);
  if (!isFilter(result)) return undefined;
  const { type, shape } = result;
  const like = storedShape(shape, size);
  const operands: (Value | undefined)[] = [];
  for (const name of node.inputs) {
    const own = name === '' ? [] : b.value(name).shape;
    const source = region.source(name);
    if (name === '') operands.push(undefined);
    else if (source && isSingle(source.shape)) operands.push(source);
    else if (isSingle(own)) operands.push(region.standard(b.value(name)));
    else if (sameShape(own, shape)) operands.push(region.stored(name));
    // One number per output.
    else if (own.length === 4 && own[0] === shape[0] && isSingle(own.slice(1)))
      operands.push(b.reshape(region.standard(b.value(name)), [like[0], 1, 1, 1, size]));
    else return undefined;
  }
  const [stored] = b.emit(node.op, operands, [{ type, shape: like }], node.attributes, { domain: node.domain });
  return [{ stored }];
}

function elementwise(region: Region, node: Node): Result[] | undefined {
  const { b } = region;
  if (node.outputs.length !== 1) return undefined;
  const output = b.value(node.outputs[0]);
  if (!isMap(output)) return undefined;
  const { type, shape } = output;
  if (node.inputs.some((name) => region.isStored(name) && sameShape(b.value(name).shape, shape)))
    return ofStored(region, node);
  const operands = operandsOf(region, node, shape);
  if (!operands || !(node.inputs.some(region.isBlocked) || scalesTransposed(region, node, operands))) return undefined;
  const [, channels] = shape;
  // Zeros fill the last block.
  if (!ELEMENTWISE.get(node.op)?.finiteAtZero && region.fill(channels) !== channels) return undefined;
  const fused = activated(region, node);
  if (fused) return [{ blocked: fused }];
  const affine = affineOf(region, node, shape);
  if (affine) return [{ blocked: { value: bySampleAndChannel(region, affine), channels } }];
  const scaled = node.op === 'Mul' && scaledByChannel(region, operands);
  if (scaled) return [{ blocked: { value: scaled, channels } }];
  const viewed = operands.some((operand) => 'byChannel' in operand);
  const inputs = operands.map((operand) => {
    if ('byChannel' in operand) return alongBlocks(region, operand.byChannel, channels);
    if ('unchanged' in operand) return operand.unchanged;
    const map = region.blocked(operand.map);
    return viewed ? region.view(map) : map.value;
  });
  const [n, c, h, w] = region.declared(shape);
  const like = viewed ? [n, c / region.size, h * w, region.size] : [n, c, h, w];
  const result = b.emit(node.op, inputs, [{ type, shape: like }], node.attributes, { domain: node.domain })[0];
  return [{ blocked: { value: region.map(result, shape), channels } }];
}

/** A map times one number per channel, as networks scale the result of dense layers before they add it to a map in blocks. */
const scalesTransposed = ({ transposeOf }: Region, { op, inputs }: Node, operands: readonly Operand[]): boolean =>
  op === 'Mul' && inputs.some(transposeOf) && operands.some((operand) => 'byChannel' in operand);

/** A map times one number per channel: a convolution of one tap. Broadcasting would be one call for each block. */
function scaledByChannel(region: Region, operands: readonly Operand[]): Value<PlaneMap> | undefined {
  const { b, fill } = region;
  const factor = operands.find((operand) => 'byChannel' in operand);
  const map = operands.find((operand) => 'map' in operand);
  if (!factor || !map) return undefined;
  const { byChannel: k } = factor;
  const { value: x, channels } = region.blocked(map.map);
  if (x.type !== 'float32' || !k.shape.every((d, i) => d === 1 || k.shape.length - i === 3)) return undefined;
  const full = fill(channels);
  const [, , height, width] = x.shape;
  const filter = b.reshape(filledUp(region, b.reshape(k, [channels]), channels), [full, 1, 1, 1]);
  return convolve(region, { x, filter, group: full, pads: [0, 0, 0, 0], out: [height, width] });
}

/**
 * A product or sum of a map and one number per sample and channel, such as a squeeze-and-excitation block's; a sum also takes in the
 * product before it.
 */
function affineOf(region: Region, node: Node | undefined, shape: PlaneMap): Affine | undefined {
  if (node?.op !== 'Mul' && node?.op !== 'Add') return undefined;
  const operands = operandsOf(region, node, shape);
  const map = operands?.find((operand) => 'map' in operand);
  const factor = operands?.find((operand) => 'byChannel' in operand);
  if (!map || !factor || !isPerSample(factor.byChannel, shape) || isSmall(shape)) return undefined;
  if (region.b.value(map.map).type !== 'float32') return undefined;
  if (node.op === 'Mul') return { map: region.blocked(map.map), scale: factor.byChannel };
  const before = region.producerOnceRead(map.map);
  const inner = before?.op === 'Mul' ? affineOf(region, before, shape) : undefined;
  return { ...(inner ?? { map: region.blocked(map.map) }), shift: factor.byChannel };
}

const isPerSample = ({ shape: [n, c, ...rest] }: Value, map: PlaneMap): boolean =>
  typeof n === 'string' && n === map[0] && c === map[1] && rest.length === 2 && isSingle(rest);

/** The activation as part of the convolution before it, if nothing else reads the convolution's result. */
function activated(region: Region, node: Node): Blocked | undefined {
  const convolution = region.pending(node.inputs[0]);
  const activation = convolution && activationOf(region, node);
  return activation && convolution.emit(activation);
}

function activationOf({ b }: Region, { op, inputs }: Node): Activation | undefined {
  if (op === 'Relu') return { name: 'Relu' };
  if (op !== 'Clip') return undefined;
  const [low, high] = inputs.slice(1).map((name) => name && b.tensorOf(b.value(name))?.data[0]);
  return typeof low === 'number' && typeof high === 'number' ? { name: 'Clip', parameters: [low, high] } : undefined;
}

export const elementwiseHandlers: Readonly<Record<string, Handler>> = Object.fromEntries(
  [...ELEMENTWISE.keys()].map((op) => [op, elementwise]),
);

/** Zero at zero, as in the channels that fill the last block. */
const unary: Handler = (region, node) => {
  const [name] = node.inputs;
  if (!region.isBlocked(name) || !isMap(region.b.value(name))) return undefined;
  const { value, channels } = region.blocked(name);
  const [result] = region.b.emit(node.op, [value], [value], node.attributes, { domain: node.domain });
  return [{ blocked: { value: result, channels } }];
};

/** Operators of ONNX Runtime's own domain. */
export const MICROSOFT: Readonly<Record<string, Handler>> = { Gelu: unary, QuickGelu: unary };
