import type { Parts } from '../bytes.ts';
import type { Inference } from '../compiler/shapes/index.ts';
import {
  evaluationModel,
  manifestOf,
  optimizerModel,
  type Safetensors,
  safetensorsPieces,
  slotsOf,
  type TrainingPlan,
  trainingModel,
} from '../compiler/step/index.ts';
import type { LayerGroup, Omission } from '../compiler/surgery/index.ts';
import { ExternalData, type Model, modelParts, type Tensor, weightBytes } from '../onnx/index.ts';

export interface ArtifactContext {
  readonly groups: readonly LayerGroup[];
  readonly omitted?: readonly Omission[];
  /** SHA-256 of the source model's file. */
  readonly sha256: string;
}

/** Where a training stands, as the artifacts' checkpoint notes it. */
export interface ArtifactPosition {
  /** Updates so far. */
  readonly step: number;
  readonly epoch: number;
  readonly stage: number;
  /** Order, augmentation and noise follow from it and the numbers above. */
  readonly seed: number;
}

/** Frozen weights of more bytes than this lie in a file of their own, well below the 2 GiB that an ONNX file can hold. */
const ONE_FILE = 2 ** 30;

/** The file that both graphs have their frozen weights in, if they are large. */
const WEIGHTS = 'weights.onnx_data';

/**
 * The files of an artifact folder, by name. Large contents are parts, which are read from the model's file when they are written.
 *
 * @param oneFile bytes of frozen weights up to which each graph is one file
 */
export function compileArtifacts(
  network: Inference,
  plan: TrainingPlan,
  state: ReadonlyMap<string, Tensor>,
  position: ArtifactPosition,
  context: ArtifactContext,
  oneFile: number = ONE_FILE,
): Map<string, string | Parts> {
  const training = trainingModel(network, plan);
  const evaluation = evaluationModel(network, plan);
  const optimizer = optimizerModel(network, plan);
  const models = { training, evaluation, optimizer };
  const isLarge = [training, evaluation].some(({ graph }) => weightBytes(graph.initializers) > oneFile);
  const weights = isLarge ? new ExternalData(WEIGHTS) : undefined;
  const encoded = (model: Model): Parts => weights?.encode(model) ?? modelParts(model).parts;
  const graphs: [string, string | Parts][] = [
    ['training_model.onnx', encoded(training)],
    ['eval_model.onnx', encoded(evaluation)],
    ['optimizer_model.onnx', modelParts(optimizer).parts],
  ];
  const manifest = manifestOf(network, plan, models, { ...context, externalData: weights?.location });
  return new Map<string, string | Parts>([
    ...(weights ? [[WEIGHTS, weights.parts] as const] : []),
    ...graphs,
    ['checkpoint.safetensors', safetensorsPieces(artifactCheckpoint(network, plan, state, position))],
    ['manifest.json', `${JSON.stringify(manifest, null, 2)}\n`],
  ]);
}

/** The trainable parameters from `state`, or else from the network, and their optimizer state if there is any. */
export function artifactCheckpoint(
  network: Inference,
  plan: TrainingPlan,
  state: ReadonlyMap<string, Tensor>,
  { step, epoch, stage, seed }: ArtifactPosition,
): Safetensors {
  const tensors = new Map<string, Tensor>();
  for (const name of plan.trainable) {
    const initial = network.model.graph.initializers.get(name) as Tensor;
    tensors.set(name, state.get(name) ?? initial);
    for (const slot of Object.keys(slotsOf(plan, initial.shape))) {
      const value = state.get(`${name}.${slot}`);
      if (value) tensors.set(`${name}.${slot}`, value);
    }
  }
  const metadata = { step: String(step), epoch: String(epoch), stage: String(stage), seed: String(seed) };
  return { tensors, metadata };
}
