import { ThawError } from '../../errors.ts';
import { tensor } from '../../onnx/index.ts';
import { namedOutputs } from '../classification/index.ts';
import type { FactsOf } from '../facts.ts';
import type { ReportBlock } from '../report-blocks.ts';
import { type Metric, type Task, targetRows } from '../task.ts';
import { evaluateNumbers, type NumberScores, type NumbersOutcome, type RegressionEvaluation, r2Of } from './metrics.ts';

export type { NumberScores, NumbersOutcome, RegressionEvaluation } from './metrics.ts';

/** Maximum number of the largest errors to show. */
const SHOWN = 24;

/** For one number, the mean absolute error in its units. Several numbers have different units, but comparable shares of variance. */
const metricOf = (numbers: number): Metric =>
  numbers === 1
    ? { key: 'mae', title: 'mean absolute error', better: 'lower', form: 'number' }
    : { key: 'r2', title: 'R²', better: 'higher', form: 'number' };

/** Numbers for each sample. The network learns them with mean 0 and std 1; the finished model gives them in the user's units. */
export function regression(
  facts: FactsOf<'regression'>,
): Task<NumbersOutcome, RegressionEvaluation, RegressionEvaluation> {
  const { classes: names, mean, std } = facts;
  const width = names.length;
  const evaluation = (outcomes: readonly NumbersOutcome[], loss: number) => evaluateNumbers(outcomes, names, loss);
  const standardized = ({ targets, values }: NumbersOutcome) => ({
    targets: names.map((_, c) => (targets[c] - mean[c]) / std[c]),
    values: values.map((value, c) => (value - mean[c]) / std[c]),
  });
  /** Squared error in units of each number's std; the mean over the numbers. */
  const squaredError = (outcome: NumbersOutcome) => {
    const { targets, values } = standardized(outcome);
    return values.reduce((all, value, c) => all + (value - targets[c]) ** 2, 0) / width;
  };
  const textOf = (numbers: ArrayLike<number>) =>
    names.map((name, c) => (width === 1 ? short(numbers[c]) : `${name} ${short(numbers[c])}`)).join(', ');
  return {
    facts,
    classes: names,
    outputs: width,
    named: false,
    metric: metricOf(width),

    labels: ({ targets }, { shape }) =>
      tensor(
        'float32',
        [targets!.length / width, ...(shape.slice(1) as number[])],
        targets!.map((target, i) => (target - mean[i % width]) / std[i % width]),
      ),
    outcomes: (values, { targets, indices }, from) =>
      indices.map((index, row) => ({
        index,
        targets: targetRows(targets, width, row),
        values: names.map((_, c) => {
          const value = values[row * width + c];
          return from === 'training' ? value * std[c] + mean[c] : value;
        }),
      })),
    tally: (outcome) => {
      const { targets, values } = standardized(outcome);
      const each = names.flatMap((_, c): [string, number][] => [
        [`absolute ${c}`, Math.abs(outcome.values[c] - outcome.targets[c])],
        [`squared ${c}`, (values[c] - targets[c]) ** 2],
        [`target ${c}`, targets[c]],
        [`targetSquared ${c}`, targets[c] ** 2],
      ]);
      return Object.fromEntries(each);
    },
    rates(sums, samples) {
      const over = (pick: (c: number) => number) => names.reduce((all, _, c) => all + pick(c), 0) / width;
      const of = (name: string, c: number) => (sums[`${name} ${c}`] ?? 0) / samples;
      return {
        mae: over((c) => of('absolute', c)),
        r2: over((c) => r2Of(of('squared', c), of('targetSquared', c) - of('target', c) ** 2)),
      };
    },
    evaluation,
    assess: evaluation,
    scores: ({ loss, mae, rmse, r2 }) => ({ loss, mae, rmse, r2 }),

    tail: {
      kind: 'units',
      steps: [
        { op: 'Mul', constants: { std: tensor('float32', [width], Float32Array.from(std)) } },
        { op: 'Add', constants: { mean: tensor('float32', [width], Float32Array.from(mean)) } },
      ],
    },
    settled: () => regression(facts),
    /** In units of the stds. */
    difference: (a, b) =>
      a.values.reduce((most, value, c) => {
        const d = Math.abs(value - b.values[c]) / std[c];
        return Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(most, d);
      }, 0),
    same: (a, b) => textOf(a.values) === textOf(b.values),
    config: () => ({ problem_type: 'regression', ...namedOutputs(names) }),

    loss: (outcomes) => outcomes.reduce((all, outcome) => all + squaredError(outcome), 0) / outcomes.length,
    prediction: ({ values }) => ({ values: Object.fromEntries(names.map((name, c) => [name, values[c]])) }),
    words: ({ values }) => [textOf(values)],
    answers: {
      output: () => (width === 1 ? 0 : undefined),
      score: ({ values }, output) => ({ value: values[output] }),
    },
    reportBlocks: (assessment, outcomes) => [
      ...reportBlocks(assessment),
      ...names.map((name, c) => ({
        kind: 'scatter' as const,
        title: name,
        note: 'Each validation image: true value (horizontal) and prediction (vertical). Points on the line are correct.',
        points: outcomes.map((outcome) => ({ x: outcome.targets[c], y: outcome.values[c] })),
      })),
      {
        kind: 'images',
        title: 'Largest errors',
        note: 'Predictions and true values. Wrong numbers in the data also show up here.',
        items: outcomes
          .map((outcome) => ({ outcome, error: squaredError(outcome) }))
          .sort((a, b) => b.error - a.error || a.outcome.index - b.outcome.index)
          .slice(0, SHOWN)
          .map(({ outcome: { index, targets, values } }) => ({
            index,
            predicted: textOf(values),
            truth: textOf(targets),
          })),
      },
    ],
  };
}

/** A number with four digits. */
const short = (value: number): string => String(Number(value.toPrecision(4)));

const row = ({ name, mae, rmse, r2, mean, std }: NumberScores) => [name, mae, rmse, r2, mean, std];

const reportBlocks = (of: RegressionEvaluation): ReportBlock[] => [
  {
    kind: 'figures',
    items: [
      { title: 'mean absolute error', value: of.mae, form: 'number' },
      { title: 'root mean squared error', value: of.rmse, form: 'number' },
      { title: 'R²', value: of.r2, form: 'score' },
      { title: 'loss', value: of.loss, form: 'number' },
    ],
  },
  {
    kind: 'table',
    title: 'Numbers',
    note: 'Errors, with the mean and the standard deviation (std) of the true values. Predicting the mean gives an RMSE of one std and an R² of 0.',
    columns: [
      { title: 'number', form: 'text' },
      { title: 'MAE', form: 'number' },
      { title: 'RMSE', form: 'number' },
      { title: 'R²', form: 'score' },
      { title: 'mean', form: 'number' },
      { title: 'std', form: 'number' },
    ],
    rows: of.perTarget.map(row),
  },
];

/** Mean and std of each number over the training samples. */
export function learnUnits(names: readonly string[], rows: readonly (readonly number[])[]): FactsOf<'regression'> {
  const mean = names.map((_, c) => rows.reduce((all, row) => all + row[c], 0) / rows.length);
  const std = names.map((_, c) => Math.sqrt(rows.reduce((all, row) => all + (row[c] - mean[c]) ** 2, 0) / rows.length));
  const flat = std.findIndex((value) => !(value > 0));
  if (flat >= 0) {
    throw new ThawError(
      'bad-data',
      `"${names[flat]}" is ${mean[flat]} in every training image, so there is nothing to learn`,
      'Select the other columns with --targets',
    );
  }
  return { task: 'regression', classes: [...names], mean, std };
}
