/**
 * A line chart over epochs, as an SVG without scripts. Its text keeps its size at any width: horizontal positions are percentages, vertical
 * ones are pixels. Paths cannot use percentages, so the curves are in an inner SVG of width 100 that stretches.
 */
import { NOT_FINITE } from '../format.ts';
import { type Html, html } from '../markup.ts';
import type { Scale } from './scale.ts';
import { textWidth } from './text.ts';

export interface Series {
  readonly name: string;
  /** Class of the curve, which gives its colour: see `style.ts`. */
  readonly look: 'train' | 'val' | 'rate' | 'rate-low' | 'amount' | 'c0' | 'c1' | 'c2' | 'c3' | 'c4' | 'mean' | 'faint';
  /** One value per epoch, fewer during the run. A value that is not finite leaves a gap and a mark. */
  readonly values: readonly number[];
}

/** Epochs `from` to `to`, counted from 0, inclusive. */
export interface Band {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly short: string;
  readonly colour: string;
}

export interface LineChart {
  readonly title: string;
  /** One sentence that describes the chart for screen readers. */
  readonly description: string;
  readonly epochs: readonly number[];
  /** Name of the x axis, default `epoch`, and text for a missing value. */
  readonly unit?: string;
  readonly gap?: string;
  readonly series: readonly Series[];
  readonly bands: readonly Band[];
  readonly scale: Scale;
  /** Format of values, and of ticks if different. */
  readonly format: (value: number) => string;
  readonly tick?: (value: number) => string;
  /** Index of the epoch with the shipped weights. */
  readonly best?: number;
  /** Draws values as steps instead of a curve. */
  readonly steps?: boolean;
}

export const TOP = 46;
export const BOTTOM = 212;
export const HEIGHT = 236;

const round = (value: number): number => Number(value.toFixed(3));

/** Centre of epoch `i` of `n`, in percent of the width. */
export const across = (i: number, n: number): number => round(((i + 0.5) / n) * 100);

/** Position of `value`, in pixels from the top. */
export const down = (value: number, scale: Scale): number =>
  round(BOTTOM - Math.min(1, Math.max(0, scale.place(value))) * (BOTTOM - TOP));

/** The full label, the short one or none, whichever fits. Charts are usually at least 320 pixels wide. */
function bandLabel({ from, to, label, short }: Band, n: number): string {
  const pixels = ((to - from + 1) / n) * 320 - 8;
  return [label, short].find((text) => text.length * 6 <= pixels) ?? '';
}

function curve({ values }: Series, n: number, scale: Scale, steps: boolean): string {
  let path = '';
  let drawing = false;
  values.forEach((value, i) => {
    const y = down(value, scale);
    if (!Number.isFinite(scale.place(value))) {
      drawing = false;
    } else if (steps) {
      path += `${drawing ? 'V' : `M${round((i / n) * 100)} `}${y}H${round(((i + 1) / n) * 100)}`;
      drawing = true;
    } else {
      path += `${drawing ? 'L' : 'M'}${across(i, n)} ${y}`;
      drawing = true;
    }
  });
  return path;
}

function dots({ values, look }: Series, { scale, best, epochs }: LineChart): Html[] {
  const n = epochs.length;
  return values.map((value, i) => {
    if (!Number.isFinite(scale.place(value))) {
      return html`<text class="gone ${look}" x="${across(i, n)}%" y="${TOP + 12}">×</text>`;
    }
    const alone = !Number.isFinite(values[i - 1]) && !Number.isFinite(values[i + 1]);
    const kept = i === best && look === 'val';
    return n <= 40 || alone || kept || i === values.length - 1
      ? html`<circle class="${look}${kept ? ' best' : ''}" cx="${across(i, n)}%" cy="${down(value, scale)}" r="${kept ? 4.5 : 2.5}"/>`
      : html``;
  });
}

/** Tooltip for the epoch under the pointer. */
function reading(chart: LineChart, i: number): Html {
  const n = chart.epochs.length;
  const x = across(i, n);
  const right = x > 50;
  const lines = [
    `${chart.unit ?? 'epoch'} ${chart.epochs[i]}${i === chart.best ? ' (kept)' : ''}`,
    ...chart.series.map(({ name, values }) => {
      const value = values[i];
      return `${name} ${Number.isFinite(value) ? chart.format(value) : (chart.gap ?? NOT_FINITE)}`;
    }),
  ];
  const width = 16 + 7.4 * Math.max(...lines.map((line) => line.length));
  const height = 10 + 17 * lines.length;
  const left = right ? -8 - width : 8;
  return html`<g class="epoch"><rect class="catch" x="${round((i / n) * 100)}%" y="0" width="${round(100 / n)}%" height="${HEIGHT}"/>
<g class="reading"><line x1="${x}%" x2="${x}%" y1="${TOP}" y2="${BOTTOM}"/><svg x="${x}%" y="${TOP + 6}" overflow="visible">
<rect class="paper" x="${left}" y="0" width="${round(width)}" height="${height}" rx="4"/>
${lines.map((line, k) => html`<text x="${left + 8}" y="${18 + 17 * k}">${line}</text>`)}</svg></g></g>
`;
}

/** Epochs with a label: the last one, and up to ten others. */
function labelled(n: number): number[] {
  const every = Math.max(1, Math.ceil(n / 10));
  return Array.from({ length: n }, (_, i) => i).filter((i) => i === n - 1 || (i % every === 0 && n - 1 - i >= every));
}

export const lineChart = (chart: LineChart): Html =>
  html`<figure class="chart">
<figcaption><span><strong>${chart.title}</strong>${chart.scale.log && html` <small>log scale</small>`}</span>
<span class="legend">${legend(chart).map(({ name, look }) => html`<span class="${look}"><i></i>${name}</span>`)}</span></figcaption>
<div class="plotted">${lineAxis(chart).svg}${linePlot(chart)}</div></figure>`;

/** The names of the axis, left of the chart so that they cover no points. */
export function lineAxis({ scale, format, tick = format, unit = 'epoch' }: LineChart): { svg: Html; width: number } {
  const texts = scale.ticks.map(tick);
  const width = Math.ceil(8 + Math.max(...[...texts, unit].map((text) => textWidth(text, 12))));
  const svg = html`<svg class="plot axis" width="${width}" height="${HEIGHT}" aria-hidden="true">
${scale.ticks.map((value, i) => html`<text class="end" x="${width - 6}" y="${down(value, scale) + 4}">${texts[i]}</text>`)}
<text class="end" x="${width - 6}" y="${BOTTOM + 17}">${unit}</text>
</svg>`;
  return { svg, width };
}

/** Each look appears once in the legend. */
const legend = ({ series }: LineChart): readonly Pick<Series, 'name' | 'look'>[] =>
  series.some(({ look }) => look === 'faint')
    ? [{ name: 'each', look: 'faint' }, ...series.filter(({ look }) => look !== 'faint')]
    : series;

/** The chart without title, legend and axis. */
export function linePlot(chart: LineChart): Html {
  const { title, description, epochs, series, bands, scale } = chart;
  const n = epochs.length;
  const done = Math.max(...series.map(({ values }) => values.length));
  return html`<svg class="plot" width="100%" height="${HEIGHT}" role="img" aria-label="${title}: ${description}">
${bands.map(
  (
    band,
  ) => html`<rect class="band" x="${round((band.from / n) * 100)}%" y="0" width="${round(((band.to - band.from + 1) / n) * 100)}%" height="${BOTTOM}" fill="${band.colour}"/>
<rect x="${round((band.from / n) * 100)}%" y="0" width="${round(((band.to - band.from + 1) / n) * 100)}%" height="3" fill="${band.colour}"/>
<svg x="${round((band.from / n) * 100)}%" y="0" overflow="visible"><text class="stage" x="5" y="18">${bandLabel(band, n)}</text></svg>
`,
)}
${scale.ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${down(tick, scale)}" y2="${down(tick, scale)}"/>`)}
<svg x="0" y="0" width="100%" height="${HEIGHT}" viewBox="0 0 100 ${HEIGHT}" preserveAspectRatio="none">
${series.map((line) => html`<path class="curve ${line.look}" d="${curve(line, n, scale, chart.steps ?? false)}"/>`)}
</svg>
${chart.steps ? '' : series.map((line) => dots(line, chart))}
${labelled(n).map((i) => html`<text class="tick middle" x="${across(i, n)}%" y="${BOTTOM + 17}">${epochs[i]}</text>`)}
${epochs.slice(0, done).map((_, i) => reading(chart, i))}
</svg>`;
}
