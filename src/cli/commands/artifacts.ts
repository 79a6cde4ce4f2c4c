import { LOSSES } from '../../compiler/losses/index.ts';
import { OPTIMIZERS } from '../../compiler/optimizers/index.ts';
import { ThawError } from '../../errors.ts';
import { writeArtifacts } from '../../node/commands/artifacts.ts';
import { quoted } from '../../node/commands/paths.ts';
import { compact, plural } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import {
  ANY_MODEL_WORD,
  INPUT_FLAG,
  OUTPUT_FLAG,
  only,
  PROCESSOR_FLAG,
  QUANTIZED_FLAG,
  underHeading,
} from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

/** The settings of `thaw train` that the graphs depend on. */
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

const compiled = underHeading(only(TRAIN_FLAGS, COMPILED), undefined);

export const command = defineCommand({
  name: 'artifacts',
  summary: 'only the compiler: training, evaluation and optimizer graphs, checkpoint, manifest',
  words: [ANY_MODEL_WORD],
  flags: {
    out: { kind: 'text', value: 'DIR', does: 'the folder to write; needed' },
    trainable: {
      kind: 'text',
      value: 'WHAT',
      does: 'head, last:N, all, a layer group, a glob or /regex/ on parameter names, or several with commas',
      default: 'head; with --lora all adapters too',
    },
    loss: {
      kind: 'setting',
      value: 'NAME',
      does: `${Object.keys(LOSSES).join(', ')}, or JSON with options`,
      default: 'cross-entropy',
    },
    optimizer: {
      kind: 'setting',
      value: 'NAME',
      does: `${Object.keys(OPTIMIZERS).join(', ')}, or JSON with options`,
      default: 'adamw',
    },
    classes: { kind: 'number', value: 'N', does: 'a new head for so many classes' },
    'keep-head': { kind: 'switch', does: "keep the model's own head", default: 'unless --classes is given' },
    head: { kind: 'text', value: 'NAME', does: "the head's node or weight", default: 'the last layer' },
    ...OUTPUT_FLAG,
    ...QUANTIZED_FLAG,
    ...INPUT_FLAG,
    ...compiled,
    ...PROCESSOR_FLAG,
    seed: { kind: 'number', value: 'N', does: 'of the new head and of adapters', default: '0' },
  },
  examples: [
    'thaw artifacts model.onnx --out artifacts --classes 10',
    'thaw artifacts model.onnx --out artifacts --trainable all --loss mse --optimizer sgd',
  ],
  async run({ words: [model], values, terminal, signal }) {
    const { out, classes, keepHead, input, ...rest } = values;
    if (out === undefined) throw new ThawError('bad-config', 'thaw artifacts needs --out DIR', 'Name a new folder');
    if (keepHead && classes !== undefined) {
      throw new ThawError('bad-config', '--keep-head and --classes contradict each other', 'Give one of them');
    }
    const manifest = await writeArtifacts(
      {
        ...rest,
        model,
        out,
        classes,
        inputs: input,
      },
      { onEvent: new JobDisplay(terminal).take, signal },
    );
    if (terminal.json) terminal.answer(manifest);
    const { parameters, operators } = manifest;
    terminal.say(
      `${quoted(out)}: ${plural(parameters.trainable.length, 'tensor')} train (${compact(parameters.trainableCount)} of ${compact(parameters.trainableCount + parameters.frozenCount)} parameters)`,
    );
    terminal.say(terminal.colours.dim(`operators: ${operators.training.join(', ')}`));
    return 0;
  },
});
