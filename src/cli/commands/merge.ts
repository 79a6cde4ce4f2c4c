import { merge } from '../../node/commands/merge.ts';
import { defineCommand } from '../command.ts';
import { PROCESSOR_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'merge',
  summary: 'a model with the adapters of a run that trained with --lora worked into its weights',
  description:
    'A run with --lora ships the merged model already, and keeps its adapters beside it (adapters/, as PEFT writes them): a small file for each of many tasks, from which this makes the model again.',
  words: [
    { name: 'model', does: 'the model that the run began with' },
    { name: 'adapters', does: 'a run, its adapters folder, or the adapter_model.safetensors in it' },
  ],
  flags: {
    out: { kind: 'text', value: 'FILE', does: 'the .onnx file to write', default: 'beside the adapters' },
    ...PROCESSOR_FLAG,
  },
  examples: ['thaw merge model.onnx runs/images-1/adapters --out cats.onnx'],
  async run({ words: [model, adapters], values, terminal, signal }) {
    const outcome = await merge({ model, adapters, ...values }, { onEvent: new JobDisplay(terminal).take, signal });
    if (terminal.json) terminal.answer(outcome);
    terminal.say(`${outcome.file}: ${(outcome.bytes / 1e6).toFixed(1)} MB, ${outcome.classes.length} classes`);
    return 0;
  },
});
