/** Valid and invalid sizes, numbers and names for mutations of a model. The results of a seed depend on their order. */
import { NAMES } from './mutate.ts';

export const SIZES: readonly number[] = [-1, 0, 1, 2, 3, 4, 5, 7, 8, 64, 1000, 4096, -3, 2 ** 31, 2 ** 40, 2 ** 53];
export const INTEGERS: readonly number[] = [
  0,
  1,
  -1,
  2,
  -2,
  3,
  4,
  5,
  7,
  9,
  10,
  64,
  255,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 53,
  -(2 ** 62),
];
export const FLOATS: readonly number[] = [0, 1, -1, 0.5, 1e-30, 1e30, -1e30, Number.NaN, Infinity, -Infinity, 2, 100];
export const STRINGS: readonly string[] = [
  ...NAMES,
  'nearest',
  'linear',
  'cubic',
  'SAME_UPPER',
  'VALID',
  'tanh',
  'none',
  'ij,jk->ik',
  'reflect',
  'edge',
  'sum',
];

/** Names with a meaning in Thaw's own graphs. */
export const VALUE_NAMES: readonly string[] = [
  ...NAMES,
  'loss',
  'labels',
  'lr',
  'step',
  'momentum',
  'fc.weight.grad',
  'fc.weight.next',
  'conv1.weight.exp_avg',
  'r/thaw_shape',
  'batch',
  'a*b',
  'teacher/x',
  'thaw.units/Mul',
  'valueOf',
  'then',
];
export const SYMBOLS: readonly string[] = [
  'batch',
  'N',
  'sequence',
  '',
  '2*batch',
  '*',
  '__proto__',
  'constructor',
  '3',
  'a+1',
  '-1',
];

export const OPERATORS =
  `Relu Neg Abs Exp Log Sqrt Sigmoid Tanh Erf Softmax LogSoftmax Identity Cast Shape Size Flatten Reshape Transpose Squeeze
Unsqueeze Expand Tile Concat Split Slice Gather GatherElements GatherND ScatterElements Pad Resize Upsample TopK ArgMax NonZero OneHot Range
ConstantOfShape Constant Where Equal Less And Not Add Sub Mul Div Pow Mod Max Min Sum Mean MatMul Gemm Einsum Conv ConvTranspose MaxPool
AveragePool GlobalAveragePool GlobalMaxPool LpPool BatchNormalization LayerNormalization InstanceNormalization GroupNormalization LRN
ReduceSum ReduceMean ReduceMax ReduceProd ReduceL2 ReduceLogSumExp CumSum Clip LeakyRelu Elu Selu PRelu Gelu HardSigmoid HardSwish Mish
Softplus Celu ThresholdedRelu Dropout If Loop Scan LSTM GRU RNN QuantizeLinear DequantizeLinear DynamicQuantizeLinear RandomNormalLike
Bernoulli Trilu EyeLike DepthToSpace SpaceToDepth ReverseSequence GridSample RoiAlign Det Hardmax Attention constructor toString __proto__
FusedMatMul BiasGelu Own`
    .trim()
    .split(/\s+/);
export const DOMAINS: readonly string[] = [
  '',
  'ai.onnx',
  'com.microsoft',
  'com.microsoft.nchwc',
  'thaw',
  'own',
  '__proto__',
  'constructor',
];
export const ATTRIBUTES =
  'axis axes perm keepdims transA transB alpha beta kernel_shape strides pads dilations group ceil_mode auto_pad epsilon to mode shape split num_outputs equation k largest allowzero training_mode value value_ints value_floats body then_branch else_branch num_scan_inputs scan_input_axes scan_output_directions hidden_size direction activations momentum count_include_pad output_padding stash_type spatial ratio min max scales starts ends'.split(
    ' ',
  );
