/** `Did you mean X?` for the closest of the known names, or a list of them. */
export function nearestHint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? `There are: ${known.join(', ')}` : `Did you mean ${meant}?`;
}

/** Names in other tools, without hyphens and in lower case, and ours. */
const SYNONYMS: Readonly<Record<string, string>> = {
  learningrate: 'lr',
  batchsize: 'batch',
  bs: 'batch',
  numepochs: 'epochs',
  maxepochs: 'epochs',
  outputdir: 'out',
  outdir: 'out',
  lrscheduler: 'schedule',
  scheduler: 'schedule',
  earlystopping: 'patience',
  freeze: 'trainable',
  gradientaccumulationsteps: 'accumulate',
  gradientcheckpointing: 'recompute',
  gradclip: 'clip',
  maxgradnorm: 'clip',
  imagesize: 'size',
  imgsz: 'size',
  validationsplit: 'valfraction',
  valsplit: 'valfraction',
  classnames: 'labels',
  randomseed: 'seed',
  gpu: 'cuda',
  ce: 'crossentropy',
};

/** The shortest name that counts as the start of another. */
const START = 3;

/** The closest of the known names, if one is close: a synonym, a similar spelling, or a longer or shorter form. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const given = plain(name);
  const synonym = Object.hasOwn(SYNONYMS, given) ? known.find((other) => plain(other) === SYNONYMS[given]) : undefined;
  if (synonym !== undefined || known.length === 0) return synonym;
  const ranked = known.map((other) => ({ other, distance: editDistance(name, other) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const [{ other, distance }] = ranked;
  if (distance <= Math.max(2, Math.floor(other.length / 3))) return other;
  const related = known.filter((other) => {
    const [short, long] = [given, plain(other)].sort((a, b) => a.length - b.length);
    return short.length >= START && long.startsWith(short);
  });
  return related.length === 1 ? related[0] : undefined;
}

/** A name without its style: `learning-rate`, `learningRate` and `learning_rate` are the same. */
const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

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
