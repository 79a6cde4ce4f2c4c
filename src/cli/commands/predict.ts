import { answers } from '../../jobs/index.ts';
import type { ClassifierSettings } from '../../recipe/index.ts';
import { percent } from '../../report/format.ts';
import type { CommandSpec } from '../command.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command: CommandSpec = {
  name: 'predict',
  summary: 'label pictures with a finished model',
  words: [
    { name: 'run or model', does: 'a run directory, a model folder, an .onnx file, https://…, hf:owner/name' },
    { name: 'images', does: 'picture files, and folders of them', many: true },
  ],
  flags: { ...CALIBRATED_FLAG, ...CLASSIFIER_FLAGS },
  examples: ['thaw predict runs/pictures-1 new/*.jpg', 'thaw predict runs/pictures-1 new --json'],
  async run({ words: [model, ...pictures], values, terminal, signal }) {
    const { strict, ...settings } = values as { strict?: boolean } & ClassifierSettings;
    const display = new JobDisplay(terminal);
    const answered = await answers({ model, pictures, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json) terminal.answer(answered.map(({ file, answer }) => ({ file, ...answer })));
    else {
      const width = Math.max(...answered.map(({ words: [value] }) => value.length));
      for (const { file, words } of answered) {
        const [value, sureness] = words;
        const sure = sureness === undefined ? [] : [percent(sureness).padStart(6)];
        terminal.say([value.padEnd(width), ...sure, terminal.colours.dim(file)].join('  '));
      }
    }
    return 0;
  },
};
