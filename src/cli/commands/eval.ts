import { evaluate } from '../../node/commands/evaluate.ts';
import { defineCommand } from '../command.ts';
import {
  CALIBRATED_FLAG,
  CLASSIFIER_FLAGS,
  DATA_ARGUMENT,
  FINISHED_MODEL_ARGUMENT,
  SPLIT_FLAG,
} from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { exhibitLines } from '../terminal/report-blocks.ts';

export const command = defineCommand({
  name: 'eval',
  summary: 'measure a finished model on labelled images',
  positionals: [FINISHED_MODEL_ARGUMENT, DATA_ARGUMENT],
  flags: {
    ...SPLIT_FLAG,
    ...CALIBRATED_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: ['thaw eval runs/images-1 images', 'thaw eval model.onnx images --labels cat,dog --json'],
  async run({ positionals: [model, data], values, terminal, signal }) {
    const { split, strict, ...settings } = values;
    const display = new JobDisplay(terminal);
    const { assessment, reportBlocks, measured } = await evaluate(
      { model, data, split, strict, settings },
      { onEvent: display.show, signal },
    );
    if (terminal.json) terminal.printJson({ ...assessment, measured });
    else for (const line of exhibitLines(reportBlocks, terminal.width)) terminal.print(line, 0);
    return 0;
  },
});
