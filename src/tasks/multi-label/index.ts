import { tensor } from '../../onnx/index.ts';
import { namedOutputs } from '../classification/index.ts';
import type { FactsOf } from '../facts.ts';
import type { LabelsMistake } from '../prediction.ts';
import { type ReportBlock, weakestFirst } from '../report-blocks.ts';
import { type Task, targetRows } from '../task.ts';
import {
  bestThresholds,
  countLabels,
  evaluateLabels,
  f1Of,
  type LabelsOutcome,
  type MultiLabelEvaluation,
} from './metrics.ts';

export type { LabelsOutcome, MultiLabelEvaluation, ScoresOfLabel } from './metrics.ts';

/** Maximum number of mistakes to show. */
const SHOWN = 24;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Any number of independent labels per sample. */
export function multiLabel(
  facts: FactsOf<'multi-label'>,
): Task<LabelsOutcome, MultiLabelEvaluation, MultiLabelEvaluation> {
  const { classes, thresholds } = facts;
  const evaluation = (outcomes: readonly LabelsOutcome[], loss: number) =>
    evaluateLabels(outcomes, classes, thresholds, loss);
  const predictedLabels = ({ probabilities }: LabelsOutcome) =>
    classes.filter((_, c) => probabilities[c] >= thresholds[c]);
  const trueLabels = ({ targets }: LabelsOutcome) => classes.filter((_, c) => targets[c] > 0);
  const mistakes = (outcomes: readonly LabelsOutcome[]): LabelsMistake[] =>
    outcomes
      .filter((outcome) => predictedLabels(outcome).join('|') !== trueLabels(outcome).join('|'))
      .map((outcome) => ({ outcome, loss: crossEntropy(outcome) }))
      .sort((a, b) => b.loss - a.loss || a.outcome.index - b.outcome.index)
      .map(({ outcome }) => ({
        index: outcome.index,
        labels: trueLabels(outcome),
        predicted: predictedLabels(outcome),
      }));
  return {
    facts,
    classes,
    outputs: classes.length,
    named: true,
    metric: { key: 'map', title: 'mean average precision', better: 'higher', form: 'share' },

    labels: ({ targets }, { shape }) =>
      tensor('float32', [targets!.length / classes.length, ...(shape.slice(1) as number[])], targets!),
    outcomes: (values, { targets, indices }) =>
      indices.map((index, row) => ({
        index,
        targets: targetRows(targets, classes.length, row),
        probabilities: Float32Array.from(classes, (_, c) => sigmoid(values[row * classes.length + c])),
      })),
    tally: (outcome) => ({ ...countLabels(outcome, thresholds) }),
    rates: ({ right = 0, said = 0, there = 0 }) => ({ f1: f1Of(right, said, there) }),
    evaluation,
    assess: evaluation,
    scores: ({ loss, map, f1 }) => ({ loss, map, f1 }),

    settled: (outcomes) =>
      multiLabel({
        ...facts,
        tuned: false,
        thresholds: facts.tuned ? bestThresholds(outcomes, classes.length) : thresholds,
      }),
    /** Largest difference of the probabilities. */
    difference: (a, b) =>
      a.probabilities.reduce((most, p, i) => {
        const d = Math.abs(p - b.probabilities[i]);
        return Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(most, d);
      }, 0),
    same: (a, b) => predictedLabels(a).join('|') === predictedLabels(b).join('|'),
    config: () => ({ problem_type: 'multi_label_classification', ...namedOutputs(classes), thresholds }),

    loss: (outcomes) => outcomes.reduce((all, outcome) => all + crossEntropy(outcome), 0) / outcomes.length,
    prediction: (outcome) => ({
      labels: predictedLabels(outcome),
      probabilities: Object.fromEntries(classes.map((name, c) => [name, outcome.probabilities[c]])),
    }),
    mistakes,
    words: (outcome) => [predictedLabels(outcome).join(', ') || '(none)'],
    answers: {
      // The most probable label, whether or not it is predicted.
      output: ({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)),
      score: ({ probabilities }, output) => ({ probability: probabilities[output] }),
    },
    reportBlocks: (assessment, outcomes) => [
      ...reportBlocks(assessment),
      {
        kind: 'images',
        title: 'Worst mistakes',
        note: 'Predicted and true labels, largest errors first. Wrong labels in the data also show up here.',
        items: mistakes(outcomes)
          .slice(0, SHOWN)
          .map(({ index, labels, predicted }) => ({
            index,
            predicted: predicted.join(', ') || '(none)',
            truth: labels.join(', ') || '(none)',
          })),
      },
    ],
  };
}

/** Mean over the labels of −ln of the probability of the true value, limited to avoid infinity. */
function crossEntropy({ targets, probabilities }: LabelsOutcome): number {
  const losses = probabilities.map((p, c) => -Math.log(Math.max(targets[c] > 0 ? p : 1 - p, 1e-37)));
  return losses.reduce((all, loss) => all + loss, 0) / losses.length;
}

const reportBlocks = (of: MultiLabelEvaluation): ReportBlock[] => [
  {
    kind: 'figures',
    items: [
      { title: 'mean average precision', value: of.map, form: 'share' },
      { title: 'F1 (micro)', value: of.f1, form: 'score' },
      { title: 'F1 (macro)', value: of.macroF1, form: 'score' },
      { title: 'all labels correct', value: of.subsetAccuracy, form: 'share' },
      { title: 'loss', value: of.loss, form: 'number' },
    ],
  },
  {
    kind: 'table',
    title: 'Labels',
    note: 'A label is predicted if its probability reaches the threshold. Average precision and ROC AUC do not depend on the threshold.',
    columns: [
      { title: 'label', form: 'text' },
      { title: 'average precision', form: 'score' },
      { title: 'ROC AUC', form: 'score' },
      { title: 'threshold', form: 'score' },
      { title: 'precision', form: 'share' },
      { title: 'recall', form: 'share' },
      { title: 'F1', form: 'score' },
      { title: 'images', form: 'count' },
    ],
    rows: weakestFirst(of.perLabel, ({ f1 }) => f1).map((own) => [
      own.label,
      own.averagePrecision,
      own.rocAuc,
      own.threshold,
      own.precision,
      own.recall,
      own.f1,
      own.support,
    ]),
  },
];
