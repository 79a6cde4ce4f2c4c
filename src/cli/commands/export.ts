import { ThawError } from '../../errors.ts';
import { exportRun } from '../../node/commands/export.ts';
import { decimal, percent, plural } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { PROCESSOR_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'export',
  summary: 'the model of a run in another form',
  description:
    "Without a flag: plain ONNX with the source's own names, in the run. --fp16 and --quantize write smaller weights beside the model to ship, where transformers.js finds them by dtype.",
  words: [{ name: 'run', does: 'a run; of one that is not finished, the best epoch so far' }],
  flags: {
    quantize: { kind: 'switch', does: "int8 weights with a scale a channel (transformers.js: dtype 'q8')" },
    fp16: { kind: 'switch', does: "float16 weights (transformers.js: dtype 'fp16')" },
    out: { kind: 'text', value: 'FILE', does: 'the .onnx file to write', default: 'in the run' },
    ...PROCESSOR_FLAG,
  },
  examples: ['thaw export runs/images-1', 'thaw export runs/images-1 --quantize'],
  async run({ words: [run], values, terminal, signal }) {
    const { quantize, fp16, out, device } = values;
    if (quantize && fp16) {
      throw new ThawError('bad-config', '--quantize and --fp16 contradict each other', 'Give one of them');
    }
    const form = quantize ? 'int8' : fp16 ? 'fp16' : undefined;
    const outcome = await exportRun({ run, form, out, device }, { onEvent: new JobDisplay(terminal).take, signal });
    if (terminal.json) terminal.answer(outcome);
    const { file, bytes, verification } = outcome;
    terminal.say(`${file}: ${(bytes / 1e6).toFixed(1)} MB`);
    if (verification) {
      const { agreement, samples, maxDifference } = verification;
      terminal.say(
        `It agrees with the model that the run ships on ${percent(agreement)} of ${plural(samples, 'validation image')} (probabilities to ${decimal(maxDifference)})`,
      );
    }
    return 0;
  },
});
