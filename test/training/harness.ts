import { readSafetensors, writeSafetensors } from '../../src/compiler/step/index.ts';
import { bytesOf, type Tensor } from '../../src/onnx/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  type Checkpoint,
  parseConfig,
  Trainer,
  type TrainerOptions,
  type TrainingConfigInput,
  type TrainingEvent,
  trainingSchema,
} from '../../src/training/index.ts';
import { type NetworkOptions, prepared, runtime } from './network.ts';
import { SyntheticImages } from './source.ts';
export const classes = ['red', 'green', 'blue'];
export const task = classification(classes);
export const HEAD = ['fc.weight', 'fc.bias'];
export const ALL = ['conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias', ...HEAD];

/** 23 images in batches of 6: three full batches and one of 5. */
export const BATCH = 6;
export const train = new SyntheticImages(23, 1);
export const val = new SyntheticImages(15, 2);

export async function trainerOf(
  config: TrainingConfigInput,
  options: Partial<TrainerOptions> = {},
  network: NetworkOptions = {},
): Promise<Trainer> {
  return new Trainer({
    ...(await prepared(network)),
    task,
    train,
    val,
    config: parseConfig(trainingSchema, { batch: BATCH, ...config }),
    runtime,
    ...options,
  });
}

export async function eventsOf(trainer: Trainer): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of trainer.run()) events.push(event);
  return events;
}

export const of = <T extends TrainingEvent['type']>(events: readonly TrainingEvent[], type: T) =>
  events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);

export const numbers = (value: Tensor | undefined): number[] => Array.from(value!.data as Float32Array);

/** A checkpoint after a round trip through its files. */
export function saved({ progress, state }: Checkpoint): Checkpoint {
  const { tensors, metadata } = readSafetensors(
    writeSafetensors({ tensors: state, metadata: { progress: JSON.stringify(progress) } }),
  );
  return { progress: JSON.parse(metadata.progress), state: tensors };
}

/** The entire result of a training, without times. */
export async function outcome(trainer: Trainer) {
  const { progress, state } = await trainer.checkpoint();
  return {
    step: progress.step,
    best: progress.best,
    rows: progress.rows.map(({ seconds, ...row }) => row),
    state: Object.fromEntries(
      [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, t]) => [name, bytesOf(t).join()]),
    ),
  };
}
