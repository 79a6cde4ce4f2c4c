/** Whether a checkpoint belongs to a training. A damaged or foreign one must not be trained. */

import type { Inference } from '../compiler/shapes/index.ts';
import { averageOf } from '../compiler/step/index.ts';
import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Progress } from './progress.ts';

const typed = ({ type, shape }: Pick<Tensor, 'type' | 'shape'>): string => `${type} [${shape.join(', ')}]`;

const refuse = (what: string): never => {
  throw new ThawError(
    'run-directory',
    `the checkpoint does not belong to this run: ${what}`,
    'Put the checkpoints of the run back, or start a new run with `thaw train`',
  );
};

/**
 * The state has every parameter that trained, with the network's type and shape, and the progress is possible with so many stages.
 *
 * @throws ThawError `run-directory` naming the first contradiction
 */
export function checkCheckpoint(checkpoint: Checkpoint, { model }: Pick<Inference, 'model'>, stages: number): void {
  const { progress, state, epochStart } = checkpoint;
  const { initializers } = model.graph;
  checkProgress(progress, stages);
  for (const name of Object.keys(progress.thawedAt))
    if (!state.has(name)) refuse(`it lacks "${name}", which has trained`);
  for (const [name, own] of initializers) {
    for (const key of [name, averageOf(name)]) {
      const kept = state.get(key);
      if (kept) checkTensor(key, kept, own);
    }
  }
  if (epochStart) checkCheckpoint(epochStart, { model }, stages);
}

/** @throws ThawError `run-directory` if a tensor of the state has the wrong type or shape */
export function checkTensor(name: string, kept: Tensor, wanted: Pick<Tensor, 'type' | 'shape'>): void {
  if (typed(kept) !== typed(wanted)) refuse(`"${name}" is ${typed(kept)}, and has to be ${typed(wanted)}`);
}

/** The progress is possible in a training of so many stages. */
function checkProgress({ stage, stageEpoch, epoch, rows, best }: Progress, stages: number): void {
  if (stage > stages) refuse(`it stands in stage ${stage + 1} of ${stages}`);
  if (rows.length !== epoch || rows.some((row, i) => row.epoch !== i + 1))
    refuse(`it stands after ${epoch} epochs, and its rows are not one for each`);
  if (rows.some((row, i) => row.stage > stage + 1 || row.stage < (rows[i - 1]?.stage ?? 1)))
    refuse('its rows are of stages in another order');
  if (stage < stages && rows.filter((row) => row.stage === stage + 1).length !== stageEpoch)
    refuse(`it stands after ${stageEpoch} epochs of stage ${stage + 1}, and its rows say otherwise`);
  if (best && best.epoch > epoch) refuse(`its best epoch, ${best.epoch}, has not been`);
}

/** @throws ThawError `run-directory` if more batches are done than an epoch has */
export function checkPlace({ batch }: Progress, batchesPerEpoch: number): void {
  if (batch > batchesPerEpoch) refuse(`it stands after ${batch} of ${batchesPerEpoch} batches`);
}
