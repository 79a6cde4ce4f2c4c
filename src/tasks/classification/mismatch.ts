import type { Scores } from '../task.ts';
import type { Evaluation } from './types.ts';

/** Minimum training accuracy. Only then can validation labels be judged. */
const LEARNED = 0.8;
/** Minimum samples of a class, and the minimum fraction of them predicted as one other class. */
const SAMPLES = 5;
const MOVED = 0.8;
/** Maximum number of classes in the message. */
const CYCLE = 6;

/**
 * Detects classes with exchanged labels between training and validation: training has learned them, but in validation, nearly all samples
 * of each are predicted as the next one, in a cycle.
 *
 * @returns one line; undefined if there are none
 */
export function mismatchOf({ confusion, perClass }: Evaluation, train: Scores): string | undefined {
  if (!(train.accuracy >= LEARNED)) return undefined;
  const takenFor = confusion.map((counts, c) => {
    const total = counts.reduce((all, count) => all + count, 0);
    const other = counts.findIndex((count, p) => p !== c && count >= MOVED * total);
    return total >= SAMPLES && other >= 0 ? other : undefined;
  });
  const ring = (c: number): number[] => {
    const members = [c];
    for (let next = takenFor[c]; next !== undefined && !members.includes(next); next = takenFor[next])
      members.push(next);
    return takenFor[members[members.length - 1]] === c ? members : [];
  };
  const members = takenFor.map((_, c) => ring(c)).find(({ length }) => length > 1);
  if (!members) return undefined;
  const shown = members.length > CYCLE ? members.slice(0, CYCLE) : [...members, members[0]];
  const names = [...shown.map((c) => perClass[c].label), ...(members.length > CYCLE ? ['…'] : [])];
  return `labels of training and validation do not match: samples of one class are nearly always labelled as the next in validation, ${names.join(' → ')} (check that both have the same order of classes)`;
}
