/** Places each node of a network in the graph of a step. */

import { ThawError } from '../../errors.ts';
import {
  axis,
  type GraphBuilder,
  type GraphView,
  innerNames,
  type Node,
  plainAttributes,
  readsOf,
  type Tensor,
  type Value,
} from '../../onnx/index.ts';
import {
  findFoldings,
  findGelus,
  findScores,
  fold,
  isTrainingDropout,
  placeConstants,
  placeCubicResize,
  placeDropout,
  rateOf,
  type TypedGraph,
} from '../kernels/index.ts';
import { batchNormTraining, isTrainedBatchNorm } from './batch-norm.ts';
import { drop, dropoutsByNode, nameOf } from './dropout.ts';
import type { TrainingPlan } from './plan.ts';

/** The state that the passes share. The nodes are placed in order. */
export interface Placement extends TypedGraph {
  readonly b: GraphBuilder;
  readonly plan: TrainingPlan;
  readonly mode: 'training' | 'evaluation';
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The graph, indexed. */
  readonly view: GraphView;
  /** The contents of an initializer, or of another value that is known at compile time. */
  contents(name: string): Tensor | undefined;
  /** Whether a node may become part of another one. */
  isFree(node: Node): boolean;
  /** Values that depend on trainable parameters. Passes add to it. */
  readonly reached: Set<string>;
  /** Nodes that no trainable parameter reaches. They are placed unchanged. */
  readonly frozen: Set<Node>;
  /** Running statistics, by name, with their new values. */
  readonly statistics: Map<string, { readonly value: Value; readonly next?: Value }>;
  /** Inputs for random numbers. */
  readonly noise: Value[];
}

/** Returns the node for the next pass, or undefined if the node needs no further pass. */
export type Pass = (placement: Placement) => (node: Node) => Node | undefined;

/** Every node goes through these passes, in this order. */
export const PASSES: readonly Pass[] = [
  // First: no other pass has to handle shape arithmetic whose result is known.
  placeKnown,
  // Before `findFrozen`: one trainable scale makes the whole folded convolution trainable.
  foldNeighbours,
  // Before `findFrozen`: it changes the inputs of the node.
  fuseGelus,
  // Before `findFrozen`, as well. No node is both a Gelu and a product.
  fuseScores,
  // Before all passes that change training only: they leave frozen nodes as in evaluation.
  findFrozen,
  // Before all passes that replace the operator: it changes only the inputs.
  dropInputs,
  // Before `declareOutputs`: it adds outputs.
  keepRowStatistics,
  // Before `declareOutputs`: it places the node and declares its output itself.
  normalizeByBatch,
  // Before operators are replaced: their replacements need the declared outputs.
  declareOutputs,
  // Before `append`: the node is not placed.
  placeTrainingDropout,
  // Before `append`: the node is not placed.
  placeCubicResizes,
  // Last: places all other nodes.
  append,
];

/** Takes a node through all passes. */
export function placer(placement: Placement): (node: Node) => void {
  const passes = PASSES.map((pass) => pass(placement));
  return (node) => {
    let rest: Node | undefined = node;
    for (const pass of passes) {
      rest = pass(rest);
      if (!rest) return;
    }
  };
}

/** Replaces a node with known results by constants. */
function placeKnown({ b, constants }: Placement) {
  return (node: Node) => (placeConstants(b, node, constants) ? undefined : node);
}

/** Merges the zero padding of a convolution's input and a fixed normalization of its result into the convolution. */
function foldNeighbours({ b, view, isFree, reached }: Placement) {
  const foldings = findFoldings(view, isFree);
  const absorbed = new Set<Node>();
  return (node: Node) => {
    if (absorbed.has(node)) return undefined;
    const folding = foldings.get(node);
    const reads = [node, folding?.norm].flatMap((part) => (part ? readsOf(part) : []));
    // ONNX Runtime itself folds frozen ones, because their weights are constants.
    if (!folding || !reads.some((name) => reached.has(name))) return node;
    const folded = fold(b, node, folding);
    if (folding.norm) {
      absorbed.add(folding.norm);
      for (const weight of folded.inputs.slice(1)) reached.add(weight);
    }
    return folded;
  };
}

/** Replaces a Gelu that was written out by one operator. Its former parts remain without readers. */
function fuseGelus({ view, values, isFree, reached }: Placement) {
  const gelus = findGelus(view, isFree);
  return (node: Node) => {
    const gelu = gelus.get(node);
    return gelu && reached.has(gelu.inputs[0]) && values.get(gelu.inputs[0])?.type === 'float32' ? gelu : node;
  };
}

/** Merges the scaling and transposes of a product's operands into the product. */
function fuseScores({ view, isFree, reached }: Placement) {
  const scores = findScores(view, isFree);
  return (node: Node) => {
    const product = scores.get(node);
    return product?.inputs.some((name) => reached.has(name)) ? product : node;
  };
}

/** Finds the nodes that do not depend on trainable parameters. */
function findFrozen({ reached, frozen }: Placement) {
  return (node: Node) => {
    if (readsOf(node).some((name) => reached.has(name))) for (const output of node.outputs) reached.add(output);
    else frozen.add(node);
    return node;
  };
}

/** The plan's dropout of a node's inputs. Nodes that drop the same value by the same entry share a draw. */
function dropInputs({ b, plan, mode, frozen, noise }: Placement) {
  const dropouts = dropoutsByNode(plan);
  const dropped = new Map<string, Value>();
  return (node: Node) => {
    if (mode === 'evaluation' || frozen.has(node)) return node;
    const now = new Map<string, string>();
    for (const { entry, at } of dropouts.get(nameOf(node)) ?? []) {
      const from = now.get(entry.value) ?? entry.value;
      const key = `${at} ${from}`;
      const y = dropped.get(key) ?? drop(b, b.value(from), entry, noise).y;
      dropped.set(key, y);
      now.set(entry.value, y.name);
    }
    return { ...node, inputs: node.inputs.map((name) => now.get(name) ?? name) };
  };
}

/** Lets a layer normalization also return the mean and 1/σ of each row, which its gradient needs. */
function keepRowStatistics({ b, mode, frozen }: Placement) {
  return (node: Node) => {
    const { op, domain, inputs, outputs } = node;
    if (mode === 'evaluation' || frozen.has(node)) return node;
    if (op !== 'LayerNormalization' || domain !== '' || outputs.length > 1) return node;
    const { type, shape } = b.value(inputs[0]);
    const from = axis(plainAttributes(node).axis ?? -1, shape.length);
    const rows = { type, shape: shape.map((d, i) => (i < from ? d : 1)) };
    const names = ['mean', 'inverse'].map((name) => b.unique(`${outputs[0]}.${name}`));
    for (const name of names) b.declare({ name, ...rows });
    return { ...node, outputs: [...outputs, ...names] };
  };
}

/** Batch normalization with the batch's own statistics, if the plan asks for it. */
function normalizeByBatch({ b, plan, mode, statistics }: Placement) {
  return (node: Node) => {
    if (mode === 'evaluation' || !isTrainedBatchNorm(node, plan)) return node;
    for (const statistic of batchNormTraining(b, node)) statistics.set(statistic.value.name, statistic);
    return undefined;
  };
}

function declareOutputs({ b, values }: Placement) {
  return (node: Node) => {
    for (const name of [...node.outputs, ...innerNames(node)]) {
      const typed = values.get(name);
      if (name && typed) b.declare({ name, ...typed });
    }
    return node;
  };
}

/** Handles the model's own dropout in training mode. The frozen part drops nothing. */
function placeTrainingDropout({ b, mode, frozen, contents, noise }: Placement) {
  return (node: Node) => {
    if (!isTrainingDropout(node, contents)) return node;
    const x = b.value(node.inputs[0]);
    const rate = mode === 'training' && !frozen.has(node) ? rateOf(node, contents) : 0;
    if (rate === undefined) throw unknownRate(node);
    placeDropout(b, node, x, rate ? drop(b, x, { value: x.name, rate }, noise) : undefined);
    return undefined;
  };
}

function placeCubicResizes({ b, frozen, constants }: Placement) {
  return (node: Node) => (!frozen.has(node) && placeCubicResize(b, node, constants) ? undefined : node);
}

function append({ b }: Placement) {
  return (node: Node) => {
    b.append(node);
    return undefined;
  };
}

const unknownRate = (node: Node): ThawError =>
  new ThawError(
    'bad-model',
    `the rate of the Dropout node "${nameOf(node)}" is not known when compiling`,
    'Export the model with a constant rate',
  );
