import {
  areaUnderRoc,
  averagePrecision,
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

/** One-vs-rest curves of the same classes in the same order, so that a class has one colour in both charts. The mean comes first. */
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

/** Heights of a curve on the grid: the maximum at each x, or linear interpolation between two points. */
function heights({ x, y }: Line): number[] {
  let i = 0;
  return GRID.map((at) => {
    while (i + 1 < x.length && x[i + 1] <= at) i++;
    if (i === x.length - 1 || x[i] === at) return y[i];
    return y[i] + ((at - x[i]) / (x[i + 1] - x[i])) * (y[i + 1] - y[i]);
  });
}

/** Precisions on the grid of recalls: each is that of the highest threshold with this recall. */
function precisions({ x, y }: Line): number[] {
  let i = 1;
  return GRID.map((recall) => {
    while (x[i] < recall) i++;
    return y[i];
  });
}

/** The ranking of a class as two curves with their areas; null if the class, or all others, have no samples. */
function linesOf(outcomes: readonly Outcome[], of: number) {
  const ranked = ranking(outcomes, of);
  const [roc, precisionRecall] = [rocCurve(ranked), precisionRecallCurve(ranked)];
  const [rocArea, precisionArea] = [areaUnderRoc(ranked), averagePrecision(ranked)];
  if (!roc || !precisionRecall || rocArea === null || precisionArea === null) return null;
  // Thresholds below full recall carry no information about the model.
  const whole = precisionRecall.recall.indexOf(1) + 1;
  return {
    roc: { area: rocArea, line: { x: roc.falsePositiveRate, y: roc.truePositiveRate } },
    precisionRecall: {
      area: precisionArea,
      line: { x: precisionRecall.recall.slice(0, whole), y: precisionRecall.precision.slice(0, whole) },
    },
  };
}

/** The mean of curves over all classes, one class at a time: thousands of classes have too many points to keep. */
class MeanCurve {
  private readonly sums = new Float64Array(GRID.length);
  private area = 0;
  private count = 0;

  constructor(private readonly on: (line: Line) => readonly number[]) {}

  add({ area, line }: { readonly area: number; readonly line: Line }): void {
    for (const [i, height] of this.on(line).entries()) this.sums[i] += height;
    this.area += area;
    this.count++;
  }

  /** Empty for one or two classes, which need no mean. */
  get curve(): Curve[] {
    const { sums, area, count } = this;
    if (count <= 2) return [];
    const y = Array.from(sums, (sum) => sum / count);
    return [{ name: `mean of ${count} classes`, area: area / count, x: GRID, y, mean: true }];
  }
}

/** The curves of a report: the classes with the smallest average precision, and the mean. @param outcomes of every validation sample */
export function curvesOf(outcomes: readonly Outcome[], classes: readonly string[]): Curves {
  const means = { roc: new MeanCurve(heights), precisionRecall: new MeanCurve(precisions) };
  const areas = classes.flatMap((_, of) => {
    const lines = linesOf(outcomes, of);
    if (!lines) return [];
    means.roc.add(lines.roc);
    means.precisionRecall.add(lines.precisionRecall);
    return [{ of, roc: lines.roc.area, precision: lines.precisionRecall.area }];
  });
  const weakest = areas.sort((a, b) => a.precision - b.precision || a.roc - b.roc).slice(0, CURVES);
  const shown = weakest.map(({ of }) => ({ name: classes[of], ...linesOf(outcomes, of)! }));
  const drawn = (chart: 'roc' | 'precisionRecall'): Curve[] => [
    ...means[chart].curve,
    ...shown.map((lines) => ({ name: lines.name, area: lines[chart].area, ...thinned(lines[chart].line) })),
  ];
  return { roc: drawn('roc'), precisionRecall: drawn('precisionRecall') };
}
