import { calibrate } from '../../node/commands/calibrate.ts';
import { quoted } from '../../node/commands/paths.ts';
import { decimal, percent, plural } from '../../report/format.ts';
import { noTemperature } from '../../report/sections/probabilities.ts';
import { defineCommand } from '../command.ts';
import { CLASSIFIER_FLAGS, DATA_ARGUMENT, FINISHED_MODEL_ARGUMENT, SPLIT_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'calibrate',
  summary: 'fit a temperature so that probabilities match the accuracy',
  description:
    'Use images that the model was not trained on. Thaw stores the temperature in the config.json next to the model. The model stays unchanged; with --calibrated, thaw predict and thaw eval divide the logits by the temperature. thaw train fits a temperature on its validation set.',
  positionals: [FINISHED_MODEL_ARGUMENT, DATA_ARGUMENT],
  flags: { ...SPLIT_FLAG, ...CLASSIFIER_FLAGS },
  examples: ['thaw calibrate runs/images-1 other-images', 'thaw predict runs/images-1 new --calibrated'],
  async run({ positionals: [model, data], values, terminal, signal }) {
    const { split, strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const outcome = await calibrate({ model, data, split, strict, settings }, { onEvent: display.show, signal });
    if (terminal.json) terminal.printJson(outcome);
    const { temperature, samples, without, with: calibrated, file } = outcome;
    if (temperature === null) {
      terminal.print(noTemperature(outcome, 'image'));
      return 0;
    }
    terminal.print(`temperature ${decimal(temperature)}, fitted on ${plural(samples, 'image')}`);
    terminal.print(
      `calibration error ${percent(without.calibration.error)} to ${percent(calibrated.calibration.error)}   log loss ${decimal(without.logLoss)} to ${decimal(calibrated.logLoss)}   (5-fold cross-validation)`,
      0,
    );
    terminal.print(
      file
        ? `saved in ${file}; use it with: thaw predict ${quoted(model)} IMAGE --calibrated`
        : 'not saved: there is no config.json next to the model',
    );
    return 0;
  },
});
