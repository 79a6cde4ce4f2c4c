import { stageColour } from '../charts/colour.ts';
import { type Band, type LineChart, lineChart } from '../charts/line.ts';
import { linearScale, logScale } from '../charts/scale.ts';
import { type TimelineStage, timeline } from '../charts/timeline.ts';
import { rowOf } from '../federation/words.ts';
import { compact, count, decimal, duration, percent, plural, points } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { ReportData, ReportStage, RunReport } from '../types.ts';
import { folded, section } from './section.ts';
import { WHY } from './summary.ts';

const stages = ({ plan }: Pick<ReportData, 'plan'>): number => Math.max(1, ...plan.map((stage) => stage.stage));

/** The range of epochs of each stage. */
export function stageBands(data: Pick<ReportData, 'plan' | 'rows'>): Band[] {
  return data.plan.flatMap(({ stage, train }) => {
    const from = data.rows.findIndex((row) => row.stage === stage);
    const to = data.rows.findLastIndex((row) => row.stage === stage);
    return from < 0
      ? []
      : [{ from, to, label: `${stage} · ${train}`, short: String(stage), colour: stageColour(stage, stages(data)) }];
  });
}

/** The loss has a logarithmic axis if it spans more than this factor. */
const WIDE = 200;

/** Charts of all tasks, with one for the task's metric. */
export function lineCharts(data: RunReport, measure: Omit<LineChart, keyof Common>): LineChart[] {
  const { rows, plan } = data;
  const common = commonOf(data);
  const last = rows[rows.length - 1];
  const losses = rows.flatMap(({ train, val }) => [train.loss, val.loss]).filter((loss) => Number.isFinite(loss));
  const wide = Math.max(...losses) > WIDE * Math.min(...losses.filter((loss) => loss > 0));
  const slowest = new Map(
    plan.map((stage) => [stage.stage, Math.min(1, ...stage.multipliers.map(({ multiplier }) => multiplier))]),
  );
  const rates = rows.map((row) => row.lr);
  const low = rows.map((row) => row.lr * (slowest.get(row.stage) ?? 1));
  const layered = low.some((rate, i) => rate !== rates[i]);
  return [
    { ...common, ...measure },
    {
      ...common,
      title: 'Loss',
      description: `validation loss ended at ${decimal(last.val.loss)}, training loss at ${decimal(last.train.loss)}.`,
      series: [
        { name: 'training', look: 'train', values: rows.map((row) => row.train.loss) },
        { name: 'validation', look: 'val', values: rows.map((row) => row.val.loss) },
      ],
      scale: wide ? logScale(losses) : linearScale(losses, losses.every((loss) => loss >= 0) ? [0] : []),
      format: decimal,
    },
    {
      ...common,
      title: 'Learning rate',
      description: `from ${decimal(rates[0])} to ${decimal(last.lr)} for the head, at the end of each ${rowOf(data)}.`,
      series: [
        { name: layered ? 'head' : 'all layers', look: 'rate', values: rates },
        ...(layered ? [{ name: 'slowest layer', look: 'rate-low' as const, values: low }] : []),
      ],
      scale: logScale([...rates, ...low]),
      format: decimal,
    },
    {
      ...common,
      title: 'Trainable parameters',
      description: `from ${count(rows[0].trainable)} to ${count(last.trainable)}.`,
      series: [{ name: 'parameters', look: 'amount', values: rows.map((row) => row.trainable) }],
      scale: logScale(rows.map((row) => row.trainable)),
      format: count,
      tick: (value) => compact(value).replace(/\.0+(?= )/, ''),
      steps: true,
    },
  ];
}

type Common = ReturnType<typeof commonOf>;

function commonOf(data: RunReport) {
  const best = data.rows.findIndex((row) => row.epoch === data.bestEpoch);
  return {
    epochs: data.rows.map((row) => row.epoch),
    unit: rowOf(data),
    bands: stageBands(data),
    best: best < 0 ? undefined : best,
  };
}

/** Charts of a classification. */
export function classificationCharts(data: ReportData): LineChart[] {
  const { rows } = data;
  const last = rows[rows.length - 1];
  return lineCharts(data, {
    title: 'Accuracy',
    description: `validation accuracy ended at ${percent(last.val.accuracy)}, training accuracy at ${percent(last.train.accuracy)}.`,
    series: [
      { name: 'training', look: 'train', values: rows.map((row) => row.train.accuracy) },
      { name: 'validation', look: 'val', values: rows.map((row) => row.val.accuracy) },
    ],
    scale: linearScale(
      rows.flatMap(({ train, val }) => [train.accuracy, val.accuracy]),
      [1],
    ),
    format: percent,
    tick: (value) => percent(value).replace('.0%', '%'),
  });
}

/** Rollbacks and findings during training. */
export const setbackList = ({ setbacks = [] }: Pick<ReportData, 'setbacks'>): Html | false =>
  setbacks.length > 0 &&
  html`<h3>Problems during training</h3><ul>${setbacks.map(({ epoch, message }) => html`<li>Epoch ${epoch}: ${message}</li>`)}</ul>`;

/** Decisions of the training about its plan. */
export const decisionList = ({ decisions = [] }: Pick<ReportData, 'decisions'>): Html | false =>
  decisions.length > 0 &&
  html`<h3>Decisions</h3><ul>${decisions.map(({ stage, message }) => html`<li>After stage ${stage}: ${message}.</li>`)}</ul>`;

/** Tensors that stay frozen in every stage. */
export const omissionList = ({ omitted = [] }: Pick<ReportData, 'omitted'>): Html | false =>
  omitted.length > 0 &&
  folded(
    `${plural(omitted.length, 'tensor')} that no stage trains`,
    html`<ul>${omitted.map(({ name, count: size, reason }) => html`<li>${name} (${count(size)}): ${reason}</li>`)}</ul>`,
  );

export const BANDS = {
  epoch: 'The bands are the stages. The ring marks the epoch with the shipped weights.',
  round: 'Means over the clients, weighted by samples. The bands are the stages.',
} as const;

/** Header of the epoch column. */
export const columnOf = (data: Pick<RunReport, 'federation'>): string => (data.federation ? 'Round' : 'Epoch');

/** Loss, accuracy, learning rate and trainable parameters by epoch, as charts and as a table. */
export function training(data: ReportData): Html {
  const { rows } = data;
  if (rows.length === 0) {
    return section('training', 'Training', '', html`<p>No epoch was finished: ${WHY[data.stopped]}.</p>`);
  }
  return section(
    'training',
    'Training',
    BANDS[rowOf(data)],
    html`${setbackList(data)}${omissionList(data)}<div class="charts">${classificationCharts(data).map(lineChart)}</div>
${folded(
  `Every ${rowOf(data)} in numbers`,
  html`<div class="scroll" tabindex="0"><table class="small">
<thead><tr><th scope="col" class="number">${columnOf(data)}</th><th scope="col" class="number">Stage</th><th scope="col" class="number">Training loss</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Validation loss</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Learning rate</th><th scope="col" class="number">Time</th></tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr${row.epoch === data.bestEpoch && html` class="kept"`}><th scope="row" class="number">${row.epoch}</th><td class="number">${row.stage}</td><td class="number">${decimal(row.train.loss)}</td><td class="number">${percent(row.train.accuracy)}</td><td class="number">${decimal(row.val.loss)}</td><td class="number">${percent(row.val.accuracy)}</td><td class="number">${decimal(row.lr)}</td><td class="number">${duration(row.seconds)}</td></tr>`,
  )}</tbody></table></div>`,
)}`,
  );
}

const ENDED = {
  finished: 'all epochs',
  target: 'target reached',
  perfect: 'perfect validation',
  minutes: 'time used',
  until: 'goal reached',
  plateau: 'no improvement',
  interrupted: 'interrupted',
} as const;

export const endedBy = ({ federation }: Pick<RunReport, 'federation'>, { why }: ReportStage): string =>
  federation ? 'all rounds' : ENDED[why];

/** Names of groups. Long lists are shortened in the middle. */
export const groupNames = (groups: readonly string[]): string =>
  groups.length > 4 ? `${groups[0]} … ${groups.slice(-2).join(', ')}` : groups.join(', ');

/** The gain of each stage over the best accuracy before it. */
export function gains({ plan, before }: ReportData): (number | null)[] {
  let reached = before?.accuracy ?? null;
  return plan.map(({ bestAccuracy }) => {
    const gain = bestAccuracy === null || reached === null ? null : bestAccuracy - reached;
    if (bestAccuracy !== null) reached = Math.max(bestAccuracy, reached ?? bestAccuracy);
    return gain;
  });
}

function rates({ lr, multipliers }: ReportStage): Html {
  const lowest = Math.min(1, ...multipliers.map(({ multiplier }) => multiplier));
  return html`${decimal(lr)}${lowest < 1 && html`<br><small>down to ${decimal(lr * lowest)}</small>`}`;
}

/** The stages for the timeline. */
function timed(data: ReportData): TimelineStage[] {
  const gained = gains(data);
  const known = new Set<string>();
  return data.plan.map(({ stage, seconds, groups }, i) => {
    const thawed = groups.filter((group) => !known.has(group)).length;
    for (const group of groups) known.add(group);
    const decisions = (data.decisions ?? []).filter((made) => made.stage === stage).map(({ message }) => message);
    return { stage, seconds, thawed, gain: gained[i], colour: stageColour(stage, stages(data)), decisions };
  });
}

/** Thawed groups, cost and gain of each stage. */
export function stageTable(data: ReportData): Html {
  const { plan, rows, model } = data;
  if (plan.length === 0) return html``;
  const gained = gains(data);
  const layered = plan.filter((stage) => stage.multipliers.length > 0);
  return section(
    'stages',
    'Stages',
    'Thawed layers, cost and gain of each stage.',
    html`${timeline(timed(data), data.seconds)}
${decisionList(data)}
<div class="scroll" tabindex="0"><table>
<thead><tr><th scope="col">Stage</th><th scope="col">Thawed</th><th scope="col" class="number">Trainable</th><th scope="col" class="number">Learning rate</th><th scope="col" class="number">${columnOf(data)}s</th><th scope="col" class="number">Time</th><th scope="col" class="number">Best accuracy</th><th scope="col">Ended by</th></tr></thead>
<tbody>${plan.map((stage, i) => {
      const ran = rows.filter((row) => row.stage === stage.stage).length;
      return html`<tr><th scope="row" class="short"><svg class="swatch" width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2" fill="${stageColour(stage.stage, stages(data))}"/></svg> ${stage.stage}</th>
<td class="words"><b>${stage.train}</b><br><small>${plural(stage.groups.length, 'group')}: ${groupNames(stage.groups)}</small></td>
<td class="number">${compact(stage.trainable)}<br><small>${percent(model.parameters ? stage.trainable / model.parameters : 0)}</small></td>
<td class="number">${rates(stage)}</td>
<td class="number">${ran} of ${stage.epochs}</td>
<td class="number">${duration(stage.seconds)}</td>
<td class="number">${stage.bestAccuracy === null ? '–' : percent(stage.bestAccuracy)}${gained[i] !== null && html`<br><small>${points(gained[i])} points</small>`}</td>
<td>${endedBy(data, stage)}</td></tr>`;
    })}</tbody></table></div>
${
  layered.length > 0 &&
  folded(
    'Learning rates by layer group',
    html`<div class="scroll" tabindex="0"><table class="small"><thead><tr><th scope="col">Stage</th><th scope="col">Layer group</th><th scope="col" class="number">Factor</th><th scope="col" class="number">Learning rate</th></tr></thead>
<tbody>${layered.map(({ stage, lr, multipliers }) => multipliers.map(({ group, multiplier }) => html`<tr><td>${stage}</td><th scope="row">${group}</th><td class="number">${decimal(multiplier)}</td><td class="number">${decimal(lr * multiplier)}</td></tr>`))}</tbody></table></div>`,
  )
}`,
  );
}
