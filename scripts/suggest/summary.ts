/**
 * Summarizes curves of `simulate.ts` in Markdown, for each task and strategy, in comparison with random choice of the same seed:
 *
 *     npx tsx scripts/suggest/summary.ts curves.jsonl
 *
 * - gain: the accuracy minus that of random choice, as a mean over the rounds after the start, with its 95% interval (Student's t over seeds)
 * - labels: how many labels the strategy needs for the accuracy that random choice has after two thirds of the rounds, with the 95% interval of a
 *   bootstrap over seeds. Mean curves, made monotone and interpolated
 */
import { readFileSync } from 'node:fs';
import { Random } from '../../src/random.ts';
import { mean, quantile } from '../bench/statistics.ts';
import { pairedInterval } from '../defaults/statistics.ts';

interface Line {
  readonly task: string;
  readonly strategy: string;
  readonly seed: number;
  readonly curve: readonly (readonly [labels: number, accuracy: number])[];
}

const RESAMPLES = 2000;
const lines = readFileSync(process.argv[2]!, 'utf8')
  .trim()
  .split('\n')
  .map((line): Line => JSON.parse(line));
const gainOf = ({ curve }: Line) => mean(curve.slice(1).map(([, accuracy]) => accuracy));
const percent = (share: number) => (100 * share).toFixed(1);
const signed = (share: number) => (share < 0 ? percent(share).replace('-', '−') : `+${percent(share)}`);

/** The mean accuracies, each at least as high as the one before. */
function meanCurve(runs: readonly Line[]): number[] {
  let most = 0;
  return runs[0]!.curve.map((_, round) => {
    most = Math.max(most, mean(runs.map(({ curve }) => curve[round]![1])));
    return most;
  });
}

/** Labels at which a curve reaches an accuracy; the last number of labels if it does not. */
function labelsFor(accuracy: number, curve: readonly number[], labels: readonly number[]): number {
  const round = curve.findIndex((value) => value >= accuracy);
  if (round < 0) return labels.at(-1)!;
  if (round === 0) return labels[0]!;
  const [low, high] = [curve[round - 1]!, curve[round]!];
  return labels[round - 1]! + ((accuracy - low) / (high - low)) * (labels[round]! - labels[round - 1]!);
}

for (const task of new Set(lines.map((line) => line.task))) {
  const of = (strategy: string) =>
    lines.filter((line) => line.task === task && line.strategy === strategy).sort((a, b) => a.seed - b.seed);
  const random = of('random');
  const labels = random[0]!.curve.map(([count]) => count);
  const at = Math.round(((labels.length - 1) * 2) / 3);
  const shown = [0, Math.round(at / 2), at, labels.length - 1];
  console.log(`\n### ${task} (${random.length} seeds)\n`);
  console.log(
    `| strategy | ${shown.map((i) => `${labels[i]} labels`).join(' | ')} | gain | labels for ${labels[at]} random ones |`,
  );
  console.log(`| --- | ${shown.map(() => '---: |').join(' ')} --- | --- |`);
  for (const strategy of new Set(lines.filter((line) => line.task === task).map((line) => line.strategy))) {
    const runs = of(strategy);
    if (runs.length !== random.length) throw new Error(`${task}, ${strategy}: ${runs.length} seeds`);
    const { mean: gain, half } = pairedInterval(runs.map(gainOf), random.map(gainOf));
    const needed = (seeds: readonly number[]) => {
      const target = meanCurve(seeds.map((seed) => random[seed]!))[at]!;
      return labelsFor(target, meanCurve(seeds.map((seed) => runs[seed]!)), labels);
    };
    const all = runs.map((_, i) => i);
    const draws = new Random(0, task, strategy);
    const resampled = Array.from({ length: RESAMPLES }, () => needed(all.map(() => draws.below(all.length))));
    const [low, high] = [0.025, 0.975].map((part) => Math.round(quantile(resampled, part)));
    const atMost = high === labels.at(-1) ? '≥ ' : '';
    const means = shown.map((i) => percent(mean(runs.map(({ curve }) => curve[i]![1]))));
    const compared =
      strategy === 'random'
        ? '| |'
        : `| ${signed(gain)} ± ${percent(half)} | ${Math.round(needed(all))} (${low} to ${atMost}${high}) |`;
    console.log(`| ${strategy} | ${means.join(' | ')} ${compared}`);
  }
}
