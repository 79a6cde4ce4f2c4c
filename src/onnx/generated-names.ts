/** Operators of PyTorch's graphs: its exporter names folded constants after them (`mul_12`, `full`, `_to_copy_3`). */
const FOLDED =
  'add alias arange cat clone convert_element_type cos detach div einsum embedding exp expand eye fill full full_like index lift_fresh ' +
  'linspace masked_fill matmul mul neg ones ones_like outer permute pow repeat reshape rsqrt rsub scalar scalar_tensor select sin slice sqrt ' +
  'squeeze stack sub tensor to transpose tril triu unsqueeze val view where zeros zeros_like';

const GENERATED: readonly RegExp[] = [
  // Numbers; the older PyTorch exporter (`onnx::Mul_12`, `/layer/Constant_3_output_0`); ONNX Runtime's optimizer.
  /^[\d_]+$/,
  /^onnx::/,
  /_output_\d+$/,
  /^ortshared_/,
  // The newer PyTorch exporter: `val_12`, `lifted_tensor_0`, `_tensor_constant1`.
  new RegExp(`^_?(to_copy|unsafe_view|${FOLDED.replaceAll(' ', '|')})(_default)?(_\\d+)?$`),
  /^(c_)?_?(lifted_tensor|tensor_constant)_?\d*$/,
  // Operands of TensorFlow's arithmetic (`batchnorm/add/y:0`), and constants by any name of that kind.
  /\/[xy](:\d+)?$/,
  /(^|[/._])const(ant)?([_\d]|_fold_opt)*(:\d+)?$/i,
];

/** Whether an exporter made up a tensor's name: parameters keep the path of their module. */
export const isGenerated = (name: string): boolean => GENERATED.some((pattern) => pattern.test(name));
