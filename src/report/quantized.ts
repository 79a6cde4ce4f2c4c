import { percent, plural } from './format.ts';

/** Results of ONNX Runtime's default integer kernels for a quantized model, on the processor that trained it. */
export interface IntegerKernels {
  readonly samples: number;
  /** Largest difference of a probability (or of another score of the task) from the exact model. */
  readonly maxDifference: number;
  /** Share of the samples with the same answer, 0 to 1. */
  readonly agreement: number;
}

/** Section of the model card with settings for quantized models. Empty for other models. */
export const quantizedUse = (kernels: IntegerKernels | undefined): string =>
  kernels
    ? `
## Quantized arithmetic

This model rounds values to integers. Its scores were measured as the ONNX standard defines them. ONNX Runtime uses integer kernels by default. On the training machine, they gave the same answer for ${percent(kernels.agreement)} of ${plural(kernels.samples, 'sample')} (largest difference ${kernels.maxDifference.toFixed(3)}).

On x64 processors without VNNI, the integer kernels saturate for int8 weights, and answers can be wrong. To avoid this, set \`session.x64quantprecision\` to 1. It is harmless on other processors.

\`\`\`js
await pipeline(task, './model', { session_options: { extra: { session: { x64quantprecision: '1' } } } });
\`\`\`

\`\`\`python
options = onnxruntime.SessionOptions()
options.add_session_config_entry('session.x64quantprecision', '1')
session = onnxruntime.InferenceSession('onnx/model.onnx', options)
\`\`\`
`
    : '';
