import type { Noun } from '../data/types.ts';
import type { UnknownReport } from '../tasks/index.ts';
import { percent, plural, score } from './format.ts';

/** How often a model calls samples unknown, one sentence each. */
export function unknownWords({ rate, known, unknown }: UnknownReport, noun: Noun): string[] {
  const of100 = (share: number) => String(Number((100 * share).toPrecision(2)));
  const [low, high] = known.interval.map((share) => String(Math.round(100 * share)));
  const falseAlarms = `Of 100 ${noun}s of the classes, about ${of100(rate)} are called unknown (${plural(known.samples, `validation ${noun}`)} allow ${low} to ${high}).`;
  if (!unknown) return [falseAlarms];
  const { from, samples, auroc, fpr95, recognised } = unknown;
  const measured = `AUROC ${score(auroc)}, FPR at 95% ${percent(fpr95)}`;
  return from === 'examples'
    ? [
        falseAlarms,
        `Of ${plural(samples, 'unknown example')}, ${Math.round(recognised * samples)} are recognised (${measured}).`,
      ]
    : [
        falseAlarms,
        `An estimate without unknown examples, from leaving out one class at a time: ${percent(recognised)} of unknown ${noun}s are recognised (${measured}).`,
      ];
}

/** The meaning of the two numbers. */
export const UNKNOWN_TERMS =
  'AUROC: the probability that an unknown sample scores above a known one. FPR at 95%: the share of unknown samples that pass as known if 95% of the known samples do.';
