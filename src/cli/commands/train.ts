import { train } from '../../node/commands/train.ts';
import { tellingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { readConfigFile, subjectOf, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, MODEL_WORD } from '../shared-flags.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

export const INTERRUPTED = 130;

export const command = defineCommand({
  name: 'train',
  summary: 'fine-tune a model on your images: new head, training, evaluation, export, report',
  description:
    'IMAGES is a folder with a folder for each class, with or without train, val and test above them, or a CSV or JSON lines file with file_name and label. Everything goes into the run directory; Ctrl-C saves, thaw resume goes on.',
  words: [MODEL_WORD, { name: 'data', does: 'labelled images', inConfig: true }],
  flags: {
    out: { kind: 'text', value: 'DIR', does: 'the run directory', default: 'runs/NAME-1', under: 'Training' },
    config: {
      ...CONFIG_FLAG.config,
      does: 'settings by the names of the flags, and the model and the data where they are not given; flags win',
      default: 'thaw.config.{ts,js,json,yaml}',
      under: 'Training',
    },
    ...TRAIN_FLAGS,
  },
  examples: [
    'thaw train default images',
    'thaw train hf:onnx-community/mobilenet_v2_0.35_96 images --epochs 20 --target 0.98',
    "thaw train model.onnx images --trainable 'layer4.*,fc.*' --lr 3e-4",
    'thaw train --config runs/images-1/config.yaml --seed 2',
  ],
  async run({ words, values, terminal, signal }) {
    const { config, out, ...flags } = values;
    const file = await readConfigFile(config);
    const subject = subjectOf('train', words, file);
    if (file.file) terminal.say(terminal.colours.dim(`config    ${file.file}`));
    const display = new TrainingDisplay(terminal);
    const { task, ...settings } = withFlags(file, flags);
    const outcome = await train(
      { ...subject, out: out ?? file.paths.out, task, settings },
      { onEvent: tellingRun(display.take), signal },
    );
    display.finish(outcome);
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
});
