import { train } from '../../node/commands/train.ts';
import { reportingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { modelAndDataOf, readConfigFile, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, MODEL_ARGUMENT } from '../shared-flags.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { resumeCommand, TRACKING_FLAGS, trackersOf } from '../trackers.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

export const INTERRUPTED = 130;

export const command = defineCommand({
  name: 'train',
  summary: 'fine-tune a model on your images, with evaluation, export and report',
  description:
    'The data is a folder with one folder per class, optionally inside train, val and test folders, or a CSV or JSON lines file with file_name and label. Thaw writes everything into the run directory: report.html, model/, plots/, checkpoints/, artifacts/, config.yaml, record.json, metrics.jsonl, results.csv, TensorBoard events, train_batch0.jpg and val_batch0.jpg. Ctrl-C saves the run; thaw resume continues it.',
  positionals: [MODEL_ARGUMENT, { name: 'data', description: 'labelled images', inConfig: true }],
  flags: {
    out: { kind: 'text', value: 'DIR', description: 'the run directory', default: 'runs/NAME-1', heading: 'Training' },
    config: {
      ...CONFIG_FLAG.config,
      description: 'settings, named like the flags, and optionally model and data; flags win',
      default: 'thaw.config.{ts,js,json,yaml}',
      heading: 'Training',
    },
    ...TRAIN_FLAGS,
    ...TRACKING_FLAGS,
  },
  examples: [
    'thaw train mobilenetv4-small images',
    'thaw train hf:Xenova/resnet-50 images --epochs 20 --target 0.98',
    "thaw train model.onnx images --trainable 'layer4.*,fc.*' --lr 3e-4",
    'thaw train --config runs/images-1/config.yaml --seed 2',
  ],
  async run({ positionals, values, terminal, signal }) {
    const { config, out, mlflow, experiment, logModel, ...flags } = values;
    const tracking = { mlflow, experiment, logModel };
    const file = await readConfigFile(config);
    const subject = modelAndDataOf('train', positionals, file);
    if (file.file) terminal.print(terminal.colours.dim(`config    ${file.file}`));
    const sinks = trackersOf(file, tracking);
    const display = new TrainingDisplay(terminal, subject.data);
    const { task, ...settings } = withFlags(file, flags);
    const outcome = await train(
      { ...subject, out: out ?? file.paths.out, task, settings },
      { onEvent: reportingRun(display.show), signal, sinks },
    );
    display.finish(outcome, resumeCommand(outcome.run, tracking));
    return outcome.status === 'interrupted' ? INTERRUPTED : 0;
  },
});
