import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { FAMILIES, RULES } from '../../src/compiler/autodiff/registry.ts';
import { ZERO } from '../../src/compiler/autodiff/zero.ts';
import { MOST_STEPS } from '../../src/compiler/import/index.ts';

/** Limits of the rules, and their choices at points without a unique derivative. */
export const LIMITS: Readonly<Record<string, string>> = {
  Max: 'the largest inputs share the gradient',
  Min: 'the smallest inputs share the gradient',
  Cast: 'between float types; a gradient stops at integers',
  CastLike: 'between float types; a gradient stops at integers',
  Relu: 'zero at 0',
  Clip: 'zero at the bounds',
  ReduceMax: 'the largest elements share the gradient',
  ReduceMin: 'the smallest elements share the gradient',
  GlobalMaxPool: 'the largest elements share the gradient',
  Einsum: 'diagonals (a label twice in one operand) of axes of fixed size',
  Slice: 'axes known when compiling',
  Dropout:
    'rate known when compiling; in training mode, Thaw draws noise that can be repeated, and the finished model drops nothing',
  Pad: 'of the modes reflect, edge and wrap: pads known when compiling and not negative; those of reflect and wrap no wider than the axis; wrap along axes of fixed size',
  GatherND: 'indexed axes of fixed size',
  ScatterElements: '`reduction` max and min: equal elements share the gradient',
  ScatterND: 'as `ScatterElements`',
  TopK: 'both outputs have names',
  Conv: '`auto_pad` with strides along axes of fixed size (`--input name:shape`)',
  ConvTranspose: '`auto_pad` and `output_shape` along axes of fixed size',
  MaxPool: '`auto_pad` with strides along axes of fixed size; the first largest element of a window gets the gradient',
  AveragePool: '`auto_pad` with strides along axes of fixed size',
  LpPool: 'image size known when compiling',
  Resize: 'image size, sizes and scales known when compiling, and so the crop of `tf_crop_and_resize`',
  GridSample: 'images and volumes of known size',
  MaxUnpool: 'indices that differ from each other',
  MaxRoiPool: 'images of known size; the largest elements share the gradient, and regions get none',
  AffineGrid: 'size known when compiling',
  Col2Im: 'sizes known when compiling',
  DeformConv: 'images of known size; two axes',
  DFT: 'sizes known when compiling, if the length changes or the output is one-sided',
  STFT: 'signal length, step and frame length known when compiling',
  QuantizeLinear:
    'straight-through: the gradient ignores the rounding, and is zero for clipped values; one scale, or one for each slice, known when compiling; to int8, uint8, int16, uint16',
  DequantizeLinear: 'after `QuantizeLinear`; the scale is known when compiling, and does not train',
  'com.microsoft.QuantizeLinear': 'as `QuantizeLinear`',
  'com.microsoft.DequantizeLinear': 'as `DequantizeLinear`',
  RoiAlign: 'images of known size; mode max as ONNX Runtime computes it, the largest of the weighted neighbours',
  GroupNormalization: 'image size known when compiling',
  LRN: 'image size known when compiling',
  RNN: 'a fixed number of steps is unrolled, any other is a loop; no `layout`, for which ONNX Runtime has no kernel',
  GRU: 'as `RNN`',
  LSTM: 'as `RNN`',
  'com.microsoft.Attention': 'no masks with start positions or four axes, no past, no rotary embeddings',
  'com.microsoft.MultiHeadAttention':
    'separate queries, keys and values; no masks with start positions, no past; the scores are not used as a result',
  'com.microsoft.GridSample': 'as `GridSample`',
  'com.microsoft.GroupQueryAttention': 'no past, no sink, no quantized cache; the scores are not used as a result',
  'com.microsoft.RotaryEmbedding': 'no packed batches, no scale',
  'com.microsoft.CausalConvWithState': 'one axis of fixed length',
  'com.microsoft.ConvTransposeWithDynamicPads': 'as `ConvTranspose`; pads known when compiling',
  'com.microsoft.CropAndResize': 'images and crops of known size',
  'com.microsoft.GatherND': 'as `GatherND`',
  'com.microsoft.Pad': 'as `Pad`',
  'com.microsoft.TransposeMatMul': 'as `com.microsoft.FusedMatMul`',
  'com.microsoft.UnfoldTensor': 'axis of fixed size',
  'com.microsoft.FusedMatMul': 'matrices, not vectors; without `transBatchA` and `transBatchB`',
  'com.microsoft.FusedConv': 'as `Conv`; activations Relu, LeakyRelu, Sigmoid, Tanh, HardSigmoid, Clip',
  'com.microsoft.FusedGemm': 'activations as `com.microsoft.FusedConv`',
  'com.microsoft.SkipLayerNormalization': 'the outputs for mean and standard deviation are not used',
};

const table = (operators: readonly string[], prefix = ''): string =>
  [
    '| operator | limits |',
    '| --- | --- |',
    ...[...operators].sort().map((op) => `| \`${prefix}${op}\` | ${LIMITS[prefix + op] ?? ''} |`),
  ].join('\n');

const capitalized = (word: string) => word[0].toUpperCase() + word.slice(1);

/** The page `docs/operators.md`. */
export function operatorsPage(): string {
  const families = Object.entries(FAMILIES).map(
    ([name, rules]) => `### ${capitalized(name)}\n\n${table(Object.keys(rules))}`,
  );
  const count = Object.keys(RULES['']).length + Object.keys(RULES['com.microsoft']).length;
  return `# Operators that can be trained through

<!-- Written by \`npx tsx scripts/build/operators-doc.ts\` from the rules in src/compiler/autodiff; do not edit. -->

Training a layer needs the gradient of every operator between it and the loss. Thaw has gradient rules for ${count} operators. For
${ZERO[''].length} more, the gradient is zero. The test suite compares every rule with central differences. Straight-through rules, such as that of
\`QuantizeLinear\`, are compared with the gradient of the same operator without rounding.

The rules are written for operator set 18 and later. Thaw converts models of operator sets 9 to 17 to 18 in memory. If an operator has
no rule, the layers before it cannot train, and all others can. \`thaw inspect\` names the operator and its node in advance.
Whole networks are compared with PyTorch: [networks.md](networks.md).

## Rules

Unless the table states a limit, a rule covers all attributes and optional inputs, and any dimension may be symbolic. Inputs such as axes and
pads must be known when compiling. Constants are, and so are values that are computed from constants and fixed shapes.

${families.join('\n\n')}

### Operators of ONNX Runtime (com.microsoft)

${table(Object.keys(RULES['com.microsoft']), 'com.microsoft.')}

## Operators with a zero gradient

These operators are piecewise constant, or their outputs are integers, booleans or shapes. Their gradient is zero. A layer before one of them
trains only if another path leads from it to the loss. Operators in neither list have no gradient, and layers before them cannot train. This
includes operators on sequences, optionals and integers.

${[...ZERO['']]
  .sort()
  .map((op) => `\`${op}\``)
  .join(', ')}

## Branches, loops, sequences and quantized models

- **\`If\`**: if the condition is known when compiling, the taken branch replaces the operator. Otherwise both branches are computed, and the
  condition selects a result. This works if both branches run on any data and give results of one shape.
- **\`Loop\` and \`Scan\`**: if the number of steps is known and at most ${MOST_STEPS}, the steps are unrolled.
- **Other \`Loop\`s**: the loop stores the values of each step, and a second loop runs backwards through the steps. The number of steps and the
  condition may depend on data. The shapes must stay the same from step to step, and the loop must not contain another loop or branch.
- **Other subgraphs** get no gradient.
- **Sequences** with known members are replaced by tensors, such as those of \`SequenceConstruct\` and of \`SplitToSequence\` with a fixed size.
  Other sequences are an error.
- **Quantized models**: models with \`QuantizeLinear\` and \`DequantizeLinear\` around float operators can train (\`--quantized straight-through\`).
  Models with integer operators, such as \`QLinearConv\` and \`MatMulInteger\`, cannot.
`;
}

export const PAGE = new URL('../../docs/operators.md', import.meta.url);

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, operatorsPage());
