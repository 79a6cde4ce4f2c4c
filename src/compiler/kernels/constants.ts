import type { GraphBuilder, Node, Tensor } from '../../onnx/index.ts';

/** Replaces a node by constants if all of its outputs are known. @returns whether they are */
export function placeConstants(b: GraphBuilder, node: Node, constants: ReadonlyMap<string, Tensor>): boolean {
  const outputs = node.outputs.filter((name) => name !== '');
  if (!outputs.every((name) => constants.has(name))) return false;
  for (const name of outputs) b.initializer(name, constants.get(name)!);
  return true;
}
