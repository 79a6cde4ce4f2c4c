/**
 * Session entries (`session.*` in `onnxruntime_session_options_config_keys.h`) that make a quantized model exact.
 *
 * ONNX Runtime fuses the float operators between `DequantizeLinear` and `QuantizeLinear` into integer kernels. On x64 processors without
 * VNNI, the kernels for uint8 activations and int8 weights add pairs of products in 16 bits, and the sums saturate. These entries disable
 * the fusion. Operators that are integer in the file (`QLinearConv`, `MatMulInteger`, …) get uint8 weights instead of int8 on those
 * processors.
 */
export const withoutIntegerKernels = { disable_quant_qdq: '1', x64quantprecision: '1' } as const;
