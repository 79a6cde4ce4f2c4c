import {
  float,
  type Graph,
  type Node,
  numbersOf,
  plainAttributes,
  producersIn,
  type Tensor,
  type Typed,
} from '../../onnx/index.ts';

/** An operand of a product: a value, what it is multiplied by, whether its last two axes are swapped. */
interface Operand {
  readonly name: string;
  readonly factor: number;
  readonly transposed: boolean;
}

/**
 * Products of stacks of matrices whose operands are scaled by known numbers or transposed, as attention's q/√s·(k/√s)ᵀ, as one operator by the
 * node that they are of: no scaled and no transposed copies are made, or kept for the gradient.
 *
 * @param free whether a node may be taken apart
 */
export function findScores(
  { nodes, initializers }: Graph,
  values: ReadonlyMap<string, Typed>,
  constants: ReadonlyMap<string, Tensor>,
  free: (node: Node) => boolean,
): ReadonlyMap<Node, Node> {
  const producers = producersIn(nodes);
  const isStack = (name: string) => {
    const typed = values.get(name);
    return typed?.type === 'float32' && typed.shape.length > 2;
  };
  const numberOf = (name: string): number | undefined => {
    const known = constants.get(name) ?? initializers.get(name);
    return known?.type === 'float32' && known.data.length === 1 && known.shape.length <= 1
      ? numbersOf(known)[0]
      : undefined;
  };
  /** What a value is of the one that it is computed from. */
  const stepOf = (name: string): Operand | undefined => {
    const node = producers.get(name);
    if (node?.domain !== '' || !free(node)) return undefined;
    const [left, right] = node.inputs;
    const [first, second] = [numberOf(left), right === undefined ? undefined : numberOf(right)];
    if (node.op === 'Mul' && second !== undefined && isStack(left))
      return { name: left, factor: second, transposed: false };
    if (node.op === 'Mul' && first !== undefined && isStack(right))
      return { name: right, factor: first, transposed: false };
    if (node.op === 'Div' && second !== undefined && isStack(left))
      return { name: left, factor: 1 / second, transposed: false };
    if (node.op === 'Transpose' && swapsMatrices(node, values.get(left)!.shape.length))
      return { name: left, factor: 1, transposed: true };
    return undefined;
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
  for (const node of nodes) {
    if (node.op !== 'MatMul' || node.domain !== '' || !free(node) || !node.inputs.every(isStack)) continue;
    const [a, b] = node.inputs.map(operandOf);
    if (a.name === node.inputs[0] && b.name === node.inputs[1]) continue;
    found.set(node, {
      ...node,
      op: 'FusedMatMul',
      domain: 'com.microsoft',
      inputs: [a.name, b.name],
      attributes: {
        alpha: float(a.factor * b.factor),
        transA: { kind: 'int', value: Number(a.transposed) },
        transB: { kind: 'int', value: Number(b.transposed) },
      },
    });
  }
  return found;
}

function swapsMatrices(node: Node, rank: number): boolean {
  const { perm } = plainAttributes(node);
  return rank > 2 && perm?.every((p: number, i: number) => p === (i < rank - 2 ? i : 2 * rank - 3 - i)) === true;
}
