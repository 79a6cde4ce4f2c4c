/**
 * Confident learning (Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021). The results equal
 * those of cleanlab's `find_label_issues` with its default filter, `prune_by_noise_rate`.
 */

/** Class probabilities of samples, each from a classifier that was not trained on the sample. */
export interface Predicted {
  /** `[N, classes]` in row order. */
  readonly probabilities: Float64Array;
  /** The given labels. */
  readonly labels: readonly number[];
  readonly classes: number;
}

export interface LabelIssues {
  /** Indices of samples that probably have a wrong label, the least plausible label first. */
  readonly issues: readonly number[];
  /** All indices, the least plausible label first. */
  readonly ranking: readonly number[];
  /** The probability of each sample's given label. */
  readonly selfConfidence: Float64Array;
  /** From 0 to 1: 0.5 if the given label is as probable as the most probable other one. */
  readonly normalizedMargin: Float64Array;
  /** The most probable class of each sample. */
  readonly predicted: readonly number[];
}

/** Tolerance of comparisons, as in cleanlab. */
const CLOSE = 1e-6;

/** Finds probably wrong labels, and ranks all labels by self-confidence. */
export function findLabelIssues(given: Predicted): LabelIssues {
  const { probabilities, labels, classes } = given;
  const at = (i: number, c: number) => probabilities[i * classes + c];
  const selfConfidence = Float64Array.from(labels, (label, i) => at(i, label));
  const normalizedMargin = Float64Array.from(labels, (label, i) => {
    let other = 0;
    for (let c = 0; c < classes; c++) if (c !== label) other = Math.max(other, at(i, c));
    return (selfConfidence[i] - other + 1) / 2;
  });
  const isIssue = new Uint8Array(labels.length);
  const prunes = keepOnePerClass(confidentJoint(given));
  for (const [label, members] of membersOf(labels, classes).entries()) {
    if (members.length <= 1) continue;
    for (let c = 0; c < classes; c++) {
      if (c === label || prunes[c][label] <= 0) continue;
      const margin = (i: number) => at(i, c) - at(i, label);
      const order = [...members].sort((a, b) => margin(b) - margin(a));
      for (const i of order.slice(0, prunes[c][label])) isIssue[i] = 1;
    }
  }
  // A label that the classifier predicts too is no issue.
  for (const [i, label] of labels.entries()) if (mostProbable(given, i, CLOSE) === label) isIssue[i] = 0;
  const ranking = [...labels.keys()].sort((a, b) => selfConfidence[a] - selfConfidence[b]);
  return {
    issues: ranking.filter((i) => isIssue[i]),
    ranking,
    selfConfidence,
    normalizedMargin,
    predicted: Array.from(labels, (_, i) => mostProbable(given, i, 0)),
  };
}

/** The class of the largest probability. @param favour added to the probability of the given label */
function mostProbable({ probabilities, labels, classes }: Predicted, i: number, favour: number): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) {
    const value = probabilities[i * classes + c] + (c === labels[i] ? favour : 0);
    if (value > most) [best, most] = [c, value];
  }
  return best;
}

function membersOf(labels: readonly number[], classes: number): number[][] {
  const members = Array.from({ length: classes }, (): number[] => []);
  for (const [i, label] of labels.entries()) members[label].push(i);
  return members;
}

/**
 * Estimates how many samples of each given label (row) have which true label (column). A sample counts if a probability reaches the mean
 * probability that samples of that class have for it. Rows are scaled to the number of samples with the label.
 */
export function confidentJoint(given: Predicted): number[][] {
  const { probabilities, labels, classes } = given;
  const counts = new Float64Array(classes);
  const sums = new Float64Array(classes);
  for (const [i, label] of labels.entries()) {
    counts[label]++;
    sums[label] += probabilities[i * classes + label];
  }
  const thresholds = Array.from(sums, (sum, c) => (counts[c] ? Math.max(sum / counts[c], 2 * CLOSE) : 2));
  const joint = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [i, label] of labels.entries()) {
    const confident = thresholds.flatMap((threshold, c) =>
      probabilities[i * classes + c] >= threshold - CLOSE ? [c] : [],
    );
    if (confident.length) joint[label][confident.length > 1 ? mostProbable(given, i, 0) : confident[0]]++;
  }
  for (let c = 0; c < classes; c++) joint[c][c] = Math.max(joint[c][c], 1);
  const calibrated = joint.map((row, c) => {
    const confident = total(row);
    return row.map((value) => (value / confident) * counts[c]);
  });
  // Column by column, as cleanlab sums: the last bit decides between equal remainders.
  const all = pairwiseSum(calibrated.flatMap((_, column) => calibrated.map((row) => row[column])));
  return calibrated.map((row) => roundedKeepingSum(row.map((value) => (value / all) * labels.length)));
}

/** The sum as NumPy computes it: eight partial sums in blocks of at most 128 values. */
function pairwiseSum(values: readonly number[]): number {
  if (values.length < 8) return total(values);
  if (values.length > 128) {
    const half = Math.floor(values.length / 2);
    const middle = half - (half % 8);
    return pairwiseSum(values.slice(0, middle)) + pairwiseSum(values.slice(middle));
  }
  const end = values.length - (values.length % 8);
  const [a, b, c, d, e, f, g, h] = Array.from({ length: 8 }, (_, lane) => {
    let sum = values[lane];
    for (let i = lane + 8; i < end; i += 8) sum += values[i];
    return sum;
  });
  return values.slice(end).reduce((sum, value) => sum + value, a + b + (c + d) + (e + f + (g + h)));
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** The transposed joint, with at least one correctly labelled sample per class: the numbers of samples to prune. */
function keepOnePerClass(joint: readonly (readonly number[])[]): number[][] {
  const classes = joint.length;
  const prunes = joint.map((_, truth) => joint.map((row) => row[truth]));
  for (let given = 0; given < classes; given++) {
    const lacking = Math.max(0, 1 - prunes[given][given]);
    const used = prunes.filter((row) => row[given] !== 0).length;
    for (let truth = 0; truth < classes; truth++)
      prunes[truth][given] =
        truth === given
          ? prunes[truth][given] + lacking
          : Math.trunc(Math.max(0, prunes[truth][given] - lacking / Math.max(used - 1, 1)));
  }
  return prunes;
}

/** Rounds half to even, as NumPy does. */
function rounded(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value % 1) === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

/** Whole numbers near the given ones, with the same sum. */
function roundedKeepingSum(values: readonly number[]): number[] {
  const whole = values.map(rounded);
  const wanted = rounded(total(values));
  for (;;) {
    const lacking = wanted - total(whole);
    if (lacking === 0) return whole;
    const step = Math.sign(lacking);
    const order = [...values.keys()].sort((a, b) => values[a] - whole[a] - (values[b] - whole[b]));
    if (step > 0) order.reverse();
    for (const i of order.slice(0, Math.abs(lacking))) whole[i] += step;
  }
}
