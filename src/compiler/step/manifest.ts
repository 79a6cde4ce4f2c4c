import { elementCount, type Graph, type Model, subgraphs, type Tensor } from '../../onnx/index.ts';
import { isTrainingDropout, rateOf } from '../kernels/index.ts';
import type { Clipping } from '../optimizers/index.ts';
import type { Inference } from '../shapes/index.ts';
import { type DropoutPlan, MASK, optimizerOf, slotsOf, type TrainingPlan, trainingOptions } from './plan.ts';

/** Raised when a reader of older manifests would misread a newer one. */
const MANIFEST_VERSION = 1;

/** The compiled graphs that a manifest describes. */
export interface ArtifactModels {
  readonly training: Model;
  readonly evaluation: Model;
  readonly optimizer: Model;
}

export interface ManifestParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly count: number;
  /** Name of its layer group. */
  readonly group: string;
}

interface TypedName {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string | null)[];
}

/** `manifest.json` describes the artifacts next to it, and how to run them. Plain data. */
export interface Manifest {
  readonly format: 'thaw-artifacts';
  readonly version: number;
  readonly source: { readonly sha256: string };
  /** The file next to the graphs with their frozen weights; null if the graphs contain them. */
  readonly externalData: string | null;
  /** Version of the standard operators in the graphs; the source's may be older. */
  readonly opset: number;
  readonly parameters: {
    readonly trainable: readonly (ManifestParameter & { readonly learningRateScale: number })[];
    readonly frozen: readonly ManifestParameter[];
    /** Float tensors that are not parameters, with the reason: they are constants in every stage. */
    readonly omitted: readonly { readonly name: string; readonly count: number; readonly reason: string }[];
    /** In elements. */
    readonly trainableCount: number;
    readonly frozenCount: number;
  };
  readonly groups: readonly { readonly name: string; readonly parameters: readonly string[]; readonly count: number }[];
  /** The data inputs. */
  readonly inputs: readonly TypedName[];
  readonly labels: TypedName;
  /** The input with the weight of each place in the loss. */
  readonly mask: TypedName | null;
  /** Inputs of `training_model.onnx` for uniform random numbers in [0, 1), with a fresh draw for each step. */
  readonly noise: readonly TypedName[];
  /** Running statistics that training moves: inputs, with `<name>.next` as outputs. */
  readonly statistics: readonly string[];
  readonly outputs: readonly TypedName[];
  /** The value that the loss reads. */
  readonly output: string;
  readonly loss: { readonly name: string; readonly options: object };
  readonly optimizer: { readonly name: string; readonly options: object; readonly slots: readonly string[] };
  /** The optimizer's limit for gradients: `norm`, `value` or `adaptive`. */
  readonly clip: Clipping | null;
  /** λ of λ·Σw² in the loss. */
  readonly l2: number;
  /** λ of λ·Σ|w|, and α and β of the distance from the pretrained weights. */
  readonly l1: number;
  readonly l2sp: { readonly alpha: number; readonly beta: number } | null;
  readonly dropout: readonly { readonly value: string; readonly rate: number; readonly whole?: boolean }[];
  readonly batchNorm: TrainingPlan['batchNorm'];
  /** Operators by file. Operators of other domains have the prefix `domain.`. */
  readonly operators: Readonly<Record<'training' | 'evaluation' | 'optimizer', readonly string[]>>;
}

/** Entries of the manifest that come from neither the plan nor the network. */
export interface ManifestContext {
  /** SHA-256 of the source model's file, in hexadecimal. */
  readonly sha256: string;
  readonly groups: readonly { readonly name: string; readonly parameters: readonly string[] }[];
  /** Name of the file with the graphs' frozen weights, if they are in a file of their own. */
  readonly externalData?: string;
  readonly omitted?: Manifest['parameters']['omitted'];
}

/** Describes the artifacts that were compiled from a network and a plan. */
export function manifestOf(
  network: Inference,
  plan: TrainingPlan,
  models: ArtifactModels,
  { sha256, groups, externalData, omitted = [] }: ManifestContext,
): Manifest {
  const { initializers } = network.model.graph;
  const parameters = groups.flatMap((group) =>
    group.parameters.map((name): ManifestParameter => {
      const { shape } = initializers.get(name) as Tensor;
      return { name, shape, count: elementCount(shape), group: group.name };
    }),
  );
  const total = (list: readonly ManifestParameter[]) => list.reduce((all, { count }) => all + count, 0);
  const counts = new Map<string, number>();
  for (const { group, count } of parameters) counts.set(group, (counts.get(group) ?? 0) + count);
  const trainable = parameters
    .filter(({ name }) => plan.trainable.has(name))
    .map((parameter) => ({ ...parameter, learningRateScale: plan.learningRateScales.get(parameter.name) ?? 1 }));
  const frozen = parameters.filter(({ name }) => !plan.trainable.has(name));
  const slots = new Set(trainable.flatMap(({ shape }) => Object.keys(slotsOf(plan, shape))));
  const { except: _, ...clipping } = plan.clip ?? {};
  const training = typedNames(models.training.graph);
  const data = new Set(network.model.graph.inputs.map(({ name }) => name));
  // Dropout in the frozen part draws nothing.
  const noise = training.inputs.filter(({ name }) => name.endsWith('.noise'));
  const drawn = new Set(noise.flatMap(({ name }) => [/\.noise$/, /\.\d+\.noise$/].map((end) => name.replace(end, ''))));
  const isDrawn = ({ value }: Pick<DropoutPlan, 'value'>) => drawn.has(value);
  const outputs = new Set(network.model.graph.outputs.map(({ name }) => name));
  return {
    format: 'thaw-artifacts',
    version: MANIFEST_VERSION,
    source: { sha256 },
    externalData: externalData ?? null,
    opset: network.model.opsets[''],
    parameters: { trainable, frozen, omitted, trainableCount: total(trainable), frozenCount: total(frozen) },
    groups: groups.map(({ name, parameters: own }) => ({
      name,
      parameters: own,
      count: counts.get(name) ?? 0,
    })),
    inputs: training.inputs.filter(({ name }) => data.has(name)),
    labels: training.inputs.find(({ name }) => name === 'labels') as TypedName,
    mask: training.inputs.find(({ name }) => name === MASK) ?? null,
    noise,
    statistics: training.outputs
      .map(({ name }) => name.replace(/\.next$/, ''))
      .filter((name) => initializers.has(name)),
    outputs: training.outputs.filter(({ name }) => outputs.has(name)),
    output: plan.output,
    loss: { name: plan.loss, options: trainingOptions(plan) },
    optimizer: { name: plan.optimizer, options: optimizerOf(plan).options, slots: [...slots] },
    clip: plan.clip ? clipping : null,
    l2: plan.l2,
    l1: plan.l1 ?? 0,
    l2sp: plan.l2sp ? { alpha: plan.l2sp.alpha, beta: plan.l2sp.beta } : null,
    dropout: [...(plan.dropout ?? []), ...ownDropouts(network)]
      .filter(isDrawn)
      .map(({ value, rate, whole }) => ({ value, rate, whole })),
    batchNorm: plan.batchNorm,
    operators: {
      training: operatorsOf(models.training.graph),
      evaluation: operatorsOf(models.evaluation.graph),
      optimizer: operatorsOf(models.optimizer.graph),
    },
  };
}

function typedNames({ inputs, outputs }: Graph): { inputs: TypedName[]; outputs: TypedName[] } {
  const typed = ({ name, type, shape }: Graph['inputs'][number]): TypedName => ({
    name,
    type: type ?? 'unknown',
    shape: shape ?? [],
  });
  return { inputs: inputs.map(typed), outputs: outputs.map(typed) };
}

/** The dropouts of a model that was exported in training mode. */
function ownDropouts({ model: { graph }, constants }: Inference): Pick<DropoutPlan, 'value' | 'rate' | 'whole'>[] {
  const contents = (name: string) => constants.get(name) ?? graph.initializers.get(name);
  return graph.nodes
    .filter((node) => isTrainingDropout(node, contents))
    .map((node) => ({ value: node.inputs[0], rate: rateOf(node, contents) ?? 0 }));
}

/** Sorted and without repeats, including subgraphs. */
function operatorsOf(graph: Graph): string[] {
  const found = new Set<string>();
  const visit = ({ nodes }: Graph): void => {
    for (const node of nodes) {
      found.add(node.domain ? `${node.domain}.${node.op}` : node.op);
      for (const inner of subgraphs(node)) visit(inner);
    }
  };
  visit(graph);
  return [...found].sort();
}
