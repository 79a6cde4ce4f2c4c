import type { Node } from '../../onnx/index.ts';
import { ADJOINT_DOMAIN } from './adjoint.ts';
import type { Rule, Rules } from './rule.ts';
import { activations } from './rules/activations.ts';
import { arithmetic } from './rules/arithmetic.ts';
import { attention } from './rules/attention.ts';
import { batchStatistics } from './rules/batch-statistics.ts';
import { convolution } from './rules/convolution.ts';
import { deformable } from './rules/deformable.ts';
import { einsum } from './rules/einsum.ts';
import { fourier } from './rules/fourier.ts';
import { fusedAttention } from './rules/fused-attention.ts';
import { affineGrid, gridSample } from './rules/grid-sample.ts';
import { indexing } from './rules/indexing.ts';
import { losses } from './rules/losses.ts';
import { matrices } from './rules/matrices.ts';
import { microsoft } from './rules/microsoft.ts';
import { normalization } from './rules/normalization.ts';
import { padding } from './rules/padding.ts';
import { pooling } from './rules/pooling.ts';
import { quantization } from './rules/quantization.ts';
import { recurrence } from './rules/recurrence.ts';
import { reductions } from './rules/reductions.ts';
import { resampling } from './rules/resampling.ts';
import { fusedRotaryEmbedding, rotaryEmbedding } from './rules/rotary.ts';
import { cropping, sampling } from './rules/sampling.ts';
import { shapes } from './rules/shapes.ts';
import { trigonometry } from './rules/trigonometry.ts';
import { operatorName, UnsupportedOperator } from './unsupported.ts';
import { ZERO } from './zero.ts';

/** Rules of the ONNX standard by family. */
export const FAMILIES: Readonly<Record<string, Rules>> = {
  arithmetic,
  trigonometry,
  activations,
  reductions,
  matrices,
  einsum,
  shapes,
  padding,
  indexing,
  convolution: { ...convolution, ...deformable },
  pooling,
  resampling,
  sampling: { ...affineGrid, ...gridSample, ...sampling },
  normalization,
  attention: { ...attention, ...rotaryEmbedding },
  recurrence,
  fourier,
  losses,
  quantization,
};

/** Rules by domain ('' is the ONNX standard), for the newest version of each operator: older models are upgraded first. */
export const RULES: Readonly<Record<string, Rules>> = {
  '': Object.assign({}, ...Object.values(FAMILIES)),
  'com.microsoft': {
    ...microsoft,
    ...cropping,
    ...fusedAttention,
    ...fusedRotaryEmbedding,
    ...gridSample,
    ...quantization,
  },
  [ADJOINT_DOMAIN]: batchStatistics,
};

/** Whether an operator has a gradient rule, a gradient of zero by nature, or neither. In the last case, nothing before it can train. */
export function differentiability(op: string, domain = ''): 'rule' | 'zero' | 'none' {
  if (hasRule(op, domain)) return 'rule';
  return Object.hasOwn(ZERO, domain) && ZERO[domain].includes(op) ? 'zero' : 'none';
}

const hasRule = (op: string, domain = ''): boolean => Object.hasOwn(RULES, domain) && Object.hasOwn(RULES[domain], op);

const noGradient: Rule = () => [];

export function ruleFor(node: Node): Rule {
  const kind = differentiability(node.op, node.domain);
  if (kind !== 'none') return kind === 'rule' ? RULES[node.domain][node.op] : noGradient;
  throw new UnsupportedOperator(node, `there is no rule for ${operatorName(node)}`);
}
