import { ThawError } from '../../errors.ts';
import { exportRun } from '../../node/commands/export.ts';
import { decimal, percent, plural } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { PROCESSOR_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'export',
  summary: 'export the model of a run in another format',
  description:
    'Without a flag, thaw export writes plain ONNX with the input and output names of the source model into the run. --fp16 and --quantize write smaller weights next to the shipped model, where transformers.js finds them by dtype.',
  positionals: [
    { name: 'run', description: 'a run directory; for an unfinished run, Thaw exports the best epoch so far' },
  ],
  flags: {
    quantize: { kind: 'switch', description: "int8 weights with one scale per channel (transformers.js: dtype 'q8')" },
    fp16: { kind: 'switch', description: "float16 weights (transformers.js: dtype 'fp16')" },
    out: { kind: 'text', value: 'FILE', description: 'output .onnx file', default: 'in the run' },
    ...PROCESSOR_FLAG,
  },
  examples: ['thaw export runs/images-1', 'thaw export runs/images-1 --quantize'],
  async run({ positionals: [run], values, terminal, signal }) {
    const { quantize, fp16, out, device } = values;
    if (quantize && fp16) {
      throw new ThawError('bad-config', '--quantize and --fp16 contradict each other', 'Remove one of them');
    }
    const form = quantize ? 'int8' : fp16 ? 'fp16' : undefined;
    const outcome = await exportRun({ run, form, out, device }, { onEvent: new JobDisplay(terminal).show, signal });
    if (terminal.json) terminal.printJson(outcome);
    const { file, bytes, verification } = outcome;
    terminal.print(`${file}: ${(bytes / 1e6).toFixed(1)} MB`);
    if (verification) {
      const { agreement, samples, maxDifference } = verification;
      terminal.print(
        `${percent(agreement)} of ${plural(samples, 'validation image')} get the same label as from the shipped model. The probabilities differ by at most ${decimal(maxDifference)}.`,
      );
    }
    return 0;
  },
});
