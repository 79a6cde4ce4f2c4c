/** Whether classes that a model already knows keep their weights in its new head. */
export const knownClasses = ['auto', 'keep', 'redraw'] as const;
export type KnownClasses = (typeof knownClasses)[number];

/** What became of a model's classes when its head got others. Plain data. */
export interface ContinuedClasses {
  /** Whose weights stay. */
  readonly kept: readonly string[];
  /** Whose weights are drawn. */
  readonly added: readonly string[];
  /** Whom the model no longer tells apart. */
  readonly removed: readonly string[];
}

/** A model's classes, those that its new head is for, and which rows of the head are kept. */
export interface ClassNames {
  /** In the order of the outputs; undefined where the model does not say. */
  readonly known: readonly string[] | undefined;
  readonly wanted: readonly string[];
  readonly rows: KnownClasses;
}

/**
 * Which classes of a model stay when it continues with others. `auto` keeps the known ones if the task is similar: half of the model's
 * classes stay, or all of the new ones are known. (One common word among hundreds is chance.)
 *
 * @param outputs of the model's head
 * @returns for each wanted class the output that it has, and names to report; undefined if nothing is kept
 */
export function continueClasses(
  { known, wanted, rows }: ClassNames,
  outputs: number,
): { rows: readonly (number | undefined)[]; classes: ContinuedClasses } | undefined {
  if (rows === 'redraw' || known?.length !== outputs) return undefined;
  const kept = wanted.filter((name) => known.includes(name));
  const goesOn = 2 * kept.length >= known.length || kept.length === wanted.length;
  if (kept.length === 0 || (rows === 'auto' && !goesOn)) return undefined;
  return {
    rows: wanted.map((name) => (known.includes(name) ? known.indexOf(name) : undefined)),
    classes: {
      kept,
      added: wanted.filter((name) => !known.includes(name)),
      removed: known.filter((name) => !wanted.includes(name)),
    },
  };
}
