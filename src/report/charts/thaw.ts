/**
 * The thaw chart: layer groups from the head (top) to the input (bottom), over epochs. Frozen cells have the colour of ice. Training groups
 * get warmer with every epoch.
 */
import { rowOf } from '../federation/words.ts';
import { plural } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { ReportData } from '../types.ts';
import { warmth } from './colour.ts';

/** With more epochs, several epochs of a stage share a column. */
const COLUMNS = 120;

/** The columns: the first epoch of each, and the one after its last. A column has epochs of one stage only. */
function columnsOf(rows: readonly { readonly stage: number }[]): { readonly from: number; readonly to: number }[] {
  const most = Math.ceil(rows.length / COLUMNS);
  const columns: { from: number; to: number }[] = [];
  for (const [epoch, { stage }] of rows.entries()) {
    const last = columns[columns.length - 1];
    if (last && epoch - last.from < most && rows[last.from].stage === stage) last.to = epoch + 1;
    else columns.push({ from: epoch, to: epoch + 1 });
  }
  return columns;
}

const round = (value: number): number => Number(value.toFixed(3));

/** Rows with a label: all if they fit, else the first rows of stages and the ends, at least one line apart. */
function labelled(first: readonly number[], height: number): number[] {
  const rows = first.map((_, i) => i);
  const wanted = [0, rows.length - 1, ...rows.filter((i) => i > 0 && first[i] !== first[i - 1]), ...rows];
  const chosen: number[] = [];
  for (const row of wanted) if (chosen.every((other) => Math.abs(other - row) * height >= 14)) chosen.push(row);
  return chosen;
}

export function thawChart(data: Pick<ReportData, 'model' | 'plan' | 'rows' | 'federation'>): Html {
  const { model, plan, rows } = data;
  const unit = rowOf(data);
  const known = new Set(model.groups);
  const groups = [...model.groups, ...new Set(plan.flatMap((stage) => stage.groups))].filter(
    (group, i) => i < model.groups.length || !known.has(group),
  );
  const order = groups.reverse();
  const stageOf = new Map(plan.map((stage) => [stage.stage, new Set(stage.groups)]));
  const epochs = rows.length;
  const columns = columnsOf(rows);
  const height = Math.max(2, Math.min(18, 260 / order.length));
  const total = height * order.length;

  // trained[group][epoch]: number of epochs that the group has trained by then, or 0 if it is frozen in this epoch
  const trained = order.map((group) => {
    let warm = 0;
    return rows.map((row) => (stageOf.get(row.stage)?.has(group) ? ++warm : 0));
  });
  const first = trained.map((line) => line.findIndex((warm) => warm > 0));
  const names = labelled(first, height);
  const label = (group: string): string => (group.length > 16 ? `…${group.slice(-15)}` : group);
  const margin = Math.ceil(12 + 6.8 * Math.max(...names.map((row) => label(order[row]).length)));

  const cells = trained.flatMap((line, row) =>
    columns.map(({ from, to }) => {
      const warm = line[to - 1];
      const place = html`x="${round((from / epochs) * 100)}%" y="${round(row * height)}" width="${round(((to - from) / epochs) * 100)}%" height="${round(height)}"`;
      return warm
        ? html`<rect ${place} fill="${warmth(epochs > 1 ? (warm - 1) / (epochs - 1) : 1)}"/>`
        : html`<rect ${place} class="ice"/>`;
    }),
  );

  const thawed = first.filter((epoch) => epoch >= 0).length;
  return html`<figure class="thaw">
<figcaption><span><strong>The thaw</strong> ${plural(thawed, 'layer group')} of ${order.length} thawed over ${plural(epochs, unit)}</span>
<span class="key"><svg width="12" height="12" aria-hidden="true"><rect class="ice" width="12" height="12"/></svg>frozen<svg width="60" height="12" aria-hidden="true">${[0, 1, 2, 3, 4].map((i) => html`<rect x="${12 * i}" width="12" height="12" fill="${warmth(i / 4)}"/>`)}</svg>more ${unit}s trained</span></figcaption>
<div class="front">
<svg class="names" width="${margin}" height="${round(total + 24)}" aria-hidden="true">
${names.map((row) => html`<text x="${margin - 8}" y="${round((row + 0.5) * height + 4)}">${label(order[row])}</text>`)}
</svg>
<svg class="cells" width="100%" height="${round(total + 24)}" role="img" aria-label="Layer groups from the head, on top, to the input, by ${unit}: ${plan
    .map((stage) => `stage ${stage.stage} trains ${plural(stage.groups.length, 'group')} (${stage.train})`)
    .join('; ')}.">
${cells}
${plan.map((stage) => {
  const from = rows.findIndex((row) => row.stage === stage.stage);
  const number = rows.filter((row) => row.stage === stage.stage).length;
  return (
    number > 0 &&
    html`${from > 0 && html`<line x1="${round((from / epochs) * 100)}%" x2="${round((from / epochs) * 100)}%" y1="0" y2="${round(total + 8)}"/>`}
${number / epochs > 0.05 && html`<text x="${round(((from + number / 2) / epochs) * 100)}%" y="${round(total + 19)}">${number / epochs > 0.2 ? `stage ${stage.stage}` : stage.stage}</text>`}`
  );
})}
</svg></div></figure>`;
}
