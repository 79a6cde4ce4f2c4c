import { Random } from '../../random.ts';

/**
 * Every sample once, in an order whose batches have `perClass` samples each of several classes (P classes x K samples), as losses that
 * compare samples need them: Hermans et al., "In defense of the triplet loss", 2017. What is left of a class, fewer than K, comes last.
 *
 * @param labels of the samples
 * @returns positions of the samples
 */
export function ordered(
  labels: readonly number[],
  { batch, perClass, seed, epoch }: { batch: number; perClass: number; seed: number; epoch: number },
): number[] {
  const random = new Random(seed, 'classes', epoch);
  const byClass = new Map<number, number[]>();
  for (const position of random.shuffle([...labels.keys()])) {
    const positions = byClass.get(labels[position]);
    if (positions) positions.push(position);
    else byClass.set(labels[position], [position]);
  }
  const waiting = new Map<number, number[][]>();
  const rest: number[] = [];
  for (const [label, positions] of byClass) {
    const whole = Math.floor(positions.length / perClass);
    waiting.set(
      label,
      Array.from({ length: whole }, (_, i) => positions.slice(i * perClass, (i + 1) * perClass)),
    );
    rest.push(...positions.slice(whole * perClass));
  }
  const order: number[] = [];
  let inBatch = new Set<number>();
  for (;;) {
    const left = random.shuffle([...waiting].filter(([, groups]) => groups.length > 0));
    if (left.length === 0) break;
    if (order.length % batch < perClass) inBatch = new Set();
    // A class that this batch does not have yet, and of those one with the most groups left: the last batches are to be mixed, too.
    const fresh = left.filter(([label]) => !inBatch.has(label));
    const [label, groups] = (fresh.length ? fresh : left).reduce((a, b) => (b[1].length > a[1].length ? b : a));
    inBatch.add(label);
    order.push(...groups.pop()!);
  }
  return [...order, ...rest];
}
