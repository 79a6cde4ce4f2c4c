import { metricOf } from '../../tasks/index.ts';
import { lineChart } from '../charts/line.ts';
import { linearScale } from '../charts/scale.ts';
import { rowOf } from '../federation/words.ts';
import { compact, decimal, duration, measured, percent } from '../format.ts';
import { type Html, html } from '../markup.ts';
import { folded, section } from '../sections/section.ts';
import { WHY } from '../sections/summary.ts';
import {
  BANDS,
  columnOf,
  decisionList,
  endedBy,
  groupNames,
  lineCharts,
  omissionList,
  setbackList,
} from '../sections/training.ts';
import type { TaskReport } from './types.ts';

/** The metric and the loss by epoch, as charts and as a table. */
export function training(data: TaskReport): Html {
  const { rows, metric } = data;
  if (rows.length === 0) {
    return section('training', 'Training', '', html`<p>No epoch was finished: ${WHY[data.stopped]}.</p>`);
  }
  const last = rows[rows.length - 1];
  const format = (value: number) => measured(metric, value);
  const reached = rows.map((row) => metricOf(metric, row.val));
  const trained = rows.map((row) => metricOf(metric, row.train));
  const hasTrained = trained.some(Number.isFinite);
  const charts = lineCharts(data, {
    title: `${metric.title[0].toUpperCase()}${metric.title.slice(1)}`,
    description: `on the validation set it ended at ${format(reached[reached.length - 1])}.`,
    series: [
      ...(hasTrained ? [{ name: 'training', look: 'train' as const, values: trained }] : []),
      { name: 'validation', look: 'val', values: reached },
    ],
    scale: linearScale([...reached, ...(hasTrained ? trained : [])], metric.form === 'share' ? [1] : []),
    format,
  });
  const keys = [
    ...Object.keys(last.train).map((key) => ['train', key]),
    ...Object.keys(last.val).map((key) => ['val', key]),
  ] as ['train' | 'val', string][];
  return section(
    'training',
    'Training',
    BANDS[rowOf(data)],
    html`${setbackList(data)}${omissionList(data)}<div class="charts">${charts.map(lineChart)}</div>
${folded(
  `Every ${rowOf(data)} in numbers`,
  html`<div class="scroll" tabindex="0"><table class="small">
<thead><tr><th scope="col" class="number">${columnOf(data)}</th><th scope="col" class="number">Stage</th>${keys.map(([part, key]) => html`<th scope="col" class="number">${part === 'train' ? 'Training' : 'Validation'} ${key}</th>`)}<th scope="col" class="number">Learning rate</th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr${row.epoch === data.bestEpoch && html` class="kept"`}><th scope="row" class="number">${row.epoch}</th><td class="number">${row.stage}</td>${keys.map(([part, key]) => html`<td class="number">${decimal(row[part][key] ?? Number.NaN)}</td>`)}<td class="number">${decimal(row.lr)}</td><td class="number">${duration(row.seconds)}</td></tr>`,
  )}</tbody></table></div>`,
)}`,
  );
}

/** Thawed groups, cost and best metric of each stage. */
export function stageTable(data: TaskReport): Html {
  const { plan, rows, model, metric } = data;
  if (plan.length === 0) return html``;
  return section(
    'stages',
    'Stages',
    'Thawed layers, cost and best metric of each stage.',
    html`${decisionList(data)}<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Stage</th><th scope="col">Thawed</th><th scope="col" class="number">Trainable</th><th scope="col" class="number">Learning rate</th><th scope="col" class="number">${columnOf(data)}s</th><th scope="col" class="number">Time</th><th scope="col" class="number">Best ${metric.title}</th><th scope="col">Ended by</th></tr></thead>
<tbody>${plan.map(
      (stage) => html`<tr><th scope="row" class="short">${stage.stage}</th>
<td class="words"><b>${stage.train}</b><br><small>${groupNames(stage.groups)}</small></td>
<td class="number">${compact(stage.trainable)}<br><small>${percent(model.parameters ? stage.trainable / model.parameters : 0)}</small></td>
<td class="number">${decimal(stage.lr)}</td>
<td class="number">${rows.filter((row) => row.stage === stage.stage).length} of ${stage.epochs}</td>
<td class="number">${duration(stage.seconds)}</td>
<td class="number">${stage.bestAccuracy === null ? '–' : measured(metric, stage.bestAccuracy)}</td>
<td>${endedBy(data, stage)}</td></tr>`,
    )}</tbody></table></div>`,
  );
}
