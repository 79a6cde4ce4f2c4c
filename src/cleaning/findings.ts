/** Everything that is probably wrong with a data set. */
import { labelCounts } from '../data/index.ts';
import { findLabelIssues } from './confident-learning.ts';
import { type Comparable, Comparison, duplicateGroups } from './duplicates.ts';
import type { Features } from './features.ts';
import { findBadImages, type ImageMeasures, type QualityLimits } from './image-quality.ts';
import { outOfFoldProbabilities } from './out-of-fold.ts';
import { findOutliers } from './outliers.ts';
import { findBadTexts } from './text-quality.ts';

/** A labelled sample, as far as its findings depend on it. */
export interface CleaningSample extends Comparable {
  /** Index of its class; -1 if labels are not classes. */
  readonly label: number;
  /** The label as text. */
  readonly answer: string;
  /** Undefined if the data set has no splits. */
  readonly split?: 'train' | 'val' | 'test';
  /** None for texts. */
  readonly measures?: ImageMeasures;
  readonly text?: string;
}

export const FINDING_KINDS = [
  ...(['conflict', 'leak', 'wrong-label', 'doubtful-label', 'duplicate', 'outlier'] as const),
  ...(['blurred', 'dark', 'bright', 'empty', 'tiny', 'odd-shape', 'grey', 'short', 'long'] as const),
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** Index of the sample. */
  readonly index: number;
  /** The sample that it duplicates. */
  readonly other?: number;
  /** One line for people. */
  readonly why: string;
  /** The class that the sample should have; none if it should be removed. */
  readonly label?: number;
}

/** The most plausible labels of a sample. */
export interface RankedLabel {
  readonly index: number;
  /** Probability of the given label. */
  readonly selfConfidence: number;
  readonly normalizedMargin: number;
  readonly predicted: number;
  /** Probability of the predicted class. */
  readonly probability: number;
  readonly isIssue: boolean;
}

export interface Findings {
  /** By kind, the most certain of each kind first. */
  readonly findings: readonly Finding[];
  /** All samples, the least plausible label first. Empty if labels are not classes. */
  readonly ranking: readonly RankedLabel[];
  /** Share of labels that the classifiers also give. If it is low, wrong labels are hard to tell. Null without a ranking. */
  readonly agreement: number | null;
}

export interface FindingsRequest extends Features {
  readonly samples: readonly CleaningSample[];
  readonly classes: readonly string[];
}

export interface FindingsOptions {
  readonly folds?: number;
  readonly seed?: number;
  readonly limits?: QualityLimits;
  readonly onNote?: (message: string) => void;
  readonly onFold?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Finds wrong labels, duplicates, outliers, and bad images or texts.
 *
 * @throws ThawError `bad-config` for fewer than two folds, `bad-data` for features that are not finite; the reason of `signal`
 */
export async function findIssues(request: FindingsRequest, options: FindingsOptions = {}): Promise<Findings> {
  const { samples } = request;
  const comparison = new Comparison(samples, request);
  const groups = duplicateGroups(samples, comparison);
  const ranking = await rankLabels(request, groups, options);
  const confidence = new Map(ranking.map(({ index, selfConfidence }) => [index, selfConfidence]));
  const findings: Finding[] = [
    ...duplicateFindings(samples, groups, comparison, (i) => confidence.get(i) ?? 0),
    ...labelFindings(request, ranking),
    ...outlierFindings(request, groups, options),
    ...findBadImages(
      samples.map(({ measures }) => measures),
      options.limits,
    )
      .sort((a, b) => b.severity - a.severity)
      .map(({ kind, index, why }): Finding => ({ kind, index, why })),
    ...findBadTexts(samples.map(({ text }) => text)),
  ];
  const order = ({ kind }: Finding) => FINDING_KINDS.indexOf(kind);
  const agreed = ranking.filter(({ index, predicted }) => predicted === samples[index].label).length;
  return {
    findings: findings.sort((a, b) => order(a) - order(b)),
    ranking,
    agreement: ranking.length ? agreed / ranking.length : null,
  };
}

async function rankLabels(
  { samples, classes, features, size }: FindingsRequest,
  groups: readonly number[],
  options: FindingsOptions,
): Promise<RankedLabel[]> {
  const labels = samples.map(({ label }) => label);
  if (classes.length < 2 || labels.some((label) => label < 0)) return [];
  const data = { features, size, labels, classes: classes.length };
  const probabilities = await outOfFoldProbabilities(data, { ...options, groups });
  const { ranking, issues, selfConfidence, normalizedMargin, predicted } = findLabelIssues({ ...data, probabilities });
  const isIssue = new Set(issues);
  return ranking.map((index) => ({
    index,
    selfConfidence: selfConfidence[index],
    normalizedMargin: normalizedMargin[index],
    predicted: predicted[index],
    probability: probabilities[index * classes.length + predicted[index]],
    isIssue: isIssue.has(index),
  }));
}

const percent = (share: number) => `${Math.round(100 * share)}%`;

/** A label is doubtful, though confident learning does not count it as wrong, if its probability is lower than this. */
const DOUBTFUL = 0.25;

function labelFindings({ samples, classes }: FindingsRequest, ranking: readonly RankedLabel[]): Finding[] {
  const counts = labelCounts(samples, classes.length);
  // A class of one sample has none to learn from.
  const isDoubtful = (label: number, predicted: number, selfConfidence: number) =>
    predicted !== label && selfConfidence < DOUBTFUL && counts[label] > 1;
  const kindOf = ({ index, isIssue, predicted, selfConfidence }: RankedLabel) =>
    isIssue
      ? 'wrong-label'
      : isDoubtful(samples[index].label, predicted, selfConfidence)
        ? 'doubtful-label'
        : undefined;
  return ranking.flatMap((ranked): Finding[] => {
    const kind = kindOf(ranked);
    if (!kind) return [];
    const { index, predicted, probability, selfConfidence } = ranked;
    const why = `looks like ${classes[predicted]} (${percent(probability)}), not ${samples[index].answer} (${percent(selfConfidence)})`;
    return [{ kind, index, label: predicted, why }];
  });
}

const outlierFindings = (
  { features, size }: FindingsRequest,
  groups: readonly number[],
  { seed }: FindingsOptions,
): Finding[] =>
  findOutliers({ features, size, groups, seed }).map(({ index, deviation }) => ({
    kind: 'outlier',
    index,
    why: `unlike all others: ${deviation.toFixed(1)} standard deviations farther from its neighbours than usual`,
  }));

const SPLITS = ['train', 'val', 'test'];
const ALIKE = { same: 'the same as', near: 'nearly the same as', mirrored: 'the mirror image of' } as const;

/** Of each group, one sample stays: of the test set or the validation set, else the one with the most plausible label. */
function duplicateFindings(
  samples: readonly CleaningSample[],
  groups: readonly number[],
  comparison: Comparison,
  confidence: (index: number) => number,
): Finding[] {
  const members = new Map<number, number[]>();
  for (const [i, group] of groups.entries()) {
    const there = members.get(group);
    if (there) there.push(i);
    else members.set(group, [i]);
  }
  return [...members.values()].flatMap((group) => {
    if (group.length === 1) return [];
    const rank = (i: number) => SPLITS.indexOf(samples[i].split ?? 'train');
    const [kept, ...others] = [...group].sort(
      (a, b) => rank(b) - rank(a) || (isConflict(group, samples) ? confidence(b) - confidence(a) : 0) || a - b,
    );
    return others.map((index): Finding => {
      const [own, its] = [samples[index], samples[kept]];
      const kind = own.answer !== its.answer ? 'conflict' : own.split !== its.split ? 'leak' : 'duplicate';
      const alike = ALIKE[comparison.of(index, kept) ?? 'near'];
      const difference =
        kind === 'conflict'
          ? `, but labelled ${own.answer}, not ${its.answer}`
          : kind === 'leak'
            ? `, which is in ${its.split}`
            : '';
      return {
        kind,
        index,
        other: kept,
        why: `${alike} another ${own.text === undefined ? 'image' : 'text'}${difference}`,
      };
    });
  });
}

const isConflict = (group: readonly number[], samples: readonly CleaningSample[]): boolean =>
  group.some((i) => samples[i].answer !== samples[group[0]].answer);
