export { type Adapter, adapterNames, type LoraOptions, mergeAdapters, placeAdapters } from './adapters/index.ts';
export { addHead, type EncoderHead, isClassifier, type Pooling, poolings } from './add-head.ts';
export { checkWeights } from './finite.ts';
export { dataFlow, neededFor, reachedFrom } from './flow.ts';
export { groupsOf, type LayerGroup } from './groups.ts';
export { findHead, type Head, headOf } from './head.ts';
export type { NewHead } from './head-rows.ts';
export {
  type BatchNormState,
  type Inspection,
  type InspectionOptions,
  inspect,
} from './inspect.ts';
export { type InspectedMemory, megabytes } from './memory.ts';
export { describeOmissions, type Omission, omissionsOf } from './omissions.ts';
export { hoistConstants, surveyParameters } from './parameters.ts';
export { type Place, placesOf, selectPlaces } from './places.ts';
export { lastGroups, SUGGESTED_GROUPS, type SuggestedStage, suggestPlan } from './plan.ts';
export { replaceHead } from './replace-head.ts';
export { type Residual, residualsOf } from './residuals.ts';
export { type Selection, selectionText, selectParameters, slowPatterns } from './selection.ts';
export { beforeUnits, type Tail, type TailKind, type TailStep, withoutTail, withTail } from './tail.ts';
export { type Teacher, withTeacher } from './teacher.ts';
export { describeObstacle, type Obstacle, obstaclesOf, refuseCutOff, trainableGroups } from './trainability.ts';
