import { type Figures, type Form, type ReportBlock, type Table, weakestFirst } from '../report-blocks.ts';
import type { Assessment } from './assessment.ts';
import type { UnknownReport } from './unknown/index.ts';

/** Maximum number of classes for a confusion table. */
const FEW = 10;

type Item = Figures['items'][number];
const item = (title: string, value: number | null, form: Form, interval?: Item['interval']): Item => ({
  title,
  value,
  form,
  interval,
});

/** The output of `thaw eval`. */
export const reportBlocks = (assessment: Assessment): ReportBlock[] => [
  { kind: 'figures', items: [item('accuracy', assessment.accuracy, 'share', assessment.intervals.accuracy)] },
  {
    kind: 'figures',
    items: [
      item('balanced accuracy', assessment.balancedAccuracy, 'share'),
      ...assessment.topK.slice(1).map(({ k, accuracy }) => item(`top ${k}`, accuracy, 'share')),
    ],
  },
  {
    kind: 'figures',
    items: [
      item('F1', assessment.macro.f1, 'score'),
      item('weighted', assessment.weighted.f1, 'score'),
      item('Matthews', assessment.matthews, 'score'),
      item('kappa', assessment.kappa, 'score'),
    ],
  },
  {
    kind: 'figures',
    items: [
      item('ROC AUC', assessment.rocAuc, 'score'),
      item('PR AUC', assessment.averagePrecision, 'score'),
      item('loss', assessment.loss, 'number'),
      item('Brier', assessment.brier, 'number'),
      item('calibration error', assessment.calibration.error, 'share'),
    ],
  },
  ...(assessment.unknown ? [unknownFigures(assessment.unknown)] : []),
  byClass(assessment),
  assessment.perClass.length <= FEW ? confusion(assessment) : confused(assessment),
];

const unknownFigures = ({ known, unknown }: UnknownReport): Figures => ({
  kind: 'figures',
  items: [
    item('known called unknown', known.called, 'share', known.interval),
    ...(unknown
      ? [
          item('unknown recognised', unknown.recognised, 'share', unknown.interval),
          item('AUROC', unknown.auroc, 'score'),
          item('FPR at 95%', unknown.fpr95, 'share'),
        ]
      : []),
  ],
});

const byClass = ({ perClass }: Assessment): Table => ({
  kind: 'table',
  title: 'Classes',
  columns: [
    { title: 'class', form: 'text' },
    { title: 'precision', form: 'share' },
    { title: 'recall', form: 'share' },
    { title: 'F1', form: 'score' },
    { title: 'ROC', form: 'score' },
    { title: 'PR', form: 'score' },
    { title: 'images', form: 'count' },
  ],
  rows: weakestFirst(perClass, ({ f1 }) => f1).map(
    ({ label, precision, recall, f1, rocAuc, averagePrecision, support }) => [
      label,
      precision,
      recall,
      f1,
      rocAuc,
      averagePrecision,
      support,
    ],
  ),
});

const confusion = ({ perClass, confusion: matrix }: Assessment): Table => ({
  kind: 'table',
  title: 'Confusion',
  columns: [
    { title: 'true \\ predicted', form: 'text' },
    ...perClass.map(({ label }) => ({ title: label, form: 'count' as const })),
  ],
  rows: matrix.map((row, i) => [perClass[i].label, ...row]),
});

const confused = ({ confused: pairs }: Assessment): Table => ({
  kind: 'table',
  title: 'Most often confused',
  columns: [
    { title: 'class', form: 'text' },
    { title: 'predicted as', form: 'text' },
    { title: 'times', form: 'count' },
    { title: 'share of the class', form: 'share' },
  ],
  rows: pairs.map(({ label, predicted, times, share }) => [label, predicted, times, share]),
});
