/** Charts on the unit square: ROC and precision-recall curves, and the reliability diagram. */
import type { CalibrationBin } from '../../tasks/metrics/index.ts';
import type { Curve } from '../curves.ts';
import { count, percent, score } from '../format.ts';
import { type Html, html } from '../markup.ts';

/** The unit square in pixels. */
const LEFT = 60;
const TOP = 10;
const SIDE = 280;
export const PLANE_WIDTH = LEFT + SIDE + 24;
export const PLANE_HEIGHT = TOP + SIDE + 46;

const round = (value: number): number => Number(value.toFixed(1));
const across = (share: number): number => round(LEFT + share * SIDE);
const down = (share: number): number => round(TOP + (1 - share) * SIDE);

const TICKS = [0, 0.25, 0.5, 0.75, 1];

interface Plane {
  readonly description: string;
  readonly x: string;
  readonly y: string;
  /** Whether to draw the diagonal for comparison. */
  readonly diagonal?: boolean;
}

const plane = ({ description, x, y, diagonal }: Plane, content: Html | readonly Html[]): Html =>
  html`<svg class="plane" viewBox="0 0 ${PLANE_WIDTH} ${PLANE_HEIGHT}" width="${PLANE_WIDTH}" height="${PLANE_HEIGHT}" role="img" aria-label="${description}">
${TICKS.map(
  (tick) => html`<line class="grid" x1="${across(0)}" x2="${across(1)}" y1="${down(tick)}" y2="${down(tick)}"/>
<line class="grid" x1="${across(tick)}" x2="${across(tick)}" y1="${down(0)}" y2="${down(1)}"/>
<text class="end" x="${LEFT - 6}" y="${down(tick) + 4}">${percent(tick, 0)}</text>
<text class="middle" x="${across(tick)}" y="${down(0) + 18}">${percent(tick, 0)}</text>
`,
)}
${diagonal && html`<line class="even" x1="${across(0)}" y1="${down(0)}" x2="${across(1)}" y2="${down(1)}"/>`}
${content}
<text class="middle axis" x="${across(0.5)}" y="${down(0) + 38}">${x}</text>
<text class="middle axis" transform="translate(10 ${down(0.5)}) rotate(-90)">${y}</text>
</svg>`;

/** CSS class of a curve, which sets its colour and dashes. */
const look = ({ mean }: Curve, i: number, curves: readonly Curve[]): string =>
  mean ? 'mean' : `c${i - (curves[0].mean ? 1 : 0)}`;

/** @param steps keep each value until the next point, as for precision */
export const curvePlot = (plot: Plane, curves: readonly Curve[], steps = false): Html =>
  plane(
    plot,
    // The mean comes first in the list, so it is drawn on top.
    curves
      .map((curve, i) => {
        const path = curve.x
          .map((x, k) => {
            const [px, py] = [across(x), down(curve.y[k])];
            return k === 0 ? `M${px} ${py}` : steps ? `V${py}H${px}` : `L${px} ${py}`;
          })
          .join('');
        return html`<path class="curve ${look(curve, i, curves)}" d="${path}"><title>${curve.name}: ${score(curve.area)}</title></path>`;
      })
      .reverse(),
  );

/** Names and areas of the curves. */
export const curveLegend = (curves: readonly Curve[]): Html =>
  html`<ul class="areas">${curves.map(
    (curve, i) =>
      html`<li><svg width="26" height="10" aria-hidden="true"><path class="curve ${look(curve, i, curves)}" d="M1 5H25"/></svg><span>${curve.name}</span><b>${score(curve.area)}</b></li>`,
  )}</ul>`;

/**
 * Accuracy by confidence: one bar per bin, and a dot at the bin's mean confidence. Bars on the diagonal mean calibrated probabilities.
 */
export const reliabilityPlot = (bins: readonly CalibrationBin[], name: string, tone: 'cold' | 'warm'): Html =>
  plane(
    {
      description: `Reliability, ${name}: ${bins
        .filter((bin) => bin.count > 0)
        .map(
          (bin) =>
            `${count(bin.count)} images with ${percent(bin.confidence, 0)} confidence: ${percent(bin.accuracy, 0)} correct`,
        )
        .join('; ')}.`,
      x: 'confidence',
      y: 'accuracy',
      diagonal: true,
    },
    bins
      .filter((bin) => bin.count > 0)
      .map(({ low, high, count: number, confidence, accuracy }) => {
        const gap = Math.abs(accuracy - confidence);
        return html`<g class="bin ${tone}"><rect x="${across(low) + 1}" y="${down(accuracy)}" width="${round((high - low) * SIDE - 2)}" height="${round(accuracy * SIDE)}"/>
<line x1="${across(confidence)}" x2="${across(confidence)}" y1="${down(confidence)}" y2="${down(accuracy)}"/><circle cx="${across(confidence)}" cy="${down(accuracy)}" r="3.5"/>
<title>${count(number)} images with ${percent(confidence)} mean confidence: ${percent(accuracy)} correct, off by ${percent(gap)}</title></g>
`;
      }),
  );
