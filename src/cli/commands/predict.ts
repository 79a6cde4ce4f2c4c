import { predict } from '../../node/commands/predict.ts';
import { percent } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS, FINISHED_WORD } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { columnsOf, fitted, joined, padded } from '../terminal/styled.ts';

/** Columns for the beginning of a text. */
const TEXT = 80;

export const command = defineCommand({
  name: 'predict',
  summary: 'label images or texts with a finished model',
  words: [
    FINISHED_WORD,
    {
      name: 'images',
      does: 'image files, and folders of them; or texts, .txt files, tables with a column text',
      many: true,
    },
  ],
  flags: { ...CALIBRATED_FLAG, ...CLASSIFIER_FLAGS },
  examples: [
    'thaw predict runs/images-1 new/*.jpg',
    'thaw predict runs/images-1 new --json',
    "thaw predict runs/reviews-1 'Works well'",
  ],
  async run({ words: [model, ...images], values, terminal, signal }) {
    const { strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const predicted = await predict({ model, images, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json)
      terminal.answer(
        predicted.map(({ file, text, prediction }) => ({ file, ...(text !== undefined && { text }), ...prediction })),
      );
    else {
      const width = Math.max(...predicted.map(({ words: [value] }) => columnsOf(value)));
      for (const { file, text, words } of predicted) {
        const [value, sureness] = words;
        const sure = sureness === undefined ? [] : [padded(percent(sureness), 6, 'start')];
        const about = text === undefined ? file : fitted(text.replace(/\s+/g, ' '), TEXT);
        terminal.say(joined([padded(value, width), ...sure, terminal.colours.dim(about)], '  '));
      }
    }
    return 0;
  },
});
