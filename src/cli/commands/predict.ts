import { predict } from '../../jobs/index.ts';
import type { ClassifierSettings } from '../../recipe/index.ts';
import { percent } from '../../report/format.ts';
import type { CommandSpec } from '../command.ts';
import { CLASSIFIER_FLAGS } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command: CommandSpec = {
  name: 'predict',
  summary: 'label pictures with a finished model',
  words: [
    { name: 'run or model', does: 'a run directory, a model folder, an .onnx file, https://…, hf:owner/name' },
    { name: 'images', does: 'picture files, and folders of them', many: true },
  ],
  flags: CLASSIFIER_FLAGS,
  examples: ['thaw predict runs/pictures-1 new/*.jpg', 'thaw predict runs/pictures-1 new --json'],
  async run({ words: [model, ...pictures], values, terminal, signal }) {
    const { strict, ...settings } = values as { strict?: boolean } & ClassifierSettings;
    const display = new JobDisplay(terminal);
    const labelled = await predict({ model, pictures, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json) terminal.answer(labelled);
    else {
      const width = Math.max(...labelled.map(({ label }) => label.length));
      for (const { file, label, probability } of labelled)
        terminal.say(`${label.padEnd(width)}  ${percent(probability).padStart(6)}  ${terminal.colours.dim(file)}`);
    }
    return 0;
  },
};
