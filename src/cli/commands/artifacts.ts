import { LOSSES } from '../../compiler/losses/index.ts';
import { OPTIMIZERS } from '../../compiler/optimizers/index.ts';
import { ThawError } from '../../errors.ts';
import { writeArtifacts } from '../../node/commands/artifacts.ts';
import { quoted } from '../../node/commands/paths.ts';
import { compact, plural } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import {
  INPUT_FLAG,
  OUTPUT_FLAG,
  only,
  PROCESSOR_FLAG,
  QUANTIZED_FLAG,
  REQUIRED_MODEL_ARGUMENT,
  withHeading,
} from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** Settings of `thaw train` that change the graphs. */
const COMPILED = [
  'lora',
  'batch-norm',
  'recompute',
  'layer-decay',
  'clip',
  'l1',
  'l2',
  'l2sp',
  'dropout',
  'stochastic-depth',
  'distill',
] as const;

const compiled = withHeading(only(TRAIN_FLAGS, COMPILED), undefined);

export const command = defineCommand({
  name: 'artifacts',
  summary: 'compile only: write the training, evaluation and optimizer graphs',
  positionals: [REQUIRED_MODEL_ARGUMENT],
  flags: {
    out: { kind: 'text', value: 'DIR', description: 'output folder (required)' },
    trainable: {
      kind: 'text',
      value: 'WHAT',
      description: 'head, last:N, all, a layer group, a glob or /regex/ on parameter names, or a comma-separated list',
      default: 'head; with --lora also all adapters',
    },
    loss: {
      kind: 'setting',
      value: 'NAME',
      description: `${Object.keys(LOSSES).join(', ')}, or JSON with options`,
      default: 'cross-entropy',
    },
    optimizer: {
      kind: 'setting',
      value: 'NAME',
      description: `${Object.keys(OPTIMIZERS).join(', ')}, or JSON with options`,
      default: 'adamw',
    },
    classes: { kind: 'number', value: 'N', description: 'number of classes of a new head' },
    'keep-head': { kind: 'switch', description: "keep the model's own head", default: 'unless --classes is given' },
    head: { kind: 'text', value: 'NAME', description: 'node or weight of the head', default: 'the last layer' },
    ...OUTPUT_FLAG,
    ...QUANTIZED_FLAG,
    ...INPUT_FLAG,
    ...compiled,
    ...PROCESSOR_FLAG,
    seed: { kind: 'number', value: 'N', description: 'seed for the new head and the adapters', default: '0' },
  },
  examples: [
    'thaw artifacts model.onnx --out artifacts --classes 10',
    'thaw artifacts model.onnx --out artifacts --trainable all --loss mse --optimizer sgd',
  ],
  async run({ positionals: [model], values, terminal, signal }) {
    const { out, classes, keepHead, input, ...rest } = values;
    if (out === undefined)
      throw new ThawError('bad-config', 'thaw artifacts needs --out DIR', 'Give --out with a new folder');
    if (keepHead && classes !== undefined) {
      throw new ThawError('bad-config', '--keep-head and --classes contradict each other', 'Remove one of them');
    }
    const manifest = await writeArtifacts(
      {
        ...rest,
        model,
        out,
        classes,
        inputs: input,
      },
      { onEvent: new JobDisplay(terminal).show, signal },
    );
    if (terminal.json) terminal.printJson(manifest);
    const { parameters, operators } = manifest;
    terminal.print(
      `${quoted(out)}: trains ${plural(parameters.trainable.length, 'tensor')} (${compact(parameters.trainableCount)} of ${compact(parameters.trainableCount + parameters.frozenCount)} parameters)`,
    );
    terminal.print(terminal.colours.dim(`operators used: ${operators.training.join(', ')}`));
    return 0;
  },
});
