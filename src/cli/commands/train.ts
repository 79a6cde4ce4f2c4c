import { train } from '../../jobs/index.ts';
import type { TrainSettingsInput } from '../../recipe/index.ts';
import { tellingRun } from '../child.ts';
import type { CommandContext, CommandSpec } from '../command.ts';
import { readConfigFile } from '../config-file.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

export const INTERRUPTED = 130;

export const command: CommandSpec = {
  name: 'train',
  summary: 'fine-tune a model on your pictures: new head, training, evaluation, export, report',
  description:
    'PICTURES is a folder with a folder for each class, with or without train, val and test above them, or a CSV or JSON lines file with file_name and label. Everything goes into the run directory; Ctrl-C saves, thaw resume goes on.',
  words: [
    { name: 'model', does: 'an .onnx file, a transformers.js folder, https://…, hf:owner/name, or default' },
    { name: 'data', does: 'labelled pictures' },
  ],
  flags: {
    out: { kind: 'text', value: 'DIR', does: 'the run directory', default: 'runs/NAME-1', under: 'Training' },
    config: {
      kind: 'text',
      value: 'FILE',
      does: 'settings by the names of the flags; flags win',
      default: 'thaw.config.{ts,js,json,yaml}',
      under: 'Training',
    },
    ...TRAIN_FLAGS,
  },
  examples: [
    'thaw train default pictures',
    'thaw train hf:onnx-community/mobilenet_v2_0.35_96 pictures --epochs 20 --target 0.98',
    "thaw train model.onnx pictures --trainable 'layer4.*,fc.*' --lr 3e-4",
  ],
  async run({ words: [model, data], values, terminal, signal }: CommandContext) {
    const { config, ...flags } = values;
    const file = await readConfigFile(config as string | undefined);
    if (file.file) terminal.say(terminal.colours.dim(`config    ${file.file}`));
    const { out, ...settings } = { ...file.settings, ...flags } as TrainSettingsInput & { out?: string };
    const display = new TrainingDisplay(terminal);
    const outcome = await train({ model, data, out, settings }, { onEvent: tellingRun(display.take), signal });
    display.finish(outcome);
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
};
