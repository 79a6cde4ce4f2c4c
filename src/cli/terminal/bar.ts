import type { Noun } from '../../data/index.ts';
import { decimal, duration } from '../../report/format.ts';
import { type Colours, columnsOf, joined, type Styled } from './styled.ts';

/** The state of a training for its progress bar. */
export interface BarState {
  readonly stage: number;
  readonly stages: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
  /** Means of the epoch so far. */
  readonly loss: number;
  /** The task's metric as text, if available. */
  readonly metric?: string;
  /** What a sample is: an image or a text. */
  readonly noun: Noun;
  readonly speed: number;
  /** Remaining seconds, if known. */
  readonly left?: number;
}

const WIDEST = 28;
const NARROWEST = 8;

/** One line of at most `width` columns. The bar shrinks first; then the least important parts are dropped. */
export function progressLine(state: BarState, width: number, c: Colours): Styled {
  const { stage, stages, epoch, epochs, step, steps, loss, metric, speed, left } = state;
  const parts = [
    { text: `epoch ${epoch}/${epochs}`, matters: 9 },
    { text: `stage ${stage}/${stages}`, matters: 4 },
    { text: step === steps ? 'evaluating' : `${step}/${steps}`, matters: 5 },
    { text: `loss ${decimal(loss)}`, matters: 8 },
    ...(metric === undefined ? [] : [{ text: metric, matters: 7 }]),
    { text: `${Math.round(speed)} ${state.noun}s/s`, matters: 2 },
    ...(left === undefined ? [] : [{ text: `${duration(left)} left`, matters: 6 }]),
  ];
  const room = (kept: typeof parts) => width - kept.reduce((all, { text }) => all + columnsOf(text) + 2, 0);
  let kept = parts;
  while (kept.length > 1 && room(kept) < NARROWEST) {
    const least = Math.min(...kept.map(({ matters }) => matters));
    kept = kept.filter(({ matters }) => matters !== least);
  }
  const texts = kept.map(({ text }) => text);
  const size = Math.min(WIDEST, room(kept));
  if (size < NARROWEST) return joined(texts, '  ');
  return joined([texts[0], barOf(step / steps, size, c), ...texts.slice(1)], '  ');
}

/** A bar that fills from the left in steps of half a character. */
function barOf(share: number, size: number, c: Colours): Styled {
  const halves = Math.round(Math.min(1, Math.max(0, share)) * size * 2);
  const full = '━'.repeat(Math.floor(halves / 2));
  const half = halves % 2 ? '╸' : '';
  return joined([c.cyan(full + half), c.dim('─'.repeat(size - full.length - half.length))]);
}

const LEVELS = '▁▂▃▄▅▆▇█';

/** Values as a row of small bars, scaled between their minimum and maximum. */
export function sparkline(values: readonly number[], width: number): string {
  const size = Math.min(width, values.length);
  const shown = Array.from({ length: size }, (_, i) => values[Math.floor((i * values.length) / size)]);
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const level = (value: number) => Math.round(((value - low) / (high - low || 1)) * (LEVELS.length - 1));
  return shown.map((value) => LEVELS[level(value)]).join('');
}
