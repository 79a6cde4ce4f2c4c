/** The methods that explain a score, by name. */
export const explainMethods = ['grad-cam', 'grad-cam++', 'attention', 'rollout', 'integrated-gradients'] as const;
export type ExplainMethod = (typeof explainMethods)[number];
