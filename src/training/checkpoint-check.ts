/** Whether a checkpoint can be of a training: a damaged or foreign one must not train something else. */

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
 * The state holds every parameter that trained, as the network has it, and the training stands where one of so many stages can.
 *
 * @throws ThawError `run-directory` naming the first thing that is not so
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

/** @throws ThawError `run-directory` where a tensor of the state is of another type or shape than it has to be */
export function checkTensor(name: string, kept: Tensor, wanted: Pick<Tensor, 'type' | 'shape'>): void {
  if (typed(kept) !== typed(wanted)) refuse(`"${name}" is ${typed(kept)}, and has to be ${typed(wanted)}`);
}

/** The place is one that a training of so many stages can be at. */
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

/** @throws ThawError `run-directory` where more batches of an epoch are done than it has */
export function checkPlace({ batch }: Progress, batchesPerEpoch: number): void {
  if (batch > batchesPerEpoch) refuse(`it stands after ${batch} of ${batchesPerEpoch} batches`);
}
