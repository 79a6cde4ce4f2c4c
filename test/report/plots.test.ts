import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { drawPng } from '../../src/data/node/index.ts';
import { textWidth } from '../../src/report/charts/text.ts';
import { reportPlots } from '../../src/report/index.ts';
import { fixture } from './fixture.ts';
import { find, parse } from './wellformed.ts';

const hostile = '<script>"&\' x';
const plots = reportPlots(fixture(['ant', hostile, 'wasp']));

it('include all charts', () => {
  const lines = ['accuracy', 'loss', 'learning-rate', 'trainable-parameters'];
  const squares = ['roc', 'precision-recall', 'reliability', 'reliability-calibrated'];
  expect(plots.map(({ name }) => name)).toEqual([...lines, 'confusion', ...squares]);
  const data = fixture();
  const none = reportPlots({ ...data, rows: [], curves: undefined, calibration: null });
  expect(none.map(({ name }) => name)).toEqual(['confusion']);
});

it('are wide enough for their titles and legends', () => {
  const name = 'the name of a class that is longer than the chart is wide';
  const roc = reportPlots(fixture(['ant', name])).find((plot) => plot.name === 'roc')!;
  const width = Number(/width="([\d.]+)"/.exec(roc.svg)![1]);
  expect(width).toBeGreaterThan(60 + textWidth(`${name} 1.000`, 13));
});

describe.each(plots)('$name', ({ svg }) => {
  it('is a separate document with plain colours', () => {
    const root = parse(svg);
    expect(find(root, ({ name }) => name === 'script')).toEqual([]);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).not.toMatch(/var\(|NaN|undefined/);
  });

  it('renders to an image of twice its size', async () => {
    const png = await drawPng(svg);
    const [, width, height] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg)!.map(Number);
    const { format, ...size } = await sharp(png).metadata();
    expect({ format, width: size.width, height: size.height }).toEqual({
      format: 'png',
      width: 2 * width,
      height: 2 * height,
    });
    const { channels } = await sharp(png).stats();
    expect(Math.min(...channels.slice(0, 3).map(({ min }) => min))).toBeLessThan(80);
  });
});
