/** The frozen part of a network by itself: what it hands on, and models that compute a segment of it. */

import { dataInputsOf, GraphBuilder, liveNodes, type Model, readsOf, type Value } from '../../onnx/index.ts';
import { prune } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { placeForward } from './forward.ts';
import { finish } from './graphs.ts';
import type { TrainingPlan } from './plan.ts';

/** The values that what trains, and all that comes after it, takes from frozen nodes or from the data inputs. */
export function frozenBoundary(network: Inference, plan: TrainingPlan): readonly Value[] {
  const b = new GraphBuilder();
  const forward = placeForward(b, network, plan, 'evaluation');
  prune(b, [plan.output]);
  const fromData = new Set(forward.inputs.map(({ name }) => name));
  const boundary = new Set<string>();
  // What is computed of weights alone crosses no boundary: it is constant on either side.
  for (const node of b.nodes) {
    const read = readsOf(node).filter((name) => fromData.has(name));
    if (!read.length) continue;
    if (forward.frozen.has(node)) for (const output of node.outputs) fromData.add(output);
    else for (const name of read) boundary.add(name);
  }
  return [...boundary].map((name) => b.value(name));
}

/**
 * An inference model of a frozen segment.
 *
 * @param given values that it may take as inputs; its inputs are those that it needs
 * @param wanted values that it computes
 * @returns undefined where they cannot be computed of what is given alone
 */
export function frozenModel(
  network: Inference,
  plan: TrainingPlan,
  given: readonly Value[],
  wanted: readonly Value[],
): Model | undefined {
  const b = new GraphBuilder();
  const { frozen, inputs } = placeForward(b, network, plan, 'evaluation');
  const names = new Set(given.map(({ name }) => name));
  const outputs = wanted.map(({ name }) => name);
  const nodes = liveNodes(b.nodes, outputs, names);
  if (!nodes.every((node) => frozen.has(node))) return undefined;
  const read = new Set(nodes.flatMap(readsOf));
  if (inputs.some(({ name }) => read.has(name) && !names.has(name))) return undefined;
  b.nodes = nodes;
  const used = given.filter(({ name }) => read.has(name));
  return finish(b, network.model, { name: 'thaw_frozen', inputs: used, outputs: wanted });
}

/** Whether a value depends on what is in the data, and not only on its shape. */
export function dependsOnData({ model: { graph } }: Inference, value: string): boolean {
  const data = new Set(dataInputsOf(graph).map(({ name }) => name));
  for (const node of graph.nodes) {
    if (node.op === 'Shape' || node.op === 'Size') continue;
    if (readsOf(node).some((name) => data.has(name))) for (const output of node.outputs) data.add(output);
  }
  return data.has(value);
}
