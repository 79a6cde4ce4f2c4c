import { merge } from '../../node/commands/merge.ts';
import { defineCommand } from '../command.ts';
import { PROCESSOR_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'merge',
  summary: 'merge the LoRA adapters of a run into the weights of a model',
  description:
    'A run with --lora ships the merged model and also keeps the adapters in adapters/, in the format of PEFT. So you can keep a small adapter file for each of many tasks, and recreate the full models with thaw merge.',
  positionals: [
    { name: 'model', description: 'the source model of the run' },
    { name: 'adapters', description: 'a run, its adapters folder, or its adapter_model.safetensors' },
  ],
  flags: {
    out: { kind: 'text', value: 'FILE', description: 'the .onnx file to write', default: 'next to the adapters' },
    ...PROCESSOR_FLAG,
  },
  examples: ['thaw merge model.onnx runs/images-1/adapters --out cats.onnx'],
  async run({ positionals: [model, adapters], values, terminal, signal }) {
    const outcome = await merge({ model, adapters, ...values }, { onEvent: new JobDisplay(terminal).show, signal });
    if (terminal.json) terminal.printJson(outcome);
    terminal.print(`${outcome.file}: ${(outcome.bytes / 1e6).toFixed(1)} MB, ${outcome.classes.length} classes`);
    return 0;
  },
});
