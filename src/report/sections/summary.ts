import type { Assessment, Evaluation } from '../../tasks/index.ts';
import { countsOf, labelScores } from '../../tasks/metrics/index.ts';
import { assessed } from '../assessed.ts';
import { thawChart } from '../charts/thaw.ts';
import { clientsText, rowOf } from '../federation/words.ts';
import { count, date, decimal, duration, interval, percent, plural, points, score, sum } from '../format.ts';
import { type Html, html, link } from '../markup.ts';
import type { ReportData, RunReport } from '../types.ts';
import { bar, section } from './section.ts';

const support = (confusion: readonly (readonly number[])[]): number => sum(confusion.map(sum));

export const WHY = {
  finished: 'all stages are complete',
  target: 'the target was reached',
  perfect: 'validation is perfect, and the losses no longer fall',
  minutes: 'the time was used',
  until: 'the last stage reached its goal',
  plateau: 'the metric stopped improving',
  interrupted: 'the run was interrupted',
} as const;

/** The logo above a report. */
export const BRAND = html`<p class="brand"><svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true"><path class="crystal" d="M13 1.5v23M3 7.2l20 11.6M23 7.2 3 18.8M13 6l-3-3M13 6l3-3M6.9 9.4 3 10.6M6.9 9.4 6 5.4"/><path class="drop" d="M17.5 11.5c2.8 3.6 4.6 6 4.6 8.3a4.6 4.6 0 0 1-9.2 0c0-2.3 1.8-4.700 4.600-8.300z"/></svg>
<span>thaw</span></p>`;

/** A longer value gets a smaller font, so that it fits into its tile. */
const LONG = 9;

export const figure = (name: string, value: string, note: string): Html =>
  html`<div><dt>${name}</dt><dd><b${value.length > LONG && html` class="long"`}>${value}</b><span>${note}</span></dd></div>`;

/** The training data. @param samples of a training on one machine */
export const learnedFrom = ({ federation }: RunReport, samples: string): string =>
  federation ? `with ${clientsText(federation, 'sample')},` : `from ${samples}`;

const measuredOn = ({ federation }: RunReport): string => (federation ? 'of the server' : 'outside its training data');

/** The head of the page: the task, the main scores, and the thaw chart. */
export function summary(data: ReportData): Html {
  const { model, plan, rows, before, after, test } = data;
  const { noun } = data.data;
  const samples = support(after.confusion);
  const trained = rows.length ? Math.max(...rows.map((row) => row.trainable)) : 0;
  return html`<header class="top">
${BRAND}
<h1>${data.title}</h1>
<p class="lede">${model.name} learned ${plural(data.data.classes.length, 'class', 'classes')} ${learnedFrom(data, plural(sum(data.data.counts.train), noun))} in ${duration(data.seconds)}. Its accuracy is <strong>${percent(after.accuracy)}</strong> on ${plural(samples, noun)} ${measuredOn(data)}.</p>
<p class="date">${date(data.created)} · ${WHY[data.stopped]}</p>
<dl class="figures">
${figure('Validation accuracy', percent(after.accuracy), samples ? `95% interval ${interval(after.intervals.accuracy, percent)}` : `no ${noun}s`)}
${before && figure('Gain', `${points(after.accuracy - before.accuracy)}`, `points, from ${percent(before.accuracy)} before`)}
${test && figure('Test accuracy', percent(test.accuracy), `on ${plural(support(test.confusion), noun)}`)}
${figure('Trained', percent(model.parameters ? trained / model.parameters : 0, trained / model.parameters < 0.1 ? 1 : 0), `${count(trained)} of ${count(model.parameters)} parameters`)}
${figure('Time', duration(data.seconds), `${plural(rows.length, rowOf(data))} in ${plural(plan.length, 'stage')}`)}
</dl>
${rows.length > 0 && thawChart(data)}
</header>`;
}

/** `+0.336`, with a true minus sign. */
const change = (difference: number): string =>
  difference > 0 ? `+${decimal(difference)}` : decimal(difference).replace(/^-/, '−');

/** A row of the score table. The value is null if the scores do not have it. */
interface Row {
  readonly name: string;
  readonly of: (scores: Evaluation | Assessment) => number | null;
  readonly format: (value: number, digits?: number) => string;
  /** Key of its confidence interval. */
  readonly intervalKey?: keyof Assessment['intervals'];
}

const labelled = ({ confusion }: Evaluation) => labelScores(countsOf(confusion));

/** The log loss, if it differs from the loss. */
function otherLogLoss(scores: Evaluation | Assessment): number | null {
  const logLoss = assessed(scores)?.logLoss;
  return logLoss === undefined || Math.abs(logLoss - scores.loss) <= 0.01 * logLoss ? null : logLoss;
}

const SCORES: readonly Row[] = [
  { name: 'Accuracy', of: ({ accuracy }) => accuracy, format: percent, intervalKey: 'accuracy' },
  {
    name: 'Balanced accuracy',
    of: (scores) => labelled(scores).balancedAccuracy,
    format: percent,
    intervalKey: 'balancedAccuracy',
  },
  {
    name: 'Top-5 accuracy',
    of: ({ top5, perClass }) => (perClass.length > 5 ? top5 : null),
    format: percent,
  },
  { name: 'F1 (macro)', of: ({ f1 }) => f1, format: score, intervalKey: 'f1' },
  { name: 'F1 (weighted)', of: (scores) => labelled(scores).weighted.f1, format: score },
  {
    name: 'Matthews correlation',
    of: (scores) => labelled(scores).matthews,
    format: score,
    intervalKey: 'matthews',
  },
  { name: "Cohen's kappa", of: (scores) => labelled(scores).kappa, format: score },
  { name: 'ROC AUC', of: (scores) => assessed(scores)?.rocAuc ?? null, format: score },
  { name: 'PR AUC', of: (scores) => assessed(scores)?.averagePrecision ?? null, format: score },
  { name: 'Log loss', of: otherLogLoss, format: decimal, intervalKey: 'logLoss' },
  { name: 'Loss', of: ({ loss }) => loss, format: decimal },
];

function cell({ of, format, intervalKey }: Row, scores: Evaluation | Assessment, look: string): Html {
  const value = of(scores);
  const bounds = intervalKey && assessed(scores)?.intervals[intervalKey];
  return value === null
    ? html`<td class="number">–</td>`
    : html`<td class="number">${format(value)}${format === percent && bar(value, look)}${bounds && html`<small class="below">${interval(bounds, format)}</small>`}</td>`;
}

function changed({ of, format }: Row, before: Evaluation, after: Assessment): Html | string {
  const [from, to] = [of(before), of(after)];
  if (from === null || to === null) return '–';
  return format === percent ? html`${points(to - from)}<span class="wide"> points</span>` : change(to - from);
}

/** Scores before and after training, in one table, on the validation set and the test set. */
export function beforeAndAfter(data: ReportData): Html {
  const { before, after, test } = data;
  const columns = [
    ...(before ? [{ name: 'Before', scores: before }] : []),
    { name: 'After', scores: after },
    ...(test ? [{ name: 'Test set', scores: test }] : []),
  ];
  const shown = SCORES.filter(({ of }) => of(after) !== null);
  return section(
    'result',
    before ? 'Before and after' : 'Result',
    `${before ? 'The validation set before training and with the finished model.' : data.federation ? 'The finished model on the data of the server.' : 'The finished model.'} Small numbers are 95% confidence intervals.`,
    html`<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Score</th>${columns.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}${before && html`<th scope="col" class="number">Change</th>`}</tr></thead>
<tbody>${shown.map(
      (row) => html`<tr><th scope="row">${row.name}</th>
${columns.map(({ scores }) => cell(row, scores, scores === before ? 'cold' : 'warm'))}
${before && html`<td class="number">${changed(row, before, after)}</td>`}</tr>`,
    )}</tbody></table></div>`,
  );
}

/** Other results for the same task, in comparison. */
export function comparison({ comparison: rows }: ReportData): Html {
  if (!rows?.length) return html``;
  const best = Math.max(...rows.map((row) => row.accuracy));
  return section(
    'comparison',
    'Comparison',
    'Other trainings with the same data and validation set.',
    html`<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Training</th><th scope="col" class="number">Accuracy</th><th scope="col" class="wide"><span class="unseen">Bar</span></th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows.map(
      (row) =>
        html`<tr><th scope="row">${link(row.link, row.name)}</th><td class="number">${percent(row.accuracy)}</td><td class="wide">${bar(row.accuracy, row.accuracy === best ? 'warm' : 'cold')}</td><td class="number">${duration(row.seconds)}</td></tr>`,
    )}</tbody></table></div>`,
  );
}
