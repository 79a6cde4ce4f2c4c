import type { BatchSource, Preprocessing } from '../data/index.ts';
import {
  exportModel,
  roundedState,
  shippedPreprocessing,
  TRANSFORMERS_NAMES,
  transformersFolder,
  type Verification,
  verifyExport,
} from '../export/index.ts';
import { quantizedWeights } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import {
  type Assessment,
  assess,
  type Checkpoint,
  type FeatureCache,
  type Prediction,
  Trainer,
  type TrainingConfig,
} from '../training/index.ts';
import { VERSION } from '../version.ts';
import { dataInputsOf, type Prepared, runnable } from './prepare.ts';

export interface Trained extends Prepared {
  /** What is shipped. */
  readonly checkpoint: Checkpoint;
  /** In the order of the outputs. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  readonly val: BatchSource;
  /** Measured as well, where there is one. */
  readonly test?: BatchSource;
  readonly features?: FeatureCache;
  /** The source's `config.json`. */
  readonly sourceConfig?: unknown;
}

export interface Measured {
  /** Of every validation sample. */
  readonly predictions: readonly Prediction[];
  readonly val: Assessment;
  readonly test: Assessment | null;
}

/** The state as it is shipped: rounded where the source has halves or whole numbers, so that what is measured is what is shipped. */
export const shippedCheckpoint = ({ source }: Pick<Prepared, 'source'>, checkpoint: Checkpoint): Checkpoint => ({
  ...checkpoint,
  state: roundedState(source, checkpoint.state),
});

/** The checkpoint's weights on the validation set, and on the test set if there is one. */
export async function measure(trained: Trained): Promise<Measured> {
  const { network, anatomy, classes, val, test, config, runtime, features, checkpoint: resume } = trained;
  const trainer = new Trainer({ network, anatomy, classes, train: val, val, config, runtime, features, resume });
  try {
    const assessed = async (source: BatchSource) => {
      const { loss, predictions } = await trainer.predict(source);
      return { predictions, assessment: assess(predictions, classes, loss, config.seed) };
    };
    const { predictions, assessment } = await assessed(val);
    return { predictions, val: assessment, test: test ? (await assessed(test)).assessment : null };
  } finally {
    await trainer.release();
  }
}

/** A model that is ready to ship, and has been run to see that it is what was trained. */
export interface FinishedModel {
  readonly verification: Verification;
  /** The `model/` folder with this model card: path within it → contents. */
  folder(card: string): ReadonlyMap<string, Uint8Array>;
  /** Its preprocessing, which transformers.js can carry out. */
  readonly preprocessing: Preprocessing;
}

/**
 * Largest difference of a probability between a quantized model and its training: ONNX Runtime computes it in whole numbers, so that what
 * lies between two of them may be rounded to the other. (EfficientNet-Lite0: 0.016 at most over 153 pictures.)
 */
const ROUNDED = 0.1;

/**
 * Exports a checkpoint and compares the exported model's probabilities with the trainer's.
 *
 * @param predictions the trainer's, of every validation sample
 */
export async function finishModel(trained: Trained, predictions: readonly Prediction[]): Promise<FinishedModel> {
  const { source, anatomy, checkpoint, classes, preprocessing, runtime, val, config, sourceConfig } = trained;
  const model = exportModel(source, checkpoint.state, { version: VERSION, classes, preprocessing });
  const [input] = dataInputsOf(source);
  const output = anatomy.head.graphOutput;
  const folder = (card: string) =>
    transformersFolder({ model, classes, preprocessing, input: input.name, output, card, sourceConfig });
  const verification = await verifyExport({
    model: runnable(folder('').get('onnx/model.onnx') as Uint8Array),
    runtime,
    source: val,
    preprocessing,
    shipped: true,
    batchSize: config.batch,
    expected: predictions,
    tolerance: quantizedWeights(source.graph).size ? ROUNDED : undefined,
    ...TRANSFORMERS_NAMES,
  });
  return { verification, folder, preprocessing: shippedPreprocessing(preprocessing) };
}
