import { type Graph, type Node, numbersOf, producersIn, readersIn, type Tensor } from '../../onnx/index.ts';

/**
 * The Gaussian error linear units that exporters write out, x/2·(1 + erf(x/√2)) in one order or another, by the node that ends each:
 * as one operator they keep x for the gradient, and not four maps of its size.
 *
 * @param free whether a node may be taken apart
 */
export function findGelus(
  { nodes, initializers }: Graph,
  constants: ReadonlyMap<string, Tensor>,
  free: (node: Node) => boolean,
): ReadonlyMap<Node, Node> {
  const producers = producersIn(nodes);
  const readers = readersIn(nodes);
  const isNumber = (name: string, value: number): boolean => {
    const known = constants.get(name) ?? initializers.get(name);
    return known?.data.length === 1 && Math.abs(numbersOf(known)[0] - value) < 1e-6 * value;
  };
  /** The operand beside a number. */
  const beside = (node: Node | undefined, op: string, value: number): string | undefined => {
    if (node?.op !== op || node.domain !== '' || !free(node)) return undefined;
    const [left, right] = node.inputs;
    if (isNumber(right, value)) return left;
    return op !== 'Div' && isNumber(left, value) ? right : undefined;
  };
  /** Those that multiply a value, with the other factor. */
  const products = (name: string) =>
    (readers.get(name) ?? []).flatMap((node) => {
      if (node.op !== 'Mul' || node.domain !== '' || !free(node)) return [];
      return [{ node, factor: node.inputs[node.inputs[0] === name ? 1 : 0] }];
    });

  const found = new Map<Node, Node>();
  for (const erf of nodes) {
    if (erf.op !== 'Erf' || erf.domain !== '' || !free(erf)) continue;
    const scaling = producers.get(erf.inputs[0]);
    const x = beside(scaling, 'Div', Math.SQRT2) ?? beside(scaling, 'Mul', Math.SQRT1_2);
    if (x === undefined) continue;
    const isHalf = (name: string) => isNumber(name, 0.5);
    const isHalfOfX = (name: string) => beside(producers.get(name), 'Mul', 0.5) === x;
    for (const sum of readers.get(erf.outputs[0]) ?? []) {
      if (beside(sum, 'Add', 1) !== erf.outputs[0]) continue;
      for (const { node, factor } of products(sum.outputs[0])) {
        if (isHalfOfX(factor)) found.set(node, geluOf(x, node));
        const missing = factor === x ? isHalf : isHalf(factor) ? (name: string) => name === x : undefined;
        if (!missing) continue;
        for (const last of products(node.outputs[0]))
          if (missing(last.factor)) found.set(last.node, geluOf(x, last.node));
      }
    }
  }
  return found;
}

const geluOf = (x: string, { name, outputs }: Node): Node => {
  return { name, op: 'Gelu', domain: 'com.microsoft', inputs: [x], outputs, attributes: {} };
};
