import { type EvaluateRequest, evaluate } from '../../jobs/index.ts';
import type { ClassifierSettings } from '../../recipe/index.ts';
import { count, decimal, percent, score } from '../../report/format.ts';
import type { Assessment } from '../../training/index.ts';
import type { CommandSpec } from '../command.ts';
import { CLASSIFIER_FLAGS } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { plainTable } from '../terminal/table.ts';

export const command: CommandSpec = {
  name: 'eval',
  summary: 'metrics of a finished model on labelled pictures',
  words: [
    { name: 'run or model', does: 'a run directory, a model folder, an .onnx file, https://…, hf:owner/name' },
    { name: 'data', does: 'labelled pictures, as for thaw train' },
  ],
  flags: {
    split: { kind: 'text', value: 'NAME', does: 'train, val or test', default: 'val, else test, else everything' },
    ...CLASSIFIER_FLAGS,
  },
  examples: ['thaw eval runs/pictures-1 pictures', 'thaw eval model.onnx pictures --labels cat,dog --json'],
  async run({ words: [model, data], values, terminal, signal }) {
    const { split, strict, ...settings } = values as Pick<EvaluateRequest, 'split' | 'strict'> & ClassifierSettings;
    const display = new JobDisplay(terminal);
    const evaluation = await evaluate({ model, data, split, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json) terminal.answer(evaluation);
    else for (const line of evaluationLines(evaluation)) terminal.say(line);
    return 0;
  },
};

/** Classes that a confusion table has room for. */
const FEW = 10;

const optional = (value: number | null): string => (value === null ? '–' : score(value));

function evaluationLines(assessment: Assessment): string[] {
  const { accuracy, perClass, confusion, confused, intervals } = assessment;
  const classes = perClass.map(({ label, precision, recall, f1, rocAuc, averagePrecision, support }) => [
    label,
    percent(precision),
    percent(recall),
    score(f1),
    optional(rocAuc),
    optional(averagePrecision),
    count(support),
  ]);
  const labels = perClass.map(({ label }) => label);
  const [low, high] = intervals.accuracy;
  const line = (parts: readonly string[]) => parts.join('   ');
  return [
    `accuracy ${percent(accuracy)} (95% interval ${percent(low)} to ${percent(high)})`,
    line([
      `balanced accuracy ${percent(assessment.balancedAccuracy)}`,
      ...assessment.topK.slice(1).map(({ k, accuracy: share }) => `top ${k} ${percent(share)}`),
    ]),
    line([
      `F1 ${score(assessment.macro.f1)}`,
      `weighted ${score(assessment.weighted.f1)}`,
      `Matthews ${score(assessment.matthews)}`,
      `kappa ${optional(assessment.kappa)}`,
    ]),
    line([
      `ROC area ${optional(assessment.rocAuc)}`,
      `PR area ${optional(assessment.averagePrecision)}`,
      `loss ${decimal(assessment.loss)}`,
      `Brier ${decimal(assessment.brier)}`,
      `calibration error ${percent(assessment.calibration.error)}`,
    ]),
    '',
    ...plainTable(['class', 'precision', 'recall', 'F1', 'ROC', 'PR', 'pictures'], classes),
    '',
    ...(labels.length <= FEW
      ? plainTable(
          ['true \\ predicted', ...labels],
          confusion.map((row, i) => [labels[i], ...row.map(String)]),
        )
      : plainTable(
          ['taken for another', '', 'times', 'of them'],
          confused.map(({ label, predicted, times, share }) => [label, predicted, count(times), percent(share)]),
        )),
  ];
}
