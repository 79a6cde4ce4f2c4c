import type { ProbabilityScores, TemperatureFit } from '../../tasks/index.ts';
import { curveLegend, curvePlot, reliabilityPlot } from '../charts/plane.ts';
import { decimal, percent, plural, score } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { section } from './section.ts';

export const ROC_PLOT = {
  x: 'of all others, taken for it',
  y: 'of the class, found',
  diagonal: true,
} as const;
export const RECALL_PLOT = { x: 'recall: of the class, found', y: 'precision: of those found, right' } as const;

/** ROC and precision-recall curves of each class against the rest. */
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
    `Each class against all others, by every threshold${shown < all ? `: the ${shown} with the smallest areas` : ''}. An area of 1 is perfect; of ROC, 0.5 is chance.`,
    html`<div class="charts"><div><h3>ROC</h3>${curvePlot({ ...ROC_PLOT, description: described('ROC curves, areas', roc) }, roc)}${curveLegend(roc)}</div>
<div><h3>Precision and recall</h3>${curvePlot({ ...RECALL_PLOT, description: described('Precision-recall curves, areas', precisionRecall) }, precisionRecall, true)}${curveLegend(precisionRecall)}</div></div>`,
  );
}

/** Why a model keeps no temperature. */
export const noTemperature = ({ fitted, samples, without, with: cooled }: TemperatureFit, noun: string): string =>
  fitted === null
    ? `No temperature could be fitted on ${plural(samples, noun)}: none of them is wrong, or the model is no better than chance`
    : `A temperature of ${decimal(fitted)}, fitted on ${plural(samples, noun)}, gains nothing (log loss ${decimal(without.logLoss)} without it, ${decimal(cooled.logLoss)} with it), so that none is kept`;

/** Do probabilities say how often it is right, as they are and at the temperature that was fitted? */
export function calibration({ calibration: fit }: ReportData): Html {
  if (!fit) return html``;
  const { temperature, without, with: cooled, samples, measured } = fit;
  const columns: readonly { name: string; scores: ProbabilityScores; tone: 'cold' | 'warm' }[] = [
    { name: 'As they are', scores: without, tone: 'cold' },
    ...(temperature === null
      ? []
      : [{ name: `At temperature ${decimal(temperature)}`, scores: cooled, tone: 'warm' as const }]),
  ];
  const how =
    measured === 'other'
      ? 'The bars are of the test set, which had no part in it.'
      : 'The bars are of the same images in five parts, each at the temperature that the other four give; that the same images chose the epoch remains.';
  return section(
    'calibration',
    'Are the probabilities honest?',
    'Bars on the diagonal: of what it says with 80%, 80% is right. A thin line is how far a bar is off.',
    html`${
      temperature === null
        ? html`<p>${noTemperature(fit, 'validation image')}.</p>`
        : html`<p>Divided by ${decimal(temperature)}, fitted on ${plural(samples, 'validation image')}, the scores give the probabilities on the right; no prediction changes. The temperature is in the model's <code>config.json</code>, and <code>thaw predict --calibrated</code> uses it. ${how}</p>`
    }
<div class="charts">${columns.map(
      ({ name, scores, tone }) => html`<div><h3>${name}</h3>${reliabilityPlot(scores.calibration.bins, name, tone)}
<dl class="facts narrow"><div><dt>Calibration error</dt><dd>${percent(scores.calibration.error)}</dd></div><div><dt>Log loss</dt><dd>${decimal(scores.logLoss)}</dd></div><div><dt>Brier score</dt><dd>${decimal(scores.brier)}</dd></div></dl></div>`,
    )}</div>`,
  );
}
