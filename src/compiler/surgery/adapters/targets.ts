import { ThawError } from '../../../errors.ts';
import { elementCount, type Graph, GraphView, type Node, plainAttributes } from '../../../onnx/index.ts';
import type { LayerGroup } from '../groups.ts';
import { behind, type Head } from '../head.ts';
import { modulePath } from '../names.ts';
import { type Selection, selectParameters } from '../selection.ts';

/** Low-rank adapters (Hu et al., "LoRA", 2022): a frozen weight W is replaced by W + α/r · BA. */
export interface LoraOptions {
  /** r: columns of B and rows of A; in a grouped convolution, those of each group. */
  readonly rank: number;
  /** α; by default the rank, so that BA has the factor 1. */
  readonly alpha?: number;
  /** The layers, as in `train`; also an operator's name, or a module's path or the end of it (`query`). */
  readonly targets: Selection;
  /** The fraction of an adapter's inputs that training drops at random. */
  readonly dropout?: number;
}

/** Operators that multiply by their second input: standard ones, and their replacements in ONNX Runtime's optimizer. */
const OPERATORS = {
  '': ['MatMul', 'Gemm', 'Conv'],
  'com.microsoft': ['FusedMatMul', 'FusedGemm', 'FusedConv', 'Attention'],
} as const;
type AdaptedOperator = (typeof OPERATORS)[keyof typeof OPERATORS][number];

const isAdapted = ({ op, domain }: Node): boolean =>
  Object.hasOwn(OPERATORS, domain) && (OPERATORS as Readonly<Record<string, readonly string[]>>)[domain].includes(op);

/** A weight that can have an adapter, with the nodes that multiply by it. */
export interface AdapterTarget {
  readonly op: AdaptedOperator;
  readonly weight: string;
  readonly shape: readonly number[];
  /** Whether the weight is stored as [outputs, inputs, …], as in PyTorch, or as [inputs, outputs]. */
  readonly outputsFirst: boolean;
  /** Groups of a convolution; 1 elsewhere. */
  readonly group: number;
  readonly nodes: readonly Node[];
  /** The module of the weight: `encoder.layer.3.query`. */
  readonly module: string;
}

/** α/r */
export const scaleOf = ({ rank, alpha = rank }: Pick<LoraOptions, 'rank' | 'alpha'>): number => alpha / rank;

/**
 * The layers that get adapters. It leaves out the head, which trains whole, weights with other uses (a tied embedding), and layers
 * whose adapter would have at least as many elements as the weight itself: depthwise convolutions, and layers too small for the rank.
 *
 * @throws ThawError `bad-config` if no layer is left
 */
export function chooseTargets(
  graph: Graph,
  groups: readonly LayerGroup[],
  head: Pick<Head, 'weight'>,
  options: LoraOptions,
): AdapterTarget[] {
  const all = targetsOf(graph).filter(({ weight }) => weight !== head.weight);
  if (!all.length) {
    throw new ThawError(
      'bad-config',
      'the model has no MatMul, Gemm or Conv with an unshared weight outside the head, so lora has nothing to adapt',
      'Train without lora',
    );
  }
  const chosen = select(all, groups, options.targets);
  const closed = options.dropout ? chosen.find((target) => !canBeParallel(target)) : undefined;
  if (closed) {
    throw new ThawError(
      'bad-config',
      `lora.dropout: ${closed.op} of "${closed.weight}" has its adapter inside the weight, where dropout is not possible`,
      'Remove the dropout, or choose other targets',
    );
  }
  const smaller = chosen.filter((target) => adapterSize(target, options.rank) < elementCount(target.shape));
  if (smaller.length) return smaller;
  const largest = chosen.reduce((most, target) => Math.max(most, largestRank(target)), 0);
  throw new ThawError(
    'bad-config',
    `adapters of rank ${options.rank} would be larger than the weights of ${options.targets} themselves`,
    largest >= 1 ? `The largest rank that saves anything is ${largest}` : 'Choose other targets: these are depthwise',
  );
}

/** Inputs and outputs of one position; in a grouped convolution, those of a group. */
function sizes({ shape, outputsFirst, group }: AdapterTarget): { inputs: number; outputs: number } {
  const [rows, columns] = [shape[0], elementCount(shape.slice(1))];
  return outputsFirst ? { inputs: columns, outputs: rows / group } : { inputs: rows, outputs: columns };
}

function adapterSize(target: AdapterTarget, rank: number): number {
  const { inputs, outputs } = sizes(target);
  return target.group * rank * (inputs + outputs);
}

export const isConvolution = ({ op }: Pick<AdapterTarget, 'op'>): boolean => op === 'Conv' || op === 'FusedConv';

/**
 * Whether W + α/r · BA is the faster way, or the only one. It costs the gradient of the whole weight, 2·inputs·outputs operations per
 * position. A parallel adapter costs passes over the layer's inputs and outputs, but supports dropout.
 */
export function isWithin(target: AdapterTarget, { dropout = 0 }: Pick<LoraOptions, 'dropout'>): boolean {
  if (!canBeParallel(target)) return true;
  const { inputs, outputs } = sizes(target);
  const [channels, passes] = isConvolution(target) ? [target.shape[1], PASSES.convolution] : [inputs, PASSES.product];
  return dropout === 0 && inputs * outputs < passes * (channels + outputs);
}

/** The inside of ONNX Runtime's own operators is not accessible. */
const canBeParallel = ({ nodes }: AdapterTarget): boolean => nodes.every(({ domain }) => domain === '');

/**
 * The number of multiplications that take as long as an adapter's passes over one number. Measured on the CPU provider, where few channels
 * do not fill a block of a convolution's maps.
 */
const PASSES = { product: 80, convolution: 300 };

/** The largest rank whose adapter is smaller than the weight. */
function largestRank(target: AdapterTarget): number {
  const { inputs, outputs } = sizes(target);
  return Math.ceil((inputs * outputs) / (inputs + outputs)) - 1;
}

function select(all: readonly AdapterTarget[], groups: readonly LayerGroup[], targets: Selection): AdapterTarget[] {
  const names = new Map<string, Set<AdapterTarget>>();
  for (const target of all) {
    for (const name of [target.weight, target.op, ...endsOf(target.module)]) {
      const known = names.get(name);
      if (known) known.add(target);
      else names.set(name, new Set([target]));
    }
  }
  const weights = new Set(all.map(({ weight }) => weight));
  const adaptable = groups.map((group) => ({
    ...group,
    parameters: group.parameters.filter((name) => weights.has(name)),
  }));
  const selected = selectParameters(targets, adaptable, [...names.keys()]);
  const found = new Set([...selected].flatMap((name) => [...(names.get(name) ?? [])]));
  return all.filter((target) => found.has(target));
}

/** The number of parts at a path's end that can name it. */
const MOST_PARTS = 32;

/** `a.b.c`, `b.c`, `c`. */
function endsOf(path: string): string[] {
  const parts = path.split('.').filter((part) => part !== '');
  return parts.slice(-MOST_PARTS).map((_, i, last) => last.slice(i).join('.'));
}

/** Every weight that only `MatMul`, `Gemm` or `Conv` nodes multiply by. */
export function targetsOf(graph: Graph): AdapterTarget[] {
  const view = new GraphView(graph);
  const found = new Map<string, AdapterTarget & { readonly nodes: Node[] }>();
  for (const node of graph.nodes) {
    const target = targetAt(view, node);
    const before = target && found.get(target.weight);
    if (before) before.nodes.push(node);
    else if (target) found.set(target.weight, { ...target, nodes: [...target.nodes] });
  }
  return [...found.values()].filter((target) => {
    const own = new Set(target.nodes);
    return usersOf(view, target.weight).every((node) => own.has(node) && sameUse(target, targetAt(view, node)));
  });
}

const sameUse = (a: AdapterTarget, b: AdapterTarget | undefined): boolean =>
  a.op === b?.op && a.outputsFirst === b.outputsFirst && a.group === b.group;

/** The nodes in which a weight meets another value. */
function usersOf(view: GraphView, weight: string): Node[] {
  const names = new Set([weight]);
  const users = new Set<Node>();
  for (const name of names) {
    for (const node of view.readers(name)) {
      if (node.op === 'Identity' || node.op === 'Transpose') names.add(node.outputs[0]);
      else users.add(node);
    }
  }
  return [...users];
}

function targetAt(view: GraphView, node: Node): AdapterTarget | undefined {
  const { inputs } = node;
  if (!isAdapted(node)) return undefined;
  const op = node.op as AdaptedOperator;
  const weight = behind(view, inputs[1]);
  if (weight?.tensor.type !== 'float32' || behind(view, inputs[0])) return undefined;
  const { shape } = weight.tensor;
  const { group = 1, transA = 0, transB = 0 } = plainAttributes(node);
  const common = { op, weight: weight.name, shape, nodes: [node], module: modulePath(weight.name, node).join('.') };
  if (isConvolution({ op })) {
    return weight.transposed || shape.length < 3 ? undefined : { ...common, outputsFirst: true, group: Number(group) };
  }
  if (shape.length !== 2 || Number(transA)) return undefined;
  return { ...common, outputsFirst: Boolean(Number(transB)) !== weight.transposed, group: 1 };
}
