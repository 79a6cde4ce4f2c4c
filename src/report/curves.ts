import {
  areaUnderRoc,
  averagePrecision,
  meanDefined,
  type Outcome,
  precisionRecallCurve,
  ranking,
  rocCurve,
} from '../tasks/metrics/index.ts';

/** A curve over 0 to 1, and the area under it. */
export interface Curve {
  readonly name: string;
  readonly area: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Whether this is the mean of all classes. */
  readonly mean?: boolean;
}

/** One-vs-rest curves: those with the smallest areas, and the mean of all classes. */
export interface Curves {
  readonly roc: readonly Curve[];
  readonly precisionRecall: readonly Curve[];
}

/** Maximum number of curves and points, so that a chart stays readable. */
const CURVES = 5;
const POINTS = 160;
const GRID = Array.from({ length: 101 }, (_, i) => i / 100);

interface Line {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** At most `POINTS` of the points, including both ends. */
function thinned({ x, y }: Line): Line {
  const last = x.length - 1;
  if (last < POINTS) return { x, y };
  const kept = Array.from({ length: POINTS }, (_, i) => Math.round((i * last) / (POINTS - 1)));
  return { x: kept.map((i) => x[i]), y: kept.map((i) => y[i]) };
}

/** Height of a curve at `at`: the maximum at this x, or linear interpolation between two points. */
function heightAt({ x, y }: Line, at: number): number {
  const next = x.findLastIndex((value) => value <= at);
  if (next === x.length - 1 || x[next] === at) return y[next];
  return y[next] + ((at - x[next]) / (x[next + 1] - x[next])) * (y[next + 1] - y[next]);
}

/** Precision at a recall: that of the highest threshold with this recall. */
function precisionAt({ x, y }: Line, recall: number): number {
  return y[x.findIndex((value, i) => value >= recall && i > 0)];
}

function drawn(
  classes: readonly string[],
  lines: readonly (Line | null)[],
  areas: readonly (number | null)[],
  at: (line: Line, x: number) => number,
): Curve[] {
  const curves = lines.flatMap((line, c) => {
    const area = areas[c];
    return line && area !== null && area !== undefined ? [{ name: classes[c], area, line }] : [];
  });
  const weakest = [...curves].sort((a, b) => a.area - b.area).slice(0, CURVES);
  const mean =
    curves.length > 2
      ? meanOf(
          curves.map(({ line }) => line),
          areas,
          at,
        )
      : [];
  return [...mean, ...weakest.map(({ name, area, line }) => ({ name, area, ...thinned(line) }))];
}

const meanOf = (lines: readonly Line[], areas: readonly (number | null)[], at: (line: Line, x: number) => number) => [
  {
    name: `mean of ${lines.length} classes`,
    area: meanDefined(areas) ?? 0,
    x: GRID,
    y: GRID.map((x) => lines.reduce((all, line) => all + at(line, x), 0) / lines.length),
    mean: true,
  },
];

/** The curves of a report. @param outcomes of every validation sample */
export function curvesOf(outcomes: readonly Outcome[], classes: readonly string[]): Curves {
  const ranked = classes.map((_, c) => ranking(outcomes, c));
  const roc = ranked.map(rocCurve).map((curve) => curve && { x: curve.falsePositiveRate, y: curve.truePositiveRate });
  const recall = ranked.map(precisionRecallCurve).map((curve) => {
    // Thresholds below full recall carry no information about the model.
    const whole = curve ? curve.recall.indexOf(1) + 1 : 0;
    return curve && { x: curve.recall.slice(0, whole), y: curve.precision.slice(0, whole) };
  });
  return {
    roc: drawn(classes, roc, ranked.map(areaUnderRoc), heightAt),
    precisionRecall: drawn(classes, recall, ranked.map(averagePrecision), precisionAt),
  };
}
