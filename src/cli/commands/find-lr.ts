import { writeFile } from 'node:fs/promises';
import { findLr } from '../../node/commands/find-lr.ts';
import { quoted } from '../../node/commands/paths.ts';
import { decimal } from '../../report/format.ts';
import { renderRateTest } from '../../report/index.ts';
import { defineCommand } from '../command.ts';
import { readConfigFile, subjectOf, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, DATA_WORD, MODEL_WORD, without } from '../shared-flags.ts';
import { sparkline } from '../terminal/bar.ts';
import { JobDisplay } from '../terminal/job.ts';
import { styled } from '../terminal/styled.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** Settings of a training that such a test has no use for. */
const NO_USE = ['epochs', 'lr', 'schedule', 'warmup', 'target', 'patience', 'artifacts'] as const;

export const command = defineCommand({
  name: 'find-lr',
  summary: 'learning-rate range test with a plot and a suggestion',
  description:
    'The rate rises from step to step on a copy of the model that is thrown away; where the loss falls fastest is a good rate, and two more cautious ones are told as well. It tests what the first stage trains: the head, unless --trainable or --preset say otherwise.',
  words: [MODEL_WORD, { ...DATA_WORD, inConfig: true }],
  flags: {
    from: { kind: 'number', value: 'N', does: 'the first rate', default: '0.000001', under: 'Test' },
    to: { kind: 'number', value: 'N', does: 'the last rate', default: '1', under: 'Test' },
    steps: { kind: 'number', value: 'N', does: 'steps from the first to the last', default: '80', under: 'Test' },
    plot: { kind: 'text', value: 'FILE', does: 'the page to write', default: 'find-lr.html', under: 'Test' },
    config: { ...CONFIG_FLAG.config, under: 'Test' },
    ...without(TRAIN_FLAGS, NO_USE),
  },
  examples: ['thaw find-lr default images', 'thaw find-lr model.onnx images --trainable last:3'],
  async run({ words, values, terminal, signal }) {
    const { from, to, steps, plot = 'find-lr.html', config, ...flags } = values;
    const file = await readConfigFile(config);
    const settings = withFlags(file, flags);
    const test = await findLr(
      { ...subjectOf('find-lr', words, file), from, to, steps, settings },
      { onEvent: new JobDisplay(terminal).take, signal },
    );
    await writeFile(plot, renderRateTest(test));
    if (terminal.json) terminal.answer({ ...test, plot });
    const { colours: c } = terminal;
    const [first, last] = [test.points[0], test.points[test.points.length - 1]];
    const curve = sparkline(
      test.points.map(({ smoothed }) => smoothed),
      Math.min(60, terminal.width - 30),
    );
    if (first && last)
      terminal.say(styled`loss  ${c.dim(decimal(first.lr))} ${c.cyan(curve)} ${c.dim(decimal(last.lr))}`);
    terminal.say(`plot  ${quoted(plot)}`);
    terminal.say();
    if (!test.suggestions) {
      terminal.say(
        c.yellow(
          'The loss never fell by more than it wavers: no rate can be suggested. Look at the plot and the labels.',
        ),
      );
      return 0;
    }
    const { valley, minimum } = test.suggestions;
    terminal.say(styled`Train with ${c.bold(`--lr ${test.suggestion}`)}, where the loss falls fastest.`);
    terminal.say(
      c.dim(`More cautious: ${valley} (half way into the longest fall), ${minimum} (a tenth of where it is lowest)`),
    );
    return 0;
  },
});
