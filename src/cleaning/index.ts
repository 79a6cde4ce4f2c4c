export { confidentJoint, findLabelIssues, type LabelIssues, type Predicted } from './confident-learning.ts';
export { foldsOf } from './folds.ts';
export { fitLogisticRegression, type Labelled, probabilitiesOf } from './logistic-regression.ts';
export { type OutOfFoldOptions, outOfFoldProbabilities } from './out-of-fold.ts';
