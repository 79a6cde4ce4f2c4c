import { dataInputsOf, type Node, pruned, renamed, type Typed } from '../../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';

const PREFIX = 'teacher/';

/** Names of values that the pretrained network computes, next to the network that trains. */
export interface Teacher {
  readonly features: string;
  readonly scores: string;
}

/**
 * A network next to a copy of the pretrained one, which reads the same input, has names of its own and never trains: what the copy computes of
 * an image is part of the frozen features, and is cached with them.
 *
 * @param network to which it is added
 * @param pretrained as it came
 * @param values what the head reads, and what it computes
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
