import { between, f32, fed, type Input, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/** Labels of 4 classes. The third label, −1, is not a class. */
const targets = (...sizes: number[]): Input => ({
  ...fed(ints([])),
  shape: ['batch', ...sizes],
  values: (_, count) => Array.from({ length: count }, (_, i) => [2, 0, -1, 3, 1][i % 5]),
});
/** Labels that are all valid. */
const classes = (...sizes: number[]): Input => ({
  ...targets(...sizes),
  values: (_, count) => Array.from({ length: count }, (_, i) => [2, 0, 1, 3, 1][i % 5]),
});
const weights = between(0.3, 2, 4);
const ignoring = { ignore_index: -1 };

export const losses: readonly Row[] = ['mean', 'sum', 'none'].flatMap((reduction): Row[] => [
  ['NegativeLogLikelihoodLoss', { reduction }, [f32('batch', 4), classes()]],
  ['NegativeLogLikelihoodLoss', { ...ignoring, reduction }, [f32('batch', 4, 2), targets(2), weights]],
  ['NegativeLogLikelihoodLoss', { ...ignoring, reduction }, [f32('batch', 4, 2, 2), targets(2, 2)]],
  ['SoftmaxCrossEntropyLoss', { reduction }, [f32('batch', 4), classes(), weights]],
  ['SoftmaxCrossEntropyLoss', { reduction }, [f32('batch', 4), { ...classes(), type: 'int32' }], { outputs: 2 }],
  ['SoftmaxCrossEntropyLoss', { ...ignoring, reduction }, [f32('batch', 4, 3), targets(3), omitted], { outputs: 2 }],
  ['SoftmaxCrossEntropyLoss', { ...ignoring, reduction }, [f32('batch', 4, 2, 2), targets(2, 2), weights]],
]);
