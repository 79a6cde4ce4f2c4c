import { float, type GraphView, type Node, plainAttributes, toAttributes } from '../../onnx/index.ts';
import { any, applyFirst, op, rule, scalar } from './pattern.ts';

/** An operand of a product: a value, its factor, and whether its last two axes are swapped. */
interface Operand {
  readonly name: string;
  readonly factor: number;
  readonly transposed: boolean;
}

const rankOf = (name: string, view: GraphView): number => view.typeOf(name)?.shape.length ?? 0;
const isStack = (name: string, view: GraphView): boolean =>
  view.typeOf(name)?.type === 'float32' && rankOf(name, view) > 2;

const stack = any('name', isStack);
/** How a value is computed from its operand. */
const STEPS = [
  rule(op('Mul', stack, scalar('factor')), ({ name, factor }): Operand => ({ name, factor, transposed: false })),
  rule(op('Div', stack, scalar('divisor')), ({ name, divisor }): Operand => {
    return { name, factor: 1 / divisor, transposed: false };
  }),
  rule(op('Transpose', any('name')), ({ name }, node, view): Operand | undefined =>
    swapsMatrices(node, rankOf(name, view)) ? { name, factor: 1, transposed: true } : undefined,
  ),
];

/**
 * Merges scaling by known numbers and transposes into products of stacks of matrices, such as attention's q/√s·(k/√s)ᵀ, by the node of each
 * product. So no scaled or transposed copies are computed, or kept for the gradient.
 *
 * @param free whether a node may be replaced
 */
export function findScores(view: GraphView, free: (node: Node) => boolean): ReadonlyMap<Node, Node> {
  const stepOf = (name: string): Operand | undefined => {
    const node = view.producer(name);
    return node && applyFirst(STEPS, node, view, free);
  };
  const operands = new Map<string, Operand>();
  const operandOf = (name: string): Operand => {
    const path: { name: string; step: Operand }[] = [];
    let at = name;
    for (let step = stepOf(at); step && !operands.has(at); step = stepOf(at)) {
      path.push({ name: at, step });
      at = step.name;
    }
    let operand = operands.get(at) ?? { name: at, factor: 1, transposed: false };
    for (const { name: own, step } of path.reverse()) {
      const { name: source, factor, transposed } = operand;
      operand = { name: source, factor: factor * step.factor, transposed: transposed !== step.transposed };
      operands.set(own, operand);
    }
    return operand;
  };
  const found = new Map<Node, Node>();
  for (const node of view.nodes) {
    const isProduct = node.op === 'MatMul' && node.domain === '' && free(node);
    if (!isProduct || !node.inputs.every((name) => isStack(name, view))) continue;
    const [a, b] = node.inputs.map(operandOf);
    if (a.name === node.inputs[0] && b.name === node.inputs[1]) continue;
    found.set(node, {
      ...node,
      op: 'FusedMatMul',
      domain: 'com.microsoft',
      inputs: [a.name, b.name],
      attributes: toAttributes({
        alpha: float(a.factor * b.factor),
        transA: Number(a.transposed),
        transB: Number(b.transposed),
      }),
    });
  }
  return found;
}

function swapsMatrices(node: Node, rank: number): boolean {
  const { perm } = plainAttributes(node);
  return rank > 2 && perm?.every((p: number, i: number) => p === (i < rank - 2 ? i : 2 * rank - 3 - i)) === true;
}
