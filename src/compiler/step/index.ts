export { evaluationModel, optimizerModel, trainingModel } from './artifact-models.ts';
export { finish } from './assemble.ts';
export type { Distillation } from './distillation.ts';
export { dependsOnData, frozenBoundary, frozenModel, prefixModel, sizesModel } from './frozen.ts';
export { type Manifest, manifestOf } from './manifest.ts';
export { type GraphMemory, graphMemory, type TypeOf, valueBytes } from './memory.ts';
export { type DropoutPlan, PLAN_DEFAULTS, type Proximity, slotsOf, type TrainingPlan } from './plan.ts';
export { repeated } from './repeated.ts';
export { replaceable } from './replaceable.ts';
export {
  readSafetensors,
  type Safetensors,
  safetensorsParts,
  safetensorsPieces,
  writeSafetensors,
} from './safetensors.ts';
export { evaluationStep, type StepModels, stepModels } from './step-models.ts';
export { AVERAGE_WEIGHT, averageOf, decays, isAverage, isSum, SAMPLES, sumOf } from './update.ts';
