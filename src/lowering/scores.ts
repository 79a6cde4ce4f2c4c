import { float, type Graph, type Node, numbersOf, plainAttributes, type Tensor, type Typed } from '../onnx/index.ts';

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
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
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
  const operandOf = (operand: Operand): Operand => {
    const { name, factor, transposed } = operand;
    const node = producers.get(name);
    if (node?.domain !== '' || !free(node)) return operand;
    const [left, right] = node.inputs;
    const [first, second] = [numberOf(left), right === undefined ? undefined : numberOf(right)];
    if (node.op === 'Mul' && second !== undefined && isStack(left))
      return operandOf({ name: left, factor: factor * second, transposed });
    if (node.op === 'Mul' && first !== undefined && isStack(right))
      return operandOf({ name: right, factor: factor * first, transposed });
    if (node.op === 'Div' && second !== undefined && isStack(left))
      return operandOf({ name: left, factor: factor / second, transposed });
    if (node.op === 'Transpose' && swapsMatrices(node, values.get(left)!.shape.length))
      return operandOf({ name: left, factor, transposed: !transposed });
    return operand;
  };
  const found = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.op !== 'MatMul' || node.domain !== '' || !free(node) || !node.inputs.every(isStack)) continue;
    const [a, b] = node.inputs.map((name) => operandOf({ name, factor: 1, transposed: false }));
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
