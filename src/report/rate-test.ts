import { linearScale, logScale } from './charts/scale.ts';
import { decimal } from './format.ts';
import { type Html, html } from './markup.ts';
import { STYLE } from './style.ts';

/** A learning-rate range test, as it is drawn. */
export interface RateTest {
  /** As the user wrote them. */
  readonly model: string;
  readonly data: string;
  readonly points: readonly { readonly lr: number; readonly loss: number; readonly smoothed: number }[];
  readonly suggestion: number | null;
}

const WIDTH = 900;
const HEIGHT = 420;
const LEFT = 64;
const BOTTOM = 372;
const TOP = 20;

/** A page that stands alone with the loss over the learning rate. Every string is escaped. */
export function renderRateTest({ model, data, points, suggestion }: RateTest): string {
  const across = logScale(points.map(({ lr }) => lr));
  // One wild loss at the end must not flatten all others.
  const highest = 1.5 * Math.max(...points.slice(0, Math.ceil(points.length / 2)).map(({ loss }) => loss));
  const upwards = linearScale(points.flatMap(({ loss, smoothed }) => [Math.min(loss, highest), smoothed]));
  const x = (lr: number) => Number((LEFT + across.place(lr) * (WIDTH - LEFT - 16)).toFixed(1));
  const y = (loss: number) =>
    Number((BOTTOM - Math.min(1, Math.max(0, upwards.place(loss))) * (BOTTOM - TOP)).toFixed(1));
  const line = (of: 'loss' | 'smoothed') => `M${points.map((p) => `${x(p.lr)} ${y(p[of])}`).join('L')}`;
  const summary: Html =
    suggestion === null
      ? html`<p>The loss never fell: no rate can be suggested.</p>`
      : html`<p class="lede">Train with <strong>--lr ${decimal(suggestion)}</strong>, where the loss falls fastest.</p>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Learning rates · Thaw</title>
<style>${STYLE}
.test { width: 100%; height: auto; font-size: 13px; fill: var(--soft); }
.test path { fill: none; stroke: var(--water); stroke-width: 2.5; }
.test path.raw { stroke: var(--cold-fill); stroke-width: 1; }
.test line { stroke: var(--line); }
.test line.pick { stroke: var(--warm); stroke-width: 2; stroke-dasharray: 5 4; }
.test text.pick { fill: var(--warm); font-weight: 640; }</style>
</head>
<body>
<main>
<h1>Learning rates</h1>
${summary}
<p>The loss while the learning rate rises from step to step, of <code>${model}</code> on <code>${data}</code>: each batch (thin) and smoothed (thick).</p>
<svg class="test" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Loss over learning rate">
${upwards.ticks.map((tick) => html`<line x1="${LEFT}" x2="${WIDTH - 16}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${decimal(tick)}</text>`)}
${across.ticks.map((tick) => html`<text x="${x(tick)}" y="${BOTTOM + 24}" text-anchor="middle">${decimal(tick)}</text>`)}
<path class="raw" d="${line('loss')}"/>
<path d="${line('smoothed')}"/>
${suggestion !== null && html`<line class="pick" x1="${x(suggestion)}" x2="${x(suggestion)}" y1="${TOP}" y2="${BOTTOM}"/><text class="pick" x="${x(suggestion) + 6}" y="${TOP + 14}">${decimal(suggestion)}</text>`}
</svg>
</main>
</body>
</html>
`.text;
}
