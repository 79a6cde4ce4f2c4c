import { type GraphView, makeNode, type Node } from '../../onnx/index.ts';
import { any, applyRules, either, op, rule } from './pattern.ts';

const x = any('x');
/** 1 + erf(x/√2) */
const twiceCumulative = op('Add', op('Erf', either(op('Div', x, Math.SQRT2), op('Mul', x, Math.SQRT1_2))), 1);

/** x/2·(1 + erf(x/√2)), in one order or another */
const GELU = either(
  op('Mul', op('Mul', x, twiceCumulative), 0.5),
  op('Mul', op('Mul', x, 0.5), twiceCumulative),
  op('Mul', x, op('Mul', twiceCumulative, 0.5)),
);

const RULES = [
  rule(GELU, (bound, { name, outputs }) => makeNode('Gelu', [bound.x], outputs, {}, { name, domain: 'com.microsoft' })),
];

/**
 * The Gaussian error linear units that exporters write out, by the node that ends each: as one operator they keep x for the gradient, and
 * not four maps of its size.
 *
 * @param free whether a node may be taken apart
 */
export const findGelus = (view: GraphView, free: (node: Node) => boolean): ReadonlyMap<Node, Node> =>
  applyRules(RULES, view, free);
