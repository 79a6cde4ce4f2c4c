import { inspectModel } from '../../node/commands/inspect.ts';
import { defineCommand } from '../command.ts';
import { ANY_MODEL_WORD, INPUT_FLAG, OUTPUT_FLAG, PROCESSOR_FLAG, QUANTIZED_FLAG } from '../shared-flags.ts';
import { inspectionTable } from '../terminal/inspection.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'inspect',
  summary: 'layer groups, head, unsupported operators, suggested stages, memory',
  words: [ANY_MODEL_WORD],
  flags: {
    head: { kind: 'text', value: 'NAME', does: "the head's node or weight", default: 'the last layer' },
    batch: { kind: 'number', value: 'N', does: 'for the estimate of memory', default: '16' },
    ...OUTPUT_FLAG,
    ...QUANTIZED_FLAG,
    ...INPUT_FLAG,
    ...PROCESSOR_FLAG,
  },
  examples: ['thaw inspect model.onnx', 'thaw inspect model.onnx --json'],
  async run({ words: [model], values, terminal, signal }) {
    const { input, ...rest } = values;
    const inspection = await inspectModel(
      { model, inputs: input, ...rest },
      { onEvent: new JobDisplay(terminal).take, signal },
    );
    if (terminal.json) terminal.answer(inspection);
    else terminal.say(inspectionTable(inspection, inspection.memory).trimEnd());
    return 0;
  },
});
