import type { Parts } from '../bytes.ts';
import { inSinglePrecision } from '../compiler/import/index.ts';
import { atEqualSteps, type BatchSource, type Preprocessing } from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import {
  type ConfigNotes,
  exportModel,
  roundedState,
  shippedPreprocessing,
  TRANSFORMERS_NAMES,
  transformersFolder,
  transformersModel,
  type Verification,
  verifyExport,
} from '../export/index.ts';
import { dataInputsOf, type Model, roundsValues, type Tensor, tensor } from '../onnx/index.ts';
import { loadable, type Runtime } from '../runtime/index.ts';
import type { Assessment, ClassOutcome, Evaluated, Task, TaskOutcome, TemperatureFit } from '../tasks/index.ts';
import {
  averagedState,
  type Checkpoint,
  Evaluator,
  type FeatureCache,
  type TrainingConfig,
} from '../training/index.ts';
import { VERSION } from '../version.ts';
import { mergedState } from './adapters.ts';
import type { Prepared } from './prepare.ts';
import { recommendationOf } from './recommended.ts';
import type { TrainSettings } from './settings.ts';
import type { UnknownSources } from './unknown.ts';

export interface Trained<O extends TaskOutcome = ClassOutcome, A extends Evaluated = Assessment> extends Prepared {
  /** The weights that are shipped. */
  readonly checkpoint: Checkpoint;
  readonly task: Task<O, Evaluated, A>;
  readonly preprocessing: Preprocessing | TextFormat;
  readonly config: TrainingConfig;
  readonly settings: TrainSettings;
  readonly runtime: Runtime;
  readonly val: BatchSource;
  /** Also measured, if there is one. */
  readonly test?: BatchSource;
  readonly forUnknown?: UnknownSources;
  readonly features?: FeatureCache;
  /** The source's `config.json`. */
  readonly sourceConfig?: unknown;
}

export interface Measured<O extends TaskOutcome = ClassOutcome, A extends Evaluated = Assessment> {
  /** The task that is shipped, which measures the rest. */
  readonly task: Task<O, Evaluated, A>;
  /** Of every validation sample. */
  readonly predictions: readonly O[];
  readonly val: A;
  readonly test: A | null;
  /** Fitted on the validation set, and measured on the test set if there is one; null if the task has no probabilities. */
  readonly calibration: TemperatureFit | null;
}

/**
 * The state that is measured and shipped: averages instead of their weights, rounded if the source has halves or integers. Adapters stay
 * separate, unless merging rounds: then the merged weights come with adapters that are zero.
 */
export function shippedCheckpoint(prepared: Prepared, { lora }: TrainingConfig, checkpoint: Checkpoint): Checkpoint {
  const { source } = prepared;
  const averaged = averagedState(checkpoint.state);
  if (!lora) return { ...checkpoint, state: roundedState(source, averaged) };
  const merged = mergedState(prepared, lora, averaged);
  const rounded = roundedState(source, merged);
  const { adapters = [] } = prepared.anatomy;
  const state = new Map(averaged);
  for (const [name, value] of rounded) {
    if (value === merged.get(name)) continue;
    state.set(name, value);
    const adapter = adapters.find(({ weight }) => weight === name);
    if (adapter) state.set(adapter.b, cleared(state.get(adapter.b) as Tensor));
  }
  return { ...checkpoint, state };
}

const cleared = ({ shape, data }: Tensor): Tensor => tensor('float32', shape, new Float32Array(data.length));

/** A model without readable validation samples: nothing was measured. */
export type Unmeasured<O extends TaskOutcome, A extends Evaluated> = Pick<Measured<O, A>, 'task' | 'predictions'> & {
  readonly calibration: null;
};

/** The checkpoint's weights on the validation set, and on the test set if there is one. */
export async function measure<O extends TaskOutcome, A extends Evaluated>(
  trained: Trained<O, A>,
): Promise<Measured<O, A> | Unmeasured<O, A>> {
  const { val, test, config } = trained;
  const evaluator = await Evaluator.open(trained);
  try {
    const { loss, predictions } = await evaluator.predict(val, config.batch);
    if (predictions.length === 0) return { task: trained.task, predictions, calibration: null };
    const task = trained.task.settled(predictions);
    const tested = test && (await evaluator.predict(test, config.batch));
    return {
      task,
      predictions,
      val: task.assess(predictions, loss, config.seed),
      test: tested ? task.assess(tested.predictions, tested.loss, config.seed) : null,
      calibration: task.temperature?.fit(predictions, { seed: config.seed, others: tested?.predictions }) ?? null,
    };
  } finally {
    await evaluator.release();
  }
}

/** Predictions of the validation samples that measure nothing: the finished model is only compared with them. */
export async function predicted<O extends TaskOutcome, A extends Evaluated>(
  trained: Trained<O, A>,
): Promise<Unmeasured<O, A>> {
  const { val, config, task } = trained;
  const evaluator = await Evaluator.open({ ...trained, features: undefined });
  try {
    const { predictions } = await evaluator.predict(val, config.batch);
    return { task, predictions, calibration: null };
  } finally {
    await evaluator.release();
  }
}

/** A model that is ready to ship. */
export interface FinishedModel {
  /** The `model/` folder with this model card and these other notes: path within it → contents. */
  folder(card: string, notes?: Pick<ConfigNotes, 'unknown'>): ReadonlyMap<string, Parts>;
  /** As the folder has it. */
  readonly model: Model;
  /** Its preprocessing, which transformers.js can carry out. */
  readonly preprocessing: Preprocessing | TextFormat;
}

/** Validation samples whose answers are compared: an export that is wrong is wrong for all. Of a quantized model, all are compared. */
const COMPARED = 64;

/** A finished model's answers next to the trainer's. */
export interface ModelCheck {
  readonly verification: Verification;
  /** Of a quantized model: how far the answers of ONNX Runtime's integer kernels, its default, are from these on this processor. */
  readonly integerKernels?: Verification;
  /** How far the answers of transformers.js in Node are from these, because it resizes images in another way. */
  readonly resizing?: Verification;
}

/**
 * Largest difference of a probability between a quantized model and its training. Both compute in float32, but the last bits of a sum
 * depend on its order, and a value halfway between two integers may round to the other.
 */
const ROUNDED = 0.05;

type Expected<O extends TaskOutcome, A extends Evaluated> = Pick<
  Measured<O, A>,
  'task' | 'predictions' | 'calibration'
>;

/**
 * Exports a checkpoint.
 *
 * @param measured the shipped task and its temperature
 */
export function finishModel<O extends TaskOutcome, A extends Evaluated>(
  trained: Omit<Trained<O, A>, 'task'>,
  { task, calibration }: Pick<Expected<O, A>, 'task' | 'calibration'>,
): FinishedModel {
  const { source, output, checkpoint, preprocessing, config, settings, sourceConfig } = trained;
  const state = mergedState(trained, config.lora, checkpoint.state);
  const model = exportModel(source, state, { version: VERSION, task: task.facts, preprocessing });
  const [input] = dataInputsOf(source.graph);
  const options = { model, task, preprocessing, input: input.name, output };
  const folder: FinishedModel['folder'] = (card, notes) =>
    transformersFolder({
      ...{ ...options, card, sourceConfig },
      notes: {
        ...notes,
        temperature: calibration?.temperature ?? undefined,
        training: recommendationOf(settings),
      },
    });
  return {
    folder,
    model: transformersModel(options),
    preprocessing: isText(preprocessing) ? preprocessing : shippedPreprocessing(preprocessing),
  };
}

/**
 * Compares an exported model's answers with the trainer's.
 *
 * @param measured the shipped task, and the trainer's predictions of the validation samples
 */
export async function checkModel<O extends TaskOutcome, A extends Evaluated>(
  trained: Omit<Trained<O, A>, 'task'>,
  measured: Pick<Expected<O, A>, 'task' | 'predictions'>,
  finished: FinishedModel,
): Promise<ModelCheck> {
  const comparison = comparisonOf(trained, measured, finished);
  if (!roundsValues(trained.source.graph)) {
    const only = atEqualSteps(trained.val.length, COMPARED);
    return { verification: await verifyExport({ ...comparison, only }) };
  }
  return {
    verification: await verifyExport({ ...comparison, tolerance: ROUNDED }),
    integerKernels: await verifyExport({ ...comparison, tolerance: Number.POSITIVE_INFINITY, integerKernels: true }),
  };
}

/** Compares the answers for the same validation samples as another program reads them. @param read the samples, with their indices */
export const compareReading = <O extends TaskOutcome, A extends Evaluated>(
  trained: Omit<Trained<O, A>, 'task'>,
  measured: Pick<Expected<O, A>, 'task' | 'predictions'>,
  finished: FinishedModel,
  read: BatchSource,
): Promise<Verification> =>
  verifyExport({
    ...comparisonOf(trained, measured, finished),
    source: read,
    tolerance: Number.POSITIVE_INFINITY,
  });

const comparisonOf = <O extends TaskOutcome, A extends Evaluated>(
  { preprocessing, runtime, val, config }: Omit<Trained<O, A>, 'task'>,
  { task, predictions }: Pick<Expected<O, A>, 'task' | 'predictions'>,
  finished: FinishedModel,
) => ({
  // As every device runs it.
  model: loadable(inSinglePrecision(finished.model)),
  runtime,
  source: val,
  preprocessing,
  task,
  shipped: true,
  batchSize: config.batch,
  expected: predictions,
  ...TRANSFORMERS_NAMES,
});
