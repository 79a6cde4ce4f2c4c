/** When a loss has gone wrong, and how the training continues then. */
import { ThawError } from '../errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TrainingConfig } from './config.ts';
import type { Progress } from './progress.ts';

/** A loss that has gone wrong. */
export interface Fault {
  /** The epoch, counted from 1. */
  readonly epoch: number;
  /** Number of the update over the whole run, from 1: the update that the batch is part of, or the last one before the validation. */
  readonly step: number;
  readonly seen: 'training' | 'validation';
  readonly reason: 'not-finite' | 'exploded';
  readonly loss: number;
  /** Learning rate of the head at that step. */
  readonly lr: number;
}

/** A return to the start of the epoch. Plain data. */
export interface Rollback extends Fault {
  /** The head's learning rate at the same step after the rollback. */
  readonly to: number;
  /** One line for people. */
  readonly message: string;
}

/** The level of the losses of a stage's batches. A loss far above it has exploded. */
export interface LossLevel {
  /** Of the stage's first batch, before any of its updates. */
  readonly first: number;
  /** Moving average, in which the newest batch counts a fifth: one odd batch is not an explosion. */
  readonly recent: number;
}

const NEWEST = 0.2;
/**
 * A loss has exploded at so many times the first one of the stage, or 1 if that is less: the loss of a trained model may be near 0. A
 * validation loss may be high for other reasons: the model is very sure, and has not learned these labels.
 */
const EXPLOSION = { training: 10, validation: 1000 };

export const withLoss = (level: LossLevel | null, loss: number): LossLevel =>
  level ? { first: level.first, recent: (1 - NEWEST) * level.recent + NEWEST * loss } : { first: loss, recent: loss };

/**
 * The fault of a loss; undefined if it has none.
 *
 * @param recent the loss that is judged; a batch is judged by the moving average
 */
export function faultOf(
  { epoch, level }: Pick<Progress, 'epoch' | 'level'>,
  at: Pick<Fault, 'seen' | 'step' | 'lr' | 'loss'>,
  recent = at.loss,
): Fault | undefined {
  const exploded = level && recent > EXPLOSION[at.seen] * Math.max(1, level.first);
  const reason = Number.isFinite(recent) ? exploded && 'exploded' : 'not-finite';
  return reason ? { epoch: epoch + 1, step: at.step, seen: at.seen, reason, loss: at.loss, lr: at.lr } : undefined;
}

/** The factor on the learning rate after the rollbacks so far. */
export const rateFactor = ({ rollbacks }: TrainingConfig, progress: Progress): number =>
  rollbacks.factor ** progress.rollbacks.length;

/**
 * The checkpoint to continue from after a fault: the start of the epoch, with one more rollback in its progress.
 *
 * @param epochStart undefined if rollbacks are off
 * @throws ThawError `diverged` if a rollback cannot help, or there were as many as are allowed
 */
export function rolledBack(
  epochStart: Checkpoint | undefined,
  fault: Fault,
  { rollbacks }: TrainingConfig,
): Checkpoint {
  const { progress, state } = epochStart ?? {};
  const before = progress?.rollbacks ?? [];
  if (!progress || !state || before.length >= rollbacks.most) throw diverged(fault, before);
  // The same weights would give the same loss again, whatever the rate.
  if (fault.seen === 'training' && fault.reason === 'not-finite' && fault.step === progress.step + 1)
    throw hopeless(fault);
  const to = fault.lr * rollbacks.factor;
  const message = `${words(fault)} ${placeOf(fault)}: back to the start of epoch ${fault.epoch}, with a learning rate of ${short(to)} instead of ${short(fault.lr)}`;
  return { progress: { ...progress, rollbacks: [...before, { ...fault, to, message }] }, state };
}

const words = ({ reason, loss }: Fault): string =>
  reason === 'exploded' ? `the loss has exploded (${short(loss)})` : 'the loss is no longer a number';

const placeOf = ({ seen, step }: Fault): string => (seen === 'training' ? `in step ${step}` : `after step ${step}`);

const short = (value: number): string => {
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) < 1e6 ? String(rounded) : rounded.toExponential();
};

const hopeless = ({ step, lr }: Fault) =>
  new ThawError(
    'diverged',
    `the loss is not a number in step ${step} (learning rate ${short(lr)}), with weights that were right until then`,
    'A smaller rate cannot help: look for labels or inputs that are NaN, for a loss that does not fit the labels, and for a model that overflows',
  );

function diverged(fault: Fault, before: readonly Rollback[]): ThawError {
  const tried = before.length ? `, and with ${before.map(({ lr }) => short(lr)).join(', ')} before` : '';
  return new ThawError(
    'diverged',
    `${words(fault)} ${placeOf(fault)} (learning rate ${short(fault.lr)}${tried})`,
    'Train with a smaller --lr, or with --clip 1; the best checkpoint before it is kept',
  );
}
