import * as ort from 'onnxruntime-node';
import { FAMILIES } from '../../../src/compiler/kernels/families.ts';
import { lower } from '../../../src/compiler/kernels/index.ts';
import type { AdjointCall } from '../../../src/compiler/kernels/lowering.ts';
import { GraphBuilder, type Shape, type Tensor, type Value, writeModel } from '../../../src/onnx/index.ts';
import { Random } from '../../../src/random.ts';
import { count } from './reference.ts';

/** Uniform in [-1, 1). */
export function random(seed: number, shape: readonly number[]): Tensor {
  const source = new Random(seed);
  return { type: 'float32', shape, data: Float32Array.from({ length: count(shape) }, () => source.between(-1, 1)) };
}

/** Names of the lowerings that apply to the adjoint that `emit` emits. */
export function candidates(emit: (b: GraphBuilder) => Value): string[] {
  const b = new GraphBuilder();
  emit(b);
  const node = b.nodes.at(-1)!;
  const attributes = Object.fromEntries(Object.entries(node.attributes).map(([name, { value }]) => [name, value]));
  const call: AdjointCall = { op: node.op, inputs: node.inputs.map((name) => b.value(name)), attributes, machine: {} };
  return FAMILIES[node.op](call).map(({ name }) => name);
}

export function encode(b: GraphBuilder, inputs: readonly Value[], outputs: readonly Value[]): Uint8Array {
  return writeModel({
    irVersion: 9,
    opsets: { '': 18, 'com.microsoft': 1 },
    producerName: 'test',
    producerVersion: '',
    graph: b.graph('test', inputs, outputs),
    metadata: {},
  });
}

/** A session of the graph, with the adjoint lowered by the lowering of this name. */
export async function lowered(
  inputs: Readonly<Record<string, Shape>>,
  emit: (b: GraphBuilder, values: readonly Value[]) => Value,
  lowering: string,
): Promise<ort.InferenceSession> {
  const b = new GraphBuilder();
  const values = Object.entries(inputs).map(([name, shape]) => b.input(name, 'float32', shape));
  const output = emit(b, values);
  lower(b, [output.name], { choose: (_, all) => all.find(({ name }) => name === lowering) ?? all.at(-1)! });
  const read = new Set(b.nodes.flatMap((node) => node.inputs));
  const used = values.filter(({ name }) => read.has(name));
  return ort.InferenceSession.create(encode(b, used, [output]), { logSeverityLevel: 3 });
}

export async function run(session: ort.InferenceSession, feeds: Record<string, Tensor>): Promise<Tensor> {
  const tensors = Object.entries(feeds)
    .filter(([name]) => session.inputNames.includes(name))
    .map(([name, { data, shape }]) => [name, new ort.Tensor('float32', data as Float32Array, shape)]);
  const [result] = Object.values(await session.run(Object.fromEntries(tensors)));
  return { type: 'float32', shape: result.dims, data: result.data as Float32Array };
}

/** The largest absolute difference, relative to the largest element. */
export function deviation(actual: Tensor, expected: Float64Array): number {
  if (actual.data.length !== expected.length) return Number.POSITIVE_INFINITY;
  const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  return expected.reduce((worst, v, i) => Math.max(worst, Math.abs(v - Number(actual.data[i]))), 0) / scale;
}
