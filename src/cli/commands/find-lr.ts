import { writeFile } from 'node:fs/promises';
import { findLr } from '../../node/commands/find-lr.ts';
import { quoted } from '../../node/commands/paths.ts';
import { decimal } from '../../report/format.ts';
import { renderRateTest } from '../../report/index.ts';
import { defineCommand } from '../command.ts';
import { modelAndDataOf, readConfigFile, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, DATA_ARGUMENT, MODEL_ARGUMENT, without } from '../shared-flags.ts';
import { sparkline } from '../terminal/bar.ts';
import { JobDisplay } from '../terminal/job.ts';
import { styled } from '../terminal/styled.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** Training settings that the range test does not use. */
const UNUSED = ['epochs', 'lr', 'schedule', 'warmup', 'target', 'patience', 'artifacts'] as const;

export const command = defineCommand({
  name: 'find-lr',
  summary: 'find a learning rate with a range test',
  description:
    'Raises the learning rate step by step on a temporary copy of the model, plots the loss, and suggests the rate at which the loss falls fastest, along with two more cautious rates. The test trains the parameters of the first stage: the head, unless --trainable or --preset change that.',
  positionals: [MODEL_ARGUMENT, { ...DATA_ARGUMENT, inConfig: true }],
  flags: {
    from: { kind: 'number', value: 'N', description: 'first learning rate', default: '0.000001', heading: 'Test' },
    to: { kind: 'number', value: 'N', description: 'last learning rate', default: '1', heading: 'Test' },
    steps: {
      kind: 'number',
      value: 'N',
      description: 'number of steps',
      default: '80',
      heading: 'Test',
    },
    plot: {
      kind: 'text',
      value: 'FILE',
      description: 'HTML file with the plot',
      default: 'find-lr.html',
      heading: 'Test',
    },
    config: { ...CONFIG_FLAG.config, heading: 'Test' },
    ...without(TRAIN_FLAGS, UNUSED),
  },
  examples: ['thaw find-lr default images', 'thaw find-lr model.onnx images --trainable last:3'],
  async run({ positionals, values, terminal, signal }) {
    const { from, to, steps, plot = 'find-lr.html', config, ...flags } = values;
    const file = await readConfigFile(config);
    const settings = withFlags(file, flags);
    const test = await findLr(
      { ...modelAndDataOf('find-lr', positionals, file), from, to, steps, settings },
      { onEvent: new JobDisplay(terminal).show, signal },
    );
    await writeFile(plot, renderRateTest(test));
    if (terminal.json) terminal.printJson({ ...test, plot });
    const { colours: c } = terminal;
    const [first, last] = [test.points[0], test.points[test.points.length - 1]];
    const curve = sparkline(
      test.points.map(({ smoothed }) => smoothed),
      Math.min(60, terminal.width - 30),
    );
    if (first && last)
      terminal.print(styled`loss  ${c.dim(decimal(first.lr))} ${c.cyan(curve)} ${c.dim(decimal(last.lr))}`);
    terminal.print(`plot  ${quoted(plot)}`);
    terminal.print();
    if (!test.suggestions) {
      terminal.print(
        c.yellow('Cannot suggest a rate: the loss never fell by more than its noise. Check the plot and the labels.'),
      );
      return 0;
    }
    const { valley, minimum } = test.suggestions;
    terminal.print(styled`Train with ${c.bold(`--lr ${test.suggestion}`)}: the loss falls fastest at this rate.`);
    terminal.print(
      c.dim(
        `More cautious rates: ${valley} (middle of the longest fall), ${minimum} (a tenth of the rate with the lowest loss)`,
      ),
    );
    return 0;
  },
});
