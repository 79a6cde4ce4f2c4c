import { writeFile } from 'node:fs/promises';
import { type FindLrRequest, findLr } from '../../jobs/find-lr.ts';
import { quoted } from '../../jobs/paths.ts';
import type { TrainSettingsInput } from '../../recipe/index.ts';
import { decimal } from '../../report/format.ts';
import { renderRateTest } from '../../report/index.ts';
import type { CommandSpec } from '../command.ts';
import { readConfigFile, subjectOf } from '../config-file.ts';
import { MODEL_WORD } from '../shared-flags.ts';
import { sparkline } from '../terminal/bar.ts';
import { JobDisplay } from '../terminal/job.ts';
import { styled } from '../terminal/styled.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** Settings of a training that such a test has no use for. */
const NO_USE = ['epochs', 'lr', 'schedule', 'warmup', 'target', 'patience', 'artifacts'];
const SETTINGS = Object.fromEntries(Object.entries(TRAIN_FLAGS).filter(([name]) => !NO_USE.includes(name)));

export const command: CommandSpec = {
  name: 'find-lr',
  summary: 'learning-rate range test with a plot and a suggestion',
  description:
    'The rate rises from step to step on a copy of the model that is thrown away; where the loss falls fastest is a good rate, and two more cautious ones are told as well. It tests what the first stage trains: the head, unless --trainable or --preset say otherwise.',
  words: [MODEL_WORD, { name: 'data', does: 'labelled pictures, as for thaw train', inConfig: true }],
  flags: {
    from: { kind: 'number', value: 'N', does: 'the first rate', default: '0.000001', under: 'Test' },
    to: { kind: 'number', value: 'N', does: 'the last rate', default: '1', under: 'Test' },
    steps: { kind: 'number', value: 'N', does: 'steps from the first to the last', default: '80', under: 'Test' },
    plot: { kind: 'text', value: 'FILE', does: 'the page to write', default: 'find-lr.html', under: 'Test' },
    config: {
      kind: 'text',
      value: 'FILE',
      does: 'settings by the names of the flags',
      default: 'thaw.config.*',
      under: 'Test',
    },
    ...SETTINGS,
  },
  examples: ['thaw find-lr default pictures', 'thaw find-lr model.onnx pictures --trainable last:3'],
  async run({ words, values, terminal, signal }) {
    const { from, to, steps, plot = 'find-lr.html', config, ...flags } = values;
    const file = await readConfigFile(config as string | undefined);
    const { out: _out, ...settings } = { ...file.settings, ...flags } as TrainSettingsInput & { out?: string };
    const request = { ...subjectOf('find-lr', words, file), from, to, steps, settings } as FindLrRequest;
    const test = await findLr(request, { onEvent: new JobDisplay(terminal).take, signal });
    await writeFile(String(plot), renderRateTest(test));
    if (terminal.json) terminal.answer({ ...test, plot });
    const { colours: c } = terminal;
    const [first, last] = [test.points[0], test.points[test.points.length - 1]];
    const curve = sparkline(
      test.points.map(({ smoothed }) => smoothed),
      Math.min(60, terminal.width - 30),
    );
    if (first && last)
      terminal.say(styled`loss  ${c.dim(decimal(first.lr))} ${c.cyan(curve)} ${c.dim(decimal(last.lr))}`);
    terminal.say(`plot  ${quoted(String(plot))}`);
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
};
