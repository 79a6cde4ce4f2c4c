import { describe, expect, it } from 'vitest';
import { geluGradient } from '../../../src/compiler/autodiff/adjoint.ts';
import { findGelus } from '../../../src/compiler/kernels/index.ts';
import { type Graph, GraphBuilder, GraphView, type Node, type Value } from '../../../src/onnx/index.ts';
import { candidates, deviation, lowered, random, run } from './harness.ts';

/** The graph of `y = write(x)`, and its last node. */
function graphOf(write: (b: GraphBuilder, x: Value) => Value): { graph: Graph; last: Node } {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 8]);
  const y = write(b, x);
  return { graph: b.graph('test', [x], [y]), last: b.nodes.find(({ outputs }) => outputs.includes(y.name))! };
}

const cumulative = (b: GraphBuilder, u: Value) => b.add(b.erf(u), 1);
const scaled = (b: GraphBuilder, x: Value) => b.div(x, Math.SQRT2);

describe('x/2·(1 + erf(x/√2)) is recognized as one operator', () => {
  it.each<[string, (b: GraphBuilder, x: Value) => Value]>([
    ['(x·s)/2', (b, x) => b.mul(b.mul(x, cumulative(b, scaled(b, x))), 0.5)],
    ['(x/2)·s', (b, x) => b.mul(b.mul(x, 0.5), cumulative(b, scaled(b, x)))],
    ['x·(s/2)', (b, x) => b.mul(x, b.mul(cumulative(b, b.mul(x, Math.SQRT1_2)), 0.5))],
    [
      '1/2·(s·x), 1 + erf(√½·x)',
      (b, x) => b.mul(b.scalar(0.5), b.mul(b.add(b.scalar(1), b.erf(b.mul(b.scalar(Math.SQRT1_2), x))), x)),
    ],
  ])('%s', (_, write) => {
    const { graph, last } = graphOf(write);
    const found = findGelus(new GraphView(graph), () => true);
    expect([...found.keys()]).toEqual([last]);
    expect(found.get(last)).toMatchObject({
      op: 'Gelu',
      domain: 'com.microsoft',
      inputs: ['x'],
      outputs: last.outputs,
    });
  });

  it.each<[string, (b: GraphBuilder, x: Value) => Value]>([
    ['another scale', (b, x) => b.mul(b.mul(x, cumulative(b, b.div(x, 1.5))), 0.5)],
    ['another half', (b, x) => b.mul(b.mul(x, cumulative(b, scaled(b, x))), 0.25)],
    ['the error function of another value', (b, x) => b.mul(b.mul(x, cumulative(b, scaled(b, b.neg(x)))), 0.5)],
    ['2 + erf', (b, x) => b.mul(b.mul(x, b.add(b.erf(scaled(b, x)), 2)), 0.5)],
    ['√2 over x', (b, x) => b.mul(b.mul(x, cumulative(b, b.div(b.scalar(Math.SQRT2), x))), 0.5)],
  ])('but not with %s', (_, write) => {
    expect(findGelus(new GraphView(graphOf(write).graph), () => true).size).toBe(0);
  });

  it('but not if one of its nodes must stay', () => {
    const { graph } = graphOf((b, x) => b.mul(b.mul(x, cumulative(b, scaled(b, x))), 0.5));
    const view = new GraphView(graph);
    for (const stays of graph.nodes) expect(findGelus(view, (node) => node !== stays).size).toBe(0);
  });
});

describe('x·σ(x) is recognized as one operator', () => {
  it.each<[string, (b: GraphBuilder, x: Value) => Value]>([
    ['x·σ(x)', (b, x) => b.mul(x, b.sigmoid(x))],
    ['σ(x)·x', (b, x) => b.mul(b.sigmoid(x), x)],
  ])('%s', (_, write) => {
    const { graph, last } = graphOf(write);
    const found = findGelus(new GraphView(graph), () => true).get(last);
    expect(found).toMatchObject({ op: 'QuickGelu', domain: 'com.microsoft', inputs: ['x'], outputs: last.outputs });
    expect(found?.attributes.alpha).toMatchObject({ value: 1 });
  });

  it('but not with the sigmoid of another value', () => {
    const { graph } = graphOf((b, x) => b.mul(x, b.sigmoid(b.neg(x))));
    expect(findGelus(new GraphView(graph), () => true).size).toBe(0);
  });
});

describe('GeluGradient', () => {
  const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

  /** Φ(x) by Simpson's rule. */
  function cumulative(x: number): number {
    const steps = 2000;
    const at = (i: number) => density((x * i) / steps);
    let sum = at(0) + at(steps);
    for (let i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * at(i);
    return 0.5 + (sum * x) / (3 * steps);
  }

  const shapes = { x: ['batch', 5, 7], dy: ['batch', 5, 7] };
  const emit = (b: GraphBuilder, [x, dy]: readonly Value[]) => geluGradient(b, x, dy);
  const names = candidates((b) => {
    const values = Object.entries(shapes).map(([name, shape]) => b.input(name, 'float32', shape));
    return emit(b, values);
  });

  it.each(names)('%s is ∂y·(Φ(x) + x·φ(x)), also far from zero', async (name) => {
    const session = await lowered(shapes, emit, name);
    const x = random(1, [3, 5, 7]);
    const spread = { ...x, data: Float32Array.from(x.data as Float32Array, (v, i) => v * [0.1, 1, 8, 100][i % 4]) };
    const dy = random(2, [3, 5, 7]);
    const expected = Float64Array.from(spread.data, (v, i) => Number(dy.data[i]) * (cumulative(v) + v * density(v)));
    expect(deviation(await run(session, { x: spread, dy }), expected)).toBeLessThan(1e-6);
    await session.release();
  });
});
