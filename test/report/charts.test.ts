import { describe, expect, it } from 'vitest';
import { warmth } from '../../src/report/charts/colour.ts';
import { confusionMatrix } from '../../src/report/charts/confusion.ts';
import { across, BOTTOM, down, lineChart, TOP } from '../../src/report/charts/line.ts';
import { linearScale, logScale } from '../../src/report/charts/scale.ts';
import { thawChart } from '../../src/report/charts/thaw.ts';
import type { Html } from '../../src/report/markup.ts';
import { stageBands } from '../../src/report/sections/training.ts';
import { fixture } from './fixture.ts';
import { type Element, find, hasClass, parse, text } from './wellformed.ts';

const read = (chart: Html): Element => parse(chart.text);
const named = (name: string) => (element: Element) => element.name === name;

describe('scales', () => {
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
  it('leaves room for epochs that are still to come', () => {
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

  it('puts points where their values say', () => {
    const dots = find(root, named('circle')).map(({ attributes }) => [attributes.cx, Number(attributes.cy)]);
    expect(dots).toEqual([
      ['10%', height(0.2)],
      ['30%', height(0.5)],
      ['70%', height(0.9)],
      ['90%', height(0.75)],
    ]);
    expect(find(root, hasClass('best'))[0].attributes.cx).toBe('70%');
  });

  it('draws the curve through them, with a gap where there is no value', () => {
    expect(find(root, named('path'))[0].attributes.d).toBe(
      `M10 ${height(0.2)}L30 ${height(0.5)}M70 ${height(0.9)}L90 ${height(0.75)}`,
    );
    expect(find(root, hasClass('gone'))[0].attributes.x).toBe('50%');
  });

  it('marks the stages and tells every epoch', () => {
    expect(find(root, hasClass('band'))[0].attributes).toMatchObject({ x: '0%', width: '40%', fill: '#123456' });
    expect(find(root, hasClass('stage')).map(text)).toEqual(['1 · head']);
    const readings = find(root, hasClass('reading')).map((reading) => find(reading, named('text')).map(text));
    expect(readings[2]).toEqual(['epoch 3', 'validation not finite']);
    expect(readings[3]).toEqual(['epoch 4 (kept)', 'validation 0.9']);
  });

  it('draws steps from edge to edge', () => {
    const steps = read(
      lineChart({ ...chart, steps: true, epochs: [1, 2], series: [{ ...chart.series[0], values: [0, 1] }] }),
    );
    expect(find(steps, named('path'))[0].attributes.d).toBe(`M0 ${BOTTOM}H50V${TOP}H100`);
    expect(find(steps, named('circle'))).toEqual([]);
  });

  it('keeps values outside the axis on its edge', () => {
    expect(down(7, chart.scale)).toBe(TOP);
    expect(down(-7, chart.scale)).toBe(BOTTOM);
    expect(across(0, 1)).toBe(50);
  });
});

describe('stageBands', () => {
  it('covers the epochs of each stage that ran', () => {
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
      ['9', '0.922', 'ant, taken for ant: 9 of 10 (90.0%)'],
      ['5', '0.610', 'bee, taken for bee: 5 of 10 (50.0%)'],
      ['4', '1.000', 'wasp, taken for wasp: 4 of 4 (100.0%)'],
    ]);
    expect(cells('wrong')).toEqual([
      ['1', '0.298', 'ant, taken for bee: 1 of 10 (10.0%)'],
      ['5', '0.610', 'bee, taken for wasp: 5 of 10 (50.0%)'],
    ]);
    const [first, second] = find(root, hasClass('right')).map((cell) => find(cell, named('rect'))[0].attributes);
    expect(Number(second.x) - Number(first.x)).toBe(64);
    expect(Number(second.y) - Number(first.y)).toBe(64);
  });

  it('leaves numbers out where they would not fit', () => {
    const classes = Array.from({ length: 60 }, (_, i) => `a rather long name of a class ${i}`);
    const identity = classes.map((_, i) => classes.map((_, k) => (i === k ? 3 : 0)));
    const root = read(confusionMatrix(classes, identity));
    expect(find(root, hasClass('right'))).toHaveLength(60);
    expect(find(root, hasClass('right')).flatMap((cell) => find(cell, named('text')))).toEqual([]);
  });
});

describe('thawChart', () => {
  it('has a cell a layer group and epoch: ice while frozen, then warmer and warmer', () => {
    const data = fixture();
    const cells = find(find(read(thawChart(data)), hasClass('cells'))[0], named('rect'));
    expect(cells).toHaveLength(18 * 10);
    const head = cells.slice(0, 10).map(({ attributes }) => attributes.fill);
    expect(head).toEqual(Array.from({ length: 10 }, (_, i) => warmth(i / 9)));
    const block15 = cells.slice(10, 20).map(({ attributes }) => attributes.fill ?? attributes.class);
    expect(block15).toEqual([...Array(3).fill('ice'), ...Array.from({ length: 7 }, (_, i) => warmth(i / 9))]);
    expect(cells.slice(-10).every(hasClass('ice'))).toBe(true);
  });

  it('shares columns among many epochs', () => {
    const data = fixture();
    const rows = Array.from({ length: 240 }, (_, i) => ({
      ...data.rows[0],
      epoch: i + 1,
      stage: 1 + Math.floor(i / 80),
    }));
    const cells = find(find(read(thawChart({ ...data, rows })), hasClass('cells'))[0], named('rect'));
    expect(cells).toHaveLength(18 * 60);
    expect(cells[59].attributes.fill).toBe(warmth(1));
  });
});
