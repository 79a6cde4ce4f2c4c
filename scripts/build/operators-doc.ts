import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { FAMILIES, RULES } from '../../src/compiler/autodiff/registry.ts';
import { ZERO } from '../../src/compiler/autodiff/zero.ts';
import { MOST_STEPS } from '../../src/compiler/import/index.ts';

/** What a rule does not cover, or how it chooses where the derivative is not unique. */
export const LIMITS: Readonly<Record<string, string>> = {
  Max: 'the greatest inputs share the gradient',
  Min: 'the least inputs share the gradient',
  Cast: 'between float types; a gradient stops at integers',
  CastLike: 'between float types; a gradient stops at integers',
  Relu: 'zero at 0',
  Clip: 'zero at the bounds',
  ReduceMax: 'the greatest elements share the gradient',
  ReduceMin: 'the least elements share the gradient',
  GlobalMaxPool: 'the greatest elements share the gradient',
  Einsum: 'diagonals (a label twice in one operand) of axes of fixed size',
  Slice: 'axes known when compiling',
  Dropout:
    'rate known when compiling; in training mode, Thaw draws noise that can be repeated, and the finished model drops nothing',
  Pad: 'of the modes reflect, edge and wrap: pads known when compiling and not negative; those of reflect and wrap no wider than the axis; wrap along axes of fixed size',
  GatherND: 'indexed axes of fixed size',
  ScatterElements: '`reduction` max and min: the equal ones share the gradient',
  ScatterND: 'as `ScatterElements`',
  TopK: 'both outputs have names',
  Conv: '`auto_pad` with strides along axes of fixed size (`--input name:shape`)',
  ConvTranspose: '`auto_pad` and `output_shape` along axes of fixed size',
  MaxPool:
    '`auto_pad` with strides along axes of fixed size; the first greatest element of a window takes the gradient',
  AveragePool: '`auto_pad` with strides along axes of fixed size',
  LpPool: 'image size known when compiling',
  Resize: 'image size, sizes and scales known when compiling, and so the crop of `tf_crop_and_resize`',
  GridSample: 'images and volumes of known size',
  MaxUnpool: 'indices that differ from each other',
  MaxRoiPool: 'images of known size; the greatest elements share the gradient, and regions get none',
  AffineGrid: 'size known when compiling',
  Col2Im: 'sizes known when compiling',
  DeformConv: 'images of known size; two axes',
  DFT: 'sizes known when compiling, if the length changes or half is left out',
  STFT: 'signal length, step and frame length known when compiling',
  QuantizeLinear:
    'straight through: as if nothing were rounded, and zero where something is cut off; one scale, or one a slice, known when compiling; to int8, uint8, int16, uint16',
  DequantizeLinear: 'after `QuantizeLinear`; the scale is known when compiling, and does not train',
  'com.microsoft.QuantizeLinear': 'as `QuantizeLinear`',
  'com.microsoft.DequantizeLinear': 'as `DequantizeLinear`',
  RoiAlign: 'images of known size; mode max as ONNX Runtime computes it, the greatest of the weighted neighbours',
  GroupNormalization: 'image size known when compiling',
  LRN: 'image size known when compiling',
  RNN: 'a fixed number of steps is written out, any other is a loop; no `layout`, for which ONNX Runtime has no kernel',
  GRU: 'as `RNN`',
  LSTM: 'as `RNN`',
  'com.microsoft.Attention': 'no masks with starts or of four axes, no past, no rotary embeddings',
  'com.microsoft.MultiHeadAttention':
    'separate queries, keys and values; no masks with starts, no past; the scores are not used as a result',
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
  'com.microsoft.SkipLayerNormalization': 'the outputs for mean and deviation are not used',
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

Training a layer needs the gradient of every operator between it and the loss. Thaw has rules for ${count} operators; a gradient
of zero is declared for ${ZERO[''].length} more. Every rule is compared with central differences by the test suite; a rounding that gradients
pass straight through, with those of what it is taken for.

Rules are written for operator set 18 and later; models of operator sets 9 to 17 are brought to 18 in memory first. An operator
that is not listed stops only the layers before it from training: \`thaw inspect\` names it and the node in advance.
Whole networks are compared with PyTorch: [networks.md](networks.md).

## Rules

Unless the table says otherwise, all attributes and optional inputs are covered, and any dimension may be symbolic. Axes, pads and the like
that are inputs must be known when compiling, which those computed from constants and fixed shapes are.

${families.join('\n\n')}

### Operators of ONNX Runtime (com.microsoft)

${table(Object.keys(RULES['com.microsoft']), 'com.microsoft.')}

## Zero by nature

Constant between jumps, or of integers, booleans and shapes. A gradient stops here, and so does training of what lies before,
if nothing leads around. Any other operator without a rule refuses to train what lies before it, whatever it computes: sequences, optionals
and whole numbers included.

${[...ZERO['']]
  .sort()
  .map((op) => `\`${op}\``)
  .join(', ')}

\`If\` with a condition that is known when compiling is replaced by the branch that is taken. If the condition is computed, both branches
are computed and one is chosen, provided that both run on any data and give results of one shape. A \`Loop\` or \`Scan\` whose number of
steps is known, ${MOST_STEPS} at most, is replaced by its steps, written out. Gradients follow any other \`Loop\` too, also one whose number of steps or condition
is computed from data: the loop remembers the values of each step, and a second loop runs through the steps from the last to the first. The
values in it keep their shapes from step to step, and it contains no loop or branch. Otherwise no gradient follows into subgraphs. Sequences whose members are known (\`SplitToSequence\` of a fixed size, \`SequenceConstruct\`, \`SequenceAt\`,
\`ConcatFromSequence\` and the others) are replaced by tensors; other sequences are refused. Operators that compute in whole numbers (\`QLinearConv\`, \`MatMulInteger\`, …) are in neither list: a model quantized
with \`QuantizeLinear\` and \`DequantizeLinear\` around float operators can be trained (\`--quantized straight-through\`), others not.
`;
}

export const PAGE = new URL('../../docs/operators.md', import.meta.url);

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, operatorsPage());
