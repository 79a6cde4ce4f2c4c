/** The report's charts as separate SVG files, for papers and chats. */
import { shortened } from '../graphemes.ts';
import { blocksPlot, confusionPlot, type MatrixPlot } from './charts/confusion.ts';
import { HEIGHT, type LineChart, lineAxis, linePlot } from './charts/line.ts';
import { curvePlot, PLANE_HEIGHT, PLANE_WIDTH, reliabilityPlot } from './charts/plane.ts';
import { CHART_STYLE } from './charts/style.ts';
import { textWidth } from './charts/text.ts';
import { type ColourName, LIGHT } from './colours.ts';
import type { Curve } from './curves.ts';
import { decimal, percent, score } from './format.ts';
import { Html, html } from './markup.ts';
import { RECALL_PLOT, ROC_PLOT } from './sections/probabilities.ts';
import { classificationCharts } from './sections/training.ts';
import type { ReportData } from './types.ts';

export interface Plot {
  /** File name without extension. */
  readonly name: string;
  /** A self-contained SVG document in light colours. */
  readonly svg: string;
}

/** Renderers outside of browsers do not support custom properties. */
const STYLE = new Html(CHART_STYLE.text.replace(/var\(--([\w-]+)\)/g, (_, name: ColourName) => LIGHT[name]));

const MARGIN = 20;
const HEAD = 34;
const LEGEND = 22;

interface Drawing {
  readonly title: string;
  readonly legend: readonly { readonly text: string; readonly look: string }[];
  readonly width: number;
  readonly height: number;
  /** An SVG element of this size, or one that fills its container. */
  readonly content: Html;
}

function drawing({ title, legend, width, height, content }: Drawing): string {
  const texts = [textWidth(title, 16) + 8, ...legend.map(({ text }) => 40 + textWidth(text, 13))];
  const w = Math.ceil(Math.max(width, ...texts)) + 2 * MARGIN;
  const h = height + HEAD + legend.length * LEGEND + 2 * MARGIN;
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', sans-serif" color="${LIGHT.ink}">
<style>${STYLE} .reading, .catch { display: none; }</style>
<rect width="${w}" height="${h}" fill="${LIGHT.paper}"/>
<text x="${MARGIN}" y="${MARGIN + 14}" font-size="16" font-weight="600" fill="${LIGHT.ink}">${title}</text>
<svg x="${MARGIN}" y="${MARGIN + HEAD}" width="${width}" height="${height}" overflow="visible">${content}</svg>
${legend.map(({ text, look }, i) => {
  const y = MARGIN + HEAD + height + i * LEGEND + 14;
  return html`<path class="curve ${look}" d="M${MARGIN} ${y - 4}h30"/><text x="${MARGIN + 40}" y="${y}" font-size="13" fill="${LIGHT.soft}">${text}</text>
`;
})}
</svg>`.text;
}

const WIDE = 720;
/** Maximum length of a name in a legend, in characters. */
const LONGEST = 60;

function lines(chart: LineChart): Plot {
  const axis = lineAxis(chart);
  return {
    name: chart.title.toLowerCase().replace(/\W+/g, '-'),
    svg: drawing({
      title: `${chart.title}${chart.scale.log ? ' (log scale)' : ''}`,
      legend: chart.series.map(({ name, look }) => ({ text: name, look })),
      width: WIDE,
      height: HEIGHT,
      content: html`${axis.svg}<svg x="${axis.width}" width="${WIDE - axis.width}" height="${HEIGHT}" overflow="visible">${linePlot(chart)}</svg>`,
    }),
  };
}

const squares = (name: string, title: string, content: Html, legend: Drawing['legend'] = []): Plot => ({
  name,
  svg: drawing({ title, legend, width: PLANE_WIDTH, height: PLANE_HEIGHT, content }),
});

const matrix = (name: string, title: string, plot: MatrixPlot | undefined): Plot[] =>
  plot ? [{ name, svg: drawing({ title, legend: [], ...plot, content: plot.svg }) }] : [];

const areas = (curves: readonly Curve[]): Drawing['legend'] =>
  curves.map(({ name, area, mean }, i) => ({
    text: `${shortened(name, LONGEST)} ${score(area)}`,
    look: mean ? 'mean' : `c${i - (curves[0].mean ? 1 : 0)}`,
  }));

/** All charts that have data. */
export function reportPlots(data: ReportData): Plot[] {
  const { curves, calibration, after } = data;
  const { classes } = data.data;
  return [
    ...(data.rows.length ? classificationCharts(data).map(lines) : []),
    ...matrix('confusion', 'Confusion', confusionPlot(classes, after.confusion)),
    ...matrix('confusion-blocks', 'Mistakes between blocks of classes', blocksPlot(classes, after.confusion)),
    ...(curves?.roc.length
      ? [
          squares('roc', 'ROC', curvePlot({ ...ROC_PLOT, description: 'ROC' }, curves.roc), areas(curves.roc)),
          squares(
            'precision-recall',
            'Precision and recall',
            curvePlot({ ...RECALL_PLOT, description: 'Precision and recall' }, curves.precisionRecall, true),
            areas(curves.precisionRecall),
          ),
        ]
      : []),
    ...(calibration
      ? [
          squares(
            'reliability',
            `Reliability: calibration error ${percent(calibration.without.calibration.error)}`,
            reliabilityPlot(calibration.without.calibration.bins, 'uncalibrated', 'cold'),
          ),
        ]
      : []),
    ...(calibration && calibration.temperature !== null
      ? [
          squares(
            'reliability-calibrated',
            `At temperature ${decimal(calibration.temperature)}: calibration error ${percent(calibration.with.calibration.error)}`,
            reliabilityPlot(calibration.with.calibration.bins, 'calibrated', 'warm'),
          ),
        ]
      : []),
  ];
}
