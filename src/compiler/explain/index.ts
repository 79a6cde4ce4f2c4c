export { type ExplainGraph, type ExplainPlan, explainGraph, suitableMethod } from './explain.ts';
export { type ExplainMethod, explainMethods } from './methods.ts';
export type { InputImages } from './spatial.ts';
