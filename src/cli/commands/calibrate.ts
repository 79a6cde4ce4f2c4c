import { calibrate } from '../../node/commands/calibrate.ts';
import { quoted } from '../../node/commands/paths.ts';
import { decimal, percent, plural } from '../../report/format.ts';
import { noTemperature } from '../../report/sections/probabilities.ts';
import { defineCommand } from '../command.ts';
import { CLASSIFIER_FLAGS, DATA_WORD, FINISHED_WORD, SPLIT_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'calibrate',
  summary: 'fit a temperature, so that probabilities say how often the model is right',
  description:
    'Give images that the model was not trained on. The temperature is kept in the config.json beside the model, which stays as it is; --calibrated of thaw predict and thaw eval divides the scores by it. thaw train fits one on its validation set.',
  words: [FINISHED_WORD, DATA_WORD],
  flags: { ...SPLIT_FLAG, ...CLASSIFIER_FLAGS },
  examples: ['thaw calibrate runs/images-1 other-images', 'thaw predict runs/images-1 new --calibrated'],
  async run({ words: [model, data], values, terminal, signal }) {
    const { split, strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const outcome = await calibrate({ model, data, split, strict, settings }, { onEvent: display.take, signal });
    if (terminal.json) terminal.answer(outcome);
    const { temperature, samples, without, with: calibrated, file } = outcome;
    if (temperature === null) {
      terminal.say(noTemperature(outcome, 'image'));
      return 0;
    }
    terminal.say(`temperature ${decimal(temperature)}, fitted on ${plural(samples, 'image')}`);
    terminal.say(
      `calibration error ${percent(without.calibration.error)} -> ${percent(calibrated.calibration.error)}   log loss ${decimal(without.logLoss)} -> ${decimal(calibrated.logLoss)}   (each fifth of the images at the temperature of the others)`,
    );
    terminal.say(
      file
        ? `kept in ${file}: thaw predict ${quoted(model)} IMAGE --calibrated`
        : 'there is no config.json to keep it in',
    );
    return 0;
  },
});
