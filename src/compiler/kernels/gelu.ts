import { float, type GraphView, makeNode, type Node } from '../../onnx/index.ts';
import { any, applyRules, either, op, rule } from './pattern.ts';

const x = any('x');
/** 1 + erf(x/√2) */
const twiceCumulative = op('Add', op('Erf', either(op('Div', x, Math.SQRT2), op('Mul', x, Math.SQRT1_2))), 1);

/** x/2·(1 + erf(x/√2)), in either order */
const GELU = either(
  op('Mul', op('Mul', x, twiceCumulative), 0.5),
  op('Mul', op('Mul', x, 0.5), twiceCumulative),
  op('Mul', x, op('Mul', twiceCumulative, 0.5)),
);

/** x·σ(x) */
const SILU = op('Mul', x, op('Sigmoid', x));

const RULES = [
  rule(GELU, (bound, { name, outputs }) => makeNode('Gelu', [bound.x], outputs, {}, { name, domain: 'com.microsoft' })),
  rule(SILU, (bound, { name, outputs }) =>
    makeNode('QuickGelu', [bound.x], outputs, { alpha: float(1) }, { name, domain: 'com.microsoft' }),
  ),
];

/**
 * The Gaussian error linear units and sigmoid linear units (SiLU, Swish) that exporters write out, by their last node. A single operator
 * keeps only x for the gradient, instead of up to four maps of its size.
 *
 * @param free whether a node may be replaced
 */
export const findGelus = (view: GraphView, free: (node: Node) => boolean): ReadonlyMap<Node, Node> =>
  applyRules(RULES, view, free);
