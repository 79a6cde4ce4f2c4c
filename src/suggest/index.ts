/** Which samples to label next. */
export { type Candidates, type Choice, choose, needs, type Strategy, strategies } from './choose.ts';
export { type Doubt, doubtBetweenClasses, doubtOfLabels } from './doubt.ts';
export { normalize, Projection, rowOf, rowsIn, rowsOf, type Vectors } from './vectors.ts';
