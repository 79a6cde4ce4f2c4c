import { measureModel } from '../../node/commands/evaluate.ts';
import { defineCommand } from '../command.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS, DATA_WORD, FINISHED_WORD, SPLIT_FLAG } from '../shared-flags.ts';
import { exhibitLines } from '../terminal/exhibits.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'eval',
  summary: 'metrics of a finished model on labelled pictures',
  words: [FINISHED_WORD, DATA_WORD],
  flags: {
    ...SPLIT_FLAG,
    ...CALIBRATED_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: ['thaw eval runs/pictures-1 pictures', 'thaw eval model.onnx pictures --labels cat,dog --json'],
  async run({ words: [model, data], values, terminal, signal }) {
    const { split, strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const measured = await measureModel({ model, data, split, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json) terminal.answer(measured.assessment);
    else for (const line of exhibitLines(measured.exhibits)) terminal.say(line);
    return 0;
  },
});
