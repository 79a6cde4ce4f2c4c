import type { Attribute } from './model.ts';

type Kind = Attribute['kind'];

const words = (all: string): readonly string[] => all.trim().split(/\s+/);

/**
 * The kinds of attributes of standard operators, by name. All operators and versions agree (ONNX 1.23's schemas), except for those in
 * `SEVERAL`. ONNX Runtime checks names that are missing here.
 */
const NAMES: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  int: words(`
    align_corners allowzero antialias axis batch_axis batch_dims block_size blocksize broadcast ceil_mode center_point_box chunk_size
    count_include_pad detect_negative detect_positive dtype end exclude_outside exclusive fmod group hidden_size ignore_index input_forget
    interleaved inverse is_case_sensitive is_causal is_test k keepdims kv_num_heads largest layout left_window_size linear_before_reset
    max_gram_length max_skip_count maxsplit min_gram_length new_axis noop_with_empty_axes num_groups num_heads num_outputs num_scan_inputs
    offset_group onesided output_datatype output_dtype output_height output_sequence output_width periodic precision q_num_heads
    qk_matmul_output_mode reverse right_window_size rotary_embedding_dim sample_size sampling_ratio saturate select_last_index size
    softmax_precision sorted spatial start stash_type storage_order time_axis training_mode transA transB upper value_int`),
  float: words(`
    alpha beta bias clip cubic_coeff_a epsilon extrapolation_value gamma height_scale high lambd low max mean min momentum ratio scale
    softcap spatial_scale value_float width_scale`),
  string: words(`
    activation approximate auto_pad case_change_action coordinate_transformation_mode delimiter direction equation
    keep_aspect_ratio_policy locale mode nearest_mode padding_mode pattern pixel_format reduction round_mode update_rule value_string`),
  graph: words('body else_branch then_branch'),
  ints: words(`
    axes consumed_inputs dilations directions ends kernel_shape ngram_counts ngram_indexes output_padding output_shape paddings pads perm
    pool_int64s pooled_shape scan_input_axes scan_input_directions scan_output_axes scan_output_directions shape split starts strides
    value_ints`),
  strings: words('activations pool_strings stopwords value_strings'),
  floats: words('activation_alpha activation_beta scales value_floats weights'),
  opaque: words('sparse_value type'),
};

const SEVERAL: Readonly<Record<string, readonly Kind[]>> = {
  to: ['int', 'string'],
  seed: ['float', 'int'],
  value: ['tensor', 'float'],
  p: ['float', 'int'],
};

const KINDS = new Map<string, readonly Kind[]>([
  ...Object.entries(NAMES).flatMap(([kind, names]) => names.map((name) => [name, [kind as Kind]] as const)),
  ...Object.entries(SEVERAL),
]);

/** Attributes that may have any 64-bit integer: "to the end", or contents. All others are sizes, axes, switches. */
const ANY_INTEGER = new Set(['starts', 'ends', 'value_int', 'value_ints', 'seed']);

/** Attributes that are 0 or 1. ONNX Runtime's kernels disagree on other numbers: some treat only 1 as on, others only 0 as off. */
const SWITCHES = new Set(
  words(`
    align_corners allowzero antialias broadcast ceil_mode center_point_box count_include_pad detect_negative detect_positive exclude_outside
    exclusive fmod input_forget interleaved inverse is_case_sensitive is_causal is_test keepdims largest linear_before_reset
    noop_with_empty_axes onesided output_sequence periodic reverse saturate select_last_index sorted spatial training_mode transA transB upper`),
);

/** What is wrong with an attribute of a standard operator, phrased to follow its name; undefined if it is correct. */
export function attributeFault(name: string, { kind, value }: Attribute): string | undefined {
  const kinds = KINDS.get(name);
  if (kinds && !kinds.includes(kind))
    return `is ${kind === 'opaque' ? 'not written as ONNX defines it' : `of the kind ${kind}`}, and has to be of the kind ${kinds.join(' or ')}`;
  if (SWITCHES.has(name)) return value === 0 || value === 1 ? undefined : `is ${String(value)}, but must be 0 or 1`;
  if (ANY_INTEGER.has(name)) return undefined;
  const integers = kind === 'int' ? [value] : kind === 'ints' ? value : [];
  const large = integers.find((integer) => typeof integer === 'bigint');
  return large === undefined ? undefined : `is ${large}, which no size or axis can be`;
}
