import { type PredictedSample, predict } from '../../node/commands/predict.ts';
import { percent } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS, FINISHED_MODEL_ARGUMENT } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { columnsOf, fitted, joined, padded } from '../terminal/styled.ts';

/** Columns for the start of a text. */
const TEXT = 80;

export const command = defineCommand({
  name: 'predict',
  summary: 'label images or texts with a finished model',
  positionals: [
    FINISHED_MODEL_ARGUMENT,
    {
      name: 'images',
      description: 'image files or folders of images; or texts, .txt files, tables with a column text',
      many: true,
    },
  ],
  flags: {
    texts: { kind: 'switch', description: 'read all arguments as texts, not as files' },
    top: {
      kind: 'number',
      value: 'N',
      description: 'with --json: the probabilities of the N most probable classes only',
      default: 'all classes',
    },
    ...CALIBRATED_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: [
    'thaw predict runs/images-1 new/*.jpg',
    'thaw predict runs/images-1 new --json',
    "thaw predict runs/reviews-1 'Works well'",
  ],
  async run({ positionals: [model, ...images], values, terminal, signal }) {
    const { strict, texts, top, ...settings } = values;
    const display = new JobDisplay(terminal);
    const request = { model, images, texts, strict, top, settings };
    const predicted = await predict(request, { onEvent: display.show, signal });
    if (terminal.json) terminal.printJsonList(documents(predicted));
    else {
      const width = predicted.reduce((most, { words: [value] }) => Math.max(most, columnsOf(value)), 0);
      for (const { file, text, words } of predicted) {
        const [value, sureness] = words;
        const sure = sureness === undefined ? [] : [padded(percent(sureness), 6, 'start')];
        const about = text === undefined ? file : fitted(text.replace(/\s+/g, ' '), TEXT);
        terminal.print(joined([padded(value, width), ...sure, terminal.colours.dim(about)], '  '));
      }
    }
    return 0;
  },
});

/** One at a time: all of them can be longer than a text may be. */
function* documents(predicted: readonly PredictedSample[]) {
  for (const { file, text, prediction } of predicted)
    yield { file, ...(text !== undefined && { text }), ...prediction };
}
