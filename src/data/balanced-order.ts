import type { Random } from '../random.ts';

/**
 * As many positions as there are labels, with equally many of each class (within one). Samples of rare classes repeat equally often; some
 * samples of frequent classes are skipped.
 */
export function balancedOrder(labels: readonly number[], random: Random): number[] {
  const classes = new Map<number, number[]>();
  labels.forEach((label, position) => {
    classes.set(label, [...(classes.get(label) ?? []), position]);
  });
  const turns = random.shuffle([...classes.keys()].sort((a, b) => a - b));
  const rows = turns.map((label) => random.shuffle(classes.get(label)!));
  const drawn = labels.map((_, i) => {
    const row = rows[i % rows.length];
    return row[Math.floor(i / rows.length) % row.length];
  });
  return random.shuffle(drawn);
}
