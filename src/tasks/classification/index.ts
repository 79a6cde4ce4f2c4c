import { elementCount, tensor } from '../../onnx/index.ts';
import { logLoss } from '../metrics/index.ts';
import type { Task } from '../task.ts';
import { type Assessment, assess } from './assessment.ts';
import { evaluationOf, predictionsOf } from './metrics.ts';
import { mismatchOf } from './mismatch.ts';
import { reportBlocks } from './report-blocks.ts';
import { atTemperature, temperatureFit } from './temperature-fit.ts';
import type { ClassOutcome, Evaluation } from './types.ts';
import { fitUnknown } from './unknown/index.ts';

const LEAST = 1e-37;

/** One class per sample. */
export const classification = (classes: readonly string[]): Task<ClassOutcome, Evaluation, Assessment> => {
  const task: Task<ClassOutcome, Evaluation, Assessment> = {
    facts: { task: 'classification', classes: [...classes] },
    classes,
    outputs: classes.length,
    named: true,
    metric: { key: 'accuracy', title: 'accuracy', better: 'higher', form: 'share' },

    /** Class indices, or one-hot rows in the shape of the output for losses that compare numbers. Blended samples have their own rows. */
    labels({ labels, targets }, wanted) {
      if (wanted.type === 'int64') return tensor('int64', [labels.length], labels);
      const shape = [labels.length, ...(wanted.shape.slice(1) as number[])];
      if (targets) return tensor('float32', shape, targets);
      const data = new Float32Array(elementCount(shape));
      labels.forEach((label, i) => {
        data[(i * data.length) / labels.length + Number(label)] = 1;
      });
      return tensor('float32', shape, data);
    },
    outcomes: (values, { labels, indices }) => predictionsOf(values, labels, indices),
    tally: ({ label, predicted }) => ({ correct: Number(label === predicted) }),
    rates: ({ correct = 0 }, samples) => ({ accuracy: correct / samples }),
    evaluation: (predictions, loss) => evaluationOf(predictions, classes, loss),
    assess: (predictions, loss, seed) => assess(predictions, classes, loss, seed),
    scores: ({ loss, accuracy }) => ({ loss, accuracy }),
    mismatch: mismatchOf,

    settled: () => task,
    /** Largest difference of the probabilities; infinite if one of them is NaN. */
    difference(a, b) {
      if (a.probabilities.length !== b.probabilities.length) {
        throw new Error(`the model has ${a.probabilities.length} outputs, but training had ${b.probabilities.length}`);
      }
      return a.probabilities.reduce((most, p, i) => {
        const d = Math.abs(p - b.probabilities[i]);
        return Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(most, d);
      }, 0);
    },
    same: (a, b) => a.predicted === b.predicted,
    config: () => namedOutputs(classes),

    /** Cross-entropy. Training computes it from logits, which do not underflow. */
    loss: (predictions) => logLoss(predictions, LEAST),
    prediction: ({ predicted, probabilities, unknown }) => ({
      label: classes[predicted],
      probability: probabilities[predicted],
      probabilities: Object.fromEntries(classes.map((name, c) => [name, probabilities[c]])),
      ...unknown,
    }),
    mistakes: (outcomes) =>
      outcomes
        .filter(({ label, predicted }) => label !== predicted)
        .map(({ index, label, predicted, probabilities }) => ({
          index,
          label: classes[label],
          predicted: classes[predicted],
          probability: probabilities[predicted],
        }))
        .sort((a, b) => b.probability - a.probability || a.index - b.index),
    words: ({ predicted, probabilities, unknown }) =>
      unknown?.unknown ? ['unknown', unknown.unknownScore] : [classes[predicted], probabilities[predicted]],
    answers: {
      output: ({ predicted }) => predicted,
      score: ({ probabilities }, output) => ({ probability: probabilities[output] }),
    },
    reportBlocks,
    temperature: { fit: temperatureFit, apply: atTemperature },
    unknown: {
      fit: (data, options) => fitUnknown(data, { ...options, classes: classes.length }),
      mark: (outcome, unknown) => ({ ...outcome, unknown }),
    },
  };
  return task;
};

/** `id2label` and the related entries of `config.json`. */
export const namedOutputs = (names: readonly string[]) => ({
  num_labels: names.length,
  id2label: Object.fromEntries(names.map((name, i) => [i, name])),
  label2id: Object.fromEntries(names.map((name, i) => [name, i])),
});
