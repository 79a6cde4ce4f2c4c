/** `Did you mean X?` for the closest of the known names, or a list of them. */
export function nearestHint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? `There are: ${known.join(', ')}` : `Did you mean ${meant}?`;
}

/** The closest of the known names, if one is close. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((other) => ({ other, distance: editDistance(name, other) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const [{ other, distance }] = ranked;
  return distance <= Math.max(2, Math.floor(other.length / 3)) ? other : undefined;
}

/** Fewest insertions, deletions and substitutions that make b of a (Wagner and Fischer, 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
