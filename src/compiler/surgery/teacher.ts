import { dataInputsOf, type Node, pruned, renamed, type Typed } from '../../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';

const PREFIX = 'teacher/';

/** Names of values that the pretrained network computes, next to the network that trains. */
export interface Teacher {
  readonly features: string;
  readonly scores: string;
}

/**
 * Adds a copy of the pretrained network next to a network. The copy reads the same input, has names of its own and never trains, so its
 * results for an image are part of the frozen features, and are cached with them.
 *
 * @param network to which it is added
 * @param pretrained without changes
 * @param values the head's input, and its result
 */
export function withTeacher(
  network: Inference,
  pretrained: Inference,
  { features, scores }: Teacher,
): { readonly network: Inference; readonly teacher: Teacher } {
  const { graph } = pretrained.model;
  const inputs = new Set(dataInputsOf(graph).map(({ name }) => name));
  const rename = (name: string) => (name === '' || inputs.has(name) ? name : `${PREFIX}${name}`);
  const outputs = [features, scores].map((name) => ({ name }));
  const copy = renamed(pruned({ ...graph, outputs, valueInfo: [] }), rename);
  const named = (node: Node): Node => ({ ...node, name: node.name && `${PREFIX}${node.name}` });
  const renamedKeys = <V>(record: ReadonlyMap<string, V>) =>
    [...record].map(([key, value]) => [rename(key), value] as const);
  const whole = network.model.graph;
  return {
    network: {
      ...network,
      values: new Map<string, Typed>([...renamedKeys(pretrained.values), ...network.values]),
      constants: new Map([...renamedKeys(pretrained.constants), ...network.constants]),
      model: {
        ...network.model,
        graph: {
          ...whole,
          nodes: [...whole.nodes, ...copy.nodes.map(named)],
          initializers: new Map([...whole.initializers, ...copy.initializers]),
        },
      },
    },
    teacher: { features: rename(features), scores: rename(scores) },
  };
}
