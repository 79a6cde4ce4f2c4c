import { describe, expect, it } from 'vitest';
import { any, applyRules, either, op, type Pattern, rule, scalar } from '../../../src/compiler/kernels/pattern.ts';
import { GraphBuilder, GraphView, type Node, type Value } from '../../../src/onnx/index.ts';

type Write = (b: GraphBuilder, x: Value, y: Value) => Value;

/** The bindings of a pattern at the last node of a graph, with nodes shown by their operators. */
function boundAt(write: Write, pattern: Pattern, free?: (node: Node) => boolean) {
  const b = new GraphBuilder();
  const [x, y] = ['x', 'y'].map((name) => b.input(name, 'float32', ['N', 4]));
  const last = write(b, x, y);
  const found = applyRules([rule(pattern, (bound) => bound)], new GraphView(b.graph('test', [x, y], [last])), free);
  const bound = [...found].find(([node]) => node.outputs[0] === last.name)?.[1];
  return bound && Object.fromEntries(Object.entries(bound).map(([key, one]) => [key, one.op ?? one]));
}

const [x, y] = [any('x'), any('y')];
const swish = op('Mul', x, op('Sigmoid', x));

describe('a pattern', () => {
  it.each<[string, Write, Pattern, object | undefined]>([
    ['binds values by name', (b, x, y) => b.sub(x, y), op('Sub', x, y), { x: 'x', y: 'y' }],
    ['takes the operator only', (b, x, y) => b.add(x, y), op('Sub', x, y), undefined],
    ['needs all of its inputs', (b, x) => b.exp(x), op('Exp', x, y), undefined],
    ['may leave out later inputs', (b, x, y) => b.sub(x, y), op('Sub', x), { x: 'x' }],
    [
      'takes both orders of what commutes',
      (b, x, y) => b.add(y, b.exp(x)),
      op('Add', op('Exp', x), y),
      { x: 'x', y: 'y' },
    ],
    [
      'takes one order of what does not commute',
      (b, x, y) => b.sub(y, b.exp(x)),
      op('Sub', op('Exp', x), y),
      undefined,
    ],
    ['binds a name to one value', (b, x) => b.mul(b.sigmoid(x), x), swish, { x: 'x' }],
    ['binds a name to no other value', (b, x, y) => b.mul(b.sigmoid(x), y), swish, undefined],
    ['compares constants by value', (b, x) => b.mul(x, 0.5), op('Mul', x, 0.5), { x: 'x' }],
    ['compares constants up to rounding', (b, x) => b.div(x, Math.SQRT2), op('Div', x, Math.SQRT2), { x: 'x' }],
    ['compares constants no further than that', (b, x) => b.div(x, 1.415), op('Div', x, Math.SQRT2), undefined],
    ['compares zero exactly', (b, x) => b.add(x, 0), op('Add', x, 0), { x: 'x' }],
    ['binds known numbers', (b, x) => b.mul(b.scalar(3), x), op('Mul', x, scalar('k')), { x: 'x', k: 3 }],
    ['binds no numbers that are unknown', (b, x, y) => b.mul(y, x), op('Mul', x, scalar('k')), undefined],
    ['binds nodes', (b, x) => b.exp(b.neg(x)), op('Exp', op('Neg', x).as('inner')), { x: 'x', inner: 'Neg' }],
    [
      'takes the first alternative that matches',
      (b, x) => b.exp(b.abs(x)),
      op('Exp', either(op('Neg', x).as('neg'), op('Abs', x).as('abs'))),
      { x: 'x', abs: 'Abs' },
    ],
    [
      'tests values',
      (b, x, y) => b.add(x, y),
      op(
        'Add',
        any('y', (name) => name === 'y'),
        x,
      ),
      { x: 'x', y: 'y' },
    ],
    ['takes what is read once', (b, x) => b.exp(b.neg(x)), op('Exp', op('Neg', x).readOnce()), { x: 'x' }],
    [
      'takes nothing that others read too',
      (b, x) => [b.neg(x)].map((n) => b.mul(b.exp(n), n))[0],
      op('Mul', op('Exp', op('Neg', x).readOnce()), y),
      undefined,
    ],
  ])('%s', (_, write, pattern, expected) => expect(boundAt(write, pattern)).toEqual(expected));

  it('matches no node that is not free', () => {
    const write: Write = (b, x) => b.mul(x, b.sigmoid(x));
    for (const stays of ['Mul', 'Sigmoid']) expect(boundAt(write, swish, ({ op }) => op !== stays)).toBeUndefined();
  });
});

describe('rules', () => {
  const b = new GraphBuilder();
  const input = b.input('x', 'float32', ['N', 4]);
  const graph = b.graph('test', [input], [b.exp(b.neg(b.abs(input)))]);
  const labels = (...rules: Parameters<typeof applyRules<string>>[0]) =>
    Object.fromEntries([...applyRules(rules, new GraphView(graph))].map(([node, label]) => [node.op, label]));

  it('apply the first matching rule to each node', () => {
    const first = rule(op('Neg', x), () => 'first');
    const second = rule(either(op('Neg', x), op('Exp', x)), () => 'second');
    expect(labels(first, second)).toEqual({ Neg: 'first', Exp: 'second' });
  });

  it('can reject a match, and the next rule is tried', () => {
    const picky = rule(either(op('Exp', op('Neg', x)), op('Exp', x)), (bound) =>
      bound.x === 'abs' ? undefined : bound.x,
    );
    expect(
      labels(
        picky,
        rule(op('Abs', x), () => 'other'),
      ),
    ).toEqual({ Exp: 'neg', Abs: 'other' });
  });
});
