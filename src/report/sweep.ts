import { shortened } from '../graphemes.ts';
import type { Metric } from '../tasks/index.ts';
import { linearScale, logScale } from './charts/scale.ts';
import { textWidth } from './charts/text.ts';
import { csvOf } from './csv.ts';
import { decimal, duration, measured, plural, shown } from './format.ts';
import { type Html, html, link } from './markup.ts';
import { standAlonePage } from './page.ts';

/** The trials of a sweep for display, best first. All strings are escaped. */
export interface SweepTable {
  /** As given by the user. */
  readonly model: string;
  readonly data: string;
  readonly metric: Metric | null;
  /** Names of the settings in the search space. */
  readonly settings: readonly string[];
  /** Settings that the user asked to draw on a logarithmic or a linear scale. Others are lists. */
  readonly scales: Readonly<Record<string, 'linear' | 'log'>>;
  readonly rows: readonly SweepRow[];
}

export interface SweepRow {
  readonly rank: number | null;
  readonly number: number;
  readonly values: Readonly<Record<string, unknown>>;
  readonly status: string;
  readonly epochs: number;
  readonly metric: number | null;
  readonly std: number | null;
  readonly seconds: number;
  /** Run directories, relative to the page. */
  readonly paths: readonly string[];
  readonly message?: string;
}

const WIDTH = 300;
const HEIGHT = 190;
const [RIGHT, TOP, BOTTOM] = [288, 12, 160];
const FONT = 11;
const STYLE = html`
.scatters { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1.5rem; margin: 2rem 0; }
.scatter { width: 100%; height: auto; font-size: ${FONT}px; fill: var(--soft); }
.scatter line { stroke: var(--line); }
.scatter circle { fill: var(--cold-fill); fill-opacity: .75; }
.scatter circle.finished { fill: var(--warm-fill); }
.scatters figcaption { text-align: center; }`;

/** Listed numbers that span more than this factor have a logarithmic axis. */
const WIDE = 20;

/** The metric over the values of one setting, one point per trial. */
function scatter(name: string, { rows, metric, scales }: SweepTable): Html {
  const known = rows.filter((row) => row.metric !== null);
  if (!metric || known.length < 2) return html``;
  const values = known.map((row) => row.values[name]);
  const numbers = values.filter((value) => typeof value === 'number');
  const numeric = numbers.length === values.length;
  const names = [...new Set(values.map(shown))];
  const positive = numeric && Math.min(...numbers) > 0;
  const wide = positive && Math.max(...numbers) > WIDE * Math.min(...numbers);
  const log = positive && (scales[name] === 'log' || (scales[name] === undefined && wide));
  const axis = log ? logScale(numbers) : linearScale(numbers);
  const place = (value: unknown) =>
    numeric ? axis.place(value as number) : (names.indexOf(shown(value)) + 0.5) / names.length;
  const upwards = linearScale(known.map((row) => row.metric as number));
  const left = Math.ceil(12 + Math.max(...upwards.ticks.map((tick) => textWidth(measured(metric, tick), FONT))));
  const x = (share: number) => Number((left + share * (RIGHT - left)).toFixed(1));
  // Each name has its part of the axis; the whole one is in its tooltip.
  const letters = Math.max(1, Math.floor((RIGHT - left) / names.length / (0.7 * FONT)));
  const y = (value: number) => Number((BOTTOM - upwards.place(value) * (BOTTOM - TOP)).toFixed(1));
  const ticks = numeric
    ? [
        { at: left, anchor: 'start', text: decimal(axis.low) },
        { at: RIGHT, anchor: 'end', text: decimal(axis.high) },
      ]
    : names.map((text, i) => ({ at: x((i + 0.5) / names.length), anchor: 'middle', text }));
  return html`<figure><svg class="scatter" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${metric.title} over ${name}">
${upwards.ticks.map((tick) => html`<line x1="${left}" x2="${RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${measured(metric, tick)}</text>`)}
${ticks.map(({ at, anchor, text }) => html`<text x="${at}" y="${BOTTOM + 18}" text-anchor="${anchor}">${numeric ? text : shortened(text, letters)}<title>${text}</title></text>`)}
${known.map((row) => html`<circle class="${row.status}" cx="${x(place(row.values[name]))}" cy="${y(row.metric as number)}" r="4.5"><title>trial ${row.number}: ${measured(metric, row.metric as number)}</title></circle>`)}
</svg><figcaption><code>${name}</code>${log && html` <small>log scale</small>`}</figcaption></figure>`;
}

function tableRow(row: SweepRow, { settings, metric }: SweepTable): Html {
  const value =
    row.metric === null || !metric
      ? '–'
      : html`${measured(metric, row.metric)}${row.std !== null && html` <small>± ${measured(metric, row.std)}</small>`}`;
  const runs = row.paths.map((path) =>
    row.status === 'finished' ? link(`${path}/report.html`, path) : html`<code>${path}</code>`,
  );
  return html`<tr><td class="number">${row.rank ?? '–'}</td><td class="number">${value}</td>${settings.map((name) => html`<td class="number">${shown(row.values[name])}</td>`)}<td class="number">${row.epochs}</td><td class="number">${duration(row.seconds)}</td><td>${row.status}${row.message !== undefined && html`<br><small>${row.message}</small>`}</td><td>${runs.map((run, i) => html`${i > 0 && html`<br>`}${run}`)}</td></tr>`;
}

/** A self-contained page: the ranked trials, and the metric over each setting. */
export function renderSweep(table: SweepTable): string {
  const { model, data, settings, rows, metric } = table;
  const [first] = rows;
  return standAlonePage(
    { title: 'Sweep', style: STYLE },
    html`<h1>Sweep</h1>
${
  first && first.metric !== null && metric
    ? html`<p class="lede">Best of ${plural(rows.length, 'trial')}: <strong>${measured(metric, first.metric)}</strong> validation ${metric.title} with ${settings.map((name, i) => html`${i > 0 && ', '}<code>${name}: ${shown(first.values[name])}</code>`)}.</p>`
    : html`<p>No trial has finished an epoch yet.</p>`
}
<p><code>${model}</code> on <code>${data}</code>. Fully trained trials come first. Trials that were stopped early are ranked by their best epoch so far.</p>
<div class="scatters">${settings.map((name) => scatter(name, table))}</div>
<div class="scroll"><table class="small">
<thead><tr><th scope="col" class="number">Rank</th><th scope="col" class="number">${metric?.title ?? 'Metric'}</th>${settings.map((name) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col" class="number">Epochs</th><th scope="col" class="number">Time</th><th scope="col">State</th><th scope="col">Run</th></tr></thead>
<tbody>${rows.map((row) => tableRow(row, table))}</tbody></table></div>`,
  ).text;
}

/** The same as CSV. */
export function sweepCsv({ settings, rows, metric }: SweepTable): string {
  const header = ['rank', 'trial', ...settings, metric?.key ?? 'metric', 'std', 'epochs', 'seconds', 'state', 'runs'];
  const lines = rows.map((row) => [
    row.rank,
    row.number,
    ...settings.map((name) => row.values[name]),
    row.metric,
    row.std,
    row.epochs,
    row.seconds,
    row.status,
    row.paths.join(' '),
  ]);
  return csvOf([header, ...lines]);
}
