import { percent, plural } from './format.ts';

/** How ONNX Runtime's integer kernels, its default, answer for a quantized model on the processor that trained it. */
export interface IntegerKernels {
  readonly samples: number;
  /** Largest difference of a probability (or of the task's own score) from the exact model. */
  readonly maxDifference: number;
  /** Share of the samples with the same answer, 0 to 1. */
  readonly agreement: number;
}

/** A section of the model card: what programs that run a quantized model have to set. Nothing for other models. */
export const quantizedUse = (kernels: IntegerKernels | undefined): string =>
  kernels
    ? `
## Quantized arithmetic

This model rounds values to integers. Its scores were measured as the ONNX standard defines them. ONNX Runtime's default session uses integer kernels instead: on the processor that trained it, they gave the same answer for ${percent(kernels.agreement)} of ${plural(kernels.samples, 'sample')} (largest difference ${kernels.maxDifference.toFixed(3)}).

On x64 processors without VNNI, the integer kernels saturate if weights are int8, and answers can be wrong. Set \`session.x64quantprecision\` to 1 there. It does no harm on other processors.

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
