/** Finds what is wrong with a data set, on any platform. */
export { cleanedRows, type DataTable, type Decision, proposalOf } from './cleaned.ts';
export { confidentJoint, findLabelIssues, type LabelIssues, type Predicted } from './confident-learning.ts';
export { fitDiscriminant } from './discriminant.ts';
export { type Comparable, Comparison, duplicateGroups } from './duplicates.ts';
export type { Features } from './features.ts';
export {
  type CleaningSample,
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  type Findings,
  type FindingsOptions,
  findIssues,
  type RankedLabel,
} from './findings.ts';
export { type Fingerprint, fingerprintOf, hashDistance, likeness } from './fingerprint.ts';
export { foldsOf } from './folds.ts';
export { HashIndex, RADIUS } from './hash-index.ts';
export {
  findBadImages,
  type ImageMeasures,
  MEASURED,
  measureImage,
  QUALITY_LIMITS,
  type QualityLimits,
} from './image-quality.ts';
export { fitLogisticRegression, type Labelled, probabilitiesOf } from './logistic-regression.ts';
export { type OutOfFoldOptions, outOfFoldProbabilities } from './out-of-fold.ts';
export { findOutliers } from './outliers.ts';
export { findBadTexts, normalizedText } from './text-quality.ts';
