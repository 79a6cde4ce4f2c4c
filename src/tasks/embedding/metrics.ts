import type { Evaluated, TaskOutcome } from '../task.ts';

/** The class of a sample, and its unit vector. */
export interface EmbeddingOutcome extends TaskOutcome {
  readonly label: number;
  readonly embedding: Float32Array;
}

export interface EmbeddingEvaluation extends Evaluated {
  /** Fraction of samples whose nearest other sample has the same class, among classes with several samples. */
  readonly recall1: number;
}

export interface EmbeddingAssessment extends EmbeddingEvaluation {
  /** Fraction with a sample of the same class among the `k` nearest, for each `k` below the number of samples. */
  readonly recallAt: readonly { readonly k: number; readonly recall: number }[];
  /** Accuracy of a vote among the `k` nearest others; ties go to the nearest. */
  readonly neighbours: { readonly k: number; readonly accuracy: number };
  /** Mean average precision among the R nearest, with R the number of other samples of the class (Musgrave et al., 2020). */
  readonly mapAtR: number;
  readonly perClass: readonly { readonly label: string; readonly recall1: number; readonly support: number }[];
}

const KS = [1, 2, 4, 8, 16];
const VOTERS = 5;

const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** Indices of all other samples, nearest first. */
function nearestTo(outcomes: readonly EmbeddingOutcome[], query: number): number[] {
  const similarities = outcomes.map(({ embedding }) => dot(outcomes[query].embedding, embedding));
  const others = [...outcomes.keys()].filter((i) => i !== query);
  return others.sort((a, b) => similarities[b] - similarities[a] || a - b);
}

/** Index of the nearest other sample; −1 if there is none. */
export function nearestOf(outcomes: readonly EmbeddingOutcome[], query: number): number {
  let [nearest, most] = [-1, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < outcomes.length; i++) {
    const similarity = i === query ? Number.NEGATIVE_INFINITY : dot(outcomes[query].embedding, outcomes[i].embedding);
    if (similarity > most) [nearest, most] = [i, similarity];
  }
  return nearest;
}

const counted = (outcomes: readonly EmbeddingOutcome[]): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const { label } of outcomes) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
};

/** Samples with another sample of their class, so that a neighbour can be correct. */
const queriesOf = (outcomes: readonly EmbeddingOutcome[]): number[] => {
  const counts = counted(outcomes);
  return [...outcomes.keys()].filter((i) => counts.get(outcomes[i].label)! > 1);
};

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

export function evaluateEmbeddings(outcomes: readonly EmbeddingOutcome[], loss: number): EmbeddingEvaluation {
  const queries = queriesOf(outcomes);
  const right = queries.filter((query) => outcomes[nearestOf(outcomes, query)].label === outcomes[query].label);
  return { loss, recall1: ratio(right.length, queries.length) };
}

export function assessEmbeddings(
  outcomes: readonly EmbeddingOutcome[],
  classes: readonly string[],
  loss: number,
): EmbeddingAssessment {
  const queries = queriesOf(outcomes);
  const counts = counted(outcomes);
  const each = queries.map((query) => {
    const { label } = outcomes[query];
    const alike = nearestTo(outcomes, query).map((other) => outcomes[other].label === label);
    const voters = nearestTo(outcomes, query).slice(0, VOTERS);
    return {
      label,
      /** Number of samples nearer than the first of the same class. */
      first: alike.indexOf(true),
      vote: vote(voters.map((other) => outcomes[other].label)) === label,
      precision: averagePrecisionAtR(alike, counts.get(label)! - 1),
    };
  });
  const share = (list: typeof each, is: (one: (typeof each)[number]) => boolean) =>
    ratio(list.filter(is).length, list.length);
  return {
    loss,
    recall1: share(each, ({ first }) => first === 0),
    recallAt: KS.filter((k) => k < outcomes.length).map((k) => ({ k, recall: share(each, ({ first }) => first < k) })),
    neighbours: { k: Math.min(VOTERS, Math.max(0, outcomes.length - 1)), accuracy: share(each, (one) => one.vote) },
    mapAtR: ratio(
      each.reduce((all, { precision }) => all + precision, 0),
      each.length,
    ),
    perClass: [...counts.keys()]
      .sort((a, b) => a - b)
      .map((label) => ({
        label: classes[label],
        recall1: share(
          each.filter((one) => one.label === label),
          ({ first }) => first === 0,
        ),
        support: counts.get(label)!,
      })),
  };
}

/** The most frequent label; ties go to the nearest. @param labels nearest first */
function vote(labels: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [-1, 0])[0];
}

/** 1/R Σ_{i≤R} P(i) over the matching samples i, with P(i) the fraction of matches among the first i. */
function averagePrecisionAtR(alike: readonly boolean[], r: number): number {
  let [found, sum] = [0, 0];
  for (let i = 0; i < r; i++) if (alike[i]) sum += ++found / (i + 1);
  return sum / r;
}
