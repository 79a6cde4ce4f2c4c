import { tensor } from '../../onnx/index.ts';
import type { FactsOf } from '../facts.ts';
import { type ReportBlock, weakestFirst } from '../report-blocks.ts';
import type { Task } from '../task.ts';
import {
  assessEmbeddings,
  type EmbeddingAssessment,
  type EmbeddingEvaluation,
  type EmbeddingOutcome,
  evaluateEmbeddings,
  nearestOf,
} from './metrics.ts';
import { ordered } from './order.ts';

export type { EmbeddingAssessment, EmbeddingEvaluation, EmbeddingOutcome } from './metrics.ts';

/** Maximum number of mistakes to show. */
const SHOWN = 24;

/** Unit vectors, close to each other for samples of a class: for search, grouping, and classes that training did not have. */
export function embedding(
  facts: FactsOf<'embedding'>,
): Task<EmbeddingOutcome, EmbeddingEvaluation, EmbeddingAssessment> {
  const { classes, size } = facts;
  return {
    facts,
    classes,
    outputs: size,
    named: false,
    metric: { key: 'recall1', title: 'recall at 1', better: 'higher', form: 'share' },

    labels: ({ labels }) => tensor('int64', [labels.length], labels),
    outcomes: (values, { labels, indices }) =>
      indices.map((index, row) => ({
        index,
        label: Number(labels[row]),
        embedding: Float32Array.from({ length: size }, (_, i) => values[row * size + i]),
      })),
    tally: () => ({}),
    rates: () => ({}),
    evaluation: evaluateEmbeddings,
    assess: (outcomes, loss) => assessEmbeddings(outcomes, classes, loss),
    scores: ({ loss, recall1 }) => ({ loss, recall1 }),
    order: (labels, options) => (epoch) => ordered(labels, { ...options, epoch }),

    tail: { kind: 'vector', steps: [{ op: 'LpNormalization', attributes: { axis: 1, p: 2 } }] },
    settled: () => embedding(facts),
    /** The distance between the vectors. */
    difference: (a, b) => {
      const squared = a.embedding.reduce((all, value, i) => all + (value - b.embedding[i]) ** 2, 0);
      return Number.isNaN(squared) ? Number.POSITIVE_INFINITY : Math.sqrt(squared);
    },
    same: (a, b) => a.embedding.every((value, i) => Math.abs(value - b.embedding[i]) < 1e-3),
    config: () => ({ hidden_size: size }),

    loss: () => Number.NaN,
    prediction: ({ embedding: vector }) => ({ embedding: [...vector] }),
    words: ({ embedding: vector }) => [
      `[${[...vector.slice(0, 4)].map((value) => value.toFixed(3)).join(', ')}, …] of ${size}`,
    ],
    reportBlocks: (assessment, outcomes) => [
      ...reportBlocks(assessment),
      {
        kind: 'images',
        title: 'Nearest image of another class',
        note: 'Each image with its nearest image, if that has another class.',
        items: outcomes
          .map((outcome, i) => ({ outcome, nearest: outcomes[nearestOf(outcomes, i)] }))
          .filter(({ outcome, nearest }) => nearest !== undefined && nearest.label !== outcome.label)
          .slice(0, SHOWN)
          .map(({ outcome, nearest }) => ({
            index: outcome.index,
            nearest: nearest.index,
            predicted: classes[nearest.label],
            truth: classes[outcome.label],
          })),
      },
    ],
  };
}

const reportBlocks = ({ recallAt, neighbours, mapAtR, perClass, loss }: EmbeddingAssessment): ReportBlock[] => [
  {
    kind: 'figures',
    items: [
      ...recallAt.map(({ k, recall }) => ({ title: `recall at ${k}`, value: recall, form: 'share' as const })),
      { title: `class by ${neighbours.k} neighbours`, value: neighbours.accuracy, form: 'share' },
      { title: 'MAP at R', value: mapAtR, form: 'share' },
      // A finished model has no batches for the loss to compare.
      { title: 'loss', value: Number.isNaN(loss) ? null : loss, form: 'number' },
    ],
  },
  {
    kind: 'table',
    title: 'Classes',
    note: 'Recall at 1: fraction of images whose nearest other image has the same class.',
    columns: [
      { title: 'class', form: 'text' },
      { title: 'recall at 1', form: 'share' },
      { title: 'images', form: 'count' },
    ],
    rows: weakestFirst(perClass, ({ recall1 }) => recall1).map(({ label, recall1, support }) => [
      label,
      recall1,
      support,
    ]),
  },
];
