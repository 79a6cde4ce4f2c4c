import type { Scores } from '../task.ts';
import type { Evaluation } from './types.ts';

/** Training must have learned its labels before validation can be said to have others. */
const LEARNED = 0.8;
/** A class of fewer samples shows nothing; of that many, this part must go to one other class. */
const SAMPLES = 5;
const MOVED = 0.8;

/**
 * Classes whose labels look exchanged between training and validation: training has learned them, and in validation nearly all of each
 * is taken for another one of them, in a ring.
 *
 * @returns one line; undefined where there are none
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
  const names = [...members, members[0]].map((c) => perClass[c].label);
  return `labels of training and validation don't match: what training learned as one is nearly always labelled as the next in validation, ${names.join(' → ')} (are the classes in the same order in both?)`;
}
