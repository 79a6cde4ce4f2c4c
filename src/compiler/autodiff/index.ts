export { ADJOINT_DOMAIN, type ConvolutionAttributes, normalizeBatch } from './adjoint.ts';
export { decompose } from './decompose.ts';
export { dependents, differentiate } from './differentiate.ts';
export { gradientInputs, settingAt, smoothlyReaching } from './reach.ts';
export { canBeLate, type Recall } from './recompute.ts';
export { differentiability } from './registry.ts';
export type { InputGradient, Rule, RuleContext, Rules } from './rule.ts';
export { operatorName, UnsupportedOperator } from './unsupported.ts';
export { recomputed, recomputedFreely } from './worthwhile.ts';
