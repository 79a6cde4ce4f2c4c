import { UNKNOWN } from '../../data/index.ts';
import { calibrate } from '../../node/commands/calibrate.ts';
import { quoted } from '../../node/commands/paths.ts';
import { decimal, percent, plural } from '../../report/format.ts';
import { noTemperature } from '../../report/sections/probabilities.ts';
import { unknownWords } from '../../report/unknown.ts';
import { defineCommand } from '../command.ts';
import {
  CLASSIFIER_FLAGS,
  DATA_ARGUMENT,
  FINISHED_MODEL_ARGUMENT,
  SPLIT_FLAG,
  UNKNOWN_RATE_FLAG,
} from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'calibrate',
  summary: 'make probabilities match the accuracy, and set what is unknown',
  description:
    'Use images that the model was not trained on. Thaw stores the temperature in the config.json next to the model. The model stays unchanged; with --calibrated, thaw predict and thaw eval divide the logits by the temperature. Thaw also sets from which distance on an image is unknown, for thaw predict --unknown. thaw train does all this with its validation set.',
  positionals: [FINISHED_MODEL_ARGUMENT, DATA_ARGUMENT],
  flags: {
    ...SPLIT_FLAG,
    unknown: {
      kind: 'text',
      value: 'DIR',
      description: 'examples of none of the classes, to measure how many are recognised',
      default: `the folder ${UNKNOWN} of the data`,
    },
    ...UNKNOWN_RATE_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: ['thaw calibrate runs/images-1 other-images', 'thaw predict runs/images-1 new --calibrated'],
  async run({ positionals: [model, data], values, terminal, signal }) {
    const { split, strict, unknown, unknownRate, ...settings } = values;
    const display = new JobDisplay(terminal);
    const request = { model, data, split, strict, unknown, unknownRate, settings };
    const outcome = await calibrate(request, { onEvent: display.show, signal });
    if (terminal.json) terminal.printJson(outcome);
    const { temperature, samples, without, with: calibrated, unknown: report, file } = outcome;
    if (temperature === null) terminal.print(noTemperature(outcome, 'image'));
    else {
      terminal.print(`temperature ${decimal(temperature)}, fitted on ${plural(samples, 'image')}`);
      terminal.print(
        `calibration error ${percent(without.calibration.error)} to ${percent(calibrated.calibration.error)}   log loss ${decimal(without.logLoss)} to ${decimal(calibrated.logLoss)}   (5-fold cross-validation)`,
        0,
      );
    }
    if (report) terminal.print(unknownWords(report, 'image').join(' '), 0);
    const flags = [...(temperature === null ? [] : ['--calibrated']), ...(report ? ['--unknown'] : [])];
    if (!flags.length) return 0;
    terminal.print(
      file
        ? `saved in ${file}; use it with: thaw predict ${quoted(model)} IMAGE ${flags.join(' ')}`
        : 'not saved: there is no config.json next to the model',
    );
    return 0;
  },
});
