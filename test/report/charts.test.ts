import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.ts';
import { warmth } from '../../src/report/charts/colour.ts';
import { blocksPlot, confusionMatrix, confusionPlot } from '../../src/report/charts/confusion.ts';
import { across, BOTTOM, down, lineChart, TOP } from '../../src/report/charts/line.ts';
import { curvePlot, reliabilityPlot } from '../../src/report/charts/plane.ts';
import { linearScale, logScale } from '../../src/report/charts/scale.ts';
import { textWidth } from '../../src/report/charts/text.ts';
import { thawChart } from '../../src/report/charts/thaw.ts';
import { timeline } from '../../src/report/charts/timeline.ts';
import { curvesOf } from '../../src/report/index.ts';
import type { Html } from '../../src/report/markup.ts';
import { stageBands } from '../../src/report/sections/training.ts';
import { fixture } from './fixture.ts';
import { type Element, find, hasClass, parse, text } from './wellformed.ts';

const read = (chart: Html): Element => parse(chart.text);
const named = (name: string) => (element: Element) => element.name === name;

describe('scales', () => {
  it('cover more values than a call takes arguments', () => {
    const values = Array.from({ length: 200_000 }, (_, i) => i + 1);
    expect(linearScale(values)).toMatchObject({ low: 0, high: 200_000 });
    expect(logScale(values).ticks.at(-1)).toBe(1e6);
  });

  it.each([
    [[0.81, 0.967], [1], [0.8, 0.85, 0.9, 0.95, 1]],
    [[0.07, 0.55], [0], [0, 0.2, 0.4, 0.6]],
    [[3, 3], [], [1, 2, 3, 4, 5]],
    [[0, 0], [], [-1, -0.5, 0, 0.5, 1]],
    [[-2.5, 7], [], [-5, 0, 5, 10]],
    [[Number.NaN], [], [0, 0.5, 1]],
  ])('puts round ticks around %j', (values, include, ticks) => {
    const scale = linearScale(values, include);
    expect(scale.ticks).toEqual(ticks);
    expect([scale.low, scale.high]).toEqual([ticks[0], ticks.at(-1)]);
    expect(scale.place(scale.low)).toBe(0);
    expect(scale.place(scale.high)).toBe(1);
  });

  it('puts powers of ten around rates', () => {
    const scale = logScale([1e-2, 1e-5, 3e-4]);
    expect(scale.ticks).toEqual([1e-5, 1e-4, 1e-3, 1e-2]);
    expect(scale.place(1e-2)).toBeCloseTo(1);
    expect(scale.place(1e-5)).toBeCloseTo(0);
    expect(scale.place(10 ** -3.5)).toBeCloseTo(0.5);
    expect(scale.place(0)).toBeNaN();
    expect(logScale([3e-4, 8e-4]).ticks).toEqual([1e-4, 2e-4, 5e-4, 1e-3]);
    expect(logScale([]).ticks).toHaveLength(3);
  });
});

describe('lineChart', () => {
  it('leaves room for future epochs', () => {
    const run = lineChart({
      title: 'Accuracy',
      description: 'so far',
      epochs: [1, 2, 3, 4],
      series: [{ name: 'validation', look: 'val', values: [0, 1] }],
      bands: [],
      scale: linearScale([0, 1]),
      format: String,
    });
    const root = read(run);
    const dots = find(root, named('circle')).map(({ attributes }) => attributes.cx);
    expect(dots).toEqual([`${across(0, 4)}%`, `${across(1, 4)}%`]);
    expect(find(root, hasClass('epoch'))).toHaveLength(2);
    expect(text(root)).not.toContain('not finite');
  });

  const values = [0.2, 0.5, Number.NaN, 0.9, 0.75];
  const chart = {
    title: 'Accuracy',
    description: 'a test',
    epochs: [1, 2, 3, 4, 5],
    series: [{ name: 'validation', look: 'val' as const, values }],
    bands: [{ from: 0, to: 1, label: '1 · head', short: '1', colour: '#123456' }],
    scale: linearScale([0, 1]),
    format: String,
    best: 3,
  };
  const root = read(lineChart(chart));
  const height = (value: number) => Number((BOTTOM - value * (BOTTOM - TOP)).toFixed(3));

  it('places points by their values', () => {
    const dots = find(root, named('circle')).map(({ attributes }) => [attributes.cx, Number(attributes.cy)]);
    expect(dots).toEqual([
      ['10%', height(0.2)],
      ['30%', height(0.5)],
      ['70%', height(0.9)],
      ['90%', height(0.75)],
    ]);
    expect(find(root, hasClass('best'))[0].attributes.cx).toBe('70%');
  });

  it('has its axis next to the curves, where it covers none', () => {
    const axis = find(root, hasClass('axis'))[0];
    expect(find(axis, named('text')).map(text)).toEqual([...chart.scale.ticks.map(String), 'epoch']);
    const within = find(find(root, ({ attributes }) => attributes.role === 'img')[0], named('text')).map(text);
    expect(within.filter((label) => label === '0.5')).toEqual([]);
    const longest = { ...chart, format: () => '−1.23e-10 units' };
    const width = Number(find(read(lineChart(longest)), hasClass('axis'))[0].attributes.width);
    expect(width).toBeGreaterThan(textWidth('−1.23e-10 units', 12));
  });

  it('draws a curve through them, with a gap for a missing value', () => {
    expect(find(root, named('path'))[0].attributes.d).toBe(
      `M10 ${height(0.2)}L30 ${height(0.5)}M70 ${height(0.9)}L90 ${height(0.75)}`,
    );
    expect(find(root, hasClass('gone'))[0].attributes.x).toBe('50%');
  });

  it('marks the stages, and has a tooltip for every epoch', () => {
    expect(find(root, hasClass('band'))[0].attributes).toMatchObject({ x: '0%', width: '40%', fill: '#123456' });
    expect(find(root, hasClass('stage')).map(text)).toEqual(['1 · head']);
    const readings = find(root, hasClass('reading')).map((reading) => find(reading, named('text')).map(text));
    expect(readings[2]).toEqual(['epoch 3', 'validation not finite']);
    expect(readings[3]).toEqual(['epoch 4 (kept)', 'validation 0.9']);
  });

  it('draws steps over the whole width', () => {
    const steps = read(
      lineChart({ ...chart, steps: true, epochs: [1, 2], series: [{ ...chart.series[0], values: [0, 1] }] }),
    );
    expect(find(steps, named('path'))[0].attributes.d).toBe(`M0 ${BOTTOM}H50V${TOP}H100`);
    expect(find(steps, named('circle'))).toEqual([]);
  });

  it('clips values outside the axis to its edge', () => {
    expect(down(7, chart.scale)).toBe(TOP);
    expect(down(-7, chart.scale)).toBe(BOTTOM);
    expect(across(0, 1)).toBe(50);
  });
});

describe('stageBands', () => {
  it('covers the epochs of each finished stage', () => {
    const data = fixture();
    expect(stageBands(data).map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [3, 5],
      [6, 9],
    ]);
    expect(stageBands({ ...data, rows: data.rows.slice(0, 4) }).map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [3, 3],
    ]);
  });
});

describe('confusionMatrix', () => {
  it('shows counts, shaded by their share of the row', () => {
    const root = read(
      confusionMatrix(
        ['ant', 'bee', 'wasp'],
        [
          [9, 1, 0],
          [0, 5, 5],
          [0, 0, 4],
        ],
      ),
    );
    const cells = (look: string) =>
      find(root, hasClass(look)).map((cell) => {
        const rect = find(cell, named('rect'))[0].attributes;
        return [text(find(cell, named('text'))[0]), rect['fill-opacity'], text(find(cell, named('title'))[0])];
      });
    expect(cells('right')).toEqual([
      ['9', '0.922', 'ant predicted as ant: 9 of 10 (90.0%)'],
      ['5', '0.610', 'bee predicted as bee: 5 of 10 (50.0%)'],
      ['4', '1.000', 'wasp predicted as wasp: 4 of 4 (100.0%)'],
    ]);
    expect(cells('wrong')).toEqual([
      ['1', '0.298', 'ant predicted as bee: 1 of 10 (10.0%)'],
      ['5', '0.610', 'bee predicted as wasp: 5 of 10 (50.0%)'],
    ]);
    const [first, second] = find(root, hasClass('right')).map((cell) => find(cell, named('rect'))[0].attributes);
    expect(Number(second.x) - Number(first.x)).toBe(64);
    expect(Number(second.y) - Number(first.y)).toBe(64);
  });

  it('omits numbers that do not fit', () => {
    const classes = Array.from({ length: 40 }, (_, i) => `a rather long name of a class ${i}`);
    const identity = classes.map((_, i) => classes.map((_, k) => (i === k ? 3 : 0)));
    const root = read(confusionMatrix(classes, identity));
    expect(find(root, hasClass('right'))).toHaveLength(40);
    expect(find(root, hasClass('right')).flatMap((cell) => find(cell, named('text')))).toEqual([]);
  });

  it('fits numbers of any length into their cells', () => {
    const names = Array.from({ length: 12 }, (_, i) => `c${i}`);
    const of = (times: number) => names.map((_, i) => names.map((_, k) => (i === k ? times : 0)));
    for (const times of [7, 1234, 123_456, 987_654_321]) {
      const [label] = find(find(read(confusionMatrix(names, of(times))), hasClass('right'))[0], named('text'));
      const font = Number(label.attributes['font-size'] ?? 13);
      expect(font).toBeGreaterThanOrEqual(8);
      expect(textWidth(text(label), font)).toBeLessThanOrEqual(44);
    }
  });

  it('leaves room for names in any script', () => {
    const width = (name: string) =>
      Number(
        find(
          read(
            confusionMatrix(
              [name, 'b'],
              [
                [1, 0],
                [0, 1],
              ],
            ),
          ),
          hasClass('ground'),
        )[0].attributes.x,
      );
    expect(width('日本語の名前')).toBeGreaterThan(6 * 13);
    expect(width('WWWWWWWW')).toBeGreaterThan(width('iiiiiiii'));
  });

  describe('of many classes', () => {
    const classes = Array.from({ length: 1000 }, (_, i) => `n${i}`);
    /** Each class has 5 correct samples; the pairs are mistakes. */
    const confused = (...pairs: [truth: number, predicted: number, times: number][]) => {
      const matrix = classes.map((_, i) => classes.map((_, k): number => (i === k ? 5 : 0)));
      for (const [truth, predicted, times] of pairs) matrix[truth][predicted] = times;
      return matrix;
    };

    it('shows the most confused ones next to each other, and all others together', () => {
      const root = read(confusionMatrix(classes, confused([7, 900, 4], [3, 500, 3], [900, 42, 2])));
      const labels = find(root, hasClass('end')).map(text).slice(1);
      expect(labels).toEqual(['n3', 'n500', 'n7', 'n900', 'n42', '995 others']);
      const titles = find(root, named('title')).map(text);
      expect(titles).toContain('n7 predicted as n900: 4 of 9 (44.4%)');
      expect(titles).toContain('995 others predicted as 995 others: 4,975 of 4,975 (100.0%)');
    });

    it('has no matrix without mistakes', () => {
      expect(confusionMatrix(classes, confused()).text).toBe('<p>No class is confused with another.</p>');
      expect(blocksPlot(classes, confused())).toBeUndefined();
    });

    it('is bounded for any number of mistakes', () => {
      const all = classes.map((_, i) => [i, (i + 1) % 1000, 2] as [number, number, number]);
      for (const plot of [confusionPlot(classes, confused(...all)), blocksPlot(classes, confused(...all))])
        expect(Math.max(plot!.width, plot!.height)).toBeLessThan(900);
    });

    it('counts the mistakes between blocks', () => {
      const root = read(blocksPlot(classes, confused([0, 999, 4], [1, 998, 3], [0, 1, 2]))!.svg);
      expect(find(root, named('title')).map(text)).toEqual([
        'n0 to n33 predicted as n0 to n33: 2 mistakes',
        'n0 to n33 predicted as n986 to n999: 7 mistakes',
      ]);
    });
  });
});

describe('thawChart', () => {
  it('has one cell per layer group and epoch: ice while frozen, then warmer and warmer', () => {
    const data = fixture();
    const cells = find(find(read(thawChart(data)), hasClass('cells'))[0], named('rect'));
    expect(cells).toHaveLength(18 * 10);
    const head = cells.slice(0, 10).map(({ attributes }) => attributes.fill);
    expect(head).toEqual(Array.from({ length: 10 }, (_, i) => warmth(i / 9)));
    const block15 = cells.slice(10, 20).map(({ attributes }) => attributes.fill ?? attributes.class);
    expect(block15).toEqual([...Array(3).fill('ice'), ...Array.from({ length: 7 }, (_, i) => warmth(i / 9))]);
    expect(cells.slice(-10).every(hasClass('ice'))).toBe(true);
  });

  it('merges epochs into columns if there are many, and starts a column with each stage', () => {
    const data = fixture();
    const rows = Array.from({ length: 240 }, (_, i) => ({
      ...data.rows[0],
      epoch: i + 1,
      stage: i < 81 ? 1 : i < 160 ? 2 : 3,
    }));
    const chart = find(read(thawChart({ ...data, rows })), hasClass('cells'))[0];
    const head = find(chart, named('rect')).slice(0, 121);
    expect(find(chart, named('rect'))).toHaveLength(18 * 121);
    expect(head[120].attributes.fill).toBe(warmth(1));
    const starts = head.map(({ attributes }) => attributes.x);
    const stages = find(chart, named('line')).map(({ attributes }) => attributes.x1);
    expect(stages).toHaveLength(2);
    for (const stage of stages) expect(starts).toContain(stage);
  });
});

describe('curvesOf', () => {
  const outcome = (label: number, ...probabilities: number[]) => ({
    label,
    predicted: probabilities.indexOf(Math.max(...probabilities)),
    probabilities: Float32Array.from(probabilities),
  });

  it('draws one-vs-rest curves, smallest area first', () => {
    const outcomes = [outcome(0, 0.8, 0.2), outcome(0, 0.4, 0.6), outcome(1, 0.6, 0.4), outcome(1, 0.1, 0.9)];
    const { roc, precisionRecall } = curvesOf(outcomes, ['a', 'b']);
    expect(roc).toEqual([
      { name: 'a', area: 0.75, x: [0, 0, 0.5, 0.5, 1], y: [0, 0.5, 0.5, 1, 1] },
      { name: 'b', area: 0.75, x: [0, 0, 0.5, 0.5, 1], y: [0, 0.5, 0.5, 1, 1] },
    ]);
    // For class a: 0.8 correct, 0.6 wrong, 0.4 correct. Lower scores add nothing.
    expect(precisionRecall[0].x).toEqual([0, 0.5, 0.5, 1]);
    expect(precisionRecall[0].y).toEqual([1, 1, 0.5, 2 / 3]);
  });

  it('puts the mean first for more than two classes, and shows at most five classes', () => {
    const classes = Array.from({ length: 9 }, (_, i) => `class ${i}`);
    const perfect = classes.flatMap((_, label) => [
      outcome(label, ...classes.map((_, c) => (c === label ? 0.6 : 0.05))),
      outcome(label, ...classes.map((_, c) => (c === label ? 0.2 : 0.1))),
    ]);
    const { roc, precisionRecall } = curvesOf(perfect, classes);
    expect(roc.map(({ name }) => name)).toEqual(['mean of 9 classes', ...classes.slice(0, 5)]);
    expect(roc[0]).toMatchObject({ area: 1, mean: true });
    expect(new Set([...roc[0].y, ...precisionRecall[0].y])).toEqual(new Set([1]));
  });

  it('shows the same classes in the same order in both charts', () => {
    const random = new Random(3);
    const classes = Array.from({ length: 8 }, (_, i) => `class ${i}`);
    const outcomes = Array.from({ length: 200 }, (_, i) => {
      const scores = classes.map((_, c) => random.uniform() + (c === i % 8 ? c / 8 : 0));
      const sum = scores.reduce((all, value) => all + value, 0);
      return outcome(i % 8, ...scores.map((value) => value / sum));
    });
    const { roc, precisionRecall } = curvesOf(outcomes, classes);
    expect(roc.slice(1).map(({ name }) => name)).toEqual(precisionRecall.slice(1).map(({ name }) => name));
    const areas = precisionRecall.slice(1).map(({ area }) => area);
    expect(areas).toEqual([...areas].sort((a, b) => a - b));
    expect(new Set(roc.slice(1).map(({ area }) => area)).size).toBeGreaterThan(1);
  });

  it('thins long curves, and skips absent classes', () => {
    const many = Array.from({ length: 4000 }, (_, i) => outcome(i % 2, ((i * 769) % 4000) / 4000, 0.5, 0));
    const { roc } = curvesOf(many, ['a', 'b', 'absent']);
    expect(roc.map(({ name }) => name).sort()).toEqual(['a', 'b']);
    for (const { x, y } of roc) {
      expect(x.length).toBeLessThanOrEqual(160);
      expect([x[0], y[0], x.at(-1), y.at(-1)]).toEqual([0, 0, 1, 1]);
    }
  });
});

describe('plots of shares', () => {
  const plot = { description: 'a test', x: 'across', y: 'up' };

  it('draw curves by their points, with the mean on top', () => {
    const curve = { name: 'a', area: 0.5, x: [0, 0.5, 1], y: [0, 0.25, 1] };
    const root = read(
      curvePlot(plot, [
        { ...curve, mean: true },
        { ...curve, name: 'b' },
      ]),
    );
    const paths = find(root, hasClass('curve')).map(({ attributes }) => attributes.class);
    expect(paths).toEqual(['curve c0', 'curve mean']);
    expect(find(root, hasClass('c0'))[0].attributes.d).toBe('M60 290L200 220L340 10');
    const steps = read(curvePlot(plot, [curve], true));
    expect(find(steps, hasClass('c0'))[0].attributes.d).toBe('M60 290V220H200V10H340');
  });

  it('show the accuracy for each confidence', () => {
    const bins = [
      { low: 0, high: 0.5, count: 0, confidence: 0, accuracy: 0 },
      { low: 0.5, high: 1, count: 4, confidence: 0.75, accuracy: 0.5 },
    ];
    const root = read(reliabilityPlot(bins, 'uncalibrated', 'cold'));
    const [bin] = find(root, hasClass('bin'));
    expect(find(root, hasClass('bin'))).toHaveLength(1);
    expect(find(bin, named('rect'))[0].attributes).toMatchObject({ x: '201', y: '150', width: '138', height: '140' });
    expect(find(bin, named('circle'))[0].attributes).toMatchObject({ cx: '270', cy: '150' });
    expect(text(find(bin, named('title'))[0])).toBe('4 images with 75.0% mean confidence: 50.0% correct, off by 25.0%');
  });
});

describe('timeline', () => {
  it('gives each stage a width by its time, with its thawed groups and gain', () => {
    const stage = { stage: 1, seconds: 30, thawed: 1, gain: 0.2, colour: '#123456' };
    const root = read(timeline([stage, { ...stage, stage: 2, seconds: 10, thawed: 3, gain: null }], 80));
    const bars = find(root, named('rect')).map(({ attributes }) => [attributes.x, attributes.width]);
    expect(bars).toEqual([
      ['0%', '37.5%'],
      ['37.5%', '12.5%'],
      ['50%', '50%'],
    ]);
    const label = find(root, ({ attributes }) => attributes.role === 'img')[0].attributes['aria-label'];
    expect(label).toContain('stage 1 took 30.0\u00a0s, thawed 1 group and added +20.0 points');
    expect(label).toContain('stage 2 took 10.0\u00a0s, thawed 3 groups; everything else took 40.0\u00a0s');
  });
});
