import { evaluate } from '../../node/commands/evaluate.ts';
import { defineCommand } from '../command.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS, DATA_WORD, FINISHED_WORD, SPLIT_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { exhibitLines } from '../terminal/report-blocks.ts';

export const command = defineCommand({
  name: 'eval',
  summary: 'metrics of a finished model on labelled images',
  words: [FINISHED_WORD, DATA_WORD],
  flags: {
    ...SPLIT_FLAG,
    ...CALIBRATED_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: ['thaw eval runs/images-1 images', 'thaw eval model.onnx images --labels cat,dog --json'],
  async run({ words: [model, data], values, terminal, signal }) {
    const { split, strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const measured = await evaluate({ model, data, split, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json) terminal.answer(measured.assessment);
    else for (const line of exhibitLines(measured.reportBlocks)) terminal.say(line);
    return 0;
  },
});
