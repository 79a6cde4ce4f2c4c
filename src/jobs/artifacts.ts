import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Manifest, PLAN_DEFAULTS, type TrainingPlan } from '../artifacts/index.ts';
import { ThawError } from '../errors.ts';
import {
  findHead,
  groupsOf,
  obstaclesOf,
  placesOf,
  refuseCutOff,
  type Selection,
  selectParameters,
} from '../layers/index.ts';
import type { LossName, LossOptions } from '../losses/index.ts';
import type { Quantized } from '../lowering/index.ts';
import { readModelFile } from '../models/files.ts';
import { type Dimension, elementCount, isStatic, type Typed } from '../onnx/index.ts';
import type { OptimizerName, OptimizerOptions } from '../optimizers/index.ts';
import { inferNetwork, openInputShapes, scoresOf, withHead } from '../recipe/index.ts';
import { writeAtomically } from '../run/index.ts';
import { nodeRuntime } from '../runtime/node/sessions.ts';
import type { Inference } from '../shapes/index.ts';
import { dropsOf, type TrainingConfig } from '../training/index.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './opening.ts';
import { compileArtifacts } from './stage-artifacts.ts';

export interface ArtifactsRequest {
  readonly model: string;
  /** The folder to write, which must not hold anything yet. */
  readonly out: string;
  /** What trains; the head unless given. */
  readonly trainable?: Selection;
  readonly loss?: LossName;
  readonly lossOptions?: LossOptions;
  readonly optimizer?: OptimizerName;
  readonly optimizerOptions?: OptimizerOptions;
  /** λ of λ·Σw² in the loss. */
  readonly l2?: number;
  /** Part of what the head reads that is dropped at random, or rates by place. */
  readonly dropout?: TrainingConfig['dropout'];
  readonly batchNorm?: TrainingPlan['batchNorm'];
  /** A new head for so many classes; without it the model keeps its own. */
  readonly classes?: number;
  /** Name of the head's node or weight, where it is not the last layer. */
  readonly head?: string;
  readonly seed?: number;
  /** Shapes of inputs that the file leaves open. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
  /** What becomes of a quantized model; it is refused unless given. */
  readonly quantized?: Quantized;
}

/**
 * Only the compiler: training, evaluation and optimizer graphs of a model, a checkpoint of the parameters that train, and the
 * manifest that describes them.
 *
 * @throws ThawError `unsupported-operator` where a gradient would have to pass an operator without a rule
 */
export async function writeArtifacts(request: ArtifactsRequest, hooks: JobHooks = {}): Promise<Manifest> {
  const out = resolve(request.out);
  if (existsSync(out) && (await readdir(out).catch(() => ['a file'])).length) {
    throw new ThawError('bad-config', `${request.out} is not empty`, 'Choose another --out');
  }
  const resolved = await fetchModel(request.model, hooks);
  const { model: source } = withHead(await readModelFile(resolved.path), request);
  const inputs = { ...openInputShapes(source, resolved.preprocessing), ...request.inputs };
  const network = await inferNetwork(source, nodeRuntime(), { inputs, quantized: request.quantized });
  const { plan, groups } = planOf(network, request);
  const position = { step: 0, epoch: 0, stage: 1, seed: request.seed ?? 0 };
  const files = compileArtifacts(network, plan, new Map(), position, { groups, sha256: resolved.sha256 });
  for (const [file, contents] of files) await writeAtomically(join(out, file), contents);
  return JSON.parse(files.get('manifest.json') as string) as Manifest;
}

function planOf(network: Inference, request: ArtifactsRequest) {
  const head = headIfAny(network, request);
  const groups = groupsOf(network.model, head);
  const trainable = selectParameters(request.trainable ?? 'head', groups);
  if (!trainable.size) {
    throw new ThawError(
      'bad-model',
      `the model has no parameters in "${request.trainable ?? 'head'}"`,
      'thaw inspect shows those that it has',
    );
  }
  const { loss = 'cross-entropy', optimizer = 'adamw', dropout } = request;
  const [{ name }] = network.model.graph.outputs;
  const output = loss === 'cross-entropy' || loss === 'kl' ? scoresOf(network.model, head?.graphOutput ?? name) : name;
  checkOutput(output, network.values.get(output), loss);
  refuseCutOff(trainable, groups, obstaclesOf(network, groups, output));
  const plan: TrainingPlan = {
    ...PLAN_DEFAULTS,
    trainable,
    output,
    loss,
    lossOptions: request.lossOptions ?? {},
    optimizer,
    optimizerOptions: request.optimizerOptions ?? {},
    l2: request.l2 ?? 0,
    dropout:
      dropout && head
        ? dropsOf({ dropout, stochasticDepth: 0 }, { groups, head, places: placesOf(network.model.graph) })
        : undefined,
    batchNorm: request.batchNorm ?? 'frozen',
  };
  return { plan, groups };
}

/** A model that is no classifier has no head; its last layer group is then what the word means. */
function headIfAny({ model }: Inference, { head, classes, dropout }: ArtifactsRequest) {
  if (head !== undefined || classes !== undefined || dropout) return findHead(model, { name: head });
  try {
    return findHead(model);
  } catch (error) {
    if (error instanceof ThawError) return undefined;
    throw error;
  }
}

function checkOutput(name: string, output: Typed | undefined, loss: LossName): void {
  if (output?.type !== 'float32') {
    throw new ThawError('bad-model', `the output "${name}" is ${output?.type ?? 'no tensor'}`, 'A loss takes float32');
  }
  if (loss !== 'cross-entropy' && loss !== 'kl') return;
  const rest = output.shape.slice(2);
  if (output.shape.length >= 2 && isStatic(rest) && elementCount(rest) === 1) return;
  throw new ThawError(
    'bad-config',
    `the loss ${loss} takes scores [N, classes], and the output "${name}" is [${output.shape.join(', ')}]`,
    'Choose another --loss, such as mse',
  );
}
