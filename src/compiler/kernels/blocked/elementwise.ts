import { ELEMENTWISE, type Node, sameShape, type Value } from '../../../onnx/index.ts';
import { convolve } from './convolve.ts';
import {
  type Activation,
  type Blocked,
  filledUp,
  goesByChannel,
  type Handler,
  isMap,
  isSingle,
  type Region,
} from './region.ts';
import { storedShape } from './stored.ts';

/** How an operand of a map takes part. */
type Operand = { readonly map: string } | { readonly byChannel: Value } | { readonly as: Value | undefined };

function operandOf(region: Region, name: string, shape: Value['shape']): Operand | undefined {
  if (name === '') return { as: undefined };
  const value = region.b.value(name);
  const source = region.source(name);
  if (source && !region.isBlocked(name)) return isSingle(source.shape) ? { as: source } : { byChannel: source };
  if (sameShape(value.shape, shape)) return { map: name };
  if (isSingle(value.shape)) return { as: region.standard(name) };
  return goesByChannel(value.shape, shape) ? { byChannel: region.standard(name) } : undefined;
}

/** One element a channel `[n, C, 1, 1]`, so that it broadcasts against a view. */
function alongBlocks({ b, size, fill }: Region, value: Value): Value {
  const shape = [...Array(4 - value.shape.length).fill(1), ...value.shape];
  const [n, channels] = shape as [Value['shape'][0], number];
  const missing = fill(channels) - channels;
  const padded = b.pad(b.reshape(value, shape), [0, 0, 0, 0], [0, missing, 0, 0]);
  return b.reshape(padded, [n, fill(channels) / size, 1, size]);
}

/** Of filters as they are stored, whose elements lie in another order, but all in the same. */
function ofFilters(region: Region, node: Node) {
  const { b, size } = region;
  if (node.op === 'Identity') return [{ filter: region.filter(node.inputs[0]) }];
  const { type, shape } = b.value(node.outputs[0]);
  const like = storedShape(shape as number[], size);
  const operands: (Value | undefined)[] = [];
  for (const name of node.inputs) {
    const own = name === '' ? [] : b.value(name).shape;
    const source = region.source(name);
    if (name === '') operands.push(undefined);
    else if (source && isSingle(source.shape)) operands.push(source);
    else if (isSingle(own)) operands.push(region.standard(name));
    else if (sameShape(own, shape)) operands.push(region.filter(name));
    // One number for each of its outputs.
    else if (own.length === 4 && own[0] === shape[0] && isSingle(own.slice(1)))
      operands.push(b.reshape(region.standard(name), [like[0], 1, 1, 1, size]));
    else return undefined;
  }
  const [filter] = b.emit(node.op, operands, [{ type, shape: like }], node.attributes, { domain: node.domain });
  return [{ filter }];
}

function elementwise(region: Region, node: Node) {
  const { b } = region;
  if (node.outputs.length !== 1) return undefined;
  const { type, shape } = b.value(node.outputs[0]);
  if (!isMap(shape)) return undefined;
  if (node.inputs.some((name) => region.isFilter(name) && sameShape(b.value(name).shape, shape)))
    return ofFilters(region, node);
  const operands = node.inputs.map((name) => operandOf(region, name, shape));
  if (operands.some((operand) => !operand) || !node.inputs.some(region.isBlocked)) return undefined;
  const channels = shape[1] as number;
  // Zeros fill up the last block.
  if (!ELEMENTWISE.get(node.op)?.finiteAtZero && region.fill(channels) !== channels) return undefined;
  const fused = activated(region, node);
  if (fused) return [{ blocked: fused }];
  const scaled = node.op === 'Mul' && scaledByChannel(region, node, operands as readonly Operand[]);
  if (scaled) return [{ blocked: { value: scaled, channels } }];
  const viewed = operands.some((operand) => operand && 'byChannel' in operand);
  const inputs = operands.map((operand) => {
    if ('byChannel' in operand!) return alongBlocks(region, operand.byChannel);
    if ('as' in operand!) return operand.as;
    const map = region.blocked(operand!.map);
    return viewed ? region.view(map) : map.value;
  });
  const [n, c, h, w] = region.declared(shape) as [Value['shape'][0], number, number, number];
  const output = { type, shape: viewed ? [n, c / region.size, h * w, region.size] : [n, c, h, w] };
  const result = b.emit(node.op, inputs, [output], node.attributes, { domain: node.domain })[0];
  return [{ blocked: { value: viewed ? region.map(result, shape) : result, channels } }];
}

/** A map times one number a channel: a convolution of one tap, where broadcasting would be a call for the length of each block. */
function scaledByChannel(region: Region, { inputs }: Node, operands: readonly Operand[]): Value | undefined {
  const { b, fill } = region;
  const factor = operands.find((operand) => 'byChannel' in operand);
  const map = inputs.find((_, i) => 'map' in operands[i]);
  if (!factor || map === undefined) return undefined;
  const { byChannel: k } = factor;
  const [x, channels] = [region.blocked(map).value, b.value(map).shape[1] as number];
  if (x.type !== 'float32' || !k.shape.every((d, i) => d === 1 || k.shape.length - i === 3)) return undefined;
  const full = fill(channels);
  const filter = b.reshape(filledUp(region, b.reshape(k, [channels])), [full, 1, 1, 1]);
  return convolve(region, { x, filter, group: full, pads: [0, 0, 0, 0], out: x.shape.slice(2) as number[] });
}

/** The activation taken into the convolution before it, where nobody else reads that one's result. */
function activated(region: Region, node: Node): Blocked | undefined {
  const convolution = region.pending(node.inputs[0]);
  const activation = convolution && activationOf(region, node);
  return activation && convolution.emit(activation);
}

function activationOf({ b }: Region, { op, inputs }: Node): Activation | undefined {
  if (op === 'Relu') return { name: 'Relu' };
  if (op !== 'Clip') return undefined;
  const [low, high] = inputs.slice(1).map((name) => name && b.tensorOf(b.value(name))?.data[0]);
  const given = (bound: unknown) => typeof bound === 'number';
  return given(low) && given(high) ? { name: 'Clip', parameters: [low as number, high as number] } : undefined;
}

export const elementwiseHandlers: Readonly<Record<string, Handler>> = Object.fromEntries(
  [...ELEMENTWISE.keys()].map((op) => [op, elementwise]),
);
