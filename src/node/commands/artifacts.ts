import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Quantized } from '../../compiler/import/index.ts';
import type { Inference } from '../../compiler/shapes/index.ts';
import type { Manifest, TrainingPlan } from '../../compiler/step/index.ts';
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
} from '../../compiler/surgery/index.ts';
import { ThawError } from '../../errors.ts';
import type { Dimension, Model } from '../../onnx/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import type { Runtime } from '../../runtime/index.ts';
import {
  inferNetwork,
  networkOf,
  openInputShapes,
  type PrepareOptions,
  scoresOf,
  withHead,
  withOutput,
} from '../../session/index.ts';
import {
  type PlanAnatomy,
  parseConfig,
  type TrainingConfig,
  type TrainingConfigInput,
  trainingPlan,
  trainingSchema,
} from '../../training/index.ts';
import { writeAtomically } from '../disk/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { compileArtifacts } from './stage-artifacts.ts';

/** Settings of a training that the graphs depend on. Unless given, all rates are one (`pretrainedRate`), and nothing is penalized or dropped. */
export type ArtifactSettings = Pick<
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

export interface ArtifactsRequest extends ArtifactSettings {
  readonly model: string;
  /** The folder to write, which must not hold anything yet. */
  readonly out: string;
  /** What trains; unless given the head, and with `lora` all adapters as well. */
  readonly trainable?: Selection;
  /** A new head for so many classes; without it the model keeps its own. */
  readonly classes?: number;
  /** Name of the head's node or weight, where it is not the last layer. */
  readonly head?: string;
  /** The output that the loss looks at, if the model has several; the first unless given. */
  readonly output?: string;
  /** Shapes of inputs that the file leaves open. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** What becomes of a quantized model; it is refused unless given. */
  readonly quantized?: Quantized;
  /** Where the model runs on tiny inputs; the processor unless given. */
  readonly device?: DeviceName;
}

/**
 * Only the compiler: training, evaluation and optimizer graphs of a model, a checkpoint of the parameters that train, and the
 * manifest that describes them.
 *
 * @throws ThawError `unsupported-operator` where a gradient would have to pass an operator without a rule
 */
export async function writeArtifacts(request: ArtifactsRequest, hooks: JobHooks = {}): Promise<Manifest> {
  const { model, out: folder, device, ...rest } = request;
  const out = resolve(folder);
  if (existsSync(out) && (await readdir(out).catch(() => ['a file'])).length) {
    throw new ThawError('bad-config', `${folder} is not empty`, 'Choose another --out');
  }
  const resolved = await fetchModel(model, hooks);
  const sha256 = await resolved.sha256();
  const source = await readModelFile(resolved.path);
  const runtime = await openRuntime(device, hooks);
  const { network, plan, anatomy, seed } = await planArtifacts(source, runtime, rest, resolved.preprocessing);
  const position = { step: 0, epoch: 0, stage: 1, seed };
  const { groups, omitted } = anatomy;
  const files = compileArtifacts(network, plan, new Map(), position, { groups, omitted, sha256 });
  for (const [file, contents] of files) await writeAtomically(join(out, file), contents);
  return JSON.parse(files.get('manifest.json') as string) as Manifest;
}

/** A model made ready, and what trains of it: all that the graphs are compiled from. */
export interface PlannedArtifacts {
  readonly network: Inference;
  readonly plan: TrainingPlan;
  readonly anatomy: PlanAnatomy;
  readonly seed: number;
}

/** @param preprocessing the model's own, which says the size of its images */
export async function planArtifacts(
  model: Model,
  runtime: Runtime,
  request: Omit<ArtifactsRequest, 'model' | 'out' | 'device'>,
  preprocessing?: unknown,
): Promise<PlannedArtifacts> {
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
  return { network, plan, anatomy, seed };
}

/** What a hint says of a model with several outputs. */
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

/** A model that is no classifier has no head; its last layer group is then what the word means. */
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

/** What the loss looks at: the model's first output, or the scores that it makes probabilities of. */
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
