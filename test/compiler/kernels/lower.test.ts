import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { channelSum, convInputGradient, convWeightGradient } from '../../../src/compiler/autodiff/adjoint.ts';
import { lower, type Machine, prune, withoutCopies } from '../../../src/compiler/kernels/index.ts';
import { type Attribute, type Graph, GraphBuilder, type Node } from '../../../src/onnx/index.ts';
import { deviation, encode, random, run } from './harness.ts';

const CONVOLUTION = { group: 1, strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };

describe('lower', () => {
  it('removes all adjoint nodes and their domain', () => {
    const b = new GraphBuilder();
    const dy = b.input('dy', 'float32', ['batch', 4, 5, 5]);
    const sum = channelSum(b, dy);
    lower(b, [sum.name]);
    expect(b.nodes.map(({ op, domain, outputs }) => [op, domain, ...outputs])).toEqual([['ReduceSum', '', sum.name]]);
    expect([...b.domains]).toEqual(['']);
  });

  it('updates the readers of an adjoint', () => {
    const b = new GraphBuilder();
    const dy = b.input('dy', 'float32', ['batch', 4, 5, 5]);
    const output = b.mul(channelSum(b, dy), 2);
    lower(b, [output.name]);
    expect(b.nodes[1].inputs[0]).toBe(b.nodes[0].outputs[0]);
    expect(b.nodes[1].outputs[0]).toBe(output.name);
  });

  it('gives a kept adjoint its name with an Identity if its value existed before', async () => {
    const b = new GraphBuilder();
    const dy = b.input('dy', 'float32', ['batch', 4, 5, 5]);
    const same = b.reduceSum(dy, [0, 2, 3]);
    const sum = channelSum(b, dy);
    lower(b, [sum.name, same.name]);
    const session = await ort.InferenceSession.create(encode(b, [dy], [same, sum]));
    const results = await session.run({ dy: new ort.Tensor('float32', new Float32Array(200).fill(1), [2, 4, 5, 5]) });
    expect([...(results[sum.name].data as Float32Array)]).toEqual([50, 50, 50, 50]);
    expect(results[same.name].data).toEqual(results[sum.name].data);
  });

  it('moves up a node that a lowering shares with the rest of the graph', () => {
    const b = new GraphBuilder();
    const dy = b.input('dy', 'float32', ['batch', 4, 5, 5]);
    const w = b.input('w', 'float32', [4, 4, 3, 3]);
    const x = b.input('x', 'float32', ['batch', 4, 5, 5]);
    const gradient = convInputGradient(b, dy, w, x, CONVOLUTION);
    // The flipped filter needs this node first, but here it follows its reader.
    const shared = b.reshape(w, [1, 4, 4, 9]);
    lower(b, [gradient.name, shared.name], { choose: (_, all) => all.find(({ name }) => name === 'flipped')! });
    expect(b.nodes.filter(({ op, inputs }) => op === 'Reshape' && inputs[0] === 'w')).toHaveLength(1);
    const seen = new Set([...b.initializers.keys(), 'dy', 'w', 'x']);
    for (const { inputs, outputs } of b.nodes) {
      for (const input of inputs) expect(seen).toContain(input);
      for (const output of outputs) seen.add(output);
    }
  });
});

describe('prune', () => {
  it('removes nodes and constants that no output needs', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4]);
    const needed = b.add(x, 2);
    b.mul(b.exp(x), 3);
    prune(b, [needed.name]);
    expect(b.nodes.map(({ op }) => op)).toEqual(['Add']);
    expect(b.initializers.size).toBe(1);
  });

  it('keeps values that only a subgraph reads', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [4]);
    const condition = b.input('c', 'bool', []);
    const outside = b.exp(x);
    const read = (name: string, input: string): Attribute => {
      const node: Node = { name, op: 'Neg', domain: '', inputs: [input], outputs: [`${name}_y`], attributes: {} };
      const value: Graph = {
        name,
        nodes: [node],
        inputs: [],
        outputs: [{ name: `${name}_y`, type: 'float32' }],
        initializers: new Map(),
        valueInfo: [],
      };
      return { kind: 'graph', value };
    };
    const [y] = b.emit('If', [condition], [x], { then_branch: read('t', outside.name), else_branch: read('e', 'x') });
    prune(b, [y.name]);
    expect(b.nodes.map(({ op }) => op)).toEqual(['Exp', 'If']);
  });
});

it('grouped convolutions make whole multiples of each channel if the machine prefers that', async () => {
  const gradientOf = async (machine: Machine) => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3, 12, 12]);
    const dy = b.input('dy', 'float32', [2, 5, 12, 12]);
    const w = b.input('w', 'float32', [5, 3, 3, 3]);
    const attributes = { group: 1, strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
    const dw = convWeightGradient(b, x, dy, w, attributes);
    lower(b, [dw.name], { machine });
    const grouped = b.nodes.filter(({ op, attributes: { group } }) => op === 'Conv' && Number(group.value) > 1);
    const session = await ort.InferenceSession.create(encode(b, [x, dy], [dw]), { logSeverityLevel: 3 });
    const result = await run(session, { x: random(1, [2, 3, 12, 12]), dy: random(2, [2, 5, 12, 12]) });
    return { multiples: grouped.map(({ outputs: [y] }) => (b.value(y).shape[1] as number) / 3), result };
  };
  const plain = await gradientOf({});
  const whole = await gradientOf({ copies: 4 });
  expect(plain.multiples).toEqual([9]);
  expect(whole.multiples).toEqual([12]);
  expect(deviation(whole.result, Float64Array.from(plain.result.data as Float32Array))).toBeLessThan(1e-6);
});

it('no large sum runs over the last axis if the machine adds such elements one by one', async () => {
  const gradientsOf = async (machine: Machine) => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3, 28, 28]);
    const dy = b.input('dy', 'float32', [2, 3, 28, 28]);
    const w = b.input('w', 'float32', [3, 1, 3, 3]);
    const attributes = { group: 3, strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
    const gradients = [convWeightGradient(b, x, dy, w, attributes), channelSum(b, dy)].map((value) => value.name);
    const sums: boolean[] = [];
    const reduce = b.reduceSum;
    b.reduceSum = (value, axes = [], options) => {
      const size = value.shape.reduce<number>((all, d) => all * Number(d), 1);
      sums.push(size > 1000 && axes.includes(value.shape.length - 1));
      return reduce(value, axes, options);
    };
    lower(b, gradients, { machine });
    const outputs = gradients.map((name) => b.value(name));
    const session = await ort.InferenceSession.create(encode(b, [x, dy], outputs), { logSeverityLevel: 3 });
    const feeds = { x: random(1, [2, 3, 28, 28]), dy: random(2, [2, 3, 28, 28]) };
    const results = await session.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { data, shape }]) => [name, new ort.Tensor(data as Float32Array, shape)]),
      ),
    );
    return { large: sums.filter(Boolean).length, results: gradients.map((name) => results[name]) };
  };
  const plain = await gradientsOf({});
  const scalar = await gradientsOf({ scalarSums: true });
  expect(plain.large).toBeGreaterThan(0);
  expect(scalar.large).toBe(0);
  plain.results.forEach((expected, i) => {
    const actual = { type: 'float32' as const, shape: expected.dims, data: scalar.results[i].data as Float32Array };
    expect(deviation(actual, Float64Array.from(expected.data as Float32Array))).toBeLessThan(1e-5);
  });
});

describe('withoutCopies', () => {
  it('gives a result the name of the output that an Identity would copy it to, and updates its other readers', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const y = b.mul(x, 2);
    const z = b.add(y, x);
    const outputs = [b.identity(y, 'y.next'), b.identity(z, 'z.next')];
    const nodes = withoutCopies(
      b.nodes,
      outputs.map(({ name }) => name),
    );
    expect(nodes.map(({ op, inputs, outputs }) => [op, ...inputs, ...outputs])).toEqual([
      ['Mul', 'x', 'scalar_2', 'y.next'],
      ['Add', 'y.next', 'x', 'z.next'],
    ]);
  });

  it('keeps copies of inputs and of outputs, and the second copy of a value', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const y = b.mul(x, 2);
    b.identity(x, 'same');
    b.identity(y, 'first');
    b.identity(y, 'second');
    b.identity(b.value('first'), 'third');
    const nodes = withoutCopies(b.nodes, ['same', 'first', 'second', 'third']);
    expect(nodes.map(({ op, inputs, outputs }) => [op, ...inputs, ...outputs])).toEqual([
      ['Mul', 'x', 'scalar_2', 'first'],
      ['Identity', 'x', 'same'],
      ['Identity', 'first', 'second'],
      ['Identity', 'first', 'third'],
    ]);
  });

  it('keeps a value that a subgraph reads by name', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const y = b.mul(x, 2);
    b.identity(y, 'y.next');
    const inner = new GraphBuilder();
    const sum = inner.add(inner.input(y.name, 'float32', [2]), inner.input('x', 'float32', [2]));
    const branch = { kind: 'graph' as const, value: inner.graph('branch', [], [sum]) };
    const condition = b.input('condition', 'bool', []);
    b.emit('If', [condition], [x], { then_branch: branch, else_branch: branch });
    expect(withoutCopies(b.nodes, ['y.next', 'if']).map(({ op }) => op)).toEqual(['Mul', 'Identity', 'If']);
  });
});
