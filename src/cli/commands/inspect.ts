import { inspectModel } from '../../node/commands/inspect.ts';
import { defineCommand } from '../command.ts';
import { INPUT_FLAG, OUTPUT_FLAG, PROCESSOR_FLAG, QUANTIZED_FLAG, REQUIRED_MODEL_ARGUMENT } from '../shared-flags.ts';
import { INSPECTION_INDENT, inspectionTable } from '../terminal/inspection.ts';
import { JobDisplay } from '../terminal/job.ts';

export const command = defineCommand({
  name: 'inspect',
  summary: 'show layer groups, head, unsupported operators, suggested stages, memory',
  positionals: [
    REQUIRED_MODEL_ARGUMENT,
    {
      name: 'data',
      description: 'labelled images, as for thaw train; the number of epochs in the plan depends on them',
      optional: true,
    },
  ],
  flags: {
    head: { kind: 'text', value: 'NAME', description: 'node or weight of the head', default: 'the last layer' },
    batch: { kind: 'number', value: 'N', description: 'batch size for the memory estimate', default: '16' },
    ...OUTPUT_FLAG,
    ...QUANTIZED_FLAG,
    ...INPUT_FLAG,
    ...PROCESSOR_FLAG,
  },
  examples: ['thaw inspect model.onnx', 'thaw inspect model.onnx images', 'thaw inspect model.onnx --json'],
  async run({ positionals: [model, data], values, terminal, signal }) {
    const { input, ...rest } = values;
    const inspection = await inspectModel(
      { model, data, inputs: input, ...rest },
      { onEvent: new JobDisplay(terminal).show, signal },
    );
    if (terminal.json) terminal.printJson(inspection);
    else terminal.print(inspectionTable(inspection).trimEnd(), INSPECTION_INDENT);
    return 0;
  },
});
