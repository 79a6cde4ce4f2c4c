import {
  evaluationModel,
  manifestOf,
  optimizerModel,
  type Safetensors,
  slotsOf,
  type TrainingPlan,
  trainingModel,
  writeSafetensors,
} from '../artifacts/index.ts';
import type { LayerGroup, Omission } from '../layers/index.ts';
import { type Tensor, writeModel } from '../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';

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

/** The files of an artifact folder, by name. */
export function compileArtifacts(
  network: Inference,
  plan: TrainingPlan,
  state: ReadonlyMap<string, Tensor>,
  position: ArtifactPosition,
  context: ArtifactContext,
): Map<string, Uint8Array | string> {
  const training = trainingModel(network, plan);
  const evaluation = evaluationModel(network, plan);
  const optimizer = optimizerModel(network, plan);
  const models = { training, evaluation, optimizer };
  const manifest = manifestOf(network, plan, models, context);
  return new Map<string, Uint8Array | string>([
    ['training_model.onnx', writeModel(training)],
    ['eval_model.onnx', writeModel(evaluation)],
    ['optimizer_model.onnx', writeModel(optimizer)],
    ['checkpoint.safetensors', writeSafetensors(artifactCheckpoint(network, plan, state, position))],
    ['manifest.json', `${JSON.stringify(manifest, null, 2)}\n`],
  ]);
}

/** The trainable parameters as `state` has them, or the network where it does not, and their optimizer state once there is any. */
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
