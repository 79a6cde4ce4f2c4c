import { predict } from '../../node/commands/predict.ts';
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
    ...CALIBRATED_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: [
    'thaw predict runs/images-1 new/*.jpg',
    'thaw predict runs/images-1 new --json',
    "thaw predict runs/reviews-1 'Works well'",
  ],
  async run({ positionals: [model, ...images], values, terminal, signal }) {
    const { strict, texts, ...settings } = values;
    const display = new JobDisplay(terminal);
    const predicted = await predict({ model, images, texts, strict, settings }, { onEvent: display.show, signal });
    if (terminal.json)
      terminal.printJson(
        predicted.map(({ file, text, prediction }) => ({ file, ...(text !== undefined && { text }), ...prediction })),
      );
    else {
      const width = Math.max(...predicted.map(({ words: [value] }) => columnsOf(value)));
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
