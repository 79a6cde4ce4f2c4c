/** The frozen part of a network alone: its boundary, and models that compute all of it or a segment. */

import {
  type Dimension,
  dataInputsOf,
  elementsIn,
  GraphBuilder,
  liveNodes,
  type Model,
  makeNode,
  type Node,
  plainAttributes,
  readsOf,
  symbolsOf,
  type Value,
} from '../../onnx/index.ts';
import { prune } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { finish } from './assemble.ts';
import { placeForward } from './forward.ts';
import type { TrainingPlan } from './plan.ts';

/** The values that the rest of the network reads from frozen nodes or from the data inputs. */
export function frozenBoundary(network: Inference, plan: TrainingPlan): readonly Value[] {
  const b = new GraphBuilder();
  const forward = placeForward(b, network, plan, 'evaluation');
  prune(b, [plan.output]);
  const fromData = new Set(forward.inputs.map(({ name }) => name));
  const boundary = new Set<string>();
  // Values that depend on weights alone are constants on both sides of the boundary.
  for (const node of b.nodes) {
    const read = readsOf(node).filter((name) => fromData.has(name));
    if (!read.length) continue;
    if (forward.frozen.has(node)) for (const output of node.outputs) fromData.add(output);
    else for (const name of read) boundary.add(name);
  }
  return [...boundary].map((name) => b.value(name));
}

/** The frozen part as an inference model, from the data inputs to the boundary; undefined if the boundary has only data inputs. */
export function prefixModel(network: Inference, plan: TrainingPlan, boundary: readonly Value[]): Model | undefined {
  const b = new GraphBuilder();
  const forward = placeForward(b, network, plan, 'evaluation');
  const dataNames = new Set(forward.inputs.map(({ name }) => name));
  const outputs = boundary.filter(({ name }) => !dataNames.has(name));
  if (!outputs.length) return undefined;
  return finish(b, network.model, { name: 'thaw_prefix', inputs: forward.inputs, outputs });
}

/**
 * An inference model of a segment of the frozen part.
 *
 * @param given values that it may use as inputs; its inputs are those that it needs
 * @param wanted values that it computes
 * @returns undefined if they cannot be computed from the given values alone
 */
export function frozenModel(
  network: Inference,
  plan: TrainingPlan,
  given: readonly Value[],
  wanted: readonly Value[],
): Model | undefined {
  const b = new GraphBuilder();
  const { frozen, inputs } = placeForward(b, network, plan, 'evaluation');
  return segmentOf(network, b, { frozen, inputs, given, wanted });
}

/**
 * A model of boundary values that follow from the number and the sizes of samples alone, as in `frozenModel`. It computes shapes of inner
 * values from those of the data, so that it needs no weights.
 */
export function sizesModel(network: Inference, plan: TrainingPlan, wanted: readonly Value[]): Model | undefined {
  const b = new GraphBuilder();
  const { frozen, inputs } = placeForward(b, network, plan, 'evaluation');
  const placed = new Set(b.nodes);
  shapesFromData(b, inputs);
  const computed = new Set([...frozen, ...b.nodes.filter((node) => !placed.has(node))]);
  return segmentOf(network, b, { frozen: computed, inputs, given: inputs, wanted });
}

/** Replaces each `Shape` of an inner value whose sizes are known products of the data's. */
function shapesFromData(b: GraphBuilder, inputs: readonly Value[]): void {
  const places = new Map<string, { readonly input: Value; readonly axis: number }>();
  for (const input of inputs) {
    for (const [axis, size] of input.shape.entries()) if (typeof size === 'string') places.set(size, { input, axis });
  }
  const isKnown = (size: Dimension) => symbolsOf(size).every((symbol) => places.has(symbol));
  const sizeOf = (symbol: string): Value => {
    const { input, axis } = places.get(symbol)!;
    const [shape] = b.emit('Shape', [input], [{ type: 'int64', shape: [input.shape.length] }]);
    return b.gather(shape, b.ints([axis]));
  };
  const integers = (size: Dimension): Value => {
    if (typeof size === 'number') return b.ints([size]);
    const factor = elementsIn([size]);
    const factors = [...(factor === 1 ? [] : [b.ints([factor])]), ...symbolsOf(size).map(sizeOf)];
    return factors.reduce((all, one) => b.binary('Mul', all, one));
  };
  const data = new Set(inputs.map(({ name }) => name));
  for (const node of b.restart()) {
    const sizes = data.has(node.inputs[0]) ? [] : shapeRead(b, node);
    if (!sizes.length || !sizes.every(isKnown)) b.append(node);
    else {
      const parts = sizes.map((size) => integers(size).name);
      b.append(makeNode('Concat', parts, node.outputs, { axis: 0 }, { name: node.name }));
    }
  }
}

/** The sizes that a `Shape` gives; none for other nodes. */
function shapeRead(b: GraphBuilder, node: Node): readonly Dimension[] {
  if (node.op !== 'Shape' || node.domain !== '') return [];
  const { start = 0, end } = plainAttributes(node);
  return b.value(node.inputs[0]).shape.slice(Number(start), end === undefined ? undefined : Number(end));
}

interface SegmentParts {
  readonly frozen: ReadonlySet<Node>;
  readonly inputs: readonly Value[];
  readonly given: readonly Value[];
  readonly wanted: readonly Value[];
}

function segmentOf(network: Inference, b: GraphBuilder, { frozen, inputs, given, wanted }: SegmentParts) {
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

/** Whether a value depends on the contents of the data, and not only on its shape. */
export function dependsOnData({ model: { graph } }: Inference, value: string): boolean {
  const data = new Set(dataInputsOf(graph).map(({ name }) => name));
  for (const node of graph.nodes) {
    if (node.op === 'Shape' || node.op === 'Size') continue;
    if (readsOf(node).some((name) => data.has(name))) for (const output of node.outputs) data.add(output);
  }
  return data.has(value);
}
