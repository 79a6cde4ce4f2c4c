/** The time of a run: a bar of its stages, with the thawed groups and the gain of each stage above it, and a dot for decisions at its end. */
import { duration, plural, points } from '../format.ts';
import { type Html, html } from '../markup.ts';

export interface TimelineStage {
  readonly stage: number;
  readonly seconds: number;
  /** Layer groups that train for the first time. */
  readonly thawed: number;
  /** Gain in best accuracy; null if no epoch was finished. */
  readonly gain: number | null;
  readonly colour: string;
  /** Decisions about the plan at its end. */
  readonly decisions?: readonly string[];
}

const HEIGHT = 74;
const BAR = 38;

const round = (value: number): number => Number(value.toFixed(3));

/** The first text that fits. Timelines are usually at least 320 pixels wide. */
const fitting = (texts: readonly string[], share: number): string =>
  texts.find((text) => text.length * 6.4 <= share * 320 - 6) ?? '';

/** @param seconds total time of the run, including the time between and after stages */
export function timeline(stages: readonly TimelineStage[], seconds: number): Html {
  const all = Math.max(
    seconds,
    stages.reduce((sum, stage) => sum + stage.seconds, 0),
    1e-9,
  );
  let at = 0;
  const segments = stages.map((stage) => {
    const from = at;
    at += stage.seconds / all;
    return { ...stage, from, share: stage.seconds / all };
  });
  const rest = 1 - at;
  const gained = (gain: number | null) => (gain === null ? '' : points(gain));
  const described = stages.map(
    ({ stage, seconds: own, thawed, gain }) =>
      `stage ${stage} took ${duration(own)}, thawed ${plural(thawed, 'group')}${gain === null ? '' : ` and added ${points(gain)} points`}`,
  );
  return html`<svg class="plot timeline" width="100%" height="${HEIGHT}" role="img" aria-label="Time: ${described.join('; ')}; everything else took ${duration(rest * all)}.">
${segments.map(
  ({ stage, seconds: own, thawed, gain, colour, from, share }) =>
    html`<rect x="${round(from * 100)}%" y="${BAR}" width="${round(share * 100)}%" height="12" fill="${colour}"/>
<svg x="${round(from * 100)}%" y="0" overflow="visible"><text class="stage" x="1" y="14">${fitting([`stage ${stage}, ${plural(thawed, 'group')} thawed`, `stage ${stage}`, String(stage)], share)}</text>
<text x="1" y="30">${gain === null ? '' : fitting([`${gained(gain)} points`, gained(gain)], share)}</text>
<text x="1" y="${BAR + 28}">${fitting([duration(own)], share)}</text></svg>
`,
)}
<rect class="ice" x="${round(at * 100)}%" y="${BAR}" width="${round(rest * 100)}%" height="12"/>
<svg x="100%" y="0" overflow="visible"><text class="end" x="0" y="${BAR + 28}">${fitting([`other ${duration(rest * all)}`, duration(rest * all)], rest)}</text></svg>
${segments.map(
  ({ from, share, decisions = [] }) =>
    decisions.length > 0 &&
    html`<circle class="decision" cx="${round((from + share) * 100)}%" cy="${BAR + 6}" r="5"><title>${decisions.join('. ')}</title></circle>`,
)}
</svg>`;
}
