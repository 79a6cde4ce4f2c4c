import { type EvaluateRequest, evaluate } from '../../jobs/index.ts';
import type { ClassifierSettings } from '../../recipe/index.ts';
import { count, decimal, percent, score } from '../../report/format.ts';
import type { Evaluation } from '../../training/index.ts';
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

function evaluationLines({ loss, accuracy, top5, f1, perClass, confusion }: Evaluation): string[] {
  const classes = perClass.map(({ label, precision, recall, f1, support }) => [
    label,
    percent(precision),
    percent(recall),
    score(f1),
    count(support),
  ]);
  const labels = perClass.map(({ label }) => label);
  const of = [`accuracy ${percent(accuracy)}`, `top 5 ${percent(top5)}`, `F1 ${score(f1)}`, `loss ${decimal(loss)}`];
  return [
    of.join('   '),
    '',
    ...plainTable(['class', 'precision', 'recall', 'F1', 'pictures'], classes),
    ...(labels.length <= FEW
      ? [
          '',
          ...plainTable(
            ['true \\ predicted', ...labels],
            confusion.map((row, i) => [labels[i], ...row.map(String)]),
          ),
        ]
      : []),
  ];
}
