import { describe, expect, it } from 'vitest';
import { selectEarly } from '../../../src/compiler/kernels/index.ts';
import {
  GraphBuilder,
  type Model,
  type Node,
  type Shape,
  type Typed,
  tensor,
  type Value,
  writeModel,
} from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { deviation, random } from './harness.ts';

type Write = (b: GraphBuilder, x: Value, weights: readonly Value[]) => Value | readonly Value[];

const SHAPES: readonly Shape[] = [['N', 5, 6], [6, 6], [6], [1, 5, 6]];

/**
 * The graph that `write` builds from x `[N, 5, 6]`, a matrix, a vector and a constant per position. All of them are
 * inputs.
 */
function graphOf(write: Write) {
  const b = new GraphBuilder();
  const [x, ...weights] = SHAPES.map((shape, i) => b.input(`x${i}`, 'float32', shape));
  const outputs = [write(b, x, weights)].flat();
  const graph = b.graph('test', [x, ...weights], outputs);
  const names = [...graph.nodes.flatMap((node) => node.outputs), ...graph.initializers.keys(), 'x0', 'x1', 'x2', 'x3'];
  return { graph, values: new Map<string, Typed>(names.map((name) => [name, b.value(name)])) };
}

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

async function compute(graph: ReturnType<typeof graphOf>['graph']) {
  const model: Model = {
    irVersion: 8,
    opsets: { '': 18, 'com.microsoft': 1 },
    producerName: '',
    producerVersion: '',
    graph,
    metadata: {},
    unknown: [],
  };
  const session = await runtime.load(writeModel(model));
  const feeds = SHAPES.map((shape, i) => [
    `x${i}`,
    random(
      i + 1,
      shape.map((d) => (d === 'N' ? 3 : Number(d))),
    ),
  ]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return graph.outputs.map(({ name }) => results[name]);
}

const position = (b: GraphBuilder, x: Value, index: number, axis: number) =>
  b.gather(x, b.scalar(index, 'int64'), axis);
const heads = (b: GraphBuilder, x: Value) => b.transpose(b.reshape(x, ['N', 5, 2, 3]), [0, 2, 1, 3]);
const joined = (b: GraphBuilder, x: Value) => b.reshape(b.transpose(x, [0, 2, 1, 3]), ['N', 5, 6]);
const normalized = (b: GraphBuilder, x: Value, scale: Value) =>
  b.emit('LayerNormalization', [x, scale], [x], { axis: -1 })[0];

/** The last operators of an attention layer, and the layers after it. */
function encoder(b: GraphBuilder, x: Value, [w, v, positions]: readonly Value[]): Value {
  const z = b.add(x, positions);
  const h = heads(b, z);
  const p = b.softmax(b.matmul(h, b.transpose(h, [0, 1, 3, 2])));
  const attended = b.add(b.matmul(joined(b, b.matmul(p, h)), w), z);
  return b.add(attended, b.erf(b.add(b.matmul(normalized(b, attended, v), w), v)));
}

const ofSize = (nodes: readonly Node[], values: ReadonlyMap<string, Typed>, op: string) =>
  nodes.filter((node) => node.op === op).map(({ outputs }) => values.get(outputs[0])!.shape.join());

describe('a value that is read at one position is computed at that position only', () => {
  it.each<[string, Write, number]>([
    ['an encoder, the first token', (b, x, w) => position(b, encoder(b, x, w), 0, 1), 12],
    ['the last token, by an index of one axis', (b, x, w) => b.gather(encoder(b, x, w), b.ints([-1]), 1), 12],
    ['another axis', (b, x, [w]) => position(b, b.matmul(b.exp(x), w), 2, 2), 1],
    ['a row of a matrix product', (b, _, [w, v]) => position(b, b.gemm(b.exp(w), w, v), 1, 0), 2],
    ['the same position twice', (b, x) => [0, 0].map((i) => b.neg(position(b, b.exp(b.abs(x)), i, 1))), 2],
  ])('%s', async (_, write, moved) => {
    const before = graphOf(write);
    const after = selectEarly(before, new Map(), [], () => true);
    const old = new Set(before.graph.nodes);
    const changed = after.graph.nodes.filter((node) => !old.has(node) && !/Gather|Squeeze|Identity/.test(node.op));
    expect(changed).toHaveLength(moved);
    const [results, expected] = [await compute(after.graph), await compute(before.graph)];
    results.forEach((result, i) => {
      expect(result.shape).toEqual(expected[i].shape);
      expect(deviation(result, Float64Array.from(expected[i].data as Float32Array))).toBeLessThan(1e-6);
    });
  });

  it('with one row of scores, and all keys and values', () => {
    const { graph, values } = selectEarly(
      graphOf((b, x, w) => position(b, encoder(b, x, w), 0, 1)),
      new Map(),
      [],
      () => true,
    );
    expect(ofSize(graph.nodes, values, 'MatMul')).toEqual(['N,2,1,5', 'N,2,1,3', 'N,1,6', 'N,1,6']);
    expect(ofSize(graph.nodes, values, 'Transpose')).toEqual(['N,2,5,3', 'N,2,3,5', 'N,1,2,3']);
  });

  it.each<[string, Write, readonly string[]]>([
    ['all of it is read as well', (b, x) => [b.exp(x)].flatMap((y) => [position(b, y, 0, 1), b.neg(y)]), []],
    ['two positions are read', (b, x) => [b.exp(x)].flatMap((y) => [position(b, y, 0, 1), position(b, y, 1, 1)]), []],
    ['all is read by name', (b, x) => position(b, b.identity(x, 'named'), 0, 1), ['named']],
    ['positions are mixed', (b, x) => position(b, b.softmax(x, 1), 0, 1), []],
    [
      'positions are normalized over',
      (b, x) => position(b, b.emit('LayerNormalization', [x, x], [x], { axis: 1 })[0], 0, 1),
      [],
    ],
    ['axes are merged', (b, x) => position(b, b.reshape(x, ['N', 30]), 0, 1), []],
  ])('but not if %s', (_, write, whole) => {
    const before = graphOf(write);
    expect(selectEarly(before, new Map(), whole, () => true).graph).toBe(before.graph);
  });

  it('even if a node reads a known size from all positions', () => {
    const sized = (b: GraphBuilder, y: Value) => b.cast(b.slice(b.shapeOf(y), 0, 2, 3), 'float32');
    const before = graphOf((b, x) => [b.exp(b.abs(x))].map((y) => position(b, b.mul(y, sized(b, y)), 0, 1)));
    const known = new Map([['cast', tensor('float32', [1], Float32Array.of(6))]]);
    const sizes = (constants: typeof known) => {
      const { graph, values } = selectEarly(before, constants, [], () => true);
      return [ofSize(graph.nodes, values, 'Exp'), graph.nodes.filter(({ op }) => op === 'Shape').length];
    };
    expect(sizes(known)).toEqual([['N,1,6'], 0]);
    expect(sizes(new Map())).toEqual([['N,5,6'], 1]);
  });

  it('but not if the node must stay', () => {
    const before = graphOf((b, x) => position(b, b.exp(b.abs(x)), 0, 1));
    const { graph, values } = selectEarly(before, new Map(), [], ({ op }) => op !== 'Abs');
    expect(ofSize(graph.nodes, values, 'Abs')).toEqual(['N,5,6']);
    expect(ofSize(graph.nodes, values, 'Exp')).toEqual(['N,1,6']);
  });
});
