import type { RatePoint, RateSuggestions } from '../training/rate-suggestions.ts';
import { linearScale, logScale } from './charts/scale.ts';
import { decimal } from './format.ts';
import { type Html, html } from './markup.ts';
import { standAlonePage } from './page.ts';

/** Data of a learning-rate range test. */
export interface RateTest {
  /** As given by the user. */
  readonly model: string;
  readonly data: string;
  readonly points: readonly RatePoint[];
  /** Suggestions by rule; null if the loss never falls. */
  readonly suggestions: RateSuggestions | null;
  /** The recommended rate. */
  readonly suggestion: number | null;
}

const STYLE = html`
.test { width: 100%; height: auto; font-size: 13px; fill: var(--soft); }
.test path { fill: none; stroke: var(--water); stroke-width: 2.5; }
.test path.raw { stroke: var(--cold-fill); stroke-width: 1; }
.test line { stroke: var(--line); }
.test line.pick { stroke: var(--warm); stroke-width: 2; stroke-dasharray: 5 4; }
.test text.pick { fill: var(--warm); font-weight: 640; paint-order: stroke; stroke: var(--paper); stroke-width: 5px; stroke-linejoin: round; }
.test line.pick:not(.steep) { stroke: var(--soft); stroke-width: 1; }
.test text.pick:not(.steep) { fill: var(--soft); font-weight: 400; }`;

const WIDTH = 900;
const HEIGHT = 460;
const LEFT = 72;
const BOTTOM = 412;
/** Below the names of the rules, so that they cover no points. */
const TOP = 68;

/** Most recommended first. */
const RULES = [
  { rule: 'steep', says: 'the loss falls fastest here (recommended)' },
  { rule: 'valley', says: 'midpoint of the longest fall (more cautious)' },
  { rule: 'minimum', says: 'a tenth of the rate with the lowest loss' },
] as const satisfies readonly { rule: keyof RateSuggestions; says: string }[];

/** A self-contained page with the loss over the learning rate. All strings are escaped. */
export function renderRateTest({ model, data, points, suggestions, suggestion }: RateTest): string {
  const across = logScale(points.map(({ lr }) => lr));
  // One extreme loss at the end must not flatten the rest.
  const highest = 1.5 * Math.max(...points.slice(0, Math.ceil(points.length / 2)).map(({ loss }) => loss));
  const upwards = linearScale(points.flatMap(({ loss, smoothed }) => [Math.min(loss, highest), smoothed]));
  const x = (lr: number) => Number((LEFT + across.place(lr) * (WIDTH - LEFT - 16)).toFixed(1));
  const y = (loss: number) =>
    Number((BOTTOM - Math.min(1, Math.max(0, upwards.place(loss))) * (BOTTOM - TOP)).toFixed(1));
  const line = (of: 'loss' | 'smoothed') => `M${points.map((p) => `${x(p.lr)} ${y(p[of])}`).join('L')}`;
  const summary: Html =
    suggestion === null
      ? html`<p>Cannot suggest a rate: the loss never fell by more than its noise.</p>`
      : html`<p class="lede">Train with <strong>--lr ${decimal(suggestion)}</strong>: the loss falls fastest at this rate.</p>`;
  const marks = RULES.flatMap(({ rule, says }, i) =>
    suggestions ? [{ rule, says, lr: suggestions[rule], at: 14 + 18 * i }] : [],
  );
  return standAlonePage(
    { title: 'Learning rates', style: STYLE },
    html`<h1>Learning rates</h1>
${summary}
<p>Loss of <code>${model}</code> on <code>${data}</code> with a rising learning rate: per batch (thin) and smoothed (thick).</p>
<svg class="test" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Loss over learning rate">
${upwards.ticks.map((tick) => html`<line x1="${LEFT}" x2="${WIDTH - 16}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${LEFT - 8}" y="${y(tick) + 4}" text-anchor="end">${decimal(tick)}</text>`)}
${across.ticks.map((tick) => html`<text x="${x(tick)}" y="${BOTTOM + 24}" text-anchor="middle">${decimal(tick)}</text>`)}
<path class="raw" d="${line('loss')}"/>
<path d="${line('smoothed')}"/>
${marks.map(({ rule, lr, at }) => html`<line class="pick ${rule}" x1="${x(lr)}" x2="${x(lr)}" y1="${at - 10}" y2="${BOTTOM}"/>`)}
${marks.map(({ rule, lr, at }) => html`<text class="pick ${rule}" x="${x(lr) + (x(lr) > WIDTH / 2 ? -6 : 6)}" y="${at}" text-anchor="${x(lr) > WIDTH / 2 ? 'end' : 'start'}">${rule} ${decimal(lr)}</text>`)}
<text x="${(LEFT + WIDTH - 16) / 2}" y="${BOTTOM + 44}" text-anchor="middle">learning rate (log scale)</text>
</svg>
${
  marks.length > 0 &&
  html`<table class="small"><thead><tr><th scope="col">Rule</th><th scope="col" class="number">Learning rate</th><th scope="col">Meaning</th></tr></thead>
<tbody>${marks.map(({ rule, says, lr }) => html`<tr><th scope="row">${rule}</th><td class="number">${decimal(lr)}</td><td>${says}</td></tr>`)}</tbody></table>`
}`,
  ).text;
}
