import type { Quantized } from '../compiler/import/index.ts';
import type { Inference } from '../compiler/shapes/index.ts';
import {
  evaluationModel,
  type Manifest,
  manifestOf,
  optimizerModel,
  slotsOf,
  type TrainingPlan,
  trainingModel,
} from '../compiler/step/index.ts';
import {
  findHead,
  groupsOf,
  type Head,
  obstaclesOf,
  omissionsOf,
  residualsOf,
  type Selection,
  selectParameters,
  surveyParameters,
} from '../compiler/surgery/index.ts';
import { ThawError } from '../errors.ts';
import { exportModel } from '../export/index.ts';
import { type Dimension, elementCount, type Model, type Tensor, tensor, writeModel } from '../onnx/index.ts';
import type { DeviceName } from '../runtime/devices.ts';
import type { Runtime } from '../runtime/index.ts';
import {
  type PlanAnatomy,
  parseConfig,
  type TrainingConfig,
  type TrainingConfigInput,
  trainingPlan,
  trainingSchema,
} from '../training/index.ts';
import { mergedState } from './adapters.ts';
import { openInputShapes } from './images.ts';
import { withOutput } from './output.ts';
import { inferNetwork, networkOf, type PrepareOptions, scoresOf, withHead } from './prepare.ts';

/** Settings of a training that the graphs depend on. Unless given, all rates are one (`pretrainedRate`), without penalties and dropout. */
export type GraphSettings = Pick<
  TrainingConfigInput,
  | 'loss'
  | 'optimizer'
  | 'l1'
  | 'l2'
  | 'l2sp'
  | 'clip'
  | 'dropout'
  | 'stochasticDepth'
  | 'distill'
  | 'lora'
  | 'batchNorm'
  | 'recompute'
  | 'pretrainedRate'
  | 'layerDecay'
  | 'groupRates'
  | 'seed'
>;

export interface CompileOptions extends GraphSettings {
  /** The layers to train; the head unless given, and with `lora` also all adapters. */
  readonly trainable?: Selection;
  /** Number of classes of a new head. Without it the model keeps its own. */
  readonly classes?: number;
  /** Name of the head's node or weight, if it is not the last layer. */
  readonly head?: string;
  /** The output that the loss looks at, if the model has several; the first unless given. */
  readonly output?: string;
  /** Shapes of inputs that the file leaves open, such as `{ images: ['N', 3, 224, 224] }`. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** What becomes of a quantized model. It is refused unless this is given. */
  readonly quantized?: Quantized;
}

/** Options of the host: the device that runs the model on tiny inputs, to learn its shapes. */
export interface CompileHostOptions extends CompileOptions {
  /** In Node; the processor unless given. */
  readonly device?: DeviceName;
  /** In pages: where ONNX Runtime's `.wasm` and `.mjs` files are served; next to the script that loads them unless given. */
  readonly assets?: string | URL;
}

/** Numbers of a parameter or of the optimizer's state. */
export interface FloatTensor extends Tensor {
  readonly type: 'float32';
  readonly data: Float32Array;
}

/** A training step as three ordinary ONNX files in memory; docs/artifacts.md describes their inputs and outputs. */
export interface Compiled {
  /** Data, labels and parameters in; `loss`, the model's outputs and `<parameter>.grad` out. */
  readonly trainingModel: Uint8Array;
  /** Data, labels and parameters in; `loss` and the model's outputs out. */
  readonly evaluationModel: Uint8Array;
  /** Parameters, gradients, optimizer state, `lr` and `step` in; `<name>.next` of each parameter and state out. */
  readonly optimizerModel: Uint8Array;
  /** The parameters and the optimizer's state to begin with, by the names of the inputs that take them. */
  readonly state: ReadonlyMap<string, FloatTensor>;
  readonly manifest: Manifest;
  /**
   * The finished model as an ONNX file: the given model with its new head and with these weights.
   *
   * @param weights float32 data by the parameter's name; those that are missing keep their first values
   * @throws ThawError `bad-data` if there is no such parameter, or its length is another
   */
  withWeights(weights: ReadonlyMap<string, Float32Array>): Uint8Array;
}

/** A model to compile. */
export interface CompileSource {
  readonly model: Model;
  /** SHA-256 of its file, for the manifest. */
  readonly sha256: string;
  /** Its parsed `preprocessor_config.json`, which says the size of images that the model leaves open. */
  readonly preprocessing?: unknown;
}

/**
 * Compiles loss, gradients and optimizer of a model into ordinary ONNX graphs, which any stock ONNX Runtime runs.
 *
 * @param runtime runs the model on tiny inputs, to learn its shapes
 * @throws ThawError `unsupported-operator` if a gradient would have to pass an operator without a rule; `bad-model`, `bad-config`
 */
export async function compileModel(
  { model, sha256, preprocessing }: CompileSource,
  options: CompileOptions,
  runtime: Runtime,
): Promise<Compiled> {
  const { source, network, plan, anatomy, lora } = await planGraphs(model, runtime, options, preprocessing);
  const [training, evaluation] = [trainingModel(network, plan), evaluationModel(network, plan)];
  const models = { training, evaluation, optimizer: optimizerModel(network, plan) };
  const { groups, omitted } = anatomy;
  const parameters = parametersOf(network, plan);
  return {
    trainingModel: writeModel(models.training),
    evaluationModel: writeModel(models.evaluation),
    optimizerModel: writeModel(models.optimizer),
    state: new Map([...parameters, ...slotTensors(parameters, plan)]),
    manifest: manifestOf(network, plan, models, { groups, omitted, sha256 }),
    withWeights: (weights) =>
      writeModel(exportModel(source, mergedState({ network }, lora, replaced(parameters, weights)))),
  };
}

/** The trainable parameters as the network has them. */
const parametersOf = ({ model }: Inference, { trainable }: TrainingPlan): ReadonlyMap<string, FloatTensor> =>
  new Map([...trainable].map((name) => [name, floats(model.graph.initializers.get(name)!)]));

const floats = ({ shape, data }: Pick<Tensor, 'shape' | 'data'>): FloatTensor => ({
  ...{ type: 'float32', shape },
  // A network that trains is in single precision.
  data: data as Float32Array,
});

/** The optimizer's state of each parameter: zeros. */
function slotTensors(parameters: ReadonlyMap<string, Tensor>, plan: TrainingPlan): [string, FloatTensor][] {
  return [...parameters].flatMap(([name, { shape }]) =>
    Object.entries(slotsOf(plan, shape)).map(([slot, own]): [string, FloatTensor] => [
      `${name}.${slot}`,
      floats({ shape: own, data: new Float32Array(elementCount(own)) }),
    ]),
  );
}

function replaced(parameters: ReadonlyMap<string, Tensor>, weights: ReadonlyMap<string, Float32Array>) {
  const state = new Map<string, Tensor>(parameters);
  for (const [name, data] of weights) {
    const own = parameters.get(name);
    if (!own)
      throw new ThawError(
        'bad-data',
        `there is no parameter "${name}" that trains`,
        'See manifest.parameters.trainable',
      );
    const length = elementCount(own.shape);
    if (data.length !== length)
      throw new ThawError('bad-data', `"${name}" has ${data.length} numbers, and takes ${length}`, 'Give all of them');
    state.set(name, tensor('float32', own.shape, data));
  }
  return state;
}

/** A prepared model and its plan: everything that the graphs are compiled from. */
export interface PlannedGraphs {
  /** The model with its head, for export. */
  readonly source: Model;
  readonly network: Inference;
  readonly plan: TrainingPlan;
  readonly anatomy: PlanAnatomy;
  readonly seed: number;
  readonly lora: TrainingConfig['lora'];
}

/** @param preprocessing the model's own, which says the size of its images */
export async function planGraphs(
  model: Model,
  runtime: Runtime,
  request: CompileOptions,
  preprocessing?: unknown,
): Promise<PlannedGraphs> {
  const { trainable, classes, head, output, inputs, quantized, ...settings } = request;
  const config = parseConfig(trainingSchema, { pretrainedRate: 1, ...settings });
  const { seed, lora, distill } = config;
  const train = trainable ?? (lora ? 'all' : 'head');
  const { model: source } = withHead(withOutput(model, output), { classes, head, quantized, seed });
  const options = {
    inputs: { ...openInputShapes(source, preprocessing), ...inputs },
    ...{ head, quantized, lora, distill, seed },
  };
  const needsHead = head !== undefined || classes !== undefined || lora || distill || hasDropout(config);
  const { network, anatomy } =
    needsHead || hasHead(source) ? await networkOf(source, runtime, options) : await headless(source, runtime, options);
  const { groups, omitted } = anatomy;
  if (!selectParameters(train, groups, undefined, omitted).size) {
    throw new ThawError(
      'bad-model',
      `the model has no parameters in "${train}"`,
      `thaw inspect shows those that it has${otherOutputs(source)}`,
    );
  }
  const plan = trainingPlan(
    config,
    { train: [train].flat(), epochs: 1 },
    anatomy,
    outputOf(network, config.loss, anatomy.head),
  );
  return { source, network, plan, anatomy, seed, lora };
}

/** A hint for models with several outputs. */
const otherOutputs = ({ graph: { outputs } }: Model): string =>
  outputs.length > 1 ? `; or choose another output with --output: ${outputs.map(({ name }) => name).join(', ')}` : '';

const hasDropout = ({ dropout }: Pick<TrainingConfig, 'dropout'>) => typeof dropout !== 'number' || dropout > 0;

function hasHead(model: Model): boolean {
  try {
    findHead(model);
    return true;
  } catch (error) {
    if (error instanceof ThawError) return false;
    throw error;
  }
}

/** A model without a classifier has no head. `head` then means its last layer group. */
async function headless(
  source: Model,
  runtime: Runtime,
  options: Pick<PrepareOptions, 'inputs' | 'quantized'>,
): Promise<{ network: Inference; anatomy: PlanAnatomy }> {
  const network = await inferNetwork(source, runtime, options);
  const { graph } = network.model;
  const survey = surveyParameters(graph);
  const groups = groupsOf(network.model, undefined, survey);
  const obstacles = obstaclesOf(network, groups, graph.outputs[0].name);
  const omitted = omissionsOf(graph, groups, survey);
  return { network, anatomy: { groups, obstacles, omitted, residuals: residualsOf(graph) } };
}

/** The input of the loss: the model's first output, or the scores before its Softmax. */
function outputOf(network: Inference, loss: TrainingConfig['loss'], head: Head | undefined): string {
  const [{ name }] = network.model.graph.outputs;
  const takesScores = loss.name === 'cross-entropy' || loss.name === 'kl' || loss.kind === 'softmax';
  const output = takesScores ? scoresOf(network.model, head?.graphOutput ?? name) : name;
  const type = network.values.get(output)?.type;
  if (type === 'float32') return output;
  throw new ThawError(
    'bad-model',
    `the output "${output}" is ${type ?? 'no tensor'}`,
    `A loss takes float32${otherOutputs(network.model)}`,
  );
}
