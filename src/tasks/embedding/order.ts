import { Random } from '../../random.ts';

/**
 * An order with every sample once, whose batches have `perClass` samples each of several classes (P classes x K samples), for losses that
 * compare samples: Hermans et al., "In defense of the triplet loss", 2017. The remaining samples of classes, fewer than K, come last.
 *
 * @param labels labels of the samples
 * @returns indices of the samples
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
    // Prefers classes that the batch does not have, and of these the one with the most groups left, so that the last batches are mixed too.
    const fresh = left.filter(([label]) => !inBatch.has(label));
    const [label, groups] = (fresh.length ? fresh : left).reduce((a, b) => (b[1].length > a[1].length ? b : a));
    inBatch.add(label);
    order.push(...groups.pop()!);
  }
  return [...order, ...rest];
}
