/** How unsure a model is about a sample. */
export interface Doubt {
  /** Entropy of its probabilities, from 0 (sure) to 1 (all equally probable). For several labels, the mean over the labels. */
  readonly entropy: number;
  /** Probability of the first class minus that of the second. For several labels, the distance of the nearest one to its threshold. */
  readonly margin: number;
  /** Output of the most probable class and of the second one. For several labels, only the label that is nearest to its threshold. */
  readonly outputs: readonly number[];
  /** Their probabilities. */
  readonly probabilities: readonly number[];
}

/** −p·ln p, continued at 0. */
const information = (p: number): number => (p > 0 ? -p * Math.log(p) : 0);

/** H(p) / ln C and p₁ − p₂ of the classes' probabilities, which sum to 1. */
export function doubtBetweenClasses(probabilities: ArrayLike<number>): Doubt {
  let [first, second] = [-1, -1];
  let entropy = 0;
  for (let c = 0; c < probabilities.length; c++) {
    const p = probabilities[c];
    entropy += information(p);
    if (first < 0 || p > probabilities[first]) [first, second] = [c, first];
    else if (second < 0 || p > probabilities[second]) second = c;
  }
  const outputs = second < 0 ? [first] : [first, second];
  const ranked = outputs.map((c) => probabilities[c]);
  return {
    entropy: probabilities.length > 1 ? entropy / Math.log(probabilities.length) : 0,
    margin: ranked[0] - (ranked[1] ?? 0),
    outputs,
    probabilities: ranked,
  };
}

/** The mean of H(p) / ln 2 over independent labels, and the smallest |p − threshold|. */
export function doubtOfLabels(probabilities: ArrayLike<number>, thresholds: readonly number[]): Doubt {
  let nearest = 0;
  let entropy = 0;
  const distance = (c: number) => Math.abs(probabilities[c] - thresholds[c]);
  for (let c = 0; c < probabilities.length; c++) {
    entropy += information(probabilities[c]) + information(1 - probabilities[c]);
    if (distance(c) < distance(nearest)) nearest = c;
  }
  return {
    entropy: entropy / (probabilities.length * Math.LN2),
    margin: distance(nearest),
    outputs: [nearest],
    probabilities: [probabilities[nearest]],
  };
}
