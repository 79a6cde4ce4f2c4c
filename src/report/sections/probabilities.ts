import { LEAST_SAMPLES, type ProbabilityScores, type TemperatureFit } from '../../tasks/index.ts';
import { curveLegend, curvePlot, reliabilityPlot } from '../charts/plane.ts';
import { decimal, percent, plural, score } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { UNKNOWN_TERMS, unknownWords } from '../unknown.ts';
import { section } from './section.ts';

export const ROC_PLOT = {
  x: 'false positive rate',
  y: 'true positive rate',
  diagonal: true,
} as const;
export const RECALL_PLOT = { x: 'recall', y: 'precision' } as const;

/** One-vs-rest ROC and precision-recall curves of each class. */
export function curves({ curves: drawn, after }: ReportData): Html {
  if (!drawn?.roc.length) return html``;
  const described = (what: string, list: typeof drawn.roc) =>
    `${what}: ${list.map(({ name, area }) => `${name} ${score(area)}`).join(', ')}.`;
  const { roc, precisionRecall } = drawn;
  const all = after.perClass.length;
  const shown = roc.filter(({ mean }) => !mean).length;
  return section(
    'curves',
    'Curves',
    `One-vs-rest curves${shown < all ? `, for the ${shown} classes with the smallest area under the precision-recall curve` : ''}. An area of 1 is perfect. A ROC area of 0.5 is chance.`,
    html`<div class="charts"><div><h3>ROC</h3>${curvePlot({ ...ROC_PLOT, description: described('ROC curves, areas', roc) }, roc)}${curveLegend(roc)}</div>
<div><h3>Precision and recall</h3>${curvePlot({ ...RECALL_PLOT, description: described('Precision-recall curves, areas', precisionRecall) }, precisionRecall, true)}${curveLegend(precisionRecall)}</div></div>`,
  );
}

/** Why the model has no temperature. */
export function noTemperature({ fitted, samples, without, with: calibrated }: TemperatureFit, noun: string): string {
  if (samples < LEAST_SAMPLES)
    return `Thaw fits no temperature on ${plural(samples, noun)}: it needs ${LEAST_SAMPLES}, because one from fewer is as likely to harm as to help`;
  return fitted === null
    ? `Could not fit a temperature on ${plural(samples, noun)}: all predictions are correct, or the model is no better than chance`
    : `A temperature of ${decimal(fitted)}, fitted on ${plural(samples, noun)}, does not reduce the log loss (${decimal(without.logLoss)} without it, ${decimal(calibrated.logLoss)} with it), so Thaw does not use it`;
}

/** Calibration of the probabilities, with and without the fitted temperature. */
export function calibration({ calibration: fit }: ReportData): Html {
  if (!fit) return html``;
  const { temperature, without, with: calibrated, samples, measured } = fit;
  const columns: readonly { name: string; scores: ProbabilityScores; tone: 'cold' | 'warm' }[] = [
    { name: 'Uncalibrated', scores: without, tone: 'cold' },
    ...(temperature === null
      ? []
      : [{ name: `At temperature ${decimal(temperature)}`, scores: calibrated, tone: 'warm' as const }]),
  ];
  const how =
    measured === 'other'
      ? 'The bars show the test set, which the fit did not use.'
      : 'The bars show the same images with 5-fold cross-validation. Note that these images also selected the epoch.';
  return section(
    'calibration',
    'Calibration',
    'Bars on the diagonal are calibrated: of predictions with 80% confidence, 80% are correct. Thin lines show the error of each bar.',
    html`${
      temperature === null
        ? html`<p>${noTemperature(fit, 'validation image')}.</p>`
        : html`<p>The right chart divides the logits by the temperature ${decimal(temperature)}, fitted on ${plural(samples, 'validation image')}. No prediction changes. The temperature is in the model's <code>config.json</code>; <code>thaw predict --calibrated</code> uses it. ${how}</p>`
    }
<div class="charts">${columns.map(
      ({ name, scores, tone }) => html`<div><h3>${name}</h3>${reliabilityPlot(scores.calibration.bins, name, tone)}
<dl class="facts narrow"><div><dt>Calibration error</dt><dd>${percent(scores.calibration.error)}</dd></div><div><dt>Log loss</dt><dd>${decimal(scores.logLoss)}</dd></div><div><dt>Brier score</dt><dd>${decimal(scores.brier)}</dd></div></dl></div>`,
    )}</div>`,
  );
}

/** How well the model recognises samples of none of its classes. */
export function unknown({ unknown: report, data }: ReportData): Html {
  if (!report) return html``;
  return section(
    'unknown',
    'Unknown',
    UNKNOWN_TERMS,
    html`<p>${unknownWords(report, data.noun).join(' ')} <code>thaw predict --unknown</code> uses this.</p>`,
  );
}
